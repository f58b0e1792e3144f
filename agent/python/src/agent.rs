//! A checkpoint that acts.

use std::path::Path;
use std::sync::Mutex;
use std::time::Duration;

use burn::tensor::Device;
use forethought_agent::{AgentError, AgentSettings, Follower, LoadedCheckpoint, RolloutConfig};
use forethought_envs::{EnvSpec, TaskConfig};
use forethought_planner::{DiffusionPlanner, Planner, Request, RowTimes};
use numpy::{PyArray1, PyReadonlyArray1};
use pyo3::prelude::PyDictMethods;
use pyo3::types::PyDict;
use pyo3::{Bound, Py, PyResult, Python, pyclass, pymethods};
use serde_json::Value;

use crate::arrays::{numbers, row};
use crate::error::Error;
use crate::planning;
use crate::task::{Task, wanted};
use crate::world::describe;

/// Plans when a plan is due and follows it in between: the same follower as `forethought_agent::Agent`, so that the same seed
/// gives the same actions, with the planner in reach for plans beside the episode.
struct Core {
    planner: DiffusionPlanner,
    follower: Follower,
    times: RowTimes,
    begun: bool,
}

/// `forethought.Agent` without its checks of what is given.
#[pyclass(frozen, module = "forethought._native")]
pub struct Agent {
    core: Mutex<Core>,
    spec: EnvSpec,
    task: TaskConfig,
}

impl Agent {
    fn open(path: &Path, threads: Option<usize>, settings: Option<&str>) -> Result<Self, Error> {
        let checkpoint = LoadedCheckpoint::load(path, &Device::flex())?;
        let spec = checkpoint.manifest().environment.clone();
        let changes = changes("settings", settings)?;
        let AgentSettings { plan, control, task } =
            AgentSettings::of(checkpoint.manifest())?.with(&changes)?;
        let horizon = control.execution_horizon;
        RolloutConfig { execution_horizon: horizon, ..RolloutConfig::default() }.check()?;
        let controller = checkpoint.controller(&control, &spec)?;
        let all = || std::thread::available_parallelism().map_or(1, usize::from);
        let planner = checkpoint.planner(&spec, plan, Some(threads.unwrap_or_else(all)))?;
        let follower = Follower::new(controller, &spec, horizon);
        let follower = follower.remembering(planner.history()).reckoning(control.dead_reckoning);
        let core = Core { planner, follower, times: RowTimes::default(), begun: false };
        Ok(Self { core: Mutex::new(core), spec, task })
    }

    /// Runs with the interpreter released. Calls from several threads wait for each other.
    fn alone<T: Send>(
        &self,
        py: Python<'_>,
        work: impl FnOnce(&mut Core) -> Result<T, Error> + Send,
    ) -> Result<T, Error> {
        py.detach(|| work(&mut *self.core.lock().map_err(|_| Error::Broken("agent"))?))
    }
}

impl Core {
    fn act(&mut self, observation: &[f64]) -> Result<Vec<f64>, Error> {
        if !self.begun {
            return Err(Error::Order("no episode has begun: call reset(seed, goal) before act"));
        }
        if self.follower.due() {
            let request = self.follower.request(observation, 1.0);
            let plan = match planning::plan(&mut self.planner, &mut self.times, request, false, None) {
                Err(Error::Planner(source)) => {
                    let at = self.follower.at().clone();
                    return Err(AgentError::Planning { at, count: 1, source }.into());
                }
                plan => plan?,
            };
            self.follower.accept(plan)?;
        }
        Ok(self.follower.command(observation, 1.0)?.to_vec())
    }
}

#[pymethods]
impl Agent {
    #[staticmethod]
    #[pyo3(signature = (path, threads, settings))]
    fn load(py: Python<'_>, path: &str, threads: Option<usize>, settings: Option<&str>) -> PyResult<Self> {
        Ok(py.detach(|| Self::open(Path::new(path), threads, settings))?)
    }

    #[pyo3(signature = (seed, goal, task))]
    fn reset(
        &self,
        py: Python<'_>,
        seed: u64,
        goal: Option<PyReadonlyArray1<'_, f64>>,
        task: Option<Py<Task>>,
    ) -> PyResult<()> {
        let goal = goal.map(|goal| numbers("goal", &goal)).transpose()?;
        let task = wanted(&self.task, goal.as_deref(), task.as_ref())?;
        Ok(self.alone(py, |core| {
            core.follower.reset(seed, task);
            core.begun = true;
            Ok(())
        })?)
    }

    fn act<'py>(
        &self,
        py: Python<'py>,
        observation: PyReadonlyArray1<'_, f64>,
    ) -> PyResult<Bound<'py, PyArray1<f64>>> {
        let observation = numbers("obs", &observation)?;
        Ok(row(py, self.alone(py, |core| core.act(&observation))?))
    }

    #[pyo3(signature = (observation, goal, task, seed, deadline_ms, outcomes))]
    #[allow(clippy::too_many_arguments)] // Those of the Python method.
    fn plan<'py>(
        &self,
        py: Python<'py>,
        observation: PyReadonlyArray1<'_, f64>,
        goal: Option<PyReadonlyArray1<'_, f64>>,
        task: Option<Py<Task>>,
        seed: u64,
        deadline_ms: Option<f64>,
        outcomes: bool,
    ) -> PyResult<Bound<'py, PyDict>> {
        let observation = numbers("obs", &observation)?;
        let goal = goal.map(|goal| numbers("goal", &goal)).transpose()?;
        let task = wanted(&self.task, goal.as_deref(), task.as_ref())?;
        let deadline =
            deadline_ms.map(|ms| Duration::try_from_secs_f64(ms / 1e3)).transpose().map_err(|_| {
                Error::Refused("deadline_ms must be a number of milliseconds, 0 or more".to_owned())
            })?;
        let plan = self.alone(py, |core| {
            planning::plan(
                &mut core.planner,
                &mut core.times,
                Request::new(&observation, task.as_ref(), seed),
                outcomes,
                deadline,
            )
        })?;
        planning::fields(py, plan, [self.spec.observation.len(), self.spec.action.len()])
    }

    /// What the checkpoint's environment is, as `World.spec`, and what its goals are.
    #[getter]
    fn spec<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        told(py, &self.spec, &self.task)
    }
}

/// An environment's specification as a dict, with what its goals are.
pub fn told<'py>(py: Python<'py>, spec: &EnvSpec, task: &TaskConfig) -> PyResult<Bound<'py, PyDict>> {
    let spec = describe(py, spec)?;
    spec.set_item("goal_entries", &task.entries)?;
    spec.set_item("goal_radius", task.radius)?;
    Ok(spec)
}

/// Changes of settings by dotted names, from a JSON object.
pub fn changes(what: &str, settings: Option<&str>) -> Result<Vec<(String, Value)>, Error> {
    let Some(text) = settings else { return Ok(Vec::new()) };
    match serde_json::from_str(text) {
        Ok(Value::Object(settings)) => Ok(settings.into_iter().collect()),
        _ => Err(Error::Refused(format!("{what} must be a dict of names and values"))),
    }
}
