//! Data sets written in other people's layouts and read back: the same rows, and a word for everything that is not.
#![allow(clippy::unwrap_used)]

use std::fs;
use std::path::Path;

use forethought_envs::data::{
    DataLayout, Dataset, ReadOptions, RewardConvention, SimulatorState, TimeoutMeaning, WriteOptions,
    read_data, write_data_as, write_lerobot, write_minari,
};
use forethought_envs::{Feature, FeatureKind};
use serde_json::Value;

/// Episodes of 5, 3 and 4 rows: ended by the task, by the clock, and by the end of the recording.
fn sample(width: usize) -> Dataset {
    let rows = 12;
    let number = |at: usize| ((at * 37) % 101) as f32 / 64.0 - 0.5;
    let observations = (0..rows * width).map(number).collect();
    let actions = (0..rows * 2).map(|at| number(at + 7)).collect();
    let mut data = Dataset::of_rows("Reacher-v5", [width, 2], observations, actions);
    data.rewards = (0..rows).map(|row| row as f32 / 4.0).collect();
    (data.terminals[4], data.timeouts[7], data.timeouts[11]) = (true, true, true);
    data.metadata.description.step_seconds = Some(0.02);
    data
}

/// The same with last rows as readers make them of layouts that record what the last action led to.
fn closed(width: usize) -> Dataset {
    let mut data = sample(width);
    for last in [4, 7, 11] {
        data.actions.copy_within(2 * last - 2..2 * last, 2 * last);
        data.rewards[last] = 0.0;
    }
    data
}

fn read(path: &Path) -> Dataset {
    read_data(path, &ReadOptions::default()).unwrap()
}

/// Holds the rows of two data sets against one another.
#[track_caller]
fn same_rows(a: &Dataset, b: &Dataset) {
    assert_eq!((a.observation_dim, a.action_dim, a.goal_dim), (b.observation_dim, b.action_dim, b.goal_dim));
    assert_eq!((&a.observations, &a.actions, &a.goals), (&b.observations, &b.actions, &b.goals));
    assert_eq!((&a.rewards, &a.terminals, &a.timeouts), (&b.rewards, &b.terminals, &b.timeouts));
}

#[test]
fn episodes_with_their_last_observation_are_the_same_in_minaris_layout() {
    let home = tempfile::tempdir().unwrap();
    let mut data = closed(3);
    data.metadata.description.action_low = Some(vec![-1.0, -2.0]);
    data.metadata.description.action_high = Some(vec![2.5, 2.0]);
    assert_eq!(data.lost_in(DataLayout::Minari), ["the seconds of a step are left out"]);
    for goals in [None, Some((0..24).map(|at| at as f32).collect::<Vec<_>>())] {
        data.goal_dim = 2 * usize::from(goals.is_some());
        data.goals = goals;
        let path = home.path().join(format!("reach{}-v1", data.goal_dim));
        write_minari(&data, &path, WriteOptions::default()).unwrap();
        for place in [path.clone(), path.join("data"), path.join("data/main_data.hdf5")] {
            same_rows(&read(&place), &data);
        }
        let found = read(&path);
        assert_eq!(found.env_id, "Reacher-v5");
        let description = &found.metadata.description;
        assert_eq!(description.action_low, Some(vec![-1.0, -2.0]));
        assert_eq!(description.action_high, Some(vec![2.5, 2.0]));
        let said: Value =
            serde_json::from_slice(&fs::read(path.join("data/metadata.json")).unwrap()).unwrap();
        assert_eq!((&said["total_steps"], &said["total_episodes"]), (&9.into(), &3.into()));
        assert_eq!(said["dataset_id"], format!("reach{}-v1", data.goal_dim));
    }
    assert_eq!(fs::read_dir(home.path()).unwrap().count(), 2, "nothing else stays");
}

#[test]
fn last_actions_that_led_somewhere_unknown_are_left_out_of_minaris_layout_and_told() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("set");
    let mut data = sample(3);
    data.simulator = Some(SimulatorState { dim: 1, positions: vec![0.0; 12], velocities: vec![0.0; 12] });
    write_minari(&data, &path, WriteOptions::default()).unwrap();
    same_rows(&read(&path), &closed(3));
    let lost = data.lost_in(DataLayout::Minari).join("; ");
    // Rewards of rows 4, 7 and 11.
    assert!(lost.contains("last rows of 3 episodes, and rewards of 5.5 in all"), "{lost}");
    assert!(lost.contains("simulator") && lost.contains("seconds"), "{lost}");
    // Where a reward stands in the row after its step, none is lost.
    data.metadata.rewards = RewardConvention::OfObservation;
    assert!(data.lost_in(DataLayout::Minari).iter().any(|lost| lost.contains("rewards of 0 in all")));
    let path = home.path().join("late");
    write_minari(&data, &path, WriteOptions::default()).unwrap();
    let found = read(&path);
    for row in (0..11).filter(|row| ![4, 7].contains(row)) {
        assert_eq!(found.step_reward(row), data.step_reward(row), "row {row}");
    }
}

