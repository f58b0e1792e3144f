//! Data of the half-cheetah, driven by its sampler.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Sender, channel};

use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::StandardNormal;

use super::env::{MOTORS, SEEN, compile};
use super::{
    HALF_CHEETAH_EPISODE_STEPS, HALF_CHEETAH_MODEL, HalfCheetah, HalfCheetahData, HalfCheetahSampler,
};
use crate::data::{Dataset, DatasetMetadata, RewardConvention, TimeoutMeaning};
use crate::mujoco::{GymnasiumModel, MujocoLibrary, MujocoModel};
use crate::{EnvError, Environment, Policy, Start};

/// Name of the generator, as written into files.
pub const HALF_CHEETAH_GENERATOR: &str = "forethought-half-cheetah";
/// Version of the generator: raised whenever the same seed gives other rows.
pub const HALF_CHEETAH_GENERATOR_VERSION: u32 = 1;
/// Rows of an episode: one for each step, and one for where the last of them led.
pub const HALF_CHEETAH_EPISODE_ROWS: usize = HALF_CHEETAH_EPISODE_STEPS + 1;

/// Keeps these draws apart from those of environments and policies with the same seed.
const DATA: u64 = 1 << 62;

/// Settings of [`generate_half_cheetah`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HalfCheetahOptions {
    /// Who drives.
    pub data: HalfCheetahData,
    /// Rows to make.
    pub rows: usize,
    /// Seed of everything random.
    pub seed: u64,
    /// Threads that drive. The rows do not depend on it.
    pub threads: usize,
}

impl Default for HalfCheetahOptions {
    fn default() -> Self {
        Self { data: HalfCheetahData::Mixed, rows: 100_000, seed: 0, threads: 1 }
    }
}

/// Makes data of the half-cheetah: episodes of 1000 steps, the last one cut where the rows end. The sampler drives, with noise on
/// each action. `progress` is called with (rows done, rows in all) after each episode, on the calling thread.
///
/// Row `t` holds the observation, the action applied (after noise and clipping), and its reward. An episode's last row shows where
/// its last action led; the action in it is what would have been done next, and earns nothing. It is marked as a time-out.
///
/// An episode depends on the seed and its number alone. On other kinds of processors MuJoCo may round otherwise, and an episode
/// then goes another way after a while.
///
/// # Errors
/// [`EnvError::Engine`] where MuJoCo or the model cannot be had; [`EnvError::Data`] for zero rows or more than fit into memory;
/// [`EnvError::Worker`] where a thread panicked.
pub fn generate_half_cheetah(
    options: &HalfCheetahOptions,
    progress: &mut dyn FnMut(usize, usize),
) -> Result<Dataset, EnvError> {
    let id = options.data.id();
    let mut data = empty(id, options.rows)?;
    let library = MujocoLibrary::find().map_err(|error| error.of(id))?;
    let source = GymnasiumModel::find(HALF_CHEETAH_MODEL).map_err(|error| error.of(id))?;
    let track = Track { options: *options, model: compile(id, &library, &source)?, hash: source.hash() };
    let episodes = options.rows.div_ceil(HALF_CHEETAH_EPISODE_ROWS);
    let mut driven: Vec<Option<Episode>> = Vec::new();
    driven.resize_with(episodes, || None);
    let next = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        let (tell, told) = channel();
        let workers: Vec<_> = (0..options.threads.clamp(1, episodes))
            .map(|_| {
                let (tell, next, track) = (tell.clone(), &next, &track);
                scope.spawn(move || track.drive_all(next, episodes, &tell))
            })
            .collect();
        drop(tell);
        let (mut rows, mut refused) = (0, None);
        for (number, episode) in told {
            match episode {
                Ok(episode) => {
                    rows += episode.rewards.len();
                    driven[number] = Some(episode);
                    progress(rows, options.rows);
                }
                Err(error) => {
                    // Nobody begins another episode.
                    next.store(episodes, Ordering::Relaxed);
                    refused = refused.or(Some(error));
                }
            }
        }
        // All are waited for, so that a panic is an error here and not the scope's own.
        let panicked = workers.into_iter().filter_map(|worker| worker.join().err()).count();
        match refused {
            Some(error) => Err(error),
            None if panicked > 0 => {
                Err(EnvError::Worker(format!("a thread that made data of `{id}` panicked")))
            }
            None => Ok(()),
        }
    })?;
    for episode in driven.into_iter().flatten() {
        data.timeouts.extend((1..=episode.rewards.len()).map(|row| row == episode.rewards.len()));
        data.terminals.extend(episode.rewards.iter().map(|_| false));
        data.observations.extend(episode.observations);
        data.actions.extend(episode.actions);
        data.rewards.extend(episode.rewards);
    }
    data.metadata = DatasetMetadata {
        seed: Some(options.seed),
        generator: Some(HALF_CHEETAH_GENERATOR.into()),
        generator_version: Some(HALF_CHEETAH_GENERATOR_VERSION),
        layout_hash: Some(track.hash),
        timeouts: TimeoutMeaning::Truncation,
        rewards: RewardConvention::OfAction,
        ..DatasetMetadata::default()
    };
    Ok(data)
}

