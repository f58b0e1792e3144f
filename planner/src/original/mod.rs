//! Checkpoints of the authors' own code (`buoyancy99/diffusion-forcing`, v1.5, its `main` branch): files of PyTorch
//! Lightning, read without PyTorch and without running anything that they hold.
//!
//! [`read`] gives a manifest and weights of ours, for [`crate::network::Reference`]. What is the same and what is not stands
//! in `planner/ORIGINAL.md`.

mod archive;
mod names;
mod pickle;
mod settings;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use burn::tensor::Device;
use forethought_envs::data::{DatasetNormalizer, Normalizer, NormalizerKind};
use forethought_envs::{EnvSpec, TaskConfig};
use serde_json::Value;

use crate::checkpoint::{self, DataRecord, Manifest, Precision, SlotLimits};
use crate::network::{Network, NetworkConfig, NetworkKind, ParameterLayout};
use crate::noise::{NoiseSchedule, ScheduleKind};
use crate::{ModelConfig, PlannerError, TokenLayout, TrainConfig};
use archive::Archive;
use names::{Names, Source};
use pickle::Tensor;

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
    let mut file = Reading { path: path.to_owned(), archive, tensors, seen: BTreeSet::new() };
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
        step: file.archive.number("global_step").unwrap_or(0),
        files: BTreeMap::new(),
        sha256: String::new(),
    };
    Ok(Original { manifest, parameters, weights, network: names.prefix })
}

/// A file of theirs, and what of it was asked for.
struct Reading {
    path: PathBuf,
    archive: Archive,
    tensors: BTreeMap<String, Tensor>,
    seen: BTreeSet<String>,
}

impl Reading {
    fn refuse(&self, problem: String) -> PlannerError {
        PlannerError::Checkpoint { path: self.path.clone(), problem }
    }

    fn shape(&self, name: &str) -> Result<&[usize], PlannerError> {
        match self.tensors.get(name) {
            Some(tensor) => Ok(&tensor.shape),
            None => {
                Err(self.refuse(format!("tensor `{name}` is missing: it is no planning checkpoint of v1.5")))
            }
        }
    }

    /// The two sizes of a matrix.
    fn matrix(&self, name: &str) -> Result<(usize, usize), PlannerError> {
        match *self.shape(name)? {
            [rows, columns] => Ok((rows, columns)),
            ref other => {
                Err(self.refuse(format!("tensor `{name}` has the shape {other:?}: a matrix is needed")))
            }
        }
    }

    fn read(&mut self, name: &str) -> Result<Vec<f32>, PlannerError> {
        self.shape(name)?;
        self.seen.insert(name.to_owned());
        match self.tensors.get(name) {
            Some(tensor) => self.archive.read(name, tensor),
            None => Ok(Vec::new()),
        }
    }

    fn list(&mut self, name: &str) -> Result<Vec<f32>, PlannerError> {
        match self.shape(name)?.len() {
            1 => self.read(name),
            _ => {
                Err(self
                    .refuse(format!("tensor `{name}` is no list of numbers: it is no planning checkpoint")))
            }
        }
    }

    /// The model, by the shapes of its tensors.
    fn model(
        &self,
        spec: &EnvSpec,
        names: &Names,
        unsaid: Unsaid,
        entries: usize,
    ) -> Result<ModelConfig, PlannerError> {
        let (token, width) = self.matrix(&names.of("out.weight"))?;
        let (_, shown) = self.matrix(&names.of("init_mlp.0.weight"))?;
        if token == 0 || !token.is_multiple_of(entries) {
            return Err(self.refuse(format!(
                "has tokens of {token} numbers, which is no whole number of frames of {entries}: it was trained for another \
                 environment than `{}`",
                spec.id
            )));
        }
        if shown != token.saturating_add(width / 2) {
            return Err(self.refuse(format!(
                "shows its network {shown} numbers of a token, and {token} and {} of its level are read: external conditions \
                 are not",
                width / 2
            )));
        }
        if let Ok((wide, _)) = self.matrix(&names.of("transformer.layers.0.linear1.weight"))
            && wide != width.saturating_mul(4)
        {
            let problem =
                format!("has a feed-forward width of {wide}: four times its width, {}, is read", 4 * width);
            return Err(self.refuse(problem));
        }
        let frames_per_token = token / entries;
        let steps = spec.max_episode_steps.unwrap_or(0);
        let chunks = unsaid.chunks.unwrap_or(steps / frames_per_token);
        Ok(ModelConfig {
            frames_per_token,
            chunks,
            levels: self.shape(&names.diffusion("alphas_cumprod"))?.first().copied().unwrap_or(0),
            schedule: ScheduleKind::Ddpm,
            target: crate::noise::Target::X0,
            level_blocks: 0,
            network: NetworkConfig {
                kind: NetworkKind::Reference,
                width,
                layers: names.layers,
                heads: unsaid.heads,
                causal: unsaid.causal,
                ..NetworkConfig::default()
            },
            ..ModelConfig::default()
        })
    }

