//! Several things, each of which is wanted somewhere.

use crate::{Condition, EnvError, Frames, FramesGradient, GoalTask, Progress, Task};

/// Bring each of several things within a radius of its own place, all at once. What else an observation says, such as where
/// the arm is that moves them, does not count.
///
/// It differs from a [`GoalTask`] of the same entries where there are several things: there the radius holds for all of
/// them together, here for each.
#[derive(Clone, Debug, PartialEq)]
pub struct ObjectsTask {
    /// What is shown of the goal, and how far along a plan one is.
    goal: GoalTask,
    entries: Vec<usize>,
    values: Vec<f64>,
    /// Numbers of one thing.
    each: usize,
    radius: f64,
    width: f64,
}

impl ObjectsTask {
    /// `values` are wanted of the observation's `entries`, of which every `each` belong to one thing; within `radius`
    /// (Euclidean, observation units) of its values a thing counts as there.
    ///
    /// # Errors
    /// [`EnvError::Mismatch`] for things of no entries, and for numbers of entries and values that are not the same multiple
    /// of `each`.
    pub fn new(entries: &[usize], values: &[f64], each: usize, radius: f64) -> Result<Self, EnvError> {
        let whole = entries.len().checked_rem(each) == Some(0) && !entries.is_empty();
        if !whole || values.len() != entries.len() {
            return Err(EnvError::Mismatch(format!(
                "{} entries and {} values are not those of things with {each} each: give as many of both, and some for \
                 every thing",
                entries.len(),
                values.len()
            )));
        }
        Ok(Self {
            goal: GoalTask::new(entries, values, radius),
            entries: entries.to_vec(),
            values: values.to_vec(),
            each,
            radius,
            width: GoalTask::WIDTH * radius,
        })
    }

    /// Observation entries that tell how far along a plan one is: besides the things, what moves before they do.
    #[must_use]
    pub fn with_progress(mut self, entries: &[usize]) -> Self {
        self.goal = self.goal.with_progress(entries);
        self
    }

    /// How far each thing is from its place, in observation units.
    pub fn away<'a>(&'a self, observation: &'a [f64]) -> impl Iterator<Item = f64> + 'a {
        self.entries.chunks(self.each).zip(self.values.chunks(self.each)).map(|(entries, values)| {
            let offsets = entries.iter().zip(values);
            let square = |(&entry, value): (&usize, &f64)| {
                observation.get(entry).map_or(f64::INFINITY, |seen| (seen - value).powi(2))
            };
            offsets.map(square).sum::<f64>().sqrt()
        })
    }
}

/// `J = -sum mean tanh(d / (2 w))` over frames and things, with `d` a thing's distance from its place and `w` four radii,
/// as a [`GoalTask`]'s: for one thing both are the same.
impl Task for ObjectsTask {
    fn score(&self, frames: Frames<'_>, mut gradient: Option<&mut FramesGradient<'_>>) -> f64 {
        let mut score = 0.0;
        let share = frames.weight / self.values.len().checked_div(self.each).unwrap_or(1).max(1) as f64;
        for frame in 0..frames.len {
            let observation = frames.observations.get(frame);
            for (thing, distance) in self.away(observation).enumerate() {
                let squashed = (distance / (2.0 * self.width)).tanh();
                score -= share * squashed;
                // At its place a thing's distance has no gradient; zero is its mean over directions.
                let Some(gradient) = gradient.as_mut().filter(|_| distance > 0.0 && distance.is_finite())
                else {
                    continue;
                };
                let slope = share * (1.0 - squashed * squashed) / (2.0 * self.width * distance);
                let row = gradient.observation(frame);
                let own = thing * self.each..(thing + 1) * self.each;
                let wanted = self.entries.iter().zip(&self.values).take(own.end).skip(own.start);
                for (&entry, value) in wanted {
                    if let (Some(slot), Some(seen)) = (row.get_mut(entry), observation.get(entry)) {
                        *slot -= slope * (seen - value);
                    }
                }
            }
        }
        score
    }

