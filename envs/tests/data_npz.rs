//! `.npz` files in OGBench's layout: numpy's are read, ours come back as they were, damaged ones are refused.
#![allow(clippy::unwrap_used, clippy::panic, clippy::float_cmp)]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use forethought_envs::data::{
    Dataset, DatasetMetadata, ReadOptions, RewardConvention, TimeoutMeaning, WriteOptions, read_npz,
    validation_path, write_npz,
};
use forethought_envs::maze::{OgBenchOptions, generate_ogbench};
use proptest::prelude::{ProptestConfig, prop_assert, proptest};
use tempfile::TempDir;

const STITCH: &str = "pointmaze-teleport-stitch-v0";
/// Written by numpy from the package's own steps (`envs/interop/ogbench_check.py fixture`).
const SMALL: &[u8] = include_bytes!("../interop/ogbench_small.npz");

fn home_with(bytes: &[u8]) -> (TempDir, PathBuf) {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("data.npz");
    std::fs::write(&path, bytes).unwrap();
    (home, path)
}

fn read(path: &Path) -> Dataset {
    read_npz(path, &ReadOptions { env_id: Some(STITCH.into()), ..ReadOptions::default() }).unwrap()
}

fn refusal(path: &Path) -> String {
    read_npz(path, &ReadOptions::default()).unwrap_err().to_string()
}

fn data(rows: usize) -> Dataset {
    let options = OgBenchOptions { rows, seed: 4, stale_observations: true, ..OgBenchOptions::default() };
    generate_ogbench(STITCH, &options, &mut |_, _| {}).unwrap()
}

/// An array of numpy's of one-byte numbers or of float32, as a file.
fn npy(descr: &str, shape: &str, bytes: &[u8]) -> Vec<u8> {
    let text = format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}\n");
    let mut file = b"\x93NUMPY\x01\0".to_vec();
    file.extend(u16::try_from(text.len()).unwrap().to_le_bytes());
    file.extend(text.as_bytes());
    file.extend(bytes);
    file
}

/// A zip file of stored files, with what their directory says of their sizes multiplied.
fn zip(files: &[(&str, Vec<u8>)], claim: u32) -> Vec<u8> {
    let (mut out, mut directory) = (Vec::new(), Vec::new());
    for (name, content) in files {
        let mut crc = flate2::Crc::new();
        crc.update(content);
        let len = u32::try_from(content.len()).unwrap();
        let at = u32::try_from(out.len()).unwrap();
        let mut common = vec![20, 0, 0, 0, 0, 0, 0, 0, 0x21, 0];
        common.extend(crc.sum().to_le_bytes());
        common.extend(len.to_le_bytes());
        common.extend(len.saturating_mul(claim).to_le_bytes());
        common.extend(u16::try_from(name.len()).unwrap().to_le_bytes());
        common.extend([0, 0]);
        out.extend(b"PK\x03\x04");
        out.extend(&common);
        out.extend(name.as_bytes());
        out.extend(content);
        directory.extend(b"PK\x01\x02\x14\0");
        directory.extend(&common);
        directory.extend([0; 10]);
        directory.extend(at.to_le_bytes());
        directory.extend(name.as_bytes());
    }
    let (at, count) = (u32::try_from(out.len()).unwrap(), u16::try_from(files.len()).unwrap());
    let len = u32::try_from(directory.len()).unwrap();
    out.extend(directory);
    out.extend(b"PK\x05\x06\0\0\0\0");
    out.extend([count.to_le_bytes(), count.to_le_bytes()].concat());
    out.extend([len.to_le_bytes(), at.to_le_bytes()].concat());
    out.extend([0, 0]);
    out
}

fn floats(values: &[f32]) -> Vec<u8> {
    values.iter().flat_map(|value| value.to_le_bytes()).collect()
}

/// Two rows that are sound, with one array replaced.
fn file_with(replaced: &str, array: Option<Vec<u8>>) -> Vec<u8> {
    let sound = [
        ("observations.npy", npy("<f4", "(2, 2)", &floats(&[0.0, 1.0, 2.0, 3.0]))),
        ("actions.npy", npy("<f4", "(2, 1)", &floats(&[0.5, -0.5]))),
        ("terminals.npy", npy("|b1", "(2,)", &[0, 1])),
    ];
    let mut files: Vec<(&str, Vec<u8>)> =
        sound.into_iter().filter(|(name, _)| name.trim_end_matches(".npy") != replaced).collect();
    let name = format!("{replaced}.npy");
    if let Some(array) = array {
        files.push((&name, array));
    }
    zip(&files, 1)
}

