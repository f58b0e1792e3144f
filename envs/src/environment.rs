//! The environment trait that everything else in the workspace is written against.

use serde::{Deserialize, Serialize};

use crate::{BoxSpace, EnvError};

/// What one call of [`Environment::step`] reports besides the new observation.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Transition {
    /// Reward of the step just taken, in the environment's own units.
    pub reward: f64,
    /// The task itself ended (an absorbing state). The value of what follows is zero.
    pub terminated: bool,
    /// Only the clock ended the episode. The value of what follows is not zero.
    pub truncated: bool,
}

/// Linear map from raw return to a normalised score: `100 (R - min) / (max - min)`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct ScoreRange {
    /// Return that scores 0 (in D4RL, a random policy).
    pub min: f64,
    /// Return that scores 100 (in D4RL, its reference controller; not a ceiling).
    pub max: f64,
}

impl ScoreRange {
    /// Normalised score of a raw return.
    pub fn normalize(&self, episode_return: f64) -> f64 {
        100.0 * (episode_return - self.min) / (self.max - self.min)
    }
}

/// Everything that is fixed about an environment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EnvSpec {
    /// Registered name, for example `maze2d-umaze-v1`.
    pub id: String,
    /// Observation space.
    pub observation: BoxSpace,
    /// Action space; actions outside it are clipped by the environment.
    pub action: BoxSpace,
    /// Entries of the observation that the goal speaks of, in the goal's order (`[0, 1]` = x, y).
    /// Empty where the environment has no goal.
    pub goal_indices: Vec<usize>,
    /// Distance to the goal, in observation units, within which a step counts as arrived.
    pub goal_radius: Option<f64>,
    /// Steps after which the protocol truncates an episode.
    pub max_episode_steps: Option<usize>,
    /// Normalisation of the return, where the benchmark defines one.
    pub score: Option<ScoreRange>,
    /// SHA-256 (hex) of what a checkpoint must agree with besides the id: maze layout and physics
    /// profile. `None` where there is nothing beyond the id.
    pub layout_hash: Option<String>,
}

/// A saved state, restorable into an environment of the same id.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Snapshot {
    /// Id of the environment that made it.
    pub env_id: String,
    /// Continuous state, in the environment's own order.
    pub state: Vec<f64>,
    /// Counters and generator words.
    pub words: Vec<u64>,
}

/// A sequential decision problem with continuous observations and actions.
///
/// State is `f64`. `reset` takes the whole of the randomness as one 64-bit seed, so that an episode is
/// reproduced from its seed alone. `step` does not allocate.
pub trait Environment: Send {
    /// What is fixed about the environment.
    fn spec(&self) -> &EnvSpec;

    /// Starts an episode. The same seed gives the same start and goal.
    fn reset(&mut self, seed: u64) -> Result<(), EnvError>;

    /// Applies `action` (length of the action space) for one step.
    ///
    /// # Errors
    /// [`EnvError::ActionLength`] or [`EnvError::NonFinite`] on a malformed action, with the state
    /// untouched; [`EnvError::NeedsReset`] after the episode ended.
    fn step(&mut self, action: &[f64]) -> Result<Transition, EnvError>;

    /// Current observation.
    fn observation(&self) -> &[f64];

    /// Current goal, in the order of [`EnvSpec::goal_indices`].
    fn goal(&self) -> Option<&[f64]>;

    /// Replaces the goal of the running episode.
    fn set_goal(&mut self, goal: &[f64]) -> Result<(), EnvError>;

    /// Saves the state.
    fn snapshot(&self) -> Snapshot;

    /// Restores a state saved by an environment of the same id.
    fn restore(&mut self, snapshot: &Snapshot) -> Result<(), EnvError>;
}

impl<E: Environment + ?Sized> Environment for Box<E> {
    fn spec(&self) -> &EnvSpec {
        (**self).spec()
    }

    fn reset(&mut self, seed: u64) -> Result<(), EnvError> {
        (**self).reset(seed)
    }

    fn step(&mut self, action: &[f64]) -> Result<Transition, EnvError> {
        (**self).step(action)
    }

    fn observation(&self) -> &[f64] {
        (**self).observation()
    }

    fn goal(&self) -> Option<&[f64]> {
        (**self).goal()
    }

    fn set_goal(&mut self, goal: &[f64]) -> Result<(), EnvError> {
        (**self).set_goal(goal)
    }

    fn snapshot(&self) -> Snapshot {
        (**self).snapshot()
    }

    fn restore(&mut self, snapshot: &Snapshot) -> Result<(), EnvError> {
        (**self).restore(snapshot)
    }
}

/// Refuses an action of the wrong length or with an entry that is not finite.
pub(crate) fn check_action(spec: &EnvSpec, action: &[f64]) -> Result<(), EnvError> {
    if action.len() != spec.action.len() {
        return Err(EnvError::ActionLength {
            id: spec.id.clone(),
            want: spec.action.len(),
            got: action.len(),
        });
    }
    check_finite("action", action)
}

/// Refuses NaN and infinities.
pub(crate) fn check_finite(what: &str, values: &[f64]) -> Result<(), EnvError> {
    match values.iter().position(|value| !value.is_finite()) {
        Some(index) => Err(EnvError::NonFinite { what: what.to_owned(), index, value: values[index] }),
        None => Ok(()),
    }
}
