//! What breaks a real-time loop, and what the loop does then. Each test is a setup, a fault, the recovery and an invariant.
//!
//! Two invariants hold in all of them, asserted at every tick (`rig::Rig::tick_with`): a command is inside the action space,
//! and there is an error exactly while the ladder's end is reached.
#![allow(clippy::unwrap_used, clippy::float_cmp)]

mod rig;

use std::sync::Arc;
use std::time::Duration;

use forethought_agent::{Brake, Event, Failure, RealTimeConfig, Rung, ValidatorConfig};
use forethought_envs::NoTask;
use forethought_planner::{Outlook, Plan, PlannerError};
use forethought_policies::{Controller, PlanView, PolicyError};
use proptest::prelude::*;
use rig::{FRAMES, PERIOD, Rig, Scripted, assert_on_plan, counting, rungs, spec};

/// Calls 2 to 11 go wrong, all others are good. Recovery: the loop follows plans again, each row in its step.
fn goes_wrong(
    wrong: impl Fn(&[f64]) -> Result<Vec<Plan>, PlannerError> + Send + 'static,
    event: Event,
    says: &str,
) {
    let planner = Scripted::new(move |call, request| match call {
        2..12 => wrong(request.observation),
        _ => Ok(vec![counting(request.observation, FRAMES)]),
    });
    let mut rig = Rig::new(planner, &RealTimeConfig::default());
    let seen = rig.ticks(60);
    // Ten ticks without a good plan are less than a plan's life: the one in force is followed, none is missed.
    assert_on_plan(&seen[1..]);
    assert_eq!(rungs(&seen), [Rung::Waiting, Rung::Plan, Rung::Previous, Rung::Plan]);
    let report = rig.report();
    assert_eq!((report.event(event), report.steps_down), (10, 1), "{report}");
    assert!(report.messages.iter().all(|message| message.what.contains(says)), "{report}");
    assert_eq!(report.messages.len(), 10);
}

#[test]
fn a_planner_that_fails_is_asked_again() {
    goes_wrong(
        |_| Err(PlannerError::BrokenOutput { row: 7, token: 3 }),
        Event::PlannerError,
        "row 7, token 3",
    );
}

#[test]
fn a_planner_that_panics_is_asked_again() {
    goes_wrong(|_| panic!("index out of bounds"), Event::PlannerPanic, "panicked: index out of bounds");
}

#[test]
fn what_is_no_plan_for_this_robot_is_refused() {
    let refused = |change: fn(&mut Plan), says: &str| {
        let wrong = move |observation: &[f64]| {
            let mut plan = counting(observation, FRAMES);
            change(&mut plan);
            Ok(vec![plan])
        };
        goes_wrong(wrong, Event::PlanRefused, says);
    };
    refused(|plan| *plan = Plan::default(), "no frames");
    refused(|plan| plan.actions.truncate(59), "59 numbers in the plan's actions, expected 60 x 1");
    refused(|plan| plan.observations.truncate(119), "119 numbers in the plan's observations");
    refused(|plan| plan.frames = usize::MAX, "numbers in the plan's observations");
    refused(|plan| plan.actions[59] = f64::NAN, "actions[59][0] is NaN");
    refused(|plan| plan.actions[0] = f64::INFINITY, "actions[0][0] is inf");
    refused(|plan| plan.observations[0] = f64::NAN, "observations[0][0] is NaN");
    refused(|plan| plan.observations[119] = f64::NEG_INFINITY, "observations[59][1] is -inf");
    refused(|plan| plan.actions[30] = 3.5, "actions[30][0] is 3.5, out of its space");
    refused(
        |plan| plan.outlook = Some(Outlook { chance: Some(f64::NAN), ..Outlook::default() }),
        "outlook[0][0] is NaN",
    );
    refused(|plan| plan.outlook = Some(Outlook { mean: f64::NAN, ..Outlook::default() }), "outlook[0][1]");
    goes_wrong(|_| Ok(Vec::new()), Event::PlanRefused, "0 plans for one request");
    let two = |observation: &[f64]| Ok(vec![counting(observation, FRAMES); 2]);
    goes_wrong(two, Event::PlanRefused, "2 plans for one request");
}

