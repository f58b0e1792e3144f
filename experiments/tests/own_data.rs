//! Data of one's own: a file with or without a description, what is told of it, and what is refused.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

// What trains on maze data and plans is for the other tests.
#[allow(dead_code)]
mod program;

use std::fs;
use std::path::Path;

use forethought_envs::data::{Dataset, DatasetMetadata, WriteOptions, write_hdf5};
use program::{Home, TINY, sets, text};
use serde_json::Value;

/// Logged reaches of a point in space: position, velocity; the action is an acceleration.
fn robot(trajectories: usize, rows: usize) -> Dataset {
    let total = trajectories * rows;
    let (mut observations, mut actions) = (Vec::new(), Vec::new());
    for trajectory in 0..trajectories {
        let (mut position, mut velocity) = ([0.1 * trajectory as f32, 0.2, 0.3], [0.0f32; 3]);
        for row in 0..rows {
            let action = [0, 1, 2].map(|axis| ((row * (axis + 2) + 7 * trajectory) as f32 * 0.13).sin());
            observations.extend(position.iter().chain(&velocity));
            actions.extend(action);
            for axis in 0..3 {
                velocity[axis] = 0.9 * velocity[axis] + 0.05 * action[axis];
                position[axis] += 0.05 * velocity[axis];
            }
        }
    }
    Dataset {
        env_id: String::new(),
        observation_dim: 6,
        action_dim: 3,
        goal_dim: 0,
        observations,
        actions,
        rewards: vec![0.0; total],
        terminals: vec![false; total],
        timeouts: (0..total).map(|row| row % rows == rows - 1).collect(),
        goals: None,
        simulator: None,
        metadata: DatasetMetadata::default(),
    }
}

fn write(data: &Dataset, path: &Path) {
    write_hdf5(data, path, WriteOptions { overwrite: true, ..WriteOptions::default() }).unwrap();
}

const DESCRIPTION: &str = r#"
    environment = "my-arm"
    step_seconds = 0.05
    action_low = [-1, -1, -1]
    action_high = [1, 1, 1]
    features = [{ name = "tip", width = 3, kind = "position" }, { name = "tip velocity", width = 3, kind = "velocity" }]
    [task]
    kind = "goal"
    entries = [0, 1, 2]
    radius = 0.05
"#;

fn train(arguments: &[&str]) -> Vec<String> {
    let mut words = vec!["train".to_owned(), "--json".to_owned()];
    words.extend(arguments.iter().map(|word| (*word).to_owned()));
    words.extend(sets(TINY));
    words
}

fn parse(json: &str) -> Value {
    serde_json::from_str(json).unwrap_or_else(|error| panic!("{error}: {json}"))
}

#[test]
fn a_file_alone_is_trained_on_with_trajectories_shorter_than_a_window() {
    let home = Home::new();
    write(&robot(20, 12), &home.path("reach.hdf5"));
    let summary = parse(&home.succeed(train(&["--data", "reach.hdf5", "--set", "data.validation=0.2"])));
    let counts = &summary["data"]["windows"];
    // Windows of 17 rows: all trajectories are padded.
    assert_eq!(
        (&counts["used"], &counts["padded"], &counts["held_out"]),
        (&20.into(), &20.into(), &4.into())
    );
    let manifest: Value = serde_json::from_slice(
        &fs::read(home.path("runs/reach/train/checkpoints/step-00000030/manifest.json")).unwrap(),
    )
    .unwrap();
    assert_eq!(manifest["environment"]["id"], "reach");
    let metrics = text(&fs::read(home.path("runs/reach/train/metrics.jsonl")).unwrap());
    assert!(metrics.lines().all(|line| parse(line)["validation_loss"].is_f64()), "{metrics}");
    // The same command again finds nothing left to do, and a person is told what the data are.
    let words = train(&["--data", "reach.hdf5", "--set", "data.validation=0.2"]);
    let again = home.run(words.iter().filter(|word| *word != "--json"));
    let told = text(&again.stderr);
    assert!(again.status.success() && told.contains("20 trajectories of 12 rows"), "{told}");
    assert!(told.contains("20 shorter than a window and padded; 4 held out"), "{told}");
}

