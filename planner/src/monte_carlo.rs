//! Monte Carlo guidance (Chen et al., NeurIPS 2024, section 3.4).
//!
//! Ordinary guidance scores one future. In a pyramid the tokens being decided are nearly clean while those
//! after them are nearly noise, so one completion is a poor estimate of what the near tokens are worth.
//! Here the gradient is the mean over `N` completions: the first is the sequence as it stands, each other one
//! keeps the tokens being decided and draws every noisier token afresh, from its latest clean estimate noised
//! to its own level. The `N` completions are one batch. With the full-sequence matrix no token is noisier
//! than those being decided, and all completions are equal: Monte Carlo guidance needs the pyramid.

use crate::denoiser::{Denoiser, NoisyBatch};
use crate::guidance::Objective;
use crate::layout::FIRST_CHUNK;
use crate::sampler::{Sampler, Sequences};
use crate::{PlannerError, random};

/// How to guide a sampling run.
pub struct Guidance<'a> {
    /// One objective per sequence.
    pub objectives: &'a [Box<dyn Objective>],
    /// Strength. The clean estimate moves by `scale * Var(x0 | x) * dJ/dx0`.
    pub scale: f64,
    /// Sampling level at and below which a token is no longer pushed, so that its last steps are the model's own
    /// and join what was pushed apart; 0 guides to the end.
    pub floor: u16,
    /// Completions, `N`; 1 is ordinary guidance.
    pub completions: usize,
    /// Seed of the redrawn noise of each sequence.
    pub seeds: &'a [u64],
}

/// Buffers and results of Monte Carlo guidance over one sampling run.
pub(crate) struct MonteCarlo<'a> {
    guidance: &'a Guidance<'a>,
    x_ntd: Vec<f64>,
    level_nt: Vec<u16>,
    chunks_n: Vec<usize>,
    goal_n: Vec<bool>,
    x0_ntd: Vec<f64>,
    pulled_ntd: Vec<f64>,
    gradient_btd: Vec<f64>,
    /// Noise of one redrawn token, `[width]`.
    noise_d: Vec<f64>,
}

impl<'a> MonteCarlo<'a> {
    pub(crate) fn new(
        guidance: &'a Guidance<'a>,
        sequences: &Sequences,
        tokens: usize,
        width: usize,
    ) -> Self {
        let rows = sequences.batch * guidance.completions.max(1);
        let repeat = |b: usize| b / guidance.completions.max(1);
        Self {
            guidance,
            x_ntd: vec![0.0; rows * tokens * width],
            level_nt: vec![0; rows * tokens],
            chunks_n: (0..rows).map(|n| sequences.chunks_b[repeat(n)]).collect(),
            goal_n: (0..rows).map(|n| sequences.goal_b[repeat(n)]).collect(),
            x0_ntd: vec![0.0; rows * tokens * width],
            pulled_ntd: vec![0.0; rows * tokens * width],
            gradient_btd: vec![0.0; sequences.batch * tokens * width],
            noise_d: vec![0.0; width],
        }
    }

    /// Guidance scale for a token at sampling level `level`.
    pub(crate) fn scale(&self, level: u16) -> f64 {
        if level > self.guidance.floor { self.guidance.scale } else { 0.0 }
    }

    /// Whether any token that changes between two rows is pushed.
    pub(crate) fn pushes(&self, now: &[u16], next: &[u16]) -> bool {
        now.iter().zip(next).any(|(&from, to)| from != *to && from > self.guidance.floor)
    }

    /// Mean gradient `dJ/dx` of the latest row, `[batch, tokens, width]`.
    pub(crate) fn gradient_btd(&self) -> &[f64] {
        &self.gradient_btd
    }

    /// Clean estimate of the sequences as they stand, and the mean gradient over all completions.
    pub(crate) fn estimate(
        &mut self,
        sampler: &Sampler<'_>,
        row: usize,
        denoiser: &mut dyn Denoiser,
        batch: &NoisyBatch<'_>,
        latest_x0_btd: &[f64],
        x0_btd: &mut [f64],
    ) -> Result<(), PlannerError> {
        let completions = self.guidance.completions.max(1);
        let size = x0_btd.len() / batch.batch;
        self.complete(sampler, row, batch, latest_x0_btd);
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
        denoiser.denoise_and_pull(&inner, &mut self.x0_ntd, &cotangent, &mut self.pulled_ntd)?;
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
    fn complete(&mut self, sampler: &Sampler<'_>, row: usize, batch: &NoisyBatch<'_>, latest_x0_btd: &[f64]) {
        let completions = self.guidance.completions.max(1);
        let (now, next) = (sampler.matrix.row(row), sampler.matrix.row(row + 1));
        let decided = (0..now.len()).filter(|&t| now[t] != next[t]).map(|t| now[t]).min().unwrap_or(0);
        let size = self.gradient_btd.len() / batch.batch;
        let width = size / batch.tokens;
        for b in 0..batch.batch {
            let mut rng = random::stream(self.guidance.seeds.get(b).copied().unwrap_or(0), &[row as u64]);
            for n in 0..completions {
                let at = (b * completions + n) * size;
                self.x_ntd[at..at + size].copy_from_slice(&batch.x_btd[b * size..(b + 1) * size]);
                let levels = &batch.level_bt[b * batch.tokens..(b + 1) * batch.tokens];
                self.level_nt[(b * completions + n) * batch.tokens..][..batch.tokens].copy_from_slice(levels);
                if n == 0 {
                    continue;
                }
                for t in (FIRST_CHUNK..batch.tokens).filter(|&t| now[t] > decided) {
                    random::fill_normal(&mut rng, &mut self.noise_d);
                    // Before a token's first step there is no estimate yet; at that level none would show.
                    let abar = sampler.schedule.abar(usize::from(levels[t]));
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
