//! Buffers and forward pass of the transformer over one piece of a batch.
//!
//! Names: `M` rows (visible tokens), `W` width, `H` heads. Rows are shared among *lanes*, one thread each; a
//! lane owns the buffers of its rows and hands over, between phases, the one thing that other lanes need of it.
//! With one lane the phases follow one another without any hand-over between threads.

use std::mem::swap;
use std::ops::Range;

use rayon::prelude::{IntoParallelRefMutIterator, ParallelIterator};

use super::attention::{self, Gathered, Shape};
use super::kernels;
use super::modulation::{Modulations, row_len};
use super::packing::Packing;
use super::product::{PANEL, Packed};
use super::weights::Weights;

/// Below any score.
const HIDDEN: f32 = -1e9;

/// What a forward pass keeps for the backward one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd)]
pub(super) enum Keep {
    /// Nothing: there will be none.
    #[default]
    Nothing,
    /// What the gradient at the input needs. It multiplies by weights only, never by activations.
    Input,
    /// What the gradients of the weights need as well.
    Weights,
}

/// What one piece needs besides its tokens.
#[derive(Clone, Copy)]
pub(super) struct Rows<'a> {
    pub packing: &'a Packing,
    pub modulations: Modulations<'a>,
}

/// Kept per block for the input gradient.
#[derive(Default)]
pub(super) struct Saved {
    pub attention_xhat: Vec<f32>,
    pub attention_inverse: Vec<f32>,
    pub mlp_xhat: Vec<f32>,
    pub mlp_inverse: Vec<f32>,
    pub gelu_slope: Vec<f32>,
}

/// Kept per block for the weights' gradients.
#[derive(Default)]
pub(super) struct Activations {
    pub mixed: Vec<f32>,
    pub attention_out: Vec<f32>,
    pub activated: Vec<f32>,
    pub mlp_out: Vec<f32>,
}

/// Kept per block and handed over to the other lanes; one entry per lane.
#[derive(Default)]
pub(super) struct Shared {
    pub qkv: Vec<Vec<f32>>,
    pub probabilities: Vec<Vec<f32>>,
}

/// One thread's rows.
#[derive(Default)]
pub(super) struct Lane {
    pub rows: Range<usize>,
    pub x: Vec<f32>,
    pub narrow: Vec<f32>,
    pub wide: Vec<f32>,
    pub saved: Vec<Saved>,
    pub activations: Vec<Activations>,
    pub xhat: Vec<f32>,
    pub inverse: Vec<f32>,
    pub output: Vec<f32>,
    pub d_input: Vec<f32>,
    pub gathered: Gathered,
    // Handed over at the end of a phase.
    pub qkv: Vec<f32>,
    pub probabilities: Vec<f32>,
    pub d_mixed: Vec<f32>,
    pub d_scores: Vec<f32>,
    pub d_qkv: Vec<f32>,
    /// Gradients of the weights and of the folded modulation rows, in training.
    pub gradient: Vec<f32>,
    pub d_table: Vec<f32>,
    pub packed: Packed,
}

/// Buffers of a pass; grown to the largest piece seen, then reused.
#[derive(Default)]
pub(super) struct Pass {
    pub shape: Shape,
    pub keep: Keep,
    pub lanes: Vec<Lane>,
    pub blocks: Vec<Shared>,
    pub d_mixed: Vec<Vec<f32>>,
    pub d_scores: Vec<Vec<f32>>,
    hidden: Vec<f32>,
}

impl Pass {
    /// Output `[M, D]` of the network for input `[M, D + F]`, on `lanes` threads of the current pool.
    pub fn forward(
        &mut self,
        weights: &Weights,
        rows: &Rows<'_>,
        input: &[f32],
        output: &mut [f32],
        keep: Keep,
        lanes: usize,
    ) {
        self.prepare(weights, rows, keep, lanes);
        let (shape, layers) = (self.shape, weights.blocks.len());
        let (d, d_in) = (weights.output.columns, weights.input.inner);
        let per_block = keep >= Keep::Input;
        each(&mut self.lanes, |lane| {
            lane.embed(weights, rows, &input[lane.rows.start * d_in..lane.rows.end * d_in]);
            lane.queries_keys_values(weights, rows, 0, keep);
        });
        for block in 0..layers {
            let shared = &mut self.blocks[if per_block { block } else { 0 }];
            self.lanes.iter_mut().zip(&mut shared.qkv).for_each(|(lane, qkv)| swap(&mut lane.qkv, qkv));
            let (qkv, hidden) = (&shared.qkv, &self.hidden);
            each(&mut self.lanes, |lane| {
                let kept = if keep == Keep::Weights { block } else { 0 };
                let mixed = &mut lane.activations[kept].mixed;
                let rows_of_lane = lane.rows.clone();
                let (gathered, probabilities) = (&mut lane.gathered, &mut lane.probabilities);
                let starts = &rows.packing.starts;
                attention::forward(shape, starts, rows_of_lane, qkv, hidden, gathered, probabilities, mixed);
                lane.rest_of_block(weights, rows, block, keep);
                if block + 1 < layers {
                    lane.queries_keys_values(weights, rows, block + 1, keep);
                } else {
                    lane.read_out(weights, rows);
                }
            });
            if per_block {
                let handed = self.lanes.iter_mut().zip(&mut shared.probabilities);
                handed.for_each(|(lane, probabilities)| swap(&mut lane.probabilities, probabilities));
            }
        }
        for lane in &self.lanes {
            output[lane.rows.start * d..lane.rows.end * d].copy_from_slice(&lane.output);
        }
    }

