//! Robot and carts, and how they move.

use rand::{Rng, RngExt};

use crate::crossing::hall::{PARTS, touches};
use crate::crossing::{
    CROSSING_ACCELERATION, CROSSING_CARTS, CROSSING_HALL, CROSSING_LANES, CROSSING_LAW,
    CROSSING_ROBOT_RADIUS, CROSSING_SPEED_LIMIT, CROSSING_STEP_SECONDS, CrossingCourse,
};

/// Entries of an observation: x, y, vx and vy of the robot, then y and signed speed of each cart, then x and y of
/// the goal.
pub const CROSSING_OBSERVATION: usize = 4 + 2 * CROSSING_CARTS + 2;

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
    pub carts: [CrossingCourse; CROSSING_CARTS],
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
    /// What is observed by who is going to `goal`.
    pub fn observation(&self, goal: [f64; 2]) -> [f64; CROSSING_OBSERVATION] {
        let mut seen = [0.0; CROSSING_OBSERVATION];
        let ([x, y], [vx, vy]) = (self.robot.position, self.robot.velocity);
        let carts = self.carts.iter().flat_map(|cart| [cart.at, cart.velocity]);
        let all = [x, y, vx, vy].into_iter().chain(carts).chain(goal);
        seen.iter_mut().zip(all).for_each(|(to, from)| *to = from);
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
            let touched = |(cart, lane): (&CrossingCourse, f64)| {
                touches(at.position, [lane, CROSSING_LAW.after(cart, part)])
            };
            if self.carts.iter().zip(CROSSING_LANES).any(touched) {
                self.robot = at;
                self.carts.iter_mut().for_each(|cart| cart.at = CROSSING_LAW.after(cart, part));
                return CrossingStep { collided: true, chance: false };
            }
        }
        CrossingStep { collided: false, chance: self.pass(action, chances) }
    }

    /// [`Self::step`] with carts that nothing touches; whether chance had a say.
    pub fn pass<R: Rng>(&mut self, action: [f64; 2], chances: &mut [R; CROSSING_CARTS]) -> bool {
        self.robot = self.robot.pushed(action).moved(1.0);
        self.carts
            .iter_mut()
            .zip(chances)
            .fold(false, |chance, (cart, own)| CROSSING_LAW.step(cart, own) | chance)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;

    fn chances() -> [ChaCha8Rng; CROSSING_CARTS] {
        std::array::from_fn(|cart| ChaCha8Rng::seed_from_u64(cart as u64))
    }

    fn robot(position: [f64; 2], velocity: [f64; 2]) -> CrossingRobot {
        CrossingRobot { position, velocity }
    }

    /// Carts that stand far from all that happens, but the second, which is given.
    fn beside(robot: CrossingRobot, y: f64, velocity: f64) -> CrossingState {
        let far = CrossingCourse { at: 6.5, velocity: 0.0, rest: 15 };
        let cart = CrossingCourse { at: y, velocity, rest: u32::from(velocity == 0.0) * 15 };
        CrossingState { robot, carts: [far, cart, far] }
    }

    /// `v_n = a dt n` and `x_n = x_0 + a dt^2 n (n + 1) / 2`: positions move by the speed that the action gives.
    #[test]
    fn free_motion_is_the_closed_form_up_to_the_speed_limit() {
        let mut body = robot([1.0, 3.0], [0.0; 2]);
        for n in 1..=7_u32 {
            body = body.pushed([1.0, -0.5]).moved(1.0);
            let n = f64::from(n);
            assert!((body.velocity[0] - 0.2 * n).abs() < 1e-12 && (body.velocity[1] + 0.1 * n).abs() < 1e-12);
            assert!((body.position[0] - 1.0 - 0.02 * n * (n + 1.0)).abs() < 1e-12);
            assert!((body.position[1] - 3.0 + 0.01 * n * (n + 1.0)).abs() < 1e-12);
        }
        let fast = body.pushed([9.0, 0.0]);
        assert_eq!(fast.velocity[0], CROSSING_SPEED_LIMIT);
        assert_eq!(body.pushed([7.0, -3.0]), body.pushed([1.0, -1.0]), "actions are clipped");
    }

    #[test]
    fn a_wall_takes_the_velocity_that_points_into_it_and_no_other() {
        let stopped = robot([9.7, 3.0], [1.5, 0.5]).moved(1.0);
        assert_eq!((stopped.position[0], stopped.velocity), (9.8, [0.0, 0.5]));
        assert!((stopped.position[1] - 3.1).abs() < 1e-12);
        let corner = robot([0.25, 0.25], [-1.0, -1.0]).moved(1.0);
        assert_eq!((corner.position, corner.velocity), ([0.2, 0.2], [0.0, 0.0]));
        let away = robot([0.2, 0.2], [1.0, 0.0]).moved(1.0);
        assert_eq!(away.velocity, [1.0, 0.0]);
    }

    /// Standing side by side, and passing by at the highest speeds there are: to the millimetre.
    #[test]
    fn bodies_collide_at_the_sum_of_their_radii() {
        for (gap, collides) in [(0.599, true), (0.601, false)] {
            let mut still = beside(robot([5.0 - gap, 3.0], [0.0; 2]), 3.0, 0.0);
            assert_eq!(still.step([0.0; 2], &mut chances()).collided, collides, "{gap}");
            // Along the lane, past a cart that comes towards it.
            let mut hits = Vec::new();
            for part in 0..20 {
                let mut passing =
                    beside(robot([5.0 - gap, 2.2], [0.0, 1.5]), 5.0 + 0.03 * f64::from(part), -1.6);
                hits.push((0..8).any(|_| passing.step([0.0; 2], &mut chances()).collided));
            }
            assert!(hits.iter().all(|hit| *hit == collides), "{gap}: {hits:?}");
        }
    }

    /// Head on, whatever the phase: the collision is found in the part of a step in which it happens, and stays in sight.
    #[test]
    fn nothing_passes_through_at_top_speed() {
        for part in 0..100 {
            let from = 4.6 + 0.006 * f64::from(part);
            let mut state = beside(robot([5.0, 2.6], [0.0, 1.5]), from, -1.6);
            let step = (0..6).map(|_| state.step([0.0, 1.0], &mut chances())).find(|step| step.collided);
            assert_eq!(step, Some(CrossingStep { collided: true, chance: false }), "{from}");
            let depth = 0.6 - (state.carts[1].at - state.robot.position[1]);
            assert!(depth > 0.0 && depth <= 3.1 * 0.02 + 1e-9, "{depth}");
        }
    }

    #[test]
    fn starts_and_goals_lie_where_they_are_said_to() {
        let mut rng = ChaCha8Rng::seed_from_u64(3);
        for _ in 0..1000 {
            let (robot, goal) = draw_ends(&mut rng);
            assert!((robot.position[0] - 0.8).abs() <= 0.3 && (robot.position[1] - 3.0).abs() <= 1.0);
            assert!((goal[0] - 9.2).abs() <= 0.3 && (goal[1] - 3.0).abs() <= 1.0);
        }
    }
}
