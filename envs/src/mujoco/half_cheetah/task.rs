//! What a plan of the half-cheetah is worth.

use super::HALF_CHEETAH_CONTROL_COST;
use super::env::{JOINTS, MOTORS};
use crate::{Frames, FramesGradient, Task};

/// Observation entry of the speed forward.
const FORWARD: usize = JOINTS - 1;

/// Run forward, and spare the motors: `J = sum v - 0.1 |a|^2` over the frames, each weighed by [`Frames::weight`], with the
/// speed forward at the end of a frame's step.
///
/// The environment pays for the mean speed within the step instead, which no observation tells; over an episode both sum to
/// nearly the same. So plans need carry no rewards. Where they do, such as those of a model trained on the rewards of the
/// data, [`crate::ReturnTask`] scores what is paid.
///
/// It has no end, nothing to show to a network, and no clock.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HalfCheetahTask;

impl Task for HalfCheetahTask {
    fn score(&self, frames: Frames<'_>, mut gradient: Option<&mut FramesGradient<'_>>) -> f64 {
        let mut score = 0.0;
        for frame in 0..frames.len {
            let (action, seen) = (frames.actions.get(frame), frames.observations.get(frame));
            let (Some(speed), MOTORS) = (seen.get(FORWARD), action.len()) else {
                // Not of this environment: worth nothing that could be compared.
                return f64::NAN;
            };
            let effort: f64 = action.iter().map(|value| value * value).sum();
            score += frames.weight * (speed - HALF_CHEETAH_CONTROL_COST * effort);
            if let Some(to) = gradient.as_mut() {
                if let Some(slope) = to.observation(frame).get_mut(FORWARD) {
                    *slope += frames.weight;
                }
                let slopes = to.action(frame).iter_mut().zip(action);
                slopes.for_each(|(slope, value)| {
                    *slope -= 2.0 * frames.weight * HALF_CHEETAH_CONTROL_COST * value;
                });
            }
        }
        score
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Rows;
    use crate::mujoco::half_cheetah::env::SEEN;

    const STRIDE: usize = MOTORS + SEEN;

    fn frames(values: &[f64]) -> Frames<'_> {
        Frames {
            len: values.len() / STRIDE,
            observations: Rows::strided(values, MOTORS, STRIDE, SEEN),
            actions: Rows::strided(values, 0, STRIDE, MOTORS),
            rewards: Rows::default(),
            weight: 0.25,
        }
    }

    fn values() -> Vec<f64> {
        (0..3 * STRIDE).map(|i| ((7 * i % 11) as f64 - 5.0) / 4.0).collect()
    }

    #[test]
    fn speed_counts_and_effort_costs() {
        let mut one = vec![0.0; 2 * STRIDE];
        one[MOTORS + 8] = 3.0;
        one[STRIDE + MOTORS + 8] = -1.0;
        one[STRIDE] = 2.0;
        one[STRIDE + 5] = -1.0;
        assert!((HalfCheetahTask.score(frames(&one), None) - 0.25 * (3.0 - 1.0 - 0.5)).abs() < 1e-15);
        assert_eq!(HalfCheetahTask.score(frames(&[]), None), 0.0);
        assert!(HalfCheetahTask.score(Frames::of_observations(&[1.0; SEEN], SEEN), None).is_nan());
    }

    #[test]
    fn the_gradient_is_that_of_the_score() {
        let mut gradient = vec![0.0; 3 * STRIDE];
        HalfCheetahTask
            .score(frames(&values()), Some(&mut FramesGradient::new(&mut gradient, STRIDE, MOTORS, SEEN)));
        for (i, given) in gradient.iter().enumerate() {
            let moved = |by: f64| {
                let mut values = values();
                values[i] += by;
                HalfCheetahTask.score(frames(&values), None)
            };
            let slope = (moved(1e-5) - moved(-1e-5)) / 2e-5;
            assert!((slope - given).abs() < 1e-8, "{i}: {slope} {given}");
        }
        assert_eq!(gradient.iter().filter(|slope| **slope != 0.0).count(), 3 * (MOTORS + 1) - 1);
    }

    #[test]
    fn there_is_no_end_and_nothing_to_show() {
        let seen = [0.0; SEEN];
        assert!(HalfCheetahTask.distance(&seen).is_none() && !HalfCheetahTask.reached(&seen));
        assert!(HalfCheetahTask.condition().is_none() && !HalfCheetahTask.needs_rewards());
    }
}
