//! Sampling: walking the rows of a scheduling matrix, every token with its own pair of levels.
//!
//! Symbols of Chen et al., NeurIPS 2024: tokens `x`, clean estimate `x0`, noise estimate `e`, signal
//! power `abar`. One row is
//! 1. known tokens are shown at the stabilisation level, scaled but not noised;
//! 2. the network estimates `x0`; guidance moves it by `(1 - abar) / sqrt(abar) * scale * dJ/dx`, which is
//!    the same as taking `sqrt(1 - abar) * scale * dJ/dx` off the noise estimate;
//! 3. `x0` is limited to what the data hold;
//! 4. the [`Solver`] takes each part of a token that moves from its level to its next one; a part whose level does not
//!    change is left exactly as it is.

mod pullback;

use std::ops::Range;

use crate::denoiser::{Denoiser, NoisyBatch};
use crate::error::check_len;
use crate::layout::FIRST_CHUNK;
use crate::levels::Levels;
use crate::monte_carlo::{Guidance, Guide};
use crate::noise::NoiseSchedule;
use crate::tokens::Parts;
use crate::{PlannerError, SchedulingMatrix, Solver, Tokens};
pub(crate) use pullback::Walked;

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
    /// hold. Keeps guidance from leaving it.
    pub limits: Option<(&'a [f64], &'a [f64])>,
    /// How a token gets from one level to the next.
    pub solver: Solver,
}

/// What a caller is told before each row and after the last, and its answer whether to go on.
pub type OnRow<'a> = dyn FnMut(usize, &Tokens) -> bool + Send + 'a;

impl Sampler<'_> {
    /// Walks these rows; returns the row it stands before.
    ///
    /// `on_row(m, tokens)` is called before every row and after the last one; returning `false` stops there, with the
    /// tokens as they are (sampling is an anytime computation). Going on from that row later ends in the same bits.
    ///
    /// # Errors
    /// Those of the denoiser; [`PlannerError::BrokenOutput`] when its answer or the guidance is not finite.
    pub fn run(
        &self,
        denoiser: &mut dyn Denoiser,
        guidance: Option<&Guidance<'_>>,
        x: &mut Tokens,
        rows: Range<usize>,
        on_row: &mut OnRow<'_>,
    ) -> Result<usize, PlannerError> {
        let layout = denoiser.layout();
        layout.check()?;
        let (tokens, width, count) = (self.matrix.tokens(), layout.width(), layout.parts());
        check_len("parts of a token of the matrix", count, self.matrix.parts())?;
        x.check(tokens, width, count)?;
        let of_slots = layout.part_of_slots();
        let parts = Parts { count, of_slots: &of_slots };
        self.check_limits(width)?;
        if let Some(guidance) = guidance {
            guidance.check(x.batch)?;
        }
        x.ready(count);
        let mut shown = ShownTokens::new(x.batch * tokens, &parts);
        let mut x0_btd = vec![0.0; x.x_btd.len()];
        let mut guide = Guide::new(guidance, x, parts);
        let levels = self.levels();
        let end = rows.end.min(self.matrix.steps());
        for m in rows.start..end {
            if !on_row(m, x) {
                return Ok(m);
            }
            let _row = tracing::trace_span!("row", row = m, sequences = x.batch, tokens).entered();
            let (now, next) = (self.matrix.row(m), self.matrix.row(m + 1));
            let batch = shown.show(levels, self.stabilization, now, x, parts);
            guide.estimate(levels, m, denoiser, &batch, x, &mut x0_btd)?;
            check_estimate(m, &x0_btd, x, width)?;
            self.limit(&mut x0_btd);
            for (i, x0_d) in x0_btd.chunks_exact(width).enumerate() {
                let powers = |part: usize| {
                    let column = i % tokens * count + part;
                    let (from, to) = (now[column], next[column]);
                    (from != to).then(|| (levels.abar(from), levels.abar(to)))
                };
                x.step(i, self.solver, &parts, powers, x0_d);
            }
        }
        on_row(end, x);
        Ok(end)
    }

    /// All rows of the matrix.
    pub fn all(&self) -> Range<usize> {
        0..self.matrix.steps()
    }

    /// Refuses limits that nothing can lie between.
    fn check_limits(&self, width: usize) -> Result<(), PlannerError> {
        let Some((low, high)) = self.limits else { return Ok(()) };
        check_len("lower value limits", width, low.len())?;
        check_len("upper value limits", width, high.len())?;
        match low.iter().zip(high).position(|(low, high)| low.is_nan() || high.is_nan() || low > high) {
            None => Ok(()),
            Some(slot) => Err(PlannerError::Setting {
                name: "limits",
                value: format!("{} to {} in slot {slot}", low[slot], high[slot]),
                remedy: "two numbers are needed, the lower one first".into(),
            }),
        }
    }

    fn levels(&self) -> Levels<'_> {
        Levels { schedule: self.schedule, matrix: self.matrix }
    }

    fn limit(&self, x0_btd: &mut [f64]) {
        let Some((low, high)) = self.limits else { return };
        for x0_d in x0_btd.chunks_exact_mut(low.len().max(1)) {
            for ((x0, low), high) in x0_d.iter_mut().zip(low).zip(high) {
                *x0 = x0.clamp(*low, *high);
            }
        }
    }
}

/// What the network is shown: noisy parts as they are, clean ones at the stabilisation level.
struct ShownTokens {
    x_btd: Vec<f64>,
    level_btp: Vec<u16>,
}

impl ShownTokens {
    fn new(tokens: usize, parts: &Parts<'_>) -> Self {
        let (width, count) = (parts.of_slots.len(), parts.count);
        Self { x_btd: vec![0.0; tokens * width], level_btp: vec![0; tokens * count] }
    }

    fn show<'b>(
        &'b mut self,
        levels: Levels<'_>,
        stabilization: u16,
        now: &[u16],
        x: &'b Tokens,
        parts: Parts<'_>,
    ) -> NoisyBatch<'b> {
        let stable = levels.schedule.abar(usize::from(stabilization)).sqrt();
        for (shown, &level) in self.level_btp.iter_mut().zip(now.iter().cycle()) {
            *shown = if level == 0 { stabilization } else { levels.training(level) as u16 };
        }
        let tokens = x.x_btd.chunks_exact(parts.of_slots.len());
        let columns = now.chunks_exact(parts.count).cycle();
        for ((x_d, now_p), shown_d) in
            tokens.zip(columns).zip(self.x_btd.chunks_exact_mut(parts.of_slots.len()))
        {
            for ((shown, x), &part) in shown_d.iter_mut().zip(x_d).zip(parts.of_slots) {
                *shown = if now_p[part] == 0 { stable * x } else { *x };
            }
        }
        NoisyBatch {
            batch: x.batch,
            tokens: x.tokens(),
            x_btd: &self.x_btd,
            level_btp: &self.level_btp,
            chunks_b: &x.chunks_b,
            goal_b: &x.goal_b,
        }
    }
}

/// Refuses NaN and infinity in the visible part of an estimate.
fn check_estimate(row: usize, x0_btd: &[f64], x: &Tokens, width: usize) -> Result<(), PlannerError> {
    let tokens = x.tokens();
    for (sequence, &chunks) in x.chunks_b.iter().enumerate() {
        for token in FIRST_CHUNK..tokens.min(FIRST_CHUNK.saturating_add(chunks)) {
            let at = (sequence * tokens + token) * width;
            if x0_btd[at..at + width].iter().any(|v| !v.is_finite()) {
                return Err(PlannerError::BrokenOutput { row, token });
            }
        }
    }
    Ok(())
}
