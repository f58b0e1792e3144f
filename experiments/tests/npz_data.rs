//! Data in numpy's files: made, looked at and trained on like any other.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

// What trains on other data and plans is for the other tests.
#[allow(dead_code)]
mod program;

use std::fs;

use program::{Home, TINY, sets, text, words};
use serde_json::Value;

const MAZE: &str = "pointmaze-medium-stitch-v0";

fn parse(json: &str) -> Value {
    serde_json::from_str(json).unwrap_or_else(|error| panic!("{error}: {json}"))
}

fn collect(more: &[&str]) -> Vec<String> {
    [words(&["collect", MAZE, "--set", "data.rows=2211"]), words(more)].concat()
}

#[test]
fn data_are_made_in_the_layout_of_the_benchmark_or_of_the_name() {
    let home = Home::new();
    let told = home.succeed(collect(&[]));
    let names: Vec<String> = home.files("data").into_keys().collect();
    assert_eq!(names, [format!("{MAZE}-val.npz"), format!("{MAZE}.npz")]);
    // Eleven episodes, and a tenth of them, rounded up, to validate with.
    assert!(told.contains("2211 steps of") && told.contains("11 episodes"), "{told}");
    assert!(told.contains("402 steps to validate with") && told.contains("2 episodes"), "{told}");
    let summary = parse(&home.succeed(collect(&["--out", "a.npz", "--json"])));
    assert_eq!((&summary["path"], &summary["validation"]["path"]), (&"a.npz".into(), &"a-val.npz".into()));
    assert_eq!(fs::read(home.path("a.npz")).unwrap()[..2], *b"PK");
    let told = home.succeed(collect(&["--out", "a.hdf5"]));
    assert_eq!(fs::read(home.path("a.hdf5")).unwrap()[1..4], *b"HDF");
    assert!(told.contains("11 episodes") && !home.path("a-val.hdf5").exists(), "{told}");
    // Neither of the two files is replaced unasked, and none is written where one would be.
    fs::remove_file(home.path("a.npz")).unwrap();
    let before = home.files(".");
    let refused = home.run(collect(&["--out", "a.npz"]));
    assert!(text(&refused.stderr).contains("a-val.npz exists already"), "{}", text(&refused.stderr));
    assert!(!refused.status.success() && home.files(".") == before);
    home.succeed(collect(&["--out", "a.npz", "--force"]));
    assert!(home.path("a.npz").exists());
}

#[test]
fn they_are_looked_at_and_trained_on_whatever_they_are_called() {
    let home = Home::new();
    home.succeed(collect(&["--out", "a.npz"]));
    let told = home.succeed(words(&["inspect", "a.npz"]));
    assert!(told.contains("2211 rows") && told.contains("11 time-outs (ends of episodes)"), "{told}");
    fs::rename(home.path("a.npz"), home.path("b.hdf5")).unwrap();
    let renamed = home.succeed(words(&["inspect", "b.hdf5"]));
    assert_eq!(renamed.replace("b.hdf5", "a.npz"), told);
    let train = |data: &str, out: &str| {
        [words(&["train", MAZE, "--json", "--data", data, "--out", out]), sets(TINY)].concat()
    };
    let summary = parse(&home.succeed(train("b.hdf5", "run")));
    assert_eq!(summary["data"]["trajectories"], 11, "{summary}");
    let manifest =
        parse(&fs::read_to_string(home.path("run/checkpoints/step-00000030/manifest.json")).unwrap());
    assert_eq!(
        (&manifest["environment"]["id"], &manifest["environment"]["tasks"]),
        (&MAZE.into(), &5.into())
    );
    // Cut off, or of something else: refused by name, and no run is begun.
    let whole = fs::read(home.path("b.hdf5")).unwrap();
    for (name, content, says) in [
        ("cut.npz", &whole[..whole.len() / 2], "damaged or cut off"),
        ("other.npz", b"hello".as_slice(), "not a zip file"),
    ] {
        fs::write(home.path(name), content).unwrap();
        for arguments in [words(&["inspect", name]), train(name, "refused")] {
            let refused = home.run(arguments);
            let message = text(&refused.stderr);
            assert!(
                !refused.status.success() && message.contains(says) && message.contains(name),
                "{message}"
            );
        }
        assert!(!home.path("refused").exists());
    }
}
