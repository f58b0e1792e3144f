//! An estimate with its interval, and how far to trust it.

use serde::{Deserialize, Serialize};

use super::{Bootstrap, Interval};
use crate::PolicyError;

/// Fewer episodes' worth of weight than this make bootstrap intervals too short: what decides is not among the resamples.
const FEW_EPISODES: f64 = 20.0;
/// One episode that carries more than this share of the weight is the estimate.
const LARGE_SHARE: f64 = 0.2;
/// More actions than this share outside of the data's leave fitted values to extrapolation.
const MUCH_OUTSIDE: f64 = 0.1;

/// What a policy is worth, by one method.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Estimate {
    /// Name of the method.
    pub method: String,
    /// The estimate, in the unit of returns.
    pub value: f64,
    /// Bootstrap interval over episodes.
    pub interval: Interval,
    /// What the estimate stands on.
    pub diagnosis: Diagnosis,
}

/// What an estimate stands on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Diagnosis {
    /// Episodes of data.
    pub episodes: usize,
    /// Effective sample size: as many equally weighted episodes say as much (Kish 1965). None for methods without weights.
    pub effective_episodes: Option<f64>,
    /// Share of all weight that the episode with the largest weight has.
    pub largest_share: Option<f64>,
    /// Share of the policy's actions at the data's observations that are less dense, under what acted in the data, than all
    /// but one in 200 of the data's own actions. The grid of [`forethought_envs::data::Support`] cannot tell: over positions
    /// and actions most of its cells would be empty in any data.
    pub outside_share: Option<f64>,
}

impl Diagnosis {
    /// Why the estimate should not be trusted, in plain words; `None` where nothing speaks against it.
    pub fn warning(&self) -> Option<String> {
        let mut reasons = Vec::new();
        if let Some(effective) = self.effective_episodes.filter(|effective| *effective < FEW_EPISODES) {
            reasons.push(format!(
                "the {} episodes count as {effective:.1}, because few of them are like what the policy does",
                self.episodes
            ));
        } else if (self.episodes as f64) < FEW_EPISODES {
            reasons.push(format!("there are only {} episodes", self.episodes));
        }
        if let Some(share) = self.largest_share.filter(|share| *share > LARGE_SHARE) {
            reasons.push(format!("one episode carries {:.0} % of the weight", 100.0 * share));
        }
        if let Some(share) = self.outside_share.filter(|share| *share > MUCH_OUTSIDE) {
            reasons
                .push(format!("{:.0} % of the policy's actions are unlike any in the data", 100.0 * share));
        }
        let remedy = "collect data with a policy nearer to this one, or evaluate over fewer steps";
        (!reasons.is_empty()).then(|| format!("Do not rely on this: {}; {remedy}.", reasons.join(", and ")))
    }
}

impl Estimate {
    /// The value of `statistic` on all episodes, with its interval.
    ///
    /// # Errors
    /// [`PolicyError::NonFinite`] where it has none, and those of [`Bootstrap::interval`].
    pub(super) fn of(
        method: &str,
        diagnosis: Diagnosis,
        bootstrap: &Bootstrap,
        statistic: &dyn Fn(&[f64]) -> f64,
    ) -> Result<Self, PolicyError> {
        let value = statistic(&vec![1.0; diagnosis.episodes]);
        if !value.is_finite() {
            return Err(PolicyError::NonFinite { what: "off-policy estimate", index: 0, value });
        }
        let interval = bootstrap.interval(diagnosis.episodes, statistic)?;
        Ok(Self { method: method.to_owned(), value, interval, diagnosis })
    }
}

/// Mean of one number an episode as an estimate of a method of one's own, with its interval.
///
/// # Errors
/// [`PolicyError::NonFinite`] for a value that is not finite, and those of [`Bootstrap::interval`].
pub fn estimate_of_mean(
    method: &str,
    diagnosis: Diagnosis,
    values: &[f64],
    bootstrap: &Bootstrap,
) -> Result<Estimate, PolicyError> {
    let diagnosis = Diagnosis { episodes: values.len(), ..diagnosis };
    Estimate::of(method, diagnosis, bootstrap, &mean_of(values))
}

/// Mean of one number an episode, as a statistic of how often each counts.
pub(super) fn mean_of(values: &[f64]) -> impl Fn(&[f64]) -> f64 {
    move |counts| {
        let sum: f64 = counts.iter().zip(values).map(|(count, value)| count * value).sum();
        sum / counts.iter().sum::<f64>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_should_not_be_trusted_says_why() {
        let sound = Diagnosis {
            episodes: 200,
            effective_episodes: Some(80.0),
            largest_share: Some(0.05),
            outside_share: Some(0.01),
        };
        assert_eq!(sound.warning(), None);
        let says = |diagnosis: Diagnosis, words: &str| {
            let text = diagnosis.warning().unwrap();
            assert!(text.contains(words), "{text}");
        };
        says(Diagnosis { effective_episodes: Some(2.4), ..sound }, "200 episodes count as 2.4");
        says(Diagnosis { largest_share: Some(0.7), ..sound }, "carries 70 %");
        says(Diagnosis { outside_share: Some(0.4), ..sound }, "40 % of the policy's actions");
        says(Diagnosis { episodes: 5, effective_episodes: None, ..sound }, "only 5 episodes");
    }
}
