//! Cubes, each of which is wanted at a place: all at once to be done, one after the other to be planned.

use std::sync::Arc;

use super::cube_order::{THERE, held, next_move};
use super::cube_seen::{CubeSeen, places};
use super::robot::{SCALE, shown};
use super::{CUBE_RADIUS, robot_seen};
use crate::{Condition, EnvError, Frames, FramesGradient, ObjectsTask, Progress, SharedTask, Task};

/// Every cube within 4 cm of its own place.
///
/// Of several cubes one is moved at a time ([`Task::stage`]): the one whose place is free and holds, the lower place first; where
/// none is, one is put aside. This says what is moved next and where to, as the task's rules have it; how, it leaves to whoever plans.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct CubesTask {
    all: ObjectsTask,
    /// Where each is wanted, metres.
    goals: Vec<[f64; 3]>,
}

impl CubesTask {
    /// Of these places, metres.
    ///
    /// # Errors
    /// [`EnvError::Mismatch`] for no cubes.
    pub fn new(goals: &[[f64; 3]]) -> Result<Self, EnvError> {
        Ok(Self { all: at(goals, CUBE_RADIUS)?, goals: goals.to_vec() })
    }

    fn next(&self, observation: &[f64]) -> Option<ObjectsTask> {
        let count = self.goals.len();
        let seen = CubeSeen::of(observation, count).ok().filter(|_| count > 1)?;
        let mut cubes: Vec<[f64; 3]> = (0..count).map(|cube| seen.cube(cube)).collect();
        if !cubes.iter().flatten().all(|place| place.is_finite()) {
            return None;
        }
        let (cube, to) = next_move(&cubes, &self.goals, held(&cubes, seen.robot().hand()))?;
        cubes[cube] = to;
        // Done as the next move is chosen: a cube that has to move on is not there yet.
        at(&cubes, THERE).ok()
    }
}

/// All cubes within a radius of these places, metres.
fn at(places_of: &[[f64; 3]], radius: f64) -> Result<ObjectsTask, EnvError> {
    let values: Vec<f64> = places_of.iter().flat_map(|place| shown(*place)).collect();
    let entries = places(places_of.len());
    let hand: Vec<usize> = (robot_seen::HAND..robot_seen::HAND + 3).collect();
    // While the arm approaches a cube, only the hand moves.
    let along = [hand, entries.clone()].concat();
    Ok(ObjectsTask::new(&entries, &values, 3, radius * SCALE)?.with_progress(&along))
}

impl Task for CubesTask {
    fn score(&self, frames: Frames<'_>, gradient: Option<&mut FramesGradient<'_>>) -> f64 {
        self.all.score(frames, gradient)
    }

    fn distance(&self, observation: &[f64]) -> Option<f64> {
        self.all.distance(observation)
    }

    fn tolerance(&self) -> f64 {
        self.all.tolerance()
    }

    fn condition(&self) -> Option<Condition<'_>> {
        self.all.condition()
    }

    fn progress(&self, plan: Frames<'_>, observation: &[f64]) -> Option<Progress> {
        self.all.progress(plan, observation)
    }

    fn stage(&self, observation: &[f64]) -> Option<SharedTask> {
        self.next(observation).map(|stage| Arc::new(stage) as SharedTask)
    }
}

#[cfg(test)]
mod tests {
    use super::super::cube_seen;
    use super::*;

    const TABLE: f64 = 0.02;

    fn seen(hand: [f64; 3], cubes: &[[f64; 3]]) -> Vec<f64> {
        let mut seen = vec![0.0; cube_seen::len(cubes.len())];
        seen[robot_seen::HAND..robot_seen::HAND + 3].copy_from_slice(&shown(hand));
        for (cube, at) in cubes.iter().enumerate() {
            let first = cube_seen::first_of(cube);
            seen[first..first + 3].copy_from_slice(&shown(*at));
        }
        seen
    }

    fn wanted(task: &CubesTask, hand: [f64; 3], cubes: &[[f64; 3]]) -> Vec<[f64; 3]> {
        let stage = task.stage(&seen(hand, cubes)).unwrap();
        let values = stage.condition().unwrap().values.to_vec();
        values.as_chunks::<3>().0.iter().map(|place| super::super::robot::place(*place)).collect()
    }

    fn near(a: &[[f64; 3]], b: &[[f64; 3]]) -> bool {
        a.iter().flatten().zip(b.iter().flatten()).all(|(a, b)| (a - b).abs() < 1e-9)
    }

    #[test]
    fn one_cube_is_wanted_elsewhere_and_the_others_stay() {
        let cubes = [[0.4, 0.1, TABLE], [0.4, -0.1, TABLE]];
        let goals = [[0.5, 0.1, TABLE], [0.5, -0.1, TABLE]];
        let task = CubesTask::new(&goals).unwrap();
        let away = [0.3, 0.0, 0.2];
        assert!(near(&wanted(&task, away, &cubes), &[goals[0], cubes[1]]));
        assert!(near(&wanted(&task, away, &[goals[0], cubes[1]]), &goals), "the first is there");
        assert!(task.reached(&seen(away, &goals)) && !task.reached(&seen(away, &[goals[0], cubes[1]])));
    }

    /// Two cubes that change places: the first is put aside, and stays what is moved until it lies there, though the second could
    /// be moved as soon as it has left.
    #[test]
    fn what_is_held_is_put_down_before_another_is_moved() {
        let (left, right) = ([0.4, 0.1, TABLE], [0.4, -0.1, TABLE]);
        let task = CubesTask::new(&[right, left]).unwrap();
        let first = wanted(&task, [0.3, 0.0, 0.2], &[left, right]);
        assert!(near(&first[1..], &[right]) && !near(&first[..1], &[left]), "{first:?}");
        let aside = first[0];
        let lifted = [0.45, 0.2, 0.15];
        assert!(near(&wanted(&task, lifted, &[lifted, right])[..1], &[aside]));
        let put_down = wanted(&task, [aside[0], aside[1], 0.03], &[aside, right]);
        assert!(near(&put_down, &[aside, left]), "{put_down:?}");
    }

    /// 3.5 cm off counts for the task, and is too far for another cube to stand on.
    #[test]
    fn a_stage_is_as_strict_as_what_chooses_it() {
        let goals = [[0.5, 0.1, TABLE], [0.5, 0.1, TABLE + 0.04]];
        let task = CubesTask::new(&goals).unwrap();
        let at = seen([0.3, 0.0, 0.2], &[[0.535, 0.1, TABLE], [0.4, -0.1, TABLE]]);
        let stage = task.stage(&at).unwrap();
        assert!(!stage.reached(&at), "the lower cube is moved once more");
    }

    #[test]
    fn one_cube_has_no_stages_and_neither_has_what_is_not_seen() {
        let one = CubesTask::new(&[[0.5, 0.1, TABLE]]).unwrap();
        assert!(one.stage(&seen([0.3, 0.0, 0.2], &[[0.4, 0.1, TABLE]])).is_none());
        let two = CubesTask::new(&[[0.5, 0.1, TABLE], [0.5, -0.1, TABLE]]).unwrap();
        assert!(two.stage(&[0.0; 3]).is_none());
        assert!(two.stage(&seen([0.3, 0.0, 0.2], &[[f64::NAN, 0.1, TABLE], [0.4, 0.0, TABLE]])).is_none());
    }
}
