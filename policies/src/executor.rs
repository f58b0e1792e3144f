//! The interface between a plan and the environment.

use crate::PolicyError;

/// One frame of a plan: the action of the present step and the observation it is to lead to; and what follows.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PlanFrame<'a> {
    /// Planned observation after the present step, environment units.
    pub observation: &'a [f64],
    /// Planned action of the present step, environment units.
    pub action: &'a [f64],
    /// Planned observations from this one to the plan's end, `[frames, observation]`, environment units.
    pub ahead: &'a [f64],
}

/// Chooses the command of each step, from a plan or without one.
///
/// Commands always lie in the action space. [`Executor::command`] does not allocate, except for a route
/// that a waypoint policy makes on the first step of an episode.
pub trait Executor: Send {
    /// Registered name, as it stands beside every result.
    fn name(&self) -> &'static str;

    /// Whether [`Executor::command`] needs a frame of a plan.
    fn needs_plan(&self) -> bool {
        true
    }

    /// Begins an episode: all randomness of the episode comes from `seed`; `goal` is in the order of the
    /// environment's goal indices.
    ///
    /// # Errors
    /// [`PolicyError::NeedsGoal`] where a goal is needed and missing; [`PolicyError::Env`] for a goal that
    /// cannot be driven to.
    fn begin_episode(&mut self, _seed: u64, _goal: Option<&[f64]>) -> Result<(), PolicyError> {
        Ok(())
    }

    /// Writes the command for the present observation into `action`.
    ///
    /// # Errors
    /// [`PolicyError::NeedsPlan`] without a frame where one is needed; [`PolicyError::Length`] and
    /// [`PolicyError::NonFinite`] for malformed arrays. `action` means nothing then.
    fn command(
        &mut self,
        observation: &[f64],
        frame: Option<PlanFrame<'_>>,
        action: &mut [f64],
    ) -> Result<(), PolicyError>;
}

impl<E: Executor + ?Sized> Executor for Box<E> {
    fn name(&self) -> &'static str {
        (**self).name()
    }

    fn needs_plan(&self) -> bool {
        (**self).needs_plan()
    }

    fn begin_episode(&mut self, seed: u64, goal: Option<&[f64]>) -> Result<(), PolicyError> {
        (**self).begin_episode(seed, goal)
    }

    fn command(
        &mut self,
        observation: &[f64],
        frame: Option<PlanFrame<'_>>,
        action: &mut [f64],
    ) -> Result<(), PolicyError> {
        (**self).command(observation, frame, action)
    }
}
