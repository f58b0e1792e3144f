//! Conservative Q-learning (Kumar et al. 2020): soft actor-critic whose critics are pressed down where the data are not.
//!
//! CQL(H), eq. 4 with the sum of Appendix F: uniform actions and the policy's, here and at the next observation, each divided
//! by its density. Targets are without entropy, as in the authors' code for D4RL; the weight of the term is fixed.

use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use super::batch::{Batch, join};
use super::network::{Purpose, Trained, Twins, lower, mean};
use super::td3_bc::normal;
use super::transitions::Sizes;
use super::{Head, LearnedConfig, Learner, Losses, Memory};
use crate::PolicyError;
use crate::perceptron::{Adam, AdamConfig, Mlp};

/// Logarithms of deviations are held within these, as in soft actor-critic.
const LOG_STD: (f32, f32) = (-20.0, 2.0);

#[derive(Clone)]
pub(super) struct Cql {
    /// `[mean, logarithm of the deviation]` of `tanh^-1` of the action.
    actor: Trained,
    critics: Twins,
    /// Logarithm of soft actor-critic's temperature, which holds the entropy at minus the number of actions.
    log_temperature: [f32; 1],
    temperature_adam: Adam,
    config: LearnedConfig,
    action: usize,
}

/// Actions drawn from the policy, with what their gradient needs.
struct Drawn {
    /// In `[-1, 1]`, `[rows, action]`.
    actions: Vec<f32>,
    /// `log pi(a|s)`, one a row.
    log_density: Vec<f32>,
    /// Noise times deviation; and whether the deviation is within its limits, so that it can be moved.
    spread: Vec<(f32, bool)>,
}

impl Cql {
    pub fn new(sizes: Sizes, config: &LearnedConfig) -> Result<Self, PolicyError> {
        let Sizes { observation, action, .. } = sizes;
        let rate = config.cql.policy_rate;
        let actor = Trained::new(Purpose::Actor, [observation, 2 * action], &config.train, 0)?;
        Ok(Self {
            actor: actor.with_rate(rate),
            critics: Twins::new(observation + action, &config.train, 1)?,
            log_temperature: [0.0],
            temperature_adam: Adam::new(1, AdamConfig { rate, ..AdamConfig::default() }),
            config: config.clone(),
            action,
        })
    }

    fn draw(&mut self, observations: &[f32], rng: &mut ChaCha8Rng) -> Result<Drawn, PolicyError> {
        let outputs = self.actor.outputs(observations)?;
        let mut drawn = Drawn { actions: Vec::new(), log_density: Vec::new(), spread: Vec::new() };
        for row in outputs.chunks_exact(2 * self.action) {
            let (mu, log_std) = row.split_at(self.action);
            let mut log_density = 0.0;
            for (mu, raw) in mu.iter().zip(log_std) {
                let (log_std, noise) = (raw.clamp(LOG_STD.0, LOG_STD.1), normal(rng));
                let spread = noise * log_std.exp();
                let a = (mu + spread).tanh();
                log_density += -0.5 * noise * noise - log_std - 0.5 * std::f32::consts::TAU.ln();
                // The density of tanh(u), with a margin where the slope is 0.
                log_density -= (1.0 - a * a + 1e-6).ln();
                drawn.actions.push(a);
                drawn.spread.push((spread, (LOG_STD.0..=LOG_STD.1).contains(raw)));
            }
            drawn.log_density.push(log_density);
        }
        Ok(drawn)
    }

