//! Weights as safetensors, read whole or not at all.

use std::collections::HashMap;

use safetensors::tensor::{Dtype, SafeTensors, TensorView, serialize};

use super::Mlp;

/// Bytes of a safetensors file with every tensor of some networks, each name behind its network's: `critic.layers.0.weight`.
///
/// # Errors
/// A sentence, where a number is not finite: such weights are of no use to anybody.
pub fn write_networks(networks: &[(&str, &Mlp)]) -> Result<Vec<u8>, String> {
    let mut named = Vec::new();
    for (network, mlp) in networks {
        for (name, shape, values) in mlp.tensors() {
            let name = format!("{network}.{name}");
            if values.iter().any(|value| !value.is_finite()) {
                return Err(format!("tensor `{name}` is not finite and was not saved"));
            }
            let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
            named.push((name, Dtype::F32, shape, bytes));
        }
    }
    serialized(&named, None)
}

/// Bytes of a safetensors file of tensors by name, and of what is said of them.
pub(crate) fn serialized(
    named: &[(String, Dtype, Vec<usize>, Vec<u8>)],
    metadata: Option<HashMap<String, String>>,
) -> Result<Vec<u8>, String> {
    let views = named.iter().map(|(name, dtype, shape, bytes)| {
        TensorView::new(*dtype, shape.clone(), bytes).map(|view| (name.as_str(), view))
    });
    let views: Result<Vec<_>, _> = views.collect();
    views.and_then(|views| serialize(views, metadata)).map_err(|error| error.to_string())
}

/// Fills networks with what [`write_networks`] wrote.
///
/// # Errors
/// A sentence that names the tensor, for anything that is missing, too much, of another shape or type, or not finite. The
/// networks mean nothing then.
pub fn read_networks(bytes: &[u8], networks: &mut [(&str, &mut Mlp)]) -> Result<(), String> {
    let file =
        SafeTensors::deserialize(bytes).map_err(|error| format!("not a safetensors file ({error})"))?;
    let mut wanted = 0;
    for (network, mlp) in networks {
        for (name, shape, range) in mlp.spans() {
            wanted += 1;
            let name = format!("{network}.{name}");
            let tensor = file.tensor(&name).map_err(|_| format!("tensor `{name}` is missing"))?;
            if tensor.dtype() != Dtype::F32 || tensor.shape() != shape {
                let (dtype, found) = (tensor.dtype(), tensor.shape());
                return Err(format!("tensor `{name}` is {dtype:?} {found:?}, expected F32 {shape:?}"));
            }
            let out = mlp.parameters_mut().get_mut(range).unwrap_or_default();
            for (value, bytes) in out.iter_mut().zip(tensor.data().as_chunks::<4>().0) {
                *value = f32::from_le_bytes(*bytes);
            }
            if let Some((index, value)) = out.iter().enumerate().find(|(_, value)| !value.is_finite()) {
                return Err(format!("tensor `{name}` holds {value} at entry {index}"));
            }
        }
    }
    if file.len() != wanted {
        return Err(format!("holds {} tensors, its networks have {wanted}", file.len()));
    }
    Ok(())
}
