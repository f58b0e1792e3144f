//! The control loop: observe, plan, execute, replan.
//!
//! [`Agent`] is a checkpoint that acts, for programs of one's own; [`RealTimeAgent`] is one that never waits for its planner. For evaluation, [`rollout()`] runs episodes planned
//! together and [`run_policy`] those of a policy that needs no plan. Both leave an [`EpisodeRecord`] per episode, from which [`EpisodeOutcome`] computes the scores.
#![cfg_attr(test, allow(clippy::float_cmp))]

mod agent;
mod config;
mod deadline;
mod episode;
mod error;
mod expectation;
mod follower;
mod imagined_value;
mod loaded;
mod outcome;
mod past;
mod realtime;
mod record;
mod reference;
mod rollout;
mod settings;

pub use agent::{Agent, AgentBuilder};
pub use config::RolloutConfig;
pub use deadline::within;
pub use error::{AgentError, EpisodeStep};
pub use follower::Follower;
pub use imagined_value::{IMAGINED, Imagined, Pays, imagine_policy};
pub use loaded::LoadedCheckpoint;
pub use outcome::EpisodeOutcome;
pub use realtime::{
    Answer, Brake, Clock, ClosingReport, EpisodeLine, Event, Executive, Failure, Followed, Happened, Latency,
    Made, ManualClock, Message, MonotonicClock, Pacer, PlanLine, Published, RealTimeAgent, RealTimeConfig,
    RecordedEpisode, Recorder, Recording, RecordingHeader, Refusal, Replayed, Rung, SeamConfig, Simulation,
    Stage, Stopper, Tape, Tick, TickLine, ValidatorConfig, Worker, both_sides, goal_task, replay,
};
pub use record::{EpisodeRecord, Foretold, OutcomeRecord, OutlookRecord, PlanRecord, PlanSnapshot};
pub use reference::run_policy;
pub use rollout::{EpisodeSetup, rollout};
pub use settings::AgentSettings;