#[test]
fn a_file_that_numpy_wrote_is_read_number_by_number() {
    let (_home, path) = home_with(SMALL);
    let mut data = read(&path);
    let expected: serde_json::Value =
        serde_json::from_str(include_str!("../interop/ogbench_small.json")).unwrap();
    let want = |key: &str| -> Vec<f32> {
        expected[key].as_array().unwrap().iter().map(|value| value.as_f64().unwrap() as f32).collect()
    };
    assert_eq!((data.len(), data.observation_dim, data.action_dim), (14, 2, 2));
    assert_eq!((&data.observations, &data.actions), (&want("observations"), &want("actions")));
    let simulator = data.simulator.clone().unwrap();
    assert_eq!((&simulator.positions, &simulator.velocities), (&want("qpos"), &want("qvel")));
    let ends: Vec<usize> = (0..14).filter(|row| data.timeouts[*row]).collect();
    assert_eq!((ends, data.terminals.iter().any(|flag| *flag)), (vec![6, 13], false));
    assert_eq!(data.metadata.rewards, RewardConvention::Missing);
    assert_eq!(data.env_id, STITCH);
    // The package records the observation after a jump late.
    assert_eq!(data.repair_stale_observations().unwrap(), 1);
    assert_eq!(data.observations, simulator.positions);
}

#[test]
fn what_is_written_comes_back_and_the_same_data_give_the_same_bytes() {
    let home = tempfile::tempdir().unwrap();
    let (path, again) = (home.path().join("a.npz"), home.path().join("b.npz"));
    let written = data(10_000);
    for path in [&path, &again] {
        write_npz(&written, path, WriteOptions::default()).unwrap();
    }
    assert_eq!(std::fs::read(&path).unwrap(), std::fs::read(&again).unwrap());
    let found = read(&path);
    let kept = Dataset {
        rewards: vec![0.0; written.len()],
        goals: None,
        goal_dim: 0,
        metadata: DatasetMetadata { rewards: RewardConvention::Missing, ..DatasetMetadata::default() },
        ..written.clone()
    };
    assert_eq!(found, kept);
    let names: Vec<_> =
        std::fs::read_dir(home.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names.len(), 2, "{names:?}");
}

#[test]
fn episodes_end_where_they_were_cut_and_not_where_only_the_goal_changed() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("a.npz");
    let mut written = data(450);
    let ends = |data: &Dataset| -> Vec<usize> { (0..data.len()).filter(|row| data.timeouts[*row]).collect() };
    written.timeouts[449] = false;
    write_npz(&written, &path, WriteOptions::default()).unwrap();
    assert_eq!(ends(&read(&path)), [200, 401, 449], "the last row ends in any case");
    written.metadata.timeouts = TimeoutMeaning::GoalSwitch;
    written.terminals[100] = true;
    write_npz(&written, &path, WriteOptions { overwrite: true, ..WriteOptions::default() }).unwrap();
    assert_eq!(ends(&read(&path)), [100, 449]);
}

#[test]
fn nothing_is_half_written_and_nothing_replaced_unasked() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("a.npz");
    let mut bad = data(300);
    bad.observations[5] = f32::NAN;
    let message = write_npz(&bad, &path, WriteOptions::default()).unwrap_err().to_string();
    assert!(message.contains("observations holds NaN in row 2"), "{message}");
    assert!(std::fs::read_dir(home.path()).unwrap().next().is_none());
    std::fs::write(&path, "mine").unwrap();
    let message = write_npz(&data(300), &path, WriteOptions::default()).unwrap_err().to_string();
    assert!(message.contains("exists already"), "{message}");
    assert_eq!(std::fs::read(&path).unwrap(), b"mine");
    let nowhere = home.path().join("none/a.npz");
    assert!(
        write_npz(&data(300), &nowhere, WriteOptions::default()).unwrap_err().to_string().contains("folder")
    );
}

#[test]
fn the_file_to_validate_with_stands_beside() {
    for (path, want) in [("a/b.npz", "a/b-val.npz"), ("b.c.npz", "b.c-val.npz"), ("b", "b-val")] {
        assert_eq!(validation_path(Path::new(path)), Path::new(want));
    }
}

