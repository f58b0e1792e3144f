//! What every executor promises, and what each one does.
#![allow(clippy::float_cmp, clippy::unwrap_used)]

use forethought_envs::data::InverseModel;
use forethought_envs::{BoxSpace, EnvSpec, make};
use forethought_policies::{
    DIFFUSED_ACTION, Executor, ExecutorConfig, INVERSE_DYNAMICS, KNOWN, PATH_FOLLOWING, PD, PlanFrame,
    PolicyError, RANDOM, WAYPOINT, WAYPOINT_FRESH, make_executor,
};
use proptest::prelude::{ProptestConfig, prop_assert, proptest};

/// Executors that follow a plan.
const FOLLOWERS: [&str; 4] = [DIFFUSED_ACTION, PD, INVERSE_DYNAMICS, PATH_FOLLOWING];

fn umaze() -> EnvSpec {
    make("maze2d-umaze-v1").unwrap().spec().clone()
}

fn executor(name: &str) -> Box<dyn Executor> {
    make_executor(&config(name), &umaze()).unwrap()
}

/// Default settings, with inverse dynamics by hand: four commands per unit of velocity gained.
fn config(name: &str) -> ExecutorConfig {
    let mut weights = vec![0.0; 2 * 8];
    (weights[6], weights[8 + 7]) = (4.0, 4.0);
    let inverse = InverseModel { weights, offset: vec![0.0; 2], error: vec![0.0; 2] };
    ExecutorConfig { inverse: Some(inverse), ..ExecutorConfig::named(name) }
}

fn error(config: &ExecutorConfig, spec: &EnvSpec) -> String {
    make_executor(config, spec).err().unwrap().to_string()
}

#[test]
fn every_known_name_makes_an_executor_of_that_name() {
    for name in KNOWN {
        let executor = executor(name);
        assert_eq!(executor.name(), name);
        assert_eq!(executor.needs_plan(), FOLLOWERS.contains(&name), "{name}");
    }
}

#[test]
fn an_unknown_name_gets_the_nearest_one() {
    for (asked, hint) in [
        ("diffused_action", "(did you mean `diffused-action`?)"),
        ("Waypoint-fres", "(did you mean `waypoint-fresh`?)"),
        ("randon", "(did you mean `random`?)"),
    ] {
        let message = error(&ExecutorConfig::named(asked), &umaze());
        assert!(message.contains(hint), "{message}");
    }
    let message = error(&ExecutorConfig::named("mpc-quux"), &umaze());
    assert!(
        !message.contains("did you mean")
            && message.contains("diffused-action, pd, inverse-dynamics, path-following, waypoint"),
        "{message}"
    );
}

#[test]
fn pd_is_the_law_on_the_chosen_entries() {
    let mut action = [0.0; 2];
    let observation = [1.0, 2.0, 0.5, -0.5];
    let frame = PlanFrame {
        observation: &[1.01, 1.98, 0.6, -0.3],
        action: &[0.0, 0.0],
        ahead: &[1.01, 1.98, 0.6, -0.3],
    };
    executor(PD).command(&observation, Some(frame), &mut action).unwrap();
    assert!((action[0] - (12.5 * 0.01 + 1.2 * 0.1)).abs() < 1e-12, "{action:?}");
    assert!((action[1] - (12.5 * -0.02 + 1.2 * 0.2)).abs() < 1e-12, "{action:?}");

    let config = ExecutorConfig {
        position_gain: 2.0,
        positions: vec![3, 2],
        velocities: Vec::new(),
        ..ExecutorConfig::named(PD)
    };
    make_executor(&config, &umaze()).unwrap().command(&observation, Some(frame), &mut action).unwrap();
    assert!((action[0] - 0.4).abs() < 1e-12 && (action[1] - 0.2).abs() < 1e-12, "{action:?}");
}

#[test]
fn diffused_action_is_the_plans_own_action_clipped() {
    let mut action = [0.0; 2];
    let frame = PlanFrame { observation: &[0.0; 4], action: &[0.3, -7.0], ahead: &[0.0; 4] };
    executor(DIFFUSED_ACTION).command(&[0.0; 4], Some(frame), &mut action).unwrap();
    assert_eq!(action, [0.3, -1.0]);
}

