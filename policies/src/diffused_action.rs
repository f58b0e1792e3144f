//! The plan's own actions.

use forethought_envs::{BoxSpace, EnvSpec};

use crate::error::{check, check_len};
use crate::{DIFFUSED_ACTION, Executor, PlanFrame, PolicyError};

/// Executes the action that the plan holds for the present step, clipped to the action space.
#[derive(Clone, Debug)]
pub struct DiffusedAction {
    space: BoxSpace,
}

impl DiffusedAction {
    /// Executor for an environment.
    pub fn new(spec: &EnvSpec) -> Self {
        Self { space: spec.action.clone() }
    }
}

impl Executor for DiffusedAction {
    fn name(&self) -> &'static str {
        DIFFUSED_ACTION
    }

    fn command(
        &mut self,
        _observation: &[f64],
        frame: Option<PlanFrame<'_>>,
        action: &mut [f64],
    ) -> Result<(), PolicyError> {
        let frame = frame.ok_or(PolicyError::NeedsPlan(DIFFUSED_ACTION))?;
        check("planned action", frame.action, self.space.len())?;
        check_len("command", action, self.space.len())?;
        action.copy_from_slice(frame.action);
        self.space.clip(action);
        Ok(())
    }
}
