//! Batches of transitions, with goals in hindsight.

use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use super::GoalSampling;
use super::goals::GoalMixture;
use super::transitions::{Sizes, Transitions};

/// Some transitions. Shapes in names: `b` rows, `o` numbers of an observation, `a` of an action, `g` of a goal.
#[derive(Clone, Debug, Default)]
pub(super) struct Batch {
    pub rows: usize,
    pub observations_bo: Vec<f32>,
    pub actions_ba: Vec<f32>,
    pub next_observations_bo: Vec<f32>,
    /// What each step was worth: the data's reward, or with goals -1, and 0 at the goal.
    pub rewards_b: Vec<f32>,
    /// 1 where something follows, 0 where the task ended or the goal was there.
    pub masks_b: Vec<f32>,
    /// What values are asked for; empty without goals.
    pub value_goals_bg: Vec<f32>,
    /// What the policy is asked for; empty without goals.
    pub actor_goals_bg: Vec<f32>,
    /// Where the trajectory is some steps later, as a goal; empty without subgoals.
    pub subgoals_bg: Vec<f32>,
    /// The same, or the policy's goal where that comes earlier in the trajectory: as a goal, and as an observation.
    pub waypoints_bg: Vec<f32>,
    pub waypoints_bo: Vec<f32>,
}

/// Draws batches.
#[derive(Clone, Debug)]
pub(super) struct Sampler {
    pub data: Transitions,
    value: GoalMixture,
    actor: GoalMixture,
    rows: usize,
    /// Steps to a subgoal, for policies that have any.
    subgoal: Option<usize>,
}

impl Sampler {
    pub fn new(data: Transitions, goals: &GoalSampling, discount: f32, rows: usize) -> Self {
        let stop = |geometric: bool| geometric.then_some(1.0 - f64::from(discount));
        let value = GoalMixture {
            current: goals.value_current,
            trajectory: goals.value_trajectory,
            stop: stop(goals.value_geometric),
        };
        let actor = GoalMixture {
            current: goals.actor_current,
            trajectory: goals.actor_trajectory,
            stop: stop(goals.actor_geometric),
        };
        Self { data, value, actor, rows, subgoal: None }
    }

    /// With subgoals so many steps ahead.
    pub fn with_subgoals(mut self, steps: Option<usize>) -> Self {
        self.subgoal = steps;
        self
    }

    /// Fills a batch, with replacement.
    pub fn draw(&self, batch: &mut Batch, rng: &mut ChaCha8Rng) {
        let Sizes { goal, .. } = self.data.sizes;
        *batch = Batch { rows: self.rows, ..batch.cleared() };
        let count = self.data.steps.len();
        for _ in 0..self.rows {
            let at = rng.random_range(0..count.max(1));
            let row = self.row(at);
            batch.observations_bo.extend_from_slice(self.data.observation(row));
            batch.actions_ba.extend_from_slice(self.data.action(row));
            let ended = self.data.ended.get(at).copied().unwrap_or(false);
            let next = self.data.next.get(at).copied().unwrap_or(row);
            batch.next_observations_bo.extend_from_slice(self.data.observation(next));
            if goal == 0 {
                batch.rewards_b.push(self.data.rewards.get(row).copied().unwrap_or(0.0));
                batch.masks_b.push(if ended { 0.0 } else { 1.0 });
                continue;
            }
            let last = self.data.last.get(at).copied().unwrap_or(at);
            let aim = self.value.draw(at, last, count, rng);
            let there = aim == at;
            batch.rewards_b.push(if there { 0.0 } else { -1.0 });
            batch.masks_b.push(if there { 0.0 } else { 1.0 });
            self.data.goal(self.row(aim), &mut batch.value_goals_bg);
            let actor_aim = self.actor.draw(at, last, count, rng);
            self.data.goal(self.row(actor_aim), &mut batch.actor_goals_bg);
            let Some(steps) = self.subgoal else { continue };
            let subgoal = at.saturating_add(steps).min(last);
            let ahead = (at..=last).contains(&actor_aim);
            let waypoint = self.row(if ahead { subgoal.min(actor_aim) } else { subgoal });
            self.data.goal(self.row(subgoal), &mut batch.subgoals_bg);
            self.data.goal(waypoint, &mut batch.waypoints_bg);
            batch.waypoints_bo.extend_from_slice(self.data.observation(waypoint));
        }
    }

    fn row(&self, step: usize) -> usize {
        self.data.steps.get(step).copied().unwrap_or(0)
    }
}

impl Batch {
    /// No rows, in the memory it has.
    fn cleared(&mut self) -> Self {
        let mut batch = std::mem::take(self);
        for values in [
            &mut batch.observations_bo,
            &mut batch.actions_ba,
            &mut batch.next_observations_bo,
            &mut batch.rewards_b,
            &mut batch.masks_b,
            &mut batch.value_goals_bg,
            &mut batch.actor_goals_bg,
            &mut batch.subgoals_bg,
            &mut batch.waypoints_bg,
            &mut batch.waypoints_bo,
        ] {
            values.clear();
        }
        batch
    }

    /// `r + gamma mask next`, the target of one step.
    pub fn backup(&self, discount: f32, next_b: &[f32]) -> Vec<f32> {
        let follow = self.masks_b.iter().zip(next_b).map(|(mask, next)| discount * mask * next);
        self.rewards_b.iter().zip(follow).map(|(reward, follow)| reward + follow).collect()
    }
}

/// Rows beside one another: `[b, m]` and `[b, n]` to `[b, m + n]`, and so on. Parts that are empty add nothing.
pub(super) fn join(rows: usize, parts: &[&[f32]]) -> Vec<f32> {
    let mut out = Vec::with_capacity(parts.iter().map(|part| part.len()).sum());
    for row in 0..rows {
        for part in parts {
            let width = part.len() / rows.max(1);
            out.extend_from_slice(part.get(row * width..(row + 1) * width).unwrap_or_default());
        }
    }
    out
}
