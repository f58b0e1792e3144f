//! What to do next, so that every thing of the scene gets to where it is wanted: what is locked is unlocked first, and a cube goes
//! through the open drawer.

use super::rotation::distance;
use super::scene_things::{DRAWER_OPEN, IN_DRAWER, SceneThings};

/// What is this near to where it is wanted stays, metres: less than the 4 cm that count as there.
const THERE: f64 = 0.03;
/// Where the drawer is open far enough for a cube, metres (`SceneEnv.set_new_target`).
const OPEN: f64 = -0.12;

/// A thing with where to bring it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Move {
    Cube([f64; 3]),
    /// Press this button.
    Button(usize),
    Drawer(f64),
    Window(f64),
}

/// The next move.
pub(super) fn next_move(now: &SceneThings, goal: &SceneThings) -> Move {
    let [drawer_free, window_free] = now.buttons;
    let drawer = |to: f64| if drawer_free { Move::Drawer(to) } else { Move::Button(0) };
    let window = |to: f64| if window_free { Move::Window(to) } else { Move::Button(1) };
    let (is_in, wanted_in) = (now.in_drawer(), goal.in_drawer());
    let away = distance(now.cube, goal.cube) > THERE;
    // In the drawer is near enough until that is shut: where the cube lies in it comes of how it is pushed.
    let misplaced = if wanted_in { !is_in } else { is_in || away };
    let put = Move::Cube(if wanted_in { IN_DRAWER } else { goal.cube });
    if misplaced {
        return if (is_in || wanted_in) && now.drawer > OPEN { drawer(DRAWER_OPEN) } else { put };
    }
    if (now.drawer - goal.drawer).abs() > THERE {
        return drawer(goal.drawer);
    }
    if away {
        // It lies elsewhere in the drawer: a drawer that is moved once more moves it on.
        return drawer(if goal.drawer > 0.5 * DRAWER_OPEN { DRAWER_OPEN } else { 0.0 });
    }
    if (now.window - goal.window).abs() > THERE {
        return window(goal.window);
    }
    match now.buttons.iter().zip(goal.buttons).position(|(on, wanted)| *on != wanted) {
        Some(button) => Move::Button(button),
        // All is there to within what stays: the cube once more.
        None => put,
    }
}

#[cfg(test)]
mod tests {
    use super::super::scene_tasks::{SCENE_TASKS, scene_task};
    use super::*;

    /// As if every move were made as asked; a cube in a drawer that is shut ends behind its front.
    fn made(mut now: SceneThings, step: Move) -> SceneThings {
        match step {
            Move::Cube(to) => now.cube = to,
            Move::Button(button) => now.buttons[button] ^= true,
            Move::Drawer(to) => {
                assert!(now.buttons[0], "what is locked is not moved");
                if now.in_drawer() {
                    let y = if to == 0.0 { -0.356 } else { now.cube[1] - (to - now.drawer) };
                    now.cube[1] = y;
                }
                now.drawer = to;
            }
            Move::Window(to) => {
                assert!(now.buttons[1], "what is locked is not moved");
                now.window = to;
            }
        }
        now
    }

    #[test]
    fn all_tasks_end_when_moves_are_made_as_asked() {
        let moves = |number: usize| {
            let [mut now, goal] = scene_task(number).unwrap();
            let mut count = 0;
            while distance(now.cube, goal.cube) > THERE || (SceneThings { cube: goal.cube, ..now }) != goal {
                now = made(now, next_move(&now, &goal));
                count += 1;
                assert!(count <= 12, "{number} goes on for ever: {now:?}");
            }
            count
        };
        let all: Vec<usize> = (1..=SCENE_TASKS).map(moves).collect();
        assert_eq!(all, [2, 6, 4, 4, 8]);
    }

    #[test]
    fn a_cube_comes_out_of_the_drawer_by_the_same_way() {
        let [_, inside] = scene_task(4).unwrap();
        let goal = SceneThings { cube: [0.4, 0.1, 0.02], ..inside };
        let mut now = inside;
        let mut moves = Vec::new();
        for _ in 0..3 {
            let step = next_move(&now, &goal);
            now = made(now, step);
            moves.push(step);
        }
        assert_eq!(moves, [Move::Drawer(DRAWER_OPEN), Move::Cube(goal.cube), Move::Drawer(0.0)]);
        assert_eq!(now, goal);
    }

    #[test]
    fn a_cube_that_lies_elsewhere_in_the_drawer_is_shaken() {
        let [_, goal] = scene_task(4).unwrap();
        let now = SceneThings { cube: [0.33, -0.41, 0.066], ..goal };
        assert!(now.in_drawer());
        assert_eq!(next_move(&now, &goal), Move::Drawer(DRAWER_OPEN));
    }
}