    /// Soft actor-critic's policy step (Haarnoja et al. 2018): `min mean (T log pi(a|s) - min Q(s, a))`, through the draw
    /// `a = tanh(mu + sigma noise)`; and the temperature's, `min -log T mean (log pi + H)`.
    fn improve(&mut self, batch: &Batch, rng: &mut ChaCha8Rng) -> Result<f32, PolicyError> {
        let (s_bo, n) = (&batch.observations_bo, batch.rows as f32);
        let drawn = self.draw(s_bo, rng)?;
        let temperature = self.log_temperature[0].exp();
        let input = join(batch.rows, &[s_bo, &drawn.actions]);
        let (q_b, slope_ba) = self.critics.lower_and_slope(&input, self.action, |_| -1.0 / n)?;
        let mut gradient = vec![0.0; 2 * drawn.actions.len()];
        let rows = drawn.actions.chunks_exact(self.action).zip(drawn.spread.chunks_exact(self.action));
        let outputs = gradient.chunks_exact_mut(2 * self.action).zip(slope_ba.chunks_exact(self.action));
        for ((a, spread), (gradient, slope)) in rows.zip(outputs) {
            let (of_mu, of_std) = gradient.split_at_mut(self.action);
            let entries = a.iter().zip(spread).zip(slope).zip(of_mu.iter_mut().zip(of_std));
            for (((a, (spread, free)), slope), (of_mu, of_std)) in entries {
                // d log pi / du = 2 tanh(u); d log pi / d log sigma = -1 beside what goes through u.
                *of_mu = temperature * 2.0 * a / n + slope * (1.0 - a * a);
                *of_std = if *free { *of_mu * spread - temperature / n } else { 0.0 };
            }
        }
        self.actor.learn(&gradient)?;
        let entropy = -(self.action as f32);
        let log_density = mean(&drawn.log_density);
        self.temperature_adam.step(&mut self.log_temperature, &[-(log_density + entropy)])?;
        Ok(temperature * log_density - mean(&q_b))
    }

    /// The critics' loss: `mean (Q - y)^2 + alpha mean (log sum_j exp(Q(s, a_j) - log mu(a_j)) - Q(s, a))`, in one pass over the
    /// data's action and all others of every row.
    fn regress(
        &mut self,
        batch: &Batch,
        y_b: &[f32],
        others: &[(Vec<f32>, Vec<f32>)],
    ) -> Result<[f32; 2], PolicyError> {
        let (n, alpha) = (batch.rows as f32, self.config.cql.alpha);
        let mut input = join(batch.rows, &[&batch.observations_bo, &batch.actions_ba]);
        for (actions, _) in others {
            input.extend(join(batch.rows, &[&batch.observations_bo, actions]));
        }
        let mut losses = [0.0; 2];
        for trained in &mut self.critics.now {
            let q = trained.outputs(&input)?;
            let (q_b, q_jb) = q.split_at(batch.rows);
            let mut gradient = vec![0.0; q.len()];
            let (of_data, of_others) = gradient.split_at_mut(batch.rows);
            for (row, ((q, y), gradient)) in q_b.iter().zip(y_b).zip(of_data).enumerate() {
                let of_row = |j: usize| q_jb.get(j * batch.rows + row).copied().unwrap_or(f32::NEG_INFINITY);
                let density = |others: &(Vec<f32>, Vec<f32>)| others.1.get(row).copied().unwrap_or(0.0);
                let terms: Vec<f32> =
                    others.iter().enumerate().map(|(j, other)| of_row(j) - density(other)).collect();
                let most = terms.iter().copied().fold(f32::NEG_INFINITY, f32::max);
                let sum: f32 = terms.iter().map(|term| (term - most).exp()).sum();
                losses[0] += (q - y).powi(2) / n;
                losses[1] += (most + sum.ln() - q) / n;
                *gradient = (2.0 * (q - y) - alpha) / n;
                for (j, term) in terms.iter().enumerate() {
                    if let Some(gradient) = of_others.get_mut(j * batch.rows + row) {
                        *gradient = alpha * (term - most).exp() / sum / n;
                    }
                }
            }
            trained.learn(&gradient)?;
        }
        Ok(losses)
    }
}

impl Learner for Cql {
    fn update(&mut self, batch: &Batch, rng: &mut ChaCha8Rng) -> Result<Losses, PolicyError> {
        let (s_bo, next_bo) = (&batch.observations_bo, &batch.next_observations_bo);
        let actor = self.improve(batch, rng)?;
        // y = r + gamma min Q'(s', a'), a' of the policy.
        let next = self.draw(next_bo, rng)?;
        let [q1_b, q2_b] = self.critics.both_targets(&join(batch.rows, &[next_bo, &next.actions]))?;
        let y_b = batch.backup(self.config.train.discount, &lower(&q1_b, &q2_b));
        let mut others = Vec::new();
        for _ in 0..self.config.cql.samples {
            let uniform: Vec<f32> =
                (0..batch.rows * self.action).map(|_| 2.0 * rng.random::<f32>() - 1.0).collect();
            let density = -(self.action as f32) * 2.0_f32.ln();
            others.push((uniform, vec![density; batch.rows]));
            for observations in [s_bo, next_bo] {
                let drawn = self.draw(observations, rng)?;
                others.push((drawn.actions, drawn.log_density));
            }
        }
        let [critic, gap] = self.regress(batch, &y_b, &others)?;
        self.critics.follow(self.config.train.target_rate)?;
        Ok(vec![("critic", critic), ("conservative", gap), ("actor", actor)])
    }

