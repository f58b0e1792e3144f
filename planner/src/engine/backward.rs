//! Backward pass: the gradient at the input, and in training the gradients of the weights.

use std::mem::swap;

use super::attention::{self, Shape};
use super::kernels;
use super::modulation::{BlockModulation, row_len};
use super::pass::{Keep, Lane, Pass, Rows, Shared, each};
use super::weights::Weights;

/// What all lanes read in the backward pass of a block.
#[derive(Clone, Copy)]
struct Handed<'a> {
    shape: Shape,
    shared: &'a Shared,
    d_mixed: &'a [Vec<f32>],
    d_scores: &'a [Vec<f32>],
}

impl Pass {
    /// Gradient `[M, D + F]` at the input of the latest [`Pass::forward`], given the one at its output. After a
    /// forward pass with [`Keep::Weights`] the lanes' weight gradients grow by this piece's, and `d_table` holds
    /// the gradient at the folded rows; `input` is needed for that alone.
    pub fn backward(
        &mut self,
        weights: &Weights,
        rows: &Rows<'_>,
        input: &[f32],
        d_output: &[f32],
        d_input: &mut [f32],
    ) {
        let (d, d_in) = (weights.output.columns, weights.input.inner);
        let (layers, training) = (weights.blocks.len(), self.keep == Keep::Weights);
        each(&mut self.lanes, |lane| {
            let d_output = &d_output[lane.rows.start * d..lane.rows.end * d];
            lane.read_out_backward(weights, rows, d_output, training);
            lane.end_of_block_backward(weights, rows, layers - 1, training);
        });
        for block in (0..layers).rev() {
            self.lanes.iter_mut().zip(&mut self.d_mixed).for_each(|(l, d)| swap(&mut l.d_mixed, d));
            let (shape, shared) = (self.shape, &self.blocks[block]);
            let d_mixed = &self.d_mixed;
            each(&mut self.lanes, |lane| {
                let index = lane.rows.start / shape.lane_rows;
                attention::backward_queries(
                    shape,
                    &rows.packing.starts,
                    lane.rows.clone(),
                    &shared.qkv,
                    &shared.probabilities[index],
                    &d_mixed[index],
                    &mut lane.gathered,
                    &mut lane.d_scores,
                    &mut lane.d_qkv,
                );
            });
            self.lanes.iter_mut().zip(&mut self.d_scores).for_each(|(l, d)| swap(&mut l.d_scores, d));
            let handed = Handed { shape, shared, d_mixed, d_scores: &self.d_scores };
            each(&mut self.lanes, |lane| {
                lane.start_of_block_backward(weights, rows, block, handed, training);
                if block > 0 {
                    lane.end_of_block_backward(weights, rows, block - 1, training);
                } else if training {
                    let input = &input[lane.rows.start * d_in..lane.rows.end * d_in];
                    lane.embed_gradient(weights, rows, input);
                } else {
                    weights.input.pull(&lane.x, &mut lane.d_input);
                }
            });
        }
        if !training {
            for lane in &self.lanes {
                d_input[lane.rows.start * d_in..lane.rows.end * d_in].copy_from_slice(&lane.d_input);
            }
        }
    }
}

impl Lane {
    /// From the output to the residual stream; `x` holds the gradient at the stream from here on.
    fn read_out_backward(&mut self, weights: &Weights, rows: &Rows<'_>, d_output: &[f32], training: bool) {
        let (w, layers) = (weights.width(), weights.blocks.len());
        self.x.fill(0.0);
        if training {
            for (i, r) in self.rows.clone().enumerate() {
                let ((scale, shift), at) = (rows.modulations.last(r), i * w..(i + 1) * w);
                kernels::affine(&self.xhat[at.clone()], scale, shift, &mut self.narrow[at]);
            }
            weights.output.add_gradient(&self.narrow, d_output, &mut self.packed, &mut self.gradient);
        }
        weights.output.pull(d_output, &mut self.narrow);
        for (i, r) in self.rows.clone().enumerate() {
            let (scale, at) = (rows.modulations.last(r).0, i * w..(i + 1) * w);
            let (dh, xhat) = (&mut self.narrow[at.clone()], &self.xhat[at.clone()]);
            if training {
                let row = &mut self.d_table[i * row_len(w, layers)..][..row_len(w, layers)];
                let last = row.len() - 2 * w;
                affine_gradient(dh, xhat, &mut row[last..]);
            }
            kernels::normalize_row_backward(dh, scale, xhat, self.inverse[i], &mut self.x[at]);
        }
    }

