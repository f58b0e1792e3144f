//! What the network predicts, and how much each token's error weighs.

use serde::{Deserialize, Serialize};

use super::NoiseSchedule;

/// The quantity the network predicts for a token.
///
/// With `a = sqrt(abar)` and `s = sqrt(1 - abar)`: `x = a x0 + s e` and `v = a e - s x0`
/// (Salimans and Ho, ICLR 2022).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Target {
    /// The clean token.
    #[default]
    X0,
    /// The noise that was added.
    Noise,
    /// The velocity.
    V,
}

impl Target {
    /// `(c_x0, c_e)` with target `= c_x0 x0 + c_e e`.
    pub fn mixture(self, abar: f64) -> (f64, f64) {
        match self {
            Self::X0 => (1.0, 0.0),
            Self::Noise => (0.0, 1.0),
            Self::V => (-(1.0 - abar).sqrt(), abar.sqrt()),
        }
    }

    /// `(c_x, c_out)` with clean estimate `= c_x x + c_out output`.
    pub fn to_x0(self, abar: f64) -> (f64, f64) {
        let (a, s) = (abar.sqrt(), (1.0 - abar).sqrt());
        match self {
            Self::X0 => (0.0, 1.0),
            Self::Noise => (1.0 / a, -s / a),
            Self::V => (a, -s),
        }
    }

    /// Squared error of the target per squared error of the clean estimate.
    fn error_ratio(self, snr: f64) -> f64 {
        match self {
            Self::X0 => 1.0,
            Self::Noise => snr,
            Self::V => snr + 1.0,
        }
    }
}

/// Weight of each token's squared error.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LossWeight {
    /// Every token counts the same.
    Uniform,
    /// `min(snr, 5)` per squared error of the clean estimate (Hang et al., ICCV 2023).
    MinSnr,
    /// Min-SNR, and a token is worth more when the tokens before it are clean
    /// (Chen et al., NeurIPS 2024, appendix): see [`LossWeight::weights`].
    #[default]
    FusedSnr,
}

impl LossWeight {
    /// Clipping of the signal-to-noise ratio.
    pub const CLIP: f64 = 5.0;
    /// Decay per frame of what the tokens before tell about the next.
    pub const DECAY_PER_FRAME: f64 = 0.98;
    /// Least weight of the fused form, as a share of the largest. What noisy tokens far ahead should look like is
    /// where a plan's route is decided; at the bare ratio their errors weigh nothing.
    pub const FLOOR: f64 = 0.15;

    /// Weights for one sequence of training `levels` (in time order), each token of `frames` frames.
    ///
    /// With clipped and scaled `c_t = min(snr_t, 5) / 5` and `m_t` the exponential moving average of
    /// `c` over the tokens before `t`, the fused ratio is `1 - (1 - c_t)(1 - m_t)`: the probability that
    /// at least one of the two sources is informative. It is kept above [`Self::FLOOR`].
    pub fn weights(
        self,
        schedule: &NoiseSchedule,
        target: Target,
        levels: &[u16],
        frames: usize,
        out: &mut [f64],
    ) {
        let decay = Self::DECAY_PER_FRAME.powi(frames.min(i32::MAX as usize) as i32);
        let mut past = 0.0;
        for (weight, &level) in out.iter_mut().zip(levels) {
            let snr = schedule.snr(usize::from(level).max(1));
            let clipped = snr.min(Self::CLIP) / Self::CLIP;
            let per_x0 = match self {
                Self::Uniform => {
                    *weight = 1.0;
                    continue;
                }
                Self::MinSnr => clipped,
                Self::FusedSnr => (1.0 - (1.0 - clipped) * (1.0 - past)).max(Self::FLOOR),
            };
            past = decay * past + (1.0 - decay) * clipped;
            *weight = Self::CLIP * per_x0 / target.error_ratio(snr);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::noise::ScheduleKind;

    #[test]
    fn every_target_recovers_the_clean_token() {
        let (x0, e) = (0.7, -1.3);
        for abar in [1e-5, 0.2, 0.9, 1.0 - 1e-9] {
            let x = f64::sqrt(abar) * x0 + f64::sqrt(1.0 - abar) * e;
            for target in [Target::X0, Target::Noise, Target::V] {
                let (c0, ce) = target.mixture(abar);
                let (cx, cout) = target.to_x0(abar);
                assert!((cx * x + cout * (c0 * x0 + ce * e) - x0).abs() < 1e-9, "{target:?} at {abar}");
            }
        }
    }

    #[test]
    fn min_snr_weighs_the_clean_error_alike_for_every_target() {
        let schedule = NoiseSchedule::new(ScheduleKind::Cosine, 1000).unwrap();
        let levels = [1, 100, 500, 999];
        let mut x0 = [0.0; 4];
        LossWeight::MinSnr.weights(&schedule, Target::X0, &levels, 1, &mut x0);
        for target in [Target::Noise, Target::V] {
            let mut other = [0.0; 4];
            LossWeight::MinSnr.weights(&schedule, target, &levels, 1, &mut other);
            for (t, &level) in levels.iter().enumerate() {
                // |output error| = |d output / d x0hat| |x0hat error|, from to_x0.
                let slope = 1.0 / target.to_x0(schedule.abar(usize::from(level))).1;
                assert!((other[t] * slope * slope - x0[t]).abs() < 1e-6 * x0[t], "{target:?} level {level}");
            }
        }
        assert!((x0[0] - 5.0).abs() < 1e-12 && x0[3] < 1e-3);
    }

    #[test]
    fn a_noisy_token_is_worth_more_after_a_clean_past() {
        let schedule = NoiseSchedule::new(ScheduleKind::Cosine, 1000).unwrap();
        let (mut clean, mut noisy) = ([0.0; 5], [0.0; 5]);
        LossWeight::FusedSnr.weights(&schedule, Target::X0, &[1, 1, 1, 1, 800], 10, &mut clean);
        LossWeight::FusedSnr.weights(&schedule, Target::X0, &[1000, 1000, 1000, 1000, 800], 10, &mut noisy);
        assert!(clean[4] > 2.0 * noisy[4]);
        // After noise it is the token's own ratio that counts, but never less than the floor.
        assert!((noisy[4] - LossWeight::CLIP * LossWeight::FLOOR).abs() < 1e-12, "{}", noisy[4]);
        LossWeight::FusedSnr.weights(&schedule, Target::X0, &[1000, 1000, 1000, 1000, 500], 10, &mut noisy);
        assert!((noisy[4] - schedule.snr(500)).abs() < 1e-3, "{}", noisy[4]);
    }
}
