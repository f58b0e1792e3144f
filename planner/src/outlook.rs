//! What doing a plan is expected to lead to.

use forethought_envs::{GoalTask, Task};

/// What is expected of a plan, from outcomes of its decisions that were drawn afresh: not those that it was chosen by, which
/// speak well of whatever is chosen by them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Outlook {
    /// Probability that all goes as planned. None for tasks without an end, whose plans say nothing that could be missed.
    pub chance: Option<f64>,
    /// Mean value: the task's score or, where the task has an end, minus the frames until it is done.
    pub mean: f64,
    /// Standard deviation of the value.
    pub spread: f64,
    /// What it is worth if all goes as planned. None where plans are followed to their end, whatever comes.
    pub promise: Option<f64>,
    /// Of each frame of the first chunk, the share of its outcomes that are where the plan says ([`as_planned`]): what a few
    /// steps of doing the plan bear out or do not. Empty where the task is for no place.
    pub near: Vec<f64>,
    /// Outcomes drawn.
    pub samples: usize,
    /// The outcomes themselves, where a trace was asked for.
    pub outcomes: Vec<Outcome>,
}

/// One outcome of some of a plan's frames.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Outcome {
    /// The frame that it begins with.
    pub first_frame: usize,
    /// Observations `[frames, observation]`, environment units.
    pub observations: Vec<f64>,
    /// Rewards `[frames]`; empty where tokens carry none.
    pub rewards: Vec<f64>,
}

/// Whether an observation is where a plan says, as far as the task can tell; always for tasks that speak of no place.
pub fn as_planned(task: &dyn Task, planned: &[f64], here: &[f64]) -> bool {
    within(1.0, task, planned, here)
}

/// Whether an observation is within so many of the task's tolerances of where a plan says; always for tasks that speak of no
/// place.
pub(crate) fn within(tolerances: f64, task: &dyn Task, planned: &[f64], here: &[f64]) -> bool {
    let Some(condition) = task.condition() else { return true };
    let value = |&entry: &usize| planned.get(entry).copied().unwrap_or(f64::NAN);
    let there: Vec<f64> = condition.entries.iter().map(value).collect();
    GoalTask::new(condition.entries, &there, tolerances * task.tolerance()).reached(here)
}

/// Values of a plan's outcomes, each with its probability.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Fates(Vec<(f64, f64)>);

impl Fates {
    /// Adds a value; nothing where it has no probability.
    pub fn add(&mut self, probability: f64, value: f64) {
        if probability > 0.0 {
            self.0.push((probability, value));
        }
    }

    /// Mean of the worst `risk` of all outcomes; with 1 the mean.
    pub fn worst(&self, risk: f64) -> f64 {
        let mut sorted = self.0.clone();
        sorted.sort_by(|a, b| a.1.total_cmp(&b.1));
        let all: f64 = sorted.iter().map(|(probability, _)| probability).sum();
        let mut left = risk * all;
        let tail = |&(probability, value): &(f64, f64)| {
            let share = probability.min(left);
            left -= share;
            share * value
        };
        sorted.iter().map(tail).sum::<f64>() / (risk * all)
    }

    /// Standard deviation.
    pub fn spread(&self) -> f64 {
        let all: f64 = self.0.iter().map(|(probability, _)| probability).sum();
        let mean = self.worst(1.0);
        let square = |&(probability, value): &(f64, f64)| probability * (value - mean).powi(2);
        (self.0.iter().map(square).sum::<f64>() / all).sqrt()
    }
}

#[cfg(test)]
mod tests {
    use super::Fates;

    fn fates(pairs: &[(f64, f64)]) -> Fates {
        let mut fates = Fates::default();
        pairs.iter().for_each(|&(probability, value)| fates.add(probability, value));
        fates
    }

    #[test]
    fn the_worst_share_is_weighed_by_probability() {
        let fates = fates(&[(0.5, 10.0), (0.25, -2.0), (0.25, 4.0), (0.0, f64::NAN)]);
        assert_eq!(fates.worst(1.0), 5.5);
        assert_eq!((fates.worst(0.25), fates.worst(0.5), fates.worst(0.1)), (-2.0, 1.0, -2.0));
        // A quarter and half of the next one: (0.25 * -2 + 0.125 * 4) / 0.375.
        assert!(fates.worst(0.375).abs() < 1e-12);
        assert!((fates.spread() - (0.5 * 20.25 + 0.25 * 56.25 + 0.25 * 2.25_f64).sqrt()).abs() < 1e-12);
    }

    #[test]
    fn what_is_certain_has_no_spread() {
        assert_eq!((fates(&[(1.0, -3.0)]).worst(0.25), fates(&[(1.0, -3.0)]).spread()), (-3.0, 0.0));
    }
}
