//! Goal-conditioned implicit V-learning, as OGBench has it (Park et al. 2025, Appendix C.2; Park et al. 2023): values alone, and a
//! policy that regresses towards what gained in value.

use rand_chacha::ChaCha8Rng;

use super::batch::{Batch, join};
use super::extraction::{difference, expectile, regress};
use super::network::{Purpose, Trained, Twins, lower};
use super::transitions::Sizes;
use super::{LearnedConfig, Learner, Losses};
use crate::PolicyError;
use crate::perceptron::Mlp;

pub(super) struct Gcivl {
    actor: Trained,
    values: Twins,
    config: LearnedConfig,
}

impl Gcivl {
    pub fn new(sizes: Sizes, config: &LearnedConfig) -> Result<Self, PolicyError> {
        let Sizes { observation, action, goal } = sizes;
        Ok(Self {
            actor: Trained::new(Purpose::Actor, [observation + goal, action], &config.train, 0)?,
            values: Twins::new(observation + goal, &config.train, 1)?,
            config: config.clone(),
        })
    }

    fn mean_value(&mut self, input: &[f32]) -> Result<Vec<f32>, PolicyError> {
        let [v1_b, v2_b] = self.values.both(input)?;
        Ok(mean_of(&v1_b, &v2_b))
    }
}

/// `(a + b) / 2`, row by row.
pub(super) fn mean_of(a_b: &[f32], b_b: &[f32]) -> Vec<f32> {
    a_b.iter().zip(b_b).map(|(a, b)| (a + b) / 2.0).collect()
}

impl Learner for Gcivl {
    fn update(&mut self, batch: &Batch, _rng: &mut ChaCha8Rng) -> Result<Losses, PolicyError> {
        let (n, discount) = (batch.rows, self.config.train.discount);
        let (s_bo, next_bo) = (&batch.observations_bo, &batch.next_observations_bo);
        // The policy first, so that it sees the values as they are: A = V(s', g) - V(s, g).
        let sg_b = join(n, &[s_bo, &batch.actor_goals_bg]);
        let next_b = self.mean_value(&join(n, &[next_bo, &batch.actor_goals_bg]))?;
        let advantage_b = difference(&next_b, &self.mean_value(&sg_b)?);
        let advantages = Some((self.config.gc.alpha_v, advantage_b.as_slice()));
        let actor = regress(&mut self.actor, &sg_b, &batch.actions_ba, advantages)?;
        // Which side a row is on is said by the targets, the lower of them for what follows; each value then goes towards its
        // own target's backup.
        let sg_b = join(n, &[s_bo, &batch.value_goals_bg]);
        let next = self.values.both_targets(&join(n, &[next_bo, &batch.value_goals_bg]))?;
        let [v1_b, v2_b] = self.values.both_targets(&sg_b)?;
        let [next1_b, next2_b] = &next;
        let side_b = difference(&batch.backup(discount, &lower(next1_b, next2_b)), &mean_of(&v1_b, &v2_b));
        let mut value = 0.0;
        for (trained, next_b) in self.values.now.iter_mut().zip(&next) {
            let u_b = difference(&batch.backup(discount, next_b), &trained.outputs(&sg_b)?);
            let (loss, gradient) = expectile(self.config.gc.expectile, &side_b, &u_b);
            trained.learn(&gradient)?;
            value += loss;
        }
        self.values.follow(self.config.train.target_rate)?;
        Ok(vec![("value", value), ("actor", actor)])
    }

    fn actor(&self) -> &Mlp {
        &self.actor.network
    }

    fn trained(&mut self) -> Vec<(u64, &mut Trained)> {
        let [v1, v2, t1, t2] = self.values.all();
        vec![(0, &mut self.actor), (1, v1), (2, v2), (4, t1), (5, t2)]
    }
}
