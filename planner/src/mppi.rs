//! Model-predictive path integral control (MPPI) with the true dynamics: a baseline that samples the future
//! instead of learning it.
//!
//! Williams et al., "Information Theoretic MPC for Model-Based Reinforcement Learning", ICRA 2017, algorithm 2:
//! `K` action sequences are drawn around a nominal one, each is rolled out and scored, and the nominal sequence
//! becomes their mean under the weights `exp(score / lambda)`. Their cost of control is left out (`alpha = 1`), since
//! the benchmark does not charge for actions; so is the smoothing of the mean. What is clipped to the action space is
//! each sampled action, so that its mean lies there too.
//!
//! The rollouts use the maze's own physics. No learned planner has that: its results are privileged.
//!
//! Shapes: `k` sampled sequences, `h` steps of the horizon, `a` entries of an action.

use forethought_envs::Environment;
use forethought_envs::maze::MazeEnv;
use rayon::iter::{IntoParallelRefIterator, ParallelIterator};

use crate::error::check_finite;
use crate::mppi_config::{MppiConfig, MppiObjective};
use crate::network::thread_pool;
use crate::plan::{Plan, PlanRequest, Planner};
use crate::{PlannerError, random};

/// Entries of the ball's state (x, y, vx, vy), which is also its observation.
const STATE: usize = 4;
/// Entries of an action.
const ACTION: usize = 2;

/// Plans in a point maze by rolling out its physics.
pub struct MppiPlanner {
    maze: MazeEnv,
    goal_radius: f64,
    config: MppiConfig,
    pool: rayon::ThreadPool,
}

impl MppiPlanner {
    /// Planner in this maze, on `threads` threads. Plans do not depend on their number.
    ///
    /// # Errors
    /// [`PlannerError::Setting`] for settings outside their range, [`PlannerError::Device`] when the threads
    /// cannot be started.
    pub fn new(maze: MazeEnv, config: MppiConfig, threads: usize) -> Result<Self, PlannerError> {
        config.check()?;
        let goal_radius = maze.spec().goal_radius.unwrap_or(0.0);
        Ok(Self { maze, goal_radius, config, pool: thread_pool(threads.max(1))? })
    }

    /// Settings in force.
    pub fn config(&self) -> &MppiConfig {
        &self.config
    }

    /// Rounds of sampling, each around the weighted mean of the one before.
    fn plan_one(&self, request: &PlanRequest<'_>, task: &Task) -> Plan {
        let MppiConfig { samples, horizon, noise, temperature, iterations, .. } = self.config;
        let space = &self.maze.spec().action;
        let mut nominal_ha = shifted(request, horizon * ACTION);
        let mut sampled_kha = vec![0.0; samples * horizon * ACTION];
        for iteration in 0..iterations {
            random::fill_normal(&mut random::stream(request.seed, &[iteration as u64]), &mut sampled_kha);
            for sampled_ha in sampled_kha.chunks_exact_mut(horizon * ACTION) {
                for (action, nominal) in sampled_ha.iter_mut().zip(&nominal_ha) {
                    *action = nominal + noise * *action;
                }
                sampled_ha.chunks_exact_mut(ACTION).for_each(|action| space.clip(action));
            }
            let sampled = || sampled_kha.chunks_exact(horizon * ACTION);
            let scores_k: Vec<f64> = sampled().map(|sampled_ha| self.score(sampled_ha, task)).collect();
            let weights_k = weights(&scores_k, temperature);
            nominal_ha.fill(0.0);
            for (sampled_ha, weight) in sampled().zip(weights_k) {
                nominal_ha.iter_mut().zip(sampled_ha).for_each(|(mean, action)| *mean += weight * action);
            }
        }
        self.finish(nominal_ha, task)
    }

    /// Calls `visit` with the state after each action.
    fn roll_out(&self, actions_ha: &[f64], task: &Task, mut visit: impl FnMut(&[f64; STATE])) {
        let (physics, mut state) = (self.maze.physics(), task.state);
        for action in actions_ha.as_chunks::<ACTION>().0 {
            physics.step(&mut state, *action);
            visit(&state);
        }
    }

    /// The objective's sum over the horizon.
    fn score(&self, actions_ha: &[f64], task: &Task) -> f64 {
        let mut score = 0.0;
        self.roll_out(actions_ha, task, |state| {
            let distance = task.distance(state);
            score += match self.config.objective {
                MppiObjective::Sparse => f64::from(u8::from(distance <= self.goal_radius)),
                MppiObjective::Dense => (-distance).exp(),
                MppiObjective::Distance => -distance,
            };
        });
        score
    }

    /// The plan of these actions: what they lead to, when it arrives, and for how long it is there.
    fn finish(&self, actions: Vec<f64>, task: &Task) -> Plan {
        let frames = self.config.horizon;
        let mut observations = Vec::with_capacity(frames * STATE);
        let (mut arrival, mut inside, mut closest) = (None, 0.0, f64::INFINITY);
        self.roll_out(&actions, task, |state| {
            let distance = task.distance(state);
            if distance <= self.goal_radius {
                arrival = arrival.or(Some(observations.len() / STATE));
                inside += 1.0;
            }
            closest = distance.min(closest);
            observations.extend_from_slice(state);
        });
        // Among plans that never arrive the one that comes closest, as the diffusion planner has it.
        let value = inside - closest / (1.0 + closest);
        let (rows, candidates) = (self.config.iterations, self.config.samples);
        Plan { observations, actions, frames, value, arrival, rows, candidates, ..Plan::default() }
    }
}

