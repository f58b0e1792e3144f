//! Inverse dynamics by least squares: which action leads from one observation to the next.

use nalgebra::{DMatrix, DVector};
use serde::{Deserialize, Serialize};

use super::Dataset;
use crate::EnvError;

/// Rows that are fitted at most, spread evenly over the data: far more than the coefficients need.
const ROWS: usize = 200_000;
/// Ridge, as a share of the variance of a feature. Positions, velocities and their changes say the same thing
/// twice; the ridge shares it out instead of letting rounding decide.
const RIDGE: f64 = 1e-4;

/// `a = W [o, o' - o] + c`, fitted to the rows of a data set.
///
/// Exact, up to contacts and clipping, for bodies that are pushed directly, such as the mazes' ball.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InverseModel {
    /// `W`, `[action, 2 observation]`.
    pub weights: Vec<f64>,
    /// `c`, `[action]`.
    pub offset: Vec<f64>,
    /// Root mean square error on rows that were not fitted, per entry of the action.
    pub error: Vec<f64>,
}

impl InverseModel {
    /// Fits the rows of `dataset`, whose observations must follow one another (see
    /// [`Dataset::repair_stale_observations`]). Every tenth of the rows used is kept for [`Self::error`].
    ///
    /// # Errors
    /// [`EnvError::Data`] when the data fail [`Dataset::check`] or hold too few rows.
    pub fn fit(dataset: &Dataset) -> Result<Self, EnvError> {
        dataset.check()?;
        let (o, a) = (dataset.observation_dim, dataset.action_dim);
        let stride = (dataset.len() / ROWS).max(1);
        let broken = |row: usize| dataset.terminals[row] || dataset.timeouts[row];
        let rows: Vec<usize> =
            (0..dataset.len().saturating_sub(1)).step_by(stride).filter(|&row| !broken(row)).collect();
        let (fitted, held): (Vec<_>, Vec<_>) = rows.iter().enumerate().partition(|(i, _)| i % 10 != 9);
        if fitted.len() < 4 * o || held.is_empty() {
            return Err(dataset.problem(format!("{} rows are too few to fit inverse dynamics", rows.len())));
        }
        let features = |row: usize| {
            let entry = |row: usize, i: usize| f64::from(dataset.observations[row * o + i]);
            (0..2 * o)
                .map(move |i| if i < o { entry(row, i) } else { entry(row + 1, i - o) - entry(row, i - o) })
        };
        let action = |row: usize, i: usize| f64::from(dataset.actions[row * a + i]);
        let count = fitted.len() as f64;
        let mut mean = DVector::zeros(2 * o);
        let mut mean_action = DVector::zeros(a);
        for &(_, &row) in &fitted {
            features(row).enumerate().for_each(|(i, x)| mean[i] += x / count);
            (0..a).for_each(|i| mean_action[i] += action(row, i) / count);
        }
        // Normal equations of the centred features.
        let (mut xx, mut xa) = (DMatrix::zeros(2 * o, 2 * o), DMatrix::zeros(2 * o, a));
        for &(_, &row) in &fitted {
            let x = DVector::from_iterator(2 * o, features(row)) - &mean;
            let y = DVector::from_iterator(a, (0..a).map(|i| action(row, i))) - &mean_action;
            xx.ger(1.0, &x, &x, 1.0);
            xa.ger(1.0, &x, &y, 1.0);
        }
        // In units of each feature's deviation, so that the ridge means the same to all.
        let deviation: Vec<f64> = (0..2 * o).map(|i| xx[(i, i)].sqrt().max(f64::MIN_POSITIVE)).collect();
        let scaled = DMatrix::from_fn(2 * o, 2 * o, |i, j| {
            xx[(i, j)] / (deviation[i] * deviation[j]) + if i == j { RIDGE } else { 0.0 }
        });
        let right = DMatrix::from_fn(2 * o, a, |i, j| xa[(i, j)] / deviation[i]);
        let solved = scaled
            .cholesky()
            .map(|cholesky| cholesky.solve(&right))
            .filter(|solved| solved.iter().all(|value| value.is_finite()))
            .ok_or_else(|| dataset.problem("inverse dynamics cannot be fitted to these rows".into()))?;
        let weight = |action: usize, feature: usize| solved[(feature, action)] / deviation[feature];
        let mut model = Self {
            weights: (0..a).flat_map(|i| (0..2 * o).map(move |j| weight(i, j))).collect(),
            offset: (0..a)
                .map(|i| mean_action[i] - (0..2 * o).map(|j| weight(i, j) * mean[j]).sum::<f64>())
                .collect(),
            error: vec![0.0; a],
        };
        let mut fitted_action = vec![0.0; a];
        for &(_, &row) in &held {
            let observation = |row: usize| -> Vec<f64> {
                dataset.observations[row * o..(row + 1) * o].iter().map(|&x| f64::from(x)).collect()
            };
            model.action(&observation(row), &observation(row + 1), &mut fitted_action);
            for (i, error) in model.error.iter_mut().enumerate() {
                *error += (fitted_action[i] - action(row, i)).powi(2) / held.len() as f64;
            }
        }
        model.error.iter_mut().for_each(|error| *error = error.sqrt());
        Ok(model)
    }

