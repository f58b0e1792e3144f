//! Data of the gantry: what the oracle does.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Sender, channel};

use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::StandardNormal;

use super::mover::Command;
use super::{
    FRUIT_GANTRY, FRUIT_GANTRY_ACTION, FRUIT_GANTRY_OBSERVATION, FRUIT_GANTRY_STEPS, FruitGantry,
    FruitGantryPolicy,
};
use crate::data::{Dataset, DatasetMetadata, RewardConvention, TimeoutMeaning};
use crate::mujoco::{MujocoLibrary, MujocoModel};
use crate::{EnvError, Environment, Policy, Start};

/// Name of the generator, as written into files.
pub const FRUIT_GANTRY_GENERATOR: &str = "forethought-fruit-gantry";
/// Version of the generator: raised whenever the same seed gives other rows.
pub const FRUIT_GANTRY_GENERATOR_VERSION: u32 = 1;

/// Standard deviation of what is off in each entry of a command that is carried out.
const NOISE: f64 = 0.1;
/// How often the hand is pushed, for each step; for how many steps at most; and how often its grip gives way then.
const PUSH: f64 = 0.03;
const MOST_PUSHED: u32 = 3;
const SLIP: f64 = 0.15;
/// Attempts that fail one after another before no more are made: hundreds of them never happen unless all fail.
const MOST_FAILED: usize = 200;

/// Keeps the episodes of data apart from those that environments begin with the same seed.
const DATA: u64 = 1 << 63;

/// Settings of [`generate_fruit_gantry`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FruitGantryOptions {
    /// Rows to make.
    pub rows: usize,
    /// Seed of everything random.
    pub seed: u64,
    /// Threads that make them. The rows do not depend on it.
    pub threads: usize,
}

impl Default for FruitGantryOptions {
    fn default() -> Self {
        Self { rows: 100_000, seed: 0, threads: 1 }
    }
}

/// Makes data of the swap on MuJoCo: successful episodes of the oracle one after another, the last one cut where the rows end.
/// `progress` is called with (rows done, rows in all) after each episode that is kept, on the calling thread.
///
/// Rows are as those of [`crate::fruit_swap::generate_fruit_swap`]: row `t` holds the observation, the action that the oracle meant,
/// and its reward; what is carried out is a little off, and now and then the hand is pushed aside, or its fruit slips. An
/// episode's last row shows where its last action led and is marked as a terminal; the row at which an episode is cut is
/// marked as a time-out.
///
/// An episode depends on the seed and the number of its attempt alone; attempts that fail are left out. On other kinds of processors
/// MuJoCo may round otherwise.
///
/// # Errors
/// [`EnvError::Engine`] where MuJoCo cannot be had; [`EnvError::Data`] for zero rows, more than fit into memory, and where 200
/// attempts fail one after another; [`EnvError::Worker`] where a thread panicked.
pub fn generate_fruit_gantry(
    options: &FruitGantryOptions,
    progress: &mut dyn FnMut(usize, usize),
) -> Result<Dataset, EnvError> {
    let mut data = empty(options.rows)?;
    let library = MujocoLibrary::find().map_err(|error| error.of(FRUIT_GANTRY))?;
    let model = FruitGantry::model(&library)?;
    let makers =
        Makers { model: &model, seed: options.seed, next: AtomicU64::new(0), enough: AtomicBool::new(false) };
    let layout_hash = std::thread::scope(|scope| {
        let (tell, told) = channel();
        let workers: Vec<_> = (0..options.threads.max(1))
            .map(|_| {
                let (tell, makers) = (tell.clone(), &makers);
                scope.spawn(move || makers.make_all(&tell))
            })
            .collect();
        drop(tell);
        let (mut waiting, mut turn, mut failed, mut outcome) = (BTreeMap::new(), 0, 0, None);
        for (attempt, made) in told {
            waiting.insert(attempt, made);
            while outcome.is_none()
                && let Some(made) = waiting.remove(&turn)
            {
                turn += 1;
                match made {
                    Ok(Attempt { succeeded: false, .. }) if failed + 1 >= MOST_FAILED => {
                        outcome = Some(Err(refused(format!(
                            "the oracle failed {MOST_FAILED} times one after another with this release of MuJoCo: use one of \
                             those that were tried"
                        ))));
                    }
                    Ok(Attempt { succeeded: false, .. }) => failed += 1,
                    Ok(attempt) => {
                        failed = 0;
                        append(&mut data, &attempt, options.rows);
                        progress(data.rewards.len(), options.rows);
                        outcome = (data.rewards.len() == options.rows).then_some(Ok(()));
                    }
                    Err(error) => outcome = Some(Err(error)),
                }
            }
            // Nobody begins another attempt; those under way are waited for.
            if outcome.is_some() {
                makers.enough.store(true, Ordering::Relaxed);
            }
        }
        let panicked = workers.into_iter().filter_map(|worker| worker.join().err()).count();
        match outcome {
            Some(outcome) => outcome,
            None if panicked > 0 => {
                Err(EnvError::Worker(format!("a thread that made data of `{FRUIT_GANTRY}` panicked")))
            }
            None => Err(EnvError::Worker(format!("no thread was left that makes data of `{FRUIT_GANTRY}`"))),
        }
    })
    .and_then(|()| FruitGantry::of_model(&model))
    .map(|env| env.spec().layout_hash.clone())?;
    if let (Some(terminal), Some(timeout)) = (data.terminals.last(), data.timeouts.last_mut()) {
        *timeout = !terminal;
    }
    data.metadata = DatasetMetadata {
        seed: Some(options.seed),
        generator: Some(FRUIT_GANTRY_GENERATOR.into()),
        generator_version: Some(FRUIT_GANTRY_GENERATOR_VERSION),
        layout_hash,
        timeouts: TimeoutMeaning::Truncation,
        rewards: RewardConvention::OfAction,
        ..DatasetMetadata::default()
    };
    Ok(data)
}

