//! Reading Minari's data sets that keep each episode in a file of its own, Parquet or Arrow.

use std::path::{Path, PathBuf};

use super::episodes::{Episode, Episodes, ending};
use super::minari::{ALONE, Columns, Metadata, OBSERVATIONS};
use super::parquet_file::{Budget, ParquetFile};
use super::parts::{Part, side_by_side};
use super::{Dataset, ReadOptions};
use crate::EnvError;

/// A file of columns.
pub(super) trait Table: Sized {
    /// What it is called in the folder of an episode.
    const FILE: &'static str;

    /// Reads what the file says of itself.
    fn open(path: &Path, budget: &mut Budget) -> Result<Self, EnvError>;

    /// An error about this file.
    fn error(&self, problem: String) -> EnvError;

    /// Names of the columns, whose parts are joined by slashes.
    fn names(&self) -> Vec<String>;

    /// The columns within a group called `key`, as parts of an observation; that of this name itself, as `alone`, where it
    /// is none.
    fn parts(&mut self, key: &str, alone: &str) -> Result<Vec<Part>, EnvError>;

    /// One vector a row, and its width; `None` where there is no column of this name.
    fn vectors(&mut self, name: &str, budget: &mut Budget) -> Result<Option<(Vec<f32>, usize)>, EnvError>;

    /// Whether a column holds whole numbers.
    fn is_whole(&self, name: &str) -> bool;

    /// One flag a row; `None` where there is no column of this name.
    fn flags(&mut self, name: &str, budget: &mut Budget) -> Result<Option<Vec<bool>>, EnvError> {
        let Some((values, width)) = self.vectors(name, budget)? else { return Ok(None) };
        // Exact: a flag is one of two numbers.
        #[allow(clippy::float_cmp)]
        let sound = width == 1 && values.iter().all(|value| *value == 0.0 || *value == 1.0);
        match sound {
            true => Ok(Some(values.into_iter().map(|value| value > 0.5).collect())),
            false => Err(self.error(format!(
                "column `{name}` holds other things than one flag a row: store whether it ended there"
            ))),
        }
    }
}

impl Table for ParquetFile {
    const FILE: &'static str = "part-0.parquet";

    fn open(path: &Path, budget: &mut Budget) -> Result<Self, EnvError> {
        Self::open(path, budget)
    }

    fn error(&self, problem: String) -> EnvError {
        self.error(problem)
    }

    fn names(&self) -> Vec<String> {
        self.names()
    }

    fn parts(&mut self, key: &str, alone: &str) -> Result<Vec<Part>, EnvError> {
        self.parts(key, alone)
    }

    fn vectors(&mut self, name: &str, budget: &mut Budget) -> Result<Option<(Vec<f32>, usize)>, EnvError> {
        self.vectors(name, budget)
    }

    fn is_whole(&self, name: &str) -> bool {
        self.is_whole(name)
    }

    fn flags(&mut self, name: &str, budget: &mut Budget) -> Result<Option<Vec<bool>>, EnvError> {
        self.flags(name, budget)
    }
}

