//! Reading Minari's data sets: one group of an HDF5 file, or one Parquet or Arrow file, for each episode.

use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::Value;

use super::arrow_file::ArrowFile;
use super::episodes::{Episode, Episodes, ending};
use super::hdf5_arrays::Arrays;
use super::json_file::read_json;
use super::minari_goal::{Goals, drop_repeated};
use super::minari_tables::read_tables;
use super::parquet_file::ParquetFile;
use super::parts::{Chosen, Part, side_by_side};
use super::reader::{DataReader, ReadOptions, Source};
use super::{DataDescription, Dataset};
use crate::EnvError;

/// `main_data.hdf5` with groups `episode_0`, `episode_1`, ..., and `metadata.json` beside it; the folder of both, the one
/// around that, or the HDF5 file alone.
pub(super) struct Minari;

/// Where the data are, under a folder that holds a data set.
const PLACES: [&str; 2] = ["data", ""];
pub(super) const FILE: &str = "main_data.hdf5";
pub(super) const METADATA: &str = "metadata.json";
/// The observations of an episode: one array, or a group of some.
pub(super) const OBSERVATIONS: &str = "observations";
const ACTIONS_IN_PARTS: &str = "actions in parts are not supported: join them into one array `actions`";
/// What one array by itself is called.
pub(super) const ALONE: &str = "observation";

impl DataReader for Minari {
    fn name(&self) -> &'static str {
        "Minari"
    }

    fn recognises(&self, source: &Source) -> bool {
        if source.is_folder() {
            return home(source.path()).is_some();
        }
        source.episode_groups().iter().any(|name| name.starts_with("episode_"))
    }

    fn read(&self, source: Source, options: &ReadOptions) -> Result<Dataset, EnvError> {
        let path = source.path().to_owned();
        let home = match source.is_folder() {
            true => home(&path).unwrap_or_else(|| path.clone()),
            false => path.parent().map(Path::to_owned).unwrap_or_default(),
        };
        let beside = home.join(METADATA);
        let metadata = if beside.is_file() { read_json(&beside)? } else { Metadata::default() };
        let refuse = |problem: String| EnvError::Data { path: path.clone(), problem };
        metadata.check().map_err(refuse)?;
        if !source.is_folder() {
            return read_hdf5(&mut source.into_arrays()?, &metadata, options);
        }
        match metadata.data_format.as_deref() {
            None | Some("hdf5") => {
                let source = Source::open(&home.join(FILE), options.max_bytes)?;
                read_hdf5(&mut source.into_arrays()?, &metadata, options)
            }
            Some("parquet") => read_tables::<ParquetFile>(&home, &metadata, options),
            Some("arrow") => read_tables::<ArrowFile>(&home, &metadata, options),
            Some(other) => Err(refuse(format!(
                "this is Minari's layout with its episodes in {other} files, which are not read: make the data set \
                 again with data_format=\"hdf5\" (`minari.create_dataset_from_buffers`)"
            ))),
        }
    }
}

/// The folder that holds the files of a data set.
fn home(path: &Path) -> Option<PathBuf> {
    // Where each episode has files of its own, they lie in folders called by number.
    let there = |home: &PathBuf| {
        home.join(FILE).is_file() || (home.join(METADATA).is_file() && home.join("0").is_dir())
    };
    PLACES.into_iter().map(|place| path.join(place)).find(there)
}

/// What `metadata.json` says. Spaces are JSON within a text, as the package writes them.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Metadata {
    pub data_format: Option<String>,
    pub total_episodes: Option<u64>,
    action_space: Option<String>,
    observation_space: Option<String>,
    env_spec: Option<String>,
}

impl Metadata {
    /// Refuses choices, and actions in parts.
    fn check(&self) -> Result<(), String> {
        let space = self.inner(&self.action_space);
        match space.get("type").and_then(Value::as_str) {
            Some(kind @ ("Dict" | "Tuple")) => {
                Err(format!("its actions are of the space {kind}: {ACTIONS_IN_PARTS}"))
            }
            Some(kind) if kind != "Box" => Err(format!(
                "its actions are of the space {kind}: discrete actions are not supported, only quantities (one number per \
                 actuator, gymnasium's Box)"
            )),
            _ => Ok(()),
        }
    }

