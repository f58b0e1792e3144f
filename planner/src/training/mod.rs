//! Training: Diffusion Forcing's independent noise levels, on one or more CPU workers or one GPU.
//!
//! A loop of our own, because the state that makes a resumed run byte-identical (moving average, optimiser,
//! step count, random streams) is one small, explicit thing here: see [`TrainState`](crate::checkpoint::TrainState).

mod balance;
mod batch;
mod data;
mod events;
mod exchange;
mod gradient;
mod metrics;
mod moved;
mod optimizer;
mod records;
mod rows;
mod run_folder;
mod teacher;
mod trainer;

pub use batch::BatchMaker;
pub use data::TrainingData;
pub use events::EventWriter;
pub use exchange::Exchange;
pub use gradient::{GradientWorkers, StepGradient};
pub use metrics::{MetricRow, Metrics};
pub use optimizer::{Optimizer, learning_rate};
pub use teacher::Teacher;
pub use trainer::{Progress, Trainer};
