//! What an agent is to do.

use std::sync::Arc;

use forethought_envs::{SharedTask, TaskConfig, TaskKind};
use numpy::PyArray1;
use pyo3::{Bound, Py, Python, pyclass, pymethods};

use crate::arrays::row;
use crate::error::Error;

/// What an episode is for, as its environment says: `Agent.reset` takes it in place of a goal.
#[pyclass(frozen, module = "forethought")]
pub struct Task(SharedTask);

impl Task {
    pub fn new(task: SharedTask) -> Self {
        Self(task)
    }

    pub fn shared(&self) -> SharedTask {
        Arc::clone(&self.0)
    }
}

#[pymethods]
impl Task {
    /// Where to go, `[g]`; None for tasks without a place.
    #[getter]
    fn goal<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyArray1<f64>>> {
        self.0.condition().map(|condition| row(py, condition.values.to_vec()))
    }

    /// Distance at and below which the goal counts as reached, observation units.
    #[getter]
    fn radius(&self) -> f64 {
        self.0.tolerance()
    }

    fn __repr__(&self) -> String {
        match self.0.condition() {
            Some(condition) => format!("Task(goal={:?}, radius={})", condition.values, self.0.tolerance()),
            None => "Task()".to_owned(),
        }
    }
}

/// The task that was asked for: a task as it is, else a goal of the kind that the checkpoint is for.
pub fn wanted(
    of_checkpoint: &TaskConfig,
    goal: Option<&[f64]>,
    task: Option<&Py<Task>>,
) -> Result<SharedTask, Error> {
    match (goal, task, of_checkpoint.kind) {
        (_, Some(task), _) => Ok(task.get().shared()),
        (None, None, TaskKind::Goal) => Err(Error::Refused(format!(
            "this checkpoint goes to goals: give `goal`, {} numbers (observation entries {:?})",
            of_checkpoint.entries.len(),
            of_checkpoint.entries
        ))),
        (goal, None, _) => Ok(of_checkpoint.task(goal)?),
    }
}
