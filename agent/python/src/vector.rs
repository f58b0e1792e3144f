//! Many environments, stepped side by side on a few threads.

use std::sync::Mutex;

use forethought_envs::{EnvError, Start, Transition, VectorEnv, resolve};
use numpy::{IntoPyArray, PyArray1, PyArray2, PyReadonlyArray1, PyReadonlyArray2};
use pyo3::{Bound, PyResult, Python, pyclass, pymethods};

use crate::arrays::{numbers, row, table};
use crate::error::Error;
use crate::task::Task;

/// `forethought.envs.VectorEnv` without Gymnasium.
#[pyclass(frozen, name = "VectorWorld", module = "forethought._native")]
pub struct World {
    envs: Mutex<VectorEnv>,
    width: usize,
    len: usize,
}

type Flags<'py> = Bound<'py, PyArray1<bool>>;
/// Observations, rewards, success, terminated, truncated, chance.
type Stepped<'py> =
    (Bound<'py, PyArray2<f64>>, Bound<'py, PyArray1<f64>>, Flags<'py>, Flags<'py>, Flags<'py>, Flags<'py>);

/// Seed, task, position and goal of an episode.
type Begin = (u64, Option<usize>, Option<Vec<f64>>, Option<Vec<f64>>);

impl World {
    fn alone<T: Send>(
        &self,
        py: Python<'_>,
        work: impl FnOnce(&mut VectorEnv) -> Result<T, Error> + Send,
    ) -> Result<T, Error> {
        py.detach(|| work(&mut *self.envs.lock().map_err(|_| Error::Broken("vector"))?))
    }

    fn observed<'py>(&self, py: Python<'py>, values: Vec<f64>) -> PyResult<Bound<'py, PyArray2<f64>>> {
        table(py, values, self.len, self.width)
    }
}

#[pymethods]
impl World {
    #[new]
    fn new(id: &str, count: usize, threads: usize) -> PyResult<Self> {
        let made = || -> Result<Self, Error> {
            let envs = VectorEnv::make(&resolve(id)?, count, threads)?;
            let (width, len) = (envs.spec().observation.len(), envs.len());
            Ok(Self { envs: Mutex::new(envs), width, len })
        };
        Ok(made()?)
    }

    /// Begins episodes where `starts` has one, and answers all observations.
    fn reset<'py>(&self, py: Python<'py>, starts: Vec<Option<Begin>>) -> PyResult<Bound<'py, PyArray2<f64>>> {
        let observations = self.alone(py, |envs| {
            for (index, start) in starts.into_iter().enumerate() {
                let Some((seed, task, position, goal)) = start else { continue };
                let env = envs.get_mut(index).ok_or_else(|| {
                    EnvError::Mismatch(format!("there is no environment {index}: give one start each"))
                })?;
                env.reset(&Start { seed, task, position, goal }).map_err(|error| of(index, &error))?;
            }
            let mut observations = Vec::new();
            envs.observations_into(&mut observations);
            Ok(observations)
        })?;
        self.observed(py, observations)
    }

    /// Steps the environments that are `active`: observations, rewards, success, terminated, truncated, chance. Of the others
    /// the present observation is answered, and zeros.
    fn step<'py>(
        &self,
        py: Python<'py>,
        actions: PyReadonlyArray2<'_, f64>,
        active: PyReadonlyArray1<'_, bool>,
    ) -> PyResult<Stepped<'py>> {
        let (actions, active) = (numbers("actions", &actions)?, numbers("active", &active)?);
        let (observations, steps) = self.alone(py, |envs| {
            let outcomes = envs.step_where(&actions, |i| active.get(i).copied().unwrap_or(false))?;
            let told = |(index, outcome): (usize, Result<Option<Transition>, EnvError>)| {
                outcome.map(Option::unwrap_or_default).map_err(|error| of(index, &error))
            };
            let steps = outcomes.into_iter().enumerate().map(told).collect::<Result<Vec<_>, _>>()?;
            let mut observations = Vec::new();
            envs.observations_into(&mut observations);
            Ok((observations, steps))
        })?;
        let rewards = row(py, steps.iter().map(|step| step.reward).collect());
        let flags =
            |flag: fn(&Transition) -> bool| steps.iter().map(flag).collect::<Vec<_>>().into_pyarray(py);
        Ok((
            self.observed(py, observations)?,
            rewards,
            flags(|step| step.success),
            flags(|step| step.terminated),
            flags(|step| step.truncated),
            flags(|step| step.chance),
        ))
    }

    /// Goals of the running episodes; None for tasks without a place.
    fn goals<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyArray2<f64>>>> {
        let envs = self.envs.lock().map_err(|_| Error::Broken("vector"))?;
        let (mut goals, mut width) = (Vec::new(), 0);
        for env in (0..self.len).filter_map(|i| envs.get(i)) {
            let task = env.task();
            let Some(condition) = task.condition() else { return Ok(None) };
            goals.extend_from_slice(condition.values);
            width = condition.values.len();
        }
        Ok(Some(table(py, goals, self.len, width)?))
    }

    fn tasks(&self) -> PyResult<Vec<Task>> {
        let envs = self.envs.lock().map_err(|_| Error::Broken("vector"))?;
        Ok((0..self.len).filter_map(|i| envs.get(i)).map(|env| Task::new(env.task())).collect())
    }
}

/// An error of one environment, with its number.
fn of(index: usize, error: &EnvError) -> Error {
    Error::Refused(format!("environment {index}: {error}"))
}
