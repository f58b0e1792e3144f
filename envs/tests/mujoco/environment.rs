//! Environments on MuJoCo.

use std::f64::consts::PI;
use std::process::Command;

use forethought_envs::mujoco::{
    MUJOCO_VARIABLE, MujocoEnv, MujocoModel, MujocoPart, MujocoRules, MujocoSim, REACHER,
    REACHER_EPISODE_STEPS, REACHER_RADIUS, Reacher,
};
use forethought_envs::{
    BoxSpace, EnvError, EnvSpec, Environment, NoTask, SharedTask, Simulator, Snapshot, Start, Transition,
    VectorEnv, catalogue, make, policy,
};

use nalgebra::{Matrix2, Vector2};

use crate::{SCENE, library};

fn reacher() -> Option<MujocoEnv<Reacher>> {
    Some(Reacher::with_library(&library()?).unwrap())
}

fn action(k: usize) -> [f64; 2] {
    [(k as f64 / 7.0).sin() * 1.4, (k as f64 / 5.0).cos()]
}

fn bits(values: &[f64]) -> Vec<u64> {
    values.iter().map(|value| value.to_bits()).collect()
}

/// In a process of its own, in which MuJoCo is named and is not there.
#[test]
fn it_is_listed_and_without_mujoco_says_how_that_is_had() {
    assert!(catalogue().iter().any(|(id, about)| id == REACHER && about.contains("mujoco.sh")));
    let nowhere = "/nowhere/libmujoco.so";
    if std::env::var_os(MUJOCO_VARIABLE).is_some_and(|named| named == nowhere) {
        let said = make(REACHER).err().unwrap().to_string();
        assert!(
            said.contains(REACHER) && said.contains(nowhere) && said.contains("envs/interop/mujoco.sh"),
            "{said}"
        );
        return;
    }
    let name = "environment::it_is_listed_and_without_mujoco_says_how_that_is_had";
    let child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", name])
        .env(MUJOCO_VARIABLE, nowhere)
        .output();
    let output = child.unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    assert!(String::from_utf8_lossy(&output.stdout).contains("1 passed"));
}

#[test]
fn an_episode_is_its_seeds_alone() {
    let (Some(mut one), Some(mut other)) = (reacher(), reacher()) else { return };
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
    let first = one.observation().to_vec();
    one.reset(&Start::seed(6)).unwrap();
    assert_ne!(one.observation(), first);
}

/// The tip is where the lengths of the links say, and what is earned is its distance from the goal.
#[test]
fn observations_and_rewards_are_the_arms_geometry() {
    let Some(mut env) = reacher() else { return };
    for seed in 0..20 {
        env.reset(&Start::seed(seed)).unwrap();
        for k in 0..20 {
            let step = env.step(&action(k)).unwrap();
            let seen = env.observation().to_vec();
            let (a, b, da, db) = (seen[0], seen[0] + seen[1], seen[2], seen[2] + seen[3]);
            let tip = [0.25 * a.cos() + 0.2 * b.cos(), 0.25 * a.sin() + 0.2 * b.sin()];
            let speed = [-0.25 * a.sin() * da - 0.2 * b.sin() * db, 0.25 * a.cos() * da + 0.2 * b.cos() * db];
            for (ours, theirs) in tip.iter().chain(&speed).zip(&seen[4..]) {
                assert!((ours - theirs).abs() < 1e-12, "{seen:?}");
            }
            let goal = env.task().condition().unwrap().values.to_vec();
            let away = (tip[0] - goal[0]).hypot(tip[1] - goal[1]);
            assert!((step.reward + away).abs() < 1e-12);
            assert_eq!(step.success, away <= REACHER_RADIUS);
            assert!(env.spec().observation.contains(&seen));
        }
    }
}

