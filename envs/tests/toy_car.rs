//! The toy car against what is published of it, and what an environment, its data and its drivers promise.
#![allow(clippy::unwrap_used, clippy::panic, clippy::float_cmp)]

use forethought_envs::data::{Dataset, ReadOptions, WriteOptions, check_inside, read_hdf5, write_hdf5};
use forethought_envs::toy_car::{
    TOY_CAR, TOY_CAR_EPISODE_ROWS, ToyCarEnv, ToyCarOptions, ToyCarState, ToyCarTask, generate_toy_car,
};
use forethought_envs::{
    EnvError, Environment, FeatureKind, Frames, Simulator, Start, Task, Transition, collect, entry, make,
    policy, resolve,
};

/// Mean returns and shares of successes of the module's documentation: of the driver model at its best and as in the data,
/// and of full throttle.
const BEST_R: f64 = 78.45;
const BEST_S: f64 = 0.998;
const DATA_R: f64 = 61.72;
const DATA_S: f64 = 0.987;
const FULL_R: f64 = 25.56;
const FULL_S: f64 = 0.5;

/// An episode of a policy.
fn episode(name: &str, start: &Start) -> Vec<Transition> {
    let (mut env, mut driver) = (make(TOY_CAR).unwrap(), policy(TOY_CAR, name).unwrap());
    env.reset(start).unwrap();
    driver.reset(start.seed, &env.task()).unwrap();
    let (mut action, mut steps) = ([0.0], Vec::new());
    while steps.last().is_none_or(|step: &Transition| !step.ended()) {
        driver.act(env.observation(), &mut action).unwrap();
        steps.push(env.step(&action).unwrap());
    }
    steps
}

/// Mean return, its standard error, and the share of successes, of episodes in which every other leader brakes.
fn scored(name: &str, seeds: std::ops::Range<u64>) -> (f64, f64, f64) {
    let count = (seeds.end - seeds.start) as f64;
    let episodes: Vec<Vec<Transition>> = seeds
        .map(|seed| episode(name, &Start { task: Some(1 + (seed % 2) as usize), ..Start::seed(seed) }))
        .collect();
    let returns: Vec<f64> = episodes.iter().map(|steps| steps.iter().map(|step| step.reward).sum()).collect();
    let mean = returns.iter().sum::<f64>() / count;
    let variance = returns.iter().map(|one| (one - mean).powi(2)).sum::<f64>() / (count - 1.0);
    let successes = episodes.iter().filter(|steps| steps.last().unwrap().success).count();
    (mean, (variance / count).sqrt(), successes as f64 / count)
}

/// The three drivers against the figures that stand in the module's documentation; both ends of the comparison have
/// a standard error, that of the documented ones a third of that here.
#[test]
fn drivers_return_what_is_documented() {
    for (name, returned, success) in
        [("best-driver", BEST_R, BEST_S), ("data-driver", DATA_R, DATA_S), ("full-throttle", FULL_R, FULL_S)]
    {
        let (mean, error, share) = scored(name, 1_000_000..1_002_000);
        assert!((mean - returned).abs() < 3.0 * error, "{name}: {mean} +- {error}");
        let of_share = (success * (1.0_f64 - success) / 2000.0).sqrt();
        assert!((share - success).abs() < 3.0 * of_share, "{name}: {share} +- {of_share}");
    }
}

/// Those of the authors' code, which are of as many episodes or fewer and rounded.
#[test]
fn drivers_return_what_the_authors_code_does() {
    for (name, returned, success) in
        [("best-driver", 78.5, 0.999), ("data-driver", 61.7, 0.985), ("full-throttle", 25.6, 0.5)]
    {
        let (mean, error, share) = scored(name, 2_000_000..2_002_000);
        assert!((mean - returned).abs() < 3.0 * error + 0.05, "{name}: {mean} +- {error}");
        let of_share = (success * (1.0_f64 - success) / 2000.0).sqrt();
        assert!((share - success).abs() < 3.0 * of_share + 0.0005, "{name}: {share} +- {of_share}");
    }
}

