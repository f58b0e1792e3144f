//! The training run: batches in, checkpoints and metrics out, the same bytes however often it is interrupted.

use std::path::{Path, PathBuf};

use burn::tensor::Device;
use forethought_envs::TaskConfig;
use forethought_envs::data::{
    DataReport, DatasetNormalizer, Finding, FindingKind, InverseModel, NormalizerKind, Support, Trajectory,
};
use forethought_envs::differences;

use serde_json::Value;
use sha2::{Digest, Sha256};

use super::data::least_rows;
use super::exchange::{Exchange, Together};
use super::records::Records;
use super::run_folder::RunFolder;
use super::{BatchMaker, GradientWorkers, MetricRow, Optimizer, Teacher, TrainingData, learning_rate};
use crate::checkpoint::{self, Manifest, SlotLimits, TrainState};
use crate::network::{Network, ParameterLayout};
use crate::{LocalDynamics, ModelConfig, PlanConfig, PlannerError, TokenLayout, TrainBatch, TrainConfig};

/// Batches that each of the threads that make them has ready for the steps that use them.
const PREFETCH: usize = 4;
/// Workers that one thread makes batches for. A step of a small network takes a worker a few times as long as its share of
/// the batch takes to make.
const WORKERS_PER_MAKER: usize = 4;

/// What the caller hears of after every step.
#[derive(Clone, Copy, Debug)]
pub struct Progress {
    /// Steps done.
    pub step: u64,
    /// Steps in all.
    pub steps: u64,
    /// Loss, once every `log_every` steps and at the end: reading it makes a GPU wait.
    pub loss: Option<f64>,
    /// Seconds since the epoch, from the caller's clock.
    pub now: f64,
}

/// A training run in a folder.
pub struct Trainer {
    folder: PathBuf,
    manifest: Manifest,
    parameters: ParameterLayout,
    optimizer: Optimizer,
    workers: GradientWorkers,
    batches: BatchMaker,
    teacher: Option<Teacher>,
    makers: u64,
    validation: Option<TrainBatch>,
    report: DataReport,
    /// The folder, of a process that writes it.
    held: Option<RunFolder>,
}

impl Trainer {
    /// Prepares a run in `folder`, or takes it up where its latest checkpoint stands. The folder is this run's alone
    /// until the trainer is dropped.
    ///
    /// `threads` CPU workers share a batch's shards; `None` for any other device, for which all cores make batches.
    ///
    /// # Errors
    /// [`PlannerError::Setting`] for unusable settings, and when the folder holds a run with other ones;
    /// [`PlannerError::Checkpoint`] when its checkpoint cannot be read, another run is open in the folder, or it holds
    /// what no run wrote.
    pub fn new(
        folder: &Path,
        data: &TrainingData<'_>,
        model: &ModelConfig,
        train: &TrainConfig,
        device: &Device,
        threads: Option<usize>,
    ) -> Result<Self, PlannerError> {
        Self::of_processes(folder, data, (model, None), train, device, threads, None)
    }

    /// As [`Self::new`], for one of the processes that train together: all are given the same, and the first writes the
    /// folder, which the others read when they take up a run. They end in the bytes that one process would have left,
    /// whatever their number. What makes a step's batch is shared as well, and each keeps the weights and the optimiser.
    ///
    /// # Errors
    /// As [`Self::new`]; [`PlannerError::Setting`] where the processes cannot share `train.shards` equally, or the network is not one
    /// that is trained on a CPU's engine; [`PlannerError::Exchange`] where they are given different things.
    pub fn together(
        folder: &Path,
        data: &TrainingData<'_>,
        model: &ModelConfig,
        train: &TrainConfig,
        threads: usize,
        exchange: Box<dyn Exchange>,
    ) -> Result<Self, PlannerError> {
        let together = Together::new(exchange, train.shards)?;
        Self::of_processes(folder, data, (model, None), train, &Device::flex(), Some(threads), Some(together))
    }

    /// As [`Self::new`], for a network that learns from a teacher what that does in several steps ([`crate::Lesson`]). It begins
    /// with the teacher's weights and has its model, scaling and settings; of `data` only sequences are taken, which may be
    /// fewer than the teacher was trained on. [`Teacher::plan`] says how it plans.
    ///
    /// # Errors
    /// As [`Self::new`]; [`PlannerError::Checkpoint`] for a teacher of another environment.
    pub fn distil(
        folder: &Path,
        data: &TrainingData<'_>,
        teacher: Teacher,
        train: &TrainConfig,
        device: &Device,
        threads: Option<usize>,
    ) -> Result<Self, PlannerError> {
        let model = teacher.manifest().model.clone();
        let run = Self::of_processes(folder, data, (&model, Some(teacher)), train, device, threads, None)?;
        let of = run.teacher.as_ref().map(|teacher| (teacher.plan().clone(), teacher.manifest()));
        let settings = of.map(|(plan, of)| (plan, of.control.clone(), of.task.clone()));
        Ok(match settings {
            Some((plan, control, task)) => run.with_settings(plan, control, task),
            None => run,
        })
    }

