//! Data sets as other people's libraries write them (`envs/interop/readers_fixture.py`), held against the numbers that the
//! script wrote beside them; and what becomes of such data sets when they are damaged.
#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout)]

use std::io::Cursor;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use forethought_envs::EnvError;
use forethought_envs::data::{
    DataReport, Dataset, FindingKind, ReadOptions, RewardConvention, TimeoutMeaning, WindowIndex,
    WindowOptions, is_data_folder, read_data, read_hdf5,
};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde_json::Value;

const FIXTURES: &[u8] = include_bytes!("readers.zip");

/// The fixtures, unpacked once for all tests.
fn home() -> &'static Path {
    static HOME: OnceLock<tempfile::TempDir> = OnceLock::new();
    HOME.get_or_init(unpacked).path()
}

fn unpacked() -> tempfile::TempDir {
    let home = tempfile::tempdir().unwrap();
    zip::ZipArchive::new(Cursor::new(FIXTURES)).unwrap().extract(home.path()).unwrap();
    home
}

fn expected(name: &str) -> Value {
    static ALL: OnceLock<Value> = OnceLock::new();
    let all = ALL.get_or_init(|| {
        serde_json::from_slice(&std::fs::read(home().join("expected.json")).unwrap()).unwrap()
    });
    all[name].clone()
}

/// Numbers or flags of any depth, one after another.
fn flat(value: &Value, into: &mut Vec<f32>) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| flat(item, into)),
        Value::Bool(flag) => into.push(f32::from(u8::from(*flag))),
        other => into.push(other.as_f64().unwrap() as f32),
    }
}

fn read(path: &str, options: &ReadOptions) -> Dataset {
    read_data(&home().join(path), options).unwrap()
}

/// Holds a data set against what the script says of it.
#[track_caller]
fn same(data: &Dataset, name: &str) {
    let expected = expected(name);
    let flags = |flags: &[bool]| flags.iter().map(|flag| f32::from(u8::from(*flag))).collect::<Vec<f32>>();
    let mut compared = 0;
    for (key, found) in [
        ("observations", data.observations.clone()),
        ("actions", data.actions.clone()),
        ("rewards", data.rewards.clone()),
        ("terminals", flags(&data.terminals)),
        ("timeouts", flags(&data.timeouts)),
        ("goals", data.goals.clone().unwrap_or_default()),
    ] {
        let Some(said) = expected.get(key) else {
            assert!(found.is_empty(), "{name}: {key} are read and not expected");
            continue;
        };
        let mut wanted = Vec::new();
        flat(said, &mut wanted);
        assert_eq!(found, wanted, "{name}: {key}");
        assert!(!wanted.is_empty());
        compared += 1;
    }
    assert!(compared >= 5, "{name}");
    if let Some(features) = expected.get("features") {
        let found: Vec<Value> = data
            .metadata
            .description
            .features
            .iter()
            .map(|feature| serde_json::json!([feature.name, feature.width]))
            .collect();
        assert_eq!(&Value::Array(found), features, "{name}: features");
        // They describe the whole observation.
        data.metadata.description.spec("fixture", data).unwrap();
    }
}

fn notes(data: &Dataset) -> String {
    data.metadata.notes.join("; ")
}

#[test]
fn the_rest_of_d4rl_is_read_as_it_stands() {
    for name in ["locomotion", "antmaze", "kitchen", "adroit"] {
        let data = read(&format!("{name}.hdf5"), &ReadOptions::default());
        same(&data, name);
        let meaning = (data.metadata.timeouts, data.metadata.rewards);
        assert_eq!(meaning, (TimeoutMeaning::Truncation, RewardConvention::OfAction), "{name}");
        assert_eq!(notes(&data), "", "{name}");
        assert_eq!(data.clone().repair_stale_observations().unwrap(), 0, "{name}");
        assert_eq!(read_hdf5(&home().join(format!("{name}.hdf5")), &ReadOptions::default()).unwrap(), data);
    }
    // 15 positions and 14 velocities are no state of one size.
    assert!(read("antmaze.hdf5", &ReadOptions::default()).simulator.is_none());
    assert_eq!(read("adroit.hdf5", &ReadOptions::default()).simulator.unwrap().dim, 30);
}

