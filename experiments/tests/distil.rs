//! `train --teacher`, as users meet it: a planner in fewer steps, made, looked at, scored, refused.
// Failed expectations are the point of a test.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

// What asks for other things is for the other tests.
#[allow(dead_code)]
mod program;

use std::fs;

use program::{Home, checkpoint, data, text, words};
use serde_json::Value;

fn distil(out: &str, more: &[&str]) -> Vec<String> {
    let (data, teacher) = (data().to_str().unwrap(), checkpoint().to_str().unwrap());
    let named = ["train", "maze2d-umaze", "--data", data, "--teacher", teacher, "--out", out];
    let small = ["train.steps=2", "train.batch=4", "train.shards=1", "distill.teacher_steps=2"];
    [words(&named), program::sets(&small), words(more)].concat()
}

#[test]
fn a_student_plans_in_the_steps_that_it_was_distilled_to() {
    let home = Home::new();
    home.succeed(distil("student", &["--set", "distill.steps=2", "--export", "light"]));
    let inspected: Value =
        serde_json::from_str(&home.succeed(words(&["inspect", "light", "--json"]))).unwrap();
    assert_eq!(inspected["manifest"]["plan"]["sampler"]["steps"], 2, "{inspected}");
    assert!(inspected["manifest"]["distilled"]["teacher"].as_str().is_some_and(|hash| hash.len() == 64));
    let shown = home.succeed(words(&["inspect", "light"]));
    assert!(shown.contains("distilled    to 2 steps of a token, each from 2 of"), "{shown}");
    let kept = fs::read_to_string(home.path("student/config.toml")).unwrap();
    assert!(kept.contains("[distill]"), "{kept}");
    // The same again is complete; other lessons are another run.
    let again = home.succeed(distil("student", &["--set", "distill.steps=2"]));
    assert!(again.contains("complete"), "{again}");
    let output = home.run(distil("student", &["--set", "distill.steps=1"]));
    let message = text(&output.stderr);
    assert!(
        !output.status.success() && message.contains("distill.config.steps (2 then, 1 now)"),
        "{message}"
    );
    let scored = [
        "eval",
        "maze2d-umaze",
        "--checkpoint",
        "light",
        "--episodes",
        "1",
        "--record",
        "0",
        "--out",
        "scores",
    ];
    let whole = ["--planners", "diffusion-forcing", "--start", "1,1", "--goal", "1,1", "--json"];
    home.succeed([words(&scored), words(&whole)].concat());
}

#[test]
fn what_is_the_teacher_s_cannot_be_set_and_what_is_none_is_refused() {
    let home = Home::new();
    for (more, says) in [
        (["--set", "plan.sampler.steps=3"], "the teacher's"),
        (["--set", "model.chunks=3"], "the teacher's"),
        (["--set", "distill.steps=0"], "distill.steps"),
        (["--teacher", "nothing"], "cannot be used multiple times"),
    ] {
        let output = home.run(distil("out", &more));
        let message = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{message}");
        assert!(message.contains(says), "{message}");
        assert!(!home.path("out").exists());
    }
}
