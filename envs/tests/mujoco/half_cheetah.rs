//! Gymnasium's half-cheetah: what an environment promises.
//! Without its model these tests say that they are left out, unless `FORETHOUGHT_GYMNASIUM` names a folder.

use std::path::Path;
use std::process::Command;

use forethought_envs::mujoco::half_cheetah::{
    HALF_CHEETAH, HALF_CHEETAH_EPISODE_STEPS, HALF_CHEETAH_MODEL, HalfCheetah, HalfCheetahData,
};
use forethought_envs::mujoco::{GYMNASIUM_VARIABLE, GymnasiumModel, MujocoEnv};
use forethought_envs::{
    EnvError, Environment, FeatureKind, Simulator, Snapshot, Start, VectorEnv, catalogue, collect, entry,
    make, policy,
};

use crate::library;

/// The model of this machine; `None`, said aloud, where there is none and none was named.
pub fn gymnasium_model() -> Option<GymnasiumModel> {
    match GymnasiumModel::find(HALF_CHEETAH_MODEL) {
        Ok(model) => Some(model),
        Err(error) if std::env::var_os(GYMNASIUM_VARIABLE).is_none_or(|named| named.is_empty()) => {
            println!("LEFT OUT: {error}");
            None
        }
        Err(error) => panic!("{error}"),
    }
}

pub fn cheetah() -> Option<MujocoEnv<HalfCheetah>> {
    Some(HalfCheetah::with_model(HALF_CHEETAH, &library()?, &gymnasium_model()?).unwrap())
}

/// Something else in each step, a little beyond the action space now and then.
fn action(k: usize) -> [f64; 6] {
    [0, 1, 2, 3, 4, 5].map(|motor| 1.1 * (k as f64 * 0.7 + f64::from(motor) * 2.1).sin())
}

pub fn bits(values: &[f64]) -> Vec<u64> {
    values.iter().map(|value| value.to_bits()).collect()
}

/// Whoever drove the data does so by the seed alone, and strays from its sampler by noise that is larger the worse the data are.
#[test]
fn drivers_of_the_data_act_by_their_seed_and_within_bounds() {
    let Some(mut env) = cheetah() else { return };
    let task = env.task();
    env.reset(&Start::seed(3)).unwrap();
    let here = env.observation().to_vec();
    let first = |name: &str, seed: u64| {
        let mut driver = policy(HALF_CHEETAH, name).unwrap();
        driver.reset(seed, &task).unwrap();
        let mut action = [0.0; 6];
        driver.act(&here, &mut action).unwrap();
        assert!(action.iter().all(|value| value.abs() <= 1.0) && driver.name() == name, "{name}: {action:?}");
        assert!(driver.act(&here[1..], &mut action).is_err(), "an entry of the observation is missing");
        action
    };
    let names = ["data-short", "data-medium", "data-good"];
    for name in names {
        assert_eq!(bits(&first(name, 5)), bits(&first(name, 5)));
        assert_ne!(first(name, 5), first(name, 6));
    }
    assert_ne!(first(names[0], 5), first(names[2], 5), "other budgets and noise");
}

/// High up nothing is touched, and at rest no spring pulls: all of it falls as a stone does, five time steps of 10 ms in a step, and
/// what is earned is the speed at which it was thrown.
#[test]
fn a_runner_that_is_thrown_flies_as_a_stone() {
    let Some(mut env) = cheetah() else { return };
    let (mut thrown, dt) = ([0.0; 18], 0.01);
    (thrown[1], thrown[9], thrown[10]) = (50.0, 2.0, 3.0);
    env.reset(&Start { position: Some(thrown.to_vec()), ..Start::default() }).unwrap();
    for step in 1..=20 {
        let paid = env.step(&[0.0; 6]).unwrap();
        let n = 5.0 * f64::from(step);
        let (height, speed) =
            (50.0 + 3.0 * n * dt - 9.81 * dt * dt * n * (n + 1.0) / 2.0, 3.0 - 9.81 * n * dt);
        let seen = env.observation();
        assert!((seen[0] - height).abs() < 1e-9 && (seen[9] - speed).abs() < 1e-9, "{seen:?}");
        assert!((seen[8] - 2.0).abs() < 1e-9 && (paid.reward - 2.0).abs() < 1e-9, "{}", paid.reward);
        let rest = seen[1..8].iter().chain(&seen[10..]);
        assert!(rest.into_iter().all(|value| value.abs() < 1e-9), "{seen:?}");
        assert!(!paid.success && !paid.ended());
    }
}

