//! Figures for a set of episodes: means with intervals that say how far to trust them.
//!
//! The interquartile mean and its bootstrap follow Agarwal et al., "Deep Reinforcement Learning at the Edge
//! of the Statistical Precipice" (2021).

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

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
    /// 95 % bootstrap interval of the mean.
    pub mean_interval: Interval,
    /// Mean of the middle half.
    pub interquartile_mean: f64,
    /// 95 % bootstrap interval of the interquartile mean.
    pub interquartile_mean_interval: Interval,
}

/// Summarises `values` with `resamples` bootstrap resamples (10,000 is usual). The same values, order, count
/// and seed give the same intervals. Fails on no values, a value that is not finite, or no resamples.
pub fn summarise(values: &[f64], resamples: usize, seed: u64) -> Result<Summary, StatisticsError> {
    check(values)?;
    Ok(Summary {
        count: values.len(),
        mean: mean_of(values),
        standard_error: standard_error_of(values),
        mean_interval: bootstrap_interval(values, |sample| mean_of(sample), resamples, seed)?,
        interquartile_mean: interquartile_mean_of(&mut values.to_vec()),
        interquartile_mean_interval: bootstrap_interval(values, interquartile_mean_of, resamples, seed)?,
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

/// How likely it is that one policy beats another.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Improvement {
    /// Probability, 0 to 1.
    pub probability: f64,
    /// 95 % bootstrap interval.
    pub interval: Interval,
}

/// Probability of improvement of `left` over `right` (Agarwal et al. 2021, after Mann and Whitney 1947): the
/// mean over all pairs of a value `x` of `left` and a value `y` of `right` of 1 where `x > y`, 1/2 where
/// `x = y`, 0 where `x < y`. Equal policies have 0.5. The pairs are all pairs, also of unlike episodes, so that
/// starts near the goal count on both sides alike; [`paired_difference`] is the sharper comparison. The
/// bootstrap draws both sides independently. Fails as [`summarise`].
pub fn probability_of_improvement(
    left: &[f64],
    right: &[f64],
    resamples: usize,
    seed: u64,
) -> Result<Improvement, StatisticsError> {
    check(left)?;
    check(right)?;
    if resamples == 0 {
        return Err(StatisticsError::NoResamples);
    }
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let (mut xs, mut ys) = (left.to_vec(), right.to_vec());
    let mut estimates: Vec<f64> = (0..resamples)
        .map(|_| {
            for (sample, values) in [(&mut xs, left), (&mut ys, right)] {
                for slot in sample {
                    *slot = values[rng.random_range(0..values.len())];
                }
            }
            share_of_wins(&xs, &mut ys)
        })
        .collect();
    estimates.sort_unstable_by(f64::total_cmp);
    let interval = Interval { low: quantile(&estimates, 0.025), high: quantile(&estimates, 0.975) };
    Ok(Improvement { probability: share_of_wins(left, &mut right.to_vec()), interval })
}

/// Share of pairs in which `left` is greater, ties counting half. Sorts `right`.
fn share_of_wins(left: &[f64], right: &mut [f64]) -> f64 {
    right.sort_unstable_by(f64::total_cmp);
    let halves: usize =
        left.iter().map(|x| right.partition_point(|y| y < x) + right.partition_point(|y| y <= x)).sum();
    halves as f64 / (2 * left.len() * right.len()) as f64
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

fn standard_error_of(values: &[f64]) -> Option<f64> {
    if values.len() < 2 {
        return None;
    }
    let mean = mean_of(values);
    let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
    let count = values.len() as f64;
    Some((squares / (count - 1.0) / count).sqrt())
}

/// Mean after dropping `floor(n / 4)` values at each end (SciPy's `trim_mean(x, 0.25)`). Sorts in place.
fn interquartile_mean_of(values: &mut [f64]) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    let cut = values.len() / 4;
    mean_of(&values[cut..values.len() - cut])
}

/// Percentile bootstrap: 2.5 % and 97.5 % quantiles of `statistic` over resamples with replacement.
fn bootstrap_interval(
    values: &[f64],
    statistic: impl Fn(&mut [f64]) -> f64,
    resamples: usize,
    seed: u64,
) -> Result<Interval, StatisticsError> {
    if resamples == 0 {
        return Err(StatisticsError::NoResamples);
    }
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut sample = values.to_vec();
    let mut estimates: Vec<f64> = (0..resamples)
        .map(|_| {
            for slot in &mut sample {
                *slot = values[rng.random_range(0..values.len())];
            }
            statistic(&mut sample)
        })
        .collect();
    estimates.sort_unstable_by(f64::total_cmp);
    Ok(Interval { low: quantile(&estimates, 0.025), high: quantile(&estimates, 0.975) })
}

/// Quantile of sorted, non-empty values by linear interpolation (Hyndman and Fan's type 7).
pub fn quantile(sorted: &[f64], probability: f64) -> f64 {
    let position = probability * (sorted.len() - 1) as f64;
    let below = position.floor() as usize;
    let above = (below + 1).min(sorted.len() - 1);
    sorted[below] + (position - below as f64) * (sorted[above] - sorted[below])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(left: f64, right: f64, tolerance: f64) {
        assert!((left - right).abs() <= tolerance, "{left} is not {right} within {tolerance}");
    }

    #[test]
    fn mean_and_standard_error_match_their_closed_forms() {
        // 1..=5: variance 2.5, standard error sqrt(2.5 / 5).
        let summary = summarise(&[1.0, 2.0, 3.0, 4.0, 5.0], 100, 0).unwrap();
        close(summary.mean, 3.0, 1e-15);
        close(summary.standard_error.unwrap(), 0.5_f64.sqrt(), 1e-15);
        assert_eq!(summarise(&[7.0], 100, 0).unwrap().standard_error, None);
    }

    #[test]
    fn interquartile_mean_ignores_outliers_at_both_ends() {
        // floor(10 / 4) = 2 dropped at each end leaves 3..=8.
        let mut values = [1e9, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0, -1e9];
        close(interquartile_mean_of(&mut values), 5.5, 1e-15);
        close(interquartile_mean_of(&mut [4.0, 1.0, 3.0]), 8.0 / 3.0, 1e-15);
    }

    #[test]
    fn quantiles_interpolate_as_type_seven() {
        let sorted: Vec<f64> = (0..=10).map(f64::from).collect();
        close(quantile(&sorted, 0.025), 0.25, 1e-12);
        close(quantile(&sorted, 1.0), 10.0, 0.0);
        close(quantile(&[3.0], 0.975), 3.0, 0.0);
    }

    #[test]
    fn bootstrap_interval_of_the_mean_agrees_with_the_normal_one() {
        let values: Vec<f64> = (0..400).map(|i| f64::from(i * 7919 % 400)).collect();
        let summary = summarise(&values, 4000, 1).unwrap();
        let half = Z_95 * summary.standard_error.unwrap();
        close(summary.mean_interval.low, summary.mean - half, 0.06 * half);
        close(summary.mean_interval.high, summary.mean + half, 0.06 * half);
    }

    #[test]
    fn bootstrap_covers_the_true_mean_about_as_often_as_it_says() {
        // Uniform(0, 1) samples of 40: nominal 95 %, percentile bootstrap slightly below.
        let mut rng = ChaCha8Rng::seed_from_u64(3);
        let covered = (0..400)
            .filter(|&trial| {
                let values: Vec<f64> = (0..40).map(|_| rng.random_range(0.0..1.0)).collect();
                let interval = bootstrap_interval(&values, |sample| mean_of(sample), 300, trial).unwrap();
                interval.low <= 0.5 && 0.5 <= interval.high
            })
            .count();
        assert!((360..=396).contains(&covered), "{covered} of 400");
    }

    #[test]
    fn the_seed_decides_the_interval() {
        let values = [3.0, 1.0, 4.0, 1.0, 5.0, 9.0, 2.0, 6.0];
        assert_eq!(summarise(&values, 500, 11), summarise(&values, 500, 11));
        assert_ne!(summarise(&values, 500, 11), summarise(&values, 500, 12));
    }

    #[test]
    fn wilson_interval_matches_published_values() {
        // 8 of 10: 0.4902 to 0.9433; 0 of 10: upper end z^2 / (n + z^2).
        let interval = wilson_interval(8, 10).unwrap();
        close(interval.low, 0.490_162_4, 1e-6);
        close(interval.high, 0.943_317_8, 1e-6);
        let none = wilson_interval(0, 10).unwrap();
        close(none.low, 0.0, 1e-15);
        close(none.high, Z_95 * Z_95 / (10.0 + Z_95 * Z_95), 1e-15);
    }

    #[test]
    fn pairing_removes_what_the_seeds_share() {
        let right: Vec<f64> = (0..50).map(|i| f64::from(i) * 10.0).collect();
        let left: Vec<f64> = right.iter().enumerate().map(|(i, x)| x + 1.0 + (i % 2) as f64 * 0.5).collect();
        let difference = paired_difference(&left, &right, 1000, 0).unwrap();
        close(difference.mean, 1.25, 1e-12);
        assert!(difference.mean_interval.low > 1.0 && difference.mean_interval.high < 1.5);
    }

    #[test]
    fn probability_of_improvement_counts_all_pairs_and_halves_ties() {
        // Pairs of (1, 3, 5) and (3, 4): 1 wins none, 3 ties once, 5 wins twice: (0.5 + 2) / 6.
        let improvement = probability_of_improvement(&[1.0, 5.0, 3.0], &[4.0, 3.0], 2000, 0).unwrap();
        close(improvement.probability, 2.5 / 6.0, 1e-15);
        assert!(improvement.interval.low <= 0.1 && improvement.interval.high >= 0.9);
        let certain = probability_of_improvement(&[5.0, 6.0], &[1.0, 2.0, 3.0], 100, 0).unwrap();
        assert_eq!(certain, Improvement { probability: 1.0, interval: Interval { low: 1.0, high: 1.0 } });
        let same = [2.0, 7.0, 1.0, 8.0];
        close(probability_of_improvement(&same, &same, 100, 0).unwrap().probability, 0.5, 1e-15);
    }

    #[test]
    fn interval_of_the_probability_of_improvement_agrees_with_the_normal_one() {
        // Uniform values on (0.2, 1.2) against (0, 1): P = 1 - 0.8^2 / 2 = 0.68. By symmetry the variance of
        // Mann and Whitney's statistic is 2 (E[F(x)^2] - P^2) / n, up to terms of order 1 / n^2.
        let right: Vec<f64> = (0..200).map(|i| f64::from(i) / 200.0).collect();
        let left: Vec<f64> = right.iter().map(|x| x + 0.2).collect();
        // E over x of F(x)^2 with F(x) = min(x, 1), x uniform on (0.2, 1.2): (1 - 0.2^3) / 3 + 0.2.
        let twice = (1.0 - 0.2_f64.powi(3)) / 3.0 + 0.2;
        let deviation = (2.0 * (twice - 0.68 * 0.68) / 200.0).sqrt();
        let improvement = probability_of_improvement(&left, &right, 4000, 1).unwrap();
        close(improvement.probability, 0.68, 0.005);
        let half = 0.5 * (improvement.interval.high - improvement.interval.low);
        close(half, Z_95 * deviation, 0.08 * half);
    }

    #[test]
    fn what_cannot_be_summarised_is_refused() {
        assert_eq!(probability_of_improvement(&[1.0], &[], 10, 0), Err(StatisticsError::Empty));
        assert_eq!(
            probability_of_improvement(&[1.0], &[f64::INFINITY], 10, 0),
            Err(StatisticsError::NotFinite { index: 0 })
        );
        assert_eq!(probability_of_improvement(&[1.0], &[1.0], 0, 0), Err(StatisticsError::NoResamples));
        assert_eq!(summarise(&[], 10, 0), Err(StatisticsError::Empty));
        assert_eq!(summarise(&[1.0, f64::NAN], 10, 0), Err(StatisticsError::NotFinite { index: 1 }));
        assert_eq!(summarise(&[1.0], 0, 0), Err(StatisticsError::NoResamples));
        assert_eq!(
            paired_difference(&[1.0], &[], 10, 0),
            Err(StatisticsError::Unpaired { left: 1, right: 0 })
        );
        assert!(wilson_interval(0, 0).is_err());
        assert!(wilson_interval(2, 1).is_err());
    }
}
