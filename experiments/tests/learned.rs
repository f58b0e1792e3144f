//! Policies learned from data, as users meet them: trained, scored beside the others, refused.
// Failed expectations are the point of a test.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::float_cmp)]

// What trains planners is for the other tests.
#[allow(dead_code)]
mod program;

use std::fs;

use program::{Home, data, text, words};
use serde_json::Value;

/// A policy of a few steps, on the small data of a maze.
fn train(policy: &str, out: &str, more: &[&str]) -> Vec<String> {
    let small = ["--set", "train.batch=16", "--set", "train.hidden=[8, 8]", "--set", "cql.samples=1"];
    let data = data().to_str().unwrap();
    let named = ["train", "maze2d-umaze", "--data", data, "--policy", policy, "--out", out];
    [words(&named), words(&small), words(more)].concat()
}

fn eval(out: &str, more: &[&str]) -> Vec<String> {
    let all = ["eval", "maze2d-umaze", "--planners", "random", "--episodes", "2", "--json", "--out", out];
    [words(&all), words(more)].concat()
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

#[track_caller]
fn refused(home: &Home, arguments: &[String], says: &[&str]) {
    let before = home.files(".");
    let output = home.run(arguments);
    let message = text(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{message}");
    for part in says {
        assert!(message.contains(part), "`{part}` is not said: {message}");
    }
    assert!(home.files(".") == before, "files were changed");
}

#[test]
fn every_policy_is_trained_and_scored_on_the_same_episodes_as_the_others() {
    let home = Home::new();
    let mut folders = Vec::new();
    for policy in forethought_policies::learned::LEARNED_POLICIES {
        let told = json(&home.succeed(train(policy, policy, &["--steps", "3", "--json"])));
        assert_eq!(
            (&told["policy"], &told["steps"], &told["complete"]),
            (&policy.into(), &3.into(), &true.into())
        );
        assert!(told["losses"].as_object().unwrap().values().all(Value::is_number), "{told}");
        folders.extend(["--policy", policy]);
    }
    let told = json(&home.succeed(eval("out", &folders)));
    // And the random policy.
    let rows = Some(forethought_policies::learned::LEARNED_POLICIES.len() as u64 + 1);
    assert_eq!((told["scored"].as_u64(), told["kept"].as_u64()), (rows, Some(0)));
    let episodes = fs::read_to_string(home.path("out/episodes.csv")).unwrap();
    // The beginning of an episode is the seed's to say, whoever acts.
    let of = |variant: &str| -> Vec<Vec<String>> {
        let lines = episodes.lines().filter(|line| line.replace('"', "").contains(variant));
        lines.map(|line| line.split(',').map(str::to_owned).collect()).collect()
    };
    let (random, gciql) = (of(",random,"), of("gciql: gciql"));
    assert_eq!((random.len(), gciql.len()), (2, 2), "{episodes}");
    for (random, gciql) in random.iter().zip(&gciql) {
        assert_eq!(random[2..4], gciql[2..4], "{random:?} {gciql:?}");
    }
    // Nothing is scored twice.
    let told = json(&home.succeed(eval("out", &folders)));
    assert_eq!((told["scored"].as_u64(), told["kept"].as_u64()), (Some(0), rows));
}

#[test]
fn the_same_seed_is_the_same_file() {
    let home = Home::new();
    for (out, seed) in [("a", "1"), ("b", "1"), ("c", "2")] {
        home.succeed(train("gcivl", out, &["--steps", "3", "--seed", seed]));
    }
    let weights = |folder: &str| fs::read(home.path(folder).join("actor.safetensors")).unwrap();
    assert!(weights("a") == weights("b") && weights("a") != weights("c"));
    // One policy has its own name, and the settings that were given.
    let told = home.succeed(eval("out", &["--policy", "a"]));
    assert!(told.contains("\"gcivl\"") && !told.contains("a: gcivl"), "{told}");
    let manifest = json(&fs::read_to_string(home.path("a/policy.json")).unwrap());
    assert_eq!(
        (&manifest["config"]["train"]["batch"], &manifest["config"]["train"]["seed"]),
        (&16.into(), &1.into())
    );
}

#[test]
fn the_same_command_resumes_and_ends_in_the_same_bytes() {
    let home = Home::new();
    let of = |out, more: &[&str]| train("gcivl", out, &[&["--steps", "20", "--json"], more].concat());
    home.succeed(of("whole", &[]));
    // No time at all is one step. What is there then can act.
    for steps in 1..=2 {
        let told = json(&home.succeed(of("parts", &["--time-limit", "0"])));
        assert_eq!((&told["steps"], &told["complete"]), (&steps.into(), &false.into()));
        home.succeed(eval(&format!("out-{steps}"), &["--policy", "parts"]));
    }
    refused(
        &home,
        &train("gcivl", "parts", &["--steps", "20", "--seed", "1"]),
        &["train.seed (0 then, 1 now)"],
    );
    let told = json(&home.succeed(of("parts", &[])));
    assert_eq!((&told["steps"], &told["complete"]), (&20.into(), &true.into()));
    assert!(home.files("parts") == home.files("whole"));
    // Nothing is left to do.
    let before = home.files(".");
    assert_eq!(json(&home.succeed(of("parts", &[])))["complete"], true);
    assert!(home.succeed(train("gcivl", "parts", &["--steps", "20"])).contains("complete already"));
    assert!(home.files(".") == before);
    // Nor anything left to go on with.
    refused(
        &home,
        &train("gcivl", "parts", &["--steps", "30"]),
        &["steps (20 then, 30 now)", "nothing to go on from", "--out"],
    );
}

#[test]
fn killed_in_training_it_goes_on_and_ends_in_the_same_bytes() {
    let home = Home::new();
    let of = |out| train("diffusion-ql", out, &["--steps", "1500", "--set", "train.checkpoint_every=10"]);
    home.succeed(of("whole"));
    let mut child = home.command(of("killed")).spawn().unwrap();
    let state = home.path("killed/training.safetensors");
    while !state.exists() {
        assert!(child.try_wait().unwrap().is_none(), "it ended before it was killed");
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(!home.path("killed/policy.json").exists(), "it was complete before it was killed");
    let told = text(&home.run(of("killed")).stderr);
    assert!(told.contains(", from step "), "{told}");
    assert!(home.files("killed") == home.files("whole"));
}

#[test]
fn what_cannot_be_done_is_refused_by_name() {
    let home = Home::new();
    home.succeed(train("gcbc", "own", &["--steps", "1"]));
    refused(
        &home,
        &train("gcbc", "own", &["--steps", "2"]),
        &["holds a policy of other steps (1 then, 2 now)", "--out"],
    );
    refused(
        &home,
        &train("gciqll", "x", &[]),
        &["--policy: unknown policy `gciqll`", "did you mean `gciql`?"],
    );
    refused(&home, &train("iql", "x", &["--set", "iql.expectle=0.9"]), &["iql.expectle", "expectile"]);
    refused(&home, &train("iql", "x", &["--set", "iql.expectile=2"]), &["setting `iql.expectile` is 2"]);
    refused(&home, &train("iql", "x", &["--set", "plan.warm_start=0.5"]), &["plan"]);
    refused(&home, &train("iql", "x", &["--device", "cuda"]), &["trained on the CPU"]);
    refused(&home, &words(&["train", "maze2d-umaze", "--steps", "3"]), &["--policy"]);
    refused(&home, &eval("out", &["--policy", "nowhere"]), &["policy.json", "train --policy"]);
    let other = ["eval", "maze2d-medium", "--planners", "random", "--policy", "own", "--out", "out"];
    refused(
        &home,
        &words(&other),
        &["`gcbc` cannot act in `maze2d-medium-v1`", "trained for `maze2d-umaze-v1`"],
    );
    let weights = home.path("own/actor.safetensors");
    let mut bytes = fs::read(&weights).unwrap();
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    fs::write(&weights, bytes).unwrap();
    refused(&home, &eval("out", &["--policy", "own"]), &["actor.safetensors", "SHA-256", "train again"]);
}
