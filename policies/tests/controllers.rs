//! What every controller promises, and what each one does; policies.
#![allow(clippy::float_cmp, clippy::unwrap_used)]

use std::sync::Arc;

use forethought_envs::data::InverseModel;
use forethought_envs::{
    Actuators, BoxSpace, EnvSpec, Feature, FeatureKind, GoalTask, NoTask, SharedTask, make,
};
use forethought_policies::{
    CONTROLLERS, ControlConfig, Controller, DIFFUSED_ACTION, INVERSE_DYNAMICS, PATH_FOLLOWING, PD,
    PathConfig, PdConfig, PlanView, Policy, PolicyError, RANDOM, make_controller, make_policy,
};
use proptest::prelude::{ProptestConfig, Strategy, prop, prop_assert, prop_oneof, proptest};

fn umaze() -> EnvSpec {
    make("maze2d-umaze-v1").unwrap().spec().clone()
}

/// Gains that suit the mazes' ball.
const GAINS: PdConfig = PdConfig { position_gain: Some(12.5), velocity_gain: Some(1.2) };

fn config(name: &str) -> ControlConfig {
    ControlConfig { pd: GAINS, ..ControlConfig::named(name) }
}

/// Inverse dynamics by hand: four commands per unit of velocity gained.
fn inverse() -> InverseModel {
    let mut weights = vec![0.0; 2 * 8];
    (weights[6], weights[8 + 7]) = (4.0, 4.0);
    InverseModel { weights, offset: vec![0.0; 2], error: vec![0.0; 2] }
}

fn controller(name: &str) -> Box<dyn Controller> {
    make_controller(&config(name), &umaze(), Some(&inverse())).unwrap()
}

fn error(config: &ControlConfig, spec: &EnvSpec) -> String {
    make_controller(config, spec, None).err().unwrap().to_string()
}

#[test]
fn every_known_name_makes_a_controller_of_that_name() {
    for name in CONTROLLERS {
        assert_eq!(controller(name).name(), name);
    }
}

#[test]
fn an_unknown_name_gets_the_nearest_one() {
    for (asked, hint) in [
        ("diffused_action", "(did you mean `diffused-action`?)"),
        ("Path-folowing", "(did you mean `path-following`?)"),
    ] {
        let message = error(&config(asked), &umaze());
        assert!(message.contains(hint), "{message}");
    }
    let message = error(&config("mpc-quux"), &umaze());
    assert!(!message.contains("did you mean") && message.contains("diffused-action, pd"), "{message}");
    assert!(make_policy("no-such-policy", &umaze()).is_err());
}

#[test]
fn pd_is_the_law_on_the_features_of_its_kinds() {
    let mut action = [0.0; 2];
    let observation = [1.0, 2.0, 0.5, -0.5];
    let ahead = PlanView { observations: &[1.01, 1.98, 0.6, -0.3], actions: &[0.0, 0.0] };
    controller(PD).command(&observation, ahead, &mut action).unwrap();
    assert!((action[0] - (12.5 * 0.01 + 1.2 * 0.1)).abs() < 1e-12, "{action:?}");
    assert!((action[1] - (12.5 * -0.02 + 1.2 * 0.2)).abs() < 1e-12, "{action:?}");

    // Positions elsewhere, and no velocities: features say so, and no gain is asked for that has no use.
    let features =
        vec![Feature::new("else", 2, FeatureKind::Other), Feature::new("place", 2, FeatureKind::Position)];
    let spec = EnvSpec { features, ..umaze() };
    let pd = PdConfig { position_gain: Some(2.0), velocity_gain: None };
    let mut plain = make_controller(&ControlConfig { pd, ..ControlConfig::named(PD) }, &spec, None).unwrap();
    plain.command(&observation, ahead, &mut action).unwrap();
    assert!((action[0] - 0.2).abs() < 1e-12 && (action[1] - 0.4).abs() < 1e-12, "{action:?}");
}

#[test]
fn diffused_action_is_the_plans_own_action_clipped() {
    let mut action = [0.0; 2];
    let ahead = PlanView { observations: &[0.0; 4], actions: &[0.3, -7.0] };
    controller(DIFFUSED_ACTION).command(&[0.0; 4], ahead, &mut action).unwrap();
    assert_eq!(action, [0.3, -1.0]);
}

