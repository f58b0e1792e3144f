//! The program under words and configurations that nobody would write: it answers or refuses, and never panics.
//!
//! A few seconds each; `FORETHOUGHT_FUZZ_SECONDS=3600 cargo test --release --workspace --test hostile_words` runs for an
//! hour each.
#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout)]

#[allow(dead_code)]
mod program;

use std::fs;
use std::process::Output;
use std::time::{Duration, Instant};

use program::{Home, QUICK, TINY, checkpoint, data, sets, text, words};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// Words that commands, options and values are replaced by, or that are put between them.
const WORDS: [&str; 56] = [
    "",
    "-",
    "--",
    "=",
    "--set",
    "--out",
    "--json",
    "--force",
    "--seed",
    "--episodes",
    "--controller",
    "--planners",
    "--config",
    "--checkpoint",
    "--maze",
    "--vary",
    "--suite",
    "--preset",
    "--help",
    "--version",
    "eval",
    "plan",
    "train",
    "collect",
    "report",
    "inspect",
    "settings",
    "envs",
    "maze2d-umaze",
    "maze2d-",
    "maze2d:#####\\#GOO#\\#####",
    "nan",
    "inf",
    "-inf",
    "-1",
    "0",
    "1",
    "1e400",
    "18446744073709551615",
    "-9223372036854775809",
    "0.5",
    "true",
    "null",
    "[]",
    "[1,2",
    "{}",
    "a=b",
    "plan",
    "plan.",
    "plan.sampler.steps=0",
    "data.rows=-3",
    "\u{1b}[2J",
    "\u{202e}name",
    "../..",
    "/dev/null",
    "/dev/full",
];

/// Calls `attempt` for a few seconds, or for as long as was asked for.
fn seeds(name: &str, mut attempt: impl FnMut(&mut ChaCha8Rng, u64)) {
    let asked = std::env::var("FORETHOUGHT_FUZZ_SECONDS").ok().and_then(|text| text.parse::<f64>().ok());
    let (lasts, began) = (Duration::from_secs_f64(asked.unwrap_or(4.0)), Instant::now());
    let mut seed = 0;
    while seed < 30 || began.elapsed() < lasts {
        attempt(&mut ChaCha8Rng::seed_from_u64(seed), seed);
        seed += 1;
    }
    println!("{name}: {seed} command lines");
}

/// Runs it for ten seconds at most and holds the answer against the rules. Whether it was taken; nothing where it is still
/// at work, on what is sound and long.
fn answered(home: &Home, arguments: &[String], seed: u64) -> Option<bool> {
    let mut command = std::process::Command::new("timeout");
    command.args(["10", env!("CARGO_BIN_EXE_forethought")]).args(arguments);
    command.current_dir(home.path(".")).stdin(std::process::Stdio::null()).env("RUST_BACKTRACE", "0");
    let Output { status, stderr, .. } = command.output().unwrap();
    let said = text(&stderr);
    match status.code() {
        Some(124) => None,
        Some(code) => {
            assert!(code <= 2, "seed {seed}: {arguments:?} ended with {code}: {said}");
            assert!(!said.contains("panicked"), "seed {seed}: {arguments:?}: {said}");
            assert!(code == 0 || !said.trim().is_empty(), "seed {seed}: {arguments:?} failed without a word");
            let shown = |c: char| (!c.is_control() || c == '\n') && c != '\u{202e}';
            assert!(said.chars().all(shown), "seed {seed}: {arguments:?}: {said:?}");
            Some(code == 0)
        }
        None => panic!("seed {seed}: {arguments:?} was killed by {status}: {said}"),
    }
}

