//! Goal-conditioned implicit Q-learning, as OGBench has it (Park et al. 2025, Appendix C.2): IQL with goals in hindsight, and a
//! policy that climbs the critic (DDPG+BC) or regresses (AWR).

use rand_chacha::ChaCha8Rng;

use super::batch::{Batch, join};
use super::config::Extraction;
use super::extraction::{ddpg_bc, difference, expectile, regress};
use super::network::{Purpose, Trained, Twins, lower};
use super::transitions::Sizes;
use super::{LearnedConfig, Learner, Losses};
use crate::PolicyError;
use crate::perceptron::Mlp;

pub(super) struct Gciql {
    actor: Trained,
    value: Trained,
    critics: Twins,
    config: LearnedConfig,
}

impl Gciql {
    pub fn new(sizes: Sizes, config: &LearnedConfig) -> Result<Self, PolicyError> {
        let Sizes { observation, action, goal } = sizes;
        Ok(Self {
            actor: Trained::new(Purpose::Actor, [observation + goal, action], &config.train, 0)?,
            value: Trained::new(Purpose::Value, [observation + goal, 1], &config.train, 1)?,
            critics: Twins::new(observation + goal + action, &config.train, 2)?,
            config: config.clone(),
        })
    }

    /// Each loss asks only networks that this step has not changed yet: policy, then critics, then value. So all are as before
    /// the step, as where one optimiser takes all losses.
    fn losses(&mut self, batch: &Batch) -> Result<Losses, PolicyError> {
        let (gc, train, n) = (&self.config.gc, &self.config.train, batch.rows);
        let (s_bo, a_ba, g_bg) = (&batch.observations_bo, &batch.actions_ba, &batch.value_goals_bg);
        let actor = match gc.extraction {
            Extraction::DdpgBc => {
                let parts: [&[f32]; 2] = [s_bo, &batch.actor_goals_bg];
                ddpg_bc(&mut self.actor, &mut self.critics, &parts, a_ba, gc.alpha, n)?
            }
            Extraction::Awr => {
                let sg_b = join(n, &[s_bo, &batch.actor_goals_bg]);
                let [q1_b, q2_b] = self.critics.both(&join(n, &[&sg_b, a_ba]))?;
                let advantage_b = difference(&lower(&q1_b, &q2_b), &self.value.outputs(&sg_b)?);
                regress(&mut self.actor, &sg_b, a_ba, Some((gc.alpha, &advantage_b)))?
            }
        };
        // y = r + gamma mask V(s', g).
        let next_b = self.value.outputs(&join(n, &[&batch.next_observations_bo, g_bg]))?;
        let y_b = batch.backup(train.discount, &next_b);
        let sg_b = join(n, &[s_bo, g_bg]);
        let sga_b = join(n, &[&sg_b, a_ba]);
        let [q1_b, q2_b] = self.critics.both_targets(&sga_b)?;
        let critic = self.critics.regress(&sga_b, &y_b)?;
        let v_b = self.value.outputs(&sg_b)?;
        let u_b = difference(&lower(&q1_b, &q2_b), &v_b);
        let (value, gradient) = expectile(gc.expectile, &u_b, &u_b);
        self.value.learn(&gradient)?;
        self.critics.follow(train.target_rate)?;
        Ok(vec![("value", value), ("critic", critic), ("actor", actor)])
    }
}

impl Learner for Gciql {
    fn update(&mut self, batch: &Batch, _rng: &mut ChaCha8Rng) -> Result<Losses, PolicyError> {
        self.losses(batch)
    }

    fn actor(&self) -> &Mlp {
        &self.actor.network
    }

    fn trained(&mut self) -> Vec<(u64, &mut Trained)> {
        let [q1, q2, t1, t2] = self.critics.all();
        vec![(0, &mut self.actor), (1, &mut self.value), (2, q1), (3, q2), (4, t1), (5, t2)]
    }
}
