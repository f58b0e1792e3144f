//! Why a call did not do what it was asked for.

use forethought_agent::AgentError;

use crate::ForethoughtStatus;

/// A status, and the message that explains it.
#[derive(Debug)]
pub struct Failure {
    pub status: ForethoughtStatus,
    pub message: String,
}

impl Failure {
    pub fn new(status: ForethoughtStatus, message: impl Into<String>) -> Self {
        Self { status, message: message.into() }
    }

    /// An argument that cannot be used.
    pub fn argument(message: impl Into<String>) -> Self {
        Self::new(ForethoughtStatus::InvalidArgument, message)
    }

    /// A panic, by what it was raised with.
    pub fn panicked(payload: &(dyn std::any::Any + Send)) -> Self {
        let text = payload.downcast_ref::<&str>().copied();
        let text = text.or_else(|| payload.downcast_ref::<String>().map(String::as_str));
        let text = text.unwrap_or("no reason is known");
        Self::new(
            ForethoughtStatus::Panic,
            format!("a fault of the library: {text}; free what was called and load it again"),
        )
    }
}

impl From<AgentError> for Failure {
    fn from(error: AgentError) -> Self {
        let status = match &error {
            AgentError::Task { .. } | AgentError::NonFinite { .. } | AgentError::ObservationLength { .. } => {
                ForethoughtStatus::InvalidArgument
            }
            AgentError::Planning { .. }
            | AgentError::MalformedPlan { .. }
            | AgentError::Controller { .. }
            | AgentError::Environment { .. }
            | AgentError::Record { .. }
            | AgentError::Recording { .. }
            | AgentError::Thread(_)
            | AgentError::Interrupted => ForethoughtStatus::Planning,
            AgentError::Checkpoint(_)
            | AgentError::Control(_)
            | AgentError::Setting { .. }
            | AgentError::UnknownSetting { .. }
            | AgentError::Settings(_) => ForethoughtStatus::Checkpoint,
        };
        Self::new(status, error.to_string())
    }
}