/// A first push from rest: four implicit steps of `M dv = (tau - D v) dt`, with the inertia of the capsules.
#[test]
fn a_first_push_accelerates_as_the_inertia_says() {
    let Some(mut env) = reacher() else { return };
    env.reset(&Start { position: Some(vec![0.0, 0.0]), ..Start::seed(0) }).unwrap();
    let (l1, l2, m1, m2, armature, damping, dt) = (0.25_f64, 0.2_f64, 0.3, 0.2, 0.001, 0.02, 0.005);
    // Of a capsule about its middle: a cylinder, and half a ball at each end.
    let about_middle = |mass: f64, length: f64| {
        let radius = 0.015_f64;
        let ends = mass / (1.0 + 0.75 * length / radius);
        (mass - ends) * (length * length / 12.0 + radius * radius / 4.0)
            + ends * (0.4 * radius * radius + length * length / 4.0 + 0.375 * length * radius)
    };
    let fore = about_middle(m2, l2) + m2 * l2 * l2 / 4.0;
    let cross = fore + m2 * l1 * l2 / 2.0;
    let whole = about_middle(m1, l1) + m1 * l1 * l1 / 4.0 + m2 * l1 * l1 + m2 * l1 * l2 + fore;
    let mass = Matrix2::new(whole + armature, cross, cross, fore + armature);
    let implicit = (mass + Matrix2::identity() * (dt * damping)).try_inverse().unwrap();
    let mut speed = Vector2::zeros();
    for _ in 0..4 {
        speed = implicit * (mass * speed + Vector2::new(0.1 * 0.4, 0.0) * dt);
    }
    env.step(&[0.1, 0.0]).unwrap();
    let seen = &env.observation()[2..4];
    // The arm bends by half a degree meanwhile, which is left out here.
    for (ours, theirs) in speed.iter().zip(seen) {
        assert!((ours / theirs - 1.0).abs() < 0.003, "{speed} {seen:?}");
    }
}

#[test]
fn a_snapshot_goes_on_bit_for_bit() {
    let (Some(mut env), Some(mut other)) = (reacher(), reacher()) else { return };
    for cut in [0, 1, 37] {
        env.reset(&Start::seed(3)).unwrap();
        for k in 0..cut {
            env.step(&action(k)).unwrap();
        }
        let snapshot: Snapshot =
            serde_json::from_str(&serde_json::to_string(&env.snapshot()).unwrap()).unwrap();
        other.reset(&Start::seed(8)).unwrap();
        other.restore(&snapshot).unwrap();
        assert_eq!(other.snapshot(), snapshot);
        assert_eq!(bits(other.observation()), bits(env.observation()));
        for k in cut..cut + 40 {
            assert_eq!(env.step(&action(k)).unwrap(), other.step(&action(k)).unwrap());
            assert_eq!(bits(other.observation()), bits(env.observation()));
        }
        let goals = [&env, &other].map(|env| env.task().condition().unwrap().values.to_vec());
        assert_eq!(goals[0], goals[1]);
    }
}

#[test]
fn what_cannot_be_honoured_is_refused_and_changes_nothing() {
    let Some(mut env) = reacher() else { return };
    assert!(matches!(env.step(&[0.0, 0.0]), Err(EnvError::NeedsReset(_))));
    env.reset(&Start::seed(1)).unwrap();
    env.step(&[0.3, -0.3]).unwrap();
    let (before, seen) = (env.snapshot(), env.observation().to_vec());
    let starts = [
        (Start { task: Some(1), ..Start::default() }, "takes no task"),
        (Start::seed(0).with_goal(&[1.0, 0.0]), "the arm of"),
        (Start::seed(0).with_goal(&[0.0, 0.0]), "the arm of"),
        (Start::seed(0).with_goal(&[0.3]), "has 2 numbers"),
        (Start::seed(0).with_goal(&[f64::NAN, 0.0]), "goal[0] is NaN"),
        (Start { position: Some(vec![0.0, 3.0]), ..Start::default() }, "begins at angles"),
        (Start { position: Some(vec![0.0]), ..Start::default() }, "has 2 numbers"),
    ];
    for (start, says) in starts {
        let said = env.reset(&start).unwrap_err().to_string();
        assert!(said.contains(says), "{said}");
        assert_eq!(env.snapshot(), before);
    }
    for action in [&[0.0][..], &[0.0, f64::NAN]] {
        assert!(env.step(action).is_err());
        assert_eq!(env.snapshot(), before);
    }
    let with = |change: fn(&mut Snapshot)| {
        let mut snapshot = before.clone();
        change(&mut snapshot);
        snapshot
    };
    for (snapshot, says) in [
        (with(|s| s.env_id = "toy-car-v0".into()), "was taken in `toy-car-v0`"),
        (with(|s| s.state.truncate(s.state.len() - 1)), "two numbers of its goal"),
        (with(|s| s.state.truncate(3)), "numbers and 3 words"),
        (with(|s| s.state[1] = f64::NAN), "snapshot state[1] is NaN"),
        (with(|s| s.words[0] = 7), "phase"),
        (with(|s| s.words[1] = 2), "0 or 1"),
        (with(|s| s.words[2] ^= 1), "another model"),
        (with(|s| s.words.push(0)), "two numbers of its goal"),
        (with(|s| s.state[3] = 1e200), "diverged"),
    ] {
        let said = env.restore(&snapshot).unwrap_err().to_string();
        assert!(said.contains(says), "{said}");
        assert_eq!(env.snapshot(), before);
        assert_eq!(bits(env.observation()), bits(&seen));
    }
}

