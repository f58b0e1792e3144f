//! Conditioning of a token on its noise levels.

use std::f32::consts::PI;

use burn::module::Module;
use burn::nn::{Linear, LinearConfig};
use burn::tensor::activation::silu;
use burn::tensor::{Device, Tensor, TensorData};

/// Sinusoids per level (sines and cosines together).
pub(crate) const FEATURES: usize = 64;

/// Noise levels to a vector: sinusoids of each, side by side, then two layers.
///
/// The frequencies run geometrically from half a turn to 256 half-turns over the range of levels, fine
/// enough to tell neighbouring levels of a thousand apart and coarse enough to order them.
#[derive(Module, Debug)]
pub struct LevelEmbedding {
    input: Linear,
    output: Linear,
}

impl LevelEmbedding {
    /// Embedding of `levels` levels into `width` numbers, through a hidden layer of the same size.
    pub fn new(levels: usize, width: usize, device: &Device) -> Self {
        Self {
            input: LinearConfig::new(FEATURES * levels, width).init(device),
            output: LinearConfig::new(width, width).init(device),
        }
    }

    /// `[B, T, L]` levels in `[0, 1]` to `[B, T, W]`, ready for a linear layer (activated).
    pub fn forward(&self, level_btl: Tensor<3>) -> Tensor<3> {
        let half = FEATURES / 2;
        let frequencies: Vec<f32> =
            (0..half).map(|i| PI * 256f32.powf(i as f32 / (half - 1) as f32)).collect();
        let device = level_btl.device();
        let frequencies =
            Tensor::<1>::from_data(TensorData::new(frequencies, [half]), &device).cast(level_btl.dtype());
        let [b, t, l] = level_btl.dims();
        let angle_btlh = level_btl.unsqueeze_dim::<4>(3) * frequencies.unsqueeze::<4>();
        let features = Tensor::cat(vec![angle_btlh.clone().sin(), angle_btlh.cos()], 3);
        let features = features.reshape([b, t, l * FEATURES]);
        silu(self.output.forward(silu(self.input.forward(features))))
    }
}
