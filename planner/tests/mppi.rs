//! The MPPI baseline against the maze it plans in.
// Failed expectations are the point of a test.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::float_cmp)]

use std::sync::Arc;

use forethought_envs::maze::make_maze;
use forethought_envs::{Environment, GoalTask, ReturnTask, Simulator, Start};
use forethought_planner::{
    InForce, MppiConfig, MppiObjective, MppiPlanner, Plan, Planner, PlannerError, Request,
};

const UMAZE: &str = "maze2d-umaze-v1";
/// In the lower right corner of the U, with two free cells to its left.
const CORNER: [f64; 4] = [3.0, 3.0, 0.0, 0.0];

fn made(config: MppiConfig, threads: usize) -> Result<MppiPlanner, PlannerError> {
    let maze = make_maze(UMAZE, None).unwrap();
    MppiPlanner::new(Arc::new(maze.physics().clone()), maze.spec(), config, threads)
}

fn planner(config: MppiConfig, threads: usize) -> MppiPlanner {
    made(config, threads).unwrap()
}

fn small() -> MppiConfig {
    MppiConfig { samples: 32, horizon: 20, noise: 0.5, ..MppiConfig::default() }
}

fn request<'a>(observation: &'a [f64], goal: &[f64], seed: u64) -> Request<'a> {
    let task = Box::leak(Box::new(GoalTask::new(&[0, 1], goal, 0.5)));
    Request::new(observation, task, seed)
}

#[test]
fn it_reaches_a_goal_in_free_space_and_stays() {
    for objective in [MppiObjective::Distance, MppiObjective::Dense] {
        let mut planner = planner(MppiConfig { objective, ..MppiConfig::default() }, 1);
        let mut maze = make_maze(UMAZE, None).unwrap();
        maze.reset(&Start::seed(0).with_goal(&[3.0, 1.6])).unwrap();
        let mut snapshot = maze.snapshot();
        snapshot.state[..4].copy_from_slice(&CORNER);
        maze.restore(&snapshot).unwrap();
        let (mut previous, mut rewards): (Option<Plan>, Vec<f64>) = (None, Vec::new());
        for seed in 0..30 {
            let observation = maze.observation().to_vec();
            let request = Request {
                in_force: previous.as_ref().map(|plan| InForce { plan, executed: 5 }),
                ..request(&observation, &[3.0, 1.6], seed)
            };
            let plan = planner.plan(&[request], false).unwrap().remove(0);
            for i in 0..5 {
                rewards.push(maze.step(plan.action(i).unwrap()).unwrap().reward);
                assert_eq!(maze.observation(), plan.observation(i).unwrap(), "the plan is what happens");
            }
            previous = Some(plan);
        }
        // 0.9 to the radius at 23.8 per second squared takes 28 steps from rest.
        let arrival = rewards.iter().position(|reward| *reward == 1.0).unwrap();
        assert!((20..80).contains(&arrival), "{arrival}");
        assert!(rewards[100..].iter().all(|reward| *reward == 1.0), "{objective:?}: {rewards:?}");
        let plan = previous.unwrap();
        assert_eq!((plan.arrival, plan.stats.candidates, plan.stats.rows), (Some(0), 128, 1));
        assert!(plan.score > 0.9 * plan.frames as f64, "{}", plan.score);
    }
}

#[test]
fn a_plan_depends_on_its_request_alone() {
    let requests = [
        request(&CORNER, &[1.0, 1.0], 7),
        request(&[1.1, 2.0, 0.5, -1.0], &[3.0, 3.0], 7),
        request(&CORNER, &[1.0, 1.0], 8),
    ];
    let config = MppiConfig { iterations: 2, ..small() };
    let together = planner(config.clone(), 3).plan(&requests, true).unwrap();
    for (request, plan) in requests.iter().zip(&together) {
        let alone = planner(config.clone(), 1).plan(std::slice::from_ref(request), false).unwrap();
        assert_eq!(&alone[0], plan);
        assert_eq!(plan.actions.len(), 2 * plan.frames);
        assert!(plan.actions.iter().all(|action| action.abs() <= 1.0));
    }
    assert_ne!(together[0], together[2], "another seed, another plan");
    assert!(planner(config, 1).plan(&[], false).unwrap().is_empty());
}

