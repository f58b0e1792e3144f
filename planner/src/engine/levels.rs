//! What a noise level does to every layer, computed once per level and kept.
//!
//! Layer norm's affine part and the level's scale and shift fold into one: with `y = xhat gamma + beta`,
//! `y (1 + scale) + shift = xhat [gamma (1 + scale)] + [beta (1 + scale) + shift]`.

use super::weights::{LinearWeights, NormWeights, TransformerWeights};

/// Folded vectors of one block at one level, each `[W]`.
#[derive(Clone, Debug, Default)]
pub(super) struct BlockLevel {
    pub attention_scale: Vec<f32>,
    pub attention_shift: Vec<f32>,
    pub attention_gate: Vec<f32>,
    pub mlp_scale: Vec<f32>,
    pub mlp_shift: Vec<f32>,
    pub mlp_gate: Vec<f32>,
}

/// One level in all layers.
#[derive(Clone, Debug, Default)]
pub(super) struct Level {
    pub blocks: Vec<BlockLevel>,
    pub final_scale: Vec<f32>,
    pub final_shift: Vec<f32>,
}

impl Level {
    /// The vectors of a level given as a share of pure noise in `[0, 1]`.
    pub fn new(weights: &TransformerWeights, share: f32) -> Self {
        let half = weights.level_input.inner / 2;
        let angle = |i: usize| share * std::f32::consts::PI * 256f32.powf(i as f32 / (half - 1) as f32);
        let features: Vec<f32> =
            (0..half).map(|i| angle(i).sin()).chain((0..half).map(|i| angle(i).cos())).collect();
        let silu = |mut x: Vec<f32>| {
            x.iter_mut().for_each(|x| *x /= 1.0 + (-*x).exp());
            x
        };
        let embedding = silu(apply(&weights.level_output, &silu(apply(&weights.level_input, &features))));
        let modulation = apply(&weights.modulation, &embedding);
        let w = weights.output.inner;
        let blocks = weights
            .blocks
            .iter()
            .map(|block| {
                let part = |i: usize| -> Vec<f32> {
                    (i * w..(i + 1) * w).map(|j| modulation[j] + block.offset[j]).collect()
                };
                let (attention_scale, attention_shift) = fold(&block.attention_norm, &part(0), &part(1));
                let (mlp_scale, mlp_shift) = fold(&block.mlp_norm, &part(3), &part(4));
                BlockLevel {
                    attention_scale,
                    attention_shift,
                    attention_gate: part(2),
                    mlp_scale,
                    mlp_shift,
                    mlp_gate: part(5),
                }
            })
            .collect();
        let last = apply(&weights.final_modulation, &embedding);
        let (final_scale, final_shift) = fold(&weights.final_norm, &last[..w], &last[w..]);
        Self { blocks, final_scale, final_shift }
    }
}

fn fold(norm: &NormWeights, scale: &[f32], shift: &[f32]) -> (Vec<f32>, Vec<f32>) {
    let folded_scale = norm.gamma.iter().zip(scale).map(|(g, s)| g * (1.0 + s)).collect();
    let folded_shift = norm.beta.iter().zip(scale).zip(shift).map(|((b, s), t)| b * (1.0 + s) + t).collect();
    (folded_scale, folded_shift)
}

fn apply(layer: &LinearWeights, x: &[f32]) -> Vec<f32> {
    let mut out = layer.bias.clone();
    for (x, row) in x.iter().zip(layer.weight.chunks_exact(layer.columns)) {
        out.iter_mut().zip(row).for_each(|(o, w)| *o += x * w);
    }
    out
}
