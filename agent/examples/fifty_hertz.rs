//! A real-time loop at 50 Hz over a shipped checkpoint: `fifty_hertz [--seconds N] [--env ID]
//! [--replan-every STEPS] [--report FILE.json]`.
//!
//! The environment is stepped once a period, as a robot would be, while plans are made on a thread of their own. Beside it runs a loop
//! of the same period that does nothing: what that is late by is the scheduler's doing, not the agent's. Ctrl-C ends in the safe
//! command. Exit status 1: the loop had to give up.
#![allow(clippy::print_stdout)]

use std::error::Error;
use std::time::Duration;

use forethought_agent::{Agent, Clock, MonotonicClock, Pacer, RealTimeConfig, Rung};
use forethought_envs::{Environment, Start, make};

const PERIOD: Duration = Duration::from_millis(20);

struct Options {
    seconds: u64,
    env: String,
    replan_every: Option<usize>,
    report: Option<String>,
}

fn options() -> Result<Options, Box<dyn Error>> {
    let mut options =
        Options { seconds: 10, env: "maze2d-large-v1".into(), replan_every: None, report: None };
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        let value = words.next().ok_or_else(|| format!("{word} needs a value"))?;
        match word.as_str() {
            "--seconds" => options.seconds = value.parse()?,
            "--env" => options.env = value,
            "--replan-every" => options.replan_every = Some(value.parse()?),
            "--report" => options.report = Some(value),
            _ => return Err(format!("unknown option {word}; look at the head of this example").into()),
        }
    }
    Ok(options)
}

/// How far from the period the intervals of a loop are that does nothing, in milliseconds: 99 of 100, the worst; and how many
/// began more than a tenth of a period late.
fn empty_loop(clock: &dyn Clock, ticks: u64) -> (f64, f64, usize) {
    let mut pacer = Pacer::new(PERIOD, clock.now());
    let mut last = clock.now();
    let mut off = Vec::new();
    let mut late = 0;
    for _ in 0..ticks {
        pacer.wait(clock);
        let now = clock.now();
        let interval = now - std::mem::replace(&mut last, now);
        late += usize::from(interval > PERIOD + PERIOD / 10);
        off.push(interval.abs_diff(PERIOD).as_secs_f64() * 1e3);
    }
    off.sort_by(f64::total_cmp);
    let at = |share: f64| off.get(((off.len() as f64 - 1.0) * share) as usize).copied().unwrap_or(0.0);
    (at(0.99), at(1.0), late)
}

fn main() -> Result<(), Box<dyn Error>> {
    let Options { seconds, env: id, replan_every, report } = options()?;
    let ticks = seconds * 50;
    let clock = MonotonicClock::new();
    let mut env = make(&id)?;
    let checkpoint = format!("experiments/checkpoints/{id}");
    let config = RealTimeConfig { period_s: Some(PERIOD.as_secs_f64()), replan_every, ..Default::default() };
    // One core is left to the loop.
    let cores = std::thread::available_parallelism()?.get();
    let agent = Agent::builder(checkpoint).environment(env.spec()).threads((cores - 1).max(1));
    let mut agent = agent.real_time(&config)?;
    env.reset(&Start::seed(1))?;
    agent.reset(1, env.task());
    let stopper = agent.stopper();
    ctrlc::set_handler(move || stopper.stop())?;
    agent.start();
    let beside = std::thread::spawn(move || empty_loop(&MonotonicClock::new(), ticks));
    let mut gave_up = false;
    let (mut pacer, mut done, mut total) = (Pacer::new(PERIOD, clock.now()), 0_u32, 0.0);
    let mut seed = 1;
    for _ in 0..ticks {
        let tick = agent.tick(env.observation());
        if tick.rung == Rung::Failed {
            gave_up = true;
            println!("step {}: {:?}", tick.step, tick.failure);
        }
        let (mut ended, stopped) = (false, tick.rung == Rung::Stopped);
        if let Some(command) = tick.command {
            let step = env.step(command)?;
            total += step.reward;
            ended = step.ended();
        }
        if stopped {
            break;
        }
        if ended {
            (seed, done) = (seed + 1, done + 1);
            env.reset(&Start::seed(seed))?;
            agent.reset(seed, env.task());
        }
        pacer.wait(&clock);
    }
    let closing = agent.stop();
    println!("{done} episodes ended, return {total:.0}\n{closing}");
    if let Ok((p99, worst, late)) = beside.join() {
        println!(
            "an empty loop beside it: {late} of {ticks} intervals late; off by {p99:.3} ms (p99), {worst:.3} ms (worst)"
        );
    }
    if let Some(file) = report {
        std::fs::write(file, serde_json::to_string_pretty(&closing)?)?;
    }
    if gave_up { Err("the loop gave up".into()) } else { Ok(()) }
}
