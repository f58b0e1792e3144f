//! What a plan was expected to lead to, kept beside what came.
//!
//! A plan's chance is that of all of it, and an agent replaces it after a few steps. What can be held against what came is
//! where it said that the episode would be when the next plan was due: the sampled outcomes give that a chance of its own,
//! and a step later it has happened or it has not. Both are told by one rule ([`as_planned`]).
//!
//! Outcomes are drawn of the plan's own actions. Where a controller gives others, what came is the controller's doing too.

use forethought_envs::Task;
use forethought_planner::{Outlook, Plan, as_planned};

use crate::{EpisodeRecord, Foretold, OutcomeRecord, OutlookRecord};

/// What is kept of a plan's outlook where `horizon` steps of it are executed; its outcomes, where there are any, with `all`.
pub(crate) fn of(plan: &Plan, horizon: usize, all: bool) -> Option<OutlookRecord> {
    let Outlook { chance, mean, spread, promise, ref near, samples, ref outcomes } =
        *plan.outlook.as_ref()?;
    let steps = horizon.min(plan.frames).min(near.len());
    let foretold = steps.checked_sub(1).and_then(|frame| {
        let observation = plan.observation(frame)?.to_vec();
        Some(Foretold { steps, observation, chance: *near.get(frame)?, happened: None })
    });
    let width = plan.observations.len().checked_div(plan.frames).unwrap_or(0).max(1);
    let outcome = |outcome: &forethought_planner::Outcome| OutcomeRecord {
        first_frame: outcome.first_frame,
        observations: outcome.observations.chunks_exact(width).map(<[f64]>::to_vec).collect(),
    };
    let outcomes = outcomes.iter().filter(|_| all).map(outcome).collect();
    Some(OutlookRecord { chance, mean, spread, promise, samples, foretold, outcomes })
}

/// Says of everything that was foretold whether it happened, where the episode lasted until then.
pub(crate) fn settle(record: &mut EpisodeRecord, task: &dyn Task) {
    let EpisodeRecord { observations, plans, .. } = record;
    for plan in plans {
        let first = plan.first_step;
        if let Some(foretold) = plan.outlook.as_mut().and_then(|outlook| outlook.foretold.as_mut()) {
            let here = first.checked_add(foretold.steps).and_then(|step| observations.get(step));
            foretold.happened = here.map(|here| as_planned(task, &foretold.observation, here));
        }
    }
}

#[cfg(test)]
mod tests {
    use forethought_envs::GoalTask;

    use super::*;
    use crate::PlanRecord;

    fn plan(near: &[f64]) -> Plan {
        let outlook = Outlook { near: near.to_vec(), samples: 4, mean: -9.0, ..Outlook::default() };
        Plan {
            observations: (1..=4).flat_map(|x| [f64::from(x), 0.0]).collect(),
            frames: 4,
            outlook: Some(outlook),
            ..Plan::default()
        }
    }

    #[test]
    fn what_is_foretold_is_about_the_last_step_that_is_executed() {
        let near = [1.0, 0.75, 0.5, 0.25];
        let steps = |horizon| of(&plan(&near), horizon, true).unwrap().foretold.map(|f| (f.steps, f.chance));
        assert_eq!((steps(2), steps(9)), (Some((2, 0.75)), Some((4, 0.25))));
        // No place is spoken of, or no outcomes were drawn.
        assert_eq!(of(&plan(&[]), 2, true).unwrap().foretold, None);
        assert_eq!(of(&Plan { outlook: None, ..plan(&near) }, 2, true), None);
    }

    #[test]
    fn what_came_is_told_by_the_task_s_tolerance_and_by_nothing_that_did_not_come() {
        let task = GoalTask::new(&[0, 1], &[9.0, 0.0], 0.5);
        let made = |first_step| PlanRecord {
            first_step,
            outlook: of(&plan(&[1.0, 0.5]), 5, false),
            ..PlanRecord::default()
        };
        // Two steps after the first it is to be at 2: it is at 2.4, later at 3; and one plan outlasts the episode.
        let mut record = EpisodeRecord {
            observations: [0.0, 1.0, 2.4, 3.0].map(|x| vec![x, 0.0]).to_vec(),
            plans: vec![made(0), made(1), made(2), made(usize::MAX)],
            ..EpisodeRecord::default()
        };
        settle(&mut record, &task);
        let happened = |plan: &PlanRecord| plan.outlook.clone().unwrap().foretold.unwrap().happened;
        let happened: Vec<_> = record.plans.iter().map(happened).collect();
        assert_eq!(happened, [Some(true), Some(false), None, None]);
    }
}
