//! An environment of one's own: a boat that crosses a river to a place on the other bank.
use std::sync::Arc;

use forethought_envs::data::Dataset;
use forethought_envs::{
    Area, BoxSpace, Entry, EnvError, EnvSpec, Environment, Feature, FeatureKind, GoalTask, Scene, SharedTask,
    Simulator, Snapshot, Start, TimeLimit, Transition, collect, make, register_entry,
};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

pub(crate) const BOAT: &str = "boat-v0";
/// A boat at (x, y), which its action moves by up to a metre and the current carries on.
pub(crate) struct Boat {
    spec: EnvSpec,
    at: [f64; 2],
    goal: f64,
}
impl Boat {
    pub(crate) fn new() -> Self {
        let spec = EnvSpec {
            features: vec![Feature::new("place", 2, FeatureKind::Position)],
            condition: vec![0, 1],
            ..EnvSpec::of_spaces(BOAT, BoxSpace::symmetric(2, f64::INFINITY), BoxSpace::symmetric(2, 1.0))
        };
        Self { spec, at: [0.0; 2], goal: 0.0 }
    }
}
impl Environment for Boat {
    fn spec(&self) -> &EnvSpec {
        &self.spec
    }
    fn reset(&mut self, start: &Start) -> Result<(), EnvError> {
        let mut random = ChaCha8Rng::seed_from_u64(start.only_seed(BOAT)?);
        self.at = [random.random_range(-5.0..5.0), 0.0];
        self.goal = random.random_range(-5.0..5.0);
        Ok(())
    }
    fn step(&mut self, action: &[f64]) -> Result<Transition, EnvError> {
        self.spec.check_action(action)?;
        let [x, y] = self.at;
        let [dx, dy] = [action[0], action[1]].map(|by| by.clamp(-1.0, 1.0));
        let current = 0.02 * y * (10.0 - y); // 0.5 m in the middle, nothing at the banks.
        self.at = [x + current + dx, (y + dy).clamp(0.0, 10.0)];
        let success = (self.at[0] - self.goal).hypot(self.at[1] - 10.0) <= 0.5;
        Ok(Transition { reward: f64::from(u8::from(success)), success, ..Transition::default() })
    }
    fn observation(&self) -> &[f64] {
        &self.at
    }
    fn task(&self) -> SharedTask {
        Arc::new(GoalTask::new(&[0, 1], &[self.goal, 10.0], 0.5))
    }
    fn simulator(&mut self) -> Option<&mut dyn Simulator> {
        Some(self)
    }
}

impl Simulator for Boat {
    fn snapshot(&self) -> Snapshot {
        Snapshot { env_id: BOAT.into(), state: vec![self.at[0], self.at[1], self.goal], words: Vec::new() }
    }
    fn restore(&mut self, snapshot: &Snapshot) -> Result<(), EnvError> {
        snapshot.check_from(BOAT)?;
        let &[x, y, goal] = snapshot.state.as_slice() else {
            return Err(EnvError::Mismatch(format!("a snapshot of `{BOAT}` has 3 numbers: take another")));
        };
        (self.at, self.goal) = ([x, y], goal);
        Ok(())
    }
}

/// Boats that wander for 60 steps each: a row is what is seen, what is done then, and what that earns.
fn wander(rows: usize, seed: u64, progress: &mut dyn FnMut(usize, usize)) -> Result<Dataset, EnvError> {
    let (mut env, mut random) = (Boat::new(), ChaCha8Rng::seed_from_u64(seed));
    let (mut observations, mut actions, mut rewards) = (Vec::new(), Vec::new(), Vec::new());
    for row in 0..rows {
        if row % 60 == 0 {
            env.reset(&Start::seed(random.random()))?;
            progress(row, rows);
        }
        let action = [random.random_range(-1.0..1.0), random.random_range(-0.6..1.0)];
        observations.extend(env.observation().iter().map(|value| *value as f32));
        actions.extend(action.map(|value| value as f32));
        rewards.push(env.step(&action)?.reward as f32);
    }
    let timeouts = (1..=rows).map(|row| row % 60 == 0 || row == rows).collect();
    Ok(Dataset { rewards, timeouts, ..Dataset::of_rows(BOAT, [2, 2], observations, actions) })
}

pub(crate) fn main() -> Result<(), EnvError> {
    let entry = Entry::new(|| Ok(Box::new(TimeLimit::new(Boat::new(), 60)?))).about("a boat crosses a river");
    let view = Area { min: [-30.0, 0.0], max: [30.0, 10.0] };
    register_entry(BOAT, entry.data(wander).scene(Scene::open(view, [0, 1])))?;
    // From here on everything that takes names finds it.
    collect(BOAT, 6000, 0, &mut |_, _| {})?.check()?;
    make(BOAT)?.reset(&Start::seed(1))
}
