//! Diffusion Forcing as a planner (Chen et al., NeurIPS 2024, arXiv 2407.01392).
//!
//! A sequence diffusion model in which every token has its own noise levels, one for its decisions and one for their
//! outcomes. Read in this order: [`TokenLayout`] (what a token is), [`noise`] (levels), [`Role`] (what a network is by what
//! it is shown), [`Preconditioning`] (what its answer means), [`SchedulingMatrix`] (which token is denoised when),
//! [`Sampler`] (one row of it), [`guidance`] and [`Guidance`] (steering, Monte Carlo guidance),
//! [`DiffusionPlanner`] (plans from observations), [`Continuation`] (trajectories longer than any window),
//! [`training`], [`Lesson`] (fewer steps) and [`checkpoint`]. [`MppiPlanner`] is a baseline.
#![cfg_attr(test, allow(clippy::float_cmp))]

mod budget;
mod classifier_free;
mod continuation;
mod denoiser;
mod distill_config;
mod distillation;
mod dynamics;
pub mod engine;
mod error;
mod fourier;
mod layout;
mod levels;
mod matrix;
mod model_config;
mod monte_carlo;
mod monte_carlo_config;
mod mppi;
mod mppi_config;
mod outlook;
mod plan;
mod plan_config;
mod planner;
mod preconditioning;
mod prepared;
mod returns;
mod role;
mod sampler;
mod solver;
mod tokens;
mod train_batch;
mod train_config;

pub mod checkpoint;
pub mod guidance;
pub mod network;
pub mod noise;
mod objects;
pub mod original;
pub mod random;
pub mod training;

pub use budget::{Budget, Foresight, RowTimes};
pub use continuation::{Continuation, ContinuationConfig, HistoryForm, Trajectory};
pub use denoiser::{Cotangent, Denoiser, NoisyBatch};
pub use distill_config::DistillConfig;
pub use distillation::{Lesson, Taught};
pub use dynamics::LocalDynamics;
pub use engine::EngineDenoiser;
pub use error::PlannerError;
pub use fourier::{FourierEntries, FourierFeatures};
pub use layout::{FIRST_CHUNK, GOAL, Half, STATE, TokenLayout};
pub use matrix::{MatrixKind, ScheduleName, SchedulingMatrix, Shown};
pub use model_config::{ConditionKind, ModelConfig};
pub use monte_carlo::Guidance;
pub use monte_carlo_config::MonteCarloConfig;
pub use mppi::MppiPlanner;
pub use mppi_config::{MppiConfig, MppiObjective};
pub use objects::ObjectOrder;
pub use outlook::{Outcome, Outlook, as_planned};
pub use plan::{History, InForce, Memory, Plan, PlanStats, PlanStatus, Planner, Request, Snapshot};
pub use plan_config::{
    GuidanceConfig, HorizonConfig, Lengths, OutOfData, PlanConfig, RankConfig, SamplerConfig,
};
pub use planner::{DecisionGradient, Decisions, DiffusionPlanner, Outcomes};
pub use preconditioning::Preconditioning;
pub use prepared::PreparedBatch;
pub use returns::{ReturnScale, WantedReturn};
pub use role::Role;
pub use sampler::{OnRow, Sampler};
pub use solver::Solver;
pub use tokens::Tokens;
pub use train_batch::TrainBatch;
pub use train_config::TrainConfig;
