//! The suites of mazes and the sizes that they share.

use serde::{Deserialize, Serialize};

use crate::EnvError;
use crate::maze::{Maze2dTask, MazeFrame, MazeLayout, MazeRules, PhysicsProfile, maze2d, point_maze};

/// The three sizes that D4RL and gymnasium-robotics share.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum MazeSize {
    /// A U of seven cells.
    UMaze,
    /// 6 by 6 cells inside the border.
    Medium,
    /// 7 by 10 cells inside the border.
    Large,
}

impl MazeSize {
    /// Every size, small to large.
    pub const ALL: [Self; 3] = [Self::UMaze, Self::Medium, Self::Large];

    /// Steps after which the protocol of both suites truncates an episode.
    pub fn max_episode_steps(self) -> usize {
        match self {
            Self::UMaze => 300,
            Self::Medium => 600,
            Self::Large => 800,
        }
    }
}

/// Conventions and tasks of a suite.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MazeFamily {
    /// D4RL's `maze2d`, or its multi-goal variant `multi2d`.
    Maze2d(Maze2dTask),
    /// gymnasium-robotics' `PointMaze`.
    PointMaze {
        /// Reward `exp(-distance)` in place of the sparse one.
        dense: bool,
    },
}

impl MazeFamily {
    /// Every family.
    pub const ALL: [Self; 5] = [
        Self::Maze2d(Maze2dTask::Sparse),
        Self::Maze2d(Maze2dTask::Dense),
        Self::Maze2d(Maze2dTask::MultiGoal),
        Self::PointMaze { dense: false },
        Self::PointMaze { dense: true },
    ];

    /// Registered name for the maze of this size.
    pub fn id(self, size: MazeSize) -> String {
        match self {
            Self::Maze2d(task) => task.id(size),
            Self::PointMaze { dense } => point_maze::id(size, dense),
        }
    }

    /// How this suite places cells.
    pub fn frame(self) -> MazeFrame {
        match self {
            Self::Maze2d(_) => MazeFrame::D4rl,
            Self::PointMaze { .. } => MazeFrame::Centred,
        }
    }

    /// The MuJoCo of the suite's own days.
    pub fn profile(self) -> PhysicsProfile {
        match self {
            Self::Maze2d(_) => PhysicsProfile::MuJoCo2,
            Self::PointMaze { .. } => PhysicsProfile::MuJoCo3,
        }
    }

    pub(super) fn layout(self, size: MazeSize) -> Result<MazeLayout, EnvError> {
        match self {
            Self::Maze2d(_) => maze2d::maze2d_layout(size),
            Self::PointMaze { .. } => point_maze::point_maze_layout(size),
        }
    }

    pub(super) fn rules(self, id: String, max_episode_steps: usize) -> MazeRules {
        match self {
            Self::Maze2d(task) => maze2d::rules(id, task, max_episode_steps),
            Self::PointMaze { dense } => point_maze::rules(id, dense, max_episode_steps),
        }
    }
}
