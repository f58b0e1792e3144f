//! Data sets in the layouts of other people's libraries, made here: ends, paddings and choices that the recorded ones
//! (`data_readers.rs`) do not have.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::path::{Path, PathBuf};
use std::sync::Arc;

use forethought_envs::EnvError;
use forethought_envs::data::{
    Dataset, ReadOptions, WriteOptions, read_data, read_hdf5, read_npz, write_data,
};
use hdf5_pure::FileBuilder;
use parquet::data_type::{BoolType, DoubleType, FloatType, Int32Type, Int64Type};
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::parser::parse_message_type;

fn read(path: &Path) -> Result<Dataset, String> {
    read_data(path, &ReadOptions::default()).map_err(|error| error.to_string())
}

/// A column of a Parquet file.
enum Column {
    Floats(Vec<f32>),
    Doubles(Vec<f64>),
    Whole(Vec<i64>),
    /// 32 bits without a sign.
    Unsigned32(Vec<u32>),
    /// 64 bits without a sign.
    Unsigned64(Vec<u64>),
    Flags(Vec<bool>),
}

fn write_parquet(path: &Path, columns: &[(&str, Column)]) {
    let fields = columns.iter().map(|(name, column)| match column {
        Column::Floats(_) => format!("REQUIRED FLOAT {name};"),
        Column::Doubles(_) => format!("REQUIRED DOUBLE {name};"),
        Column::Whole(_) => format!("REQUIRED INT64 {name};"),
        Column::Unsigned32(_) => format!("REQUIRED INT32 {name} (INTEGER(32,false));"),
        Column::Unsigned64(_) => format!("REQUIRED INT64 {name} (INTEGER(64,false));"),
        Column::Flags(_) => format!("REQUIRED BOOLEAN {name};"),
    });
    let schema = format!("message rows {{ {} }}", fields.collect::<String>());
    let schema = Arc::new(parse_message_type(&schema).unwrap());
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    let file = std::fs::File::create(path).unwrap();
    let mut file =
        SerializedFileWriter::new(file, schema, Arc::new(WriterProperties::builder().build())).unwrap();
    let mut group = file.next_row_group().unwrap();
    for (_, column) in columns {
        let mut out = group.next_column().unwrap().unwrap();
        match column {
            Column::Floats(values) => out.typed::<FloatType>().write_batch(values, None, None),
            Column::Doubles(values) => out.typed::<DoubleType>().write_batch(values, None, None),
            Column::Whole(values) => out.typed::<Int64Type>().write_batch(values, None, None),
            Column::Unsigned32(values) => {
                let values: Vec<i32> = values.iter().map(|value| value.cast_signed()).collect();
                out.typed::<Int32Type>().write_batch(&values, None, None)
            }
            Column::Unsigned64(values) => {
                let values: Vec<i64> = values.iter().map(|value| value.cast_signed()).collect();
                out.typed::<Int64Type>().write_batch(&values, None, None)
            }
            Column::Flags(values) => out.typed::<BoolType>().write_batch(values, None, None),
        }
        .unwrap();
        out.close().unwrap();
    }
    group.close().unwrap();
    file.close().unwrap();
}

/// Flags of so many steps, with these set.
fn flags(steps: usize, set: &[usize]) -> Vec<bool> {
    (0..steps).map(|step| set.contains(&step)).collect()
}

fn bytes(flags: &[bool]) -> Vec<u8> {
    flags.iter().map(|flag| u8::from(*flag)).collect()
}

/// Minari's HDF5 file of one episode of three steps.
fn minari(path: &Path, terminations: &[bool], truncations: &[bool]) {
    let mut file = FileBuilder::new();
    let mut group = file.create_group("episode_0");
    group.create_dataset("observations").with_f32_data(&[0.0, 1.0, 2.0, 3.0]).with_shape(&[4, 1]);
    group.create_dataset("actions").with_f32_data(&[0.5, 0.25, 0.75]).with_shape(&[3, 1]);
    group.create_dataset("terminations").with_u8_data(&bytes(terminations));
    group.create_dataset("truncations").with_u8_data(&bytes(truncations));
    file.add_group(group.finish());
    std::fs::write(path, file.finish().unwrap()).unwrap();
}

#[test]
fn minaris_flags_are_one_a_step() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("main_data.hdf5");
    minari(&path, &flags(3, &[2]), &flags(3, &[]));
    assert_eq!(read(&path).unwrap().terminals, flags(4, &[3]));
    // One more than steps, as there are observations: the end would be taken for a flag in between.
    for (terminations, truncations, key, found) in [
        (flags(4, &[2]), flags(3, &[]), "`terminations`", 4),
        (flags(2, &[1]), flags(3, &[]), "`terminations`", 2),
        (flags(3, &[2]), flags(5, &[]), "`truncations`", 5),
    ] {
        minari(&path, &terminations, &truncations);
        let message = read(&path).unwrap_err();
        let says = format!("episode_0: {key} has {found} flags, and there are 3 actions");
        assert!(message.contains(&says) && message.contains("leave this episode out"), "{message}");
    }
}

