//! What a run leaves behind; a baseline is the results of an earlier run.

use serde::{Deserialize, Serialize};

use crate::plan_time::PlanTime;
use crate::statistics::Quantiles;

/// Version of the file's format.
pub const FORMAT: u32 = 1;

/// All results of one run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Results {
    /// Version of this format.
    pub format: u32,
    /// What the numbers stand for.
    pub protocol: SpeedProtocol,
    /// Billions of operations a second in large matrix products, one sample a round.
    pub ceiling_gflops: Quantiles,
    /// Rows and training steps.
    pub cases: Vec<CaseResult>,
    /// Plans, by environment.
    pub plans: Vec<PlanResult>,
    /// The reference implementation's plan, where PyTorch was asked.
    pub reference: Option<ReferenceResult>,
}

/// Machine, versions and settings of a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SpeedProtocol {
    /// Environment whose checkpoint gave the network of the cases.
    pub environment: String,
    /// SHA-256 of its weights.
    pub checkpoint: String,
    /// Device.
    pub device: String,
    /// Threads of each side on the CPU.
    pub threads: usize,
    /// Processor.
    pub processor: String,
    /// Load averages when the run began.
    pub load_before: Vec<f64>,
    /// Load averages when it ended.
    pub load_after: Vec<f64>,
    /// The PyTorch beside it, if any.
    pub torch: Option<TorchRecord>,
    /// Samples of each side.
    pub rounds: usize,
    /// Least milliseconds of one sample of a row or step.
    pub shortest_ms: f64,
    /// Version of this program.
    pub code_version: String,
}

/// What the PyTorch process says of itself.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TorchRecord {
    /// Version of torch.
    pub torch: String,
    /// Version of Python.
    pub python: String,
    /// Threads within an operation.
    pub threads: usize,
    /// Name of the GPU, where one is used.
    pub gpu: Option<String>,
}

/// One case.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CaseResult {
    /// Name.
    pub case: String,
    /// Our milliseconds.
    pub ours_ms: Quantiles,
    /// PyTorch's, as Python runs it.
    pub eager: Option<TorchSide>,
    /// PyTorch's, compiled.
    pub compiled: Option<TorchSide>,
    /// Operations in matrix products, where the network is one whose operations are counted.
    pub operations: Option<u64>,
}

/// PyTorch's time for a case.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TorchSide {
    /// Milliseconds.
    pub ms: Quantiles,
    /// The way that was fastest in a trial.
    pub way: String,
    /// Largest relative difference between its numbers and ours.
    pub difference: f64,
}

/// Plans in one environment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlanResult {
    /// Environment.
    pub environment: String,
    /// SHA-256 of the weights; `None` where no checkpoint comes with it, and then nothing was measured.
    pub checkpoint: Option<String>,
    /// First plans of episodes.
    pub cold: Option<PlanTime>,
    /// Later plans, with the plan in force at hand.
    pub replan: Option<PlanTime>,
    /// Peak memory of a process that plans, MB.
    pub peak_memory_mb: Option<f64>,
}

/// The reference implementation's plan.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReferenceResult {
    /// Rows.
    pub rows: usize,
    /// Guided, milliseconds.
    pub guided_ms: Quantiles,
    /// Unguided, milliseconds.
    pub unguided_ms: Quantiles,
}

impl CaseResult {
    /// The better of PyTorch's two medians, milliseconds.
    pub fn torch_ms(&self) -> Option<f64> {
        let sides = [&self.eager, &self.compiled];
        sides.into_iter().flatten().map(|side| side.ms.median).min_by(f64::total_cmp)
    }

    /// PyTorch's time for one of ours, with PyTorch's from `torch` where this run has none.
    pub fn ratio(&self, torch: Option<&Self>) -> Option<f64> {
        let theirs = self.torch_ms().or_else(|| torch.and_then(Self::torch_ms));
        theirs.map(|theirs| theirs / self.ours_ms.median)
    }

    /// Our billions of operations a second.
    pub fn gflops(&self) -> Option<f64> {
        self.operations.map(|operations| operations as f64 / self.ours_ms.median / 1e6)
    }
}

impl Results {
    /// A case by name.
    pub fn case(&self, name: &str) -> Option<&CaseResult> {
        self.cases.iter().find(|case| case.case == name)
    }

    /// Plans of an environment.
    pub fn plan(&self, environment: &str) -> Option<&PlanResult> {
        self.plans.iter().find(|plan| plan.environment == environment)
    }
}
