//! Writing data sets in Minari's layout: a group of an HDF5 file for each episode.

use std::io::{BufWriter, Write};
use std::path::Path;

use hdf5_pure::{AttrValue, Datatype, EnumTypeBuilder, FileBuilder, FormatError, GroupBuilder, make_i8_type};
use serde_json::json;

use super::hdf5_write::{compress, write_flags};
use super::minari::{FILE, METADATA, OBSERVATIONS};
use super::minari_goal::WANTED;
use super::written::Run;
use super::{Dataset, WriteOptions};
use crate::EnvError;
use crate::folders::UnfinishedFolder;

/// The release of Minari whose layout this is; the package refuses what names one that it does not know.
const RELEASE: &str = "0.5.4";

/// Writes a data set as a folder in Minari's layout, which `minari.load_dataset` reads from the folder that
/// `MINARI_DATASETS_PATH` names, and `minari.MinariDataset(PATH / "data")` from anywhere: `data/main_data.hdf5` with
/// `observations`, `actions`, `rewards`, `terminations` and `truncations` of each episode, and `data/metadata.json`.
///
/// Episodes have one observation more than actions. The last is that of the last row, whose action and reward are left out:
/// where it is a real one, what it led to was not recorded. With goals, observations are of two parts, `observation` and
/// `desired_goal`. [`Dataset::lost_in`] says what has no place. The folder appears whole or not at all, and replaces none.
///
/// # Errors
/// Those of [`Dataset::check`]; [`EnvError::Data`] when no episode has two rows; [`EnvError::Io`] when something stands
/// there already, or the system refuses.
pub fn write_minari(dataset: &Dataset, path: &Path, options: WriteOptions) -> Result<(), EnvError> {
    dataset.check()?;
    let failed = |problem: String| EnvError::Data { path: path.into(), problem };
    let io = |source| EnvError::Io { path: path.into(), source };
    let runs: Vec<Run> = dataset.runs().into_iter().filter(|run| run.rows() > 1).collect();
    if runs.is_empty() {
        return Err(failed(
            "no episode has two rows, so that nothing leads anywhere: collect longer ones".into(),
        ));
    }
    let folder = UnfinishedFolder::begin(path).map_err(io)?;
    let file =
        build(dataset, &runs, options).map_err(|e| failed(format!("cannot be laid out as HDF5: {e}")))?;
    let mut out = BufWriter::new(folder.create(&format!("data/{FILE}")).map_err(io)?);
    file.finish_to(&mut out).map_err(|error| match error {
        hdf5_pure::Error::Io(source) => io(source),
        other => failed(format!("writing failed: {other}")),
    })?;
    out.flush().map_err(io)?;
    let size = out.get_ref().metadata().map_err(io)?.len();
    let text = metadata(dataset, path, &runs, size);
    folder
        .create(&format!("data/{METADATA}"))
        .and_then(|mut file| file.write_all(text.as_bytes()))
        .map_err(io)?;
    folder.finish().map_err(io)
}

fn build(dataset: &Dataset, runs: &[Run], options: WriteOptions) -> Result<FileBuilder, FormatError> {
    let boolean = EnumTypeBuilder::with_base(make_i8_type()).value("FALSE", 0).value("TRUE", 1).build()?;
    let mut file = FileBuilder::new();
    for (number, run) in runs.iter().enumerate() {
        let mut group = file.create_group(&format!("episode_{number}"));
        add(&mut group, dataset, *run, &boolean, options.compression);
        group.set_attr("id", AttrValue::I64(i64::try_from(number).unwrap_or(i64::MAX)));
        group.set_attr("total_steps", AttrValue::I64(i64::try_from(run.rows() - 1).unwrap_or(i64::MAX)));
        file.add_group(group.finish());
    }
    Ok(file)
}

