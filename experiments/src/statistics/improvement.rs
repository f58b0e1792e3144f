//! How likely it is that one policy beats another.

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use super::{Interval, StatisticsError, check, percentile_interval, resample};

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
/// starts near the goal count on both sides alike; [`super::paired_difference`] is the sharper comparison. The
/// bootstrap draws both sides independently. Fails as [`super::summarise`].
pub fn probability_of_improvement(
    left: &[f64],
    right: &[f64],
    resamples: usize,
    seed: u64,
) -> Result<Improvement, StatisticsError> {
    probability_of_improvement_over_tasks(&[(left, right)], resamples, seed)
}

/// [`probability_of_improvement`] of several tasks, `(left, right)` each: the mean over the tasks, none of whose values
/// are compared with another's. Fails as [`super::summarise`].
pub fn probability_of_improvement_over_tasks(
    tasks: &[(&[f64], &[f64])],
    resamples: usize,
    seed: u64,
) -> Result<Improvement, StatisticsError> {
    if tasks.is_empty() {
        return Err(StatisticsError::Empty);
    }
    for (left, right) in tasks {
        check(left)?;
        check(right)?;
    }
    if resamples == 0 {
        return Err(StatisticsError::NoResamples);
    }
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut drawn: Vec<(Vec<f64>, Vec<f64>)> =
        tasks.iter().map(|(left, right)| (left.to_vec(), right.to_vec())).collect();
    let count = tasks.len() as f64;
    let probability = drawn.iter_mut().map(|(xs, ys)| share_of_wins(xs, ys)).sum::<f64>() / count;
    let estimates = (0..resamples).map(|_| {
        let mut total = 0.0;
        for ((xs, ys), (left, right)) in drawn.iter_mut().zip(tasks) {
            resample(left, xs, &mut rng);
            resample(right, ys, &mut rng);
            total += share_of_wins(xs, ys);
        }
        total / count
    });
    Ok(Improvement { interval: percentile_interval(estimates.collect()), probability })
}

/// Share of pairs in which `left` is greater, ties counting half. Sorts `right`.
fn share_of_wins(left: &[f64], right: &mut [f64]) -> f64 {
    right.sort_unstable_by(f64::total_cmp);
    let halves: usize =
        left.iter().map(|x| right.partition_point(|y| y < x) + right.partition_point(|y| y <= x)).sum();
    halves as f64 / (2 * left.len() * right.len()) as f64
}
