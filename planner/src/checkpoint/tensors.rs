//! Named tensors in safetensors files, with every entry checked on the way in.

use std::path::Path;

use half::f16;
use safetensors::tensor::{Dtype, SafeTensors, TensorView, serialize};

use crate::PlannerError;
use crate::network::ParameterLayout;

/// How finely weights are stored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Precision {
    /// As they were trained, 32 bits: what a training run goes on from.
    #[default]
    Single,
    /// 16 bits (IEEE 754 binary16), rounded to nearest: what planning needs, in half the space.
    Half,
}

impl Precision {
    /// A value as it is read back.
    pub fn round(self, value: f32) -> f32 {
        match self {
            Self::Single => value,
            Self::Half => f16::from_f32(value).to_f32(),
        }
    }

    fn bytes(self, values: &[f32]) -> Vec<u8> {
        match self {
            Self::Single => values.iter().flat_map(|value| value.to_le_bytes()).collect(),
            Self::Half => values.iter().flat_map(|value| f16::from_f32(*value).to_le_bytes()).collect(),
        }
    }

    fn dtype(self) -> Dtype {
        match self {
            Self::Single => Dtype::F32,
            Self::Half => Dtype::F16,
        }
    }
}

/// Serialises named slices of flat vectors: `(prefix, vector)` pairs, each cut by `parameters`.
pub(super) fn write(
    parameters: &ParameterLayout,
    vectors: &[(&str, &[f32])],
    precision: Precision,
) -> Result<Vec<u8>, String> {
    let mut named: Vec<(String, Vec<usize>, Vec<u8>)> = Vec::new();
    for (prefix, values) in vectors {
        for slot in &parameters.slots {
            let slice = values
                .get(slot.offset..slot.offset + slot.len())
                .ok_or_else(|| format!("`{}` does not fit the parameters", slot.name))?;
            if slice.iter().any(|value| !precision.round(*value).is_finite()) {
                return Err(format!("tensor `{prefix}{}` is not finite and was not saved", slot.name));
            }
            let bytes = precision.bytes(slice);
            named.push((format!("{prefix}{}", slot.name), slot.shape.clone(), bytes));
        }
    }
    let views = named
        .iter()
        .map(|(name, shape, bytes)| {
            Ok((name.as_str(), TensorView::new(precision.dtype(), shape.clone(), bytes)?))
        })
        .collect::<Result<Vec<_>, safetensors::SafeTensorError>>()
        .map_err(|error| error.to_string())?;
    serialize(views, None).map_err(|error| error.to_string())
}

/// Reads the flat vectors of `prefixes`; refuses anything that is missing, superfluous, of another shape or
/// type, or not finite, naming the tensor.
pub(super) fn read(
    path: &Path,
    bytes: &[u8],
    parameters: &ParameterLayout,
    prefixes: &[&str],
) -> Result<Vec<Vec<f32>>, PlannerError> {
    let refuse = |problem: String| PlannerError::Checkpoint { path: path.to_owned(), problem };
    let file = SafeTensors::deserialize(bytes)
        .map_err(|error| refuse(format!("not a safetensors file ({error}): restore it or train again")))?;
    if file.len() != prefixes.len() * parameters.slots.len() {
        return Err(refuse(format!(
            "holds {} tensors, the network of its manifest has {}: restore both or train again",
            file.len(),
            prefixes.len() * parameters.slots.len()
        )));
    }
    let mut vectors = Vec::new();
    for prefix in prefixes {
        let mut flat = vec![0.0f32; parameters.len()];
        for slot in &parameters.slots {
            let name = format!("{prefix}{}", slot.name);
            let view = file
                .tensor(&name)
                .map_err(|_| refuse(format!("tensor `{name}` is missing: restore it or train again")))?;
            if !matches!(view.dtype(), Dtype::F32 | Dtype::F16) || view.shape() != slot.shape {
                return Err(refuse(format!(
                    "tensor `{name}` is {:?} {:?}, expected F32 or F16 {:?}: restore it or train again",
                    view.dtype(),
                    view.shape(),
                    slot.shape
                )));
            }
            let out = &mut flat[slot.offset..slot.offset + slot.len()];
            if view.dtype() == Dtype::F16 {
                for (value, word) in out.iter_mut().zip(view.data().as_chunks::<2>().0) {
                    *value = f16::from_le_bytes(*word).to_f32();
                }
            } else {
                for (value, word) in out.iter_mut().zip(view.data().as_chunks::<4>().0) {
                    *value = f32::from_le_bytes(*word);
                }
            }
            if let Some(index) = out.iter().position(|value| !value.is_finite()) {
                return Err(refuse(format!(
                    "tensor `{name}` holds {} at entry {index}: restore it or train again",
                    out[index]
                )));
            }
        }
        vectors.push(flat);
    }
    Ok(vectors)
}