/// Adds one episode.
fn add(group: &mut GroupBuilder, dataset: &Dataset, run: Run, boolean: &Datatype, level: u32) {
    let steps = run.rows() - 1;
    let rows = |values: &'_ [f32], width: usize, count: usize| -> Vec<f32> {
        values.iter().skip(run.start * width).take(count * width).copied().collect()
    };
    let array = |group: &mut GroupBuilder, name: &str, values: &[f32], shape: &[usize]| {
        compress(group.create_dataset(name).with_f32_data(values), shape, level);
    };
    let (seen, width) =
        (rows(&dataset.observations, dataset.observation_dim, run.rows()), dataset.observation_dim);
    match &dataset.goals {
        None => array(group, OBSERVATIONS, &seen, &[run.rows(), width]),
        Some(goals) => {
            let mut parts = group.create_group(OBSERVATIONS);
            array(&mut parts, super::minari::ALONE, &seen, &[run.rows(), width]);
            let wanted = rows(goals, dataset.goal_dim, run.rows());
            array(&mut parts, WANTED, &wanted, &[run.rows(), dataset.goal_dim]);
            group.add_group(parts.finish());
        }
    }
    let actions = rows(&dataset.actions, dataset.action_dim, steps);
    array(group, "actions", &actions, &[steps, dataset.action_dim]);
    let rewards: Vec<f32> = dataset.paid(run).take(steps).collect();
    array(group, "rewards", &rewards, &[steps]);
    for (name, ends) in [("terminations", run.terminal), ("truncations", !run.terminal)] {
        let flags: Vec<bool> = (1..=steps).map(|step| ends && step == steps).collect();
        write_flags(group.create_dataset(name), boolean, &flags, level);
    }
}

/// A space of vectors as Minari notes it: JSON in a text, with Python's words for what JSON has no number for.
fn space(width: usize, bounds: Option<(&[f64], &[f64])>) -> String {
    let list = |sign: &str, numbers: Option<&[f64]>| match numbers {
        Some(numbers) => json!(numbers).to_string(),
        None => format!("[{}]", vec![format!("{sign}Infinity"); width].join(", ")),
    };
    format!(
        r#"{{"type": "Box", "dtype": "float32", "shape": [{width}], "low": {}, "high": {}}}"#,
        list("-", bounds.map(|(low, _)| low)),
        list("", bounds.map(|(_, high)| high)),
    )
}

fn metadata(dataset: &Dataset, path: &Path, runs: &[Run], size: u64) -> String {
    let described = &dataset.metadata.description;
    let finite = |numbers: &&Vec<f64>| {
        numbers.len() == dataset.action_dim && numbers.iter().all(|number| number.is_finite())
    };
    let low = described.action_low.as_ref().filter(finite);
    let high = described.action_high.as_ref().filter(finite);
    let bounds = low.zip(high).map(|(low, high)| (low.as_slice(), high.as_slice()));
    let seen = space(dataset.observation_dim, None);
    let observed = match dataset.goals {
        None => seen,
        Some(_) => format!(
            r#"{{"type": "Dict", "subspaces": {{"{}": {seen}, "{WANTED}": {}}}}}"#,
            super::minari::ALONE,
            space(dataset.goal_dim, None)
        ),
    };
    let mut said = json!({
        "total_episodes": runs.len(),
        "total_steps": runs.iter().map(|run| run.rows() - 1).sum::<usize>(),
        "data_format": "hdf5",
        "observation_space": observed,
        "action_space": space(dataset.action_dim, bounds),
        "dataset_id": id_of(path),
        "minari_version": RELEASE,
        // In megabytes, as the package has it.
        "dataset_size": (size as f64 / 1e5).round() / 10.0,
    });
    if let Some(environment) = environment(&dataset.env_id) {
        said["env_spec"] = environment.into();
    }
    said.to_string()
}

/// Name of a data set, which Minari wants to end in a version.
fn id_of(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let name: String =
        name.chars().map(|c| if c.is_ascii_alphanumeric() || "-_.".contains(c) { c } else { '_' }).collect();
    let versioned = name.rsplit_once("-v").is_some_and(|(before, version)| {
        !before.is_empty() && !version.is_empty() && version.chars().all(|c| c.is_ascii_digit())
    });
    if versioned { name } else { format!("{name}-v0") }
}

/// The environment as gymnasium notes one that it has not registered: by its name alone. None for what gymnasium takes for
/// no name.
fn environment(id: &str) -> Option<String> {
    let sound = !id.is_empty() && id.chars().all(|c| c.is_ascii_alphanumeric() || "-_.:".contains(c));
    sound.then(|| {
        json!({
            "id": id, "entry_point": null, "reward_threshold": null, "nondeterministic": false,
            "max_episode_steps": null, "order_enforce": true, "disable_env_checker": false, "kwargs": {},
            "additional_wrappers": [], "vector_entry_point": null,
        })
        .to_string()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_end_in_a_version() {
        for (path, id) in
            [("a/cube-v3", "cube-v3"), ("my set", "my_set-v0"), ("x-v", "x-v-v0"), ("-v1", "-v1-v0")]
        {
            assert_eq!(id_of(Path::new(path)), id);
        }
        assert!(environment("a b").is_none() && environment("").is_none() && environment("Ant-v4").is_some());
    }
}
