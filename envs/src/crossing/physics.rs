//! Robot and carts, and how they move.

use rand::{Rng, RngExt};

use crate::crossing::hall::{PARTS, touches};
use crate::crossing::{
    CROSSING_ACCELERATION, CROSSING_CARTS, CROSSING_HALL, CROSSING_LANES, CROSSING_ROBOT_RADIUS,
    CROSSING_SPEED_LIMIT, CROSSING_STEP_SECONDS, CrossingCart,
};

/// Entries of an observation: x, y, vx and vy of the robot, then y and signed speed of each cart.
pub const CROSSING_OBSERVATION: usize = 4 + 2 * CROSSING_CARTS;

/// Where starts and goals lie, in the mean (x, y), and how far they may lie off.
const START: [f64; 2] = [0.8, 3.0];
const GOAL: [f64; 2] = [9.2, 3.0];
const OFF: [f64; 2] = [0.3, 1.0];

/// The robot: a disc that its action pushes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CrossingRobot {
    /// Its centre (x, y).
    pub position: [f64; 2],
    /// Its velocity (x, y).
    pub velocity: [f64; 2],
}

impl CrossingRobot {
    /// The same with the velocity that an action gives it: accelerations in parts of the largest, clipped to +-1. The velocity
    /// holds for the step that follows.
    #[must_use]
    pub fn pushed(self, action: [f64; 2]) -> Self {
        let dv = CROSSING_STEP_SECONDS * CROSSING_ACCELERATION;
        let push = |velocity: f64, action: f64| {
            (velocity + dv * action.clamp(-1.0, 1.0)).clamp(-CROSSING_SPEED_LIMIT, CROSSING_SPEED_LIMIT)
        };
        let ([vx, vy], [ax, ay]) = (self.velocity, action);
        Self { velocity: [push(vx, ax), push(vy, ay)], ..self }
    }

    /// The same after a part of a step, 0 to 1, at its present velocity. A wall takes what velocity points into it.
    #[must_use]
    pub fn moved(self, part: f64) -> Self {
        let mut moved = self;
        for ((at, velocity), side) in moved.position.iter_mut().zip(&mut moved.velocity).zip(CROSSING_HALL) {
            let free = *at + *velocity * (CROSSING_STEP_SECONDS * part);
            *at = free.clamp(CROSSING_ROBOT_RADIUS, side - CROSSING_ROBOT_RADIUS);
            if free < CROSSING_ROBOT_RADIUS || free > side - CROSSING_ROBOT_RADIUS {
                *velocity = 0.0;
            }
        }
        moved
    }
}

/// A start at rest at the hall's left end, and a goal at its right end.
pub(super) fn draw_ends(rng: &mut impl Rng) -> (CrossingRobot, [f64; 2]) {
    let mut near = |[x, y]: [f64; 2]| {
        let mut off = |most: f64| most * (2.0 * rng.random::<f64>() - 1.0);
        [x + off(OFF[0]), y + off(OFF[1])]
    };
    (CrossingRobot { position: near(START), velocity: [0.0; 2] }, near(GOAL))
}

/// Everything that moves.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CrossingState {
    /// The robot.
    pub robot: CrossingRobot,
    /// The carts, in the order of their lanes.
    pub carts: [CrossingCart; CROSSING_CARTS],
}

/// What a step came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CrossingStep {
    /// Robot and a cart have collided.
    pub collided: bool,
    /// Chance had a say in where a cart goes.
    pub chance: bool,
}

impl CrossingState {
    /// What is observed.
    pub fn observation(&self) -> [f64; CROSSING_OBSERVATION] {
        let mut seen = [0.0; CROSSING_OBSERVATION];
        let ([x, y], [vx, vy]) = (self.robot.position, self.robot.velocity);
        let carts = self.carts.iter().flat_map(|cart| [cart.y, cart.velocity]);
        seen.iter_mut().zip([x, y, vx, vy].into_iter().chain(carts)).for_each(|(to, from)| *to = from);
        seen
    }

    /// Moves on by a step: the action gives the robot its velocity, then all bodies move evenly. What chance has to say of
    /// each cart comes from its own generator, so that the robot has no part in it.
    ///
    /// Bodies are held against one another ten times in the step. In the part in which two are found nearer than their
    /// radii allow, all stop where they are: a collision is always seen in the state that follows.
    pub fn step<R: Rng>(&mut self, action: [f64; 2], chances: &mut [R; CROSSING_CARTS]) -> CrossingStep {
        let robot = self.robot.pushed(action);
        for part in 1..=PARTS {
            let part = part as f64 / PARTS as f64;
            let at = robot.moved(part);
            let touched =
                |(cart, lane): (&CrossingCart, f64)| touches(at.position, [lane, cart.y_after(part)]);
            if self.carts.iter().zip(CROSSING_LANES).any(touched) {
                self.robot = at;
                self.carts.iter_mut().for_each(|cart| cart.y = cart.y_after(part));
                return CrossingStep { collided: true, chance: false };
            }
        }
        CrossingStep { collided: false, chance: self.pass(action, chances) }
    }

    /// [`Self::step`] with carts that nothing touches; whether chance had a say.
    pub fn pass<R: Rng>(&mut self, action: [f64; 2], chances: &mut [R; CROSSING_CARTS]) -> bool {
        self.robot = self.robot.pushed(action).moved(1.0);
        self.carts.iter_mut().zip(chances).fold(false, |chance, (cart, own)| cart.step(own) | chance)
    }
}
