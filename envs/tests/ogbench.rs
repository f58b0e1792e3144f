//! What OGBench's point mazes promise as environments: tasks, ends, jumps, refusals.
#![allow(clippy::unwrap_used, clippy::panic, clippy::float_cmp, clippy::print_stdout)]

use forethought_envs::maze::{
    OGBENCH_TASKS, OgBenchBall, OgBenchEnv, OgBenchGeometry, OgBenchMaze, OgBenchName,
};
use forethought_envs::{
    EnvError, Environment, Simulator, Snapshot, Start, Transition, dynamics, entry, make, policy, resolve,
    scene,
};

const TELEPORT: &str = "pointmaze-teleport-navigate-v0";

fn bare(id: &str) -> OgBenchEnv {
    OgBenchEnv::new(id, OgBenchName::find(id).unwrap().maze).unwrap()
}

fn goal(env: &dyn Environment) -> Vec<f64> {
    env.task().condition().unwrap().values.to_vec()
}

fn near(a: &[f64], b: [f64; 2], noise: f64) -> bool {
    a.len() == 2 && a.iter().zip(b).all(|(a, b)| (a - b).abs() <= noise)
}

/// An entrance, and a place beside it from which one step to the right enters it.
fn before_an_entrance(maze: &OgBenchGeometry) -> ([f64; 2], [f64; 2]) {
    let entrance = maze.entrances()[1];
    ([entrance[0], entrance[1] - 1.65], entrance)
}

#[test]
fn eight_environments_are_registered_with_what_belongs_to_them() {
    assert_eq!(OgBenchName::all().count(), 8);
    for name in OgBenchName::all() {
        let id = name.id();
        let env = make(&id).unwrap();
        let spec = env.spec();
        spec.check().unwrap();
        assert_eq!((spec.id.as_str(), spec.observation.len(), spec.action.len()), (id.as_str(), 2, 2));
        assert_eq!((spec.max_episode_steps, spec.condition.as_slice()), (Some(1000), &[0, 1][..]));
        assert!((spec.step_seconds.unwrap() - 0.1).abs() < 1e-12);
        let entry = entry(&id).unwrap();
        assert!(entry.has_data());
        let teleport = name.maze == OgBenchMaze::Teleport;
        let careful: &[&str] = if teleport { &["oracle", "oracle-careful"] } else { &["oracle"] };
        assert_eq!(entry.policies(), careful);
        // What happens by chance has no dynamics to hand out.
        assert_eq!(dynamics(&id).unwrap().is_none(), teleport);
        assert!(scene(&id).unwrap().solids.len() > 30);
        assert_eq!(resolve(id.trim_end_matches("-v0")).unwrap(), id);
    }
    // One maze, two data sets: a checkpoint of either plans in both.
    let hash = |id: &str| make(id).unwrap().spec().layout_hash.clone();
    assert_eq!(hash("pointmaze-giant-stitch-v0"), hash("pointmaze-giant-navigate-v0"));
    assert_ne!(hash("pointmaze-giant-stitch-v0"), hash("pointmaze-large-stitch-v0"));
    let message = make("pointmaze-teleport-stich-v0").err().unwrap().to_string();
    assert!(message.contains("did you mean `pointmaze-teleport-stitch-v0`"), "{message}");
}

#[test]
fn a_task_is_two_cells_and_their_noise_and_without_a_number_the_seed_draws_one() {
    for name in OgBenchName::all() {
        let mut env = make(&name.id()).unwrap();
        let mut seen = [0; OGBENCH_TASKS];
        for seed in 0..100 {
            for (k, seen) in seen.iter_mut().enumerate() {
                let (start, end) = name.maze.task(k + 1).unwrap();
                let (start, end) =
                    (OgBenchGeometry::cell_position(start), OgBenchGeometry::cell_position(end));
                env.reset(&Start { task: Some(k + 1), ..Start::seed(seed) }).unwrap();
                assert!(near(env.observation(), start, 1.0) && near(&goal(&*env), end, 1.0));
                let numbered = (env.observation().to_vec(), goal(&*env));
                env.reset(&Start::seed(seed)).unwrap();
                let drawn = (env.observation().to_vec(), goal(&*env));
                *seen += usize::from(drawn == numbered);
            }
        }
        assert_eq!(seen.iter().sum::<usize>(), 100, "each episode is of one of the tasks");
        assert!(seen.iter().all(|count| *count > 5), "{seen:?}");
    }
}

