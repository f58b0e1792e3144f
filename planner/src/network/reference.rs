//! The transformer of the authors' public code, v1.5 (`algorithms/diffusion_forcing/models/transformer.py`).
//!
//! A token and the sinusoids of its noise level go through two linear layers; sinusoids of its position are added; then come
//! post-norm layers as in Vaswani et al. (NeurIPS 2017), PyTorch's `nn.TransformerEncoder`. What else is peculiar to it:
//! - A sequence begins with one token that holds the present observation in every frame, and no action. Here it is made of
//!   the state token. There is no goal token: goals are for guidance alone.
//! - It is not causal by default, always sees the longest sequence, and past a plan's end it is shown zeros at pure noise.
//!   Tokens that nobody is to see are replaced by those.
//! - Levels are counted from 0, nearly clean, to `K - 1`; ours from 1 to `K`. Its sinusoids run over that count.
//!
//! Slots of a frame are in our order, action first: importing reorders the weights.

use burn::module::Module;
use burn::nn::{LayerNorm, LayerNormConfig, Linear, LinearConfig};
use burn::tensor::activation::relu;
use burn::tensor::{Device, Tensor, TensorData};

use super::transformer::attention;
use super::{NetworkConfig, NetworkInput};
use crate::TokenLayout;
use crate::layout::FIRST_CHUNK;

/// Added to the score of a token that comes later: PyTorch has minus infinity there, which gives the same weights.
const LATER: f32 = -1e9;

/// Post-norm transformer over tokens with fixed positions.
#[derive(Module, Debug)]
pub struct Reference {
    input: Linear,
    hidden: Linear,
    layers: Vec<Layer>,
    output: Linear,
    width: usize,
    chunks: usize,
    /// Entries of an action, of an observation, of a frame, and frames of a token.
    action: usize,
    observation: usize,
    frame: usize,
    frames: usize,
    causal: bool,
}

#[derive(Module, Debug)]
struct Layer {
    query_key_value: Linear,
    projection: Linear,
    attention_norm: LayerNorm,
    expand: Linear,
    contract: Linear,
    mlp_norm: LayerNorm,
    heads: usize,
}

impl Reference {
    pub(super) fn new(config: &NetworkConfig, layout: &TokenLayout, device: &Device) -> Self {
        let w = config.width;
        let shown = config.input(layout) + layout.told_levels() * (w / 2);
        Self {
            input: LinearConfig::new(shown, w).init(device),
            hidden: LinearConfig::new(w, w).init(device),
            layers: (0..config.layers).map(|_| Layer::new(config, device)).collect(),
            output: LinearConfig::new(w, layout.width()).init(device),
            width: w,
            chunks: layout.chunks,
            action: layout.action,
            observation: layout.observation,
            frame: layout.frame(),
            frames: layout.frames_per_token,
            causal: config.causal,
        }
    }

    pub(super) fn forward(&self, input: NetworkInput) -> Tensor<3> {
        let [b, t, i] = input.x_bti.dims();
        let (device, dtype) = (input.x_bti.device(), input.x_bti.dtype());
        let like = |values: Vec<f32>| {
            let len = values.len();
            Tensor::<1>::from_data(TensorData::new(values, [len]), &device).cast(dtype)
        };
        let zeros = |rows: usize, width: usize| Tensor::<3>::zeros([b, rows, width], &device).cast(dtype);
        // What nobody is to see is zeros at pure noise.
        let levels = input.levels as f64;
        let hidden_bt1 = input.visible_bt1.clone().neg().add_scalar(1.0);
        let x_bti = input.x_bti * input.visible_bt1.clone();
        let level_btl =
            input.level_btl.mul_scalar(levels).round() * input.visible_bt1 + hidden_bt1.mul_scalar(levels);
        // Counted from 0, as sequences without a goal.
        let k_btl = level_btl.sub_scalar(1.0).clamp_min(0.0);
        let told = k_btl.dims()[2];
        let planned = t - FIRST_CHUNK;
        let past_end = if self.causal { 0 } else { self.chunks.saturating_sub(planned) };
        let mut x = vec![self.start(x_bti.clone().narrow(1, 0, 1))];
        let mut k = vec![k_btl.clone().narrow(1, 0, 1)];
        if planned > 0 {
            x.push(x_bti.narrow(1, FIRST_CHUNK, planned));
            k.push(k_btl.narrow(1, FIRST_CHUNK, planned));
        }
        if past_end > 0 {
            x.push(zeros(past_end, i));
            k.push(zeros(past_end, told).add_scalar(levels - 1.0));
        }
        let (x_bsi, k_bsl) = (Tensor::cat(x, 1), Tensor::cat(k, 1));
        let s = x_bsi.dims()[1];
        let of_levels = like(frequencies(self.width / 4));
        let of_level_bse = sinusoids(k_bsl, of_levels).reshape([b, s, told * (self.width / 2)]);
        let place_1s1 = like((0..s).map(|place| place as f32).collect()).reshape([1, s, 1]);
        let of_place_1sw =
            sinusoids(place_1s1, like(frequencies(self.width / 2))).reshape([1, s, self.width]);
        let mask_11ss = self.causal.then(|| {
            let later = |at: usize| if at % s > at / s { LATER } else { 0.0 };
            like((0..s * s).map(later).collect()).reshape([1, 1, s, s])
        });
        let first_bsw = self.input.forward(Tensor::cat(vec![x_bsi, of_level_bse], 2));
        let mut x_bsw = self.hidden.forward(relu(first_bsw)) + of_place_1sw;
        for layer in &self.layers {
            x_bsw = layer.forward(x_bsw, mask_11ss.clone());
        }
        let answer_btd = self.output.forward(x_bsw.narrow(1, 0, 1 + planned));
        let goal_b1d = zeros(1, self.frame * self.frames);
        let mut rows = vec![answer_btd.clone().narrow(1, 0, 1), goal_b1d];
        if planned > 0 {
            rows.push(answer_btd.narrow(1, 1, planned));
        }
        Tensor::cat(rows, 1)
    }

