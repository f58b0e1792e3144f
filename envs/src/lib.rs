//! Environments, data and their formats for Forethought.
//!
//! Nothing in this crate knows of a planner. It holds the [`Environment`] trait that the rest of the
//! workspace steps, a registry of environments by name, the point-mass mazes in pure Rust (exact against
//! MuJoCo), a toy car, a hand that swaps two fruits and a hall to cross with their data generators, environments on MuJoCo
//! itself where it is installed, OGBench's arm with cubes, drawer and window among them, the HDF5 layout of D4RL and the `.npz` layout of
//! OGBench, and what a sequence model trains on: windows and a normaliser.
#![cfg_attr(test, allow(clippy::float_cmp))]

mod action_search;
pub mod crossing;
pub mod data;
mod differences;
mod disturbed;
mod entry;
mod environment;
mod error;
mod feature;
pub mod files;
pub mod folders;
pub mod fruit_swap;
#[cfg(feature = "gymnasium")]
pub mod gymnasium;
pub mod manipulation;
pub mod maze;
pub mod mujoco;
mod objects_task;
mod phase;
pub mod picture;
mod policy;
mod printable;
mod registry;
mod return_task;
mod scene;
mod space;
mod suite;
mod task;
mod task_config;
mod time_limit;
pub mod toy_car;
mod vector;

pub use differences::differences;
pub use disturbed::{Disturbance, DisturbanceKind, Disturbed};
pub use entry::Entry;
pub use environment::{
    Actuators, Dynamics, EnvSpec, Environment, ScoreRange, Simulator, Snapshot, Start, Transition,
    check_alike,
};
pub use error::EnvError;
pub use feature::{Feature, FeatureKind, FeatureRole, entries_of, runs_of};
pub use objects_task::{ObjectsTask, WantedThing};
pub use policy::Policy;
pub use printable::printable;
pub use registry::{
    catalogue, collect, collect_validation, data_layout, dynamics, entry, families, file_name, known, make,
    photographer, policy, register, register_entry, resolve, scene,
};
pub use return_task::{ReturnTask, WantedReturnTask};
pub use scene::{Area, Coordinate, Mover, Scene, Zone};
pub use space::BoxSpace;
pub use task::{
    Condition, Frames, FramesGradient, GoalTask, NoTask, Progress, Rows, ScoreTask, SharedTask, Task,
};
pub use task_config::{TaskConfig, TaskKind};
pub use time_limit::TimeLimit;
pub use vector::VectorEnv;
