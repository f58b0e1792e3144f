//! The real-time agent with its thread: what a simulated clock cannot show.
//!
//! Times are bounded from above by far more than they take, so that a busy machine does not fail them.
#![allow(clippy::unwrap_used, clippy::float_cmp)]

mod rig;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use forethought_agent::{Event, RealTimeAgent, RealTimeConfig, Rung};
use forethought_envs::NoTask;
use forethought_planner::Planner;
use rig::{FRAMES, HORIZON, Scripted, controller, counting, spec};

/// The safe command of these tests.
const SAFE: f64 = -0.25;
/// Longer than any of this takes.
const PATIENCE: Duration = Duration::from_secs(20);

fn agent(planner: impl Planner + 'static) -> RealTimeAgent {
    let config = RealTimeConfig { safe: vec![SAFE], ..RealTimeConfig::default() };
    let controller = controller("diffused-action");
    let mut agent = RealTimeAgent::new(Box::new(planner), controller, &spec(), HORIZON, &config).unwrap();
    agent.reset(1, Arc::new(NoTask));
    agent.start();
    agent
}

/// Ticks a millisecond apart until one is as wanted; the command of that one.
fn until(agent: &mut RealTimeAgent, wanted: impl Fn(Rung, Option<f64>) -> bool) -> Option<f64> {
    let (begin, mut step) = (Instant::now(), 0.0);
    loop {
        let tick = agent.tick(&[step, 0.0]);
        let (rung, command) = (tick.rung, tick.command.map(|command| command[0]));
        if wanted(rung, command) {
            return command;
        }
        step += f64::from(u8::from(command.is_some()));
        assert!(begin.elapsed() < PATIENCE, "{}", agent.report());
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// What the robot was told at the end.
fn told(agent: &mut RealTimeAgent) -> Arc<Mutex<Vec<Vec<f64>>>> {
    let told = Arc::new(Mutex::new(Vec::new()));
    let sink = Arc::clone(&told);
    agent.on_end(move |safe| sink.lock().unwrap().push(safe.to_vec()));
    told
}

#[test]
fn plans_come_from_the_thread_and_stop_ends_them() {
    let mut agent = agent(Scripted::good());
    let told = told(&mut agent);
    until(&mut agent, |rung, _| rung == Rung::Plan);
    for _ in 0..100 {
        until(&mut agent, |rung, command| rung <= Rung::Previous && command.is_some());
    }
    let report = agent.stop();
    assert!(report.followed >= 2 && report.messages.is_empty(), "{report}");
    assert_eq!(agent.tick(&[0.0, 0.0]).command, Some(&[SAFE][..]));
    assert_eq!(*told.lock().unwrap(), [[SAFE]]);
    drop(agent);
    assert_eq!(told.lock().unwrap().len(), 1, "told once");
}

#[test]
fn a_panic_of_the_planner_does_not_end_its_thread() {
    let mut agent = agent(Scripted::new(|call, request| {
        assert!(call >= 3, "a fault of the planner's");
        Ok(vec![counting(request.observation, FRAMES)])
    }));
    until(&mut agent, |rung, _| rung == Rung::Plan);
    assert_eq!(agent.stop().event(Event::PlannerPanic), 3);
}

/// A planner that hangs until the test lets it go.
fn hanging() -> (Scripted, mpsc::Sender<()>) {
    let (release, hang) = mpsc::channel::<()>();
    let planner = Scripted::new(move |_, request| {
        let _ = hang.recv();
        Ok(vec![counting(request.observation, FRAMES)])
    });
    (planner, release)
}

#[test]
fn a_planner_that_hangs_is_let_go_of_and_not_waited_for() {
    let (planner, release) = hanging();
    let mut agent = agent(planner);
    let told = told(&mut agent);
    let begin = Instant::now();
    while agent.report().unanswered_s.is_none() {
        assert_eq!(agent.tick(&[0.0, 0.0]).rung, Rung::Waiting);
        assert!(begin.elapsed() < PATIENCE);
    }
    let begin = Instant::now();
    drop(agent);
    let took = begin.elapsed();
    assert!(took < Duration::from_millis(500), "{took:?}");
    assert_eq!(*told.lock().unwrap(), [[SAFE]], "the robot is told in any case");
    drop(release);
}

#[test]
fn a_handler_of_ctrl_c_stops_the_loop_within_a_tick() {
    let mut agent = agent(Scripted::good());
    until(&mut agent, |rung, _| rung == Rung::Plan);
    let stopper = agent.stopper();
    std::thread::spawn(move || stopper.stop()).join().unwrap();
    let tick = agent.tick(&[3.0, 0.0]);
    assert_eq!((tick.rung, tick.command), (Rung::Stopped, Some(&[SAFE][..])));
    // Starting again takes the request back.
    agent.start();
    until(&mut agent, |rung, _| rung == Rung::Plan);
}

#[test]
fn the_robot_is_told_when_the_program_around_it_panics() {
    let told = Arc::new(Mutex::new(Vec::new()));
    let sink = Arc::clone(&told);
    let panicked = catch_unwind(AssertUnwindSafe(move || {
        let mut agent = agent(Scripted::good());
        agent.on_end(move |safe| sink.lock().unwrap().push(safe.to_vec()));
        until(&mut agent, |rung, _| rung == Rung::Plan);
        panic!("a fault of the caller's");
    }));
    assert!(panicked.is_err());
    assert_eq!(*told.lock().unwrap(), [[SAFE]]);
}

#[test]
fn a_robot_that_was_never_started_is_told_nothing() {
    let config = RealTimeConfig::default();
    let controller = controller("diffused-action");
    let mut agent =
        RealTimeAgent::new(Box::new(Scripted::good()), controller, &spec(), HORIZON, &config).unwrap();
    let told = told(&mut agent);
    assert_eq!(agent.tick(&[0.0, 0.0]).command, None);
    drop(agent);
    assert!(told.lock().unwrap().is_empty());
}
