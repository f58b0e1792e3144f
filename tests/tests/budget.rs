//! Plans within a budget: what is stopped is made again bit for bit by as many rows, and is a plan at any moment.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use forethought_agent::Agent;
use forethought_envs::{GoalTask, Task};
use forethought_planner::{Budget, DiffusionPlanner, Foresight, Plan, PlanStatus, Planner, Request};

fn checkpoint(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../experiments/checkpoints").join(name)
}

/// Plans in legs, from several candidates, chosen by what doing them leads to.
fn planner() -> DiffusionPlanner {
    let planner = Agent::builder(checkpoint("pointmaze-teleport-stitch-v0")).set("plan.rank.candidates", 2);
    planner.set("plan.monte_carlo.samples", 4).threads(1).planner().unwrap()
}

/// Beside an entrance, with a goal beyond it.
const START: [f64; 2] = [20.0, 7.5];

fn task() -> GoalTask {
    GoalTask::new(&[0, 1], &[0.0, 24.0], 0.5)
}

fn within(planner: &mut DiffusionPlanner, request: Request<'_>, budget: &mut Budget<'_>) -> Plan {
    planner.plan_within(&[request], false, budget).unwrap().remove(0)
}

#[test]
fn whatever_the_budget_there_is_a_plan_and_all_of_it_is_the_whole_plan() {
    let (mut planner, task) = (planner(), task());
    let request = Request::new(&START, &task, 3);
    let mut unlimited = Budget::unlimited();
    let whole = within(&mut planner, request, &mut unlimited);
    let all = unlimited.spent();
    assert!(
        all > 20 && whole.status == PlanStatus::Complete && whole.clean > 0 && whole.outlook.is_some(),
        "{all}"
    );
    for rows in (0..all).step_by(3) {
        let mut budget = Budget::unlimited().rows(rows);
        let plan = within(&mut planner, request, &mut budget);
        assert_eq!((budget.spent(), plan.status), (rows.max(1), PlanStatus::Cut), "{rows}");
        assert!(plan.frames > 0 && plan.clean <= plan.frames && (plan.clean > 0 || rows < 9), "{rows}");
        assert!(plan.observations.iter().chain(&plan.actions).all(|value| value.is_finite()));
        assert!(plan.observations.len() == 2 * plan.frames && plan.actions.len() == 2 * plan.frames);
    }
    let mut enough = Budget::unlimited().rows(all);
    assert_eq!(within(&mut planner, request, &mut enough), whole);
    assert!(!enough.stopped() && enough.spent() == all);
}

#[test]
fn a_plan_that_a_deadline_stopped_is_made_again_by_as_many_rows() {
    let (mut planner, task) = (planner(), task());
    for (i, foresight) in [Foresight::Last, Foresight::Mean, Foresight::Worst].into_iter().enumerate() {
        let mut stopped = 0;
        for deadline in (5..200).step_by(13) {
            // A clock that goes on when it is looked at, now more, now less.
            let ticks = AtomicUsize::new(0);
            let clock = || {
                let n = ticks.fetch_add(1, Ordering::Relaxed);
                n as f64 + 0.3 * ((n * n) % 7) as f64
            };
            let request = Request::new(&START, &task, i as u64);
            let mut budget = Budget::unlimited().until(&clock, f64::from(deadline), foresight);
            let plan = within(&mut planner, request, &mut budget);
            stopped += usize::from(budget.stopped());
            let again = within(&mut planner, request, &mut Budget::unlimited().rows(budget.spent()));
            let status = again.status;
            assert_eq!(again, Plan { status, ..plan }, "{deadline} {foresight:?}");
        }
        assert!(stopped > 5, "{stopped}");
    }
}

#[test]
fn all_of_a_batch_get_a_plan_when_there_is_time_for_none() {
    let (mut planner, task) = (planner(), task());
    let starts = [START, [36.0, 0.0], [0.0, 23.5]];
    let requests: Vec<Request<'_>> =
        starts.iter().zip(0..).map(|(start, seed)| Request::new(start, &task, seed)).collect();
    let plans = planner.plan_within(&requests, false, &mut Budget::unlimited().rows(1)).unwrap();
    assert!(plans.len() == 3 && plans.iter().all(|plan| plan.frames > 0 && plan.status == PlanStatus::Cut));
}

#[test]
fn what_is_promised_to_the_robot_is_in_the_plan_that_follows() {
    let (mut planner, task) = (planner(), task());
    let first = planner.plan(&[Request::new(&START, &task, 1)], false).unwrap().remove(0);
    let (executed, committed) = (5, 4);
    let here = first.observation(executed - 1).unwrap();
    let request = Request { committed, step: 17, ..Request::new(here, &task, 2).after(&first, executed) };
    let next = planner.plan(&[request], false).unwrap().remove(0);
    assert_eq!(next.first_step, 17);
    let promised = |values: &[f64]| values[2 * executed..2 * (executed + committed)].to_vec();
    assert_eq!(next.actions[..2 * committed], promised(&first.actions));
    for (found, planned) in next.observations.iter().zip(promised(&first.observations)) {
        assert!((found - planned).abs() < 1e-9, "{found} {planned}");
    }
    // What comes after them is what is planned from where they lead.
    let there = first.observation(executed + committed - 1).unwrap();
    let ahead =
        planner.plan(&[Request::new(there, &task, 2).after(&first, executed + committed)], false).unwrap();
    assert_eq!(next.actions[2 * committed..], ahead[0].actions);
    assert_eq!((next.frames, next.clean), (ahead[0].frames + committed, ahead[0].clean + committed));
    assert_eq!(next.arrival, ahead[0].arrival.map(|frame| frame + committed));
    // Off the plan, the promised frames lead as far off.
    let off = [here[0] + 1e-3, here[1] - 2e-3];
    let request = Request { committed, ..Request::new(&off, &task, 2).after(&first, executed) };
    let aside = planner.plan(&[request], false).unwrap().remove(0);
    for (frame, planned) in aside.observations.chunks(2).zip(promised(&first.observations).chunks(2)) {
        assert!((frame[0] - planned[0] - 1e-3).abs() < 1e-9 && (frame[1] - planned[1] + 2e-3).abs() < 1e-9);
    }
    assert!(task.tolerance() > 0.0);
}

#[test]
fn fewer_candidates_than_the_settings_say() {
    let (mut planner, task) = (planner(), task());
    let request = Request::new(&START, &task, 1);
    let two = within(&mut planner, request, &mut Budget::unlimited());
    let one = within(&mut planner, request, &mut Budget::unlimited().candidates(1));
    assert!(one.stats.candidates < two.stats.candidates && one.status == PlanStatus::Complete);
    assert_eq!(within(&mut planner, request, &mut Budget::unlimited().candidates(9)), two);
}
