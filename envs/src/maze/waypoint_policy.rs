//! The waypoint controller as a reference policy.

use crate::maze::env;
use crate::maze::{MazeGeometry, WaypointController, WaypointMemory, WaypointOptions};
use crate::{EnvError, Policy, SharedTask};

/// Drives to the goal along a shortest route over the maze's cells.
///
/// With [`WaypointMemory::Stale`] it is what D4RL's `ref_max` was measured with: a route is kept from
/// episode to episode while the goal's cell stays the same. An episode then depends on those that this
/// very policy ran before. With [`WaypointMemory::Fresh`] every episode stands alone.
#[derive(Clone, Debug)]
pub struct WaypointPolicy {
    maze: MazeGeometry,
    memory: WaypointMemory,
    controller: Option<WaypointController>,
}

impl WaypointPolicy {
    /// Policy for a maze.
    pub fn new(maze: &MazeGeometry, memory: WaypointMemory) -> Self {
        Self { maze: maze.clone(), memory, controller: None }
    }

    /// Registered name.
    pub fn name_of(memory: WaypointMemory) -> &'static str {
        match memory {
            WaypointMemory::Stale => "waypoint",
            WaypointMemory::Fresh => "waypoint-fresh",
        }
    }
}

impl Policy for WaypointPolicy {
    fn name(&self) -> &str {
        Self::name_of(self.memory)
    }

    fn remembers_episodes(&self) -> bool {
        self.memory == WaypointMemory::Stale
    }

    fn reset(&mut self, seed: u64, task: &SharedTask) -> Result<(), EnvError> {
        let goal = env::goal_position(self.name(), task)?;
        let mut controller = match (self.memory, self.controller.take()) {
            (WaypointMemory::Stale, Some(controller)) => controller,
            (memory, _) => {
                let options = WaypointOptions { memory, seed, ..WaypointOptions::default() };
                WaypointController::new(&self.maze, options)?
            }
        };
        controller.begin_episode();
        let aimed = controller.set_target(&goal);
        self.controller = Some(controller);
        aimed
    }

    fn act(&mut self, observation: &[f64], action: &mut [f64]) -> Result<(), EnvError> {
        match &mut self.controller {
            Some(controller) => controller.act(observation, action).map(|_| ()),
            None => Err(EnvError::NeedsReset(self.name().to_owned())),
        }
    }
}
