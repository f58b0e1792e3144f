//! Data as transitions: scaled, with where each row's trajectory ends.

use forethought_envs::data::{Dataset, Normalizer, NormalizerKind, RewardConvention};
use forethought_envs::{BoxSpace, EnvSpec};
use sha2::{Digest, Sha256};

use super::LearnedConfig;
use crate::PolicyError;

/// Widths of what networks are shown.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sizes {
    pub observation: usize,
    pub action: usize,
    pub goal: usize,
}

/// Rows of experience, as networks are shown them.
#[derive(Clone, Debug)]
pub(super) struct Transitions {
    pub sizes: Sizes,
    /// `[rows, observation]`, scaled.
    pub observations: Vec<f32>,
    /// `[rows, action]`, in `[-1, 1]` where the data keep to their bounds.
    pub actions: Vec<f32>,
    /// The reward of each row's action.
    pub rewards: Vec<f32>,
    /// Rows whose action led somewhere, in order.
    pub steps: Vec<usize>,
    /// For each of these, the place among them of the last one of its trajectory.
    pub last: Vec<usize>,
    /// For each of these, whether the task ended with it, so that nothing that follows is worth anything.
    pub ended: Vec<bool>,
    /// For each of these, the row that holds what its action led to; its own where the data do not.
    pub next: Vec<usize>,
    /// Entries of an observation that goals speak of.
    pub goal_entries: Vec<usize>,
}

impl Transitions {
    /// SHA-256 (hex) of all that is learnt from.
    pub fn sha256(&self) -> String {
        let mut hash = Sha256::new();
        for values in [&self.observations, &self.actions, &self.rewards] {
            hash.update(values.len().to_le_bytes());
            values.iter().for_each(|value| hash.update(value.to_le_bytes()));
        }
        for places in [&self.steps, &self.last, &self.next, &self.goal_entries] {
            hash.update(places.len().to_le_bytes());
            places.iter().for_each(|place| hash.update((*place as u64).to_le_bytes()));
        }
        self.ended.iter().for_each(|ended| hash.update([u8::from(*ended)]));
        super::folder::digits(&hash.finalize())
    }

    /// Takes over a data set for a policy with goals, or without.
    ///
    /// # Errors
    /// [`PolicyError::Env`] for unsound data, [`PolicyError::Unsuitable`] for data of other sizes than the environment's,
    /// without a step, or, with goals, for an environment that has none.
    pub fn new(
        name: &'static str,
        dataset: &Dataset,
        spec: &EnvSpec,
        scaling: &Scaling,
    ) -> Result<Self, PolicyError> {
        let unsuitable = |reason: String| PolicyError::Unsuitable { name, env: spec.id.clone(), reason };
        let goal_entries = if super::has_goal(name) { spec.condition.clone() } else { Vec::new() };
        if super::has_goal(name) && goal_entries.is_empty() {
            return Err(unsuitable(
                "its tasks have no goal that could be shown: choose bc, td3-bc, iql or cql".into(),
            ));
        }
        let sizes = Sizes {
            observation: dataset.observation_dim,
            action: dataset.action_dim,
            goal: goal_entries.len(),
        };
        let mut observations = Vec::with_capacity(dataset.observations.len());
        for row in dataset.observations.chunks_exact(sizes.observation) {
            scaling.observation(row.iter().map(|x| f64::from(*x)), &mut observations);
        }
        let actions =
            dataset.actions.chunks_exact(sizes.action).flat_map(|row| scaling.action_in(row)).collect();
        let (mut steps, mut last, mut ended, mut next) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        let late = dataset.metadata.rewards == RewardConvention::OfObservation;
        for run in dataset.trajectories(true) {
            let first = steps.len();
            let final_row = run.end.saturating_sub(1);
            // A last row that is no step: an observation alone, or one whose reward would stand in a row after it.
            let alone = late || dataset.ends_with_observation(run.start, run.end);
            let ends = dataset.terminals.get(final_row).copied().unwrap_or(false);
            for row in run.start..run.end {
                let over = ends && (row == final_row || (alone && row + 1 == final_row));
                let step = row < final_row || (over && !alone);
                if step && dataset.step_reward(row).is_some() {
                    steps.push(row);
                    ended.push(over);
                    next.push(if row < final_row { row + 1 } else { row });
                }
            }
            last.resize(steps.len(), steps.len().max(first + 1) - 1);
        }
        if steps.is_empty() {
            return Err(unsuitable("the data hold no row that another one follows: collect more".into()));
        }
        let rewards = (0..dataset.len()).map(|row| dataset.step_reward(row).unwrap_or(0.0)).collect();
        Ok(Self { sizes, observations, actions, rewards, steps, last, ended, next, goal_entries })
    }

