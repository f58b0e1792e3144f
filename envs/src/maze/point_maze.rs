//! gymnasium-robotics' `PointMaze` (version 3).

use crate::EnvError;
use crate::maze::{
    GoalRule, MazeEnv, MazeFrame, MazeGeometry, MazeLayout, MazeRules, MazeSize, PhysicsProfile,
};

/// Reward and success within this distance of the goal.
const GOAL_RADIUS: f64 = 0.45;
/// Half width of the noise around start and goal cells.
const CELL_NOISE: f64 = 0.25;
/// Starts at most this far from the goal are drawn again.
const MIN_START_DISTANCE: f64 = 0.5;

/// Registered name, for example `PointMaze_UMaze-v3` or, with the dense reward, `PointMaze_UMazeDense-v3`.
pub(super) fn id(size: MazeSize, dense: bool) -> String {
    let size = match size {
        MazeSize::UMaze => "UMaze",
        MazeSize::Medium => "Medium",
        MazeSize::Large => "Large",
    };
    format!("PointMaze_{size}{}-v3", if dense { "Dense" } else { "" })
}

fn layout_text(size: MazeSize) -> &'static str {
    match size {
        MazeSize::UMaze => "#####\\#OOO#\\###O#\\#OOO#\\#####",
        MazeSize::Medium => "########\\#OO##OO#\\#OO#OOO#\\##OOO###\\#OO#OOO#\\#O#OO#O#\\#OOO#OO#\\########",
        MazeSize::Large => {
            "############\\#OOOO#OOOOO#\\#O##O#O#O#O#\\#OOOOOO#OOO#\\#O####O###O#\\#OO#O#OOOOO#\\\
             ##O#O#O#O###\\#OO#OOO#OOO#\\############"
        }
    }
}

/// gymnasium-robotics' layout of this size; it names no goal cell.
///
/// # Errors
/// None for the layouts shipped here (a test reads them all).
pub fn point_maze_layout(size: MazeSize) -> Result<MazeLayout, EnvError> {
    MazeLayout::parse(layout_text(size))
}

/// The environment without its time limit: a continuing task with a random goal per episode, reward 1
/// within 0.45 of it (`exp(-distance)` when `dense`), ball at rest at the start, at least half a cell
/// from the goal. Current gymnasium-robotics runs on [`PhysicsProfile::MuJoCo3`].
///
/// # Errors
/// None for the layouts shipped here.
pub fn point_maze(size: MazeSize, dense: bool, profile: PhysicsProfile) -> Result<MazeEnv, EnvError> {
    let rules = rules(id(size, dense), dense, size.max_episode_steps());
    MazeEnv::new(rules, MazeGeometry::new(point_maze_layout(size)?, MazeFrame::Centred), profile)
}

/// The suite's rules under this name.
pub(super) fn rules(id: String, dense: bool, max_episode_steps: usize) -> MazeRules {
    MazeRules {
        id,
        goal: GoalRule::Random { noise: CELL_NOISE },
        start_noise: CELL_NOISE,
        start_speed: 0.0,
        min_start_distance: MIN_START_DISTANCE,
        goal_radius: GOAL_RADIUS,
        dense,
        max_episode_steps,
        score: None,
    }
}
