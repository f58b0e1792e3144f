//! The control loop in evaluation: observe, plan, execute, replan.
//!
//! [`rollout`] runs episodes planned together, [`run_policy`] those of a policy that needs no plan. Both
//! leave an [`EpisodeRecord`] per episode, from which [`EpisodeOutcome`] computes the scores.
#![cfg_attr(test, allow(clippy::float_cmp))]

mod config;
mod episode;
mod error;
mod outcome;
mod record;
mod reference;
mod rollout;

pub use config::RolloutConfig;
pub use episode::EpisodeSetup;
pub use error::{AgentError, EpisodeStep};
pub use outcome::EpisodeOutcome;
pub use record::{DenoisingFrame, EpisodeRecord, PlanRecord};
pub use reference::run_policy;
pub use rollout::rollout;
