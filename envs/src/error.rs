//! Errors of environments and data.

use std::path::PathBuf;

use crate::printable::printable;

/// Names nearer than this (Jaro-Winkler, 1 is equal) are offered as what was probably meant.
const HINT_SIMILARITY: f64 = 0.75;

/// What can go wrong with an environment or a data file. Each message names the thing and the remedy.
#[derive(Debug, thiserror::Error)]
pub enum EnvError {
    /// No environment of this name is registered.
    #[error("unknown environment `{}`{hint}; known environments: {known}", printable(.id))]
    UnknownEnvironment {
        /// What was asked for.
        id: String,
        /// ` (did you mean ...?)` or empty.
        hint: String,
        /// Comma-separated list of names.
        known: String,
    },
    /// An action of the wrong length.
    #[error("action has {got} entries, `{id}` takes {want}")]
    ActionLength {
        /// Environment id.
        id: String,
        /// Expected length.
        want: usize,
        /// Given length.
        got: usize,
    },
    /// NaN or infinity where a finite number is needed.
    #[error("{}[{index}] is {value}: only finite numbers are accepted", printable(.what))]
    NonFinite {
        /// Name of the array.
        what: String,
        /// Position in it.
        index: usize,
        /// The offending value.
        value: f64,
    },
    /// `step` before `reset`, or after the episode ended.
    #[error("`{0}` was stepped outside an episode: call reset first")]
    NeedsReset(String),
    /// A goal, snapshot or space that does not fit.
    #[error("{}", printable(.0))]
    Mismatch(String),
    /// A malformed layout, or one that does not suit the task.
    #[error("{}", printable(.0))]
    Layout(String),
    /// A malformed space.
    #[error("malformed space: {}", printable(.0))]
    Space(String),
    /// A data file or data set that cannot be used.
    #[error("{}: {}", printable(.path.display()), printable(.problem))]
    Data {
        /// The file, or a name for data in memory.
        path: PathBuf,
        /// What is wrong and what to do about it.
        problem: String,
    },
    /// The operating system refused.
    #[error("{}: {source}", printable(.path.display()))]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// Its reason.
        source: std::io::Error,
    },
    /// The physics engine of an environment could not be had, or could not go on.
    #[error("`{}`: {source}", printable(.id))]
    Engine {
        /// Environment id.
        id: String,
        /// What the engine says.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A worker thread ended without an answer.
    #[error("an environment worker stopped: {}", printable(.0))]
    Worker(String),
}

impl EnvError {
    /// The refusal of a name that is none of `known`; `also` is how names are written that stand in no list.
    pub(crate) fn unknown(id: &str, known: Vec<String>, also: &[&str]) -> Self {
        let asked = id.to_lowercase();
        let hint = known
            .iter()
            .map(|name| (strsim::jaro_winkler(&asked, &name.to_lowercase()), name))
            .max_by(|a, b| a.0.total_cmp(&b.0))
            .filter(|(similarity, _)| *similarity >= HINT_SIMILARITY)
            .map_or_else(String::new, |(_, name)| format!(" (did you mean `{name}`?)"));
        let also = also.iter().map(|form| (*form).to_owned());
        let known = known.into_iter().chain(also).collect::<Vec<_>>().join(", ");
        Self::UnknownEnvironment { id: id.to_owned(), hint, known }
    }
}
