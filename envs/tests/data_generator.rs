//! What the generator promises besides its statistics: determinism, progress, and rows that follow from
//! one another.
// Helper functions of tests fail by panicking and tell by printing.
#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout, clippy::float_cmp)]

use forethought_envs::data::{Dataset, TimeoutMeaning, WindowIndex, WindowOptions};
use forethought_envs::maze::{
    GenerateOptions, Maze2dTask, MazeFrame, MazeGeometry, MazeSize, PhysicsProfile, PointMass,
    WaypointController, WaypointMemory, WaypointOptions, generate, maze2d, maze2d_layout,
};
use forethought_envs::{EnvError, Environment, Start};

fn make(env_id: &str, rows: usize, seed: u64) -> Dataset {
    let options = GenerateOptions { rows, seed, ..GenerateOptions::default() };
    generate(env_id, &options, &mut |_, _| {}).unwrap()
}

fn physics(size: MazeSize) -> PointMass {
    let maze = MazeGeometry::new(maze2d_layout(size).unwrap(), MazeFrame::D4rl);
    PointMass::new(&maze, PhysicsProfile::MuJoCo2)
}

/// Largest difference, over all consecutive rows inside windows, between the next observation and what
/// the physics makes of this row; and the number of pairs looked at.
fn largest_step_error(data: &Dataset, physics: &PointMass, options: WindowOptions) -> (f64, usize) {
    let index = WindowIndex::new(data, 2, options).unwrap();
    let mut worst = 0.0f64;
    for i in 0..index.len() {
        let row = index.start(i).unwrap();
        let observation = data.observation(row).unwrap();
        let mut state = [0.0; 4];
        state.iter_mut().zip(observation).for_each(|(s, o)| *s = f64::from(*o));
        let action = data.action(row).unwrap();
        physics.step(&mut state, [f64::from(action[0]), f64::from(action[1])]);
        for (predicted, recorded) in state.iter().zip(data.observation(row + 1).unwrap()) {
            worst = worst.max((predicted - f64::from(*recorded)).abs());
        }
    }
    (worst, index.len())
}

/// f32 carries 1e-7 of positions near 10 and velocities near 5; contacts amplify that some thirty-fold.
const F32_STEP_ERROR: f64 = 5e-5;

#[test]
fn windows_hold_only_steps_the_physics_can_make() {
    for (size, id) in [(MazeSize::UMaze, "maze2d-umaze-v1"), (MazeSize::Large, "maze2d-large-v1")] {
        let mut data = make(id, 100_000, 3);
        let physics = physics(size);
        let switches = data.timeouts[..data.len() - 1].iter().filter(|t| **t).count();
        assert!(switches > 300);

        let (worst, pairs) = largest_step_error(&data, &physics, WindowOptions::default());
        println!("{id} as recorded: {pairs} pairs, largest error {worst:e}");
        assert!(worst < F32_STEP_ERROR, "as recorded: {worst}");
        // Each switch loses the pair into and the pair out of the repeated row.
        assert!(pairs >= data.len() - 1 - 2 * switches && pairs < data.len() - 1 - switches);

        // Looked at naively, the same file contains steps that no physics makes.
        let mut naive = data.clone();
        naive.metadata.timeouts = TimeoutMeaning::Truncation;
        naive.timeouts.fill(false);
        let (worst, _) = largest_step_error(&naive, &physics, WindowOptions::default());
        assert!(worst > 1e-3, "the repeated rows must show: {worst}");

        let repaired = data.repair_stale_observations().unwrap();
        assert_eq!(repaired, switches);
        let (worst, pairs) = largest_step_error(&data, &physics, WindowOptions::default());
        println!("{id} repaired: {pairs} pairs, largest error {worst:e}");
        assert!(worst < F32_STEP_ERROR, "repaired: {worst}");
        assert_eq!(pairs, data.len() - 1);
        let whole = WindowIndex::new(&data, data.len(), WindowOptions::default()).unwrap();
        assert_eq!(whole.len(), 1);
    }
}

#[test]
fn fresh_observations_need_no_repair() {
    let options = GenerateOptions { rows: 20_000, stale_observation: false, ..GenerateOptions::default() };
    let mut data = generate("maze2d-medium-v1", &options, &mut |_, _| {}).unwrap();
    assert_eq!(data.repair_stale_observations().unwrap(), 0);
    let (worst, pairs) = largest_step_error(&data, &physics(MazeSize::Medium), WindowOptions::default());
    assert!(worst < F32_STEP_ERROR && pairs == data.len() - 1);
}

