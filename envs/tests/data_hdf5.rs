//! D4RL files: round trips, what is refused and how, and files that are damaged.
// Helper functions of tests fail by panicking and tell by printing.
#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout, clippy::float_cmp)]

use std::path::{Path, PathBuf};

use forethought_envs::EnvError;
use forethought_envs::data::{
    DataDescription, Dataset, ReadOptions, RewardConvention, TimeoutMeaning, WriteOptions, read_hdf5,
    write_hdf5,
};
use forethought_envs::maze::{GenerateOptions, generate};
use hdf5_pure::FileBuilder;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

fn small(rows: usize) -> Dataset {
    let options = GenerateOptions { rows, seed: 11, ..GenerateOptions::default() };
    generate("multi2d-medium-v1", &options, &mut |_, _| {}).unwrap()
}

fn folder() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("data.hdf5");
    (folder, path)
}

fn read(path: &Path) -> Result<Dataset, EnvError> {
    read_hdf5(path, &ReadOptions::default())
}

/// The message of a read that must fail with [`EnvError::Data`], naming the file.
fn refusal(path: &Path, options: &ReadOptions) -> String {
    let error = match read_hdf5(path, options) {
        Ok(data) => panic!("{} rows were read", data.len()),
        Err(error) => error,
    };
    assert!(matches!(&error, EnvError::Data { .. }), "{error:?}");
    let message = error.to_string();
    assert!(message.starts_with(&path.display().to_string()), "{message}");
    message
}

#[test]
fn a_data_set_comes_back_as_it_was() {
    let (_folder, path) = folder();
    // One row, less than a chunk, more than a chunk.
    for rows in [1, 1000, 40_000] {
        let data = small(rows);
        write_hdf5(&data, &path, WriteOptions { overwrite: true, ..WriteOptions::default() }).unwrap();
        assert_eq!(read(&path).unwrap(), data);
    }
    let mut bare = small(50);
    (bare.goals, bare.goal_dim, bare.simulator) = (None, 0, None);
    bare.terminals[20] = true;
    bare.metadata = Default::default();
    bare.metadata.description = DataDescription { step_seconds: Some(0.05), ..DataDescription::default() };
    write_hdf5(&bare, &path, WriteOptions { overwrite: true, ..WriteOptions::default() }).unwrap();
    assert_eq!(read(&path).unwrap(), bare);
}

#[test]
fn the_same_data_give_the_same_bytes() {
    let (_folder, path) = folder();
    let again = path.with_file_name("again.hdf5");
    for target in [&path, &again] {
        write_hdf5(&small(500), target, WriteOptions::default()).unwrap();
    }
    assert_eq!(std::fs::read(&path).unwrap(), std::fs::read(&again).unwrap());
}

#[test]
fn nothing_is_overwritten_silently_and_nothing_is_left_behind() {
    let (folder, path) = folder();
    std::fs::write(&path, "precious").unwrap();
    let message = write_hdf5(&small(10), &path, WriteOptions::default()).unwrap_err().to_string();
    assert!(message.contains("exists already") && message.contains("overwriting"), "{message}");
    assert_eq!(std::fs::read(&path).unwrap(), b"precious");

    let mut broken = small(10);
    broken.actions[3] = f32::NAN;
    let allowed = WriteOptions { overwrite: true, ..WriteOptions::default() };
    assert!(
        write_hdf5(&broken, &path, allowed).unwrap_err().to_string().contains("actions holds NaN in row 1")
    );
    assert_eq!(std::fs::read(&path).unwrap(), b"precious");

    let elsewhere = folder.path().join("missing/data.hdf5");
    let message = write_hdf5(&small(10), &elsewhere, WriteOptions::default()).unwrap_err().to_string();
    assert!(message.contains("folder does not exist"), "{message}");
    assert!(write_hdf5(&small(10), folder.path(), allowed).is_err());
    assert!(WriteOptions { compression: 10, ..allowed }.check(&path).is_err());
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "temporary files stay behind");

    write_hdf5(&small(10), &path, allowed).unwrap();
    assert_eq!(read(&path).unwrap().len(), 10);
}