#[test]
fn frames_are_the_same_in_lerobots_layout() {
    let home = tempfile::tempdir().unwrap();
    // Vectors of one entry are kept as single numbers.
    for width in [1, 3] {
        for mut data in [sample(width), closed(width)] {
            let path = home.path().join("set");
            if width == 3 {
                data.metadata.description.features = vec![
                    Feature::new("tip", 2, FeatureKind::Position),
                    Feature::new("speed", 1, FeatureKind::Velocity),
                ];
            }
            write_lerobot(&data, &path, WriteOptions::default()).unwrap();
            let found = read(&path);
            same_rows(&found, &data);
            assert_eq!(found.metadata.description.step_seconds, Some(0.02));
            assert!(found.metadata.notes.is_empty(), "{:?}", found.metadata.notes);
            if width == 3 {
                let features = &found.metadata.description.features;
                let names: Vec<_> = features.iter().map(|of| of.name.as_str()).collect();
                assert_eq!(names, ["tip.0", "tip.1", "speed"]);
            }
            fs::remove_dir_all(&path).unwrap();
        }
    }
    let mut silent = sample(2);
    silent.rewards.fill(0.0);
    silent.metadata.rewards = RewardConvention::Missing;
    let path = home.path().join("silent");
    write_lerobot(&silent, &path, WriteOptions::default()).unwrap();
    assert_eq!(read(&path).metadata.rewards, RewardConvention::Missing);
    let said: Value = serde_json::from_slice(&fs::read(path.join("meta/info.json")).unwrap()).unwrap();
    assert_eq!(
        (&said["fps"], &said["total_frames"], &said["total_episodes"]),
        (&50.into(), &12.into(), &3.into())
    );
    assert_eq!(said["splits"]["train"], "0:3");
}

#[test]
fn many_frames_go_through_groups_of_rows() {
    let home = tempfile::tempdir().unwrap();
    let rows = 300_000;
    let observations: Vec<f32> = (0..2 * rows).map(|at| (at as f32 * 0.37).sin()).collect();
    let mut data = Dataset::of_rows("", [2, 1], observations, (0..rows).map(|row| row as f32).collect());
    data.metadata.description.step_seconds = Some(0.1);
    data.timeouts.iter_mut().skip(999).step_by(1000).for_each(|mark| *mark = true);
    let path = home.path().join("set");
    write_lerobot(&data, &path, WriteOptions::default()).unwrap();
    same_rows(&read(&path), &data);
}

/// More than eight megabytes: such files are not read whole.
#[test]
fn large_files_are_read_in_parts_to_the_same_numbers() {
    let home = tempfile::tempdir().unwrap();
    let rows = 700_001;
    let observations: Vec<f32> = (0..3 * rows).map(|at| (at as f32 * 0.37).sin()).collect();
    let mut data = Dataset::of_rows("", [3, 1], observations, (0..rows).map(|row| row as f32).collect());
    data.timeouts[rows - 1] = true;
    let [chunked, whole, npz] = ["chunked.hdf5", "whole.hdf5", "a.npz"].map(|name| home.path().join(name));
    let options = WriteOptions { compression: 0, ..WriteOptions::default() };
    for path in [&chunked, &npz] {
        write_data_as(&data, path, DataLayout::of_name(path), options).unwrap();
        assert!(fs::metadata(path).unwrap().len() > 8 << 20);
        same_rows(&read(path), &data);
    }
    let mut file = hdf5_pure::FileBuilder::new();
    let flags: Vec<u8> = data.timeouts.iter().map(|flag| u8::from(*flag)).collect();
    file.create_dataset("observations").with_f32_data(&data.observations).with_shape(&[rows as u64, 3]);
    file.create_dataset("actions").with_f32_data(&data.actions).with_shape(&[rows as u64, 1]);
    file.create_dataset("timeouts").with_u8_data(&flags);
    file.write(&whole).unwrap();
    same_rows(&read(&whole), &data);
    for path in [whole, chunked, npz] {
        let len = fs::metadata(&path).unwrap().len();
        fs::File::options().write(true).open(&path).unwrap().set_len(len - 5).unwrap();
        assert!(read_data(&path, &ReadOptions::default()).is_err(), "{}", path.display());
    }
}

#[test]
fn rows_across_goal_switches_are_one_episode() {
    let home = tempfile::tempdir().unwrap();
    let mut data = sample(3);
    data.metadata.timeouts = TimeoutMeaning::GoalSwitch;
    // Recorded twice, the row after the first switch.
    data.observations.copy_within(21..24, 24);
    for layout in [DataLayout::Minari, DataLayout::LeRobot] {
        let path = home.path().join(format!("{layout:?}"));
        write_data_as(&data, &path, layout, WriteOptions::default()).unwrap();
        let found = read(&path);
        assert_eq!((found.len(), found.timeout_count(), found.terminals[4]), (11, 2, true));
        let lost = data.lost_in(layout).join("; ");
        assert!(lost.contains("1 rows that repeat") && lost.contains("2 marks of where the goal"), "{lost}");
    }
}

#[test]
fn what_cannot_be_written_leaves_nothing_behind() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("set");
    let mut data = sample(3);
    data.metadata.description.step_seconds = None;
    data.env_id = "nobody-knows-v0".into();
    let message = write_lerobot(&data, &path, WriteOptions::default()).unwrap_err().to_string();
    assert!(message.contains("step_seconds"), "{message}");
    data.timeouts.fill(true);
    let message = write_minari(&data, &path, WriteOptions::default()).unwrap_err().to_string();
    assert!(message.contains("no episode has two rows"), "{message}");
    data.observations[5] = f32::NAN;
    assert!(write_minari(&data, &path, WriteOptions::default()).is_err());
    assert_eq!(fs::read_dir(home.path()).unwrap().count(), 0);
    fs::create_dir(&path).unwrap();
    fs::write(path.join("theirs"), "x").unwrap();
    for layout in [DataLayout::Minari, DataLayout::LeRobot] {
        assert!(write_data_as(&sample(3), &path, layout, WriteOptions::default()).is_err());
        let options = WriteOptions { overwrite: true, ..WriteOptions::default() };
        let message = layout.check(&path, options).unwrap_err().to_string();
        assert!(message.contains("never replaced"), "{message}");
    }
    assert_eq!((fs::read_dir(&path).unwrap().count(), fs::read_dir(home.path()).unwrap().count()), (1, 1));
}