#[test]
fn settings_that_do_not_fit_are_refused_by_name() {
    let pd = |position_gain, velocity_gain| ControlConfig {
        pd: PdConfig { position_gain, velocity_gain },
        ..ControlConfig::named(PD)
    };
    let path = |path| ControlConfig { path, ..ControlConfig::named(PATH_FOLLOWING) };
    let own = PathConfig::default();
    for (config, name) in [
        (pd(None, Some(1.0)), "control.pd.position_gain"),
        (pd(Some(f64::NAN), Some(1.0)), "control.pd.position_gain"),
        (pd(Some(1.0), None), "control.pd.velocity_gain"),
        (path(PathConfig { acceleration: Some(0.0), ..own }), "control.path.acceleration"),
        (path(PathConfig { smoothing: -1.0, ..own }), "control.path.smoothing"),
    ] {
        let message = error(&config, &umaze());
        assert!(message.contains(name) && message.contains("give"), "{message}");
    }
    // Nothing is known of these actuators, and nothing is assumed.
    let unknown = EnvSpec { actuators: None, ..umaze() };
    assert!(error(&path(own), &unknown).contains("control.path.acceleration"));
    let given = PathConfig { acceleration: Some(1.0), speed: Some(1.0), damping: Some(0.0), ..own };
    assert!(make_controller(&path(given), &unknown, None).is_ok());
    let timeless = EnvSpec { step_seconds: None, ..umaze() };
    assert!(error(&path(own), &timeless).contains("step_seconds"));
    let nameless = EnvSpec { features: Vec::new(), ..umaze() };
    for config in [config(PD), path(own)] {
        let message = error(&config, &nameless);
        assert!(message.contains("position") && message.contains("diffused-action"), "{message}");
    }
    let unbounded = EnvSpec { action: BoxSpace::symmetric(2, f64::INFINITY), ..umaze() };
    assert!(make_policy(RANDOM, &unbounded).err().unwrap().to_string().contains("unbounded"));
}

#[test]
fn actuators_are_the_environments_unless_they_are_given() {
    let weak =
        EnvSpec { actuators: Some(Actuators { acceleration: 2.0, speed: 5.0, damping: 0.0 }), ..umaze() };
    // Fast, and a little before the end of the way: what can stop in time goes on, what cannot brakes.
    let command = |spec: &EnvSpec| {
        let mut follower = make_controller(&config(PATH_FOLLOWING), spec, None).unwrap();
        let mut action = [0.0; 2];
        let ahead = PlanView { observations: &[1.0, 1.0, 0.0, 0.0, 1.3, 1.0, 0.0, 0.0], actions: &[] };
        follower.command(&[1.0, 1.0, 2.0, 0.0], ahead, &mut action).unwrap();
        action[0]
    };
    assert!(command(&umaze()) > 0.0 && command(&weak) < 0.0, "{} {}", command(&umaze()), command(&weak));
}

#[test]
fn malformed_frames_are_refused() {
    let mut action = [0.0; 2];
    let nan = [0.0, f64::NAN, 0.0, 0.0];
    let good = PlanView { observations: &[0.0; 4], actions: &[0.0; 2] };
    for name in CONTROLLERS {
        let mut controller = controller(name);
        let missing = controller.command(&[0.0; 4], PlanView::default(), &mut action).unwrap_err();
        assert!(matches!(missing, PolicyError::Length { .. }), "{name}: {missing}");
        let broken = PlanView { observations: &nan, actions: &[f64::NAN, 0.0] };
        let refused = controller.command(&[0.0; 4], broken, &mut action).unwrap_err();
        assert!(refused.to_string().contains("planned"), "{refused}");
        let short = PlanView { observations: &[0.0; 3], actions: &[0.0] };
        let refused = controller.command(&[0.0; 4], short, &mut action);
        assert!(matches!(refused, Err(PolicyError::Length { .. })), "{name}");
        let mut long = [0.0; 3];
        let refused = controller.command(&[0.0; 4], good, &mut long);
        assert!(matches!(refused, Err(PolicyError::Length { .. })), "{name}");
    }
    let refused = controller(PD).command(&nan, good, &mut action).unwrap_err();
    assert!(refused.to_string().contains("observation[1]"));
}

#[test]
fn reference_policies_want_a_goal_that_can_be_driven_to() {
    let mut action = [0.0; 2];
    let goal = |at: [f64; 2]| Arc::new(GoalTask::new(&[0, 1], &at, 0.5)) as SharedTask;
    for name in ["waypoint", "waypoint-fresh"] {
        let mut policy = make_policy(name, &umaze()).unwrap();
        let aimless: SharedTask = Arc::new(NoTask);
        assert!(policy.reset(1, &aimless).unwrap_err().to_string().contains("goal"));
        assert!(policy.act(&[1.0, 1.0, 0.0, 0.0], &mut action).is_err());
        assert!(policy.reset(1, &goal([90.0, 1.0])).is_err());
        assert!(policy.reset(1, &goal([1.0, 1.0])).is_ok());
        assert!(policy.act(&[1.0, f64::NAN, 0.0, 0.0], &mut action).is_err());
    }
}

