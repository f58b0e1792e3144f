//! What sequences earn, as a network is told it: mean reward a step, in deviations of what the data's own sequences earn.
//!
//! A sequence diffusion model that is shown the return of its sequences can be asked for a high one (Ajay et al., *Is
//! conditional generative modeling all you need for decision-making?*, ICLR 2023; Chen et al., *Decision Transformer*, 2021).
//! The mean a step, and not the sum: sequences have any length. Where chance has a say such a plan counts on luck
//! (Paster et al., *You can't count on luck*, 2022), and `plan.monte_carlo` has to choose.

use forethought_envs::data::{Dataset, RewardConvention, Trajectory};
use serde::{Deserialize, Serialize};

use crate::PlannerError;

/// Quantiles that are kept: one for each hundredth, and both ends.
const QUANTILES: usize = 101;

/// Mean reward of the steps of any sequence, from sums over all rows.
#[derive(Clone, Debug)]
pub(crate) struct StepReturns {
    /// Rewards of all steps before each row, and before the end.
    sums: Vec<f64>,
}

impl StepReturns {
    /// Of a data set whose rewards are finite.
    pub fn new(dataset: &Dataset) -> Self {
        let mut sums = Vec::with_capacity(dataset.len() + 1);
        let mut sum = 0.0;
        sums.push(sum);
        for row in 0..dataset.len() {
            sum += f64::from(dataset.step_reward(row).unwrap_or(0.0));
            sums.push(sum);
        }
        Self { sums }
    }

    /// Mean reward of the `steps` steps from row `start` on; of as many as there are.
    pub fn mean(&self, start: usize, steps: usize) -> f64 {
        let last = self.sums.len() - 1;
        let (from, to) = (start.min(last), start.saturating_add(steps).min(last));
        (self.sums[to] - self.sums[from]) / (to - from).max(1) as f64
    }
}

/// What the data's sequences earn a step: the scale on which networks are told returns, and what can be asked for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReturnScale {
    /// Mean over sequences.
    pub mean: f64,
    /// Deviation over sequences.
    pub deviation: f64,
    /// What shares of 0, 0.01, .., 1 of the sequences earn at most, rising.
    pub quantiles: Vec<f64>,
}

impl ReturnScale {
    /// Of all sequences of `steps` steps of these trajectories; a shorter trajectory counts as one sequence.
    ///
    /// # Errors
    /// [`PlannerError::Setting`] where the data record no rewards, and where all sequences earn the same.
    pub fn fit(dataset: &Dataset, trajectories: &[Trajectory], steps: usize) -> Result<Self, PlannerError> {
        Self::of(dataset, &StepReturns::new(dataset), trajectories, steps)
    }

    pub(crate) fn of(
        dataset: &Dataset,
        returns: &StepReturns,
        trajectories: &[Trajectory],
        steps: usize,
    ) -> Result<Self, PlannerError> {
        let refuse = |remedy: &str| PlannerError::Setting {
            name: "model.condition",
            value: "return".into(),
            remedy: format!("{remedy}: set it to \"goal\", or train on other data"),
        };
        if dataset.metadata.rewards == RewardConvention::Missing {
            return Err(refuse("the data record no rewards"));
        }
        let mut earned = Vec::new();
        for trajectory in trajectories.iter().filter(|trajectory| trajectory.len() > 1) {
            let steps = steps.clamp(1, trajectory.len() - 1);
            earned.extend((trajectory.start..trajectory.end - steps).map(|row| returns.mean(row, steps)));
        }
        earned.sort_unstable_by(f64::total_cmp);
        let (Some(least), Some(most)) = (earned.first().copied(), earned.last().copied()) else {
            return Err(refuse("the data hold no step"));
        };
        let mean = earned.iter().sum::<f64>() / earned.len() as f64;
        let variance = earned.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / earned.len() as f64;
        // Sums of equal rewards round.
        if (most - least).abs() <= 1e-9 * most.abs().max(least.abs()) {
            return Err(refuse(&format!(
                "all sequences of the data earn {mean} a step, so nothing can be asked for"
            )));
        }
        let quantiles =
            (0..QUANTILES).map(|i| quantile(&earned, i as f64 / (QUANTILES - 1) as f64)).collect();
        Ok(Self { mean, deviation: variance.sqrt(), quantiles })
    }

    /// A mean reward a step as networks are told it.
    pub fn normalize(&self, per_step: f64) -> f64 {
        (per_step - self.mean) / self.deviation
    }

    /// What this share of the data's sequences earns a step at most.
    pub fn quantile(&self, share: f64) -> f64 {
        quantile(&self.quantiles, share)
    }

