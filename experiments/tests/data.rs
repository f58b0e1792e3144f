//! `forethought data`: looking at data, holding them against what is sound, drawing and converting them.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

// What trains on maze data and plans is for the other tests.
#[allow(dead_code)]
mod program;

use std::path::Path;

use forethought_envs::data::{Dataset, ReadOptions, WriteOptions, read_data, write_data};
use program::{Home, data, text};

/// A small data set of two episodes in which the position counts up, mended by the caller.
fn write(path: &Path, spoil: impl FnOnce(&mut Dataset)) {
    let rows = 400_u16;
    let wave = |row: u16| (0.1 * f32::from(row)).sin();
    let observations = (0..rows).flat_map(|row| [0.01 * f32::from(row), wave(row)]).collect();
    let mut dataset = Dataset::of_rows("", [2, 1], observations, (0..rows).map(wave).collect());
    dataset.rewards = (0..rows).map(|row| f32::from(row % 200) / 100.0).collect();
    (dataset.timeouts[199], dataset.timeouts[399]) = (true, true);
    spoil(&mut dataset);
    write_data(&dataset, path, WriteOptions::default()).unwrap();
}

#[test]
fn sound_data_pass_and_what_looks_wrong_is_told_with_its_row() {
    let home = Home::new();
    write(&home.path("good.hdf5"), |_| {});
    let told = home.succeed(["data", "validate", "good.hdf5"]);
    assert!(told.contains("nothing looks wrong in 400 rows"), "{told}");

    write(&home.path("bad.hdf5"), |dataset| dataset.observations[2 * 57] = 900.0);
    let output = home.run(["data", "validate", "bad.hdf5"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stdout).contains("57"), "{}", text(&output.stdout));
    assert!(text(&output.stderr).contains("wrong in bad.hdf5"), "{}", text(&output.stderr));
    let output = home.run(["data", "validate", "bad.hdf5", "--json"]);
    let told: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((output.status.code(), &told["sound"]), (Some(1), &false.into()));
    assert!(!told["findings"].as_array().unwrap().is_empty());
}

#[test]
fn data_are_held_against_bounds_and_environments() {
    let home = Home::new();
    write(&home.path("a.hdf5"), |dataset| dataset.actions[31] = 1.5);
    std::fs::write(home.path("a.toml"), "action_low = [-1.0]\naction_high = [1.0]\n").unwrap();
    let output = home.run(["data", "validate", "a.hdf5"]);
    let told = text(&output.stdout);
    assert!(output.status.code() == Some(1) && told.contains("row 31") && told.contains("bounds"), "{told}");

    // One bound alone, and bounds that are not those of the actions.
    std::fs::write(home.path("a.toml"), "action_high = [1.0]\n").unwrap();
    assert!(text(&home.run(["data", "validate", "a.hdf5"]).stdout).contains("row 31"));
    std::fs::write(home.path("a.toml"), "action_low = [-9.0, -9.0]\naction_high = [9.0, 9.0]\n").unwrap();
    let output = home.run(["data", "validate", "a.hdf5"]);
    assert!(output.status.code() == Some(1) && text(&output.stdout).contains("action_low has 2 numbers"));
    // Widths that no array has.
    let huge = format!("{{ name = \"x\", width = {}, kind = \"other\" }}", i64::MAX);
    let position = "{ name = \"y\", width = 2, kind = \"position\" }";
    std::fs::write(home.path("a.toml"), format!("features = [{huge}, {huge}, {huge}, {position}]\n"))
        .unwrap();
    assert_eq!(home.run(["data", "validate", "a.hdf5"]).status.code(), Some(1));
    home.succeed(["data", "plot", "a.hdf5"]);

    let file = data().to_str().unwrap();
    let output = home.run(["data", "validate", file, "--environment", "maze2d-large"]);
    // A position that is free in the small maze is inside a wall of the large one.
    assert!(text(&output.stdout).contains("wall"), "{}", text(&output.stdout));
    assert_eq!(output.status.code(), Some(1));
    let output = home.run(["data", "validate", file, "--environment", "toy-car"]);
    assert!(text(&output.stdout).contains("toy-car-v0"), "{}", text(&output.stdout));
}

#[test]
fn converted_data_are_the_same_rows() {
    let home = Home::new();
    write(&home.path("a.hdf5"), |_| {});
    let output = home.run(["data", "convert", "a.hdf5", "b.npz"]);
    assert!(output.status.success() && text(&output.stderr).contains("rewards are left out"));
    let output = home.run(["data", "convert", "a.hdf5", "b.npz"]);
    assert!(!output.status.success() && text(&output.stderr).contains("--force"), "nothing is overwritten");
    home.succeed(["data", "convert", "b.npz", "c.hdf5"]);
    let [a, c] =
        ["a.hdf5", "c.hdf5"].map(|name| read_data(&home.path(name), &ReadOptions::default()).unwrap());
    assert_eq!((a.observations, a.actions, a.timeouts), (c.observations, c.actions, c.timeouts));
}