#[test]
fn actions_outside_are_clipped_and_goals_and_starts_are_the_callers() {
    let (Some(mut one), Some(mut other)) = (reacher(), reacher()) else { return };
    let start = Start { position: Some(vec![0.4, -1.0]), ..Start::seed(1).with_goal(&[0.1, 0.3]) };
    one.reset(&start).unwrap();
    other.reset(&start).unwrap();
    assert_eq!(one.observation()[..2], [0.4, -1.0]);
    assert_eq!(one.task().condition().unwrap().values, [0.1, 0.3]);
    one.step(&[5.0, -0.2]).unwrap();
    other.step(&[1.0, -0.2]).unwrap();
    assert_eq!(bits(one.observation()), bits(other.observation()));
}

/// Most episodes end at their goal: the environment can be solved, and its time limit is long enough.
#[test]
fn the_spring_brings_the_tip_to_its_goal() {
    if library().is_none() {
        return;
    }
    let (mut env, mut spring) = (make(REACHER).unwrap(), policy(REACHER, "spring").unwrap());
    let mut there = 0;
    for seed in 0..200 {
        env.reset(&Start::seed(seed)).unwrap();
        spring.reset(seed, &env.task()).unwrap();
        let (mut command, mut steps) = ([0.0; 2], 0);
        let last = loop {
            spring.act(env.observation(), &mut command).unwrap();
            let step = env.step(&command).unwrap();
            steps += 1;
            if step.ended() {
                break step;
            }
        };
        assert_eq!(steps, REACHER_EPISODE_STEPS);
        there += usize::from(last.success);
    }
    println!("{there} of 200 at their goal");
    assert!(there > 185, "{there}");
}

#[test]
fn a_vector_on_threads_is_the_environments_alone() {
    let Some(library) = library() else { return };
    let run = |threads: usize| {
        let make = || -> Box<dyn Environment> { Box::new(Reacher::with_library(&library).unwrap()) };
        let mut vector = VectorEnv::new((0..6).map(|_| make()).collect(), threads).unwrap();
        let starts: Vec<Start> = (0..6).map(Start::seed).collect();
        assert!(vector.reset(&starts).unwrap().iter().all(Result::is_ok));
        let mut all = Vec::new();
        for k in 0..60 {
            let actions: Vec<f64> = (0..6).flat_map(|env| action(k + 11 * env)).collect();
            let rewards: Vec<f64> =
                vector.step(&actions).unwrap().into_iter().map(|step| step.unwrap().reward).collect();
            all.extend(bits(&rewards));
        }
        let mut seen = Vec::new();
        vector.observations_into(&mut seen);
        all.extend(bits(&seen));
        all
    };
    let alone = run(1);
    assert_eq!(run(2), alone);
    assert_eq!(run(3), alone);
}

/// Rules that see sensors as a time step leaves them, of the scene with contacts; and throw a cube when told to.
struct Scene {
    spec: EnvSpec,
    wild: bool,
}

impl MujocoRules for Scene {
    fn spec(&self) -> &EnvSpec {
        &self.spec
    }

    fn substeps(&self) -> usize {
        10
    }

    fn draw(&mut self, start: &Start) -> Result<(), EnvError> {
        start.only_seed("scene-v0").map(|seed| self.wild = seed == 7)
    }

    fn place(&mut self, sim: &mut MujocoSim) -> Result<(), EnvError> {
        sim.step(20).map_err(|error| error.of("scene-v0"))
    }

