//! Uniformly random actions: the policy that scores 0 in D4RL.

use forethought_envs::{BoxSpace, EnvSpec};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::error::check_len;
use crate::{Executor, PlanFrame, PolicyError, RANDOM};

/// Keeps these draws apart from those of the environment that is reset with the same seed.
const RANDOM_STREAM: u64 = 0x7261_6e64;

/// Draws every action uniformly from the action space.
#[derive(Clone, Debug)]
pub struct RandomAction {
    space: BoxSpace,
    rng: ChaCha8Rng,
}

impl RandomAction {
    /// Policy for an environment.
    ///
    /// # Errors
    /// [`PolicyError::Unsuitable`] for an unbounded action space.
    pub fn new(spec: &EnvSpec) -> Result<Self, PolicyError> {
        let bounded = |(low, high): (&f64, &f64)| (high - low).is_finite();
        if !spec.action.low().iter().zip(spec.action.high()).all(bounded) {
            return Err(PolicyError::Unsuitable {
                executor: RANDOM,
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

impl Executor for RandomAction {
    fn name(&self) -> &'static str {
        RANDOM
    }

    fn needs_plan(&self) -> bool {
        false
    }

    fn begin_episode(&mut self, seed: u64, _goal: Option<&[f64]>) -> Result<(), PolicyError> {
        self.rng = episode_rng(seed);
        Ok(())
    }

    fn command(
        &mut self,
        _observation: &[f64],
        _frame: Option<PlanFrame<'_>>,
        action: &mut [f64],
    ) -> Result<(), PolicyError> {
        check_len("command", action, self.space.len())?;
        for (command, (low, high)) in action.iter_mut().zip(self.space.low().iter().zip(self.space.high())) {
            *command = low + (high - low) * self.rng.random::<f64>();
        }
        // Rounding may pass a bound by one unit in the last place.
        self.space.clip(action);
        Ok(())
    }
}
