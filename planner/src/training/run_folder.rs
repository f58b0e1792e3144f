//! The folder of a training run: marked as one, and written by one run at a time.

use std::fs::{self, File};
use std::io::Write;
use std::path::Path;

use forethought_envs::files::open_locked;

use crate::{PlannerError, checkpoint};

/// Marks a run's folder and is locked while the run is open; the lock ends with the process.
const MARK: &str = ".forethought-run";

/// A run's folder, held.
#[derive(Debug)]
pub(super) struct RunFolder {
    _mark: File,
}

impl RunFolder {
    /// Takes a folder: one that is not there or empty, or one of an earlier run.
    ///
    /// # Errors
    /// [`PlannerError::Checkpoint`] for a folder that holds what no run wrote, and while another run is open in it;
    /// nothing is changed then. [`PlannerError::Io`].
    pub fn take(path: &Path) -> Result<Self, PlannerError> {
        let io = |source| PlannerError::Io { path: path.to_owned(), source };
        let refuse = |problem: &str| {
            Err(PlannerError::Checkpoint { path: path.to_owned(), problem: problem.to_owned() })
        };
        if path.exists() && !path.is_dir() {
            return refuse("is not a folder: choose another name");
        }
        let mark = path.join(MARK);
        if path.is_dir() && !mark.is_file() {
            let used = fs::read_dir(path).map_err(io)?.next().is_some();
            // Runs of earlier versions have no mark but their checkpoints.
            if used && checkpoint::latest(&path.join("checkpoints"))?.is_none() {
                return refuse("holds files, and no training run wrote them: choose another folder");
            }
        }
        fs::create_dir_all(path).map_err(io)?;
        let Some(mut file) = open_locked(&mark).map_err(io)? else {
            return refuse(
                "another run is training in this folder: wait for it to end, or choose another folder",
            );
        };
        if file.metadata().map_err(io)?.len() == 0 {
            file.write_all(b"A training run of Forethought writes this folder.\n").map_err(io)?;
        }
        Ok(Self { _mark: file })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_no_run_wrote_is_left_alone() {
        let home = tempfile::tempdir().unwrap();
        let (folder, file) = (home.path().join("mine"), home.path().join("file"));
        fs::create_dir(&folder).unwrap();
        fs::write(folder.join("metrics.jsonl"), "mine").unwrap();
        fs::create_dir(folder.join("checkpoints")).unwrap();
        fs::write(&file, "mine").unwrap();
        for path in [&folder, &file] {
            let message = RunFolder::take(path).unwrap_err().to_string();
            assert!(
                message.contains(&path.display().to_string()) && message.contains("choose another"),
                "{message}"
            );
        }
        assert!(!folder.join(MARK).exists());
        assert_eq!(fs::read_to_string(folder.join("metrics.jsonl")).unwrap(), "mine");
    }

    #[test]
    fn one_run_at_a_time_and_the_next_goes_on() {
        let home = tempfile::tempdir().unwrap();
        let folder = home.path().join("a/b");
        let first = RunFolder::take(&folder).unwrap();
        let message = RunFolder::take(&folder).unwrap_err().to_string();
        assert!(message.contains("another run"), "{message}");
        drop(first);
        fs::write(folder.join("metrics.jsonl"), "ours").unwrap();
        RunFolder::take(&folder).unwrap();
    }
}