impl Planner for MppiPlanner {
    fn plan(&mut self, requests: &[PlanRequest<'_>], _history: bool) -> Result<Vec<Plan>, PlannerError> {
        let tasks = requests.iter().map(Task::new).collect::<Result<Vec<_>, _>>()?;
        let due: Vec<_> = requests.iter().zip(&tasks).collect();
        let this = &*self;
        Ok(this.pool.install(|| due.par_iter().map(|(request, task)| this.plan_one(request, task)).collect()))
    }

    /// There is no noise level to read: plans have no history.
    fn levels(&self) -> u16 {
        0
    }
}

/// A request that was checked.
struct Task {
    state: [f64; STATE],
    goal: [f64; ACTION],
}

impl Task {
    fn new(request: &PlanRequest<'_>) -> Result<Self, PlannerError> {
        let goal = request.goal.unwrap_or_default();
        Ok(Self { state: array("observation", request.observation)?, goal: array("goal", goal)? })
    }

    fn distance(&self, state: &[f64; STATE]) -> f64 {
        (state[0] - self.goal[0]).hypot(state[1] - self.goal[1])
    }
}

fn array<const N: usize>(what: &'static str, values: &[f64]) -> Result<[f64; N], PlannerError> {
    check_finite(what, values)?;
    values.try_into().map_err(|_| PlannerError::Length { what, want: N, got: values.len() })
}

/// The nominal sequence to begin from: what is left of the plan in force, then rest; rest throughout without one.
fn shifted(request: &PlanRequest<'_>, length: usize) -> Vec<f64> {
    let left = request.previous.and_then(|(plan, executed)| {
        (plan.actions.len() == plan.frames * ACTION).then(|| plan.actions.get(executed * ACTION..))?
    });
    let mut nominal_ha = left.unwrap_or_default().to_vec();
    nominal_ha.resize(length, 0.0);
    nominal_ha
}

/// Weights `exp(score / temperature)`, normalised. Equal where no score is finite, as none is then better.
fn weights(scores_k: &[f64], temperature: f64) -> Vec<f64> {
    let best = scores_k.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    if !best.is_finite() {
        return vec![1.0 / scores_k.len() as f64; scores_k.len()];
    }
    // Relative to the best, so that the largest exponent is 0 and the sum at least 1.
    let relative = scores_k.iter().map(|score| ((score - best) / temperature).exp());
    let total: f64 = relative.clone().sum();
    relative.map(|weight| weight / total).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_high_temperature_averages_and_a_low_one_picks_the_best() {
        let scores = [-3.0, 2.0, 1.5, -40.0];
        for weight in weights(&scores, 1e9) {
            assert!((weight - 0.25).abs() < 1e-7, "{weight}");
        }
        assert_eq!(weights(&scores, 1e-4), [0.0, 1.0, 0.0, 0.0]);
        // Scores count by their differences alone, also where exp(score) itself is out of range.
        let far = scores.map(|score| score - 1e6);
        for (near, far) in weights(&scores, 1.0).into_iter().zip(weights(&far, 1.0)) {
            assert!((near - far).abs() < 1e-9);
        }
        assert_eq!(weights(&[f64::NEG_INFINITY; 2], 1.0), [0.5, 0.5]);
    }

    #[test]
    fn the_weighted_mean_of_a_quadratic_score_is_the_gaussian_posterior_mean() {
        // Actions N(u, s^2) weighted by exp(-(a - c)^2 / (2 lambda)): a product of two Gaussians, with mean
        // (u / s^2 + c / lambda) / (1 / s^2 + 1 / lambda) and variance v = 1 / (1 / s^2 + 1 / lambda).
        let (u, s, c, lambda) = (0.3, 0.5, 1.1, 0.2);
        let precision = 1.0 / (s * s) + 1.0 / lambda;
        let mean = (u / (s * s) + c / lambda) / precision;
        let mut actions = vec![0.0; 200_000];
        random::fill_normal(&mut random::stream(5, &[]), &mut actions);
        actions.iter_mut().for_each(|action| *action = u + s * *action);
        let scores: Vec<f64> = actions.iter().map(|action| -0.5 * (action - c).powi(2)).collect();
        let weights = weights(&scores, lambda);
        let found: f64 = actions.iter().zip(&weights).map(|(action, weight)| action * weight).sum();
        // Standard error of a self-normalised importance estimate.
        let error = actions.iter().zip(&weights).map(|(a, w)| (w * (a - mean)).powi(2)).sum::<f64>().sqrt();
        assert!(error < 2e-3, "{error}");
        assert!((found - mean).abs() < 4.0 * error, "{found} is not {mean} within 4 x {error}");
    }
}
