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
    /// The clean token, of outcomes less what linear dynamics of the data say of them, given the estimate of what comes
    /// before and the token's own actions, in deviations from there ([`crate::Preconditioning`]).
    Residual,
}

impl Target {
    /// `(c_x, c_out)` with clean estimate `= c_x x + c_out output`, where dynamics have no say.
    pub fn to_x0(self, abar: f64) -> (f64, f64) {
        let (a, s) = (abar.sqrt(), (1.0 - abar).sqrt());
        match self {
            Self::X0 | Self::Residual => (0.0, 1.0),
            Self::Noise => (1.0 / a, -s / a),
            Self::V => (a, -s),
        }
    }
}

/// Weight of each squared error of a clean estimate. With [`Target::Residual`] those by signal-to-noise are divided by the
/// deviation in which the slot is answered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LossWeight {
    /// Every answer of the network counts the same.
    Uniform,
    /// `min(snr, 5)` (Hang et al., ICCV 2023).
    MinSnr,
    /// Min-SNR, and a token is worth more when what it follows from is clean: the tokens before it (Chen et al.,
    /// NeurIPS 2024, appendix), and for outcomes its decisions, for decisions its outcomes: see
    /// [`LossWeight::weights`].
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

    /// Weights for one sequence of training `levels`, in time order: `halves` of each block of frames, each block of
    /// `frames` frames. One half is a token with one level, two are decisions and outcomes.
    ///
    /// With clipped and scaled `c = min(snr, 5) / 5` of each half and `m` the exponential moving average of the
    /// outcomes' over the blocks before, the fused ratio is `1 - (1 - c_a)(1 - c_o)(1 - m)`: the probability that
    /// at least one source is informative. It is kept above [`Self::FLOOR`].
    pub fn weights(
        self,
        schedule: &NoiseSchedule,
        levels: &[u16],
        halves: usize,
        frames: f64,
        out: &mut [f64],
    ) {
        let decay = Self::DECAY_PER_FRAME.powf(frames);
        let clipped = |level: &u16| schedule.snr(usize::from(*level).max(1)).min(Self::CLIP) / Self::CLIP;
        let mut past = 0.0;
        for (weights, levels) in out.chunks_mut(halves.max(1)).zip(levels.chunks(halves.max(1))) {
            let open = levels.iter().map(|level| 1.0 - clipped(level)).product::<f64>();
            let fused = (1.0 - open * (1.0 - past)).max(Self::FLOOR);
            for (weight, level) in weights.iter_mut().zip(levels) {
                *weight = match self {
                    Self::Uniform => 1.0,
                    Self::MinSnr => Self::CLIP * clipped(level),
                    Self::FusedSnr => Self::CLIP * fused,
                };
            }
            past = decay * past + (1.0 - decay) * levels.last().map_or(0.0, clipped);
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
            let v = f64::sqrt(abar) * e - f64::sqrt(1.0 - abar) * x0;
            for (target, answer) in [(Target::X0, x0), (Target::Noise, e), (Target::V, v)] {
                let (cx, cout) = target.to_x0(abar);
                assert!((cx * x + cout * answer - x0).abs() < 1e-9, "{target:?} at {abar}");
            }
        }
    }

    #[test]
    fn min_snr_falls_with_the_level() {
        let schedule = NoiseSchedule::new(ScheduleKind::Cosine, 1000).unwrap();
        let mut weights = [0.0; 4];
        LossWeight::MinSnr.weights(&schedule, &[1, 100, 500, 999], 1, 1.0, &mut weights);
        assert!((weights[0] - 5.0).abs() < 1e-12 && weights[3] < 1e-3);
        assert!((weights[2] - schedule.snr(500)).abs() < 1e-12);
    }

    #[test]
    fn an_outcome_is_worth_more_when_its_decision_is_clean_and_the_other_way_round() {
        let schedule = NoiseSchedule::new(ScheduleKind::Cosine, 1000).unwrap();
        let mut weights = [0.0; 6];
        let levels = [1000, 1000, 1, 1000, 1000, 1];
        LossWeight::FusedSnr.weights(&schedule, &levels, 2, 5.0, &mut weights);
        let (full, floor) = (LossWeight::CLIP, LossWeight::CLIP * LossWeight::FLOOR);
        for (found, want) in weights.iter().zip([floor, floor, full, full, full, full]) {
            assert!((found - want).abs() < 1e-3, "{weights:?}");
        }
        // A clean decision alone says little of what comes after its block.
        LossWeight::FusedSnr.weights(&schedule, &[1, 1000, 1000, 1000, 1, 1], 2, 5.0, &mut weights);
        assert!((weights[2] - floor).abs() < 1e-3, "{weights:?}");
    }

    #[test]
    fn a_noisy_token_is_worth_more_after_a_clean_past() {
        let schedule = NoiseSchedule::new(ScheduleKind::Cosine, 1000).unwrap();
        let (mut clean, mut noisy) = ([0.0; 5], [0.0; 5]);
        LossWeight::FusedSnr.weights(&schedule, &[1, 1, 1, 1, 800], 1, 10.0, &mut clean);
        LossWeight::FusedSnr.weights(&schedule, &[1000, 1000, 1000, 1000, 800], 1, 10.0, &mut noisy);
        assert!(clean[4] > 2.0 * noisy[4]);
        // After noise it is the token's own ratio that counts, but never less than the floor.
        assert!((noisy[4] - LossWeight::CLIP * LossWeight::FLOOR).abs() < 1e-12, "{}", noisy[4]);
        LossWeight::FusedSnr.weights(&schedule, &[1000, 1000, 1000, 1000, 500], 1, 10.0, &mut noisy);
        assert!((noisy[4] - schedule.snr(500)).abs() < 1e-3, "{}", noisy[4]);
    }
}
