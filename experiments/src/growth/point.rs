//! One point: what a process of its own does, and what it finds.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use burn::tensor::Device;
use forethought_envs::data::{
    Dataset, DatasetNormalizer, NormalizerKind, ReadOptions, WriteOptions, read_data, write_npz,
};
use forethought_envs::{Start, Transition, VectorEnv};
use forethought_planner::ModelConfig;
use forethought_planner::checkpoint::{self, Checkpoint};
use forethought_planner::network::{Network, ParameterLayout};
use forethought_planner::training::BatchMaker;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::axis::Axis;
use crate::failure::Failure;
use crate::shipped;
use crate::speed::machine;
use crate::speed::row::RowBench;
use crate::speed::timing::{self, Side};
use crate::speed::train_step::TrainBench;

/// Environment whose network and rules are grown.
pub const OF: &str = "maze2d-umaze-v1";
/// Least milliseconds of a sample.
const SHORTEST_MS: f64 = 20.0;
/// Sequences of a training step whose network grows, and of a row in each of several processes.
const SEQUENCES: usize = 64;
/// Steps of the episodes of data that are grown.
const EPISODE: usize = 1000;

/// What a process found.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Found {
    /// Milliseconds of each sample.
    pub ms: Vec<f64>,
    /// Peak memory, MB; `None` where the system does not tell.
    pub memory_mb: Option<f64>,
}

/// Measures one point in this process. `data` is the file of those that are read, which [`write_data`] wrote.
///
/// # Errors
/// [`Failure`] of whatever is measured.
pub fn measure(axis: Axis, size: usize, rounds: usize, data: Option<&Path>) -> Result<Found, Failure> {
    let (device, threads) = (Device::flex(), std::thread::available_parallelism().ok().map(usize::from));
    let row = |model: &dyn Fn(&mut ModelConfig), threads, batch| -> Result<Side<'static>, Failure> {
        let mut bench = RowBench::new(network(&device, model)?, &device, threads, batch, false)?;
        Ok(Box::new(move |repeats| bench.time(repeats)))
    };
    let step = |model: &dyn Fn(&mut ModelConfig), batch| -> Result<Side<'static>, Failure> {
        let mut bench = TrainBench::new(network(&device, model)?, &device, threads, batch)?;
        Ok(Box::new(move |repeats| bench.time(repeats)))
    };
    let same = |_: &mut ModelConfig| {};
    let wide = |model: &mut ModelConfig| model.network.width = size;
    let mut work = match axis {
        Axis::Horizon => row(&|model| model.chunks = size, threads, 1)?,
        Axis::Width => row(&wide, threads, 1)?,
        Axis::Batch => row(&same, threads, size)?,
        Axis::Processes => row(&same, Some(1), SEQUENCES)?,
        Axis::TrainWidth => step(&wide, SEQUENCES)?,
        Axis::TrainBatch => step(&same, size)?,
        Axis::Environments => environments(size, threads.unwrap_or(1))?,
        Axis::Rows => {
            let path = data
                .ok_or_else(|| Failure::refused("rows are read from a file: name it with --data"))?
                .to_owned();
            Box::new(move |repeats| timed(repeats, &mut || read(&path)))
        }
        Axis::Episodes => return Err(Failure::refused("episodes are those of `eval`")),
    };
    // The first is of cold caches.
    work(1)?;
    let repeats = timing::lasting(work(1)?, SHORTEST_MS);
    let ms = (0..rounds).map(|_| Ok(work(repeats)? / repeats as f64)).collect::<Result<_, Failure>>()?;
    Ok(Found { ms, memory_mb: machine::peak_memory_mb() })
}

/// The network that comes with [`OF`] in another size, with weights that were drawn: what it answers costs nothing.
fn network(device: &Device, change: &dyn Fn(&mut ModelConfig)) -> Result<Checkpoint, Failure> {
    let mut of = checkpoint::load(&shipped::checkpoint_or_refusal(OF)?, device)?;
    change(&mut of.manifest.model);
    of.manifest.layout = of.manifest.model.layout(&of.manifest.environment)?;
    let network = Network::new(&of.manifest.model.network, &of.manifest.layout, 0, device)?;
    let parameters = ParameterLayout::of(&network);
    let weights = parameters.draw(0);
    let network = parameters.load(network, &weights, device)?;
    Ok(Checkpoint { network, parameters, weights, ..of })
}

fn environments(count: usize, threads: usize) -> Result<Side<'static>, Failure> {
    let mut all = VectorEnv::make(OF, count, threads)?;
    let starts: Vec<Start> = (0..count as u64).map(Start::seed).collect();
    let actions: Vec<f64> = (0..count * all.spec().action.len()).map(|i| (i as f64).sin()).collect();
    let mut over = true;
    Ok(Box::new(move |repeats| {
        timed(repeats, &mut || {
            // Episodes begin anew together, which is part of the work.
            if over {
                all.reset(&starts)?.into_iter().collect::<Result<Vec<()>, _>>()?;
            }
            let steps = all.step(&actions)?.into_iter().collect::<Result<Vec<_>, _>>()?;
            over = steps.iter().any(Transition::ended);
            Ok(())
        })
    }))
}

