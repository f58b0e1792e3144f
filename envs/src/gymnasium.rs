//! Adapters to and from the `gymnasium-rs` crate (feature `gymnasium`).
//!
//! [`AsGymnasium`] offers one of our environments as a `gymnasium_rs::core::Env`; [`FromGymnasium`] lets
//! any `gymnasium_rs` environment be stepped, limited, vectorised and planned for like ours. Their
//! trait works in `f32`, takes 31-bit seeds and cannot report errors; each adapter says what it does
//! about that. `ndarray 0.15`, which their trait exposes, goes no further than this module.

use std::marker::PhantomData;
use std::sync::Arc;

use gymnasium_rs::core::{Env, Info, Options, Space};
use ndarray::{Array1, Array3};
use serde_json::Value;

use crate::environment::{check_action, check_finite};
use crate::{
    BoxSpace, EnvError, EnvSpec, Environment, NoTask, SharedTask, Simulator, Snapshot, Start, Transition,
};

/// One of our environments as theirs.
///
/// An error cannot be returned through their trait: it ends the episode (`truncated`, reward 0) and its
/// message stands in the information map under `error`. The current goal stands there under `goal`, and
/// the reset option `goal` (a list of numbers) replaces it.
pub struct AsGymnasium<E> {
    env: E,
    next_seed: u64,
}

impl<E: Environment> AsGymnasium<E> {
    /// Wraps an environment. Resets without a seed use `first_seed`, `first_seed + 1` and so on.
    pub fn new(env: E, first_seed: u64) -> Self {
        Self { env, next_seed: first_seed }
    }

    /// Gives the environment back.
    pub fn into_inner(self) -> E {
        self.env
    }

    fn observe(&self) -> Array1<f32> {
        self.env.observation().iter().map(|value| *value as f32).collect()
    }

    fn info(&self, outcome: Result<(), EnvError>) -> Info {
        let mut info = Info::new();
        if let Some(condition) = self.env.task().condition() {
            info.insert("goal".to_owned(), Value::from(condition.values.to_vec()));
        }
        if let Err(error) = outcome {
            info.insert("error".to_owned(), Value::from(error.to_string()));
        }
        info
    }

    fn start(&mut self, seed: u64, options: &Options) -> Result<(), EnvError> {
        let mut start = Start::seed(seed);
        if let Some(goal) = options.get("goal") {
            let goal: Option<Vec<f64>> =
                goal.as_array().and_then(|list| list.iter().map(Value::as_f64).collect());
            let goal =
                goal.ok_or_else(|| EnvError::Mismatch("option `goal` is a list of numbers".to_owned()))?;
            start.goal = Some(goal);
        }
        self.env.reset(&start)
    }
}

impl<E: Environment> Env<Array1<f32>, Array1<f32>> for AsGymnasium<E> {
    fn observation_space(&self) -> Space {
        to_space(&self.env.spec().observation)
    }

    fn action_space(&self) -> Space {
        to_space(&self.env.spec().action)
    }

    fn reset(&mut self, seed: Option<i32>, options: Options) -> (Array1<f32>, Info) {
        let seed = match seed {
            Some(seed) => u64::from(seed.cast_unsigned()),
            None => {
                let seed = self.next_seed;
                self.next_seed = seed.wrapping_add(1);
                seed
            }
        };
        let outcome = self.start(seed, &options);
        (self.observe(), self.info(outcome))
    }

    fn step(&mut self, action: Array1<f32>) -> (Array1<f32>, f32, bool, bool, Info) {
        let action: Vec<f64> = action.iter().map(|value| f64::from(*value)).collect();
        match self.env.step(&action) {
            Ok(t) => (self.observe(), t.reward as f32, t.terminated, t.truncated, self.info(Ok(()))),
            Err(error) => (self.observe(), 0.0, false, true, self.info(Err(error))),
        }
    }

    fn render(&self) -> Option<Array3<u8>> {
        None
    }

    fn close(&mut self) {}
}

/// An observation type of theirs that can be read as a row of numbers.
pub trait GymnasiumObservation {
    /// Replaces `out` by the observation.
    fn write(&self, out: &mut Vec<f64>);
}

impl GymnasiumObservation for Array1<f32> {
    fn write(&self, out: &mut Vec<f64>) {
        out.clear();
        out.extend(self.iter().map(|value| f64::from(*value)));
    }
}

impl GymnasiumObservation for i32 {
    fn write(&self, out: &mut Vec<f64>) {
        out.clear();
        out.push(f64::from(*self));
    }
}

/// An action type of theirs that can be made from a row of numbers inside the action space.
pub trait GymnasiumAction {
    /// Converts; `entries` has the length of the action space and lies inside it.
    fn from_entries(entries: &[f64]) -> Self;
}

impl GymnasiumAction for Array1<f32> {
    fn from_entries(entries: &[f64]) -> Self {
        entries.iter().map(|value| *value as f32).collect()
    }
}

/// A discrete action: the nearest whole number.
impl GymnasiumAction for i32 {
    fn from_entries(entries: &[f64]) -> Self {
        entries.first().map_or(0, |value| value.round() as i32)
    }
}

/// One of their environments as ours.
///
/// A discrete space of `n` becomes the interval `[0, n - 1]`. Actions are clipped to the action space.
/// Our 64-bit seeds are folded to the 31 bits theirs take. Their trait cannot save a state, so a snapshot
/// is the seed and the actions of the episode, and `restore` plays them again: exact for environments
/// that depend on nothing else, in time proportional to the steps taken. The action log is why `step`
/// allocates here now and then.
pub struct FromGymnasium<T, O, A> {
    env: T,
    spec: EnvSpec,
    observation: Vec<f64>,
    action: Vec<f64>,
    /// Seed and actions since the last reset; `None` before the first.
    seed: Option<u64>,
    log: Vec<f64>,
    over: bool,
    types: PhantomData<fn(A) -> O>,
}

