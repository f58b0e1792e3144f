//! The force-driven ball of D4RL's and gymnasium-robotics' point mazes, in closed form.
//!
//! What MuJoCo computes for this model reduces to a few lines (facts measured against the MuJoCo
//! wheels; `envs/parity` records them anew): Euler with implicit damping, and frictionless soft contacts
//! whose exact optimum is a 2x2 solve on the set of contacts that push.

use serde::{Deserialize, Serialize};

use crate::maze::ball::{BALL_RADIUS, MASS, STEP_SECONDS};
use crate::maze::contact::{Contact, HALF, contact_force, sphere_box};
use crate::maze::{Cell, MazeFrame, MazeGeometry};

/// The environments clip each velocity component to this before a step.
pub const MAX_SPEED: f64 = 5.0;

/// Damping of both slide joints.
const DAMPING: f64 = 1.0;
/// Force per unit of control.
const GEAR: f64 = 100.0;
/// Mass as the implicit Euler step sees it.
const DAMPED_MASS: f64 = MASS + STEP_SECONDS * DAMPING;

/// The ball can touch no more than the 2x2 block of squares around a grid corner.
const MAX_CONTACTS: usize = 4;

/// MuJoCo changed how it treats these contacts; each profile names the releases it reproduces. Part of
/// the protocol record of every result.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PhysicsProfile {
    /// MuJoCo up to 2.3.7, the releases that D4RL's results were made with.
    MuJoCo2,
    /// MuJoCo 3.0 to 3.4.
    MuJoCo30,
    /// MuJoCo from 3.5 on.
    MuJoCo3,
}

impl PhysicsProfile {
    /// Name used in layout hashes and protocol records.
    pub fn name(self) -> &'static str {
        match self {
            Self::MuJoCo2 => "mujoco2",
            Self::MuJoCo30 => "mujoco30",
            Self::MuJoCo3 => "mujoco3",
        }
    }

    /// Distance below which ball and wall are in contact.
    pub fn margin(self) -> f64 {
        match self {
            Self::MuJoCo2 | Self::MuJoCo30 => 0.002,
            Self::MuJoCo3 => 0.004,
        }
    }

    /// Approximate inverse mass that MuJoCo scales contact regularisation with (`body_invweight0`).
    fn inverse_weight(self) -> f64 {
        match self {
            Self::MuJoCo2 => 2.0 / (3.0 * MASS),
            Self::MuJoCo30 | Self::MuJoCo3 => 1.0 / MASS,
        }
    }
}

/// The ball in its maze. Holds no state: [`PointMass::step`] maps a state to the next one.
#[derive(Clone, Debug)]
pub struct PointMass {
    profile: PhysicsProfile,
    margin: f64,
    inverse_weight: f64,
    /// World position of the ball's body when the joints are at zero.
    origin: f64,
    /// World centre of the square at lattice index (0, 0).
    first: [f64; 2],
    /// Squares along x and y.
    size: [usize; 2],
    /// Whether square `ix * size[1] + iy` is a wall.
    walls: Vec<bool>,
}

impl PointMass {
    /// Ball in the given maze.
    pub fn new(maze: &MazeGeometry, profile: PhysicsProfile) -> Self {
        let layout = maze.layout();
        let (rows, cols) = (layout.rows(), layout.cols());
        // D4RL's own numbers are kept (body at 1.2, walls at index + 1) instead of their difference, so
        // that rounding agrees as well.
        let (origin, first, size) = match maze.frame() {
            MazeFrame::D4rl => (1.2, [1.0, 1.0], [rows, cols]),
            MazeFrame::Centred => (0.0, [0.5 - cols as f64 / 2.0, 0.5 - rows as f64 / 2.0], [cols, rows]),
        };
        let mut walls = Vec::with_capacity(rows * cols);
        for ix in 0..size[0] {
            for iy in 0..size[1] {
                let cell = match maze.frame() {
                    MazeFrame::D4rl => Cell { row: ix, col: iy },
                    MazeFrame::Centred => Cell { row: rows - 1 - iy, col: ix },
                };
                walls.push(layout.is_wall(cell));
            }
        }
        Self {
            profile,
            margin: profile.margin(),
            inverse_weight: profile.inverse_weight(),
            origin,
            first,
            size,
            walls,
        }
    }

    /// The profile in use.
    pub fn profile(&self) -> PhysicsProfile {
        self.profile
    }