#[cfg(unix)]
#[test]
fn an_unwritable_folder_is_an_error_of_the_system() {
    use std::os::unix::fs::PermissionsExt;
    let (folder, path) = folder();
    std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o555)).unwrap();
    let result = write_hdf5(&small(10), &path, WriteOptions::default());
    std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
    match result {
        Err(error) => assert!(matches!(&error, EnvError::Io { .. }), "{error:?}"),
        // The superuser writes anywhere.
        Ok(()) => assert_eq!(read(&path).unwrap().len(), 10),
    }
}

#[test]
fn files_that_are_no_data_are_refused_by_name() {
    let (folder, path) = folder();
    let default = ReadOptions::default();
    assert!(matches!(read(&path).unwrap_err(), EnvError::Io { .. }), "a missing file");
    std::fs::write(&path, "").unwrap();
    assert!(refusal(&path, &default).contains("empty"));
    std::fs::write(&path, "x,y\n1,2\n").unwrap();
    assert!(refusal(&path, &default).contains("not an HDF5 file"));
    assert!(refusal(folder.path(), &default).contains("folder"));
    write_hdf5(&small(100), &path, WriteOptions { overwrite: true, ..WriteOptions::default() }).unwrap();
    let tight = ReadOptions { max_bytes: 500, ..default.clone() };
    assert!(refusal(&path, &tight).contains("limit of 500"));
    // The file fits, what it unpacks to does not.
    let size = std::fs::metadata(&path).unwrap().len();
    let unpacked = ReadOptions { max_bytes: size, ..default };
    write_hdf5(&small(20_000), &path, WriteOptions { overwrite: true, ..WriteOptions::default() }).unwrap();
    assert!(refusal(&path, &unpacked).contains("limit"));
}

/// A file with the given arrays; every missing argument is a sound one of three rows.
fn craft(path: &Path, skip: &str, replace: impl FnOnce(&mut FileBuilder)) {
    let mut file = FileBuilder::new();
    for (key, width) in [("observations", 2), ("actions", 1)] {
        if key != skip {
            file.create_dataset(key).with_f32_data(&vec![0.5; 3 * width]).with_shape(&[3, width as u64]);
        }
    }
    if skip != "rewards" {
        file.create_dataset("rewards").with_f32_data(&[0.0; 3]);
    }
    if skip != "terminals" {
        file.create_dataset("terminals").with_u8_data(&[0, 0, 1]);
    }
    replace(&mut file);
    std::fs::write(path, file.finish().unwrap()).unwrap();
}

#[test]
fn keys_types_and_shapes_are_checked() {
    let (_folder, path) = folder();
    let default = ReadOptions::default();
    craft(&path, "", |_| {});
    let sound = read(&path).unwrap();
    assert_eq!(
        (sound.observation_dim, sound.terminals, sound.timeouts),
        (2, vec![false, false, true], vec![false; 3])
    );

    for key in ["observations", "actions"] {
        craft(&path, key, |_| {});
        let message = refusal(&path, &default);
        assert!(message.contains(&format!("`{key}` is missing")), "{message}");
    }
    craft(&path, "terminals", |_| {});
    let message = refusal(&path, &default);
    assert!(message.contains("neither `terminals` nor `timeouts`"), "{message}");
    craft(&path, "observations", |file| {
        file.create_dataset("Observations").with_f32_data(&[0.0; 6]).with_shape(&[3, 2]);
    });
    assert!(refusal(&path, &default).contains("there is `Observations`: rename it"));
    craft(&path, "rewards", |file| {
        file.create_dataset("rewards").with_f32_data(&[0.0; 4]);
    });
    assert!(refusal(&path, &default).contains("where 4 rows"));
    for (key, values, shape) in
        [("rewards", [0.0; 6], [3, 2]), ("terminals", [0.0; 6], [3, 2]), ("timeouts", [0.0; 6], [2, 3])]
    {
        craft(&path, key, |file| {
            file.create_dataset(key).with_f32_data(&values).with_shape(&shape);
        });
        let message = refusal(&path, &default);
        assert!(message.contains(&format!("`{key}` has shape {shape:?}")), "{message}");
    }
    craft(&path, "actions", |file| {
        file.create_dataset("actions").with_f32_data(&[0.0; 12]).with_shape(&[3, 2, 2]);
    });
    assert!(refusal(&path, &default).contains("`actions` has shape [3, 2, 2]"));
    craft(&path, "terminals", |file| {
        file.create_dataset("terminals").with_f32_data(&[0.0, 0.5, 0.0]);
    });
    assert!(refusal(&path, &default).contains("holds 0.5 in row 1"));
    craft(&path, "terminals", |file| {
        file.create_dataset("terminals").with_u8_data(&[0, 7, 0]);
    });
    assert!(refusal(&path, &default).contains("holds 7 in row 1"));
    craft(&path, "observations", |file| {
        file.create_dataset("observations").with_f64_data(&[0.0, 1.0, f64::NAN]).with_shape(&[3, 1]);
    });
    assert!(refusal(&path, &default).contains("observations holds NaN in row 2"));
    craft(&path, "observations", |file| {
        file.create_dataset("observations").with_dtype(hdf5_pure::make_f32_type()).with_shape(&[0, 2]);
    });
    assert!(refusal(&path, &default).contains("no rows"));
}

