//! Random Fourier features of observations and actions.

use forethought_envs::BoxSpace;
use nalgebra::{DMatrix, DVector, SymmetricEigen};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::StandardNormal;
use serde::{Deserialize, Serialize};

use super::Logged;
use crate::PolicyError;
use crate::error::check_count;

/// Directions in which observations spread less than this share of the widest are left out: they are rounding.
const LEAST_SPREAD: f64 = 1e-6;

/// Settings of [`FourierFeatures`].
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FourierConfig {
    /// Cosines.
    pub count: usize,
    /// Length scale along observations, in deviations of the data.
    pub observation_scale: f64,
    /// Length scale along actions, in deviations of the data: values bend less along actions, of which one moves little.
    pub action_scale: f64,
    /// Whether observations are turned to their principal axes first, so that what they have almost in common (the distance
    /// of two cars) is seen as well as what they are apart.
    pub whiten: bool,
    /// Seed of the directions.
    pub seed: u64,
}

impl Default for FourierConfig {
    fn default() -> Self {
        Self { count: 200, observation_scale: 1.0, action_scale: 3.0, whiten: true, seed: 0 }
    }
}

/// `phi(s, a) = [1, z, sqrt(2 / m) cos(W z + c)]` with `z` the scaled observation and action (Rahimi & Recht 2007): in the mean
/// over `W` a Gaussian kernel. Actions are clipped to their space first, as environments do.
#[derive(Clone, Debug)]
pub struct FourierFeatures {
    space: BoxSpace,
    observation_dim: usize,
    mean: DVector<f64>,
    /// `[axes, observation]`: to principal axes, each of deviation 1.
    axes: DMatrix<f64>,
    action_mean: Vec<f64>,
    action_scale: Vec<f64>,
    /// `[count, axes + action]`.
    directions: DMatrix<f64>,
    phases: Vec<f64>,
}

impl FourierFeatures {
    /// Features scaled to the data's observations and actions.
    ///
    /// # Errors
    /// [`PolicyError::Setting`] for a count of 0 or a scale that is not positive, [`PolicyError::Length`] for a space of other
    /// actions than the data's.
    pub fn fit(logged: &Logged, space: &BoxSpace, config: &FourierConfig) -> Result<Self, PolicyError> {
        let scales = [config.observation_scale, config.action_scale];
        if config.count == 0 || scales.iter().any(|scale| !(scale.is_finite() && *scale > 0.0)) {
            return Err(PolicyError::Setting {
                name: "features",
                value: format!("{config:?}"),
                remedy: "give at least one feature, and positive scales".into(),
            });
        }
        check_count("action space", space.len(), logged.action_dim)?;
        let (mean, covariance) = moments(&logged.observations, logged.observation_dim);
        let axes = if config.whiten { principal(covariance) } else { alone(&covariance) };
        let mut clipped = logged.actions.clone();
        clipped.chunks_exact_mut(logged.action_dim.max(1)).for_each(|action| space.clip(action));
        let (action_mean, action_covariance) = moments(&clipped, logged.action_dim);
        // An action that never varies tells nothing, at any scale.
        let deviation = |value: f64| if value > 0.0 { value.sqrt() } else { 1.0 };
        let action_scale = action_covariance.diagonal().iter().map(|value| 1.0 / deviation(*value)).collect();
        let mut rng = ChaCha8Rng::seed_from_u64(config.seed);
        let (rows, columns) = (axes.nrows(), axes.nrows() + logged.action_dim);
        let directions = DMatrix::from_fn(config.count, columns, |_, column| {
            let unit: f64 = rng.sample(StandardNormal);
            unit / if column < rows { config.observation_scale } else { config.action_scale }
        });
        let phases = (0..config.count).map(|_| rng.random::<f64>() * std::f64::consts::TAU).collect();
        let action_mean = action_mean.iter().copied().collect();
        let (space, observation_dim) = (space.clone(), logged.observation_dim);
        Ok(Self { space, observation_dim, mean, axes, action_mean, action_scale, directions, phases })
    }

    /// Number of features.
    pub fn len(&self) -> usize {
        1 + self.directions.ncols() + self.directions.nrows()
    }

    /// Whether there are none, which never is so.
    pub fn is_empty(&self) -> bool {
        false
    }