    /// Scaled observation of a row; empty past the end.
    pub fn observation(&self, row: usize) -> &[f32] {
        let at = row.saturating_mul(self.sizes.observation);
        self.observations.get(at..at + self.sizes.observation).unwrap_or_default()
    }

    /// Scaled action of a row; empty past the end.
    pub fn action(&self, row: usize) -> &[f32] {
        let at = row.saturating_mul(self.sizes.action);
        self.actions.get(at..at + self.sizes.action).unwrap_or_default()
    }

    /// Appends the row as a goal.
    pub fn goal(&self, row: usize, out: &mut Vec<f32>) {
        let observation = self.observation(row);
        out.extend(self.goal_entries.iter().filter_map(|&entry| observation.get(entry)));
    }
}

/// From the environment's units to the networks', and back.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Scaling {
    pub observations: Normalizer,
    pub action_low: Vec<f64>,
    pub action_high: Vec<f64>,
}

impl Scaling {
    /// Fits observations to the data; actions are scaled by their bounds, or, where they have none, by the data's.
    ///
    /// # Errors
    /// [`PolicyError::Env`] for unsound data, [`PolicyError::Unsuitable`] for data of other sizes than the environment's.
    pub fn fit(
        name: &'static str,
        dataset: &Dataset,
        spec: &EnvSpec,
        config: &LearnedConfig,
    ) -> Result<Self, PolicyError> {
        dataset.check()?;
        let widths = [dataset.observation_dim, dataset.action_dim];
        let wanted = [spec.observation.len(), spec.action.len()];
        if widths != wanted {
            let reason = format!(
                "the data hold observations of {} and actions of {} numbers, the environment's have {} and {}: \
                 train on data of this environment",
                widths[0], widths[1], wanted[0], wanted[1]
            );
            return Err(PolicyError::Unsuitable { name, env: spec.id.clone(), reason });
        }
        let observations = if config.train.scale_observations {
            Normalizer::fit(NormalizerKind::Standard, "observations", &dataset.observations, widths[0])?
        } else {
            Normalizer::from_parts(NormalizerKind::Standard, vec![0.0; widths[0]], vec![1.0; widths[0]])?
        };
        let bounds = |column: usize| {
            let (low, high) = (spec.action.low().get(column), spec.action.high().get(column));
            match low.zip(high).filter(|(low, high)| (*high - *low).is_finite() && high > low) {
                Some((low, high)) => (*low, *high),
                None => {
                    let all = dataset.actions.iter().skip(column).step_by(widths[1].max(1));
                    let largest = all.fold(0.0_f64, |most, x| most.max(f64::from(x.abs())));
                    (-largest.max(1e-6), largest.max(1e-6))
                }
            }
        };
        let (action_low, action_high) = (0..widths[1]).map(bounds).unzip();
        Ok(Self { observations, action_low, action_high })
    }

    /// Refuses numbers that contradict each other: it is also read from files.
    ///
    /// # Errors
    /// A sentence.
    pub fn check(&self, sizes: [usize; 2]) -> Result<(), String> {
        if [self.observations.width(), self.action_low.len()] != sizes {
            return Err("its scaling has other sizes than its environment".into());
        }
        BoxSpace::new(self.action_low.clone(), self.action_high.clone())
            .map_err(|error| error.to_string())?;
        let bounded = |(low, high): (&f64, &f64)| (high - low).is_finite() && high > low;
        match self.action_low.iter().zip(&self.action_high).all(bounded) {
            true => Ok(()),
            false => Err("its action bounds are no bounds".into()),
        }
    }

