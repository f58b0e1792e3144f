//! The receding-horizon loop against a planner whose plans are known.
#![allow(clippy::float_cmp, clippy::unwrap_used)]

mod free_space;

use forethought_agent::{AgentError, EpisodeOutcome, EpisodeRecord, EpisodeSetup, RolloutConfig, rollout};
use forethought_envs::Environment;
use free_space::{FreeSpace, StraightLine, every, run, setup};

fn plan_steps(record: &EpisodeRecord) -> Vec<usize> {
    record.plans.iter().map(|plan| plan.first_step).collect()
}

#[test]
fn both_controllers_arrive_and_end_at_the_goal() {
    for controller in ["diffused-action", "pd"] {
        let setups = (0..8).map(|seed| setup(controller, seed, FreeSpace::new(200))).collect();
        for record in run(&mut StraightLine::new(60), setups, &every(20)).unwrap() {
            let outcome = EpisodeOutcome::new(&record, FreeSpace::new(200).spec()).unwrap();
            // Two accelerations of 1 over 3 to 6 units take at least 2 sqrt(d) seconds, 35 steps and more.
            let arrival = outcome.steps_to_arrival.unwrap();
            assert!((20..130).contains(&arrival), "{controller}: {arrival}");
            assert_eq!(record.rewards.last(), Some(&1.0), "{controller}");
            // Tracking without the plan's accelerations lags behind, and so overshoots once.
            let stayed = outcome.episode_return == outcome.return_if_stayed;
            assert!(stayed || controller == "pd", "{outcome:?}");
            assert_eq!((record.controller.as_str(), record.env_id.as_str()), (controller, "free-space"));
            assert_eq!(
                (record.observations.len(), record.actions.len(), record.rewards.len()),
                (201, 200, 200)
            );
        }
    }
}

#[test]
fn replanning_corrects_what_an_open_loop_cannot() {
    let last_distance = |execution_horizon: usize| {
        let mut env = FreeSpace::new(120);
        env.wind = [0.1, 0.05];
        let record = run(
            &mut StraightLine::new(120),
            vec![setup("diffused-action", 3, env)],
            &every(execution_horizon),
        )
        .unwrap()
        .remove(0);
        let (end, goal) = (record.observations.last().unwrap(), record.goal.as_ref().unwrap());
        (end[0] - goal[0]).hypot(end[1] - goal[1])
    };
    let (open, closed) = (last_distance(120), last_distance(5));
    // The wind moves an open loop by half its square of 12 s, 8 units.
    assert!((open - 0.5 * 0.1_f64.hypot(0.05) * 144.0).abs() < 0.5, "{open}");
    assert!(closed < 0.3, "{closed}");
}

#[test]
fn plans_are_made_exactly_when_due_and_handed_back() {
    let mut planner = StraightLine::new(30);
    let record = run(&mut planner, vec![setup("pd", 1, FreeSpace::new(50))], &every(20)).unwrap().remove(0);
    assert_eq!(plan_steps(&record), [0, 20, 40]);
    let asked: Vec<_> = planner.calls.iter().flatten().collect();
    assert_eq!(asked.iter().map(|a| a.executed).collect::<Vec<_>>(), [None, Some(20), Some(20)]);
    for (asked, step) in asked.iter().zip([0, 20, 40]) {
        assert_eq!(asked.observation, record.observations[step]);
    }
    assert!(asked[0].seed != asked[1].seed && asked[1].seed != asked[2].seed);

    // A plan of 8 frames is replaced at its end; nothing of it is left for a warm start.
    let mut planner = StraightLine::new(8);
    let record = run(&mut planner, vec![setup("pd", 1, FreeSpace::new(20))], &every(15)).unwrap().remove(0);
    assert_eq!(plan_steps(&record), [0, 8, 16]);
    assert!(planner.calls.iter().flatten().all(|asked| asked.executed.is_none()));
}

