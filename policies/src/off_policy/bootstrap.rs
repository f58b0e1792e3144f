//! Intervals by drawing episodes anew.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use crate::PolicyError;

/// How the ends of an interval are read off the resampled values.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BootstrapKind {
    /// Their quantiles (Efron & Tibshirani 1993, ch. 13).
    Percentile,
    /// Their quantiles, moved by how far the middle is off and how the spread changes with the value (bias-corrected and
    /// accelerated; Efron 1987): what few episodes with uneven weights ask for.
    #[default]
    Bca,
}

/// A bootstrap over episodes.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Bootstrap {
    /// Resamples. 1000: the ends of a 95 % interval then move by a tenth of a standard error from seed to seed.
    pub resamples: usize,
    /// See [`BootstrapKind`].
    pub kind: BootstrapKind,
    /// Nominal coverage.
    pub level: f64,
    /// Seed of the draws.
    pub seed: u64,
}

impl Default for Bootstrap {
    fn default() -> Self {
        Self { resamples: 1000, kind: BootstrapKind::Bca, level: 0.95, seed: 0 }
    }
}

/// An interval, both ends included.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Interval {
    /// Lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
}

impl Interval {
    /// Whether a value lies in it.
    pub fn holds(&self, value: f64) -> bool {
        self.low <= value && value <= self.high
    }
}

impl Bootstrap {
    /// # Errors
    /// [`PolicyError::Setting`] naming what is out of range.
    pub fn check(&self) -> Result<(), PolicyError> {
        let refuse = |name, value: String, remedy: &str| {
            Err(PolicyError::Setting { name, value, remedy: remedy.to_owned() })
        };
        if !(20..=1_000_000).contains(&self.resamples) {
            return refuse("bootstrap.resamples", self.resamples.to_string(), "give 20 to 1000000");
        }
        if !(self.level > 0.0 && self.level < 1.0) {
            return refuse("bootstrap.level", self.level.to_string(), "give a share between 0 and 1");
        }
        Ok(())
    }

    /// Interval of a statistic of `episodes` episodes. The statistic is given how often each of them counts, numbers that
    /// add up to their number: all 1 is the data as they are.
    ///
    /// # Errors
    /// [`Self::check`]; [`PolicyError::NonFinite`] where the statistic has no value on a resample; one episode alone says
    /// nothing of how far they spread, and is refused.
    pub fn interval(
        &self,
        episodes: usize,
        statistic: &dyn Fn(&[f64]) -> f64,
    ) -> Result<Interval, PolicyError> {
        self.check()?;
        if episodes < 2 {
            let remedy = "an interval needs at least two episodes: collect more".to_owned();
            return Err(PolicyError::Setting { name: "episodes", value: episodes.to_string(), remedy });
        }
        let mut rng = ChaCha8Rng::seed_from_u64(self.seed);
        let mut counts = vec![0.0; episodes];
        let mut values = Vec::with_capacity(self.resamples);
        for index in 0..self.resamples {
            counts.fill(0.0);
            for _ in 0..episodes {
                if let Some(count) = counts.get_mut(rng.random_range(0..episodes)) {
                    *count += 1.0;
                }
            }
            let value = statistic(&counts);
            if !value.is_finite() {
                return Err(PolicyError::NonFinite { what: "resampled value", index, value });
            }
            values.push(value);
        }
        values.sort_by(f64::total_cmp);
        let tail = 0.5 * (1.0 - self.level);
        let [low, high] = match self.kind {
            BootstrapKind::Percentile => [tail, 1.0 - tail],
            BootstrapKind::Bca => self.corrected(episodes, statistic, &values, tail),
        };
        Ok(Interval { low: quantile(&values, low), high: quantile(&values, high) })
    }

    /// Shares at which the bias-corrected and accelerated interval ends (Efron 1987, eq. 2.3).
    fn corrected(
        &self,
        episodes: usize,
        statistic: &dyn Fn(&[f64]) -> f64,
        sorted: &[f64],
        tail: f64,
    ) -> [f64; 2] {
        let whole = statistic(&vec![1.0; episodes]);
        // Ties count half, so that a statistic that hardly moves is not taken for one that is off.
        let below = sorted.iter().filter(|value| **value < whole).count() as f64;
        let equal = sorted.iter().filter(|value| value.total_cmp(&whole).is_eq()).count() as f64;
        let share = (below + 0.5 * equal) / sorted.len() as f64;
        let least = 0.5 / sorted.len() as f64;
        let off = normal_quantile(share.clamp(least, 1.0 - least));
        let without = episodes as f64 / (episodes - 1) as f64;
        let mut counts = vec![without; episodes];
        let mut left_out = Vec::with_capacity(episodes);
        for episode in 0..episodes {
            if let Some(count) = counts.get_mut(episode) {
                *count = 0.0;
            }
            left_out.push(statistic(&counts));
            if let Some(count) = counts.get_mut(episode) {
                *count = without;
            }
        }
        let mean = left_out.iter().sum::<f64>() / episodes as f64;
        let power = |n: i32| left_out.iter().map(|value| (mean - value).powi(n)).sum::<f64>();
        let spread = 6.0 * power(2).powf(1.5);
        let acceleration = if spread > 0.0 && spread.is_finite() { power(3) / spread } else { 0.0 };
        [tail, 1.0 - tail].map(|share| {
            let z = off + normal_quantile(share);
            let end = normal_share(off + z / (1.0 - acceleration * z));
            if end.is_finite() { end } else { share }
        })
    }
}

