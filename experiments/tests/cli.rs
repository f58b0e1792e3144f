//! The program as its users meet it: data, training and its interruptions, planning, scoring, looking.
// Failed expectations are the point of a test.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::float_cmp)]

mod program;

use std::fs;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use program::{Home, QUICK, checkpoint, data, planned, sets, text, train, words};
use serde_json::Value;

fn parse(json: &str) -> Value {
    serde_json::from_str(json).unwrap_or_else(|error| panic!("{error}: {json}"))
}

#[test]
fn collecting_again_with_the_same_seed_gives_the_same_data() {
    let home = Home::new();
    let collect = |out: &str, seed: &str| {
        let rows = ["--set", "data.rows=3000", "--seed", seed, "--json", "--out", out];
        parse(&home.succeed(["collect", "maze2d-umaze"].iter().chain(&rows)))
    };
    let summary = collect("a.hdf5", "3");
    assert_eq!((&summary["path"], &summary["summary"]["rows"]), (&Value::from("a.hdf5"), &Value::from(3000)));
    assert_eq!(summary["summary"], collect("b.hdf5", "3")["summary"]);
    assert_ne!(summary["summary"], collect("c.hdf5", "4")["summary"]);
    let [a, b, c] = ["a.hdf5", "b.hdf5", "c.hdf5"].map(|name| fs::read(home.path(name)).unwrap());
    assert!(a == b && a != c);
}

#[test]
fn a_complete_run_is_left_alone_by_the_same_command() {
    let home = Home::new();
    let first = home.run(train("run", &["--export", "export"]));
    assert!(first.status.success(), "{}", text(&first.stderr));
    let (run, export) = (home.files("run"), home.files("export"));
    assert_eq!(export.keys().collect::<Vec<_>>(), ["manifest.json", "model.safetensors", "test_vector.json"]);
    assert_eq!(
        run.keys().map(String::as_str).filter(|name| name.ends_with("manifest.json")).collect::<Vec<_>>(),
        ["checkpoints/step-00000020/manifest.json", "checkpoints/step-00000030/manifest.json"]
    );
    let metrics = text(&run["metrics.jsonl"]);
    let steps: Vec<_> = metrics.lines().map(|line| parse(line)["step"].as_u64().unwrap()).collect();
    assert_eq!(steps, [5, 10, 15, 20, 25, 30]);
    let again = home.run(train("run", &[]));
    assert!(again.status.success(), "{}", text(&again.stderr));
    assert!(text(&again.stdout).contains("complete"), "{}", text(&again.stdout));
    assert_eq!(home.files("run"), run);
    // And with the export, which is there already and still the same.
    let again = home.run(train("run", &["--export", "export"]));
    assert!(again.status.success(), "{}", text(&again.stderr));
    assert_eq!(home.files("export"), export);
    let summary = parse(&home.succeed(train("run", &["--json"])));
    assert_eq!(summary["steps"], 30);
}

#[test]
fn stopping_after_any_step_and_resuming_gives_the_same_bytes() {
    let home = Home::new();
    home.succeed(train("whole", &[]));
    for stop in 1..=12 {
        let output = home.run(train("parts", &["--time-limit", "0"]));
        assert!(output.status.success(), "{}", text(&output.stderr));
        let message = text(&output.stderr);
        assert!(message.contains(&format!("stopped at step {stop}:")), "{message}");
        assert!(message.contains("same command to resume"), "{message}");
    }
    home.succeed(train("parts", &[]));
    same_run(&home, "whole", "parts", "step-00000030");
}

/// Checks that two runs have the same latest checkpoint and metrics, and left nothing unfinished.
fn same_run(home: &Home, whole: &str, parts: &str, latest: &str) {
    let (whole, parts) = (home.files(whole), home.files(parts));
    for name in ["manifest.json", "model.safetensors", "training.safetensors"] {
        let name = format!("checkpoints/{latest}/{name}");
        assert!(whole[&name] == parts[&name], "{name} differs");
    }
    assert_eq!(text(&whole["metrics.jsonl"]), text(&parts["metrics.jsonl"]));
    assert!(
        !parts.keys().any(|name| name.contains("unfinished") || name.contains("tmp")),
        "{:?}",
        parts.keys()
    );
}

#[test]
fn killing_the_program_and_resuming_gives_the_same_bytes() {
    let long =
        ["--set", "train.steps=120", "--set", "train.log_every=1", "--set", "train.checkpoint_every=3"];
    let home = Home::new();
    home.succeed(train("whole", &long));
    let mut killed = 0;
    for lines in [1, 20, 41, 65, 90] {
        let mut child =
            home.command(train("parts", &long)).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        if await_lines(&mut child, &home, lines) {
            // SIGKILL: nothing in the program can see it coming.
            child.kill().unwrap();
            killed += 1;
        }
        child.wait().unwrap();
    }
    assert!(killed >= 3, "the runs ended before they could be killed: {killed}");
    home.succeed(train("parts", &long));
    same_run(&home, "whole", "parts", "step-00000120");
}

