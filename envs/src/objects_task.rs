//! Several things, each of which is wanted somewhere.

use crate::{Condition, EnvError, Frames, FramesGradient, GoalTask, Progress, Task};

/// Bring each of several things within a radius of its own values, all at once. What else an observation says, such as where
/// the arm is that moves them, does not count.
///
/// It differs from a [`GoalTask`] of the same entries where there are several things: there the radius holds for all of
/// them together, here for each.
///
/// Things may be of different kinds, with radii of their own. Distances are told in units of the first thing: another's is multiplied by
/// the ratio of the radii, so that one tolerance holds for all.
#[derive(Clone, Debug, PartialEq)]
pub struct ObjectsTask {
    /// What is shown of the goal, and how far along a plan one is.
    goal: GoalTask,
    things: Vec<Thing>,
    radius: f64,
}

/// A thing of an [`ObjectsTask`].
#[derive(Clone, Debug, PartialEq)]
struct Thing {
    /// Observation entries that tell of it.
    entries: Vec<usize>,
    /// What is wanted of them.
    values: Vec<f64>,
    /// Radius of the first thing as a multiple of this one's.
    unit: f64,
    width: f64,
}

impl Thing {
    fn new(entries: &[usize], values: &[f64], radius: f64, unit: f64) -> Self {
        Self { entries: entries.to_vec(), values: values.to_vec(), unit, width: GoalTask::WIDTH * radius }
    }

    /// How far it is from what is wanted, in its own units.
    fn away(&self, observation: &[f64]) -> f64 {
        let square = |(&entry, value): (&usize, &f64)| {
            observation.get(entry).map_or(f64::INFINITY, |seen| (seen - value).powi(2))
        };
        self.entries.iter().zip(&self.values).map(square).sum::<f64>().sqrt()
    }
}

/// A thing that is wanted somewhere.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct WantedThing<'a> {
    /// Observation entries that tell of it.
    pub entries: &'a [usize],
    /// What is wanted of them, one value for each.
    pub values: &'a [f64],
    /// Within this distance (Euclidean, observation units) it counts as there.
    pub radius: f64,
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
        let things = entries.chunks(each).zip(values.chunks(each));
        let things = things.map(|(entries, values)| Thing::new(entries, values, radius, 1.0)).collect();
        Ok(Self { goal: GoalTask::new(entries, values, radius), things, radius })
    }

    /// The same of things that differ in their number of entries and in their radii.
    ///
    /// # Errors
    /// [`EnvError::Mismatch`] for no things, a thing of no entries or of another number of values, and for a radius that is not
    /// positive and finite.
    pub fn of_things(things: &[WantedThing<'_>]) -> Result<Self, EnvError> {
        let Some(first) = things.first() else {
            return Err(EnvError::Mismatch("a task of things speaks of none: give it one at least".into()));
        };
        for (number, thing) in things.iter().enumerate() {
            let (entries, values, radius) = (thing.entries.len(), thing.values.len(), thing.radius);
            if entries == 0 || entries != values || !(radius.is_finite() && radius > 0.0) {
                return Err(EnvError::Mismatch(format!(
                    "thing {number} has {entries} entries, {values} values and a radius of {radius}: give it as many of both, one at \
                     least, and a radius above 0"
                )));
            }
        }
        let all = things.iter().flat_map(|thing| thing.entries).copied().collect::<Vec<usize>>();
        let values = things.iter().flat_map(|thing| thing.values).copied().collect::<Vec<f64>>();
        let own = |thing: &WantedThing<'_>| {
            Thing::new(thing.entries, thing.values, thing.radius, first.radius / thing.radius)
        };
        let goal = GoalTask::new(&all, &values, first.radius);
        Ok(Self { goal, things: things.iter().map(own).collect(), radius: first.radius })
    }

    /// Observation entries that tell how far along a plan one is: besides the things, what moves before they do.
    #[must_use]
    pub fn with_progress(mut self, entries: &[usize]) -> Self {
        self.goal = self.goal.with_progress(entries);
        self
    }

    /// How far each thing is from its place, in units of the first.
    pub fn away<'a>(&'a self, observation: &'a [f64]) -> impl Iterator<Item = f64> + 'a {
        self.things.iter().map(|thing| thing.away(observation) * thing.unit)
    }
}