    fn of_processes(
        folder: &Path,
        data: &TrainingData<'_>,
        (model, teacher): (&ModelConfig, Option<Teacher>),
        train: &TrainConfig,
        device: &Device,
        threads: Option<usize>,
        together: Option<Together>,
    ) -> Result<Self, PlannerError> {
        train.check()?;
        let layout = model.layout(data.spec)?;
        train.check_rows(layout.level_blocks)?;
        let [kept, held] = data.split(least_rows(&layout), train.seed)?;
        let (mut manifest, unfitted) = match &teacher {
            Some(teacher) => (taught(data, teacher, train)?, Vec::new()),
            None => describe(data, &kept, &layout, model, train)?,
        };
        let (normalizer, dynamics) = (manifest.normalizer.clone(), manifest.dynamics.clone());
        let scaled = (&normalizer, dynamics.as_ref());
        let network = Network::new(&model.network, &layout, train.seed, device)?;
        let parameters = ParameterLayout::of(&network);
        let mut batches = BatchMaker::over(data.dataset, &kept, scaled, &layout, model, train)?;
        match &teacher {
            None => manifest.returns = batches.returns().cloned(),
            Some(_) => batches = batches.telling(manifest.returns.clone()),
        }
        let makers = makers(threads, teacher.is_some());
        if let Some(teacher) = &teacher {
            teacher.prepare(makers, device, threads.is_some())?;
        }
        let mut workers = GradientWorkers::new(
            &network,
            &model.network,
            batches.preconditioning(),
            train.shards,
            device,
            threads,
        )?;
        let validation = match held.as_slice() {
            [] => None,
            held => {
                let held = batches.with_trajectories(data.dataset, held)?;
                Some(match &teacher {
                    None => held.validation_batch(),
                    Some(teacher) => teacher.validation_batch(&held)?,
                })
            }
        };
        let mut report = data.report(&layout, &batches, &held);
        report.findings.extend(unfitted);
        let writes = together.as_ref().is_none_or(Together::writes);
        if let Some(together) = together {
            workers = workers.sharing(together)?;
        }
        // Last, so that what cannot be trained leaves no folder behind.
        let own = if writes { Some(RunFolder::take(folder)?) } else { None };
        let state = match checkpoint::latest(&folder.join("checkpoints"))? {
            None => TrainState::new(match &teacher {
                None => parameters.draw(train.seed),
                Some(teacher) => teacher.weights().to_vec(),
            }),
            Some(path) => {
                // Settings first: tensors of another network would only be found to have other shapes.
                let whole = |error| checkpoint::naming_the_one_before(&path, error);
                same_run(&path, &checkpoint::read_manifest(&path).map_err(whole)?, &manifest)?;
                checkpoint::load_training(&path, &parameters).map_err(whole)?.1
            }
        };
        let optimizer = Optimizer::new(&state, &parameters, device)?;
        if let Some(together) = workers.together() {
            together.agree("data, settings or steps done", &begun(&manifest, optimizer.step_count())?)?;
        }
        Ok(Self {
            folder: folder.to_owned(),
            manifest,
            parameters,
            optimizer,
            workers,
            batches,
            teacher,
            makers,
            validation,
            report,
            held: own,
        })
    }

    /// Steps done.
    pub fn step(&self) -> u64 {
        self.optimizer.step_count()
    }

    /// Number of weights.
    pub fn parameters(&self) -> &ParameterLayout {
        &self.parameters
    }

    /// Has this run's checkpoints carry these settings of planning, control and task. They have no part in training.
    #[must_use]
    pub fn with_settings(mut self, plan: PlanConfig, control: Value, task: TaskConfig) -> Self {
        (self.manifest.plan, self.manifest.control, self.manifest.task) = (plan, control, task);
        self
    }

    /// What this run's checkpoints say of themselves and of their data.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// What the data hold and what of it is used.
    pub fn report(&self) -> &DataReport {
        &self.report
    }

