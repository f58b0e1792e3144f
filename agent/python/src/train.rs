//! Training on arrays.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

use burn::tensor::Device;
use forethought_envs::data::{DataDescription, Dataset, RewardConvention, TimeoutMeaning, check_inside};
use forethought_envs::{EnvSpec, Start, TaskConfig, TaskKind, make, resolve};
use forethought_planner::training::{Progress, Trainer, TrainingData};
use forethought_planner::{ModelConfig, PlanConfig, PlannerError, TrainConfig, checkpoint};
use forethought_policies::ControlConfig;
use numpy::{PyReadonlyArray1, PyReadonlyArray2};
use pyo3::{Py, PyAny, PyErr, PyResult, Python, pyfunction};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::arrays::numbers;
use crate::error::Error;
use crate::exchange::{Joined, PyExchange, Raised};

/// How often a run looks for Ctrl-C.
const LOOK: Duration = Duration::from_millis(50);

/// The settings of a run: the tables of the program's configuration files. What those say of data to make is the caller's.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Configuration {
    environment: Option<String>,
    data: DataConfig,
    model: ModelConfig,
    train: TrainConfig,
    plan: PlanConfig,
    control: ControlConfig,
}

/// Of the data only what is held out acts here; the rest belongs to a generator.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[allow(dead_code)] // Rows and seed are known so that the program's files are taken.
struct DataConfig {
    rows: usize,
    seed: u64,
    validation: f64,
}

/// What a run is made of besides its arrays.
struct Order {
    out: PathBuf,
    environment: Option<String>,
    configuration: Configuration,
    said: DataDescription,
    threads: Option<usize>,
}

/// A run's latest checkpoint, its steps, and what is told of its data.
type Trained = (PathBuf, u64, Vec<String>);

/// Trains on arrays of one row a step. `config` and `description` are `(is_path, text)`: a TOML file or JSON.
#[pyfunction]
#[pyo3(signature = (
    observations, actions, rewards, terminals, timeouts, out, environment, config, description, steps, seed, threads, progress,
    exchange
))]
#[allow(clippy::too_many_arguments)] // Those of the Python function.
pub fn train(
    py: Python<'_>,
    observations: PyReadonlyArray2<'_, f32>,
    actions: PyReadonlyArray2<'_, f32>,
    rewards: Option<PyReadonlyArray1<'_, f32>>,
    terminals: Option<PyReadonlyArray1<'_, bool>>,
    timeouts: Option<PyReadonlyArray1<'_, bool>>,
    out: PathBuf,
    environment: Option<String>,
    config: Option<(bool, String)>,
    description: Option<(bool, String)>,
    steps: Option<u64>,
    seed: Option<u64>,
    threads: Option<usize>,
    progress: Option<Py<PyAny>>,
    exchange: Option<Joined<'_>>,
) -> PyResult<Trained> {
    let widths = [&observations, &actions].map(|array| array.as_array().ncols());
    let mut dataset =
        Dataset::of_rows("", widths, numbers("observations", &observations)?, numbers("actions", &actions)?);
    dataset.metadata.rewards = RewardConvention::Missing;
    if let Some(rewards) = rewards {
        dataset.rewards = numbers("rewards", &rewards)?;
        dataset.metadata.rewards = RewardConvention::OfAction;
    }
    if let Some(flags) = terminals {
        dataset.terminals = numbers("terminals", &flags)?;
    }
    if let Some(flags) = timeouts {
        dataset.timeouts = numbers("timeouts", &flags)?;
    }
    let mut configuration: Configuration = settings("config", config.as_ref())?;
    configuration.train.steps = steps.unwrap_or(configuration.train.steps);
    configuration.train.seed = seed.unwrap_or(configuration.train.seed);
    let said = settings("description", description.as_ref())?;
    let order = Order { out, environment, configuration, said, threads };
    let exchange = exchange.map(PyExchange::new);
    Ok(py.detach(|| order.run(dataset, progress.as_ref(), exchange))?)
}

