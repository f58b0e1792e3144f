//! Photographs that the program writes of episodes on MuJoCo: left out where MuJoCo is not, or nothing draws; with `FORETHOUGHT_EGL` set
//! they fail there.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

// Checkpoints are for the other tests.
#[allow(dead_code)]
mod program;

use std::collections::BTreeMap;
use std::process::Output;

use program::{Home, text};

const REACHER: &str = "reacher-mujoco-v0";

/// What `envs` says of an environment.
fn listed(home: &Home, id: &str) -> serde_json::Value {
    let all: serde_json::Value = serde_json::from_str(&home.succeed(["envs", "--json"])).unwrap();
    let found = all["environments"].as_array().unwrap().iter().find(|one| one["environment"] == id);
    found.unwrap().clone()
}

/// Two random episodes of the reacher; None where it is not to be had.
fn scored(home: &Home, more: &[(&str, &str)]) -> Option<(Output, BTreeMap<String, Vec<u8>>)> {
    if listed(home, REACHER).get("unavailable").is_some() {
        assert!(std::env::var_os("FORETHOUGHT_EGL").is_none(), "MuJoCo is not here");
        return None;
    }
    let mut command =
        home.command(["eval", REACHER, "--planners", "random", "--episodes", "2", "--out", "seen"]);
    let output = command.envs(more.iter().copied()).output().unwrap();
    assert!(output.status.success(), "{}", text(&output.stderr));
    Some((output, home.files("seen/episodes")))
}

#[test]
fn the_list_says_what_can_be_photographed() {
    let home = Home::new();
    for (id, photographed) in [(REACHER, true), ("maze2d-umaze-v1", false)] {
        let one = listed(&home, id);
        assert_eq!((one["photographed"].as_bool(), one["drawn"].as_bool()), (Some(photographed), Some(true)));
    }
    let shown = home.succeed(["envs"]);
    let line = |id: &str| shown.lines().find(|line| line.contains(id)).unwrap().to_owned();
    assert!(line(REACHER).contains("drawn, photographed"), "{}", line(REACHER));
    assert!(!line("maze2d-umaze-v1").contains("photographed"));
}

#[test]
fn episodes_are_photographed_beside_what_is_drawn_of_them() {
    let home = Home::new();
    let Some((output, files)) = scored(&home, &[]) else { return };
    let said = text(&output.stderr);
    if said.contains("no photographs") {
        assert!(std::env::var_os("FORETHOUGHT_EGL").is_none(), "{said}");
        return;
    }
    let names: Vec<&str> = files.keys().map(String::as_str).collect();
    let stem = format!("{REACHER}--random");
    assert_eq!(names, [format!("{stem}--moving.png"), format!("{stem}.png"), format!("{stem}.svg")]);
    let size =
        |name: String| [16, 20].map(|at| u32::from_be_bytes(files[&name][at..at + 4].try_into().unwrap()));
    // Two strips of five photographs, 240 x 200 each, with 6 pixels between.
    assert_eq!(size(format!("{stem}.png")), [1224, 406]);
    assert_eq!(size(format!("{stem}--moving.png")), [240, 200]);
}

#[test]
fn where_nothing_draws_that_is_said_once_and_all_else_is_there() {
    let home = Home::new();
    // The dispatcher of EGL finds no driver then.
    let Some((output, files)) = scored(&home, &[("__EGL_VENDOR_LIBRARY_FILENAMES", "/nowhere.json")]) else {
        return;
    };
    let said = text(&output.stderr);
    assert_eq!(said.matches("no photographs of").count(), 1, "{said}");
    let names: Vec<&str> = files.keys().map(String::as_str).collect();
    assert_eq!(names, [format!("{REACHER}--random.svg")]);
    assert!(home.path("seen/episodes.csv").is_file());
}

#[test]
fn what_has_no_photographer_is_drawn_and_not_photographed() {
    let home = Home::new();
    home.succeed(["eval", "maze2d-umaze", "--planners", "random", "--episodes", "1", "--out", "seen"]);
    let names: Vec<String> = home.files("seen").into_keys().filter(|name| name.ends_with(".png")).collect();
    assert_eq!(names, [""; 0]);
    assert_eq!(home.files("seen/episodes").len(), 1);
}
