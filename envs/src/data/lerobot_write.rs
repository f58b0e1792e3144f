//! Writing data sets in LeRobot's layout, version 3: frames of all episodes one after another in Parquet files.

use std::io::{BufWriter, Write};
use std::path::Path;

use parquet::errors::ParquetError;
use serde_json::{Map, Value, json};

use super::lerobot_stats::Statistics;
use super::parquet_write::{Column, Values, write_table};
use super::written::Run;
use super::{Dataset, RewardConvention, WriteOptions};
use crate::folders::UnfinishedFolder;
use crate::{EnvError, make};

const OBSERVATION: &str = "observation.state";
/// Largest file of frames, as LeRobot's `DEFAULT_DATA_FILE_SIZE_IN_MB` has it, and files of a folder
/// (`DEFAULT_CHUNK_SIZE`).
const FILE_BYTES: usize = 100 << 20;
const FOLDER_FILES: usize = 1000;
/// Bytes of a frame beside its vectors: five whole numbers, a time, a reward and a flag.
const FRAME_BYTES: usize = 49;

/// Writes a data set as a folder in LeRobot's layout, version 3 (`codebase_version` v3.0): `meta/info.json`,
/// `meta/stats.json`, `meta/tasks.parquet`, `meta/episodes` and `data`, with `observation.state`, `action`, `next.done` and,
/// where rewards were recorded, `next.reward` of each frame. All frames are of one task, which is named after the environment.
///
/// Each row is a frame. Frames come at equal times: their number a second is `step_seconds` of the description, else that of
/// the environment where it is registered. [`Dataset::lost_in`] says what has no place. The folder appears whole or not at
/// all, and replaces none. Of `options` nothing is used, as LeRobot compresses by snappy.
///
/// # Errors
/// Those of [`Dataset::check`]; [`EnvError::Data`] when nothing says how long a step is; [`EnvError::Io`] when something
/// stands there already, or the system refuses.
pub fn write_lerobot(dataset: &Dataset, path: &Path, _: WriteOptions) -> Result<(), EnvError> {
    dataset.check()?;
    let io = |source| EnvError::Io { path: path.into(), source };
    let failed = |error: ParquetError| match error {
        ParquetError::External(error) => match error.downcast::<std::io::Error>() {
            Ok(source) => io(*source),
            Err(other) => EnvError::Data { path: path.into(), problem: format!("writing failed: {other}") },
        },
        other => EnvError::Data { path: path.into(), problem: format!("writing failed: {other}") },
    };
    let fps = frames_per_second(dataset)
        .map_err(|problem| EnvError::Data { path: path.into(), problem: problem.into() })?;
    let runs = dataset.runs();
    let folder = UnfinishedFolder::begin(path).map_err(io)?;
    let table = |name: &str, columns: &[Column], rows: usize, notes| -> Result<(), EnvError> {
        let mut out = BufWriter::new(folder.create(name).map_err(io)?);
        write_table(&mut out, columns, rows, notes).map_err(failed)?;
        out.flush().map_err(io)
    };
    let mut statistics = Statistics::default();
    let mut first = (0, 0);
    let mut places = Vec::new();
    for (file, group) in files(&runs, frame_bytes(dataset)).into_iter().enumerate() {
        let frames = frames(dataset, group, first, fps);
        let rows: usize = group.iter().map(|run| run.rows()).sum();
        let place = [file / FOLDER_FILES, file % FOLDER_FILES];
        table(
            &format!("data/chunk-{:03}/file-{:03}.parquet", place[0], place[1]),
            &frames,
            rows,
            Vec::new(),
        )?;
        statistics.add(&frames);
        places.extend(group.iter().map(|_| place));
        first = (first.0 + group.len(), first.1 + rows);
    }
    let task = match dataset.env_id.as_str() {
        "" => "as recorded",
        id => id,
    };
    let (columns, notes) = tasks(task);
    table("meta/tasks.parquet", &columns, 1, notes)?;
    let columns = episodes(&runs, &places, task);
    table("meta/episodes/chunk-000/file-000.parquet", &columns, runs.len(), Vec::new())?;
    let info = info(dataset, runs.len(), first.1, fps);
    for (name, value) in [("meta/info.json", info), ("meta/stats.json", statistics.finish())] {
        let text = serde_json::to_vec_pretty(&value).unwrap_or_default();
        folder.create(name).and_then(|mut file| file.write_all(&text)).map_err(io)?;
    }
    folder.finish().map_err(io)
}