#[test]
fn what_d4rl_did_not_mark_is_told_by_next_observations() {
    let data = read("unmarked.hdf5", &ReadOptions::default());
    same(&data, "unmarked");
    assert!(notes(&data).starts_with("1 episodes end where `next_observations` say so"), "{}", notes(&data));
    assert_eq!(data.trajectories(true).len(), 3);
}

/// Made by the package itself (`ogbench_check.py fixture`): two episodes of seven rows.
#[test]
fn the_action_in_ogbenchs_last_rows_leads_nowhere() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("interop/ogbench_small.npz");
    let data = read_data(&path, &ReadOptions::default()).unwrap();
    let ends: Vec<usize> = (0..data.len()).filter(|row| data.timeouts[*row]).collect();
    assert_eq!((ends, data.terminals.contains(&true)), (vec![6, 13], false));
    let index = WindowIndex::new(&data, 2, WindowOptions::default()).unwrap();
    let starts: Vec<usize> = (0..index.len()).map(|at| index.start(at).unwrap()).collect();
    assert_eq!(starts, [0, 1, 2, 3, 4, 5, 7, 8, 9, 10, 11, 12]);
}

#[test]
fn robomimics_demonstrations_come_in_the_order_of_their_numbers() {
    let data = read("robomimic.hdf5", &ReadOptions::default());
    same(&data, "robomimic");
    assert_eq!((data.env_id.as_str(), data.metadata.description.step_seconds), ("Lift", Some(0.05)));
    let notes = notes(&data);
    for says in [
        "`agentview_image` (an array of shape [4, 4, 3] a row)",
        "3 rows before the last",
        "`mask`",
        "4 of 4 episodes end",
    ] {
        assert!(notes.contains(says), "{says}: {notes}");
    }
    let asked = vec!["robot0_eef_pos".to_owned(), "object".to_owned()];
    let data = read("robomimic.hdf5", &ReadOptions { observations: Some(asked), ..ReadOptions::default() });
    same(&data, "robomimic chosen");
    let states = ReadOptions { observations: Some(vec!["states".into()]), ..ReadOptions::default() };
    let data = read("robomimic.hdf5", &states);
    assert_eq!(
        (data.observation_dim, data.len()),
        (9, 5 + 3 + 4 + 5),
        "no row after the last action of each"
    );
    assert!(
        data.metadata.notes.iter().any(|note| note.starts_with("4 of 4 demonstrations have no `next_obs`"))
    );
    let image = ReadOptions { observations: Some(vec!["agentview_image".into()]), ..ReadOptions::default() };
    let message = read_data(&home().join("robomimic.hdf5"), &image).unwrap_err().to_string();
    assert!(message.contains("encode it first"), "{message}");
}

#[test]
fn minaris_episodes_keep_their_last_observation() {
    for path in ["minari/flat-v0", "minari/flat-v0/data", "minari/flat-v0/data/main_data.hdf5"] {
        let data = read(path, &ReadOptions::default());
        same(&data, "flat");
        assert_eq!(data.env_id, "Pendulum-v1");
        let description = &data.metadata.description;
        assert_eq!(
            (&description.action_low, &description.action_high),
            (&Some(vec![-1.0; 2]), &Some(vec![1.0; 2]))
        );
        assert!(
            notes(&data).contains("the actions of 3 rows lie outside of the action space"),
            "{}",
            notes(&data)
        );
        // Episodes of 4, 3 and 5 steps: every step is a window of two rows, and no other is.
        let index = WindowIndex::new(&data, 2, WindowOptions::default()).unwrap();
        assert_eq!(index.len(), 4 + 3 + 5);
        assert_eq!(data.trajectories(true).iter().map(|run| run.len()).collect::<Vec<_>>(), [5, 4, 6]);
    }
    same(&read("minari/parquet-v0", &ReadOptions::default()), "parquet");
    assert!(is_data_folder(&home().join("minari/parquet-v0/data")));
    same(&read("minari/arrow-v0", &ReadOptions::default()), "arrow");
    assert!(is_data_folder(&home().join("minari/arrow-v0/data")));
}

