//! Data of the arm, driven by drivers of all tempers, on any number of threads.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::{
    CROSSING_ARM, CROSSING_ARM_EPISODE_STEPS, CROSSING_ARM_JOINTS, CROSSING_ARM_OBSERVATION, CrossingArm,
    CrossingArmDriver,
};
use crate::data::{Dataset, DatasetMetadata, RewardConvention, TimeoutMeaning};
use crate::mujoco::{MujocoError, MujocoLibrary, MujocoModel, MujocoRules};
use crate::{EnvError, Policy, Start};

/// Name of the generator, as written into files.
pub const CROSSING_ARM_GENERATOR: &str = "forethought-crossing-arm";
/// Version of the generator: raised whenever the same seed gives other rows.
pub const CROSSING_ARM_GENERATOR_VERSION: u32 = 1;

/// Keeps the episodes of data apart from those that environments begin with the same seed.
const DATA: u64 = 1 << 63;
/// Episodes that a thread makes before all are put in their order.
const ROUND: u64 = 16;

/// Settings of [`generate_crossing_arm`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CrossingArmOptions {
    /// Rows to make.
    pub rows: usize,
    /// Seed of everything random.
    pub seed: u64,
    /// Rows that are recorded behind an arrival or a collision, as if the episode had not ended; why,
    /// [`crate::crossing::CrossingOptions`] says. With 0, episodes end as the environment's do, marked as terminals.
    pub tail: usize,
    /// Threads that make them. The rows do not depend on it.
    pub threads: usize,
}

impl Default for CrossingArmOptions {
    fn default() -> Self {
        Self { rows: 100_000, seed: 0, tail: 30, threads: 1 }
    }
}

/// Makes data of the arm: episodes one after another, the last one cut where the rows end. In each another
/// [`CrossingArmDriver`] drives, who knows nothing but what the rows hold. `progress` is called with (rows done, rows in all)
/// after each episode, on the calling thread.
///
/// Row `t` holds the observation, the action applied, and its reward. An episode's last row shows where its last action led;
/// the action in it is what the driver would have done next, and earns nothing. It is marked as a time-out, or as a
/// terminal where the episode ends with an arrival or a collision. Rows behind those earn nothing; in them obstacles pass
/// through the arm.
///
/// An episode depends on the seed and its number alone. On other kinds of processors MuJoCo may round otherwise.
///
/// # Errors
/// [`EnvError::Engine`] where MuJoCo cannot be had; [`EnvError::Data`] for zero rows or more than fit into memory;
/// [`EnvError::Worker`] where a thread panicked.
pub fn generate_crossing_arm(
    options: &CrossingArmOptions,
    progress: &mut dyn FnMut(usize, usize),
) -> Result<Dataset, EnvError> {
    let rows = options.rows;
    let mut data = empty(rows)?;
    let library = MujocoLibrary::find().map_err(|error| error.of(CROSSING_ARM))?;
    let model = CrossingArm::model(&library)?;
    let threads = options.threads.clamp(1, 256) as u64;
    let mut first = 0;
    while data.rewards.len() < rows {
        let rounds = std::thread::scope(|scope| {
            let workers: Vec<_> = (0..threads)
                .map(|number| {
                    let from = first + ROUND * number;
                    let model = &model;
                    scope.spawn(move || (from..from + ROUND).map(|n| drive(model, options, n)).collect())
                })
                .collect();
            let joined = workers.into_iter().map(|worker| {
                worker.join().map_err(|_| {
                    EnvError::Worker(format!("a thread that made data of `{CROSSING_ARM}` panicked"))
                })
            });
            joined.collect::<Result<Vec<Vec<Result<Episode, EnvError>>>, EnvError>>()
        })?;
        first += ROUND * threads;
        for episode in rounds.into_iter().flatten() {
            if data.rewards.len() < rows {
                append(&mut data, &episode?, rows);
                progress(data.rewards.len(), rows);
            }
        }
    }
    if let (Some(terminal), Some(timeout)) = (data.terminals.last(), data.timeouts.last_mut()) {
        *timeout = !terminal;
    }
    data.metadata = DatasetMetadata {
        seed: Some(options.seed),
        generator: Some(CROSSING_ARM_GENERATOR.into()),
        generator_version: Some(CROSSING_ARM_GENERATOR_VERSION),
        layout_hash: CrossingArm::new()?.spec().layout_hash.clone(),
        timeouts: TimeoutMeaning::Truncation,
        rewards: RewardConvention::OfAction,
        ..DatasetMetadata::default()
    };
    Ok(data)
}

