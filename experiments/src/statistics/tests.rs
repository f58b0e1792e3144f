//! The figures against closed forms and published values.

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
    let interval = summary.mean_interval.unwrap();
    close(interval.low, summary.mean - half, 0.06 * half);
    close(interval.high, summary.mean + half, 0.06 * half);
}

#[test]
fn bootstrap_covers_the_true_mean_about_as_often_as_it_says() {
    // Uniform(0, 1) samples of 40: nominal 95 %, percentile bootstrap slightly below.
    let mut rng = ChaCha8Rng::seed_from_u64(3);
    let covered = (0..400)
        .filter(|&trial| {
            let values: Vec<f64> = (0..40).map(|_| rng.random_range(0.0..1.0)).collect();
            let interval = bootstrap_interval(&[&values], |sample| mean_of(sample), 300, trial).unwrap();
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
    let interval = difference.mean_interval.unwrap();
    assert!(interval.low > 1.0 && interval.high < 1.5);
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
fn a_single_value_has_no_interval() {
    let single = summarise(&[7.0], 100, 0).unwrap();
    assert_eq!(
        (single.mean_interval, single.interquartile_mean_interval, single.standard_error),
        (None, None, None)
    );
    assert_eq!(single.bar(), Interval { low: 7.0, high: 7.0 });
    assert!(summarise(&[7.0, 7.0], 100, 0).unwrap().mean_interval.is_some());
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
    assert_eq!(paired_difference(&[1.0], &[], 10, 0), Err(StatisticsError::Unpaired { left: 1, right: 0 }));
    assert!(wilson_interval(0, 0).is_err());
    assert!(wilson_interval(2, 1).is_err());
}

#[test]
fn tasks_keep_their_own_values_in_every_resample() {
    // Two tasks far apart, each all alike: nothing is uncertain once the tasks are fixed. Pooled it would be.
    let (low, high) = ([1.0; 20], [9.0; 20]);
    let summary = summarise_tasks(&[&low, &high], 500, 0).unwrap();
    assert_eq!((summary.count, summary.mean, summary.standard_error), (40, 5.0, Some(0.0)));
    assert_eq!(summary.mean_interval, Some(Interval { low: 5.0, high: 5.0 }));
    let pooled = summarise(&[low, high].concat(), 500, 0).unwrap();
    let interval = pooled.mean_interval.unwrap();
    assert!(interval.high - interval.low > 1.0, "{pooled:?}");
    // Unequal tasks: the variance of a mean of 4 and 2 values is (4^2 s^2 / 4 + 2^2 t^2 / 2) / 6^2.
    let summary = summarise_tasks(&[&[1.0, 2.0, 3.0, 4.0], &[0.0, 2.0]], 10, 0).unwrap();
    close(summary.standard_error.unwrap(), ((4.0 * 5.0 / 3.0 + 2.0 * 2.0) / 36.0_f64).sqrt(), 1e-15);
    let improvement = improvement::probability_of_improvement_over_tasks;
    let both = improvement(&[(&low, &high), (&high, &low)], 100, 0).unwrap();
    assert_eq!(both, Improvement { probability: 0.5, interval: Interval { low: 0.5, high: 0.5 } });
    assert_eq!(summarise_tasks(&[], 10, 0), Err(StatisticsError::Empty));
    assert_eq!(summarise_tasks(&[&low, &[]], 10, 0), Err(StatisticsError::Empty));
    assert_eq!(improvement(&[], 10, 0), Err(StatisticsError::Empty));
}
