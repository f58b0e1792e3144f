//! The figures of the benchmark, as `results.json` holds them.

use serde::Serialize;

use super::planners::Row;
use super::run::Request;
use super::store::{Planning, Scored};
use crate::failure::Failure;
use crate::scoring::RESAMPLES;
use crate::statistics::{self, Improvement, Interval, Summary};

/// Format of `results.json`.
pub const FORMAT: u64 = 1;
/// Seed of the bootstrap.
const SEED: u64 = 0;

/// The whole table.
#[derive(Debug, Serialize)]
pub struct Benchmark {
    /// [`FORMAT`].
    pub format: u64,
    /// First seed; episode `i` has seed `first_seed + i`, for the environment and for the planner's noise.
    pub first_seed: u64,
    /// Episodes of each row on each maze.
    pub episodes: usize,
    /// Device of the planners.
    pub device: String,
    /// Version of this program.
    pub code_version: String,
    /// Resamples of the bootstrap intervals.
    pub resamples: usize,
    /// Rows, in order.
    #[serde(skip)]
    pub rows: Vec<&'static Row>,
    /// Mazes asked for, in order.
    pub mazes: Vec<CellFigures>,
    /// Results scored by this run; the others were there.
    #[serde(skip)]
    pub computed: usize,
}

/// One maze.
#[derive(Debug, Serialize)]
pub struct CellFigures {
    /// Environment id.
    pub environment: String,
    /// SHA-256 of the checkpoint's weights; `None` where none comes with the project, and nothing
    /// that needs one was scored.
    pub checkpoint: Option<String>,
    /// What was scored.
    pub results: Vec<RowFigures>,
}

/// One row on one maze.
#[derive(Debug, Serialize)]
pub struct RowFigures {
    /// Planner.
    pub planner: String,
    /// Executor.
    pub executor: String,
    /// Normalised score.
    pub score: Summary,
    /// Score minus that of `diffusion-forcing` by `diffused-action`, episode by episode.
    pub difference: Option<Summary>,
    /// Probability of improvement over it.
    pub improvement: Option<Improvement>,
    /// Mean score as if every episode had stayed from its first arrival on.
    pub score_if_stayed: f64,
    /// Episodes that arrived.
    pub arrived: usize,
    /// 95 % Wilson interval of their share.
    pub arrived_share: Interval,
    /// Mean steps to the first arrival, of the episodes that arrived.
    pub steps_to_arrive: Option<f64>,
    /// What planning took.
    pub planning: Option<Planning>,
    /// The row.
    #[serde(skip)]
    pub row: &'static Row,
    /// Episodes.
    #[serde(skip)]
    pub scored: Scored,
}

impl Benchmark {
    /// The table of these mazes.
    pub fn new(request: &Request<'_>, mazes: Vec<CellFigures>, computed: usize) -> Self {
        Self {
            format: FORMAT,
            first_seed: request.episodes.first_seed,
            episodes: request.episodes.count,
            device: request.device.to_string(),
            code_version: env!("CARGO_PKG_VERSION").into(),
            resamples: RESAMPLES,
            rows: request.rows.to_vec(),
            mazes,
            computed,
        }
    }

    /// Last seed.
    pub fn last_seed(&self) -> u64 {
        self.first_seed.wrapping_add(self.episodes.saturating_sub(1) as u64)
    }
}

impl CellFigures {
    /// Figures of what was scored on one maze.
    ///
    /// # Errors
    /// Those of the statistics: a score that is not finite.
    pub fn new(
        environment: &str,
        checkpoint: Option<String>,
        scored: Vec<(&'static Row, Scored)>,
    ) -> Result<Self, Failure> {
        let baseline = scored.iter().find(|(row, _)| row.is_baseline());
        let baseline = baseline.map(|(_, scored)| scored.results.scores());
        let results = scored
            .into_iter()
            .map(|(row, scored)| RowFigures::new(row, scored, baseline.as_deref()))
            .collect::<Result<_, _>>()?;
        Ok(Self { environment: environment.to_owned(), checkpoint, results })
    }

    /// Figures of a row.
    pub fn row(&self, row: &Row) -> Option<&RowFigures> {
        self.results.iter().find(|figures| std::ptr::eq(figures.row, row))
    }
}

impl RowFigures {
    fn new(row: &'static Row, scored: Scored, baseline: Option<&[f64]>) -> Result<Self, Failure> {
        let scores = scored.results.scores();
        let baseline = baseline.filter(|_| !row.is_baseline());
        let difference =
            baseline.map(|own| statistics::paired_difference(&scores, own, RESAMPLES, SEED)).transpose()?;
        let improvement = baseline
            .map(|own| statistics::probability_of_improvement(&scores, own, RESAMPLES, SEED))
            .transpose()?;
        let (arrived, steps_to_arrive) = scored.results.arrivals();
        Ok(Self {
            planner: row.planner.to_owned(),
            executor: row.executor.to_owned(),
            score: statistics::summarise(&scores, RESAMPLES, SEED)?,
            difference,
            improvement,
            score_if_stayed: scored.results.mean_score_if_stayed(),
            arrived,
            arrived_share: statistics::wilson_interval(arrived, scores.len())?,
            steps_to_arrive,
            planning: scored.planning,
            row,
            scored,
        })
    }
}
