//! Physics in closed form, resets, determinism and bad input of the point-mass mazes.
// Failed expectations and equal bits are the point of a test.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::float_cmp)]

use forethought_envs::maze::{
    BALL_RADIUS, Maze2dTask, MazeEnv, MazeName, MazeSize, PhysicsProfile, PointMass, make_maze, maze2d,
    parse_maze_name, point_maze,
};
use forethought_envs::{EnvError, Environment, Snapshot, Start, known, make};
use proptest::prelude::{ProptestConfig, prop_assert, prop_assert_eq, proptest};

/// Goal of the running episode.
fn goal(env: &dyn Environment) -> Vec<f64> {
    env.task().condition().unwrap().values.to_vec()
}

fn snapshot(env: &mut dyn Environment) -> Snapshot {
    env.simulator().unwrap().snapshot()
}

const PROFILES: [PhysicsProfile; 3] =
    [PhysicsProfile::MuJoCo2, PhysicsProfile::MuJoCo30, PhysicsProfile::MuJoCo3];

fn large() -> MazeEnv {
    maze2d(MazeSize::Large, Maze2dTask::Sparse, PhysicsProfile::MuJoCo2).unwrap()
}

/// A held random action for each of `steps` steps, from a fixed generator.
fn random_actions(seed: u64, steps: usize) -> Vec<[f64; 2]> {
    let mut word = seed.wrapping_mul(2).wrapping_add(1);
    let mut next = move || {
        word = word.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (word >> 40) as f64 / f64::from(1 << 22) - 2.0
    };
    let mut action = [0.0; 2];
    (0..steps)
        .map(|k| {
            if k % 13 == 0 {
                action = [next(), next()];
            }
            action
        })
        .collect()
}

#[test]
fn free_flight_follows_the_published_coefficients() {
    let env = large();
    // The middle of the square of cell (1, 1), away from every wall.
    let mut state = [0.8, 0.8, 1.5, -2.0];
    assert_eq!(env.physics().step(&mut state, [0.5, -3.0]), 0);
    let vx = 0.9976183616 * 1.5 + 0.2381638404 * 0.5;
    let vy = 0.9976183616 * -2.0 - 0.2381638404;
    for (got, want) in state.iter().zip([0.8 + 0.01 * vx, 0.8 + 0.01 * vy, vx, vy]) {
        assert!((got - want).abs() < 1e-9, "{got} {want}");
    }
}

#[test]
fn velocity_is_clipped_before_the_step() {
    let env = large();
    let (mut fast, mut clipped) = ([0.8, 0.8, 40.0, -7.0], [0.8, 0.8, 5.0, -5.0]);
    env.physics().step(&mut fast, [1.0, 0.0]);
    env.physics().step(&mut clipped, [1.0, 0.0]);
    assert_eq!(fast, clipped);
}

