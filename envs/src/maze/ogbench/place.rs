//! Places that a caller names: refused where the ball cannot be.

use crate::EnvError;
use crate::environment::check_finite;
use crate::maze::ogbench::{OGBENCH_BALL_RADIUS, OgBenchBall, OgBenchGeometry};
use crate::maze::rules::distance;

/// Least distance between a start and a wall: no ball that is driven into a wall gets deeper.
const START_CLEARANCE: f64 = 0.45;

/// What places are held against.
pub(super) struct Places<'a> {
    /// The environment, for messages.
    pub id: &'a str,
    /// Its maze.
    pub maze: &'a OgBenchGeometry,
    /// Its ball.
    pub ball: &'a OgBenchBall,
}

impl Places<'_> {
    /// A place to start at.
    pub fn start(&self, place: &[f64]) -> Result<[f64; 2], EnvError> {
        self.free("start", place, START_CLEARANCE)
    }

    /// A place to go to.
    pub fn goal(&self, place: &[f64]) -> Result<[f64; 2], EnvError> {
        self.free("goal", place, 0.0)
    }

    /// A place (x, y) inside the maze, not inside a wall, and at least this far from one.
    fn free(&self, what: &str, place: &[f64], clearance: f64) -> Result<[f64; 2], EnvError> {
        let id = self.id;
        let &[x, y] = place else {
            let given = place.len();
            return Err(EnvError::Mismatch(format!(
                "{what} of `{id}` is (x, y): {given} numbers were given"
            )));
        };
        check_finite(what, place)?;
        let bounds = self.maze.bounds();
        let Some(cell) = self.maze.cell_at([x, y]) else {
            return Err(EnvError::Mismatch(format!(
                "{what} ({x}, {y}) lies outside `{id}`, which spans x in [{}, {}], y in [{}, {}]",
                bounds.min[0], bounds.max[0], bounds.min[1], bounds.max[1]
            )));
        };
        let layout = self.maze.layout();
        if layout.is_wall(cell) || self.ball.wall_distance([x, y]) < clearance - OGBENCH_BALL_RADIUS {
            let free = layout.free_cells().iter().map(|cell| OgBenchGeometry::cell_position(*cell));
            let [fx, fy] =
                free.min_by(|a, b| distance(*a, [x, y]).total_cmp(&distance(*b, [x, y]))).unwrap_or_default();
            return Err(EnvError::Mismatch(format!(
                "{what} ({x}, {y}) lies in a wall of `{id}`: the nearest free cell is at ({fx}, {fy})"
            )));
        }
        Ok([x, y])
    }
}