    /// Whether it can be computed with; it is also read from files.
    pub fn is_sound(&self) -> bool {
        let finite = self.mean.is_finite() && self.quantiles.iter().all(|value| value.is_finite());
        let rising = self.quantiles.windows(2).all(|pair| pair[0] <= pair[1]);
        finite
            && rising
            && self.quantiles.len() == QUANTILES
            && self.deviation.is_finite()
            && self.deviation > 0.0
    }
}

/// Quantile of sorted numbers, straight between neighbours; zero of none.
fn quantile(sorted: &[f64], share: f64) -> f64 {
    let last = sorted.len().saturating_sub(1);
    let at = share.clamp(0.0, 1.0) * last as f64;
    let below = (at.floor() as usize).min(last);
    let value = |i: usize| sorted.get(i).copied().unwrap_or(0.0);
    value(below) + (at - below as f64) * (value((below + 1).min(last)) - value(below))
}

/// What plans are asked to earn.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum WantedReturn {
    /// Nothing: the network is shown no return.
    #[default]
    None,
    /// What this share of the data's sequences earns at most, 0 to 1.
    Quantile(f64),
    /// So much a step in the mean, in the environment's units.
    PerStep(f64),
}

impl WantedReturn {
    /// Mean reward a step, by the data's own returns; `None` where none is wanted.
    pub fn per_step(self, scale: &ReturnScale) -> Option<f64> {
        match self {
            Self::None => None,
            Self::Quantile(share) => Some(scale.quantile(share)),
            Self::PerStep(per_step) => Some(per_step),
        }
    }

    /// Refuses what nobody earns.
    ///
    /// # Errors
    /// [`PlannerError::Setting`] naming `plan.wanted_return`.
    pub fn check(self) -> Result<(), PlannerError> {
        let remedy = match self {
            Self::Quantile(share) if !(0.0..=1.0).contains(&share) => "give a share from 0% to 100%",
            Self::PerStep(per_step) if !per_step.is_finite() => "give a finite number",
            _ => return Ok(()),
        };
        let (name, value) = ("plan.wanted_return", String::from(self));
        Err(PlannerError::Setting { name, value, remedy: remedy.into() })
    }
}

impl TryFrom<String> for WantedReturn {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let number = |text: &str| text.trim().parse::<f64>().ok().filter(|number| number.is_finite());
        let read = match text.trim() {
            "none" => Some(Self::None),
            share if share.ends_with('%') => {
                number(share.trim_end_matches('%')).map(|percent| Self::Quantile(percent / 100.0))
            }
            per_step => number(per_step).map(Self::PerStep),
        };
        read.ok_or_else(|| {
            format!(
                "`{text}` is no return: give \"none\", what a share of the data earns at most (\"95%\"), or a mean reward a \
                 step (\"2.5\")"
            )
        })
    }
}

impl From<WantedReturn> for String {
    fn from(wanted: WantedReturn) -> Self {
        match wanted {
            WantedReturn::None => "none".into(),
            WantedReturn::Quantile(share) => format!("{}%", (share * 1e10).round() / 1e8),
            WantedReturn::PerStep(per_step) => per_step.to_string(),
        }
    }
}

#[cfg(test)]
mod tests {
    use forethought_envs::data::DatasetMetadata;
    use proptest::prelude::*;

    use super::*;

    /// Trajectories of these rewards; the last row of each earns nothing and is a time-out.
    fn data(rewards: &[&[f32]]) -> Dataset {
        let rows: usize = rewards.iter().map(|of| of.len() + 1).sum();
        let mut data = Dataset::of_rows("somewhere", [1, 1], Vec::new(), Vec::new());
        (data.observations, data.actions) = (vec![0.0; rows], vec![0.0; rows]);
        for of in rewards {
            data.rewards.extend_from_slice(of);
            data.rewards.push(100.0);
            data.terminals.extend(vec![false; of.len() + 1]);
            data.timeouts.extend((0..=of.len()).map(|row| row == of.len()));
        }
        data.metadata = DatasetMetadata { rewards: RewardConvention::OfAction, ..DatasetMetadata::default() };
        data
    }

    fn fit(rewards: &[&[f32]], steps: usize) -> Result<ReturnScale, PlannerError> {
        let data = data(rewards);
        ReturnScale::fit(&data, &data.trajectories(true), steps)
    }

    #[test]
    fn windows_earn_the_mean_of_their_steps_and_are_scaled_by_all_of_them() {
        // Windows of two steps: 1.5, 2.5 and, in the other trajectory, 7 alone.
        let scale = fit(&[&[1.0, 2.0, 3.0], &[7.0]], 2).unwrap();
        let mean = 11.0 / 3.0;
        let variance = [1.5, 2.5, 7.0].map(|x: f64| (x - mean).powi(2)).iter().sum::<f64>() / 3.0;
        assert!((scale.mean - mean).abs() < 1e-12 && (scale.deviation - variance.sqrt()).abs() < 1e-12);
        assert!((scale.normalize(mean + 2.0 * scale.deviation) - 2.0).abs() < 1e-12);
        assert_eq!([0.0, 0.5, 1.0].map(|share| scale.quantile(share)), [1.5, 2.5, 7.0]);
        assert!((scale.quantile(0.75) - 4.75).abs() < 1e-12, "halfway between its neighbours");
        assert!(scale.is_sound());
    }

