//! What a pass leaves behind: outputs for whoever reads them, and what a backward pass needs.

use super::Mlp;

/// Memory of one pass, kept from one to the next. A tape belongs to no network: each pass makes it fit.
#[derive(Clone, Debug, Default)]
pub struct Tape {
    pub(super) rows: usize,
    /// `[rows, input]`.
    pub(super) input: Vec<f32>,
    /// One for each hidden layer.
    pub(super) hidden: Vec<Hidden>,
    /// `[rows, output]`.
    pub(super) output: Vec<f32>,
    /// A backward pass' gradients on the way, `[rows, widest]`.
    pub(super) delta: Vec<f32>,
    /// Whether slopes stand in it that no backward pass has used up.
    pub(super) live: bool,
}

/// What one hidden layer leaves behind.
#[derive(Clone, Debug, Default)]
pub(super) struct Hidden {
    /// Derivative of the activation, `[rows, width]`; after a backward pass the loss's gradient before the activation.
    pub slope: Vec<f32>,
    /// Normalised activations, `[rows, width]`, and one over the deviation of each row; empty without normalisation.
    pub normed: Vec<f32>,
    pub inverse: Vec<f32>,
    /// What the next layer is given, `[rows, width]`.
    pub out: Vec<f32>,
}

impl Tape {
    /// Outputs of the pass, `[rows, output]`.
    pub fn output(&self) -> &[f32] {
        &self.output
    }

    /// Makes room for `rows` rows of a network.
    pub(super) fn fit(&mut self, network: &Mlp, rows: usize, input: &[f32]) {
        self.rows = rows;
        self.input.clear();
        self.input.extend_from_slice(input);
        let hidden = network.layers.len().saturating_sub(1);
        self.hidden.resize_with(hidden, Hidden::default);
        for (kept, layer) in self.hidden.iter_mut().zip(&network.layers) {
            kept.slope.resize(rows * layer.output, 0.0);
            kept.out.resize(rows * layer.output, 0.0);
            let norm = if layer.scale.is_empty() { 0 } else { rows };
            kept.normed.resize(norm * layer.output, 0.0);
            kept.inverse.resize(norm, 0.0);
        }
        self.output.resize(rows * network.config().output(), 0.0);
    }
}
