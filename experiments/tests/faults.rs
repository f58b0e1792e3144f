//! Faults from outside: setup, fault, recovery, invariant. RELIABILITY.md has the table.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod program;

use std::fs::{self, File};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use program::{Home, data, planned, text, train};

fn spawn(home: &Home, arguments: &[String]) -> Child {
    home.command(arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

/// Waits until a condition holds; fails after a minute.
fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let began = Instant::now();
    while !holds() {
        assert!(began.elapsed() < Duration::from_secs(60), "{what}: not after a minute");
        std::thread::sleep(Duration::from_millis(2));
    }
}

fn signal(child: &Child, name: &str) {
    assert!(
        Command::new("kill").args([&format!("-{name}"), &child.id().to_string()]).status().unwrap().success()
    );
}

/// A run that would take hours, and no checkpoint or line for as long.
const ENDLESS: &[&str] = &[
    "--set",
    "train.steps=100000000",
    "--set",
    "train.checkpoint_every=100000000",
    "--set",
    "train.log_every=100000000",
];

#[test]
fn one_request_to_end_however_many_signals_saves_a_checkpoint() {
    for (at, signals) in
        [&["TERM"][..], &["INT"], &["HUP", "TERM"], &["TERM", "TERM", "INT"]].iter().enumerate()
    {
        let home = Home::new();
        let mut child = spawn(&home, &train("run", ENDLESS));
        until("the run begins", || home.path("run/config.toml").is_file() && begun(&home));
        signals.iter().for_each(|name| signal(&child, name));
        assert!(child.wait().unwrap().success(), "{at}: {signals:?}");
        let saved = fs::read_dir(home.path("run/checkpoints")).unwrap().count();
        assert_eq!(saved, 1, "{signals:?}");
    }
}

/// The run's loop has begun: it opens its event file.
fn begun(home: &Home) -> bool {
    let files = fs::read_dir(home.path("run")).into_iter().flatten().flatten();
    files.into_iter().any(|file| file.file_name().to_string_lossy().starts_with("events."))
}

#[test]
fn the_second_run_in_a_folder_is_refused_and_the_first_is_untouched() {
    let home = Home::new();
    let long = ["--set", "train.steps=3000"];
    home.succeed(train("alone", &long));
    let mut first = spawn(&home, &train("run", &long));
    until("the run begins", || begun(&home));
    let second = home.run(train("run", &[&long[..], &["--seed", "9"]].concat()));
    assert_eq!(second.status.code(), Some(1));
    assert!(
        text(&second.stderr).contains("another run is training in this folder"),
        "{}",
        text(&second.stderr)
    );
    assert!(first.wait().unwrap().success());
    assert!(home.files("run") == home.files("alone"), "the first run is not as if it had been alone");
}

#[test]
fn two_results_for_one_folder_are_not_mixed() {
    let home = Home::new();
    home.succeed(planned("plan", "out", &["--seed", "1"]));
    let before = home.files("out");
    // Held as a run holds it, for as long as this lives.
    let list = File::open(home.path("out/.forethought-files")).unwrap();
    list.lock().unwrap();
    for arguments in [planned("plan", "out", &["--force"]), planned("eval", "out", &["--force"])] {
        let refused = home.run(arguments);
        assert_eq!(refused.status.code(), Some(1));
        assert!(text(&refused.stderr).contains("being written by another run"), "{}", text(&refused.stderr));
    }
    assert!(home.files("out") == before);
    drop(list);
    home.succeed(planned("plan", "out", &["--seed", "2", "--force"]));
}

#[test]
fn force_with_settings_that_fail_takes_nothing_away() {
    let home = Home::new();
    home.succeed(planned("plan", "out", &[]));
    let before = home.files("out");
    for bad in ["plan.sampler.steps=0", "control.controller=none", "plan.nothing=1"] {
        for command in ["plan", "eval"] {
            assert!(!home.run(planned(command, "out", &["--force", "--set", bad])).status.success(), "{bad}");
            assert!(home.files("out") == before, "{command} {bad}");
        }
    }
}

#[test]
fn training_leaves_alone_what_it_did_not_write() {
    let home = Home::new();
    fs::create_dir(home.path("mine")).unwrap();
    for (name, text) in [("metrics.jsonl", "mine\n"), ("config.toml", "# mine\n[train]\nsteps = 30\n")] {
        fs::write(home.path("mine").join(name), text).unwrap();
    }
    let before = home.files("mine");
    for more in [&[][..], &["--config", "mine/config.toml"]] {
        let refused = home.run(train("mine", more));
        assert_eq!(refused.status.code(), Some(1));
        assert!(text(&refused.stderr).contains("no training run wrote them"), "{}", text(&refused.stderr));
        assert!(home.files("mine") == before);
    }
    // A run's own configuration with remarks added stays as the user wrote it.
    home.succeed(train("run", &["--time-limit", "0"]));
    let path = home.path("run/config.toml");
    let remarked = format!("# tried on Tuesday\n{}", fs::read_to_string(&path).unwrap());
    fs::write(&path, &remarked).unwrap();
    home.succeed(train("run", &["--config", "run/config.toml"]));
    assert_eq!(fs::read_to_string(&path).unwrap(), remarked);
}

#[test]
fn results_that_cannot_be_written_are_an_error_and_remarks_are_not() {
    let home = Home::new();
    for arguments in [&["envs"][..], &["envs", "--json"], &["--help"], &["settings"], &["--version"]] {
        let full = File::options().write(true).open("/dev/full").unwrap();
        let output = home.command(arguments).stdout(full).output().unwrap();
        assert_eq!(output.status.code(), Some(1), "{arguments:?}");
        assert!(text(&output.stderr).contains("standard output"), "{arguments:?}: {}", text(&output.stderr));
    }
    // Remarks that nobody can hear, before, while and after it works.
    for more in [&[][..], &["--set", "train.steps=40"]] {
        let full = File::options().write(true).open("/dev/full").unwrap();
        let run = home.command(train(&format!("run{}", more.len()), more)).stderr(full).output().unwrap();
        assert_eq!(run.status.code(), Some(0), "{}", text(&run.stdout));
    }
    let mut deaf =
        home.command(train("deaf", &[])).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    drop(deaf.stderr.take());
    assert_eq!(deaf.wait().unwrap().code(), Some(0));
    let full = File::options().write(true).open("/dev/full").unwrap();
    let refused = home.command(["inspect", "nowhere"]).stderr(full).output().unwrap();
    assert_eq!(refused.status.code(), Some(2));
}

#[test]
fn data_are_not_written_over_links_and_devices() {
    let home = Home::new();
    let collect = |out: &str, rows: &str| {
        ["collect", "maze2d-umaze", "--force", "--set", &format!("data.rows={rows}"), "--out", out]
            .map(str::to_owned)
    };
    fs::create_dir(home.path("far")).unwrap();
    home.succeed(collect("far/real.hdf5", "100"));
    symlink("far/real.hdf5", home.path("link.hdf5")).unwrap();
    home.succeed(collect("link.hdf5", "200"));
    assert!(home.path("link.hdf5").symlink_metadata().unwrap().is_symlink());
    assert!(home.succeed(["inspect", "far/real.hdf5"]).contains("200 rows"));
    let refused = home.run(collect("/dev/null", "100"));
    assert_eq!(refused.status.code(), Some(1));
    assert!(text(&refused.stderr).contains("a device"), "{}", text(&refused.stderr));
    // What a killed writer left is taken over.
    fs::write(home.path(".new.hdf5.unfinished"), vec![7; 1 << 20]).unwrap();
    home.succeed(collect("new.hdf5", "100"));
    assert!(home.succeed(["inspect", "new.hdf5"]).contains("100 rows"));
    assert!(!home.path(".new.hdf5.unfinished").exists());
}

#[test]
fn names_that_are_not_unicode_work_in_json_too() {
    let home = Home::new();
    let name = std::ffi::OsStr::from_bytes(b"caf\xe9.hdf5");
    fs::copy(data(), home.path("x").with_file_name(name)).unwrap();
    let inspect: [&std::ffi::OsStr; 3] = ["inspect".as_ref(), name, "--json".as_ref()];
    assert!(home.succeed(inspect).contains("\"rows\": 20000"));
    let out = std::ffi::OsStr::from_bytes(b"r\xe9sultats");
    let mut arguments: Vec<std::ffi::OsString> =
        train("x", &["--json"]).into_iter().map(Into::into).collect();
    let at = arguments.iter().position(|word| word == "x").unwrap();
    arguments[at] = out.into();
    assert!(home.succeed(arguments).contains("\"complete\": true"));
}

#[test]
fn an_interrupted_evaluation_keeps_what_it_was_about_to_replace() {
    let home = Home::new();
    home.succeed(planned("eval", "out", &["--episodes", "2"]));
    let rows =
        || fs::read_to_string(home.path("out/episodes.csv")).unwrap().matches("diffusion-forcing").count();
    let listed = || fs::metadata(home.path("out/.forethought-files")).unwrap().len();
    let (scored, before) = (rows(), listed());
    assert!(scored >= 2);
    // Other settings: everything is scored again, and the run is killed when it has begun to write.
    let again = planned("eval", "out", &["--episodes", "2", "--set", "plan.sampler.steps=3"]);
    let mut child = spawn(&home, &again);
    until("it writes", || listed() > before || child.try_wait().unwrap().is_some());
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(rows(), scored);
    home.succeed(["report", "out"]);
    home.succeed(again);
    home.succeed(["report", "out"]);
}

#[test]
fn an_evaluation_with_force_takes_nothing_away_before_it_has_something() {
    let home = Home::new();
    home.succeed(planned("eval", "out", &["--episodes", "2"]));
    let before = home.files("out");
    let long = planned("eval", "out", &["--force", "--planners", "diffusion-forcing", "--episodes", "5000"]);
    let mut child = spawn(&home, &long);
    // It holds the folder and scores; the first of 5,000 episodes' results is seconds away.
    until("it holds the folder", || {
        File::open(home.path("out/.forethought-files")).unwrap().try_lock().is_err()
    });
    std::thread::sleep(Duration::from_millis(300));
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(home.files("out") == before);
}

#[test]
fn an_episode_that_was_edited_is_not_believed() {
    let home = Home::new();
    home.succeed(planned("eval", "out", &["--episodes", "2"]));
    let path = home.path("out/episodes.csv");
    let sound = fs::read_to_string(&path).unwrap();
    let line = sound.lines().find(|line| line.contains("diffusion-forcing")).unwrap();
    let (head, tail) = line.rsplit_once(',').unwrap();
    let edited = format!("{head},{}", tail.parse::<usize>().unwrap() + 1);
    fs::write(&path, sound.replacen(line, &edited, 1)).unwrap();
    let refused = home.run(["report", "out"]);
    assert_eq!(refused.status.code(), Some(2));
    assert!(text(&refused.stderr).contains("not those that the protocol seals"), "{}", text(&refused.stderr));
    let again = home.run(planned("eval", "out", &["--episodes", "2"]));
    assert!(again.status.success() && text(&again.stderr).contains("do not count any more"));
    assert_eq!(fs::read_to_string(&path).unwrap().lines().count(), sound.lines().count());
    home.succeed(["report", "out"]);
}

#[test]
fn counts_seeds_and_files_without_an_end_are_refused_and_leave_no_folder() {
    let home = Home::new();
    let most = u64::MAX.to_string();
    symlink("loop", home.path("loop")).unwrap();
    for (arguments, code, says) in [
        (planned("eval", "out", &["--episodes", &most]), 2, "give at most"),
        (planned("eval", "out", &["--seed", &most]), 2, "--seed"),
        (planned("plan", "out", &["--seed", "-1"]), 2, "invalid value '-1'"),
        (train("out", &["--seed", &most]), 2, "--seed"),
        (train("out", &["--time-limit", "-5"]), 2, "--time-limit"),
        (train("out", &["--set", "train.batch=1000000000000"]), 2, "give at most"),
        (train("out", &["--set", "train.shards=1000000000000"]), 2, "give at most"),
        (train("out", &["--set", "plan.sampler.steps=0"]), 2, "plan.sampler.steps"),
        (train("out", &["--config", "/dev/zero"]), 2, "more than"),
        (planned("eval", "out", &["--suite", "/dev/zero.toml"]), 2, "--suite"),
        (planned("plan", "out", &["--set", "environment=maze2d-large"]), 2, "names another environment"),
        (["inspect", "loop"].map(str::to_owned).to_vec(), 1, "cannot be looked at"),
        (["train", "--out", "out", "--data", "loop"].map(str::to_owned).to_vec(), 1, "cannot be looked at"),
        (
            ["plan", "maze2d-umaze", "--out", "out", "--checkpoint", "loop"].map(str::to_owned).to_vec(),
            1,
            "symbolic",
        ),
    ] {
        let output = home.run(&arguments);
        let message = text(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {message}");
        assert!(message.contains(says) && !message.contains("-- -"), "{arguments:?}: {message}");
        assert!(!home.path("out").exists(), "{arguments:?}");
    }
}

#[test]
fn a_single_episode_claims_no_interval() {
    let home = Home::new();
    let table = home.succeed(planned("eval", "one", &["--episodes", "1"]));
    let row = table.lines().find(|line| line.starts_with("diffusion-forcing")).unwrap();
    assert!(row.contains("[-]"), "{row}");
    let several = home.succeed(planned("eval", "two", &["--episodes", "2"]));
    assert!(!several.lines().find(|line| line.starts_with("diffusion-forcing")).unwrap().contains("[-]"));
}

#[test]
fn a_file_system_that_can_do_little_is_enough() {
    let home = Home::new();
    let (source, library) =
        (concat!(env!("CARGO_MANIFEST_DIR"), "/tests/program/poor_file_system.c"), home.path("poor.so"));
    let compiled =
        Command::new("cc").args(["-shared", "-fPIC", "-o"]).arg(&library).args([source, "-ldl"]).status();
    assert!(compiled.expect("the build needs cc, and so does this test").success());
    let poorly = |arguments: &[String]| home.command(arguments).env("LD_PRELOAD", &library).output().unwrap();
    let collect =
        ["collect", "maze2d-umaze", "--set", "data.rows=100", "--out", "new.hdf5"].map(str::to_owned);
    for arguments in [collect.to_vec(), train("run", &[]), planned("eval", "out", &["--episodes", "2"])] {
        let output = poorly(&arguments);
        assert_eq!(output.status.code(), Some(0), "{arguments:?}: {}", text(&output.stderr));
    }
    // What it cannot do, it does not make up: a name that is taken is still refused.
    let again = poorly(&collect);
    assert_eq!(again.status.code(), Some(1));
    assert!(text(&again.stderr).contains("exists"), "{}", text(&again.stderr));
    home.succeed(train("alone", &[]));
    assert!(home.files("run") == home.files("alone"));
}

#[test]
fn room_that_runs_out_costs_nothing_that_was_there() {
    let home = Home::new();
    home.succeed(train("whole", &[]));
    // Files end at 60 KiB: the weights of a checkpoint fit, what training resumes from does not.
    let words = train("run", &[]);
    let limited = |blocks: usize| {
        let script = format!("trap '' XFSZ; ulimit -f {blocks}; exec \"$0\" \"$@\"");
        let program = env!("CARGO_BIN_EXE_forethought");
        let mut command = Command::new("sh");
        command.args(["-c", &script, program]).args(&words).current_dir(home.path(".")).output().unwrap()
    };
    let full = limited(120);
    assert_eq!(full.status.code(), Some(1), "{}", text(&full.stderr));
    assert!(text(&full.stderr).contains("training.safetensors"), "{}", text(&full.stderr));
    home.succeed(&words);
    same(&home, "run", "whole");
    // Again with a checkpoint there: it stays, and the run goes on from it.
    fs::remove_dir_all(home.path("run/checkpoints/step-00000030")).unwrap();
    let before = fs::read(home.path("run/checkpoints/step-00000020/training.safetensors")).unwrap();
    assert_eq!(limited(120).status.code(), Some(1));
    assert!(fs::read(home.path("run/checkpoints/step-00000020/training.safetensors")).unwrap() == before);
    home.succeed(&words);
    same(&home, "run", "whole");
}

fn same(home: &Home, run: &str, whole: &str) {
    let (run, whole) = (home.files(run), home.files(whole));
    assert!(run.keys().eq(whole.keys()), "{:?}\n{:?}", run.keys(), whole.keys());
    for (name, bytes) in &whole {
        assert!(run[name] == *bytes, "{name} differs");
    }
}
