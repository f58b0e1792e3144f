//! Takes the commit that the program is built from, so that every record can name it.
//!
//! `FORETHOUGHT_COMMIT` says it where there is no git; sources that differ from their commit add `-dirty-` and a
//! number that is another one for other differences.

use std::path::Path;
use std::process::Command;

/// What a score can depend on, from the root of the workspace.
const SOURCES: [&str; 6] =
    ["agent/src", "envs/src", "planner/src", "policies/src", "experiments/src", "Cargo.lock"];
const VARIABLE: &str = "FORETHOUGHT_COMMIT";

fn main() {
    println!("cargo:rerun-if-env-changed={VARIABLE}");
    println!("cargo:rerun-if-changed=build.rs");
    // The log grows with every commit and every change of branch.
    let watched = SOURCES.map(|source| format!("../{source}"));
    for path in watched.iter().cloned().chain(git(&["rev-parse", "--git-path", "logs/HEAD"])) {
        if Path::new(&path).exists() {
            println!("cargo:rerun-if-changed={path}");
        }
    }
    let given = std::env::var(VARIABLE).ok().filter(|commit| !commit.is_empty());
    let commit = given.or_else(commit).unwrap_or_else(|| "unknown".into());
    println!("cargo:rustc-env={VARIABLE}={commit}");
}

fn commit() -> Option<String> {
    // Sources unpacked inside another project's repository are not that project's commit.
    git(&["ls-files", "--error-unmatch", "build.rs"])?;
    let commit = git(&["rev-parse", "--short=12", "HEAD"])?;
    let paths = SOURCES.map(|source| format!(":/{source}"));
    let about = |command: &[&str]| {
        let all: Vec<&str> = command.iter().copied().chain(paths.iter().map(String::as_str)).collect();
        git(&all).unwrap_or_default()
    };
    let changes = about(&["status", "--porcelain", "--"]) + &about(&["diff", "HEAD", "--"]);
    match changes.is_empty() {
        true => Some(commit),
        false => Some(format!("{commit}-dirty-{:08x}", fingerprint(&changes))),
    }
}

fn git(arguments: &[&str]) -> Option<String> {
    let output = Command::new("git").args(arguments).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// FNV-1a.
fn fingerprint(text: &str) -> u32 {
    text.bytes().fold(0x811c_9dc5, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193))
}
