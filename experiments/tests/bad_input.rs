//! Bad input of every kind: the message names the thing and the remedy, the exit code is 1 or 2, nothing
//! panics, and nothing is left half-written.
// Failed expectations are the point of a test.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod program;

use std::fs;
use std::path::Path;

use program::{Home, QUICK, checkpoint, data, planned, sets, text, train, words};

/// Runs a command that must fail with `code`, say all of `says`, and leave the folder as it was.
#[track_caller]
fn refused(home: &Home, arguments: &[String], code: i32, says: &[&str]) {
    let before = (home.files("."), folders(&home.path(".")));
    let output = home.run(arguments);
    let message = text(&output.stderr);
    let shown = arguments.join(" ");
    assert_eq!(output.status.code(), Some(code), "{shown}\n{message}");
    assert!(!message.contains("panicked") && !message.contains("RUST_BACKTRACE"), "{shown}\n{message}");
    for part in says {
        assert!(message.contains(part), "`{part}` is not said\n{shown}\n{message}");
    }
    assert!(message.starts_with("forethought: ") || message.starts_with("error: "), "{shown}\n{message}");
    let after = (home.files("."), folders(&home.path(".")));
    assert!(before.1 == after.1, "{shown}\nfolders were {:?}, are {:?}", before.1, after.1);
    let names =
        |files: &std::collections::BTreeMap<String, Vec<u8>>| files.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(&before.0), names(&after.0), "{shown}");
    assert!(before.0 == after.0, "{shown}\na file was changed");
}

fn folders(root: &Path) -> Vec<String> {
    let mut found = Vec::new();
    let mut open = vec![root.to_owned()];
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let entry = entry.unwrap();
            if entry.file_type().unwrap().is_dir() {
                found.push(entry.path().strip_prefix(root).unwrap().display().to_string());
                open.push(entry.path());
            }
        }
    }
    found.sort();
    found
}

#[test]
fn what_the_program_does_not_know() {
    let home = Home::new();
    for command in ["collect", "train", "plan", "eval"] {
        refused(
            &home,
            &words(&[command, "maze2d-umze"]),
            2,
            &["`maze2d-umze`", "did you mean `maze2d-umaze-v1`?"],
        );
        refused(&home, &words(&[command, "chess"]), 2, &["unknown environment `chess`", "maze2d-large-v1"]);
    }
    refused(&home, &words(&["evaluate", "maze2d-umaze"]), 2, &["evaluate", "eval"]);
    refused(&home, &words(&["eval", "maze2d-umaze", "--episode", "3"]), 2, &["--episode", "--episodes"]);
    refused(&home, &words(&["plan"]), 2, &["ENVIRONMENT", "Usage"]);
    refused(&home, &words(&["eval", "maze2d-umaze", "--episodes", "many"]), 2, &["'many'", "--episodes"]);
    refused(&home, &words(&["train", "maze2d-umaze", "--device", "tpu"]), 2, &["'tpu'", "cpu", "cuda"]);
}

