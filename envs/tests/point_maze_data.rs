//! What the PointMaze generator promises: targets that are reached, no step through a wall, rows that
//! follow from one another, rewards that belong to their own step.
#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout, clippy::float_cmp)]

use forethought_envs::data::{Dataset, TimeoutMeaning};
use forethought_envs::maze::{
    BALL_RADIUS, GENERATOR_VERSION, GenerateOptions, MazeEnv, POINT_MAZE_GENERATOR, generate, make_maze,
};

use forethought_envs::{Environment, collect};

const ROWS: usize = 100_000;

fn recorded(id: &str, seed: u64) -> (MazeEnv, Dataset) {
    let options = GenerateOptions { rows: ROWS, seed, ..GenerateOptions::default() };
    (make_maze(id, None).unwrap(), generate(id, &options, &mut |_, _| {}).unwrap())
}

fn pair(values: &[f32]) -> [f64; 2] {
    [f64::from(values[0]), f64::from(values[1])]
}

fn distance(a: [f64; 2], b: [f64; 2]) -> f64 {
    (a[0] - b[0]).hypot(a[1] - b[1])
}

#[test]
fn targets_are_drawn_everywhere_and_reached() {
    for id in ["PointMaze_UMaze-v3", "PointMaze_Medium-v3", "PointMaze_Large-v3"] {
        let (env, data) = recorded(id, 0);
        let maze = env.geometry();
        let switches: Vec<usize> = (0..data.len()).filter(|row| data.timeouts[*row]).collect();
        let reached = switches.iter().filter(|row| {
            distance(pair(data.observation(**row).unwrap()), pair(data.goal(**row).unwrap())) < 0.1 + 1e-6
        });
        let share = reached.count() as f64 / switches.len() as f64;
        let per_target = ROWS as f64 / switches.len() as f64;
        println!("{id}: {} targets, {share:.4} reached, {per_target:.0} steps each", switches.len());
        assert!(share > 0.995, "{id}: {share}");
        let mut cells = Vec::new();
        for row in 0..data.len() {
            let goal = pair(data.goal(row).unwrap());
            let cell = maze.nearest_cell(goal).unwrap();
            assert!(maze.layout().is_free(cell));
            let [x, y] = maze.cell_position(cell);
            assert!((goal[0] - x).abs() <= 0.25 + 1e-6 && (goal[1] - y).abs() <= 0.25 + 1e-6);
            if !cells.contains(&cell) {
                cells.push(cell);
            }
        }
        assert_eq!(cells.len(), maze.layout().free_cells().len(), "{id}");
    }
}

#[test]
fn the_ball_stays_clear_of_walls_and_is_stopped_by_them_rarely() {
    let (env, data) = recorded("PointMaze_Large-v3", 1);
    let mut pressed = 0;
    for row in 0..data.len() {
        let at = pair(data.observation(row).unwrap());
        let gap = env.physics().wall_distance(at);
        // Contacts are soft: a ball at full speed dents a wall by a fraction of its radius.
        assert!(gap > -0.5 * BALL_RADIUS, "row {row}: {gap} at {at:?}");
        pressed += usize::from(gap < 0.0);
    }
    println!("{} of {} rows touch a wall", pressed, data.len());
    assert!(pressed < data.len() / 10);
}

#[test]
fn rows_follow_from_one_another_and_rewards_belong_to_their_step() {
    let (env, mut data) = recorded("PointMaze_UMaze-v3", 2);
    let switches: Vec<usize> = (0..data.len() - 1).filter(|row| data.timeouts[*row]).collect();
    assert!(switches.len() > 500);
    // Nothing is recorded twice, and the physical run goes on at goal switches.
    assert_eq!(data.repair_stale_observations().unwrap(), 0);
    assert_eq!(data.metadata.timeouts, TimeoutMeaning::GoalSwitch);
    let mut paid = 0;
    for row in 0..data.len() - 1 {
        let (now, next) = (data.observation(row).unwrap(), data.observation(row + 1).unwrap());
        let mut state = [0.0; 4];
        state.iter_mut().zip(now).for_each(|(s, o)| *s = f64::from(*o));
        env.physics().step(&mut state, pair(data.action(row).unwrap()));
        for (predicted, recorded) in state.iter().zip(next) {
            assert!((predicted - f64::from(*recorded)).abs() < 5e-5, "row {row}");
        }
        let gap = distance(pair(next), pair(data.goal(row).unwrap()));
        if (gap - 0.45).abs() > 1e-5 {
            assert_eq!(data.rewards[row] == 1.0, gap <= 0.45, "row {row}");
        }
        paid += usize::from(data.rewards[row] == 1.0);
    }
    assert!(paid > switches.len());
}

#[test]
fn the_file_says_who_made_it_and_dense_only_changes_rewards() {
    let (env, data) = recorded("PointMaze_UMaze-v3", 3);
    assert_eq!(data.metadata.generator.as_deref(), Some(POINT_MAZE_GENERATOR));
    assert_eq!(data.metadata.generator_version, Some(GENERATOR_VERSION));
    assert_eq!(data.metadata.seed, Some(3));
    assert_eq!(data.metadata.layout_hash, env.spec().layout_hash);
    let (_, dense) = recorded("PointMaze_UMazeDense-v3", 3);
    assert_eq!(data.observations, dense.observations);
    for row in 0..dense.len() - 1 {
        let gap = distance(pair(dense.observation(row + 1).unwrap()), pair(dense.goal(row).unwrap()));
        assert!((f64::from(dense.rewards[row]) - (-gap).exp()).abs() < 1e-5, "row {row}");
    }
}

#[test]
fn mazes_of_ones_own_have_data_by_the_rules_of_their_suite() {
    let ring = "#######\\#O...O#\\#.###.#\\#.G...#\\#######";
    for (prefix, repeated) in [("maze2d", true), ("multi2d", true), ("pointmaze", false)] {
        let id = format!("{prefix}:{ring}");
        let mut data = collect(&id, 20_000, 5, &mut |_, _| {}).unwrap();
        let env = make_maze(&id, None).unwrap();
        assert_eq!(data.env_id, env.rules().id, "the canonical name");
        assert_eq!(data.metadata.layout_hash.as_deref(), env.spec().layout_hash.as_deref());
        assert!(data.timeout_count() > 100, "{id}: {}", data.timeout_count());
        assert_eq!(data.repair_stale_observations().unwrap() > 0, repeated, "{id}");
        let mut cells: Vec<_> = (0..data.len())
            .filter_map(|row| env.geometry().nearest_cell(pair(data.observation(row).unwrap())))
            .filter(|cell| env.geometry().layout().is_free(*cell))
            .collect();
        cells.sort();
        cells.dedup();
        assert_eq!(cells.len(), env.geometry().layout().free_cells().len(), "{id}");
    }
}
