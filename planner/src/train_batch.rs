//! What a training step computes its loss from: made by [`crate::training`], computed by the engine or by Burn.

use crate::denoiser::check_chunks;
use crate::error::check_len;
use crate::preconditioning::{Scratch, Terms, Visible};
use crate::{PlannerError, Preconditioning};

/// One batch on the host. Shapes `[B, T, I]`, `[B, T, D]`, `[B, T, L]`, `[B]`.
#[derive(Clone, Debug)]
pub struct TrainBatch {
    /// What the network is shown of the noised tokens ([`crate::Preconditioning`]).
    pub input_bti: Vec<f32>,
    /// Clean tokens, which estimates are held against.
    pub clean_btd: Vec<f32>,
    /// Weight of each squared error of the estimates, normalised so that the loss is a weighted mean over existing slots.
    pub weight_btd: Vec<f32>,
    /// Training levels that the network is told of each token.
    pub level_btl: Vec<u16>,
    /// Visible chunks of each sequence.
    pub chunks_b: Vec<usize>,
    /// Whether each sequence has a goal token.
    pub goal_b: Vec<bool>,
}

impl TrainBatch {
    /// Refuses arrays that do not fit each other, or whole sequences of this layout.
    ///
    /// # Errors
    /// [`PlannerError::Length`] naming the array.
    pub(crate) fn check(&self, of: &Preconditioning) -> Result<(), PlannerError> {
        let layout = of.layout();
        let (tokens, width) = (layout.tokens(layout.chunks), layout.width());
        let (input, told) = (of.input(), layout.told_levels());
        let b = self.chunks_b.len();
        // Products that had to be cut off are no array's length.
        let all = b.saturating_mul(tokens);
        let slots = all.saturating_mul(width);
        for (array, want, got) in [
            ("training levels", all.saturating_mul(told), self.level_btl.len()),
            ("training goals", b, self.goal_b.len()),
            ("training tokens", all.saturating_mul(input), self.input_bti.len()),
            ("clean tokens", slots, self.clean_btd.len()),
            ("training weights", slots, self.weight_btd.len()),
        ] {
            check_len(array, want, got)?;
        }
        check_chunks(tokens, &self.chunks_b)
    }

    /// Makes the loss a mean over so many slots.
    pub(crate) fn of_slots(&mut self, slots: usize) {
        let scale = 1.0 / slots.max(1) as f32;
        self.weight_btd.iter_mut().for_each(|weight| *weight *= scale);
    }

    /// Loss of a sequence, given the network's answers to its visible `tokens`, `[visible, D]`; these are replaced by the
    /// gradient at them.
    pub(crate) fn loss(
        &self,
        of: &Preconditioning,
        sequence: usize,
        tokens: &[usize],
        answer_vd: &mut [f32],
        room: &mut LossRoom,
    ) -> f64 {
        let (layout, width) = (of.layout(), of.layout().width());
        let (t, input, told) = (layout.tokens(layout.chunks), of.input(), layout.told_levels());
        let LossRoom { terms, row_of, scratch, x_td, x0_td } = room;
        if terms.len() < tokens.len() {
            terms.resize_with(tokens.len(), Terms::default);
        }
        row_of.clear();
        row_of.extend(0..tokens.len() as u32);
        for of_sequence in [&mut *x_td, &mut *x0_td] {
            of_sequence.clear();
            of_sequence.resize(t * width, 0.0);
        }
        for (&token, terms) in tokens.iter().zip(&mut *terms) {
            let at = sequence * t + token;
            of.terms(token, &self.level_btl[at * told..(at + 1) * told], terms);
            // The noisy token comes first in what the network is shown.
            let noisy = self.input_bti[at * input..].iter().take(width).map(|&x| f64::from(x));
            x_td[token * width..].iter_mut().zip(noisy).for_each(|(out, x)| *out = x);
        }
        of.read(Visible { tokens, row_of, table: terms }, x_td, answer_vd, scratch, x0_td);
        let mut loss = 0.0;
        for ((&token, terms), answer_d) in tokens.iter().zip(&*terms).zip(answer_vd.chunks_exact_mut(width)) {
            let at = (sequence * t + token) * width;
            let (clean, weight) = (&self.clean_btd[at..at + width], &self.weight_btd[at..at + width]);
            let x0_d = &x0_td[token * width..(token + 1) * width];
            loss += Preconditioning::loss(terms, x0_d, clean, weight, answer_d);
        }
        loss
    }
}

/// Room for one sequence's numbers between answers and loss.
#[derive(Default)]
pub(crate) struct LossRoom {
    terms: Vec<Terms>,
    row_of: Vec<u32>,
    scratch: Scratch,
    x_td: Vec<f64>,
    x0_td: Vec<f64>,
}
