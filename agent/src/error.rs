//! Errors of the control loop.

use std::fmt;

use forethought_envs::{EnvError, printable};
use forethought_planner::PlannerError;
use forethought_policies::PolicyError;

/// Where in which episode something happened: enough to make it happen again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EpisodeStep {
    /// Environment id.
    pub env_id: String,
    /// Seed of the episode.
    pub seed: u64,
    /// Steps taken so far.
    pub step: usize,
}

impl fmt::Display for EpisodeStep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}`, episode seed {}, step {}", printable(&self.env_id), self.seed, self.step)
    }
}

/// What can go wrong in this crate. Each message names the thing and the remedy.
#[derive(Debug, thiserror::Error)]
pub enum AgentError {
    /// A setting outside its range.
    #[error("setting `{name}` is {}: {}", printable(.value), printable(.remedy))]
    Setting {
        /// Dotted name as in the configuration.
        name: &'static str,
        /// What was given.
        value: String,
        /// What is accepted.
        remedy: String,
    },
    /// A setting that there is not.
    #[error("there is no setting `{}`: known there are {known}", printable(.key))]
    UnknownSetting {
        /// What was asked for.
        key: String,
        /// Names that are there.
        known: String,
    },
    /// Settings that do not fit together or have the wrong type.
    #[error("settings: {}", printable(.0))]
    Settings(String),
    /// A checkpoint that cannot be used, or planned with.
    #[error(transparent)]
    Checkpoint(#[from] PlannerError),
    /// A controller that cannot act where it is to.
    #[error(transparent)]
    Control(#[from] PolicyError),
    /// The environment gave NaN or infinity.
    #[error(
        "{at}: {what}[{index}] is {value}: the environment's state is broken; lower its actions or fix its physics"
    )]
    NonFinite {
        /// Where it happened.
        at: EpisodeStep,
        /// `observation` or `reward`.
        what: &'static str,
        /// Entry of it.
        index: usize,
        /// The offending value.
        value: f64,
    },
    /// An observation of another length than the environment's specification says.
    #[error(
        "{at}: the observation has {got} entries, the environment's specification says {want}: every observation must \
         have the same entries; fix the environment"
    )]
    ObservationLength {
        /// Where it happened.
        at: EpisodeStep,
        /// Entries that the specification says.
        want: usize,
        /// Entries that there are.
        got: usize,
    },
    /// The planner refused or failed; the batch is lost with it.
    #[error("planning {count} episode(s), the first at {at}: {source}")]
    Planning {
        /// First episode of the batch.
        at: EpisodeStep,
        /// Episodes planned together.
        count: usize,
        /// Its reason.
        source: PlannerError,
    },
    /// The planner gave something that is no plan for this environment.
    #[error("{at}: the planner's answer cannot be executed: {problem}")]
    MalformedPlan {
        /// Where it happened.
        at: EpisodeStep,
        /// What is wrong with it.
        problem: String,
    },
    /// The controller refused.
    #[error("{at}, controller `{controller}`: {source}")]
    Controller {
        /// Where it happened.
        at: EpisodeStep,
        /// Name of the controller.
        controller: &'static str,
        /// Its reason.
        source: Box<PolicyError>,
    },
    /// A goal that the checkpoint's task cannot aim at, or a task that fits no observation.
    #[error("`{}`: {source}", printable(.env_id))]
    Task {
        /// Environment id.
        env_id: String,
        /// What is wrong and what fits.
        source: EnvError,
    },
    /// The environment refused.
    #[error("{at}: {source}")]
    Environment {
        /// Where it happened.
        at: EpisodeStep,
        /// Its reason.
        source: EnvError,
    },
    /// The operating system gives no thread for the planner.
    #[error("no thread for the planner: {0}; end other programs, or raise the limit on threads")]
    Thread(#[source] std::io::Error),
    /// A recording of a loop that cannot be written or read.
    #[error("{}: {problem}", path.display())]
    Recording {
        /// The file.
        path: std::path::PathBuf,
        /// What is wrong, and what can be done.
        problem: String,
    },
    /// A record that contradicts itself or its environment.
    #[error("record of `{env_id}`, episode seed {seed}: {problem}")]
    Record {
        /// Environment id.
        env_id: String,
        /// Seed of the episode.
        seed: u64,
        /// What is wrong with it.
        problem: String,
    },
    /// The progress callback asked to stop.
    #[error("interrupted")]
    Interrupted,
}
