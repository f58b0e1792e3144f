//! Data of OGBench's point mazes, made as OGBench makes them.
//!
//! The ball is driven from cell to cell along shortest routes, at full speed and with noise on each action. What the
//! published data do is kept on purpose: the last aim is the middle of the goal's cell, not the goal, so that a goal in
//! a corner of its cell may never be reached; routes take the entrances of the teleport maze for floor; and goals, like
//! starts, may lie in the cell that has no way out.

use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::StandardNormal;

use crate::EnvError;
use crate::data::{Dataset, DatasetMetadata, RewardConvention, TimeoutMeaning};
use crate::maze::columns::{Columns, Row};
use crate::maze::ogbench::env::{GOAL_RADIUS, noisy};
use crate::maze::ogbench::policy::{direction, towards};
use crate::maze::ogbench::route::{Routes, cells_at};
use crate::maze::ogbench::{OgBenchBall, OgBenchData, OgBenchGeometry, OgBenchName};
use crate::maze::rules::distance;
use crate::maze::{Cell, MazeLayout};

/// Name of the generator, as written into files.
pub const OGBENCH_GENERATOR: &str = "forethought-ogbench-pointmaze";
/// Version of the generator: raised whenever the same seed gives other rows.
pub const OGBENCH_GENERATOR_VERSION: u32 = 1;

/// Standard deviation of the noise on actions.
const NOISE: f64 = 0.5;
/// Standard deviation of the velocity that the package starts with. The first step sets it to zero.
const START_SPEED: f64 = 0.1;
/// How far away the goal of a `stitch` episode is, in cells.
const STITCH_CELLS: usize = 4;
/// Keeps the episodes for validation apart from those to train on.
const VALIDATION: u64 = 1 << 63;

/// Settings of [`generate_ogbench`].
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct OgBenchOptions {
    /// Rows to make. Published: [`OgBenchData::published_episodes`] times [`OgBenchData::episode_rows`].
    pub rows: usize,
    /// Seed of everything random.
    pub seed: u64,
    /// Other episodes of the same seed, to validate with.
    pub validation: bool,
    /// Record what the package's `step` returns: after a jump the place before it, one row long. Without, observations
    /// are where the ball is, which is what a model of outcomes must be trained on.
    pub stale_observations: bool,
}

/// Makes the data of a point maze: episodes of the published length one after another, the last one cut where the rows
/// end. `progress` is called with (rows done, rows in all) after each episode.
///
/// Row `t` holds the observation (x, y), the action applied (after noise and clipping), whether the step comes within
/// 1.0 of the goal pursued (reward 1), that goal, and position and velocity before the action. The last row of an episode
/// is marked as a time-out; what its action led to is not recorded. Simulator positions are always true, whatever
/// [`OgBenchOptions::stale_observations`] says.
///
/// An episode depends on the seed and its number alone.
///
/// # Errors
/// [`EnvError::UnknownEnvironment`] for other ids; [`EnvError::Data`] for zero rows or more than fit into memory.
pub fn generate_ogbench(
    id: &str,
    options: &OgBenchOptions,
    progress: &mut dyn FnMut(usize, usize),
) -> Result<Dataset, EnvError> {
    let Some(name) = OgBenchName::find(id) else {
        return Err(EnvError::unknown(id, OgBenchName::all().map(OgBenchName::id).collect(), &[]));
    };
    let mut columns = Columns::with_capacity(id, 2, options.rows)?;
    let driver = Driver::new(name)?;
    let length = name.data.episode_rows(name.maze);
    let mut episode = 0;
    while columns.len() < options.rows {
        let rows = length.min(options.rows - columns.len());
        let mut rng = ChaCha8Rng::seed_from_u64(options.seed);
        rng.set_stream(if options.validation { VALIDATION | episode } else { episode });
        driver.drive(rows, options.stale_observations, &mut rng, &mut columns);
        episode += 1;
        progress(columns.len(), options.rows);
    }
    let metadata = DatasetMetadata {
        seed: Some(options.seed),
        generator: Some(OGBENCH_GENERATOR.into()),
        generator_version: Some(OGBENCH_GENERATOR_VERSION),
        layout_hash: Some(name.maze.hash()),
        timeouts: TimeoutMeaning::Truncation,
        rewards: RewardConvention::OfAction,
        ..DatasetMetadata::default()
    };
    Ok(columns.finish(id, metadata))
}