    fn actor(&self) -> &Mlp {
        &self.actor.network
    }

    fn head(&self) -> Head {
        Head::TanhGaussian
    }

    fn trained(&mut self) -> Vec<(u64, &mut Trained)> {
        let [q1, q2, t1, t2] = self.critics.all();
        vec![(0, &mut self.actor), (2, q1), (3, q2), (4, t1), (5, t2)]
    }

    fn besides(&mut self) -> Vec<(&'static str, Memory<'_>)> {
        let (steps, first, second) = self.temperature_adam.memory();
        vec![
            ("log_temperature", Memory::Numbers(&mut self.log_temperature)),
            ("temperature.steps", Memory::Count(steps)),
            ("temperature.first", Memory::Numbers(first)),
            ("temperature.second", Memory::Numbers(second)),
        ]
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;
    use crate::perceptron::Activation;

    fn problem() -> (Cql, Batch) {
        let mut config = LearnedConfig::of(crate::learned::CQL);
        (config.train.hidden, config.train.activation) = (vec![6, 5], Activation::Gelu);
        // No step changes anything.
        (config.train.rate, config.cql.policy_rate, config.cql.alpha) = (1e-30, 1e-30, 1.5);
        let mut cql = Cql::new(Sizes { observation: 2, action: 2, goal: 0 }, &config).unwrap();
        for (number, trained) in cql.trained() {
            for (i, parameter) in trained.network.parameters_mut().iter_mut().enumerate() {
                *parameter = 0.8 * (1.3 * i as f32 + number as f32).sin();
            }
        }
        let wave =
            |len: usize, a: f32| (0..len).map(|i| 0.8 * (a * i as f32 + 0.3).sin()).collect::<Vec<_>>();
        let batch = Batch {
            rows: 3,
            observations_bo: wave(6, 1.1),
            actions_ba: wave(6, 1.9),
            rewards_b: wave(3, 0.7),
            ..Batch::default()
        };
        (cql, batch)
    }

    /// Gradients against differences of the fourth order, of a loss in single precision.
    fn compare(cql: &Cql, number: usize, gradient: &[f32], loss: impl Fn(Cql) -> f32) {
        assert!(gradient.iter().filter(|g| g.abs() > 0.02).count() > gradient.len() / 4);
        for (i, gradient) in gradient.iter().enumerate() {
            let at = |step: f32| {
                let mut cql = cql.clone();
                cql.trained()[number].1.network.parameters_mut()[i] += step;
                f64::from(loss(cql))
            };
            let quotient = |step: f32| (at(step) - at(-step)) / f64::from(2.0 * step);
            let want = (4.0 * quotient(0.02) - quotient(0.04)) / 3.0;
            assert!((f64::from(*gradient) - want).abs() < 2e-3 + 0.01 * want.abs(), "{i}: {gradient} {want}");
        }
    }

    #[test]
    fn the_policy_s_gradient_is_that_of_its_loss_through_the_draw() {
        let (cql, batch) = problem();
        let improve = |cql: &mut Cql| cql.improve(&batch, &mut ChaCha8Rng::seed_from_u64(4)).unwrap();
        let mut once = cql.clone();
        improve(&mut once);
        compare(&cql, 0, &once.actor.gradient, |mut cql| improve(&mut cql));
    }

    #[test]
    fn the_critics_gradient_is_that_of_both_terms() {
        let (cql, batch) = problem();
        let others: Vec<(Vec<f32>, Vec<f32>)> = (0..4)
            .map(|j| ((0..6).map(|i| (i as f32 + 0.4 * j as f32).cos()).collect(), vec![-0.5, 0.2, 0.1]))
            .collect();
        let regress = |cql: &mut Cql| {
            let [error, gap] = cql.regress(&batch, &[0.5, -0.2, 0.3], &others).unwrap();
            error + 1.5 * gap
        };
        let mut once = cql.clone();
        regress(&mut once);
        compare(&cql, 1, &once.critics.now[0].gradient, |mut cql| regress(&mut cql));
    }
}
