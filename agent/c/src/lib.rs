//! Forethought for C, and for every language that can call C: a checkpoint that acts, and one that
//! does so in real time, behind opaque handles.
//!
//! [`abi`] holds all that is exported, and `include/forethought.h` is what cbindgen makes of it. Nothing else here is
//! unsafe, and no panic crosses the border.

pub mod abi;
mod failure;
mod handle;
mod last_error;
mod plan;
mod real_time;
mod status;
mod tick;

pub use handle::ForethoughtAgent;
pub use plan::{ForethoughtPlan, ForethoughtPlanInfo};
pub use real_time::ForethoughtLoop;
pub use status::ForethoughtStatus;
pub use tick::{ForethoughtRung, ForethoughtTick};

#[cfg(test)]
mod tests;
