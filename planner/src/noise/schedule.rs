//! Noise schedules: signal power per training level.

use serde::{Deserialize, Serialize};

use crate::PlannerError;

/// Largest share of the signal that one step of a product may take, so that few levels fall strictly as well.
const MOST_VARIANCE: f64 = 0.999;

/// Shape of the schedule.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ScheduleKind {
    /// Linear variances (Ho et al., NeurIPS 2020), scaled to the number of levels.
    Linear,
    /// Squared cosine (Nichol and Dhariwal, ICML 2021).
    #[default]
    Cosine,
    /// Sigmoid with start -3, end 3 (Jabri et al., ICML 2023).
    Sigmoid,
    /// The linear variances as the product that code takes, `prod (1 - beta)` with `beta` from `0.1 / K` to `20 / K`: those
    /// of networks that were trained elsewhere, the authors' among them. Up to 0.002 from [`Self::Linear`].
    Ddpm,
}

/// Signal power `abar(k)` for the training levels `k = 0..=K`.
///
/// `x^k = sqrt(abar(k)) x + sqrt(1 - abar(k)) e` with `e` standard normal. Level 0 is clean
/// (`abar = 1` exactly) and `abar` falls strictly with `k`. The last levels are kept above
/// [`NoiseSchedule::FLOOR`], so that a clean estimate can always be recovered from a noise estimate.
#[derive(Clone, Debug, PartialEq)]
pub struct NoiseSchedule {
    abar: Vec<f64>,
}

impl NoiseSchedule {
    /// Signal power of pure noise. Its amplitude, 0.003, is far below what a network resolves.
    pub const FLOOR: f64 = 1e-5;

    /// Schedule with `levels` noise levels above the clean one.
    ///
    /// # Errors
    /// [`PlannerError::Setting`] for fewer than 2 levels or more than 65535.
    pub fn new(kind: ScheduleKind, levels: usize) -> Result<Self, PlannerError> {
        if !(2..=usize::from(u16::MAX)).contains(&levels) {
            return Err(PlannerError::Setting {
                name: "model.levels",
                value: levels.to_string(),
                remedy: "between 2 and 65535 noise levels are accepted".into(),
            });
        }
        let raw = match kind {
            ScheduleKind::Ddpm => product(levels),
            _ => (0..=levels).map(|k| signal(kind, k as f64 / levels as f64)).collect(),
        };
        // An affine map onto [floor, 1] keeps the order strict where a clamp would flatten the tail.
        let (first, last) = (raw[0], raw[levels]);
        let floor = last.max(Self::FLOOR);
        let abar = raw.iter().map(|a| floor + (a - last) * (1.0 - floor) / (first - last)).collect();
        Ok(Self { abar })
    }

    /// Number of levels above the clean one (`K`).
    pub fn levels(&self) -> usize {
        self.abar.len() - 1
    }

    /// Signal power of level `k`; levels past `K` count as `K`.
    pub fn abar(&self, k: usize) -> f64 {
        self.abar[k.min(self.levels())]
    }

    /// Signal-to-noise ratio `abar / (1 - abar)`; infinite at level 0.
    pub fn snr(&self, k: usize) -> f64 {
        let abar = self.abar(k);
        abar / (1.0 - abar)
    }

    /// Training level of sampling level `s` out of `sampling_levels` (`0` to `0`, the last to `K`).
    pub fn training_level(&self, s: usize, sampling_levels: usize) -> usize {
        // In a width that holds the product of any two counts.
        let (s, levels, of) = (s as u128, self.levels() as u128, sampling_levels as u128);
        usize::try_from((s * levels + of / 2) / of.max(1)).unwrap_or(usize::MAX)
    }
}

/// Signal power after each of `levels` steps, whose variances rise evenly from `0.1 / K` to `20 / K`, one at most.
fn product(levels: usize) -> Vec<f64> {
    let (first, last) = (0.1 / levels as f64, 20.0 / levels as f64);
    let beta = |k: usize| first + (last - first) * k as f64 / (levels - 1) as f64;
    let mut raw = vec![1.0];
    raw.extend((0..levels).scan(1.0, |abar, k| {
        *abar *= 1.0 - beta(k).min(MOST_VARIANCE);
        Some(*abar)
    }));
    raw
}

