//! OGBench's manipulation on MuJoCo: an arm of six joints with a gripper, and cubes that it moves.
//!
//! Robot and things are the package's own files, which [`OgBenchAssets`] reads where `envs/interop/ogbench_assets.sh` has put them;
//! nothing of them is part of this crate. [`Cubes`] are the environments by name, [`CubeRules`] what happens in them.
//!
//! Control, observations, tasks and data follow the package (`ogbench` 1.2.2, `manipspace`), held against it step by step in
//! `envs/tests/manipulation`.

mod assets;
mod compose;
mod cube_generate;
mod cube_oracle;
mod cube_order;
mod cube_plan;
mod cube_rules;
mod cube_scene;
mod cube_seen;
mod cubes;
mod error;
mod frame;
mod inverse_kinematics;
mod robot;
mod rotation;
mod suite;

pub use assets::{OGBENCH_VARIABLE, OgBenchAssets};
pub use cube_generate::{
    CUBE_EPISODE_ROWS, CUBE_GENERATOR, CUBE_GENERATOR_VERSION, CubeOptions, CubeTally, generate_cubes,
};
pub use cube_oracle::CubeOracle;
pub use cube_rules::CubeRules;
pub use cube_scene::CubeModels;
pub use cubes::{CUBE_RADIUS, CUBE_TASKS, Cubes};
pub use error::ManipulationError;
pub(crate) use suite::ManipulationSuite;