#[test]
fn robomimics_flags_are_one_a_step() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("lift.hdf5");
    let write = |dones: &[bool]| {
        let mut file = FileBuilder::new();
        let mut data = file.create_group("data");
        let mut demo = data.create_group("demo_0");
        demo.create_dataset("actions").with_f32_data(&[0.5, 0.25, 0.75]).with_shape(&[3, 1]);
        demo.create_dataset("dones").with_u8_data(&bytes(dones));
        let mut seen = demo.create_group("obs");
        seen.create_dataset("tip").with_f32_data(&[0.0, 1.0, 2.0]).with_shape(&[3, 1]);
        demo.add_group(seen.finish());
        data.add_group(demo.finish());
        file.add_group(data.finish());
        std::fs::write(&path, file.finish().unwrap()).unwrap();
    };
    write(&flags(3, &[2]));
    assert_eq!(read(&path).unwrap().terminals, flags(3, &[2]));
    for found in [2, 4] {
        write(&flags(found, &[1]));
        let message = read(&path).unwrap_err();
        let says = format!("demo_0: `dones` has {found} flags, and there are 3 actions");
        assert!(message.contains(&says) && message.contains("leave this episode out"), "{message}");
    }
}

/// A folder of Minari's with one Parquet episode.
fn minari_parquet(home: &Path, metadata: &str, columns: &[(&str, Column)]) {
    std::fs::create_dir_all(home.join("data")).unwrap();
    std::fs::write(home.join("data/metadata.json"), metadata).unwrap();
    write_parquet(&home.join("data/0/part-0.parquet"), columns);
}

const ONE: &str = r#"{"data_format": "parquet", "total_episodes": 1}"#;

#[test]
fn the_last_row_of_a_parquet_episode_is_a_step_unless_it_is_empty() {
    let home = tempfile::tempdir().unwrap();
    let episode = |actions: [f64; 3], reward: f64, terminations: &[usize], truncations: &[usize]| {
        let columns = [
            ("observations", Column::Doubles(vec![0.0, 1.0, 2.0])),
            ("actions", Column::Doubles(actions.to_vec())),
            ("rewards", Column::Doubles(vec![1.0, 1.0, reward])),
            ("terminations", Column::Flags(flags(3, terminations))),
            ("truncations", Column::Flags(flags(3, truncations))),
        ];
        minari_parquet(home.path(), ONE, &columns);
        read(home.path()).unwrap()
    };
    let padded = episode([0.5, 0.25, 0.0], 0.0, &[1], &[]);
    assert_eq!((&padded.actions[..], &padded.rewards[..]), (&[0.5, 0.25, 0.25][..], &[1.0, 1.0, 0.0][..]));
    assert_eq!(padded.terminals, flags(3, &[2]));
    assert!(!padded.metadata.notes.join("; ").contains("last rows"), "{:?}", padded.metadata.notes);
    // Each tells by itself that the last row is a step.
    for (action, reward, terminations, truncations) in
        [(0.0, 0.0, &[2][..], &[][..]), (0.0, 0.0, &[], &[2]), (0.75, 0.0, &[], &[]), (0.0, 1.0, &[], &[])]
    {
        let data = episode([0.5, 0.25, action], reward, terminations, truncations);
        let read = (&data.actions[..], &data.rewards[..]);
        assert_eq!(read, (&[0.5, 0.25, action as f32][..], &[1.0, 1.0, reward as f32][..]));
        assert_eq!(data.terminals, flags(3, terminations));
        assert_eq!(data.timeouts, if terminations.is_empty() { flags(3, &[2]) } else { flags(3, &[]) });
        assert!(data.metadata.notes.iter().any(|note| note.starts_with("1 episodes have as many actions")));
    }
}

#[test]
fn minaris_actions_that_are_no_quantities_are_refused_for_what_they_are() {
    let home = tempfile::tempdir().unwrap();
    let columns = || {
        [
            ("observations", Column::Doubles(vec![0.0, 1.0])),
            ("actions", Column::Whole(vec![1, 0])),
            ("terminations", Column::Flags(flags(2, &[]))),
            ("truncations", Column::Flags(flags(2, &[]))),
        ]
    };
    minari_parquet(home.path(), ONE, &columns());
    let message = read(home.path()).unwrap_err();
    assert!(message.contains("discrete") && message.contains("store them as float32"), "{message}");
    for (kind, says, not) in [
        ("Dict", "join them into one array `actions`", "discrete"),
        ("Tuple", "join them into one array `actions`", "discrete"),
        ("Discrete", "discrete actions are not supported", "join them"),
    ] {
        let space = format!("\"action_space\": \"{{\\\"type\\\": \\\"{kind}\\\"}}\"");
        minari_parquet(home.path(), &ONE.replace('}', &format!(", {space}}}")), &columns());
        let message = read(home.path()).unwrap_err();
        assert!(message.contains(kind) && message.contains(says) && !message.contains(not), "{message}");
    }
}

