//! Uniformly random actions: the policy that scores 0 in D4RL.

use forethought_envs::{BoxSpace, EnvError, EnvSpec, Policy, SharedTask};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::PolicyError;

/// Name of [`RandomPolicy`].
pub const RANDOM: &str = "random";

/// Makes a policy by name: [`RANDOM`], or one that the environment brings along.
///
/// # Errors
/// [`PolicyError::Unsuitable`] where it cannot act, [`PolicyError::Env`] for a name that there is not.
pub fn make_policy(name: &str, spec: &EnvSpec) -> Result<Box<dyn Policy>, PolicyError> {
    if name == RANDOM {
        return Ok(Box::new(RandomPolicy::new(spec)?));
    }
    Ok(forethought_envs::policy(&spec.id, name)?)
}

/// Keeps these draws apart from those of the environment that is reset with the same seed.
const RANDOM_STREAM: u64 = 0x7261_6e64;

/// Draws every action uniformly from the action space.
#[derive(Clone, Debug)]
pub struct RandomPolicy {
    space: BoxSpace,
    rng: ChaCha8Rng,
}

impl RandomPolicy {
    /// Policy for an environment.
    ///
    /// # Errors
    /// [`PolicyError::Unsuitable`] for an unbounded action space.
    pub fn new(spec: &EnvSpec) -> Result<Self, PolicyError> {
        let bounded = |(low, high): (&f64, &f64)| (high - low).is_finite();
        if !spec.action.low().iter().zip(spec.action.high()).all(bounded) {
            return Err(PolicyError::Unsuitable {
                name: RANDOM,
                env: spec.id.clone(),
                reason: "its action space is unbounded, which has no uniform distribution".to_owned(),
            });
        }
        Ok(Self { space: spec.action.clone(), rng: episode_rng(0) })
    }
}

fn episode_rng(seed: u64) -> ChaCha8Rng {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    rng.set_stream(RANDOM_STREAM);
    rng
}

impl Policy for RandomPolicy {
    fn name(&self) -> &str {
        RANDOM
    }

    fn reset(&mut self, seed: u64, _task: &SharedTask) -> Result<(), EnvError> {
        self.rng = episode_rng(seed);
        Ok(())
    }

    fn act(&mut self, _observation: &[f64], action: &mut [f64]) -> Result<(), EnvError> {
        if action.len() != self.space.len() {
            let (got, want) = (action.len(), self.space.len());
            return Err(EnvError::Mismatch(format!("an action has {want} entries, {got} were asked for")));
        }
        for (command, (low, high)) in action.iter_mut().zip(self.space.low().iter().zip(self.space.high())) {
            *command = low + (high - low) * self.rng.random::<f64>();
        }
        // Rounding may pass a bound by one unit in the last place.
        self.space.clip(action);
        Ok(())
    }
}
