//! A network: its weights, drawn from a seed, named, and moved towards another's.

use std::ops::Range;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::MlpConfig;
use crate::PolicyError;
use crate::error::check_count;

/// Keeps these draws apart from others of the same seed.
const WEIGHT_STREAM: u64 = 0x7765_6967;

/// Where the numbers of one layer stand among all of a network's. The weight is `[input, output]`, row-major.
#[derive(Clone, Debug)]
pub(super) struct Layer {
    pub input: usize,
    pub output: usize,
    pub weight: Range<usize>,
    pub bias: Range<usize>,
    /// Scale and shift of the normalisation that follows; empty where none does.
    pub scale: Range<usize>,
    pub shift: Range<usize>,
}

/// A multi-layer perceptron: `y = W_n h_(n-1) + b_n`, `h_i = norm(act(W_i h_(i-1) + b_i))`, the normalisation where it is
/// asked for.
#[derive(Clone, Debug)]
pub struct Mlp {
    config: MlpConfig,
    pub(super) layers: Vec<Layer>,
    parameters: Vec<f32>,
}

impl Mlp {
    /// A network with weights drawn uniformly with variance `2 / (input + output)` (Glorot & Bengio 2010, eq. 16), times
    /// [`MlpConfig::final_scale`] in the last layer; biases are 0.
    ///
    /// # Errors
    /// [`MlpConfig::check`].
    pub fn new(config: &MlpConfig, seed: u64) -> Result<Self, PolicyError> {
        let mut network = Self::zeros(config)?;
        let last = network.layers.len().saturating_sub(1);
        for (index, layer) in network.layers.iter().enumerate() {
            let mut rng = ChaCha8Rng::seed_from_u64(seed);
            rng.set_stream(WEIGHT_STREAM + index as u64);
            let scale = if index == last { config.final_scale } else { 1.0 };
            let bound = (6.0 * scale / (layer.input + layer.output) as f32).sqrt();
            for weight in network.parameters.get_mut(layer.weight.clone()).unwrap_or_default() {
                *weight = bound * (2.0 * rng.random::<f32>() - 1.0);
            }
        }
        Ok(network)
    }

    /// A network whose weights and biases are 0, to be filled.
    ///
    /// # Errors
    /// [`MlpConfig::check`].
    pub fn zeros(config: &MlpConfig) -> Result<Self, PolicyError> {
        config.check()?;
        let mut at = 0;
        let mut next = |len: usize| {
            at += len;
            at - len..at
        };
        let pairs = config.sizes.iter().zip(config.sizes.iter().skip(1));
        let last = config.sizes.len() - 2;
        let layers: Vec<Layer> = pairs
            .enumerate()
            .map(|(index, (&input, &output))| {
                let norm = if config.layer_norm && index < last { output } else { 0 };
                let (weight, bias) = (next(input * output), next(output));
                Layer { input, output, weight, bias, scale: next(norm), shift: next(norm) }
            })
            .collect();
        let mut parameters = vec![0.0; at];
        for layer in &layers {
            parameters.get_mut(layer.scale.clone()).unwrap_or_default().fill(1.0);
        }
        Ok(Self { config: config.clone(), layers, parameters })
    }

    /// Sizes and kind.
    pub fn config(&self) -> &MlpConfig {
        &self.config
    }

    /// Number of parameters.
    pub fn len(&self) -> usize {
        self.parameters.len()
    }

    /// Whether there are none, which no network is.
    pub fn is_empty(&self) -> bool {
        self.parameters.is_empty()
    }

    /// Every parameter, layer by layer: weight `[input, output]`, bias, and scale and shift of the normalisation. A
    /// gradient has the same order.
    pub fn parameters(&self) -> &[f32] {
        &self.parameters
    }

    /// The same, to be changed.
    pub fn parameters_mut(&mut self) -> &mut [f32] {
        &mut self.parameters
    }

    /// Name and shape of every tensor, with its numbers: `layers.0.weight` and so on.
    pub fn tensors(&self) -> impl Iterator<Item = (String, Vec<usize>, &[f32])> {
        named(&self.layers)
            .map(|(name, shape, range)| (name, shape, self.parameters.get(range).unwrap_or_default()))
    }

    /// The same, to be changed.
    pub(super) fn spans(&self) -> Vec<(String, Vec<usize>, Range<usize>)> {
        named(&self.layers).collect()
    }

    /// Moves every parameter a part of the way towards another network's: `theta <- (1 - tau) theta + tau theta'`.
    ///
    /// # Errors
    /// [`PolicyError::Length`] for a network of other sizes.
    pub fn move_towards(&mut self, other: &Self, tau: f32) -> Result<(), PolicyError> {
        check_count("network to move towards", other.parameters.len(), self.parameters.len())?;
        for (own, theirs) in self.parameters.iter_mut().zip(&other.parameters) {
            *own += tau * (theirs - *own);
        }
        Ok(())
    }

    /// Numbers of one part of a layer.
    pub(super) fn part(&self, range: &Range<usize>) -> &[f32] {
        self.parameters.get(range.clone()).unwrap_or_default()
    }
}

fn named(layers: &[Layer]) -> impl Iterator<Item = (String, Vec<usize>, Range<usize>)> {
    layers.iter().enumerate().flat_map(|(index, layer)| {
        let part = move |name: &str, shape: Vec<usize>, range: &Range<usize>| {
            (!range.is_empty()).then(|| (format!("layers.{index}.{name}"), shape, range.clone()))
        };
        [
            part("weight", vec![layer.input, layer.output], &layer.weight),
            part("bias", vec![layer.output], &layer.bias),
            part("scale", vec![layer.output], &layer.scale),
            part("shift", vec![layer.output], &layer.shift),
        ]
        .into_iter()
        .flatten()
    })
}
