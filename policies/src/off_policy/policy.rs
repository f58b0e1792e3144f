//! Policies as off-policy evaluation sees them: what draws actions, and how dense they are.

use std::fmt;

use forethought_envs::{Policy, SharedTask};
use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use rand_distr::StandardNormal;

use crate::PolicyError;
use crate::error::{check, check_len};

/// Half of `ln(2 pi)`.
const HALF_LN_TWO_PI: f64 = 0.918_938_533_204_672_7;

/// A policy of the present observation alone, `a ~ pi(a | s)`.
///
/// One whose actions depend on more can be given too: it is asked along the data's episodes, in their order, each begun by
/// [`Self::begin`]. What it would have remembered had it acted itself is then replaced by what the data did.
pub trait StochasticPolicy {
    /// Begins an episode of the data, in the order in which they stand there.
    ///
    /// # Errors
    /// The policy's own.
    fn begin(&mut self, _seed: u64) -> Result<(), PolicyError> {
        Ok(())
    }

    /// Draws an action for an observation, in the environment's units.
    ///
    /// # Errors
    /// [`PolicyError`] for arrays of other lengths, and the policy's own.
    fn sample(
        &mut self,
        observation: &[f64],
        rng: &mut ChaCha8Rng,
        action: &mut [f64],
    ) -> Result<(), PolicyError>;

    /// `ln pi(a | s)` of an action as it was drawn, before an environment clips it; `None` for policies without a density,
    /// such as deterministic ones. Importance sampling is not to be had for these.
    ///
    /// # Errors
    /// As [`Self::sample`].
    fn log_density(&mut self, _observation: &[f64], _action: &[f64]) -> Result<Option<f64>, PolicyError> {
        Ok(None)
    }
}

impl<P: StochasticPolicy + ?Sized> StochasticPolicy for &mut P {
    fn begin(&mut self, seed: u64) -> Result<(), PolicyError> {
        (**self).begin(seed)
    }

    fn sample(
        &mut self,
        observation: &[f64],
        rng: &mut ChaCha8Rng,
        action: &mut [f64],
    ) -> Result<(), PolicyError> {
        (**self).sample(observation, rng, action)
    }

    fn log_density(&mut self, observation: &[f64], action: &[f64]) -> Result<Option<f64>, PolicyError> {
        (**self).log_density(observation, action)
    }
}

/// Any [`Policy`], for one task: what it draws, without a density.
pub struct OfPolicy<P> {
    policy: P,
    task: SharedTask,
}

impl<P: Policy> OfPolicy<P> {
    /// The policy, reset for `task` at the beginning of each episode of the data.
    pub fn new(policy: P, task: SharedTask) -> Self {
        Self { policy, task }
    }
}

impl<P: Policy> fmt::Debug for OfPolicy<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OfPolicy").field("policy", &self.policy.name()).finish_non_exhaustive()
    }
}

impl<P: Policy> StochasticPolicy for OfPolicy<P> {
    fn begin(&mut self, seed: u64) -> Result<(), PolicyError> {
        Ok(self.policy.reset(seed, &self.task)?)
    }

    fn sample(
        &mut self,
        observation: &[f64],
        _rng: &mut ChaCha8Rng,
        action: &mut [f64],
    ) -> Result<(), PolicyError> {
        Ok(self.policy.act(observation, action)?)
    }
}

/// Independent normal noise around a mean: `a ~ N(mu(s), diag(sigma^2))`.
#[derive(Clone, Debug)]
pub struct GaussianPolicy<M> {
    mean: M,
    deviation: Vec<f64>,
    at: Vec<f64>,
}

impl<M: FnMut(&[f64], &mut [f64]) -> Result<(), PolicyError>> GaussianPolicy<M> {
    /// `mean` writes the mean action of an observation; `deviation` has one positive number for each entry of an action.
    ///
    /// # Errors
    /// [`PolicyError::Setting`] for a deviation that is not positive.
    pub fn new(mean: M, deviation: &[f64]) -> Result<Self, PolicyError> {
        if let Some(bad) = deviation.iter().find(|value| !(value.is_finite() && **value > 0.0)) {
            let remedy = "give a positive number for each entry of an action".to_owned();
            return Err(PolicyError::Setting { name: "deviation", value: bad.to_string(), remedy });
        }
        Ok(Self { mean, deviation: deviation.to_vec(), at: vec![0.0; deviation.len()] })
    }

    fn aim(&mut self, observation: &[f64], action: &[f64]) -> Result<(), PolicyError> {
        check_len("action", action, self.deviation.len())?;
        (self.mean)(observation, &mut self.at)?;
        check("mean action", &self.at, self.deviation.len())
    }
}

impl<M: FnMut(&[f64], &mut [f64]) -> Result<(), PolicyError>> StochasticPolicy for GaussianPolicy<M> {
    fn sample(
        &mut self,
        observation: &[f64],
        rng: &mut ChaCha8Rng,
        action: &mut [f64],
    ) -> Result<(), PolicyError> {
        self.aim(observation, action)?;
        for ((action, mean), deviation) in action.iter_mut().zip(&self.at).zip(&self.deviation) {
            let unit: f64 = rng.sample(StandardNormal);
            *action = mean + deviation * unit;
        }
        Ok(())
    }

    fn log_density(&mut self, observation: &[f64], action: &[f64]) -> Result<Option<f64>, PolicyError> {
        self.aim(observation, action)?;
        let of = |((action, mean), deviation): ((&f64, &f64), &f64)| {
            -0.5 * ((action - mean) / deviation).powi(2) - deviation.ln() - HALF_LN_TWO_PI
        };
        Ok(Some(action.iter().zip(&self.at).zip(&self.deviation).map(of).sum()))
    }
}