#[test]
fn settings() {
    let home = Home::new();
    for (setting, says) in [
        (
            "plan.guidance.scal=2",
            &["unknown setting `plan.guidance.scal`", "did you mean `plan.guidance.scale`?"][..],
        ),
        ("plan.levels=2", &["`plan.levels`", "is now called `plan.sampler.steps`"]),
        ("train.zzzzzzzzzz=1", &["unknown setting `train.zzzzzzzzzz`", "`train` has:", "batch"]),
        ("train.batch=large", &["`train.batch`", "a whole number", "\"large\""]),
        ("plan.guidance.scale=[1]", &["`plan.guidance.scale`", "a finite number"]),
        ("plan.sampler.steps=-3", &["`plan.sampler.steps`", "--set plan.sampler.steps=-3"]),
        ("plan.sampler.steps=70000", &["`plan.sampler.steps`", "--set plan.sampler.steps=70000"]),
        ("model.network.kind=mamba", &["`model.network.kind`", "transformer", "gru"]),
        ("plan.sampler.schedule=piramid", &["`plan.sampler.schedule`", "pyramid"]),
        ("plan.guidance.scale", &["--set plan.guidance.scale", "key=value"]),
        ("=2", &["--set =2", "key=value"]),
    ] {
        for command in ["collect", "train", "plan", "eval"] {
            refused(&home, &words(&[command, "maze2d-umaze", "--set", setting]), 2, says);
        }
    }
    let command = |config: &str| words(&["eval", "maze2d-umaze", "--config", config]);
    refused(&home, &command("none.toml"), 2, &["none.toml", "cannot read the configuration"]);
    fs::write(home.path("broken.toml"), "[plan.sampler]\nsteps = = 3\n").unwrap();
    refused(&home, &command("broken.toml"), 2, &["broken.toml", "line 2"]);
    fs::write(home.path("unknown.toml"), "[plan.sampler]\nstep = 3\n").unwrap();
    refused(
        &home,
        &command("unknown.toml"),
        2,
        &["unknown.toml", "`plan.sampler.step`", "did you mean `plan.sampler.steps`?"],
    );
    fs::write(home.path("medium.toml"), "environment = \"maze2d-medium-v1\"\n").unwrap();
    refused(
        &home,
        &command("medium.toml"),
        2,
        &["`maze2d-medium-v1`", "`maze2d-umaze-v1`", "same environment"],
    );
}

#[test]
fn zeroes_and_other_impossible_sizes() {
    let home = Home::new();
    for (setting, says) in [
        ("plan.horizon.lengths=[0]", &["`plan.horizon.lengths` is 0", "between 1 and 4"][..]),
        ("plan.horizon.lengths=[4, 5]", &["`plan.horizon.lengths` is 5", "between 1 and 4"]),
        ("plan.guidance.mc_samples=0", &["`plan.guidance.mc_samples` is 0", "between 1 and"]),
        ("plan.rank.candidates=0", &["`plan.rank.candidates` is 0", "between 1 and"]),
        ("plan.sampler.steps=0", &["`plan.sampler.steps` is 0", "between 1 and 50"]),
        ("plan.sampler.steps=51", &["`plan.sampler.steps` is 51", "between 1 and 50"]),
        ("plan.sampler.stabilization_level=51", &["`plan.sampler.stabilization_level` is 51", "at most 50"]),
        (
            "plan.monte_carlo.samples=0",
            &["`plan.monte_carlo.samples` is 0", "between 1 and 4096", "select = false"],
        ),
        ("plan.monte_carlo.samples=5000", &["`plan.monte_carlo.samples` is 5000", "between 1 and 4096"]),
        ("plan.monte_carlo.risk=0", &["`plan.monte_carlo.risk` is 0", "a share above 0"]),
        ("plan.monte_carlo.risk=1.5", &["`plan.monte_carlo.risk` is 1.5", "up to 1"]),
        ("plan.monte_carlo.lost=-1", &["`plan.monte_carlo.lost` is -1", "zero or a positive number"]),
        ("plan.guidance.scale=-1", &["`plan.guidance.scale` is -1", "zero or a positive number"]),
        ("plan.warm_start=1.5", &["`plan.warm_start` is 1.5", "between 0 and 1"]),
        ("control.execution_horizon=0", &["`control.execution_horizon` is 0", "at least 1"]),
        ("control.controller=diffused-acton", &["`diffused-acton`", "did you mean `diffused-action`?"]),
    ] {
        for command in ["plan", "eval"] {
            refused(&home, &planned(command, "out", &["--set", setting]), 2, says);
        }
    }
    refused(
        &home,
        &planned(
            "plan",
            "out",
            &["--set", "control.controller=path-following", "--set", "control.path.smoothing=-1"],
        ),
        2,
        &["`control.path.smoothing` is -1", "zero or a positive number"],
    );
    let few = sets(&["plan.monte_carlo.risk=0.1", "plan.monte_carlo.samples=4"]);
    for command in ["plan", "eval"] {
        let arguments = [planned(command, "out", &[]), few.clone()].concat();
        let says = ["`plan.monte_carlo.risk` is 0.1 of 4 outcomes", "plan.monte_carlo.samples to 10 or more"];
        refused(&home, &arguments, 2, &says);
    }
    refused(&home, &planned("eval", "out", &["--episodes", "0"]), 2, &["--episodes is 0", "at least 1"]);
    for (setting, says) in [
        ("train.batch=0", &["`train.batch` is 0", "at least 1"][..]),
        ("train.steps=0", &["`train.steps` is 0", "at least 1"]),
        ("train.shards=0", &["`train.shards` is 0", "at least 1"]),
        ("train.checkpoint_every=0", &["`train.checkpoint_every` is 0", "at least 1"]),
        ("train.learning_rate=0", &["`train.learning_rate` is 0", "positive number"]),
        ("train.ema=1", &["`train.ema` is 1", "not including, 1"]),
        ("model.chunks=0", &["`model.chunks` is 0", "between 1 and"]),
        ("model.frames_per_token=0", &["`model.frames_per_token` is 0", "between 1 and"]),
        ("model.levels=0", &["`model.levels` is 0"]),
        ("model.network.width=0", &["width` is 0", "between 1 and"]),
        ("model.network.layers=0", &["layers` is 0", "between 1 and"]),
        ("model.network.heads=0", &["heads` is 0", "between 1 and"]),
        ("model.network.heads=3", &["width` is 16", "multiple of", "(3)"]),
    ] {
        refused(&home, &train("out", &["--set", setting]), 2, says);
    }
    for (rows, says) in
        [("data.rows=0", "ask for at least one"), ("data.rows=1000000000000000000", "ask for fewer")]
    {
        refused(
            &home,
            &words(&["collect", "maze2d-umaze", "--set", rows, "--out", "x.hdf5"]),
            1,
            &["rows", says],
        );
    }
}

