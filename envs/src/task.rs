//! What an agent is to do: one thing that guides plans, ranks them, scores episodes and stops them.

use std::fmt;
use std::sync::Arc;

/// Rows of numbers that lie at equal distances in a longer array.
#[derive(Clone, Copy, Debug, Default)]
pub struct Rows<'a> {
    values: &'a [f64],
    first: usize,
    stride: usize,
    width: usize,
}

impl<'a> Rows<'a> {
    /// Rows of `width` numbers, one behind the other.
    pub fn dense(values: &'a [f64], width: usize) -> Self {
        Self { values, first: 0, stride: width, width }
    }

    /// Rows of `width` numbers, the first at `first`, each `stride` behind the one before.
    pub fn strided(values: &'a [f64], first: usize, stride: usize, width: usize) -> Self {
        Self { values, first, stride, width }
    }

    /// Row `i`; empty past the end.
    pub fn get(&self, i: usize) -> &'a [f64] {
        let row = || {
            let at = i.checked_mul(self.stride)?.checked_add(self.first)?;
            self.values.get(at..at.checked_add(self.width)?)
        };
        row().unwrap_or_default()
    }
}

/// Planned steps in the environment's units: action `i` leads to observation `i`.
#[derive(Clone, Copy, Debug, Default)]
pub struct Frames<'a> {
    /// Number of frames.
    pub len: usize,
    /// Observations.
    pub observations: Rows<'a>,
    /// Actions.
    pub actions: Rows<'a>,
    /// Rewards, one number a row; rows are empty where none are planned.
    pub rewards: Rows<'a>,
    /// What one frame counts in a score. Planners set one over the frames of a token, so that a guidance scale keeps
    /// its meaning whatever a token holds.
    pub weight: f64,
}

impl<'a> Frames<'a> {
    /// Observations alone, `[frames, width]`, each counting 1.
    pub fn of_observations(values: &'a [f64], width: usize) -> Self {
        let len = values.len().checked_div(width).unwrap_or(0);
        Self { len, observations: Rows::dense(values, width), weight: 1.0, ..Self::default() }
    }
}

/// Where a score's gradient goes: the same shape as the frames it was asked for, zero on entry.
#[derive(Debug)]
pub struct FramesGradient<'a> {
    values: &'a mut [f64],
    stride: usize,
    action: usize,
    observation: usize,
}

impl<'a> FramesGradient<'a> {
    /// Over `values`, `[frames, action + observation + rest]`.
    pub fn new(values: &'a mut [f64], stride: usize, action: usize, observation: usize) -> Self {
        Self { values, stride, action, observation }
    }

    /// Gradient with respect to action `i`; empty past the end.
    pub fn action(&mut self, i: usize) -> &mut [f64] {
        self.part(i, 0, self.action)
    }

    /// Gradient with respect to observation `i`; empty past the end.
    pub fn observation(&mut self, i: usize) -> &mut [f64] {
        self.part(i, self.action, self.observation)
    }

    /// Gradient with respect to reward `i`; empty past the end and where none are planned.
    pub fn reward(&mut self, i: usize) -> &mut [f64] {
        let before = self.action.saturating_add(self.observation);
        self.part(i, before, self.stride.saturating_sub(before))
    }

    /// `len` numbers from `first` on in row `i`; empty past the end.
    fn part(&mut self, i: usize, first: usize, len: usize) -> &mut [f64] {
        let from = i.checked_mul(self.stride).and_then(|at| at.checked_add(first));
        let range = from.and_then(|from| Some(from..from.checked_add(len)?));
        range.and_then(|range| self.values.get_mut(range)).unwrap_or_default()
    }
}

/// What a network that was trained with goals is shown: values of some observation entries.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Condition<'a> {
    /// Observation entries it speaks of.
    pub entries: &'a [usize],
    /// Their values, in the same order.
    pub values: &'a [f64],
}

/// How far along a plan an observation is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Progress {
    /// Frames of the plan that lie behind.
    pub behind: usize,
    /// Distance from the plan there, in the unit of [`Task::distance`].
    pub off: f64,
}

/// What is wanted. The same task guides a plan while it is sampled, ranks finished plans, and says when an episode
/// has done what was asked.
pub trait Task: Send + Sync + fmt::Debug {
    /// What these frames are worth, larger is better: a sum over frames, each weighed by [`Frames::weight`]. Where a
    /// gradient is asked for, adds the derivative with respect to every number of every frame.
    fn score(&self, frames: Frames<'_>, gradient: Option<&mut FramesGradient<'_>>) -> f64;

    /// How far this observation is from what the task ends with, in a unit of the task's own; `None` for tasks without
    /// an end, such as a return to be maximised.
    fn distance(&self, _observation: &[f64]) -> Option<f64> {
        None
    }

