//! Data of the crossing, driven by drivers of all tempers.

use std::sync::Arc;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::crossing::env::begin;
use crate::crossing::hall::distance;
use crate::crossing::{
    CROSSING, CROSSING_EPISODE_STEPS, CROSSING_GOAL_RADIUS, CROSSING_OBSERVATION, CrossingDriver,
    CrossingTask,
};
use crate::data::{Dataset, DatasetMetadata, RewardConvention, TimeoutMeaning};
use crate::{EnvError, Policy, SharedTask};

/// Name of the generator, as written into files.
pub const CROSSING_GENERATOR: &str = "forethought-crossing";
/// Version of the generator: raised whenever the same seed gives other rows.
pub const CROSSING_GENERATOR_VERSION: u32 = 2;

/// Keeps the episodes of data apart from those that environments begin with the same seed.
const DATA: u64 = 1 << 63;

/// Settings of [`generate_crossing`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CrossingOptions {
    /// Rows to make.
    pub rows: usize,
    /// Seed of everything random.
    pub seed: u64,
    /// Rows that are recorded behind an arrival or a collision, as if the episode had not ended. Sequences that reach beyond
    /// either are then as common as others: without, a model of sequences of a fixed length knows neither. With 0, episodes
    /// end as the environment's do, marked as terminals.
    pub tail: usize,
}

impl Default for CrossingOptions {
    fn default() -> Self {
        Self { rows: 100_000, seed: 0, tail: 20 }
    }
}

/// Makes data of the crossing: episodes one after another, the last one cut where the rows end. In each another
/// [`CrossingDriver`] drives, who knows nothing but what the rows hold. `progress` is called with (rows done, rows in all)
/// after each episode.
///
/// Row `t` holds the observation, the action applied, and its reward. An episode's last row shows where its last action led;
/// the action in it is what the driver would have done next, and earns nothing. It is marked as a time-out, or as a
/// terminal where the episode ends with an arrival or a collision. Rows behind those earn nothing; in them carts pass
/// through the robot.
///
/// An episode depends on the seed and its number alone.
///
/// # Errors
/// [`EnvError::Data`] for zero rows or more than fit into memory.
pub fn generate_crossing(
    options: &CrossingOptions,
    progress: &mut dyn FnMut(usize, usize),
) -> Result<Dataset, EnvError> {
    let rows = options.rows;
    let mut data = empty(rows)?;
    let mut driver = CrossingDriver::new();
    let mut episode = 0;
    while data.rewards.len() < rows {
        let mut rng = ChaCha8Rng::seed_from_u64(options.seed);
        rng.set_stream(DATA | episode);
        drive(rows - data.rewards.len(), options.tail, rng.random(), &mut driver, &mut data)?;
        episode += 1;
        progress(data.rewards.len(), rows);
    }
    data.metadata = DatasetMetadata {
        seed: Some(options.seed),
        generator: Some(CROSSING_GENERATOR.into()),
        generator_version: Some(CROSSING_GENERATOR_VERSION),
        timeouts: TimeoutMeaning::Truncation,
        rewards: RewardConvention::OfAction,
        ..DatasetMetadata::default()
    };
    Ok(data)
}

/// A data set without rows, with room for `rows`.
fn empty(rows: usize) -> Result<Dataset, EnvError> {
    let refuse = |problem: String| EnvError::Data { path: CROSSING.into(), problem };
    if rows == 0 {
        return Err(refuse("zero rows were asked for; ask for at least one".into()));
    }
    let full = |_| refuse(format!("{rows} rows do not fit into memory; ask for fewer"));
    let mut data = Dataset::of_rows(CROSSING, [CROSSING_OBSERVATION, 2], Vec::new(), Vec::new());
    data.observations.try_reserve_exact(rows.saturating_mul(CROSSING_OBSERVATION)).map_err(full)?;
    data.actions.try_reserve_exact(rows.saturating_mul(2)).map_err(full)?;
    data.rewards.try_reserve_exact(rows).map_err(full)?;
    data.terminals.try_reserve_exact(rows).map_err(full)?;
    data.timeouts.try_reserve_exact(rows).map_err(full)?;
    Ok(data)
}

/// One episode of at most `most` rows.
fn drive(
    most: usize,
    tail: usize,
    seed: u64,
    driver: &mut CrossingDriver,
    data: &mut Dataset,
) -> Result<(), EnvError> {
    let (mut state, goal, mut chances) = begin(seed);
    let task = CrossingTask::new(goal, distance(state.robot.position, goal));
    driver.reset(seed, &(Arc::new(task) as SharedTask))?;
    // Rows still to come behind the end, once there was one.
    let mut left = None;
    for row in 1..=most {
        let observation = state.observation(goal);
        let mut action = [0.0; 2];
        driver.act(&observation, &mut action)?;
        let ended = left.is_some();
        let terminal = ended && tail == 0;
        let last = left == Some(0) || row == most || (!ended && row > CROSSING_EPISODE_STEPS);
        let mut reward = 0.0;
        if let Some(left) = &mut left {
            *left = usize::saturating_sub(*left, 1);
            state.pass(action, &mut chances);
        } else if !last {
            let from = state.robot.position;
            let collided = state.step(action, &mut chances).collided;
            let to = state.robot.position;
            reward = task.reward(from, to, collided);
            let ends = collided || distance(to, goal) <= CROSSING_GOAL_RADIUS;
            left = ends.then_some(tail);
        }
        data.observations.extend(observation.map(|value| value as f32));
        data.actions.extend(action.map(|value| value as f32));
        data.rewards.push(reward as f32);
        data.terminals.push(terminal);
        data.timeouts.push(last && !terminal);
        if last {
            break;
        }
    }
    Ok(())
}