    /// That of the thing that is furthest.
    fn distance(&self, observation: &[f64]) -> Option<f64> {
        Some(self.away(observation).fold(0.0, f64::max))
    }

    fn tolerance(&self) -> f64 {
        self.radius
    }

    fn condition(&self) -> Option<Condition<'_>> {
        self.goal.condition()
    }

    fn progress(&self, plan: Frames<'_>, observation: &[f64]) -> Option<Progress> {
        self.goal.progress(plan, observation)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn two() -> ObjectsTask {
        ObjectsTask::new(&[1, 2, 4, 5], &[0.0, 0.0, 1.0, 1.0], 2, 0.5).unwrap()
    }

    #[test]
    fn every_thing_must_be_within_the_radius_and_nothing_else_counts() {
        // Each 0.4 away, together 0.57: a `GoalTask` would not be done.
        let seen = [9.0, 0.4, 0.0, -9.0, 1.0, 1.4];
        assert!(two().reached(&seen));
        assert!(!GoalTask::new(&[1, 2, 4, 5], &[0.0, 0.0, 1.0, 1.0], 0.5).reached(&seen));
        assert!(!two().reached(&[9.0, 0.0, 0.0, -9.0, 1.0, 1.51]));
        assert!((two().distance(&seen).unwrap() - 0.4).abs() < 1e-12);
        assert!(!two().reached(&seen[..5]), "an observation without a thing is nowhere near");
    }

    #[test]
    fn gradients_are_those_of_the_score() {
        let values: Vec<f64> = (0..16).map(|i| (f64::from(i) * 0.7).sin()).collect();
        let frames = |values: &[f64], task: &ObjectsTask, gradient: Option<&mut FramesGradient<'_>>| {
            let rows = crate::Rows::strided(values, 1, 8, 6);
            task.score(Frames { len: 2, observations: rows, weight: 0.5, ..Frames::default() }, gradient)
        };
        let mut slopes = [0.0; 16];
        frames(&values, &two(), Some(&mut FramesGradient::new(&mut slopes, 8, 1, 6)));
        for i in 0..16 {
            let moved = |by: f64| {
                let mut values = values.clone();
                values[i] += by;
                frames(&values, &two(), None)
            };
            let slope = (moved(1e-6) - moved(-1e-6)) / 2e-6;
            assert!((slope - slopes[i]).abs() < 1e-8, "{i}: {slope} {}", slopes[i]);
        }
        assert!(slopes.iter().filter(|slope| **slope != 0.0).count() == 8);
    }

    #[test]
    fn one_thing_is_a_goal_task() {
        let one = ObjectsTask::new(&[0, 1], &[0.3, -0.2], 2, 0.1).unwrap().with_progress(&[2]);
        let goal = GoalTask::new(&[0, 1], &[0.3, -0.2], 0.1).with_progress(&[2]);
        let seen = [0.5, 0.1, 2.0, -0.4, 0.3, 3.0];
        let frames = Frames::of_observations(&seen, 3);
        assert!((one.score(frames, None) - goal.score(frames, None)).abs() < 1e-15);
        assert_eq!(one.distance(&seen), goal.distance(&seen));
        assert_eq!(one.condition(), goal.condition());
        assert_eq!(one.progress(frames, &[0.0, 0.0, 2.9]).unwrap().behind, 2);
    }

    #[test]
    fn things_of_other_sizes_are_refused() {
        for (entries, values, each) in
            [(&[0, 1][..], &[0.0][..], 1), (&[0, 1, 2], &[0.0; 3], 2), (&[0], &[0.0], 0), (&[], &[], 1)]
        {
            let refused = ObjectsTask::new(entries, values, each, 0.1).unwrap_err();
            assert!(refused.to_string().contains(&format!("with {each} each")), "{refused}");
        }
    }
}
