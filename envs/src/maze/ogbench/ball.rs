//! The ball of OGBench's point mazes: put a little further by each action, and pushed out of walls.
//!
//! The model's MuJoCo computes with fourth-order Runge-Kutta; nothing but contact pulls at the ball, whose velocity is
//! set to zero at the beginning of each step. `envs/parity/record_ogbench.py` records the package itself.

use crate::Dynamics;
use crate::maze::Cell;
use crate::maze::ogbench::OgBenchGeometry;
use crate::maze::ogbench::contact::{Contacts, HALF, ball_box};
use crate::maze::ogbench::geometry::SIDE;

/// Radius of the ball.
pub const OGBENCH_BALL_RADIUS: f64 = 0.7;
/// Simulated seconds per step.
pub const OGBENCH_STEP_SECONDS: f64 = SUB_STEPS as f64 * TIME_STEP;

/// Seconds of a sub-step.
pub(super) const TIME_STEP: f64 = 0.02;
/// Sub-steps of a step.
const SUB_STEPS: usize = 5;
/// How far a full action puts the ball.
const REACH: f64 = 0.2;
/// Mass of a ball of density 100.
pub(super) const MASS: f64 = 4.0 / 3.0
    * std::f64::consts::PI
    * OGBENCH_BALL_RADIUS
    * OGBENCH_BALL_RADIUS
    * OGBENCH_BALL_RADIUS
    * 100.0;
pub(super) const INVERSE_MASS: f64 = 1.0 / MASS;

/// The ball in its maze. Holds no state: [`OgBenchBall::step`] maps a position to the next one.
#[derive(Clone, Debug)]
pub struct OgBenchBall {
    rows: usize,
    cols: usize,
    /// Whether square `row * cols + col` is a wall.
    walls: Vec<bool>,
}

impl OgBenchBall {
    /// Ball in a maze.
    pub fn new(maze: &OgBenchGeometry) -> Self {
        let (rows, cols) = (maze.layout().rows(), maze.layout().cols());
        let cells = (0..rows).flat_map(|row| (0..cols).map(move |col| Cell { row, col }));
        Self { rows, cols, walls: cells.map(|cell| maze.layout().is_wall(cell)).collect() }
    }

    /// One step of a position (x, y): the action is clipped to +-1. Returns the velocity that it leaves, which is zero
    /// where no wall was touched. Does not allocate.
    ///
    /// NaN in, NaN out: callers check their input.
    pub fn step(&self, position: &mut [f64; 2], action: [f64; 2]) -> [f64; 2] {
        self.push(position, action.map(|along| along.clamp(-1.0, 1.0)))
    }

    /// [`OgBenchBall::step`] without clipping: what the package's own `step` does.
    pub fn push(&self, position: &mut [f64; 2], action: [f64; 2]) -> [f64; 2] {
        for (at, along) in position.iter_mut().zip(action) {
            *at += REACH * along;
        }
        let mut velocity = [0.0; 2];
        let mut contacts = Contacts::default();
        self.touch(*position, velocity, &mut contacts);
        // A ball at rest that touches nothing stays there.
        if contacts.is_empty() {
            return velocity;
        }
        for _ in 0..SUB_STEPS {
            self.runge_kutta(position, &mut velocity, &mut contacts);
        }
        velocity
    }

    fn runge_kutta(&self, position: &mut [f64; 2], velocity: &mut [f64; 2], contacts: &mut Contacts) {
        const H: f64 = TIME_STEP;
        let moved =
            |from: [f64; 2], along: [f64; 2], by: f64| [from[0] + by * along[0], from[1] + by * along[1]];
        let mut pull = |x, v| {
            self.touch(x, v, contacts);
            contacts.acceleration()
        };
        let (x1, v1) = (*position, *velocity);
        let a1 = pull(x1, v1);
        let (x2, v2) = (moved(x1, v1, H / 2.0), moved(v1, a1, H / 2.0));
        let a2 = pull(x2, v2);
        let (x3, v3) = (moved(x1, v2, H / 2.0), moved(v1, a2, H / 2.0));
        let a3 = pull(x3, v3);
        let (x4, v4) = (moved(x1, v3, H), moved(v1, a3, H));
        let a4 = pull(x4, v4);
        let mean = |k1: [f64; 2], k2: [f64; 2], k3: [f64; 2], k4: [f64; 2]| {
            [0, 1].map(|axis: usize| (k1[axis] + 2.0 * k2[axis] + 2.0 * k3[axis] + k4[axis]) / 6.0)
        };
        *position = moved(x1, mean(v1, v2, v3, v4), H);
        *velocity = moved(v1, mean(a1, a2, a3, a4), H);
    }

