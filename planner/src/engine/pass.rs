//! Forward and input-gradient pass of the transformer over one piece of a batch, in preallocated buffers.
//!
//! Names: `M = B T` rows, `W` width, `H` heads. Guidance needs the gradient with respect to the input alone,
//! so the backward pass multiplies by weights only, never by activations.

use super::attention::{self, Shape};
use super::kernels;
use super::levels::Level;
use super::weights::{LinearWeights, TransformerWeights};

/// Below any score.
const HIDDEN: f32 = -1e9;

/// What one piece needs besides its tokens.
pub(super) struct Rows<'a> {
    pub sequences: usize,
    pub tokens: usize,
    pub heads: usize,
    pub causal: bool,
    /// Level of each row.
    pub levels: &'a [&'a Level],
    /// Visible chunks and goal of each sequence.
    pub visible: &'a [(usize, bool)],
}

/// What the backward pass needs of one block.
#[derive(Default)]
struct Saved {
    attention_xhat: Vec<f32>,
    attention_inverse: Vec<f32>,
    query_key_value: Vec<f32>,
    weights: Vec<f32>,
    mlp_xhat: Vec<f32>,
    mlp_inverse: Vec<f32>,
    gelu_slope: Vec<f32>,
}

/// Buffers of a pass; grown to the largest piece seen, then reused.
#[derive(Default)]
pub(super) struct Pass {
    blocks: Vec<Saved>,
    x: Vec<f32>,
    wide: Vec<f32>,
    narrow: Vec<f32>,
    mixed: Vec<f32>,
    d_qkv: Vec<f32>,
    xhat: Vec<f32>,
    inverse: Vec<f32>,
    hidden: Vec<f32>,
    row: Vec<f32>,
}

impl Pass {
    /// Output `[M, D]` of the network for input `[M, D]`.
    pub fn forward(
        &mut self,
        weights: &TransformerWeights,
        rows: &Rows<'_>,
        input: &[f32],
        output: &mut [f32],
    ) {
        let (m, t, w) = (rows.sequences * rows.tokens, rows.tokens, weights.output.inner);
        self.resize(weights, rows);
        self.mask(rows);
        linear(&weights.input, input, &mut self.x);
        self.place(weights, rows);
        let shape = Shape { tokens: t, width: w, heads: rows.heads };
        for (index, block) in weights.blocks.iter().enumerate() {
            let saved = &mut self.blocks[index];
            for r in 0..m {
                let (level, at) = (&rows.levels[r].blocks[index], r * w..(r + 1) * w);
                let xhat = &mut saved.attention_xhat[at.clone()];
                kernels::normalize_row(
                    &self.x[at.clone()],
                    NORM_EPSILON,
                    xhat,
                    &mut saved.attention_inverse[r],
                );
                kernels::affine(xhat, &level.attention_scale, &level.attention_shift, &mut self.narrow[at]);
            }
            linear(&block.query_key_value, &self.narrow, &mut saved.query_key_value);
            for s in 0..rows.sequences {
                attention::forward(
                    shape,
                    &saved.query_key_value[s * t * 3 * w..(s + 1) * t * 3 * w],
                    &self.hidden[s * t * t..(s + 1) * t * t],
                    &mut saved.weights[s * rows.heads * t * t..(s + 1) * rows.heads * t * t],
                    &mut self.mixed[s * t * w..(s + 1) * t * w],
                );
            }
            let projection = &block.projection;
            kernels::multiply(&self.mixed, &projection.weight, &mut self.narrow, w, w, false);
            for r in 0..m {
                let (level, at) = (&rows.levels[r].blocks[index], r * w..(r + 1) * w);
                kernels::gated_add(
                    &mut self.x[at.clone()],
                    &level.attention_gate,
                    &self.narrow[at.clone()],
                    &projection.bias,
                );
                let xhat = &mut saved.mlp_xhat[at.clone()];
                kernels::normalize_row(&self.x[at.clone()], NORM_EPSILON, xhat, &mut saved.mlp_inverse[r]);
                kernels::affine(xhat, &level.mlp_scale, &level.mlp_shift, &mut self.narrow[at]);
            }
            let hidden = block.expand.columns;
            kernels::multiply(&self.narrow, &block.expand.weight, &mut self.wide, w, hidden, false);
            for r in 0..m {
                let at = r * hidden..(r + 1) * hidden;
                kernels::gelu_row(&mut self.wide[at.clone()], &block.expand.bias, &mut saved.gelu_slope[at]);
            }
            kernels::multiply(&self.wide, &block.contract.weight, &mut self.narrow, hidden, w, false);
            for r in 0..m {
                let (level, at) = (&rows.levels[r].blocks[index], r * w..(r + 1) * w);
                kernels::gated_add(
                    &mut self.x[at.clone()],
                    &level.mlp_gate,
                    &self.narrow[at],
                    &block.contract.bias,
                );
            }
        }
        for r in 0..m {
            let (level, at) = (rows.levels[r], r * w..(r + 1) * w);
            let xhat = &mut self.xhat[at.clone()];
            kernels::normalize_row(&self.x[at.clone()], NORM_EPSILON, xhat, &mut self.inverse[r]);
            kernels::affine(xhat, &level.final_scale, &level.final_shift, &mut self.narrow[at]);
        }
        linear(&weights.output, &self.narrow, output);
    }

