//! Reading data sets in OGBench's layout of numpy's `.npz` files.

use std::path::Path;

use super::npy::{Array, NpyError};
use super::npz_archive::{Archive, ArchiveError, Entry, is_zip};
use super::parts::NO_PARTS;
use super::reader::{DataReader, ReadOptions, Source, read_as};
use super::{Dataset, DatasetMetadata, RewardConvention, SimulatorState};
use crate::EnvError;

/// Reads an `.npz` file in OGBench's layout, whoever wrote it.
///
/// Needs `observations` and `actions` (`[rows, entries]`) and `terminals` (`[rows]`), which are true in the last row of
/// each episode, whose action has no next state; takes `rewards` and `qpos` with `qvel` where they are. Numbers may be of
/// any common size and kind. Other arrays are ignored. The result has passed [`Dataset::check`].
///
/// OGBench's `terminals` are where the clock cut an episode: they become time-outs of the result, none of whose rows is
/// terminal. Of `options`, `goal` is not used, and `observations` are refused. Where observations are late (the teleport
/// maze), [`Dataset::repair_stale_observations`] puts the true ones in their place.
///
/// # Errors
/// [`EnvError::Io`] when the file cannot be opened; [`EnvError::Data`] when it is no `.npz` file, is cut off or damaged,
/// misses an array, holds a type or shape that cannot be trained on (discrete actions and images among them), has arrays
/// of different lengths, is larger than allowed, is asked for parts of its observations, or fails the check. Memory asked for stays within the limit, and within
/// what a file of that size can hold.
pub fn read_npz(path: &Path, options: &ReadOptions) -> Result<Dataset, EnvError> {
    read_as(path, options, |_| Ok(&OgBench))
}

/// OGBench's layout in `.npz` files.
pub(super) struct OgBench;

impl DataReader for OgBench {
    fn name(&self) -> &'static str {
        "OGBench"
    }

    fn recognises(&self, source: &Source) -> bool {
        is_zip(source.first_bytes())
    }

    fn read(&self, source: Source, options: &ReadOptions) -> Result<Dataset, EnvError> {
        let path = source.path();
        let refuse = |problem: String| EnvError::Data { path: path.into(), problem };
        if source.is_folder() {
            return Err(refuse("this is a folder: name an .npz file".into()));
        }
        let archive = Archive::open(path).map_err(|error| match error {
            ArchiveError::Io(source) => EnvError::Io { path: path.into(), source },
            other => refuse(other.to_string()),
        })?;
        if options.observations.is_some() {
            return Err(refuse(NO_PARTS.into()));
        }
        dataset(&mut Arrays { path, archive, left: options.max_bytes }, options)
    }
}

fn dataset(arrays: &mut Arrays<'_>, options: &ReadOptions) -> Result<Dataset, EnvError> {
    let (observations, observation_dim) = arrays.demand("observations", Arrays::vectors)?;
    let rows = observations.len().checked_div(observation_dim).unwrap_or(0);
    let (actions, action_dim) = arrays.demand("actions", Arrays::actions)?;
    let timeouts = arrays.demand("terminals", Arrays::flags)?;
    let rewards = arrays.take("rewards", Arrays::column)?;
    let positions = arrays.take("qpos", Arrays::vectors)?;
    let velocities = arrays.take("qvel", Arrays::vectors)?;
    let lengths = [
        ("actions", Some(actions.len().checked_div(action_dim).unwrap_or(0))),
        ("terminals", Some(timeouts.len())),
        ("rewards", rewards.as_ref().map(Vec::len)),
        ("qpos", positions.as_ref().map(|(values, width)| values.len().checked_div(*width).unwrap_or(0))),
        ("qvel", velocities.as_ref().map(|(values, width)| values.len().checked_div(*width).unwrap_or(0))),
    ];
    if let Some((key, Some(found))) =
        lengths.into_iter().find(|(_, found)| found.is_some_and(|found| found != rows))
    {
        return Err(arrays.error(format!(
            "`{key}` has {found} rows and `observations` {rows}; they do not belong together: write or copy the file again"
        )));
    }
    let simulator = match (positions, velocities) {
        // Bodies with free joints have more positions than velocities; nothing here uses those.
        (Some((positions, dim)), Some((velocities, other))) if dim == other => {
            Some(SimulatorState { dim, positions, velocities })
        }
        _ => None,
    };
    let convention = match rewards {
        Some(_) => options.rewards.unwrap_or(RewardConvention::OfAction),
        None => RewardConvention::Missing,
    };
    Ok(Dataset {
        env_id: options.env_id.clone().unwrap_or_default(),
        observation_dim,
        action_dim,
        goal_dim: 0,
        observations,
        actions,
        rewards: rewards.unwrap_or_else(|| vec![0.0; rows]),
        terminals: vec![false; rows],
        timeouts,
        goals: None,
        simulator,
        metadata: DatasetMetadata {
            timeouts: options.timeouts.unwrap_or_default(),
            rewards: convention,
            ..DatasetMetadata::default()
        },
    })
}