impl<T, O, A> FromGymnasium<T, O, A>
where
    T: Env<O, A> + Send,
    O: GymnasiumObservation,
    A: GymnasiumAction,
{
    /// Wraps an environment under a name of the caller's choice.
    ///
    /// # Errors
    /// [`EnvError::Space`] when one of its spaces is malformed.
    pub fn new(id: &str, env: T) -> Result<Self, EnvError> {
        let spec =
            EnvSpec::of_spaces(id, from_space(&env.observation_space())?, from_space(&env.action_space())?);
        let observation = vec![0.0; spec.observation.len()];
        let action = vec![0.0; spec.action.len()];
        Ok(Self {
            env,
            spec,
            observation,
            action,
            seed: None,
            log: Vec::new(),
            over: true,
            types: PhantomData,
        })
    }

    fn observe(&mut self, observation: &O) -> Result<(), EnvError> {
        observation.write(&mut self.observation);
        let (got, want) = (self.observation.len(), self.spec.observation.len());
        if got != want {
            // Keeps the row as long as the specification says, whatever the environment did.
            self.observation.resize(want, 0.0);
            let id = &self.spec.id;
            return Err(EnvError::Mismatch(format!(
                "`{id}` gave an observation of {got} numbers, its space has {want}: mend the environment"
            )));
        }
        check_finite("observation", &self.observation)
    }
}

impl<T, O, A> Environment for FromGymnasium<T, O, A>
where
    T: Env<O, A> + Send,
    O: GymnasiumObservation,
    A: GymnasiumAction,
{
    fn spec(&self) -> &EnvSpec {
        &self.spec
    }

    fn reset(&mut self, start: &Start) -> Result<(), EnvError> {
        let seed = start.only_seed(&self.spec.id)?;
        let folded = ((seed ^ (seed >> 32)) & 0x7fff_ffff) as i32;
        let (observation, _) = self.env.reset_seed(folded);
        self.log.clear();
        self.seed = Some(seed);
        self.over = true;
        self.observe(&observation)?;
        self.over = false;
        Ok(())
    }

    /// # Errors
    /// Besides the usual ones, [`EnvError::NonFinite`] or [`EnvError::Mismatch`] when the environment
    /// gives a malformed observation; the episode is over then.
    fn step(&mut self, action: &[f64]) -> Result<Transition, EnvError> {
        check_action(&self.spec, action)?;
        if self.over {
            return Err(EnvError::NeedsReset(self.spec.id.clone()));
        }
        self.action.copy_from_slice(action);
        self.spec.action.clip(&mut self.action);
        self.log.extend_from_slice(&self.action);
        let (observation, reward, terminated, truncated, _) = self.env.step(A::from_entries(&self.action));
        self.over = true;
        self.observe(&observation)?;
        self.over = terminated || truncated;
        Ok(Transition { reward: f64::from(reward), success: false, terminated, truncated, chance: false })
    }

    fn observation(&self) -> &[f64] {
        &self.observation
    }

    /// Their trait knows no tasks.
    fn task(&self) -> SharedTask {
        Arc::new(NoTask)
    }

    fn simulator(&mut self) -> Option<&mut dyn Simulator> {
        Some(self)
    }
}

impl<T, O, A> Simulator for FromGymnasium<T, O, A>
where
    T: Env<O, A> + Send,
    O: GymnasiumObservation,
    A: GymnasiumAction,
{
    /// State: the actions since the reset. Words: whether there was one, and its seed.
    fn snapshot(&self) -> Snapshot {
        Snapshot {
            env_id: self.spec.id.clone(),
            state: self.log.clone(),
            words: vec![u64::from(self.seed.is_some()), self.seed.unwrap_or(0)],
        }
    }

    fn restore(&mut self, snapshot: &Snapshot) -> Result<(), EnvError> {
        let width = self.action.len();
        let (&[started, seed], true, true) = (
            snapshot.words.as_slice(),
            snapshot.env_id == self.spec.id,
            width > 0 && snapshot.state.len().is_multiple_of(width),
        ) else {
            return Err(EnvError::Mismatch(format!(
                "snapshot of `{}` does not fit `{}`: take it in an environment of the same name",
                snapshot.env_id, self.spec.id
            )));
        };
        check_finite("snapshot state", &snapshot.state)?;
        if started == 0 {
            self.seed = None;
            self.log.clear();
            self.over = true;
            return Ok(());
        }
        self.reset(&Start::seed(seed))?;
        for action in snapshot.state.chunks_exact(width) {
            self.step(action)?;
        }
        Ok(())
    }
}

fn to_space(space: &BoxSpace) -> Space {
    let narrow = |bounds: &[f64]| bounds.iter().map(|bound| *bound as f32).collect();
    Space::Box { low: narrow(space.low()), high: narrow(space.high()) }
}

fn from_space(space: &Space) -> Result<BoxSpace, EnvError> {
    match space {
        Space::Discrete(n) if *n > 0 => BoxSpace::new(vec![0.0], vec![f64::from(*n) - 1.0]),
        Space::Discrete(n) => Err(EnvError::Space(format!("a discrete space of {n} has no element"))),
        Space::Box { low, high } => {
            let widen = |bounds: &Array1<f32>| bounds.iter().map(|bound| f64::from(*bound)).collect();
            BoxSpace::new(widen(low), widen(high))
        }
    }
}