#[test]
fn a_checkpoint_that_does_not_tell_decisions_from_outcomes() {
    let home = Home::new();
    home.succeed(train(
        "run",
        &sets(&["model.level_blocks=0", "model.target=x0"]).iter().map(String::as_str).collect::<Vec<_>>(),
    ));
    for command in ["plan", "eval"] {
        let mut arguments = words(&[command, "maze2d-umaze", "--checkpoint", "run", "--out", "out"]);
        arguments.extend(sets(QUICK));
        arguments.extend(sets(&["plan.monte_carlo.select=true"]));
        refused(&home, &arguments, 2, &["`plan.monte_carlo.select` is true", "set false, or train again"]);
    }
}

#[test]
fn checkpoints_that_are_missing_damaged_or_of_something_else() {
    let home = Home::new();
    let plan_with = |command: &str, environment: &str, checkpoint: &str| {
        let mut arguments = words(&[command, environment, "--out", "out", "--checkpoint", checkpoint]);
        arguments.extend(sets(QUICK));
        arguments
    };
    let copy = |name: &str| {
        fs::create_dir(home.path(name)).unwrap();
        for file in ["manifest.json", "model.safetensors", "training.safetensors"] {
            fs::copy(checkpoint().join(file), home.path(name).join(file)).unwrap();
        }
    };
    let rewrite = |name: &str, change: &dyn Fn(&mut Vec<u8>)| {
        let mut bytes = fs::read(home.path(name)).unwrap();
        change(&mut bytes);
        fs::write(home.path(name), bytes).unwrap();
    };
    fs::create_dir(home.path("empty")).unwrap();
    fs::write(home.path("file.toml"), "").unwrap();
    copy("flipped");
    rewrite("flipped/model.safetensors", &|bytes| *bytes.last_mut().unwrap() ^= 1);
    copy("short");
    rewrite("short/model.safetensors", &|bytes| bytes.truncate(bytes.len() / 2));
    copy("hollow");
    rewrite("hollow/model.safetensors", &Vec::clear);
    copy("gone");
    fs::remove_file(home.path("gone/model.safetensors")).unwrap();
    copy("garbage");
    rewrite("garbage/manifest.json", &|bytes| *bytes = b"\x80\x04garbage".to_vec());
    copy("cut");
    rewrite("cut/manifest.json", &|bytes| bytes.truncate(bytes.len() / 2));
    copy("newer");
    rewrite("newer/manifest.json", &|bytes| {
        *bytes = text(bytes).replace("\"format\": 3", "\"format\": 4").into_bytes()
    });
    copy("other");
    rewrite("other/manifest.json", &|bytes| {
        *bytes = text(bytes).replace("\"width\": 16", "\"width\": 32").into_bytes()
    });
    copy("stale");
    rewrite("stale/manifest.json", &|bytes| {
        *bytes = text(bytes).replace("\"chunks\": 4", "\"chunks\": 0").into_bytes()
    });

    for (name, says) in [
        ("nowhere", &["nowhere", "does not exist", "forethought train"][..]),
        ("file.toml", &["file.toml", "forethought train"]),
        ("empty", &["empty", "no finished checkpoint", "forethought train"]),
        ("flipped", &["flipped/model.safetensors", "SHA-256", "restore it or train again"]),
        ("short", &["short/model.safetensors", "truncated"]),
        ("hollow", &["hollow/model.safetensors", "truncated"]),
        ("gone", &["gone/model.safetensors"]),
        ("garbage", &["garbage/manifest.json", "corrupted"]),
        ("cut", &["cut/manifest.json", "corrupted"]),
        ("newer", &["newer/manifest.json", "format 4", "program version that wrote it"]),
        ("other", &["other/manifest.json", "its own SHA-256"]),
        ("stale", &["stale/manifest.json", "its own SHA-256"]),
    ] {
        for command in ["plan", "eval"] {
            refused(&home, &plan_with(command, "maze2d-umaze", name), 1, says);
        }
        if name != "file.toml" && name != "nowhere" {
            refused(&home, &words(&["inspect", name]), 1, says);
        }
    }
    // Another maze, other observations, and no checkpoint at all.
    let umaze = checkpoint().to_str().unwrap();
    for command in ["plan", "eval"] {
        for other in ["maze2d-medium-v1", "maze2d-large-v1", "PointMaze_UMaze-v3"] {
            refused(
                &home,
                &plan_with(command, other, umaze),
                1,
                &["`maze2d-umaze-v1`", &format!("`{other}`"), "train"],
            );
        }
        let none = "PointMaze_LargeDense-v3";
        refused(
            &home,
            &words(&[command, none]),
            2,
            &["no checkpoint", none, "forethought train", "--checkpoint"],
        );
    }
    // The same layout under another name is no obstacle.
    home.succeed(plan_with("plan", "multi2d-umaze-v1", umaze));
}