#[test]
fn settings_that_do_not_fit_are_refused_by_name() {
    let pd = ExecutorConfig::named(PD);
    for (config, name) in [
        (ExecutorConfig { position_gain: f64::NAN, ..pd.clone() }, "executor.position_gain"),
        (ExecutorConfig { velocity_gain: f64::INFINITY, ..pd.clone() }, "executor.velocity_gain"),
        (ExecutorConfig { positions: vec![0, 4], ..pd.clone() }, "executor.positions"),
        (ExecutorConfig { positions: vec![0], ..pd.clone() }, "executor.positions"),
        (ExecutorConfig { positions: Vec::new(), ..pd.clone() }, "executor.positions"),
        (ExecutorConfig { velocities: vec![2], ..pd }, "executor.velocities"),
    ] {
        let message = error(&config, &umaze());
        assert!(message.contains(name) && message.contains("give"), "{message}");
    }
    let unbounded = EnvSpec { action: BoxSpace::symmetric(2, f64::INFINITY), ..umaze() };
    assert!(error(&ExecutorConfig::named(RANDOM), &unbounded).contains("unbounded"));
    let elsewhere = EnvSpec { id: "free-space".to_owned(), ..umaze() };
    assert!(error(&ExecutorConfig::named(WAYPOINT), &elsewhere).contains("free-space"));
}

#[test]
fn malformed_frames_are_refused() {
    let mut action = [0.0; 2];
    let nan = [0.0, f64::NAN, 0.0, 0.0];
    for name in [DIFFUSED_ACTION, PD] {
        let mut executor = executor(name);
        let missing = executor.command(&[0.0; 4], None, &mut action).unwrap_err();
        assert!(matches!(missing, PolicyError::NeedsPlan(of) if of == name));
        let broken = PlanFrame { observation: &nan, action: &[f64::NAN, 0.0], ahead: &nan };
        let refused = executor.command(&[0.0; 4], Some(broken), &mut action).unwrap_err();
        assert!(refused.to_string().contains("planned"), "{refused}");
        let short = PlanFrame { observation: &[0.0; 3], action: &[0.0], ahead: &[0.0; 3] };
        assert!(matches!(
            executor.command(&[0.0; 4], Some(short), &mut action),
            Err(PolicyError::Length { .. })
        ));
        let good = PlanFrame { observation: &[0.0; 4], action: &[0.0; 2], ahead: &[0.0; 4] };
        let mut long = [0.0; 3];
        assert!(matches!(
            executor.command(&[0.0; 4], Some(good), &mut long),
            Err(PolicyError::Length { .. })
        ));
    }
    let good = PlanFrame { observation: &[0.0; 4], action: &[0.0; 2], ahead: &[0.0; 4] };
    assert!(
        executor(PD)
            .command(&nan, Some(good), &mut action)
            .unwrap_err()
            .to_string()
            .contains("observation[1]")
    );
    for name in [WAYPOINT, WAYPOINT_FRESH] {
        let mut executor = executor(name);
        assert!(matches!(executor.begin_episode(1, None), Err(PolicyError::NeedsGoal(_))));
        assert!(executor.command(&[1.0, 1.0, 0.0, 0.0], None, &mut action).is_err());
        assert!(executor.begin_episode(1, Some(&[90.0, 1.0])).is_err());
        assert!(executor.begin_episode(1, Some(&[1.0, 1.0])).is_ok());
        assert!(executor.command(&[1.0, f64::NAN, 0.0, 0.0], None, &mut action).is_err());
    }
}

#[test]
fn random_is_uniform_and_seeded_by_the_episode() {
    let draw = |executor: &mut dyn Executor, seed: u64, count: usize| -> Vec<f64> {
        executor.begin_episode(seed, None).unwrap();
        let mut action = [0.0; 2];
        let mut all = Vec::new();
        for _ in 0..count {
            executor.command(&[0.0; 4], None, &mut action).unwrap();
            all.extend(action);
        }
        all
    };
    let mut random = executor(RANDOM);
    let first = draw(random.as_mut(), 5, 20);
    assert_ne!(first, draw(random.as_mut(), 6, 20));
    assert_eq!(first, draw(random.as_mut(), 5, 20));

    let many = draw(random.as_mut(), 7, 20_000);
    let mean = many.iter().sum::<f64>() / many.len() as f64;
    let variance = many.iter().map(|v| v * v).sum::<f64>() / many.len() as f64;
    // Standard errors of 40,000 draws: 0.0029 and 0.0015.
    assert!(mean.abs() < 0.012 && (variance - 1.0 / 3.0).abs() < 0.006, "{mean} {variance}");
}

