//! What an embedder hears with `tracing`: plans, their rows and the ladder, all from the planner's threads.
#![allow(clippy::unwrap_used)]

use std::io::{self, Write};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use forethought_agent::{Agent, RealTimeConfig};
use forethought_envs::{Environment, Start, make};
use tracing_subscriber::fmt;
use tracing_subscriber::fmt::format::FmtSpan;

#[derive(Clone, Default)]
struct Heard(Arc<Mutex<Vec<u8>>>);

impl Write for Heard {
    fn write(&mut self, said: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(said);
        Ok(said.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn plans_rows_and_the_ladder_are_told_and_ticks_say_nothing() {
    let heard = Heard::default();
    let writer = heard.clone();
    fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_span_events(FmtSpan::CLOSE)
        .with_thread_names(true)
        .with_ansi(false)
        .with_writer(move || writer.clone())
        .init();
    let checkpoint = concat!(env!("CARGO_MANIFEST_DIR"), "/../experiments/checkpoints/maze2d-umaze-v1");
    let config = RealTimeConfig { max_plan_age_s: 0.2, ..RealTimeConfig::default() };
    let mut agent = Agent::builder(checkpoint).real_time(&config).unwrap();
    let mut robot = make("maze2d-umaze-v1").unwrap();
    robot.reset(&Start::seed(1)).unwrap();
    agent.reset(1, robot.task());
    agent.start();
    let said = || String::from_utf8(heard.0.lock().unwrap().clone()).unwrap();
    let mut until = |wanted: &str, observation: &[f64]| {
        let (begin, before) = (Instant::now(), said().matches(wanted).count());
        while said().matches(wanted).count() == before {
            agent.tick(observation);
            assert!(begin.elapsed() < Duration::from_secs(60), "{}", said());
            std::thread::sleep(agent.period());
        }
    };
    until("ladder rung=\"plan\"", robot.observation());
    // A sensor that fails: no plan is made any more, and the one in force grows too old.
    until("ladder rung=\"brake\"", &[f64::NAN; 4]);
    until("ladder rung=\"plan\"", robot.observation());
    let said = said();
    drop(agent);
    let line =
        |of: &str| said.lines().find(|line| line.contains(of)).unwrap_or_else(|| panic!("{of}: {said}"));
    // A row is part of a plan, which is part of a call for one step.
    let row = line(":row{");
    assert!(row.contains("think{episode=") && row.contains("}:plan{requests=1}:row{row="), "{row}");
    assert!(line("ladder rung=\"brake\"").contains("WARN"), "{said}");
    assert!(line("event=\"bad-observation\"").contains("new="), "{said}");
    assert!(line(": plan serial=1 ").contains("took_ms="), "{said}");
    // No thread but the planner's said anything: this one has driven the loop.
    let own = std::thread::current().name().unwrap().to_owned();
    assert!(!said.lines().any(|line| line.contains(&own)), "a tick was told of:\n{said}");
}