    /// Trains to the end, calling `clock` for the time of day (seconds since the epoch) and `progress` for
    /// whether to go on, after every step; when it says no, a checkpoint is saved and [`PlannerError::Interrupted`]
    /// returned.
    ///
    /// # Errors
    /// [`PlannerError::Setting`] for planning settings that the model cannot carry out; [`PlannerError::Diverged`] when the loss is not finite (no checkpoint is written then), and those of
    /// the device and the disk.
    pub fn run(
        &mut self,
        clock: &dyn Fn() -> f64,
        progress: &mut dyn FnMut(Progress) -> bool,
    ) -> Result<PathBuf, PlannerError> {
        let train = self.manifest.train.clone();
        // What a checkpoint could not be read back with is refused before hours of work.
        self.manifest.plan.check(self.manifest.model.chunks, self.manifest.model.levels)?;
        let from = self.step();
        let mut records = match self.held {
            Some(_) => Some(Records::open(&self.folder, from, [train.log_every, train.steps], clock())?),
            None => None,
        };
        let own = self.workers.sequences(train.batch);
        let Self {
            folder,
            manifest,
            parameters,
            optimizer,
            workers,
            batches,
            teacher,
            makers,
            validation,
            ..
        } = self;
        let (batches, teacher, makers) = (&*batches, teacher.as_ref(), *makers);
        let outcome = crossbeam::thread::scope(|scope| {
            // Each makes the batches of every so-manieth step, and ends when the steps are done or the receiver is gone.
            let made: Vec<_> = (0..makers)
                .map(|maker| {
                    let (sender, receiver) = crossbeam::channel::bounded(PREFETCH);
                    let mut mine = (from + maker..train.steps).step_by(makers as usize);
                    let own = own.clone();
                    scope.spawn(move |_| {
                        mine.all(|step| {
                            let batch = match teacher {
                                None => Ok(batches.part(step, own.clone())),
                                Some(teacher) => teacher.part(batches, step, own.clone()),
                            };
                            sender.send(batch).is_ok()
                        })
                    });
                    receiver
                })
                .collect();
            for (step, made) in (from..train.steps).zip(made.iter().cycle()) {
                let Ok(batch) = made.recv() else {
                    return Err(PlannerError::Device("a data thread stopped unexpectedly".into()));
                };
                let gradient = workers.gradient(optimizer.weights(), &batch?)?;
                let rate = learning_rate(&train, step);
                let norm = optimizer.step(gradient.gradient, &train)?;
                let (done, end) = (step + 1, step + 1 == train.steps);
                let (mut now, mut loss) = (clock(), None);
                if done.is_multiple_of(train.log_every) || end {
                    let validation_loss = match validation {
                        Some(held) => Some(scalar(workers.gradient(optimizer.average(), held)?.loss)?),
                        None => None,
                    };
                    let row = MetricRow {
                        step: done,
                        loss: scalar(gradient.loss)?,
                        gradient_norm: scalar(norm)?,
                        learning_rate: rate,
                        validation_loss,
                    };
                    if !(row.loss.is_finite() && row.gradient_norm.is_finite()) {
                        return Err(PlannerError::Diverged { step: done, loss: row.loss });
                    }
                    (now, loss) = (clock(), Some(row.loss));
                    if let Some(records) = &mut records {
                        records.write(&row, now)?;
                    }
                }
                let own = !progress(Progress { step: done, steps: train.steps, loss, now });
                // One that stops alone would leave the others waiting, and nothing written.
                let stopped = !end
                    && match workers.together() {
                        Some(together) => together.any(own)?,
                        None => own,
                    };
                if let Some(records) = &records
                    && !end
                    && (stopped || done.is_multiple_of(train.checkpoint_every))
                {
                    records.commit(folder, manifest, parameters, optimizer)?;
                }
                if stopped {
                    return Err(PlannerError::Interrupted);
                }
            }
            let written = match &records {
                Some(records) => Some(records.commit(folder, manifest, parameters, optimizer)?),
                None => None,
            };
            if let Some(together) = workers.together() {
                together.agree("steps done", &[0; 32])?;
            }
            match written {
                Some(written) => Ok(written),
                // Written by another process, which had to be done with it.
                None => {
                    checkpoint::latest(&folder.join("checkpoints"))?.ok_or_else(|| PlannerError::Checkpoint {
                        path: folder.clone(),
                        problem:
                            "holds no checkpoint of the process that writes: give all processes one folder"
                                .into(),
                    })
                }
            }
        });
        outcome.map_err(|_| PlannerError::Device("a training thread stopped unexpectedly".into()))?
    }
}

/// Threads that make batches; one for each worker where a teacher walks each sequence, which takes as long as a step.
fn makers(threads: Option<usize>, teacher: bool) -> u64 {
    let cores = || std::thread::available_parallelism().map_or(1, usize::from);
    let per_maker = if teacher { 1 } else { WORKERS_PER_MAKER };
    threads.map_or_else(cores, |threads| threads.div_ceil(per_maker)).max(1) as u64
}

