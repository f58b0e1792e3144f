//! From what the user typed to what it means: environment ids, configurations, default paths.

use std::path::{Path, PathBuf};

use forethought_envs::{Environment, known, make};

use crate::cli::Shared;
use crate::configuration::Configuration;
use crate::failure::Failure;
use crate::settings;

/// Folder with the configurations and checkpoints that come with the project, under a root.
const SHIPPED: &str = "experiments";

/// Full environment id: `maze2d-umaze` stands for `maze2d-umaze-v1`.
pub fn environment_id(typed: &str) -> String {
    let names = known();
    let versioned = |name: &&String| name.strip_prefix(typed).is_some_and(|rest| rest.starts_with("-v"));
    names
        .iter()
        .find(|name| *name == typed)
        .or_else(|| names.iter().find(versioned))
        .cloned()
        .unwrap_or(typed.to_owned())
}

/// The environment and its resolved configuration.
///
/// # Errors
/// [`Failure`] for an unknown environment, or an unusable configuration or override.
pub fn experiment(shared: &Shared) -> Result<(Box<dyn Environment>, Configuration), Failure> {
    let id = environment_id(&shared.environment);
    let environment = make(&id)?;
    let file = shared.config.clone().or_else(|| shipped_for(&id, "configs", ".toml"));
    let mut configuration: Configuration = settings::load(file.as_deref(), &shared.overrides)?;
    if shared.config.is_some() && configuration.environment != id {
        let (asked, found) = (id, configuration.environment);
        return Err(Failure::refused(format!(
            "the configuration is for `{found}`, but `{asked}` was asked for: name the same environment in both"
        )));
    }
    configuration.environment = id;
    Ok((environment, configuration))
}

/// A file that comes with the project: looked for in the working folder's checkout, then in the checkout the
/// program was built from.
pub fn shipped(name: &str) -> Option<PathBuf> {
    let built_from = Path::new(env!("CARGO_MANIFEST_DIR"));
    [Path::new(SHIPPED).join(name), built_from.join(name)].into_iter().find(|path| path.exists())
}

/// What comes with an environment in `folder`. Multi2D is Maze2D with other goals: what serves one serves both.
pub fn shipped_for(id: &str, folder: &str, extension: &str) -> Option<PathBuf> {
    let sibling = id.replacen("multi2d", "maze2d", 1);
    [id, &sibling].into_iter().find_map(|id| shipped(&format!("{folder}/{id}{extension}")))
}

/// Default path of an environment's data file.
pub fn data_file(id: &str) -> PathBuf {
    Path::new("data").join(format!("{id}.hdf5"))
}

/// Default folder of a command's results.
pub fn run_folder(id: &str, name: &str) -> PathBuf {
    Path::new("runs").join(id).join(name)
}