/// A folder of LeRobot's with so many frames, all of whose columns hold one number.
fn lerobot(home: &Path, frames: u64, state: &str) -> PathBuf {
    let info = format!(
        r#"{{"codebase_version": "v3.0", "total_episodes": 2, "total_frames": {frames}, "fps": 10, "features": {{
            "action": {{"dtype": "float32", "shape": [1], "names": null}},
            "observation.state": {{"dtype": "{state}", "shape": [1], "names": null}}}}}}"#
    );
    std::fs::create_dir_all(home.join("meta")).unwrap();
    std::fs::write(home.join("meta/info.json"), info).unwrap();
    home.join("data/chunk-000")
}

#[test]
fn an_episode_of_lerobots_may_lie_in_two_files() {
    let home = tempfile::tempdir().unwrap();
    let chunk = lerobot(home.path(), 6, "float32");
    // Episodes of two and four frames; the second begins in one file and ends in the next, whose name sorts before.
    for (file, episode, frame) in [("file-999", [0, 0, 1], [0, 1, 0]), ("file-1000", [1, 1, 1], [1, 2, 3])] {
        let state = episode.iter().zip(frame).map(|(episode, frame)| (10 * episode + frame) as f32);
        let columns = [
            ("observation.state", Column::Floats(state.collect())),
            ("action", Column::Floats(frame.map(|frame| frame as f32).to_vec())),
            ("episode_index", Column::Whole(episode.to_vec())),
            ("frame_index", Column::Whole(frame.to_vec())),
        ];
        write_parquet(&chunk.join(format!("{file}.parquet")), &columns);
    }
    let data = read(home.path()).unwrap();
    assert_eq!(data.observations, [0.0, 1.0, 10.0, 11.0, 12.0, 13.0]);
    assert_eq!(data.trajectories(true).iter().map(|run| run.len()).collect::<Vec<_>>(), [2, 4]);
    assert!(data.metadata.notes.is_empty(), "{:?}", data.metadata.notes);
}

#[test]
fn numbers_without_a_sign_are_read_as_such() {
    let home = tempfile::tempdir().unwrap();
    let rest = || {
        [
            ("action", Column::Floats(vec![0.5, 0.25])),
            ("episode_index", Column::Whole(vec![0, 1])),
            ("frame_index", Column::Whole(vec![0, 0])),
        ]
    };
    for (kind, state, wanted) in [
        ("uint32", Column::Unsigned32(vec![7, u32::MAX]), [7.0, u32::MAX as f32]),
        ("uint64", Column::Unsigned64(vec![7, u64::MAX]), [7.0, u64::MAX as f32]),
        ("int64", Column::Whole(vec![7, -1]), [7.0, -1.0]),
    ] {
        let chunk = lerobot(home.path(), 2, kind);
        let columns: Vec<_> = [("observation.state", state)].into_iter().chain(rest()).collect();
        write_parquet(&chunk.join("file-000.parquet"), &columns);
        assert_eq!(read(home.path()).unwrap().observations, wanted, "{kind}");
    }
}

#[test]
fn columns_are_charged_for_what_they_take_in_memory() {
    let home = tempfile::tempdir().unwrap();
    let rows = 2000;
    let chunk = lerobot(home.path(), rows, "float32");
    let zeros = || vec![0; rows as usize];
    let columns = [
        ("observation.state", Column::Floats(vec![0.0; rows as usize])),
        ("action", Column::Floats(vec![0.5; rows as usize])),
        ("episode_index", Column::Whole(zeros())),
        ("frame_index", Column::Whole((0..rows as i64).collect())),
    ];
    let path = chunk.join("file-000.parquet");
    write_parquet(&path, &columns);
    assert!(
        std::fs::metadata(&path).unwrap().len() < 20 * rows,
        "the sum is to be what limits, not the file"
    );
    // Two columns of four bytes a row, two of eight.
    let within = |max_bytes| read_data(home.path(), &ReadOptions { max_bytes, ..ReadOptions::default() });
    let message = within(24 * rows - 1).unwrap_err().to_string();
    assert!(message.contains("more than the limit"), "{message}");
    assert_eq!(within(24 * rows).unwrap().len() as u64, rows);
}

#[test]
fn parts_cannot_be_asked_for_of_one_array() {
    let home = tempfile::tempdir().unwrap();
    let mut data = Dataset::of_rows("", [1, 1], vec![0.0, 1.0, 2.0], vec![0.5, 0.25, 0.75]);
    data.timeouts[2] = true;
    let asked = ReadOptions { observations: Some(vec!["tip".into()]), ..ReadOptions::default() };
    type Reader = fn(&Path, &ReadOptions) -> Result<Dataset, EnvError>;
    for (name, direct) in [("a.hdf5", read_hdf5 as Reader), ("a.npz", read_npz)] {
        let path = home.path().join(name);
        write_data(&data, &path, WriteOptions::default()).unwrap();
        assert_eq!(read(&path).unwrap().observations, data.observations);
        for error in [read_data(&path, &asked).unwrap_err(), direct(&path, &asked).unwrap_err()] {
            let message = error.to_string();
            assert!(message.contains(name) && message.contains("leave `observations` out"), "{message}");
        }
    }
}
