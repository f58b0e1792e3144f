//! Data of play, made as OGBench makes its own: episodes of one length from target to target, on several threads.

use std::sync::atomic::{AtomicUsize, Ordering};

use crossbeam::channel::{Sender, bounded};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use super::robot::ACTION;
use crate::EnvError;
use crate::data::{Dataset, DatasetMetadata, RewardConvention, TimeoutMeaning};
use crate::mujoco::MujocoError;

/// Rows of one episode in the published data; the last one's action has no next state.
pub const PLAY_EPISODE_ROWS: usize = 1001;
/// Level of the noise on plans in the published data.
pub(super) const NOISE: f64 = 0.1;
/// Keeps the episodes for validation apart from those to train on.
const VALIDATION: u64 = 1 << 63;

/// Settings of a generator of play.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct PlayOptions {
    /// Rows to make, of which [`PLAY_EPISODE_ROWS`] are an episode.
    pub rows: usize,
    /// Seed of everything random.
    pub seed: u64,
    /// Other episodes of the same seed, to validate with.
    pub validation: bool,
    /// Threads to make episodes on; 0 for as many as the machine runs at once. The rows are the same for any number.
    pub threads: usize,
}

/// What became of the targets of data.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PlayTally {
    /// Targets that plans were followed for to their end.
    pub pursued: usize,
    /// Those whose thing was there then, by the tolerance of the tasks.
    pub reached: usize,
}

impl PlayTally {
    /// One more target, reached or not.
    pub(super) fn count(&mut self, reached: bool) {
        self.pursued += 1;
        self.reached += usize::from(reached);
    }
}

/// Rows of an episode, and what became of its targets.
pub(super) struct Episode {
    pub observations: Vec<f32>,
    pub actions: Vec<f32>,
    pub tally: PlayTally,
}

impl Episode {
    /// Without rows, with room for those of so many numbers.
    pub fn of(rows: usize, seen: usize) -> Self {
        let (observations, actions) = (Vec::with_capacity(rows * seen), Vec::with_capacity(rows * ACTION));
        Self { observations, actions, tally: PlayTally::default() }
    }

    /// One more row.
    pub fn push(&mut self, seen: &[f64], action: &[f64; ACTION]) {
        self.observations.extend(seen.iter().map(|value| *value as f32));
        self.actions.extend(action.map(|value| value as f32));
    }
}

/// What makes episodes on one thread.
pub(super) trait Player {
    /// One episode of so many rows, all of its randomness from `random`. One of fewer rows is the beginning of one of more.
    ///
    /// # Errors
    /// What the simulation reports.
    fn drive(&mut self, rows: usize, random: &mut ChaCha8Rng) -> Result<Episode, MujocoError>;
}

/// Whose data they are.
#[derive(Clone, Copy, Debug)]
pub(super) struct Played<'a> {
    /// Name of the environment.
    pub id: &'a str,
    /// Numbers of an observation.
    pub seen: usize,
    /// Name and version of the generator.
    pub generator: (&'a str, u32),
}

/// Makes data: episodes one after another, the last one cut where the rows end. Each depends on the seed and its number alone.
///
/// # Errors
/// [`EnvError::Data`] for zero rows or more than fit into memory; [`EnvError::Engine`] where a simulation does not go on.
pub(super) fn play<P: Player>(
    of: Played<'_>,
    options: &PlayOptions,
    player: &(dyn Fn() -> Result<P, MujocoError> + Sync),
    progress: &mut dyn FnMut(usize, usize),
) -> Result<(Dataset, PlayTally), EnvError> {
    let rows = options.rows;
    let mut data = empty(of, rows)?;
    let mut tally = PlayTally::default();
    let mut take = |episode: Episode| {
        tally.pursued += episode.tally.pursued;
        tally.reached += episode.tally.reached;
        let length = episode.actions.len() / ACTION;
        data.observations.extend(episode.observations);
        data.actions.extend(episode.actions);
        data.rewards.extend(std::iter::repeat_n(0.0, length));
        data.terminals.extend(std::iter::repeat_n(false, length));
        data.timeouts.extend((1..=length).map(|row| row == length));
        progress(data.rewards.len(), rows);
    };
    in_order(of.id, options, player, &mut take)?;
    data.metadata = DatasetMetadata {
        seed: Some(options.seed),
        generator: Some(of.generator.0.into()),
        generator_version: Some(of.generator.1),
        timeouts: TimeoutMeaning::Truncation,
        rewards: RewardConvention::Missing,
        ..DatasetMetadata::default()
    };
    Ok((data, tally))
}