/// What all episodes share.
struct Driver {
    data: OgBenchData,
    geometry: OgBenchGeometry,
    ball: OgBenchBall,
    routes: Routes,
    /// Free cells that are not in the middle of a straight corridor: where goals of `navigate` lie.
    corners: Vec<Cell>,
}

impl Driver {
    fn new(name: OgBenchName) -> Result<Self, EnvError> {
        let geometry = OgBenchGeometry::new(name.maze)?;
        let layout = geometry.layout();
        let corners =
            layout.free_cells().iter().filter(|cell| !in_corridor(layout, **cell)).copied().collect();
        let (ball, routes) = (OgBenchBall::new(&geometry), Routes::new(layout));
        Ok(Self { data: name.data, ball, routes, corners, geometry })
    }

    /// One episode of `rows` rows.
    fn drive(&self, rows: usize, stale: bool, rng: &mut ChaCha8Rng, columns: &mut Columns) {
        let start = pick(self.geometry.layout().free_cells(), rng);
        let goal_cell = match self.data {
            OgBenchData::Navigate => pick(&self.corners, rng),
            OgBenchData::Stitch => match cells_at(self.geometry.layout(), start, STITCH_CELLS) {
                none if none.is_empty() => start,
                some => pick(&some, rng),
            },
        };
        let mut position = noisy(OgBenchGeometry::cell_position(start), rng);
        let mut goal = noisy(OgBenchGeometry::cell_position(goal_cell), rng);
        let mut velocity = [START_SPEED * normal(rng), START_SPEED * normal(rng)];
        let mut seen = position;
        for row in 0..rows {
            let action = self.act(position, goal, rng);
            let (before, speed) = (position, velocity);
            velocity = self.ball.step(&mut position, action);
            let shown = position;
            let success = distance(position, goal) <= GOAL_RADIUS;
            if self.geometry.jumps_from(position) {
                position = pick(self.geometry.exits(), rng);
            }
            columns.push(&Row {
                observation: if stale { &seen } else { &before },
                action,
                reward: if success { 1.0 } else { 0.0 },
                timeout: row + 1 == rows,
                goal,
                position: before,
                velocity: speed,
            });
            seen = shown;
            if success && self.data == OgBenchData::Navigate {
                goal = noisy(OgBenchGeometry::cell_position(pick(&self.corners, rng)), rng);
            }
        }
    }

    fn act(&self, position: [f64; 2], goal: [f64; 2], rng: &mut ChaCha8Rng) -> [f64; 2] {
        let cells = self.geometry.cell_at(position).zip(self.geometry.cell_at(goal));
        // The ball never leaves the grid.
        let aim = cells.map_or(goal, |(here, there)| towards(&self.routes, here, there));
        direction(position, aim).map(|along| (along + NOISE * normal(rng)).clamp(-1.0, 1.0))
    }
}

/// Whether a cell has two free neighbours that lie opposite to one another.
fn in_corridor(layout: &MazeLayout, cell: Cell) -> bool {
    let free = |dr: isize, dc: isize| {
        let near = cell.row.checked_add_signed(dr).zip(cell.col.checked_add_signed(dc));
        near.is_some_and(|(row, col)| layout.is_free(Cell { row, col }))
    };
    let (upright, across) = ((free(-1, 0), free(1, 0)), (free(0, -1), free(0, 1)));
    matches!((upright, across), ((true, true), (false, false)) | ((false, false), (true, true)))
}

/// One of some, each as often as the others.
fn pick<T: Copy + Default>(of: &[T], rng: &mut impl Rng) -> T {
    of.get(rng.random_range(0..of.len().max(1))).copied().unwrap_or_default()
}

fn normal(rng: &mut impl Rng) -> f64 {
    rng.sample(StandardNormal)
}
