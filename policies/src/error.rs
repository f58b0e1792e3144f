//! Errors of policies, and the checks that raise them.

use forethought_envs::{BoxSpace, printable};

/// What can go wrong in this crate. Each message names the thing and the remedy.
#[derive(Debug, thiserror::Error)]
pub enum PolicyError {
    /// No controller of this name.
    #[error("unknown controller `{}`{hint}; known controllers: {known}", printable(.name))]
    UnknownController {
        /// What was asked for.
        name: String,
        /// ` (did you mean ...?)` or empty.
        hint: String,
        /// Comma-separated list of names.
        known: String,
    },
    /// A setting outside its range.
    #[error("setting `{name}` is {}: {remedy}", printable(.value))]
    Setting {
        /// Dotted name as in the configuration.
        name: &'static str,
        /// What was given.
        value: String,
        /// What is accepted.
        remedy: String,
    },
    /// A policy that cannot act in this environment.
    #[error("`{name}` cannot act in `{}`: {}", printable(.env), printable(.reason))]
    Unsuitable {
        /// Name of the controller or policy.
        name: &'static str,
        /// Environment id.
        env: String,
        /// Why, and what to do about it.
        reason: String,
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
        what: &'static str,
        /// Position in it.
        index: usize,
        /// The offending value.
        value: f64,
    },
    /// No learned policy of this name.
    #[error("unknown policy `{}`{hint}; policies that can be learned: {known}", printable(.name))]
    UnknownLearned {
        /// What was asked for.
        name: String,
        /// ` (did you mean ...?)` or empty.
        hint: String,
        /// Comma-separated list of names.
        known: String,
    },
    /// A loss that is no number any more.
    #[error("the {loss} loss is {value} at step {step}: lower train.rate, or look for outliers in the data")]
    Diverged {
        /// Which.
        loss: &'static str,
        /// What it is.
        value: f32,
        /// When.
        step: u64,
    },
    /// A saved policy that cannot be read or written.
    #[error("{}: {}", .path.display(), printable(.problem))]
    Folder {
        /// File or folder.
        path: std::path::PathBuf,
        /// What is wrong with it, and what to do about it.
        problem: String,
    },
    /// An environment error.
    #[error(transparent)]
    Env(#[from] forethought_envs::EnvError),
}

/// Refuses arrays of the wrong length, and NaN and infinities.
pub(crate) fn check(what: &'static str, values: &[f64], want: usize) -> Result<(), PolicyError> {
    check_len(what, values, want)?;
    match values.iter().enumerate().find(|(_, value)| !value.is_finite()) {
        Some((index, &value)) => Err(PolicyError::NonFinite { what, index, value }),
        None => Ok(()),
    }
}

/// Refuses arrays of the wrong length.
pub(crate) fn check_len(what: &'static str, values: &[f64], want: usize) -> Result<(), PolicyError> {
    check_count(what, values.len(), want)
}

/// The same of a length.
pub(crate) fn check_count(what: &'static str, got: usize, want: usize) -> Result<(), PolicyError> {
    if got == want { Ok(()) } else { Err(PolicyError::Length { what, want, got }) }
}

/// Clips a computed command to the action space. Finite but enormous errors can overflow to infinities of both
/// signs; their sum says nothing and is refused.
pub(crate) fn finish(command: &mut [f64], space: &BoxSpace) -> Result<(), PolicyError> {
    match command.iter().position(|value| value.is_nan()) {
        Some(index) => Err(PolicyError::NonFinite { what: "command", index, value: f64::NAN }),
        None => {
            space.clip(command);
            Ok(())
        }
    }
}
