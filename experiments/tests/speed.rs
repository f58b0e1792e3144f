//! `forethought speed` as its users meet it, without PyTorch.
// Failed expectations are the point of a test.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

// What trains and plans is for the other tests.
#[allow(dead_code)]
mod program;

use std::fs;
use std::path::Path;

use program::{Home, text, words};
use serde_json::Value;

const QUICK: &[&str] = &["speed", "--quick", "--rounds", "1"];

fn quick(more: &[&str]) -> Vec<String> {
    let mut arguments = words(QUICK);
    arguments.extend(words(more));
    arguments
}

/// Runs a command that must be refused before it leaves anything behind.
#[track_caller]
fn refused(home: &Home, arguments: &[String], code: i32, says: &[&str]) {
    let before: Vec<String> = home.files(".").into_keys().collect();
    let output = home.run(arguments);
    let message = text(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{message}");
    assert!(message.starts_with("forethought: ") || message.starts_with("error: "), "{message}");
    for part in says {
        assert!(message.contains(part), "`{part}` is not said: {message}");
    }
    assert_eq!(home.files(".").into_keys().collect::<Vec<_>>(), before);
}

#[test]
fn a_quick_run_measures_our_side_and_compares_with_a_baseline() {
    let home = Home::new();
    let table = home.succeed(quick(&["--out", "first"]));
    for part in
        ["row, batch 1 ", "row, batch 16, guided", "training step, batch 64", "ceiling:", "maze2d-large-v1"]
    {
        assert!(table.contains(part), "`{part}` is not in {table}");
    }
    let files = home.files("first");
    assert_eq!(files.keys().collect::<Vec<_>>(), [".forethought-files", "results.json", "table.txt"]);
    assert!(table.contains(text(&files["table.txt"]).trim_end()), "{table}");
    let results: Value = serde_json::from_slice(&files["results.json"]).unwrap();
    let cases = results["cases"].as_array().unwrap();
    assert!(cases.len() == 5 && cases.iter().all(|case| case["ours_ms"]["median"].as_f64().unwrap() > 0.0));
    assert_eq!(results["protocol"]["rounds"], 1);
    let umaze = &results["plans"][0];
    assert_eq!(umaze["environment"], "maze2d-umaze-v1");
    for kind in ["cold", "replan"] {
        assert!(
            umaze[kind]["mean_ms"].as_f64().unwrap() > 0.0 && umaze[kind]["rows"].as_f64().unwrap() >= 1.0
        );
    }
    if cfg!(target_os = "linux") {
        assert!(umaze["peak_memory_mb"].as_f64().unwrap() > 1.0);
    }

    // The results of one run are the baseline of another.
    let again = quick(&["--out", "again", "--baseline", "first/results.json", "--threads", "1", "--json"]);
    let again: Value = serde_json::from_str(&home.succeed(again)).unwrap();
    assert_eq!(again["results"]["protocol"]["threads"], 1);
    let table = text(&home.files("again")["table.txt"]);
    assert!(table.contains("Against the baseline"), "{table}");
    assert!(table.contains("PyTorch was not measured"), "{table}");
}

#[test]
fn baselines_that_cannot_be_used_are_refused() {
    let home = Home::new();
    fs::write(home.path("damaged.json"), "{\"format\": 1, \"cases\": 3}").unwrap();
    let run = |file: &str| quick(&["--out", "out", "--baseline", file]);
    refused(&home, &run("missing.json"), 2, &["missing.json", "--write-baseline"]);
    refused(&home, &run("damaged.json"), 2, &["damaged.json", "is damaged", "--write-baseline"]);
    refused(&home, &quick(&["--write-baseline"]), 2, &["--python"]);
}

#[test]
fn a_python_that_does_not_serve_is_refused_with_the_remedy() {
    let home = Home::new();
    let run = |python: &str| quick(&["--out", "out", "--python", python]);
    refused(&home, &run("no/such/python"), 2, &["no/such/python", "pip install torch numpy"]);
    // A program that reads no requests and answers nothing.
    if Path::new("/bin/true").exists() {
        refused(&home, &run("/bin/true"), 2, &["/bin/true", "pip install torch numpy"]);
    }
}

/// Python beside the program that is not the same network: nothing may be timed.
#[test]
#[cfg(unix)]
fn numbers_that_differ_are_refused_before_anything_is_timed() {
    let home = Home::new();
    let fake = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/program/other_network.sh");
    let output = home.run(quick(&["--out", "out", "--python", fake.to_str().unwrap()]));
    let message = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{message}");
    assert!(
        message.contains("row, batch 1") && message.contains("do not compute the same thing"),
        "{message}"
    );
    assert!(!home.path("out/results.json").exists());
}

#[test]
fn settings_out_of_range_and_devices_that_are_not_there() {
    let home = Home::new();
    refused(&home, &words(&["speed", "--rounds", "0"]), 2, &["--rounds"]);
    refused(&home, &words(&["speed", "--threads", "0"]), 2, &["--threads"]);
    if !cfg!(feature = "cuda") {
        refused(&home, &quick(&["--device", "cuda"]), 2, &["cuda", "--device cpu"]);
    }
    refused(&home, &quick(&["--device", "wgpu", "--python", "python3"]), 2, &["PyTorch has no such device"]);
}