#[test]
fn inverse_dynamics_answer_the_real_observation() {
    let mut action = [0.0; 2];
    let (observation, planned) = ([1.0, 2.0, 0.5, -0.5], [1.01, 1.98, 0.6, -0.3]);
    let frame = PlanFrame { observation: &planned, action: &[0.9, 0.9], ahead: &planned };
    executor(INVERSE_DYNAMICS).command(&observation, Some(frame), &mut action).unwrap();
    assert!((action[0] - 0.4).abs() < 1e-12 && (action[1] - 0.8).abs() < 1e-12, "{action:?}");

    let missing = error(&ExecutorConfig::named(INVERSE_DYNAMICS), &umaze());
    assert!(missing.contains("no model of the inverse dynamics"), "{missing}");
}

/// Drives the ball without walls along a planned path of 0.03 a frame; returns positions and velocities per step.
fn follow(path: &[[f64; 2]], steps: usize) -> Vec<[f64; 4]> {
    let plan: Vec<f64> = path.iter().flat_map(|p| [p[0], p[1], 0.0, 0.0]).collect();
    let mut follower = executor(PATH_FOLLOWING);
    let (mut state, mut action, mut states) = ([path[0][0], path[0][1], 0.0, 0.0], [0.0; 2], Vec::new());
    for _ in 0..steps {
        let frame = PlanFrame { observation: &plan[..4], action: &[0.0; 2], ahead: &plan };
        follower.command(&state, Some(frame), &mut action).unwrap();
        for axis in 0..2 {
            let velocity = state[2 + axis].clamp(-5.0, 5.0);
            state[2 + axis] = velocity + 0.01 * (100.0 * action[axis] - velocity) / 4.18879;
            state[axis] += 0.01 * state[2 + axis];
        }
        states.push(state);
    }
    states
}

#[test]
fn a_path_is_driven_fast_round_its_bend_and_ends_at_rest() {
    let bend = |i: usize| {
        let along = 0.03 * i as f64;
        [1.0 + along.min(1.5), 1.0 + (along - 1.5).max(0.0)]
    };
    let path: Vec<[f64; 2]> = (0..=100).map(bend).collect();
    let states = follow(&path, 120);
    // The plan takes 100 steps to its end, 1.5 to the right and 1.5 up.
    let arrived = states.iter().position(|s| (s[0] - 2.5).hypot(s[1] - 2.5) < 0.1).unwrap();
    assert!(arrived < 88, "{arrived}");
    assert!(states.iter().any(|s| s[2] > 4.5) && states.iter().any(|s| s[3] > 4.0));
    // Off the path by no more than a corner is rounded.
    let away = |s: &[f64; 4]| path.iter().map(|p| (s[0] - p[0]).hypot(s[1] - p[1])).fold(f64::MAX, f64::min);
    assert!(states.iter().map(away).fold(0.0, f64::max) < 0.15);
    let last = states.last().unwrap();
    assert!((last[0] - 2.5).hypot(last[1] - 2.5) < 0.05 && last[2].hypot(last[3]) < 0.05, "{last:?}");
}

#[test]
fn a_ragged_plan_is_still_followed_and_a_short_one_is_no_fault() {
    // Chunks that do not join: every twentieth frame the plan is a tenth to the side.
    let ragged = |i: usize| [1.0 + 0.03 * i as f64, 1.0 + if (i / 20).is_multiple_of(2) { 0.0 } else { 0.1 }];
    let states = follow(&(0..=100).map(ragged).collect::<Vec<_>>(), 110);
    assert!(states.iter().any(|s| (s[0] - 4.0).abs() < 0.1), "it does not get to the end");
    assert!(states.iter().any(|s| s[2] > 3.0));
    let stays = follow(&[[1.0, 1.0]], 20);
    assert!(stays.iter().all(|s| (s[0] - 1.0).hypot(s[1] - 1.0) < 1e-9));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]
    #[test]
    fn commands_lie_in_the_action_space_for_any_plan(
        seed: u64,
        scale in 0.0..12.0_f64,
        planned in proptest::array::uniform4(-1.0..1.0_f64),
        observed in proptest::array::uniform2(0.8..3.0_f64),
        acted in proptest::array::uniform2(-1.0..1.0_f64),
    ) {
        let (spec, factor) = (umaze(), 10_f64.powf(scale));
        let (planned, acted) = (planned.map(|v| v * factor), acted.map(|v| v * factor));
        let observation = [observed[0], observed[1], factor, -factor];
        let frame = PlanFrame { observation: &planned, action: &acted, ahead: &planned };
        for name in KNOWN {
            let mut executor = executor(name);
            executor.begin_episode(seed, Some(&[1.0, 1.0])).unwrap();
            let mut action = [f64::NAN; 2];
            executor.command(&observation, Some(frame), &mut action).unwrap();
            prop_assert!(spec.action.contains(&action), "{name}: {action:?}");
        }
    }
}
