//! OGBench's point mazes: `pointmaze-{medium,large,giant,teleport}-{navigate,stitch}-v0`.
//!
//! [`OgBenchMaze`] are the four mazes, [`OgBenchGeometry`] places one, [`OgBenchBall`] moves the ball in it.

mod ball;
mod contact;
mod geometry;
mod maze;

pub use ball::{OGBENCH_BALL_RADIUS, OGBENCH_STEP_SECONDS, OgBenchBall};
pub use geometry::OgBenchGeometry;
pub use maze::{OGBENCH_TASKS, OgBenchMaze};