/// A data set without rows, with room for `rows`.
fn empty(rows: usize) -> Result<Dataset, EnvError> {
    let refuse = |problem: String| EnvError::Data { path: CROSSING_ARM.into(), problem };
    if rows == 0 {
        return Err(refuse("zero rows were asked for; ask for at least one".into()));
    }
    let full = |_| refuse(format!("{rows} rows do not fit into memory; ask for fewer"));
    let widths = [CROSSING_ARM_OBSERVATION, CROSSING_ARM_JOINTS];
    let mut data = Dataset::of_rows(CROSSING_ARM, widths, Vec::new(), Vec::new());
    data.observations.try_reserve_exact(rows.saturating_mul(CROSSING_ARM_OBSERVATION)).map_err(full)?;
    data.actions.try_reserve_exact(rows.saturating_mul(CROSSING_ARM_JOINTS)).map_err(full)?;
    data.rewards.try_reserve_exact(rows).map_err(full)?;
    data.terminals.try_reserve_exact(rows).map_err(full)?;
    data.timeouts.try_reserve_exact(rows).map_err(full)?;
    Ok(data)
}

/// Rows of an episode, and whether its last one is a terminal; else it is a time-out.
#[derive(Default)]
struct Episode {
    observations: Vec<f32>,
    actions: Vec<f32>,
    rewards: Vec<f32>,
    terminal: bool,
}

/// Appends an episode, as far as there is room.
fn append(data: &mut Dataset, episode: &Episode, rows: usize) {
    let len = episode.rewards.len().min(rows - data.rewards.len());
    data.observations.extend(episode.observations.iter().take(len * CROSSING_ARM_OBSERVATION));
    data.actions.extend(episode.actions.iter().take(len * CROSSING_ARM_JOINTS));
    data.rewards.extend(episode.rewards.iter().take(len));
    let last = |row: usize| row == episode.rewards.len();
    data.terminals.extend((1..=len).map(|row| last(row) && episode.terminal));
    data.timeouts.extend((1..=len).map(|row| last(row) && !episode.terminal));
}

/// One episode, with the steps that [`crate::mujoco::MujocoEnv`] takes: it goes on behind an end, which the environment does not. The
/// simulation is made anew, so that nothing that MuJoCo keeps of one episode is anything to the next.
fn drive(model: &MujocoModel, options: &CrossingArmOptions, number: u64) -> Result<Episode, EnvError> {
    let engine = |error: MujocoError| error.of(CROSSING_ARM);
    let mut rng = ChaCha8Rng::seed_from_u64(options.seed);
    rng.set_stream(DATA | number);
    let seed: u64 = rng.random();
    let (mut rules, mut sim, mut driver) =
        (CrossingArm::new()?, model.simulate().map_err(engine)?, CrossingArmDriver::new());
    rules.draw(&Start::seed(seed))?;
    driver.reset(seed, &rules.task())?;
    rules.place(&mut sim)?;
    sim.forward();
    let (mut seen, mut action) = ([0.0; CROSSING_ARM_OBSERVATION], [0.0; CROSSING_ARM_JOINTS]);
    let mut control = [0.0; CROSSING_ARM_JOINTS];
    let mut episode = Episode::default();
    // Rows still to come behind the end, once there was one.
    let mut left = None;
    for step in 0.. {
        rules.observe(&mut sim, &mut seen)?;
        driver.act(&seen, &mut action)?;
        episode.observations.extend(seen.map(|value| value as f32));
        episode.actions.extend(action.map(|value| value as f32));
        episode.terminal = left.is_some() && options.tail == 0;
        if left == Some(0) || (left.is_none() && step == CROSSING_ARM_EPISODE_STEPS) {
            episode.rewards.push(0.0);
            break;
        }
        rules.passes = left.is_some();
        rules.control(&action, &mut sim, &mut control)?;
        sim.set_control(&control).map_err(engine)?;
        sim.step(rules.substeps()).map_err(engine)?;
        if let Some(left) = &mut left {
            *left -= 1;
            episode.rewards.push(0.0);
            continue;
        }
        let mut after = [0.0; CROSSING_ARM_OBSERVATION];
        rules.observe(&mut sim, &mut after)?;
        let transition = rules.outcome(&action, &sim, &after);
        episode.rewards.push(transition.reward as f32);
        left = transition.terminated.then_some(options.tail);
    }
    Ok(episode)
}
