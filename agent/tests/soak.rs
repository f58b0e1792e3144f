//! A loop that runs for long: what a robot's computer would see of it after an hour. By name, for as long as
//! `FORETHOUGHT_SOAK_SECONDS` says (60): `cargo test --release --workspace --test soak -- --ignored --nocapture`.
#![allow(clippy::unwrap_used, clippy::print_stdout)]

use std::fs;
use std::time::{Duration, Instant};

use forethought_agent::{Agent, RealTimeConfig, RecordingHeader, Rung};
use forethought_envs::{Environment, Start, make};
use hdrhistogram::Histogram;

/// What the system says of this process.
#[derive(Clone, Copy, Debug)]
struct Held {
    kib: u64,
    threads: usize,
    files: usize,
}

fn held() -> Held {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    Held {
        kib: line.split_whitespace().next().unwrap().parse().unwrap(),
        threads: fs::read_dir("/proc/self/task").unwrap().count(),
        files: fs::read_dir("/proc/self/fd").unwrap().count(),
    }
}

/// Setup: the small maze, five times as fast as a robot, with a recording. Fault: time; and every tenth second sensors fail for a
/// tenth of one. Recovery: plans again. Invariant: memory, threads and files stay what they were. How long ticks
/// take is told: on a machine that does other things too it says more of those.
#[test]
#[ignore = "it takes a minute, or an hour"]
fn nothing_grows() {
    let seconds: u64 =
        std::env::var("FORETHOUGHT_SOAK_SECONDS").map_or(60, |seconds| seconds.parse().unwrap());
    let (id, period) = ("maze2d-umaze-v1", Duration::from_millis(4));
    let checkpoint = format!("{}/../experiments/checkpoints/{id}", env!("CARGO_MANIFEST_DIR"));
    let config = RealTimeConfig { period_s: Some(period.as_secs_f64()), ..RealTimeConfig::default() };
    let mut agent = Agent::builder(checkpoint).threads(1).real_time(&config).unwrap();
    let folder = tempfile::tempdir().unwrap();
    agent.record(&folder.path().join("loop.txt"), &RecordingHeader::default()).unwrap();
    let mut env = make(id).unwrap();
    let (mut seed, mut failed) = (0, 0);
    env.reset(&Start::seed(seed)).unwrap();
    agent.reset(seed, env.task());
    agent.start();
    let begin = Instant::now();
    let all = Duration::from_secs(seconds);
    // The first part is for what is made once: threads, buffers, pages.
    let long = seconds >= 600;
    let warm = if long { all / 5 } else { all / 2 };
    let mut first = None;
    // Nanoseconds of a tick, in both halves of what comes then.
    let mut ticks = [Histogram::<u64>::new(3).unwrap(), Histogram::<u64>::new(3).unwrap()];
    let (mut most, mut count) = (0, 0_u64);
    while begin.elapsed() < all {
        let since = begin.elapsed();
        let broken = since.as_millis() % 10_000 < 100;
        let nan = [f64::NAN; 4];
        let observation = if broken { &nan } else { env.observation() };
        let before = Instant::now();
        let tick = agent.tick(observation);
        let took = before.elapsed();
        count += 1;
        failed += u64::from(tick.rung == Rung::Failed);
        if let Some(command) = tick.command {
            assert!(command.iter().all(|value| value.abs() <= 1.0));
            if env.step(command).unwrap().ended() {
                seed += 1;
                env.reset(&Start::seed(seed)).unwrap();
                agent.reset(seed, env.task());
            }
        }
        if since >= warm {
            let half = usize::from(since >= warm + (all - warm) / 2);
            ticks[half].record(took.as_nanos() as u64).unwrap();
            if count % 250 == 0 {
                let held = held();
                most = most.max(held.kib);
                first.get_or_insert(held);
            }
        }
        std::thread::sleep((before + period).saturating_duration_since(Instant::now()));
    }
    let (first, last) = (first.unwrap(), held());
    let p99 = ticks.each_ref().map(|half| half.value_at_quantile(0.99) as f64 / 1e3);
    let drift = p99[1] / p99[0] - 1.0;
    println!("{}", agent.stop());
    println!(
        "{seconds} s, {count} ticks, {seed} episodes: {first:?}, then {last:?}, most {most} KiB; 99 of 100 ticks within \
         {:.1} and {:.1} microseconds in the two halves ({:+.1} %)",
        p99[0],
        p99[1],
        100.0 * drift
    );
    assert_eq!(failed, 0, "a planner that answers, and the loop gave up");
    assert_eq!((first.threads, first.files), (last.threads, last.files));
    let grown = last.kib.saturating_sub(first.kib);
    // An allocator takes memory in steps of which one is more than a hundredth of so small a process: a short run may see one.
    let share = if long { first.kib / 100 } else { 1024 };
    assert!(grown <= share.min(5 * 1024), "{grown} KiB grown");
}