#[test]
fn an_episode_is_its_seeds_and_tasks_differ_in_the_leader_alone() {
    let run = |start: &Start| {
        let mut env = make(TOY_CAR).unwrap();
        env.reset(start).unwrap();
        let mut all = vec![env.observation().to_vec()];
        for step in 0..20 {
            env.step(&[if step % 3 == 0 { -0.5 } else { 0.25 }]).unwrap();
            all.push(env.observation().to_vec());
        }
        all
    };
    let (one, other) = (run(&Start::seed(5)), run(&Start::seed(6)));
    assert_eq!(one, run(&Start::seed(5)));
    assert_ne!(one[0], other[0]);
    let of_task = |task| run(&Start { task: Some(task), ..Start::seed(5) });
    let (brakes, drives) = (of_task(1), of_task(2));
    assert!(one == brakes || one == drives);
    assert_eq!(brakes[0], drives[0]);
    let ego = |all: &[Vec<f64>]| all.iter().map(|seen| [seen[0], seen[1]]).collect::<Vec<_>>();
    assert_eq!(ego(&brakes), ego(&drives));
    assert!(brakes[20][3] < drives[20][3]);
    let leaders = (0..1000).filter(|seed| {
        let mut env = ToyCarEnv::new().unwrap();
        env.reset(&Start::seed(*seed)).unwrap();
        env.cars().leader_stops
    });
    // Three standard errors of a fair coin.
    assert!((leaders.count() as f64 - 500.0).abs() < 48.0);
}

#[test]
fn starts_that_there_are_not_are_refused() {
    let mut env = ToyCarEnv::new().unwrap();
    assert!(matches!(env.step(&[0.0]), Err(EnvError::NeedsReset(_))));
    env.reset(&Start::seed(1)).unwrap();
    let before = env.snapshot();
    for (start, says) in [
        (Start { task: Some(0), ..Start::default() }, "tasks 1 to 2"),
        (Start { task: Some(3), ..Start::default() }, "task 3 was asked for"),
        (Start::seed(0).with_goal(&[1.0]), "no goal"),
        (Start { position: Some(vec![0.0]), ..Start::default() }, "no start position"),
    ] {
        let message = env.reset(&start).unwrap_err().to_string();
        assert!(message.contains(says), "{message}");
        assert_eq!(env.snapshot(), before);
    }
    assert!(matches!(env.step(&[f64::NAN]), Err(EnvError::NonFinite { .. })));
    assert!(matches!(env.step(&[0.0, 0.0]), Err(EnvError::ActionLength { .. })));
    assert_eq!(env.snapshot(), before);
}

/// One step of chance, in which the speeds of a leader that brakes and of one that does not part.
#[test]
fn chance_is_the_step_in_which_the_leader_shows_what_it_does() {
    for seed in 0..200 {
        let run = |task| {
            let mut env = ToyCarEnv::new().unwrap();
            env.reset(&Start { task: Some(task), ..Start::seed(seed) }).unwrap();
            // Standing still crashes into nobody.
            (0..40)
                .map(|_| (env.step(&[-1.0]).unwrap().chance, env.observation()[3]))
                .collect::<Vec<(bool, f64)>>()
        };
        let (brakes, drives) = (run(1), run(2));
        let parted = brakes.iter().zip(&drives).position(|(one, other)| one.1 != other.1);
        for all in [&brakes, &drives] {
            assert_eq!(all.iter().position(|(chance, _)| *chance), parted);
            assert_eq!(all.iter().filter(|(chance, _)| *chance).count(), 1);
        }
    }
}

#[test]
fn a_crash_costs_a_hundred_ends_the_episode_and_is_no_success() {
    let mut env = ToyCarEnv::new().unwrap();
    env.reset(&Start { task: Some(1), ..Start::seed(3) }).unwrap();
    let mut seen = Vec::new();
    let (mut returned, mut last) = (0.0, Transition::default());
    while !last.ended() {
        last = env.step(&[1.0]).unwrap();
        returned += last.reward;
        seen.extend_from_slice(env.observation());
    }
    assert!(last.terminated && !last.truncated && !last.success && env.cars().crashed());
    assert_eq!(last.reward, 2.5 - 100.0);
    assert!(matches!(env.step(&[0.0]), Err(EnvError::NeedsReset(_))));
    // The task's score of these frames is the return: of the episode, told from its observations.
    assert_eq!(ToyCarTask.score(Frames::of_observations(&seen, 4), None), returned);
    assert_eq!(returned, 0.25 * 10.0 * (seen.len() / 4) as f64 - 100.0);
}