#[test]
fn what_a_robot_s_own_limits_refuse() {
    let with = |validator: ValidatorConfig, change: fn(&mut Plan), says: &str| {
        let planner = Scripted::new(move |call, request| {
            let mut plan = counting(request.observation, FRAMES);
            if call == 1 {
                change(&mut plan);
            }
            Ok(vec![plan])
        });
        let config = RealTimeConfig { validator, ..RealTimeConfig::default() };
        let mut rig = Rig::new(planner, &config);
        assert_on_plan(&rig.ticks(30)[1..]);
        let report = rig.report();
        assert_eq!((report.event(Event::PlanRefused), report.messages.len()), (1, 1));
        assert!(report.messages[0].what.contains(says), "{report}");
    };
    let none = ValidatorConfig::default;
    with(
        ValidatorConfig { first_state: Some(1.5), ..none() },
        |plan| plan.observations[0] += 1.0,
        "begins 2 from the observation",
    );
    with(
        ValidatorConfig { max_step: Some(1.5), ..none() },
        |plan| plan.observations[20] += 1.0,
        "observations[10][0] is 2 from the one before",
    );
    with(
        ValidatorConfig { min_chance: Some(0.25), ..none() },
        |plan| plan.outlook = Some(Outlook { chance: Some(0.125), ..Outlook::default() }),
        "chance is 0.125",
    );
}

/// Down the whole ladder in the order and at the times that are set, and up again with the first good plan.
#[test]
fn a_planner_that_hangs_takes_the_loop_down_the_ladder_and_back() {
    let config = RealTimeConfig {
        max_plan_age_s: 0.5,
        brake: vec![Brake::Value(0.25)],
        brake_s: 0.2,
        safe: vec![-0.125],
        tolerance_s: 1.0,
        ..RealTimeConfig::default()
    };
    let mut rig = Rig::new(Scripted::good(), &config);
    rig.ticks(8);
    // The second plan is in force, from step 5; the next is asked for at step 10 and comes after 2 s.
    rig.latency = Duration::from_secs(2);
    let seen = rig.ticks(110);
    assert_eq!(
        rungs(&seen),
        [Rung::Plan, Rung::Previous, Rung::Brake, Rung::Safe, Rung::Failed],
        "the late plan itself is too old"
    );
    let on = |rung| seen.iter().filter(move |seen| seen.rung == rung);
    assert_on_plan(&seen.iter().filter(|seen| seen.rung <= Rung::Previous).cloned().collect::<Vec<_>>());
    assert_eq!(on(Rung::Brake).count(), 10, "0.2 s");
    assert!(on(Rung::Brake).all(|seen| seen.command == Some(0.25)));
    assert_eq!(on(Rung::Safe).count(), 40, "to 1 s");
    assert!(on(Rung::Safe).chain(on(Rung::Failed)).all(|seen| seen.command == Some(-0.125)));
    let first = on(Rung::Failed).next().unwrap();
    assert_eq!(first.failure, Some(Failure::NoPlan { for_: Duration::from_secs(1) }));
    let report = rig.report();
    assert_eq!((report.steps_down, report.late_ticks), (4, 0), "the period is kept");
    // Recovery: its next answer is good.
    rig.latency = Duration::ZERO;
    let seen = rig.ticks(120);
    let up = seen.iter().position(|seen| seen.rung == Rung::Plan).unwrap();
    assert_eq!(rungs(&seen[..=up]), [Rung::Failed, Rung::Plan], "at once, not rung by rung");
    assert_on_plan(&seen[up..]);
}

#[test]
fn a_planner_that_never_answers_is_told_of() {
    let mut rig = Rig::new(Scripted::good(), &RealTimeConfig::default());
    rig.ticks(8);
    rig.latency = Duration::MAX;
    let seen = rig.ticks(1000);
    assert_eq!(seen.last().unwrap().rung, Rung::Failed);
    let report = rig.report();
    // Asked in the tick of 0.22 s, when eleven steps are done; 1008 periods have passed.
    let unanswered = report.unanswered_s.unwrap();
    assert!((unanswered - (1008.0 * PERIOD.as_secs_f64() - 0.22)).abs() < 1e-9, "{unanswered}");
    assert!(report.to_string().contains("no answer for"), "{report}");
    // From the start it is the same, and nothing is commanded at all.
    let mut rig = Rig::new(Scripted::good(), &RealTimeConfig::default());
    rig.latency = Duration::MAX;
    assert_eq!(rungs(&rig.ticks(1000)), [Rung::Waiting]);
}