#[test]
fn a_ball_pressed_against_a_wall_rests_inside_the_margin() {
    for profile in PROFILES {
        let env = maze2d(MazeSize::UMaze, Maze2dTask::Sparse, profile).unwrap();
        let mut state = [0.8, 0.8, 0.0, 0.0];
        for _ in 0..2_000 {
            env.physics().step(&mut state, [-1.0, 0.0]);
        }
        // At rest the contact force balances gear 100: -K imp (dist - margin) D m/(m + D) = 100 up to
        // the regularisation; what matters here is that it does rest, near the wall face at x = 0.3.
        assert!(state[2].abs() < 1e-9, "{profile:?} moves at {}", state[2]);
        let gap = state[0] - 0.3 - BALL_RADIUS;
        assert!(gap < profile.margin() && gap > -0.02, "{profile:?} rests at {gap}");
        assert_eq!(env.physics().contacts_at([state[0], state[1]]), 1);
        assert!((env.physics().wall_distance([state[0], state[1]]) - gap).abs() < 1e-12);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, failure_persistence: None, ..ProptestConfig::default() })]

    /// The ball meets a wall at no more than 5.24 on each axis, so 0.075 along a diagonal in one step, and
    /// is pushed out from there: it never sinks deeper, and its centre (radius 0.1) stays outside.
    #[test]
    fn the_ball_never_sinks_into_a_wall(seed in 0_u64..1_000_000, size in 0_usize..3, profile in 0_usize..3, centred: bool) {
        let (size, profile) = (MazeSize::ALL[size], PROFILES[profile]);
        let mut env = if centred {
            point_maze(size, false, profile).unwrap()
        } else {
            maze2d(size, Maze2dTask::MultiGoal, profile).unwrap()
        };
        env.reset(&Start::seed(seed)).unwrap();
        for action in random_actions(seed, 1_500) {
            env.step(&action).unwrap();
            let observation = env.observation();
            prop_assert!(env.spec().observation.contains(observation), "{observation:?}");
            let distance = env.physics().wall_distance([observation[0], observation[1]]);
            prop_assert!(distance > -0.075, "{distance} at {observation:?}");
        }
    }

    #[test]
    fn restoring_a_snapshot_continues_bit_for_bit(seed in 0_u64..1_000_000, which in 0_usize..15, cut in 0_usize..150) {
        let id = &known()[which];
        let actions = random_actions(seed, 250);
        let mut env = make(id).unwrap();
        env.reset(&Start::seed(seed)).unwrap();
        for action in &actions[..cut] {
            env.step(action).unwrap();
        }
        let snapshot = snapshot(&mut env);
        let text = serde_json::to_string(&snapshot).unwrap();
        let mut other = make(id).unwrap();
        other.simulator().unwrap().restore(&serde_json::from_str(&text).unwrap()).unwrap();
        prop_assert_eq!(&other.simulator().unwrap().snapshot(), &snapshot);
        for action in &actions[cut..] {
            prop_assert_eq!(env.step(action).unwrap(), other.step(action).unwrap());
            prop_assert!(env.observation().iter().zip(other.observation()).all(|(a, b)| a.to_bits() == b.to_bits()));
        }
        prop_assert_eq!(goal(&env), goal(&other));
    }

    /// Any finite state steps to a finite state, inside walls and far outside the maze too.
    #[test]
    fn physics_stays_finite_from_anywhere(x in -1e3_f64..1e3, y in -20.0_f64..20.0, vx in -1e6_f64..1e6, vy in -9.0_f64..9.0, profile in 0_usize..3) {
        let env = maze2d(MazeSize::Medium, Maze2dTask::Sparse, PROFILES[profile]).unwrap();
        let mut state = [x, y, vx, vy];
        env.physics().step(&mut state, [1.0, -1.0]);
        prop_assert!(state.iter().all(|value| value.is_finite()), "{state:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever is written, it is a maze or is refused; a maze's own text is that maze.
    #[test]
    fn any_text_is_a_maze_or_refused(inside in "[#OGS. ?]{0,9}(\\\\[#OGS. ?]{0,9}){0,4}", closed: bool) {
        let text = if closed {
            let rows: Vec<String> = inside.split('\\').map(|row| format!("#{row:O<9}#")).collect();
            format!("{0}\\{1}\\{0}", "#".repeat(11), rows.join("\\"))
        } else {
            inside
        };
        for prefix in ["maze2d", "multi2d", "pointmaze"] {
            match parse_maze_name(&format!("{prefix}:{text}")) {
                Ok(id) => {
                    prop_assert_eq!(parse_maze_name(&id).unwrap(), id.clone());
                    let mut env = make(&id).unwrap();
                    env.reset(&Start::seed(1)).unwrap();
                    prop_assert_eq!(&env.spec().id, &id);
                }
                Err(error) => prop_assert!(error.to_string().len() > 30, "{error}"),
            }
        }
    }
}

#[test]
fn even_absurd_states_are_free_flight() {
    let env = large();
    let mut state = [1e300, -1e300, 0.0, 0.0];
    assert_eq!(env.physics().step(&mut state, [0.0, 0.0]), 0);
}

#[test]
fn maze2d_resets_cover_the_free_cells_as_d4rl_does() {
    let mut env = large();
    let cells = env.geometry().layout().free_cells().to_vec();
    let episodes = 20_000;
    let mut counts = vec![0_usize; cells.len()];
    let (mut offset, mut offset_sq, mut speed_sq) = (0.0, 0.0, 0.0);
    for seed in 0..episodes {
        env.reset(&Start::seed(seed)).unwrap();
        assert_eq!(env.goal(), [7.0, 9.0]);
        let &[x, y, vx, vy] = env.observation() else { panic!("four numbers") };
        let cell = env.geometry().nearest_cell([x, y]).unwrap();
        counts[cells.iter().position(|free| *free == cell).expect("starts in a free cell")] += 1;
        let [cx, cy] = env.geometry().cell_position(cell);
        assert!((x - cx).abs() <= 0.1 && (y - cy).abs() <= 0.1);
        offset += x - cx + y - cy;
        offset_sq += (x - cx).powi(2) + (y - cy).powi(2);
        speed_sq += vx * vx + vy * vy;
        assert_eq!(env.physics().contacts_at([x, y]), 0);
    }
    let expected = episodes as f64 / cells.len() as f64;
    for count in counts {
        assert!((count as f64 - expected).abs() < 5.0 * expected.sqrt(), "{count} of {expected}");
    }
    let samples = 2.0 * episodes as f64;
    assert!((offset / samples).abs() < 0.0015);
    assert!((offset_sq / samples - 0.01 / 3.0).abs() < 1e-4);
    assert!(((speed_sq / samples).sqrt() - 0.1).abs() < 0.002);
}

#[test]
fn multi_goal_and_point_maze_draw_goals_and_keep_their_distances() {
    let mut multi = make_maze("multi2d-medium-v1", None).unwrap();
    let mut point = make_maze("PointMaze_UMaze-v3", None).unwrap();
    let (mut multi_cells, mut point_cells) =
        (std::collections::BTreeSet::new(), std::collections::BTreeSet::new());
    for seed in 0..2_000 {
        for (env, noise, cells) in [(&mut multi, 0.1, &mut multi_cells), (&mut point, 0.25, &mut point_cells)]
        {
            env.reset(&Start::seed(seed)).unwrap();
            let goal = env.goal();
            let cell = env.geometry().nearest_cell(goal).unwrap();
            assert!(env.geometry().layout().is_free(cell));
            let [cx, cy] = env.geometry().cell_position(cell);
            assert!((goal[0] - cx).abs() <= noise && (goal[1] - cy).abs() <= noise);
            cells.insert(cell);
        }
        assert_eq!(&point.observation()[2..], [0.0, 0.0]);
        // The cell, before its noise, is more than half a cell from the goal.
        let [x, y, ..] = point.observation() else { panic!("four numbers") };
        let start = point.geometry().nearest_cell([*x, *y]).unwrap();
        assert_ne!(Some(start), point.geometry().nearest_cell(point.goal()));
    }
    assert_eq!(multi_cells.len(), multi.geometry().layout().free_cells().len());
    assert_eq!(point_cells.len(), 7);
}

#[test]
fn rewards_are_sparse_or_dense_by_the_distance_after_the_step() {
    for id in MazeName::all().map(|name| name.id()) {
        let mut env = make_maze(&id, None).unwrap();
        for seed in 0..20 {
            env.reset(&Start::seed(seed)).unwrap();
            for action in random_actions(seed, 60) {
                let reward = env.step(&action).unwrap().reward;
                let (at, goal) = (env.observation(), env.goal());
                let distance = (at[0] - goal[0]).hypot(at[1] - goal[1]);
                let radius = if id.starts_with("Point") { 0.45 } else { 0.5 };
                if id.contains("ense") {
                    assert!((reward - (-distance).exp()).abs() < 1e-12);
                } else {
                    assert_eq!(reward == 1.0, distance <= radius);
                    assert!(reward == 0.0 || reward == 1.0);
                }
            }
        }
    }
}

#[test]
fn the_same_seed_gives_the_same_episode_and_another_seed_another() {
    let run = |seed| {
        let mut env = make("multi2d-large-v1").unwrap();
        env.reset(&Start::seed(seed)).unwrap();
        let mut trace = goal(&env);
        for action in random_actions(4, 300) {
            env.step(&action).unwrap();
            trace.extend_from_slice(env.observation());
        }
        trace
    };
    assert_eq!(run(11), run(11));
    assert_ne!(run(11), run(12));
    assert_ne!(run(11), run(11 + (1 << 32)), "all 64 bits count");
}

#[test]
fn malformed_actions_are_refused_with_the_state_untouched() {
    let mut env = make("maze2d-medium-v1").unwrap();
    assert!(matches!(env.step(&[0.0, 0.0]), Err(EnvError::NeedsReset(_))));
    env.reset(&Start::seed(1)).unwrap();
    env.step(&[0.2, 0.4]).unwrap();
    let before = snapshot(&mut env);
    assert!(matches!(env.step(&[0.0, f64::NAN]), Err(EnvError::NonFinite { index: 1, .. })));
    assert!(matches!(env.step(&[f64::INFINITY, 0.0]), Err(EnvError::NonFinite { index: 0, .. })));
    assert!(matches!(env.step(&[0.0]), Err(EnvError::ActionLength { want: 2, got: 1, .. })));
    assert_eq!(snapshot(&mut env), before);
}

#[test]
fn unsuitable_goals_and_snapshots_are_refused() {
    let mut env = make("maze2d-umaze-v1").unwrap();
    env.reset(&Start::seed(1)).unwrap();
    let before = snapshot(&mut env);
    for place in [&[1.0][..], &[f64::NAN, 1.0], &[100.0, 1.0]] {
        for start in [
            Start { goal: Some(place.to_vec()), ..Start::seed(2) },
            Start { position: Some(place.to_vec()), ..Start::seed(2) },
        ] {
            assert!(env.reset(&start).is_err(), "{start:?}");
        }
    }
    let message = env.reset(&Start::seed(2).with_goal(&[100.0, 1.0])).unwrap_err().to_string();
    assert!(message.contains("outside `maze2d-umaze-v1`"), "{message}");
    assert!(env.reset(&Start { task: Some(1), ..Start::seed(2) }).is_err());
    let mut broken = before.clone();
    broken.state[0] = f64::NAN;
    assert!(env.simulator().unwrap().restore(&broken).is_err());
    broken.state.pop();
    assert!(env.simulator().unwrap().restore(&broken).is_err());
    let foreign = snapshot(&mut make("maze2d-medium-v1").unwrap());
    assert!(env.simulator().unwrap().restore(&foreign).unwrap_err().to_string().contains("maze2d-medium-v1"));
    assert_eq!(snapshot(&mut env), before);
    let asked = Start { position: Some(vec![1.0, 3.0]), ..Start::seed(2).with_goal(&[3.0, 1.0]) };
    env.reset(&asked).unwrap();
    assert_eq!((goal(&env), env.observation()), (vec![3.0, 1.0], &[1.0, 3.0, 0.0, 0.0][..]));
}

#[test]
fn physics_is_shared_between_frames() {
    // The same walls in both suites, mirrored: a mirrored start gives the mirrored motion.
    let d4rl = large();
    let centred = point_maze(MazeSize::Large, false, PhysicsProfile::MuJoCo2).unwrap();
    let step = |physics: &PointMass, mut state: [f64; 4], action| {
        physics.step(&mut state, action);
        state
    };
    let mut touching = 0;
    for (k, cell) in d4rl.geometry().layout().free_cells().iter().enumerate() {
        for corner in [-0.4, 0.0, 0.4] {
            let [ax, ay] = d4rl.geometry().square_centre(*cell);
            let [bx, by] = centred.geometry().square_centre(*cell);
            let speed = 0.3 * k as f64 % 5.0;
            let a = step(d4rl.physics(), [ax + corner, ay + 0.405, speed, 2.0], [0.4, 0.9]);
            let b = step(centred.physics(), [bx + 0.405, by - corner, 2.0, -speed], [0.9, -0.4]);
            touching += d4rl.physics().contacts_at([ax + corner, ay + 0.405]);
            let mirrored = [b[1] - by, b[0] - bx, b[3], b[2]];
            for (axis, sign) in [-1.0, 1.0, -1.0, 1.0].into_iter().enumerate() {
                let own = if axis < 2 { a[axis] - [ax, ay][axis] } else { a[axis] };
                assert!((own - sign * mirrored[axis]).abs() < 1e-10, "{cell:?} {corner} axis {axis}");
            }
        }
    }
    assert!(touching > 20, "{touching} contacts");
}

#[test]
fn a_start_and_a_goal_of_ones_own_are_honoured_or_refused_with_the_remedy() {
    for id in ["maze2d-umaze-v1", "PointMaze_UMaze-v3"] {
        let mut env = make_maze(id, None).unwrap();
        let cells = env.geometry().layout().free_cells().to_vec();
        let [from, to] = [env.geometry().cell_position(cells[6]), env.geometry().cell_position(cells[2])];
        let start = Start { position: Some(from.to_vec()), goal: Some(to.to_vec()), ..Start::seed(4) };
        env.reset(&start).unwrap();
        assert_eq!((env.observation(), env.goal()), (&[from[0], from[1], 0.0, 0.0][..], to));

        let wall = env.geometry().square_centre(forethought_envs::maze::Cell { row: 2, col: 2 });
        for bad in [
            Start { position: Some(wall.to_vec()), ..Start::seed(4) },
            Start { goal: Some(wall.to_vec()), ..Start::seed(4) },
        ] {
            let message = env.reset(&bad).unwrap_err().to_string();
            assert!(message.contains("in a wall") && message.contains("nearest free cell"), "{message}");
        }
        let far =
            env.reset(&Start { goal: Some(vec![99.0, 0.0]), ..Start::seed(4) }).unwrap_err().to_string();
        assert!(far.contains("outside") && far.contains("spans"), "{far}");
        let three = Start { position: Some(vec![0.0; 3]), ..Start::seed(4) };
        assert!(env.reset(&three).unwrap_err().to_string().contains("(x, y)"));
        // What was refused changed nothing.
        assert_eq!((env.observation(), env.goal()), (&[from[0], from[1], 0.0, 0.0][..], to));
    }
}

#[test]
fn an_own_maze_starts_and_ends_where_its_text_says() {
    let near = |a: [f64; 2], b: [f64; 2], noise: f64| (0..2).all(|i| (a[i] - b[i]).abs() <= noise);
    for (id, noise, goals) in [
        ("maze2d:#####\\#SOG#\\#####", 0.1, 1),
        ("multi2d:#####\\#SOG#\\#####", 0.1, 3),
        ("pointmaze:#####\\#SOG#\\#####", 0.25, 1),
        // The goal is never in the start's own cell: it would be too near.
        ("pointmaze:#####\\#SOO#\\#####", 0.25, 2),
    ] {
        let mut env = make_maze(id, None).unwrap();
        let maze = env.geometry().clone();
        let mut cells = Vec::new();
        for seed in 0..100 {
            env.reset(&Start::seed(seed)).unwrap();
            let at = env.observation();
            assert!(near([at[0], at[1]], maze.start().unwrap(), noise), "{id}");
            let cell = maze.nearest_cell(env.goal()).unwrap();
            assert!(near(env.goal(), maze.cell_position(cell), noise), "{id}");
            if !cells.contains(&cell) {
                cells.push(cell);
            }
        }
        assert_eq!(cells.len(), goals, "{id}");
    }
}
