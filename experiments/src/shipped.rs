//! What comes with the project. Configurations, suites and presets are inside the program; checkpoints are looked
//! for in the checkout of the working folder, then in the one that the program was built from.

use std::path::{Path, PathBuf};

use crate::failure::Failure;
use crate::settings::Layer;

/// Folder of the checkpoints, under the root of a checkout.
const CHECKPOINTS: &str = "experiments/checkpoints";

const CONFIGURATIONS: [(&str, &str); 4] = [
    ("maze2d-umaze-v1", include_str!("../configs/maze2d-umaze-v1.toml")),
    ("maze2d-medium-v1", include_str!("../configs/maze2d-medium-v1.toml")),
    ("maze2d-large-v1", include_str!("../configs/maze2d-large-v1.toml")),
    ("PointMaze_UMaze-v3", include_str!("../configs/PointMaze_UMaze-v3.toml")),
];

/// Suites by name; the last serves every environment.
pub const SUITES: [(&str, &str); 2] =
    [("maze2d", include_str!("../suites/maze2d.toml")), ("any", include_str!("../suites/any.toml"))];

/// What `--preset` knows.
pub const PRESETS: &str = include_str!("../suites/presets.toml");

/// Multi2D is Maze2D with other goals: what serves one serves both.
fn names(id: &str) -> [String; 2] {
    [id.to_owned(), id.replacen("multi2d", "maze2d", 1)]
}

/// The configuration that comes with an environment.
pub fn configuration(id: &str) -> Option<Layer> {
    let found = |name: &String| CONFIGURATIONS.iter().find(|(own, _)| own == name);
    let (name, text) = names(id).iter().find_map(found)?;
    Some(Layer { name: format!("the shipped configuration of {name}").into(), text: (*text).to_owned() })
}

/// The checkpoint that comes with an environment, where it can be found.
pub fn checkpoint(id: &str) -> Option<PathBuf> {
    let built_from = Path::new(env!("CARGO_MANIFEST_DIR")).join("checkpoints");
    let folders = [PathBuf::from(CHECKPOINTS), built_from];
    let paths = names(id).into_iter().flat_map(|name| folders.clone().map(|folder| folder.join(&name)));
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
    let train = format!("train one with `forethought collect {id}` and `forethought train {id}`");
    Err(Failure::refused(match configuration(id) {
        Some(_) => format!(
            "no checkpoint of `{id}` was found: the one that comes with the project is looked for in \
             {CHECKPOINTS} of the working folder and in {}; run in a checkout of the project, name a checkpoint \
             with --checkpoint, or {train}",
            Path::new(env!("CARGO_MANIFEST_DIR")).join("checkpoints").display()
        ),
        None => format!("no checkpoint comes with `{id}`: {train}, then name it with --checkpoint"),
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
            let layer = configuration(id).unwrap();
            assert_eq!(settings::load::<Configuration>(&[layer], &[]).unwrap().environment, id);
            assert!(checkpoint(id).is_some(), "{id}");
        }
        assert_eq!(checkpoint("multi2d-large-v1"), checkpoint("maze2d-large-v1"));
        assert!(configuration("PointMaze_UMaze-v3").is_none());
    }

    #[test]
    fn a_missing_checkpoint_is_refused_with_the_remedy() {
        let message = checkpoint_or_refusal("PointMaze_UMaze-v3").unwrap_err().to_string();
        assert!(
            message.contains("no checkpoint comes with") && message.contains("--checkpoint"),
            "{message}"
        );
    }
}
