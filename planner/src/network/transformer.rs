//! The transformer: pre-norm blocks whose scales, shifts and gates depend on each token's own noise level.
//!
//! Adaptive layer norm as in DiT (Peebles and Xie, ICCV 2023), in the variant that computes the modulation
//! once for all layers and adds a learned offset per layer (PixArt, ICLR 2024): an eighth of the cost.

use burn::module::{Module, Param};
use burn::nn::{LayerNorm, LayerNormConfig, Linear, LinearConfig};
use burn::tensor::activation::{gelu, softmax};
use burn::tensor::{Device, Tensor};

use super::conditioning::LevelEmbedding;
use super::{NetworkConfig, NetworkInput};
use crate::TokenLayout;

/// Pre-norm transformer over tokens with learned positions.
#[derive(Module, Debug)]
pub struct Transformer {
    input: Linear,
    positions_tw: Param<Tensor<2>>,
    remaining_tw: Param<Tensor<2>>,
    level: LevelEmbedding,
    modulation: Linear,
    blocks: Vec<Block>,
    final_norm: LayerNorm,
    final_modulation: Linear,
    output: Linear,
}

#[derive(Module, Debug)]
struct Block {
    offset: Param<Tensor<1>>,
    attention_norm: LayerNorm,
    query_key_value: Linear,
    projection: Linear,
    mlp_norm: LayerNorm,
    expand: Linear,
    contract: Linear,
    heads: usize,
}

/// Scale, shift and gate for attention, then for the feed-forward part.
const MODULATIONS: usize = 6;

impl Transformer {
    pub(super) fn new(config: &NetworkConfig, layout: &TokenLayout, device: &Device) -> Self {
        let (d, w) = (layout.width(), config.width);
        let table = |rows: usize| Param::from_tensor(Tensor::zeros([rows, w], device));
        Self {
            input: LinearConfig::new(config.input(layout), w).init(device),
            positions_tw: table(layout.tokens(layout.chunks)),
            remaining_tw: table(layout.chunks),
            level: LevelEmbedding::new(layout.told_levels(), w, device),
            modulation: LinearConfig::new(w, MODULATIONS * w).init(device),
            blocks: (0..config.layers).map(|_| Block::new(config, device)).collect(),
            final_norm: LayerNormConfig::new(w).init(device),
            final_modulation: LinearConfig::new(w, 2 * w).init(device),
            output: LinearConfig::new(w, d).init(device),
        }
    }

    pub(super) fn forward(&self, input: NetworkInput) -> Tensor<3> {
        let [_, t, _] = input.x_bti.dims();
        let positions_1tw = self.positions_tw.val().narrow(0, 0, t).unsqueeze::<3>();
        let remaining_btw = burn::tensor::module::embedding(self.remaining_tw.val(), input.remaining_bt);
        let level_btw = self.level.forward(input.level_btl);
        let modulation_btm = self.modulation.forward(level_btw.clone());
        let mut x_btw = self.input.forward(input.x_bti) + positions_1tw + remaining_btw;
        for block in &self.blocks {
            x_btw = block.forward(x_btw, modulation_btm.clone(), input.mask_b1tt.clone());
        }
        let last = self.final_modulation.forward(level_btw).chunk(2, 2);
        self.output.forward(modulate(self.final_norm.forward(x_btw), last[0].clone(), last[1].clone()))
    }
}

impl Block {
    fn new(config: &NetworkConfig, device: &Device) -> Self {
        let w = config.width;
        Self {
            offset: Param::from_tensor(Tensor::zeros([MODULATIONS * w], device)),
            attention_norm: LayerNormConfig::new(w).init(device),
            query_key_value: LinearConfig::new(w, 3 * w).init(device),
            projection: LinearConfig::new(w, w).init(device),
            mlp_norm: LayerNormConfig::new(w).init(device),
            expand: LinearConfig::new(w, 4 * w).init(device),
            contract: LinearConfig::new(4 * w, w).init(device),
            heads: config.heads,
        }
    }

    fn forward(&self, x_btw: Tensor<3>, modulation_btm: Tensor<3>, mask_b1tt: Tensor<4>) -> Tensor<3> {
        let m = (modulation_btm + self.offset.val().unsqueeze::<3>()).chunk(MODULATIONS, 2);
        let h_btw = modulate(self.attention_norm.forward(x_btw.clone()), m[0].clone(), m[1].clone());
        let x_btw = x_btw + self.attend(h_btw, mask_b1tt) * m[2].clone();
        let h_btw = modulate(self.mlp_norm.forward(x_btw.clone()), m[3].clone(), m[4].clone());
        let h_btw = self.contract.forward(gelu(self.expand.forward(h_btw)));
        x_btw + h_btw * m[5].clone()
    }

    fn attend(&self, h_btw: Tensor<3>, mask_b1tt: Tensor<4>) -> Tensor<3> {
        let qkv_btm = self.query_key_value.forward(h_btw);
        self.projection.forward(attention(qkv_btm, self.heads, Some(mask_b1tt)))
    }
}

/// Scaled dot-product attention in heads, `[B, T, 3 W]` queries, keys and values to `[B, T, W]`; the mask is added to the
/// scores.
pub(super) fn attention(qkv_btm: Tensor<3>, heads: usize, mask_b1tt: Option<Tensor<4>>) -> Tensor<3> {
    let [b, t, m] = qkv_btm.dims();
    let w = m / 3;
    let per_head = w / heads;
    let split = |x: Tensor<3>| x.reshape([b, t, heads, per_head]).swap_dims(1, 2);
    let qkv = qkv_btm.chunk(3, 2);
    let (q_bhtc, k_bhtc, v_bhtc) = (split(qkv[0].clone()), split(qkv[1].clone()), split(qkv[2].clone()));
    let score_bhtt = q_bhtc.matmul(k_bhtc.swap_dims(2, 3)).mul_scalar(1.0 / (per_head as f64).sqrt());
    let score_bhtt = match mask_b1tt {
        Some(mask_b1tt) => score_bhtt + mask_b1tt,
        None => score_bhtt,
    };
    softmax(score_bhtt, 3).matmul(v_bhtc).swap_dims(1, 2).reshape([b, t, w])
}

/// `x (1 + scale) + shift`.
fn modulate(x_btw: Tensor<3>, scale_btw: Tensor<3>, shift_btw: Tensor<3>) -> Tensor<3> {
    x_btw * (scale_btw + 1.0) + shift_btw
}