/// Unfloored signal power at `u = k / levels`; that of [`ScheduleKind::Ddpm`] as its integral.
fn signal(kind: ScheduleKind, u: f64) -> f64 {
    match kind {
        ScheduleKind::Linear | ScheduleKind::Ddpm => {
            // The product of (1 - beta) over beta from 1e-4 to 0.02 in 1000 steps, as an integral, so that
            // the noise at a given fraction of the schedule does not depend on the number of levels.
            let steps = 1000.0;
            (-steps * (1e-4 * u + 0.5 * (0.02 - 1e-4) * u * u)).exp()
        }
        ScheduleKind::Cosine => {
            let offset = 0.008;
            let cosine = |v: f64| ((v + offset) / (1.0 + offset) * std::f64::consts::FRAC_PI_2).cos().powi(2);
            cosine(u) / cosine(0.0)
        }
        ScheduleKind::Sigmoid => {
            let sigmoid = |v: f64| 1.0 / (1.0 + (-v).exp());
            let (start, end) = (-3.0, 3.0);
            (sigmoid(end) - sigmoid(u * (end - start) + start)) / (sigmoid(end) - sigmoid(start))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KINDS: [ScheduleKind; 4] =
        [ScheduleKind::Linear, ScheduleKind::Cosine, ScheduleKind::Sigmoid, ScheduleKind::Ddpm];

    #[test]
    fn signal_falls_strictly_from_one_to_the_floor() {
        for kind in KINDS {
            for levels in [2, 50, 1000] {
                let schedule = NoiseSchedule::new(kind, levels).unwrap();
                assert!((schedule.abar(0) - 1.0).abs() < 1e-15, "{kind:?}");
                assert!((1..=levels).all(|k| schedule.abar(k) < schedule.abar(k - 1)), "{kind:?} {levels}");
                assert!(
                    schedule.abar(levels) >= NoiseSchedule::FLOOR && schedule.abar(levels) < 1e-3,
                    "{kind:?}"
                );
            }
        }
    }

    #[test]
    fn linear_schedule_agrees_with_the_discrete_product() {
        let schedule = NoiseSchedule::new(ScheduleKind::Linear, 1000).unwrap();
        let mut product = 1.0;
        for k in 1..=1000 {
            product *= 1.0 - (1e-4 + (0.02 - 1e-4) * (k - 1) as f64 / 999.0);
            assert!(
                (schedule.abar(k) - product).abs() < 2e-3,
                "level {k}: {} and {product}",
                schedule.abar(k)
            );
        }
    }

    /// Ho et al., NeurIPS 2020: a thousand variances from 1e-4 to 0.02, and nothing of the signal kept by a floor.
    #[test]
    fn the_product_is_the_products() {
        let schedule = NoiseSchedule::new(ScheduleKind::Ddpm, 1000).unwrap();
        let product =
            |k: usize| -> f64 { (0..k).map(|i| 1.0 - (1e-4 + (0.02 - 1e-4) * i as f64 / 999.0)).product() };
        for k in [1, 10, 20, 500, 1000] {
            assert!((schedule.abar(k) / product(k) - 1.0).abs() < 1e-12, "level {k}");
        }
    }

    #[test]
    fn cosine_schedule_at_half_time() {
        let schedule = NoiseSchedule::new(ScheduleKind::Cosine, 1000).unwrap();
        let cosine = |v: f64| ((v + 0.008) / 1.008 * std::f64::consts::FRAC_PI_2).cos().powi(2);
        assert!((schedule.abar(500) - cosine(0.5) / cosine(0.0)).abs() < 2e-5);
    }

    #[test]
    fn sampling_levels_span_the_training_levels() {
        let schedule = NoiseSchedule::new(ScheduleKind::Cosine, 1000).unwrap();
        assert_eq!(schedule.training_level(0, 50), 0);
        assert_eq!(schedule.training_level(50, 50), 1000);
        assert!((1..=7).all(|s| schedule.training_level(s, 7) > schedule.training_level(s - 1, 7)));
    }

    #[test]
    fn too_few_levels_are_refused() {
        assert!(NoiseSchedule::new(ScheduleKind::Cosine, 1).is_err());
    }
}
