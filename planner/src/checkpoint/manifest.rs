//! The manifest of a checkpoint.

use std::collections::BTreeMap;
use std::path::Path;

use forethought_envs::data::{Dataset, DatasetNormalizer, InverseModel, Support};
use forethought_envs::{EnvSpec, TaskConfig};
use serde::{Deserialize, Serialize};

use crate::error::check_len;
use crate::layout::MOST;
use crate::objects::ObjectOrder;
use crate::{
    ConditionKind, DistillConfig, LocalDynamics, ModelConfig, PlanConfig, PlannerError, ReturnScale,
    SamplerConfig, TokenLayout, TrainConfig,
};

/// Version of the folder's format. Raised when an older program could misread it.
pub const FORMAT: u32 = 3;
/// Room for names and shapes in a weights file.
const HEADER_BYTES: u64 = 4 << 20;

/// Everything about a checkpoint but the numbers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// Format version of this folder.
    pub format: u32,
    /// Version of the program that wrote it.
    pub code_version: String,
    /// The environment it plans in; its id and layout hash are checked before planning.
    pub environment: EnvSpec,
    /// What a plan's actions are fed to: always the environment's own actions in this version.
    pub action_mode: String,
    /// Sizes of tokens and sequences.
    pub layout: TokenLayout,
    /// Model configuration.
    pub model: ModelConfig,
    /// Training configuration.
    pub train: TrainConfig,
    /// Scaling of observations and actions.
    pub normalizer: DatasetNormalizer,
    /// Range of the data in each slot of a frame.
    pub limits: SlotLimits,
    /// Inverse dynamics of the data, for the controller of that name. Missing from older checkpoints.
    #[serde(default)]
    pub inverse: Option<InverseModel>,
    /// Linear dynamics of the data, where tokens have levels for decisions and outcomes.
    #[serde(default)]
    pub dynamics: Option<LocalDynamics>,
    /// What sequences of the data earn, where the network is told it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub returns: Option<ReturnScale>,
    /// Positions at which the data have been. Missing from older checkpoints.
    #[serde(default)]
    pub support: Option<Support>,
    /// How it plans.
    pub plan: PlanConfig,
    /// How its plans are carried out: settings of the controller, which this crate does not know. Null leaves them
    /// open.
    pub control: serde_json::Value,
    /// What it is for.
    pub task: TaskConfig,
    /// The data it was trained on.
    pub data: DataRecord,
    /// Where its weights come from, if they were distilled from another checkpoint's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub distilled: Option<Distilled>,
    /// Optimiser steps done.
    pub step: u64,
    /// Size and SHA-256 of every other file of the folder, by name.
    pub files: BTreeMap<String, FileRecord>,
    /// SHA-256, hexadecimal, of this manifest's file with these 64 digits set to zero: a flipped digit of a
    /// scale or a limit would otherwise go unnoticed. Empty in manifests from before there was one.
    #[serde(default)]
    pub sha256: String,
}

/// Range of one frame `[action, observation, reward?]` in normalised units.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SlotLimits {
    /// Smallest value.
    pub low: Vec<f64>,
    /// Largest value.
    pub high: Vec<f64>,
}

/// Where the training data came from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DataRecord {
    /// Rows.
    pub rows: usize,
    /// Seed of the generator, where known.
    pub seed: Option<u64>,
    /// Generator and its version, where known.
    pub generator: Option<String>,
    /// Share or number of trajectories that were held out.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub validation: f64,
}

/// Where distilled weights come from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Distilled {
    /// SHA-256 of the teacher's weights, hexadecimal.
    pub teacher: String,
    /// What was learnt from it.
    pub config: DistillConfig,
    /// How the teacher itself plans.
    pub sampler: SamplerConfig,
}

/// Exact: nothing was held out.
fn is_zero(value: &f64) -> bool {
    value.abs() <= 0.0
}

/// One file of the folder.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileRecord {
    /// Size.
    pub bytes: u64,
    /// SHA-256, hexadecimal.
    pub sha256: String,
}

