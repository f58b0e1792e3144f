//! Rows of experience in memory, and the checks that make them safe to train on.

use serde::{Deserialize, Serialize};

use super::DataDescription;
use super::at_once::at_once;
use crate::EnvError;

/// What a row marked in [`Dataset::timeouts`] means for the row after it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum TimeoutMeaning {
    /// The episode was cut there; the next row starts another one.
    #[default]
    #[serde(alias = "truncation")]
    Truncation,
    /// Only the navigation goal changed; the physical run goes on (D4RL maze2d).
    #[serde(alias = "goal-switch")]
    GoalSwitch,
}

/// Which step the reward of a row pays for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum RewardConvention {
    /// The row's own action, `r(s, a)`: what nearly everybody records.
    #[default]
    #[serde(alias = "of-action")]
    OfAction,
    /// The observation of the same row, so that a step's reward stands one row late (D4RL maze2d).
    #[serde(alias = "of-observation")]
    OfObservation,
    /// None was recorded; the rewards are zeros.
    #[serde(alias = "missing")]
    Missing,
}

/// Where a data set comes from, and what its rows mean.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct DatasetMetadata {
    /// Seed of the generator, where one made the data.
    pub seed: Option<u64>,
    /// Name of the generator.
    pub generator: Option<String>,
    /// Version of the generator; it changes whenever the same seed gives other rows.
    pub generator_version: Option<u32>,
    /// Hash of maze layout and physics profile, to be compared with the environment's.
    pub layout_hash: Option<String>,
    /// What the time-outs mean.
    pub timeouts: TimeoutMeaning,
    /// What the rewards pay for.
    #[serde(default)]
    pub rewards: RewardConvention,
    /// What the file says of its features, bounds and task.
    #[serde(default, skip_serializing_if = "DataDescription::is_empty")]
    pub description: DataDescription,
    /// What a reader left out of a file, or took for something that the file does not say.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

/// State of the simulator at each row (`infos/qpos` and `infos/qvel` in D4RL files).
#[derive(Clone, Debug, PartialEq)]
pub struct SimulatorState {
    /// Entries per row of each array.
    pub dim: usize,
    /// Generalised positions, `[rows x dim]`.
    pub positions: Vec<f32>,
    /// Generalised velocities, `[rows x dim]`.
    pub velocities: Vec<f32>,
}

/// Transitions in time order, one row a step: what was observed, what was done, what it paid.
///
/// Arrays are row-major. [`check`](Self::check) holds their lengths against each other; the accessors
/// and everything built on a data set expect one that passed it.
#[derive(Clone, Debug, PartialEq)]
pub struct Dataset {
    /// Environment the rows come from.
    pub env_id: String,
    /// Entries of one observation.
    pub observation_dim: usize,
    /// Entries of one action.
    pub action_dim: usize,
    /// Entries of one goal; 0 without goals.
    pub goal_dim: usize,
    /// Recorded observations, `[rows x observation_dim]`.
    pub observations: Vec<f32>,
    /// Actions, `[rows x action_dim]`.
    pub actions: Vec<f32>,
    /// Rewards, one a row.
    pub rewards: Vec<f32>,
    /// The task ended with this row.
    pub terminals: Vec<bool>,
    /// The clock or the goal ended with this row; see [`DatasetMetadata::timeouts`].
    pub timeouts: Vec<bool>,
    /// Goal pursued at each row, `[rows x goal_dim]`.
    pub goals: Option<Vec<f32>>,
    /// State of the simulator, where it was recorded.
    pub simulator: Option<SimulatorState>,
    /// Where the rows come from.
    pub metadata: DatasetMetadata,
}