#[test]
fn minaris_observations_in_parts_are_sorted_out() {
    let data = read("minari/goal-v0", &ReadOptions::default());
    same(&data, "goal");
    assert!(notes(&data).contains("`achieved_goal` is left out of the observation, as its entries 0 to 1"));
    let all = ["desired_goal", "achieved_goal", "observation"].map(str::to_owned).to_vec();
    let data = read("minari/goal-v0", &ReadOptions { observations: Some(all), ..ReadOptions::default() });
    assert_eq!((data.observation_dim, data.goals), (8, None), "what is asked for is read as it is");
    let data = read("minari/nested-v0", &ReadOptions::default());
    same(&data, "nested");
    assert!(notes(&data).contains("`camera` (an array of shape [8, 8, 3] a row)"), "{}", notes(&data));
    let data = read("minari/nestedarrow-v0", &ReadOptions::default());
    same(&data, "nested arrow");
    assert!(notes(&data).contains("`camera` (an array of shape [8, 8, 3] a row)"), "{}", notes(&data));
}

#[test]
fn lerobots_episodes_run_over_files() {
    let data = read("lerobot", &ReadOptions::default());
    same(&data, "lerobot");
    assert_eq!(data.metadata.description.step_seconds, Some(0.1));
    assert_eq!(data.trajectories(true).iter().map(|run| run.len()).collect::<Vec<_>>(), [4, 3, 5, 2]);
    assert!(notes(&data).contains("`observation.images.top` (a video)"), "{}", notes(&data));
    let asked =
        ReadOptions { observations: Some(vec!["observation.state".into()]), ..ReadOptions::default() };
    assert_eq!(read("lerobot", &asked).observation_dim, 3);
    assert!(is_data_folder(&home().join("lerobot")));
    // The same files in one folder.
    let home = unpacked();
    let data_folder = home.path().join("lerobot/data");
    std::fs::rename(
        data_folder.join("chunk-001/file-000.parquet"),
        data_folder.join("chunk-000/file-002.parquet"),
    )
    .unwrap();
    same(&read_data(&home.path().join("lerobot"), &ReadOptions::default()).unwrap(), "lerobot");
}

#[test]
fn parquet_is_read_in_the_forms_that_are_common_and_refused_in_others() {
    let home = unpacked();
    let file = home.path().join("lerobot/data/chunk-000/file-001.parquet");
    for name in ["plain", "pages"] {
        std::fs::copy(home.path().join(format!("{name}.parquet")), &file).unwrap();
        same(&read_data(&home.path().join("lerobot"), &ReadOptions::default()).unwrap(), "lerobot");
    }
    for (name, says) in [
        ("zstd", "is compressed by ZSTD"),
        ("delta", "its values are in encoding 5, which is not read"),
        ("endless", "more than a file of this size can hold"),
        ("null", "equally many numbers"),
        ("ragged", "equally many numbers"),
        ("hole", "equally many numbers"),
    ] {
        std::fs::copy(home.path().join(format!("{name}.parquet")), &file).unwrap();
        let begin = Instant::now();
        let error = read_data(&home.path().join("lerobot"), &ReadOptions::default()).unwrap_err().to_string();
        assert!(begin.elapsed() < Duration::from_secs(1), "{error}");
        assert!(error.contains("file-001.parquet") && error.contains(says), "{error}");
    }
    let message = refusal(&home.path().join("zstd.parquet"), &ReadOptions::default());
    assert!(message.contains("name the folder that has `meta/info.json`"), "{message}");
}