#[test]
fn a_warm_start_goes_on_with_what_is_left_of_the_plan_in_force() {
    let mut planner = planner(MppiConfig { noise: 1e-12, ..small() }, 1);
    let actions: Vec<f64> = (0..40).map(|i| 0.02 * f64::from(i)).collect();
    let mut previous = Plan::default();
    (previous.actions, previous.frames) = (actions.clone(), 20);
    let warm = Request {
        in_force: Some(InForce { plan: &previous, executed: 15 }),
        ..request(&CORNER, &[1.0, 1.0], 0)
    };
    let plan = planner.plan(&[warm], false).unwrap().remove(0);
    let expected = actions[30..].iter().copied().chain([0.0; 30]);
    assert!(plan.actions.iter().zip(expected).all(|(found, wanted)| (found - wanted).abs() < 1e-10));
    // Nothing is left of it, or it is not a plan of this environment: a fresh start.
    let mut shorter = previous.clone();
    shorter.actions.truncate(19);
    for (plan, executed) in [(&previous, 20), (&previous, 21), (&shorter, 0)] {
        let warm = Request { in_force: Some(InForce { plan, executed }), ..warm };
        let plan = planner.plan(&[warm], false).unwrap().remove(0);
        assert!(plan.actions.iter().all(|action| action.abs() < 1e-10), "{plan:?}");
    }
}

#[test]
fn more_rounds_score_better_than_one() {
    let value = |iterations| {
        let mut planner = planner(MppiConfig { iterations, horizon: 60, ..small() }, 1);
        let plans = (0..8).map(|seed| planner.plan(&[request(&CORNER, &[3.0, 1.6], seed)], false).unwrap());
        plans.map(|plans| plans[0].score).sum::<f64>() / 8.0
    };
    let (one, ten) = (value(1), value(10));
    assert!(ten > one + 5.0, "{ten} frames at the goal after ten rounds, {one} after one");
}

#[test]
fn a_sparse_objective_gives_no_direction_far_from_the_goal() {
    // All sequences score 0, so the plan is their plain mean: of 32 clipped draws, in each entry below
    // 4 x 0.5 / sqrt(32) = 0.35 with probability 0.9999.
    let mut planner = planner(MppiConfig { objective: MppiObjective::Sparse, ..small() }, 1);
    let plan = planner.plan(&[request(&CORNER, &[1.0, 1.0], 3)], false).unwrap().remove(0);
    assert!(plan.actions.iter().all(|action| action.abs() < 0.35), "{:?}", plan.actions);
    assert_eq!(plan.arrival, None);
    assert!(plan.score < 0.0 && plan.score > -1.0);
}

#[test]
fn malformed_requests_and_settings_are_refused() {
    let mut planner = planner(small(), 1);
    let mut refused = |observation: &[f64], goal: Option<&[f64]>| {
        let request = match goal {
            Some(goal) => self::request(observation, goal, 0),
            None => Request::new(observation, &ReturnTask, 0),
        };
        let sound = self::request(&CORNER, &[1.0, 1.0], 0);
        planner.plan(&[sound, request], false).unwrap_err()
    };
    let error = refused(&CORNER[..3], Some(&[1.0, 1.0]));
    assert!(matches!(error, PlannerError::Length { what: "observation", want: 4, got: 3 }), "{error}");
    let error = refused(&CORNER, None);
    assert!(error.to_string().contains("drives to a goal"), "{error}");
    for (observation, goal, what) in
        [([f64::NAN, 0.0, 0.0, 0.0], [1.0, 1.0], "observation[0]"), (CORNER, [1.0, f64::INFINITY], "goal[1]")]
    {
        let error = refused(&observation, Some(&goal)).to_string();
        assert!(error.contains(what), "{error}");
    }
    let ok = small();
    for (config, name) in [
        (MppiConfig { samples: 0, ..ok.clone() }, "mppi.samples"),
        (MppiConfig { samples: 5000, ..ok.clone() }, "mppi.samples"),
        (MppiConfig { horizon: 0, ..ok.clone() }, "mppi.horizon"),
        (MppiConfig { iterations: 0, ..ok.clone() }, "mppi.iterations"),
        (MppiConfig { noise: 0.0, ..ok.clone() }, "mppi.noise"),
        (MppiConfig { noise: f64::NAN, ..ok.clone() }, "mppi.noise"),
        (MppiConfig { temperature: -1.0, ..ok }, "mppi.temperature"),
    ] {
        let error = made(config, 1).err().unwrap();
        assert!(matches!(error, PlannerError::Setting { name: found, .. } if found == name), "{error}");
    }
}