    fn inner(&self, text: &Option<String>) -> Value {
        text.as_deref().and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default()
    }

    /// Parts of an observation, without those that are arrays of more axes by the space that is described: tables keep these
    /// as flat as vectors.
    pub fn vectors_alone(&self, parts: Vec<Part>) -> Vec<Part> {
        // Bounds that JSON has no number for stand there in Python's words.
        let text = self.observation_space.as_deref().map(|text| {
            ["-Infinity", "Infinity", "NaN"]
                .iter()
                .fold(text.to_owned(), |text, word| text.replace(word, "null"))
        });
        let space = self.inner(&text);
        let shape = |key: &str| {
            let way = key.split('/').filter(|_| key != ALONE || space.get("subspaces").is_some());
            let inner = way.into_iter().try_fold(&space, |space, step| {
                let spaces = space.get("subspaces")?;
                spaces.get(step).or_else(|| spaces.get(step.parse::<usize>().ok()?))
            });
            inner?.get("shape")?.as_array().filter(|axes| axes.len() > 1).cloned()
        };
        let apart = |part: Part| match shape(&part.key) {
            Some(axes) if part.width.is_ok() => {
                let axes: Vec<String> = axes.iter().map(Value::to_string).collect();
                Part::other(part.key, format!("an array of shape [{}] a row", axes.join(", ")))
            }
            _ => part,
        };
        parts.into_iter().map(apart).collect()
    }

    /// Name of the environment.
    pub fn environment(&self) -> Option<String> {
        self.inner(&self.env_spec).get("id").and_then(Value::as_str).map(str::to_owned)
    }

    /// Bounds of the actions, where they are finite and as many as there are entries.
    fn bounds(&self, action_dim: usize) -> Option<[Vec<f64>; 2]> {
        let space = self.inner(&self.action_space);
        let bound = |key: &str| -> Option<Vec<f64>> {
            let numbers: Option<Vec<f64>> = space.get(key)?.as_array()?.iter().map(Value::as_f64).collect();
            numbers.filter(|numbers| numbers.len() == action_dim)
        };
        let (low, high) = (bound("low")?, bound("high")?);
        low.iter().zip(&high).all(|(low, high)| low < high).then_some([low, high])
    }

    /// What is known beside the rows, and a note where actions lie outside of their space.
    pub fn describe(&self, chosen: &Chosen, data: &Dataset, notes: &mut Vec<String>) -> DataDescription {
        let width = data.action_dim;
        let bounds = self.bounds(width);
        if let Some([low, high]) = &bounds {
            let outside = data.actions.chunks_exact(width.max(1)).filter(|action| {
                action.iter().zip(low.iter().zip(high)).any(|(value, (low, high))| {
                    let value = f64::from(*value);
                    value < *low || value > *high
                })
            });
            let count = outside.count();
            if count > 0 {
                notes.push(format!(
                    "the actions of {count} rows lie outside of the action space and are kept as they were recorded"
                ));
            }
        }
        let [action_low, action_high] = bounds.map_or([None, None], |bounds| bounds.map(Some));
        DataDescription { action_low, action_high, features: chosen.features(), ..DataDescription::default() }
    }
}

/// What all episodes have to have in common.
pub(super) struct Columns {
    pub chosen: Chosen,
    pub goals: Option<Goals>,
    /// Whether the observation is one array, which is no part of anything.
    alone: bool,
}

impl Columns {
    /// Of the parts of the first episode's observations.
    pub fn of(
        parts: Vec<Part>,
        alone: bool,
        options: &ReadOptions,
        notes: &mut Vec<String>,
    ) -> Result<Self, String> {
        let asked = options.observations.as_deref();
        let (goals, parts) = if asked.is_none() { Goals::apart(parts) } else { (None, parts) };
        let mut chosen = Chosen::of(parts, asked)?;
        notes.extend(chosen.note.take());
        Ok(Self { chosen, goals, alone })
    }

    /// Where a part of the observation stands.
    pub fn place(&self, key: &str) -> String {
        if self.alone { OBSERVATIONS.into() } else { format!("{OBSERVATIONS}/{key}") }
    }