/// Frames a second.
fn frames_per_second(dataset: &Dataset) -> Result<f64, &'static str> {
    let described = dataset.metadata.description.step_seconds;
    let seconds = described.or_else(|| make(&dataset.env_id).ok().and_then(|env| env.spec().step_seconds));
    let rate = seconds.map(f64::recip).filter(|rate| rate.is_finite() && *rate > 0.0);
    // A hundredth of a second has no exact number of its own.
    let rate = rate.map(|rate| if (rate - rate.round()).abs() < 1e-6 * rate { rate.round() } else { rate });
    rate.ok_or(
        "LeRobot's layout keeps frames a second, and nothing says how long a step of these data is: give `step_seconds` in a \
         TOML beside them",
    )
}

fn frame_bytes(dataset: &Dataset) -> usize {
    4 * (dataset.observation_dim + dataset.action_dim) + FRAME_BYTES
}

/// The episodes of each file: as many as fit, and at least one.
fn files(runs: &[Run], frame: usize) -> Vec<&[Run]> {
    let (mut files, mut start, mut bytes) = (Vec::new(), 0, 0);
    for (at, run) in runs.iter().enumerate() {
        let more = run.rows().saturating_mul(frame);
        if at > start && bytes + more > FILE_BYTES {
            files.extend(runs.get(start..at));
            (start, bytes) = (at, 0);
        }
        bytes += more;
    }
    files.extend(runs.get(start..).filter(|rest| !rest.is_empty()));
    files
}

/// The columns of some episodes; `first` is the number of the first, and of its first frame.
fn frames(dataset: &Dataset, runs: &[Run], first: (usize, usize), fps: f64) -> Vec<Column> {
    let rows = |values: &[f32], width: usize| -> Vec<f32> {
        let mut all = Vec::with_capacity(runs.iter().map(|run| run.rows() * width).sum());
        for run in runs {
            all.extend_from_slice(values.get(run.start * width..run.end * width).unwrap_or_default());
        }
        all
    };
    let each = || runs.iter().enumerate().flat_map(|(at, run)| (0..run.rows()).map(move |frame| (at, frame)));
    let whole = |number: usize| i64::try_from(number).unwrap_or(i64::MAX);
    let done =
        runs.iter().flat_map(|run| (0..run.rows()).map(|frame| run.terminal && frame + 1 == run.rows()));
    let count = each().count();
    let mut columns = vec![
        Column::vectors(
            OBSERVATION,
            dataset.observation_dim,
            rows(&dataset.observations, dataset.observation_dim),
        ),
        Column::vectors("action", dataset.action_dim, rows(&dataset.actions, dataset.action_dim)),
    ];
    if dataset.metadata.rewards != RewardConvention::Missing {
        let rewards = runs.iter().flat_map(|run| dataset.paid(*run)).collect();
        columns.push(Column::vectors("next.reward", 1, rewards));
    }
    let times = each().map(|(_, frame)| (frame as f64 / fps) as f32).collect();
    columns.extend([
        Column::single("next.done", Values::Flags(done.collect())),
        Column::vectors("timestamp", 1, times),
        Column::single("frame_index", Values::Whole(each().map(|(_, frame)| whole(frame)).collect())),
        Column::single("episode_index", Values::Whole(each().map(|(at, _)| whole(first.0 + at)).collect())),
        Column::single("index", Values::Whole((first.1..first.1 + count).map(whole).collect())),
        Column::single("task_index", Values::Whole(vec![0; count])),
    ]);
    columns
}

/// The table of tasks, of which pandas is told that their names are its index.
fn tasks(task: &str) -> (Vec<Column>, Vec<(String, String)>) {
    let column = |name: &str, kind: &str, numpy: &str| json!({"name": name, "field_name": name, "pandas_type": kind, "numpy_type": numpy, "metadata": null});
    let pandas = json!({
        "index_columns": ["task"], "column_indexes": [],
        "columns": [column("task_index", "int64", "int64"), column("task", "unicode", "object")],
    });
    let columns = vec![
        Column::single("task_index", Values::Whole(vec![0])),
        Column::single("task", Values::Texts(vec![task.into()])),
    ];
    (columns, vec![("pandas".into(), pandas.to_string())])
}

