//! The waypoint controller behind D4RL's maze2d data and its reference scores.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use crate::EnvError;
use crate::maze::route::RoutePlanner;
use crate::maze::{Cell, MazeFrame, MazeGeometry};

/// Keeps the controller's draws apart from those of whoever shares its seed.
const WAYPOINT_STREAM: u64 = 0x77617970;

/// What the controller keeps when an episode begins.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum WaypointMemory {
    /// Nothing: every episode gets a route from its own start.
    #[default]
    Fresh,
    /// The route, as long as the target cell stays the same. D4RL's reference scores were made this
    /// way: after the first episode the controller steers straight at the goal, through walls.
    Stale,
}

/// Where a route ends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum WaypointAim {
    /// At the position of the target's cell, as D4RL's does: another target in the same cell is no reason
    /// for another route.
    #[default]
    Cell,
    /// At the target itself.
    Target,
}

/// Settings of the controller; the default is D4RL's with a route per episode.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct WaypointOptions {
    /// Action per unit of distance to the waypoint.
    pub position_gain: f64,
    /// Action against each unit of velocity.
    pub velocity_gain: f64,
    /// A waypoint or target counts as reached within this distance ...
    pub reach_distance: f64,
    /// ... when the last step also moved less than this.
    pub still_distance: f64,
    /// Every waypoint but the last is moved at random on both axes: by `-uniform(0, jitter)` in the D4RL
    /// frame, whose free space is shifted by -0.2 against the cells, so that this also centres the path,
    /// and by `uniform(-jitter, jitter)` in the centred one.
    pub jitter: f64,
    /// Where a route ends.
    pub aim: WaypointAim,
    /// What an episode's beginning forgets.
    pub memory: WaypointMemory,
    /// Seed of the jitter.
    pub seed: u64,
}

impl Default for WaypointOptions {
    fn default() -> Self {
        Self {
            position_gain: 10.0,
            velocity_gain: 1.0,
            reach_distance: 0.1,
            still_distance: 0.1,
            jitter: 0.2,
            aim: WaypointAim::Cell,
            memory: WaypointMemory::Fresh,
            seed: 0,
        }
    }
}

/// Whether the target has been reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WaypointStatus {
    /// On the way.
    Seeking,
    /// At the end of the route and slow.
    Arrived,
}

/// Where a route ends: the cell, and the position in it.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Target {
    cell: Cell,
    position: [f64; 2],
}

/// Drives the ball along a shortest route over cells with a proportional-derivative law.
///
/// A route is made in the first [`act`](Self::act) after its end changed (see [`WaypointAim`]), from the
/// observation given there; only that call allocates.
#[derive(Clone, Debug)]
pub struct WaypointController {
    maze: MazeGeometry,
    options: WaypointOptions,
    planner: RoutePlanner,
    rng: ChaCha8Rng,
    target: Option<Target>,
    planned_for: Option<Target>,
    waypoints: Vec<[f64; 2]>,
    next: usize,
    previous: [f64; 2],
}

impl WaypointController {
    /// Controller for a maze. It has no target yet.
    ///
    /// # Errors
    /// [`EnvError::Mismatch`] when a setting is negative or not finite.
    pub fn new(maze: &MazeGeometry, options: WaypointOptions) -> Result<Self, EnvError> {
        for (name, value) in [
            ("position_gain", options.position_gain),
            ("velocity_gain", options.velocity_gain),
            ("reach_distance", options.reach_distance),
            ("still_distance", options.still_distance),
            ("jitter", options.jitter),
        ] {
            if !value.is_finite() || value < 0.0 {
                return Err(EnvError::Mismatch(format!(
                    "waypoint controller: {name} is {value}; it must be a finite number, 0 or more"
                )));
            }
        }
        let mut rng = ChaCha8Rng::seed_from_u64(options.seed);
        rng.set_stream(WAYPOINT_STREAM);
        Ok(Self {
            planner: RoutePlanner::new(maze.layout()),
            maze: maze.clone(),
            options,
            rng,
            target: None,
            planned_for: None,
            waypoints: Vec::new(),
            next: 0,
            previous: [0.0; 2],
        })
    }

