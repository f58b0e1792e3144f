//! What a way across is worth.

use crate::crossing::hall::touches;
use crate::crossing::way::Way;
use crate::crossing::{CROSSING_GOAL_RADIUS, CROSSING_LANES, CROSSING_OBSERVATION};
use crate::{Frames, FramesGradient, Task};

/// What a step costs.
pub const CROSSING_STEP_COST: f64 = 0.25;

/// Observation entries of the robot's position.
pub(super) const POSITION: [usize; 2] = [0, 1];

/// Get to the goal soon, and do not collide: the environment's own return, told from observations alone. Plans need carry
/// no rewards.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CrossingTask {
    way: Way,
}

impl CrossingTask {
    /// To `goal` (x, y), from a start that lies `way` metres from it. A way of nothing counts as one of the goal's radius.
    pub fn new(goal: [f64; 2], way: f64) -> Self {
        let (length, radius) = (way.max(CROSSING_GOAL_RADIUS), CROSSING_GOAL_RADIUS);
        Self { way: Way { goal, length, radius, step_cost: CROSSING_STEP_COST } }
    }

    /// Where to go.
    pub fn goal(&self) -> [f64; 2] {
        self.way.goal
    }

    /// Distance of the start from the goal, in metres.
    pub fn way(&self) -> f64 {
        self.way.length
    }

    /// Reward of a step between two places, the second of which may be one of arrival or of a collision.
    pub(super) fn reward(&self, from: [f64; 2], to: [f64; 2], collided: bool) -> f64 {
        self.way.reward(from, to, collided)
    }
}

/// Whether the robot and a cart have collided in an observation; `None` where it is of another width.
pub(super) fn collided(observation: &[f64]) -> Option<bool> {
    let &[x, y, _, _, ref carts @ .., _, _] = <&[f64; CROSSING_OBSERVATION]>::try_from(observation).ok()?;
    let carts = carts.chunks_exact(2);
    let heights = carts.filter_map(|cart| cart.first());
    Some(heights.zip(CROSSING_LANES).any(|(&height, lane)| touches([x, y], [lane, height])))
}

/// `J = 100 (1 - d / way) - 0.25 n - 100 [collided]`, where the frames up to the first that has collided or arrived count: `n`
/// is their number, `d` the distance of the last of them from the goal, 0 on arrival. All is weighed by
/// [`Frames::weight`]. What comes behind counts nothing.
///
/// For whole episodes this is the return. From within an episode it is the return with what was earned before, less the
/// costs of the steps before: plans from one place are ranked as by what they still earn.
///
/// A return is not a way's end: plans that arrive sooner are not better for it alone, so [`Task::distance`] is that of a task
/// without an end, and there is nothing to show that the observation does not.
///
/// The derivative is that of the distance, and lies on the last frame that counts. Collision and arrival are jumps, and have
/// none: who follows the gradient is drawn to the goal, whatever stands in the way. Carts are seen at the end of steps: a
/// planned touch of less than 4 cm may go by between two frames; the environment looks ten times a step, and ends in the
/// touch.
impl Task for CrossingTask {
    fn score(&self, frames: Frames<'_>, gradient: Option<&mut FramesGradient<'_>>) -> f64 {
        self.way.score(frames, gradient, POSITION, collided)
    }

    fn tolerance(&self) -> f64 {
        CROSSING_GOAL_RADIUS
    }

    fn reached(&self, observation: &[f64]) -> bool {
        matches!(observation, &[x, y, ..] if self.way.ends_at([x, y]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Rows;

    const WIDTH: usize = CROSSING_OBSERVATION;
    const STRIDE: usize = WIDTH + 2;
    const FAR: [f64; 8] = [6.0, 0.0, 6.0, 0.0, 6.0, 0.0, 9.0, 3.0];

    /// `[action, observation]` a frame, at these places, with carts far away.
    fn at(places: &[[f64; 2]]) -> Vec<f64> {
        let frame = |&[x, y]: &[f64; 2]| [vec![0.1, 0.2, x, y, 0.5, 0.5], FAR.to_vec()].concat();
        places.iter().flat_map(frame).collect()
    }

    fn frames(values: &[f64], weight: f64) -> Frames<'_> {
        Frames {
            len: values.len() / STRIDE,
            observations: Rows::strided(values, 2, STRIDE, WIDTH),
            actions: Rows::strided(values, 0, STRIDE, 2),
            rewards: Rows::default(),
            weight,
        }
    }

    fn score(values: &[f64]) -> f64 {
        CrossingTask::new([9.0, 3.0], 8.0).score(frames(values, 1.0), None)
    }

    #[test]
    fn frames_count_up_to_the_first_arrival_or_collision() {
        assert_eq!(score(&[]), 0.0);
        assert_eq!(score(&at(&[[3.0, 3.0], [5.0, 3.0]])), 50.0 - 0.5);
        let arrives = [[8.0, 3.0], [8.8, 3.0], [1.0, 1.0], [1.0, 1.0]];
        assert_eq!(score(&at(&arrives)), 100.0 - 0.5);
        // The cart of the second lane comes down on it.
        let mut collides = at(&[[4.0, 3.0], [5.0, 3.0], [9.0, 3.0]]);
        collides[STRIDE + 8] = 3.59;
        assert_eq!(score(&collides), 50.0 - 0.5 - 100.0);
        collides[STRIDE + 8] = 3.61;
        assert_eq!(score(&collides), 100.0 - 0.75, "it passes, and arrives");
        assert!(
            CrossingTask::new([9.0, 3.0], 8.0).score(Frames::of_observations(&[1.0; 8], 8), None).is_nan()
        );
    }

    #[test]
    fn the_gradient_is_that_of_the_score() {
        let mut collided = at(&[[3.0, 2.0], [5.0, 2.5], [6.0, 3.5]]);
        collided[STRIDE + 8] = 2.9;
        let arrived = at(&[[3.0, 2.0], [9.0, 3.1], [4.0, 1.0]]);
        for (values, slopes) in [(at(&[[3.0, 2.0], [5.0, 2.5]]), 2), (collided, 2), (arrived, 0)] {
            let task = CrossingTask::new([9.0, 3.0], 8.0);
            let mut gradient = vec![0.0; values.len()];
            task.score(
                frames(&values, 0.25),
                Some(&mut FramesGradient::new(&mut gradient, STRIDE, 2, WIDTH)),
            );
            for i in 0..values.len() {
                let moved = |by: f64| {
                    let mut values = values.clone();
                    values[i] += by;
                    task.score(frames(&values, 0.25), None)
                };
                let slope = (moved(1e-6) - moved(-1e-6)) / 2e-6;
                assert!((slope - gradient[i]).abs() < 1e-7, "{i}: {slope} {}", gradient[i]);
            }
            assert_eq!(gradient.iter().filter(|slope| **slope != 0.0).count(), slopes);
        }
    }

    #[test]
    fn it_ends_at_the_goal_and_nothing_is_shown_of_it() {
        let task = CrossingTask::new([9.0, 3.0], 8.0);
        assert!(!task.reached(&[9.0, 3.31]) && task.reached(&[9.0, 3.29]) && !task.reached(&[9.0]));
        assert!(task.distance(&[9.0, 3.0]).is_none() && task.condition().is_none());
        assert!(!task.needs_rewards());
    }
}
