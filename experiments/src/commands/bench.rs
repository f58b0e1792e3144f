//! `forethought bench`: how fast, on this machine.

use std::cell::RefCell;
use std::path::Path;
use std::process::Command;

use burn::tensor::Device;
use forethought_planner::checkpoint;
use indicatif::ProgressBar;
use serde_json::{Value, json};

use super::print_json;
use crate::bench::agreement;
use crate::bench::baseline;
use crate::bench::case::Case;
use crate::bench::ceiling::Ceiling;
use crate::bench::machine;
use crate::bench::operations::Operations;
use crate::bench::plans::{Kind, PlanBench};
use crate::bench::report;
use crate::bench::results::{
    CaseResult, FORMAT, PlanResult, ReferenceResult, Results, SpeedProtocol, TorchSide,
};
use crate::bench::row::RowBench;
use crate::bench::timing::{self, Quantiles, Side};
use crate::bench::train_step::TrainBench;
use crate::bench::worker::Worker;
use crate::cli::{BenchArgs, BenchCommand, PeakMemoryArgs, SpeedArgs};
use crate::device::DeviceName;
use crate::failure::Failure;
use crate::output::{ExistingPolicy, OutputDir};
use crate::{progress, resolve};

/// Environment whose checkpoint gives the network of rows and training steps.
const NETWORK_OF: &str = "maze2d-umaze-v1";
/// Environments whose plans are timed.
const PLANS_OF: [&str; 2] = ["maze2d-umaze-v1", "maze2d-large-v1"];
/// The script, under `experiments`.
const SCRIPT: &str = "bench/pytorch.py";

/// How much is measured.
struct Effort {
    rounds: usize,
    shortest_ms: f64,
    trials: usize,
    episodes: u64,
    replans: usize,
    modes: Vec<&'static str>,
}

impl Effort {
    fn of(args: &SpeedArgs) -> Self {
        let modes = match (args.quick, args.device) {
            (true, _) => vec!["default"],
            (false, DeviceName::Cpu) => vec!["default", "max-autotune-no-cudagraphs", "freezing"],
            (false, DeviceName::Cuda) => vec!["default", "reduce-overhead"],
        };
        if args.quick {
            let rounds = args.rounds.unwrap_or(2);
            return Self { rounds, shortest_ms: 1.0, trials: 3, episodes: 1, replans: 2, modes };
        }
        let rounds = args.rounds.unwrap_or(15);
        Self { rounds, shortest_ms: 20.0, trials: 9, episodes: 5, replans: 4, modes }
    }
}

