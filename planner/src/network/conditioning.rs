//! Conditioning of a token on its own noise level.

use std::f32::consts::PI;

use burn::module::Module;
use burn::nn::{Linear, LinearConfig};
use burn::tensor::activation::silu;
use burn::tensor::{Device, Tensor, TensorData};

/// Sinusoids per level embedding (sines and cosines together).
pub(crate) const FEATURES: usize = 64;

/// Noise level to a vector: sinusoids, then two layers.
///
/// The frequencies run geometrically from half a turn to 256 half-turns over the range of levels, fine
/// enough to tell neighbouring levels of a thousand apart and coarse enough to order them.
#[derive(Module, Debug)]
pub struct LevelEmbedding {
    input: Linear,
    output: Linear,
}

impl LevelEmbedding {
    /// Embedding into `width` numbers, through a hidden layer of the same size.
    pub fn new(width: usize, device: &Device) -> Self {
        Self {
            input: LinearConfig::new(FEATURES, width).init(device),
            output: LinearConfig::new(width, width).init(device),
        }
    }

    /// `[B, T]` levels in `[0, 1]` to `[B, T, W]`, ready for a linear layer (activated).
    pub fn forward(&self, level_bt: Tensor<2>) -> Tensor<3> {
        let half = FEATURES / 2;
        let frequencies: Vec<f32> =
            (0..half).map(|i| PI * 256f32.powf(i as f32 / (half - 1) as f32)).collect();
        let device = level_bt.device();
        let frequencies =
            Tensor::<1>::from_data(TensorData::new(frequencies, [half]), &device).cast(level_bt.dtype());
        let angle_bth = level_bt.unsqueeze_dim::<3>(2) * frequencies.unsqueeze::<3>();
        let features = Tensor::cat(vec![angle_bth.clone().sin(), angle_bth.cos()], 2);
        silu(self.output.forward(silu(self.input.forward(features))))
    }
}