#[test]
fn data_that_are_missing_empty_or_damaged() {
    let home = Home::new();
    fs::write(home.path("empty.hdf5"), "").unwrap();
    fs::write(home.path("words.hdf5"), "not HDF5 at all".repeat(100)).unwrap();
    let whole = fs::read(data()).unwrap();
    fs::write(home.path("short.hdf5"), &whole[..whole.len() / 2]).unwrap();
    for (name, code, says) in [
        ("missing.hdf5", 1, &["missing.hdf5", "forethought collect maze2d-umaze-v1", "--data"][..]),
        ("empty.hdf5", 1, &["empty.hdf5"]),
        ("words.hdf5", 1, &["words.hdf5"]),
        ("short.hdf5", 1, &["short.hdf5"]),
    ] {
        let mut arguments = train("out", &[]);
        let at = arguments.iter().position(|word| word == "--data").unwrap() + 1;
        arguments[at] = name.to_owned();
        refused(&home, &arguments, code, says);
        let code = if name == "missing.hdf5" { 2 } else { 1 };
        refused(&home, &words(&["inspect", name]), code, &[name]);
    }
    // Data of another maze.
    home.succeed(words(&["collect", "maze2d-medium", "--set", "data.rows=3000", "--out", "medium.hdf5"]));
    let mut arguments = train("out", &[]);
    let at = arguments.iter().position(|word| word == "--data").unwrap() + 1;
    arguments[at] = "medium.hdf5".to_owned();
    refused(&home, &arguments, 1, &["medium.hdf5", "maze2d-medium-v1", "maze2d-umaze-v1"]);
    // Fewer rows than one token and the observation before it.
    home.succeed(words(&["collect", "maze2d-umaze", "--set", "data.rows=4", "--out", "four.hdf5"]));
    arguments[at] = "four.hdf5".to_owned();
    refused(&home, &arguments, 1, &["four.hdf5", "no window of at least 5 rows"]);
}

