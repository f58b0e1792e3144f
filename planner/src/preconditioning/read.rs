//! What a network's answers mean, and how far off they are.

use super::{Preconditioning, Scratch, Terms};
use crate::layout::{FIRST_CHUNK, STATE};

/// The visible tokens of a sequence, in their order, and what their levels make of them.
#[derive(Clone, Copy)]
pub(crate) struct Visible<'a> {
    /// The token of each.
    pub tokens: &'a [usize],
    /// Where in `table` the terms of each stand.
    pub row_of: &'a [u32],
    pub table: &'a [Terms],
}

impl<'a> Visible<'a> {
    /// Each token with its terms.
    fn each(self) -> impl DoubleEndedIterator<Item = (usize, &'a Terms)> + ExactSizeIterator {
        self.tokens.iter().zip(self.row_of).map(move |(t, row)| (*t, &self.table[*row as usize]))
    }
}

impl Preconditioning {
    /// Clean estimates of the visible tokens of a sequence, given the network's answers `[visible, D]`.
    pub(crate) fn read<N: Copy + Into<f64>>(
        &self,
        visible: Visible<'_>,
        x_td: &[f64],
        answer_vd: &[N],
        scratch: &mut Scratch,
        x0_td: &mut [f64],
    ) {
        let (layout, width) = (&self.layout, self.layout.width());
        let Scratch { start, prior, .. } = scratch;
        let answers = answer_vd.chunks_exact(width);
        for ((t, terms), answer_d) in visible.each().zip(answers) {
            let x_d = &x_td[t * width..(t + 1) * width];
            let x0_d = &mut x0_td[t * width..(t + 1) * width];
            let slots = x0_d.iter_mut().zip(x_d).zip(answer_d).zip(&terms.on_x).zip(&terms.scale);
            for ((((x0, x), answer), on_x), scale) in slots {
                *x0 = on_x * x + scale * (*answer).into();
            }
            if !self.is_local(t) {
                continue;
            }
            // The end of a chunk before stands in `start` already.
            if t == FIRST_CHUNK {
                self.shown_before(STATE, x_td, terms, start);
            }
            for block in 0..layout.level_blocks {
                self.roll_out(block, terms, start, x_d, prior);
                for (slot, m) in self.outcomes(block).zip(&*prior) {
                    x0_d[slot] += m;
                }
                let (last, o) = (self.end_slot(block), layout.observation);
                start.clear();
                let ends = terms.ends[block * o..].iter().zip(&x_d[last..]).zip(&x0_d[last..last + o]);
                start.extend(ends.map(|(([on_x, on_x0], x), x0)| on_x * x + on_x0 * x0));
            }
        }
    }

    /// The transpose of [`Self::read`]: from the gradient `d_x0_td` at the clean estimates to those at the answers,
    /// `[visible, D]`, and, added, at the noisy sequence.
    pub(crate) fn read_back(
        &self,
        visible: Visible<'_>,
        d_x0_td: &[f64],
        scratch: &mut Scratch,
        d_answer_vd: &mut [f64],
        d_x_td: &mut [f64],
    ) {
        let (layout, width, o) = (&self.layout, self.layout.width(), self.layout.observation);
        // Gradients at what has these names in `read`; `guess` is the one at a token's estimate.
        let Scratch { start, prior, guess, .. } = scratch;
        start.clear();
        start.resize(o, 0.0);
        let answers = d_answer_vd.chunks_exact_mut(width);
        for ((t, terms), d_answer_d) in visible.each().zip(answers).rev() {
            let at = t * width..(t + 1) * width;
            guess.clear();
            guess.extend_from_slice(&d_x0_td[at.clone()]);
            if self.is_local(t) {
                for block in (0..layout.level_blocks).rev() {
                    let last = self.end_slot(block);
                    for (i, d) in start.iter().enumerate() {
                        let [on_x, on_x0] = terms.ends[block * o + i];
                        guess[last + i] += on_x0 * d;
                        d_x_td[at.start + last + i] += on_x * d;
                    }
                    prior.clear();
                    prior.extend(self.outcomes(block).map(|slot| guess[slot]));
                    self.roll_back(block, terms, prior, &mut d_x_td[at.clone()], start);
                }
                if t == FIRST_CHUNK {
                    self.shown_before_back(STATE, terms, start, d_x_td);
                }
            }
            let slots =
                d_answer_d.iter_mut().zip(&mut d_x_td[at]).zip(&*guess).zip(&terms.scale).zip(&terms.on_x);
            for ((((d_answer, d_x), d), scale), on_x) in slots {
                *d_answer = scale * d;
                *d_x += on_x * d;
            }
        }
    }

    /// Weighted squared error of clean estimates, and its gradient at the answers that they were read from, `[D]` of one
    /// token. The block before counts as it was estimated: what follows from it is no reason to estimate it otherwise.
    pub(crate) fn loss(
        terms: &Terms,
        x0_d: &[f64],
        clean_d: &[f32],
        weight_d: &[f32],
        d_answer_d: &mut [f32],
    ) -> f64 {
        let mut loss = 0.0;
        let slots = x0_d.iter().zip(clean_d).zip(weight_d).zip(&terms.scale).zip(d_answer_d);
        for ((((x0, clean), weight), scale), d_answer) in slots {
            let error = x0 - f64::from(*clean);
            loss += f64::from(*weight) * error * error;
            *d_answer = (2.0 * f64::from(*weight) * error * scale) as f32;
        }
        loss
    }
}
