//! `gymnasium_rs` environments driven as ours, and ours as theirs.
#![cfg(feature = "gymnasium")]
// Failed expectations and equal bits are the point of a test.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::float_cmp)]

use std::collections::HashMap;

use forethought_envs::gymnasium::{AsGymnasium, FromGymnasium};
use forethought_envs::{EnvError, Environment, Simulator, Start, TimeLimit, VectorEnv, make};
use gymnasium_rs::core::{Env, Info, Options, Space};
use gymnasium_rs::envs::cartpole::CartPole;
use ndarray::{Array1, Array3, array};

fn cartpole() -> FromGymnasium<CartPole, Array1<f32>, i32> {
    FromGymnasium::new("CartPole", CartPole::new()).unwrap()
}

/// Leans against the fall; keeps their pole up for hundreds of steps.
fn balance(observation: &[f64]) -> [f64; 1] {
    [f64::from(u8::from(observation[2] + 0.5 * observation[3] + 0.05 * observation[1] > 0.0))]
}

#[test]
fn their_cartpole_is_balanced_through_our_trait() {
    let mut env = TimeLimit::new(cartpole(), 200).unwrap();
    assert_eq!((env.spec().observation.len(), env.spec().action.high()), (4, &[1.0][..]));
    assert!(matches!(env.step(&[0.0]), Err(EnvError::NeedsReset(_))));
    env.reset(&Start::seed(5)).unwrap();
    let (mut steps, mut total) = (0, 0.0);
    loop {
        let transition = env.step(&balance(env.observation())).unwrap();
        steps += 1;
        total += transition.reward;
        if transition.terminated || transition.truncated {
            assert!(transition.truncated && !transition.terminated);
            break;
        }
    }
    assert_eq!((steps, total), (200, 200.0));
    // Without control it falls, which is the task's end, not the clock's.
    env.reset(&Start::seed(5)).unwrap();
    let end = (0..200).find_map(|_| Some(env.step(&[1.0]).unwrap()).filter(|t| t.terminated || t.truncated));
    assert!(end.unwrap().terminated);
}

#[test]
fn seeds_and_snapshots_of_theirs_reproduce_an_episode() {
    let mut env = cartpole();
    env.reset(&Start::seed(1 << 40)).unwrap();
    for _ in 0..17 {
        env.step(&balance(env.observation())).unwrap();
    }
    let snapshot = env.snapshot();
    let mut other = cartpole();
    other.restore(&snapshot).unwrap();
    assert_eq!(other.observation(), env.observation());
    for _ in 0..17 {
        let action = balance(env.observation());
        assert_eq!(env.step(&action).unwrap(), other.step(&action).unwrap());
        assert_eq!(other.observation(), env.observation());
    }
    assert!(env.reset(&Start::seed(1).with_goal(&[0.0])).is_err());
    assert!(env.step(&[f64::NAN]).is_err());
}

#[test]
fn their_environments_go_into_our_vector() {
    let run = |threads| {
        let envs: Vec<Box<dyn Environment>> = (0..5).map(|_| Box::new(cartpole()) as _).collect();
        let mut vector = VectorEnv::new(envs, threads).unwrap();
        vector.reset(&[1, 2, 3, 4, 5].map(Start::seed)).unwrap();
        let mut observations = Vec::new();
        for _ in 0..20 {
            vector.observations_into(&mut observations);
            let actions: Vec<f64> = observations.chunks(4).flat_map(balance).collect();
            assert!(vector.step(&actions).unwrap().iter().all(Result::is_ok));
        }
        vector.observations_into(&mut observations);
        observations
    };
    assert_eq!(run(1), run(3));
}

#[test]
fn ours_is_driven_through_their_trait() {
    let mut ours = make("maze2d-umaze-v1").unwrap();
    ours.reset(&Start::seed(9)).unwrap();
    let mut adapter = AsGymnasium::new(make("maze2d-umaze-v1").unwrap(), 0);
    let theirs: &mut dyn Env<Array1<f32>, Array1<f32>> = &mut adapter;
    assert_eq!(theirs.action_space(), Space::Box { low: array![-1.0, -1.0], high: array![1.0, 1.0] });
    let (first, info) = theirs.reset_seed(9);
    assert_eq!(info["goal"], serde_json::json!([1.0, 1.0]));
    assert_eq!(first.to_vec(), ours.observation().iter().map(|v| *v as f32).collect::<Vec<_>>());
    let mut steps = 0;
    loop {
        let expected = ours.step(&[0.5, -0.25]).unwrap();
        let (observation, reward, terminated, truncated, _) = theirs.step(array![0.5, -0.25]);
        steps += 1;
        assert_eq!(observation.to_vec(), ours.observation().iter().map(|v| *v as f32).collect::<Vec<_>>());
        assert_eq!((f64::from(reward), terminated, truncated), (expected.reward, false, expected.truncated));
        if truncated {
            break;
        }
    }
    assert_eq!(steps, 300);
    let (_, reward, _, truncated, info) = theirs.step(array![0.0, 0.0]);
    assert!(truncated && reward == 0.0 && info["error"].as_str().unwrap().contains("reset"));
    let options = HashMap::from([("goal".to_owned(), serde_json::json!([3.0, 1.0]))]);
    assert_eq!(theirs.reset_options(options).1["goal"], serde_json::json!([3.0, 1.0]));
    let options = HashMap::from([("goal".to_owned(), serde_json::json!("there"))]);
    assert!(theirs.reset_options(options).1.contains_key("error"));
}

/// Gives NaN from its second step on.
struct Faulty(u32);

impl Env<Array1<f32>, Array1<f32>> for Faulty {
    fn observation_space(&self) -> Space {
        Space::Box { low: array![-1.0], high: array![1.0] }
    }
    fn action_space(&self) -> Space {
        Space::Box { low: array![-1.0], high: array![1.0] }
    }
    fn reset(&mut self, _: Option<i32>, _: Options) -> (Array1<f32>, Info) {
        self.0 = 0;
        (array![0.0], Info::new())
    }
    fn step(&mut self, action: Array1<f32>) -> (Array1<f32>, f32, bool, bool, Info) {
        self.0 += 1;
        let observation = if self.0 > 1 { array![f32::NAN] } else { action };
        (observation, 1.0, false, false, Info::new())
    }
    fn render(&self) -> Option<Array3<u8>> {
        None
    }
    fn close(&mut self) {}
}

#[test]
fn a_faulty_environment_ends_its_episode_with_a_clear_error() {
    let mut env = FromGymnasium::new("faulty", Faulty(0)).unwrap();
    env.reset(&Start::seed(0)).unwrap();
    env.step(&[7.0]).unwrap();
    assert_eq!(env.observation(), [1.0], "the action is clipped to their space");
    let message = env.step(&[0.0]).unwrap_err().to_string();
    assert!(message.contains("observation[0] is NaN"), "{message}");
    assert!(matches!(env.step(&[0.0]), Err(EnvError::NeedsReset(_))));
    env.reset(&Start::seed(0)).unwrap();
    assert!(env.step(&[0.0]).is_ok());
}
