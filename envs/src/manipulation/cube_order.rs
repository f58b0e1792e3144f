//! Which cube to move next, and where to, so that every cube gets to its goal: also where goals are taken, and where
//! cubes are stacked.

use super::cube_scene::ON_TABLE;
use super::cubes::EDGE;
use super::robot::STARTS;
use super::rotation::distance;

/// A cube within this distance of its goal stays, metres: less than the 4 cm that count as there, so that stacks stand.
pub(super) const THERE: f64 = 0.03;
/// Cubes whose middles are nearer than this along the table are one above the other, metres.
const STACKED: f64 = 0.03;
/// A goal with another cube nearer than this cannot be reached by open fingers, metres.
const TAKEN: f64 = 0.05;
/// Places of the table that are tried for a cube that is in the way, along x and along y: a margin off the workspace's edge.
const GRID: [usize; 2] = [6, 15];
const MARGIN: f64 = 0.07;

/// A cube this far above what it lies on, or would, is lifted, metres.
const LIFTED: f64 = 0.01;
/// A cube whose middle is nearer than this to the hand's is between the fingers, metres.
const BETWEEN: f64 = 0.03;

/// The cube that the hand holds up, if any.
pub(super) fn held(cubes: &[[f64; 3]], hand: [f64; 3]) -> Option<usize> {
    let lies = |cube: usize| {
        let below = cubes.iter().enumerate().filter(|(other, at)| *other != cube && above(**at, cubes[cube]));
        below.map(|(_, at)| at[2] + EDGE).fold(ON_TABLE, f64::max)
    };
    (0..cubes.len())
        .find(|&cube| distance(cubes[cube], hand) < BETWEEN && cubes[cube][2] > lies(cube) + LIFTED)
}

/// The next move: a cube and where to put it, which is the one that is `held` where one is. `None` where there are no cubes.
pub(super) fn next_move(
    cubes: &[[f64; 3]],
    goals: &[[f64; 3]],
    held: Option<usize>,
) -> Option<(usize, [f64; 3])> {
    let ready = |cube: &usize| is_free(cubes, *cube, goals[*cube]) && is_supported(cubes, goals, *cube);
    if let Some(cube) = held.filter(|cube| *cube < cubes.len().min(goals.len())) {
        return Some((cube, if ready(&cube) { goals[cube] } else { aside(cubes, goals, cube) }));
    }
    let away: Vec<usize> = (0..cubes.len().min(goals.len()))
        .filter(|cube| distance(cubes[*cube], goals[*cube]) > THERE)
        .collect();
    let free: Vec<usize> = away.iter().copied().filter(|cube| nothing_on(cubes, *cube)).collect();
    let direct = free.iter().copied().filter(ready);
    // The lower goal first: others may be on it.
    if let Some(cube) = direct.min_by(|a, b| goals[*a][2].total_cmp(&goals[*b][2])) {
        return Some((cube, goals[cube]));
    }
    // What lies on a cube that must go is in the way, where it is wanted or not.
    let on_top =
        |cube: &usize| nothing_on(cubes, *cube) && away.iter().any(|low| above(cubes[*low], cubes[*cube]));
    let in_way = (0..cubes.len()).find(on_top).or_else(|| free.first().copied());
    if let Some(cube) = in_way {
        return Some((cube, aside(cubes, goals, cube)));
    }
    // All are there to within what stays: the furthest once more.
    let furthest = (0..cubes.len().min(goals.len()))
        .max_by(|a, b| distance(cubes[*a], goals[*a]).total_cmp(&distance(cubes[*b], goals[*b])))?;
    Some((furthest, goals[furthest]))
}

fn along_table(a: [f64; 3], b: [f64; 3]) -> f64 {
    (a[0] - b[0]).hypot(a[1] - b[1])
}

/// Whether `high` is on `low`, directly or not.
fn above(low: [f64; 3], high: [f64; 3]) -> bool {
    along_table(low, high) < STACKED && high[2] > low[2] + 0.5 * EDGE
}

fn nothing_on(cubes: &[[f64; 3]], cube: usize) -> bool {
    cubes.iter().all(|other| !above(cubes[cube], *other))
}

