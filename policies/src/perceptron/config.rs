//! Sizes and kind of a network.

use serde::{Deserialize, Serialize};

use crate::PolicyError;

/// Numbers in one network at most, so that sizes out of a file cannot ask for all memory.
const MOST_PARAMETERS: usize = 1 << 28;

/// What stands between two linear layers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Activation {
    /// Gaussian error linear unit, `x Phi(x)` (Hendrycks & Gimpel 2016), by its usual approximation with `tanh`: what
    /// OGBench's networks have.
    #[default]
    Gelu,
    /// Rectifier, `max(x, 0)`: what the papers of TD3+BC, IQL and CQL have.
    Relu,
}

/// Sizes and kind of a network: linear layers with an activation after each but the last.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MlpConfig {
    /// Width of the input, of every hidden layer, and of the output.
    pub sizes: Vec<usize>,
    /// What follows each layer but the last.
    #[serde(default)]
    pub activation: Activation,
    /// Whether what an activation gives is normalised (mean 0, variance 1 over the width, then a learned scale and
    /// shift), as OGBench does in value functions.
    #[serde(default)]
    pub layer_norm: bool,
    /// Variance of the last layer's first weights, as a multiple of the others'. 1 is Glorot's; policies begin with
    /// 0.01 in OGBench, so that their first actions are near the middle of the space.
    #[serde(default = "one")]
    pub final_scale: f32,
}

fn one() -> f32 {
    1.0
}

impl MlpConfig {
    /// Layers of these widths, input and output included, with GELU between them and no normalisation.
    pub fn new(sizes: &[usize]) -> Self {
        Self { sizes: sizes.to_vec(), activation: Activation::Gelu, layer_norm: false, final_scale: 1.0 }
    }

    /// Width of the input; 0 without sizes.
    pub fn input(&self) -> usize {
        self.sizes.first().copied().unwrap_or(0)
    }

    /// Width of the output; 0 without sizes.
    pub fn output(&self) -> usize {
        self.sizes.last().copied().unwrap_or(0)
    }

    /// Number of parameters; `None` where no memory could hold them.
    pub fn parameters(&self) -> Option<usize> {
        let last = self.sizes.len().checked_sub(2)?;
        let pairs = self.sizes.iter().zip(self.sizes.iter().skip(1)).enumerate();
        pairs
            .map(|(index, (&input, &output))| {
                let vectors = if self.layer_norm && index < last { 3 } else { 1 };
                input.checked_add(vectors)?.checked_mul(output)
            })
            .try_fold(0_usize, |sum, layer| sum.checked_add(layer?))
    }

    /// Refuses what no network can have.
    ///
    /// # Errors
    /// [`PolicyError::Setting`] naming what is wrong.
    pub fn check(&self) -> Result<(), PolicyError> {
        let refuse = |name, value: String, remedy: &str| {
            Err(PolicyError::Setting { name, value, remedy: remedy.to_owned() })
        };
        if self.sizes.len() < 2 || self.sizes.contains(&0) {
            return refuse(
                "network sizes",
                format!("{:?}", self.sizes),
                "give at least an input and an output, none of them 0",
            );
        }
        if self.parameters().is_none_or(|numbers| numbers > MOST_PARAMETERS) {
            return refuse(
                "network sizes",
                format!("{:?}", self.sizes),
                "that is more than 268 million weights: give smaller ones",
            );
        }
        if !(self.final_scale.is_finite() && self.final_scale >= 0.0) {
            return refuse("final_scale", self.final_scale.to_string(), "give 0 or a positive number");
        }
        Ok(())
    }
}