/// Command lines that are sound and quick.
fn sound() -> Vec<Vec<String>> {
    let (data, checkpoint) = (data().to_str().unwrap().to_owned(), checkpoint().to_str().unwrap().to_owned());
    let few = ["--set", "data.rows=50", "--out", "new.hdf5", "--force"];
    let mut lines = vec![
        [vec!["collect", "maze2d-umaze"], few.to_vec()]
            .concat()
            .iter()
            .map(|word| (*word).to_owned())
            .collect(),
        words(&["settings", "plan"]),
        words(&["envs", "--json"]),
        words(&["inspect", &data]),
        words(&["inspect", &checkpoint, "--json"]),
        words(&["report", "results"]),
    ];
    let mut eval =
        words(&["eval", "maze2d-umaze", "--checkpoint", &checkpoint, "--out", "results", "--force"]);
    eval.extend(words(&[
        "--episodes",
        "2",
        "--seed",
        "7",
        "--planners",
        "diffusion-forcing",
        "--controller",
        "pd",
    ]));
    eval.extend(sets(QUICK));
    let mut train = words(&["train", "maze2d-umaze", "--data", &data, "--out", "run", "--force"]);
    train.extend(sets(TINY));
    train.extend(sets(&["train.steps=2"]));
    lines.extend([eval, train]);
    lines
}

/// Replaces, drops, adds, doubles or garbles a word.
fn mutate(line: &mut Vec<String>, rng: &mut ChaCha8Rng) {
    let at = rng.random_range(0..line.len());
    let word = WORDS[rng.random_range(0..WORDS.len())].to_owned();
    match rng.random_range(0..6) {
        0 => line[at] = word,
        1 => line.insert(at, word),
        2 if line.len() > 1 => drop(line.remove(at)),
        3 => line.insert(at, line[at].clone()),
        4 => line[at].push_str(&word),
        _ => {
            // The value of a setting, or of an option given as one word.
            let key = line[at].split('=').next().unwrap_or_default().to_owned();
            line[at] = format!("{key}={word}");
        }
    }
}

#[test]
fn mutated_command_lines_are_refused_or_carried_out() {
    let (home, lines) = (Home::new(), sound());
    let (mut taken, mut refused) = (0_u64, 0_u64);
    seeds("command lines", |rng, seed| {
        let mut line = lines[rng.random_range(0..lines.len())].clone();
        (0..rng.random_range(0..4)).for_each(|_| mutate(&mut line, rng));
        match answered(&home, &line, seed) {
            Some(true) => taken += 1,
            Some(false) => refused += 1,
            None => {}
        }
    });
    println!("command lines: {refused} refused, {taken} taken");
    assert!(taken > 0 && refused > 0, "{taken} taken, {refused} refused");
}

#[test]
fn mutated_configurations_are_refused_or_carried_out() {
    let home = Home::new();
    let resolved = home.succeed(["settings"]);
    assert!(!resolved.is_empty());
    let sound =
        fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/configs/maze2d-umaze-v1.toml")).unwrap();
    let words: Vec<&str> = sound.split_inclusive([' ', '\n']).collect();
    let (mut taken, mut refused) = (0_u64, 0_u64);
    seeds("configurations", |rng, seed| {
        let mut changed: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
        for _ in 0..rng.random_range(0..4) {
            let at = rng.random_range(0..changed.len());
            let end = if changed[at].ends_with('\n') { "\n" } else { " " };
            match rng.random_range(0..4) {
                0 => changed[at] = format!("{}{end}", WORDS[rng.random_range(0..WORDS.len())]),
                1 => drop(changed.remove(at)),
                2 => changed.insert(at, changed[at].clone()),
                _ => {
                    let other = changed[rng.random_range(0..changed.len())].clone();
                    changed[at] = other;
                }
            }
        }
        let mut bytes = changed.concat().into_bytes();
        if rng.random_bool(0.2) {
            let at = rng.random_range(0..bytes.len());
            bytes[at] = rng.random();
        }
        fs::write(home.path("mine.toml"), bytes).unwrap();
        let line = [
            "collect",
            "maze2d-umaze",
            "--config",
            "mine.toml",
            "--set",
            "data.rows=50",
            "--out",
            "new.hdf5",
        ];
        let line: Vec<String> = line.iter().copied().chain(["--force"]).map(str::to_owned).collect();
        match answered(&home, &line, seed) {
            Some(true) => taken += 1,
            Some(false) => refused += 1,
            None => {}
        }
    });
    println!("configurations: {refused} refused, {taken} taken");
    assert!(taken > 0 && refused > 0, "{taken} taken, {refused} refused");
}
