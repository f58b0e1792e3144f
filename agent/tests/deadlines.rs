//! By how much plans miss their deadlines, on the machine's own clock. Busy cores make everybody late, so this is measured by
//! name: `cargo test --release --workspace --test deadlines -- --ignored --nocapture`.
#![allow(clippy::unwrap_used, clippy::print_stdout)]

use std::time::{Duration, Instant};

use forethought_agent::{Agent, within};
use forethought_envs::{Environment, Start, make};
use forethought_planner::{Foresight, PlanStatus, RowTimes};

/// Plans for each deadline.
const PLANS: u64 = 200;

/// First plans, which take longest, of the large maze. Setup: an agent that has planned before. Fault: less time than a
/// plan takes. Invariant: 99 of 100 plans are there no later after their deadline than a row takes.
#[test]
#[ignore = "a measurement, for idle cores"]
fn plans_are_there_by_their_deadline() {
    let id = "maze2d-large-v1";
    let checkpoint = format!("{}/../experiments/checkpoints/{id}", env!("CARGO_MANIFEST_DIR"));
    let mut agent = Agent::builder(checkpoint).build().unwrap();
    let mut env = make(id).unwrap();
    let mut times = RowTimes::default();
    println!("deadline  cut of {PLANS}  late: median     p99   worst   longest row, ms");
    let mut in_time = Vec::new();
    for deadline_ms in [500.0, 200.0, 100.0, 50.0, 20.0, 10.0, 5.0] {
        let (mut late, mut cut) = (Vec::new(), 0);
        let mut row = 0.0_f64;
        for seed in 0..PLANS {
            env.reset(&Start::seed(seed)).unwrap();
            agent.reset(seed, env.task());
            let began = Instant::now();
            let deadline = Some(Duration::from_secs_f64(deadline_ms / 1e3));
            let status = within(deadline, &mut times, |budget| {
                agent.replan_within(env.observation(), budget).unwrap().status
            });
            late.push((1e3 * began.elapsed().as_secs_f64() - deadline_ms).max(0.0));
            cut += usize::from(status == PlanStatus::Cut);
            row = row.max(1e3 * times.predicted_s(Foresight::Worst, 1).unwrap_or(0.0));
        }
        late.sort_by(f64::total_cmp);
        let at = |share: f64| late[((late.len() - 1) as f64 * share) as usize];
        println!(
            "{deadline_ms:5} ms  {cut:10}  {:12.2}  {:6.2}  {:6.2}  {row:14.2}",
            at(0.5),
            at(0.99),
            at(1.0)
        );
        in_time.push(at(0.99) <= row);
    }
    assert!(in_time.iter().all(|in_time| *in_time), "more than a row late");
}
