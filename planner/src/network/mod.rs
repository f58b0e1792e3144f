//! Denoising networks in Burn. Nothing here names a backend: the device is a run-time value.
//!
//! Shapes in names: `B` sequences, `T` tokens, `D` token width, `W` network width, `H` heads.

mod conditioning;
mod conditions;
mod denoiser;
mod parameters;
mod recurrent;
mod reference;
mod transformer;

use burn::module::Module;
use burn::tensor::{Device, Int, Tensor};
use serde::{Deserialize, Serialize};

pub(crate) use conditioning::FEATURES as LEVEL_FEATURES;
pub use conditions::Conditions;
pub use denoiser::NetworkDenoiser;
pub(crate) use denoiser::thread_pool;
pub use parameters::{ParameterLayout, ParameterSlot};
pub use recurrent::Recurrent;
pub use reference::Reference;
pub use transformer::Transformer;

use crate::fourier::{FourierEntries, FourierFeatures, MOST_OCTAVES};
use crate::preconditioning::prior_len;
use crate::{PlannerError, TokenLayout};

/// Which network, and how large.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct NetworkConfig {
    /// Architecture.
    pub kind: NetworkKind,
    /// Width `W`.
    pub width: usize,
    /// Layers (transformer blocks, or stacked recurrent layers).
    pub layers: usize,
    /// Attention heads (transformer only).
    pub heads: usize,
    /// Octaves of the sines and cosines of its positions that a token is shown with ([`crate::FourierFeatures`]); 0 for none. One
    /// octave more than it takes for a period of a corridor and a wall is enough.
    pub fourier_features: usize,
    /// Entries of an observation that these are made of. Those that goals speak of, which are where the body is; all, where
    /// no goal is shown or other bodies move.
    pub fourier_entries: FourierEntries,
    /// Whether a token sees only the tokens before it. The recurrent network always is.
    pub causal: bool,
}

/// Architectures.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum NetworkKind {
    /// Pre-norm transformer with learned positions.
    #[default]
    Transformer,
    /// Gated recurrent units, the network of the paper's first experiments.
    Gru,
    /// The transformer of the authors' v1.5 code: post-norm layers, fixed positions, no goal token ([`Reference`]). What
    /// `forethought import` makes of their checkpoints.
    Reference,
}

/// Most weights of a network that is built: four gigabytes of them.
const MOST_WEIGHTS: u64 = 1 << 30;

impl Default for NetworkConfig {
    fn default() -> Self {
        Self {
            kind: NetworkKind::Transformer,
            width: 128,
            layers: 4,
            heads: 4,
            fourier_features: 0,
            fourier_entries: FourierEntries::Condition,
            causal: false,
        }
    }
}

impl NetworkConfig {
    /// Refuses sizes that cannot be built.
    ///
    /// # Errors
    /// [`PlannerError::Setting`] naming the setting.
    pub fn check(&self) -> Result<(), PlannerError> {
        let bad = |name, value: usize, remedy: String| {
            Err(PlannerError::Setting { name, value: value.to_string(), remedy })
        };
        for (name, value, most) in [
            ("model.network.width", self.width, 4096),
            ("model.network.layers", self.layers, 64),
            ("model.network.heads", self.heads, 64),
        ] {
            if value == 0 || value > most {
                return bad(name, value, format!("between 1 and {most} are accepted"));
            }
        }
        if self.fourier_features > MOST_OCTAVES {
            return bad(
                "model.network.fourier_features",
                self.fourier_features,
                format!("at most {MOST_OCTAVES} are accepted"),
            );
        }
        if !self.width.is_multiple_of(self.heads) || !self.width.is_multiple_of(2) {
            return bad(
                "model.network.width",
                self.width,
                format!("an even multiple of model.network.heads ({}) is needed", self.heads),
            );
        }
        let sinusoids = self.width.is_multiple_of(4) && self.width >= 8;
        if self.kind == NetworkKind::Reference && !sinusoids {
            let remedy = "this kind needs a multiple of 4, at least 8: half of it are sinusoids of the level";
            return bad("model.network.width", self.width, remedy.into());
        }
        Ok(())
    }