/// `J = -sum mean tanh(d / (2 w))` over frames and things, with `d` a thing's distance from its place and `w` four radii,
/// as a [`GoalTask`]'s: for one thing both are the same.
impl Task for ObjectsTask {
    fn score(&self, frames: Frames<'_>, mut gradient: Option<&mut FramesGradient<'_>>) -> f64 {
        let mut score = 0.0;
        let share = frames.weight / self.things.len().max(1) as f64;
        for frame in 0..frames.len {
            let observation = frames.observations.get(frame);
            for thing in &self.things {
                let distance = thing.away(observation);
                let squashed = (distance / (2.0 * thing.width)).tanh();
                score -= share * squashed;
                // At its place a thing's distance has no gradient; zero is its mean over directions.
                let Some(gradient) = gradient.as_mut().filter(|_| distance > 0.0 && distance.is_finite())
                else {
                    continue;
                };
                let slope = share * (1.0 - squashed * squashed) / (2.0 * thing.width * distance);
                let row = gradient.observation(frame);
                for (&entry, value) in thing.entries.iter().zip(&thing.values) {
                    if let (Some(slot), Some(seen)) = (row.get_mut(entry), observation.get(entry)) {
                        *slot -= slope * (seen - value);
                    }
                }
            }
        }
        score
    }

    /// That of the thing that is furthest, in units of the first.
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

    /// A place with a radius of 0.5, and a joint with one of 0.1.
    fn mixed() -> ObjectsTask {
        let place = WantedThing { entries: &[0, 1], values: &[0.3, 0.0], radius: 0.5 };
        let joint = WantedThing { entries: &[4], values: &[-1.0], radius: 0.1 };
        ObjectsTask::of_things(&[place, joint]).unwrap()
    }

    #[test]
    fn each_thing_has_a_radius_of_its_own() {
        let task = mixed();
        for (place, joint, reached) in
            [([0.7, 0.0], -1.09, true), ([0.7, 0.0], -1.11, false), ([0.9, 0.0], -1.0, false)]
        {
            let seen = [place[0], place[1], 9.0, 9.0, joint, 9.0];
            assert_eq!(task.reached(&seen), reached, "{seen:?}");
        }
        // A twentieth of the joint's unit off is as far as a quarter of the place's.
        assert!((task.distance(&[0.3, 0.0, 0.0, 0.0, -1.05]).unwrap() - 0.25).abs() < 1e-12);
        assert_eq!(task.condition().unwrap().entries, [0, 1, 4]);
        assert_eq!(task.condition().unwrap().values, [0.3, 0.0, -1.0]);
        let same = [[1usize, 2], [4, 5]].map(|entries| entries.to_vec());
        let values = [[0.0; 2], [1.0; 2]];
        let things: Vec<WantedThing<'_>> = same
            .iter()
            .zip(&values)
            .map(|(entries, values)| WantedThing { entries, values, radius: 0.5 })
            .collect();
        assert_eq!(ObjectsTask::of_things(&things).unwrap(), two());
    }

    #[test]
    fn things_without_entries_or_radius_are_refused() {
        let whole = WantedThing { entries: &[0], values: &[1.0], radius: 0.1 };
        for broken in [
            WantedThing { entries: &[], values: &[], ..whole },
            WantedThing { values: &[1.0, 2.0], ..whole },
            WantedThing { radius: 0.0, ..whole },
            WantedThing { radius: f64::NAN, ..whole },
        ] {
            let refused = ObjectsTask::of_things(&[whole, broken]).unwrap_err().to_string();
            assert!(refused.contains("thing 1 has"), "{refused}");
        }
        assert!(ObjectsTask::of_things(&[]).is_err());
    }

    fn check_gradient(task: &ObjectsTask, entries: usize) {
        let values: Vec<f64> = (0..16).map(|i| (f64::from(i) * 0.7).sin()).collect();
        let frames = |values: &[f64], task: &ObjectsTask, gradient: Option<&mut FramesGradient<'_>>| {
            let rows = crate::Rows::strided(values, 1, 8, 6);
            task.score(Frames { len: 2, observations: rows, weight: 0.5, ..Frames::default() }, gradient)
        };
        let mut slopes = [0.0; 16];
        frames(&values, task, Some(&mut FramesGradient::new(&mut slopes, 8, 1, 6)));
        for i in 0..16 {
            let moved = |by: f64| {
                let mut values = values.clone();
                values[i] += by;
                frames(&values, task, None)
            };
            let slope = (moved(1e-6) - moved(-1e-6)) / 2e-6;
            assert!((slope - slopes[i]).abs() < 1e-8, "{i}: {slope} {}", slopes[i]);
        }
        assert_eq!(slopes.iter().filter(|slope| **slope != 0.0).count(), entries);
    }

    #[test]
    fn gradients_are_those_of_the_score() {
        check_gradient(&two(), 8);
        check_gradient(&mixed(), 6);
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