/// An open file, and how much memory its arrays may still take.
struct Arrays<'a> {
    path: &'a Path,
    archive: Archive,
    left: u64,
}

impl Arrays<'_> {
    fn error(&self, problem: String) -> EnvError {
        EnvError::Data { path: self.path.into(), problem }
    }

    /// What `read` makes of an array; `None` where the file has none of this name.
    fn take<T>(
        &mut self,
        key: &str,
        read: impl FnOnce(Array<Entry<'_>>) -> Result<T, String>,
    ) -> Result<Option<T>, EnvError> {
        let Self { path, archive, left } = self;
        let error = |problem: String| EnvError::Data { path: (*path).into(), problem };
        let entry = archive.entry(&format!("{key}.npy"), *left).map_err(|other| error(other.to_string()))?;
        let Some(entry) = entry else { return Ok(None) };
        let (size, expected) = (entry.size, entry.expected);
        let array = Array::open(entry, size, expected).map_err(|other| error(format!("`{key}`: {other}")))?;
        // As numbers of 32 bits, what came in one byte each takes four. What is copied is in memory as it is stored, too.
        let stored = if array.is_copied() { size } else { 0 };
        let elements = array.shape().iter().fold(4, |bytes: u64, len| bytes.saturating_mul(*len));
        let taken = elements.saturating_add(stored);
        if taken > *left {
            return Err(error(format!(
                "`{key}` takes {taken} bytes, and {left} are left of the limit: split the file into smaller ones"
            )));
        }
        *left -= elements;
        read(array).map(Some).map_err(|problem| error(format!("`{key}`: {problem}")))
    }

    /// [`Self::take`] of an array that must be there.
    fn demand<T>(
        &mut self,
        key: &str,
        read: impl FnOnce(Array<Entry<'_>>) -> Result<T, String>,
    ) -> Result<T, EnvError> {
        match self.take(key, read)? {
            Some(found) => Ok(found),
            None => {
                let names = self.archive.names();
                let there: Vec<&str> = names.iter().map(|name| name.trim_end_matches(".npy")).collect();
                let there = if there.is_empty() { "nothing".into() } else { there.join(", ") };
                Err(self.error(format!(
                    "`{key}` is missing (there is {there}): OGBench's layout has observations, actions and terminals"
                )))
            }
        }
    }

    /// One vector a row, and its width.
    fn vectors(array: Array<Entry<'_>>) -> Result<(Vec<f32>, usize), String> {
        match *array.shape() {
            [_, width] if width > 0 => {
                Ok((numbers(array.numbers())?, usize::try_from(width).unwrap_or(usize::MAX)))
            }
            [_, _, _, ..] => Err(format!(
                "shape {:?}: images and other arrays per step are not supported, only one vector per step (shape \
                 [rows, entries]); encode them first",
                array.shape()
            )),
            _ => Err(format!(
                "shape {:?}; one vector per row is expected: store it with shape [rows, entries]",
                array.shape()
            )),
        }
    }

    /// As [`Self::vectors`], and quantities, not choices.
    fn actions(array: Array<Entry<'_>>) -> Result<(Vec<f32>, usize), String> {
        if array.is_whole() {
            return Err("whole numbers are taken for choices, and discrete actions are not supported, only quantities \
                        (one number per actuator): if these are quantities, store them as float32"
                .into());
        }
        Self::vectors(array)
    }

    fn one_per_row(array: &Array<Entry<'_>>) -> Result<(), String> {
        match array.shape() {
            [_] | [_, 1] => Ok(()),
            other => {
                Err(format!("shape {other:?}; one number per row is expected: store it with shape [rows]"))
            }
        }
    }

    /// One number a row.
    fn column(array: Array<Entry<'_>>) -> Result<Vec<f32>, String> {
        Self::one_per_row(&array)?;
        numbers(array.numbers())
    }

    /// One flag a row.
    fn flags(array: Array<Entry<'_>>) -> Result<Vec<bool>, String> {
        Self::one_per_row(&array)?;
        numbers(array.flags())
    }
}

/// Values, or why they are not read as text.
fn numbers<T>(read: Result<T, NpyError>) -> Result<T, String> {
    read.map_err(|error| error.to_string())
}
