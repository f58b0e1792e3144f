//! The vector environment: equal to serial stepping, and unharmed by single faults.
// Failed expectations and equal bits are the point of a test.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::float_cmp)]

use std::sync::Arc;

use forethought_envs::{
    BoxSpace, EnvError, EnvSpec, Environment, NoTask, SharedTask, Snapshot, Start, Transition, VectorEnv,
    make,
};

/// Counts its steps; panics, or returns an error, at step three when told to.
struct Trouble {
    spec: EnvSpec,
    kind: u8,
    state: [f64; 4],
}

impl Trouble {
    fn boxed(kind: u8) -> Box<dyn Environment> {
        let spec = make("maze2d-umaze-v1").unwrap().spec().clone();
        Box::new(Self { spec, kind, state: [0.0; 4] })
    }
}

impl Environment for Trouble {
    fn spec(&self) -> &EnvSpec {
        &self.spec
    }
    fn reset(&mut self, _start: &Start) -> Result<(), EnvError> {
        self.state = [0.0; 4];
        Ok(())
    }
    fn step(&mut self, _action: &[f64]) -> Result<Transition, EnvError> {
        self.state[0] += 1.0;
        if self.state[0] == 3.0 {
            match self.kind {
                1 => return Err(EnvError::Mismatch("told to".to_owned())),
                2 => panic!("told to panic"),
                _ => {}
            }
        }
        Ok(Transition { reward: self.state[0], ..Transition::default() })
    }
    fn observation(&self) -> &[f64] {
        &self.state
    }
    fn task(&self) -> SharedTask {
        Arc::new(NoTask)
    }
}

/// Goal of the running episode.
fn goal(env: &dyn Environment) -> Vec<f64> {
    env.task().condition().unwrap().values.to_vec()
}

fn snapshot(env: &mut dyn Environment) -> Snapshot {
    env.simulator().unwrap().snapshot()
}

fn starts<const N: usize>(seeds: [u64; N]) -> [Start; N] {
    seeds.map(Start::seed)
}

fn action(env: usize, step: usize) -> [f64; 2] {
    [(0.3 * (step + 7 * env) as f64).sin(), (0.17 * (step * (env + 1)) as f64).cos()]
}

#[test]
fn vector_equals_serial_stepping_for_any_thread_count() {
    const ENVS: usize = 7;
    const STEPS: usize = 320;
    let seeds: Vec<u64> = (0..ENVS as u64).map(|k| 1000 + k).collect();
    let mut serial = Vec::new();
    for (k, seed) in seeds.iter().enumerate() {
        let mut env = make("multi2d-umaze-v1").unwrap();
        env.reset(&Start::seed(*seed)).unwrap();
        let mut trace = goal(&env);
        for step in 0..STEPS {
            // Steps past the limit are refused; what counts is that both refuse.
            trace.push(
                env.step(&action(k, step)).map_or(-1.0, |t| t.reward + f64::from(u8::from(t.truncated))),
            );
            trace.extend_from_slice(env.observation());
        }
        serial.push(trace);
    }
    for threads in [1, 2, 4, 16] {
        let mut vector = VectorEnv::make("multi2d-umaze-v1", ENVS, threads).unwrap();
        let starts: Vec<Start> = seeds.iter().copied().map(Start::seed).collect();
        assert!(vector.reset(&starts).unwrap().iter().all(Result::is_ok));
        let mut traces: Vec<Vec<f64>> = (0..ENVS).map(|k| goal(vector.get(k).unwrap())).collect();
        let mut observations = Vec::new();
        for step in 0..STEPS {
            let actions: Vec<f64> = (0..ENVS).flat_map(|k| action(k, step)).collect();
            let outcomes = vector.step(&actions).unwrap();
            vector.observations_into(&mut observations);
            for (k, outcome) in outcomes.iter().enumerate() {
                let value = outcome.as_ref().map_or(-1.0, |t| t.reward + f64::from(u8::from(t.truncated)));
                traces[k].push(value);
                traces[k].extend_from_slice(&observations[4 * k..4 * k + 4]);
            }
        }
        assert_eq!(traces, serial, "{threads} threads");
    }
}

#[test]
fn an_error_and_a_panic_stay_with_their_environment() {
    for threads in [1, 2, 5] {
        let envs = [0, 1, 2, 0, 0].map(Trouble::boxed).into_iter().collect();
        let mut vector = VectorEnv::new(envs, threads).unwrap();
        vector.reset(&starts([0; 5])).unwrap();
        let actions = [0.0; 10];
        for _ in 0..2 {
            assert!(vector.step(&actions).unwrap().iter().all(Result::is_ok));
        }
        let third = vector.step(&actions).unwrap();
        assert!(matches!(third[1], Err(EnvError::Mismatch(_))));
        assert!(third[2].as_ref().unwrap_err().to_string().contains("told to panic"));
        for healthy in [0, 3, 4] {
            assert_eq!(third[healthy].as_ref().unwrap().reward, 3.0);
        }
        let fourth = vector.step(&actions).unwrap();
        assert_eq!(fourth[1].as_ref().unwrap().reward, 4.0);
        assert!(matches!(fourth[2], Err(EnvError::Worker(_))));
        assert_eq!(fourth[4].as_ref().unwrap().reward, 4.0);
        let again = vector.reset(&starts([0; 5])).unwrap();
        assert!(again[2].is_err() && again[1].is_ok());
    }
}

#[test]
fn inactive_environments_stand_still() {
    let mut vector = VectorEnv::make("maze2d-umaze-v1", 3, 2).unwrap();
    vector.reset(&starts([1, 2, 3])).unwrap();
    let before = snapshot(vector.get_mut(1).unwrap());
    let outcomes = vector.step_where(&[1.0; 6], |k| k != 1).unwrap();
    assert!(matches!(outcomes[1], Ok(None)) && matches!(outcomes[2], Ok(Some(_))));
    assert_eq!(snapshot(vector.get_mut(1).unwrap()), before);
}

#[test]
fn malformed_requests_are_refused() {
    assert!(VectorEnv::new(Vec::new(), 1).is_err());
    assert!(VectorEnv::make("maze2d-umaze-v1", 2, 0).is_err());
    assert!(VectorEnv::make("maze2d-umaze", 2, 1).is_err());
    let mixed = vec![make("maze2d-umaze-v1").unwrap(), make("maze2d-large-v1").unwrap()];
    assert!(VectorEnv::new(mixed, 1).is_err());
    let mut vector = VectorEnv::make("maze2d-umaze-v1", 2, 2).unwrap();
    assert_eq!((vector.len(), vector.is_empty()), (2, false));
    assert_eq!(vector.spec().action, BoxSpace::symmetric(2, 1.0));
    assert!(vector.get(2).is_none() && vector.get_mut(2).is_none());
    assert!(vector.reset(&starts([1])).is_err());
    assert!(vector.step(&[0.0; 3]).is_err());
    vector.reset(&[Start::seed(1), Start::seed(2).with_goal(&[1.0, 1.0])]).unwrap();
    assert_eq!(goal(vector.get(1).unwrap()), [1.0, 1.0]);
    let outcomes = vector.step(&[0.0, 0.0, f64::NAN, 0.0]).unwrap();
    assert!(outcomes[0].is_ok() && matches!(outcomes[1], Err(EnvError::NonFinite { .. })));
}
