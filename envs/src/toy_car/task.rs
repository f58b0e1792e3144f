//! What a plan of the ego car is worth.

use crate::toy_car::{TOY_CAR_CRASH_COST, TOY_CAR_CRASH_GAP, TOY_CAR_STEP_SECONDS};
use crate::{Frames, FramesGradient, Task};

/// Observation entry of the ego car's speed.
const EGO_SPEED: usize = 1;

/// Drive as far as the episode lasts, and do not crash: the environment's own return, told from observations alone. Plans
/// need carry no rewards.
///
/// Its unit is metres: with [`Frames::weight`] 1 the score of an episode's frames is the episode's return. It has no
/// end, nothing to show to a network, and no clock: frames past the end of the episode count like any other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ToyCarTask;

/// `J = sum dt v` over the frames up to the first that has crashed, less 100 there; each weighed by [`Frames::weight`].
///
/// The derivative is that of the speeds. A crash is a jump, and has none: who follows the gradient is drawn to drive faster,
/// whatever stands in the way.
impl Task for ToyCarTask {
    fn score(&self, frames: Frames<'_>, mut gradient: Option<&mut FramesGradient<'_>>) -> f64 {
        let mut score = 0.0;
        for frame in 0..frames.len {
            let &[ego_x, ego_speed, leader_x, _] = frames.observations.get(frame) else {
                // Not of this environment: worth nothing that could be compared.
                return f64::NAN;
            };
            score += frames.weight * TOY_CAR_STEP_SECONDS * ego_speed;
            let slope = gradient.as_mut().and_then(|to| to.observation(frame).get_mut(EGO_SPEED));
            if let Some(slope) = slope {
                *slope += frames.weight * TOY_CAR_STEP_SECONDS;
            }
            if leader_x - ego_x <= TOY_CAR_CRASH_GAP {
                return score - frames.weight * TOY_CAR_CRASH_COST;
            }
        }
        score
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Rows;

    const STRIDE: usize = 5;

    /// `[action, observation]` a frame; the third has crashed.
    const VALUES: [f64; 20] = [
        0.1, 2.0, 9.0, 12.0, 3.0, 0.2, 4.0, 9.5, 13.0, 2.0, 0.3, 7.0, 9.0, 11.9, 1.0, 0.4, 9.0, 8.0, 30.0,
        1.0,
    ];

    fn frames(values: &[f64], weight: f64) -> Frames<'_> {
        Frames {
            len: values.len() / STRIDE,
            observations: Rows::strided(values, 1, STRIDE, 4),
            actions: Rows::strided(values, 0, STRIDE, 1),
            rewards: Rows::default(),
            weight,
        }
    }

    #[test]
    fn frames_count_up_to_the_first_crash() {
        assert_eq!(ToyCarTask.score(frames(&VALUES, 1.0), None), 0.25 * 27.5 - 100.0);
        assert_eq!(ToyCarTask.score(frames(&VALUES[..10], 0.5), None), 0.125 * 18.5);
        assert_eq!(ToyCarTask.score(frames(&[], 1.0), None), 0.0);
        assert!(ToyCarTask.score(Frames::of_observations(&[1.0, 2.0], 2), None).is_nan());
    }

    #[test]
    fn the_gradient_is_that_of_the_score() {
        let mut gradient = [0.0; 20];
        ToyCarTask.score(frames(&VALUES, 0.25), Some(&mut FramesGradient::new(&mut gradient, STRIDE, 1, 4)));
        for i in 0..VALUES.len() {
            let moved = |by: f64| {
                let mut values = VALUES;
                values[i] += by;
                ToyCarTask.score(frames(&values, 0.25), None)
            };
            let slope = (moved(1e-6) - moved(-1e-6)) / 2e-6;
            assert!((slope - gradient[i]).abs() < 1e-7, "{i}: {slope} {}", gradient[i]);
        }
        assert_eq!(gradient.iter().filter(|slope| **slope != 0.0).count(), 3);
    }

    #[test]
    fn there_is_no_end_and_nothing_to_show() {
        let seen = [0.0, 10.0, 15.0, 8.0];
        assert!(ToyCarTask.distance(&seen).is_none() && !ToyCarTask.reached(&seen));
        assert!(ToyCarTask.condition().is_none() && !ToyCarTask.needs_rewards());
    }
}