#[test]
fn a_description_beside_the_data_or_named_makes_the_environment() {
    let home = Home::new();
    write(&robot(8, 30), &home.path("logs.hdf5"));
    fs::write(home.path("arm.toml"), DESCRIPTION).unwrap();
    home.succeed(train(&["--data", "logs.hdf5", "--describe", "arm.toml", "--out", "named"]));
    fs::rename(home.path("arm.toml"), home.path("logs.toml")).unwrap();
    home.succeed(train(&["--data", "logs.hdf5", "--out", "beside"]));
    for run in ["named", "beside"] {
        let path = format!("{run}/checkpoints/step-00000030/manifest.json");
        let manifest: Value = serde_json::from_slice(&fs::read(home.path(&path)).unwrap()).unwrap();
        let spec = &manifest["environment"];
        assert_eq!((&spec["id"], &spec["step_seconds"]), (&"my-arm".into(), &0.05.into()), "{run}");
        assert_eq!(spec["action"]["high"], serde_json::json!([1.0, 1.0, 1.0]));
        assert_eq!(spec["features"][0]["name"], "tip");
        assert_eq!(manifest["layout"]["condition"], serde_json::json!([0, 1, 2]));
        assert!(!manifest["support"].is_null() && !manifest["inverse"].is_null());
    }
}

#[test]
fn data_that_do_not_fit_what_was_asked_are_refused_naming_the_file_and_the_remedy() {
    let home = Home::new();
    write(&robot(8, 30), &home.path("logs.hdf5"));
    let refused = |arguments: &[&str], code: i32, parts: &[&str]| {
        let output = home.run(train(arguments));
        let message = text(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{message}");
        for part in parts {
            assert!(message.contains(part), "{part}: {message}");
        }
    };
    refused(&[], 2, &["--data"]);
    refused(&["--data", "none.hdf5"], 1, &["none.hdf5", "check the path"]);
    refused(&["maze2d-umaze", "--data", "logs.hdf5"], 1, &["logs.hdf5", "6", "leave the name out"]);
    refused(&["my-arm", "--data", "logs.hdf5"], 2, &["my-arm", "leave the name out"]);
    refused(
        &["--data", "logs.hdf5", "--set", "model.reward=true", "--set", "data.validation=8"],
        2,
        &["data.validation"],
    );
    fs::write(home.path("wrong.toml"), "features = [{ name = \"tip\", width = 5 }]").unwrap();
    refused(&["--data", "logs.hdf5", "--describe", "wrong.toml"], 1, &["wrong.toml", "5 entries", "have 6"]);
    fs::write(home.path("wrong.toml"), "acton_low = [1]").unwrap();
    refused(&["--data", "logs.hdf5", "--describe", "wrong.toml"], 1, &["wrong.toml", "action_low"]);

    // Data of one maze for another, by the name in the file; a description of what a maze knows itself.
    home.succeed(["collect", "maze2d-umaze", "--set", "data.rows=2000", "--out", "umaze.hdf5"]);
    refused(&["maze2d-medium", "--data", "umaze.hdf5"], 1, &["umaze.hdf5", "maze2d-umaze-v1", "train for"]);
    fs::write(home.path("wrong.toml"), "step_seconds = 0.1").unwrap();
    refused(&["maze2d-umaze", "--data", "umaze.hdf5", "--describe", "wrong.toml"], 2, &["step_seconds"]);
    // The file names its environment, so that the name may be left out.
    home.succeed(train(&["--data", "umaze.hdf5", "--out", "unnamed"]));
    let config = fs::read_to_string(home.path("unnamed/config.toml")).unwrap();
    assert!(config.contains("environment = \"maze2d-umaze-v1\""), "{config}");
}

#[test]
fn lost_rows_are_refused_in_a_maze_and_warned_of_elsewhere() {
    let home = Home::new();
    home.succeed(["collect", "maze2d-umaze", "--set", "data.rows=2000", "--out", "umaze.hdf5"]);
    let read = |name: &str| {
        forethought_envs::data::read_hdf5(&home.path(name), &forethought_envs::data::ReadOptions::default())
            .unwrap()
    };
    let mut lost = read("umaze.hdf5");
    (lost.simulator, lost.metadata.layout_hash) = (None, None);
    lost.observations[4 * 300..4 * 301].fill(0.0);
    write(&lost, &home.path("lost.hdf5"));
    let output = home.run(train(&["maze2d-umaze", "--data", "lost.hdf5", "--out", "refused"]));
    let message = text(&output.stderr);
    assert!(
        !output.status.success() && message.contains("lost.hdf5") && message.contains("row 300"),
        "{message}"
    );

    lost.env_id = "elsewhere".into();
    write(&lost, &home.path("lost.hdf5"));
    let summary = parse(&home.succeed(train(&["--data", "lost.hdf5", "--out", "warned"])));
    let findings = summary["data"]["findings"].as_array().unwrap();
    assert!(findings.iter().any(|f| f["kind"] == "zero-row" && f["row"] == 300), "{findings:?}");
    let seen = home.succeed(["inspect", "lost.hdf5"]);
    assert!(seen.contains("row 300"), "{seen}");
}
