//! Plans, and the interface of everything that makes them.

use std::any::Any;
use std::fmt;
use std::sync::Arc;

use forethought_envs::{Condition, Frames, Rows, Task};

use serde::{Deserialize, Serialize};

use crate::{Budget, Outlook, PlannerError};

/// One planned trajectory. Frame `i` is environment step `i + 1` after the observation it was planned from.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Plan {
    /// Absolute step of the observation that it was planned from ([`Request::step`]); its first action is for that step.
    pub first_step: usize,
    /// Frames, counted from the first, that were sampled to their end. Those after them are estimates at a level of noise:
    /// in part by the schedule, which leaves the far future uncertain, and in part because the budget ran out.
    pub clean: usize,
    /// Whether all was done that planning consists of.
    pub status: PlanStatus,
    /// Planned observations `[frames, observation]`, environment units.
    pub observations: Vec<f64>,
    /// Planned actions `[frames, action]`, environment units; action `i` leads to observation `i`.
    pub actions: Vec<f64>,
    /// Number of frames.
    pub frames: usize,
    /// What the planner expects of it; comparable between plans of one planner for one task.
    pub score: f64,
    /// First frame in which the task is done, if any.
    pub arrival: Option<usize>,
    /// Frames at positions where the data have never been, those among them by which it arrives after its end; 0 where
    /// that does not count.
    pub unsupported: usize,
    /// Entry of the observation planned from that lies far outside the data, if any: such a plan is a guess.
    pub out_of_data: Option<usize>,
    /// What doing it is expected to lead to, where plans are chosen by that ([`crate::MonteCarloConfig::select`]).
    pub outlook: Option<Outlook>,
    /// Where a trace was asked for and plans are chosen by their outcomes: those that it was preferred to, as far as each leads
    /// before the next is made, with what is expected of them; what promises most comes first.
    pub rejected: Vec<Plan>,
    /// What making it took.
    pub stats: PlanStats,
    /// The plan while it was made, when asked for; first snapshot first.
    pub trace: Vec<Snapshot>,
    /// What the planner wants to know of it when it makes the next one.
    pub memory: Memory,
}

/// Whether a plan is all that planning would have led to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PlanStatus {
    /// It is.
    #[default]
    Complete,
    /// Its [`Budget`] ran out: it is the best of what there was by then.
    Cut,
}

/// What making a plan took.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PlanStats {
    /// Evaluations of the model, one after the other.
    pub rows: usize,
    /// Candidates it was chosen from.
    pub candidates: usize,
}

/// A plan while it is made.
#[derive(Clone, Debug, PartialEq)]
pub struct Snapshot {
    /// Evaluations of the model so far.
    pub row: usize,
    /// How uncertain each frame still is, from 0 (settled) to 1 (nothing known).
    pub uncertainty: Vec<f64>,
    /// Observations as they would be, `[frames, observation]`, environment units.
    pub observations: Vec<f64>,
}

/// A planner's own notes on a plan. Nobody else reads them, and plans that differ in nothing else are equal.
#[derive(Clone, Default)]
pub struct Memory(Option<Arc<dyn Any + Send + Sync>>);

impl Memory {
    /// Notes of any type.
    pub fn new<T: Any + Send + Sync>(notes: T) -> Self {
        Self(Some(Arc::new(notes)))
    }

    /// The notes, where they are of this type.
    pub fn get<T: Any>(&self) -> Option<&T> {
        self.0.as_ref()?.downcast_ref()
    }
}

impl PartialEq for Memory {
    fn eq(&self, _other: &Self) -> bool {
        true
    }
}

impl fmt::Debug for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "Memory(..)" } else { "Memory(none)" })
    }
}

/// The plan that is being executed.
#[derive(Clone, Copy, Debug)]
pub struct InForce<'a> {
    /// The plan.
    pub plan: &'a Plan,
    /// How many of its frames were executed.
    pub executed: usize,
}

/// What came before the present observation, oldest first and without gaps, environment units. Empty where nothing is known.
#[derive(Clone, Copy, Debug, Default)]
pub struct History<'a> {
    /// Observations before the present one, `[n, observation]`.
    pub observations: &'a [f64],
    /// Actions, `[n, action]`: action `i` was taken at observation `i`, and led to the next.
    pub actions: &'a [f64],
    /// How well each observation was seen, `[n]`, as [`Request::seen`]; empty where all were seen as they are.
    pub seen: &'a [f64],
}