impl Dataset {
    /// Observations `[rows x observation_dim]` and actions `[rows x action_dim]` alone, one after the other: nothing is paid,
    /// nothing ends, there are no goals and no simulator. Set the fields that say otherwise.
    pub fn of_rows(
        env_id: &str,
        [observation_dim, action_dim]: [usize; 2],
        observations: Vec<f32>,
        actions: Vec<f32>,
    ) -> Self {
        let rows = observations.len().checked_div(observation_dim).unwrap_or(0);
        Self {
            env_id: env_id.into(),
            observation_dim,
            action_dim,
            goal_dim: 0,
            observations,
            actions,
            rewards: vec![0.0; rows],
            terminals: vec![false; rows],
            timeouts: vec![false; rows],
            goals: None,
            simulator: None,
            metadata: DatasetMetadata::default(),
        }
    }

    /// Number of rows.
    pub fn len(&self) -> usize {
        self.rewards.len()
    }

    /// Whether there are no rows.
    pub fn is_empty(&self) -> bool {
        self.rewards.is_empty()
    }

    /// Observation of a row; `None` past the end.
    pub fn observation(&self, row: usize) -> Option<&[f32]> {
        row_of(&self.observations, self.observation_dim, row)
    }

    /// Action of a row; `None` past the end.
    pub fn action(&self, row: usize) -> Option<&[f32]> {
        row_of(&self.actions, self.action_dim, row)
    }

    /// Goal of a row; `None` past the end or without goals.
    pub fn goal(&self, row: usize) -> Option<&[f32]> {
        row_of(self.goals.as_ref()?, self.goal_dim, row)
    }

    /// Reward of the step from row `row` to the next one; `None` past the end.
    pub fn step_reward(&self, row: usize) -> Option<f32> {
        let late = usize::from(self.metadata.rewards == RewardConvention::OfObservation);
        self.rewards.get(row.checked_add(late)?).copied()
    }

    /// Rows marked as time-outs; in D4RL maze2d the number of goal switches.
    pub fn timeout_count(&self) -> usize {
        self.timeouts.iter().filter(|t| **t).count()
    }

    /// Holds the arrays against each other and looks for numbers that are not finite.
    ///
    /// # Errors
    /// [`EnvError::Data`] naming the first offending array, and the row and column where there is one.
    pub fn check(&self) -> Result<(), EnvError> {
        let rows = self.len();
        if rows == 0 || (self.observations.is_empty() && self.observation_dim > 0) {
            return Err(self.problem("the data set has no rows; collect some first".into()));
        }
        if self.observation_dim == 0 || self.action_dim == 0 {
            return Err(self.problem(format!(
                "observations have {} entries and actions {}; each needs at least one",
                self.observation_dim, self.action_dim
            )));
        }
        for (name, flags) in [("terminals", &self.terminals), ("timeouts", &self.timeouts)] {
            if flags.len() != rows {
                return Err(self.length_problem(name, flags.len(), rows));
            }
        }
        for (name, values, width) in self.float_arrays() {
            if rows.checked_mul(width) != Some(values.len()) {
                return Err(self.length_problem(name, values.len(), rows.saturating_mul(width)));
            }
            if let Some(index) = not_finite(values) {
                let (row, column) = (index / width.max(1), index % width.max(1));
                let value = values.get(index).copied().unwrap_or(f32::NAN);
                return Err(self.problem(format!(
                    "{name} holds {value} in row {row}, column {column}; only finite numbers can be \
                     trained on: collect the data again, or drop that row"
                )));
            }
        }
        Ok(())
    }

    /// Every array of numbers with its name (as in D4RL files) and its row width.
    pub(super) fn float_arrays(&self) -> Vec<(&'static str, &[f32], usize)> {
        let mut arrays: Vec<(&'static str, &[f32], usize)> = vec![
            ("observations", &self.observations, self.observation_dim),
            ("actions", &self.actions, self.action_dim),
            ("rewards", &self.rewards, 1),
        ];
        if let Some(goals) = &self.goals {
            arrays.push(("infos/goal", goals, self.goal_dim));
        }
        if let Some(simulator) = &self.simulator {
            arrays.push(("infos/qpos", &simulator.positions, simulator.dim));
            arrays.push(("infos/qvel", &simulator.velocities, simulator.dim));
        }
        arrays
    }

