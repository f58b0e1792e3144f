//! How a command fails: a message that names the thing and the remedy, and an exit code.

use forethought_envs::EnvError;
use forethought_planner::PlannerError;

/// A command's failure. Exit code 2 is for what the user asked for, 1 for what happened while doing it.
#[derive(Debug)]
pub struct Failure {
    message: String,
    code: u8,
}

impl Failure {
    /// The request cannot be carried out as made (exit code 2).
    pub fn refused(message: impl Into<String>) -> Self {
        Self { message: message.into(), code: 2 }
    }

    /// Something went wrong on the way (exit code 1).
    pub fn broken(message: impl Into<String>) -> Self {
        Self { message: message.into(), code: 1 }
    }

    /// The same, with more to say.
    #[must_use]
    pub fn with(self, more: &str) -> Self {
        Self { message: self.message + more, ..self }
    }

    /// Exit code.
    pub fn code(&self) -> u8 {
        self.code
    }
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.message)
    }
}

impl From<EnvError> for Failure {
    fn from(error: EnvError) -> Self {
        match error {
            EnvError::UnknownEnvironment { .. } | EnvError::Layout(_) => Self::refused(error.to_string()),
            _ => Self::broken(error.to_string()),
        }
    }
}

impl From<PlannerError> for Failure {
    fn from(error: PlannerError) -> Self {
        match error {
            PlannerError::Setting { .. } => Self::refused(error.to_string()),
            _ => Self::broken(error.to_string()),
        }
    }
}

impl From<crate::settings::SettingsError> for Failure {
    fn from(error: crate::settings::SettingsError) -> Self {
        Self::refused(error.to_string())
    }
}

impl From<crate::output::OutputError> for Failure {
    fn from(error: crate::output::OutputError) -> Self {
        Self::broken(error.to_string())
    }
}

#[cfg(feature = "rerun")]
impl From<crate::rerun::RerunError> for Failure {
    fn from(error: crate::rerun::RerunError) -> Self {
        Self::broken(error.to_string())
    }
}

impl From<forethought_agent::AgentError> for Failure {
    fn from(error: forethought_agent::AgentError) -> Self {
        match error {
            forethought_agent::AgentError::Setting { .. } => Self::refused(error.to_string()),
            _ => Self::broken(error.to_string()),
        }
    }
}

impl From<forethought_policies::PolicyError> for Failure {
    fn from(error: forethought_policies::PolicyError) -> Self {
        Self::refused(error.to_string())
    }
}

impl From<serde_json::Error> for Failure {
    fn from(error: serde_json::Error) -> Self {
        Self::broken(format!("cannot render the settings: {error}"))
    }
}

impl From<crate::statistics::StatisticsError> for Failure {
    fn from(error: crate::statistics::StatisticsError) -> Self {
        Self::broken(error.to_string())
    }
}