#[test]
fn numbers_and_flags_of_every_kind_are_read() {
    let (_folder, path) = folder();
    for kind in 0..7 {
        craft(&path, "terminals", |file| {
            let target = file.create_dataset("terminals");
            match kind {
                0 => target.with_f32_data(&[0.0, 1.0, 0.0]),
                1 => target.with_f64_data(&[0.0, 1.0, 0.0]),
                2 => target.with_i32_data(&[0, 1, 0]),
                3 => target.with_i64_data(&[0, 1, 0]),
                4 => target.with_i8_data(&[0, 1, 0]),
                5 => target.with_u8_data(&[0, 1, 0]),
                _ => target.with_f32_data(&[0.0, 1.0, 0.0]).with_shape(&[3, 1]),
            };
        });
        assert_eq!(read(&path).unwrap().terminals, [false, true, false], "{kind}");
    }
    craft(&path, "rewards", |file| {
        file.create_dataset("rewards").with_i64_data(&[-1, 0, 1]).with_shape(&[3, 1]);
    });
    let data = read(&path).unwrap();
    assert_eq!(data.rewards, [-1.0, 0.0, 1.0]);
    assert_eq!(data.metadata.rewards, RewardConvention::OfAction);
    craft(&path, "observations", |file| {
        file.create_dataset("observations").with_i32_data(&[1, -2, 3, 4, 5, 600]).with_shape(&[3, 2]);
    });
    assert_eq!(read(&path).unwrap().observations, [1.0, -2.0, 3.0, 4.0, 5.0, 600.0]);
    // Neither rewards nor terminals, but the ends of trajectories.
    craft(&path, "rewards", |file| {
        file.create_dataset("timeouts").with_u8_data(&[0, 1, 1]);
    });
    let data = read(&path).unwrap();
    assert_eq!((data.rewards, data.timeouts), (vec![0.0; 3], vec![false, true, true]));
    assert_eq!(data.metadata.rewards, RewardConvention::Missing);
}

#[test]
fn discrete_actions_and_images_are_refused_by_name() {
    let (_folder, path) = folder();
    let default = ReadOptions::default();
    craft(&path, "actions", |file| {
        file.create_dataset("actions").with_i64_data(&[0, 3, 1]);
    });
    let message = refusal(&path, &default);
    assert!(
        message.contains("discrete actions are not supported") && message.contains("3 different"),
        "{message}"
    );
    craft(&path, "", |file| {
        file.set_attr("action_space", hdf5_pure::AttrValue::String("Discrete(4)".into()));
    });
    assert!(refusal(&path, &default).contains("Discrete(4)"));
    craft(&path, "observations", |file| {
        file.create_dataset("observations").with_u8_data(&[0; 3 * 4 * 4 * 3]).with_shape(&[3, 4, 4, 3]);
    });
    let message = refusal(&path, &default);
    assert!(message.contains("images") && message.contains("[3, 4, 4, 3]"), "{message}");
    craft(&path, "observations", |file| {
        file.create_dataset("observations").with_f32_data(&[0.0; 12]).with_shape(&[3, 2, 2]);
    });
    assert!(refusal(&path, &default).contains("one vector per step"));
    // Whole numbers of many values are quantities: motor counts, say.
    let mut file = FileBuilder::new();
    let counts: Vec<i32> = (0..200).map(|i| 7 * i - 700).collect();
    file.create_dataset("observations").with_i32_data(&counts);
    file.create_dataset("actions").with_i32_data(&counts);
    file.create_dataset("terminals").with_u8_data(&[0; 200]);
    std::fs::write(&path, file.finish().unwrap()).unwrap();
    assert_eq!(read(&path).unwrap().actions[199], 693.0);
}