    /// Appends an observation, scaled.
    pub fn observation(&self, observation: impl Iterator<Item = f64>, out: &mut Vec<f32>) {
        let (shift, scale) = (self.observations.shift(), self.observations.scale());
        out.extend(
            observation.zip(shift.iter().zip(scale)).map(|(x, (shift, scale))| ((x - shift) / scale) as f32),
        );
    }

    /// Appends some entries of an observation, scaled.
    pub fn entries(&self, entries: &[usize], values: &[f64], out: &mut Vec<f32>) {
        let (shift, scale) = (self.observations.shift(), self.observations.scale());
        out.extend(
            entries
                .iter()
                .zip(values)
                .filter_map(|(&entry, value)| Some(((value - shift.get(entry)?) / scale.get(entry)?) as f32)),
        );
    }

    fn action_in(&self, action: &[f32]) -> Vec<f32> {
        let bounds = self.action_low.iter().zip(&self.action_high);
        let scaled = |(a, (low, high)): (&f32, (&f64, &f64))| {
            (2.0 * (f64::from(*a) - low) / (high - low) - 1.0) as f32
        };
        action.iter().zip(bounds).map(scaled).collect()
    }

    /// Number `column` of an action in the environment's units.
    pub fn action_out(&self, column: usize, scaled: f32) -> f64 {
        let bounds = self.action_low.get(column).zip(self.action_high.get(column));
        let (low, high) = bounds.map_or((0.0, 0.0), |(low, high)| (*low, *high));
        (low + (f64::from(scaled.clamp(-1.0, 1.0)) + 1.0) / 2.0 * (high - low)).clamp(low, high)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use forethought_envs::BoxSpace;

    /// Two episodes of three rows, observations 0 to 5, whose second ends as terminal.
    fn transitions(actions: [f32; 6], rewards: RewardConvention) -> Transitions {
        let observations = (0..6_u8).map(f32::from).collect();
        let mut data = Dataset::of_rows("x", [1, 1], observations, actions.to_vec());
        data.metadata.rewards = rewards;
        data.rewards = vec![1.0, 2.0, 0.0, 4.0, 5.0, 0.0];
        data.timeouts = vec![false, false, true, false, false, false];
        data.terminals = vec![false, false, false, false, false, true];
        let spec = EnvSpec::of_spaces("x", BoxSpace::symmetric(1, 9.0), BoxSpace::symmetric(1, 1.0));
        let config = LearnedConfig::of("iql");
        let scaling = Scaling::fit("iql", &data, &spec, &config).unwrap();
        Transitions::new("iql", &data, &spec, &scaling).unwrap()
    }

    #[test]
    fn the_last_row_of_a_terminal_episode_is_a_step_whose_outcome_nobody_saw() {
        let found = transitions([0.1, 0.2, 0.3, 0.4, 0.5, 0.6], RewardConvention::OfAction);
        assert_eq!(found.steps, [0, 1, 3, 4, 5]);
        assert_eq!(found.ended, [false, false, false, false, true]);
        assert_eq!(found.next, [1, 2, 4, 5, 5]);
        assert_eq!(found.last, [1, 1, 4, 4, 4]);
    }

    #[test]
    fn a_row_of_the_last_observation_is_no_step_and_the_one_before_ends_the_episode() {
        let found = transitions([0.1, 0.2, 0.2, 0.4, 0.5, 0.5], RewardConvention::OfAction);
        assert_eq!(found.steps, [0, 1, 3, 4]);
        assert_eq!(found.ended, [false, false, false, true]);
        assert_eq!(found.next, [1, 2, 4, 5]);
    }

    #[test]
    fn a_reward_that_stands_in_the_next_row_is_not_taken_from_the_next_episode() {
        let found = transitions([0.1, 0.2, 0.3, 0.4, 0.5, 0.6], RewardConvention::OfObservation);
        assert_eq!(found.steps, [0, 1, 3, 4]);
        assert_eq!(found.ended, [false, false, false, true]);
        let paid: Vec<f32> = found.steps.iter().map(|&row| found.rewards[row]).collect();
        assert_eq!(paid, [2.0, 0.0, 5.0, 0.0]);
    }
}