    #[test]
    fn no_window_takes_what_lies_behind_its_trajectory() {
        let data = data(&[&[1.0, 2.0, 3.0], &[4.0, 8.0]]);
        let returns = StepReturns::new(&data);
        assert_eq!([returns.mean(0, 3), returns.mean(1, 2), returns.mean(4, 2)], [2.0, 2.5, 6.0]);
        let scale = ReturnScale::fit(&data, &data.trajectories(true), 99).unwrap();
        assert_eq!(
            (scale.quantile(0.0), scale.quantile(1.0)),
            (2.0, 6.0),
            "the 100 of a last row is nobody's"
        );
    }

    #[test]
    fn data_that_leave_nothing_to_ask_for_are_refused() {
        let message = fit(&[&[0.1; 30], &[0.1; 7]], 4).unwrap_err().to_string();
        assert!(message.contains("model.condition") && message.contains("earn 0.1"), "{message}");
        let mut silent = data(&[&[1.0, 2.0]]);
        silent.metadata.rewards = RewardConvention::Missing;
        let refused = ReturnScale::fit(&silent, &silent.trajectories(true), 1).unwrap_err().to_string();
        assert!(refused.contains("record no rewards"), "{refused}");
        let nothing = ReturnScale::fit(&silent, &[], 1);
        assert!(nothing.is_err());
    }

    #[test]
    fn a_scale_that_cannot_be_computed_with_is_told() {
        let sound = fit(&[&[1.0, 2.0, 3.0]], 1).unwrap();
        let breaks: [fn(&mut ReturnScale); 5] = [
            |scale| scale.deviation = 0.0,
            |scale| scale.mean = f64::NAN,
            |scale| scale.quantiles[100] = f64::INFINITY,
            |scale| scale.quantiles[50] = -9.0,
            |scale| scale.quantiles.truncate(7),
        ];
        for damage in breaks {
            let mut damaged = sound.clone();
            damage(&mut damaged);
            assert!(!damaged.is_sound(), "{damaged:?}");
        }
    }

    #[test]
    fn what_is_wanted_is_read_from_words_and_written_as_such() {
        let scale = fit(&[&[1.0, 2.0, 3.0]], 1).unwrap();
        for (text, wanted, per_step) in [
            ("none", WantedReturn::None, None),
            ("50%", WantedReturn::Quantile(0.5), Some(2.0)),
            ("99.5%", WantedReturn::Quantile(0.995), Some(scale.quantile(0.995))),
            ("-2.5", WantedReturn::PerStep(-2.5), Some(-2.5)),
        ] {
            let read: WantedReturn = serde_json::from_value(text.into()).unwrap();
            assert_eq!((read, serde_json::to_value(read).unwrap()), (wanted, text.into()));
            assert_eq!(read.per_step(&scale), per_step);
            read.check().unwrap();
        }
        for text in ["much", "", "%", "inf", "NaN%"] {
            let message = serde_json::from_value::<WantedReturn>(text.into()).unwrap_err().to_string();
            assert!(message.contains("is no return") && message.contains("95%"), "{message}");
        }
        for wrong in [WantedReturn::Quantile(1.01), WantedReturn::PerStep(f64::NAN)] {
            assert!(wrong.check().unwrap_err().to_string().contains("plan.wanted_return"));
        }
    }

    proptest! {
        /// Told as networks are told them, all sequences have mean 0 and deviation 1, and half of them earn at most the median.
        #[test]
        fn normalised_returns_have_mean_zero_and_deviation_one(
            rewards in prop::collection::vec(-50.0_f32..50.0, 8..60),
            steps in 1_usize..8,
        ) {
            let data = data(&[&rewards]);
            let fitted = ReturnScale::fit(&data, &data.trajectories(true), steps);
            prop_assume!(fitted.is_ok());
            let scale = fitted.unwrap();
            let told: Vec<f64> = rewards
                .windows(steps)
                .map(|of| scale.normalize(of.iter().map(|r| f64::from(*r)).sum::<f64>() / steps as f64))
                .collect();
            let n = told.len() as f64;
            let mean = told.iter().sum::<f64>() / n;
            let variance = told.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / n;
            prop_assert!(mean.abs() < 1e-6 && (variance - 1.0).abs() < 1e-6, "{mean} {variance}");
            let median = scale.normalize(scale.quantile(0.5)) + 1e-6;
            prop_assert!(told.iter().filter(|x| **x <= median).count() as f64 >= n / 2.0);
        }
    }
}
