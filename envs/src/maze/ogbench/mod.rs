//! OGBench's point mazes: `pointmaze-{medium,large,giant,teleport}-{navigate,stitch}-v0`.
//!
//! [`OgBenchMaze`] are the four mazes, [`OgBenchGeometry`] places one, [`OgBenchBall`] moves the ball in it,
//! [`OgBenchEnv`] is the environment. [`OgBenchName`] tells maze and data by name, [`generate_ogbench`] makes the data,
//! [`OgBenchOracle`] is what drives in them.
//!
//! Source: OGBench (Park et al., 2025), package `ogbench` 1.2.2; `envs/parity/record_ogbench.py` holds the physics
//! against it, `envs/parity/record_ogbench_statistics.py` the data.

mod ball;
mod contact;
mod env;
mod generate;
mod geometry;
mod maze;
mod name;
mod place;
mod policy;
mod route;
mod suite;

pub use ball::{OGBENCH_BALL_RADIUS, OGBENCH_STEP_SECONDS, OgBenchBall};
pub use env::OgBenchEnv;
pub use generate::{OGBENCH_GENERATOR, OGBENCH_GENERATOR_VERSION, OgBenchOptions, generate_ogbench};
pub use geometry::OgBenchGeometry;
pub use maze::{OGBENCH_TASKS, OgBenchMaze};
pub use name::{OgBenchData, OgBenchName};
pub use policy::OgBenchOracle;
pub(crate) use suite::OgBenchMazes;
