//! Objectives: differentiable scores of the clean estimate of a plan.
//!
//! Each objective is a sum over chunks of a *mean over the chunk's frames*. The push on one token then
//! depends neither on the horizon nor on the frame stack, and a guidance scale keeps its meaning when
//! either changes.

use forethought_envs::data::Normalizer;

use crate::layout::{FIRST_CHUNK, STATE};
use crate::{PlannerError, TokenLayout};

/// A score `J(x0)` of one sequence, larger is better.
pub trait Objective: Send + Sync {
    /// Returns `J` of the clean estimate `x0_td` (`[tokens, width]`, of which the first `chunks` chunks
    /// count) and writes `dJ/dx0` into `gradient_td`, which holds zeros on entry.
    fn value_and_gradient(&self, x0_td: &[f64], chunks: usize, gradient_td: &mut [f64]) -> f64;
}

/// Reach the goal and stay: `J = -sum_t mean_f tanh(d / (2 r))`, with `d` the distance of the planned
/// position to the goal.
///
/// The squashing keeps far tokens from dominating ("any step may be the one that arrives"). Units: `d`
/// and `r` in observation units.
#[derive(Clone, Debug)]
pub struct ReachGoal {
    layout: TokenLayout,
    goal: Vec<f64>,
    shift: Vec<f64>,
    scale: Vec<f64>,
    radius: f64,
}

impl ReachGoal {
    /// Objective for `goal`, in observation units and the order of [`TokenLayout::goal_indices`].
    ///
    /// # Errors
    /// [`PlannerError::Length`] when the goal does not fit; [`PlannerError::NonFinite`] when it is not
    /// finite; [`PlannerError::Setting`] for a radius that is not positive.
    pub fn new(
        layout: &TokenLayout,
        normalizer: &Normalizer,
        goal: &[f64],
        radius: f64,
    ) -> Result<Self, PlannerError> {
        crate::error::check_len("goal", layout.goal_indices.len(), goal.len())?;
        crate::error::check_finite("goal", goal)?;
        if !(radius.is_finite() && radius > 0.0) {
            return Err(PlannerError::Setting {
                name: "plan.reach",
                value: radius.to_string(),
                remedy: "give a positive distance in observation units".into(),
            });
        }
        Ok(Self {
            layout: layout.clone(),
            goal: goal.to_vec(),
            shift: layout.goal_entries(normalizer.shift()),
            scale: layout.goal_entries(normalizer.scale()),
            radius,
        })
    }
}

impl Objective for ReachGoal {
    fn value_and_gradient(&self, x0_td: &[f64], chunks: usize, gradient_td: &mut [f64]) -> f64 {
        let layout = &self.layout;
        let (width, per_frame) = (layout.width(), 1.0 / layout.frame_stack as f64);
        let mut value = 0.0;
        for t in FIRST_CHUNK..FIRST_CHUNK + chunks {
            for frame in 0..layout.frame_stack {
                let at = t * width + layout.observation_at(frame);
                let offset = |g: usize| {
                    x0_td[at + layout.goal_indices[g]] * self.scale[g] + self.shift[g] - self.goal[g]
                };
                let distance = (0..self.goal.len()).map(|g| offset(g).powi(2)).sum::<f64>().sqrt();
                let squashed = (distance / (2.0 * self.radius)).tanh();
                value -= per_frame * squashed;
                // At the goal itself the distance has no gradient; zero is its mean over directions.
                if distance > 0.0 {
                    let slope = per_frame * (1.0 - squashed * squashed) / (2.0 * self.radius * distance);
                    for g in 0..self.goal.len() {
                        gradient_td[at + layout.goal_indices[g]] -= slope * offset(g) * self.scale[g];
                    }
                }
            }
        }
        value
    }
}

/// Another objective, less what it costs a plan to begin elsewhere than in the present:
/// `J = J' - weight / 2 |o_1 - o_0|^2`, normalised, with `o_1` the first planned observation and `o_0` the
/// present one.
///
/// Guidance pulls all of a plan towards the goal, its beginning included, and the plan's own actions are then
/// those of a ball that is elsewhere. The motion of one step, which this neglects, is small beside that.
pub struct Tied {
    objective: Box<dyn Objective>,
    layout: TokenLayout,
    weight: f64,
}

impl Tied {
    /// Ties the plans of `objective` to the state token with `weight`, zero or more.
    pub fn new(objective: Box<dyn Objective>, layout: &TokenLayout, weight: f64) -> Self {
        Self { objective, layout: layout.clone(), weight }
    }
}

