//! `forethought estimate` as users meet it: values that are known, whether to believe them, and what is refused.
// Failed expectations are the point of a test.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::float_cmp)]

// What trains planners is for the other tests.
#[allow(dead_code)]
mod program;

use std::fs;
use std::path::Path;

use forethought_envs::data::{Dataset, DatasetMetadata, RewardConvention, WriteOptions, write_hdf5};
use program::{Home, text, words};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde_json::Value;

const EPISODES: usize = 80;
const STEPS: usize = 12;
/// Mean and noise of the data's actions.
const MEAN: f64 = 0.3;
const NOISE: f64 = 0.2;

/// A walk that pays its action: a policy that commands `a` everywhere earns `a` a step, whatever the walk does.
fn walk(pays: bool) -> Dataset {
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    // Twelve uniform draws have variance 1; what lies beyond the bounds is far.
    let mut normal = || (0..12).map(|_| rng.random_range(-0.5..0.5)).sum::<f64>();
    let (mut observations, mut actions) = (Vec::new(), Vec::new());
    for _ in 0..EPISODES {
        let mut at = normal();
        for _ in 0..STEPS {
            let action = (MEAN + NOISE * normal()).clamp(-1.0, 1.0);
            observations.push(at as f32);
            actions.push(action as f32);
            at = 0.8 * at + 0.1 * action + 0.3 * normal();
        }
    }
    let rows = observations.len();
    let mut data = Dataset::of_rows("walk", [1, 1], observations, actions.clone());
    data.rewards = if pays { actions } else { vec![0.0; rows] };
    // By the clock, which no observation tells: the walk itself never ends.
    data.timeouts = (0..rows).map(|row| row % STEPS == STEPS - 1).collect();
    let rewards = if pays { RewardConvention::OfAction } else { RewardConvention::Missing };
    data.metadata = DatasetMetadata { rewards, ..DatasetMetadata::default() };
    data
}

fn write(data: &Dataset, path: &Path) {
    write_hdf5(data, path, WriteOptions { overwrite: true, ..WriteOptions::default() }).unwrap();
}

/// The walk's data, and a policy cloned from them, which commands their mean.
fn home() -> Home {
    let home = Home::new();
    write(&walk(true), &home.path("walk.hdf5"));
    fs::write(home.path("walk.toml"), "environment = \"walk\"\naction_low = [-1]\naction_high = [1]\n")
        .unwrap();
    let train = ["train", "--data", "walk.hdf5", "--policy", "bc", "--steps", "400", "--out", "bc"];
    let small = ["--set", "train.batch=64", "--set", "train.hidden=[8, 8]", "--set", "train.rate=0.005"];
    home.succeed([words(&train), words(&small)].concat());
    home
}

