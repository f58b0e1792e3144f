//! What comes with the project. Configurations, suites and presets are inside the program; checkpoints are looked
//! for in the folder that `FORETHOUGHT_CHECKPOINTS` names, or else in the checkout of the working folder and in the
//! one that the program was built from.

use std::path::{Path, PathBuf};

use forethought_envs::entry;

use crate::failure::Failure;
use crate::settings::Layer;

/// Folder of the checkpoints, under the root of a checkout.
const CHECKPOINTS: &str = "experiments/checkpoints";

/// Names another folder of checkpoints.
const VARIABLE: &str = "FORETHOUGHT_CHECKPOINTS";

const CONFIGURATIONS: [(&str, &str); 12] = [
    ("maze2d-umaze-v1", include_str!("../configs/maze2d-umaze-v1.toml")),
    ("maze2d-medium-v1", include_str!("../configs/maze2d-medium-v1.toml")),
    ("maze2d-large-v1", include_str!("../configs/maze2d-large-v1.toml")),
    ("PointMaze_UMaze-v3", include_str!("../configs/PointMaze_UMaze-v3.toml")),
    ("ogbench-pointmaze", include_str!("../configs/ogbench-pointmaze.toml")),
    ("ogbench-teleport", include_str!("../configs/ogbench-teleport.toml")),
    ("toy-car-v0", include_str!("../configs/toy-car-v0.toml")),
    ("crossing-v0", include_str!("../configs/crossing-v0.toml")),
    ("fruit-swap-v0", include_str!("../configs/fruit-swap-v0.toml")),
    ("cube-double-play-v0", include_str!("../configs/cube-double-play-v0.toml")),
    ("cube-single-play-v0", include_str!("../configs/cube-single-play-v0.toml")),
    ("half-cheetah-v5", include_str!("../configs/half-cheetah-v5.toml")),
];

/// Beginnings of the names of environments that share a configuration.
const SHARED: [(&str, &str); 4] = [
    ("pointmaze-teleport-", "ogbench-teleport"),
    ("pointmaze-", "ogbench-pointmaze"),
    ("fruit-swap-mujoco-", "fruit-swap-v0"),
    ("crossing-arm-", "crossing-v0"),
];

/// Suites by name; the last serves every environment.
pub const SUITES: [(&str, &str); 8] = [
    ("maze2d", include_str!("../suites/maze2d.toml")),
    ("ogbench-pointmaze", include_str!("../suites/ogbench-pointmaze.toml")),
    ("uncertainty", include_str!("../suites/uncertainty.toml")),
    ("memory", include_str!("../suites/memory.toml")),
    ("robots", include_str!("../suites/robots.toml")),
    ("manipulation", include_str!("../suites/manipulation.toml")),
    ("reward", include_str!("../suites/reward.toml")),
    ("any", include_str!("../suites/any.toml")),
];

/// What `--preset` knows.
pub const PRESETS: &str = include_str!("../suites/presets.toml");

/// Multi2D is Maze2D with other goals, and a swap of fruits behind a sensor that fails is a swap: what serves one serves both.
fn names(id: &str) -> [String; 2] {
    let shared = if id.starts_with("fruit-swap-") && !id.contains("mujoco") {
        "fruit-swap-v0".to_owned()
    } else {
        id.replacen("multi2d", "maze2d", 1)
    };
    [id.to_owned(), shared]
}

/// The configuration that comes with an environment.
pub fn configuration(id: &str) -> Option<Layer> {
    let shared = SHARED.iter().find(|(beginning, _)| id.starts_with(beginning));
    let names = names(id).into_iter().chain(shared.map(|(_, name)| (*name).to_owned()));
    let found = |name: String| CONFIGURATIONS.iter().find(|(own, _)| *own == name);
    let (name, text) = names.filter_map(found).next()?;
    Some(Layer { name: format!("the shipped configuration of {name}").into(), text: (*text).to_owned() })
}

