//! The transformer's weights, packed for products in both directions.

use super::product::{Left, Packed, Right, Start, multiply};
use crate::network::{LEVEL_FEATURES, NetworkConfig, ParameterLayout};
use crate::{PlannerError, TokenLayout};

/// Where a parameter stands in the flat vector, and its shape.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Slot {
    pub at: usize,
    pub len: usize,
}

impl Slot {
    /// The parameter in a flat vector of weights or gradients.
    pub fn of(self, flat: &[f32]) -> &[f32] {
        &flat[self.at..self.at + self.len]
    }

    /// The parameter in a flat vector of weights or gradients.
    pub fn of_mut(self, flat: &mut [f32]) -> &mut [f32] {
        &mut flat[self.at..self.at + self.len]
    }
}

/// A linear layer `[inner, columns]` with its packed weight and the packed transpose.
#[derive(Clone, Debug, Default)]
pub(super) struct Linear {
    pub inner: usize,
    pub columns: usize,
    pub bias: Slot,
    weight: Slot,
    forward: Packed,
    backward: Packed,
}

impl Linear {
    /// `out = x W + b` for `rows` rows.
    pub fn apply(&self, flat: &[f32], x: &[f32], out: &mut [f32]) {
        let rows = out.len() / self.columns;
        let bias = Start::Bias(self.bias.of(flat));
        let (left, right) = (Left::rows(x, self.inner), Right::Packed(&self.forward));
        multiply(left, right, bias, [rows, self.inner, self.columns], out, self.columns);
    }

    /// `out += x W`, without the bias.
    pub fn add_product(&self, x: &[f32], out: &mut [f32]) {
        let rows = out.len() / self.columns;
        let (left, right) = (Left::rows(x, self.inner), Right::Packed(&self.forward));
        multiply(left, right, Start::Output, [rows, self.inner, self.columns], out, self.columns);
    }

    /// Gradient at the input, given the one at the output.
    pub fn pull(&self, d_out: &[f32], d_x: &mut [f32]) {
        let rows = d_x.len() / self.inner;
        let (left, right) = (Left::rows(d_out, self.columns), Right::Packed(&self.backward));
        multiply(left, right, Start::Zero, [rows, self.columns, self.inner], d_x, self.inner);
    }

    /// Adds the gradients of weight and bias to a flat gradient. `packed` is scratch: rows of `d_out` lie apart,
    /// and packing them first doubles the speed of the product.
    pub fn add_gradient(&self, x: &[f32], d_out: &[f32], packed: &mut Packed, gradient: &mut [f32]) {
        let rows = d_out.len() / self.columns;
        packed.reshape(rows, self.columns);
        packed.fill(d_out);
        let (left, right) = (Left::transposed(x, self.inner), Right::Packed(packed));
        let shape = [self.inner, rows, self.columns];
        multiply(left, right, Start::Output, shape, self.weight.of_mut(gradient), self.columns);
        let bias = self.bias.of_mut(gradient);
        d_out.chunks_exact(self.columns).for_each(|row| super::kernels::add(bias, row));
    }

    fn pack(&mut self, flat: &[f32]) {
        self.forward.fill(self.weight.of(flat));
        self.backward.fill_transposed(self.weight.of(flat));
    }
}

/// A layer norm's affine part.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Norm {
    pub gamma: Slot,
    pub beta: Slot,
}

/// One transformer block.
#[derive(Clone, Debug, Default)]
pub(super) struct Block {
    pub offset: Slot,
    pub attention_norm: Norm,
    pub query_key_value: Linear,
    pub projection: Linear,
    pub mlp_norm: Norm,
    pub expand: Linear,
    pub contract: Linear,
}

/// All weights of a [`crate::network::Transformer`].
#[derive(Clone, Debug, Default)]
pub(super) struct Weights {
    /// All parameters in the order of the [`ParameterLayout`].
    pub flat: Vec<f32>,
    pub heads: usize,
    pub causal: bool,
    pub input: Linear,
    pub positions: Slot,
    pub remaining: Slot,
    pub level_input: Linear,
    pub level_output: Linear,
    pub modulation: Linear,
    pub blocks: Vec<Block>,
    pub final_norm: Norm,
    pub final_modulation: Linear,
    pub output: Linear,
}