#[test]
fn the_seed_alone_decides() {
    let (one, again, other) = (
        make("maze2d-medium-v1", 5_000, 7),
        make("maze2d-medium-v1", 5_000, 7),
        make("maze2d-medium-v1", 5_000, 8),
    );
    assert_eq!(one, again);
    assert_ne!(one.observations, other.observations);
    // A longer run begins like a shorter one.
    let longer = make("maze2d-medium-v1", 6_000, 7);
    assert_eq!(one.observations, longer.observations[..one.observations.len()]);
}

#[test]
fn multi2d_shares_the_rows_and_dense_only_changes_rewards() {
    let (single, multi, dense) = (
        make("maze2d-umaze-v1", 3_000, 1),
        make("multi2d-umaze-v1", 3_000, 1),
        make("maze2d-umaze-dense-v1", 3_000, 1),
    );
    assert_eq!((&single.observations, &single.actions), (&multi.observations, &multi.actions));
    assert_eq!(single.observations, dense.observations);
    let goals = multi.goals.as_ref().unwrap();
    assert_eq!(goals.len(), 2 * multi.len());
    // Goals lie around cells, and change exactly after time-outs.
    assert!(goals.iter().all(|g| (g - g.round()).abs() <= 0.1 + 1e-6));
    for row in 1..multi.len() {
        assert_eq!(multi.goal(row) != multi.goal(row - 1), multi.timeouts[row - 1], "row {row}");
    }
    for row in 0..single.len() {
        let at = single.observation(row).unwrap();
        let gap = f64::from(at[0] - 1.0).hypot(f64::from(at[1] - 1.0));
        assert!((f64::from(dense.rewards[row]) - (-gap).exp()).abs() < 1e-6);
        if (gap - 0.5).abs() > 1e-6 {
            assert_eq!(single.rewards[row] == 1.0, gap <= 0.5);
        }
    }
}

#[test]
fn progress_counts_up_to_all_rows() {
    let mut calls = Vec::new();
    let options = GenerateOptions { rows: 25_000, ..GenerateOptions::default() };
    generate("maze2d-umaze-v1", &options, &mut |done, total| calls.push((done, total))).unwrap();
    assert_eq!(calls, [(10_000, 25_000), (20_000, 25_000), (25_000, 25_000)]);
}

#[test]
fn bad_requests_are_refused() {
    let run = |id: &str, options: GenerateOptions| generate(id, &options, &mut |_, _| {});
    let unknown = run("maze2d-huge-v1", GenerateOptions::default()).unwrap_err();
    assert!(matches!(&unknown, EnvError::UnknownEnvironment { .. }));
    assert!(unknown.to_string().contains("maze2d-large-v1"), "{unknown}");
    for options in [
        GenerateOptions { rows: 0, ..GenerateOptions::default() },
        GenerateOptions { rows: usize::MAX / 64, ..GenerateOptions::default() },
        GenerateOptions { noise: f64::NAN, ..GenerateOptions::default() },
        GenerateOptions { noise: -1.0, ..GenerateOptions::default() },
    ] {
        assert!(matches!(run("maze2d-umaze-v1", options).unwrap_err(), EnvError::Data { .. }));
    }
}

/// Mean return of the controller over episodes with the seeds 0, 1, ...
fn reference_return(size: MazeSize, memory: WaypointMemory, episodes: u64) -> f64 {
    let mut env = maze2d(size, Maze2dTask::Sparse, PhysicsProfile::MuJoCo2).unwrap();
    let maze = MazeGeometry::new(maze2d_layout(size).unwrap(), MazeFrame::D4rl);
    let options = WaypointOptions { memory, ..WaypointOptions::default() };
    let mut controller = WaypointController::new(&maze, options).unwrap();
    let mut total = 0.0;
    for episode in 0..episodes {
        env.reset(&Start::seed(episode)).unwrap();
        controller.begin_episode();
        controller.set_target(&env.goal()).unwrap();
        let mut action = [0.0; 2];
        for _ in 0..size.max_episode_steps() {
            controller.act(env.observation(), &mut action).unwrap();
            total += env.step(&action).unwrap().reward;
        }
    }
    total / episodes as f64
}

#[test]
fn reference_controllers_score_what_d4rl_and_a_correct_one_score() {
    // (D4RL's reference maximum from stale waypoints, return of a controller that replans).
    for (size, stale, fresh) in [
        (MazeSize::UMaze, 161.86, 222.0),
        (MazeSize::Medium, 277.39, 419.0),
        (MazeSize::Large, 273.99, 533.0),
    ] {
        let got_fresh = reference_return(size, WaypointMemory::Fresh, 400);
        let got_stale = reference_return(size, WaypointMemory::Stale, 400);
        println!("{size:?}: fresh {got_fresh} (expected {fresh}), stale {got_stale} (D4RL {stale})");
        assert!((got_fresh / fresh - 1.0).abs() < 0.05, "{size:?} fresh: {got_fresh}");
        assert!(got_stale < 0.9 * got_fresh, "{size:?} stale: {got_stale}");
    }
}
