//! The manifest of a checkpoint.

use std::collections::BTreeMap;
use std::path::Path;

use forethought_envs::data::{Dataset, DatasetNormalizer, InverseModel, Support};
use forethought_envs::{EnvSpec, TaskConfig};
use serde::{Deserialize, Serialize};

use crate::{ModelConfig, PlanConfig, PlannerError, TokenLayout, TrainConfig};

/// Version of the folder's format. Raised when an older program could misread it.
pub const FORMAT: u32 = 2;

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
    /// Range of a data set.
    pub fn of(
        dataset: &Dataset,
        normalizer: &DatasetNormalizer,
        layout: &TokenLayout,
    ) -> Result<Self, PlannerError> {
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
        Ok(Self { low: bounds(|c| c.min)?, high: bounds(|c| c.max)? })
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
        let problem = if self.layout.frames_per_token == 0
            || self.layout.chunks == 0
            || self.layout.width() > 1 << 20
        {
            Some("its token layout has impossible sizes".into())
        } else if self.limits.low.len() != self.layout.frame()
            || self.limits.high.len() != self.layout.frame()
        {
            Some("its value limits do not fit its token layout".into())
        } else if self.normalizer.observation.width() != self.layout.observation
            || self.normalizer.action.width() != self.layout.action
        {
            Some("its normaliser does not fit its token layout".into())
        } else if self.layout.condition.iter().any(|&i| i >= self.layout.observation) {
            Some("its goal names observation entries that do not exist".into())
        } else if self
            .support
            .as_ref()
            .is_some_and(|support| !support.fits(&self.layout.condition, self.layout.observation))
        {
            Some("its support does not fit its token layout".into())
        } else {
            None
        };
        match problem {
            Some(problem) => Err(PlannerError::Checkpoint { path: path.to_owned(), problem }),
            None => self.model.network.check().and_then(|()| self.model.noise().map(|_| ())),
        }
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
