//! The real program in a folder of its own, and what it left there.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::LazyLock;

use tempfile::TempDir;

/// A network and a run small enough to train in a fraction of a second.
pub const TINY: &[&str] = &[
    "model.network.width=16",
    "model.network.layers=1",
    "model.network.heads=2",
    "model.chunks=4",
    "model.frames_per_token=4",
    "model.levels=50",
    "train.steps=30",
    "train.batch=8",
    "train.warmup=5",
    "train.checkpoint_every=10",
    "train.log_every=5",
];

/// Quick planning with that network.
pub const QUICK: &[&str] = &[
    "plan.sampler.steps=2",
    "plan.sampler.stabilization_level=2",
    "plan.guidance.mc_samples=1",
    "plan.horizon.lengths=[4]",
    "plan.horizon.terminal_chunks=4",
    "plan.rank.candidates=1",
    "control.execution_horizon=16",
];

/// A folder that the program runs in.
pub struct Home {
    folder: TempDir,
}

impl Home {
    pub fn new() -> Self {
        Self { folder: tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap() }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The program with these arguments, not yet started.
    pub fn command<I: AsRef<std::ffi::OsStr>>(&self, arguments: impl IntoIterator<Item = I>) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_forethought"));
        command
            .args(arguments)
            .current_dir(self.folder.path())
            .stdin(Stdio::null())
            .env("RUST_BACKTRACE", "0");
        command
    }

    pub fn run<I: AsRef<std::ffi::OsStr>>(&self, arguments: impl IntoIterator<Item = I>) -> Output {
        self.command(arguments).output().unwrap()
    }

    /// Runs to success and gives back standard output.
    pub fn succeed<I: AsRef<std::ffi::OsStr>>(&self, arguments: impl IntoIterator<Item = I>) -> String {
        let output = self.run(arguments);
        assert!(output.status.success(), "{}", text(&output.stderr));
        text(&output.stdout)
    }

    /// Every file below a folder, by relative path; `events.*` left out, whose names hold the clock.
    pub fn files(&self, below: &str) -> BTreeMap<String, Vec<u8>> {
        let mut found = BTreeMap::new();
        collect(&self.path(below), "", &mut found);
        found.retain(|name, _| !name.starts_with("events."));
        found
    }
}

fn collect(folder: &Path, prefix: &str, found: &mut BTreeMap<String, Vec<u8>>) {
    for entry in fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        let name = format!("{prefix}{}", entry.file_name().to_str().unwrap());
        if entry.file_type().unwrap().is_dir() {
            collect(&entry.path(), &format!("{name}/"), found);
        } else {
            found.insert(name, fs::read(entry.path()).unwrap());
        }
    }
}

/// One small data file for all tests of this process.
pub fn data() -> &'static Path {
    static DATA: LazyLock<(Home, PathBuf)> = LazyLock::new(|| {
        let home = Home::new();
        home.succeed(["collect", "maze2d-umaze", "--set", "data.rows=20000", "--out", "small.hdf5"]);
        let path = home.path("small.hdf5");
        (home, path)
    });
    &DATA.1
}

/// One small checkpoint for all tests of this process.
pub fn checkpoint() -> &'static Path {
    static CHECKPOINT: LazyLock<(Home, PathBuf)> = LazyLock::new(|| {
        let home = Home::new();
        home.succeed(train("run", &[]));
        let path = home.path("run/checkpoints/step-00000030");
        (home, path)
    });
    &CHECKPOINT.1
}

/// Arguments of a training run on the small data.
pub fn train(out: &str, more: &[&str]) -> Vec<String> {
    let mut arguments = words(&["train", "maze2d-umaze", "--out", out, "--data"]);
    arguments.push(data().to_str().unwrap().to_owned());
    arguments.extend(sets(TINY));
    arguments.extend(words(more));
    arguments
}

/// Arguments of a command that plans with the small checkpoint.
pub fn planned(command: &str, out: &str, more: &[&str]) -> Vec<String> {
    let mut arguments = words(&[command, "maze2d-umaze", "--out", out, "--checkpoint"]);
    arguments.push(checkpoint().to_str().unwrap().to_owned());
    arguments.extend(sets(QUICK));
    arguments.extend(words(more));
    arguments
}

pub fn words(list: &[&str]) -> Vec<String> {
    list.iter().map(|word| (*word).to_owned()).collect()
}

pub fn sets(list: &[&str]) -> Vec<String> {
    list.iter().flat_map(|setting| ["--set".to_owned(), (*setting).to_owned()]).collect()
}

pub fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