    /// The data set of these episodes.
    pub fn finish(
        mut self,
        episodes: Episodes,
        metadata: &Metadata,
        mut notes: Vec<String>,
        early: usize,
        options: &ReadOptions,
    ) -> Dataset {
        if early > 0 {
            notes.push(format!(
                "{early} steps before the last of their episodes are marked as ends; episodes go on to their ends"
            ));
        }
        let mut data = episodes.finish(metadata.environment(), DataDescription::default(), notes, options);
        let mut notes = std::mem::take(&mut data.metadata.notes);
        if options.observations.is_none() {
            notes.extend(drop_repeated(&mut data, &mut self.chosen));
        }
        data.metadata.description = metadata.describe(&self.chosen, &data, &mut notes);
        data.metadata.notes = notes;
        data
    }
}

fn read_hdf5(arrays: &mut Arrays, metadata: &Metadata, options: &ReadOptions) -> Result<Dataset, EnvError> {
    let groups = arrays.numbered("episode_")?;
    let count = groups.len() as u64;
    if let Some(said) = metadata.total_episodes.filter(|said| *said != count) {
        return Err(arrays.error(format!(
            "{METADATA} says {said} episodes, and the file has {count}: download or copy both again"
        )));
    }
    let mut notes = Vec::new();
    let (mut columns, mut episodes, mut early): (Option<Columns>, Option<Episodes>, usize) = (None, None, 0);
    for (number, group) in groups {
        let name = format!("episode_{number}");
        arrays.enter(group, name.clone());
        let columns = match &mut columns {
            Some(columns) => columns,
            None => {
                // An array by itself, or a group of arrays: then the keys of its parts begin with its name.
                let (parts, alone) = match arrays.parts(OBSERVATIONS)? {
                    Some(parts) => (parts, false),
                    None => (vec![arrays.part_of(OBSERVATIONS, ALONE)?], true),
                };
                if arrays.group_names().iter().any(|name| name == "infos") {
                    notes.push("`infos` are left out".into());
                }
                let found = Columns::of(parts, alone, options, &mut notes)
                    .map_err(|problem| arrays.error(problem))?;
                columns.insert(found)
            }
        };
        let (actions, action_dim) = match arrays.parts("actions")? {
            Some(_) => {
                return Err(arrays.error(format!("its actions are of several arrays: {ACTIONS_IN_PARTS}")));
            }
            None => arrays.actions("actions", &Default::default())?,
        };
        let steps = actions.len() / action_dim.max(1);
        let rewards = if arrays.has("rewards")? { Some(arrays.column("rewards")?) } else { None };
        let mut flags = Vec::new();
        for key in ["terminations", "truncations"] {
            flags.push(ending(&arrays.flags_of(key, steps)?));
        }
        let terminal = flags.first().is_some_and(|(last, _)| *last);
        early += flags.iter().map(|(_, before)| before).sum::<usize>();
        let mut seen = Vec::new();
        for (key, width) in &columns.chosen.parts {
            seen.push((vectors(arrays, &columns.place(key), *width, &name)?, *width));
        }
        let goals = match &columns.goals {
            Some(goals) => Some(vectors(arrays, &columns.place(goals.key()), goals.width, &name)?),
            None => None,
        };
        let observations = side_by_side(seen).ok_or_else(|| {
            arrays.error(format!(
                "{name}: the parts of its observations have different numbers of rows: leave this episode out"
            ))
        })?;
        let dims = [columns.chosen.width(), action_dim];
        let goal_dim = columns.goals.as_ref().map_or(0, |goals| goals.width);
        let episodes = episodes.get_or_insert_with(|| Episodes::new(dims, goal_dim));
        let episode = Episode { observations, actions, rewards, goals, terminal };
        episodes.push(action_dim, episode).map_err(|problem| arrays.error(format!("{name}: {problem}")))?;
    }
    let (Some(columns), Some(episodes)) = (columns, episodes) else {
        return Err(arrays.error("the file holds no episodes: collect or download it again".into()));
    };
    Ok(columns.finish(episodes, metadata, notes, early, options))
}

/// A part of the observation, which must have so many entries.
fn vectors(arrays: &mut Arrays, place: &str, width: usize, name: &str) -> Result<Vec<f32>, EnvError> {
    let (values, found) = arrays.vectors(place)?;
    if found != width {
        return Err(arrays.error(format!(
            "{name}: `{place}` has {found} entries a row, that of the first episode {width}: leave this episode out"
        )));
    }
    Ok(values)
}