    /// Distance from the ball's surface to the nearest wall that it can touch from here, negative inside; infinite
    /// where it touches none.
    pub fn wall_distance(&self, position: [f64; 2]) -> f64 {
        let mut nearest = f64::INFINITY;
        self.visit_touched(position, |_, depth| nearest = nearest.min(depth));
        nearest
    }

    /// Puts what the ball touches in the place of `contacts`.
    #[inline]
    fn touch(&self, position: [f64; 2], velocity: [f64; 2], contacts: &mut Contacts) {
        contacts.clear();
        self.visit_touched(position, |normal, depth| contacts.push(normal, depth, velocity));
    }

    /// Calls `found(normal, depth)` for each wall that the ball touches.
    #[inline]
    fn visit_touched(&self, [x, y]: [f64; 2], mut found: impl FnMut([f64; 2], f64)) {
        let nearest = |at: f64| {
            let index = floor((at + SIDE) / SIDE + 0.5);
            let offset = at - (SIDE * index as f64 - SIDE);
            // The ball reaches over at most one edge per axis, because it is narrower than a square.
            let side = match offset.abs() > HALF - OGBENCH_BALL_RADIUS {
                true if offset < 0.0 => -1_i64,
                true => 1,
                false => 0,
            };
            (index, offset, side)
        };
        let ((col, dx, across), (row, dy, along)) = (nearest(x), nearest(y));
        if across == 0 && along == 0 && !self.is_wall(row, col) {
            return;
        }
        for (step_row, step_col) in [(0, 0), (0, across), (along, 0), (along, across)]
            .into_iter()
            .enumerate()
            // Where the ball reaches over no edge these are the same square again.
            .filter(|(k, _)| (k & 1 == 0 || across != 0) && (k & 2 == 0 || along != 0))
            .map(|(_, square)| square)
        {
            if self.is_wall(row.saturating_add(step_row), col.saturating_add(step_col)) {
                let relative = [dx - SIDE * step_col as f64, dy - SIDE * step_row as f64];
                let (normal, depth) = ball_box(relative, OGBENCH_BALL_RADIUS);
                if depth < 0.0 {
                    found(normal, depth);
                }
            }
        }
    }

    #[inline]
    fn is_wall(&self, row: i64, col: i64) -> bool {
        match (usize::try_from(row), usize::try_from(col)) {
            (Ok(row), Ok(col)) if row < self.rows && col < self.cols => {
                self.walls.get(row * self.cols + col).copied().unwrap_or(false)
            }
            _ => false,
        }
    }
}

/// Largest whole number that is not larger. The standard library's is a call where the processor's own rounding is not
/// taken for granted.
#[inline]
fn floor(value: f64) -> i64 {
    let towards_zero = value as i64;
    towards_zero.saturating_sub(i64::from(towards_zero as f64 > value))
}

/// The position is what is observed, where nothing jumps.
impl Dynamics for OgBenchBall {
    fn step(&self, observation: &mut [f64], action: &[f64]) {
        if let (Ok(position), &[x, y]) = (observation.try_into(), action) {
            Self::step(self, position, [x, y]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::maze::ogbench::OgBenchMaze;

    fn ball() -> OgBenchBall {
        OgBenchBall::new(&OgBenchGeometry::new(OgBenchMaze::Medium).unwrap())
    }

    #[test]
    fn in_free_space_an_action_is_a_displacement() {
        let mut position = [0.1, -0.2];
        assert_eq!(ball().step(&mut position, [1.0, -0.5]), [0.0; 2]);
        assert_eq!(position, [0.1 + 0.2, -0.2 - 0.1]);
        // Clipped by the environment, not by the physics.
        ball().step(&mut position, [-9.0, 0.0]);
        assert!((position[0] - 0.1).abs() < 1e-15);
        ball().push(&mut position, [3.0, 0.0]);
        assert!((position[0] - 0.7).abs() < 1e-15);
    }

    #[test]
    fn walls_stop_the_ball_and_what_is_driven_into_them_gets_no_deeper() {
        // The first free cell's outer walls are at -2 on both axes.
        let mut position = [0.0, 0.0];
        let mut deepest = 0.0_f64;
        for _ in 0..200 {
            ball().step(&mut position, [-1.0, -1.0]);
            deepest = deepest.min(ball().wall_distance(position));
        }
        assert!(deepest < 0.0 && deepest > -0.2, "{deepest}");
    }

    #[test]
    fn any_finite_place_steps_to_a_finite_one() {
        for x in [-1e300, -7.0, -3.9, -2.0, -1.3, 0.0, 1.95, 2.0, 5.0, 1e18, 1e300] {
            for y in [-1e300, -2.0, -1.31, 0.0, 3.3, 26.0, 1e300] {
                let mut position = [x, y];
                ball().step(&mut position, [1.0, -1.0]);
                assert!(position.iter().all(|at| at.is_finite()), "{x} {y}: {position:?}");
            }
        }
    }
}