#[test]
fn random_is_uniform_and_seeded_by_the_episode() {
    let draw = |policy: &mut dyn Policy, seed: u64, count: usize| -> Vec<f64> {
        let task: SharedTask = Arc::new(NoTask);
        policy.reset(seed, &task).unwrap();
        let mut action = [0.0; 2];
        let mut all = Vec::new();
        for _ in 0..count {
            policy.act(&[0.0; 4], &mut action).unwrap();
            all.extend(action);
        }
        all
    };
    let mut random = make_policy(RANDOM, &umaze()).unwrap();
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
    let ahead = PlanView { observations: &[1.01, 1.98, 0.6, -0.3], actions: &[0.9, 0.9] };
    controller(INVERSE_DYNAMICS).command(&[1.0, 2.0, 0.5, -0.5], ahead, &mut action).unwrap();
    assert!((action[0] - 0.4).abs() < 1e-12 && (action[1] - 0.8).abs() < 1e-12, "{action:?}");
    assert!(error(&config(INVERSE_DYNAMICS), &umaze()).contains("no model of the inverse dynamics"));
}

/// Drives the ball without walls along a planned path of 0.03 a frame; returns positions and velocities per step.
fn follow(path: &[[f64; 2]], steps: usize) -> Vec<[f64; 4]> {
    let plan: Vec<f64> = path.iter().flat_map(|p| [p[0], p[1], 0.0, 0.0]).collect();
    let mut follower = controller(PATH_FOLLOWING);
    let (mut state, mut action, mut states) = ([path[0][0], path[0][1], 0.0, 0.0], [0.0; 2], Vec::new());
    for _ in 0..steps {
        let ahead = PlanView { observations: &plan, actions: &[] };
        follower.command(&state, ahead, &mut action).unwrap();
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
        scale in 0.0..12.0_f64,
        planned in proptest::array::uniform4(-1.0..1.0_f64),
        observed in proptest::array::uniform2(0.8..3.0_f64),
        acted in proptest::array::uniform2(-1.0..1.0_f64),
    ) {
        let (spec, factor) = (umaze(), 10_f64.powf(scale));
        let (planned, acted) = (planned.map(|v| v * factor), acted.map(|v| v * factor));
        let observation = [observed[0], observed[1], factor, -factor];
        let ahead = PlanView { observations: &planned, actions: &acted };
        for name in CONTROLLERS {
            let mut action = [f64::NAN; 2];
            controller(name).command(&observation, ahead, &mut action).unwrap();
            prop_assert!(spec.action.contains(&action), "{name}: {action:?}");
        }
    }
}

/// Numbers as they are, and as nobody wants them.
fn hostile() -> impl Strategy<Value = f64> {
    prop_oneof![
        6 => -3.0..3.0,
        3 => prop::sample::select(vec![0.0, 1e-320, 1e300, -1e300, f64::NAN, f64::INFINITY, f64::NEG_INFINITY]),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, ..ProptestConfig::default() })]

    /// Nothing ahead, a piece of a frame, one frame or many, of numbers of any kind: a command inside the space, or an
    /// error.
    #[test]
    fn whatever_lies_ahead_a_command_is_in_its_space_or_refused(
        observation in prop::collection::vec(hostile(), 0..6),
        observations in prop::collection::vec(hostile(), 0..14),
        actions in prop::collection::vec(hostile(), 0..5),
        whole: bool,
        commands in 0usize..4,
    ) {
        let (mut observation, mut observations, mut commands) = (observation, observations, commands);
        if whole {
            observation.resize(4, 0.5);
            observations.truncate(observations.len() / 4 * 4);
            commands = 2;
        }
        let ahead = PlanView { observations: &observations, actions: &actions };
        for name in CONTROLLERS {
            let mut action = vec![0.0; commands];
            if controller(name).command(&observation, ahead, &mut action).is_ok() {
                prop_assert!(umaze().action.contains(&action), "{name}: {action:?}");
            }
        }
    }

    #[test]
    fn settings_of_any_number_make_a_controller_or_are_refused(
        gains in proptest::array::uniform2(hostile()),
        path in proptest::array::uniform3(hostile()),
        smoothing in hostile(),
        step in hostile(),
        width in prop::sample::select(vec![0, 1, 2, 3, usize::MAX]),
    ) {
        let config = |name: &str| ControlConfig {
            pd: PdConfig { position_gain: Some(gains[0]), velocity_gain: Some(gains[1]) },
            path: PathConfig {
                acceleration: Some(path[0]),
                speed: Some(path[1]),
                damping: Some(path[2]),
                smoothing,
            },
            ..ControlConfig::named(name)
        };
        let features = vec![
            Feature::new("position", width, FeatureKind::Position),
            Feature::new("velocity", 2, FeatureKind::Velocity),
        ];
        let described = EnvSpec { features, step_seconds: Some(step), ..umaze() };
        let (here, ahead) = ([1.0, 1.0, 0.1, 0.0], [1.1, 1.0, 0.1, 0.0, 1.2, 1.0, 0.0, 0.0]);
        for spec in [umaze(), described] {
            for name in CONTROLLERS {
                let Ok(mut controller) = make_controller(&config(name), &spec, Some(&inverse())) else { continue };
                let mut action = [0.0; 2];
                let ahead = PlanView { observations: &ahead, actions: &[0.5, 0.5] };
                if controller.command(&here, ahead, &mut action).is_ok() {
                    prop_assert!(spec.action.contains(&action), "{name}: {action:?}");
                }
            }
        }
    }
}
