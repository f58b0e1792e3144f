//! The waypoint controller behind D4RL's maze data, as a policy.

use forethought_envs::maze::{
    MazeGeometry, WaypointController, WaypointMemory, WaypointOptions, maze_layout,
};
use forethought_envs::{BoxSpace, EnvSpec};

use crate::error::check_len;
use crate::{Executor, PlanFrame, PolicyError, WAYPOINT, WAYPOINT_FRESH};

/// Drives to the goal along a shortest route over the maze's cells.
///
/// With [`WaypointMemory::Stale`] it is what D4RL's `ref_max` was measured with: a route is kept from
/// episode to episode while the goal's cell stays the same. An episode then depends on those that this
/// very policy ran before. With [`WaypointMemory::Fresh`] every episode stands alone.
#[derive(Clone, Debug)]
pub struct Waypoint {
    maze: MazeGeometry,
    space: BoxSpace,
    memory: WaypointMemory,
    controller: Option<WaypointController>,
}

impl Waypoint {
    /// Policy for a registered maze.
    ///
    /// # Errors
    /// [`PolicyError::Unsuitable`] when the environment is no registered maze.
    pub fn new(spec: &EnvSpec, memory: WaypointMemory) -> Result<Self, PolicyError> {
        let maze = maze_layout(&spec.id).ok_or_else(|| PolicyError::Unsuitable {
            executor: name(memory),
            env: spec.id.clone(),
            reason: "it needs the layout of a registered maze".to_owned(),
        })?;
        Ok(Self { maze, space: spec.action.clone(), memory, controller: None })
    }
}

fn name(memory: WaypointMemory) -> &'static str {
    match memory {
        WaypointMemory::Stale => WAYPOINT,
        WaypointMemory::Fresh => WAYPOINT_FRESH,
    }
}

impl Executor for Waypoint {
    fn name(&self) -> &'static str {
        name(self.memory)
    }

    fn needs_plan(&self) -> bool {
        false
    }

    fn begin_episode(&mut self, seed: u64, goal: Option<&[f64]>) -> Result<(), PolicyError> {
        let goal = goal.ok_or(PolicyError::NeedsGoal(name(self.memory)))?;
        let mut controller = match (self.memory, self.controller.take()) {
            (WaypointMemory::Stale, Some(controller)) => controller,
            (memory, _) => {
                let options = WaypointOptions { memory, seed, ..WaypointOptions::default() };
                WaypointController::new(&self.maze, options)?
            }
        };
        controller.begin_episode();
        let aimed = controller.set_target(goal);
        self.controller = Some(controller);
        Ok(aimed?)
    }

    fn command(
        &mut self,
        observation: &[f64],
        _frame: Option<PlanFrame<'_>>,
        action: &mut [f64],
    ) -> Result<(), PolicyError> {
        check_len("command", action, self.space.len())?;
        let controller = self.controller.as_mut().ok_or(PolicyError::NeedsGoal(name(self.memory)))?;
        controller.act(observation, action)?;
        self.space.clip(action);
        Ok(())
    }
}
