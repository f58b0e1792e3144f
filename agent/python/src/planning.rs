//! One plan, and what is told of it.

use std::time::Duration;

use forethought_agent::within;
use forethought_planner::{DiffusionPlanner, Plan, PlanStatus, Planner, PlannerError, Request, RowTimes};
use numpy::IntoPyArray;
use pyo3::prelude::PyDictMethods;
use pyo3::types::PyDict;
use pyo3::{Bound, PyResult, Python};

use crate::arrays::{row, table};
use crate::error::Error;

/// The plan for a request. `times` is kept from plan to plan, so that a deadline is foretold from the first row on.
pub fn plan(
    planner: &mut DiffusionPlanner,
    times: &mut RowTimes,
    request: Request<'_>,
    trace: bool,
    deadline: Option<Duration>,
) -> Result<Plan, Error> {
    let plans = within(deadline, times, |budget| planner.plan_within(&[request], trace, budget))?;
    let none = || PlannerError::Device("the planner answered without a plan".to_owned());
    Ok(plans.into_iter().next().ok_or_else(none)?)
}

/// A plan as the fields of `forethought.Plan`; `widths` are those of observations and actions.
pub fn fields<'py>(py: Python<'py>, plan: Plan, widths: [usize; 2]) -> PyResult<Bound<'py, PyDict>> {
    let [observation, action] = widths;
    let dict = PyDict::new(py);
    dict.set_item("observations", table(py, plan.observations, plan.frames, observation)?)?;
    dict.set_item("actions", table(py, plan.actions, plan.frames, action)?)?;
    dict.set_item("value", plan.score)?;
    dict.set_item("arrival", plan.arrival)?;
    dict.set_item("unsupported", plan.unsupported)?;
    dict.set_item("out_of_data", plan.out_of_data)?;
    dict.set_item("candidates", plan.stats.candidates)?;
    dict.set_item("evaluations", plan.stats.rows)?;
    dict.set_item("clean", plan.clean)?;
    dict.set_item("cut", plan.status == PlanStatus::Cut)?;
    let outlook = plan.outlook.map(|outlook| -> PyResult<_> {
        let dict = PyDict::new(py);
        dict.set_item("chance", outlook.chance)?;
        dict.set_item("mean", outlook.mean)?;
        dict.set_item("spread", outlook.spread)?;
        dict.set_item("promise", outlook.promise)?;
        dict.set_item("near", row(py, outlook.near))?;
        dict.set_item("samples", outlook.samples)?;
        let outcome = |outcome: forethought_planner::Outcome| -> PyResult<_> {
            let frames = outcome.observations.len().checked_div(observation).unwrap_or(0);
            let observations = table(py, outcome.observations, frames, observation)?;
            Ok((outcome.first_frame, observations, outcome.rewards.into_pyarray(py)))
        };
        let outcomes: PyResult<Vec<_>> = outlook.outcomes.into_iter().map(outcome).collect();
        dict.set_item("outcomes", outcomes?)?;
        Ok(dict)
    });
    dict.set_item("outlook", outlook.transpose()?)?;
    let rejected: PyResult<Vec<_>> = plan.rejected.into_iter().map(|plan| fields(py, plan, widths)).collect();
    dict.set_item("rejected", rejected?)?;
    Ok(dict)
}