    /// Distance at and below which the task counts as done.
    fn tolerance(&self) -> f64 {
        0.0
    }

    /// Whether the task is done in this observation.
    fn reached(&self, observation: &[f64]) -> bool {
        self.distance(observation).is_some_and(|distance| distance <= self.tolerance())
    }

    /// Whether its score speaks of planned rewards, so that plans must carry them.
    fn needs_rewards(&self) -> bool {
        false
    }

    /// What a network is shown of the task; `None` where there is nothing to show.
    fn condition(&self) -> Option<Condition<'_>> {
        None
    }

    /// What is to be done first, from this observation on, where a task is done one thing after another: what is planned for then.
    /// `None`: all of it at once.
    fn stage(&self, _observation: &[f64]) -> Option<SharedTask> {
        None
    }

    /// What a network that was trained with returns is shown: the mean reward of a step that is wanted. `None` leaves it to
    /// the planner's settings.
    fn wanted_return(&self) -> Option<f64> {
        None
    }

    /// How much of a plan lies behind this observation; `None` where only the clock can tell.
    fn progress(&self, _plan: Frames<'_>, _observation: &[f64]) -> Option<Progress> {
        None
    }
}

/// Bring some entries of the observation within a radius of given values, and stay.
#[derive(Clone, Debug, PartialEq)]
pub struct GoalTask {
    entries: Vec<usize>,
    values: Vec<f64>,
    radius: f64,
    width: f64,
    along: Vec<usize>,
}

impl GoalTask {
    /// Goal widths are this many radii: near the goal the pull is stronger, far from it no token dominates. Chosen on
    /// the mazes.
    pub const WIDTH: f64 = 4.0;

    /// `values` are wanted of the observation's `entries`; within `radius` (Euclidean, observation units) of them
    /// counts as there. A radius that is not positive is never reached but exactly.
    pub fn new(entries: &[usize], values: &[f64], radius: f64) -> Self {
        Self {
            entries: entries.to_vec(),
            values: values.to_vec(),
            radius,
            width: Self::WIDTH * radius,
            along: entries.to_vec(),
        }
    }

    /// Distance over which the pull towards the goal is squashed, in observation units.
    #[must_use]
    pub fn with_width(mut self, width: f64) -> Self {
        self.width = width;
        self
    }

    /// Observation entries that tell how far along a plan one is, where those of the goal do not move on the way (an
    /// arm that approaches an object).
    #[must_use]
    pub fn with_progress(mut self, entries: &[usize]) -> Self {
        self.along = entries.to_vec();
        self
    }

    /// Values wanted.
    pub fn goal(&self) -> &[f64] {
        &self.values
    }

    fn offset(&self, g: usize, observation: &[f64]) -> f64 {
        let value = self.entries.get(g).and_then(|&entry| observation.get(entry));
        value.zip(self.values.get(g)).map_or(f64::INFINITY, |(value, goal)| value - goal)
    }

    fn away(&self, observation: &[f64]) -> f64 {
        let goals = self.entries.len().min(self.values.len());
        (0..goals).map(|g| self.offset(g, observation).powi(2)).sum::<f64>().sqrt()
    }
}

/// `J = -sum tanh(d / (2 w))` over frames, with `d` the distance to the goal and `w` its width: any step may be the
/// one that arrives.
impl Task for GoalTask {
    fn score(&self, frames: Frames<'_>, mut gradient: Option<&mut FramesGradient<'_>>) -> f64 {
        let mut score = 0.0;
        for frame in 0..frames.len {
            let observation = frames.observations.get(frame);
            let distance = self.away(observation);
            let squashed = (distance / (2.0 * self.width)).tanh();
            score -= frames.weight * squashed;
            // At the goal itself the distance has no gradient; zero is its mean over directions.
            if let Some(gradient) = gradient.as_mut().filter(|_| distance > 0.0) {
                let slope = frames.weight * (1.0 - squashed * squashed) / (2.0 * self.width * distance);
                let row = gradient.observation(frame);
                for (g, &entry) in self.entries.iter().enumerate().take(self.values.len()) {
                    if let Some(slot) = row.get_mut(entry) {
                        *slot -= slope * self.offset(g, observation);
                    }
                }
            }
        }
        score
    }

    fn distance(&self, observation: &[f64]) -> Option<f64> {
        Some(self.away(observation))
    }

    fn tolerance(&self) -> f64 {
        self.radius
    }

