//! A whole batch between the sampler and a network that is computed elsewhere: what the network is shown, and from its
//! answers back.
//!
//! The engine does the same piece by piece, in buffers that it keeps.

use crate::denoiser::{Cotangent, NoisyBatch};
use crate::error::check_len;
use crate::layout::is_visible;
use crate::preconditioning::{Scratch, Terms, Visible};
use crate::{PlannerError, Preconditioning};

/// A noisy batch as a network is shown it. `B`, `T`, `D`, `I`, `L` as in [`Preconditioning`].
pub struct PreparedBatch<'a> {
    of: &'a Preconditioning,
    batch: NoisyBatch<'a>,
    input_bti: Vec<f64>,
    told_btl: Vec<u16>,
    terms_bt: Vec<Terms>,
    /// The visible tokens of each sequence, and where their terms stand.
    visible_b: Vec<(Vec<usize>, Vec<u32>)>,
}

impl<'a> PreparedBatch<'a> {
    /// Works out what a network is shown of `batch`.
    ///
    /// # Errors
    /// [`PlannerError::Length`] where arrays do not fit the layout.
    pub fn new(of: &'a Preconditioning, batch: NoisyBatch<'a>) -> Result<Self, PlannerError> {
        let (width, parts) = (of.layout().width(), of.layout().parts());
        batch.check(width, parts)?;
        let (size, levels) = (batch.tokens * width, batch.tokens * parts);
        let (mut input_bti, mut told_btl, mut terms_bt) = (Vec::new(), Vec::new(), Vec::new());
        let (mut visible_b, mut scratch) = (Vec::new(), Scratch::default());
        for b in 0..batch.batch {
            let x_td = &batch.x_btd[b * size..(b + 1) * size];
            let level_tp = &batch.level_btp[b * levels..(b + 1) * levels];
            for t in 0..batch.tokens {
                let (at, mut terms) = (told_btl.len(), Terms::default());
                of.tell(t, level_tp, &mut told_btl);
                of.terms(t, &told_btl[at..], &mut terms);
                of.show(t, x_td, &terms, &mut scratch);
                input_bti.extend_from_slice(&scratch.input);
                terms_bt.push(terms);
            }
            let seen = |t: &usize| is_visible(*t, batch.chunks_b[b], batch.goal_b[b]);
            let seen: Vec<usize> = (0..batch.tokens).filter(seen).collect();
            let rows = seen.iter().map(|t| (b * batch.tokens + t) as u32).collect();
            visible_b.push((seen, rows));
        }
        Ok(Self { of, batch, input_bti, told_btl, terms_bt, visible_b })
    }

    /// What the network is shown, `[B, T, I]`.
    pub fn input_bti(&self) -> &[f64] {
        &self.input_bti
    }

    /// Training levels that it is told, `[B, T, L]`.
    pub fn told_btl(&self) -> &[u16] {
        &self.told_btl
    }

    /// Tokens of a sequence, `T`.
    pub fn tokens(&self) -> usize {
        self.batch.tokens
    }

    /// Training levels that there are, `K`.
    pub fn levels(&self) -> usize {
        self.of.schedule().levels()
    }

    /// What a unit of each answer adds to the clean estimate of its slot, `[B, T, D]`.
    pub fn scale_btd(&self) -> Vec<f64> {
        self.terms_bt.iter().flat_map(Terms::scale).copied().collect()
    }

    /// Clean estimates `[B, T, D]`, given the network's answers; zero for tokens that nobody sees.
    ///
    /// # Errors
    /// [`PlannerError::Length`] where arrays do not fit.
    pub fn estimates(&self, answer_btd: &[f64], x0_btd: &mut [f64]) -> Result<(), PlannerError> {
        let size = self.size();
        check_len("answers", self.batch.x_btd.len(), answer_btd.len())?;
        check_len("clean estimates", self.batch.x_btd.len(), x0_btd.len())?;
        x0_btd.fill(0.0);
        let mut scratch = Scratch::default();
        for b in 0..self.batch.batch {
            let at = b * size..(b + 1) * size;
            let answer_vd = self.seen(b, &answer_btd[at.clone()]);
            let x_td = &self.batch.x_btd[at.clone()];
            self.of.read(self.visible(b), x_td, &answer_vd, &mut scratch, &mut x0_btd[at]);
        }
        Ok(())
    }

