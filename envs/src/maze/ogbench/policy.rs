//! What drove the data, without its noise, as a reference policy.

use crate::maze::ogbench::OgBenchGeometry;
use crate::maze::ogbench::route::Routes;
use crate::maze::{Cell, env};
use crate::{EnvError, Policy, SharedTask};

/// Keeps a direction of no length finite, as the package does.
const TINY: f64 = 1e-6;

/// Drives at full speed from cell to cell along a shortest route, and in the goal's cell to the goal.
#[derive(Clone, Debug)]
pub struct OgBenchOracle {
    maze: OgBenchGeometry,
    routes: Routes,
    careful: bool,
    goal: Option<[f64; 2]>,
}

impl OgBenchOracle {
    /// Policy for a maze. `careful` keeps off entrances; without, they are floor like any other, as in the data.
    pub fn new(maze: &OgBenchGeometry, careful: bool) -> Self {
        let routes = if careful { Routes::avoiding(maze) } else { Routes::new(maze.layout()) };
        Self { maze: maze.clone(), routes, careful, goal: None }
    }

    /// Registered name.
    pub fn name_of(careful: bool) -> &'static str {
        if careful { "oracle-careful" } else { "oracle" }
    }
}

impl Policy for OgBenchOracle {
    fn name(&self) -> &str {
        Self::name_of(self.careful)
    }

    fn reset(&mut self, _seed: u64, task: &SharedTask) -> Result<(), EnvError> {
        self.goal = None;
        self.goal = Some(env::goal_position(self.name(), task)?);
        Ok(())
    }

    fn act(&mut self, observation: &[f64], action: &mut [f64]) -> Result<(), EnvError> {
        let Some(goal) = self.goal else {
            return Err(EnvError::NeedsReset(self.name().to_owned()));
        };
        let (&[x, y], [ax, ay]) = (observation, action) else {
            return Err(EnvError::Mismatch(format!(
                "policy `{}` takes observations (x, y) and gives actions of 2 entries",
                self.name()
            )));
        };
        let (Some(here), Some(there)) = (self.maze.cell_at([x, y]), self.maze.cell_at(goal)) else {
            return Err(EnvError::Mismatch(format!(
                "policy `{}` drives inside the maze: ({x}, {y}) or the goal ({}, {}) lies outside of it",
                self.name(),
                goal[0],
                goal[1]
            )));
        };
        let aim = if here == there { goal } else { towards(&self.routes, here, there) };
        [*ax, *ay] = direction([x, y], aim);
        Ok(())
    }
}

/// Middle of the next cell on the way.
pub(super) fn towards(routes: &Routes, here: Cell, there: Cell) -> [f64; 2] {
    OgBenchGeometry::cell_position(routes.next(here, there))
}

/// Direction of length 1, but for places that are the same.
pub(super) fn direction(from: [f64; 2], to: [f64; 2]) -> [f64; 2] {
    let (x, y) = (to[0] - from[0], to[1] - from[1]);
    let length = (x * x + y * y).sqrt() + TINY;
    [x / length, y / length]
}
