//! Figures for a set of episodes: means with intervals that say how far to trust them.
//!
//! The interquartile mean and its bootstrap follow Agarwal et al., "Deep Reinforcement Learning at the Edge
//! of the Statistical Precipice" (2021); `interop/rliable_check.py` holds them against the authors' own program.

mod improvement;
mod profile;
mod quantiles;
#[cfg(test)]
mod rliable;
#[cfg(test)]
mod tests;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

pub use improvement::{Improvement, probability_of_improvement, probability_of_improvement_over_tasks};
pub use profile::performance_profile;
pub use quantiles::Quantiles;

/// Two-sided 95 % quantile of the standard normal distribution.
const Z_95: f64 = 1.959_963_984_540_054;

/// Why no figure can be given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum StatisticsError {
    /// There is nothing to take the mean of.
    #[error("no values to summarise: run at least one episode")]
    Empty,
    /// A value is NaN or infinite.
    #[error("value {index} is not a finite number: look at that episode's record for the cause")]
    NotFinite {
        /// Position in the input.
        index: usize,
    },
    /// Paired samples differ in length.
    #[error("paired samples have {left} and {right} values: score both on the same episodes")]
    Unpaired {
        /// Number of values on the left.
        left: usize,
        /// Number of values on the right.
        right: usize,
    },
    /// More successes than trials, or no trials.
    #[error("{successes} successes in {trials} trials is not a proportion")]
    NotAProportion {
        /// Successes given.
        successes: usize,
        /// Trials given.
        trials: usize,
    },
    /// A bootstrap of zero resamples.
    #[error("an interval needs at least one bootstrap resample (10000 is usual)")]
    NoResamples,
}

/// A 95 % interval, both ends included.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Interval {
    /// Lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
}

/// What is reported about one set of values.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// Number of values.
    pub count: usize,
    /// Arithmetic mean.
    pub mean: f64,
    /// Standard error of the mean; absent for a single value.
    pub standard_error: Option<f64>,
    /// 95 % bootstrap interval of the mean; absent for a single value, of which nobody knows how far it spreads.
    pub mean_interval: Option<Interval>,
    /// Mean of the middle half.
    pub interquartile_mean: f64,
    /// 95 % bootstrap interval of the interquartile mean; absent for a single value.
    pub interquartile_mean_interval: Option<Interval>,
}

impl Summary {
    /// What a picture shows of the mean's interval: a point where there is none.
    pub fn bar(&self) -> Interval {
        self.mean_interval.unwrap_or(Interval { low: self.mean, high: self.mean })
    }
}

/// Summarises `values` with `resamples` bootstrap resamples (10,000 is usual). The same values, order, count
/// and seed give the same intervals. Fails on no values, a value that is not finite, or no resamples.
pub fn summarise(values: &[f64], resamples: usize, seed: u64) -> Result<Summary, StatisticsError> {
    summarise_tasks(&[values], resamples, seed)
}

/// Summarises the values of several tasks together: means over all values, intervals from a bootstrap stratified by
/// task, which draws every task's values anew from that task's own. Fails as [`summarise`], also where a single
/// task has no values.
pub fn summarise_tasks(tasks: &[&[f64]], resamples: usize, seed: u64) -> Result<Summary, StatisticsError> {
    if tasks.is_empty() {
        return Err(StatisticsError::Empty);
    }
    tasks.iter().try_for_each(|values| check(values))?;
    let mut all = tasks.concat();
    let several = |interval| Some(interval).filter(|_| tasks.iter().all(|values| values.len() > 1));
    Ok(Summary {
        count: all.len(),
        mean: mean_of(&all),
        standard_error: standard_error_of(tasks),
        mean_interval: several(bootstrap_interval(tasks, |sample| mean_of(sample), resamples, seed)?),
        interquartile_mean: interquartile_mean_of(&mut all),
        interquartile_mean_interval: several(bootstrap_interval(
            tasks,
            interquartile_mean_of,
            resamples,
            seed,
        )?),
    })
}

