//! A recording that cannot be written, from its beginning or from some moment on: it is told of, and the loop goes on.
#![allow(clippy::unwrap_used, clippy::print_stdout)]

mod rig;

use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use forethought_agent::{RealTimeAgent, RealTimeConfig, Recording, RecordingHeader, Rung};
use forethought_envs::NoTask;
use rig::{HORIZON, Scripted, controller, spec};

/// Where the loop that is driven with a limit writes to.
const RECORDING: &str = "FORETHOUGHT_RECORDING_OF_THE_TEST";

/// Setup: a loop with a recording, in a process whose files may hold 32 KiB. Fault: the file is full. Recovery: none is needed.
/// Invariant: every tick has its command, the report says why the recording ends, what was written can be read.
#[test]
fn the_loop_goes_on_and_what_was_written_can_be_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("loop.txt");
    let limited = "trap '' XFSZ; ulimit -f 64; exec \"$0\" \"$@\"";
    let driven = Command::new("sh")
        .args(["-c", limited])
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", "driven_until_the_recording_ends", "--ignored", "--nocapture"])
        .env(RECORDING, &path)
        .output()
        .unwrap();
    let said =
        String::from_utf8_lossy(&driven.stdout).into_owned() + &String::from_utf8_lossy(&driven.stderr);
    assert!(driven.status.success(), "{said}");
    let message = said.lines().find(|line| line.contains("the recording ends here")).unwrap_or_default();
    assert!(message.contains("loop.txt"), "{said}");
    let read = Recording::read(&path).unwrap();
    assert!(path.metadata().unwrap().len() <= 32 * 1024);
    assert!(read.episodes[0].ticks.len() > 50, "{said}");
}

#[test]
#[ignore = "driven by the other test, with a limit on what files may hold"]
fn driven_until_the_recording_ends() {
    let path = std::env::var(RECORDING).unwrap();
    let config = RealTimeConfig::default();
    let planner = Box::new(Scripted::good());
    let mut agent =
        RealTimeAgent::new(planner, controller("diffused-action"), &spec(), HORIZON, &config).unwrap();
    agent.record(Path::new(&path), &RecordingHeader::default()).unwrap();
    agent.reset(1, Arc::new(NoTask));
    agent.start();
    let (begin, mut step, mut after) = (Instant::now(), 0.0, 0);
    while after < 200 {
        let tick = agent.tick(&[step, 0.0]);
        assert!(matches!(tick.rung, Rung::Waiting | Rung::Plan | Rung::Previous), "{tick:?}");
        assert!(tick.command.is_some() || step == 0.0, "{tick:?}");
        step += f64::from(u8::from(tick.command.is_some()));
        after += usize::from(agent.report().messages.iter().any(|m| m.what.contains("the recording ends")));
        assert!(begin.elapsed() < Duration::from_secs(60), "the disk never filled");
        std::thread::sleep(Duration::from_millis(1));
    }
    println!("{}", agent.stop());
}

/// Setup: a loop. Fault: the recording's file cannot be made. Recovery: another is named. Invariant: one recording, and no file
/// that nobody writes.
#[test]
fn after_a_file_that_cannot_be_made_another_may_be_named() {
    let folder = tempfile::tempdir().unwrap();
    let (planner, config) = (Box::new(Scripted::good()), RealTimeConfig::default());
    let mut agent =
        RealTimeAgent::new(planner, controller("diffused-action"), &spec(), HORIZON, &config).unwrap();
    let mut record = |name: &str| {
        let recorded = agent.record(&folder.path().join(name), &RecordingHeader::default());
        recorded.map_err(|error| error.to_string())
    };
    assert!(record("nowhere/loop.txt").unwrap_err().contains("nowhere"));
    record("loop.txt").unwrap();
    assert!(record("second.txt").unwrap_err().contains("recorded already"));
    assert!(!folder.path().join("second.txt").exists());
}