/// What to plan for.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// Present observation, environment units.
    pub observation: &'a [f64],
    /// How well it was seen, from 0 (not at all) to 1 (as it is): the share of what there is to see in the variance of what was
    /// seen, `1 / (1 + (noise / spread)^2)`. It is shown to the network at the level of noise that comes closest.
    pub seen: f64,
    /// What came before, as far as [`Planner::history`] asks for it. More than that is not looked at.
    pub history: History<'a>,
    /// What the plan is for.
    pub task: &'a dyn Task,
    /// The plan in force, where there is one.
    pub in_force: Option<InForce<'a>>,
    /// Frames of the plan in force, from the next one on, that will be executed whatever the new plan says, because they are
    /// while it is made. They are the first of the new plan, and what comes after them begins where they lead.
    pub committed: usize,
    /// Absolute step of the observation.
    pub step: usize,
    /// Seed of all that is random in this plan.
    pub seed: u64,
}

impl<'a> Request<'a> {
    /// A first plan.
    pub fn new(observation: &'a [f64], task: &'a dyn Task, seed: u64) -> Self {
        let history = History::default();
        Self { observation, seen: 1.0, history, task, in_force: None, committed: 0, step: 0, seed }
    }

    /// The same with a plan in force.
    #[must_use]
    pub fn after(self, plan: &'a Plan, executed: usize) -> Self {
        Self { in_force: Some(InForce { plan, executed }), ..self }
    }

    /// What the task's condition asks for.
    pub(crate) fn condition(&self) -> Option<Condition<'a>> {
        self.task.condition()
    }
}

/// Makes plans.
pub trait Planner: Send {
    /// Plans for all requests together, within a budget; plan `i` answers request `i` and, as long as the budget stops
    /// nothing, depends on nothing else. `trace` asks for every snapshot. Where the budget runs out, plans are the best of
    /// what there was by then ([`PlanStatus::Cut`]).
    ///
    /// # Errors
    /// [`PlannerError::Length`] and [`PlannerError::NonFinite`] for malformed requests;
    /// [`PlannerError::BrokenOutput`] when a model's answer is not finite.
    fn plan_within(
        &mut self,
        requests: &[Request<'_>],
        trace: bool,
        budget: &mut Budget<'_>,
    ) -> Result<Vec<Plan>, PlannerError>;

    /// The same, as long as it takes.
    ///
    /// # Errors
    /// As [`Self::plan_within`].
    fn plan(&mut self, requests: &[Request<'_>], trace: bool) -> Result<Vec<Plan>, PlannerError> {
        self.plan_within(requests, trace, &mut Budget::unlimited())
    }

    /// Steps before the present that a request's history should hold, where there were so many; 0 where it is not looked at.
    fn history(&self) -> usize {
        0
    }
}

impl<P: Planner + ?Sized> Planner for Box<P> {
    fn plan_within(
        &mut self,
        requests: &[Request<'_>],
        trace: bool,
        budget: &mut Budget<'_>,
    ) -> Result<Vec<Plan>, PlannerError> {
        (**self).plan_within(requests, trace, budget)
    }

    fn history(&self) -> usize {
        (**self).history()
    }
}

impl Plan {
    /// Observation of frame `i`, if there is one.
    pub fn observation(&self, i: usize) -> Option<&[f64]> {
        row(&self.observations, self.frames, i)
    }

    /// Action of frame `i`, if there is one.
    pub fn action(&self, i: usize) -> Option<&[f64]> {
        row(&self.actions, self.frames, i)
    }

    /// The plan as a task sees it, each frame counting `weight`.
    pub fn frames(&self, weight: f64) -> Frames<'_> {
        let width = |values: &[f64]| values.len().checked_div(self.frames).unwrap_or(0);
        Frames {
            // No more than there are numbers for, whatever the plan says of itself.
            len: self.frames.min(self.observations.len().max(self.actions.len())),
            observations: Rows::dense(&self.observations, width(&self.observations)),
            actions: Rows::dense(&self.actions, width(&self.actions)),
            weight,
            ..Frames::default()
        }
    }
}

fn row(values: &[f64], rows: usize, i: usize) -> Option<&[f64]> {
    let width = values.len().checked_div(rows)?;
    let at = i.checked_mul(width)?;
    values.get(at..at.checked_add(width)?)
}