#[test]
fn other_task_numbers_are_refused_with_the_remedy_and_the_state_stays() {
    let mut env = make(TELEPORT).unwrap();
    env.reset(&Start { task: Some(3), ..Start::seed(1) }).unwrap();
    let before = env.simulator().unwrap().snapshot();
    for number in [0, 6, usize::MAX] {
        let message = env.reset(&Start { task: Some(number), ..Start::seed(2) }).unwrap_err().to_string();
        assert!(message.contains("tasks 1 to 5") && message.contains("leave the number out"), "{message}");
    }
    assert_eq!(env.simulator().unwrap().snapshot(), before);
}

#[test]
fn places_of_ones_own_are_honoured_or_refused_with_the_remedy() {
    let mut env = bare("pointmaze-medium-navigate-v0");
    let start = Start { position: Some(vec![0.5, 1.5]), ..Start::seed(4).with_goal(&[20.0, 19.5]) };
    env.reset(&start).unwrap();
    assert_eq!((env.observation(), env.goal()), (&[0.5, 1.5][..], [20.0, 19.5]));
    let before = env.snapshot();
    for (place, says) in [
        (vec![8.0, 0.0], "nearest free cell is at (4, 0)"),
        (vec![99.0, 0.0], "spans x in"),
        (vec![1.0], "1 numbers were given"),
        (vec![f64::NAN, 0.0], "NaN"),
    ] {
        for start in [
            Start { position: Some(place.clone()), ..Start::seed(4) },
            Start { goal: Some(place.clone()), ..Start::seed(4) },
        ] {
            let message = env.reset(&start).unwrap_err().to_string();
            assert!(message.contains(says), "{message}");
        }
    }
    // Nearer to a wall than any step brings the ball: a place to go to, not one to start from.
    assert!(env.reset(&Start { position: Some(vec![-1.7, 0.0]), ..Start::seed(4) }).is_err());
    assert_eq!(env.snapshot(), before);
    env.reset(&Start::seed(4).with_goal(&[-1.7, 0.0])).unwrap();
}

#[test]
fn success_pays_one_ends_the_episode_and_is_what_the_task_calls_reached() {
    let mut env = make("pointmaze-large-stitch-v0").unwrap();
    let start = Start { position: Some(vec![0.0, 0.0]), ..Start::seed(1).with_goal(&[4.0, 0.0]) };
    env.reset(&start).unwrap();
    let mut steps = 0;
    let last = loop {
        let done: Transition = env.step(&[1.0, 0.0]).unwrap();
        steps += 1;
        assert_eq!(env.task().reached(env.observation()), done.success);
        assert_eq!(done.reward, if done.success { 1.0 } else { 0.0 });
        if done.ended() {
            break done;
        }
    };
    // From 4 away to 1 away by 0.2 a step; the last sum of fifteen 0.2 may fall short by a rounding.
    assert!((15..=16).contains(&steps), "{steps}");
    assert!(last.success && last.terminated && !last.truncated);
    assert!(matches!(env.step(&[0.0, 0.0]), Err(EnvError::NeedsReset(_))));
    let mut bare = bare("pointmaze-large-stitch-v0");
    assert!(matches!(bare.step(&[0.0, 0.0]), Err(EnvError::NeedsReset(_))));
    bare.reset(&start).unwrap();
    assert!((0..16).any(|_| bare.step(&[1.0, 0.0]).unwrap().terminated));
    assert!(matches!(bare.step(&[0.0, 0.0]), Err(EnvError::NeedsReset(_))), "also without a clock around it");
}

#[test]
fn an_episode_without_success_is_cut_after_a_thousand_steps() {
    let mut env = make(TELEPORT).unwrap();
    env.reset(&Start { task: Some(2), ..Start::seed(0) }).unwrap();
    let ends = (0..1000).map(|_| env.step(&[0.0, 0.0]).unwrap()).filter(|step| step.ended()).count();
    assert_eq!(ends, 1);
    assert!(env.step(&[0.0, 0.0]).is_err());
}

#[test]
fn actions_are_clipped_and_malformed_ones_refused_with_the_state_untouched() {
    let mut env = bare("pointmaze-medium-navigate-v0");
    env.reset(&Start { position: Some(vec![0.0, 0.0]), ..Start::seed(0) }).unwrap();
    env.step(&[50.0, -0.5]).unwrap();
    assert_eq!(env.observation(), [0.2, -0.1]);
    let before = env.snapshot();
    assert!(matches!(env.step(&[0.0, f64::NAN]), Err(EnvError::NonFinite { index: 1, .. })));
    assert!(matches!(env.step(&[0.0]), Err(EnvError::ActionLength { want: 2, got: 1, .. })));
    assert_eq!(env.snapshot(), before);
}

