//! Sampling: walking the rows of a scheduling matrix, every token with its own pair of levels.
//!
//! Symbols of Chen et al., NeurIPS 2024: tokens `x`, clean estimate `x0`, noise estimate `e`, signal
//! power `abar`. One row is
//! 1. known tokens are fed at the stabilisation level, scaled but not noised;
//! 2. the network estimates `x0`; guidance moves it by `(1 - abar) / sqrt(abar) * scale * dJ/dx`, which is
//!    the same as taking `sqrt(1 - abar) * scale * dJ/dx` off the noise estimate;
//! 3. `e = (x - sqrt(abar) x0) / sqrt(1 - abar)`;
//! 4. the [`Solver`] takes the token to its next level, DDIM by `x <- sqrt(abar') x0 + sqrt(1 - abar') e`; a
//!    token whose level does not change is left exactly as it is.

use crate::denoiser::{Denoiser, NoisyBatch};
use crate::error::check_len;
use crate::monte_carlo::{Guidance, MonteCarlo};
use crate::noise::NoiseSchedule;
use crate::{PlannerError, SchedulingMatrix, Solver};

/// What a sampling run needs to know besides the tokens.
pub struct Sampler<'a> {
    /// Signal power of the training levels.
    pub schedule: &'a NoiseSchedule,
    /// Sampling levels of all tokens, known ones at zero throughout.
    pub matrix: &'a SchedulingMatrix,
    /// Training level at which clean tokens are shown to the network (reference: 10 of 1000). Keeps it off
    /// the exact-zero level that it hardly saw in training.
    pub stabilization: u16,
    /// Range to which the clean estimate is limited, per slot `[width]` lower and upper: what the data
    /// holds. Keeps guidance from leaving it.
    pub limits: Option<(&'a [f64], &'a [f64])>,
    /// How a token gets from one level to the next.
    pub solver: Solver,
}

/// Sequences being sampled. `x_btd` is `[batch, tokens, width]`.
pub struct Sequences {
    /// Number of sequences.
    pub batch: usize,
    /// Tokens at their present levels.
    pub x_btd: Vec<f64>,
    /// Latest clean estimate of each token, `[batch, tokens, width]`.
    pub x0_btd: Vec<f64>,
    /// Visible chunks of each sequence.
    pub chunks_b: Vec<usize>,
    /// Whether each sequence's goal token is visible.
    pub goal_b: Vec<bool>,
}

/// What a caller is told after each row, and its answer whether to go on.
pub type OnRow<'a> = dyn FnMut(usize, &Sequences) -> bool + Send + 'a;

