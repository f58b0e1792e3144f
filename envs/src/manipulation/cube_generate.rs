//! Data of the cubes, made as OGBench makes its `play` data: from target to target, by plans with noise.

use std::f64::consts::{PI, TAU};

use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use super::cube_plan::carry;
use super::cube_scene::{CubeModels, CubeScene, ON_TABLE, Placement, cube_at};
use super::cube_seen::{self, CubeSeen};
use super::cubes::EDGE;
use super::hand_plan::HandPlan;
use super::play::{Episode, NOISE, PlayOptions, PlayTally, Played, Player, play};
use super::robot::{ACTION, STARTS, SUBSTEPS};
use super::spot::Spot;
use super::within::within;
use super::{CUBE_RADIUS, Cubes, rotation};
use crate::EnvError;
use crate::data::Dataset;
use crate::mujoco::{MujocoError, MujocoPart, MujocoSim};

/// Name of the generator, as written into files.
pub const CUBE_GENERATOR: &str = "forethought-ogbench-cube";
/// Version of the generator: raised whenever the same seed gives other rows.
pub const CUBE_GENERATOR_VERSION: u32 = 1;

/// Where cubes and their targets lie along the table, metres.
const TABLE: [[f64; 2]; 2] = [[0.3, -0.3], [0.55, 0.3]];
/// How often the first target of an episode is on another cube.
const FIRST_STACKING: f64 = 0.5;
/// A cube is on another where their middles are nearer than this along the table, metres.
const STACKED: f64 = 0.02;

/// Makes the data of the cubes: episodes of the published length one after another, the last one cut where the rows end. Published
/// are [`Cubes::published_episodes`]. `progress` is called with (rows done, rows in all) after each episode.
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
    options: &PlayOptions,
    progress: &mut dyn FnMut(usize, usize),
) -> Result<(Dataset, PlayTally), EnvError> {
    let cubes = models.cubes();
    let of = Played {
        id: cubes.id(),
        seen: cube_seen::len(cubes.count()),
        generator: (CUBE_GENERATOR, CUBE_GENERATOR_VERSION),
    };
    play(of, options, &|| Driver::new(models), progress)
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

    fn plan(&self, target: &Target, random: &mut ChaCha8Rng) -> HandPlan {
        let Ok(seen) = CubeSeen::of(&self.seen, self.cubes.count()) else { return HandPlan::default() };
        let cube = Spot { at: seen.cube(target.cube), yaw: seen.cube_yaw(target.cube) };
        carry(seen.robot().spot(), cube, target.goal, STARTS, NOISE, random)
    }
}

impl Player for Driver {
    fn drive(&mut self, rows: usize, random: &mut ChaCha8Rng) -> Result<Episode, MujocoError> {
        let mut episode = Episode::of(rows, self.seen.len());
        self.begin(random)?;
        let mut target = self.target(FIRST_STACKING, random);
        let [low, high] = self.cubes.stacking();
        let stacking = low + (high - low) * random.random::<f64>();
        let mut plan = self.plan(&target, random);
        for _ in 0..rows {
            let Ok(seen) = CubeSeen::of(&self.seen, self.cubes.count()) else { break };
            let action = plan.act(&seen.robot(), false);
            episode.push(&self.seen, &action);
            self.step(&action)?;
            if plan.done() {
                let away = rotation::distance(cube_at(&self.sim, target.cube), target.goal.at);
                episode.tally.count(away <= CUBE_RADIUS);
                target = self.target(stacking, random);
                plan = self.plan(&target, random);
            }
        }
        Ok(episode)
    }
}