    /// Weights that the network of this configuration has for tokens of `layout`, counted without building it; `None`
    /// where there are more than can be counted. What a file says of a network is held against the bytes that are
    /// there before memory is asked for.
    pub fn weights(&self, layout: &TokenLayout) -> Option<u64> {
        let of = |rows: u64, columns: u64| rows.checked_mul(columns)?.checked_add(columns);
        let sum = |parts: &[Option<u64>]| parts.iter().try_fold(0_u64, |sum, part| sum.checked_add((*part)?));
        let (w, d) = (self.width as u64, layout.width() as u64);
        let twice = w.checked_mul(2)?;
        let rows = (layout.tokens(layout.chunks) as u64).checked_add(layout.chunks as u64)?;
        let (input, tables) = (of(self.checked_input(layout)?, w), rows.checked_mul(w));
        let told = (conditioning::FEATURES as u64).checked_mul(layout.told_levels() as u64)?;
        let level = sum(&[of(told, w), of(w, w)]);
        let layers = |layer: Option<u64>| layer?.checked_mul(self.layers as u64);
        match self.kind {
            NetworkKind::Transformer => {
                let six = w.checked_mul(6)?;
                let four = w.checked_mul(4)?;
                // Offset, two norms, and the four linear layers.
                let attention = [of(w, w.checked_mul(3)?), of(w, w)];
                let mlp = [of(w, four), of(four, w)];
                let block = sum(&[Some(six), Some(four), sum(&attention), sum(&mlp)]);
                // Modulation, final norm, final modulation.
                let rest = sum(&[of(w, six), Some(twice), of(w, twice)]);
                sum(&[input, tables, level, layers(block), rest, of(w, d)])
            }
            NetworkKind::Reference => {
                let sinusoids = (w / 2).checked_mul(layout.told_levels() as u64)?;
                let first = of(self.checked_input(layout)?.checked_add(sinusoids)?, w);
                let four = w.checked_mul(4)?;
                let layer = sum(&[of(w, w.checked_mul(3)?), of(w, w), of(w, four), of(four, w), Some(four)]);
                sum(&[first, of(w, w), layers(layer), of(w, d)])
            }
            NetworkKind::Gru => {
                // A norm, and three gates with a linear layer each for input and memory.
                let layer = sum(&[Some(twice), of(w, w)?.checked_mul(6)]);
                sum(&[input, tables, level, layers(layer), of(w, twice), of(twice, d)])
            }
        }
    }

    /// [`Self::input`] of a layout that may be absurd, without laying the features out.
    fn checked_input(&self, layout: &TokenLayout) -> Option<u64> {
        let prior = prior_len(layout) as u64;
        let places = FourierFeatures::places_of(layout, self.fourier_entries)?;
        let features = places.checked_mul(self.fourier_features as u64)?.checked_mul(2)?;
        (layout.width() as u64).checked_add(prior)?.checked_add(features)
    }

    /// The features that a token is shown with.
    pub(crate) fn fourier(&self, layout: &TokenLayout) -> FourierFeatures {
        FourierFeatures::new(layout, self.fourier_entries, self.fourier_features)
    }

    /// Numbers that a network is shown of a token, `I`: the token, with blocks of levels what linear dynamics say of it,
    /// and its features.
    pub fn input(&self, layout: &TokenLayout) -> usize {
        let features = self.fourier(layout).len();
        layout.width().saturating_add(prior_len(layout)).saturating_add(features)
    }
}

/// What a network sees. All on one device.
#[derive(Clone, Debug)]
pub struct NetworkInput {
    /// What it is shown of the tokens ([`crate::Preconditioning`]), `[B, T, I]`.
    pub x_bti: Tensor<3>,
    /// Noise levels that it is told of each token as shares of pure noise, `[B, T, L]` in `[0, 1]`.
    pub level_btl: Tensor<3>,
    /// Training levels that there are, `K`.
    pub levels: usize,
    /// Chunks from each token to the end of its sequence, `[B, T]`; 0 for state, goal and last chunk.
    pub remaining_bt: Tensor<2, Int>,
    /// 0 where token `t` may see token `s`, a large negative number where not: `[B, 1, T, T]`.
    pub mask_b1tt: Tensor<4>,
    /// 1 where a token is visible at all, else 0: `[B, T, 1]`.
    pub visible_bt1: Tensor<3>,
}

/// A denoising network. One is alive per worker, so the variants' sizes do not matter.
#[derive(Module, Debug)]
#[allow(clippy::large_enum_variant)]
pub enum Network {
    /// See [`Transformer`].
    Transformer(Transformer),
    /// See [`Recurrent`].
    Recurrent(Recurrent),
    /// See [`Reference`].
    Reference(Reference),
}

impl Network {
    /// Network with weights drawn from `seed`.
    ///
    /// # Errors
    /// [`PlannerError::Setting`] for sizes that cannot be built.
    pub fn new(
        config: &NetworkConfig,
        layout: &TokenLayout,
        seed: u64,
        device: &Device,
    ) -> Result<Self, PlannerError> {
        config.check()?;
        layout.check()?;
        let weights = config.weights(layout).unwrap_or(u64::MAX);
        if weights > MOST_WEIGHTS {
            return Err(PlannerError::Setting {
                name: "model.network.width",
                value: format!("{}, a network of {weights} weights with this layout", config.width),
                remedy: format!("at most {MOST_WEIGHTS} weights are built: lower width, layers or chunks"),
            });
        }
        let network = match config.kind {
            NetworkKind::Transformer => Self::Transformer(Transformer::new(config, layout, device)),
            NetworkKind::Gru => Self::Recurrent(Recurrent::new(config, layout, device)),
            NetworkKind::Reference => Self::Reference(Reference::new(config, layout, device)),
        };
        let parameters = ParameterLayout::of(&network);
        let weights = parameters.draw(seed);
        parameters.load(network, &weights, device)
    }

    /// Raw output `[B, T, D]`: the training target's estimate.
    pub fn forward(&self, input: NetworkInput) -> Tensor<3> {
        match self {
            Self::Transformer(network) => network.forward(input),
            Self::Recurrent(network) => network.forward(input),
            Self::Reference(network) => network.forward(input),
        }
    }
}