/// The table of episodes: where each stands.
fn episodes(runs: &[Run], places: &[[usize; 2]], task: &str) -> Vec<Column> {
    let whole = |numbers: &mut dyn Iterator<Item = usize>| {
        Values::Whole(numbers.map(|number| i64::try_from(number).unwrap_or(i64::MAX)).collect())
    };
    let mut next = 0;
    let ends: Vec<usize> = runs
        .iter()
        .map(|run| {
            next += run.rows();
            next
        })
        .collect();
    let task = Column {
        name: "tasks".into(),
        width: Some(1),
        values: Values::Texts(runs.iter().map(|_| task.to_owned()).collect()),
    };
    let numbers = [
        ("episode_index", whole(&mut (0..runs.len()))),
        ("length", whole(&mut runs.iter().map(|run| run.rows()))),
        ("data/chunk_index", whole(&mut places.iter().map(|place| place[0]))),
        ("data/file_index", whole(&mut places.iter().map(|place| place[1]))),
        ("dataset_from_index", whole(&mut ends.iter().zip(runs).map(|(end, run)| end - run.rows()))),
        ("dataset_to_index", whole(&mut ends.iter().copied())),
        ("meta/episodes/chunk_index", whole(&mut runs.iter().map(|_| 0))),
        ("meta/episodes/file_index", whole(&mut runs.iter().map(|_| 0))),
    ];
    let mut columns = vec![task];
    columns.extend(numbers.into_iter().map(|(name, values)| Column::single(name, values)));
    columns
}

/// Names of the observation's entries, where they are described.
fn names(dataset: &Dataset) -> Option<Vec<String>> {
    let features = &dataset.metadata.description.features;
    let names = features.iter().flat_map(|feature| {
        (0..feature.width.min(dataset.observation_dim)).map(|at| match feature.width {
            1 => feature.name.clone(),
            _ => format!("{}.{at}", feature.name),
        })
    });
    let names: Vec<String> = names.take(dataset.observation_dim + 1).collect();
    (names.len() == dataset.observation_dim).then_some(names)
}

/// What `meta/info.json` says.
fn info(dataset: &Dataset, episodes: usize, frames: usize, fps: f64) -> Value {
    // LeRobot wants a whole number where it is one.
    let rate = if fps.fract() == 0.0 { json!(fps as u64) } else { json!(fps) };
    let described = |kind: &str, width: usize, names: Option<Vec<String>>| json!({"dtype": kind, "shape": [width], "names": names});
    let mut features = Map::new();
    features.insert(OBSERVATION.into(), described("float32", dataset.observation_dim, names(dataset)));
    features.insert("action".into(), described("float32", dataset.action_dim, None));
    if dataset.metadata.rewards != RewardConvention::Missing {
        features.insert("next.reward".into(), described("float32", 1, None));
    }
    features.insert("next.done".into(), described("bool", 1, None));
    features.insert("timestamp".into(), described("float32", 1, None));
    for key in ["frame_index", "episode_index", "index", "task_index"] {
        features.insert(key.into(), described("int64", 1, None));
    }
    json!({
        "codebase_version": "v3.0",
        "robot_type": (!dataset.env_id.is_empty()).then_some(&dataset.env_id),
        "total_episodes": episodes,
        "total_frames": frames,
        "total_tasks": 1,
        "chunks_size": FOLDER_FILES,
        "data_files_size_in_mb": FILE_BYTES >> 20,
        "video_files_size_in_mb": 500,
        "fps": rate,
        "splits": {"train": format!("0:{episodes}")},
        "data_path": "data/chunk-{chunk_index:03d}/file-{file_index:03d}.parquet",
        "video_path": null,
        "features": features,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_cut_between_episodes() {
        let run = |start, end| Run { start, end, terminal: false };
        let runs = [run(0, 10), run(10, 20), run(20, 50), run(50, 51)];
        let cut = |frame| files(&runs, frame).iter().map(|group| group.len()).collect::<Vec<_>>();
        assert_eq!(cut(1), [4]);
        assert_eq!(cut(FILE_BYTES / 20), [2, 1, 1]);
        assert_eq!(cut(usize::MAX), [1, 1, 1, 1]);
        assert!(files(&[], 1).is_empty());
    }
}
