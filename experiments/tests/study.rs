//! `forethought study` as its users meet it.
// Failed expectations are the point of a test.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

// What trains and plans is for the other tests.
#[allow(dead_code)]
mod program;

use program::{Home, text, words};
use serde_json::Value;

fn quick(study: &str, out: &str, more: &[&str]) -> Vec<String> {
    let mut arguments = words(&["study", study, "--quick", "--out", out]);
    arguments.extend(words(more));
    arguments
}

const FILES: [&str; 4] = [".forethought-files", "figure.svg", "results.json", "table.txt"];

/// Runs it twice with one seed and once with another: the first two write the same bytes.
fn seeded(home: &Home, study: &str) -> Value {
    let shown = home.succeed(quick(study, "first", &[]));
    let first = home.files("first");
    assert_eq!(first.keys().collect::<Vec<_>>(), FILES);
    assert!(shown.contains(text(&first["table.txt"]).trim_end()), "{shown}");
    let summary: Value = serde_json::from_str(&home.succeed(quick(study, "second", &["--json"]))).unwrap();
    assert!(home.files("second") == first, "the same seed gives the same files");
    home.succeed(quick(study, "third", &["--seed", "1"]));
    assert!(home.files("third")["results.json"] != first["results.json"], "another seed, other results");
    let results: Value = serde_json::from_slice(&first["results.json"]).unwrap();
    assert_eq!(summary["results"], results);

    let refused = home.run(quick(study, "first", &[]));
    assert_eq!(refused.status.code(), Some(1));
    assert!(text(&refused.stderr).contains("--force"), "{}", text(&refused.stderr));
    assert!(home.files("first") == first, "a refused run changes nothing");
    home.succeed(quick(study, "first", &["--force"]));
    assert!(home.files("first") == first);
    results
}

#[test]
fn every_crossing_is_counted_for_every_history_length() {
    let results = seeded(&Home::new(), "memory");
    let crossings = results["crossings"].as_u64().unwrap();
    let rows = results["rows"].as_array().unwrap();
    assert_eq!(rows.len(), 7);
    for row in rows {
        let count = |name: &str| row[name].as_u64().unwrap();
        assert_eq!(count("opposite") + count("beside") + count("back") + count("none"), crossings);
        let letters = row["exits"].as_str().unwrap();
        assert_eq!(letters.len() as u64, crossings);
        assert_eq!(letters.matches('O').count() as u64, count("opposite"));
        let share = row["share_opposite"].as_f64().unwrap();
        let interval = &row["interval_opposite"];
        assert!(interval["low"].as_f64().unwrap() <= share && share <= interval["high"].as_f64().unwrap());
    }
}

#[test]
fn every_way_to_continue_is_measured_beside_the_data() {
    let results = seeded(&Home::new(), "horizon");
    let rows = results["rows"].as_array().unwrap();
    assert_eq!(rows.len(), 5);
    for row in rows {
        let blocks = row["blocks"].as_array().unwrap();
        assert_eq!(blocks.len(), 2);
        let data = row["sampling"].is_null();
        for block in blocks {
            // Quartiles come as [lower, median, upper].
            let median = |name: &str| block[name][1].as_f64().unwrap();
            assert!(median("speed") > 0.1, "{row}");
            // The data obey the maze's physics; a sampled trajectory does so only roughly.
            assert_eq!(median("inconsistency") < 1e-5, data, "{row}");
            assert!(!data || block["outside_mean"] == 0.0, "{row}");
        }
    }
}
