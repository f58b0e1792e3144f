//! What a loop takes for the present where that is badly seen.
#![allow(clippy::unwrap_used)]

use std::sync::{Arc, Mutex};

use forethought_agent::Agent;
use forethought_envs::{BoxSpace, EnvSpec, GoalTask};
use forethought_planner::{Budget, Plan, Planner, PlannerError, Request};
use forethought_policies::{ControlConfig, make_controller};

/// What a planner was shown: the present and how well, and the first entries of the past and how well each.
type Shown = (f64, f64, Vec<(f64, f64)>);

/// Foresees that the first entry grows by one in each step.
struct Counting {
    frames: usize,
    shown: Arc<Mutex<Vec<Shown>>>,
}

impl Planner for Counting {
    fn plan_within(
        &mut self,
        requests: &[Request<'_>],
        _trace: bool,
        _budget: &mut Budget<'_>,
    ) -> Result<Vec<Plan>, PlannerError> {
        let plan = |request: &Request<'_>| {
            let past = request.history.observations.chunks(4).zip(request.history.seen);
            let past = past.map(|(row, seen)| (row[0], *seen)).collect();
            self.shown.lock().unwrap().push((request.observation[0], request.seen, past));
            let row = |step: usize| [request.observation[0] + step as f64, 0.0, 0.0, 0.0];
            Plan {
                frames: self.frames,
                observations: (1..=self.frames).flat_map(row).collect(),
                actions: vec![0.0; 2 * self.frames],
                ..Plan::default()
            }
        };
        Ok(requests.iter().map(plan).collect())
    }

    fn history(&self) -> usize {
        3
    }
}

/// Requests of an agent whose sensor shows 0, and how well it sees in each step.
fn shown(reckons: bool, frames: usize, horizon: usize, seen: &[f64]) -> Vec<Shown> {
    let spec = EnvSpec::of_spaces("line", BoxSpace::symmetric(4, 100.0), BoxSpace::symmetric(2, 1.0));
    let controller = make_controller(&ControlConfig::default(), &spec, None).unwrap();
    let log = Arc::new(Mutex::new(Vec::new()));
    let planner = Counting { frames, shown: Arc::clone(&log) };
    let mut agent = Agent::new(Box::new(planner), controller, &spec, horizon).with_dead_reckoning(reckons);
    for episode in 0..2 {
        agent.reset(episode, Arc::new(GoalTask::new(&[0, 1], &[1.0, 1.0], 0.1)));
        log.lock().unwrap().clear();
        for seen in seen {
            agent.act_seeing(&[0.0; 4], *seen).unwrap();
        }
    }
    log.lock().unwrap().clone()
}

#[test]
fn what_plans_foresaw_stands_for_what_is_badly_seen_and_is_remembered_so() {
    for horizon in [1, 2] {
        let all = shown(true, 4, horizon, &[1.0, 0.0, 0.3, 0.0, 1.0, 0.0]);
        let presents: Vec<(f64, f64)> = all.iter().map(|(present, seen, _)| (*present, *seen)).collect();
        // Seen at steps 0 and 4 as 0; one more with each step since.
        let wanted = [(0.0, 1.0), (1.0, 1.0), (2.0, 1.0), (3.0, 1.0), (0.0, 1.0), (1.0, 1.0)];
        let wanted: Vec<(f64, f64)> = wanted.into_iter().step_by(horizon).collect();
        assert_eq!(presents, wanted, "{horizon}");
        let last = &all[all.len() - 1].2;
        let before = if horizon == 1 {
            [(2.0, 1.0), (3.0, 1.0), (0.0, 1.0)]
        } else {
            [(1.0, 1.0), (2.0, 1.0), (3.0, 1.0)]
        };
        assert_eq!(last[..], before, "{horizon}");
    }
}

#[test]
fn nothing_stands_for_it_before_a_plan_foresaw_it_or_where_that_is_not_asked_for() {
    // The first is not seen: an episode before has foreseen nothing of this one.
    let all = shown(true, 4, 1, &[0.0, 0.0]);
    assert_eq!((all[0].0, all[0].1), (0.0, 0.0));
    assert_eq!((all[1].0, all[1].1, all[1].2.clone()), (1.0, 1.0, vec![(0.0, 0.0)]));
    let all = shown(false, 4, 1, &[1.0, 0.0, 0.5]);
    let presents: Vec<(f64, f64)> = all.iter().map(|(present, seen, _)| (*present, *seen)).collect();
    assert_eq!(presents, [(0.0, 1.0), (0.0, 0.0), (0.0, 0.5)]);
}
