//! Settings of the receding-horizon loop.

use forethought_envs::EnvSpec;
use serde::{Deserialize, Serialize};

use crate::AgentError;

/// How episodes are run. Every default has its reason.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RolloutConfig {
    /// Steps executed of each plan before the next one is made; a shorter plan is replaced at its end.
    /// [`forethought_policies::ControlConfig::execution_horizon`] has the reason for the default.
    pub execution_horizon: usize,
    /// [`forethought_policies::ControlConfig::dead_reckoning`].
    pub dead_reckoning: bool,
    /// Steps after which an episode is cut; unset, or beyond the protocol's limit, the limit holds.
    pub max_steps: Option<usize>,
    /// Whether the planned frames are kept in the record. What a plan took and was worth always is.
    /// Off by default: a hundred long episodes with their plans take hundreds of megabytes.
    pub record_plans: bool,
    /// Whether each plan is kept as it was made, row by row, as well.
    pub trace: bool,
}

impl Default for RolloutConfig {
    fn default() -> Self {
        Self {
            execution_horizon: 5,
            dead_reckoning: false,
            max_steps: None,
            record_plans: false,
            trace: false,
        }
    }
}

impl RolloutConfig {
    /// Refuses settings that no episode can be run with.
    ///
    /// # Errors
    /// [`AgentError::Setting`] naming the setting and the remedy.
    pub fn check(&self) -> Result<(), AgentError> {
        if self.execution_horizon == 0 {
            return Err(AgentError::Setting {
                name: "control.execution_horizon",
                value: "0".to_owned(),
                remedy: "give at least 1: a plan must be executed for a step before it is replaced"
                    .to_owned(),
            });
        }
        if self.trace && !self.record_plans {
            return Err(AgentError::Setting {
                name: "rollout.trace",
                value: "true".to_owned(),
                remedy: "set `rollout.record_plans` to true as well: the trace is part of a recorded plan"
                    .to_owned(),
            });
        }
        check_max_steps(self.max_steps)
    }
}

fn check_max_steps(max_steps: Option<usize>) -> Result<(), AgentError> {
    match max_steps {
        Some(0) => Err(AgentError::Setting {
            name: "rollout.max_steps",
            value: "0".to_owned(),
            remedy: "give at least 1, or leave it out for the protocol's own limit".to_owned(),
        }),
        _ => Ok(()),
    }
}

/// Steps of an episode: the smaller of the setting and the protocol's limit.
pub(crate) fn episode_steps(max_steps: Option<usize>, spec: &EnvSpec) -> Result<usize, AgentError> {
    check_max_steps(max_steps)?;
    max_steps.into_iter().chain(spec.max_episode_steps).min().ok_or_else(|| AgentError::Setting {
        name: "rollout.max_steps",
        value: "unset".to_owned(),
        remedy: format!("`{}` never ends by itself: give the number of steps", spec.id),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use forethought_envs::make;

    #[test]
    fn refusals_name_setting_and_remedy() {
        let ok = RolloutConfig::default();
        assert!(ok.check().is_ok());
        for (config, name, remedy) in [
            (RolloutConfig { execution_horizon: 0, ..ok.clone() }, "control.execution_horizon", "at least 1"),
            (RolloutConfig { max_steps: Some(0), ..ok.clone() }, "rollout.max_steps", "at least 1"),
            (RolloutConfig { trace: true, ..ok }, "rollout.trace", "rollout.record_plans"),
        ] {
            let message = config.check().unwrap_err().to_string();
            assert!(message.contains(name) && message.contains(remedy), "{message}");
        }
    }

    #[test]
    fn an_episode_needs_an_end() {
        let mut spec = make("maze2d-umaze-v1").unwrap().spec().clone();
        spec.max_episode_steps = Some(50);
        assert_eq!(episode_steps(None, &spec).unwrap(), 50);
        assert_eq!(episode_steps(Some(70), &spec).unwrap(), 50);
        assert_eq!(episode_steps(Some(7), &spec).unwrap(), 7);
        spec.max_episode_steps = None;
        assert_eq!(episode_steps(Some(70), &spec).unwrap(), 70);
        let message = episode_steps(None, &spec).unwrap_err().to_string();
        assert!(message.contains("rollout.max_steps") && message.contains("maze2d-umaze-v1"), "{message}");
    }
}