#[test]
fn an_episode_without_a_crash_succeeds_in_its_last_step() {
    let steps = episode("data-driver", &Start { task: Some(2), ..Start::seed(0) });
    assert_eq!(steps.len(), 40);
    let successes: Vec<usize> = (0..40).filter(|step| steps[*step].success).collect();
    assert_eq!(successes, [39]);
    assert!(steps[39].truncated && !steps[39].terminated);
    let spec = make(TOY_CAR).unwrap().spec().clone();
    spec.check().unwrap();
    assert_eq!(spec.score.unwrap().normalize(61.7), 61.7);
    assert_eq!(
        (spec.entries(FeatureKind::Position), spec.entries(FeatureKind::Velocity)),
        (vec![0], vec![1])
    );
}

#[test]
fn a_snapshot_is_the_whole_state() {
    let mut env = ToyCarEnv::new().unwrap();
    // Braking all along nobody crashes, and the leader is in the middle of it.
    env.reset(&Start { task: Some(1), ..Start::seed(9) }).unwrap();
    for _ in 0..12 {
        env.step(&[-0.8]).unwrap();
    }
    let snapshot = env.snapshot();
    let onwards = |env: &mut ToyCarEnv| {
        (0..28).map(|_| (env.step(&[-0.9]).unwrap(), env.observation().to_vec())).collect::<Vec<_>>()
    };
    let want = onwards(&mut env);
    let text = serde_json::to_string(&snapshot).unwrap();
    let mut other = ToyCarEnv::new().unwrap();
    other.restore(&serde_json::from_str(&text).unwrap()).unwrap();
    assert_eq!(other.snapshot(), snapshot);
    assert_eq!(onwards(&mut other), want);
    assert!(other.step(&[0.0]).is_err(), "the clock is part of it");
    let damaged = |change: &dyn Fn(&mut forethought_envs::Snapshot)| {
        let mut bad = snapshot.clone();
        change(&mut bad);
        let mut env = ToyCarEnv::new().unwrap();
        let before = env.snapshot();
        assert!(env.restore(&bad).is_err(), "{bad:?}");
        assert_eq!(env.snapshot(), before);
    };
    damaged(&|bad| bad.env_id = "maze2d-umaze-v1".into());
    damaged(&|bad| bad.state[2] = f64::INFINITY);
    damaged(&|bad| bad.words[0] = 3);
    damaged(&|bad| bad.words[1] = 41);
    damaged(&|bad| bad.words[3] = 2);
    damaged(&|bad| {
        bad.words.pop();
    });
}

fn generated(options: &ToyCarOptions) -> Dataset {
    generate_toy_car(options, &mut |_, _| {}).unwrap()
}

/// State of a row; what the leader is going to do is not in it.
fn state(data: &Dataset, row: usize, leader_stops: bool) -> ToyCarState {
    let &[ego_x, ego_speed, leader_x, leader_speed] = data.observation(row).unwrap() else { panic!("{row}") };
    ToyCarState {
        ego_x: ego_x.into(),
        ego_speed: ego_speed.into(),
        leader_x: leader_x.into(),
        leader_speed: leader_speed.into(),
        leader_stops,
    }
}

#[test]
fn data_are_whole_episodes_of_the_environments_own_steps() {
    let options = ToyCarOptions { rows: 20 * TOY_CAR_EPISODE_ROWS + 7, seed: 3, ..ToyCarOptions::default() };
    let data = generated(&options);
    data.check().unwrap();
    check_inside(&data, make(TOY_CAR).unwrap().spec()).unwrap();
    let mut told = Vec::new();
    let again = collect(TOY_CAR, options.rows, 3, &mut |done, all| told.push((done, all))).unwrap();
    assert_eq!(again, data);
    assert_eq!((told.len(), told.last()), (21, Some(&(options.rows, options.rows))));
    assert_ne!(generated(&ToyCarOptions { seed: 4, ..options.clone() }).actions, data.actions);
    // An episode depends on seed and number alone.
    let shorter = generated(&ToyCarOptions { rows: 60, ..options });
    assert_eq!(shorter.observations, data.observations[..240]);
    let trajectories = data.trajectories(true);
    let lengths: Vec<usize> = trajectories.iter().map(forethought_envs::data::Trajectory::len).collect();
    assert_eq!(lengths, [vec![TOY_CAR_EPISODE_ROWS; 20], vec![7]].concat());
    for row in (0..data.len()).filter(|row| !data.timeouts[*row]) {
        let near = |leader_stops| {
            let mut cars = state(&data, row, leader_stops);
            cars.step(f64::from(data.actions[row]));
            let next = state(&data, row + 1, leader_stops).observation();
            // Numbers up to 120 in single precision.
            cars.observation().iter().zip(next).all(|(a, b)| (a - b).abs() < 2e-5)
        };
        assert!(near(false) || near(true), "row {row}");
        let paid = f64::from(data.step_reward(row).unwrap());
        assert!(
            (paid - 0.25 * state(&data, row + 1, false).ego_speed).abs() < 1e-5
                || paid < -90.0
                || paid == 0.0
        );
    }
}