/// What processes that train together have to agree on: settings, data and steps done.
fn begun(manifest: &Manifest, step: u64) -> Result<[u8; 32], PlannerError> {
    let text = serde_json::to_vec(manifest).map_err(|error| PlannerError::Exchange(error.to_string()))?;
    Ok(Sha256::new().chain_update(text).chain_update(step.to_le_bytes()).finalize().into())
}

fn scalar(tensor: burn::tensor::Tensor<1>) -> Result<f64, PlannerError> {
    tensor.try_into_scalar::<f32>().map(f64::from).map_err(|error| PlannerError::Device(format!("{error:?}")))
}

/// The manifest of a student: its teacher's, but for how it came about.
fn taught(data: &TrainingData<'_>, teacher: &Teacher, train: &TrainConfig) -> Result<Manifest, PlannerError> {
    teacher.manifest().fits(teacher.path(), data.spec)?;
    Ok(Manifest {
        code_version: env!("CARGO_PKG_VERSION").into(),
        train: train.clone(),
        data: data.record(),
        distilled: Some(teacher.record()),
        step: 0,
        files: Default::default(),
        sha256: String::new(),
        ..teacher.manifest().clone()
    })
}

/// The manifest of a run, and what could not be learnt from its data beside the network.
fn describe(
    data: &TrainingData<'_>,
    kept: &[Trajectory],
    layout: &TokenLayout,
    model: &ModelConfig,
    train: &TrainConfig,
) -> Result<(Manifest, Vec<Finding>), PlannerError> {
    let dataset = data.dataset;
    let mut normalizer = DatasetNormalizer::fit(NormalizerKind::Standard, dataset)?;
    normalizer.observation = normalizer.observation.pooled(&layout.alike())?;
    normalizer.observation = normalizer.observation.spread(&layout.condition, model.position_scale)?;
    let dynamics = match layout.level_blocks {
        0 => None,
        _ => Some(LocalDynamics::fit(dataset, kept, &normalizer, layout)?),
    };
    let mut unfitted = Vec::new();
    // Data from which they cannot be learnt can be trained on all the same.
    let mut missing = |what: &str, error: forethought_envs::EnvError| {
        let reason = match error {
            forethought_envs::EnvError::Data { problem, .. } => problem,
            other => other.to_string(),
        };
        unfitted.push(Finding {
            kind: FindingKind::NotFitted,
            row: None,
            count: 1,
            message: format!("{what}: {reason}"),
        });
    };
    let inverse = InverseModel::fit(dataset)
        .map_err(|error| missing("no inverse dynamics for the controller of that name", error))
        .ok();
    let support = match layout.condition.is_empty() {
        // Without goals there are no positions that it could speak of.
        true => None,
        false => Support::fit(dataset, &layout.condition, layout.frames_per_token)
            .map_err(|error| missing("no support, so plans that leave the data are not told", error))
            .ok(),
    };
    let manifest = Manifest {
        format: checkpoint::FORMAT,
        code_version: env!("CARGO_PKG_VERSION").into(),
        environment: data.spec.clone(),
        action_mode: "environment".into(),
        layout: layout.clone(),
        model: model.clone(),
        train: train.clone(),
        limits: SlotLimits::of(dataset, &normalizer, layout)?,
        normalizer,
        inverse,
        dynamics,
        returns: None,
        support,
        plan: PlanConfig::default(),
        control: Value::Null,
        task: TaskConfig::default(),
        data: data.record(),
        distilled: None,
        step: 0,
        files: Default::default(),
        sha256: String::new(),
    };
    Ok((manifest, unfitted))
}

/// Refuses to go on with a run that was begun with other settings: the result would be neither.
fn same_run(path: &Path, found: &Manifest, wanted: &Manifest) -> Result<(), PlannerError> {
    // Without blocks of levels these rows are not drawn.
    let mut found = found.clone();
    if found.layout.level_blocks == 0 {
        let TrainConfig { imagine, act, infer_actions, .. } = wanted.train;
        (found.train.imagine, found.train.act, found.train.infer_actions) = (imagine, act, infer_actions);
    }
    let differs = if found.environment != wanted.environment {
        "environment".into()
    } else if found.model != wanted.model {
        differences("model", &found.model, &wanted.model)
    } else if found.train != wanted.train {
        differences("train", &found.train, &wanted.train)
    } else if found.distilled != wanted.distilled {
        differences("distill", &found.distilled, &wanted.distilled)
    } else if found.data != wanted.data || found.normalizer != wanted.normalizer {
        "data".into()
    } else {
        return Ok(());
    };
    // Nothing that JSON shows: not a number, for one.
    let differs = if differs.is_empty() { "settings".into() } else { differs };
    Err(PlannerError::Checkpoint {
        path: path.to_owned(),
        problem: format!(
            "this run was begun with other {differs}: repeat those to resume it, or choose another folder"
        ),
    })
}