#[test]
fn other_layouts_are_refused_with_what_is_wrong() {
    let (_home, sound) = home_with(&file_with("none", None));
    assert_eq!(read(&sound).len(), 2);
    let scalar = npy("<f4", "()", &floats(&[1.0]));
    let image = npy("|u1", "(2, 2, 2, 3)", &[0; 24]);
    let whole = npy("<i4", "(2, 1)", &[0; 8]);
    for (replaced, array, parts) in [
        ("observations", None, ["`observations` is missing", "there is actions, terminals"]),
        ("terminals", None, ["`terminals` is missing", "OGBench's layout"]),
        ("observations", Some(image), ["[2, 2, 2, 3]", "images"]),
        ("observations", Some(scalar), ["shape []", "[rows, entries]"]),
        ("observations", Some(npy("<f4", "(2, 0)", &[])), ["shape [2, 0]", "[rows, entries]"]),
        ("actions", Some(whole), ["`actions`", "discrete actions"]),
        (
            "actions",
            Some(npy("<f4", "(3, 1)", &floats(&[0.0; 3]))),
            ["`actions` has 3 rows", "`observations` 2"],
        ),
        ("terminals", Some(npy("|b1", "(3,)", &[0; 3])), ["`terminals` has 3 rows", "belong together"]),
        ("qpos", Some(npy("<f4", "(1, 2)", &floats(&[0.0; 2]))), ["`qpos` has 1 rows", "belong together"]),
        ("terminals", Some(npy("|b1", "(2, 3)", &[0; 6])), ["`terminals`", "one number per row"]),
        ("terminals", Some(npy("|u1", "(2,)", &[0, 7])), ["row 1 holds 7", "0 and 1"]),
        (
            "actions",
            Some(npy("<f4", "(2, 1)", &floats(&[0.0, f32::NAN]))),
            ["actions holds NaN in row 1", "finite"],
        ),
        (
            "actions",
            Some(npy("<f8", "(2, 1)", &[1e300_f64.to_le_bytes(), [0; 8]].concat())),
            ["actions holds inf", "row 0"],
        ),
        ("actions", Some(b"not an array".to_vec()), ["`actions`", "savez"]),
    ] {
        let (_home, path) = home_with(&file_with(replaced, array));
        let message = refusal(&path);
        assert!(message.contains("data.npz") && parts.iter().all(|part| message.contains(part)), "{message}");
    }
    for (bytes, says) in
        [(&b""[..], "not a zip file"), (b"PK\x03\x04", "damaged or cut off"), (b"hello", "check the path")]
    {
        let (_home, path) = home_with(bytes);
        assert!(refusal(&path).contains(says), "{}", refusal(&path));
    }
    let home = tempfile::tempdir().unwrap();
    assert!(refusal(home.path()).contains("folder"));
    assert!(read_npz(&home.path().join("none.npz"), &ReadOptions::default()).is_err());
}

#[test]
fn sizes_are_held_against_the_file_before_memory_is_asked_for() {
    let home = tempfile::tempdir().unwrap();
    let still = home.path().join("still.npz");
    let mut zeros = data(10_000);
    zeros.observations.fill(0.0);
    zeros.actions.fill(0.0);
    zeros.simulator = None;
    write_npz(&zeros, &still, WriteOptions::default()).unwrap();
    for (max_bytes, says) in
        [(500, "more than the limit"), (50_000, "left of the limit"), (120_000, "left of the limit")]
    {
        let small = ReadOptions { max_bytes, ..ReadOptions::default() };
        let message = read_npz(&still, &small).unwrap_err().to_string();
        assert!(message.contains(says), "{message}");
    }
    assert_eq!(read(&still).len(), 10_000);
    // A file of a kilobyte that says that it holds gigabytes, in its directory or in the array's own words.
    let huge = vec![("observations.npy", npy("<f4", "(2, 2)", &floats(&[0.0; 4])))];
    let (_home, path) = home_with(&zip(&huge, 20_000_000));
    assert!(refusal(&path).contains("damaged or cut off"), "{}", refusal(&path));
    let (_home, path) = home_with(&file_with("observations", Some(npy("<f4", "(400000000, 2)", &[0; 16]))));
    assert!(refusal(&path).contains("are there"), "{}", refusal(&path));
}

#[test]
fn a_file_cut_off_anywhere_is_refused() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("a.npz");
    for len in 0..SMALL.len() {
        std::fs::write(&path, &SMALL[..len]).unwrap();
        assert!(refusal(&path).contains("a.npz"), "{len}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, failure_persistence: None, ..ProptestConfig::default() })]

    /// Changed bytes are refused, or lie where nothing is read from; nothing panics.
    #[test]
    fn a_file_with_changed_bytes_is_refused_or_read_as_it_was(changes in proptest::collection::btree_map(0..SMALL.len(), 0_u8..=255, 1..4)) {
        let changes: BTreeMap<usize, u8> = changes;
        let mut bytes = SMALL.to_vec();
        for (at, byte) in changes {
            bytes[at] = byte;
        }
        let (_home, path) = home_with(&bytes);
        let (_sound, sound) = home_with(SMALL);
        if let Ok(data) = read_npz(&path, &ReadOptions::default()) {
            let whole = read_npz(&sound, &ReadOptions::default()).unwrap();
            prop_assert!(data.observations == whole.observations && data.actions == whole.actions);
        }
    }
}
