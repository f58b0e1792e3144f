//! `forethought speed`: how fast on this machine.

use std::cell::RefCell;
use std::path::Path;

use forethought_planner::checkpoint;
use serde_json::json;

use crate::cli::{PeakMemoryArgs, SpeedArgs};
use crate::console;
use crate::device::DeviceName;
use crate::failure::Failure;
use crate::output::{ExistingPolicy, OutputDir};
use crate::speed::baseline;
use crate::speed::case::Case;
use crate::speed::ceiling::Ceiling;
use crate::speed::machine;
use crate::speed::measure::{Bench, Effort, PLANS_OF};
use crate::speed::plans::{Kind, PlanBench};
use crate::speed::report;
use crate::speed::results::{FORMAT, Results, SpeedProtocol};
use crate::speed::worker::Worker;
use crate::statistics::Quantiles;
use crate::{progress, shipped};

/// Environment whose checkpoint gives the network of rows and training steps.
const NETWORK_OF: &str = "maze2d-umaze-v1";

/// Carries out the command.
pub fn run(args: &SpeedArgs) -> Result<(), Failure> {
    if args.rounds == Some(0) || args.threads == Some(0) {
        return Err(Failure::refused("--rounds and --threads must be at least 1"));
    }
    if args.device == DeviceName::Wgpu && args.python.is_some() {
        return Err(Failure::refused(
            "--device wgpu: PyTorch has no such device to be measured on; leave --python out",
        ));
    }
    let device = args.device.open()?;
    let threads = args.device.threads().map(|all| args.threads.unwrap_or(all));
    let earlier = args.baseline.clone().unwrap_or_else(baseline::own_path);
    let written_anew = args.write_baseline && args.baseline.is_some() && !earlier.exists();
    let baseline = if written_anew { None } else { Some(baseline::load(args.baseline.as_deref())?) };
    let folder = shipped::checkpoint_or_refusal(NETWORK_OF)?;
    let effort = Effort::of(args);
    let python = args.python.as_deref();
    let worker = python.map(Worker::start).transpose()?;
    let mut torch = None;
    let worker = RefCell::new(worker);
    if let (Some(python), Some(worker)) = (python, worker.borrow_mut().as_mut()) {
        let (device, threads) = (args.device.to_string(), threads.unwrap_or(1));
        torch = Some(worker.load(python, &folder, &device, threads, &effort.modes)?);
    }
    let policy = if args.force { ExistingPolicy::ReplaceOurs } else { ExistingPolicy::Refuse };
    let out = OutputDir::create(args.out.clone().unwrap_or_else(|| Path::new("runs").join("speed")), policy)?;

    let load_before = machine::load_average();
    let cases = Case::of(args.device);
    let bar = progress::bar((effort.rounds * (cases.len() + PLANS_OF.len())) as u64, "rounds", args.json);
    let bench =
        Bench { device: &device, name: args.device, threads, folder: &folder, effort: &effort, bar: &bar };
    let ceiling = Ceiling::new(args.device, &device);
    let ceilings = RefCell::new(vec![ceiling.gflops()?]);
    let mut measured = Vec::new();
    for case in cases {
        bar.set_message(case.id());
        measured.push(bench.case(case, &worker, &|| {
            // One sample a round, so that it meets the machine as the cases do.
            if let Ok(gflops) = ceiling.gflops() {
                ceilings.borrow_mut().push(gflops);
            }
        })?);
    }
    let (plans, reference) = bench.plans(&worker)?;
    bar.finish();
    let checkpoint = checkpoint::load(&folder, &device)?.hash;
    let results = Results {
        format: FORMAT,
        protocol: SpeedProtocol {
            environment: NETWORK_OF.into(),
            checkpoint,
            device: args.device.to_string(),
            threads: threads.unwrap_or(1),
            processor: machine::processor(),
            load_before,
            load_after: machine::load_average(),
            torch,
            rounds: effort.rounds,
            shortest_ms: effort.shortest_ms,
            code_version: env!("CARGO_PKG_VERSION").into(),
        },
        ceiling_gflops: Quantiles::of(&ceilings.borrow()),
        cases: measured,
        plans,
        reference,
    };
    let text = report::text(&results, baseline.as_ref());
    let files = [out.write_json("results.json", &results)?, out.write_text("table.txt", &text)?];
    if args.write_baseline {
        baseline::write(&earlier, &results)?;
    }
    if args.json {
        console::json(&json!({ "results": results, "baseline": baseline.map(|_| console::shown(&earlier)),
            "files": console::all_shown(&files) }))?;
        return Ok(());
    }
    console::print(&text)?;
    console::line(format_args!("\nresults and table in {}", out.path().display()))?;
    if args.write_baseline {
        console::line(format_args!("baseline written to {}", earlier.display()))?;
    }
    Ok(())
}

/// What a child process says of its own memory.
pub fn peak_memory(args: &PeakMemoryArgs) -> Result<(), Failure> {
    let mut bench = PlanBench::new(&args.environment, args.device, 1, 3)?
        .ok_or_else(|| Failure::refused(format!("no checkpoint comes with {}", args.environment)))?;
    bench.round(Kind::Cold)?;
    bench.round(Kind::Replan)?;
    console::json(&json!({ "environment": args.environment, "peak_memory_mb": machine::peak_memory_mb() }))?;
    Ok(())
}