/// What D4RL's recorder leaves is told by the rows, whatever the environment is called; rewards of others are
/// those of their actions.
#[test]
fn what_rows_mean_is_told_by_their_content() {
    let (_folder, path) = folder();
    craft(&path, "", |_| {});
    let options = ReadOptions { env_id: Some("maze2d-large-v1".into()), ..ReadOptions::default() };
    let data = read_hdf5(&path, &options).unwrap();
    let meaning = (data.metadata.timeouts, data.metadata.rewards);
    assert_eq!(meaning, (TimeoutMeaning::Truncation, RewardConvention::OfAction));
    assert_eq!(data.env_id, "maze2d-large-v1");

    // As published: no attributes.
    let whole = small(4_000);
    assert_eq!(whole.metadata.rewards, RewardConvention::OfObservation);
    let bare = |data: &Dataset, marks: &str| {
        let mut file = FileBuilder::new();
        let rows = data.len();
        let flags = |flags: &[bool]| flags.iter().map(|flag| u8::from(*flag)).collect::<Vec<u8>>();
        file.create_dataset("observations").with_f32_data(&data.observations).with_shape(&[rows as u64, 4]);
        file.create_dataset("actions").with_f32_data(&data.actions).with_shape(&[rows as u64, 2]);
        file.create_dataset("rewards").with_f32_data(&data.rewards);
        let no_flags = vec![false; rows];
        let terminals = if marks == "terminals" { &data.timeouts } else { &no_flags };
        file.create_dataset("terminals").with_u8_data(&flags(terminals));
        if marks == "timeouts" {
            file.create_dataset("timeouts").with_u8_data(&flags(&data.timeouts));
        }
        let state = data.simulator.as_ref().unwrap();
        let mut infos = file.create_group("infos");
        infos.create_dataset("qpos").with_f32_data(&state.positions).with_shape(&[rows as u64, 2]);
        infos.create_dataset("qvel").with_f32_data(&state.velocities).with_shape(&[rows as u64, 2]);
        let infos = infos.finish();
        file.add_group(infos);
        std::fs::write(&path, file.finish().unwrap()).unwrap();
        read(&path).unwrap()
    };
    // Goal switches in `timeouts` (published), in `terminals` (D4RL's script), nowhere (files of 2020).
    for marks in ["timeouts", "terminals", "none"] {
        let mut data = bare(&whole, marks);
        let meaning = (data.metadata.timeouts, data.metadata.rewards);
        assert_eq!(meaning, (TimeoutMeaning::GoalSwitch, RewardConvention::OfObservation), "{marks}");
        assert!(!data.terminals.contains(&true));
        // A switch in the last row is followed by no repeated observation.
        let inner = data.len() - 1;
        assert_eq!(data.timeouts[..inner], whole.timeouts[..inner], "{marks}");
        let mut repaired = whole.clone();
        assert!(repaired.repair_stale_observations().unwrap() > 10);
        data.repair_stale_observations().unwrap();
        assert_eq!(data.observations, repaired.observations, "{marks}");
    }
    // The same run with its episodes in another order: what was continuous is so no more.
    let mut others = whole.clone();
    others.repair_stale_observations().unwrap();
    let data = bare(&others, "timeouts");
    let meaning = (data.metadata.timeouts, data.metadata.rewards);
    assert_eq!(meaning, (TimeoutMeaning::Truncation, RewardConvention::OfAction));
}

/// The reward of a step, whatever row it stands in.
#[test]
fn the_reward_of_a_step_is_found_in_both_conventions() {
    let mut data = small(6);
    data.rewards = vec![0.0, 1.0, 2.0, 3.0, 4.0, 5.0];
    assert_eq!(data.step_reward(2), Some(3.0), "a maze2d recording");
    data.metadata.rewards = RewardConvention::OfAction;
    assert_eq!(data.step_reward(2), Some(2.0), "everybody else's");
}

