//! Behaviour cloning: what the data did, here, or on the way to what came later.

use rand_chacha::ChaCha8Rng;

use super::batch::{Batch, join};
use super::extraction::regress;
use super::network::{Purpose, Trained};
use super::transitions::Sizes;
use super::{LearnedConfig, Learner, Losses};
use crate::PolicyError;
use crate::perceptron::Mlp;

/// `min mean |pi(s) - a|^2 / 2`, and with goals `pi(s, g)`, where `g` comes later in the same trajectory (OGBench's GCBC; Lynch
/// et al. 2019, Ghosh et al. 2021).
pub(super) struct Cloning {
    actor: Trained,
}

impl Cloning {
    pub fn new(sizes: Sizes, goals: bool, config: &LearnedConfig) -> Result<Self, PolicyError> {
        let input = sizes.observation + if goals { sizes.goal } else { 0 };
        Ok(Self { actor: Trained::new(Purpose::Actor, [input, sizes.action], &config.train, 0)? })
    }
}

impl Learner for Cloning {
    fn update(&mut self, batch: &Batch, _rng: &mut ChaCha8Rng) -> Result<Losses, PolicyError> {
        let input = join(batch.rows, &[&batch.observations_bo, &batch.actor_goals_bg]);
        Ok(vec![("actor", regress(&mut self.actor, &input, &batch.actions_ba, None)?)])
    }

    fn actor(&self) -> &Mlp {
        &self.actor.network
    }

    fn trained(&mut self) -> Vec<(u64, &mut Trained)> {
        vec![(0, &mut self.actor)]
    }
}
