//! The figures held against those of PyPI's rliable on the same scores (`interop/rliable_check.py`).

use serde::Deserialize;

use super::improvement::probability_of_improvement_over_tasks;
use super::*;
use crate::picture::share_above;

const GOLDEN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/interop/rliable.json");

#[derive(Deserialize)]
struct Golden {
    resamples: usize,
    /// Runs of each task.
    scores: Policies,
    levels: Vec<f64>,
    groups: Vec<Group>,
}

#[derive(Deserialize)]
struct Policies {
    x: Vec<Vec<f64>>,
    y: Vec<Vec<f64>>,
}

#[derive(Deserialize)]
struct Group {
    tasks: Vec<usize>,
    mean: Figure,
    interquartile_mean: Figure,
    probability_of_improvement: Figure,
    profile: Profiles,
}

#[derive(Deserialize)]
struct Profiles {
    x: Vec<f64>,
    y: Vec<f64>,
}

#[derive(Deserialize)]
struct Figure {
    value: f64,
    /// Where the ends of the interval may lie: four standard errors of the difference of two bootstrap quantiles, as
    /// the script derives them.
    low_band: [f64; 2],
    high_band: [f64; 2],
}

impl Figure {
    #[track_caller]
    fn agrees(&self, value: f64, interval: Interval, what: &str) {
        close(value, self.value, what);
        for (end, [from, to]) in [(interval.low, self.low_band), (interval.high, self.high_band)] {
            assert!((from..=to).contains(&end), "{what}: {end} is not in [{from}, {to}]");
            assert!(
                to - from < 0.2 * (self.high_band[1] - self.low_band[0]),
                "{what}: a band too wide to tell"
            );
        }
    }
}

#[track_caller]
fn close(found: f64, wanted: f64, what: &str) {
    assert!((found - wanted).abs() <= 1e-9, "{what}: {found} is not {wanted}");
}

fn golden() -> Golden {
    serde_json::from_str(&std::fs::read_to_string(GOLDEN).unwrap()).unwrap()
}

#[test]
fn means_improvement_and_intervals_are_those_of_rliable() {
    let golden = golden();
    assert_eq!(golden.groups.iter().map(|group| group.tasks.len()).collect::<Vec<_>>(), [1, 1, 1, 3]);
    for group in &golden.groups {
        let of = |scores: &'_ [Vec<f64>]| -> Vec<Vec<f64>> {
            group.tasks.iter().map(|&task| scores[task].clone()).collect()
        };
        let (x, y) = (of(&golden.scores.x), of(&golden.scores.y));
        let tasks: Vec<&[f64]> = x.iter().map(Vec::as_slice).collect();
        let summary = summarise_tasks(&tasks, golden.resamples, 7).unwrap();
        group.mean.agrees(summary.mean, summary.mean_interval.unwrap(), "mean");
        let (value, interval) = (summary.interquartile_mean, summary.interquartile_mean_interval);
        group.interquartile_mean.agrees(value, interval.unwrap(), "interquartile mean");
        let pairs: Vec<(&[f64], &[f64])> = tasks.iter().copied().zip(y.iter().map(Vec::as_slice)).collect();
        let found = probability_of_improvement_over_tasks(&pairs, golden.resamples, 7).unwrap();
        group.probability_of_improvement.agrees(found.probability, found.interval, "improvement");
    }
}

#[test]
fn profiles_are_those_of_rliable() {
    let golden = golden();
    for group in &golden.groups {
        let policies = [(&golden.scores.x, &group.profile.x), (&golden.scores.y, &group.profile.y)];
        for (scores, shares) in policies {
            let all: Vec<f64> = group.tasks.iter().flat_map(|&task| scores[task].clone()).collect();
            assert_eq!(shares.len(), golden.levels.len());
            for (level, share) in golden.levels.iter().zip(shares) {
                close(share_above(&all, *level), *share, "profile");
            }
        }
    }
}