/// Waits until the metrics have this many lines; `false` when the program ends first.
fn await_lines(child: &mut Child, home: &Home, lines: usize) -> bool {
    let began = Instant::now();
    while child.try_wait().unwrap().is_none() {
        assert!(began.elapsed() < Duration::from_secs(60), "no {lines} lines after a minute");
        let metrics = fs::read(home.path("parts/metrics.jsonl")).unwrap_or_default();
        if metrics.iter().filter(|&&byte| byte == b'\n').count() >= lines {
            return true;
        }
        std::thread::sleep(Duration::from_micros(500));
    }
    false
}

#[test]
fn a_plan_is_drawn_and_recorded() {
    let home = Home::new();
    let output = home.succeed(planned("plan", "out", &["--seed", "7"]));
    assert!(output.contains("maze2d-umaze-v1 seed 7: score"), "{output}");
    let files = home.files("out");
    let names: Vec<&str> = files.keys().map(String::as_str).collect();
    assert_eq!(
        names,
        [".forethought-files", "denoising.svg", "episode.html", "episode.json", "episode.svg", "moving.svg"]
    );
    for name in &names[1..] {
        assert!(output.contains(&format!("out/{name}")), "{name} is not named in {output}");
    }
    for name in ["denoising.svg", "episode.svg", "moving.svg"] {
        let svg = text(&files[name]);
        assert!(svg.starts_with("<svg") && svg.trim_end().ends_with("</svg>"), "{name}");
        assert!(!svg.contains("NaN") && !svg.contains("href"), "{name}");
        balanced(&svg);
    }
    let html = text(&files["episode.html"]);
    assert!(html.to_lowercase().contains("<!doctype html>") && html.contains("<script"), "{html:.200}");
    assert!(!html.contains("http://") && !html.contains("https://") && !html.contains(" src="));
    let record = parse(&text(&files["episode.json"]));
    assert_eq!((&record["seed"], record["rewards"].as_array().unwrap().len()), (&Value::from(7), 300));
    let plans = record["plans"].as_array().unwrap();
    assert_eq!(plans.len(), 300_usize.div_ceil(16));
    // How a plan was denoised is kept of the first alone: of all of them it would be tens of megabytes.
    let traced = |plan: &Value| plan["trace"].as_array().is_some_and(|rows| !rows.is_empty());
    assert!(traced(&plans[0]) && !plans[1..].iter().any(traced));

    let summary = parse(&home.succeed(planned("plan", "again", &["--seed", "7", "--json"])));
    assert_eq!(summary["files"].as_array().unwrap().len(), 5);
    let timeless = |mut record: Value| {
        record["plans"].as_array_mut().unwrap().iter_mut().for_each(|plan| plan["took_s"] = Value::Null);
        record
    };
    let again = parse(&text(&home.files("again")["episode.json"]));
    assert!(timeless(record) == timeless(again), "the same seed gave another episode");
}

/// A crude check that SVG is well-formed: every element that is opened is closed, in order.
fn balanced(svg: &str) {
    let mut open = Vec::new();
    for tag in svg.split('<').skip(1) {
        let (tag, _) = tag.split_once('>').expect("a tag is not closed");
        let name = |tag: &str| tag.split([' ', '\n', '/']).next().unwrap().to_owned();
        if let Some(closed) = tag.strip_prefix('/') {
            assert_eq!(open.pop().as_deref(), Some(closed));
        } else if !tag.ends_with('/') && !tag.starts_with(['!', '?']) {
            open.push(name(tag));
        }
    }
    assert!(open.is_empty(), "left open: {open:?}");
}

#[test]
fn inspect_shows_checkpoints_runs_data_and_configurations() {
    let home = Home::new();
    let step = checkpoint().to_str().unwrap();
    let run = checkpoint().parent().unwrap().parent().unwrap();
    let configuration = run.join("config.toml");
    let (run, configuration) = (run.to_str().unwrap(), configuration.to_str().unwrap());
    for (path, says, key) in [
        (step, "step 30 of 30", "manifest"),
        (run, "step 30 of 30", "manifest"),
        (data().to_str().unwrap(), "20000 rows of maze2d-umaze-v1", "summary"),
        (configuration, "frames_per_token = 4", "model"),
    ] {
        let shown = home.succeed(["inspect", path]);
        assert!(shown.contains(says), "{path}: {shown}");
        let json = parse(&home.succeed(["inspect", path, "--json"]));
        assert!(json[key].is_object(), "{path}: {json:#}");
    }
    // The configuration that a run leaves behind is one that a run can be made from.
    let more = sets(QUICK);
    let arguments =
        ["eval", "maze2d-umaze", "--config", configuration, "--checkpoint", run, "--episodes", "1"];
    let alone = ["--planners", "diffusion-forcing", "--out", "e"];
    home.succeed(words(&arguments).into_iter().chain(words(&alone)).chain(more));
}

