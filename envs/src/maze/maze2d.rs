//! D4RL's `maze2d` (one goal) and its multi-goal variant `multi2d`.

use crate::maze::{
    GoalRule, MazeEnv, MazeFrame, MazeGeometry, MazeLayout, MazeRules, MazeSize, PhysicsProfile,
};
use crate::{EnvError, ScoreRange};

/// Reward within this distance of the goal.
const GOAL_RADIUS: f64 = 0.5;
/// Half width of the noise around start and goal cells.
const CELL_NOISE: f64 = 0.1;
/// Standard deviation of the initial velocity.
const START_SPEED: f64 = 0.1;

/// Variant of the task.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Maze2dTask {
    /// `maze2d-*-v1`: the goal is the `G` cell, reward 1 within 0.5 of it.
    Sparse,
    /// `maze2d-*-dense-v1`: reward `exp(-distance)`.
    Dense,
    /// `multi2d-*-v1`: a new goal in a random free cell each episode, sparse reward.
    MultiGoal,
}

impl Maze2dTask {
    /// Every variant.
    pub const ALL: [Self; 3] = [Self::Sparse, Self::Dense, Self::MultiGoal];

    /// Registered name for a maze of this size.
    pub fn id(self, size: MazeSize) -> String {
        let size = match size {
            MazeSize::UMaze => "umaze",
            MazeSize::Medium => "medium",
            MazeSize::Large => "large",
        };
        match self {
            Self::Sparse => format!("maze2d-{size}-v1"),
            Self::Dense => format!("maze2d-{size}-dense-v1"),
            Self::MultiGoal => format!("multi2d-{size}-v1"),
        }
    }

    /// D4RL's reference returns (random policy, waypoint controller). Multi-goal results are
    /// normalised with the single-goal references, as in the literature.
    pub fn score(self, size: MazeSize) -> ScoreRange {
        let (min, max) = match (self, size) {
            (Self::Sparse | Self::MultiGoal, MazeSize::UMaze) => (23.85, 161.86),
            (Self::Sparse | Self::MultiGoal, MazeSize::Medium) => (13.13, 277.39),
            (Self::Sparse | Self::MultiGoal, MazeSize::Large) => (6.7, 273.99),
            (Self::Dense, MazeSize::UMaze) => (68.537689, 193.66285642381482),
            (Self::Dense, MazeSize::Medium) => (44.264742, 297.4552547777125),
            (Self::Dense, MazeSize::Large) => (30.569041, 303.4857382709002),
        };
        ScoreRange { min, max }
    }
}

/// Text of D4RL's layout of this size.
fn layout_text(size: MazeSize) -> &'static str {
    match size {
        MazeSize::UMaze => "#####\\#GOO#\\###O#\\#OOO#\\#####",
        MazeSize::Medium => "########\\#OO##OO#\\#OO#OOO#\\##OOO###\\#OO#OOO#\\#O#OO#O#\\#OOO#OG#\\########",
        MazeSize::Large => {
            "############\\#OOOO#OOOOO#\\#O##O#O#O#O#\\#OOOOOO#OOO#\\#O####O###O#\\#OO#O#OOOOO#\\\
             ##O#O#O#O###\\#OO#OOO#OGO#\\############"
        }
    }
}

/// D4RL's layout of this size.
///
/// # Errors
/// None for the layouts shipped here (a test reads them all).
pub fn maze2d_layout(size: MazeSize) -> Result<MazeLayout, EnvError> {
    MazeLayout::parse(layout_text(size))
}

/// The environment without its time limit. D4RL's own results belong to
/// [`PhysicsProfile::MuJoCo2`].
///
/// # Errors
/// None for the layouts shipped here.
pub fn maze2d(size: MazeSize, task: Maze2dTask, profile: PhysicsProfile) -> Result<MazeEnv, EnvError> {
    let score = task.score(size);
    let rules = MazeRules { score: Some(score), ..rules(task.id(size), task, size.max_episode_steps()) };
    MazeEnv::new(rules, MazeGeometry::new(maze2d_layout(size)?, MazeFrame::D4rl), profile)
}

/// The suite's rules under this name, without reference returns.
pub(super) fn rules(id: String, task: Maze2dTask, max_episode_steps: usize) -> MazeRules {
    let goal = match task {
        Maze2dTask::Sparse | Maze2dTask::Dense => GoalRule::Fixed,
        Maze2dTask::MultiGoal => GoalRule::Random { noise: CELL_NOISE },
    };
    MazeRules {
        id,
        goal,
        start_noise: CELL_NOISE,
        start_speed: START_SPEED,
        min_start_distance: -1.0,
        goal_radius: GOAL_RADIUS,
        dense: task == Maze2dTask::Dense,
        max_episode_steps,
        score: None,
    }
}
