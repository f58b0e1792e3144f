//! Point-mass mazes in pure Rust, exact against MuJoCo step by step.
//!
//! [`MazeLayout`] is the grid, [`MazeGeometry`] places it in observation coordinates, [`PointMass`]
//! moves the ball, [`MazeEnv`] is the task around it. [`maze2d()`] and [`point_maze()`] put the four
//! together the way D4RL and gymnasium-robotics do.

mod contact;
mod env;
mod geometry;
mod layout;
mod maze2d;
mod physics;
mod point_maze;

pub use env::{GoalRule, MazeEnv, MazeTask};
pub use geometry::{MazeFrame, MazeGeometry, WallBox};
pub use layout::{Cell, MazeLayout, MazeSize};
pub use maze2d::{Maze2dTask, maze2d, maze2d_layout};
pub use physics::{BALL_RADIUS, MAX_SPEED, PhysicsProfile, PointMass, STEP_SECONDS};
pub(crate) use point_maze::point_maze_id;
pub use point_maze::{point_maze, point_maze_layout};