    fn prepare(&mut self, weights: &Weights, rows: &Rows<'_>, keep: Keep, lanes: usize) {
        let (m, w, layers) = (rows.packing.rows(), weights.width(), weights.blocks.len());
        let starts = &rows.packing.starts;
        let longest = starts.windows(2).map(|pair| pair[1] - pair[0]).max().unwrap_or(0);
        let padded = longest.next_multiple_of(PANEL);
        let lane_rows = m.div_ceil(lanes.max(1)).max(1);
        let lanes = m.div_ceil(lane_rows);
        self.shape = Shape { width: w, heads: weights.heads, rows: m, lane_rows, padded };
        self.keep = keep;
        let lane_len = |lane: usize| lane_rows.min(m - lane * lane_rows);
        self.lanes.resize_with(lanes, Lane::default);
        at_least(&mut self.blocks, if keep >= Keep::Input { layers } else { 1 });
        for block in &mut self.blocks {
            block.qkv.resize_with(lanes, Vec::new);
            block.probabilities.resize_with(lanes, Vec::new);
            for lane in 0..lanes {
                block.qkv[lane].resize(lane_len(lane) * 3 * w, 0.0);
                block.probabilities[lane].resize(weights.heads * lane_len(lane) * padded, 0.0);
            }
        }
        self.d_mixed.resize_with(lanes, Vec::new);
        self.d_scores.resize_with(lanes, Vec::new);
        for (index, lane) in self.lanes.iter_mut().enumerate() {
            let count = lane_len(index);
            lane.rows = index * lane_rows..index * lane_rows + count;
            lane.fit(weights, padded, keep);
            self.d_mixed[index].resize(lane.d_mixed.len(), 0.0);
            self.d_scores[index].resize(lane.d_scores.len(), 0.0);
        }
        self.hidden.resize(m * padded, 0.0);
        for pair in starts.windows(2) {
            let hidden = self.hidden[pair[0] * padded..pair[1] * padded].chunks_exact_mut(padded);
            for (query, hidden) in hidden.enumerate() {
                let seen = if weights.causal { query + 1 } else { pair[1] - pair[0] };
                hidden[..seen].fill(0.0);
                hidden[seen..].fill(HIDDEN);
            }
        }
    }
}

impl Lane {
    /// Input layer, positions and distances to the end.
    fn embed(&mut self, weights: &Weights, rows: &Rows<'_>, input: &[f32]) {
        let (w, flat) = (weights.width(), &weights.flat);
        let (bias, positions) = (weights.input.bias.of(flat), weights.positions.of(flat));
        for (r, x) in self.rows.clone().zip(self.x.chunks_exact_mut(w)) {
            let (token, remaining) = rows.packing.places[r];
            x.copy_from_slice(bias);
            kernels::add(x, &positions[token * w..(token + 1) * w]);
            kernels::add(x, &weights.remaining.of(flat)[remaining * w..(remaining + 1) * w]);
        }
        weights.input.add_product(input, &mut self.x);
    }

    /// Norm and projection to queries, keys and values of a block.
    fn queries_keys_values(&mut self, weights: &Weights, rows: &Rows<'_>, block: usize, keep: Keep) {
        let w = weights.width();
        let saved = &mut self.saved[if keep >= Keep::Input { block } else { 0 }];
        for (i, r) in self.rows.clone().enumerate() {
            let (m, at) = (rows.modulations.block(r, block), i * w..(i + 1) * w);
            kernels::normalize_row(
                &self.x[at.clone()],
                m.attention_scale,
                m.attention_shift,
                &mut saved.attention_xhat[at.clone()],
                &mut saved.attention_inverse[i],
                &mut self.narrow[at],
            );
        }
        weights.blocks[block].query_key_value.apply(&weights.flat, &self.narrow, &mut self.qkv);
    }

