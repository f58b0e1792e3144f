//! Point-mass mazes in pure Rust, exact against MuJoCo step by step.
//!
//! [`MazeLayout`] is the grid, [`MazeGeometry`] places it in observation coordinates, [`PointMass`]
//! moves the ball, [`MazeEnv`] is the task around it. [`maze2d()`] and [`point_maze()`] put the four
//! together the way D4RL and gymnasium-robotics do.

mod contact;
mod env;
mod generate;
mod geometry;
mod layout;
mod maze2d;
mod name;
mod physics;
mod point_maze;
mod route;
mod suite;
mod waypoint;
mod waypoint_policy;

pub use env::{GoalRule, MazeEnv, MazeTask};
pub use generate::{GENERATOR_VERSION, GenerateOptions, MAZE2D_GENERATOR, POINT_MAZE_GENERATOR, generate};
pub use geometry::{MazeFrame, MazeGeometry};
pub use layout::{Cell, MAX_CELLS_ACROSS, MazeLayout, MazeSize};
pub use maze2d::{Maze2dTask, maze2d, maze2d_layout};
pub use name::{MazeFamily, MazeName, parse_maze_name};
pub use physics::{BALL_RADIUS, MAX_SPEED, PhysicsProfile, PointMass, STEP_SECONDS};
pub use point_maze::{point_maze, point_maze_layout};
pub(crate) use suite::Mazes;
pub use suite::{make_maze, make_with_profile, maze_layout};
pub use waypoint::{WaypointAim, WaypointController, WaypointMemory, WaypointOptions, WaypointStatus};
pub use waypoint_policy::WaypointPolicy;
