//! One environment.

use std::sync::Mutex;

use forethought_envs::{EnvSpec, Environment, Start, Transition, make, resolve};
use numpy::{PyArray1, PyReadonlyArray1};
use pyo3::prelude::PyDictMethods;
use pyo3::types::PyDict;
use pyo3::{Bound, PyResult, Python, pyclass, pyfunction, pymethods};

use crate::arrays::{numbers, row};
use crate::error::Error;
use crate::task::Task;

/// Reward, success, terminated, truncated, chance.
type Step = (f64, bool, bool, bool, bool);

/// `forethought.envs.Env` without Gymnasium.
#[pyclass(frozen, module = "forethought._native")]
pub struct World {
    env: Mutex<Box<dyn Environment>>,
    spec: EnvSpec,
}

impl World {
    fn with<T>(&self, work: impl FnOnce(&mut dyn Environment) -> Result<T, Error>) -> Result<T, Error> {
        work(self.env.lock().map_err(|_| Error::Broken("environment"))?.as_mut())
    }
}

// A step takes less than a microsecond: releasing the interpreter for it would cost more.
#[pymethods]
impl World {
    #[new]
    fn new(id: &str) -> PyResult<Self> {
        let made = || -> Result<Self, Error> {
            let env = make(&resolve(id)?)?;
            let spec = env.spec().clone();
            Ok(Self { env: Mutex::new(env), spec })
        };
        Ok(made()?)
    }

    #[getter]
    fn spec<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        describe(py, &self.spec)
    }

    #[pyo3(signature = (seed, task, position, goal))]
    fn reset<'py>(
        &self,
        py: Python<'py>,
        seed: u64,
        task: Option<usize>,
        position: Option<Vec<f64>>,
        goal: Option<Vec<f64>>,
    ) -> PyResult<Bound<'py, PyArray1<f64>>> {
        let start = Start { seed, task, position, goal };
        let observation = self.with(|env| {
            env.reset(&start)?;
            Ok(env.observation().to_vec())
        })?;
        Ok(row(py, observation))
    }

    fn step<'py>(
        &self,
        py: Python<'py>,
        action: PyReadonlyArray1<'_, f64>,
    ) -> PyResult<(Bound<'py, PyArray1<f64>>, Step)> {
        let action = numbers("action", &action)?;
        let (observation, step) = self.with(|env| {
            let step = env.step(&action)?;
            let Transition { reward, success, terminated, truncated, chance } = step;
            Ok((env.observation().to_vec(), (reward, success, terminated, truncated, chance)))
        })?;
        Ok((row(py, observation), step))
    }

    #[getter]
    fn task(&self) -> PyResult<Task> {
        Ok(self.with(|env| Ok(Task::new(env.task())))?)
    }
}

/// Every registered environment: its id and a line about it.
#[pyfunction]
pub fn catalogue() -> Vec<(String, String)> {
    forethought_envs::catalogue()
}

/// An environment's specification as a dict.
pub fn describe<'py>(py: Python<'py>, spec: &EnvSpec) -> PyResult<Bound<'py, PyDict>> {
    let dict = PyDict::new(py);
    dict.set_item("id", &spec.id)?;
    dict.set_item("observation_low", row(py, spec.observation.low().to_vec()))?;
    dict.set_item("observation_high", row(py, spec.observation.high().to_vec()))?;
    dict.set_item("action_low", row(py, spec.action.low().to_vec()))?;
    dict.set_item("action_high", row(py, spec.action.high().to_vec()))?;
    dict.set_item("goal_entries", &spec.condition)?;
    dict.set_item("step_seconds", spec.step_seconds)?;
    dict.set_item("max_episode_steps", spec.max_episode_steps)?;
    dict.set_item("tasks", spec.tasks)?;
    dict.set_item("score_range", spec.score.map(|score| (score.min, score.max)))?;
    Ok(dict)
}