#[test]
fn what_is_left_out_is_told_in_the_report() {
    let report = DataReport::of(&read("lerobot", &ReadOptions::default()));
    assert!(report.findings.iter().any(|finding| finding.kind == FindingKind::AsRead));
    assert!(report.lines().iter().any(|line| line.starts_with("note: left out of the observation")));
}

/// The message of a read that must fail soon, naming what stands at the path.
#[track_caller]
fn refusal(path: &Path, options: &ReadOptions) -> String {
    let begin = Instant::now();
    let error = match read_data(path, options) {
        Ok(data) => panic!("{}: {} rows were read", path.display(), data.len()),
        Err(error) => error,
    };
    assert!(begin.elapsed() < Duration::from_secs(1), "{error}");
    assert!(matches!(&error, EnvError::Data { .. } | EnvError::Io { .. }), "{error:?}");
    let message = error.to_string();
    assert!(message.starts_with(&path.display().to_string()) && !message.contains("gave up"), "{message}");
    message
}

#[test]
fn links_and_numbers_that_lie_elsewhere_are_refused() {
    for (name, says) in [
        ("linked.hdf5", "link"),
        ("external.hdf5", "links to other places and files are not supported"),
        ("virtual.hdf5", "virtual array, whose numbers lie in other files"),
        ("huge.hdf5", "most of it was never written"),
        ("cycle.hdf5", "a group that holds itself"),
    ] {
        let message = refusal(&home().join(name), &ReadOptions::default());
        assert!(message.contains(says), "{name}: {message}");
    }
    let data = read("big_endian.hdf5", &ReadOptions::default());
    assert_eq!(data.actions[..6], [0.0, 0.25, 0.5, 0.75, 1.0, 1.25]);
    assert_eq!((data.len(), data.observation_dim), (4, 2));
}

#[test]
fn data_larger_than_allowed_are_refused() {
    for name in ["robomimic.hdf5", "minari/flat-v0", "minari/parquet-v0", "lerobot"] {
        for max_bytes in [0, 500, 1900] {
            let message = refusal_within(&home().join(name), max_bytes);
            assert!(message.contains("limit of"), "{name}: {message}");
        }
    }
}

fn refusal_within(path: &Path, max_bytes: u64) -> String {
    let options = ReadOptions { max_bytes, ..ReadOptions::default() };
    read_data(path, &options).unwrap_err().to_string()
}

/// Changes a text in a file of a fresh copy, and reads the data set at `path`.
#[track_caller]
fn refused_after(path: &str, file: &str, change: &[(&str, &str)]) -> String {
    let home = unpacked();
    let file = home.path().join(file);
    let mut text = std::fs::read_to_string(&file).unwrap();
    for (from, to) in change {
        assert!(text.contains(from), "{from}");
        text = text.replace(from, to);
    }
    std::fs::write(&file, text).unwrap();
    let error = read_data(&home.path().join(path), &ReadOptions::default()).unwrap_err();
    assert!(error.to_string().starts_with(&home.path().join(path).display().to_string()), "{error}");
    error.to_string()
}

#[test]
fn descriptions_that_disagree_with_the_files_are_refused() {
    let info = "lerobot/meta/info.json";
    for (change, says) in [
        (("\"total_frames\": 14", "\"total_frames\": 15"), "says 15 frames, and the files in `data` hold 14"),
        (("\"v3.0\"", "\"v4.0\""), "convert the data set"),
        (("\"fps\": 10", "\"fps\": -1"), "frames per second"),
        (("\"fps\": 10", "\"fps\": \"ten\""), "damaged or not what describes"),
        (("observation.state", "observation.joints"), "column `observation.joints` is missing"),
        (
            (
                "            \"shape\": [\n                2\n",
                "            \"shape\": [\n                5\n",
            ),
            "says 5",
        ),
        (("\"action\"", "\"command\""), "no `action`"),
    ] {
        let message = refused_after("lerobot", info, &[change]);
        assert!(message.contains(says), "{message}");
    }
    let minari = "minari/flat-v0/data/metadata.json";
    for (change, says) in [
        (("\"total_episodes\": 3", "\"total_episodes\": 4"), "says 4 episodes, and the file has 3"),
        (
            (
                "\\\"type\\\": \\\"Box\\\", \\\"dtype\\\": \\\"float32\\\"",
                "\\\"type\\\": \\\"Discrete\\\", \\\"n\\\": 2",
            ),
            "discrete",
        ),
        (("{\"total", "\"total"), "damaged or not what describes"),
    ] {
        let message = refused_after("minari/flat-v0", minari, &[change]);
        assert!(message.contains(says), "{message}");
    }
}