/// A data set without rows, with room for them.
fn empty(of: Played<'_>, rows: usize) -> Result<Dataset, EnvError> {
    let refuse = |problem: String| EnvError::Data { path: of.id.into(), problem };
    if rows == 0 {
        return Err(refuse("zero rows were asked for; ask for at least one".into()));
    }
    let full = |_| refuse(format!("{rows} rows do not fit into memory; ask for fewer"));
    let mut data = Dataset::of_rows(of.id, [of.seen, ACTION], Vec::new(), Vec::new());
    data.observations.try_reserve_exact(rows.saturating_mul(of.seen)).map_err(full)?;
    data.actions.try_reserve_exact(rows.saturating_mul(ACTION)).map_err(full)?;
    data.rewards.try_reserve_exact(rows).map_err(full)?;
    data.terminals.try_reserve_exact(rows).map_err(full)?;
    data.timeouts.try_reserve_exact(rows).map_err(full)?;
    Ok(data)
}

/// Makes episodes on several threads, and takes them in the order of their numbers.
fn in_order<P: Player>(
    id: &str,
    options: &PlayOptions,
    player: &(dyn Fn() -> Result<P, MujocoError> + Sync),
    take: &mut dyn FnMut(Episode),
) -> Result<(), EnvError> {
    let episodes = options.rows.div_ceil(PLAY_EPISODE_ROWS);
    let threads = match options.threads {
        0 => std::thread::available_parallelism().map_or(1, usize::from),
        some => some,
    };
    let threads = threads.clamp(1, episodes.max(1));
    let next = AtomicUsize::new(0);
    // Few finished episodes wait, so that a slow one does not fill the memory.
    let (sender, receiver) = bounded(threads);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            let (sender, next) = (sender.clone(), &next);
            scope.spawn(move || work(options, episodes, player, next, &sender));
        }
        drop(sender);
        let (mut waiting, mut due) = (std::collections::BTreeMap::new(), 0);
        for (number, made) in &receiver {
            match made {
                Ok(episode) => waiting.insert(number, episode),
                Err(error) => {
                    // Whoever still works finds nobody to hand over to, and stops.
                    drop(receiver);
                    return Err(MujocoError::of(error, id));
                }
            };
            while let Some(episode) = waiting.remove(&due) {
                take(episode);
                due += 1;
            }
        }
        if due == episodes { Ok(()) } else { Err(EnvError::Worker("it left an episode unmade".into())) }
    })
}

/// Makes episodes until there are none left.
fn work<P: Player>(
    options: &PlayOptions,
    episodes: usize,
    player: &(dyn Fn() -> Result<P, MujocoError> + Sync),
    next: &AtomicUsize,
    sender: &Sender<(usize, Result<Episode, MujocoError>)>,
) {
    let mut player = match player() {
        Ok(player) => player,
        Err(error) => {
            // One error ends it all, whatever its number; where another came first, nobody takes this one.
            let _first = sender.send((0, Err(error)));
            return;
        }
    };
    loop {
        let number = next.fetch_add(1, Ordering::Relaxed);
        if number >= episodes {
            return;
        }
        let rows = PLAY_EPISODE_ROWS.min(options.rows - number * PLAY_EPISODE_ROWS);
        let mut random = ChaCha8Rng::seed_from_u64(options.seed);
        random.set_stream(number as u64 | if options.validation { VALIDATION } else { 0 });
        if sender.send((number, player.drive(rows, &mut random))).is_err() {
            return;
        }
    }
}
