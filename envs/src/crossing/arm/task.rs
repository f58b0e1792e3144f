//! What reaching across is worth.

use super::CROSSING_ARM_GOAL_RADIUS;
use super::state::{HAND, collided};
use crate::crossing::way::Way;
use crate::{Frames, FramesGradient, Task};

/// What a step costs.
pub const CROSSING_ARM_STEP_COST: f64 = 0.15;

/// Bring the hand to the goal soon, and do not collide: the environment's own return, told from observations alone. Plans need carry
/// no rewards.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CrossingArmTask {
    way: Way,
}

impl CrossingArmTask {
    /// To `goal` (x, y), from a start of the hand that lies `way` metres from it. A way of nothing counts as one of the goal's
    /// radius.
    pub fn new(goal: [f64; 2], way: f64) -> Self {
        let (length, radius) = (way.max(CROSSING_ARM_GOAL_RADIUS), CROSSING_ARM_GOAL_RADIUS);
        Self { way: Way { goal, length, radius, step_cost: CROSSING_ARM_STEP_COST } }
    }

    /// Where the hand is to go.
    pub fn goal(&self) -> [f64; 2] {
        self.way.goal
    }

    /// Distance of the hand's start from the goal, in metres.
    pub fn way(&self) -> f64 {
        self.way.length
    }

    /// Whether a hand here has arrived.
    pub(super) fn arrived(&self, hand: [f64; 2]) -> bool {
        self.way.ends_at(hand)
    }

    /// Reward of a step of the hand between two places, the second of which may be one of arrival or of a collision.
    pub(super) fn reward(&self, from: [f64; 2], to: [f64; 2], collided: bool) -> f64 {
        self.way.reward(from, to, collided)
    }
}

/// `J = 100 (1 - d / way) - 0.15 n - 100 [collided]`, as [`crate::crossing::CrossingTask`] counts it: frames up to the first that
/// has collided or arrived, `n` of them, the last with the hand `d` from the goal, 0 on arrival.
///
/// The derivative is that of the distance, in the entries of the hand. That they follow from the joints' is not told here: a plan's
/// entries move on their own. A collision is told by joints and obstacles, whatever a plan says of the hand. It is seen at the end of
/// steps; the environment looks ten times a step, and ends in the touch.
impl Task for CrossingArmTask {
    fn score(&self, frames: Frames<'_>, gradient: Option<&mut FramesGradient<'_>>) -> f64 {
        self.way.score(frames, gradient, HAND, collided)
    }

    fn tolerance(&self) -> f64 {
        CROSSING_ARM_GOAL_RADIUS
    }

    fn reached(&self, observation: &[f64]) -> bool {
        let at = HAND.map(|entry| observation.get(entry).copied());
        matches!(at, [Some(x), Some(y)] if self.way.ends_at([x, y]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crossing::arm::{CROSSING_ARM_OBSERVATION, CrossingArmState};

    /// An arm that is stretched along y, with the near obstacle at a place.
    fn stretched(near: f64) -> [f64; CROSSING_ARM_OBSERVATION] {
        let state = CrossingArmState {
            angles: [0.0; 3],
            rates: [0.0; 3],
            obstacles: [[near, 0.0], [0.9, 0.0]],
            goal: [0.0, 0.7],
        };
        state.observation()
    }

    #[test]
    fn frames_count_up_to_the_first_arrival_or_collision() {
        let task = CrossingArmTask::new([0.0, 0.7], 0.5);
        let (clear, hit) = (stretched(0.5), stretched(0.05));
        let mut there = clear;
        there[HAND[1]] = 0.67;
        let score = |frames: &[[f64; CROSSING_ARM_OBSERVATION]]| {
            task.score(Frames::of_observations(&frames.concat(), CROSSING_ARM_OBSERVATION), None)
        };
        let near = |got: f64, want: f64| assert!((got - want).abs() < 1e-9, "{got} {want}");
        near(score(&[clear, clear]), 80.0 - 0.3);
        near(score(&[clear, there, hit]), 100.0 - 0.3);
        near(score(&[clear, hit, there]), 80.0 - 0.3 - 100.0);
        assert!(task.score(Frames::of_observations(&[0.0; 12], 12), None).is_nan());
        assert!(task.reached(&there) && !task.reached(&clear) && !task.reached(&there[..9]));
        assert!(task.distance(&there).is_none() && task.condition().is_none() && !task.needs_rewards());
        assert_eq!((task.goal(), task.way(), task.tolerance()), ([0.0, 0.7], 0.5, 0.04));
    }
}
