//! Monte Carlo guidance (Chen et al., NeurIPS 2024, section 3.4).
//!
//! Ordinary guidance scores one future. In a pyramid the tokens being decided are nearly clean while those
//! after them are nearly noise, so one completion is a poor estimate of what the near tokens are worth.
//! Here the gradient is the mean over `N` completions: the first is the sequence as it stands, each other one
//! keeps the tokens being decided and draws every noisier token afresh, from its latest clean estimate noised
//! to its own level. The `N` completions are one batch. With the full-sequence matrix no token is noisier
//! than those being decided, and all completions are equal: Monte Carlo guidance needs the pyramid.

use crate::denoiser::{Denoiser, NoisyBatch};
use crate::error::check_len;
use crate::guidance::Objective;
use crate::layout::FIRST_CHUNK;
use crate::levels::Levels;
use crate::{PlannerError, Tokens, random};

/// Most completions.
const MOST_SAMPLES: usize = 4096;

/// How to guide a sampling run.
pub struct Guidance<'a> {
    /// One objective per sequence.
    pub objectives: &'a [&'a dyn Objective],
    /// Strength. The clean estimate moves by `scale * Var(x0 | x) * dJ/dx0`.
    pub scale: f64,
    /// Sampling level at and below which a token is no longer pushed, so that its last steps are the model's own
    /// and join what was pushed apart; 0 guides to the end.
    pub end: u16,
    /// Completions, `N`; 1 is ordinary guidance.
    pub mc_samples: usize,
    /// Seed of the redrawn noise of each sequence.
    pub seeds: &'a [u64],
}

impl Guidance<'_> {
    /// Refuses guidance that is not for this many sequences, or of a strength that is no number.
    pub(crate) fn check(&self, batch: usize) -> Result<(), PlannerError> {
        check_len("objectives", batch, self.objectives.len())?;
        check_len("seeds of the guidance", batch, self.seeds.len())?;
        if self.mc_samples > MOST_SAMPLES {
            let (name, value) = ("plan.guidance.mc_samples", self.mc_samples.to_string());
            return Err(PlannerError::Setting {
                name,
                value,
                remedy: format!("at most {MOST_SAMPLES} are accepted"),
            });
        }
        if !self.scale.is_finite() {
            let (name, value) = ("plan.guidance.scale", self.scale.to_string());
            return Err(PlannerError::Setting { name, value, remedy: "give a finite number".into() });
        }
        Ok(())
    }
}

/// A sampling run's guidance, if any: what turns the network's answer into the clean estimate that is stepped to.
pub(crate) struct Guide<'a>(Option<MonteCarlo<'a>>);

impl<'a> Guide<'a> {
    pub(crate) fn new(guidance: Option<&'a Guidance<'a>>, x: &Tokens, width: usize) -> Self {
        Self(guidance.map(|guidance| MonteCarlo::new(guidance, x, width)))
    }

    /// Clean estimate of every token, those that move in row `m` moved uphill by the mean gradient.
    pub(crate) fn estimate(
        &mut self,
        levels: Levels<'_>,
        m: usize,
        denoiser: &mut dyn Denoiser,
        shown: &NoisyBatch<'_>,
        x: &Tokens,
        x0_btd: &mut [f64],
    ) -> Result<(), PlannerError> {
        let (now, next) = (levels.matrix.row(m), levels.matrix.row(m + 1));
        let Some(mc) = self.0.as_mut().filter(|mc| mc.pushes(now, next)) else {
            return denoiser.denoise(shown, x0_btd);
        };
        mc.estimate(levels, m, denoiser, shown, &x.x0_btd, x0_btd)?;
        let width = x0_btd.len() / (shown.batch * shown.tokens).max(1);
        let moved = x0_btd.chunks_exact_mut(width).zip(mc.gradient_btd.chunks_exact(width));
        for (i, (x0_d, gradient_d)) in moved.enumerate() {
            let (from, to) = (now[i % now.len()], next[i % now.len()]);
            if from == to || from <= mc.guidance.end {
                continue;
            }
            let abar = levels.abar(from);
            let push = (1.0 - abar) / abar.sqrt() * mc.guidance.scale;
            x0_d.iter_mut().zip(gradient_d).for_each(|(x0, gradient)| *x0 += push * gradient);
        }
        Ok(())
    }
}

/// Buffers and results of Monte Carlo guidance over one sampling run.
struct MonteCarlo<'a> {
    guidance: &'a Guidance<'a>,
    x_ntd: Vec<f64>,
    level_nt: Vec<u16>,
    chunks_n: Vec<usize>,
    goal_n: Vec<bool>,
    x0_ntd: Vec<f64>,
    pulled_ntd: Vec<f64>,
    /// Mean gradient `dJ/dx` of the latest row, `[batch, tokens, width]`.
    gradient_btd: Vec<f64>,
    /// Noise of one redrawn token, `[width]`.
    noise_d: Vec<f64>,
}

