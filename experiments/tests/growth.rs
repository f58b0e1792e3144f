//! `forethought growth` as its users meet it.
// Failed expectations are the point of a test.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

// What trains and plans is for the other tests.
#[allow(dead_code)]
mod program;

use std::fs;

use program::{Home, text, words};

#[test]
fn every_size_is_measured_in_a_process_of_its_own() {
    let home = Home::new();
    let quick = [
        "growth",
        "--quick",
        "--rounds",
        "2",
        "--axes",
        "width,rows,environments,processes",
        "--out",
        "grown",
    ];
    let table = home.succeed(words(&quick));
    for grows in ["width of the network", "rows of data", "environments", "processes"] {
        assert_eq!(table.matches(grows).count(), 3, "{grows}: a law and two points\n{table}");
    }
    let samples = fs::read_to_string(home.path("grown/growth.csv")).unwrap();
    // Two sizes of each and two samples; of two processes two each.
    assert_eq!(samples.lines().count(), 1 + 4 * 2 * 2 + 2, "{samples}");
    let numbers = samples.lines().skip(1).flat_map(|line| line.split(',').skip(3));
    assert!(numbers.map(|number| number.parse::<f64>().unwrap()).all(|number| number > 0.0), "{samples}");
    // Nothing of what was read on the way is left.
    let files: Vec<String> = home.files("grown").into_keys().collect();
    assert!(files.iter().all(|file| !file.ends_with(".npz")), "{files:?}");
    assert!(files.iter().any(|file| file.ends_with("memory.svg")), "{files:?}");
}

#[test]
fn what_cannot_be_measured_is_refused() {
    let home = Home::new();
    let refused = |arguments: &[&str], says: &str| {
        let output = home.run(words(arguments));
        let message = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{message}");
        assert!(message.contains(says), "{message}");
    };
    refused(&["growth", "--rounds", "0"], "--rounds must be at least 1");
    refused(&["growth", "--axes", "height"], "horizon");
}
