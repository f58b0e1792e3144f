//! OGBench's manipulation on MuJoCo: an arm of six joints with a gripper, and cubes, buttons, a drawer and a window that it moves.
//!
//! Robot and things are the package's own files, which [`OgBenchAssets`] reads where `envs/interop/ogbench_assets.sh` has put them;
//! nothing of them is part of this crate. [`Cubes`] are the environments of cubes by name, [`CubeRules`] what happens in them; [`SCENE`]
//! is the one of the other things, [`SceneRules`] what happens there.
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
mod cubes_task;
mod error;
mod frame;
mod hand_plan;
mod inverse_kinematics;
mod pictures;
mod play;
mod robot;
mod robot_seen;
mod rotation;
mod scene_generate;
mod scene_models;
mod scene_oracle;
mod scene_order;
mod scene_plan;
mod scene_rules;
mod scene_seen;
mod scene_tasks;
mod scene_things;
mod scene_world;
mod spot;
mod suite;
mod within;

pub use assets::{OGBENCH_VARIABLE, OgBenchAssets};
pub use cube_generate::{CUBE_GENERATOR, CUBE_GENERATOR_VERSION, generate_cubes};
pub use cube_oracle::CubeOracle;
pub use cube_rules::CubeRules;
pub use cube_scene::CubeModels;
pub use cubes::{CUBE_RADIUS, CUBE_TASKS, Cubes};
pub use error::ManipulationError;
pub use play::{PLAY_EPISODE_ROWS, PlayOptions, PlayTally};
pub use scene_generate::{
    SCENE_GENERATOR, SCENE_GENERATOR_VERSION, SCENE_PUBLISHED_EPISODES, generate_scene,
};
pub use scene_models::SceneModels;
pub use scene_oracle::SceneOracle;
pub use scene_rules::SceneRules;
pub use scene_tasks::{SCENE_TASKS, scene_task};
pub use scene_things::{SCENE, SCENE_NUMBERS, SCENE_RADIUS, SceneThings};
pub(crate) use suite::ManipulationSuite;
