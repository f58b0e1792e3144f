//! Episodes of data as off-policy evaluation reads them, and what is asked of them.

use std::ops::Range;

use forethought_envs::data::{Dataset, RewardConvention};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use super::StochasticPolicy;
use crate::PolicyError;

/// Most numbers of one array that is made here (1 GB), so that a large file is refused with a remedy and not by the system.
pub(super) const MOST_NUMBERS: usize = 1 << 27;

/// What a policy is worth: `E[sum_(t < horizon) discount^t r_t]` from the first states of the data's episodes on.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Criterion {
    /// Discount of a step, above 0 and at most 1.
    pub discount: f64,
    /// Steps that count; `None` for all until the task ends, which needs a discount below 1.
    pub horizon: Option<usize>,
}

impl Criterion {
    /// # Errors
    /// [`PolicyError::Setting`] naming what is out of range.
    pub fn check(&self) -> Result<(), PolicyError> {
        let refuse = |name, value: String, remedy: &str| {
            Err(PolicyError::Setting { name, value, remedy: remedy.to_owned() })
        };
        if !(self.discount > 0.0 && self.discount <= 1.0) {
            return refuse("discount", self.discount.to_string(), "give a number above 0 and at most 1");
        }
        match self.horizon {
            Some(0) => refuse("horizon", "0".into(), "give at least one step"),
            None if self.discount >= 1.0 => {
                refuse("discount", "1".into(), "without a horizon give a discount below 1, 0.99 say")
            }
            _ => Ok(()),
        }
    }
}

/// One episode of [`Logged`].
#[derive(Clone, Debug, PartialEq)]
pub struct LoggedEpisode {
    /// Its rows.
    pub rows: Range<usize>,
    /// Whether the task ended with the last of them; else the recording was cut after it.
    pub terminal: bool,
}

/// Episodes of data: one row a step, `[observation, action, reward]`, each row's step leading to the next row's observation.
#[derive(Clone, Debug)]
pub struct Logged {
    /// Entries of an observation.
    pub observation_dim: usize,
    /// Entries of an action.
    pub action_dim: usize,
    /// `[rows, observation]`.
    pub observations: Vec<f64>,
    /// `[rows, action]`.
    pub actions: Vec<f64>,
    /// `[rows]`.
    pub rewards: Vec<f64>,
    /// In the order of the rows; none of them is empty.
    pub episodes: Vec<LoggedEpisode>,
}

impl Logged {
    /// The episodes of a data set. Where a reward stands one row late, the last step of an episode that was cut has none, and
    /// is left out.
    ///
    /// # Errors
    /// [`PolicyError::Env`] for data that fail [`Dataset::check`] or hold no rewards or no whole step.
    pub fn of_dataset(data: &Dataset) -> Result<Self, PolicyError> {
        data.check()?;
        let refuse = |problem: &str| {
            let (path, problem) = (data.env_id.clone().into(), problem.to_owned());
            Err(PolicyError::Env(forethought_envs::EnvError::Data { path, problem }))
        };
        if data.metadata.rewards == RewardConvention::Missing {
            return refuse("holds no rewards, so nothing says what a policy is worth: record them");
        }
        let late = data.metadata.rewards == RewardConvention::OfObservation;
        let mut logged = Self {
            observation_dim: data.observation_dim,
            action_dim: data.action_dim,
            observations: Vec::new(),
            actions: Vec::new(),
            rewards: Vec::new(),
            episodes: Vec::new(),
        };
        for trajectory in data.trajectories(false) {
            let last = trajectory.end.saturating_sub(1);
            let terminal = data.terminals.get(last).copied().unwrap_or(false);
            let alone = late || data.ends_with_observation(trajectory.start, trajectory.end);
            let end = if alone { last } else { trajectory.end };
            let first = logged.rewards.len();
            for row in trajectory.start..end {
                let parts = (data.observation(row), data.action(row), data.step_reward(row));
                let (Some(observation), Some(action), Some(reward)) = parts else { break };
                logged.observations.extend(observation.iter().map(|&x| f64::from(x)));
                logged.actions.extend(action.iter().map(|&x| f64::from(x)));
                logged.rewards.push(f64::from(reward));
            }
            let rows = first..logged.rewards.len();
            if !rows.is_empty() {
                logged.episodes.push(LoggedEpisode { rows, terminal });
            }
        }
        if logged.episodes.is_empty() {
            return refuse("holds no episode of a step or more: collect some");
        }
        Ok(logged)
    }