/// Reads `0/part-0.parquet`, `1/part-0.parquet`, ... under `home`, or `part-0.arrow`. Where there is one observation more than actions, the
/// package writes an action of zeros, no reward and no end beside it; these are dropped. A last row that holds anything
/// else is a step like the others.
pub(super) fn read_tables<T: Table>(
    home: &Path,
    metadata: &Metadata,
    options: &ReadOptions,
) -> Result<Dataset, EnvError> {
    let refuse = |problem: String| EnvError::Data { path: home.into(), problem };
    let files = files(home, T::FILE)?;
    let count = files.len() as u64;
    if let Some(said) = metadata.total_episodes.filter(|said| *said != count) {
        return Err(refuse(format!(
            "metadata.json says {said} episodes, and there are files of {count}: download or copy all again"
        )));
    }
    let mut budget = Budget::new(options.max_bytes);
    let mut notes = Vec::new();
    let (mut columns, mut episodes): (Option<Columns>, Option<Episodes>) = (None, None);
    let (mut early, mut unpadded) = (0, 0);
    for path in files {
        let mut file = T::open(&path, &mut budget)?;
        let columns = match &mut columns {
            Some(columns) => columns,
            None => {
                let alone = file.names().iter().any(|name| name == OBSERVATIONS);
                let parts = metadata.vectors_alone(file.parts(OBSERVATIONS, ALONE)?);
                if file.names().iter().any(|name| name.starts_with("infos")) {
                    notes.push("`infos` are left out".into());
                }
                columns.insert(
                    Columns::of(parts, alone, options, &mut notes).map_err(|problem| file.error(problem))?,
                )
            }
        };
        let mut seen = Vec::new();
        for (key, width) in &columns.chosen.parts {
            seen.push((vectors(&mut file, &columns.place(key), *width, &mut budget)?, *width));
        }
        let goals = match &columns.goals {
            Some(goals) => Some(vectors(&mut file, &columns.place(goals.key()), goals.width, &mut budget)?),
            None => None,
        };
        let uneven = "its columns have different numbers of rows: download or copy it again";
        let observations = side_by_side(seen).ok_or_else(|| file.error(uneven.into()))?;
        let rows = observations.len() / columns.chosen.width().max(1);
        let missing =
            |file: &T, key: &str| file.error(format!("column `{key}` is missing: download or copy it again"));
        if file.is_whole("actions") {
            return Err(file.error(
                "whole numbers are taken for choices, and discrete actions are not supported, only quantities (one \
                 number per actuator): if these are quantities, store them as float32"
                    .into(),
            ));
        }
        let (mut actions, action_dim) =
            file.vectors("actions", &mut budget)?.ok_or_else(|| missing(&file, "actions"))?;
        if actions.len() != rows * action_dim {
            return Err(file.error(uneven.into()));
        }
        let mut rewards = file.vectors("rewards", &mut budget)?.map(|(values, _)| values);
        let mut flags = Vec::new();
        for key in ["terminations", "truncations"] {
            flags.push(file.flags(key, &mut budget)?.ok_or_else(|| missing(&file, key))?);
        }
        if flags.iter().map(Vec::len).chain(rewards.as_ref().map(Vec::len)).any(|found| found != rows) {
            return Err(file.error(uneven.into()));
        }
        let last = rows.saturating_sub(1);
        let paid =
            rewards.as_ref().is_some_and(|rewards| rewards.iter().skip(last).any(|reward| *reward != 0.0));
        let acted = actions.iter().skip(last * action_dim).any(|number| *number != 0.0);
        let ended = flags.iter().any(|flags| flags.ends_with(&[true]));
        let steps = if paid || acted || ended { rows } else { last };
        unpadded += usize::from(steps > last);
        actions.truncate(steps * action_dim);
        if let Some(rewards) = &mut rewards {
            rewards.truncate(steps);
        }
        let flags = flags.iter().map(|flags| ending(flags.get(..steps).unwrap_or_default()));
        let flags: Vec<(bool, usize)> = flags.collect();
        early += flags.iter().map(|(_, before)| before).sum::<usize>();
        let terminal = flags.first().is_some_and(|(last, _)| *last);
        let goal_dim = columns.goals.as_ref().map_or(0, |goals| goals.width);
        let dims = [columns.chosen.width(), action_dim];
        let episodes = episodes.get_or_insert_with(|| Episodes::new(dims, goal_dim));
        let episode = Episode { observations, actions, rewards, goals, terminal };
        episodes.push(action_dim, episode).map_err(|problem| file.error(problem))?;
    }
    let (Some(columns), Some(episodes)) = (columns, episodes) else {
        return Err(refuse("the folder holds no episodes: collect or download it again".into()));
    };
    if unpadded > 0 {
        notes.push(format!(
            "{unpadded} episodes have as many actions as observations, as their last rows hold an action, a reward or an \
             end; what these led to is not known"
        ));
    }
    Ok(columns.finish(episodes, metadata, notes, early, options))
}

/// A part of the observation, which must have so many entries.
fn vectors<T: Table>(
    file: &mut T,
    place: &str,
    width: usize,
    budget: &mut Budget,
) -> Result<Vec<f32>, EnvError> {
    match file.vectors(place, budget)? {
        Some((values, found)) if found == width => Ok(values),
        found => Err(file.error(format!(
            "column `{place}` has {} entries a row, that of the first episode {width}: leave this episode out",
            found.map_or(0, |(_, width)| width)
        ))),
    }
}

/// The files, in the order of the episodes' numbers.
fn files(home: &Path, name: &str) -> Result<Vec<PathBuf>, EnvError> {
    let io = |source| EnvError::Io { path: home.into(), source };
    let mut found = Vec::new();
    for entry in std::fs::read_dir(home).map_err(io)? {
        let path = entry.map_err(io)?.path();
        let number = path.file_name().and_then(|name| name.to_str()?.parse::<u64>().ok());
        if let Some(number) = number.filter(|_| path.is_dir()) {
            found.push((number, path.join(name)));
        }
    }
    found.sort();
    Ok(found.into_iter().map(|(_, path)| path).collect())
}