    fn condition(&self) -> Option<Condition<'_>> {
        Some(Condition { entries: &self.entries, values: &self.values })
    }

    /// The planned frame nearest to the observation.
    fn progress(&self, plan: Frames<'_>, observation: &[f64]) -> Option<Progress> {
        let away = |frame: usize| -> f64 {
            let planned = plan.observations.get(frame);
            let offset = |&i: &usize| match (planned.get(i), observation.get(i)) {
                (Some(planned), Some(now)) => planned - now,
                _ => f64::INFINITY,
            };
            self.along.iter().map(offset).map(|offset| offset * offset).sum()
        };
        let nearest = (0..plan.len).map(|frame| (frame, away(frame))).min_by(|a, b| a.1.total_cmp(&b.1));
        let (frame, square) = nearest.filter(|_| !self.along.is_empty())?;
        Some(Progress { behind: frame + 1, off: square.sqrt() })
    }
}

/// No task: nothing is wanted, nothing is shown, nothing is reached.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NoTask;

impl Task for NoTask {
    fn score(&self, _frames: Frames<'_>, _gradient: Option<&mut FramesGradient<'_>>) -> f64 {
        0.0
    }
}

/// A task of any score: `score` as in [`Task::score`].
pub struct ScoreTask<F>(pub F);

impl<F> fmt::Debug for ScoreTask<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ScoreTask")
    }
}

impl<F> Task for ScoreTask<F>
where
    F: Fn(Frames<'_>, Option<&mut FramesGradient<'_>>) -> f64 + Send + Sync,
{
    fn score(&self, frames: Frames<'_>, gradient: Option<&mut FramesGradient<'_>>) -> f64 {
        (self.0)(frames, gradient)
    }
}

/// A task that several owners share.
pub type SharedTask = Arc<dyn Task>;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ReturnTask;

    const STRIDE: usize = 4;

    fn frames(values: &[f64]) -> Frames<'_> {
        Frames {
            len: values.len() / STRIDE,
            observations: Rows::strided(values, 1, STRIDE, 2),
            actions: Rows::strided(values, 0, STRIDE, 1),
            rewards: Rows::strided(values, 3, STRIDE, 1),
            weight: 0.5,
        }
    }

    /// Every task's gradient against central differences of its score.
    #[test]
    fn gradients_are_those_of_the_scores() {
        let closure = ScoreTask(|frames: Frames<'_>, gradient: Option<&mut FramesGradient<'_>>| {
            let squares = |i| frames.actions.get(i).iter().map(|a| a * a).sum::<f64>();
            if let Some(gradient) = gradient {
                for i in 0..frames.len {
                    let action = frames.actions.get(i);
                    gradient
                        .action(i)
                        .iter_mut()
                        .zip(action)
                        .for_each(|(g, a)| *g -= 2.0 * frames.weight * a);
                }
            }
            -(0..frames.len).map(|i| frames.weight * squares(i)).sum::<f64>()
        });
        let tasks: [&dyn Task; 4] =
            [&GoalTask::new(&[1, 0], &[0.4, -0.3], 0.2), &ReturnTask, &NoTask, &closure];
        let values = [0.3, 0.1, -0.7, 2.0, -0.2, 0.5, 0.6, -1.0, 0.9, -1.4, 0.2, 0.3];
        for task in tasks {
            let mut gradient = [0.0; 12];
            task.score(frames(&values), Some(&mut FramesGradient::new(&mut gradient, STRIDE, 1, 2)));
            for i in 0..values.len() {
                let moved = |by: f64| {
                    let mut values = values;
                    values[i] += by;
                    task.score(frames(&values), None)
                };
                let slope = (moved(1e-6) - moved(-1e-6)) / 2e-6;
                assert!((slope - gradient[i]).abs() < 1e-8, "{task:?} {i}: {slope} {}", gradient[i]);
            }
        }
    }

    #[test]
    fn a_goal_is_reached_within_its_radius_and_not_outside() {
        let task = GoalTask::new(&[2], &[1.0], 0.5);
        assert!(task.reached(&[9.0, 9.0, 1.5]) && !task.reached(&[1.0, 1.0, 1.51]));
        assert!(!task.reached(&[1.0]), "an observation without the entry is nowhere near");
        assert!(!ReturnTask.reached(&[0.0]) && NoTask.distance(&[0.0]).is_none());
    }

    #[test]
    fn progress_is_the_nearest_frame_by_the_entries_that_move() {
        let plan = [0.0, 5.0, 1.0, 5.0, 2.0, 5.0, 3.0, 6.0];
        let frames = Frames::of_observations(&plan, 2);
        let by_goal = GoalTask::new(&[1], &[6.0], 0.1);
        assert_eq!(by_goal.progress(frames, &[2.1, 5.0]).map(|p| p.behind), Some(1));
        let by_arm = by_goal.with_progress(&[0]);
        let progress = by_arm.progress(frames, &[2.1, 5.0]);
        assert!(progress.is_some_and(|p| p.behind == 3 && (p.off - 0.1).abs() < 1e-12));
        assert!(ReturnTask.progress(frames, &[2.1, 5.0]).is_none());
    }
}
