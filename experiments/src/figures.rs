//! What is said of one arm's episodes.

use serde::Serialize;

use crate::failure::Failure;
use crate::maze2d::{estimate, signed_estimate};
use crate::scored::{Planning, Scored};
use crate::scoring::RESAMPLES;
use crate::statistics::{self, Interval, Summary};
use crate::table::{Column, numbers};

/// Seed of the bootstrap.
const SEED: u64 = 0;

/// Figures of one arm.
#[derive(Clone, Debug, Serialize)]
pub struct Figures {
    /// Normalised score.
    pub score: Summary,
    /// Score minus that of the settings as configured, episode by episode; `None` for those themselves.
    pub difference: Option<Summary>,
    /// Mean score as if every episode had stayed from its first arrival on.
    pub score_if_stayed: f64,
    /// Episodes that arrived.
    pub arrived: usize,
    /// 95 % Wilson interval of their share.
    pub arrived_share: Interval,
    /// Mean steps to the first arrival, of the episodes that arrived.
    pub steps_to_arrive: Option<f64>,
    /// What planning took, many episodes together.
    pub planning: Option<Planning>,
}

impl Figures {
    /// Figures of these episodes; `configured` are the scores of the settings as configured.
    ///
    /// # Errors
    /// Those of the statistics: a score that is not finite.
    pub fn new(scored: &Scored, configured: Option<&[f64]>) -> Result<Self, Failure> {
        let scores = scored.results.scores();
        let (arrived, steps_to_arrive) = scored.results.arrivals();
        let difference = configured
            .map(|configured| statistics::paired_difference(&scores, configured, RESAMPLES, SEED))
            .transpose()?;
        Ok(Self {
            score: statistics::summarise(&scores, RESAMPLES, SEED)?,
            difference,
            score_if_stayed: scored.results.mean_score_if_stayed(),
            arrived,
            arrived_share: statistics::wilson_interval(arrived, scores.len())?,
            steps_to_arrive,
            planning: scored.planning,
        })
    }

    /// Headings of [`Figures::cells`].
    pub const HEADINGS: [&str; 6] = [
        "score [95 % interval]",
        "interquartile mean",
        "difference to *",
        "if stayed",
        "arrived",
        "steps to arrive",
    ];

    /// Columns of a text table.
    pub fn columns() -> [Column; 6] {
        Self::HEADINGS.map(numbers)
    }

    /// The figures as text.
    pub fn cells(&self) -> [String; 6] {
        let Self { score, difference, .. } = self;
        [
            estimate(score.mean, score.mean_interval),
            estimate(score.interquartile_mean, score.interquartile_mean_interval),
            difference.map_or("-".into(), |d| signed_estimate(d.mean, d.mean_interval)),
            format!("{:.1}", self.score_if_stayed),
            format!("{} of {}", self.arrived, score.count),
            self.steps_to_arrive.map_or("-".into(), |steps| format!("{steps:.0}")),
        ]
    }

    /// Milliseconds of a plan's share of the batch it was made in.
    pub fn ms_per_plan(&self) -> Option<f64> {
        self.planning.map(|planning| 1e3 * planning.seconds_per_plan)
    }
}
