//! The pullback of a sampling run: from the gradient of a score at the tokens after it to the one at the tokens before,
//! with all noise as it was drawn.
//!
//! Without guidance a row is, slot by slot of the parts that move,
//! `x' = on_x x + on_x0 x0 + on_previous x0_previous`, with `x0` the limited estimate that the denoiser makes of what it is
//! shown. Written `dx` for the gradient at `x`, and backwards through the rows:
//! 1. `dx0 = on_x0 dx' + (on_previous dx' of the row after)`, and nothing where a limit binds: there the estimate may move
//!    and `x0` does not;
//! 2. the denoiser takes `dx0` back to what it was shown;
//! 3. `dx = on_x dx'` plus that; a clean part was shown scaled, so it is given its share scaled.
//!
//! Estimates are computed anew, so what a run leaves behind for this is its tokens before each row and nothing else.

use super::{Sampler, ShownTokens};
use crate::denoiser::Denoiser;
use crate::error::check_len;
use crate::solver::Step;
use crate::tokens::Parts;
use crate::{PlannerError, Tokens};

/// Tokens before each row of sampling runs, in the order in which they were walked.
#[derive(Default)]
pub(crate) struct Walked {
    values: Vec<f64>,
}

impl Walked {
    /// Room for so many numbers.
    pub(crate) fn with_capacity(numbers: usize) -> Self {
        Self { values: Vec::with_capacity(numbers) }
    }

    /// Keeps the tokens as they stand before a row.
    pub(crate) fn push(&mut self, x: &Tokens) {
        self.values.extend_from_slice(&x.x_btd);
    }

    /// Takes back the latest that are left.
    fn pop(&mut self, x: &mut Tokens) -> Result<(), PlannerError> {
        let size = x.x_btd.len();
        let Some(at) = self.values.len().checked_sub(size) else {
            return Err(PlannerError::Length { what: "rows walked", want: size, got: self.values.len() });
        };
        x.x_btd.copy_from_slice(&self.values[at..]);
        self.values.truncate(at);
        Ok(())
    }
}

impl Sampler<'_> {
    /// Takes the gradient `dx_btd` at the tokens after an unguided run over all rows, in which every part that moves began
    /// at the matrix's first row, back to the tokens before it. The run's rows are the last that were `walked`, and are
    /// taken off; `x` says which sequences they are of.
    ///
    /// # Errors
    /// Those of the denoiser; [`PlannerError::Length`] for arrays that are not of this run.
    pub(crate) fn pull(
        &self,
        denoiser: &mut dyn Denoiser,
        walked: &mut Walked,
        x: &mut Tokens,
        dx_btd: &mut [f64],
    ) -> Result<(), PlannerError> {
        let layout = denoiser.layout();
        let (tokens, width, count) = (self.matrix.tokens(), layout.width(), layout.parts());
        check_len("parts of a token of the matrix", count, self.matrix.parts())?;
        x.check(tokens, width, count)?;
        check_len("gradient at the tokens", x.x_btd.len(), dx_btd.len())?;
        let of_slots = layout.part_of_slots();
        let parts = Parts { count, of_slots: &of_slots };
        let levels = self.levels();
        let stable = levels.schedule.abar(usize::from(self.stabilization)).sqrt();
        let mut shown = ShownTokens::new(x.batch * tokens, &parts);
        let [mut x0_btd, mut dx0_btd, mut pulled_btd] = [const { Vec::new() }; 3];
        for room in [&mut x0_btd, &mut dx0_btd, &mut pulled_btd] {
            room.resize(dx_btd.len(), 0.0);
        }
        // What the steps of later rows remember of a row's estimate.
        let mut remembered_btd = vec![0.0; dx_btd.len()];
        let mut step_tp: Vec<Option<Step>> = Vec::with_capacity(tokens * count);
        for m in self.all().rev() {
            walked.pop(x)?;
            step_tp.clear();
            step_tp.extend((0..tokens * count).map(|column| self.step(m, column)));
            let now = self.matrix.row(m);
            for i in 0..dx_btd.len() {
                dx0_btd[i] = 0.0;
                let (token, slot) = (i / width % tokens, i % width);
                if let Some(step) = step_tp[token * count + of_slots[slot]] {
                    let [of_x, of_x0, of_previous] = step.pull(dx_btd[i]);
                    dx0_btd[i] = of_x0 + std::mem::replace(&mut remembered_btd[i], of_previous);
                    dx_btd[i] = of_x;
                }
            }
            let size = tokens * width;
            let cotangent = |b: usize, x0_td: &[f64], gradient_td: &mut [f64]| {
                let wanted_td = &dx0_btd[b * size..(b + 1) * size];
                for (i, gradient) in gradient_td.iter_mut().enumerate() {
                    let limited = self.limits.is_some_and(|(low, high)| {
                        let slot = i % width;
                        x0_td[i] < low[slot] || x0_td[i] > high[slot]
                    });
                    *gradient = if limited { 0.0 } else { wanted_td[i] };
                }
            };
            let batch = shown.show(levels, self.stabilization, now, x, parts);
            denoiser.denoise_vjp(&batch, &mut x0_btd, &cotangent, &mut pulled_btd)?;
            for (i, (dx, pulled)) in dx_btd.iter_mut().zip(&pulled_btd).enumerate() {
                let column = i / width % tokens * count + of_slots[i % width];
                *dx += if now[column] == 0 { stable * pulled } else { *pulled };
            }
        }
        Ok(())
    }

    /// The step that a column of the matrix takes in row `m`, if it moves.
    fn step(&self, m: usize, column: usize) -> Option<Step> {
        let level = |m: usize| self.matrix.row(m)[column];
        let moves = |m: &usize| level(*m) != level(m + 1);
        let abar = |m: usize| self.levels().abar(level(m));
        let previous = (0..m).rev().find(moves).map(abar);
        moves(&m).then(|| self.solver.step(previous, abar(m), abar(m + 1)))
    }
}