/// Returns of the data's episodes and how many crashed, both ways of recording.
#[test]
fn data_return_what_their_driver_does_and_crashes_are_recorded_to_the_end_or_not_at_all() {
    let whole = ToyCarOptions { rows: 2000 * TOY_CAR_EPISODE_ROWS, seed: 1, ..ToyCarOptions::default() };
    let data = generated(&whole);
    let returns: Vec<f64> = data
        .trajectories(true)
        .iter()
        .map(|one| (one.start..one.end).map(|row| f64::from(data.rewards[row])).sum())
        .collect();
    let crashes = data.rewards.iter().filter(|reward| **reward < -90.0).count();
    let mean = returns.iter().sum::<f64>() / 2000.0;
    let variance = returns.iter().map(|one| (one - mean).powi(2)).sum::<f64>() / 1999.0;
    assert!((mean - DATA_R).abs() < 3.0 * (variance / 2000.0).sqrt(), "{mean}");
    let share = 1.0 - crashes as f64 / 2000.0;
    assert!((share - DATA_S).abs() < 3.0 * (DATA_S * (1.0 - DATA_S) / 2000.0).sqrt(), "{share}");
    assert!(data.terminals.iter().all(|flag| !flag));

    let published = generated(&ToyCarOptions { ends_at_crash: true, ..whole });
    let (mut ended, mut from) = (0, 0);
    for (number, one) in published.trajectories(true).iter().enumerate() {
        let terminal = published.terminals[one.end - 1];
        assert_eq!(terminal, state(&published, one.end - 1, false).crashed());
        assert!(terminal || one.len() == TOY_CAR_EPISODE_ROWS || one.end == published.len());
        ended += usize::from(terminal);
        // The same episode, as far as it is recorded.
        from = number * TOY_CAR_EPISODE_ROWS;
        if from + one.len() <= data.len() {
            let whole = &data.observations[4 * from..4 * (from + one.len())];
            assert_eq!(whole, &published.observations[4 * one.start..4 * one.end]);
        }
    }
    assert!(ended >= crashes && from >= data.len() - TOY_CAR_EPISODE_ROWS, "{ended} {crashes}");
}

#[test]
fn files_keep_the_data_and_what_cannot_be_made_is_refused() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("data.hdf5");
    let data = generated(&ToyCarOptions { rows: 500, seed: 2, ends_at_crash: true });
    write_hdf5(&data, &path, WriteOptions::default()).unwrap();
    assert_eq!(read_hdf5(&path, &ReadOptions::default()).unwrap(), data);
    for (rows, says) in [(0, "at least one"), (usize::MAX, "do not fit into memory")] {
        let options = ToyCarOptions { rows, ..ToyCarOptions::default() };
        let message = generate_toy_car(&options, &mut |_, _| {}).unwrap_err().to_string();
        assert!(message.contains(says), "{message}");
    }
}

#[test]
fn the_registry_knows_it() {
    assert_eq!(resolve("toy-car").unwrap(), TOY_CAR);
    let entry = entry(TOY_CAR).unwrap();
    assert_eq!(entry.policies(), ["best-driver", "data-driver", "full-throttle"]);
    assert!(entry.has_data() && !entry.has_validation_data());
    let mut driver = policy(TOY_CAR, "best-driver").unwrap();
    let message = driver.act(&[0.0; 3], &mut [0.0]).unwrap_err().to_string();
    assert!(message.contains("best-driver") && message.contains("4 entries"), "{message}");
}