impl Sampler<'_> {
    /// Walks the rows from `first_row`; returns the number of rows walked.
    ///
    /// `on_row(m, sequences)` is called before every row and after the last one; returning `false` stops
    /// there, with the sequences as they are (sampling is an anytime computation).
    ///
    /// # Errors
    /// Those of the denoiser; [`PlannerError::BrokenOutput`] when its answer is not finite.
    pub fn run(
        &self,
        denoiser: &mut dyn Denoiser,
        guidance: Option<&Guidance<'_>>,
        sequences: &mut Sequences,
        on_row: &mut OnRow<'_>,
    ) -> Result<usize, PlannerError> {
        let (tokens, width) = (self.matrix.tokens(), denoiser.layout().width());
        check_len("tokens to sample", sequences.batch * tokens * width, sequences.x_btd.len())?;
        sequences.x0_btd.resize(sequences.x_btd.len(), 0.0);
        let mut scratch = Scratch::new(sequences, tokens, width);
        let mut monte_carlo = guidance.map(|guidance| MonteCarlo::new(guidance, sequences, tokens, width));
        for m in 0..self.matrix.steps() {
            if !on_row(m, sequences) {
                return Ok(m);
            }
            let (now, next) = (self.matrix.row(m), self.matrix.row(m + 1));
            self.show(now, sequences, width, &mut scratch);
            let batch = NoisyBatch {
                batch: sequences.batch,
                tokens,
                x_btd: &scratch.shown_btd,
                level_bt: &scratch.level_bt,
                chunks_b: &sequences.chunks_b,
                goal_b: &sequences.goal_b,
            };
            let guided = monte_carlo.as_mut().filter(|mc| mc.pushes(now, next));
            let push = match guided {
                None => {
                    denoiser.denoise(&batch, &mut scratch.x0_btd)?;
                    None
                }
                Some(mc) => {
                    mc.estimate(self, m, denoiser, &batch, &sequences.x0_btd, &mut scratch.x0_btd)?;
                    Some(&*mc)
                }
            };
            check_estimate(m, &scratch.x0_btd, sequences, tokens, width)?;
            self.step(now, next, push, &mut scratch, sequences, width);
        }
        on_row(self.matrix.steps(), sequences);
        Ok(self.matrix.steps())
    }

    /// Training level of a sampling level.
    pub(crate) fn level(&self, sampling_level: u16) -> usize {
        self.schedule.training_level(usize::from(sampling_level), usize::from(self.matrix.levels()))
    }

    /// What the network is shown: noisy tokens as they are, clean ones at the stabilisation level.
    fn show(&self, now: &[u16], sequences: &Sequences, width: usize, scratch: &mut Scratch) {
        let stable = self.schedule.abar(usize::from(self.stabilization)).sqrt();
        let tokens = now.len();
        for (token, (x, shown)) in
            sequences.x_btd.chunks_exact(width).zip(scratch.shown_btd.chunks_exact_mut(width)).enumerate()
        {
            let level = now[token % tokens];
            scratch.level_bt[token] = if level == 0 { self.stabilization } else { self.level(level) as u16 };
            let scale = if level == 0 { stable } else { 1.0 };
            shown.iter_mut().zip(x).for_each(|(s, x)| *s = scale * x);
        }
    }

    /// Guidance and one step of the solver for every token whose level changes.
    fn step(
        &self,
        now: &[u16],
        next: &[u16],
        push: Option<&MonteCarlo<'_>>,
        scratch: &mut Scratch,
        sequences: &mut Sequences,
        width: usize,
    ) {
        let tokens = now.len();
        for token in 0..sequences.batch * tokens {
            let (from, to) = (now[token % tokens], next[token % tokens]);
            if from == to {
                continue;
            }
            let (abar, abar_next) =
                (self.schedule.abar(self.level(from)), self.schedule.abar(self.level(to)));
            let signal = abar.sqrt();
            // A level of zero: no step was made yet.
            let previous = std::mem::replace(&mut scratch.previous_bt[token], from);
            let previous = (previous > 0).then(|| self.schedule.abar(self.level(previous)));
            let step = self.solver.step(previous, abar, abar_next);
            for d in 0..width {
                let i = token * width + d;
                let mut x0 = scratch.x0_btd[i];
                if let Some(push) = push {
                    x0 += (1.0 - abar) / signal * push.scale(from) * push.gradient_btd()[i];
                }
                if let Some((low, high)) = self.limits {
                    x0 = x0.clamp(low[d], high[d]);
                }
                sequences.x_btd[i] = step.apply(sequences.x_btd[i], x0, sequences.x0_btd[i]);
                sequences.x0_btd[i] = x0;
            }
        }
    }
}

/// Buffers of one run, so that rows allocate nothing.
struct Scratch {
    shown_btd: Vec<f64>,
    level_bt: Vec<u16>,
    x0_btd: Vec<f64>,
    /// Sampling level from which each token made its latest step.
    previous_bt: Vec<u16>,
}

impl Scratch {
    fn new(sequences: &Sequences, tokens: usize, width: usize) -> Self {
        let size = sequences.batch * tokens * width;
        Self {
            shown_btd: vec![0.0; size],
            level_bt: vec![0; sequences.batch * tokens],
            x0_btd: vec![0.0; size],
            previous_bt: vec![0; sequences.batch * tokens],
        }
    }
}

/// Refuses NaN and infinity in the visible part of an estimate.
fn check_estimate(
    row: usize,
    x0_btd: &[f64],
    sequences: &Sequences,
    tokens: usize,
    width: usize,
) -> Result<(), PlannerError> {
    for (sequence, &chunks) in sequences.chunks_b.iter().enumerate() {
        for token in crate::layout::FIRST_CHUNK..tokens.min(crate::layout::FIRST_CHUNK + chunks) {
            let at = (sequence * tokens + token) * width;
            if x0_btd[at..at + width].iter().any(|v| !v.is_finite()) {
                return Err(PlannerError::BrokenOutput { row, token });
            }
        }
    }
    Ok(())
}
