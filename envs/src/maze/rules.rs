//! What a suite fixes besides maze and physics: starts, goals, rewards.

use crate::ScoreRange;

/// Where the goal of an episode comes from.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum GoalRule {
    /// The layout's `G` cell, exactly.
    Fixed,
    /// A uniformly drawn free cell plus uniform noise of this half width on each axis.
    Random {
        /// Half width of the noise.
        noise: f64,
    },
    /// The layout's `G` cell plus uniform noise of this half width on each axis.
    Around {
        /// Half width of the noise.
        noise: f64,
    },
}

/// What a suite fixes besides layout and physics.
#[derive(Clone, Debug, PartialEq)]
pub struct MazeRules {
    /// Registered name.
    pub id: String,
    /// Source of goals.
    pub goal: GoalRule,
    /// Half width of the uniform noise around the drawn start cell.
    pub start_noise: f64,
    /// Standard deviation of the initial velocity on each axis.
    pub start_speed: f64,
    /// Starts nearer to the goal than this are drawn again; negative to allow all.
    pub min_start_distance: f64,
    /// Distance within which a step is rewarded with 1.
    pub goal_radius: f64,
    /// Reward `exp(-distance)` on each step in place of the sparse one.
    pub dense: bool,
    /// Steps of an episode. [`super::MazeEnv`] itself never ends one.
    pub max_episode_steps: usize,
    /// Normalisation of the return.
    pub score: Option<ScoreRange>,
}

impl MazeRules {
    /// What being at `position` pays while `goal` is the goal.
    pub fn reward(&self, position: [f64; 2], goal: [f64; 2]) -> f64 {
        let distance = distance(position, goal);
        if self.dense {
            (-distance).exp()
        } else if distance <= self.goal_radius {
            1.0
        } else {
            0.0
        }
    }
}

/// Euclidean distance of two points.
pub(super) fn distance(a: [f64; 2], b: [f64; 2]) -> f64 {
    let (dx, dy) = (a[0] - b[0], a[1] - b[1]);
    (dx * dx + dy * dy).sqrt()
}
