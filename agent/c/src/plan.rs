//! A plan in the hands of C.

use forethought_planner::{Plan, PlanStatus};

/// A plan. It is a copy: it stays as it is whatever becomes of its agent, and any number of threads may read it.
pub struct ForethoughtPlan {
    pub(crate) plan: Plan,
    pub(crate) observation: usize,
    pub(crate) action: usize,
}

/// What a plan says of itself.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ForethoughtPlanInfo {
    /// Set this to `sizeof(ForethoughtPlanInfo)` before the call. Afterwards it says how many bytes the library knows:
    /// fields of a newer header than the library lie beyond, and are left as they were.
    pub struct_size: usize,
    /// Steps that it holds.
    pub frames: usize,
    /// Numbers of the observation of one step.
    pub observation: usize,
    /// Numbers of the action of one step.
    pub action: usize,
    /// What the planner expects of it; more is better, among plans for one task.
    pub value: f64,
    /// Probability that all goes as planned; NaN where plans are not chosen by sampled outcomes.
    pub chance: f64,
    /// First step, counted from 0, in which the task is done; -1 where it is done in none.
    pub arrival: i64,
    /// Steps at positions where the data have never been.
    pub unsupported: usize,
    /// Entry, counted from 0, of the observation planned from that lies far outside the data: the plan is a guess. -1
    /// where there is none.
    pub out_of_data: i64,
    /// Evaluations of the network, one after the other.
    pub rows: usize,
    /// Candidates that it was chosen from.
    pub candidates: usize,
    /// Steps, counted from the first, that were sampled to their end; those after them are estimates.
    pub clean: usize,
    /// 1 where the deadline ended planning, else 0.
    pub cut: usize,
}

impl ForethoughtPlan {
    pub(crate) fn info(&self) -> ForethoughtPlanInfo {
        let plan = &self.plan;
        let entry = |entry: Option<usize>| entry.and_then(|entry| i64::try_from(entry).ok()).unwrap_or(-1);
        ForethoughtPlanInfo {
            struct_size: size_of::<ForethoughtPlanInfo>(),
            frames: plan.frames,
            observation: self.observation,
            action: self.action,
            value: plan.score,
            chance: plan.outlook.as_ref().and_then(|outlook| outlook.chance).unwrap_or(f64::NAN),
            arrival: entry(plan.arrival),
            unsupported: plan.unsupported,
            out_of_data: entry(plan.out_of_data),
            rows: plan.stats.rows,
            candidates: plan.stats.candidates,
            clean: plan.clean,
            cut: usize::from(plan.status == PlanStatus::Cut),
        }
    }
}