#[test]
fn a_jump_is_seen_one_step_late() {
    let mut env = bare(TELEPORT);
    let (place, entrance) = before_an_entrance(env.geometry());
    env.reset(&Start { position: Some(place.to_vec()), ..Start { task: Some(2), ..Start::seed(3) } })
        .unwrap();
    env.step(&[0.0, 1.0]).unwrap();
    assert!(near(env.observation(), entrance, 1.5), "shown before the jump");
    let exit = env.position();
    assert!(env.geometry().exits().contains(&exit) && env.jumps() == 1);
    env.step(&[1.0, 0.0]).unwrap();
    assert_eq!(env.observation(), [exit[0] + 0.2, exit[1]], "the action moved it from the exit");
    assert_eq!(env.observation(), env.position());
}

/// The exits of one jump over many seeds, and of many jumps with one seed.
#[test]
fn exits_are_drawn_from_the_seed_each_as_often_as_the_others() {
    let mut env = bare(TELEPORT);
    let (place, _) = before_an_entrance(env.geometry());
    let exits = env.geometry().exits().to_vec();
    let jump = |env: &mut OgBenchEnv, seed| {
        env.reset(&Start { position: Some(place.to_vec()), ..Start { task: Some(2), ..Start::seed(seed) } })
            .unwrap();
        env.step(&[0.0, 1.0]).unwrap();
        exits.iter().position(|exit| *exit == env.position()).unwrap()
    };
    let mut counts = [0; 3];
    for seed in 0..3_000 {
        let exit = jump(&mut env, seed);
        assert_eq!(jump(&mut env, seed), exit);
        counts[exit] += 1;
    }
    // Binomial: mean 1000, standard deviation 26.
    assert!(counts.iter().all(|count| (1000_i32 - count).abs() < 130), "{counts:?}");
    let mut counts = [0; 3];
    jump(&mut env, 5);
    for _ in 0..600 {
        let mut snapshot = env.snapshot();
        snapshot.state[..2].copy_from_slice(&place);
        env.restore(&snapshot).unwrap();
        env.step(&[0.0, 1.0]).unwrap();
        counts[exits.iter().position(|exit| *exit == env.position()).unwrap()] += 1;
    }
    assert_eq!(env.jumps(), 601);
    // Mean 200, standard deviation 12.
    assert!(counts.iter().all(|count| (200_i32 - count).abs() < 60), "{counts:?}");
}

/// Drives greedily, so that it jumps, and compares after a cut with the whole run.
#[test]
fn a_restored_episode_goes_on_as_the_saved_one_through_jumps() {
    for seed in 0..20 {
        let mut env = make(TELEPORT).unwrap();
        let start = Start { task: Some(1), ..Start::seed(seed) };
        let drive = |env: &mut dyn Environment, steps: usize| {
            let mut oracle = policy(TELEPORT, "oracle").unwrap();
            oracle.reset(0, &env.task()).unwrap();
            let mut trace = Vec::new();
            for _ in 0..steps {
                let mut action = [0.0; 2];
                oracle.act(env.observation(), &mut action).unwrap();
                match env.step(&action) {
                    Ok(step) => trace.push((step, env.observation().to_vec())),
                    Err(_) => break,
                }
            }
            trace
        };
        env.reset(&start).unwrap();
        let whole = drive(&mut *env, 600);
        env.reset(&start).unwrap();
        drive(&mut *env, 60);
        let text = serde_json::to_string(&env.simulator().unwrap().snapshot()).unwrap();
        let saved: Snapshot = serde_json::from_str(&text).unwrap();
        let mut other = make(TELEPORT).unwrap();
        other.simulator().unwrap().restore(&saved).unwrap();
        assert_eq!(goal(&*other), goal(&*env));
        assert_eq!(drive(&mut *other, 540), whole[60.min(whole.len())..], "seed {seed}");
    }
}

