//! Model-predictive path integral control (MPPI) with the true dynamics: a baseline that samples the future
//! instead of learning it.
//!
//! Williams et al., "Information Theoretic MPC for Model-Based Reinforcement Learning", ICRA 2017, algorithm 2:
//! `K` action sequences are drawn around a nominal one, each is rolled out and scored, and the nominal sequence
//! becomes their mean under the weights `exp(score / lambda)`. Their cost of control is left out (`alpha = 1`), since
//! the benchmark does not charge for actions; so is the smoothing of the mean. What is clipped to the action space is
//! each sampled action, so that its mean lies there too.
//!
//! The rollouts use the environment's own dynamics. No learned planner has that: its results are privileged.
//!
//! Shapes: `k` sampled sequences, `h` steps of the horizon, `a` entries of an action.

use std::sync::Arc;

use forethought_envs::{Dynamics, EnvSpec};
use rayon::iter::{IntoParallelRefMutIterator, ParallelIterator};

use crate::budget::{Budget, Metered};
use crate::error::{check_finite, check_len};
use crate::mppi_config::{MppiConfig, MppiObjective};
use crate::network::thread_pool;
use crate::plan::{Plan, PlanStats, PlanStatus, Planner, Request};
use crate::{PlannerError, random};

/// Plans by rolling out known dynamics of a fully observed environment, towards a task with a goal.
pub struct MppiPlanner {
    dynamics: Arc<dyn Dynamics>,
    spec: EnvSpec,
    config: MppiConfig,
    pool: rayon::ThreadPool,
}

impl MppiPlanner {
    /// Planner with these dynamics of the environment of `spec`, on `threads` threads. Plans do not depend on their
    /// number.
    ///
    /// # Errors
    /// [`PlannerError::Setting`] for settings outside their range, [`PlannerError::Device`] when the threads
    /// cannot be started.
    pub fn new(
        dynamics: Arc<dyn Dynamics>,
        spec: &EnvSpec,
        config: MppiConfig,
        threads: usize,
    ) -> Result<Self, PlannerError> {
        config.check()?;
        spec.check()?;
        Ok(Self { dynamics, spec: spec.clone(), config, pool: thread_pool(threads.max(1))? })
    }

    /// Settings in force.
    pub fn config(&self) -> &MppiConfig {
        &self.config
    }

    /// A round of sampling around the nominal sequence, which becomes the weighted mean.
    fn round(&self, round: usize, seed: u64, samples: usize, aim: &Aim<'_>, nominal_ha: &mut [f64]) {
        let MppiConfig { horizon, noise, temperature, .. } = self.config;
        let (space, width) = (&self.spec.action, self.spec.action.len());
        let mut sampled_kha = vec![0.0; samples * horizon * width];
        random::fill_normal(&mut random::stream(seed, &[round as u64]), &mut sampled_kha);
        for sampled_ha in sampled_kha.chunks_exact_mut(horizon * width) {
            for (action, nominal) in sampled_ha.iter_mut().zip(&*nominal_ha) {
                *action = nominal + noise * *action;
            }
            sampled_ha.chunks_exact_mut(width).for_each(|action| space.clip(action));
        }
        let sampled = || sampled_kha.chunks_exact(horizon * width);
        let scores_k: Vec<f64> = sampled().map(|sampled_ha| self.score(sampled_ha, aim)).collect();
        let weights_k = weights(&scores_k, temperature);
        nominal_ha.fill(0.0);
        for (sampled_ha, weight) in sampled().zip(weights_k) {
            nominal_ha.iter_mut().zip(sampled_ha).for_each(|(mean, action)| *mean += weight * action);
        }
    }

    /// Calls `visit` with the state after each action.
    fn roll_out(&self, actions_ha: &[f64], aim: &Aim<'_>, mut visit: impl FnMut(&[f64])) {
        let mut state = aim.observation.to_vec();
        for action in actions_ha.chunks_exact(self.spec.action.len()) {
            self.dynamics.step(&mut state, action);
            visit(&state);
        }
    }

    /// The objective's sum over the horizon.
    fn score(&self, actions_ha: &[f64], aim: &Aim<'_>) -> f64 {
        let mut score = 0.0;
        self.roll_out(actions_ha, aim, |state| {
            let distance = aim.distance(state);
            score += match self.config.objective {
                MppiObjective::Sparse => f64::from(u8::from(distance <= aim.tolerance)),
                MppiObjective::Dense => (-distance).exp(),
                MppiObjective::Distance => -distance,
            };
        });
        score
    }