impl<'a> MonteCarlo<'a> {
    fn new(guidance: &'a Guidance<'a>, x: &Tokens, width: usize) -> Self {
        let samples = guidance.mc_samples.max(1);
        let (rows, tokens) = (x.batch * samples, x.tokens());
        Self {
            guidance,
            x_ntd: vec![0.0; rows * tokens * width],
            level_nt: vec![0; rows * tokens],
            chunks_n: (0..rows).map(|n| x.chunks_b[n / samples]).collect(),
            goal_n: (0..rows).map(|n| x.goal_b[n / samples]).collect(),
            x0_ntd: vec![0.0; rows * tokens * width],
            pulled_ntd: vec![0.0; rows * tokens * width],
            gradient_btd: vec![0.0; x.batch * tokens * width],
            noise_d: vec![0.0; width],
        }
    }

    /// Whether any token that changes between two rows is pushed.
    fn pushes(&self, now: &[u16], next: &[u16]) -> bool {
        now.iter().zip(next).any(|(&from, to)| from != *to && from > self.guidance.end)
    }

    /// Clean estimate of the sequences as they stand, and the mean gradient over all completions.
    fn estimate(
        &mut self,
        levels: Levels<'_>,
        row: usize,
        denoiser: &mut dyn Denoiser,
        batch: &NoisyBatch<'_>,
        latest_x0_btd: &[f64],
        x0_btd: &mut [f64],
    ) -> Result<(), PlannerError> {
        let completions = self.guidance.mc_samples.max(1);
        let size = x0_btd.len() / batch.batch.max(1);
        self.complete(levels, row, batch, latest_x0_btd);
        let inner = NoisyBatch {
            batch: batch.batch * completions,
            tokens: batch.tokens,
            x_btd: &self.x_ntd,
            level_bt: &self.level_nt,
            chunks_b: &self.chunks_n,
            goal_b: &self.goal_n,
        };
        let (objectives, chunks_n) = (self.guidance.objectives, &self.chunks_n);
        let cotangent = |n: usize, x0_td: &[f64], gradient_td: &mut [f64]| {
            if let Some(objective) = objectives.get(n / completions) {
                objective.value_and_gradient(x0_td, chunks_n[n], gradient_td);
            }
        };
        denoiser.denoise_vjp(&inner, &mut self.x0_ntd, &cotangent, &mut self.pulled_ntd)?;
        for b in 0..batch.batch {
            let first = b * completions * size;
            x0_btd[b * size..(b + 1) * size].copy_from_slice(&self.x0_ntd[first..first + size]);
            for i in 0..size {
                let sum: f64 = (0..completions).map(|n| self.pulled_ntd[first + n * size + i]).sum();
                self.gradient_btd[b * size + i] = sum / completions as f64;
            }
        }
        Ok(())
    }

    /// Lays out the completions: the sequence itself, then copies with the uncertain tokens redrawn.
    fn complete(&mut self, levels: Levels<'_>, row: usize, batch: &NoisyBatch<'_>, latest_x0_btd: &[f64]) {
        let completions = self.guidance.mc_samples.max(1);
        let (now, next) = (levels.matrix.row(row), levels.matrix.row(row + 1));
        let decided = (0..now.len()).filter(|&t| now[t] != next[t]).map(|t| now[t]).min().unwrap_or(0);
        let size = self.gradient_btd.len() / batch.batch.max(1);
        let width = size / batch.tokens.max(1);
        for b in 0..batch.batch {
            let mut rng = random::stream(self.guidance.seeds.get(b).copied().unwrap_or(0), &[row as u64]);
            for n in 0..completions {
                let at = (b * completions + n) * size;
                self.x_ntd[at..at + size].copy_from_slice(&batch.x_btd[b * size..(b + 1) * size]);
                let level_t = &batch.level_bt[b * batch.tokens..(b + 1) * batch.tokens];
                self.level_nt[(b * completions + n) * batch.tokens..][..batch.tokens]
                    .copy_from_slice(level_t);
                if n == 0 {
                    continue;
                }
                for t in (FIRST_CHUNK..batch.tokens).filter(|&t| now[t] > decided) {
                    random::fill_normal(&mut rng, &mut self.noise_d);
                    // Before a token's first step there is no estimate yet; at that level none would show.
                    let abar = levels.schedule.abar(usize::from(level_t[t]));
                    let estimate = &latest_x0_btd[b * size + t * width..][..width];
                    for ((x, e), x0) in
                        self.x_ntd[at + t * width..].iter_mut().zip(&self.noise_d).zip(estimate)
                    {
                        *x = abar.sqrt() * x0 + (1.0 - abar).sqrt() * e;
                    }
                }
            }
        }
    }
}