    /// Refuses arrays that do not belong together.
    ///
    /// # Errors
    /// [`PolicyError::Length`] naming the array, [`PolicyError::Setting`] for episodes that are not one after the other.
    pub fn check(&self) -> Result<(), PolicyError> {
        let rows = self.len();
        for (what, width, found) in [
            ("logged observations", self.observation_dim, self.observations.len()),
            ("logged actions", self.action_dim, self.actions.len()),
        ] {
            crate::error::check_count(what, found, rows.saturating_mul(width))?;
        }
        let mut at = 0;
        for episode in &self.episodes {
            if episode.rows.start != at || episode.rows.end <= at {
                return Err(PolicyError::Setting {
                    name: "episodes",
                    value: format!("{:?}", episode.rows),
                    remedy: "give their rows one after the other, and none without".into(),
                });
            }
            at = episode.rows.end;
        }
        crate::error::check_count("rows of episodes", at, rows)
    }

    /// Number of rows.
    pub fn len(&self) -> usize {
        self.rewards.len()
    }

    /// Whether there are no rows.
    pub fn is_empty(&self) -> bool {
        self.rewards.is_empty()
    }

    /// Observation of a row; empty past the end.
    pub fn observation(&self, row: usize) -> &[f64] {
        row_of(&self.observations, self.observation_dim, row)
    }

    /// Action of a row; empty past the end.
    pub fn action(&self, row: usize) -> &[f64] {
        row_of(&self.actions, self.action_dim, row)
    }

    /// `ln pi(a | s)` of each row's action; `None` for a policy without a density.
    ///
    /// # Errors
    /// The policy's; [`PolicyError::NonFinite`] for a density that is no number or infinite (0 is `-inf`, and is one).
    pub fn log_densities(
        &self,
        policy: &mut dyn StochasticPolicy,
        seed: u64,
    ) -> Result<Option<Vec<f64>>, PolicyError> {
        let mut densities = Vec::with_capacity(self.len());
        for (number, episode) in self.episodes.iter().enumerate() {
            policy.begin(seed.wrapping_add(number as u64))?;
            for row in episode.rows.clone() {
                let density = policy.log_density(self.observation(row), self.action(row))?;
                let Some(density) = density else { return Ok(None) };
                if density.is_nan() || density == f64::INFINITY {
                    return Err(PolicyError::NonFinite { what: "log-density", index: row, value: density });
                }
                densities.push(density);
            }
        }
        Ok(Some(densities))
    }

    /// Draws `count` actions of a policy at each row's observation, `[rows, count, action]`.
    ///
    /// # Errors
    /// The policy's, and [`PolicyError::NonFinite`] for what it should not have drawn.
    pub fn sample_actions(
        &self,
        policy: &mut dyn StochasticPolicy,
        count: usize,
        seed: u64,
    ) -> Result<Vec<f64>, PolicyError> {
        self.check()?;
        let wanted = self.len().checked_mul(count).and_then(|n| n.checked_mul(self.action_dim));
        let Some(numbers) = wanted.filter(|&numbers| numbers <= MOST_NUMBERS && count > 0) else {
            let remedy = "give at least 1, and fewer for so many rows".to_owned();
            return Err(PolicyError::Setting { name: "samples", value: count.to_string(), remedy });
        };
        let mut drawn = vec![0.0; numbers];
        let mut rest = drawn.as_mut_slice();
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        for (number, episode) in self.episodes.iter().enumerate() {
            policy.begin(seed.wrapping_add(number as u64))?;
            for row in episode.rows.clone() {
                for _ in 0..count {
                    let (action, after) = rest.split_at_mut(self.action_dim);
                    policy.sample(self.observation(row), &mut rng, action)?;
                    rest = after;
                }
            }
        }
        match drawn.iter().enumerate().find(|(_, value)| !value.is_finite()) {
            Some((index, &value)) => Err(PolicyError::NonFinite { what: "sampled action", index, value }),
            None => Ok(drawn),
        }
    }
}

pub(super) fn row_of(values: &[f64], width: usize, row: usize) -> &[f64] {
    let range = row.checked_mul(width).and_then(|start| Some(start..start.checked_add(width)?));
    range.and_then(|range| values.get(range)).unwrap_or_default()
}