    /// From a block's end to what attention mixed.
    fn end_of_block_backward(&mut self, weights: &Weights, rows: &Rows<'_>, index: usize, training: bool) {
        let (w, block) = (weights.width(), &weights.blocks[index]);
        let modulation = |r: usize| -> BlockModulation<'_> { rows.modulations.block(r, index) };
        let table_row = |i: usize| i * row_len(w, weights.blocks.len()) + index * 6 * w;
        let (saved, kept) = (&self.saved[index], &self.activations[if training { index } else { 0 }]);
        for (i, r) in self.rows.clone().enumerate() {
            let at = i * w..(i + 1) * w;
            let (x, narrow) = (&self.x[at.clone()], &mut self.narrow[at.clone()]);
            kernels::product_of(x, modulation(r).mlp_gate, narrow);
            if training {
                let d_gate = &mut self.d_table[table_row(i) + 5 * w..][..w];
                kernels::product_of(x, &kept.mlp_out[at], d_gate);
            }
        }
        if training {
            block.contract.add_gradient(&kept.activated, &self.narrow, &mut self.packed, &mut self.gradient);
        }
        block.contract.pull(&self.narrow, &mut self.wide);
        kernels::multiply(&mut self.wide, &saved.gelu_slope);
        if training {
            for (i, r) in self.rows.clone().enumerate() {
                let (m, at) = (modulation(r), i * w..(i + 1) * w);
                let xhat = &saved.mlp_xhat[at.clone()];
                kernels::affine(xhat, m.mlp_scale, m.mlp_shift, &mut self.narrow[at]);
            }
            block.expand.add_gradient(&self.narrow, &self.wide, &mut self.packed, &mut self.gradient);
        }
        block.expand.pull(&self.wide, &mut self.narrow);
        for (i, r) in self.rows.clone().enumerate() {
            let (m, at) = (modulation(r), i * w..(i + 1) * w);
            let (dh, xhat) = (&mut self.narrow[at.clone()], &saved.mlp_xhat[at.clone()]);
            if training {
                affine_gradient(dh, xhat, &mut self.d_table[table_row(i) + 3 * w..][..2 * w]);
            }
            let x = &mut self.x[at.clone()];
            kernels::normalize_row_backward(dh, m.mlp_scale, xhat, saved.mlp_inverse[i], x);
            if training {
                let d_gate = &mut self.d_table[table_row(i) + 2 * w..][..w];
                kernels::product_of(x, &kept.attention_out[at.clone()], d_gate);
            }
            kernels::product_of(x, m.attention_gate, dh);
        }
        if training {
            block.projection.add_gradient(&kept.mixed, &self.narrow, &mut self.packed, &mut self.gradient);
        }
        block.projection.pull(&self.narrow, &mut self.d_mixed);
    }

    /// From attention's scores to a block's beginning.
    fn start_of_block_backward(
        &mut self,
        weights: &Weights,
        rows: &Rows<'_>,
        index: usize,
        handed: Handed<'_>,
        training: bool,
    ) {
        let (w, layer) = (weights.width(), &weights.blocks[index].query_key_value);
        let Handed { shape, shared, d_mixed, d_scores } = handed;
        attention::backward_keys(
            shape,
            &rows.packing.starts,
            self.rows.clone(),
            &shared.qkv,
            &shared.probabilities,
            d_mixed,
            d_scores,
            &mut self.d_qkv,
        );
        let saved = &self.saved[index];
        if training {
            for (i, r) in self.rows.clone().enumerate() {
                let (m, at) = (rows.modulations.block(r, index), i * w..(i + 1) * w);
                let xhat = &saved.attention_xhat[at.clone()];
                kernels::affine(xhat, m.attention_scale, m.attention_shift, &mut self.narrow[at]);
            }
            layer.add_gradient(&self.narrow, &self.d_qkv, &mut self.packed, &mut self.gradient);
        }
        layer.pull(&self.d_qkv, &mut self.narrow);
        for (i, r) in self.rows.clone().enumerate() {
            let (m, at) = (rows.modulations.block(r, index), i * w..(i + 1) * w);
            let (dh, xhat) = (&mut self.narrow[at.clone()], &saved.attention_xhat[at.clone()]);
            if training {
                let row = i * row_len(w, weights.blocks.len()) + index * 6 * w;
                affine_gradient(dh, xhat, &mut self.d_table[row..][..2 * w]);
            }
            let x = &mut self.x[at];
            kernels::normalize_row_backward(dh, m.attention_scale, xhat, saved.attention_inverse[i], x);
        }
    }

    /// Gradients of the input layer and of the position tables.
    fn embed_gradient(&mut self, weights: &Weights, rows: &Rows<'_>, input: &[f32]) {
        let w = weights.width();
        weights.input.add_gradient(input, &self.x, &mut self.packed, &mut self.gradient);
        for (r, d_x) in self.rows.clone().zip(self.x.chunks_exact(w)) {
            let (token, remaining) = rows.packing.places[r];
            for (table, entry) in [(weights.positions, token), (weights.remaining, remaining)] {
                kernels::add(&mut table.of_mut(&mut self.gradient)[entry * w..(entry + 1) * w], d_x);
            }
        }
    }
}

/// Gradients at scale and shift of `h = xhat * scale + shift`, given the one at `h`.
fn affine_gradient(dh: &[f32], xhat: &[f32], d_scale_shift: &mut [f32]) {
    let (d_scale, d_shift) = d_scale_shift.split_at_mut(dh.len());
    kernels::product_of(dh, xhat, d_scale);
    d_shift.copy_from_slice(dh);
}
