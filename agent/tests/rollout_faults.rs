//! What the receding-horizon loop refuses, and what its errors say.
#![allow(clippy::unwrap_used)]

mod free_space;

use std::sync::Arc;

use forethought_agent::{Agent, RolloutConfig};
use forethought_envs::GoalTask;
use forethought_planner::{Budget, Plan, Planner, PlannerError, Request};
use forethought_policies::{ControlConfig, make_controller};
use free_space::{FreeSpace, StraightLine, every, run, setup};

#[test]
fn a_nan_observation_is_refused_with_its_place() {
    let setups = vec![
        setup("pd", 4, FreeSpace::new(50)),
        setup("pd", 9, FreeSpace { nan_at: Some(13), ..FreeSpace::new(50) }),
    ];
    let error = run(&mut StraightLine::new(30), setups, &every(20)).unwrap_err();
    let message = error.to_string();
    for part in ["`free-space`", "episode seed 9", "step 13", "observation[2] is NaN"] {
        assert!(message.contains(part), "{message}");
    }
}

/// Whether the controller looks at it or not.
#[test]
fn an_observation_that_changes_its_length_is_refused_with_its_place() {
    for controller in ["pd", "diffused-action"] {
        for from in [0, 13] {
            let env = FreeSpace { short_from: Some(from), ..FreeSpace::new(50) };
            let setups = vec![setup("pd", 4, FreeSpace::new(50)), setup(controller, 9, env)];
            let message = run(&mut StraightLine::new(30), setups, &every(20)).unwrap_err().to_string();
            for part in ["`free-space`", "episode seed 9", &format!("step {from}"), "has 3 entries", "says 4"]
            {
                assert!(message.contains(part), "{message}");
            }
        }
    }
    // The same in the hands of a caller who steps the environment alone.
    let spec = FreeSpace::new(50).spec;
    let controller = make_controller(&ControlConfig::default(), &spec, None).unwrap();
    let mut agent = Agent::new(Box::new(StraightLine::new(30)), controller, &spec, 20);
    agent.reset(1, Arc::new(GoalTask::new(&[0, 1], &[1.0, 1.0], 0.1)));
    agent.act(&[0.0; 4]).unwrap();
    for bad in [&[0.0; 3][..], &[0.0; 5], &[0.0, f64::NAN, 0.0, 0.0]] {
        let message = agent.act(bad).unwrap_err().to_string();
        assert!(message.contains("`free-space`") && message.contains("step 1"), "{message}");
    }
    agent.act(&[0.0; 4]).unwrap();
}

#[test]
fn a_planner_error_surfaces_with_its_place() {
    let mut planner = StraightLine { fails_at: Some(2), ..StraightLine::new(30) };
    let setups = (6..9).map(|seed| setup("pd", seed, FreeSpace::new(90))).collect();
    let message = run(&mut planner, setups, &every(20)).unwrap_err().to_string();
    for part in ["3 episode(s)", "`free-space`", "episode seed 6", "step 40", "row 7, token 3"] {
        assert!(message.contains(part), "{message}");
    }
}

/// A planner that answers with whatever it holds.
struct Canned(Vec<Plan>);

impl Planner for Canned {
    fn plan_within(
        &mut self,
        _: &[Request<'_>],
        _: bool,
        _: &mut Budget<'_>,
    ) -> Result<Vec<Plan>, PlannerError> {
        Ok(self.0.clone())
    }
}

#[test]
fn what_is_no_plan_is_refused() {
    let plan = |observations: Vec<f64>, actions: Vec<f64>, frames: usize| {
        let mut plan = Plan::default();
        (plan.observations, plan.actions, plan.frames) = (observations, actions, frames);
        plan
    };
    let good = plan(vec![0.0; 8], vec![0.0; 4], 2);
    let nan = plan(vec![0.0; 8], vec![0.0, 0.0, 0.0, f64::NAN], 2);
    for (plans, says) in [
        (Vec::new(), "0 plans for 1 requests"),
        (vec![good.clone(); 2], "2 plans for 1 requests"),
        (vec![Plan::default()], "no frames"),
        (vec![plan(vec![0.0; 7], vec![0.0; 4], 2)], "7 numbers in its observations"),
        (vec![plan(vec![0.0; 8], vec![0.0; 4], usize::MAX)], "numbers in its observations"),
        (vec![nan], "actions[1][1] is NaN"),
    ] {
        let config = RolloutConfig { record_plans: true, ..every(20) };
        let message = run(&mut Canned(plans), vec![setup("pd", 1, FreeSpace::new(9))], &config)
            .unwrap_err()
            .to_string();
        assert!(message.contains(says) && message.contains("episode seed 1"), "{message}");
    }
    assert!(run(&mut Canned(vec![good]), vec![setup("pd", 1, FreeSpace::new(9))], &every(20)).is_ok());
}

#[test]
fn settings_are_checked_before_anything_runs() {
    let mut planner = StraightLine::new(30);
    let refused = run(&mut planner, vec![setup("pd", 1, FreeSpace::new(9))], &every(0)).unwrap_err();
    assert!(refused.to_string().contains("control.execution_horizon"), "{refused}");
    assert!(planner.calls.is_empty());
    assert!(run(&mut planner, Vec::new(), &every(5)).unwrap().is_empty());
}
