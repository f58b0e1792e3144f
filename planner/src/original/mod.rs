//! Checkpoints of the authors' own code (`buoyancy99/diffusion-forcing`, v1.5, its `main` branch): files of PyTorch
//! Lightning, read without PyTorch and without running anything that they hold.
//!
//! [`read`] gives a manifest and weights of ours, for [`crate::network::Reference`]. What is the same and what is not stands
//! in `planner/ORIGINAL.md`.

mod archive;
mod machine;
mod names;
mod pickle;
mod reading;
mod settings;

use std::collections::BTreeMap;
use std::path::Path;

use burn::tensor::Device;
use forethought_envs::data::{DatasetNormalizer, Normalizer, NormalizerKind};
use forethought_envs::{EnvSpec, TaskConfig};
use serde_json::Value;

use crate::checkpoint::{self, DataRecord, Manifest, Precision, SlotLimits};
use crate::network::ParameterLayout;
use crate::{PlannerError, TrainConfig};
use archive::Archive;
use names::Names;
use reading::Reading;

/// What a file of theirs does not say of its network: their configuration does, under these names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unsaid {
    /// `algorithm.diffusion.architecture.attn_heads`, 4.
    pub heads: usize,
    /// `algorithm.causal`, false.
    pub causal: bool,
    /// `dataset.episode_len` over `algorithm.frame_stack`: tokens after the first one. `None` takes the steps of an episode
    /// in the environment.
    pub chunks: Option<usize>,
}

impl Default for Unsaid {
    fn default() -> Self {
        Self { heads: 4, causal: false, chunks: None }
    }
}

/// A checkpoint of theirs, as one of ours.
#[derive(Debug)]
pub struct Original {
    /// Everything but the weights.
    pub manifest: Manifest,
    /// Names and order of the weights.
    pub parameters: ParameterLayout,
    /// The weights.
    pub weights: Vec<f32>,
    /// Which of the networks in the file they are, by the beginning of their names.
    pub network: String,
}

impl Original {
    /// Writes it as a checkpoint folder for planning, which must not exist.
    ///
    /// # Errors
    /// As [`checkpoint::save_model`].
    pub fn save(&self, folder: &Path, device: &Device) -> Result<(), PlannerError> {
        let Self { manifest, parameters, weights, .. } = self;
        checkpoint::save_model(folder, manifest, parameters, weights, Precision::Single, device)
    }
}

/// Reads a checkpoint of theirs for an environment; `task` and `control` are what it is for and how its plans are carried
/// out ([`Manifest::control`]).
///
/// # Errors
/// [`PlannerError::Checkpoint`] for what is no such file, naming tensors that are missing, superfluous or of other shapes;
/// [`PlannerError::Setting`] for sizes that cannot be built.
pub fn read(
    path: &Path,
    spec: &EnvSpec,
    unsaid: Unsaid,
    (task, control): (TaskConfig, Value),
    device: &Device,
) -> Result<Original, PlannerError> {
    let archive = Archive::open(path)?;
    let refuse = |problem: String| PlannerError::Checkpoint { path: path.to_owned(), problem };
    let tensors = archive.tensors();
    let names = Names::find(&tensors).map_err(refuse)?;
    let mut file = Reading::new(path, archive, tensors);
    let (mean, std) = (file.list(&names.data("data_mean"))?, file.list(&names.data("data_std"))?);
    let entries = spec.observation.len() + spec.action.len();
    if mean.len() != entries || std.len() != entries {
        let reward =
            if mean.len() == entries + 1 { " Rewards in tokens (`use_reward`) are not read." } else { "" };
        return Err(refuse(format!(
            "is of frames of {} numbers, and `{}` has {} in an observation and {} in an action: name the environment \
             that it was trained for.{reward}",
            mean.len(),
            spec.id,
            spec.observation.len(),
            spec.action.len()
        )));
    }
    let model = file.model(spec, &names, unsaid, entries)?;
    let layout = model.layout(spec)?;
    model.check()?;
    file.check_noise(&names, &model)?;
    let (parameters, weights) = file.weights(&names, &model.network, &layout, device)?;
    file.check_rest(&names)?;
    let scaled = |range: std::ops::Range<usize>| {
        let numbers = |values: &[f32]| values[range.clone()].iter().map(|value| f64::from(*value)).collect();
        Normalizer::from_parts(NormalizerKind::Standard, numbers(&mean), numbers(&std))
    };
    let normalizer = DatasetNormalizer {
        observation: scaled(0..layout.observation)?,
        action: scaled(layout.observation..entries)?,
    };
    let frame = layout.frame();
    let manifest = Manifest {
        format: checkpoint::FORMAT,
        code_version: env!("CARGO_PKG_VERSION").into(),
        environment: spec.clone(),
        action_mode: "environment".into(),
        plan: settings::plan(spec, &layout),
        layout,
        model,
        train: TrainConfig::default(),
        normalizer,
        limits: SlotLimits { low: vec![-settings::LIMIT; frame], high: vec![settings::LIMIT; frame] },
        inverse: None,
        dynamics: None,
        returns: None,
        support: None,
        control,
        task,
        data: DataRecord {
            rows: 0,
            seed: None,
            generator: Some("a checkpoint of the authors' code, v1.5".into()),
            validation: 0.0,
        },
        distilled: None,
        step: file.number("global_step").unwrap_or(0),
        files: BTreeMap::new(),
        sha256: String::new(),
    };
    Ok(Original { manifest, parameters, weights, network: names.prefix })
}