#[test]
fn an_episode_is_its_seeds_alone_and_starts_stray_a_little() {
    let (Some(mut one), Some(mut other)) = (cheetah(), cheetah()) else { return };
    other.reset(&Start::seed(99)).unwrap();
    for k in 0..30 {
        other.step(&action(k)).unwrap();
    }
    for env in [&mut one, &mut other] {
        env.reset(&Start::seed(5)).unwrap();
    }
    for k in 0..100 {
        assert_eq!(bits(one.observation()), bits(other.observation()));
        assert_eq!(one.step(&action(k)).unwrap(), other.step(&action(k)).unwrap());
    }
    let (mut places, mut speeds) = (Vec::new(), Vec::new());
    for seed in 0..400 {
        one.reset(&Start::seed(seed)).unwrap();
        places.extend_from_slice(&one.observation()[..8]);
        speeds.extend_from_slice(&one.observation()[8..]);
    }
    let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
    let square = |values: &[f64]| values.iter().map(|v| v * v).sum::<f64>() / values.len() as f64;
    assert!(places.iter().all(|place| place.abs() <= 0.1));
    // Uniform and normal; five standard errors of 3200 and 3600 draws.
    assert!(mean(&places).abs() < 0.0052 && mean(&speeds).abs() < 0.0084);
    assert!(
        (square(&places) / (0.01 / 3.0) - 1.0).abs() < 0.08 && (square(&speeds) / 0.01 - 1.0).abs() < 0.12
    );
}

#[test]
fn a_snapshot_goes_on_bit_for_bit_rewards_included() {
    let (Some(mut env), Some(mut other)) = (cheetah(), cheetah()) else { return };
    for cut in [0, 1, 37] {
        env.reset(&Start::seed(3)).unwrap();
        for k in 0..cut {
            env.step(&action(k)).unwrap();
        }
        let snapshot: Snapshot =
            serde_json::from_str(&serde_json::to_string(&env.snapshot()).unwrap()).unwrap();
        other.reset(&Start::seed(8)).unwrap();
        other.step(&action(4)).unwrap();
        other.restore(&snapshot).unwrap();
        assert_eq!(other.snapshot(), snapshot);
        assert_eq!(bits(other.observation()), bits(env.observation()));
        for k in cut..cut + 60 {
            assert_eq!(env.step(&action(k)).unwrap(), other.step(&action(k)).unwrap());
            assert_eq!(bits(other.observation()), bits(env.observation()));
        }
    }
}

#[test]
fn what_cannot_be_honoured_is_refused_and_changes_nothing() {
    let Some(mut env) = cheetah() else { return };
    assert!(matches!(env.step(&[0.0; 6]), Err(EnvError::NeedsReset(_))));
    env.reset(&Start::seed(1)).unwrap();
    env.step(&action(0)).unwrap();
    let before = env.snapshot();
    let at = |position: Vec<f64>| Start { position: Some(position), ..Start::default() };
    for (start, says) in [
        (Start { task: Some(1), ..Start::default() }, "takes no task"),
        (Start::seed(0).with_goal(&[1.0]), "takes no goal"),
        (at(vec![0.0; 8]), "8 numbers were given"),
        (at(Vec::new()), "0 numbers were given"),
        (at(vec![0.0; 27]), "27 numbers were given"),
        (at([vec![0.0; 17], vec![f64::NAN]].concat()), "start position[17] is NaN"),
    ] {
        let said = env.reset(&start).unwrap_err().to_string();
        assert!(said.contains(says), "{said}");
        assert_eq!(env.snapshot(), before);
    }
    for action in [&[0.0; 5][..], &[0.0, 0.0, 0.0, 0.0, 0.0, f64::INFINITY]] {
        assert!(env.step(action).is_err());
        assert_eq!(env.snapshot(), before);
    }
    let mut longer = before.clone();
    longer.state.push(0.0);
    let said = env.restore(&longer).unwrap_err().to_string();
    assert!(said.contains("nothing besides the simulation's state"), "{said}");
    assert_eq!(env.snapshot(), before);
    let mut of_another = before.clone();
    of_another.env_id = HalfCheetahData::Good.id().into();
    assert!(env.restore(&of_another).is_err());
}

#[test]
fn actions_outside_are_clipped_before_they_are_paid_for() {
    let (Some(mut one), Some(mut other)) = (cheetah(), cheetah()) else { return };
    one.reset(&Start::seed(1)).unwrap();
    other.reset(&Start::seed(1)).unwrap();
    let steps = (one.step(&[5.0, -2.0, 0.3, 0.0, 1.0, -9.0]), other.step(&[1.0, -1.0, 0.3, 0.0, 1.0, -1.0]));
    assert_eq!(steps.0.unwrap(), steps.1.unwrap());
    assert_eq!(bits(one.observation()), bits(other.observation()));
}

