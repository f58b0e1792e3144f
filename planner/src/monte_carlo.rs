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
use crate::tokens::Parts;
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
    pub(crate) fn new(guidance: Option<&'a Guidance<'a>>, x: &Tokens, parts: Parts<'a>) -> Self {
        Self(guidance.map(|guidance| MonteCarlo::new(guidance, x, parts)))
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
        let (width, count) = (mc.parts.of_slots.len(), mc.parts.count);
        // Strength of the push on each part of each token; none where it stays or is to be the model's own.
        let push = |(from, to): (&u16, &u16)| {
            if from == to || *from <= mc.guidance.end {
                return None;
            }
            let abar = levels.abar(*from);
            Some((1.0 - abar) / abar.sqrt() * mc.guidance.scale)
        };
        let mut push_tp = std::mem::take(&mut mc.push_tp);
        push_tp.clear();
        push_tp.extend(now.iter().zip(next).map(push));
        let moved = x0_btd.chunks_exact_mut(width).zip(mc.gradient_btd.chunks_exact(width));
        for ((x0_d, gradient_d), push_p) in moved.zip(push_tp.chunks_exact(count).cycle()) {
            for ((x0, gradient), &part) in x0_d.iter_mut().zip(gradient_d).zip(mc.parts.of_slots) {
                if let Some(push) = push_p[part] {
                    *x0 += push * gradient;
                }
            }
        }
        mc.push_tp = push_tp;
        Ok(())
    }
}

/// Buffers and results of Monte Carlo guidance over one sampling run.
struct MonteCarlo<'a> {
    guidance: &'a Guidance<'a>,
    parts: Parts<'a>,
    x_ntd: Vec<f64>,
    level_ntp: Vec<u16>,
    chunks_n: Vec<usize>,
    goal_n: Vec<bool>,
    x0_ntd: Vec<f64>,
    pulled_ntd: Vec<f64>,
    /// Mean gradient `dJ/dx` of the latest row, `[batch, tokens, width]`.
    gradient_btd: Vec<f64>,
    /// Noise of one redrawn token, `[width]`.
    noise_d: Vec<f64>,
    /// Strength of the latest row's push, `[tokens, parts]`.
    push_tp: Vec<Option<f64>>,
}

impl<'a> MonteCarlo<'a> {
    fn new(guidance: &'a Guidance<'a>, x: &Tokens, parts: Parts<'a>) -> Self {
        let width = parts.of_slots.len();
        let samples = guidance.mc_samples.max(1);
        let (rows, tokens) = (x.batch * samples, x.tokens());
        Self {
            guidance,
            parts,
            x_ntd: vec![0.0; rows * tokens * width],
            level_ntp: vec![0; rows * tokens * parts.count],
            chunks_n: (0..rows).map(|n| x.chunks_b[n / samples]).collect(),
            goal_n: (0..rows).map(|n| x.goal_b[n / samples]).collect(),
            x0_ntd: vec![0.0; rows * tokens * width],
            pulled_ntd: vec![0.0; rows * tokens * width],
            gradient_btd: vec![0.0; x.batch * tokens * width],
            noise_d: vec![0.0; width],
            push_tp: Vec::with_capacity(tokens * parts.count),
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
            level_btp: &self.level_ntp,
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
        let moving = now.iter().zip(next).filter(|(now, next)| now != next);
        let decided = moving.map(|(now, _)| *now).min().unwrap_or(0);
        let size = self.gradient_btd.len() / batch.batch.max(1);
        let (width, count) = (self.parts.of_slots.len(), self.parts.count);
        let per = batch.tokens * count;
        for b in 0..batch.batch {
            let mut rng = random::stream(self.guidance.seeds.get(b).copied().unwrap_or(0), &[row as u64]);
            for n in 0..completions {
                let at = (b * completions + n) * size;
                self.x_ntd[at..at + size].copy_from_slice(&batch.x_btd[b * size..(b + 1) * size]);
                let level_tp = &batch.level_btp[b * per..(b + 1) * per];
                self.level_ntp[(b * completions + n) * per..][..per].copy_from_slice(level_tp);
                if n == 0 {
                    continue;
                }
                for t in FIRST_CHUNK..batch.tokens {
                    let (now_p, level_p) = (&now[t * count..][..count], &level_tp[t * count..][..count]);
                    if now_p.iter().all(|now| *now <= decided) {
                        continue;
                    }
                    random::fill_normal(&mut rng, &mut self.noise_d);
                    // Before a token's first step there is no estimate yet; at that level none would show.
                    let estimate = &latest_x0_btd[b * size + t * width..][..width];
                    let slots = self.x_ntd[at + t * width..].iter_mut().zip(&self.noise_d).zip(estimate);
                    for (((x, e), x0), &part) in slots.zip(self.parts.of_slots) {
                        if now_p[part] > decided {
                            let abar = levels.schedule.abar(usize::from(level_p[part]));
                            *x = abar.sqrt() * x0 + (1.0 - abar).sqrt() * e;
                        }
                    }
                }
            }
        }
    }
}
