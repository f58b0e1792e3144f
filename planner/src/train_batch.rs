//! What a training step computes its loss from: made by [`crate::training`], computed by the engine or by Burn.

/// One batch on the host. Shapes `[B, T, D]`, `[B, T]`, `[B]`.
#[derive(Clone, Debug)]
pub struct TrainBatch {
    /// Noised tokens.
    pub x_btd: Vec<f32>,
    /// What the network is to predict.
    pub target_btd: Vec<f32>,
    /// Weight of each squared error, normalised so that the loss is a weighted mean over existing slots.
    pub weight_btd: Vec<f32>,
    /// Training level of each token.
    pub level_bt: Vec<u16>,
    /// Visible chunks of each sequence.
    pub chunks_b: Vec<usize>,
    /// Whether each sequence has a goal token.
    pub goal_b: Vec<bool>,
}