    /// Refuses another noise schedule than the linear one, and another objective's would not show: it is in no file.
    fn check_noise(&mut self, names: &Names, model: &ModelConfig) -> Result<(), PlannerError> {
        let name = names.diffusion("alphas_cumprod");
        let abar = self.list(&name)?;
        let schedule: NoiseSchedule = model.noise()?;
        let same = |(k, abar): (usize, &f32)| (schedule.abar(k + 1) / f64::from(*abar) - 1.0).abs() < 1e-4;
        match abar.iter().enumerate().position(|pair| !same(pair)) {
            None => Ok(()),
            Some(k) => Err(self.refuse(format!(
                "has another noise schedule than the linear one of planning: `{name}` is {} at level {k}, not {}",
                abar[k],
                schedule.abar(k + 1)
            ))),
        }
    }

    /// The weights in our order.
    fn weights(
        &mut self,
        names: &Names,
        config: &NetworkConfig,
        layout: &TokenLayout,
        device: &Device,
    ) -> Result<(ParameterLayout, Vec<f32>), PlannerError> {
        layout.check()?;
        config.check()?;
        let io = |source| PlannerError::Io { path: self.path.clone(), source };
        let bytes = std::fs::metadata(&self.path).map_err(io)?.len();
        let least = config.weights(layout).and_then(|weights| weights.checked_mul(2));
        if least.is_none_or(|least| least > bytes) {
            return Err(self.refuse(format!(
                "has {bytes} bytes, which do not hold the network that its shapes describe"
            )));
        }
        let network = Network::new(config, layout, 0, device)?;
        let parameters = ParameterLayout::of(&network);
        let sources: Vec<(String, Source)> =
            parameters.slots.iter().map(|slot| names.source(&slot.name)).collect();
        let missing: Vec<&str> = sources
            .iter()
            .map(|(name, _)| name.as_str())
            .filter(|name| !self.tensors.contains_key(*name))
            .collect();
        if !missing.is_empty() {
            return Err(
                self.refuse(format!("lacks {}: it is damaged, or no checkpoint of v1.5", named(&missing)))
            );
        }
        let mut weights = vec![0.0; parameters.len()];
        for (slot, (name, source)) in parameters.slots.iter().zip(&sources) {
            let wanted = source.their_shape(&slot.shape);
            if self.shape(name)? != wanted {
                return Err(self.refuse(format!(
                    "tensor `{name}` has the shape {:?}, expected {wanted:?} beside the others",
                    self.shape(name)?
                )));
            }
            let theirs = self.read(name)?;
            if let Some(out) = weights.get_mut(slot.offset..slot.offset + slot.len()) {
                source.place(&theirs, &slot.shape, layout, out);
            }
        }
        Ok((parameters, weights))
    }

    /// Refuses tensors that nothing was made of: a network that has more than ours would answer otherwise.
    fn check_rest(&self, names: &Names) -> Result<(), PlannerError> {
        let rest: Vec<&str> = self
            .tensors
            .keys()
            .filter(|name| !self.seen.contains(*name) && !names.known(name))
            .map(String::as_str)
            .collect();
        if rest.is_empty() {
            return Ok(());
        }
        Err(self.refuse(format!("holds {}, of which the network that is read knows nothing", named(&rest))))
    }
}

/// The first few of some names.
fn named(names: &[&str]) -> String {
    let first: Vec<String> = names.iter().take(5).map(|name| format!("`{name}`")).collect();
    let more = names.len() - first.len();
    let rest = if more > 0 { format!(" and {more} more tensors") } else { String::new() };
    format!("{}{rest}", first.join(", "))
}
