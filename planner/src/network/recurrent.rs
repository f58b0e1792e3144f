//! The recurrent network of the paper's first experiments: gated recurrent units over tokens.
//!
//! Causal by construction: the latent after token `t` is what the past says, updated by the noisy token and
//! its level, and the token's estimate is read off it (Chen et al., NeurIPS 2024, section 3.1).

use burn::module::{Module, Param};
use burn::nn::gru::{Gru, GruConfig};
use burn::nn::{LayerNorm, LayerNormConfig, Linear, LinearConfig};
use burn::tensor::activation::gelu;
use burn::tensor::{Device, Tensor};

use super::conditioning::LevelEmbedding;
use super::{NetworkConfig, NetworkInput};
use crate::TokenLayout;

/// Stacked gated recurrent units with residual connections.
#[derive(Module, Debug)]
pub struct Recurrent {
    input: Linear,
    level: LevelEmbedding,
    positions_tw: Param<Tensor<2>>,
    remaining_tw: Param<Tensor<2>>,
    layers: Vec<Layer>,
    hidden: Linear,
    output: Linear,
}

#[derive(Module, Debug)]
struct Layer {
    norm: LayerNorm,
    cell: Gru,
}

impl Recurrent {
    pub(super) fn new(config: &NetworkConfig, layout: &TokenLayout, device: &Device) -> Self {
        let (d, w) = (layout.width(), config.width);
        let table = |rows: usize| Param::from_tensor(Tensor::zeros([rows, w], device));
        let layer = || Layer {
            norm: LayerNormConfig::new(w).init(device),
            cell: GruConfig::new(w, w, true).init(device),
        };
        Self {
            input: LinearConfig::new(config.input(layout), w).init(device),
            level: LevelEmbedding::new(layout.told_levels(), w, device),
            positions_tw: table(layout.tokens(layout.chunks)),
            remaining_tw: table(layout.chunks),
            layers: (0..config.layers).map(|_| layer()).collect(),
            hidden: LinearConfig::new(w, 2 * w).init(device),
            output: LinearConfig::new(2 * w, d).init(device),
        }
    }

    pub(super) fn forward(&self, input: NetworkInput) -> Tensor<3> {
        let [_, t, _] = input.x_bti.dims();
        let positions_1tw = self.positions_tw.val().narrow(0, 0, t).unsqueeze::<3>();
        let remaining_btw = burn::tensor::module::embedding(self.remaining_tw.val(), input.remaining_bt);
        let seen_btw = self.input.forward(input.x_bti) + self.level.forward(input.level_btl) + remaining_btw;
        // An invisible token leaves only its position behind; those past the end come last anyway.
        let mut x_btw = seen_btw * input.visible_bt1 + positions_1tw;
        for layer in &self.layers {
            x_btw = x_btw.clone() + layer.cell.forward(layer.norm.forward(x_btw), None);
        }
        self.output.forward(gelu(self.hidden.forward(x_btw)))
    }
}