fn estimate(more: &[&str]) -> Vec<String> {
    let all = ["estimate", "walk.hdf5", "--policy", "bc", "--discount", "0.9", "--horizon", "10"];
    [words(&all), words(more)].concat()
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

#[test]
fn what_is_known_is_found() {
    let home = home();
    // Ten steps of the mean action.
    let truth = MEAN * (1.0 - 0.9_f64.powi(10)) / (1.0 - 0.9);
    let told = json(&home.succeed(estimate(&["--json"])));
    let all = told["estimates"].as_array().unwrap();
    assert_eq!((all.len(), &all[0]["method"], &told["episodes"]), (1, &"FQE".into(), &EPISODES.into()));
    // The mean of 960 actions of deviation 0.2 is known to 2 %, which both the policy and the estimate stand on.
    let near = |value: &Value| (value.as_f64().unwrap() / truth - 1.0).abs() < 0.08;
    assert!(near(&all[0]["value"]), "{truth}: {told}");
    assert!(near(&told["behaviour"]["value"]), "{truth}: {told}");
    assert!(all[0]["diagnosis"]["outside_share"].as_f64().unwrap() < 0.01, "{told}");
    let verdict = told["verdict"].as_str().unwrap();
    assert!(
        verdict.contains("Nothing in the data speaks against it") && verdict.contains("is not told"),
        "{verdict}"
    );
    let networks = json(&home.succeed(estimate(&["--method", "fqe-networks", "--json"])));
    let all = networks["estimates"].as_array().unwrap();
    assert_eq!((all.len(), &all[0]["method"]), (1, &"FQE (networks)".into()));
    assert!(near(&all[0]["value"]), "{truth}: {networks}");
    // The same noise as in the data: every episode counts as one, or nearly.
    let told = json(&home.succeed(estimate(&["--noise", "0.2", "--json"])));
    let methods: Vec<&str> =
        told["estimates"].as_array().unwrap().iter().map(|one| one["method"].as_str().unwrap()).collect();
    assert_eq!(methods, ["FQE", "WIS", "PDIS", "WPDIS", "DR", "WDR"]);
    for one in told["estimates"].as_array().unwrap() {
        let [low, high] = ["low", "high"].map(|end| one["interval"][end].as_f64().unwrap());
        assert!(low < truth && truth < high || near(&one["value"]), "{truth}: {one}");
        let effective = one["diagnosis"]["effective_episodes"].as_f64();
        assert!(effective.is_none_or(|count| count > 0.5 * EPISODES as f64), "{one}");
        assert!(one["warning"].is_null(), "{one}");
    }
}

#[test]
fn who_does_what_the_data_do_not_is_not_to_be_believed() {
    let home = home();
    // Ten times the data's noise: most actions are unlike theirs.
    let told = json(&home.succeed(estimate(&["--noise", "2", "--json"])));
    let verdict = told["verdict"].as_str().unwrap();
    assert!(
        verdict.contains("Do not rely on this") && verdict.contains("unlike any in the data"),
        "{verdict}"
    );
    let shown = home.succeed(estimate(&["--noise", "2"]));
    for part in [
        "bc in walk, with noise 2",
        "over 10 steps",
        "80 episodes, 960 rows",
        "do not rely on it",
        "what acted in the data",
    ] {
        assert!(shown.contains(part), "`{part}` is not in {shown}");
    }
}

#[test]
fn the_seed_decides_and_episodes_can_be_counted() {
    let home = home();
    let few = ["--episodes", "30", "--method", "fqe", "--json"];
    let a = home.succeed(estimate(&few));
    assert_eq!(a, home.succeed(estimate(&few)));
    let told = json(&a);
    assert_eq!((&told["episodes"], &told["rows"], &told["of_rows"]), (&30.into(), &360.into(), &960.into()));
    assert_eq!(told["estimates"].as_array().unwrap().len(), 1);
    let other = home.succeed(estimate(&[&few[..], &["--seed", "1"]].concat()));
    assert_ne!(told["estimates"], json(&other)["estimates"]);
}

#[test]
fn what_cannot_be_told_is_refused_by_name() {
    let home = home();
    let refused = |arguments: &[String], says: &[&str]| {
        let output = home.run(arguments);
        let message = text(&output.stderr);
        assert!(!output.status.success(), "{}", text(&output.stdout));
        for part in says {
            assert!(message.contains(part), "`{part}` is not said: {message}");
        }
    };
    refused(&estimate(&["--method", "fqe,wis"]), &["--method wis", "`bc` acts without chance", "--noise"]);
    refused(&estimate(&["--method", "fque"]), &["unknown method `fque`", "did you mean `fqe`?"]);
    refused(&estimate(&["--noise", "0"]), &["--noise is 0", "positive"]);
    refused(&estimate(&["--noise", "-1"]), &["--noise is -1"]);
    refused(&estimate(&["--goal", "1"]), &["--goal", "`bc` acts without goals"]);
    refused(&estimate(&["--episodes", "1"]), &["--episodes", "at least 2"]);
    let all =
        |data: &str, more: &[&str]| [words(&["estimate", data, "--policy", "bc"]), words(more)].concat();
    refused(&all("walk.hdf5", &["--discount", "1", "--endless"]), &["discount", "without a horizon"]);
    refused(&all("walk.hdf5", &["--discount", "1.1"]), &["discount"]);
    refused(&all("walk.hdf5", &["--horizon", "0"]), &["horizon", "at least one step"]);
    refused(&all("nothing.hdf5", &[]), &["nothing.hdf5"]);
    refused(&words(&["estimate", "walk.hdf5", "--policy", "nowhere"]), &["policy.json", "train --policy"]);
    // Cut episodes say nothing of what comes after.
    refused(&all("walk.hdf5", &["--noise", "0.2"]), &["was cut after 12 steps", "horizon of at most 12"]);
    write(&walk(false), &home.path("unpaid.hdf5"));
    fs::copy(home.path("walk.toml"), home.path("unpaid.toml")).unwrap();
    refused(&all("unpaid.hdf5", &[]), &["unpaid.hdf5", "holds no rewards"]);
    let other = fs::read_to_string(home.path("walk.toml")).unwrap().replace("walk", "stroll");
    fs::write(home.path("stroll.toml"), other).unwrap();
    let described = all("walk.hdf5", &["--describe", "stroll.toml"]);
    refused(&described, &["`bc` cannot act in `stroll`", "trained for `walk`", "--environment"]);
}
