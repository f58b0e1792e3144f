//! Forethought for C, and for every language that can call C: a checkpoint that acts, behind an opaque handle.
//!
//! [`abi`] holds all that is exported, and `include/forethought.h` is what cbindgen makes of it. Nothing else here is
//! unsafe, and no panic crosses the border.

pub mod abi;
mod failure;
mod handle;
mod last_error;
mod plan;
mod status;

pub use handle::ForethoughtAgent;
pub use plan::{ForethoughtPlan, ForethoughtPlanInfo};
pub use status::ForethoughtStatus;

#[cfg(test)]
mod tests;
