//! Small JSON files that stand beside data.

use std::path::Path;

use serde::de::DeserializeOwned;

use crate::EnvError;

/// Longest that is read, in bytes: LeRobot's largest take some tens of thousands.
const LONGEST: u64 = 4 << 20;

/// Reads a JSON file of what describes data.
///
/// # Errors
/// [`EnvError::Io`] when it cannot be read; [`EnvError::Data`] when it is too long, or not what is expected.
pub(super) fn read_json<T: DeserializeOwned>(path: &Path) -> Result<T, EnvError> {
    let io = |source| EnvError::Io { path: path.into(), source };
    let refuse = |problem: String| EnvError::Data { path: path.into(), problem };
    // Asked before it is opened: opening a pipe waits for somebody to write into it.
    let found = std::fs::metadata(path).map_err(io)?;
    if !found.is_file() || found.len() > LONGEST {
        return Err(refuse(format!(
            "this is no file of up to {LONGEST} bytes, which what describes data is: copy it again"
        )));
    }
    let bytes = std::fs::read(path).map_err(io)?;
    serde_json::from_slice(&bytes).map_err(|error| {
        refuse(format!("it is damaged or not what describes such data ({error}); copy it again"))
    })
}