/// Writes data of so many rows for [`measure`].
///
/// # Errors
/// [`Failure`] of the file system.
pub fn write_data(rows: usize, path: &Path) -> Result<(), Failure> {
    let observations = (0..4 * rows).map(|i| (i as f32 * 0.37).sin() * 3.0).collect();
    let actions = (0..2 * rows).map(|i| (i as f32 * 0.91).cos()).collect();
    let mut dataset = Dataset::of_rows(OF, [4, 2], observations, actions);
    dataset.timeouts = (1..=rows).map(|row| row % EPISODE == 0 || row == rows).collect();
    Ok(write_npz(&dataset, path, WriteOptions::default())?)
}

/// Reads data and makes the first batch of a training run.
fn read(path: &Path) -> Result<(), Failure> {
    let device = Device::flex();
    let manifest = checkpoint::load(&shipped::checkpoint_or_refusal(OF)?, &device)?.manifest;
    let dataset = read_data(path, &ReadOptions::default())?;
    let normalizer = DatasetNormalizer::fit(NormalizerKind::Standard, &dataset)?;
    let (layout, model, train) = (&manifest.layout, &manifest.model, &manifest.train);
    let batches = BatchMaker::new(&dataset, &normalizer, manifest.dynamics.as_ref(), layout, model, train)?;
    drop(batches.batch(0));
    Ok(())
}

fn timed(repeats: usize, work: &mut dyn FnMut() -> Result<(), Failure>) -> Result<f64, Failure> {
    let began = Instant::now();
    (0..repeats).try_for_each(|_| work())?;
    Ok(1e3 * began.elapsed().as_secs_f64())
}

/// Measures one point in processes of its own: as many as the size says on the axis of processes, else one.
///
/// # Errors
/// [`Failure`] naming the point where a process cannot be started or fails.
pub fn in_processes(axis: Axis, size: usize, rounds: usize) -> Result<Found, Failure> {
    let broken = |what: String| Failure::broken(format!("{} at {size}: {what}", axis.name()));
    // Whatever fails, it goes.
    let folder = tempfile::tempdir().map_err(|error| broken(format!("a folder for its data: {error}")))?;
    let folder = folder.path();
    let program = std::env::current_exe().map_err(|error| broken(error.to_string()))?;
    if axis == Axis::Episodes {
        return episodes(&program, size, rounds, folder);
    }
    let data = folder.join("rows.npz");
    if axis == Axis::Rows {
        write_data(size, &data)?;
    }
    let start = || {
        let mut command = Command::new(&program);
        command.args(["growth-point", axis.name(), &size.to_string(), "--rounds", &rounds.to_string()]);
        command.arg("--data").arg(&data).stdout(Stdio::piped()).stderr(Stdio::piped());
        command.spawn().map_err(|error| broken(error.to_string()))
    };
    let together = if axis == Axis::Processes { size } else { 1 };
    let mut children = Children(Vec::new());
    for _ in 0..together {
        children.0.push(start()?);
    }
    let mut all = Found { ms: Vec::new(), memory_mb: Some(0.0) };
    while let Some(child) = children.0.pop() {
        let output = child.wait_with_output().map_err(|error| broken(error.to_string()))?;
        if !output.status.success() {
            return Err(broken(String::from_utf8_lossy(&output.stderr).trim().to_owned()));
        }
        let found: Found =
            serde_json::from_slice(&output.stdout).map_err(|error| broken(error.to_string()))?;
        all.ms.extend(found.ms);
        all.memory_mb = all.memory_mb.zip(found.memory_mb).map(|(sum, more)| sum + more);
    }
    Ok(all)
}

/// Processes that end with whoever started them.
struct Children(Vec<Child>);

impl Drop for Children {
    fn drop(&mut self) {
        for child in &mut self.0 {
            // One that has ended already cannot be ended, and that is well.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// An evaluation of so many episodes, by the program itself.
fn episodes(program: &Path, size: usize, rounds: usize, folder: &Path) -> Result<Found, Failure> {
    let broken = |what: String| Failure::broken(format!("{size} episodes: {what}"));
    let out = folder.join("episodes");
    let mut found = Found { ms: Vec::new(), memory_mb: None };
    for _ in 0..rounds {
        let began = Instant::now();
        let output = Command::new(program)
            .args(["eval", OF, "--suite", "any", "--planners", "planner", "--json", "--force"])
            .args(["--episodes", &size.to_string(), "--out"])
            .arg(&out)
            .output()
            .map_err(|error| broken(error.to_string()))?;
        found.ms.push(1e3 * began.elapsed().as_secs_f64());
        if !output.status.success() {
            return Err(broken(String::from_utf8_lossy(&output.stderr).trim().to_owned()));
        }
        let told: Value =
            serde_json::from_slice(&output.stdout).map_err(|error| broken(error.to_string()))?;
        let peak = told["peak_memory_mb"].as_f64();
        found.memory_mb = [peak, found.memory_mb].into_iter().flatten().reduce(f64::max);
    }
    Ok(found)
}