    /// Marks the beginning of an episode: with [`WaypointMemory::Fresh`] the next call of
    /// [`act`](Self::act) makes a new route, with [`WaypointMemory::Stale`] nothing happens.
    pub fn begin_episode(&mut self) {
        if self.options.memory == WaypointMemory::Fresh {
            self.planned_for = None;
        }
    }

    /// Sets the position (x, y) to drive to.
    ///
    /// # Errors
    /// [`EnvError::Mismatch`] when it is not a position in a free cell; the old target stays.
    pub fn set_target(&mut self, position: &[f64]) -> Result<(), EnvError> {
        let cell = match position {
            &[x, y] => self
                .maze
                .nearest_cell([x, y])
                .filter(|cell| self.maze.layout().is_free(*cell))
                .map(|cell| (cell, [x, y])),
            _ => None,
        };
        let Some((cell, exact)) = cell else {
            return Err(EnvError::Mismatch(format!(
                "waypoint target {position:?} is not a position in a free cell of the maze"
            )));
        };
        let position = match self.options.aim {
            WaypointAim::Cell => self.maze.cell_position(cell),
            WaypointAim::Target => exact,
        };
        self.target = Some(Target { cell, position });
        Ok(())
    }

    /// Remaining waypoints, the target cell last; empty before the first route.
    pub fn waypoints(&self) -> &[[f64; 2]] {
        self.waypoints.get(self.next..).unwrap_or(&[])
    }

    /// Computes the action, clipped to `[-1, 1]`, for an observation (x, y, vx, vy).
    ///
    /// # Errors
    /// [`EnvError::Mismatch`] without a target, for other lengths, or for a position outside the grid;
    /// [`EnvError::NonFinite`] on NaN or infinity. Neither action nor controller change then.
    pub fn act(&mut self, observation: &[f64], action: &mut [f64]) -> Result<WaypointStatus, EnvError> {
        let ([x, y, vx, vy], [ax, ay]) = (observation, action) else {
            return Err(EnvError::Mismatch(
                "the waypoint controller takes observations (x, y, vx, vy) and gives actions of 2 entries"
                    .into(),
            ));
        };
        if let Some((index, value)) = observation.iter().enumerate().find(|(_, v)| !v.is_finite()) {
            return Err(EnvError::NonFinite { what: "observation".into(), index, value: *value });
        }
        let position = [*x, *y];
        let Some(target) = self.target else {
            return Err(EnvError::Mismatch("the waypoint controller has no target: call set_target".into()));
        };
        if self.planned_for != Some(target) {
            self.plan(position, target)?;
        }
        let goal = target.position;
        let moved = distance(self.previous, position);
        let arrived =
            distance(position, goal) < self.options.reach_distance && moved < self.options.still_distance;
        let aim = if arrived { goal } else { self.waypoints.get(self.next).copied().unwrap_or(goal) };
        let pull = |aim: f64, at: f64, speed: f64| {
            (self.options.position_gain * (aim - at) - self.options.velocity_gain * speed).clamp(-1.0, 1.0)
        };
        *ax = pull(aim[0], position[0], *vx);
        *ay = pull(aim[1], position[1], *vy);
        if !arrived
            && distance(position, aim) < self.options.reach_distance
            && moved < self.options.still_distance
        {
            self.next += 1;
        }
        self.previous = position;
        Ok(if arrived { WaypointStatus::Arrived } else { WaypointStatus::Seeking })
    }

    fn plan(&mut self, position: [f64; 2], target: Target) -> Result<(), EnvError> {
        let Some(start) = self.maze.nearest_cell(position) else {
            return Err(EnvError::Mismatch(format!("position {position:?} lies outside the maze")));
        };
        let route = self.planner.route(start, target.cell);
        self.waypoints.clear();
        for cell in route {
            let [x, y] = self.maze.cell_position(cell);
            self.waypoints.push(if cell == target.cell {
                target.position
            } else {
                let mut shift = || {
                    let unit: f64 = self.rng.random();
                    let unit = if self.maze.frame() == MazeFrame::D4rl { unit } else { 2.0 * unit - 1.0 };
                    self.options.jitter * unit
                };
                [x - shift(), y - shift()]
            });
        }
        self.next = 0;
        self.previous = self.maze.cell_position(start);
        self.planned_for = Some(target);
        Ok(())
    }
}