    /// Gradient `[M, D]` at the input of the latest [`Pass::forward`], given the one at its output.
    pub fn backward(
        &mut self,
        weights: &TransformerWeights,
        rows: &Rows<'_>,
        d_output: &[f32],
        d_input: &mut [f32],
    ) {
        let (m, t, w) = (rows.sequences * rows.tokens, rows.tokens, weights.output.inner);
        let shape = Shape { tokens: t, width: w, heads: rows.heads };
        // From here on `x` holds the gradient at the residual stream.
        self.x.fill(0.0);
        linear_backward(&weights.output, d_output, &mut self.narrow);
        for r in 0..m {
            let at = r * w..(r + 1) * w;
            let (dh, scale) = (&mut self.narrow[at.clone()], &rows.levels[r].final_scale);
            kernels::normalize_row_backward(
                dh,
                scale,
                &self.xhat[at.clone()],
                self.inverse[r],
                &mut self.x[at],
            );
        }
        for (index, block) in weights.blocks.iter().enumerate().rev() {
            let saved = &self.blocks[index];
            for r in 0..m {
                let (level, at) = (&rows.levels[r].blocks[index], r * w..(r + 1) * w);
                kernels::product_of(&self.x[at.clone()], &level.mlp_gate, &mut self.narrow[at]);
            }
            linear_backward(&block.contract, &self.narrow, &mut self.wide);
            multiply_in_place(&mut self.wide, &saved.gelu_slope);
            linear_backward(&block.expand, &self.wide, &mut self.narrow);
            for r in 0..m {
                let (level, at) = (&rows.levels[r].blocks[index], r * w..(r + 1) * w);
                let (dh, xhat) = (&mut self.narrow[at.clone()], &saved.mlp_xhat[at.clone()]);
                kernels::normalize_row_backward(
                    dh,
                    &level.mlp_scale,
                    xhat,
                    saved.mlp_inverse[r],
                    &mut self.x[at.clone()],
                );
                kernels::product_of(&self.x[at.clone()], &level.attention_gate, &mut self.narrow[at]);
            }
            linear_backward(&block.projection, &self.narrow, &mut self.mixed);
            for s in 0..rows.sequences {
                attention::backward(
                    shape,
                    &saved.query_key_value[s * t * 3 * w..(s + 1) * t * 3 * w],
                    &saved.weights[s * rows.heads * t * t..(s + 1) * rows.heads * t * t],
                    &self.mixed[s * t * w..(s + 1) * t * w],
                    &mut self.d_qkv[s * t * 3 * w..(s + 1) * t * 3 * w],
                    &mut self.row,
                );
            }
            linear_backward(&block.query_key_value, &self.d_qkv, &mut self.narrow);
            for r in 0..m {
                let (level, at) = (&rows.levels[r].blocks[index], r * w..(r + 1) * w);
                let (dh, xhat) = (&mut self.narrow[at.clone()], &saved.attention_xhat[at.clone()]);
                let inverse = saved.attention_inverse[r];
                kernels::normalize_row_backward(dh, &level.attention_scale, xhat, inverse, &mut self.x[at]);
            }
        }
        linear_backward(&weights.input, &self.x, d_input);
    }