/// Folders in which checkpoints are looked for.
fn folders() -> Vec<PathBuf> {
    match std::env::var_os(VARIABLE) {
        Some(folder) if !folder.is_empty() => vec![folder.into()],
        _ => vec![CHECKPOINTS.into(), Path::new(env!("CARGO_MANIFEST_DIR")).join("checkpoints")],
    }
}

/// The checkpoint that comes with an environment, where it can be found.
pub fn checkpoint(id: &str) -> Option<PathBuf> {
    let folders = folders();
    let paths = names(id).into_iter().flat_map(|name| folders.iter().map(move |folder| folder.join(&name)));
    paths.into_iter().find(|path| path.exists())
}

/// The same, refused with the remedy where there is none.
///
/// # Errors
/// [`Failure`] that says whether none comes with the environment or it is not where the program looks.
pub fn checkpoint_or_refusal(id: &str) -> Result<PathBuf, Failure> {
    if let Some(path) = checkpoint(id) {
        return Ok(path);
    }
    // What there is not is not to be trained for either.
    let train = match entry(id)?.has_data() {
        true => format!("train one with `forethought collect {id}` and `forethought train {id}`"),
        false => format!("train one on recorded data with `forethought train {id} --data FILE`"),
    };
    let places: Vec<String> = folders().iter().map(|folder| folder.display().to_string()).collect();
    Err(Failure::refused(match configuration(id) {
        Some(_) => format!(
            "no checkpoint of `{id}` was found in {}: run in a checkout of the project, name the folder of its \
             checkpoints in {VARIABLE}, name a checkpoint with --checkpoint, or {train}",
            places.join(" or ")
        ),
        None => format!(
            "no checkpoint comes with `{id}`: {train}, then name its folder, with --checkpoint where the command has it"
        ),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::configuration::Configuration;
    use crate::settings;

    #[test]
    fn every_configuration_is_one_and_names_its_environment() {
        for (id, _) in CONFIGURATIONS {
            let shared = SHARED.iter().find(|(_, name)| *name == id).map(|(beginning, _)| *beginning);
            let layer = configuration(shared.unwrap_or(id)).unwrap();
            let named = settings::load::<Configuration>(&[layer], &[]).unwrap().environment;
            // One that several share names none.
            assert!(shared.is_some() || named == id, "{id}: {named}");
        }
        assert_eq!(checkpoint("multi2d-large-v1"), checkpoint("maze2d-large-v1"));
        assert!(configuration("PointMaze_Large-v3").is_none());
    }

    #[test]
    fn every_file_is_inside_the_program() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let stems = |folder: &str| -> Vec<String> {
            let files = std::fs::read_dir(root.join(folder)).unwrap();
            let stem = |path: PathBuf| path.file_stem().unwrap().to_string_lossy().into_owned();
            let mut stems: Vec<String> = files.map(|file| stem(file.unwrap().path())).collect();
            stems.sort();
            stems
        };
        let sorted = |names: Vec<&str>| {
            let mut names: Vec<String> = names.into_iter().map(str::to_owned).collect();
            names.sort();
            names
        };
        assert_eq!(sorted(CONFIGURATIONS.iter().map(|(name, _)| *name).collect()), stems("configs"));
        let suites = SUITES.iter().map(|(name, _)| *name).chain(["presets"]);
        assert_eq!(sorted(suites.collect()), stems("suites"));
    }

    #[test]
    fn a_missing_checkpoint_is_refused_with_the_remedy() {
        let message = checkpoint_or_refusal("PointMaze_Large-v3").unwrap_err().to_string();
        assert!(
            message.contains("no checkpoint comes with") && message.contains("name its folder"),
            "{message}"
        );
        let message = checkpoint_or_refusal("maze2d-umazee-v1").unwrap_err().to_string();
        assert!(message.contains("maze2d-umaze-v1"), "what was meant is named: {message}");
    }
}