    /// The plan of these actions: what they lead to, when it arrives, and for how long it is there.
    fn finish(&self, actions: Vec<f64>, aim: &Aim<'_>, stats: PlanStats) -> Plan {
        let frames = self.config.horizon;
        let mut observations = Vec::with_capacity(frames * self.spec.observation.len());
        let (mut arrival, mut inside, mut closest) = (None, 0.0, f64::INFINITY);
        let mut frame = 0;
        self.roll_out(&actions, aim, |state| {
            let distance = aim.distance(state);
            if distance <= aim.tolerance {
                arrival = arrival.or(Some(frame));
                inside += 1.0;
            }
            closest = distance.min(closest);
            observations.extend_from_slice(state);
            frame += 1;
        });
        // Among plans that never arrive the one that comes closest, as the diffusion planner has it.
        let score = inside - closest / (1.0 + closest);
        Plan { observations, actions, frames, clean: frames, score, arrival, stats, ..Plan::default() }
    }
}

impl Planner for MppiPlanner {
    /// A row of the budget is a round of sampling.
    fn plan_within(
        &mut self,
        requests: &[Request<'_>],
        _trace: bool,
        budget: &mut Budget<'_>,
    ) -> Result<Vec<Plan>, PlannerError> {
        let MppiConfig { samples, horizon, iterations, .. } = self.config;
        let candidates = budget.candidates_of(samples);
        let nominal = |request: &Request<'_>| shifted(request, horizon, self.spec.action.len());
        let mut due = Vec::with_capacity(requests.len());
        for request in requests {
            due.push((request, Aim::new(request, &self.spec)?, nominal(request)));
        }
        let (this, mut rows) = (&*self, 0);
        let mut metered = Metered::new(budget, requests.len() * candidates, true);
        while metered.row(rows == iterations) {
            this.pool.install(|| {
                due.par_iter_mut().for_each(|(request, aim, nominal_ha)| {
                    this.round(rows, request.seed, candidates, aim, nominal_ha);
                });
            });
            rows += 1;
        }
        let status = if metered.stopped() { PlanStatus::Cut } else { PlanStatus::Complete };
        let finish = |(request, aim, nominal_ha): (&Request<'_>, _, _)| {
            let plan = this.finish(nominal_ha, &aim, PlanStats { rows, candidates });
            Plan { first_step: request.step, status, ..plan }
        };
        Ok(due.into_iter().map(finish).collect())
    }
}

/// A request that was checked.
struct Aim<'a> {
    observation: &'a [f64],
    entries: &'a [usize],
    values: &'a [f64],
    tolerance: f64,
}

impl<'a> Aim<'a> {
    fn new(request: &Request<'a>, spec: &EnvSpec) -> Result<Self, PlannerError> {
        check_len("observation", spec.observation.len(), request.observation.len())?;
        check_finite("observation", request.observation)?;
        let Some(goal) = request.task.condition() else {
            return Err(PlannerError::Setting {
                name: "planner",
                value: "mppi".into(),
                remedy: "it drives to a goal, and this task has none: choose another planner".into(),
            });
        };
        check_len("goal", goal.entries.len(), goal.values.len())?;
        check_finite("goal", goal.values)?;
        let outside = goal.entries.iter().any(|&entry| entry >= spec.observation.len());
        check_len("goal entries outside the observation", 0, usize::from(outside))?;
        let (observation, tolerance) = (request.observation, request.task.tolerance());
        Ok(Self { observation, entries: goal.entries, values: goal.values, tolerance })
    }

    fn distance(&self, state: &[f64]) -> f64 {
        self.entries.iter().zip(self.values).fold(0.0, |far: f64, (&i, goal)| far.hypot(state[i] - goal))
    }
}

/// The nominal sequence to begin from: what is left of the plan in force, then rest; rest throughout without one.
fn shifted(request: &Request<'_>, horizon: usize, width: usize) -> Vec<f64> {
    let left = request.in_force.and_then(|now| {
        (Some(now.plan.actions.len()) == now.plan.frames.checked_mul(width))
            .then(|| now.plan.actions.get(now.executed.checked_mul(width)?..))?
    });
    let left = left.unwrap_or_default();
    let mut nominal_ha = left[..left.len().min(horizon * width)].to_vec();
    nominal_ha.resize(horizon * width, 0.0);
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