#[test]
fn folders_that_cannot_be_written_or_hold_something() {
    let home = Home::new();
    fs::write(home.path("file"), "mine").unwrap();
    fs::create_dir(home.path("used")).unwrap();
    fs::write(home.path("used/thesis.tex"), "mine").unwrap();
    for command in ["plan", "eval"] {
        refused(&home, &planned(command, "file/out", &[]), 1, &["file/out", "--out"]);
        refused(&home, &planned(command, "file", &[]), 1, &["file", "not a folder", "--out"]);
        refused(
            &home,
            &planned(command, "used", &[]),
            1,
            &["used", "already holds files", "--out", "--force"],
        );
        refused(&home, &planned(command, "used", &["--force"]), 1, &["used", "did not write", "--out"]);
    }
    refused(&home, &train("file/out", &[]), 1, &["file/out", "--out"]);
    refused(&home, &train("file", &[]), 1, &["file", "--out"]);
    refused(&home, &train("used", &[]), 1, &["used", "no training run wrote", "--out"]);
    refused(&home, &train("out", &["--export", "used"]), 1, &["used", "--export"]);
    let collect = |out: &str| words(&["collect", "maze2d-umaze", "--set", "data.rows=100", "--out", out]);
    refused(&home, &collect("file"), 1, &["file", "exists", "--force"]);
    refused(&home, &collect("file/x.hdf5"), 1, &["file/x.hdf5", "folder"]);
    refused(&home, &collect("nowhere/x.hdf5"), 1, &["nowhere/x.hdf5", "folder does not exist"]);
    refused(&home, &collect("used"), 1, &["used", "folder"]);
    fs::write(home.path("data"), "mine").unwrap();
    refused(&home, &words(&["collect", "maze2d-umaze", "--set", "data.rows=100"]), 1, &["data", "--out"]);
    refused(&home, &words(&["inspect", "nowhere"]), 2, &["nowhere", "does not exist"]);
}

#[test]
fn devices_in_a_program_without_them() {
    let home = Home::new();
    for (device, built) in [("cuda", cfg!(feature = "cuda")), ("wgpu", cfg!(feature = "wgpu"))] {
        for arguments in [planned("plan", "out", &[]), planned("eval", "out", &[]), train("out", &[])] {
            let arguments: Vec<String> = arguments.into_iter().chain(words(&["--device", device])).collect();
            let (without, remedy) =
                (format!("without the feature `{device}`"), format!("--features {device}"));
            if !built {
                refused(&home, &arguments, 2, &[&without, &remedy, "--device cpu"]);
            }
        }
    }
}

#[test]
fn resuming_with_other_settings_or_from_damage() {
    let home = Home::new();
    home.succeed(train("run", &["--time-limit", "0"]));
    for (setting, says) in [
        ("train.batch=4", "train.batch (8 then, 4 now)"),
        ("train.steps=60", "train.steps (30 then, 60 now)"),
        ("train.seed=1", "train.seed (0 then, 1 now)"),
        ("model.levels=40", "model.levels (50 then, 40 now)"),
    ] {
        refused(&home, &train("run", &["--set", setting]), 1, &["run", says, "--out"]);
    }
    refused(&home, &train("run", &["--set", "model.network.width=32"]), 1, &["run", "model"]);
    refused(&home, &train("run", &["--seed", "5"]), 1, &["run", "train.seed (0 then, 5 now)", "--out"]);
    home.succeed(words(&[
        "collect",
        "maze2d-umaze",
        "--set",
        "data.rows=20000",
        "--seed",
        "1",
        "--out",
        "b.hdf5",
    ]));
    let mut other = train("run", &[]);
    let at = other.iter().position(|word| word == "--data").unwrap() + 1;
    other[at] = "b.hdf5".to_owned();
    refused(&home, &other, 1, &["run", "other data", "--out"]);
    let weights = home.path("run/checkpoints/step-00000001/training.safetensors");
    let mut bytes = fs::read(&weights).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    fs::write(&weights, bytes).unwrap();
    refused(&home, &train("run", &[]), 1, &["training.safetensors", "SHA-256"]);
}
