//! Data of the toy car, driven by the driver model as the authors drove theirs.

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use crate::EnvError;
use crate::data::{Dataset, DatasetMetadata, RewardConvention, TimeoutMeaning};
use crate::toy_car::{TOY_CAR, TOY_CAR_EPISODE_STEPS, ToyCarDriver, ToyCarState};

/// Name of the generator, as written into files.
pub const TOY_CAR_GENERATOR: &str = "forethought-toy-car";
/// Version of the generator: raised whenever the same seed gives other rows.
pub const TOY_CAR_GENERATOR_VERSION: u32 = 1;
/// Rows of an episode without a crash: one for each step, and one for where the last of them led.
pub const TOY_CAR_EPISODE_ROWS: usize = TOY_CAR_EPISODE_STEPS + 1;

/// Keeps the episodes of data apart from those that environments begin with the same seed.
const DATA: u64 = 1 << 63;

/// Settings of [`generate_toy_car`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ToyCarOptions {
    /// Rows to make. 102,500 hold the 100,000 steps of the published data.
    pub rows: usize,
    /// Seed of everything random.
    pub seed: u64,
    /// End an episode with its crash, as the published data do. Without, both cars are recorded on to the end of the
    /// episode's time as if there had been none: whatever is as long as an episode would else be one that survived, and
    /// a model of such sequences knows no crashes.
    pub ends_at_crash: bool,
}

impl Default for ToyCarOptions {
    fn default() -> Self {
        Self { rows: 100_000, seed: 0, ends_at_crash: false }
    }
}

/// Makes data of the toy car: episodes one after another, the last one cut where the rows end. In each the driver model
/// drives with a time gap of its own and a little noise on its actions. `progress` is called with (rows done, rows in all)
/// after each episode.
///
/// Row `t` holds the observation, the action applied, and its reward. An episode's last row shows where its last action led;
/// the action in it is what the driver would have done next, and earns nothing. It is marked as a time-out, or as a
/// terminal where the episode ends at a crash. Rows after a crash are those that nobody would have lived to see, and earn
/// nothing.
///
/// An episode depends on the seed and its number alone.
///
/// # Errors
/// [`EnvError::Data`] for zero rows or more than fit into memory.
pub fn generate_toy_car(
    options: &ToyCarOptions,
    progress: &mut dyn FnMut(usize, usize),
) -> Result<Dataset, EnvError> {
    let rows = options.rows;
    let mut data = empty(rows)?;
    let mut episode = 0;
    while data.rewards.len() < rows {
        let mut rng = ChaCha8Rng::seed_from_u64(options.seed);
        rng.set_stream(DATA | episode);
        let most = TOY_CAR_EPISODE_ROWS.min(rows - data.rewards.len());
        drive(most, options.ends_at_crash, &mut rng, &mut data);
        episode += 1;
        progress(data.rewards.len(), rows);
    }
    data.metadata = DatasetMetadata {
        seed: Some(options.seed),
        generator: Some(TOY_CAR_GENERATOR.into()),
        generator_version: Some(TOY_CAR_GENERATOR_VERSION),
        timeouts: TimeoutMeaning::Truncation,
        rewards: RewardConvention::OfAction,
        ..DatasetMetadata::default()
    };
    Ok(data)
}

/// A data set without rows, with room for `rows`.
fn empty(rows: usize) -> Result<Dataset, EnvError> {
    let refuse = |problem: String| EnvError::Data { path: TOY_CAR.into(), problem };
    if rows == 0 {
        return Err(refuse("zero rows were asked for; ask for at least one".into()));
    }
    let full = |_| refuse(format!("{rows} rows do not fit into memory; ask for fewer"));
    let mut data = Dataset::of_rows(TOY_CAR, [4, 1], Vec::new(), Vec::new());
    data.observations.try_reserve_exact(rows.saturating_mul(4)).map_err(full)?;
    data.actions.try_reserve_exact(rows).map_err(full)?;
    data.rewards.try_reserve_exact(rows).map_err(full)?;
    data.terminals.try_reserve_exact(rows).map_err(full)?;
    data.timeouts.try_reserve_exact(rows).map_err(full)?;
    Ok(data)
}

/// One episode of at most `most` rows.
fn drive(most: usize, ends_at_crash: bool, rng: &mut ChaCha8Rng, data: &mut Dataset) {
    let mut cars = ToyCarState::draw(rng);
    let driver = ToyCarDriver::draw(rng);
    let mut crashed = false;
    for row in 1..=most {
        let observation = cars.observation();
        let action = driver.act_noisily(observation, rng);
        let terminal = crashed && ends_at_crash;
        let last = terminal || row == most;
        cars.step(action);
        let earns = !crashed && row < TOY_CAR_EPISODE_ROWS;
        crashed |= cars.crashed();
        data.observations.extend(observation.map(|value| value as f32));
        data.actions.push(action as f32);
        data.rewards.push(if earns { cars.reward() as f32 } else { 0.0 });
        data.terminals.push(terminal);
        data.timeouts.push(last && !terminal);
        if terminal {
            break;
        }
    }
}