#[test]
fn a_plan_that_is_too_old_or_over_is_not_followed() {
    // Over: 8 rows, and 10 steps late.
    let short = Scripted::new(|call, request| {
        Ok(vec![counting(request.observation, if call == 2 { 8 } else { FRAMES })])
    });
    let mut rig = Rig::new(short, &RealTimeConfig::default());
    rig.ticks(8);
    rig.latency = PERIOD * 10;
    let seen = rig.ticks(60);
    assert_on_plan(&seen);
    assert_eq!(rig.report().event(Event::StalePlan), 1);
    // A first plan that takes longer than a plan may be old is followed: nothing was commanded in between.
    let mut rig = Rig::new(Scripted::good(), &RealTimeConfig::default());
    rig.latency = PERIOD * 80;
    rig.ticks(70);
    rig.latency = PERIOD;
    let seen = rig.ticks(60);
    assert_eq!(rungs(&seen), [Rung::Waiting, Rung::Plan]);
    // Too old: more rows than its age allows.
    let config = RealTimeConfig { max_plan_age_s: 0.1, ..RealTimeConfig::default() };
    let mut rig = Rig::new(Scripted::good(), &config);
    rig.ticks(3);
    rig.latency = PERIOD * 6;
    let seen = rig.ticks(60);
    assert!(rig.report().event(Event::StalePlan) > 5);
    assert_eq!(rungs(&seen)[..2], [Rung::Plan, Rung::Brake]);
}

/// At every entry of the observation, and where there are too few or too many.
#[test]
fn an_observation_that_is_none_reaches_nobody() {
    for bad in [
        vec![f64::NAN, 0.0],
        vec![0.0, f64::NAN],
        vec![f64::INFINITY, 0.0],
        vec![0.0, f64::NEG_INFINITY],
        vec![0.0],
        vec![0.0; 3],
        Vec::new(),
    ] {
        // A controller that follows the plan alone goes on following it.
        let mut rig = Rig::new(Scripted::good(), &RealTimeConfig::default());
        rig.ticks(10);
        let asked = rig.asked().len();
        let blind: Vec<_> = (0..20).map(|_| rig.tick_with(&bad)).collect();
        assert_on_plan(&blind);
        assert_eq!(rig.asked().len(), asked, "nothing is planned from {bad:?}");
        assert_on_plan(&rig.ticks(20));
        assert_eq!(rig.report().event(Event::BadObservation), 20);
        // One that looks where it is brakes at once, and goes on with the first good observation.
        let config = RealTimeConfig { safe: vec![-0.5], ..RealTimeConfig::default() };
        let mut rig = Rig::with_controller(Scripted::good(), &config, "pd");
        rig.ticks(10);
        let blind: Vec<_> = (0..40).map(|_| rig.tick_with(&bad)).collect();
        assert!(blind[..25].iter().all(|seen| (seen.rung, seen.command) == (Rung::Brake, Some(0.0))));
        assert!(blind[25..].iter().all(|seen| (seen.rung, seen.command) == (Rung::Safe, Some(-0.5))));
        let seen = rig.ticks(5);
        assert!(seen.iter().all(|seen| seen.command == Some(0.001)), "{seen:?}");
        // Before the first plan there is nothing to brake.
        let mut rig = Rig::new(Scripted::good(), &RealTimeConfig::default());
        assert!((0..9).all(|_| rig.tick_with(&bad).command.is_none()));
        assert!(rig.asked().is_empty());
    }
}

