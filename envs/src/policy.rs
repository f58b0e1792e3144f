//! Policies: what acts without a plan.

use crate::{EnvError, SharedTask};

/// Chooses an action from the present alone. What a suite brings as references, and what collects its data.
pub trait Policy: Send {
    /// Registered name, as it stands beside every result.
    fn name(&self) -> &str;

    /// Whether what it does in an episode may depend on those that it ran before. Episodes of one that says no may be run apart.
    fn remembers_episodes(&self) -> bool {
        false
    }

    /// Begins an episode: all randomness of the episode comes from `seed`.
    ///
    /// # Errors
    /// [`EnvError::Mismatch`] for a task that the policy cannot do.
    fn reset(&mut self, seed: u64, task: &SharedTask) -> Result<(), EnvError>;

    /// Writes the action for the present observation into `action`.
    ///
    /// # Errors
    /// [`EnvError`] for malformed arrays; `action` means nothing then.
    fn act(&mut self, observation: &[f64], action: &mut [f64]) -> Result<(), EnvError>;
}

impl<P: Policy + ?Sized> Policy for Box<P> {
    fn name(&self) -> &str {
        (**self).name()
    }

    fn remembers_episodes(&self) -> bool {
        (**self).remembers_episodes()
    }

    fn reset(&mut self, seed: u64, task: &SharedTask) -> Result<(), EnvError> {
        (**self).reset(seed, task)
    }

    fn act(&mut self, observation: &[f64], action: &mut [f64]) -> Result<(), EnvError> {
        (**self).act(observation, action)
    }
}
