//! What a training step computes its loss from: made by [`crate::training`], computed by the engine or by Burn.

use crate::denoiser::check_chunks;
use crate::error::check_len;
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
}
