//! `forethought bench`: how fast on this machine, how well on the benchmark mazes.

use std::cell::RefCell;
use std::path::Path;

use forethought_planner::checkpoint;
use serde_json::json;

use super::print_json;
use crate::bench::baseline;
use crate::bench::case::Case;
use crate::bench::ceiling::Ceiling;
use crate::bench::machine;
use crate::bench::measure::{Bench, Effort, PLANS_OF};
use crate::bench::plans::{Kind, PlanBench};
use crate::bench::report;
use crate::bench::results::{FORMAT, Results, SpeedProtocol};
use crate::bench::timing::Quantiles;
use crate::bench::worker::Worker;
use crate::cli::{BenchArgs, BenchCommand, Maze2dArgs, PeakMemoryArgs, SpeedArgs};
use crate::failure::Failure;
use crate::output::{ExistingPolicy, OutputDir};
use crate::scoring::Episodes;
use crate::{maze2d, progress, resolve};

/// Environment whose checkpoint gives the network of rows and training steps.
const NETWORK_OF: &str = "maze2d-umaze-v1";
/// The script, under `experiments`.
const SCRIPT: &str = "bench/pytorch.py";

pub fn run(args: &BenchArgs) -> Result<(), Failure> {
    match &args.what {
        BenchCommand::Speed(args) => speed(args),
        BenchCommand::Maze2d(args) => mazes(args),
        BenchCommand::Frontier(args) => super::frontier::run(args),
        BenchCommand::PeakMemory(args) => peak_memory(args),
    }
}

fn speed(args: &SpeedArgs) -> Result<(), Failure> {
    if args.rounds == Some(0) || args.threads == Some(0) {
        return Err(Failure::refused("--rounds and --threads must be at least 1"));
    }
    let device = args.device.open()?;
    let threads = args.device.threads().map(|all| args.threads.unwrap_or(all));
    let earlier = baseline::path(args.baseline.as_deref());
    let wanted = earlier.exists() || (args.baseline.is_some() && !args.write_baseline);
    let baseline = if wanted { Some(baseline::read(&earlier)?) } else { None };
    let folder = resolve::shipped_for(NETWORK_OF, "checkpoints", "").ok_or_else(|| {
        Failure::refused(format!("no checkpoint of {NETWORK_OF} was found: run in the project's folder"))
    })?;
    let effort = Effort::of(args);
    let python = args.python.as_deref();
    let worker = python.map(start).transpose()?;
    let mut torch = None;
    let worker = RefCell::new(worker);
    if let (Some(python), Some(worker)) = (python, worker.borrow_mut().as_mut()) {
        let (device, threads) = (args.device.to_string(), threads.unwrap_or(1));
        torch = Some(worker.load(python, &folder, &device, threads, &effort.modes)?);
    }
    let policy = if args.force { ExistingPolicy::ReplaceOurs } else { ExistingPolicy::Refuse };
    let out =
        OutputDir::create(args.out.clone().unwrap_or_else(|| Path::new("runs").join("bench-speed")), policy)?;

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
    bar.finish_and_clear();
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
        print_json(&json!({ "results": results, "baseline": baseline.map(|_| earlier), "files": files }));
        return Ok(());
    }
    print!("{text}");
    println!("\nresults and table in {}", out.path().display());
    if args.write_baseline {
        println!("baseline written to {}", earlier.display());
    }
    Ok(())
}

fn start(python: &Path) -> Result<Worker, Failure> {
    let script = resolve::shipped(SCRIPT).ok_or_else(|| {
        Failure::refused(format!("experiments/{SCRIPT} was not found: run in the project's folder"))
    })?;
    Worker::start(python, &script)
}

fn mazes(args: &Maze2dArgs) -> Result<(), Failure> {
    let episodes = Episodes::new(args.seed, args.episodes.unwrap_or(if args.quick { 4 } else { 100 }))?;
    let cells = maze2d::select_cells(args.only.as_deref(), args.quick)?;
    let rows = maze2d::select_rows(args.planners.as_deref(), args.executors.as_deref(), args.quick)?;
    args.device.open()?;
    // A quick run in the folder of a full one would replace results that took long by ones that mean little.
    let name = if args.quick { "bench-maze2d-quick" } else { "bench-maze2d" };
    let folder = args.out.clone().unwrap_or_else(|| Path::new("runs").join(name));
    let request =
        maze2d::Request { cells: &cells, rows: &rows, episodes, device: args.device, quiet: args.json };
    let agenda = maze2d::prepare(&request, (!args.force).then_some(folder.as_path()))?;
    let out = match args.force {
        true => OutputDir::create(folder, ExistingPolicy::ReplaceOurs)?,
        false => OutputDir::resume(folder, maze2d::is_ours)?,
    };
    let benchmark = maze2d::run(&request, agenda, &out)?;
    let text = maze2d::text(&benchmark);
    let files = [
        out.write_text(maze2d::REPORT, &maze2d::page(&benchmark)?)?,
        out.write_text("table.txt", &text)?,
        out.write_json("results.json", &benchmark)?,
    ];
    let all: usize = benchmark.mazes.iter().map(|maze| maze.results.len()).sum();
    let kept = all - benchmark.computed;
    if args.json {
        print_json(
            &json!({ "results": benchmark, "scored": benchmark.computed, "kept": kept, "files": files }),
        );
        return Ok(());
    }
    print!("{text}");
    println!("\n{} results scored, {kept} kept from earlier runs", benchmark.computed);
    println!("report, table and per-episode results in {}", out.path().display());
    Ok(())
}

fn peak_memory(args: &PeakMemoryArgs) -> Result<(), Failure> {
    let mut bench = PlanBench::new(&args.environment, args.device, 1, 3)?
        .ok_or_else(|| Failure::refused(format!("no checkpoint comes with {}", args.environment)))?;
    bench.round(Kind::Cold)?;
    bench.round(Kind::Replan)?;
    print_json(&json!({ "environment": args.environment, "peak_memory_mb": machine::peak_memory_mb() }));
    Ok(())
}
