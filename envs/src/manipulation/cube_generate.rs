//! Data of the cubes, made as OGBench makes its `play` data: from target to target, by plans with noise.

use std::f64::consts::{PI, TAU};
use std::sync::atomic::{AtomicUsize, Ordering};

use crossbeam::channel::{Sender, bounded};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::cube_plan::{CubePlan, Spot};
use super::cube_rules::within;
use super::cube_scene::{CubeModels, CubeScene, ON_TABLE, Placement, SUBSTEPS, cube_at};
use super::cube_seen::{self, CubeSeen};
use super::cubes::EDGE;
use super::robot::{ACTION, STARTS};
use super::{CUBE_RADIUS, Cubes, rotation};
use crate::EnvError;
use crate::data::{Dataset, DatasetMetadata, RewardConvention, TimeoutMeaning};
use crate::mujoco::{MujocoError, MujocoPart, MujocoSim};

/// Name of the generator, as written into files.
pub const CUBE_GENERATOR: &str = "forethought-ogbench-cube";
/// Version of the generator: raised whenever the same seed gives other rows.
pub const CUBE_GENERATOR_VERSION: u32 = 1;
/// Rows of one episode in the published data; the last one's action has no next state.
pub const CUBE_EPISODE_ROWS: usize = 1001;

/// Level of the noise on plans in the published data.
const NOISE: f64 = 0.1;
/// Where cubes and their targets lie along the table, metres.
const TABLE: [[f64; 2]; 2] = [[0.3, -0.3], [0.55, 0.3]];
/// How often the first target of an episode is on another cube.
const FIRST_STACKING: f64 = 0.5;
/// A cube is on another where their middles are nearer than this along the table, metres.
const STACKED: f64 = 0.02;
/// Keeps the episodes for validation apart from those to train on.
const VALIDATION: u64 = 1 << 63;