    /// An error about this data set.
    pub(super) fn problem(&self, problem: String) -> EnvError {
        let name = if self.env_id.is_empty() { "data in memory" } else { self.env_id.as_str() };
        EnvError::Data { path: name.into(), problem }
    }

    fn length_problem(&self, name: &str, got: usize, want: usize) -> EnvError {
        self.problem(format!(
            "{name} has {got} entries where {} rows need {want}; the arrays do not belong together",
            self.len()
        ))
    }
}

/// Whether two rows hold the same numbers, exactly. Zero has two signs, and a file may hold either.
#[allow(clippy::float_cmp)]
pub(super) fn same<'a>(a: &[f32], b: impl IntoIterator<Item = &'a f32>) -> bool {
    a.iter().zip(b).all(|(a, b)| a == b)
}

/// Place of the first number that is not finite. Block by block, as a search that stops anywhere is not vectorised.
fn not_finite(values: &[f32]) -> Option<usize> {
    const BLOCK: usize = 4096;
    const PIECE: usize = BLOCK << 8;
    let sound = |block: &[f32]| block.iter().fold(true, |sound, value| sound & value.is_finite());
    let in_piece = |piece: usize| {
        let first = piece * PIECE;
        let values = values.get(first..values.len().min(first + PIECE))?;
        let block = values.chunks(BLOCK).position(|block| !sound(block))?;
        let rest = values.get(block * BLOCK..)?;
        rest.iter().position(|value| !value.is_finite()).map(|at| first + block * BLOCK + at)
    };
    at_once(values.len().div_ceil(PIECE), in_piece).into_iter().flatten().next()
}

fn row_of(values: &[f32], width: usize, row: usize) -> Option<&[f32]> {
    let start = row.checked_mul(width)?;
    values.get(start..start.checked_add(width)?)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A small valid data set: position of a counter, `o' = o + a`.
    pub(crate) fn counter(rows: usize) -> Dataset {
        let observations = (0..rows).flat_map(|t| [t as f32, 0.5]).collect();
        Dataset::of_rows("counter", [2, 1], observations, vec![1.0; rows])
    }

    #[test]
    fn accepts_a_sound_data_set_and_reads_rows() {
        let data = counter(5);
        data.check().unwrap();
        assert_eq!(data.observation(3), Some(&[3.0, 0.5][..]));
        assert_eq!(data.observation(5), None);
        assert_eq!(data.goal(0), None);
    }

    #[test]
    fn names_array_row_and_column_of_a_bad_number() {
        let mut data = counter(5);
        data.observations[7] = f32::NAN;
        let text = data.check().unwrap_err().to_string();
        assert!(text.contains("observations holds NaN in row 3, column 1"), "{text}");
        let mut data = counter(10_000);
        data.observations[9_999] = f32::NAN;
        let text = data.check().unwrap_err().to_string();
        assert!(text.contains("observations holds NaN in row 4999, column 1"), "{text}");
        let mut data = counter(5);
        data.actions[4] = f32::INFINITY;
        assert!(data.check().unwrap_err().to_string().contains("actions holds inf in row 4"));
    }

    #[test]
    fn refuses_empty_and_mismatched_arrays() {
        assert!(counter(0).check().unwrap_err().to_string().contains("no rows"));
        let mut data = counter(5);
        data.timeouts.pop();
        assert!(data.check().unwrap_err().to_string().contains("timeouts has 4 entries"));
        let mut data = counter(5);
        data.goals = Some(vec![0.0; 5]);
        assert!(data.check().unwrap_err().to_string().contains("infos/goal"), "goal width is 0");
        let mut data = counter(5);
        data.action_dim = 0;
        assert!(data.check().is_err());
    }
}