impl SlotLimits {
    /// Refuses limits that do not fit a layout, or that nothing can lie between.
    ///
    /// # Errors
    /// [`PlannerError::Length`], and [`PlannerError::Setting`] naming the slot.
    pub fn check(&self, layout: &TokenLayout) -> Result<(), PlannerError> {
        check_len("lower value limits", layout.frame(), self.low.len())?;
        check_len("upper value limits", layout.frame(), self.high.len())?;
        let range = |(low, high): (&f64, &f64)| low.is_finite() && high.is_finite() && low <= high;
        match self.low.iter().zip(&self.high).position(|pair| !range(pair)) {
            None => Ok(()),
            Some(slot) => Err(PlannerError::Setting {
                name: "limits",
                value: format!("{} to {} in slot {slot}", self.low[slot], self.high[slot]),
                remedy: "two finite numbers are needed, the lower one first".into(),
            }),
        }
    }

    /// Range of a data set.
    pub fn of(
        dataset: &Dataset,
        normalizer: &DatasetNormalizer,
        layout: &TokenLayout,
    ) -> Result<Self, PlannerError> {
        layout.check()?;
        check_len("data observation", layout.observation, dataset.observation_dim)?;
        check_len("data action", layout.action, dataset.action_dim)?;
        let summary = dataset.summary();
        let bounds = |pick: fn(&forethought_envs::data::ColumnStatistics) -> f64| {
            let mut actions: Vec<f64> = summary.actions.iter().map(pick).collect();
            let mut observations: Vec<f64> = summary.observations.iter().map(pick).collect();
            normalizer.action.normalize(&mut actions)?;
            normalizer.observation.normalize(&mut observations)?;
            actions.append(&mut observations);
            actions.extend(layout.reward.then(|| pick(&summary.reward)));
            Ok::<_, PlannerError>(actions)
        };
        let mut limits = Self { low: bounds(|c| c.min)?, high: bounds(|c| c.max)? };
        limits.share(layout);
        Ok(limits)
    }

    /// Gives things that are alike the range of all of them: which of them is shown where changes.
    fn share(&mut self, layout: &TokenLayout) {
        for entries in layout.entries_of_objects() {
            let slots: Vec<usize> = entries.into_iter().map(|entry| layout.action + entry).collect();
            let over = |of: &[f64], pick: fn(f64, f64) -> f64| {
                slots.iter().filter_map(|&slot| of.get(slot)).copied().reduce(pick)
            };
            let (low, high) = (over(&self.low, f64::min), over(&self.high, f64::max));
            for &slot in &slots {
                let place = self.low.get_mut(slot).zip(self.high.get_mut(slot));
                if let (Some(place), Some(low), Some(high)) = (place, low, high) {
                    (*place.0, *place.1) = (low, high);
                }
            }
        }
    }
}

impl Manifest {
    /// Refuses a format that this program does not read.
    pub(super) fn check_format(&self, path: &Path) -> Result<(), PlannerError> {
        if self.format == FORMAT {
            return Ok(());
        }
        let (found, version) = (self.format, &self.code_version);
        let problem = format!(
            "format {found} is not {FORMAT}, the one this program reads: use the program version that wrote it ({version})"
        );
        Err(PlannerError::Checkpoint { path: path.to_owned(), problem })
    }

    /// Refuses a manifest that contradicts itself.
    pub(super) fn check(&self, path: &Path) -> Result<(), PlannerError> {
        let refuse = |problem: String| PlannerError::Checkpoint {
            path: path.to_owned(),
            problem: format!("{problem}; restore it or train again"),
        };
        self.contradiction().map_or(Ok(()), |problem| Err(refuse(problem.into())))?;
        self.settings().map_err(|error| refuse(error.to_string()))
    }

