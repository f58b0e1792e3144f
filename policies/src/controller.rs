//! The interface between a plan and the robot.

use crate::PolicyError;

/// What of a plan lies ahead: row 0 is the present step, its action and the observation that it is to lead to.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct PlanView<'a> {
    /// Planned observations from the present step to the plan's end, `[frames, observation]`, environment units.
    pub observations: &'a [f64],
    /// Planned actions from the present step to the plan's end, `[frames, action]`, environment units.
    pub actions: &'a [f64],
}

impl<'a> PlanView<'a> {
    /// Observation of row 0, of this width; empty past the plan's end.
    pub fn next_observation(&self, width: usize) -> &'a [f64] {
        self.observations.get(..width).unwrap_or_default()
    }

    /// Action of row 0, of this width; empty past the plan's end.
    pub fn next_action(&self, width: usize) -> &'a [f64] {
        self.actions.get(..width).unwrap_or_default()
    }
}

/// Turns a plan into commands.
///
/// Commands always lie in the action space. [`Controller::command`] does not allocate.
pub trait Controller: Send {
    /// Registered name, as it stands beside every result.
    fn name(&self) -> &'static str;

    /// Whether its commands depend on the present observation, and not on the plan alone. One that says no may be asked
    /// for commands while a sensor fails.
    fn needs_observation(&self) -> bool {
        true
    }

    /// Forgets what it remembers of an episode.
    fn reset(&mut self) {}

    /// Writes the command for the present observation into `command`.
    ///
    /// # Errors
    /// [`PolicyError::Length`] and [`PolicyError::NonFinite`] for malformed arrays; `command` means nothing then.
    fn command(&mut self, now: &[f64], ahead: PlanView<'_>, command: &mut [f64]) -> Result<(), PolicyError>;
}

impl<C: Controller + ?Sized> Controller for Box<C> {
    fn name(&self) -> &'static str {
        (**self).name()
    }

    fn needs_observation(&self) -> bool {
        (**self).needs_observation()
    }

    fn reset(&mut self) {
        (**self).reset();
    }

    fn command(&mut self, now: &[f64], ahead: PlanView<'_>, command: &mut [f64]) -> Result<(), PolicyError> {
        (**self).command(now, ahead, command)
    }
}