    /// A block from what attention mixed to its end.
    fn rest_of_block(&mut self, weights: &Weights, rows: &Rows<'_>, index: usize, keep: Keep) {
        let (w, flat, block) = (weights.width(), &weights.flat, &weights.blocks[index]);
        let saved = &mut self.saved[if keep >= Keep::Input { index } else { 0 }];
        let kept = &mut self.activations[if keep == Keep::Weights { index } else { 0 }];
        block.projection.apply(flat, &kept.mixed, &mut kept.attention_out);
        for (i, r) in self.rows.clone().enumerate() {
            let (m, at) = (rows.modulations.block(r, index), i * w..(i + 1) * w);
            kernels::gated_add(&mut self.x[at.clone()], m.attention_gate, &kept.attention_out[at.clone()]);
            kernels::normalize_row(
                &self.x[at.clone()],
                m.mlp_scale,
                m.mlp_shift,
                &mut saved.mlp_xhat[at.clone()],
                &mut saved.mlp_inverse[i],
                &mut self.narrow[at],
            );
        }
        block.expand.apply(flat, &self.narrow, &mut kept.activated);
        if keep >= Keep::Input {
            kernels::gelu_row_and_slope(&mut kept.activated, &mut saved.gelu_slope);
        } else {
            kernels::gelu_row(&mut kept.activated);
        }
        block.contract.apply(flat, &kept.activated, &mut kept.mlp_out);
        for (i, r) in self.rows.clone().enumerate() {
            let at = i * w..(i + 1) * w;
            let gate = rows.modulations.block(r, index).mlp_gate;
            kernels::gated_add(&mut self.x[at.clone()], gate, &kept.mlp_out[at]);
        }
    }

    /// Last norm and output layer.
    fn read_out(&mut self, weights: &Weights, rows: &Rows<'_>) {
        let w = weights.width();
        for (i, r) in self.rows.clone().enumerate() {
            let ((scale, shift), at) = (rows.modulations.last(r), i * w..(i + 1) * w);
            let (xhat, inverse) = (&mut self.xhat[at.clone()], &mut self.inverse[i]);
            kernels::normalize_row(&self.x[at.clone()], scale, shift, xhat, inverse, &mut self.narrow[at]);
        }
        weights.output.apply(&weights.flat, &self.narrow, &mut self.output);
    }

    fn fit(&mut self, weights: &Weights, padded: usize, keep: Keep) {
        let (m, w, layers) = (self.rows.len(), weights.width(), weights.blocks.len());
        let (hidden, d) = (weights.hidden(), weights.output.columns);
        let fit = |buffer: &mut Vec<f32>, len: usize| buffer.resize(len, 0.0);
        at_least(&mut self.saved, if keep >= Keep::Input { layers } else { 1 });
        for saved in &mut self.saved {
            fit(&mut saved.attention_xhat, m * w);
            fit(&mut saved.attention_inverse, m);
            fit(&mut saved.mlp_xhat, m * w);
            fit(&mut saved.mlp_inverse, m);
            fit(&mut saved.gelu_slope, m * hidden);
        }
        at_least(&mut self.activations, if keep == Keep::Weights { layers } else { 1 });
        for kept in &mut self.activations {
            fit(&mut kept.mixed, m * w);
            fit(&mut kept.attention_out, m * w);
            fit(&mut kept.activated, m * hidden);
            fit(&mut kept.mlp_out, m * w);
        }
        for buffer in [&mut self.x, &mut self.narrow, &mut self.xhat, &mut self.d_mixed] {
            fit(buffer, m * w);
        }
        for buffer in [&mut self.qkv, &mut self.d_qkv] {
            fit(buffer, m * 3 * w);
        }
        for buffer in [&mut self.probabilities, &mut self.d_scores] {
            fit(buffer, weights.heads * m * padded);
        }
        fit(&mut self.wide, m * hidden);
        fit(&mut self.inverse, m);
        fit(&mut self.output, m * d);
        fit(&mut self.d_input, m * weights.input.inner);
        if keep == Keep::Weights {
            fit(&mut self.gradient, weights.flat.len());
            fit(&mut self.d_table, m * row_len(w, layers));
        }
    }
}

/// Makes room for `n` items. Never gives any back: rows with and without guidance take turns.
fn at_least<T: Default>(items: &mut Vec<T>, n: usize) {
    if items.len() < n {
        items.resize_with(n, T::default);
    }
}

/// Runs one phase on every lane; a single lane stays on the calling thread.
pub(super) fn each(lanes: &mut [Lane], phase: impl Fn(&mut Lane) + Sync) {
    match lanes {
        [only] => phase(only),
        lanes => lanes.par_iter_mut().for_each(&phase),
    }
}
