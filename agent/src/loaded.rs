//! A checkpoint, read and checked: what planners and controllers are made of.

use std::path::Path;

use burn::tensor::Device;
use forethought_envs::EnvSpec;
use forethought_planner::checkpoint::{self, Checkpoint, Manifest};
use forethought_planner::{DiffusionPlanner, PlanConfig};
use forethought_policies::{ControlConfig, Controller, make_controller};

use crate::AgentError;

/// A checkpoint on a device.
#[derive(Debug)]
pub struct LoadedCheckpoint {
    checkpoint: Checkpoint,
    device: Device,
}

impl LoadedCheckpoint {
    /// Reads a checkpoint's folder, or the latest checkpoint of a training run.
    ///
    /// # Errors
    /// [`AgentError::Checkpoint`] naming file, problem and remedy.
    pub fn load(path: &Path, device: &Device) -> Result<Self, AgentError> {
        Ok(Self { checkpoint: checkpoint::load(path, device)?, device: device.clone() })
    }

    /// What it says of itself.
    pub fn manifest(&self) -> &Manifest {
        &self.checkpoint.manifest
    }

    /// Its folder.
    pub fn path(&self) -> &Path {
        &self.checkpoint.path
    }

    /// SHA-256 of its weights.
    pub fn hash(&self) -> &str {
        &self.checkpoint.hash
    }

    /// Number of its weights.
    pub fn weights(&self) -> usize {
        self.checkpoint.weights.len()
    }

    /// The controller of these settings in an environment.
    ///
    /// # Errors
    /// [`AgentError::Control`] where it cannot act there.
    pub fn controller(
        &self,
        control: &ControlConfig,
        spec: &EnvSpec,
    ) -> Result<Box<dyn Controller>, AgentError> {
        Ok(make_controller(control, spec, self.manifest().inverse.as_ref())?)
    }

    /// Its planner in an environment; `threads` on the CPU, `None` on any other device.
    ///
    /// # Errors
    /// [`AgentError::Checkpoint`] for another environment than its own, and for settings that it cannot plan with.
    pub fn planner(
        self,
        spec: &EnvSpec,
        config: PlanConfig,
        threads: Option<usize>,
    ) -> Result<DiffusionPlanner, AgentError> {
        let Checkpoint { path, manifest, .. } = &self.checkpoint;
        manifest.fits(path, spec)?;
        let schedule = manifest.model.noise()?;
        let (normalizer, limits) = (manifest.normalizer.clone(), manifest.limits.clone());
        let support = manifest.support.clone();
        let returns = manifest.returns.clone();
        let denoiser = self.checkpoint.denoiser(&self.device, threads)?;
        let planner = DiffusionPlanner::new(denoiser, schedule, normalizer, limits, config, support)?;
        Ok(planner.with_returns(returns))
    }
}