fn refused(problem: String) -> EnvError {
    EnvError::Data { path: FRUIT_GANTRY.into(), problem }
}

/// A data set without rows, with room for `rows`.
fn empty(rows: usize) -> Result<Dataset, EnvError> {
    if rows == 0 {
        return Err(refused("zero rows were asked for; ask for at least one".into()));
    }
    let full = |_| refused(format!("{rows} rows do not fit into memory; ask for fewer"));
    let widths = [FRUIT_GANTRY_OBSERVATION, FRUIT_GANTRY_ACTION];
    let mut data = Dataset::of_rows(FRUIT_GANTRY, widths, Vec::new(), Vec::new());
    data.observations.try_reserve_exact(rows.saturating_mul(FRUIT_GANTRY_OBSERVATION)).map_err(full)?;
    data.actions.try_reserve_exact(rows.saturating_mul(FRUIT_GANTRY_ACTION)).map_err(full)?;
    data.rewards.try_reserve_exact(rows).map_err(full)?;
    data.terminals.try_reserve_exact(rows).map_err(full)?;
    data.timeouts.try_reserve_exact(rows).map_err(full)?;
    Ok(data)
}

/// Appends an episode, as far as there is room.
fn append(data: &mut Dataset, attempt: &Attempt, rows: usize) {
    let len = attempt.rewards.len().min(rows - data.rewards.len());
    data.observations.extend(attempt.observations.iter().take(len * FRUIT_GANTRY_OBSERVATION));
    data.actions.extend(attempt.actions.iter().take(len * FRUIT_GANTRY_ACTION));
    data.rewards.extend(attempt.rewards.iter().take(len));
    data.terminals.extend((1..=len).map(|row| row == attempt.rewards.len()));
    data.timeouts.extend((0..len).map(|_| false));
}

/// Rows of an episode, and whether it succeeded in its time.
#[derive(Default)]
struct Attempt {
    observations: Vec<f32>,
    actions: Vec<f32>,
    rewards: Vec<f32>,
    succeeded: bool,
}

/// What all threads share.
struct Makers<'a> {
    model: &'a MujocoModel,
    seed: u64,
    /// Number of the next attempt.
    next: AtomicU64,
    enough: AtomicBool,
}

impl Makers<'_> {
    /// Makes attempts until there are enough, or one cannot be made. An environment is made anew for each, so that what MuJoCo
    /// keeps of one attempt is nothing to the next.
    fn make_all(&self, tell: &Sender<(u64, Result<Attempt, EnvError>)>) {
        while !self.enough.load(Ordering::Relaxed) {
            let number = self.next.fetch_add(1, Ordering::Relaxed);
            let made = self.make(number);
            let ends = made.is_err();
            // Nobody listens where the caller is gone.
            if tell.send((number, made)).is_err() || ends {
                return;
            }
        }
    }

    fn make(&self, number: u64) -> Result<Attempt, EnvError> {
        let mut env = FruitGantry::of_model(self.model)?;
        let mut rng = ChaCha8Rng::seed_from_u64(self.seed);
        rng.set_stream(DATA | number);
        let mut oracle = FruitGantryPolicy::oracle();
        env.reset(&Start::seed(rng.random()))?;
        oracle.reset(rng.random(), &env.task())?;
        let (mut disturbance, mut made, mut ended) = (Disturbance::default(), Attempt::default(), false);
        for step in 0..=FRUIT_GANTRY_STEPS {
            let command = oracle.command(env.rules().state());
            made.observations.extend(env.observation().iter().map(|value| *value as f32));
            made.actions.extend(command.action.map(|value| value as f32));
            if ended || step == FRUIT_GANTRY_STEPS {
                made.rewards.push(0.0);
                break;
            }
            let transition = env.step(&disturbance.disturb(command, &mut rng))?;
            made.rewards.push(transition.reward as f32);
            (ended, made.succeeded) = (transition.ended(), transition.success);
        }
        Ok(made)
    }
}

/// What comes between commands and what is carried out.
#[derive(Default)]
struct Disturbance {
    /// The push, whether the grip gives way in it, and steps left of it.
    push: [f64; 3],
    slips: bool,
    left: u32,
}

impl Disturbance {
    /// What is carried out of a command.
    fn disturb(
        &mut self,
        Command { action, exact }: Command,
        rng: &mut impl Rng,
    ) -> [f64; FRUIT_GANTRY_ACTION] {
        if self.left == 0 && rng.random_bool(PUSH) {
            self.slips = rng.random_bool(SLIP);
            self.push = [(); 3].map(|()| rng.random_range(-1.0..=1.0));
            self.left = rng.random_range(1..=MOST_PUSHED);
        }
        let off: [f64; FRUIT_GANTRY_ACTION] =
            std::array::from_fn(|_| NOISE * rng.sample::<f64, _>(StandardNormal));
        let pushed = self.left > 0;
        self.left = self.left.saturating_sub(1);
        if exact {
            return action;
        }
        let meant = match (pushed, self.push, action) {
            (true, [x, y, z], [.., grip]) => [x, y, z, if self.slips { 1.0 } else { grip }],
            (false, _, action) => action,
        };
        std::array::from_fn(|i| (meant[i] + off[i]).clamp(-1.0, 1.0))
    }
}