    fn control(&mut self, action: &[f64], sim: &mut MujocoSim, control: &mut [f64]) -> Result<(), EnvError> {
        control.copy_from_slice(action);
        let force = vec![1e300; sim.model().len_of(MujocoPart::JointForces)];
        let thrown = if self.wild { sim.write(MujocoPart::JointForces, &force) } else { Ok(()) };
        thrown.map_err(|error| error.of("scene-v0"))
    }

    fn observe(&mut self, sim: &mut MujocoSim, seen: &mut [f64]) -> Result<(), EnvError> {
        let sensor = sim.model().sensor("ball").and_then(|sensor| sim.sensor(sensor, seen));
        sensor.map_err(|error| error.of("scene-v0"))
    }

    fn outcome(&mut self, _action: &[f64], sim: &MujocoSim, seen: &[f64]) -> Transition {
        Transition { reward: seen[2], terminated: sim.time() > 2.0, ..Transition::default() }
    }

    fn task(&self) -> SharedTask {
        std::sync::Arc::new(NoTask)
    }

    fn save(&self, _numbers: &mut Vec<f64>, words: &mut Vec<u64>) {
        words.push(u64::from(self.wild));
    }

    fn restore(&mut self, _numbers: &[f64], words: &[u64]) -> Result<(), EnvError> {
        self.wild = words == [1];
        Ok(())
    }
}

fn scene() -> Option<MujocoEnv<Scene>> {
    let model = MujocoModel::from_text(&library()?, SCENE).unwrap();
    let spec =
        EnvSpec::of_spaces("scene-v0", BoxSpace::symmetric(3, f64::INFINITY), BoxSpace::symmetric(4, 1.0));
    Some(MujocoEnv::new(&model, Scene { spec, wild: false }).unwrap())
}

/// Sensors lag the state by one time step, and are put back as they were all the same.
#[test]
fn sensors_of_the_last_time_step_are_put_back_too() {
    let (Some(mut env), Some(mut other)) = (scene(), scene()) else { return };
    env.reset(&Start::seed(0)).unwrap();
    let mut at = 0;
    for cut in [0, 3, 30] {
        while at < cut {
            env.step(&[0.1, -0.5, 0.3, 0.9]).unwrap();
            at += 1;
        }
        other.restore(&env.snapshot()).unwrap();
        assert_eq!(bits(other.observation()), bits(env.observation()));
    }
    let mut steps = 0;
    loop {
        let (one, two) = (env.step(&[0.0; 4]).unwrap(), other.step(&[0.0; 4]).unwrap());
        assert_eq!((one, bits(env.observation())), (two, bits(other.observation())));
        steps += 1;
        if one.ended() {
            break;
        }
    }
    // 0.04 s at the start, then 0.02 s a step until time is past 2 s.
    assert!((98..=99).contains(&(steps + 30)), "{steps}");
    assert!(matches!(env.step(&[0.0; 4]), Err(EnvError::NeedsReset(_))));
}

#[test]
fn an_episode_that_diverges_is_over_and_the_next_one_is_as_ever() {
    let (Some(mut env), Some(mut other)) = (scene(), scene()) else { return };
    env.reset(&Start::seed(7)).unwrap();
    let said = env.step(&[0.0; 4]).unwrap_err();
    assert!(matches!(said, EnvError::Engine { .. }) && said.to_string().contains("diverged"), "{said}");
    assert!(matches!(env.step(&[0.0; 4]), Err(EnvError::NeedsReset(_))));
    let snapshot = env.snapshot();
    other.restore(&snapshot).unwrap();
    assert!(matches!(other.step(&[0.0; 4]), Err(EnvError::NeedsReset(_))));
    other = scene().unwrap();
    for env in [&mut env, &mut other] {
        env.reset(&Start::seed(0)).unwrap();
        for _ in 0..20 {
            env.step(&[0.2, -0.6, 0.0, 1.0]).unwrap();
        }
    }
    assert_eq!(env.snapshot(), other.snapshot());
}

#[test]
fn angles_that_are_drawn_lie_in_their_ranges() {
    let Some(mut env) = reacher() else { return };
    for seed in 0..200 {
        env.reset(&Start::seed(seed)).unwrap();
        let seen = env.observation();
        assert!(seen[0].abs() <= PI && seen[1].abs() <= 2.4 && seen[2..4] == [0.0, 0.0]);
    }
}