    /// Features of observations `[n, observation]` with `count` actions each `[n, count, action]`, in the mean over these: one
    /// column for each observation.
    ///
    /// # Errors
    /// [`PolicyError::Length`] for arrays that do not belong together.
    pub fn mean_over(
        &self,
        observations: &[f64],
        actions: &[f64],
        count: usize,
    ) -> Result<DMatrix<f64>, PolicyError> {
        let n = observations.len().checked_div(self.observation_dim).unwrap_or(0);
        check_count("observations", observations.len(), n * self.observation_dim)?;
        let a = self.space.len();
        check_count("actions", actions.len(), n.saturating_mul(count).saturating_mul(a))?;
        let mut seen = DMatrix::from_column_slice(self.observation_dim, n, observations);
        seen.column_iter_mut().for_each(|mut column| column -= &self.mean);
        let seen = &self.axes * seen;
        let k = seen.nrows();
        let part = 1.0 / count.max(1) as f64;
        let of_seen = self.directions.columns(0, k) * &seen;
        // `[count, action]`, row-major: this is the innermost loop.
        let of_actions: Vec<f64> = self.directions.columns(k, a).transpose().iter().copied().collect();
        let height = (2.0 / self.phases.len() as f64).sqrt() * part;
        let mut features = DMatrix::zeros(self.len(), n);
        let mut action = vec![0.0; a];
        let each = actions.chunks_exact((count * a).max(1));
        for (((mut out, seen), of_seen), actions) in
            features.column_iter_mut().zip(seen.column_iter()).zip(of_seen.column_iter()).zip(each)
        {
            let out = out.as_mut_slice();
            let (linear, cosines) = out.split_at_mut((1 + k + a).min(out.len()));
            for (to, from) in linear.iter_mut().zip(std::iter::once(&1.0).chain(seen.iter())) {
                *to = *from;
            }
            for raw in actions.chunks_exact(a.max(1)) {
                action.copy_from_slice(raw);
                self.space.clip(&mut action);
                let scales = self.action_mean.iter().zip(&self.action_scale);
                for (value, (mean, scale)) in action.iter_mut().zip(scales) {
                    *value = (*value - mean) * scale;
                }
                for (to, value) in linear.iter_mut().skip(1 + k).zip(&action) {
                    *to += part * value;
                }
                let each = cosines.iter_mut().zip(of_seen.iter()).zip(&self.phases);
                for (((to, seen), phase), directions) in each.zip(of_actions.chunks_exact(a.max(1))) {
                    let along: f64 = directions.iter().zip(&action).map(|(w, x)| w * x).sum();
                    *to += height * (seen + along + phase).cos();
                }
            }
        }
        Ok(features)
    }
}

/// Mean and covariance of rows.
fn moments(values: &[f64], width: usize) -> (DVector<f64>, DMatrix<f64>) {
    let rows = values.len().checked_div(width).unwrap_or(0).max(1) as f64;
    let (mut mean, mut square) = (DVector::zeros(width), DMatrix::zeros(width, width));
    for row in values.chunks_exact(width.max(1)) {
        mean += DVector::from_column_slice(row);
    }
    mean /= rows;
    for row in values.chunks_exact(width.max(1)) {
        let off = DVector::from_column_slice(row) - &mean;
        square += &off * off.transpose();
    }
    (mean, square / rows)
}

/// Each entry by itself, in deviations; what never varies is left out.
fn alone(covariance: &DMatrix<f64>) -> DMatrix<f64> {
    let diagonal = covariance.diagonal();
    let kept: Vec<usize> =
        (0..diagonal.len()).filter(|&i| diagonal.get(i).is_some_and(|v| *v > 0.0)).collect();
    DMatrix::from_fn(kept.len(), diagonal.len(), |row, column| {
        let entry = kept.get(row).copied();
        if entry == Some(column) { diagonal.get(column).map_or(0.0, |v| 1.0 / v.sqrt()) } else { 0.0 }
    })
}

/// To principal axes, each of deviation 1.
fn principal(covariance: DMatrix<f64>) -> DMatrix<f64> {
    // Of correlations: which axes are left out should not depend on units.
    let scale = covariance.diagonal().map(|value| if value > 0.0 { 1.0 / value.sqrt() } else { 0.0 });
    let scale = DMatrix::from_diagonal(&scale);
    let eigen = SymmetricEigen::new(&scale * covariance * &scale);
    let widest = eigen.eigenvalues.iter().copied().fold(0.0, f64::max);
    let rows: Vec<_> = eigen
        .eigenvalues
        .iter()
        .zip(eigen.eigenvectors.column_iter())
        .filter(|(value, _)| **value > LEAST_SPREAD * widest)
        .map(|(value, vector)| (vector / value.sqrt()).transpose())
        .collect();
    if rows.is_empty() {
        return DMatrix::zeros(0, scale.ncols());
    }
    DMatrix::from_rows(&rows) * scale
}
