//! What a person says of data beside them, and how they are read then.

use std::path::{Path, PathBuf};

use forethought_envs::data::{DataDescription, ReadOptions};

use crate::failure::Failure;

/// Where a description of data stands outside of them, in a file that was named or beside them, and what it says.
///
/// # Errors
/// That of a file that cannot be read or is no description.
pub fn description(named: Option<&Path>, data: &Path) -> Result<(Option<PathBuf>, DataDescription), Failure> {
    let beside = DataDescription::beside(data);
    let path = match named {
        Some(path) => path.to_owned(),
        None if beside.is_file() => beside,
        None => return Ok((None, DataDescription::default())),
    };
    let said = DataDescription::read(&path)?;
    Ok((Some(path), said))
}

/// How data are read of which this is said.
pub fn options(said: &DataDescription) -> ReadOptions {
    ReadOptions {
        env_id: said.environment.clone(),
        timeouts: said.timeouts,
        rewards: said.rewards,
        observations: (!said.observations.is_empty()).then(|| said.observations.clone()),
        ..ReadOptions::default()
    }
}