/// A data set without rows, with room for `rows`.
fn empty(id: &str, rows: usize) -> Result<Dataset, EnvError> {
    let refuse = |problem: String| EnvError::Data { path: id.into(), problem };
    if rows == 0 {
        return Err(refuse("zero rows were asked for; ask for at least one".into()));
    }
    let full = |_| refuse(format!("{rows} rows do not fit into memory; ask for fewer"));
    let mut data = Dataset::of_rows(id, [SEEN, MOTORS], Vec::new(), Vec::new());
    data.observations.try_reserve_exact(rows.saturating_mul(SEEN)).map_err(full)?;
    data.actions.try_reserve_exact(rows.saturating_mul(MOTORS)).map_err(full)?;
    data.rewards.try_reserve_exact(rows).map_err(full)?;
    data.terminals.try_reserve_exact(rows).map_err(full)?;
    data.timeouts.try_reserve_exact(rows).map_err(full)?;
    Ok(data)
}

/// Rows of one episode.
struct Episode {
    observations: Vec<f32>,
    actions: Vec<f32>,
    rewards: Vec<f32>,
}

/// What all episodes share.
struct Track {
    options: HalfCheetahOptions,
    model: MujocoModel,
    hash: String,
}

impl Track {
    /// Drives the episode that is next, until none is left or one cannot be driven.
    fn drive_all(
        &self,
        next: &AtomicUsize,
        episodes: usize,
        tell: &Sender<(usize, Result<Episode, EnvError>)>,
    ) {
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            if number >= episodes {
                return;
            }
            // Nobody listens where the caller is gone.
            if tell.send((number, self.drive(number))).is_err() {
                return;
            }
        }
    }

    /// The episode of a number.
    fn drive(&self, number: usize) -> Result<Episode, EnvError> {
        let HalfCheetahOptions { data, rows, seed, .. } = self.options;
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        random.set_stream(DATA | number as u64);
        let (budget, noise) = data.driver(number);
        let mut env = HalfCheetah::of_model(data.id(), &self.model, self.hash.clone())?;
        let mut sampler = HalfCheetahSampler::of_model(data.id(), &self.model, budget)?;
        env.reset(&Start::seed(random.next_u64()))?;
        sampler.reset(random.next_u64(), &env.task())?;
        let most = HALF_CHEETAH_EPISODE_ROWS.min(rows - number * HALF_CHEETAH_EPISODE_ROWS);
        let mut episode = Episode {
            observations: Vec::with_capacity(most * SEEN),
            actions: Vec::with_capacity(most * MOTORS),
            rewards: Vec::with_capacity(most),
        };
        let mut action = [0.0; MOTORS];
        for row in 0..most {
            sampler.act(env.observation(), &mut action)?;
            for value in &mut action {
                *value = (*value + noise * random.sample::<f64, _>(StandardNormal)).clamp(-1.0, 1.0);
            }
            episode.observations.extend(env.observation().iter().map(|value| *value as f32));
            episode.actions.extend(action.map(|value| value as f32));
            let earns = row < HALF_CHEETAH_EPISODE_STEPS;
            episode.rewards.push(if earns { env.step(&action)?.reward as f32 } else { 0.0 });
        }
        Ok(episode)
    }
}