#[test]
fn snapshots_of_others_and_damaged_ones_are_refused() {
    let mut env = bare(TELEPORT);
    env.reset(&Start::seed(1)).unwrap();
    let sound = env.snapshot();
    let foreign = bare("pointmaze-teleport-stitch-v0").snapshot();
    let mut damaged = vec![foreign];
    for change in [
        |s: &mut Snapshot| s.state[3] = f64::NAN,
        |s: &mut Snapshot| {
            s.state.pop();
        },
        |s: &mut Snapshot| {
            s.words.pop();
        },
        |s: &mut Snapshot| s.words[0] = 3,
        |s: &mut Snapshot| s.words[2] = 6,
    ] {
        let mut snapshot = sound.clone();
        change(&mut snapshot);
        damaged.push(snapshot);
    }
    for snapshot in damaged {
        assert!(env.restore(&snapshot).unwrap_err().to_string().len() > 30);
        assert_eq!(env.snapshot(), sound);
    }
}

/// Success, mean steps of the successful, and jumps, over tasks and seeds.
fn drive_all(id: &str, name: &str, seeds: u64) -> Vec<(f64, f64, u64)> {
    let mut env = bare(id);
    let mut oracle = policy(id, name).unwrap();
    let mut tasks = Vec::new();
    for task in 1..=OGBENCH_TASKS {
        let (mut wins, mut steps, mut jumps) = (0, 0, 0);
        for seed in 0..seeds {
            env.reset(&Start { task: Some(task), ..Start::seed(seed) }).unwrap();
            oracle.reset(seed, &env.task()).unwrap();
            for step in 1..=1000 {
                let mut action = [0.0; 2];
                oracle.act(env.observation(), &mut action).unwrap();
                if env.step(&action).unwrap().success {
                    (wins, steps) = (wins + 1, steps + step);
                    break;
                }
            }
            jumps += env.jumps();
        }
        let success = f64::from(wins) / seeds as f64;
        tasks.push((success, f64::from(steps) / f64::from(wins.max(1)), jumps));
    }
    println!("{id} {name}: {tasks:.3?}");
    tasks
}

#[test]
fn who_avoids_the_entrances_always_arrives_and_who_takes_them_for_floor_does_not() {
    for name in OgBenchName::all().filter(|name| name.maze != OgBenchMaze::Teleport) {
        for (success, steps, jumps) in drive_all(&name.id(), "oracle", 20) {
            assert!(success == 1.0 && jumps == 0 && steps > 20.0);
        }
    }
    for (success, _, jumps) in drive_all(TELEPORT, "oracle-careful", 60) {
        assert!(success == 1.0 && jumps == 0);
    }
    let greedy = drive_all(TELEPORT, "oracle", 1000);
    let mean = greedy.iter().map(|(success, ..)| success / 5.0).sum::<f64>();
    // A third of the jumps ends in the trap; and another third leads back to an entrance in four of the tasks:
    // (1 + 4 / 2) / 5 = 0.6. Standard error 0.006.
    assert!((mean - 0.6).abs() < 0.025, "{mean}");
    assert!(greedy.iter().map(|(.., jumps)| jumps).sum::<u64>() > 1500);
}

#[test]
fn a_policy_refuses_what_it_cannot_drive() {
    let mut oracle = policy(TELEPORT, "oracle").unwrap();
    assert!(matches!(oracle.act(&[0.0, 0.0], &mut [0.0; 2]), Err(EnvError::NeedsReset(_))));
    let env = bare(TELEPORT);
    oracle.reset(0, &env.task()).unwrap();
    let mut action = [0.5; 2];
    for bad in [&[0.0][..], &[f64::NAN, 0.0], &[1e9, 0.0]] {
        assert!(oracle.act(bad, &mut action).is_err());
    }
    assert_eq!(action, [0.5; 2]);
}

/// The ball is driven hard against everything, and stays in the free cells.
#[test]
fn the_ball_never_leaves_the_maze() {
    for maze in OgBenchMaze::ALL {
        let geometry = OgBenchGeometry::new(maze).unwrap();
        let ball = OgBenchBall::new(&geometry);
        let mut word = 3_u64;
        let mut draw = || {
            word = word.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            (word >> 40) as f64 / f64::from(1 << 23) - 1.0
        };
        let mut position = [0.0, 0.0];
        let mut touched = 0;
        for step in 0..200_000 {
            let hold = [draw(), draw()].map(|a| a.signum());
            for _ in 0..if step % 10 == 0 { 20 } else { 1 } {
                touched += usize::from(ball.step(&mut position, hold) != [0.0; 2]);
            }
            let cell = geometry.cell_at(position).unwrap();
            assert!(geometry.layout().is_free(cell), "{maze:?} {position:?}");
        }
        assert!(touched > 1000);
    }
}
