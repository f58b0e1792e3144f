//! What noise levels do to every layer: the scales, shifts and gates of adaptive layer norm.
//!
//! Layer norm's affine part and the level's scale and shift fold into one: with `y = xhat gamma + beta`,
//! `y (1 + scale) + shift = xhat [gamma (1 + scale)] + [beta (1 + scale) + shift]`. A *folded row* holds, for
//! every block, `[attention scale, shift, gate, mlp scale, shift, gate]` and at its end `[final scale, shift]`,
//! `W` numbers each. At planning time a row is computed once per level and kept; in training, where every
//! token has a level of its own and the weights change, once per token.

use std::f32::consts::PI;

use super::kernels;
use super::product::Packed;
use super::weights::{Norm, Weights};
use crate::network::LEVEL_FEATURES;

/// Folded vectors of a block.
const PER_BLOCK: usize = 6;

/// Folded vectors of one token in one block, each `[W]`.
pub(super) struct BlockModulation<'a> {
    pub attention_scale: &'a [f32],
    pub attention_shift: &'a [f32],
    pub attention_gate: &'a [f32],
    pub mlp_scale: &'a [f32],
    pub mlp_shift: &'a [f32],
    pub mlp_gate: &'a [f32],
}

/// Folded rows and which of them each token uses.
#[derive(Clone, Copy)]
pub(super) struct Modulations<'a> {
    pub table: &'a [f32],
    pub row_of: &'a [u32],
    pub width: usize,
    pub layers: usize,
}

impl<'a> Modulations<'a> {
    /// Vectors of token `r` in block `block`.
    pub fn block(&self, r: usize, block: usize) -> BlockModulation<'a> {
        let w = self.width;
        let row = &self.table[self.row_of[r] as usize * row_len(w, self.layers)..];
        let part = |i: usize| &row[(block * PER_BLOCK + i) * w..][..w];
        BlockModulation {
            attention_scale: part(0),
            attention_shift: part(1),
            attention_gate: part(2),
            mlp_scale: part(3),
            mlp_shift: part(4),
            mlp_gate: part(5),
        }
    }

    /// Scale and shift of the last norm for token `r`.
    pub fn last(&self, r: usize) -> (&'a [f32], &'a [f32]) {
        let w = self.width;
        let row = &self.table[self.row_of[r] as usize * row_len(w, self.layers)..];
        row[PER_BLOCK * self.layers * w..][..2 * w].split_at(w)
    }
}

/// Numbers of a folded row.
pub(super) fn row_len(width: usize, layers: usize) -> usize {
    (PER_BLOCK * layers + 2) * width
}

/// Computes folded rows, and carries gradients back through them.
#[derive(Default)]
pub(super) struct Folding {
    features: Vec<f32>,
    hidden: Vec<f32>,
    hidden_slope: Vec<f32>,
    embedding: Vec<f32>,
    embedding_slope: Vec<f32>,
    modulation: Vec<f32>,
    last: Vec<f32>,
    d_modulation: Vec<f32>,
    d_embedding: Vec<f32>,
    d_part: Vec<f32>,
    packed: Packed,
}

impl Folding {
    /// Folded rows of levels `[n, L]`, given as shares of pure noise in `[0, 1]`, into `table`.
    pub fn fold(&mut self, weights: &Weights, shares: &[f32], table: &mut Vec<f32>) {
        let (w, layers) = (weights.width(), weights.blocks.len());
        let (n, half) = (shares.len() * LEVEL_FEATURES / weights.level_input.inner, LEVEL_FEATURES / 2);
        self.features.clear();
        for share in shares {
            let angle = |i: usize| share * (PI * 256f32.powf(i as f32 / (half - 1) as f32));
            self.features.extend((0..half).map(|i| angle(i).sin()));
            self.features.extend((0..half).map(|i| angle(i).cos()));
        }
        for buffer in
            [&mut self.hidden, &mut self.hidden_slope, &mut self.embedding, &mut self.embedding_slope]
        {
            buffer.resize(n * w, 0.0);
        }
        self.modulation.resize(n * PER_BLOCK * w, 0.0);
        self.last.resize(n * 2 * w, 0.0);
        let flat = &weights.flat;
        weights.level_input.apply(flat, &self.features, &mut self.hidden);
        kernels::silu_row(&mut self.hidden, &mut self.hidden_slope);
        weights.level_output.apply(flat, &self.hidden, &mut self.embedding);
        kernels::silu_row(&mut self.embedding, &mut self.embedding_slope);
        weights.modulation.apply(flat, &self.embedding, &mut self.modulation);
        weights.final_modulation.apply(flat, &self.embedding, &mut self.last);
        table.resize(n * row_len(w, layers), 0.0);
        let rows = table.chunks_exact_mut(row_len(w, layers));
        for ((row, modulation), last) in
            rows.zip(self.modulation.chunks_exact(PER_BLOCK * w)).zip(self.last.chunks_exact(2 * w))
        {
            for (block, out) in weights.blocks.iter().zip(row.chunks_exact_mut(PER_BLOCK * w)) {
                for ((o, m), offset) in out.iter_mut().zip(modulation).zip(block.offset.of(flat)) {
                    *o = m + offset;
                }
                fold_norm(block.attention_norm, flat, &mut out[..2 * w]);
                fold_norm(block.mlp_norm, flat, &mut out[3 * w..5 * w]);
            }
            let out = &mut row[PER_BLOCK * layers * w..];
            out.copy_from_slice(last);
            fold_norm(weights.final_norm, flat, out);
        }
    }

