//! From plan to action, and the reference policies that need no plan.
//!
//! [`Executor`] is the interface, [`make_executor`] makes one by name:
//!
//! | name | action |
//! |---|---|
//! | [`DIFFUSED_ACTION`] | the plan's own action |
//! | [`PD`] | planned position and velocity, tracked by a proportional-derivative law |
//! | [`INVERSE_DYNAMICS`] | what leads to the next planned observation, by a model learned from data |
//! | [`PATH_FOLLOWING`] | the planned path, driven as fast as the actuators allow |
//! | [`WAYPOINT`] | D4RL's controller as its reference scores were made, with routes that go stale |
//! | [`WAYPOINT_FRESH`] | the same with a route per episode |
//! | [`RANDOM`] | uniform over the action space |
//!
//! Nothing here knows how plans are made: a plan arrives one frame at a time, as slices.
#![cfg_attr(test, allow(clippy::float_cmp))]

mod diffused_action;
mod error;
mod executor;
mod inverse_dynamics;
mod path;
mod path_following;
mod pd;
mod random_action;
mod registry;
mod waypoint;

pub use diffused_action::DiffusedAction;
pub use error::PolicyError;
pub use executor::{Executor, PlanFrame};
pub use inverse_dynamics::InverseDynamics;
pub use path_following::PathFollowing;
pub use pd::PdTracking;
pub use random_action::RandomAction;
pub use registry::{
    DIFFUSED_ACTION, ExecutorConfig, INVERSE_DYNAMICS, KNOWN, PATH_FOLLOWING, PD, RANDOM, WAYPOINT,
    WAYPOINT_FRESH, make_executor,
};
pub use waypoint::Waypoint;