/// Summarises `left[i] - right[i]`, for two policies scored on the same seeds. An interval that excludes
/// zero is a difference that chance does not explain. Fails as [`summarise`], or when lengths differ.
pub fn paired_difference(
    left: &[f64],
    right: &[f64],
    resamples: usize,
    seed: u64,
) -> Result<Summary, StatisticsError> {
    if left.len() != right.len() {
        return Err(StatisticsError::Unpaired { left: left.len(), right: right.len() });
    }
    let differences: Vec<f64> = left.iter().zip(right).map(|(left, right)| left - right).collect();
    summarise(&differences, resamples, seed)
}

/// 95 % Wilson score interval of a proportion (Wilson 1927); sound for small counts and for 0 or all
/// successes. Fails when there are no trials or more successes than trials.
pub fn wilson_interval(successes: usize, trials: usize) -> Result<Interval, StatisticsError> {
    if trials == 0 || successes > trials {
        return Err(StatisticsError::NotAProportion { successes, trials });
    }
    let n = trials as f64;
    let p = successes as f64 / n;
    let shrink = 1.0 / (1.0 + Z_95 * Z_95 / n);
    let centre = shrink * (p + Z_95 * Z_95 / (2.0 * n));
    let half = shrink * Z_95 * (p * (1.0 - p) / n + Z_95 * Z_95 / (4.0 * n * n)).sqrt();
    Ok(Interval { low: (centre - half).max(0.0), high: (centre + half).min(1.0) })
}

fn check(values: &[f64]) -> Result<(), StatisticsError> {
    if values.is_empty() {
        return Err(StatisticsError::Empty);
    }
    match values.iter().position(|value| !value.is_finite()) {
        Some(index) => Err(StatisticsError::NotFinite { index }),
        None => Ok(()),
    }
}

fn mean_of(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// Standard error of the mean over all values, tasks being fixed; `None` where a task has a single value.
fn standard_error_of(tasks: &[&[f64]]) -> Option<f64> {
    let all: usize = tasks.iter().map(|values| values.len()).sum();
    let mut variance = 0.0;
    for values in tasks {
        if values.len() < 2 {
            return None;
        }
        let (mean, count) = (mean_of(values), values.len() as f64);
        let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
        variance += squares / (count - 1.0) / count * (count / all as f64).powi(2);
    }
    Some(variance.sqrt())
}

/// Mean after dropping `floor(n / 4)` values at each end (SciPy's `trim_mean(x, 0.25)`). Sorts in place.
fn interquartile_mean_of(values: &mut [f64]) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    let cut = values.len() / 4;
    mean_of(&values[cut..values.len() - cut])
}

/// Percentile bootstrap of `statistic` over resamples with replacement, within each task.
fn bootstrap_interval(
    tasks: &[&[f64]],
    statistic: impl Fn(&mut [f64]) -> f64,
    resamples: usize,
    seed: u64,
) -> Result<Interval, StatisticsError> {
    if resamples == 0 {
        return Err(StatisticsError::NoResamples);
    }
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut sample = tasks.concat();
    let estimates = (0..resamples).map(|_| {
        let mut rest = sample.as_mut_slice();
        for values in tasks {
            let (own, others) = rest.split_at_mut(values.len());
            resample(values, own, &mut rng);
            rest = others;
        }
        statistic(&mut sample)
    });
    Ok(percentile_interval(estimates.collect()))
}

/// Fills `sample` with draws from `values`, with replacement.
fn resample(values: &[f64], sample: &mut [f64], rng: &mut ChaCha8Rng) {
    for slot in sample {
        *slot = values[rng.random_range(0..values.len())];
    }
}

/// From the 2.5 % to the 97.5 % quantile.
fn percentile_interval(mut estimates: Vec<f64>) -> Interval {
    estimates.sort_unstable_by(f64::total_cmp);
    Interval { low: quantile(&estimates, 0.025), high: quantile(&estimates, 0.975) }
}

/// Quantile of sorted, non-empty values by linear interpolation (Hyndman and Fan's type 7).
pub fn quantile(sorted: &[f64], probability: f64) -> f64 {
    let position = probability * (sorted.len() - 1) as f64;
    let below = position.floor() as usize;
    let above = (below + 1).min(sorted.len() - 1);
    sorted[below] + (position - below as f64) * (sorted[above] - sorted[below])
}