#[test]
fn missing_files_are_told_by_name() {
    for (gone, says) in [
        ("lerobot/data/chunk-000/file-001.parquet", "a file is missing"),
        ("lerobot/data", "the folder is missing"),
        ("minari/parquet-v0/data/1", "says 3 episodes"),
    ] {
        let home = unpacked();
        let path = home.path().join(gone);
        if path.is_dir() {
            std::fs::remove_dir_all(&path).unwrap()
        } else {
            std::fs::remove_file(&path).unwrap()
        }
        let set: PathBuf = home.path().join(gone.split("/data").next().unwrap());
        let message = refusal(&set, &ReadOptions::default());
        assert!(message.contains(says), "{message}");
    }
}

/// Damages a file and reads its data set: what is read in spite of it is sound, everything else is refused soon.
fn damage(set: &str, file: &str, cases: usize, seed: u64) -> usize {
    let home = unpacked();
    let (set, file) = (home.path().join(set), home.path().join(file));
    let whole = std::fs::read(&file).unwrap();
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut refused = 0;
    for case in 0..cases {
        let mut bytes = whole.clone();
        if case % 4 == 0 {
            bytes.truncate(rng.random_range(0..whole.len()));
        } else {
            for _ in 0..=(case % 3) {
                // Half of the flips near the end, where Parquet's structure is.
                let begin = if case % 2 == 0 { 0 } else { whole.len() / 2 };
                let at = rng.random_range(begin..bytes.len());
                bytes[at] ^= 1 << rng.random_range(0..8);
            }
        }
        std::fs::write(&file, &bytes).unwrap();
        let begin = Instant::now();
        match read_data(&set, &ReadOptions::default()) {
            Ok(data) => data.check().unwrap(),
            Err(error) => {
                let message = error.to_string();
                assert!(matches!(error, EnvError::Data { .. }), "{message}");
                // What a parser's panic becomes.
                assert!(!message.contains("gave up"), "case {case}: {message}");
                refused += 1;
            }
        }
        assert!(begin.elapsed() < Duration::from_secs(1), "case {case}");
    }
    println!("{}: {refused} of {cases} damaged files refused", file.display());
    refused
}

#[test]
fn damaged_files_never_panic_and_never_give_unchecked_data() {
    let parquet = "lerobot/data/chunk-000/file-000.parquet";
    for (set, file, cases, seed) in [
        ("lerobot", parquet, 400, 1),
        ("lerobot", "lerobot/meta/episodes/chunk-000/file-000.parquet", 150, 2),
        ("lerobot", "lerobot/meta/info.json", 150, 3),
        ("minari/parquet-v0", "minari/parquet-v0/data/1/part-0.parquet", 150, 4),
        ("minari/nested-v0", "minari/nested-v0/data/main_data.hdf5", 150, 5),
        ("minari/arrow-v0", "minari/arrow-v0/data/1/part-0.arrow", 400, 9),
        ("minari/flat-v0", "minari/flat-v0/data/metadata.json", 100, 6),
        ("robomimic.hdf5", "robomimic.hdf5", 150, 7),
        ("locomotion.hdf5", "locomotion.hdf5", 100, 8),
    ] {
        assert!(damage(set, file, cases, seed) * 5 >= cases, "{file}");
    }
}
