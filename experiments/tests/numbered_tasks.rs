//! Benchmarks with numbered tasks: episodes go through them in turn, one can be chosen, and the share of successes is shown
//! as what the benchmark scores.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

// What trains is for the other tests.
#[allow(dead_code)]
mod program;

use std::fs;

use program::{Home, text, words};
use serde_json::Value;

const MAZE: &str = "pointmaze-medium-navigate-v0";

/// The controller behind the data, which arrives nearly always, and chance.
const SUITE: &str = "title = 'own'\nbaseline = 'random'\n\
    [[variants]]\nplanner = 'random'\nsource = 'policy'\n\
    [[variants]]\nplanner = 'oracle'\nsource = 'policy'\n";

fn home() -> Home {
    let home = Home::new();
    fs::write(home.path("own.toml"), SUITE).unwrap();
    home
}

fn eval(environments: &str, more: &[&str]) -> Vec<String> {
    [words(&["eval", environments, "--suite", "own.toml", "--out", "out"]), words(more)].concat()
}

/// Column of a file of episodes, by its name.
fn column(home: &Home, name: &str) -> Vec<String> {
    let all = fs::read_to_string(home.path("out/episodes.csv")).unwrap();
    let mut lines = all.lines().map(|line| line.split(',').map(str::to_owned).collect::<Vec<_>>());
    let header = lines.next().unwrap();
    let at = header.iter().position(|own| own == name).unwrap_or_else(|| panic!("{header:?}"));
    lines.map(|fields| fields[at].clone()).collect()
}

#[test]
fn episodes_go_through_the_tasks_in_turn_and_the_share_of_successes_is_shown() {
    let home = home();
    let shown = home.succeed(eval(MAZE, &["--episodes", "10", "--planners", "oracle"]));
    assert_eq!(column(&home, "task"), ["1", "2", "3", "4", "5"].repeat(2));
    let arrived = column(&home, "success").iter().filter(|success| *success == "1").count();
    assert!(arrived > 5, "{shown}");
    // With its Wilson interval: of ten successes in ten [72.2, 100.0].
    assert!(shown.contains(&format!("{arrived}0.0 % of 10 [")), "{shown}");
    assert!(arrived != 10 || shown.contains("[72.2, 100.0]"), "{shown}");
    assert!(shown.contains("tasks in turn"), "{shown}");
    // An episode is that of its seed, whatever is before it; a second run finds nothing left to do, and the records are
    // read as they were written.
    let starts = column(&home, "start");
    let again: Value = serde_json::from_str(
        &home.succeed(eval(MAZE, &["--episodes", "10", "--planners", "oracle", "--json"])),
    )
    .unwrap();
    assert_eq!((&again["scored"], &again["kept"]), (&0.into(), &1.into()));
    assert_eq!(again["results"][0]["numbered"], true);
    let later = ["--episodes", "2", "--planners", "oracle", "--seed", "3", "--force"];
    home.succeed(eval(MAZE, &later));
    assert_eq!((column(&home, "task"), column(&home, "start")), (words(&["4", "5"]), starts[3..5].to_vec()));
    let report = home.succeed(words(&["report", "out"]));
    assert!(report.contains("% of 2 ["), "{report}");
}

#[test]
fn one_task_can_be_chosen_and_another_is_refused() {
    let home = home();
    let chosen = ["--episodes", "3", "--planners", "oracle", "--task", "2"];
    let shown = home.succeed(eval(MAZE, &chosen));
    assert_eq!(column(&home, "task"), ["2"; 3]);
    assert!(shown.contains("all of task 2"), "{shown}");
    // Others than those that are there are not mixed with them.
    let mixed = home.run(eval(MAZE, &["--episodes", "3", "--planners", "oracle"]));
    assert_eq!(mixed.status.code(), Some(2));
    assert!(text(&mixed.stderr).contains("--task"), "{}", text(&mixed.stderr));
    for (number, says) in
        [("0", "tasks 1 to 5"), ("6", "task 6 was asked for"), ("-1", "invalid"), ("x", "invalid")]
    {
        let refused = home.run(eval(MAZE, &["--force", &format!("--task={number}")]));
        let message = text(&refused.stderr);
        assert_eq!(refused.status.code(), Some(2), "{message}");
        assert!(message.contains(says), "{message}");
        assert_eq!(column(&home, "task"), ["2"; 3], "what was there stays");
    }
}

#[test]
fn environments_without_numbers_have_none() {
    let home = home();
    let refused = home.run(eval("maze2d-umaze", &["--planners", "random", "--task", "1"]));
    assert_eq!(refused.status.code(), Some(2));
    assert!(text(&refused.stderr).contains("no numbered tasks"), "{}", text(&refused.stderr));
    // Side by side the column is empty for them; alone it is not there.
    let both = format!("maze2d-umaze,{MAZE}");
    home.succeed(eval(&both, &["--episodes", "2", "--planners", "random"]));
    assert_eq!(column(&home, "task"), ["", "", "1", "2"]);
    let again: Value = serde_json::from_str(
        &home.succeed(eval(&both, &["--episodes", "2", "--planners", "random", "--json"])),
    )
    .unwrap();
    assert_eq!((&again["scored"], &again["kept"]), (&0.into(), &2.into()));
    home.succeed(eval("maze2d-umaze", &["--episodes", "2", "--planners", "random", "--force"]));
    let all = fs::read_to_string(home.path("out/episodes.csv")).unwrap();
    assert!(!all.contains("task"), "{all}");
}