    /// Adds the weights' gradients, given the gradient `d_table` at the rows of the latest [`Folding::fold`].
    pub fn add_gradient(&mut self, weights: &Weights, d_table: &mut [f32], gradient: &mut [f32]) {
        let (w, layers) = (weights.width(), weights.blocks.len());
        let n = self.embedding.len() / w;
        let flat = &weights.flat;
        self.d_modulation.clear();
        self.d_modulation.resize(n * PER_BLOCK * w, 0.0);
        self.d_part.resize(n * 2 * w, 0.0);
        for (r, d_row) in d_table.chunks_exact_mut(row_len(w, layers)).enumerate() {
            let modulation = &self.modulation[r * PER_BLOCK * w..][..PER_BLOCK * w];
            let d_modulation = &mut self.d_modulation[r * PER_BLOCK * w..][..PER_BLOCK * w];
            for (block, d) in weights.blocks.iter().zip(d_row.chunks_exact_mut(PER_BLOCK * w)) {
                let offset = block.offset.of(flat);
                for (norm, at) in [(block.attention_norm, 0), (block.mlp_norm, 3 * w)] {
                    let part = at..at + w;
                    let d = &mut d[at..at + 2 * w];
                    unfold_norm(norm, flat, &modulation[part.clone()], Some(&offset[part]), d, gradient);
                }
                kernels::add(d_modulation, d);
                kernels::add(block.offset.of_mut(gradient), d);
            }
            let d = &mut d_row[PER_BLOCK * layers * w..];
            unfold_norm(weights.final_norm, flat, &self.last[r * 2 * w..][..w], None, d, gradient);
            self.d_part[r * 2 * w..][..2 * w].copy_from_slice(d);
        }
        let packed = &mut self.packed;
        weights.modulation.add_gradient(&self.embedding, &self.d_modulation, packed, gradient);
        weights.final_modulation.add_gradient(&self.embedding, &self.d_part, packed, gradient);
        self.d_embedding.resize(n * w, 0.0);
        weights.modulation.pull(&self.d_modulation, &mut self.d_embedding);
        let from_last = &mut self.d_modulation[..n * w];
        weights.final_modulation.pull(&self.d_part, from_last);
        kernels::add(&mut self.d_embedding, from_last);
        kernels::multiply(&mut self.d_embedding, &self.embedding_slope);
        weights.level_output.add_gradient(&self.hidden, &self.d_embedding, packed, gradient);
        let d_hidden = &mut self.d_part[..n * w];
        weights.level_output.pull(&self.d_embedding, d_hidden);
        kernels::multiply(d_hidden, &self.hidden_slope);
        weights.level_input.add_gradient(&self.features, d_hidden, packed, gradient);
    }
}

/// `[scale, shift]` to `[gamma (1 + scale), beta (1 + scale) + shift]`.
fn fold_norm(norm: Norm, flat: &[f32], vectors: &mut [f32]) {
    let (scale, shift) = vectors.split_at_mut(vectors.len() / 2);
    for (((a, b), gamma), beta) in
        scale.iter_mut().zip(shift).zip(norm.gamma.of(flat)).zip(norm.beta.of(flat))
    {
        *b += beta * (1.0 + *a);
        *a = gamma * (1.0 + *a);
    }
}

/// Backward of [`fold_norm`], in place; `scale` (plus `offset`) is what was folded.
fn unfold_norm(
    norm: Norm,
    flat: &[f32],
    scale: &[f32],
    offset: Option<&[f32]>,
    d: &mut [f32],
    gradient: &mut [f32],
) {
    let w = scale.len();
    let (d_scale, d_shift) = d.split_at_mut(w);
    let (gamma, beta) = (norm.gamma.of(flat), norm.beta.of(flat));
    for i in 0..w {
        let one_plus = 1.0 + scale[i] + offset.map_or(0.0, |offset| offset[i]);
        gradient[norm.gamma.at + i] += d_scale[i] * one_plus;
        gradient[norm.beta.at + i] += d_shift[i] * one_plus;
        d_scale[i] = d_scale[i] * gamma[i] + d_shift[i] * beta[i];
    }
}