impl Weights {
    /// Weights by their names in the module tree.
    ///
    /// # Errors
    /// [`PlannerError::Device`] when a parameter is missing or of another shape, [`PlannerError::Length`] when `flat` does not fit.
    pub fn new(
        parameters: &ParameterLayout,
        flat: &[f32],
        config: &NetworkConfig,
        layout: &TokenLayout,
    ) -> Result<Self, PlannerError> {
        config.check()?;
        layout.check()?;
        parameters.check()?;
        crate::error::check_len("parameters", parameters.len(), flat.len())?;
        // Every size is held against the configuration here, so that no pass need ask again.
        let slot = |name: &str, shape: &[usize]| {
            let slot = parameters.slots.iter().find(|slot| slot.name == name);
            let slot = slot
                .ok_or_else(|| PlannerError::Device(format!("the transformer has no parameter `{name}`")))?;
            if slot.shape != shape {
                return Err(PlannerError::Device(format!(
                    "parameter `{name}` is {:?}, a transformer of this configuration has {shape:?}",
                    slot.shape
                )));
            }
            Ok(Slot { at: slot.offset, len: slot.len() })
        };
        let linear = |name: &str, inner: usize, columns: usize| {
            let weight = slot(&format!("{name}.weight"), &[inner, columns])?;
            let bias = slot(&format!("{name}.bias"), &[columns])?;
            let (forward, backward) = (Packed::new(inner, columns), Packed::new(columns, inner));
            Ok::<_, PlannerError>(Linear { inner, columns, bias, weight, forward, backward })
        };
        let (w, tokens) = (config.width, layout.tokens(layout.chunks));
        let norm = |name: &str| {
            let (gamma, beta) = (slot(&format!("{name}.gamma"), &[w])?, slot(&format!("{name}.beta"), &[w])?);
            Ok::<_, PlannerError>(Norm { gamma, beta })
        };
        let block = |i: usize| {
            Ok::<_, PlannerError>(Block {
                offset: slot(&format!("blocks.{i}.offset"), &[6 * w])?,
                attention_norm: norm(&format!("blocks.{i}.attention_norm"))?,
                query_key_value: linear(&format!("blocks.{i}.query_key_value"), w, 3 * w)?,
                projection: linear(&format!("blocks.{i}.projection"), w, w)?,
                mlp_norm: norm(&format!("blocks.{i}.mlp_norm"))?,
                expand: linear(&format!("blocks.{i}.expand"), w, 4 * w)?,
                contract: linear(&format!("blocks.{i}.contract"), 4 * w, w)?,
            })
        };
        let mut weights = Self {
            flat: Vec::new(),
            heads: config.heads,
            causal: config.causal,
            input: linear("input", config.input(layout), w)?,
            positions: slot("positions_tw", &[tokens, w])?,
            remaining: slot("remaining_tw", &[layout.chunks, w])?,
            level_input: linear("level.input", LEVEL_FEATURES * layout.told_levels(), w)?,
            level_output: linear("level.output", w, w)?,
            modulation: linear("modulation", w, 6 * w)?,
            blocks: (0..config.layers).map(block).collect::<Result<_, _>>()?,
            final_norm: norm("final_norm")?,
            final_modulation: linear("final_modulation", w, 2 * w)?,
            output: linear("output", w, layout.width())?,
        };
        weights.set(flat);
        Ok(weights)
    }

    /// Takes over new values of all parameters, of the length it was made for.
    pub fn set(&mut self, flat: &[f32]) {
        self.flat.clear();
        self.flat.extend_from_slice(flat);
        for layer in [
            &mut self.input,
            &mut self.level_input,
            &mut self.level_output,
            &mut self.modulation,
            &mut self.final_modulation,
            &mut self.output,
        ] {
            layer.pack(flat);
        }
        for block in &mut self.blocks {
            for layer in
                [&mut block.query_key_value, &mut block.projection, &mut block.expand, &mut block.contract]
            {
                layer.pack(flat);
            }
        }
    }

    /// Width `W` of the residual stream.
    pub fn width(&self) -> usize {
        self.output.inner
    }

    /// Width of the feed-forward part.
    pub fn hidden(&self) -> usize {
        self.blocks.first().map_or(0, |block| block.expand.columns)
    }
}