    /// Gradient at the network's answers, `[B, T, D]`, of a score of the clean estimates, whose gradient `cotangent` fills
    /// in; and the part of the one at the noisy tokens that does not go through the network.
    ///
    /// # Errors
    /// [`PlannerError::Length`] where arrays do not fit.
    pub fn pull_answers(
        &self,
        x0_btd: &[f64],
        cotangent: &Cotangent<'_>,
        pulled_btd: &mut [f64],
    ) -> Result<Vec<f64>, PlannerError> {
        let (size, width) = (self.size(), self.of.layout().width());
        check_len("clean estimates", self.batch.x_btd.len(), x0_btd.len())?;
        check_len("pulled gradients", self.batch.x_btd.len(), pulled_btd.len())?;
        pulled_btd.fill(0.0);
        let (mut d_answer_btd, mut d_x0_td) = (vec![0.0; x0_btd.len()], vec![0.0; size]);
        let mut scratch = Scratch::default();
        for b in 0..self.batch.batch {
            let at = b * size..(b + 1) * size;
            d_x0_td.fill(0.0);
            cotangent(b, &x0_btd[at.clone()], &mut d_x0_td);
            let visible = self.visible(b);
            let mut d_answer_vd = vec![0.0; visible.tokens.len() * width];
            self.of.read_back(visible, &d_x0_td, &mut scratch, &mut d_answer_vd, &mut pulled_btd[at.clone()]);
            for (&t, d) in visible.tokens.iter().zip(d_answer_vd.chunks_exact(width)) {
                d_answer_btd[at.start + t * width..][..width].copy_from_slice(d);
            }
        }
        Ok(d_answer_btd)
    }

    /// Adds to the gradient at the noisy tokens what goes through the network, whose input has the gradient `d_input_bti`.
    ///
    /// # Errors
    /// [`PlannerError::Length`] where arrays do not fit.
    pub fn pull_input(&self, d_input_bti: &[f64], pulled_btd: &mut [f64]) -> Result<(), PlannerError> {
        check_len("gradients at the network's input", self.input_bti.len(), d_input_bti.len())?;
        check_len("pulled gradients", self.batch.x_btd.len(), pulled_btd.len())?;
        let (tokens, size, input) = (self.batch.tokens, self.size(), self.of.input());
        let mut scratch = Scratch::default();
        let shown = self.input_bti.chunks_exact(input).zip(d_input_bti.chunks_exact(input));
        for (i, (terms, shown)) in self.terms_bt.iter().zip(shown).enumerate() {
            let out_td = &mut pulled_btd[i / tokens * size..(i / tokens + 1) * size];
            self.of.show_back(i % tokens, terms, shown, &mut scratch, out_td);
        }
        Ok(())
    }

    /// Numbers of a sequence.
    fn size(&self) -> usize {
        self.batch.tokens * self.of.layout().width()
    }

    fn visible(&self, b: usize) -> Visible<'_> {
        let (tokens, row_of) = &self.visible_b[b];
        Visible { tokens, row_of, table: &self.terms_bt }
    }

    /// The visible tokens of an array of a sequence, `[T, D]`.
    fn seen(&self, b: usize, values_td: &[f64]) -> Vec<f64> {
        let width = self.of.layout().width();
        let tokens = self.visible_b[b].0.iter();
        tokens.flat_map(|t| &values_td[t * width..(t + 1) * width]).copied().collect()
    }
}
