//! Measuring speed: our side, the same network in PyTorch beside it, and what the numbers stand for.
//!
//! Sides are sampled in turn within one run, so that what else the machine does falls on all of them alike.

pub mod agreement;
pub mod baseline;
pub mod case;
pub mod ceiling;
pub mod machine;
pub mod measure;
pub mod operations;
pub mod plans;
pub mod report;
pub mod results;
pub mod row;
pub mod timing;
pub mod train_step;
pub mod worker;
