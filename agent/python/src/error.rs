//! Errors of the crates as exceptions.

use forethought_agent::AgentError;
use forethought_envs::EnvError;
use forethought_planner::PlannerError;
use pyo3::exceptions::{PyKeyboardInterrupt, PyOSError, PyRuntimeError, PyValueError};
use pyo3::{PyErr, create_exception};

create_exception!(
    forethought,
    CheckpointError,
    PyValueError,
    "A checkpoint that cannot be used, or a training run's folder that cannot be written."
);
create_exception!(
    forethought,
    OutOfDataError,
    PyValueError,
    "An observation that nothing in the training data is like."
);
create_exception!(
    forethought,
    TrainingError,
    PyRuntimeError,
    "A training run that failed: a loss that is not finite, or processes that lost each other."
);

/// What goes wrong on the way to an answer.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The agent's.
    #[error(transparent)]
    Agent(#[from] AgentError),
    /// The planner's.
    #[error(transparent)]
    Planner(#[from] PlannerError),
    /// The environments'.
    #[error(transparent)]
    Env(#[from] EnvError),
    /// Something asked for that cannot be done as asked; what and the remedy.
    #[error("{0}")]
    Refused(String),
    /// A call out of order.
    #[error("{0}")]
    Order(&'static str),
    /// An earlier call panicked half-way.
    #[error("an earlier call failed half-way, so that the state of this {0} means nothing: make a new one")]
    Broken(&'static str),
    /// An exception of the caller's own code, or of its interrupt.
    #[error("{0}")]
    Python(PyErr),
}

impl From<Error> for PyErr {
    fn from(error: Error) -> Self {
        let text = error.to_string();
        match error {
            Error::Python(error) => error,
            Error::Agent(error) => match error {
                AgentError::Checkpoint(source) | AgentError::Planning { source, .. } => {
                    planner(&source, text)
                }
                AgentError::MalformedPlan { .. } | AgentError::Thread(_) => PyRuntimeError::new_err(text),
                _ => PyValueError::new_err(text),
            },
            Error::Planner(source) => planner(&source, text),
            Error::Env(source) => env(&source, text),
            Error::Refused(_) => PyValueError::new_err(text),
            Error::Order(_) | Error::Broken(_) => PyRuntimeError::new_err(text),
        }
    }
}

fn planner(source: &PlannerError, text: String) -> PyErr {
    match source {
        PlannerError::Checkpoint { .. } => CheckpointError::new_err(text),
        PlannerError::OutOfData { .. } => OutOfDataError::new_err(text),
        PlannerError::Diverged { .. } | PlannerError::Exchange(_) => TrainingError::new_err(text),
        PlannerError::Io { source, .. } => io(source, text),
        PlannerError::Env(source) => env(source, text),
        PlannerError::Interrupted => PyKeyboardInterrupt::new_err(text),
        PlannerError::BrokenOutput { .. } | PlannerError::Device(_) => PyRuntimeError::new_err(text),
        _ => PyValueError::new_err(text),
    }
}

fn env(source: &EnvError, text: String) -> PyErr {
    match source {
        EnvError::Io { source, .. } => io(source, text),
        EnvError::NeedsReset(_) | EnvError::Worker(_) | EnvError::Engine { .. } => {
            PyRuntimeError::new_err(text)
        }
        _ => PyValueError::new_err(text),
    }
}

/// The exception that Python raises for it, `FileNotFoundError` among them; the message begins with the path.
fn io(source: &std::io::Error, text: String) -> PyErr {
    match source.raw_os_error() {
        Some(code) => PyOSError::new_err((code, text)),
        None => PyOSError::new_err(text),
    }
}