    /// The first token, `[B, 1, I]`: the state token's observation in every frame, and nothing else.
    fn start(&self, state_b1i: Tensor<3>) -> Tensor<3> {
        let [b, _, i] = state_b1i.dims();
        let width = self.frame * self.frames;
        let last = width - self.frame + self.action;
        let nothing =
            |slots: usize| Tensor::<3>::zeros([b, 1, slots], &state_b1i.device()).cast(state_b1i.dtype());
        let mut frame = vec![nothing(self.action), state_b1i.clone().narrow(2, last, self.observation)];
        let after = self.frame - self.action - self.observation;
        if after > 0 {
            frame.push(nothing(after));
        }
        let mut token = vec![Tensor::cat(frame, 2).repeat_dim(2, self.frames)];
        if i > width {
            token.push(state_b1i.clone().narrow(2, width, i - width));
        }
        Tensor::cat(token, 2)
    }
}

impl Layer {
    fn new(config: &NetworkConfig, device: &Device) -> Self {
        let w = config.width;
        Self {
            query_key_value: LinearConfig::new(w, 3 * w).init(device),
            projection: LinearConfig::new(w, w).init(device),
            attention_norm: LayerNormConfig::new(w).init(device),
            expand: LinearConfig::new(w, 4 * w).init(device),
            contract: LinearConfig::new(4 * w, w).init(device),
            mlp_norm: LayerNormConfig::new(w).init(device),
            heads: config.heads,
        }
    }

    fn forward(&self, x_bsw: Tensor<3>, mask_11ss: Option<Tensor<4>>) -> Tensor<3> {
        let qkv_bsm = self.query_key_value.forward(x_bsw.clone());
        let seen_bsw = self.projection.forward(attention(qkv_bsm, self.heads, mask_11ss));
        let x_bsw = self.attention_norm.forward(x_bsw + seen_bsw);
        let h_bsw = self.contract.forward(relu(self.expand.forward(x_bsw.clone())));
        self.mlp_norm.forward(x_bsw + h_bsw)
    }
}

/// Frequencies of sinusoids, from 1 to 1/10000 in equal ratios, as the authors' code has them in 32 bits.
fn frequencies(count: usize) -> Vec<f32> {
    let ratio = -(10_000f64.ln() / (count.max(2) - 1) as f64) as f32;
    (0..count).map(|i| f64::from(i as f32 * ratio).exp() as f32).collect()
}

/// `[B, T, L]` numbers to the sines, then the cosines of their products with the frequencies, `[B, T, L, 2 F]`.
fn sinusoids(of_btl: Tensor<3>, frequencies: Tensor<1>) -> Tensor<4> {
    let angle_btlf = of_btl.unsqueeze_dim::<4>(3) * frequencies.unsqueeze::<4>();
    Tensor::cat(vec![angle_btlf.clone().sin(), angle_btlf.cos()], 3)
}