impl Order {
    fn run(
        mut self,
        mut dataset: Dataset,
        progress: Option<&Py<PyAny>>,
        exchange: Option<PyExchange>,
    ) -> Result<Trained, Error> {
        let (spec, task) = self.source(&mut dataset)?;
        dataset.repair_stale_observations()?;
        let Configuration { data, model, train, plan, control, .. } = &mut self.configuration;
        // Returns are planned with rewards, or not at all.
        model.reward |= task.kind == TaskKind::Return;
        plan.check(model.chunks, model.levels)?;
        let source = TrainingData { spec: &spec, dataset: &dataset, validation: data.validation };
        let all = || std::thread::available_parallelism().map_or(1, usize::from);
        let threads = self.threads.unwrap_or_else(all);
        let raised = exchange.as_ref().map(PyExchange::raised);
        let mut trainer = match exchange {
            None => Trainer::new(&self.out, &source, model, train, &Device::flex(), Some(threads))?,
            Some(exchange) => {
                Trainer::together(&self.out, &source, model, train, threads, Box::new(exchange))
                    .map_err(|error| because(raised.as_ref(), error))?
            }
        };
        if trainer.manifest().support.is_none() {
            // Data whose positions nobody knows have been nowhere; the report says why.
            plan.rank.ood_penalty = 0.0;
        }
        let control = serde_json::to_value(control)
            .map_err(|error| Error::Refused(format!("config: control: {error}")))?;
        trainer = trainer.with_settings(plan.clone(), control, task);
        let report = trainer.report().lines();
        if trainer.step() >= train.steps {
            // A complete run is left as it is, down to its last byte.
            if let Some(path) = checkpoint::latest(&self.out.join("checkpoints"))? {
                return Ok((path, trainer.step(), report));
            }
        }
        let mut heard = Hearing { progress, looked: Instant::now(), raised: None };
        match trainer.run(&clock, &mut |now| heard.goes_on(now)) {
            Ok(path) => Ok((path, trainer.step(), report)),
            Err(PlannerError::Interrupted) => Err(match heard.raised {
                Some(error) => Error::Python(error),
                None => PlannerError::Interrupted.into(),
            }),
            Err(error) => Err(because(raised.as_ref(), error)),
        }
    }

    /// The environment of the data and what plans are for; the data take their name and meaning.
    fn source(&self, dataset: &mut Dataset) -> Result<(EnvSpec, TaskConfig), Error> {
        dataset.metadata.timeouts = self.said.timeouts.unwrap_or(TimeoutMeaning::Truncation);
        if let Some(rewards) = self.said.rewards {
            dataset.metadata.rewards = rewards;
        }
        let named = self.environment.as_ref().or(self.configuration.environment.as_ref());
        let Some(id) = named else {
            dataset.check()?;
            let spec = self.said.spec("data", dataset)?;
            dataset.env_id.clone_from(&spec.id);
            return Ok((spec, self.said.task.clone().unwrap_or_default()));
        };
        if let Some(key) = self.said.of_the_environment().first() {
            return Err(Error::Refused(format!(
                "the description gives {key}, which `{id}` has already: leave it out, or leave the environment out"
            )));
        }
        let mut env = make(&resolve(id)?)?;
        env.reset(&Start::seed(0))?;
        let (spec, task) = (env.spec().clone(), env.task());
        dataset.env_id.clone_from(&spec.id);
        let (widths, wanted) =
            ([dataset.observation_dim, dataset.action_dim], [spec.observation.len(), spec.action.len()]);
        if widths != wanted {
            return Err(Error::Refused(format!(
                "observations have {} and actions {} entries a row, `{}` has {} and {}: give its own data, or leave \
                 the environment out",
                widths[0], widths[1], spec.id, wanted[0], wanted[1]
            )));
        }
        dataset.check()?;
        check_inside(dataset, &spec)?;
        let goal = |condition: forethought_envs::Condition<'_>| {
            TaskConfig::goal(condition.entries, task.tolerance())
        };
        Ok((spec, task.condition().map(goal).unwrap_or_default()))
    }
}

/// What the caller's own exchange raised, where that is why a run ended.
fn because(raised: Option<&Raised>, error: PlannerError) -> Error {
    match raised.and_then(Raised::take) {
        Some(raised) => Error::Python(raised),
        None => error.into(),
    }
}

/// Who is told of a run, and what has been said in return.
struct Hearing<'a> {
    progress: Option<&'a Py<PyAny>>,
    looked: Instant,
    raised: Option<PyErr>,
}

impl Hearing<'_> {
    /// Tells of a step where there is a loss to tell, and looks for signals now and then; false ends the run.
    fn goes_on(&mut self, now: Progress) -> bool {
        let told = self.progress.zip(now.loss);
        if told.is_none() && self.looked.elapsed() < LOOK {
            return true;
        }
        let answer = Python::attach(|py| {
            py.check_signals()?;
            told.map_or(Ok(()), |(tell, loss)| tell.call1(py, (now.step, now.steps, loss)).map(|_| ()))
        });
        self.looked = Instant::now();
        self.raised = answer.err();
        self.raised.is_none()
    }
}

fn clock() -> f64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64())
}

/// Settings from a TOML file or from JSON; the defaults where there are none.
fn settings<T: DeserializeOwned + Default>(what: &str, given: Option<&(bool, String)>) -> Result<T, Error> {
    match given {
        None => Ok(T::default()),
        Some((true, path)) => {
            let text = std::fs::read_to_string(path)
                .map_err(|source| PlannerError::Io { path: Path::new(path).to_owned(), source })?;
            toml::from_str(&text).map_err(|error| Error::Refused(format!("{what} {path}: {error}")))
        }
        Some((false, text)) => {
            serde_json::from_str(text).map_err(|error| Error::Refused(format!("{what}: {error}")))
        }
    }
}
