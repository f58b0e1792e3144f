//! Means and deviations of a data set's columns.

use serde::{Deserialize, Serialize};

use super::Dataset;

/// Mean, spread and range of one column.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct ColumnStatistics {
    /// Mean.
    pub mean: f64,
    /// Standard deviation of the population (divided by the number of rows).
    pub std: f64,
    /// Smallest value.
    pub min: f64,
    /// Largest value.
    pub max: f64,
}

/// Summary of a data set, small enough to print or to keep beside a checkpoint.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DatasetSummary {
    /// Environment.
    pub env_id: String,
    /// Number of rows.
    pub rows: usize,
    /// One entry per column of the observation.
    pub observations: Vec<ColumnStatistics>,
    /// One entry per column of the action.
    pub actions: Vec<ColumnStatistics>,
    /// The reward.
    pub reward: ColumnStatistics,
    /// Rows marked terminal.
    pub terminals: usize,
    /// Rows marked as time-outs (goal switches in D4RL maze2d).
    pub timeouts: usize,
}

impl Dataset {
    /// Statistics of every column, in double precision and row order.
    pub fn summary(&self) -> DatasetSummary {
        let zero = ColumnStatistics { mean: 0.0, std: 0.0, min: 0.0, max: 0.0 };
        DatasetSummary {
            env_id: self.env_id.clone(),
            rows: self.len(),
            observations: column_statistics(&self.observations, self.observation_dim),
            actions: column_statistics(&self.actions, self.action_dim),
            reward: column_statistics(&self.rewards, 1).first().copied().unwrap_or(zero),
            terminals: self.terminals.iter().filter(|t| **t).count(),
            timeouts: self.timeout_count(),
        }
    }
}

/// Statistics of each column of a row-major array; empty when there are no whole rows.
///
/// Two passes: the textbook single pass loses all digits where the mean is large against the spread.
pub(super) fn column_statistics(values: &[f32], width: usize) -> Vec<ColumnStatistics> {
    if width == 0 || values.len() < width {
        return Vec::new();
    }
    let rows = (values.len() / width) as f64;
    let mut columns =
        vec![ColumnStatistics { mean: 0.0, std: 0.0, min: f64::INFINITY, max: f64::NEG_INFINITY }; width];
    for row in values.chunks_exact(width) {
        for (column, value) in columns.iter_mut().zip(row) {
            let value = f64::from(*value);
            column.mean += value;
            column.min = column.min.min(value);
            column.max = column.max.max(value);
        }
    }
    columns.iter_mut().for_each(|c| c.mean /= rows);
    for row in values.chunks_exact(width) {
        for (column, value) in columns.iter_mut().zip(row) {
            column.std += (f64::from(*value) - column.mean).powi(2);
        }
    }
    columns.iter_mut().for_each(|c| c.std = (c.std / rows).sqrt());
    columns
}

#[cfg(test)]
mod tests {
    use super::super::dataset::tests::counter;
    use super::column_statistics;

    #[test]
    fn matches_the_closed_form_of_a_ramp() {
        // 0, 1, ..., 99: mean 49.5, variance (100^2 - 1) / 12.
        let summary = counter(100).summary();
        let ramp = summary.observations[0];
        assert!((ramp.mean - 49.5).abs() < 1e-12);
        assert!((ramp.std - (9999.0f64 / 12.0).sqrt()).abs() < 1e-12);
        assert_eq!((ramp.min, ramp.max), (0.0, 99.0));
        assert_eq!(summary.observations[1].std, 0.0);
        assert_eq!(summary.actions[0].mean, 1.0);
    }

    #[test]
    fn keeps_its_digits_far_from_zero() {
        let values: Vec<f32> = (0..1000).map(|i| 16_000_000.0 + (i % 2) as f32).collect();
        assert!((column_statistics(&values, 1)[0].std - 0.5).abs() < 1e-9);
    }
}