#[test]
fn the_executed_actions_are_those_of_the_plan_in_force() {
    let config = RolloutConfig { record_plans: true, trace: true, ..every(7) };
    let mut planner = StraightLine { noise: 0.3, ..StraightLine::new(10) };
    let record =
        run(&mut planner, vec![setup("diffused-action", 5, FreeSpace::new(20))], &config).unwrap().remove(0);
    for plan in &record.plans {
        assert_eq!((plan.observations.len(), plan.actions.len(), plan.rows), (10, 10, 3));
        assert_eq!(plan.trace[0].observations, plan.observations);
        for frame in 0..7.min(20 - plan.first_step) {
            assert_eq!(record.actions[plan.first_step + frame], plan.actions[frame]);
            // The planner knows the physics: frame i is what step i + 1 observes.
            assert_eq!(record.observations[plan.first_step + frame + 1], plan.observations[frame]);
        }
    }
    let lean = run(&mut planner, vec![setup("diffused-action", 5, FreeSpace::new(20))], &every(7))
        .unwrap()
        .remove(0);
    assert_eq!((&lean.actions, plan_steps(&lean)), (&record.actions, plan_steps(&record)));
    assert!(
        lean.plans.iter().all(|plan| plan.observations.is_empty() && plan.trace.is_empty() && plan.rows == 3)
    );
}

#[test]
fn an_episode_does_not_depend_on_its_batch() {
    let make = |seeds: &[u64]| -> Vec<EpisodeSetup> {
        let env = |seed| FreeSpace {
            terminates: seed % 2 == 0,
            wind: [0.02 * seed as f64, 0.0],
            ..FreeSpace::new(90)
        };
        seeds.iter().map(|&seed| setup("diffused-action", seed, env(seed))).collect()
    };
    let mut planner = StraightLine { noise: 0.5, ..StraightLine::new(25) };
    let together = run(&mut planner, make(&[0, 1, 2, 3, 4]), &every(10)).unwrap();
    assert!(
        together[0].rewards.len() < 90 && together[1].rewards.len() == 90,
        "some must leave the batch early"
    );
    assert_eq!((planner.calls[0].len(), planner.calls.last().unwrap().len()), (5, 2));
    let other = run(&mut planner, make(&[3, 0]), &every(10)).unwrap();
    assert_eq!((&other[0], &other[1]), (&together[3], &together[0]));
    for (seed, record) in (0..5).zip(&together) {
        assert_eq!(&run(&mut planner, make(&[seed]), &every(10)).unwrap()[0], record);
    }
}

#[test]
fn commands_stay_within_limits_for_absurd_plans() {
    // The environment of these tests refuses anything outside its action space.
    let mut planner = StraightLine { exaggerate: 1e6, ..StraightLine::new(10) };
    let record = run(&mut planner, vec![setup("diffused-action", 2, FreeSpace::new(40))], &every(10))
        .unwrap()
        .remove(0);
    assert!(record.actions.iter().flatten().all(|a| a.abs() <= 1.0));
    assert!(record.actions.iter().flatten().any(|a| a.abs() == 1.0));
}

#[test]
fn a_goal_can_be_set_and_time_is_the_clocks() {
    let mut setups = vec![setup("pd", 1, FreeSpace::new(150)), setup("pd", 2, FreeSpace::new(150))];
    setups[0].start.goal = Some(vec![-2.0, 2.0]);
    let ticks = std::cell::Cell::new(0.0);
    let clock = || {
        ticks.set(ticks.get() + 3.0);
        ticks.get()
    };
    let records = rollout(&mut StraightLine::new(60), setups, &every(50), &clock, &mut |_, _| true).unwrap();
    assert_eq!(records[0].goal.as_deref(), Some(&[-2.0, 2.0][..]));
    let end = records[0].observations.last().unwrap();
    assert!((end[0] + 2.0).hypot(end[1] - 2.0) < 0.1, "{end:?}");
    // Three seconds a call, two episodes in each.
    assert!(records.iter().flat_map(|r| &r.plans).all(|plan| plan.took_s == 1.5));
}

#[test]
fn progress_ends_at_its_total_and_can_stop() {
    let make = || {
        vec![
            setup("pd", 2, FreeSpace { terminates: true, ..FreeSpace::new(200) }),
            setup("pd", 3, FreeSpace::new(80)),
        ]
    };
    let mut told = Vec::new();
    let mut note = |done, total| {
        told.push((done, total));
        true
    };
    rollout(&mut StraightLine::new(30), make(), &every(20), &|| 0.0, &mut note).unwrap();
    assert_eq!((told[0], *told.last().unwrap()), ((2, 280), (280, 280)));
    assert!(told.is_sorted());
    let stopped = rollout(&mut StraightLine::new(30), make(), &every(20), &|| 0.0, &mut |done, _| done < 10);
    assert!(matches!(stopped, Err(AgentError::Interrupted)));
}
