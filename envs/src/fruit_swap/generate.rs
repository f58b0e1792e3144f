//! Data of the swap: what the oracle does.

use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::StandardNormal;

use crate::data::{Dataset, DatasetMetadata, RewardConvention, TimeoutMeaning};
use crate::fruit_swap::mover::Command;
use crate::fruit_swap::{
    FRUIT_SWAP, FRUIT_SWAP_OBSERVATION, FRUIT_SWAP_STEPS, FruitSwapEnv, FruitSwapPolicy,
};
use crate::{EnvError, Environment, Policy, Start};

/// Name of the generator, as written into files.
pub const FRUIT_SWAP_GENERATOR: &str = "forethought-fruit-swap";
/// Version of the generator: raised whenever the same seed gives other rows.
pub const FRUIT_SWAP_GENERATOR_VERSION: u32 = 2;

/// Standard deviation of what is off in each entry of a command that is carried out.
const NOISE: f64 = 0.1;
/// How often the hand is pushed, for each step; for how many steps at most; and how often its grip gives way then.
const PUSH: f64 = 0.03;
const MOST_PUSHED: u32 = 3;
const SLIP: f64 = 0.15;

/// Keeps the episodes of data apart from those that environments begin with the same seed.
const DATA: u64 = 1 << 63;

/// Settings of [`generate_fruit_swap`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FruitSwapOptions {
    /// Rows to make.
    pub rows: usize,
    /// Seed of everything random.
    pub seed: u64,
}

impl Default for FruitSwapOptions {
    fn default() -> Self {
        Self { rows: 100_000, seed: 0 }
    }
}

/// Makes data of the swap: successful episodes of the oracle one after another, the last one cut where the rows end. `progress`
/// is called with (rows done, rows in all) after each episode.
///
/// Row `t` holds the observation, the action that the oracle meant, and its reward. What is carried out is a little off, and now
/// and then the hand is pushed aside, or its fruit slips; the oracle takes it from there. So data show what to do where it went
/// wrong, and what to do is not blurred by it (Laskey et al., CoRL 2017). An episode's last row shows where its last action led
/// and is marked as a terminal; the action in it is what the oracle would have done next, and earns nothing. The row at which an
/// episode is cut is marked as a time-out.
///
/// An episode depends on the seed and the number of its attempt alone; attempts that fail are left out.
///
/// # Errors
/// [`EnvError::Data`] for zero rows or more than fit into memory.
pub fn generate_fruit_swap(
    options: &FruitSwapOptions,
    progress: &mut dyn FnMut(usize, usize),
) -> Result<Dataset, EnvError> {
    let rows = options.rows;
    let mut data = empty(rows)?;
    let (mut env, mut oracle) = (FruitSwapEnv::new()?, FruitSwapPolicy::oracle());
    let mut attempt = 0;
    while data.rewards.len() < rows {
        let mut rng = ChaCha8Rng::seed_from_u64(options.seed);
        rng.set_stream(DATA | attempt);
        let begun = data.rewards.len();
        let succeeds = drive(&mut env, &mut oracle, &mut rng, &mut data)?;
        let end = if succeeds { data.rewards.len().min(rows) } else { begun };
        cut(&mut data, end);
        attempt += 1;
        progress(end, rows);
    }
    if let (Some(terminal), Some(timeout)) = (data.terminals.last(), data.timeouts.last_mut()) {
        *timeout = !terminal;
    }
    data.metadata = DatasetMetadata {
        seed: Some(options.seed),
        generator: Some(FRUIT_SWAP_GENERATOR.into()),
        generator_version: Some(FRUIT_SWAP_GENERATOR_VERSION),
        timeouts: TimeoutMeaning::Truncation,
        rewards: RewardConvention::OfAction,
        ..DatasetMetadata::default()
    };
    Ok(data)
}

/// A data set without rows, with room for `rows` and one episode more.
fn empty(rows: usize) -> Result<Dataset, EnvError> {
    let refuse = |problem: String| EnvError::Data { path: FRUIT_SWAP.into(), problem };
    if rows == 0 {
        return Err(refuse("zero rows were asked for; ask for at least one".into()));
    }
    let full = |_| refuse(format!("{rows} rows do not fit into memory; ask for fewer"));
    let room = rows.saturating_add(FRUIT_SWAP_STEPS + 1);
    let mut data = Dataset::of_rows(FRUIT_SWAP, [FRUIT_SWAP_OBSERVATION, 3], Vec::new(), Vec::new());
    data.observations.try_reserve_exact(room.saturating_mul(FRUIT_SWAP_OBSERVATION)).map_err(full)?;
    data.actions.try_reserve_exact(room.saturating_mul(3)).map_err(full)?;
    data.rewards.try_reserve_exact(room).map_err(full)?;
    data.terminals.try_reserve_exact(room).map_err(full)?;
    data.timeouts.try_reserve_exact(room).map_err(full)?;
    Ok(data)
}

/// What comes between commands and what is carried out.
#[derive(Default)]
struct Pushes {
    /// The push along x and z, whether the grip gives way in it, and steps left of it.
    push: [f64; 2],
    slips: bool,
    left: u32,
}

impl Pushes {
    /// What is carried out of a command.
    fn disturb(&mut self, Command { action, exact }: Command, rng: &mut impl Rng) -> [f64; 3] {
        if self.left == 0 && rng.random_bool(PUSH) {
            self.slips = rng.random_bool(SLIP);
            self.push = [rng.random_range(-1.0..=1.0), rng.random_range(-1.0..=1.0)];
            self.left = rng.random_range(1..=MOST_PUSHED);
        }
        let off: [f64; 3] = [0.0; 3].map(|_: f64| NOISE * rng.sample::<f64, _>(StandardNormal));
        let pushed = self.left > 0;
        self.left = self.left.saturating_sub(1);
        if exact {
            return action;
        }
        let mut done = action;
        if pushed {
            done[..2].copy_from_slice(&self.push);
            done[2] = if self.slips { 1.0 } else { done[2] };
        }
        std::array::from_fn(|i| (done[i] + off[i]).clamp(-1.0, 1.0))
    }
}

/// Appends an episode, and says whether it succeeded in its time.
fn drive(
    env: &mut FruitSwapEnv,
    oracle: &mut FruitSwapPolicy,
    rng: &mut ChaCha8Rng,
    data: &mut Dataset,
) -> Result<bool, EnvError> {
    env.reset(&Start::seed(rng.random()))?;
    oracle.reset(rng.random(), &env.task())?;
    let mut pushes = Pushes::default();
    let (mut ended, mut success) = (false, false);
    for step in 0..=FRUIT_SWAP_STEPS {
        let command = oracle.command(env.state());
        data.observations.extend(env.observation().iter().map(|value| *value as f32));
        data.actions.extend(command.action.map(|value| value as f32));
        data.terminals.push(ended);
        data.timeouts.push(false);
        if ended || step == FRUIT_SWAP_STEPS {
            data.rewards.push(0.0);
            break;
        }
        let transition = env.step(&pushes.disturb(command, rng))?;
        data.rewards.push(transition.reward as f32);
        (ended, success) = (transition.ended(), transition.success);
    }
    Ok(success)
}

fn cut(data: &mut Dataset, rows: usize) {
    data.observations.truncate(FRUIT_SWAP_OBSERVATION * rows);
    data.actions.truncate(3 * rows);
    data.rewards.truncate(rows);
    data.terminals.truncate(rows);
    data.timeouts.truncate(rows);
}