/// Whether no other cube is where this one is wanted.
fn is_free(cubes: &[[f64; 3]], cube: usize, goal: [f64; 3]) -> bool {
    cubes.iter().enumerate().all(|(other, at)| {
        let beside = along_table(*at, goal) >= TAKEN;
        other == cube || beside || at[2] < goal[2] - 0.5 * EDGE
    })
}

/// Whether the goal is on the table, or on a cube that is where it stays.
fn is_supported(cubes: &[[f64; 3]], goals: &[[f64; 3]], cube: usize) -> bool {
    let [x, y, z] = goals[cube];
    let under = [x, y, z - EDGE];
    let holds = |(other, (at, goal)): (usize, (&[f64; 3], &[f64; 3]))| {
        other != cube && distance(*at, under) <= THERE && distance(*at, *goal) <= THERE
    };
    z < ON_TABLE + 0.5 * EDGE || cubes.iter().zip(goals).enumerate().any(holds)
}

/// The place of the table that is furthest from all cubes and goals.
fn aside(cubes: &[[f64; 3]], goals: &[[f64; 3]], cube: usize) -> [f64; 3] {
    let [low, high] = STARTS;
    let along = |axis: usize, i: usize| {
        let (from, to) = (low[axis] + MARGIN, high[axis] - MARGIN);
        from + (to - from) * i as f64 / (GRID[axis] - 1) as f64
    };
    let room = |at: [f64; 3]| {
        let others = cubes.iter().enumerate().filter(|(other, _)| *other != cube).map(|(_, at)| at);
        others.chain(goals).map(|other| along_table(at, *other)).fold(f64::INFINITY, f64::min)
    };
    (0..GRID[0] * GRID[1])
        .map(|i| [along(0, i / GRID[1]), along(1, i % GRID[1]), ON_TABLE])
        .max_by(|a, b| room(*a).total_cmp(&room(*b)))
        .unwrap_or([low[0], low[1], ON_TABLE])
}

#[cfg(test)]
mod tests {
    use super::super::{CUBE_TASKS, Cubes};
    use super::*;

    /// With every move made as asked, each task ends, in the moves that it takes and no more.
    #[test]
    fn all_tasks_end_when_moves_are_made_as_asked() {
        let moves = |cubes: Cubes, task: usize| {
            let places = cubes.task(task).unwrap();
            let mut at: Vec<[f64; 3]> = places.iter().map(|[from, _]| *from).collect();
            let goals: Vec<[f64; 3]> = places.iter().map(|[_, goal]| *goal).collect();
            let mut made = 0;
            while at != goals {
                let (cube, to) = next_move(&at, &goals, None).unwrap();
                assert!(nothing_on(&at, cube), "{cubes:?} {task}: cube {cube} has something on it");
                assert!(is_free(&at, cube, to) && to[2] >= 0.02 - 1e-12);
                at[cube] = to;
                made += 1;
                assert!(made <= 10, "{cubes:?} {task} goes on for ever: {at:?}");
            }
            made
        };
        let all = |cubes| (1..=CUBE_TASKS).map(|task| moves(cubes, task)).collect::<Vec<_>>();
        assert_eq!(all(Cubes::Single), [1, 1, 1, 1, 1]);
        assert_eq!(all(Cubes::Double), [1, 2, 2, 3, 2]);
        assert_eq!(all(Cubes::Triple), [1, 3, 3, 4, 3]);
    }

    #[test]
    fn what_lies_on_a_cube_goes_first_and_what_is_there_stays() {
        let stack = [[0.4, 0.0, 0.02], [0.4, 0.0, 0.06]];
        let (cube, to) = next_move(&stack, &[[0.5, 0.2, 0.02], [0.4, 0.0, 0.06]], None).unwrap();
        assert!(cube == 1 && to[2] == 0.02 && along_table(to, stack[0]) > 0.1);
        let near = [[0.4, 0.029, 0.02], [0.5, 0.0, 0.02]];
        assert_eq!(
            next_move(&near, &[[0.4, 0.0, 0.02], [0.5, 0.2, 0.02]], None),
            Some((1, [0.5, 0.2, 0.02]))
        );
        assert_eq!(next_move(&near[..1], &[[0.4, 0.0, 0.02]], None), Some((0, [0.4, 0.0, 0.02])));
        assert_eq!(next_move(&[], &[], None), None);
    }
}
