//! Point-mass mazes in pure Rust, exact against MuJoCo step by step.
//!
//! [`MazeLayout`] is the grid, [`MazeGeometry`] places it in observation coordinates, [`PointMass`]
//! moves the ball, [`MazeRules`] say where it starts and what pays, [`MazeEnv`] puts them together.
//! [`MazeName`] does so by name, the way D4RL and gymnasium-robotics do, also for mazes of one's own;
//! [`generate()`] makes their data, and the suite is what the registry sees of all this.
//! OGBench's point mazes have a ball and a protocol of their own: names that begin with `OgBench`.

mod ball;
mod columns;
mod contact;
mod env;
mod family;
mod generate;
mod geometry;
mod layout;
mod maze2d;
mod name;
mod ogbench;
mod physics;
mod point_maze;
mod route;
mod rules;
mod suite;
mod waypoint;
mod waypoint_policy;

pub use ball::{BALL_RADIUS, STEP_SECONDS};
pub use env::MazeEnv;
pub use family::{MazeFamily, MazeSize};
pub use generate::{GENERATOR_VERSION, GenerateOptions, MAZE2D_GENERATOR, POINT_MAZE_GENERATOR, generate};
pub use geometry::{MazeFrame, MazeGeometry};
pub use layout::{Cell, MAX_CELLS_ACROSS, MazeLayout};
pub use maze2d::{Maze2dTask, maze2d, maze2d_layout};
pub use name::{MazeName, parse_maze_name};
pub(crate) use ogbench::OgBenchMazes;
pub use ogbench::{
    OGBENCH_BALL_RADIUS, OGBENCH_GENERATOR, OGBENCH_GENERATOR_VERSION, OGBENCH_STEP_SECONDS, OGBENCH_TASKS,
    OgBenchBall, OgBenchData, OgBenchEnv, OgBenchGeometry, OgBenchMaze, OgBenchName, OgBenchOptions,
    OgBenchOracle, generate_ogbench,
};
pub use physics::{MAX_SPEED, PhysicsProfile, PointMass};
pub use point_maze::{point_maze, point_maze_layout};
pub use rules::{GoalRule, MazeRules};
pub(crate) use suite::Mazes;
pub use suite::{make_maze, make_with_profile, maze_layout};
pub use waypoint::{WaypointAim, WaypointController, WaypointMemory, WaypointOptions, WaypointStatus};
pub use waypoint_policy::WaypointPolicy;
