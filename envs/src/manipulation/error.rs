//! What can go wrong with the assets of manipulation scenes.

use std::path::PathBuf;

use crate::EnvError;
use crate::printable::printable;

/// How the assets are had, at the end of the messages that ask for them.
const REMEDY: &str =
    "run `envs/interop/ogbench_assets.sh` of the project, or name the folder in FORETHOUGHT_OGBENCH";

/// What can go wrong with OGBench's assets. Each message names the thing and the remedy.
#[derive(Debug, thiserror::Error)]
pub enum ManipulationError {
    /// A file that is not where it is looked for.
    #[error("OGBench's `{asset}` is not in {}: {REMEDY}", printable(.folder.display()))]
    Missing {
        /// The file, within the package's folder of descriptions.
        asset: &'static str,
        /// The folder that was looked in.
        folder: PathBuf,
    },
    /// No folder to look in: neither variable nor home is set.
    #[error("OGBench's assets were not looked for, as no home folder is known: {REMEDY}")]
    NoFolder,
    /// A file that cannot be read.
    #[error("{}: {source}; {REMEDY}", printable(.path.display()))]
    Unread {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// A file that is not the package's as it was tried.
    #[error("{}: no `{want}` is in it, so that it is not that of OGBench 1.2.2: {REMEDY}", printable(.path.display()))]
    Unlike {
        /// The file.
        path: PathBuf,
        /// Text that was looked for.
        want: &'static str,
    },
    /// A folder whose name no model's text can hold.
    #[error("{}: MuJoCo reads paths in UTF-8 alone, put the assets into another folder", printable(.0.display()))]
    Unspeakable(PathBuf),
}

impl ManipulationError {
    /// The same as an environment's error.
    pub fn of(self, id: &str) -> EnvError {
        EnvError::Engine { id: id.to_owned(), source: Box::new(self) }
    }
}