#[test]
fn each_entry_brakes_as_it_is_set() {
    for (brake, command) in [(Brake::Hold, 12.0 / 1024.0), (Brake::Zero, 0.0), (Brake::Value(0.75), 0.75)] {
        let config = RealTimeConfig { brake: vec![brake], ..RealTimeConfig::default() };
        let short = Scripted::new(|call, request| {
            if call > 0 {
                return Ok(Vec::new());
            }
            Ok(vec![counting(request.observation, 13)])
        });
        let mut rig = Rig::new(short, &config);
        let seen = rig.ticks(20);
        assert_on_plan(&seen[1..14]);
        assert!(seen[14..].iter().all(|seen| (seen.rung, seen.command) == (Rung::Brake, Some(command))));
    }
}

/// A controller that keeps no promise: every third command is no number, every third far outside, every third an error.
struct Wild(usize);

impl Controller for Wild {
    fn name(&self) -> &'static str {
        "wild"
    }

    fn command(&mut self, _: &[f64], _: PlanView<'_>, command: &mut [f64]) -> Result<(), PolicyError> {
        self.0 += 1;
        command.fill([f64::NAN, 1e9, -1e9][self.0 % 3]);
        match self.0 % 3 {
            2 => Err(PolicyError::Length { what: "anything", want: 1, got: 2 }),
            _ => Ok(()),
        }
    }
}

#[test]
fn a_controller_that_breaks_its_word_is_caught_behind_it() {
    let mut rig = Rig::idle(Scripted::good(), &RealTimeConfig::default(), Box::new(Wild(0)));
    rig.executive.reset(1, Arc::new(NoTask));
    rig.executive.start();
    let seen = rig.ticks(31);
    let given: Vec<_> = seen[1..4].iter().map(|seen| (seen.rung, seen.command)).collect();
    assert_eq!(given, [(Rung::Plan, Some(1.0)), (Rung::Brake, Some(0.0)), (Rung::Brake, Some(0.0))]);
    let report = rig.report();
    assert!(
        report.event(Event::CommandClamped) >= 9 && report.event(Event::ControllerRefused) >= 18,
        "{report}"
    );
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, ..ProptestConfig::default() })]

    /// Numbers of any size, none of them numbers among them, at any latency: every command is one (asserted by the rig).
    #[test]
    fn whatever_is_planned_and_observed_commands_are_inside_the_action_space(
        numbers in proptest::collection::vec(prop_oneof![
            4 => -1e6..1e6_f64,
            1 => proptest::num::f64::ANY,
        ], 30),
        strict in any::<bool>(),
        periods in 0_u32..12,
        controller in prop_oneof![Just("pd"), Just("diffused-action")],
    ) {
        let planned = numbers.clone();
        let planner = Scripted::new(move |call, _| {
            let number = |i: usize| planned[(call + i) % planned.len()];
            Ok(vec![Plan {
                frames: 20,
                observations: (0..40).map(number).collect(),
                actions: (0..20).map(number).collect(),
                ..Plan::default()
            }])
        });
        let validator = ValidatorConfig { max_excess: strict.then_some(1.0), ..ValidatorConfig::default() };
        let config = RealTimeConfig { validator, ..RealTimeConfig::default() };
        let mut rig = Rig::with_controller(planner, &config, controller);
        rig.latency = PERIOD * periods;
        for i in 0..60 {
            let at = i % (numbers.len() - 1);
            rig.tick_with(&numbers[at..at + 2]);
        }
    }
}

#[test]
fn plans_a_million_times_out_of_range_give_commands_inside_it() {
    let validator = ValidatorConfig { max_excess: None, ..ValidatorConfig::default() };
    for name in ["pd", "diffused-action"] {
        let config = RealTimeConfig { validator: validator.clone(), ..RealTimeConfig::default() };
        let planner = Scripted::new(|call, request| {
            let mut plan = counting(request.observation, FRAMES);
            let far = if call % 2 == 0 { 1e6 } else { -1e6 };
            plan.actions.iter_mut().chain(&mut plan.observations).for_each(|v| *v = (*v + 1.0) * far);
            Ok(vec![plan])
        });
        let mut rig = Rig::with_controller(planner, &config, name);
        let seen = rig.ticks(100);
        assert!(seen[1..].iter().all(|seen| spec().action.contains(&[seen.command.unwrap()])));
        assert!(seen[1..].iter().any(|seen| seen.command == Some(1.0)), "they are followed, to the edge");
    }
}
