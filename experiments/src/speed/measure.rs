//! One measurement after the other: our side and PyTorch's in turn.

use std::cell::RefCell;
use std::path::Path;
use std::process::Command;

use burn::tensor::Device;
use forethought_planner::checkpoint;
use serde_json::{Value, json};

use super::agreement;
use super::case::Case;
use super::operations::Operations;
use super::plans::{Kind, PlanBench};
use super::results::{CaseResult, PlanResult, ReferenceResult, TorchSide};
use super::row::RowBench;
use super::timing::{self, Side};
use super::train_step::TrainBench;
use super::worker::Worker;
use crate::cli::SpeedArgs;
use crate::device::DeviceName;
use crate::failure::Failure;
use crate::progress::Bar;
use crate::statistics::Quantiles;

/// Environments whose plans are timed.
pub const PLANS_OF: [&str; 2] = ["maze2d-umaze-v1", "maze2d-large-v1"];

/// How much is measured.
pub struct Effort {
    /// Samples of each side.
    pub rounds: usize,
    /// Least milliseconds of one sample.
    pub shortest_ms: f64,
    /// Samples that choose between PyTorch's ways.
    pub trials: usize,
    /// Episodes that give states to plan in.
    pub episodes: u64,
    /// Plans after the first in each.
    pub replans: usize,
    /// Modes of `torch.compile` that are tried.
    pub modes: Vec<&'static str>,
}

impl Effort {
    /// Enough for figures; with `--quick`, enough to show that everything runs.
    pub fn of(args: &SpeedArgs) -> Self {
        let modes = match (args.quick, args.device) {
            (true, _) => vec!["default"],
            (false, DeviceName::Cpu) => vec!["default", "max-autotune-no-cudagraphs", "freezing"],
            (false, DeviceName::Cuda | DeviceName::Wgpu) => vec!["default", "reduce-overhead"],
        };
        if args.quick {
            let rounds = args.rounds.unwrap_or(2);
            return Self { rounds, shortest_ms: 1.0, trials: 3, episodes: 1, replans: 2, modes };
        }
        let rounds = args.rounds.unwrap_or(15);
        Self { rounds, shortest_ms: 20.0, trials: 9, episodes: 5, replans: 4, modes }
    }
}

/// What all measurements share.
pub struct Bench<'a> {
    /// Device.
    pub device: &'a Device,
    /// Its name.
    pub name: DeviceName,
    /// Threads of both sides.
    pub threads: Option<usize>,
    /// Checkpoint whose network is measured.
    pub folder: &'a Path,
    /// How much is measured.
    pub effort: &'a Effort,
    /// Told of every round.
    pub bar: &'a Bar,
}

/// Our side of a case.
enum Ours {
    Row(Box<RowBench>),
    Train(Box<TrainBench>),
}

impl Ours {
    fn request(&mut self) -> Result<Value, Failure> {
        match self {
            Self::Row(bench) => bench.request(),
            Self::Train(bench) => Ok(bench.request()),
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
    /// Measures one case; `each_round` is called once a round.
    ///
    /// # Errors
    /// [`Failure`] of either side, and where they do not agree.
    pub fn case(
        &self,
        case: Case,
        worker: &RefCell<Option<Worker>>,
        each_round: &dyn Fn(),
    ) -> Result<CaseResult, Failure> {
        let checkpoint = checkpoint::load(self.folder, self.device)?;
        let (network, layout) =
            (checkpoint.manifest.model.network.clone(), checkpoint.manifest.layout.clone());
        let count = |lengths: &[usize]| Operations::of(&network, &layout, lengths);
        let (mut ours, operations) = match case {
            Case::Row { batch, guided } => {
                let row = RowBench::new(checkpoint, self.device, self.threads, batch, guided)?;
                let pass = if guided { Operations::forward_and_pull } else { Operations::forward };
                let operations = count(&row.lengths()).map(pass);
                (Ours::Row(Box::new(row)), operations)
            }
            Case::Train { batch } => {
                let train = TrainBench::new(checkpoint, self.device, self.threads, batch)?;
                let operations = count(&train.lengths()).map(Operations::training);
                (Ours::Train(Box::new(train)), operations)
            }
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
        let mut request = ours.request()?;
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
    ///
    /// # Errors
    /// [`Failure`] of either side.
    pub fn plans(
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
        .args(["peak-memory", environment, "--device", &device.to_string()])
        .output()
        .map_err(|error| broken(error.to_string()))?;
    if !output.status.success() {
        return Err(broken(String::from_utf8_lossy(&output.stderr).trim().to_owned()));
    }
    let told: Value = serde_json::from_slice(&output.stdout).map_err(|error| broken(error.to_string()))?;
    Ok(told["peak_memory_mb"].as_f64())
}