#[test]
fn a_vector_on_threads_is_the_environments_alone() {
    if cheetah().is_none() {
        return;
    }
    let run = |threads: usize| {
        let envs = (0..5).map(|_| make(HALF_CHEETAH).unwrap()).collect();
        let mut vector = VectorEnv::new(envs, threads).unwrap();
        let starts: Vec<Start> = (0..5).map(Start::seed).collect();
        assert!(vector.reset(&starts).unwrap().iter().all(Result::is_ok));
        let (mut seen, mut all) = (Vec::new(), Vec::new());
        for k in 0..50 {
            let actions: Vec<f64> = (0..5).flat_map(|env| action(k + 3 * env)).collect();
            let steps = vector.step(&actions).unwrap();
            all.extend(steps.into_iter().map(|step| step.unwrap().reward.to_bits()));
            vector.observations_into(&mut seen);
            all.extend(bits(&seen));
        }
        all
    };
    let alone = run(1);
    assert_eq!(run(2), alone);
    assert_eq!(run(3), alone);
}

/// Runs one of these tests in a process of its own, in which the folder of gymnasium's models is this one.
fn alone(test: &str, models: &Path) {
    let child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", test])
        .env(GYMNASIUM_VARIABLE, models)
        .output();
    let output = child.unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    assert!(String::from_utf8_lossy(&output.stdout).contains("1 passed"));
}

/// In a process of its own, in which gymnasium's folder is named and holds nothing.
#[test]
fn it_is_listed_and_without_the_model_says_how_that_is_had() {
    for data in HalfCheetahData::ALL {
        let listed = |(id, about): &(String, String)| id == data.id() && about.contains("gymnasium.sh");
        assert!(catalogue().iter().any(listed));
        assert!(entry(data.id()).unwrap().has_data());
    }
    let nowhere = "/nowhere/models";
    if std::env::var_os(GYMNASIUM_VARIABLE).is_some_and(|named| named == nowhere) {
        let said = [
            make(HALF_CHEETAH).err().unwrap(),
            policy(HALF_CHEETAH, "sampler").err().unwrap(),
            collect(HALF_CHEETAH, 10, 0, &mut |_, _| {}).err().unwrap(),
        ];
        for said in said.map(|error| error.to_string()) {
            let remedy = said.contains(nowhere) && said.contains("envs/interop/gymnasium.sh");
            assert!(said.contains(HALF_CHEETAH) && remedy, "{said}");
        }
        return;
    }
    if library().is_none() {
        return;
    }
    let name = "half_cheetah::it_is_listed_and_without_the_model_says_how_that_is_had";
    alone(name, Path::new(nowhere));
}

/// In a process of its own, in which the reacher's model has the name.
#[test]
fn another_model_under_its_name_is_refused() {
    let named = std::env::var_os(GYMNASIUM_VARIABLE).unwrap_or_default();
    if named.to_string_lossy().ends_with("another-model") {
        let said = make(HALF_CHEETAH).err().unwrap().to_string();
        assert!(said.contains("2 positions, 2 speeds and 2 motors where 9, 9 and 6 belong"), "{said}");
        return;
    }
    if library().is_none() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let named = folder.path().join("another-model");
    std::fs::create_dir(&named).unwrap();
    let reacher = include_str!("../../src/mujoco/reacher.xml");
    std::fs::write(named.join(HALF_CHEETAH_MODEL), reacher).unwrap();
    alone("half_cheetah::another_model_under_its_name_is_refused", &named);
}

#[test]
fn every_name_makes_a_limited_environment_of_that_name() {
    if cheetah().is_none() {
        return;
    }
    for data in HalfCheetahData::ALL {
        let env = make(data.id()).unwrap();
        let spec = env.spec();
        assert_eq!((spec.id.as_str(), spec.max_episode_steps), (data.id(), Some(HALF_CHEETAH_EPISODE_STEPS)));
    }
}

/// Of what the specification says, what planning relies on.
#[test]
fn the_specification_says_what_is_seen() {
    let Some(env) = cheetah() else { return };
    let spec = env.spec();
    spec.check().unwrap();
    assert_eq!(spec.entries(FeatureKind::Position), [0]);
    assert_eq!(spec.entries(FeatureKind::Velocity), [9]);
    assert_eq!(spec.entries(FeatureKind::Angle), [1, 2, 3, 4, 5, 6, 7]);
    assert!(spec.condition.is_empty() && env.task().condition().is_none());
    assert_eq!(spec.max_episode_steps, Some(HALF_CHEETAH_EPISODE_STEPS));
    assert!((spec.score.unwrap().normalize(12135.0) - 100.0).abs() < 1e-9);
}
