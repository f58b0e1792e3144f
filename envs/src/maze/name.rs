//! What a maze environment's name says: a suite and a maze.

use crate::EnvError;
use crate::maze::{
    Maze2dTask, MazeEnv, MazeFrame, MazeGeometry, MazeLayout, MazeSize, MazeTask, PhysicsProfile, maze2d,
    point_maze,
};

/// Conventions and task of a suite.
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

    fn layout(self, size: MazeSize) -> Result<MazeLayout, EnvError> {
        match self {
            Self::Maze2d(_) => maze2d::maze2d_layout(size),
            Self::PointMaze { .. } => point_maze::point_maze_layout(size),
        }
    }

    fn task(self, id: String, max_episode_steps: usize) -> MazeTask {
        match self {
            Self::Maze2d(task) => maze2d::task(id, task, max_episode_steps),
            Self::PointMaze { dense } => point_maze::task(id, dense, max_episode_steps),
        }
    }
}

/// A maze environment by its name.
#[derive(Clone, Debug, PartialEq)]
pub struct MazeName {
    family: MazeFamily,
    size: MazeSize,
}

impl MazeName {
    /// Every registered name, suite by suite.
    pub fn all() -> impl Iterator<Item = Self> {
        MazeFamily::ALL.into_iter().flat_map(|family| MazeSize::ALL.map(|size| Self { family, size }))
    }

    /// What `id` names.
    ///
    /// # Errors
    /// [`EnvError::UnknownEnvironment`] where it names no maze.
    pub fn find(id: &str) -> Result<Self, EnvError> {
        Self::all().find(|name| name.id() == id).ok_or_else(|| EnvError::UnknownEnvironment {
            id: id.into(),
            hint: " among the mazes".into(),
            known: Self::all().map(|name| name.id()).collect::<Vec<_>>().join(", "),
        })
    }

    /// The name itself.
    pub fn id(&self) -> String {
        self.family.id(self.size)
    }

    /// The environment without its time limit; `profile` `None` is the suite's own.
    ///
    /// # Errors
    /// [`EnvError::Layout`] when maze and task do not fit.
    pub fn make(&self, profile: Option<PhysicsProfile>) -> Result<MazeEnv, EnvError> {
        let mut task = self.family.task(self.id(), self.size.max_episode_steps());
        if let MazeFamily::Maze2d(variant) = self.family {
            task.score = Some(variant.score(self.size));
        }
        let geometry = MazeGeometry::new(self.family.layout(self.size)?, self.family.frame());
        MazeEnv::new(task, geometry, profile.unwrap_or_else(|| self.family.profile()))
    }
}
