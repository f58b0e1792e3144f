//! From the tensors of a file to a model of ours, with everything that does not fit named.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use burn::tensor::Device;
use forethought_envs::EnvSpec;

use super::Unsaid;
use super::archive::Archive;
use super::names::{Names, Source};
use super::pickle::Tensor;
use crate::network::{Network, NetworkConfig, NetworkKind, ParameterLayout};
use crate::noise::{NoiseSchedule, ScheduleKind, Target};
use crate::{ModelConfig, PlannerError, TokenLayout};

/// A file of theirs, and what of it was asked for.
pub(super) struct Reading {
    path: PathBuf,
    archive: Archive,
    tensors: BTreeMap<String, Tensor>,
    seen: BTreeSet<String>,
}

impl Reading {
    pub fn new(path: &Path, archive: Archive, tensors: BTreeMap<String, Tensor>) -> Self {
        Self { path: path.to_owned(), archive, tensors, seen: BTreeSet::new() }
    }

    /// As [`Archive::number`].
    pub fn number(&self, name: &str) -> Option<u64> {
        self.archive.number(name)
    }

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

    pub fn list(&mut self, name: &str) -> Result<Vec<f32>, PlannerError> {
        match self.shape(name)?.len() {
            1 => self.read(name),
            _ => {
                Err(self
                    .refuse(format!("tensor `{name}` is no list of numbers: it is no planning checkpoint")))
            }
        }
    }

    /// The model, by the shapes of its tensors.
    pub fn model(
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
            target: Target::X0,
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

    /// Refuses another noise schedule than the linear one. Another objective would not show: it is in no file.
    pub fn check_noise(&mut self, names: &Names, model: &ModelConfig) -> Result<(), PlannerError> {
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
    pub fn weights(
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
    pub fn check_rest(&self, names: &Names) -> Result<(), PlannerError> {
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