/// Settings of [`generate_cubes`].
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct CubeOptions {
    /// Rows to make. Published: [`Cubes::published_episodes`] of [`CUBE_EPISODE_ROWS`] each.
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
pub struct CubeTally {
    /// Targets that plans were followed for to their end.
    pub pursued: usize,
    /// Those whose cube lay within 4 cm of them then.
    pub reached: usize,
}

/// Makes the data of the cubes: episodes of the published length one after another, the last one cut where the rows end.
/// `progress` is called with (rows done, rows in all) after each episode.
///
/// Row `t` holds the observation and the action applied. The last row of an episode is marked as a time-out; what its action
/// led to is not recorded. Nothing is paid, and nothing ends: these data are of no task.
///
/// An episode depends on the seed and its number alone.
///
/// # Errors
/// [`EnvError::Data`] for zero rows or more than fit into memory; [`EnvError::Engine`] where a simulation does not go on.
pub fn generate_cubes(
    models: &CubeModels,
    options: &CubeOptions,
    progress: &mut dyn FnMut(usize, usize),
) -> Result<(Dataset, CubeTally), EnvError> {
    let (cubes, rows) = (models.cubes(), options.rows);
    let mut data = empty(cubes, rows)?;
    let mut tally = CubeTally::default();
    let episodes = rows.div_ceil(CUBE_EPISODE_ROWS);
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
    in_order(models, options, episodes, &mut take)?;
    data.metadata = DatasetMetadata {
        seed: Some(options.seed),
        generator: Some(CUBE_GENERATOR.into()),
        generator_version: Some(CUBE_GENERATOR_VERSION),
        timeouts: TimeoutMeaning::Truncation,
        rewards: RewardConvention::Missing,
        ..DatasetMetadata::default()
    };
    Ok((data, tally))
}

/// A data set without rows, with room for them.
fn empty(cubes: Cubes, rows: usize) -> Result<Dataset, EnvError> {
    let refuse = |problem: String| EnvError::Data { path: cubes.id().into(), problem };
    if rows == 0 {
        return Err(refuse("zero rows were asked for; ask for at least one".into()));
    }
    let full = |_| refuse(format!("{rows} rows do not fit into memory; ask for fewer"));
    let seen = cube_seen::len(cubes.count());
    let mut data = Dataset::of_rows(cubes.id(), [seen, ACTION], Vec::new(), Vec::new());
    data.observations.try_reserve_exact(rows.saturating_mul(seen)).map_err(full)?;
    data.actions.try_reserve_exact(rows.saturating_mul(ACTION)).map_err(full)?;
    data.rewards.try_reserve_exact(rows).map_err(full)?;
    data.terminals.try_reserve_exact(rows).map_err(full)?;
    data.timeouts.try_reserve_exact(rows).map_err(full)?;
    Ok(data)
}

/// Makes episodes on several threads, and takes them in the order of their numbers.
fn in_order(
    models: &CubeModels,
    options: &CubeOptions,
    episodes: usize,
    take: &mut dyn FnMut(Episode),
) -> Result<(), EnvError> {
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
            scope.spawn(move || work(models, options, episodes, next, &sender));
        }
        drop(sender);
        let (mut waiting, mut due) = (std::collections::BTreeMap::new(), 0);
        for (number, made) in &receiver {
            match made {
                Ok(episode) => waiting.insert(number, episode),
                Err(error) => {
                    // Whoever still works finds nobody to hand over to, and stops.
                    drop(receiver);
                    return Err(MujocoError::of(error, models.cubes().id()));
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
fn work(
    models: &CubeModels,
    options: &CubeOptions,
    episodes: usize,
    next: &AtomicUsize,
    sender: &Sender<(usize, Result<Episode, MujocoError>)>,
) {
    let mut driver = match Driver::new(models) {
        Ok(driver) => driver,
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
        let rows = CUBE_EPISODE_ROWS.min(options.rows - number * CUBE_EPISODE_ROWS);
        let mut random = ChaCha8Rng::seed_from_u64(options.seed);
        random.set_stream(number as u64 | if options.validation { VALIDATION } else { 0 });
        if sender.send((number, driver.drive(rows, &mut random))).is_err() {
            return;
        }
    }
}

/// Rows of an episode, and what became of its targets.
struct Episode {
    observations: Vec<f32>,
    actions: Vec<f32>,
    tally: CubeTally,
}

/// A cube and where it is wanted.
struct Target {
    cube: usize,
    goal: Spot,
}

/// What makes episodes on one thread.
struct Driver {
    cubes: Cubes,
    scene: CubeScene,
    sim: MujocoSim,
    seen: Vec<f64>,
    control: Vec<f64>,
}

impl Driver {
    fn new(models: &CubeModels) -> Result<Self, MujocoError> {
        let cubes = models.cubes();
        Ok(Self {
            cubes,
            scene: models.world()?,
            sim: models.scene().simulate()?,
            seen: vec![0.0; cube_seen::len(cubes.count())],
            control: vec![0.0; models.scene().len_of(MujocoPart::Controls)],
        })
    }

    /// One episode of `rows` rows.
    fn drive(&mut self, rows: usize, random: &mut ChaCha8Rng) -> Result<Episode, MujocoError> {
        let mut episode = Episode {
            observations: Vec::with_capacity(rows * self.seen.len()),
            actions: Vec::with_capacity(rows * ACTION),
            tally: CubeTally::default(),
        };
        self.begin(random)?;
        let mut target = self.target(FIRST_STACKING, random);
        let [low, high] = self.cubes.stacking();
        let stacking = low + (high - low) * random.random::<f64>();
        let mut plan = self.plan(&target, random);
        for _ in 0..rows {
            let Ok(seen) = CubeSeen::of(&self.seen, self.cubes.count()) else { break };
            let action = plan.act(&seen, false);
            episode.observations.extend(self.seen.iter().map(|value| *value as f32));
            episode.actions.extend(action.map(|value| value as f32));
            self.step(&action)?;
            if plan.done() {
                let away = rotation::distance(cube_at(&self.sim, target.cube), target.goal.at);
                episode.tally.pursued += 1;
                episode.tally.reached += usize::from(away <= CUBE_RADIUS);
                target = self.target(stacking, random);
                plan = self.plan(&target, random);
            }
        }
        Ok(episode)
    }

    /// Hand and cubes anywhere.
    fn begin(&mut self, random: &mut ChaCha8Rng) -> Result<(), MujocoError> {
        let (hand, hand_yaw) = (within(STARTS, random), random.random_range(-PI..PI));
        let mut anywhere = || {
            let [x, y] = within(TABLE, random);
            ([x, y, ON_TABLE], random.random_range(0.0..TAU))
        };
        let cubes = (0..self.cubes.count()).map(|_| anywhere()).collect();
        self.sim.reset();
        self.scene.place(&Placement { hand, hand_yaw, cubes }, &mut self.sim)?;
        self.sim.forward();
        self.scene.observe(&self.sim, &mut self.seen)
    }

    fn step(&mut self, action: &[f64; ACTION]) -> Result<(), MujocoError> {
        self.scene.robot.control(action, &self.sim, &mut self.control)?;
        self.sim.set_control(&self.control)?;
        self.sim.step(SUBSTEPS)?;
        self.scene.observe(&self.sim, &mut self.seen)
    }

    /// One of the cubes that nothing lies on; where to, on another such cube or anywhere on the table.
    fn target(&self, stacking: f64, random: &mut ChaCha8Rng) -> Target {
        let at: Vec<[f64; 3]> = (0..self.cubes.count()).map(|cube| cube_at(&self.sim, cube)).collect();
        let on = |low: &[f64; 3], high: &[f64; 3]| {
            high[2] > low[2] && (low[0] - high[0]).hypot(low[1] - high[1]) < STACKED
        };
        let free: Vec<usize> =
            (0..at.len()).filter(|cube| !at.iter().any(|other| on(&at[*cube], other))).collect();
        let pick = |of: &[usize], random: &mut ChaCha8Rng| {
            of.get(random.random_range(0..of.len().max(1))).copied().unwrap_or(0)
        };
        let cube = pick(&free, random);
        let place = if free.len() >= 2 && random.random::<f64>() < stacking {
            let others: Vec<usize> = free.iter().copied().filter(|other| *other != cube).collect();
            let [x, y, z] = at[pick(&others, random)];
            [x, y, z + EDGE]
        } else {
            let [x, y] = within(TABLE, random);
            [x, y, ON_TABLE]
        };
        Target { cube, goal: Spot { at: place, yaw: random.random_range(0.0..TAU) } }
    }

    fn plan(&self, target: &Target, random: &mut ChaCha8Rng) -> CubePlan {
        let Ok(seen) = CubeSeen::of(&self.seen, self.cubes.count()) else { return CubePlan::default() };
        let hand = Spot { at: seen.hand(), yaw: seen.hand_yaw() };
        let cube = Spot { at: seen.cube(target.cube), yaw: seen.cube_yaw(target.cube) };
        CubePlan::new(hand, cube, target.goal, NOISE, random)
    }
}