impl Objective for Tied {
    fn value_and_gradient(&self, x0_td: &[f64], chunks: usize, gradient_td: &mut [f64]) -> f64 {
        let mut value = self.objective.value_and_gradient(x0_td, chunks, gradient_td);
        let (state, first) = (
            STATE * self.layout.width() + self.layout.last_observation(),
            FIRST_CHUNK * self.layout.width() + self.layout.observation_at(0),
        );
        for o in 0..self.layout.observation {
            let offset = x0_td[first + o] - x0_td[state + o];
            value -= 0.5 * self.weight * offset * offset;
            gradient_td[first + o] -= self.weight * offset;
        }
        value
    }
}

/// Another objective, less what it costs to be where the episode has been already:
/// `J = J' - weight * sum_t mean_f sum_k exp(-|p - v_k|^2 / (2 width^2))`, with `v_k` the positions from which
/// earlier plans were made.
///
/// The distance to a goal is smallest in the dead ends next to it. What is visited fills up until the plans
/// leave, as in metadynamics (Laio and Parrinello, PNAS 2002), and no map is asked for.
pub struct Unvisited {
    objective: Box<dyn Objective>,
    layout: TokenLayout,
    visited: Vec<f64>,
    shift: Vec<f64>,
    scale: Vec<f64>,
    weight: f64,
    width: f64,
}

impl Unvisited {
    /// Keeps the plans of `objective` from `visited`, positions in the order of
    /// [`TokenLayout::goal_indices`]. `width` is in observation units.
    pub fn new(
        objective: Box<dyn Objective>,
        layout: &TokenLayout,
        normalizer: &Normalizer,
        visited: &[f64],
        weight: f64,
        width: f64,
    ) -> Self {
        let (shift, scale) =
            (layout.goal_entries(normalizer.shift()), layout.goal_entries(normalizer.scale()));
        let (layout, visited) = (layout.clone(), visited.to_vec());
        Self { objective, layout, visited, shift, scale, weight, width }
    }
}

impl Objective for Unvisited {
    fn value_and_gradient(&self, x0_td: &[f64], chunks: usize, gradient_td: &mut [f64]) -> f64 {
        let mut value = self.objective.value_and_gradient(x0_td, chunks, gradient_td);
        let layout = &self.layout;
        let (per_frame, goals) = (1.0 / layout.frame_stack as f64, layout.goal_indices.len());
        for t in FIRST_CHUNK..FIRST_CHUNK + chunks {
            for frame in 0..layout.frame_stack {
                let at = t * layout.width() + layout.observation_at(frame);
                for visited in self.visited.chunks_exact(goals.max(1)) {
                    let offset = |g: usize| {
                        x0_td[at + layout.goal_indices[g]] * self.scale[g] + self.shift[g] - visited[g]
                    };
                    let square: f64 = (0..goals).map(|g| offset(g).powi(2)).sum();
                    let near = square / (2.0 * self.width * self.width);
                    if near > 12.0 {
                        continue;
                    }
                    let bump = per_frame * self.weight * (-near).exp();
                    value -= bump;
                    for g in 0..goals {
                        gradient_td[at + layout.goal_indices[g]] +=
                            bump * offset(g) / (self.width * self.width) * self.scale[g];
                    }
                }
            }
        }
        value
    }
}

/// The planned reward: `J = sum_t mean_f r`, from the reward slots of a layout that has them.
#[derive(Clone, Debug)]
pub struct PlannedReward {
    layout: TokenLayout,
}

impl PlannedReward {
    /// Objective over the reward slots.
    ///
    /// # Errors
    /// [`PlannerError::Setting`] when the layout carries no reward.
    pub fn new(layout: &TokenLayout) -> Result<Self, PlannerError> {
        if !layout.reward {
            return Err(PlannerError::Setting {
                name: "plan.objective",
                value: "reward".into(),
                remedy: "this checkpoint's tokens carry no reward: train with model.reward = true".into(),
            });
        }
        Ok(Self { layout: layout.clone() })
    }
}

impl Objective for PlannedReward {
    fn value_and_gradient(&self, x0_td: &[f64], chunks: usize, gradient_td: &mut [f64]) -> f64 {
        let per_frame = 1.0 / self.layout.frame_stack as f64;
        let mut value = 0.0;
        for t in FIRST_CHUNK..FIRST_CHUNK + chunks {
            for at in (0..self.layout.frame_stack).filter_map(|frame| self.layout.reward_at(frame)) {
                value += per_frame * x0_td[t * self.layout.width() + at];
                gradient_td[t * self.layout.width() + at] += per_frame;
            }
        }
        value
    }
}
