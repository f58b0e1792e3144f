//! Tasks of reward alone: as much as can be had, or so much.

use crate::{Frames, FramesGradient, Task};

/// Maximise the planned rewards. There is no end, and nothing to show to a network.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReturnTask;

impl Task for ReturnTask {
    fn score(&self, frames: Frames<'_>, mut gradient: Option<&mut FramesGradient<'_>>) -> f64 {
        let mut score = 0.0;
        for frame in 0..frames.len {
            score += frames.rewards.get(frame).iter().map(|reward| frames.weight * reward).sum::<f64>();
            if let Some(gradient) = gradient.as_mut() {
                gradient.reward(frame).iter_mut().for_each(|slot| *slot += frames.weight);
            }
        }
        score
    }

    fn needs_rewards(&self) -> bool {
        true
    }
}

/// Earn so much a step in the mean. A network that was trained with returns is shown it; one that was not is asked as by
/// [`ReturnTask`]. Plans are ranked and guided by the rewards that they carry, where they carry any.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct WantedReturnTask {
    /// Mean reward of a step, in the environment's own units.
    pub per_step: f64,
}

impl Task for WantedReturnTask {
    fn score(&self, frames: Frames<'_>, gradient: Option<&mut FramesGradient<'_>>) -> f64 {
        ReturnTask.score(frames, gradient)
    }

    fn wanted_return(&self) -> Option<f64> {
        Some(self.per_step)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Rows;

    #[test]
    fn a_wanted_return_is_told_and_needs_no_planned_rewards() {
        let task = WantedReturnTask { per_step: 2.5 };
        assert_eq!(task.wanted_return(), Some(2.5));
        assert!(!task.needs_rewards() && ReturnTask.needs_rewards() && ReturnTask.wanted_return().is_none());
        let rewards = [1.0, 2.0, 4.0];
        let frames = Frames { len: 3, rewards: Rows::dense(&rewards, 1), weight: 0.5, ..Frames::default() };
        assert_eq!([task.score(frames, None), ReturnTask.score(frames, None)], [3.5; 2]);
        let bare = Frames { rewards: Rows::default(), ..frames };
        assert_eq!(task.score(bare, None), 0.0, "without planned rewards every plan is worth the same");
    }
}
