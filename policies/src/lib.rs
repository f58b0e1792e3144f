//! From plan to action, and policies that need no plan.
//!
//! [`Controller`] turns plans into commands; [`make_controller`] makes one by name:
//!
//! | name | command |
//! |---|---|
//! | [`DIFFUSED_ACTION`] | the plan's own action |
//! | [`PD`] | planned position and velocity, tracked by a proportional-derivative law |
//! | [`INVERSE_DYNAMICS`] | what leads to the next planned observation, by a model learned from data |
//! | [`PATH_FOLLOWING`] | the planned path, driven as fast as the actuators allow |
//!
//! [`Policy`] acts without a plan: [`RandomPolicy`] here, what a suite of environments brings along, and what [`learned`]
//! makes of data. Networks of the latter are [`perceptron`]s.
//!
//! Nothing here knows how plans are made: what lies ahead of one arrives as slices.
#![cfg_attr(test, allow(clippy::float_cmp))]

mod control_config;
mod controller;
mod diffused_action;
mod error;
mod inverse_dynamics;
pub mod learned;
pub mod off_policy;
mod path;
mod path_following;
mod pd;
pub mod perceptron;
mod random_policy;

pub use control_config::{
    CONTROLLERS, ControlConfig, DIFFUSED_ACTION, INVERSE_DYNAMICS, PATH_FOLLOWING, PD, PathConfig, PdConfig,
    make_controller,
};
pub use controller::{Controller, PlanView};
pub use diffused_action::DiffusedAction;
pub use error::PolicyError;
pub use forethought_envs::Policy;
pub use inverse_dynamics::InverseDynamics;
pub use path_following::PathFollowing;
pub use pd::PdTracking;
pub use random_policy::{RANDOM, RandomPolicy, make_policy};
