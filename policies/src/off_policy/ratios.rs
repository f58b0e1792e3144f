//! Products of likelihood ratios along episodes, in logarithms.

use super::{Criterion, Diagnosis, Logged};
use crate::PolicyError;
use crate::error::check_len;

/// `ln rho_(0:t)` with `rho_(0:t) = prod_(i <= t) pi(a_i | s_i) / b(a_i | s_i)`, and the discounted rewards beside them. Both
/// are `[episodes, steps]`; where the task ended before, the ratio stays and the reward is 0 (an absorbing state).
#[derive(Clone, Debug)]
pub struct Ratios {
    pub(super) episodes: usize,
    pub(super) steps: usize,
    pub(super) log: Vec<f64>,
    pub(super) rewards: Vec<f64>,
}

impl Ratios {
    /// From log-densities of the data's actions under the policy and under what acted, `[rows]` each.
    ///
    /// # Errors
    /// [`PolicyError::Setting`] where an episode was cut before the horizon: its return is not known. [`PolicyError::NonFinite`]
    /// where the data hold an action that the behaviour cannot have drawn. [`PolicyError::Length`] for other arrays.
    pub fn new(
        logged: &Logged,
        target: &[f64],
        behaviour: &[f64],
        criterion: &Criterion,
    ) -> Result<Self, PolicyError> {
        criterion.check()?;
        logged.check()?;
        check_len("log-densities of the policy", target, logged.len())?;
        check_len("log-densities of the behaviour", behaviour, logged.len())?;
        if let Some((index, &value)) = behaviour.iter().enumerate().find(|(_, value)| !value.is_finite()) {
            return Err(PolicyError::NonFinite { what: "log-density of the behaviour", index, value });
        }
        let longest = logged.episodes.iter().map(|episode| episode.rows.len()).max().unwrap_or(0);
        let steps = criterion.horizon.map_or(longest, |horizon| horizon.min(longest));
        let mut ratios = Self {
            episodes: logged.episodes.len(),
            steps,
            log: Vec::with_capacity(logged.episodes.len() * steps),
            rewards: Vec::with_capacity(logged.episodes.len() * steps),
        };
        for (number, episode) in logged.episodes.iter().enumerate() {
            let len = episode.rows.len();
            if !episode.terminal && criterion.horizon.is_none_or(|horizon| len < horizon) {
                return Err(PolicyError::Setting {
                    name: "horizon",
                    value: criterion.horizon.map_or("none".into(), |horizon| horizon.to_string()),
                    remedy: format!(
                        "episode {number} was cut after {len} steps, so what it returns is not known: give a horizon of at \
                         most {len}, leave such episodes out, or ask fitted Q evaluation alone"
                    ),
                });
            }
            let (mut log, mut discount) = (0.0, 1.0);
            for step in 0..steps {
                let row = episode.rows.start + step;
                let inside = step < len;
                let at = |values: &[f64]| values.get(row).copied().filter(|_| inside);
                if let (Some(target), Some(behaviour)) = (at(target), at(behaviour)) {
                    log += target - behaviour;
                }
                ratios.log.push(log);
                ratios.rewards.push(discount * at(&logged.rewards).unwrap_or(0.0));
                discount *= criterion.discount;
            }
        }
        Ok(ratios)
    }

    /// Ratios after `step` of all episodes, as multiples of the largest of them.
    pub(super) fn scaled(&self, step: usize) -> Vec<f64> {
        let logs = || self.log.iter().skip(step).step_by(self.steps.max(1));
        let most = logs().copied().fold(f64::NEG_INFINITY, f64::max);
        logs().map(|log| if most.is_finite() { (log - most).exp() } else { 0.0 }).collect()
    }

    /// Discounted return of each episode.
    pub(super) fn returns(&self) -> Vec<f64> {
        self.rewards.chunks_exact(self.steps.max(1)).map(|rewards| rewards.iter().sum()).collect()
    }

    /// What weights over whole episodes stand on.
    pub fn diagnosis(&self) -> Diagnosis {
        let weights = self.scaled(self.steps.saturating_sub(1));
        let (sum, squares) = weights.iter().fold((0.0, 0.0), |(sum, squares), w| (sum + w, squares + w * w));
        let share = |part: f64, of: f64| if of > 0.0 { part / of } else { 0.0 };
        let largest = weights.iter().copied().fold(0.0, f64::max);
        Diagnosis {
            episodes: self.episodes,
            effective_episodes: Some(share(sum * sum, squares)),
            largest_share: Some(share(largest, sum)),
            outside_share: None,
        }
    }
}
