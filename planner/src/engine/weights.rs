//! The transformer's weights, taken out of Burn once.

use crate::PlannerError;
use crate::network::ParameterLayout;

/// A linear layer, `[inner, columns]` row-major, and its transpose for the backward pass: `gemm` rounds alike
/// for any number of rows only where the right-hand side is row-major.
#[derive(Clone, Debug, Default)]
pub(super) struct LinearWeights {
    pub inner: usize,
    pub columns: usize,
    pub weight: Vec<f32>,
    pub transposed: Vec<f32>,
    pub bias: Vec<f32>,
}

/// A layer norm's affine part.
#[derive(Clone, Debug, Default)]
pub(super) struct NormWeights {
    pub gamma: Vec<f32>,
    pub beta: Vec<f32>,
}

/// One transformer block.
#[derive(Clone, Debug, Default)]
pub(super) struct BlockWeights {
    pub offset: Vec<f32>,
    pub attention_norm: NormWeights,
    pub query_key_value: LinearWeights,
    pub projection: LinearWeights,
    pub mlp_norm: NormWeights,
    pub expand: LinearWeights,
    pub contract: LinearWeights,
}

/// All weights of a [`crate::network::Transformer`].
#[derive(Clone, Debug, Default)]
pub(super) struct TransformerWeights {
    pub input: LinearWeights,
    pub positions: Vec<f32>,
    pub remaining: Vec<f32>,
    pub level_input: LinearWeights,
    pub level_output: LinearWeights,
    pub modulation: LinearWeights,
    pub blocks: Vec<BlockWeights>,
    pub final_norm: NormWeights,
    pub final_modulation: LinearWeights,
    pub output: LinearWeights,
}

impl TransformerWeights {
    /// Weights by their names in the module tree.
    ///
    /// # Errors
    /// [`PlannerError::Length`] when a parameter is missing.
    pub fn new(parameters: &ParameterLayout, flat: &[f32], layers: usize) -> Result<Self, PlannerError> {
        let find = |name: &str| {
            let slot = parameters.slots.iter().find(|slot| slot.name == name);
            let values = slot.and_then(|slot| flat.get(slot.offset..slot.offset + slot.len()));
            match (slot, values) {
                (Some(slot), Some(values)) => Ok((slot.shape.clone(), values.to_vec())),
                _ => Err(PlannerError::Device(format!("the transformer has no parameter `{name}`"))),
            }
        };
        let vector = |name: &str| find(name).map(|(_, values)| values);
        let linear = |name: &str| {
            let (shape, weight) = find(&format!("{name}.weight"))?;
            let bias = vector(&format!("{name}.bias"))?;
            let (inner, columns) = (shape[0], bias.len());
            let transposed =
                (0..inner * columns).map(|i| weight[(i % inner) * columns + i / inner]).collect();
            Ok::<_, PlannerError>(LinearWeights { inner, columns, weight, transposed, bias })
        };
        let norm = |name: &str| {
            Ok::<_, PlannerError>(NormWeights {
                gamma: vector(&format!("{name}.gamma"))?,
                beta: vector(&format!("{name}.beta"))?,
            })
        };
        let block = |i: usize| {
            Ok::<_, PlannerError>(BlockWeights {
                offset: vector(&format!("blocks.{i}.offset"))?,
                attention_norm: norm(&format!("blocks.{i}.attention_norm"))?,
                query_key_value: linear(&format!("blocks.{i}.query_key_value"))?,
                projection: linear(&format!("blocks.{i}.projection"))?,
                mlp_norm: norm(&format!("blocks.{i}.mlp_norm"))?,
                expand: linear(&format!("blocks.{i}.expand"))?,
                contract: linear(&format!("blocks.{i}.contract"))?,
            })
        };
        Ok(Self {
            input: linear("input")?,
            positions: vector("positions_tw")?,
            remaining: vector("remaining_tw")?,
            level_input: linear("level.input")?,
            level_output: linear("level.output")?,
            modulation: linear("modulation")?,
            blocks: (0..layers).map(block).collect::<Result<_, _>>()?,
            final_norm: norm("final_norm")?,
            final_modulation: linear("final_modulation")?,
            output: linear("output")?,
        })
    }
}
