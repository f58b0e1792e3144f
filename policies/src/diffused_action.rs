//! The plan's own actions.

use forethought_envs::{BoxSpace, EnvSpec};

use crate::error::{check, check_len};
use crate::{Controller, DIFFUSED_ACTION, PlanView, PolicyError};

/// Executes the action that the plan holds for the present step, clipped to the action space.
#[derive(Clone, Debug)]
pub struct DiffusedAction {
    space: BoxSpace,
}

impl DiffusedAction {
    /// Controller for an environment.
    pub fn new(spec: &EnvSpec) -> Self {
        Self { space: spec.action.clone() }
    }
}

impl Controller for DiffusedAction {
    fn name(&self) -> &'static str {
        DIFFUSED_ACTION
    }

    fn needs_observation(&self) -> bool {
        false
    }

    fn command(&mut self, _now: &[f64], ahead: PlanView<'_>, command: &mut [f64]) -> Result<(), PolicyError> {
        let planned = ahead.next_action(self.space.len());
        check("planned action", planned, self.space.len())?;
        check_len("command", command, self.space.len())?;
        command.copy_from_slice(planned);
        self.space.clip(command);
        Ok(())
    }
}
