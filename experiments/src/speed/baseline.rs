//! Reading and writing baseline files.

use std::fs;
use std::path::{Path, PathBuf};

use forethought_envs::files::read_text;
use serde_json::Value;

use super::results::{FORMAT, Results};
use crate::failure::Failure;
use crate::output;

/// Where the project keeps its own, in a checkout.
const SHIPPED: &str = "experiments/results/speed/results.json";
/// Bytes of a baseline at most.
const MOST_BYTES: u64 = 1 << 24;
/// What it holds.
const OWN: &str = include_str!("../../results/speed/results.json");

/// The project's own file, to be written anew in a checkout.
pub fn own_path() -> PathBuf {
    PathBuf::from(SHIPPED)
}

/// The file named, or what comes with the project.
///
/// # Errors
/// As [`read`].
pub fn load(named: Option<&Path>) -> Result<Results, Failure> {
    named.map_or_else(|| parse(Path::new(SHIPPED), OWN), read)
}

/// Reads a baseline.
///
/// # Errors
/// [`Failure`] for a file that is missing, damaged or of another format, naming the remedy.
pub fn read(path: &Path) -> Result<Results, Failure> {
    let text =
        read_text(path, MOST_BYTES).map_err(|error| refused(path, format!("cannot be read ({error})")))?;
    parse(path, &text)
}

fn refused(path: &Path, why: String) -> Failure {
    let remedy =
        "name another with --baseline, or make one with `forethought speed --python PATH --write-baseline`";
    Failure::refused(format!("baseline {}: {why}; {remedy}", path.display()))
}

fn parse(path: &Path, text: &str) -> Result<Results, Failure> {
    let refused = |why: String| refused(path, why);
    let value: Value =
        serde_json::from_str(text).map_err(|error| refused(format!("is not a JSON file ({error})")))?;
    match value.get("format").and_then(Value::as_u64) {
        Some(format) if format == u64::from(FORMAT) => {}
        Some(format) => {
            return Err(refused(format!("has format {format}, this program reads {FORMAT}")));
        }
        None => return Err(refused("has no `format`: it is not a baseline".into())),
    }
    serde_json::from_value(value).map_err(|error| refused(format!("is damaged ({error})")))
}

/// Writes a baseline, whole or not at all.
///
/// # Errors
/// [`Failure`] when the file cannot be written.
pub fn write(path: &Path, results: &Results) -> Result<(), Failure> {
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        fs::create_dir_all(folder).map_err(|error| {
            Failure::broken(format!("cannot make the folder {}: {error}", folder.display()))
        })?;
    }
    let mut text = serde_json::to_string_pretty(results)
        .map_err(|error| Failure::broken(format!("cannot render the baseline: {error}")))?;
    text.push('\n');
    Ok(output::write_whole(path, text.as_bytes())?)
}

#[cfg(test)]
mod tests {
    use super::super::report::tests::example;
    use super::*;

    #[test]
    fn what_is_written_is_read_back() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("deep/baseline.json");
        let results = example();
        write(&path, &results).unwrap();
        assert_eq!(read(&path).unwrap(), results);
    }

    #[test]
    fn missing_and_damaged_files_are_refused_with_the_remedy() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("baseline.json");
        write(&path, &example()).unwrap();
        let whole = fs::read_to_string(&path).unwrap();
        let other = whole.replacen("\"format\": 1", "\"format\": 9", 1);
        let lacking = whole.replacen("\"cases\"", "\"cuses\"", 1);
        for (text, says) in [
            (None, "cannot be read"),
            (Some(&whole[..whole.len() / 2]), "is not a JSON file"),
            (Some("{}"), "has no `format`"),
            (Some(other.as_str()), "has format 9"),
            (Some(lacking.as_str()), "is damaged"),
        ] {
            match text {
                None => fs::remove_file(&path).unwrap(),
                Some(text) => fs::write(&path, text).unwrap(),
            }
            let failure = read(&path).unwrap_err();
            let message = failure.to_string();
            assert_eq!(failure.code(), 2);
            assert!(message.contains(says) && message.contains("--write-baseline"), "{message}");
            assert!(message.contains(&path.display().to_string()), "{message}");
        }
    }
}