pub fn run(args: &BenchArgs) -> Result<(), Failure> {
    match &args.what {
        BenchCommand::Speed(args) => speed(args),
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

/// What all measurements share.
struct Bench<'a> {
    device: &'a Device,
    name: DeviceName,
    threads: Option<usize>,
    folder: &'a Path,
    effort: &'a Effort,
    bar: &'a ProgressBar,
}

/// Our side of a case.
enum Ours {
    Row(RowBench),
    Train(TrainBench),
}

impl Ours {
    fn request(&self) -> Value {
        match self {
            Self::Row(bench) => bench.request(),
            Self::Train(bench) => bench.request(),
        }
    }

    fn compare(&mut self, answer: &Value) -> Result<f64, Failure> {
        match self {
            Self::Row(bench) => bench.compare(answer),
            Self::Train(bench) => bench.compare(answer),
        }
    }

    fn time(&mut self, repeats: usize) -> Result<f64, Failure> {
        match self {
            Self::Row(bench) => bench.time(repeats),
            Self::Train(bench) => bench.time(repeats),
        }
    }
}

impl Bench<'_> {
    fn case(
        &self,
        case: Case,
        worker: &RefCell<Option<Worker>>,
        each_round: &dyn Fn(),
    ) -> Result<CaseResult, Failure> {
        let checkpoint = checkpoint::load(self.folder, self.device)?;
        let (network, layout) =
            (checkpoint.manifest.model.network.clone(), checkpoint.manifest.layout.clone());
        let count = |batch| Operations::of(&network, &layout, batch);
        let (mut ours, operations) = match case {
            Case::Row { batch, guided } => (
                Ours::Row(RowBench::new(checkpoint, self.device, self.threads, batch, guided)?),
                count(batch).map(if guided { Operations::forward_and_pull } else { Operations::forward }),
            ),
            Case::Train { batch } => (
                Ours::Train(TrainBench::new(checkpoint, self.device, self.threads, batch)?),
                count(batch).map(Operations::training),
            ),
        };
        let (id, mut prepared) = (case.id(), Vec::new());
        if let Some(worker) = worker.borrow_mut().as_mut() {
            prepared = self.prepare(&id, &mut ours, worker)?;
        }
        let mut sides: Vec<Side<'_>> = vec![Box::new(|repeats| ours.time(repeats))];
        for (side, ..) in &prepared {
            sides.push(self.torch(&id, side, worker));
        }
        let tick = || {
            each_round();
            self.bar.inc(1);
        };
        let times = timing::in_turn(&mut sides, self.effort.rounds, self.effort.shortest_ms, &tick)?;
        drop(sides);
        let mut result = CaseResult { case: id, ours_ms: times[0], eager: None, compiled: None, operations };
        for ((side, way, difference), ms) in prepared.into_iter().zip(times.into_iter().skip(1)) {
            let place = if side == "eager" { &mut result.eager } else { &mut result.compiled };
            *place = Some(TorchSide { ms, way, difference });
        }
        Ok(result)
    }

    /// Hands the case to the PyTorch process; both of its sides must agree with ours before anything is timed.
    /// Gives side, way and difference.
    fn prepare(
        &self,
        id: &str,
        ours: &mut Ours,
        worker: &mut Worker,
    ) -> Result<Vec<(&'static str, String, f64)>, Failure> {
        let mut request = ours.request();
        request["case"] = id.into();
        worker.ask(&request)?;
        let mut prepared = Vec::new();
        for side in ["eager", "compiled"] {
            self.bar.set_message(format!("{id}: preparing PyTorch, {side}"));
            let trials = self.effort.trials;
            let answer =
                worker.ask(&json!({ "do": "prepare", "case": id, "side": side, "trials": trials }))?;
            let way = answer["way"].as_str().unwrap_or_default().to_owned();
            let difference =
                ours.compare(&worker.ask(&json!({ "do": "check", "case": id, "side": side }))?)?;
            agreement::require(id, side, difference)?;
            prepared.push((side, way, difference));
        }
        self.bar.set_message(id.to_owned());
        Ok(prepared)
    }

    fn torch<'b>(&self, id: &'b str, side: &'b str, worker: &'b RefCell<Option<Worker>>) -> Side<'b> {
        Box::new(move |repeats| match worker.borrow_mut().as_mut() {
            Some(worker) => worker
                .ask_number(&json!({ "do": "time", "case": id, "side": side, "repeats": repeats }), "ms"),
            None => Ok(f64::NAN),
        })
    }

    /// Plans as shipped, and the reference's plan beside them.
    fn plans(
        &self,
        worker: &RefCell<Option<Worker>>,
    ) -> Result<(Vec<PlanResult>, Option<ReferenceResult>), Failure> {
        const NAMES: [&str; 2] = ["reference, guided", "reference, unguided"];
        let mut rows = 0;
        if let Some(worker) = worker.borrow_mut().as_mut() {
            for (name, guided) in NAMES.into_iter().zip([true, false]) {
                worker.ask(&json!({ "do": "reference", "case": name, "guided": guided }))?;
                worker.ask(&json!({ "do": "prepare", "case": name, "side": "eager", "trials": 1 }))?;
                let checked = worker.ask(&json!({ "do": "check", "case": name, "side": "eager" }))?;
                rows = checked["rows"].as_u64().unwrap_or_default() as usize;
            }
        }
        let mut benches = Vec::new();
        for environment in PLANS_OF {
            self.bar.set_message(format!("plans of {environment}"));
            let (episodes, replans) = (self.effort.episodes, self.effort.replans);
            benches.push((environment, PlanBench::new(environment, self.name, episodes, replans)?));
        }
        let mut reference = [Vec::new(), Vec::new()];
        for _ in 0..self.effort.rounds {
            for (_, bench) in &mut benches {
                if let Some(bench) = bench {
                    bench.round(Kind::Cold)?;
                    bench.round(Kind::Replan)?;
                }
                self.bar.inc(1);
            }
            if worker.borrow().is_some() {
                for (name, samples) in NAMES.iter().zip(&mut reference) {
                    samples.push(self.torch(name, "eager", worker)(1)?);
                }
            }
        }
        let mut plans = Vec::new();
        for (environment, bench) in benches {
            plans.push(PlanResult {
                environment: environment.into(),
                cold: bench.as_ref().and_then(|bench| bench.time(Kind::Cold)),
                replan: bench.as_ref().and_then(|bench| bench.time(Kind::Replan)),
                peak_memory_mb: if bench.is_some() { child_memory(environment, self.name)? } else { None },
                checkpoint: bench.map(|bench| bench.hash),
            });
        }
        let [guided, unguided] = reference;
        let reference = (!guided.is_empty()).then(|| ReferenceResult {
            rows,
            guided_ms: Quantiles::of(&guided),
            unguided_ms: Quantiles::of(&unguided),
        });
        Ok((plans, reference))
    }
}

/// Peak memory of a process that does nothing but plan; `None` where the system does not tell.
fn child_memory(environment: &str, device: DeviceName) -> Result<Option<f64>, Failure> {
    let broken =
        |what: String| Failure::broken(format!("measuring the memory of plans in {environment}: {what}"));
    let program = std::env::current_exe().map_err(|error| broken(error.to_string()))?;
    let output = Command::new(program)
        .args(["bench", "peak-memory", environment, "--device", &device.to_string()])
        .output()
        .map_err(|error| broken(error.to_string()))?;
    if !output.status.success() {
        return Err(broken(String::from_utf8_lossy(&output.stderr).trim().to_owned()));
    }
    let told: Value = serde_json::from_slice(&output.stdout).map_err(|error| broken(error.to_string()))?;
    Ok(told["peak_memory_mb"].as_f64())
}

fn peak_memory(args: &PeakMemoryArgs) -> Result<(), Failure> {
    let mut bench = PlanBench::new(&args.environment, args.device, 1, 3)?
        .ok_or_else(|| Failure::refused(format!("no checkpoint comes with {}", args.environment)))?;
    bench.round(Kind::Cold)?;
    bench.round(Kind::Replan)?;
    print_json(&json!({ "environment": args.environment, "peak_memory_mb": machine::peak_memory_mb() }));
    Ok(())
}
