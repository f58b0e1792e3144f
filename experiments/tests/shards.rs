//! Parts of an evaluation, scored apart and merged: the same bytes as in one run.
// Failed expectations are the point of a test.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[allow(dead_code)]
mod program;

use std::fs;

use program::{Home, planned, text, words};

/// Seven episodes of a planner, of a policy that remembers from episode to episode, and of one that draws.
fn eval(folder: &str, more: &[&str]) -> Vec<String> {
    let common = ["--episodes", "7", "--seed", "3", "--planners", "diffusion-forcing,waypoint,random"];
    [planned("eval", folder, &common), words(more)].concat()
}

fn file(home: &Home, name: &str) -> String {
    fs::read_to_string(home.path(name)).unwrap()
}

/// The protocol without the seconds that planning took, which no two runs share.
fn protocol(home: &Home, folder: &str) -> String {
    let text = file(home, &format!("{folder}/protocol.json"));
    text.lines().filter(|line| !line.contains("seconds_per_plan")).collect::<Vec<_>>().join("\n")
}

#[track_caller]
fn refused(home: &Home, arguments: &[String], says: &[&str]) {
    let output = home.run(arguments);
    let message = text(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{message}");
    for part in says {
        assert!(message.contains(part), "`{part}` is not said: {message}");
    }
}

#[test]
fn merged_parts_are_the_bytes_of_one_run() {
    let home = Home::new();
    home.succeed(eval("whole", &[]));
    for part in ["2/3", "3/3", "1/3"] {
        home.succeed(eval("out", &["--shard", part]));
    }
    home.succeed(words(&["merge", "out-shards"]));
    assert_eq!(file(&home, "out/episodes.csv"), file(&home, "whole/episodes.csv"));
    assert_eq!(protocol(&home, "out"), protocol(&home, "whole"));

    // A part that was lost is missed by its episodes; made again, the whole is the same.
    fs::remove_dir_all(home.path("out-shards/2-of-3")).unwrap();
    refused(&home, &words(&["merge", "out-shards", "--force"]), &["2 of 3 parts"]);
    let gap = ["merge", "out-shards/1-of-3", "out-shards/3-of-3", "--out", "x"];
    refused(&home, &words(&gap), &["1-of-3", "3-of-3", "episodes 5 to 6 are in neither"]);
    home.succeed(eval("out", &["--shard", "2/3"]));
    home.succeed(words(&["merge", "out-shards", "--force"]));
    assert_eq!(file(&home, "out/episodes.csv"), file(&home, "whole/episodes.csv"));

    // Parts that do not belong together.
    refused(&home, &words(&["merge", "out-shards/1-of-3", "whole"]), &["--out"]);
    refused(&home, &words(&["merge", "out-shards/1-of-3", "out", "--out", "x"]), &["both have episode 3"]);
    home.succeed(eval("other", &["--shard", "2/3", "--set", "plan.sampler.steps=3"]));
    let parts = ["merge", "out-shards/1-of-3", "other-shards/2-of-3", "--out", "x"];
    refused(&home, &words(&parts), &["has other settings", "other-shards/2-of-3"]);
    assert!(!home.path("x").exists());
}

#[test]
fn parts_that_cannot_be_are_refused() {
    let home = Home::new();
    refused(&home, &eval("out", &["--shard", "8/8"]), &["7 episodes have no 8 parts"]);
    refused(&home, &eval("out", &["--shard", "auto"]), &["SLURM_ARRAY_TASK_ID", "JOB_COMPLETION_INDEX"]);
    refused(&home, &words(&["merge", "nothing", "--out", "x"]), &["nothing", "eval --shard"]);
    assert!(!home.path("out").exists() && !home.path("out-shards").exists());
}