#[test]
fn folders_of_other_layouts_are_written_and_read_back() {
    let home = Home::new();
    write(&home.path("a.hdf5"), |_| {});
    let output = home.run(["data", "convert", "a.hdf5", "frames", "--to", "lerobot"]);
    assert!(!output.status.success() && text(&output.stderr).contains("step_seconds"), "nothing is made up");
    std::fs::write(home.path("a.toml"), "step_seconds = 0.05\n").unwrap();
    for (out, layout) in [("a-v0", "minari"), ("frames", "lerobot")] {
        let output = home.run(["data", "convert", "a.hdf5", out, "--to", layout]);
        assert!(output.status.success(), "{}", text(&output.stderr));
        let told = text(&output.stderr).contains("last rows of 2 episodes");
        assert_eq!(told, layout == "minari", "{}", text(&output.stderr));
        let output = home.run(["data", "convert", "a.hdf5", out, "--to", layout, "--force"]);
        assert!(!output.status.success() && text(&output.stderr).contains("never replaced"));
    }
    home.succeed(["data", "convert", "frames", "b.hdf5"]);
    let [a, b] =
        ["a.hdf5", "b.hdf5"].map(|name| read_data(&home.path(name), &ReadOptions::default()).unwrap());
    assert_eq!((a.observations, a.actions, a.rewards), (b.observations, b.actions, b.rewards));
    assert_eq!((a.terminals, a.timeouts), (b.terminals, b.timeouts));
}

#[test]
fn episodes_are_told_in_numbers_and_drawn() {
    let home = Home::new();
    write(&home.path("a.hdf5"), |_| {});
    let told: serde_json::Value =
        serde_json::from_str(&home.succeed(["data", "stats", "a.hdf5", "--json"])).unwrap();
    assert_eq!((&told["episodes"], &told["lengths"]["median"]), (&2.into(), &200.0.into()));
    // 0 + 1 + ... + 199 hundredths.
    assert!((told["returns"]["largest"].as_f64().unwrap() - 199.0).abs() < 1e-3, "{told}");
    assert!(home.succeed(["data", "stats", "a.hdf5"]).contains("median"));

    home.succeed(["data", "plot", "a.hdf5"]);
    let drawn = std::fs::read_to_string(home.path("a.svg")).unwrap();
    assert!(drawn.contains("observation 0") && drawn.contains("return of an episode"));
    assert!(!home.run(["data", "plot", "a.hdf5"]).status.success(), "nothing is overwritten");
    let output = home.run(["data", "plot", "a.hdf5", "--columns", "0,7", "--out", "c.svg"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("column 7"), "{}", text(&output.stderr));
    let output = home.run(["data", "plot", "a.hdf5", "--columns", "0", "--out", "c.svg"]);
    assert!(output.status.code() == Some(2) && text(&output.stderr).contains("--columns 0,1"));
}

#[test]
fn what_cannot_be_read_is_refused_by_every_command() {
    let home = Home::new();
    std::fs::write(home.path("x.hdf5"), "hello").unwrap();
    for command in [
        ["data", "inspect", "x.hdf5"].as_slice(),
        &["data", "validate", "x.hdf5"],
        &["data", "stats", "x.hdf5"],
        &["data", "plot", "x.hdf5"],
        &["data", "convert", "x.hdf5", "y.npz"],
    ] {
        let output = home.run(command);
        assert!(!output.status.success() && text(&output.stderr).contains("x.hdf5"), "{command:?}");
        assert!(!home.path("y.npz").exists() && !home.path("x.svg").exists(), "nothing is written");
    }
}

#[test]
fn sequences_are_as_long_as_the_episodes_of_the_data() {
    let home = Home::new();
    // 30 episodes of 12 rows, and four of 5.
    write(&home.path("a.hdf5"), |dataset| {
        dataset.timeouts.fill(false);
        (0..30)
            .map(|i| 12 * i + 11)
            .chain((0..4).map(|i| 364 + 5 * i))
            .for_each(|row| dataset.timeouts[row] = true);
        dataset.timeouts[399] = true;
    });
    let small =
        ["--set", "train.steps=1", "--set", "model.network.width=8", "--set", "model.network.layers=1"];
    let run = |more: &[&str]| {
        let data: &[&str] = if more.contains(&"--data") { &[] } else { &["--data", "a.hdf5"] };
        let all = ["train", "--set", "train.shards=1"].iter().chain(data).chain(&small).chain(more);
        let output = home.run(all);
        assert!(output.status.success(), "{}", text(&output.stderr));
        text(&output.stderr)
    };
    let told = run(&["--out", "proposed"]);
    assert!(told.contains("sequences of 11 chunks of 1 frames") && told.contains("12 rows"), "{told}");
    let said = std::fs::read_to_string(home.path("proposed/config.toml")).unwrap();
    assert!(said.contains("chunks = 11") && said.contains("frames_per_token = 1"), "{said}");
    // A stub among longer episodes decides nothing.
    write(&home.path("b.hdf5"), |dataset| {
        dataset.timeouts.fill(false);
        [97, 195, 293, 391, 393, 399].iter().for_each(|row| dataset.timeouts[*row] = true);
    });
    let told = run(&["--data", "b.hdf5", "--out", "stub"]);
    assert!(told.contains("sequences of 14 chunks of 7 frames"), "{told}");
    // What was asked for is what is done, and nothing is said to have been proposed.
    let told = run(&["--out", "asked", "--set", "model.chunks=3", "--set", "model.frames_per_token=2"]);
    let said = std::fs::read_to_string(home.path("asked/config.toml")).unwrap();
    assert!(said.contains("chunks = 3") && !told.contains("sequences of"), "{told}");
}
