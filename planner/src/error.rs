//! Errors of the planner, its training and its checkpoints.

use std::path::PathBuf;

use forethought_envs::printable;

/// What can go wrong in this crate. Each message names the thing and the remedy.
#[derive(Debug, thiserror::Error)]
pub enum PlannerError {
    /// A setting outside its range.
    #[error("setting `{name}` is {}: {}", printable(.value), printable(.remedy))]
    Setting {
        /// Dotted name as in the configuration.
        name: &'static str,
        /// What was given.
        value: String,
        /// What is accepted.
        remedy: String,
    },
    /// An array of the wrong length.
    #[error("{what} has {got} entries, expected {want}")]
    Length {
        /// Name of the array.
        what: &'static str,
        /// Expected number of entries.
        want: usize,
        /// Given number of entries.
        got: usize,
    },
    /// NaN or infinity where a finite number is needed.
    #[error("{what}[{index}] is {value}: only finite numbers are accepted")]
    NonFinite {
        /// Name of the array.
        what: String,
        /// Position in it.
        index: usize,
        /// The offending value.
        value: f64,
    },
    /// The network answered with NaN or infinity.
    #[error(
        "the denoiser's output is not finite at row {row}, token {token}: the checkpoint or its input is broken"
    )]
    BrokenOutput {
        /// Row of the scheduling matrix.
        row: usize,
        /// Token index.
        token: usize,
    },
    /// An observation that nothing in the data is like.
    #[error(
        "observation[{entry}] is {value}, far outside the training data: a plan from there would be a guess; \
         bring the robot back, train on data that have been there, or set plan.out_of_data to \"flag\""
    )]
    OutOfData {
        /// Entry of the observation.
        entry: usize,
        /// Its value.
        value: f64,
    },
    /// Training diverged.
    #[error("the loss is {loss} at step {step}: lower `train.learning_rate` or check the data for outliers")]
    Diverged {
        /// Training step.
        step: u64,
        /// The loss found there.
        loss: f64,
    },
    /// A checkpoint that cannot be used.
    #[error("checkpoint {}: {}", printable(.path.display()), printable(.problem))]
    Checkpoint {
        /// Folder or file.
        path: PathBuf,
        /// What is wrong and what to do about it.
        problem: String,
    },
    /// The operating system refused.
    #[error("{}: {source}", printable(.path.display()))]
    Io {
        /// File or folder.
        path: PathBuf,
        /// Its reason.
        source: std::io::Error,
    },
    /// Processes that train together lost each other, or are not about to do the same.
    #[error("training together: {0}")]
    Exchange(String),
    /// The tensor library or its device refused.
    #[error("device: {0}")]
    Device(String),
    /// An environment or data error.
    #[error(transparent)]
    Env(#[from] forethought_envs::EnvError),
    /// The caller asked to stop.
    #[error("interrupted")]
    Interrupted,
}

/// Refuses arrays that hold NaN or infinity.
pub(crate) fn check_finite(what: &str, values: &[f64]) -> Result<(), PlannerError> {
    match values.iter().position(|v| !v.is_finite()) {
        None => Ok(()),
        Some(index) => Err(PlannerError::NonFinite { what: what.to_owned(), index, value: values[index] }),
    }
}

/// Refuses arrays of the wrong length.
pub(crate) fn check_len(what: &'static str, want: usize, got: usize) -> Result<(), PlannerError> {
    if want == got { Ok(()) } else { Err(PlannerError::Length { what, want, got }) }
}
