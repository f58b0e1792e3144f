//! From a checkpoint to a planner in its environment.

use std::path::{Path, PathBuf};

use forethought_agent::RolloutConfig;
use forethought_envs::EnvSpec;
use forethought_envs::data::InverseModel;
use forethought_planner::checkpoint;
use forethought_planner::{DiffusionPlanner, PlanConfig};
use forethought_policies::make_executor;

use crate::configuration::Configuration;
use crate::device::DeviceName;
use crate::failure::Failure;
use crate::shipped;

/// A planner and where it came from.
pub struct LoadedPlanner {
    /// The planner.
    pub planner: DiffusionPlanner,
    /// Its checkpoint's folder.
    pub path: PathBuf,
    /// SHA-256 of its weights.
    pub hash: String,
    /// Training steps behind it.
    pub step: u64,
    /// Number of weights.
    pub weights: usize,
    /// Inverse dynamics of the data behind it, where the checkpoint holds them.
    pub inverse: Option<InverseModel>,
}

/// Settings of the loop, with the executor's completed from the checkpoint and tried out: what is wrong with
/// either is said before an output folder is made.
///
/// # Errors
/// [`Failure`] naming the setting and the remedy.
pub fn execution(
    configuration: &mut Configuration,
    spec: &EnvSpec,
    loaded: &LoadedPlanner,
) -> Result<RolloutConfig, Failure> {
    configuration.executor.inverse.clone_from(&loaded.inverse);
    let executor = make_executor(&configuration.executor, spec)?;
    if !executor.needs_plan() {
        return Err(Failure::refused(format!(
            "executor `{}` follows no plan (`forethought eval` runs it as a reference): set executor.name to one \
             that does, such as `diffused-action` or `pd`",
            executor.name()
        )));
    }
    rollout_config(configuration)
}

/// Settings of the loop.
///
/// # Errors
/// [`Failure`] naming the setting and the remedy.
pub fn rollout_config(configuration: &Configuration) -> Result<RolloutConfig, Failure> {
    let config =
        RolloutConfig { replan_every: configuration.rollout.replan_every, ..RolloutConfig::default() };
    config.check()?;
    Ok(config)
}

/// Loads the checkpoint named, or the one that comes with the environment.
///
/// # Errors
/// [`Failure`] naming what is missing, or what does not fit, and the remedy.
pub fn load(
    named: Option<&Path>,
    spec: &EnvSpec,
    plan: &PlanConfig,
    device: DeviceName,
) -> Result<LoadedPlanner, Failure> {
    let path = match named {
        Some(path) => path.to_owned(),
        None => shipped::checkpoint_or_refusal(&spec.id)?,
    };
    let device_handle = device.open()?;
    let checkpoint = checkpoint::load(&path, &device_handle)?;
    let (path, hash, manifest) =
        (checkpoint.path.clone(), checkpoint.hash.clone(), checkpoint.manifest.clone());
    manifest.fits(&path, spec)?;
    let (schedule, step, weights) = (manifest.model.noise()?, manifest.step, checkpoint.weights.len());
    let denoiser = checkpoint.denoiser(&device_handle, device.threads())?;
    let inverse = manifest.inverse;
    let planner = DiffusionPlanner::new(
        denoiser,
        schedule,
        manifest.normalizer,
        &manifest.limits,
        plan.clone(),
        manifest.support,
    )?;
    Ok(LoadedPlanner { planner, path, hash, step, weights, inverse })
}
