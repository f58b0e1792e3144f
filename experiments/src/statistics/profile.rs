//! Performance profiles, with bands.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::{Interval, StatisticsError, check, percentile_interval};

/// Share of the scores above each of `levels`, with its 95 % interval: a performance profile (Agarwal et al. 2021, section 4.1),
/// all runs of all tasks counted together. The bootstrap draws every task's scores anew from that task's own; bands are
/// pointwise. Fails as [`super::summarise_tasks`].
pub fn performance_profile(
    tasks: &[&[f64]],
    levels: &[f64],
    resamples: usize,
    seed: u64,
) -> Result<Vec<(f64, Interval)>, StatisticsError> {
    if tasks.is_empty() {
        return Err(StatisticsError::Empty);
    }
    tasks.iter().try_for_each(|values| check(values))?;
    if resamples == 0 {
        return Err(StatisticsError::NoResamples);
    }
    let mut sorted = levels.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    // How many of the levels each score lies above: all that a resample needs to know of it.
    let passed: Vec<Vec<usize>> = tasks
        .iter()
        .map(|values| values.iter().map(|value| sorted.partition_point(|level| level < value)).collect())
        .collect();
    let all = tasks.iter().map(|values| values.len()).sum::<usize>() as f64;
    // Share above the level with so many levels below it: of the scores that pass that one as well.
    let shares = |counts: &[usize]| -> Vec<f64> {
        let mut above = 0;
        let mut shares: Vec<f64> = counts
            .iter()
            .skip(1)
            .rev()
            .map(|count| {
                above += count;
                above as f64 / all
            })
            .collect();
        shares.reverse();
        shares
    };
    let mut counts = vec![0; sorted.len() + 1];
    let mut count = |passed: &mut dyn Iterator<Item = usize>| -> Vec<f64> {
        counts.fill(0);
        for levels in passed {
            if let Some(count) = counts.get_mut(levels) {
                *count += 1;
            }
        }
        shares(&counts)
    };
    let whole = count(&mut passed.iter().flatten().copied());
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut drawn: Vec<Vec<f64>> = vec![Vec::with_capacity(resamples); sorted.len()];
    for _ in 0..resamples {
        let mut draw = passed.iter().flat_map(|own| {
            let draws: Vec<usize> = own
                .iter()
                .map(|_| own.get(rng.random_range(0..own.len())).copied().unwrap_or_default())
                .collect();
            draws
        });
        for (to, share) in drawn.iter_mut().zip(count(&mut draw)) {
            to.push(share);
        }
    }
    let found: Vec<(f64, Interval)> =
        whole.into_iter().zip(drawn.into_iter().map(percentile_interval)).collect();
    // In the order in which the levels were given.
    let place = |level: &f64| sorted.partition_point(|other| other.total_cmp(level).is_lt());
    levels.iter().map(|level| found.get(place(level)).copied().ok_or(StatisticsError::Empty)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::statistics::Z_95;

    #[test]
    fn shares_are_those_of_the_step_curve() {
        let profile =
            performance_profile(&[&[20.0, 10.0], &[0.0, 10.0]], &[10.0, -1.0, 0.0, 9.0, 20.0], 50, 0)
                .unwrap();
        let shares: Vec<f64> = profile.iter().map(|(share, _)| *share).collect();
        // Above, and not at, the level.
        assert_eq!(shares, [0.25, 1.0, 0.75, 0.75, 0.0]);
        for (level, share) in [10.0, -1.0, 0.0, 9.0, 20.0].iter().zip(&shares) {
            assert!((crate::picture::share_above(&[20.0, 10.0, 0.0, 10.0], *level) - share).abs() < 1e-15);
        }
    }

    #[test]
    fn bands_are_those_of_a_proportion() {
        // 400 scores, 30 % of them above 70: a share of so many draws has a standard error of sqrt(p (1 - p) / n).
        let scores: Vec<f64> = (1..=400).map(|i| f64::from(i) / 4.0).collect();
        let profile = performance_profile(&[&scores], &[70.0], 4000, 1).unwrap();
        let (share, Interval { low, high }) = profile[0];
        assert!((share - 0.3).abs() < 1e-12);
        let half = Z_95 * (0.3_f64 * 0.7 / 400.0).sqrt();
        // Ends are multiples of 1/400 and quantiles of 4000 draws: one step, and 0.04 standard errors four times over.
        let near = 1.0 / 400.0 + 0.16 * half / Z_95;
        assert!((low - (0.3 - half)).abs() < near && (high - (0.3 + half)).abs() < near, "{low} {high}");
    }

    #[test]
    fn tasks_keep_their_own_scores_and_the_seed_decides() {
        let (low, high) = ([1.0; 20], [9.0; 20]);
        let (share, band) = performance_profile(&[&low, &high], &[5.0], 300, 0).unwrap()[0];
        assert_eq!((share, band), (0.5, Interval { low: 0.5, high: 0.5 }), "what is fixed has no spread");
        let both = [low, high].concat();
        let pooled = performance_profile(&[&both], &[5.0], 300, 0).unwrap();
        assert!(pooled[0].1.high - pooled[0].1.low > 0.2);
        assert_eq!(pooled, performance_profile(&[&both], &[5.0], 300, 0).unwrap());
        let mut other = both.clone();
        other[0] = 9.0;
        assert_ne!(pooled, performance_profile(&[&other], &[5.0], 300, 0).unwrap());
    }

    #[test]
    fn what_has_no_profile_is_refused() {
        assert_eq!(performance_profile(&[], &[0.0], 10, 0), Err(StatisticsError::Empty));
        assert_eq!(performance_profile(&[&[1.0], &[]], &[0.0], 10, 0), Err(StatisticsError::Empty));
        assert_eq!(
            performance_profile(&[&[f64::NAN]], &[0.0], 10, 0),
            Err(StatisticsError::NotFinite { index: 0 })
        );
        assert_eq!(performance_profile(&[&[1.0]], &[0.0], 0, 0), Err(StatisticsError::NoResamples));
        assert_eq!(performance_profile(&[&[1.0]], &[], 10, 0), Ok(Vec::new()));
    }
}
