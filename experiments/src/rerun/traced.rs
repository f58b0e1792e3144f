//! A planner that is asked again for what a loop does not keep: how each plan firmed up, and what outcomes were drawn of it.

use forethought_planner::{Budget, Plan, PlanStatus, Planner, PlannerError, Request};

/// Rows kept of each plan: enough to see it firm up, few enough that an hour of plans stays in memory.
const ROWS: usize = 8;

/// Plans as the planner inside does, and then once more with a trace.
///
/// Once more, because a trace draws outcomes of plans that were not chosen too, which takes rows from the budget where they are
/// too many for one batch: a replay has only as many as were granted, and has to stay the same to the bit.
pub struct Traced<P>(pub P);

impl<P: Planner> Planner for Traced<P> {
    fn plan_within(
        &mut self,
        requests: &[Request<'_>],
        trace: bool,
        budget: &mut Budget<'_>,
    ) -> Result<Vec<Plan>, PlannerError> {
        let before = budget.spent();
        let mut plans = self.0.plan_within(requests, trace, budget)?;
        let complete = plans.iter().all(|plan| plan.status == PlanStatus::Complete);
        let mut again = match complete {
            true => Budget::unlimited(),
            false => Budget::unlimited().rows(budget.spent().saturating_sub(before)),
        };
        // What cannot be traced is shown without: the plans themselves are there.
        let traced = self.0.plan_within(requests, true, &mut again).unwrap_or_default();
        for (plan, traced) in plans.iter_mut().zip(traced) {
            if plan.observations != traced.observations {
                continue;
            }
            let last = traced.trace.len().saturating_sub(1);
            let kept = |row: usize| row == last || row.is_multiple_of(last.div_ceil(ROWS).max(1));
            plan.trace =
                traced.trace.into_iter().enumerate().filter(|(row, _)| kept(*row)).map(|(_, x)| x).collect();
            if let (Some(outlook), Some(traced)) = (&mut plan.outlook, traced.outlook) {
                outlook.outcomes = traced.outcomes;
            }
        }
        Ok(plans)
    }
}