#[test]
fn help_gives_examples() {
    let home = Home::new();
    let commands = ["collect", "train", "plan", "eval", "report", "speed", "inspect", "envs", "settings"];
    for command in [&[][..]].into_iter().chain(commands.iter().map(std::slice::from_ref)) {
        let help = home.succeed(command.iter().chain(&["--help"]));
        let example = match command {
            [] => "forethought eval".to_owned(),
            [name, ..] => format!("forethought {name}"),
        };
        assert!(help.contains("Example") && help.contains(&example), "{help}");
    }
}

#[test]
fn a_reader_that_has_enough_is_no_fault() {
    let home = Home::new();
    let mut child = home
        .command(["inspect", data().to_str().unwrap(), "--json"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), text(&output.stderr)), (Some(0), String::new()));
}

#[test]
fn the_program_works_away_from_its_sources() {
    let home = Home::new();
    let away = |arguments: &[&str]| {
        let output =
            home.command(arguments).env("FORETHOUGHT_CHECKPOINTS", home.path("none")).output().unwrap();
        (output.status.code(), text(&output.stdout), text(&output.stderr))
    };
    // What ships as text is inside the program.
    let (code, listed, _) = away(&["envs", "--json"]);
    let of = |id: &str| {
        let listed = parse(&listed);
        let all = listed["environments"].as_array().unwrap();
        let one = all.iter().find(|one| one["environment"] == id).unwrap();
        (one["configuration"].clone(), one["checkpoint"].clone())
    };
    assert_eq!((code, of("maze2d-umaze-v1")), (Some(0), (Value::from(true), Value::Null)));
    assert_eq!(of("PointMaze_Large-v3"), (Value::from(false), Value::Null));
    // A checkpoint that is not there is named with the remedy, and nothing else is taken in its place.
    for command in ["eval", "plan"] {
        let (code, _, message) = away(&[command, "maze2d-umaze", "--out", "out"]);
        assert_eq!(code, Some(2), "{message}");
        for part in ["no checkpoint of `maze2d-umaze-v1`", "none", "--checkpoint", "forethought train"] {
            assert!(message.contains(part), "`{part}` is not said: {message}");
        }
    }
    assert!(!home.path("out").exists());
    // With a checkpoint of one's own nothing is missing.
    let own = checkpoint().to_str().unwrap();
    let one =
        ["plan", "maze2d-umaze", "--checkpoint", own, "--out", "out", "--set", "plan.horizon.lengths=[4]"];
    assert_eq!(away(&one).0, Some(0), "{}", away(&one).2);
}

#[test]
fn a_setting_can_be_looked_up() {
    let home = Home::new();
    let shown = home.succeed(["settings", "train.st"]);
    assert!(shown.starts_with("train.steps = ") && shown.lines().count() == 2, "{shown}");
    let refused = home.run(["settings", "plam"]);
    assert_eq!(refused.status.code(), Some(2));
    assert!(text(&refused.stderr).contains("did you mean `plan`?"), "{}", text(&refused.stderr));
}

#[test]
#[cfg(not(feature = "zenoh"))]
fn a_build_without_zenoh_says_how_to_make_one() {
    let output = Home::new().run(["zenoh", "maze2d-umaze"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("--features zenoh"), "{}", text(&output.stderr));
}

#[test]
fn a_checkpoint_goes_out_with_all_that_it_takes_and_theirs_come_in() {
    let home = Home::new();
    let trained = home.run(train("run", &[]));
    assert!(trained.status.success(), "{}", text(&trained.stderr));
    let told = parse(&home.succeed(["export", "run", "--out", "out", "--json"]));
    assert!(told["weights"].as_u64().unwrap() > 100);
    let files = home.files("out");
    let names =
        ["forethought_model.py", "manifest.json", "model.safetensors", "plan.json", "test_vector.json"];
    assert_eq!(files.keys().collect::<Vec<_>>(), names);
    // It is a checkpoint like any other, and is not written over.
    assert!(home.succeed(["inspect", "out"]).contains("met within"));
    let again = home.run(["export", "run", "--out", "out"]);
    assert_eq!((again.status.code(), home.files("out")), (Some(1), files));
    // A file of the authors' code, as small as can be, and an environment with other sizes.
    let theirs = concat!(env!("CARGO_MANIFEST_DIR"), "/../planner/tests/fixtures/original/tiny.ckpt");
    let import = |name: &'static str, out: &'static str| {
        home.run(["import", theirs, "--environment", name, "--heads", "2", "--chunks", "3", "--out", out])
    };
    let refused = import("toy-car", "other");
    assert_eq!(refused.status.code(), Some(1));
    assert!(text(&refused.stderr).contains("frames of 6 numbers"), "{}", text(&refused.stderr));
    assert!(!home.path("other").exists());
    let read = import("maze2d-umaze", "theirs");
    assert!(read.status.success(), "{}", text(&read.stderr));
    assert!(text(&read.stdout).contains("after 1234 steps"), "{}", text(&read.stdout));
    let few = ["--episodes", "1", "--out", "scored", "--set", "plan.sampler.steps=5"];
    home.succeed(["eval", "maze2d-umaze", "--checkpoint", "theirs"].into_iter().chain(few));
    assert!(home.path("scored/episodes.csv").is_file());
}
