//! The five tasks of the scene (`SceneEnv.set_tasks`).

use super::scene_things::{DRAWER_OPEN, SceneThings, WINDOW_OPEN};

/// Tasks of the scene.
pub const SCENE_TASKS: usize = 5;

/// The cube's place behind the front of the shut drawer, metres.
const BEHIND_FRONT: [f64; 3] = [0.33, -0.356, 0.065986];

const fn things(cube: [f64; 3], buttons: [bool; 2], drawer: f64, window: f64) -> SceneThings {
    SceneThings { cube, buttons, drawer, window }
}

/// Where things begin and where they are wanted.
const TASKS: [[SceneThings; 2]; SCENE_TASKS] = [
    [
        things([0.35, 0.05, 0.02], [true, true], 0.0, 0.0),
        things([0.35, 0.05, 0.02], [true, true], DRAWER_OPEN, WINDOW_OPEN),
    ],
    [
        things([0.35, -0.05, 0.02], [false, false], DRAWER_OPEN, WINDOW_OPEN),
        things([0.35, -0.05, 0.02], [false, false], 0.0, 0.0),
    ],
    [
        things([0.4, -0.05, 0.02], [true, false], 0.0, WINDOW_OPEN),
        things([0.4, 0.15, 0.02], [true, true], DRAWER_OPEN, 0.0),
    ],
    [things([0.35, 0.05, 0.02], [false, false], 0.0, 0.0), things(BEHIND_FRONT, [true, false], 0.0, 0.0)],
    [
        things([0.35, 0.15, 0.02], [false, false], 0.0, 0.0),
        things(BEHIND_FRONT, [false, false], 0.0, WINDOW_OPEN),
    ],
];

/// Task of a number from 1 to 5: where the things begin and where they are wanted. `None` for other numbers.
pub fn scene_task(number: usize) -> Option<[SceneThings; 2]> {
    TASKS.get(number.checked_sub(1)?).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tasks_are_numbered_from_one_to_five_and_ask_for_something() {
        assert!(scene_task(0).is_none() && scene_task(6).is_none());
        for number in 1..=SCENE_TASKS {
            let [from, to] = scene_task(number).unwrap();
            assert_ne!(from, to, "{number}");
            assert_eq!(to.in_drawer(), number >= 4, "the last two put the cube into the drawer");
        }
    }
}
