//! The protocol record: what a number stands for.

use forethought_agent::{EpisodeOutcome, EpisodeRecord};
use forethought_envs::EnvSpec;
use forethought_planner::MppiConfig;
use serde::{Deserialize, Serialize};

use crate::configuration::Configuration;

/// Everything needed to make a result again.
#[derive(Clone, Debug, Serialize)]
pub struct Protocol {
    /// Environment id.
    pub environment: String,
    /// Hash of maze layout and physics profile.
    pub layout_hash: Option<String>,
    /// Planner, or name of the policy.
    pub planner: String,
    /// Executor.
    pub executor: String,
    /// SHA-256 of the checkpoint's weights; `None` for policies without one.
    pub checkpoint: Option<String>,
    /// The resolved configuration; `None` for policies without one.
    pub configuration: Option<Configuration>,
    /// Settings of sampling with the true dynamics; `None` for all else.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub simulation: Option<Simulation>,
    /// First seed; episode `i` has seed `first_seed + i`, for the environment and for the planner's noise.
    pub first_seed: u64,
    /// Number of episodes.
    pub episodes: usize,
    /// Device.
    pub device: String,
    /// Version of this program.
    pub code_version: String,
}

/// How MPPI plans with the true dynamics, and how much of each plan is executed.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Simulation {
    /// How plans are made.
    pub mppi: MppiConfig,
    /// Steps executed of each plan before the next is made.
    pub replan_every: usize,
}

impl Default for Simulation {
    fn default() -> Self {
        // Every 5 steps scored no better and takes twice as long.
        Self { mppi: MppiConfig::default(), replan_every: 10 }
    }
}

/// One episode's results.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EpisodeRow {
    /// Seed.
    pub seed: u64,
    /// Start `[observation]`.
    pub start: Vec<f64>,
    /// Goal.
    pub goal: Option<Vec<f64>>,
    /// The metrics.
    #[serde(flatten)]
    pub outcome: EpisodeOutcome,
    /// Plans made.
    pub plans: usize,
}

/// One planner's or policy's results.
#[derive(Clone, Debug, Serialize)]
pub struct Results {
    /// What was run.
    pub protocol: Protocol,
    /// Per episode.
    pub episodes: Vec<EpisodeRow>,
}

impl EpisodeRow {
    /// Row of a record.
    ///
    /// # Errors
    /// Those of [`EpisodeOutcome::new`].
    pub fn new(record: &EpisodeRecord, spec: &EnvSpec) -> Result<Self, forethought_agent::AgentError> {
        Ok(Self {
            seed: record.seed,
            start: record.observations.first().cloned().unwrap_or_default(),
            goal: record.goal.clone(),
            outcome: EpisodeOutcome::new(record, spec)?,
            plans: record.plans.len(),
        })
    }

    /// Normalised score, or the raw return where the benchmark defines none.
    pub fn score(&self) -> f64 {
        self.outcome.score.unwrap_or(self.outcome.episode_return)
    }

    /// The same as if the agent had stayed from its first arrival on.
    pub fn score_if_stayed(&self) -> f64 {
        self.outcome.score_if_stayed.unwrap_or(self.outcome.return_if_stayed)
    }
}

impl Results {
    /// Score of each episode.
    pub fn scores(&self) -> Vec<f64> {
        self.episodes.iter().map(EpisodeRow::score).collect()
    }

    /// Mean of [`EpisodeRow::score_if_stayed`]; NaN without episodes.
    pub fn mean_score_if_stayed(&self) -> f64 {
        self.episodes.iter().map(EpisodeRow::score_if_stayed).sum::<f64>() / self.episodes.len() as f64
    }

    /// Episodes that arrived, and how many steps they took to, on average.
    pub fn arrivals(&self) -> (usize, Option<f64>) {
        let steps: Vec<usize> = self.episodes.iter().filter_map(|row| row.outcome.steps_to_arrival).collect();
        let mean = (!steps.is_empty()).then(|| steps.iter().sum::<usize>() as f64 / steps.len() as f64);
        (steps.len(), mean)
    }
}
