//! From a checkpoint to a planner in its environment, under the settings that it carries.

use std::path::{Path, PathBuf};

use forethought_agent::{AgentSettings, LoadedCheckpoint, RolloutConfig};
use forethought_envs::EnvSpec;
use forethought_envs::data::InverseModel;
use forethought_planner::DiffusionPlanner;
use forethought_planner::checkpoint::{self, Manifest};
use forethought_policies::{Controller, make_controller};

use crate::configuration::Configuration;
use crate::device::DeviceName;
use crate::failure::Failure;
use crate::settings::Layer;
use crate::{resolve, settings, shipped};

/// Where training writes the settings that it was begun with.
const RUN_SETTINGS: &str = "config.toml";

/// A planner and where it came from.
pub struct LoadedPlanner {
    /// The planner, under the checkpoint's own settings.
    pub planner: DiffusionPlanner,
    /// Its checkpoint's folder.
    pub path: PathBuf,
    /// SHA-256 of its weights.
    pub hash: String,
    /// Training steps behind it.
    pub step: u64,
    /// Number of weights.
    pub weights: usize,
    /// Frames of a token.
    pub frames_per_token: usize,
    /// The settings that it carries.
    own: Layer,
    /// Inverse dynamics of the data behind it, where the checkpoint holds them.
    inverse: Option<InverseModel>,
}

/// Loads the checkpoint named, or the one that comes with the environment.
///
/// # Errors
/// [`Failure`] naming what is missing, or what does not fit, and the remedy.
pub fn load(named: Option<&Path>, spec: &EnvSpec, device: DeviceName) -> Result<LoadedPlanner, Failure> {
    let path = match named {
        Some(path) => path.to_owned(),
        None => shipped::checkpoint_or_refusal(&spec.id)?,
    };
    let checkpoint = LoadedCheckpoint::load(&path, &device.open()?)?;
    let manifest = checkpoint.manifest();
    let (path, hash, weights) =
        (checkpoint.path().to_owned(), checkpoint.hash().to_owned(), checkpoint.weights());
    let (step, frames_per_token) = (manifest.step, manifest.layout.frames_per_token);
    let (inverse, own) = (manifest.inverse.clone(), own_settings(checkpoint.path(), manifest)?);
    let plan = settings::load::<Configuration>(std::slice::from_ref(&own), &[])?.plan;
    let planner = checkpoint.planner(spec, plan, device.threads())?;
    Ok(LoadedPlanner { planner, path, hash, step, weights, frames_per_token, own, inverse })
}

/// The settings that a checkpoint carries. One of format 1 carries none: those of its training run lie beside it, or
/// came with the program.
fn own_settings(path: &Path, manifest: &Manifest) -> Result<Layer, Failure> {
    let name = path.join("manifest.json");
    if !manifest.control.is_null() {
        let AgentSettings { plan, control, .. } = AgentSettings::of(manifest)?;
        let text = settings::render(&Acting { plan, control })?;
        return Ok(Layer { name, text });
    }
    let run = path.parent().and_then(Path::parent);
    let beside = [Some(path), run].into_iter().flatten().map(|folder| folder.join(RUN_SETTINGS));
    if let Some(file) = beside.into_iter().find(|file| file.is_file()) {
        return Ok(Layer::read(&file)?.of_an_earlier_version()?);
    }
    let shipped = shipped::configuration(&manifest.environment.id);
    Ok(shipped.unwrap_or(Layer { name, text: String::new() }))
}

/// What carries plans out by a checkpoint's own settings with others laid over them, where there is one.
///
/// # Errors
/// As [`LoadedPlanner::configure`].
pub fn controller_of(
    named: Option<&Path>,
    id: &str,
    file: Option<&Path>,
    overrides: &[String],
) -> Result<String, Failure> {
    let path = named.map(Path::to_owned).or_else(|| shipped::checkpoint(id));
    let own = match path {
        Some(path) => {
            let path = checkpoint::find(&path)?;
            Some(own_settings(&path, &checkpoint::read_manifest(&path)?)?)
        }
        None => None,
    };
    Ok(resolve::configuration(id, own, file, overrides)?.controller().to_owned())
}

/// The tables that act on a trained checkpoint.
#[derive(serde::Serialize)]
struct Acting {
    plan: forethought_planner::PlanConfig,
    control: forethought_policies::ControlConfig,
}

impl LoadedPlanner {
    /// The settings in force: the checkpoint's own, then those of a file, then overrides.
    ///
    /// # Errors
    /// [`Failure`] for an unusable file or override, and for settings that the checkpoint cannot act with.
    pub fn configure(
        &mut self,
        spec: &EnvSpec,
        file: Option<&Path>,
        overrides: &[String],
    ) -> Result<Configuration, Failure> {
        let configuration = resolve::configuration(&spec.id, Some(self.own.clone()), file, overrides)?;
        self.controller(&configuration, spec)?;
        rollout_config(&configuration)?;
        self.planner.set_config(configuration.plan.clone())?;
        Ok(configuration)
    }

    /// What carries plans out.
    ///
    /// # Errors
    /// Those of [`make_controller`].
    pub fn controller(
        &self,
        configuration: &Configuration,
        spec: &EnvSpec,
    ) -> Result<Box<dyn Controller>, Failure> {
        Ok(make_controller(&configuration.control, spec, self.inverse.as_ref())?)
    }
}

/// Settings of the loop.
///
/// # Errors
/// [`Failure`] naming the setting and the remedy.
pub fn rollout_config(configuration: &Configuration) -> Result<RolloutConfig, Failure> {
    let execution_horizon = configuration.control.execution_horizon;
    let dead_reckoning = configuration.control.dead_reckoning;
    let config = RolloutConfig { execution_horizon, dead_reckoning, ..RolloutConfig::default() };
    config.check()?;
    Ok(config)
}