fn distance(a: [f64; 2], b: [f64; 2]) -> f64 {
    (a[0] - b[0]).hypot(a[1] - b[1])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::maze::{MazeFrame, MazeSize, PhysicsProfile, PointMass, maze2d_layout};

    fn umaze() -> MazeGeometry {
        MazeGeometry::new(maze2d_layout(MazeSize::UMaze).unwrap(), MazeFrame::D4rl)
    }

    #[test]
    fn first_action_is_the_pd_law_at_the_first_waypoint() {
        let maze = umaze();
        let options = WaypointOptions { jitter: 0.0, ..WaypointOptions::default() };
        let mut controller = WaypointController::new(&maze, options).unwrap();
        controller.set_target(&[1.04, 1.0]).unwrap();
        let mut action = [0.0; 2];
        let status = controller.act(&[1.02, 2.03, 0.1, -0.2], &mut action).unwrap();
        assert_eq!(status, WaypointStatus::Seeking);
        // One cell to go: the waypoint is the target cell's (1, 1), without jitter.
        assert!((action[0] - (10.0 * (1.0 - 1.02) - 0.1)).abs() < 1e-12);
        assert_eq!(action[1], -1.0);
    }

    #[test]
    fn reaches_every_cell_from_every_cell() {
        let maze = umaze();
        let physics = PointMass::new(&maze, PhysicsProfile::MuJoCo2);
        let mut controller = WaypointController::new(&maze, WaypointOptions::default()).unwrap();
        for &from in maze.layout().free_cells() {
            for &to in maze.layout().free_cells() {
                let [x, y] = maze.cell_position(from);
                let mut state = [x, y, 0.0, 0.0];
                controller.begin_episode();
                controller.set_target(&maze.cell_position(to)).unwrap();
                let mut action = [0.0; 2];
                let arrived = (0..300).any(|_| {
                    let status = controller.act(&state, &mut action).unwrap();
                    physics.step(&mut state, action);
                    status == WaypointStatus::Arrived
                });
                assert!(arrived, "{from:?} to {to:?} ended at {state:?}");
            }
        }
    }

    #[test]
    fn memory_decides_whether_an_episode_replans() {
        let maze = umaze();
        for (memory, kept) in [(WaypointMemory::Stale, true), (WaypointMemory::Fresh, false)] {
            let options = WaypointOptions { memory, ..WaypointOptions::default() };
            let mut controller = WaypointController::new(&maze, options).unwrap();
            controller.set_target(&[1.0, 1.0]).unwrap();
            controller.act(&[3.0, 1.0, 0.0, 0.0], &mut [0.0; 2]).unwrap();
            let before = controller.waypoints().to_vec();
            controller.begin_episode();
            controller.act(&[1.0, 3.0, 0.0, 0.0], &mut [0.0; 2]).unwrap();
            assert_eq!(controller.waypoints() == before, kept);
        }
    }

    #[test]
    fn malformed_calls_are_refused() {
        let maze = umaze();
        let mut controller = WaypointController::new(&maze, WaypointOptions::default()).unwrap();
        let mut action = [0.5; 2];
        let no_target = controller.act(&[1.0, 1.0, 0.0, 0.0], &mut action).unwrap_err();
        assert!(no_target.to_string().contains("set_target"));
        for bad in [&[2.0, 1.0][..], &[9.0, 9.0], &[f64::NAN, 1.0], &[1.0]] {
            assert!(controller.set_target(bad).is_err(), "{bad:?}");
        }
        controller.set_target(&[1.0, 1.0]).unwrap();
        assert!(controller.act(&[1.0, f64::NAN, 0.0, 0.0], &mut action).is_err());
        assert!(controller.act(&[1.0, 1.0], &mut action).is_err());
        assert!(controller.act(&[50.0, 1.0, 0.0, 0.0], &mut action).is_err());
        assert_eq!(action, [0.5; 2]);
        let options = WaypointOptions { jitter: f64::NAN, ..WaypointOptions::default() };
        assert!(WaypointController::new(&maze, options).is_err());
    }
}
