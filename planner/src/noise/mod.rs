//! Noise levels: how much signal each level keeps, and how much each level weighs in the loss.

mod schedule;
mod weight;

pub use schedule::{NoiseSchedule, ScheduleKind};
pub use weight::{LossWeight, Target};