    /// Whether it speaks of observations and actions of these sizes, in finite numbers.
    pub fn fits(&self, observation: usize, action: usize) -> bool {
        let entries = action.checked_mul(observation).and_then(|entries| entries.checked_mul(2));
        self.offset.len() == action
            && self.error.len() == action
            && Some(self.weights.len()) == entries
            && [&self.weights, &self.offset, &self.error].into_iter().flatten().all(|value| value.is_finite())
    }

    /// Writes the action that leads from `observation` to `next`. Arrays of other sizes than the model's are
    /// read as far as they go.
    pub fn action(&self, observation: &[f64], next: &[f64], action: &mut [f64]) {
        let o = observation.len();
        for ((action, offset), weights) in
            action.iter_mut().zip(&self.offset).zip(self.weights.chunks_exact((2 * o).max(1)))
        {
            let changes = observation.iter().zip(next).map(|(from, to)| to - from);
            let features = observation.iter().copied().chain(changes);
            *action = offset + weights.iter().zip(features).map(|(w, x)| w * x).sum::<f64>();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::maze::{GenerateOptions, generate};

    #[test]
    fn the_ball_s_dynamics_are_found_in_its_data() {
        let options = GenerateOptions { rows: 40_000, ..GenerateOptions::default() };
        let mut data = generate("maze2d-umaze-v1", &options, &mut |_, _| ()).unwrap();
        data.repair_stale_observations().unwrap();
        let model = InverseModel::fit(&data).unwrap();
        // A full command changes a velocity by 100 / 4.18879 * 0.01 in a step; contacts and clipped speeds are
        // what a linear law cannot follow. Actions have a deviation of 0.7.
        let per_velocity = model.weights[2 * 4 - 2];
        assert!((per_velocity - 4.18879).abs() < 0.5, "{per_velocity}");
        assert!(model.error.iter().all(|&error| error < 0.25), "{:?}", model.error);
        assert!(model.fits(4, 2) && !model.fits(3, 2) && !model.fits(usize::MAX, 2));
        let broken = InverseModel { offset: vec![0.0, f64::NAN], ..model.clone() };
        let short = InverseModel { error: vec![0.0], ..model };
        assert!(!broken.fits(4, 2) && !short.fits(4, 2));
    }

    #[test]
    fn too_few_rows_are_refused() {
        let options = GenerateOptions { rows: 8, ..GenerateOptions::default() };
        let data = generate("maze2d-umaze-v1", &options, &mut |_, _| ()).unwrap();
        assert!(InverseModel::fit(&data).unwrap_err().to_string().contains("too few"));
    }
}
