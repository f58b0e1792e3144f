//! What the tensors of the authors' files are called, and where their numbers go.

use std::collections::BTreeMap;

use super::pickle::Tensor;
use crate::TokenLayout;

/// Every network has one of these; a file may hold several, one of them an average.
const FIRST: &str = "init_mlp.0.weight";
/// Buffers of their `Diffusion`, which follow from its schedule.
const BUFFERS: [&str; 14] = [
    "betas",
    "alphas_cumprod",
    "alphas_cumprod_prev",
    "sqrt_alphas_cumprod",
    "sqrt_one_minus_alphas_cumprod",
    "log_one_minus_alphas_cumprod",
    "sqrt_recip_alphas_cumprod",
    "sqrt_recipm1_alphas_cumprod",
    "posterior_variance",
    "posterior_log_variance_clipped",
    "posterior_mean_coef1",
    "posterior_mean_coef2",
    "clipped_snr",
    "snr",
];
/// Where those stand.
const DIFFUSION: &str = "diffusion_model.";

/// The names of one network in a file.
#[derive(Debug)]
pub(super) struct Names {
    /// What its names begin with.
    pub prefix: String,
    /// What the names of the module around it begin with.
    module: String,
    /// Its layers.
    pub layers: usize,
    others: Vec<String>,
}

/// How numbers of theirs become ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Source {
    /// As they are.
    Same,
    /// A matrix by outputs, ours by inputs.
    Transposed,
    /// The same, and its inputs begin with the slots of a token.
    FromToken,
    /// The same, and its outputs are the slots of a token.
    ToToken,
    /// One number for each slot of a token.
    OfToken,
}

impl Names {
    /// Finds the network: the average of its weights, where there is one.
    ///
    /// # Errors
    /// That there is none.
    pub fn find(tensors: &BTreeMap<String, Tensor>) -> Result<Self, String> {
        let mut prefixes: Vec<&str> = tensors.keys().filter_map(|name| name.strip_suffix(FIRST)).collect();
        prefixes.sort_by_key(|prefix| !prefix.contains("ema"));
        let Some((prefix, others)) = prefixes.split_first() else {
            return Err(format!(
                "holds no `{FIRST}`: checkpoints of the transformer for planning (v1.5, branch main) are read, others are not"
            ));
        };
        let layer = |name: &String| {
            let rest = name.strip_prefix(prefix)?.strip_prefix("transformer.layers.")?;
            rest.split('.').next()?.parse::<usize>().ok()
        };
        // A compiled module has a word more before its names.
        let compiled = "_orig_mod.";
        let module = if tensors.keys().any(|name| name.starts_with(compiled)) { compiled } else { "" };
        Ok(Self {
            prefix: (*prefix).to_owned(),
            module: module.to_owned(),
            layers: tensors.keys().filter_map(layer).max().map_or(0, |last| last.saturating_add(1)),
            others: others.iter().map(|other| (*other).to_owned()).collect(),
        })
    }

    /// A tensor of the network.
    pub fn of(&self, name: &str) -> String {
        format!("{}{name}", self.prefix)
    }

    /// A buffer of the noise schedule.
    pub fn diffusion(&self, name: &str) -> String {
        format!("{}{DIFFUSION}{name}", self.module)
    }

    /// A list of the data's columns.
    pub fn data(&self, name: &str) -> String {
        format!("{}{name}", self.module)
    }

    /// Whether a tensor that is not read needs no explanation.
    pub fn known(&self, name: &str) -> bool {
        let buffer = name.strip_prefix(self.module.as_str()).and_then(|name| name.strip_prefix(DIFFUSION));
        // An average counts its updates.
        let counts = name.contains("ema")
            && [".step", ".initted", ".num_updates"].iter().any(|end| name.ends_with(end));
        let other = self
            .others
            .iter()
            .any(|other| name.starts_with(other.as_str()) && !name.starts_with(&self.prefix));
        counts || other || buffer.is_some_and(|buffer| BUFFERS.contains(&buffer))
    }

    /// Where the numbers of a parameter of ours stand.
    pub fn source(&self, ours: &str) -> (String, Source) {
        let (layer, name) = match ours.strip_prefix("layers.").and_then(|rest| rest.split_once('.')) {
            Some((layer, name)) => (format!("transformer.layers.{layer}."), name),
            None => (String::new(), ours),
        };
        let (theirs, source) = match name {
            "input.weight" => ("init_mlp.0.weight", Source::FromToken),
            "input.bias" => ("init_mlp.0.bias", Source::Same),
            "hidden.weight" => ("init_mlp.2.weight", Source::Transposed),
            "hidden.bias" => ("init_mlp.2.bias", Source::Same),
            "output.weight" => ("out.weight", Source::ToToken),
            "output.bias" => ("out.bias", Source::OfToken),
            "query_key_value.weight" => ("self_attn.in_proj_weight", Source::Transposed),
            "query_key_value.bias" => ("self_attn.in_proj_bias", Source::Same),
            "projection.weight" => ("self_attn.out_proj.weight", Source::Transposed),
            "projection.bias" => ("self_attn.out_proj.bias", Source::Same),
            "expand.weight" => ("linear1.weight", Source::Transposed),
            "expand.bias" => ("linear1.bias", Source::Same),
            "contract.weight" => ("linear2.weight", Source::Transposed),
            "contract.bias" => ("linear2.bias", Source::Same),
            "attention_norm.gamma" => ("norm1.weight", Source::Same),
            "attention_norm.beta" => ("norm1.bias", Source::Same),
            "mlp_norm.gamma" => ("norm2.weight", Source::Same),
            "mlp_norm.beta" => ("norm2.bias", Source::Same),
            other => (other, Source::Same),
        };
        (self.of(&format!("{layer}{theirs}")), source)
    }
}

impl Source {
    /// The shape of theirs for one of ours.
    pub fn their_shape(self, ours: &[usize]) -> Vec<usize> {
        match self {
            Self::Same | Self::OfToken => ours.to_vec(),
            _ => ours.iter().rev().copied().collect(),
        }
    }

    /// Writes theirs into ours.
    pub fn place(self, theirs: &[f32], shape: &[usize], layout: &TokenLayout, ours: &mut [f32]) {
        let columns = shape.last().copied().unwrap_or(1).max(1);
        let rows = ours.len() / columns;
        for (i, out) in ours.iter_mut().enumerate() {
            let (row, column) = (i / columns, i % columns);
            let at = match self {
                Self::Same => i,
                Self::Transposed => column * rows + row,
                Self::FromToken => column * rows + their_slot(layout, row),
                Self::ToToken => their_slot(layout, column) * rows + row,
                Self::OfToken => their_slot(layout, i),
            };
            *out = theirs.get(at).copied().unwrap_or(f32::NAN);
        }
    }
}

/// Their place of a slot of a token: in their frames the observation stands before the action. What is past a token stays.
fn their_slot(layout: &TokenLayout, slot: usize) -> usize {
    let (a, o, frame) = (layout.action, layout.observation, layout.frame());
    let within = slot % frame;
    match slot {
        _ if slot >= layout.width() => slot,
        _ if within < a => slot + o,
        _ => slot - a,
    }
}
