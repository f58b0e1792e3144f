//! From what the user typed to what it means: environment ids, configurations, default paths.

use std::path::{Path, PathBuf};

use forethought_envs::{data_layout, file_name};

use crate::configuration::Configuration;
use crate::failure::Failure;
use crate::settings::{self, Layer};

/// Longest part of a file's name.
const LONGEST: usize = 100;

/// Full environment id: `maze2d-umaze` stands for `maze2d-umaze-v1`, a maze in a file for that maze.
///
/// # Errors
/// [`Failure`] for a malformed maze and for a file that cannot be read. Unknown names are refused where the environment
/// is made.
pub fn environment_id(typed: &str) -> Result<String, Failure> {
    Ok(forethought_envs::resolve(typed)?)
}

/// An environment's name as people say it: without the version, and short where it is a whole maze.
pub fn short(id: &str) -> String {
    let name = file_name(id);
    name.strip_suffix("-v1").unwrap_or(&name).to_owned()
}

/// The configuration of an environment: what is laid over `base`; without a name, of no environment in particular.
///
/// # Errors
/// [`Failure`] for an unusable configuration or override.
pub fn configuration(
    id: &str,
    base: Option<Layer>,
    file: Option<&Path>,
    overrides: &[String],
) -> Result<Configuration, Failure> {
    let mut layers: Vec<Layer> = base.into_iter().collect();
    if let Some(path) = file {
        let layer = Layer::read(path)?;
        let found = layer.word("environment").filter(|_| !id.is_empty());
        if let Some(found) = found
            && environment_id(&found)? != id
        {
            return Err(Failure::refused(format!(
                "the configuration {} is for `{found}`, but `{id}` was asked for: name the same environment in both",
                path.display()
            )));
        }
        layers.push(layer);
    }
    let mut configuration: Configuration = settings::load(&layers, overrides)?;
    let named =
        overrides.iter().filter_map(|text| text.split_once('=')).find(|(key, _)| key.trim() == "environment");
    if named.is_some() && environment_id(&configuration.environment)? != id {
        return Err(Failure::refused(format!(
            "`--set environment={}` names another environment than the command, which is for `{id}`: name it there",
            configuration.environment
        )));
    }
    configuration.environment = id.to_owned();
    Ok(configuration)
}

/// Default path of an environment's data file.
pub fn data_file(id: &str) -> PathBuf {
    Path::new("data").join(format!("{}.{}", file_name(id), data_layout(id).extension()))
}

/// Default folder of a command's results.
pub fn run_folder(id: &str, name: &str) -> PathBuf {
    Path::new("runs").join(file_name(id)).join(name)
}

/// A name as part of a file's: letters that every system accepts.
pub fn file_stem(text: &str) -> String {
    let safe = |c: char| if c.is_ascii_alphanumeric() || "._=-".contains(c) { c } else { '_' };
    let stem: String = text.chars().take(LONGEST).map(safe).collect();
    // A leading dot would hide the file.
    if stem.starts_with('.') { format!("_{stem}") } else { stem }
}

/// Refuses a name, with the nearest of `known`.
pub fn unknown(option: &str, what: &str, typed: &str, known: &[&str]) -> Failure {
    let nearest = known
        .iter()
        .map(|name| (strsim::jaro_winkler(&typed.to_lowercase(), name), name))
        .max_by(|left, right| left.0.total_cmp(&right.0).then(right.1.cmp(left.1)));
    let hint = match nearest {
        Some((similarity, name)) if similarity >= 0.75 => format!(" (did you mean `{name}`?)"),
        _ => String::new(),
    };
    Failure::refused(format!("{option}: unknown {what} `{typed}`{hint}; there are: {}", known.join(", ")))
}