/// Written by h5py 3 (`envs/interop/h5py_check.py fixture`): old superblock, symbol-table groups, B-tree
/// chunk index, none of which our own files have.
const FROM_H5PY: &[u8] = include_bytes!("../interop/h5py_small.hdf5");

#[test]
fn a_file_of_h5py_is_read() {
    let (_folder, path) = folder();
    std::fs::write(&path, FROM_H5PY).unwrap();
    let options = ReadOptions { env_id: Some("maze2d-umaze-v1".into()), ..ReadOptions::default() };
    let data = read_hdf5(&path, &options).unwrap();
    assert_eq!((data.len(), data.observation_dim, data.action_dim, data.goal_dim), (300, 4, 2, 2));
    for t in 0..300 {
        let x = t as f32;
        assert_eq!(data.observation(t).unwrap(), [0.0, 1.0, 2.0, 3.0].map(|j| (4.0 * x + j) / 8.0));
        assert_eq!(data.action(t).unwrap(), [x / 1024.0, -x / 1024.0]);
        assert_eq!(data.goal(t).unwrap(), [x, x + 0.5]);
        assert_eq!((data.rewards[t] == 1.0, data.timeouts[t]), (t % 7 == 0, t % 50 == 49));
    }
    assert!(!data.terminals.contains(&true));
    assert_eq!((data.metadata.seed, data.metadata.timeouts), (None, TimeoutMeaning::Truncation));
    assert_eq!(data.clone().repair_stale_observations().unwrap(), 0);
    write_hdf5(&data, &path, WriteOptions { overwrite: true, ..WriteOptions::default() }).unwrap();
    assert_eq!(read(&path).unwrap(), data);
}

#[test]
fn cut_off_files_are_refused_and_never_panic() {
    let (_folder, path) = folder();
    write_hdf5(&small(2_000), &path, WriteOptions::default()).unwrap();
    let ours = std::fs::read(&path).unwrap();
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    for case in 0..300 {
        let whole = if case % 3 == 0 { FROM_H5PY } else { &ours };
        // Half of the cuts near the ends, where the structure is.
        let len = match case % 4 {
            0 => rng.random_range(0..600),
            1 => whole.len() - rng.random_range(1..600),
            _ => rng.random_range(0..whole.len()),
        };
        std::fs::write(&path, &whole[..len]).unwrap();
        let message = refusal(&path, &ReadOptions::default());
        let said = ["cut off", "empty", "not an HDF5"].iter().any(|part| message.contains(part));
        assert!(said && !message.contains("gave up"), "{len}: {message}");
    }
}

/// Flips up to three bits, reads, and returns how many of `cases` files were refused.
fn refused_after_flips(whole: &[u8], cases: usize, seed: u64) -> usize {
    let (_folder, path) = folder();
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut refused = 0;
    for case in 0..cases {
        let mut bytes = whole.to_vec();
        for _ in 0..=(case % 3) {
            let at = rng.random_range(0..bytes.len());
            bytes[at] ^= 1 << rng.random_range(0..8);
        }
        std::fs::write(&path, &bytes).unwrap();
        match read(&path) {
            Err(EnvError::Data { problem, .. }) => {
                refused += 1;
                assert!(!problem.contains("gave up"), "the parser panicked: {problem}");
            }
            Err(other) => panic!("{other:?}"),
            // What is read in spite of a flip must be sound: lengths agree, numbers are finite.
            Ok(read) => read.check().unwrap(),
        }
    }
    println!("{refused} of {cases} damaged files refused");
    refused
}

#[test]
fn flipped_bits_never_panic_and_never_give_unchecked_data() {
    let (_folder, path) = folder();
    write_hdf5(&small(2_000), &path, WriteOptions::default()).unwrap();
    let ours = std::fs::read(&path).unwrap();
    let refused = refused_after_flips(&ours, 300, 2);
    assert!(refused > 290, "checksums of chunks and headers catch nearly all flips: {refused}");
    // h5py's files have padding and structure without checksums; sound or refused is all one can ask.
    refused_after_flips(FROM_H5PY, 1000, 3);
}