    /// What two of its parts say differently.
    fn contradiction(&self) -> Option<&'static str> {
        let (layout, model, spec) = (&self.layout, &self.model, &self.environment);
        let sizes =
            (layout.frames_per_token, layout.chunks, layout.reward, layout.level_blocks, layout.returns);
        let objects: &[_] =
            if model.objects == ObjectOrder::MovedFirst { &spec.interchangeable } else { &[] };
        let told = model.condition == ConditionKind::Return;
        let normalizer = (self.normalizer.observation.width(), self.normalizer.action.width());
        let fits_support = |support: &Support| support.fits(&layout.condition, layout.observation);
        let fits_dynamics = |dynamics: &LocalDynamics| dynamics.fits(layout);
        let fits_inverse = |model: &InverseModel| model.fits(layout.observation, layout.action);
        let checks = [
            (
                sizes == (model.frames_per_token, model.chunks, model.reward, model.blocks(), told),
                "its `layout` is not that of its `model`",
            ),
            (
                self.returns.as_ref().map_or(!layout.returns, |scale| layout.returns && scale.is_sound()),
                "its `returns` are missing, do not fit its `layout`, or hold numbers that cannot be computed with",
            ),
            (
                (spec.observation.len(), spec.action.len()) == (layout.observation, layout.action)
                    && spec.condition == layout.condition,
                "its `layout` is not that of its `environment`",
            ),
            (
                layout.objects == objects,
                "its `layout` does not show things in the order that its `model` says, or not those of its `environment`",
            ),
            (normalizer == (layout.observation, layout.action), "its `normalizer` does not fit its `layout`"),
            (self.support.as_ref().is_none_or(fits_support), "its `support` does not fit its `layout`"),
            (
                self.inverse.as_ref().is_none_or(fits_inverse),
                "its `inverse` model does not fit its `layout`, or holds numbers that are not finite",
            ),
            (
                self.dynamics.as_ref().map_or(layout.level_blocks == 0, fits_dynamics),
                "its `dynamics` are missing, do not fit its `layout`, or hold numbers that cannot be computed with",
            ),
            (
                self.data.validation.is_finite() && self.data.validation >= 0.0,
                "its `data.validation` is no number",
            ),
        ];
        checks.into_iter().find(|(sound, _)| !sound).map(|(_, problem)| problem)
    }

    /// Every setting, each within its own bounds.
    fn settings(&self) -> Result<(), PlannerError> {
        self.layout.check()?;
        self.limits.check(&self.layout)?;
        self.environment.check()?;
        self.task.check(self.layout.observation)?;
        self.model.check()?;
        self.train.check()?;
        // Whether it suits this model is asked when it is planned with: settings may be changed before.
        self.plan.check(MOST, usize::from(u16::MAX))
    }

    /// Refuses a network that the file `name` cannot hold, before memory is asked for: its size is a matter of a few
    /// digits in this manifest. `copies` of every weight stand there.
    pub(super) fn fits_file(&self, file: &Path, bytes: u64, copies: u64) -> Result<(), PlannerError> {
        let network = &self.model.network;
        let weights = network.weights(&self.layout).and_then(|weights| weights.checked_mul(copies));
        let (least, most) = (weights.and_then(|n| n.checked_mul(2)), weights.and_then(|n| n.checked_mul(4)));
        if let (Some(least), Some(most)) = (least, most)
            && (least..=most.saturating_add(HEADER_BYTES)).contains(&bytes)
        {
            return Ok(());
        }
        let needed =
            weights.map_or("more weights than can be counted".into(), |weights| format!("{weights} weights"));
        let (width, layers, chunks) = (network.width, network.layers, self.layout.chunks);
        Err(PlannerError::Checkpoint {
            path: file.to_owned(),
            problem: format!(
                "has {bytes} bytes, which do not hold the {needed} that the manifest's `model.network` (width {width}, \
                 {layers} layers) and `layout` ({chunks} chunks of {} numbers) describe: one of the two was replaced; \
                 restore both or train again",
                self.layout.width()
            ),
        })
    }

    /// Refuses an environment other than the one this was trained for.
    ///
    /// # Errors
    /// [`PlannerError::Checkpoint`] naming both and the remedy.
    pub fn fits(&self, path: &Path, spec: &EnvSpec) -> Result<(), PlannerError> {
        let own = &self.environment;
        let problem = if own.layout_hash != spec.layout_hash {
            format!(
                "it was trained for the layout and physics of `{}`, not those of `{}`: plan there, or train for this one",
                own.id, spec.id
            )
        } else if own.observation.len() != spec.observation.len() || own.action.len() != spec.action.len() {
            format!(
                "it was trained for `{}`, whose observations or actions have other sizes than `{}`'s",
                own.id, spec.id
            )
        } else if own.condition != spec.condition {
            format!(
                "it was trained for `{}`, whose goals speak of other entries than `{}`'s",
                own.id, spec.id
            )
        } else {
            return Ok(());
        };
        Err(PlannerError::Checkpoint { path: path.to_owned(), problem })
    }
}