    /// Positions and distances to the end.
    fn place(&mut self, weights: &TransformerWeights, rows: &Rows<'_>) {
        let (t, w) = (rows.tokens, weights.output.inner);
        for (r, x) in self.x.chunks_exact_mut(w).enumerate() {
            let (token, chunks) = (r % t, rows.visible[r / t].0);
            let remaining = crate::network::remaining_chunks(token, chunks);
            kernels::add(x, &weights.positions[token * w..(token + 1) * w]);
            kernels::add(x, &weights.remaining[remaining * w..(remaining + 1) * w]);
        }
    }

    fn mask(&mut self, rows: &Rows<'_>) {
        let t = rows.tokens;
        for (mask, &(chunks, goal)) in self.hidden.chunks_exact_mut(t * t).zip(rows.visible) {
            for (i, value) in mask.iter_mut().enumerate() {
                let (query, key) = (i / t, i % t);
                let seen = crate::network::is_visible(key, chunks, goal) && (!rows.causal || key <= query);
                *value = if seen { 0.0 } else { HIDDEN };
            }
        }
    }

    fn resize(&mut self, weights: &TransformerWeights, rows: &Rows<'_>) {
        let (t, w) = (rows.tokens, weights.output.inner);
        let m = rows.sequences * t;
        let hidden = weights.blocks.iter().map(|block| block.expand.columns).max().unwrap_or(0);
        let fit = |buffer: &mut Vec<f32>, len: usize| buffer.resize(len, 0.0);
        self.blocks.resize_with(weights.blocks.len(), Saved::default);
        for saved in &mut self.blocks {
            fit(&mut saved.attention_xhat, m * w);
            fit(&mut saved.attention_inverse, m);
            fit(&mut saved.query_key_value, m * 3 * w);
            fit(&mut saved.weights, rows.sequences * rows.heads * t * t);
            fit(&mut saved.mlp_xhat, m * w);
            fit(&mut saved.mlp_inverse, m);
            fit(&mut saved.gelu_slope, m * hidden);
        }
        for buffer in [&mut self.x, &mut self.narrow, &mut self.mixed, &mut self.xhat] {
            fit(buffer, m * w);
        }
        fit(&mut self.wide, m * hidden);
        fit(&mut self.d_qkv, m * 3 * w);
        fit(&mut self.inverse, m);
        fit(&mut self.hidden, rows.sequences * t * t);
        fit(&mut self.row, t);
    }
}

/// Burn's default.
const NORM_EPSILON: f32 = 1e-5;

fn linear(layer: &LinearWeights, input: &[f32], out: &mut [f32]) {
    for row in out.chunks_exact_mut(layer.columns) {
        row.copy_from_slice(&layer.bias);
    }
    kernels::multiply(input, &layer.weight, out, layer.inner, layer.columns, true);
}

/// Gradient at a linear layer's input, given the one at its output.
fn linear_backward(layer: &LinearWeights, d_output: &[f32], d_input: &mut [f32]) {
    kernels::multiply(d_output, &layer.transposed, d_input, layer.columns, layer.inner, false);
}

fn multiply_in_place(x: &mut [f32], y: &[f32]) {
    x.iter_mut().zip(y).for_each(|(x, y)| *x *= y);
}