/// Linear between order statistics (type 7, R's default).
fn quantile(sorted: &[f64], share: f64) -> f64 {
    let at = share.clamp(0.0, 1.0) * sorted.len().saturating_sub(1) as f64;
    let value = |index: f64| sorted.get(index as usize).copied().unwrap_or(f64::NAN);
    let (low, high) = (value(at.floor()), value(at.ceil()));
    low + (at - at.floor()) * (high - low)
}

/// Share of a standard normal distribution below `z` (Abramowitz & Stegun 1964, eq. 26.2.17, error below 7.5e-8).
fn normal_share(z: f64) -> f64 {
    const TERMS: [f64; 5] = [0.319_381_530, -0.356_563_782, 1.781_477_937, -1.821_255_978, 1.330_274_429];
    let t = 1.0 / (1.0 + 0.231_641_9 * z.abs());
    let series = TERMS.iter().rev().fold(0.0, |sum, term| (sum + term) * t);
    let above = (-0.5 * z * z).exp() / (2.0 * std::f64::consts::PI).sqrt() * series;
    if z < 0.0 { above } else { 1.0 - above }
}

/// The inverse of [`normal_share`], by bisection: it is asked for three times an interval.
pub(super) fn normal_quantile(share: f64) -> f64 {
    let (mut low, mut high) = (-9.0, 9.0);
    for _ in 0..60 {
        let middle = 0.5 * (low + high);
        if normal_share(middle) < share {
            low = middle;
        } else {
            high = middle;
        }
    }
    0.5 * (low + high)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand_distr::{Distribution, Exp1};

    fn mean_of<'a>(values: &'a [f64]) -> impl Fn(&[f64]) -> f64 + 'a {
        move |counts| counts.iter().zip(values).map(|(c, x)| c * x).sum::<f64>() / values.len() as f64
    }

    #[test]
    fn normal_quantiles_are_those_of_the_tables() {
        for (share, z) in [(0.975, 1.959_964), (0.5, 0.0), (0.05, -1.644_854), (0.999, 3.090_232)] {
            // An error of 7.5e-8 in the share, over the density there, which is 0.0034 at the last.
            assert!((normal_quantile(share) - z).abs() < 3e-5, "{share}");
        }
    }

    #[test]
    fn a_mean_of_normal_values_has_the_interval_of_the_central_limit() {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let values: Vec<f64> = (0..400).map(|_| rng.sample::<f64, _>(rand_distr::StandardNormal)).collect();
        let mean = values.iter().sum::<f64>() / 400.0;
        let spread = (values.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / 400.0).sqrt();
        for kind in [BootstrapKind::Percentile, BootstrapKind::Bca] {
            let bootstrap = Bootstrap { resamples: 4000, kind, ..Bootstrap::default() };
            let found = bootstrap.interval(400, &mean_of(&values)).unwrap();
            let half = 1.959_964 * spread / 20.0;
            // An end is a quantile of 4000 draws: 0.04 standard errors; four of these, and the skewness of 400 values.
            let near = 0.2 * spread / 20.0;
            assert!((found.low - (mean - half)).abs() < near && (found.high - (mean + half)).abs() < near);
        }
    }

    /// Of skewed values BCa moves the interval towards the long tail; percentile intervals do not.
    #[test]
    fn bca_leans_towards_the_long_tail() {
        let mut rng = ChaCha8Rng::seed_from_u64(3);
        let values: Vec<f64> = (0..30).map(|_| Exp1.sample(&mut rng)).collect();
        let of = |kind| {
            let bootstrap = Bootstrap { resamples: 4000, kind, ..Bootstrap::default() };
            bootstrap.interval(30, &mean_of(&values)).unwrap()
        };
        let (plain, moved) = (of(BootstrapKind::Percentile), of(BootstrapKind::Bca));
        assert!(moved.low > plain.low && moved.high > plain.high, "{plain:?} {moved:?}");
    }

    #[test]
    fn what_says_nothing_is_refused() {
        let bootstrap = Bootstrap::default();
        assert!(bootstrap.interval(1, &|_| 0.0).unwrap_err().to_string().contains("two episodes"));
        assert!(bootstrap.interval(5, &|_| f64::NAN).is_err());
        assert!(Bootstrap { resamples: 3, ..bootstrap }.interval(5, &|_| 0.0).is_err());
        assert!(Bootstrap { level: 1.0, ..bootstrap }.interval(5, &|_| 0.0).is_err());
        let constant = bootstrap.interval(5, &|_| 2.5).unwrap();
        assert_eq!((constant.low, constant.high), (2.5, 2.5));
    }
}
