//! Sequences of tokens while they are sampled.

use crate::denoiser::check_chunks;
use crate::error::check_len;
use crate::noise::NoiseSchedule;
use crate::{PlannerError, Solver};

/// Sequences at their present noise levels, with all that a solver remembers of them: a copy can be sampled to its end
/// like the original, and sampling that stops between two rows goes on to the same bits.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Tokens {
    /// Number of sequences.
    pub batch: usize,
    /// Tokens at their present levels, `[batch, tokens, width]`.
    pub x_btd: Vec<f64>,
    /// Latest clean estimate of each token, `[batch, tokens, width]`; of a clean token, the token.
    pub x0_btd: Vec<f64>,
    /// Visible chunks of each sequence.
    pub chunks_b: Vec<usize>,
    /// Whether each sequence's goal token is visible.
    pub goal_b: Vec<bool>,
    /// Signal power from which each part of each token made its latest step, `[batch, tokens, parts]`; 0 before its
    /// first, and empty before any.
    previous_btp: Vec<f64>,
    /// Tokens of a sequence.
    tokens: usize,
}

/// Parts of a token that have levels of their own.
#[derive(Clone, Copy)]
pub(crate) struct Parts<'a> {
    /// How many, `P`.
    pub count: usize,
    /// Which of them each slot belongs to, `[D]`.
    pub of_slots: &'a [usize],
}

impl Tokens {
    /// Sequences of `tokens` tokens each that no solver has touched; until there is one, the tokens themselves stand
    /// for their clean estimates.
    pub fn new(tokens: usize, x_btd: Vec<f64>, chunks_b: Vec<usize>, goal_b: Vec<bool>) -> Self {
        let batch = chunks_b.len();
        Self { batch, x0_btd: x_btd.clone(), x_btd, chunks_b, goal_b, previous_btp: Vec::new(), tokens }
    }

    /// Tokens of each sequence.
    pub fn tokens(&self) -> usize {
        self.tokens
    }

    /// Sequence `b` as `[tokens, width]`: present levels and clean estimates; empty past the last one.
    pub fn sequence_mut(&mut self, b: usize) -> (&mut [f64], &mut [f64]) {
        let size = self.x_btd.len() / self.batch.max(1);
        let from = b.saturating_mul(size);
        let at = from..from.saturating_add(size);
        (self.x_btd.get_mut(at.clone()).unwrap_or_default(), self.x0_btd.get_mut(at).unwrap_or_default())
    }

    /// Refuses sequences whose arrays do not fit each other, `tokens` and the width of a token.
    pub(crate) fn check(&self, tokens: usize, width: usize, parts: usize) -> Result<(), PlannerError> {
        let all = self.batch.saturating_mul(tokens);
        check_len("tokens of a sequence", tokens, self.tokens)?;
        check_len("tokens to sample", all.saturating_mul(width), self.x_btd.len())?;
        check_len("clean estimates to sample", self.x_btd.len(), self.x0_btd.len())?;
        if !self.previous_btp.is_empty() {
            check_len("steps of the tokens to sample", all.saturating_mul(parts), self.previous_btp.len())?;
        }
        check_len("visible chunks", self.batch, self.chunks_b.len())?;
        check_len("visible goals", self.batch, self.goal_b.len())?;
        check_chunks(tokens, &self.chunks_b)
    }

    /// Makes room for what the solver remembers of tokens of so many parts.
    pub(crate) fn ready(&mut self, parts: usize) {
        if self.previous_btp.is_empty() {
            self.previous_btp = vec![0.0; self.batch * self.tokens * parts];
        }
    }

    /// Takes the parts of token `i` (counted over the whole batch) from their signal powers to the next ones, given the
    /// token's clean estimate: `powers(part)` says from where to where, and nothing where a part stays as it is.
    pub(crate) fn step(
        &mut self,
        i: usize,
        solver: Solver,
        parts: &Parts<'_>,
        powers: impl Fn(usize) -> Option<(f64, f64)>,
        x0_d: &[f64],
    ) {
        for part in 0..parts.count {
            let Some((abar, next)) = powers(part) else { continue };
            let previous = std::mem::replace(&mut self.previous_btp[i * parts.count + part], abar);
            let step = solver.step((previous > 0.0).then_some(previous), abar, next);
            let at = i * x0_d.len()..(i + 1) * x0_d.len();
            let slots =
                self.x_btd[at.clone()].iter_mut().zip(&mut self.x0_btd[at]).zip(x0_d).zip(parts.of_slots);
            for (((x, latest), &x0), _) in slots.filter(|(_, of)| **of == part) {
                *x = step.apply(*x, x0, *latest);
                *latest = x0;
            }
        }
    }

    /// Puts the chunks of sequence `b`, from token `first` on, at given levels of noise, around `clean(chunk, slot)` instead of nothing: what
    /// a warm start begins from. The noise is what stands in the tokens.
    pub(crate) fn noise_around(
        &mut self,
        (b, first): (usize, usize),
        width: usize,
        schedule: &NoiseSchedule,
        level: impl Fn(usize) -> usize,
        clean: impl Fn(usize, usize) -> f64,
    ) {
        let (x_td, x0_td) = self.sequence_mut(b);
        let chunks = x_td.chunks_exact_mut(width).zip(x0_td.chunks_exact_mut(width)).skip(first);
        for (chunk, (x_d, x0_d)) in chunks.enumerate() {
            let abar = schedule.abar(level(chunk));
            let (signal, noise) = (abar.sqrt(), (1.0 - abar).sqrt());
            for (d, (x, x0)) in x_d.iter_mut().zip(x0_d).enumerate() {
                *x0 = clean(chunk, d);
                *x = signal * *x0 + noise * *x;
            }
        }
    }
}
