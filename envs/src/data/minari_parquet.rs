//! Reading Minari's data sets that keep each episode in a Parquet file.

use std::path::{Path, PathBuf};

use super::episodes::{Episode, Episodes, ending};
use super::minari::{ALONE, Columns, Metadata, OBSERVATIONS};
use super::parquet_file::{Budget, ParquetFile};
use super::parts::side_by_side;
use super::{Dataset, ReadOptions};
use crate::EnvError;

/// Reads `0/part-0.parquet`, `1/part-0.parquet`, ... under `home`. Where there is one observation more than actions, the
/// package writes an action of zeros, no reward and no end beside it; these are dropped. A last row that holds anything
/// else is a step like the others.
pub(super) fn read_parquet(
    home: &Path,
    metadata: &Metadata,
    options: &ReadOptions,
) -> Result<Dataset, EnvError> {
    let refuse = |problem: String| EnvError::Data { path: home.into(), problem };
    let files = files(home)?;
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
        let mut file = ParquetFile::open(&path, &mut budget)?;
        let columns = match &mut columns {
            Some(columns) => columns,
            None => {
                let alone = file.names().iter().any(|name| name == OBSERVATIONS);
                let parts = file.parts(OBSERVATIONS, ALONE)?;
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
        let missing = |file: &ParquetFile, key: &str| {
            file.error(format!("column `{key}` is missing: download or copy it again"))
        };
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
fn vectors(
    file: &mut ParquetFile,
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
fn files(home: &Path) -> Result<Vec<PathBuf>, EnvError> {
    let io = |source| EnvError::Io { path: home.into(), source };
    let mut found = Vec::new();
    for entry in std::fs::read_dir(home).map_err(io)? {
        let path = entry.map_err(io)?.path();
        let number = path.file_name().and_then(|name| name.to_str()?.parse::<u64>().ok());
        if let Some(number) = number.filter(|_| path.is_dir()) {
            found.push((number, path.join("part-0.parquet")));
        }
    }
    found.sort();
    Ok(found.into_iter().map(|(_, path)| path).collect())
}
