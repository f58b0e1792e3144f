//! Implicit Q-learning (Kostrikov, Nair & Levine 2022, Algorithm 1): no value is asked of an action that the data do not hold.
//!
//! Networks are the lower of two critics with targets, one value and one policy. Unlike in the authors' code the policy's
//! deviation is constant, as OGBench has it.

use rand_chacha::ChaCha8Rng;

use super::batch::{Batch, join};
use super::extraction::{difference, expectile, regress};
use super::network::{Purpose, Trained, Twins, lower};
use super::transitions::Sizes;
use super::{LearnedConfig, Learner, Losses};
use crate::PolicyError;
use crate::perceptron::Mlp;

pub(super) struct Iql {
    actor: Trained,
    value: Trained,
    critics: Twins,
    config: LearnedConfig,
}

impl Iql {
    pub fn new(sizes: Sizes, config: &LearnedConfig) -> Result<Self, PolicyError> {
        let Sizes { observation, action, .. } = sizes;
        Ok(Self {
            actor: Trained::new(Purpose::Actor, [observation, action], &config.train, 0)?,
            value: Trained::new(Purpose::Value, [observation, 1], &config.train, 1)?,
            critics: Twins::new(observation + action, &config.train, 2)?,
            config: config.clone(),
        })
    }
}

impl Learner for Iql {
    fn update(&mut self, batch: &Batch, _rng: &mut ChaCha8Rng) -> Result<Losses, PolicyError> {
        let (tau, beta, train) = (self.config.iql.expectile, self.config.iql.beta, &self.config.train);
        let s_bo = &batch.observations_bo;
        let sa_b = join(batch.rows, &[s_bo, &batch.actions_ba]);
        // The target of the critics, with the value as it is: y = r + gamma V(s').
        let next_b = self.value.outputs(&batch.next_observations_bo)?;
        let y_b = batch.backup(train.discount, &next_b);
        // L_V (eq. 5): an expectile of Q over the data's actions.
        let [q1_b, q2_b] = self.critics.both_targets(&sa_b)?;
        let v_b = self.value.outputs(s_bo)?;
        let advantage_b = difference(&lower(&q1_b, &q2_b), &v_b);
        let (value_loss, gradient) = expectile(tau, &advantage_b, &advantage_b);
        self.value.learn(&gradient)?;
        // L_pi (eq. 7): regression weighed by exp(beta (Q - V)).
        let actor = regress(&mut self.actor, s_bo, &batch.actions_ba, Some((beta, &advantage_b)))?;
        // L_Q (eq. 6).
        let critic = self.critics.regress(&sa_b, &y_b)?;
        self.critics.follow(train.target_rate)?;
        Ok(vec![("value", value_loss), ("critic", critic), ("actor", actor)])
    }

    fn actor(&self) -> &Mlp {
        &self.actor.network
    }

    fn trained(&mut self) -> Vec<(u64, &mut Trained)> {
        let [q1, q2, t1, t2] = self.critics.all();
        vec![(0, &mut self.actor), (1, &mut self.value), (2, q1), (3, q2), (4, t1), (5, t2)]
    }
}
