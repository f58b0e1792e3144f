//! TD3+BC (Fujimoto & Gu 2021): TD3, with behaviour cloning beside the critic.

use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use super::batch::{Batch, join};
use super::network::{Purpose, Trained, Twins, lower, mean};
use super::transitions::Sizes;
use super::{Head, LearnedConfig, Learner, Losses, Memory};
use crate::PolicyError;
use crate::perceptron::Mlp;

pub(super) struct Td3Bc {
    actor: Trained,
    target_actor: Trained,
    critics: Twins,
    config: LearnedConfig,
    steps: u64,
}

impl Td3Bc {
    pub fn new(sizes: Sizes, config: &LearnedConfig) -> Result<Self, PolicyError> {
        let Sizes { observation, action, .. } = sizes;
        let actor = Trained::new(Purpose::Actor, [observation, action], &config.train, 0)?;
        Ok(Self {
            target_actor: actor.clone(),
            actor,
            critics: Twins::new(observation + action, &config.train, 1)?,
            config: config.clone(),
            steps: 0,
        })
    }

    /// `lambda = alpha / mean |Q|`, `min -lambda mean Q1(s, pi(s)) + mean (pi(s) - a)^2` (eq. 5 and 6), the second mean over
    /// numbers of actions as well.
    fn improve(&mut self, batch: &Batch) -> Result<f32, PolicyError> {
        let (s_bo, n) = (&batch.observations_bo, batch.rows as f32);
        let pi_ba = tanh(self.actor.outputs(s_bo)?);
        let first = &mut self.critics.now[0];
        let q_b = first.outputs(&join(batch.rows, &[s_bo, &pi_ba]))?;
        let lambda =
            self.config.td3_bc.alpha / mean(&q_b.iter().map(|q| q.abs()).collect::<Vec<_>>()).max(1e-6);
        let slope = first.input_gradient(&vec![-lambda / n; q_b.len()])?;
        let (all, width) = (slope.len() / batch.rows.max(1), pi_ba.len() / batch.rows.max(1));
        let slope_ba = slope.chunks_exact(all).flat_map(|row| row.iter().skip(all - width));
        let mut loss = -lambda * mean(&q_b);
        let numbers = pi_ba.len() as f32;
        let parts = pi_ba.iter().zip(&batch.actions_ba).zip(slope_ba);
        let gradient: Vec<f32> = parts
            .map(|((pi, a), slope)| {
                loss += (pi - a).powi(2) / numbers;
                (slope + 2.0 * (pi - a) / numbers) * (1.0 - pi * pi)
            })
            .collect();
        self.actor.learn(&gradient)?;
        Ok(loss)
    }
}

/// Entry by entry.
pub(super) fn tanh(mut values: Vec<f32>) -> Vec<f32> {
    values.iter_mut().for_each(|value| *value = value.tanh());
    values
}

/// A draw from the standard normal distribution (Box & Muller 1958).
pub(super) fn normal(rng: &mut ChaCha8Rng) -> f32 {
    let (u, v): (f32, f32) = (rng.random(), rng.random());
    (-2.0 * (1.0 - u).ln()).sqrt() * (std::f32::consts::TAU * v).cos()
}

impl Learner for Td3Bc {
    fn update(&mut self, batch: &Batch, rng: &mut ChaCha8Rng) -> Result<Losses, PolicyError> {
        let (settings, train) = (self.config.td3_bc.clone(), self.config.train.clone());
        let (s_bo, next_bo) = (&batch.observations_bo, &batch.next_observations_bo);
        // y = r + gamma min Q'(s', pi'(s') + noise), the noise and the action held within their limits.
        let mut next_ba = tanh(self.target_actor.outputs(next_bo)?);
        for a in &mut next_ba {
            let limit = settings.noise_limit;
            *a = (*a + (settings.noise * normal(rng)).clamp(-limit, limit)).clamp(-1.0, 1.0);
        }
        let [q1_b, q2_b] = self.critics.both_targets(&join(batch.rows, &[next_bo, &next_ba]))?;
        let y_b = batch.backup(train.discount, &lower(&q1_b, &q2_b));
        let critic = self.critics.regress(&join(batch.rows, &[s_bo, &batch.actions_ba]), &y_b)?;
        let mut losses = vec![("critic", critic)];
        self.steps += 1;
        if self.steps.is_multiple_of(settings.delay) {
            losses.push(("actor", self.improve(batch)?));
            self.critics.follow(train.target_rate)?;
            self.target_actor.network.move_towards(&self.actor.network, train.target_rate)?;
        }
        Ok(losses)
    }

    fn actor(&self) -> &Mlp {
        &self.actor.network
    }

    fn head(&self) -> Head {
        Head::Tanh
    }

    fn trained(&mut self) -> Vec<(u64, &mut Trained)> {
        let [q1, q2, t1, t2] = self.critics.all();
        vec![(0, &mut self.actor), (2, q1), (3, q2), (4, t1), (5, t2), (6, &mut self.target_actor)]
    }

    fn besides(&mut self) -> Vec<(&'static str, Memory<'_>)> {
        vec![("steps", Memory::Count(&mut self.steps))]
    }
}