    /// One environment step of `state` = (x, y, vx, vy): the action is clipped to +-1, the velocity to
    /// +-[`MAX_SPEED`], then 0.01 s pass. Returns the number of contacts. Does not allocate.
    ///
    /// NaN in, NaN out: callers check their input.
    pub fn step(&self, state: &mut [f64; 4], action: [f64; 2]) -> usize {
        state[2] = state[2].clamp(-MAX_SPEED, MAX_SPEED);
        state[3] = state[3].clamp(-MAX_SPEED, MAX_SPEED);
        self.integrate(state, [action[0].clamp(-1.0, 1.0), action[1].clamp(-1.0, 1.0)])
    }

    /// [`PointMass::step`] without either clipping.
    pub fn integrate(&self, state: &mut [f64; 4], control: [f64; 2]) -> usize {
        let velocity = [state[2], state[3]];
        let mut force =
            [GEAR * control[0] - DAMPING * velocity[0], GEAR * control[1] - DAMPING * velocity[1]];
        let mut contacts = [Contact::default(); MAX_CONTACTS];
        let count = self.find_contacts([state[0], state[1]], velocity, &mut contacts);
        if count > 0 {
            let push = contact_force(&contacts[..count], force);
            force = [force[0] + push[0], force[1] + push[1]];
        }
        for axis in 0..2 {
            let next = velocity[axis] + STEP_SECONDS * force[axis] / DAMPED_MASS;
            state[2 + axis] = next;
            state[axis] += STEP_SECONDS * next;
        }
        count
    }

    /// Number of walls within the contact margin of the ball at `position`.
    pub fn contacts_at(&self, position: [f64; 2]) -> usize {
        self.find_contacts(position, [0.0; 2], &mut [Contact::default(); MAX_CONTACTS])
    }

    /// Distance from the ball's surface to the nearest wall around it, negative inside; infinite when
    /// none is within the contact margin.
    pub fn wall_distance(&self, position: [f64; 2]) -> f64 {
        let mut nearest = f64::INFINITY;
        self.visit_near(position, |_, dist| nearest = nearest.min(dist));
        nearest
    }

    fn find_contacts(
        &self,
        position: [f64; 2],
        velocity: [f64; 2],
        contacts: &mut [Contact; MAX_CONTACTS],
    ) -> usize {
        let mut count = 0;
        self.visit_near(position, |normal, dist| {
            if let Some(slot) = contacts.get_mut(count) {
                *slot = Contact::new(normal, dist - self.margin, velocity, self.inverse_weight);
                count += 1;
            }
        });
        count
    }

    /// Calls `found(normal, distance)` for each wall closer to the ball than the margin.
    #[inline]
    fn visit_near(&self, position: [f64; 2], mut found: impl FnMut([f64; 2], f64)) {
        let reach = BALL_RADIUS + self.margin;
        let mut index = [0_i64; 2];
        let mut offset = [0.0; 2];
        let mut side = [0_i64; 2];
        for axis in 0..2 {
            let across = position[axis] + self.origin - self.first[axis];
            let square = across.round();
            index[axis] = square as i64;
            offset[axis] = across - square;
            // The ball reaches over at most one edge per axis, because it is narrower than a square.
            if offset[axis].abs() > HALF - reach {
                side[axis] = if offset[axis] < 0.0 { -1 } else { 1 };
            }
        }
        if side == [0, 0] && !self.is_wall(index[0], index[1]) {
            return;
        }
        let steps = [[0, 0], [side[0], 0], [0, side[1]], side];
        for (k, [dx, dy]) in steps.into_iter().enumerate() {
            let repeated = (k & 1 != 0 && side[0] == 0) || (k & 2 != 0 && side[1] == 0);
            if repeated || !self.is_wall(index[0].saturating_add(dx), index[1].saturating_add(dy)) {
                continue;
            }
            let (normal, dist) = sphere_box([offset[0] - dx as f64, offset[1] - dy as f64]);
            if dist < self.margin {
                found(normal, dist);
            }
        }
    }

    #[inline]
    fn is_wall(&self, ix: i64, iy: i64) -> bool {
        match (usize::try_from(ix), usize::try_from(iy)) {
            (Ok(ix), Ok(iy)) if ix < self.size[0] && iy < self.size[1] => self.walls[ix * self.size[1] + iy],
            _ => false,
        }
    }
}
