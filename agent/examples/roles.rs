//! One network, asked three more questions than what to plan: what would I do, what would happen, what was done?
//!
//!     cargo run --release --example roles
// A command-line program talks to the terminal.
#![allow(clippy::print_stdout)]

use std::error::Error;

use forethought_agent::Agent;
use forethought_envs::{Start, make};
use forethought_planner::{Decisions, Request};

/// Steps that are imagined: three tenths of a second.
const STEPS: usize = 30;

fn main() -> Result<(), Box<dyn Error>> {
    let mut env = make("maze2d-umaze-v1")?;
    let mut planner = Agent::builder("experiments/checkpoints/maze2d-umaze-v1").planner()?;
    env.reset(&Start::seed(1))?;
    let start = env.observation().to_vec();

    // Policy: the next actions, with what they lead to left open.
    let task = env.task();
    let actions = planner.act(&[Request::new(&start, task.as_ref(), 1)])?.remove(0);
    println!("policy: from {} it would push by {}", row(&start[..2]), row(&actions[..2]));

    // World model: draws of what a push to the upper right leads to; then what it does lead to.
    let push = [0.6, 0.8].repeat(STEPS);
    let question = Decisions { observation: &start, actions: &push, samples: 32, history: 0, seed: 1 };
    let imagined = planner.imagine(&question)?.observations;
    let mut observations = start;
    for action in push.chunks_exact(2) {
        env.step(action)?;
        observations.extend_from_slice(env.observation());
    }
    let ends: Vec<&[f64]> = imagined.chunks_exact(STEPS * 4).map(|draw| &draw[(STEPS - 1) * 4..]).collect();
    let mean = |entry: usize| ends.iter().map(|end| end[entry]).sum::<f64>() / ends.len() as f64;
    println!("world model: {STEPS} such pushes end at {} on average", row(&[mean(0), mean(1)]));
    println!("environment: they end at {}", row(&env.observation()[..2]));

    // Inverse model: from the observations alone, what was done.
    let inferred = planner.infer_actions(&observations, &[], 1)?;
    let mean = |entry: usize| inferred.iter().skip(entry).step_by(2).sum::<f64>() / STEPS as f64;
    println!(
        "inverse model: the pushes were {} on average, and {} in truth",
        row(&[mean(0), mean(1)]),
        row(&push[..2])
    );
    Ok(())
}

fn row(values: &[f64]) -> String {
    let values: Vec<String> = values.iter().map(|value| format!("{value:.2}")).collect();
    format!("({})", values.join(", "))
}
