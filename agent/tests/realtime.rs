//! The real-time loop as it should run, on a simulated clock.
#![allow(clippy::unwrap_used, clippy::float_cmp)]

mod rig;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use forethought_agent::{Clock, ClosingReport, Event, RealTimeConfig, Rung, SeamConfig};
use forethought_envs::NoTask;
use forethought_planner::{Plan, PlanStatus, PlannerError};
use rig::{FRAMES, HORIZON, PERIOD, Rig, Scripted, assert_on_plan, command_of, controller, counting, rungs};

#[test]
fn nothing_is_commanded_before_start_and_a_first_valid_plan() {
    let planner = Scripted::new(|call, request| match call {
        0..4 => Err(PlannerError::BrokenOutput { row: 7, token: 3 }),
        _ => Ok(vec![counting(request.observation, FRAMES)]),
    });
    let mut rig = Rig::idle(planner, &RealTimeConfig::default(), controller("diffused-action"));
    assert!(rig.ticks(3).iter().all(|seen| seen.command.is_none() && seen.rung == Rung::Idle));
    assert!(rig.asked().is_empty(), "nobody asked for plans");
    rig.executive.reset(1, Arc::new(NoTask));
    rig.executive.start();
    // Four calls fail; the fifth is answered after its tick.
    assert!(rig.ticks(5).iter().all(|seen| seen.command.is_none() && seen.rung == Rung::Waiting));
    // The first plan begins with its first row: no step was consumed while the robot was left alone.
    let seen = rig.ticks(40);
    assert_eq!((seen[0].step, seen[0].followed), (0, Some((1, 0))));
    assert_on_plan(&seen);
    let report = rig.report();
    assert_eq!((report.rung(Rung::Idle), report.rung(Rung::Waiting)), (3, 5));
    assert_eq!((report.asked - report.published, report.event(Event::PlannerError)), (4, 4));
}

/// Whatever the planner takes, row `k` of a plan is executed `k` steps after its observation.
#[test]
fn a_plan_that_comes_late_is_executed_from_the_row_of_the_present_step() {
    for (periods, rung) in [(0, Rung::Plan), (1, Rung::Plan), (2, Rung::Plan), (10, Rung::Previous)] {
        let mut rig = Rig::new(Scripted::good(), &RealTimeConfig::default());
        rig.latency = PERIOD * periods;
        let seen = rig.ticks(400);
        let first = seen.iter().position(|seen| seen.command.is_some()).unwrap();
        assert_eq!(first, periods.max(1) as usize);
        assert_on_plan(&seen[first..]);
        assert_eq!(seen.iter().map(|seen| seen.rung).max(), Some(rung), "{periods} periods");
        let report = rig.report();
        // A call that begins right after another takes the observation of the tick before.
        let late = report.stage("late-rows").unwrap().worst as u32;
        assert!((periods.max(1)..=periods + 1).contains(&late), "{late} steps really consumed");
        assert_eq!(rig.worker.promised(), late as usize);
        assert_eq!(report.stage("plan").unwrap().worst, (PERIOD * periods).as_secs_f64());
        assert_eq!(report.late_ticks, 0, "the period is the caller's");
    }
}

#[test]
fn a_plan_is_asked_for_when_the_one_in_force_is_worn_and_knows_what_was_executed() {
    let mut rig = Rig::new(Scripted::good(), &RealTimeConfig::default());
    rig.ticks(21);
    let asked = rig.asked();
    let steps: Vec<f64> = asked.iter().map(|(observation, ..)| observation[0]).collect();
    assert_eq!(steps, [0.0, 5.0, 10.0, 15.0], "every {HORIZON} steps");
    assert_eq!(asked.iter().map(|asked| asked.1).collect::<Vec<_>>(), [None, Some(5), Some(5), Some(5)]);
    assert!(asked.windows(2).all(|two| two[0].2 != two[1].2), "each plan has noise of its own");
    // Without a pause: one a tick, as the planner takes no time here.
    let config = RealTimeConfig { replan_every: Some(0), ..RealTimeConfig::default() };
    let mut rig = Rig::new(Scripted::good(), &config);
    assert_on_plan(&rig.ticks(20)[1..]);
    assert_eq!(rig.asked().len(), 20);
}

#[test]
fn the_newest_observation_wins() {
    let mut rig = Rig::new(Scripted::good(), &RealTimeConfig::default());
    rig.latency = PERIOD * 7;
    rig.ticks(60);
    let steps: Vec<f64> = rig.asked().iter().map(|(observation, ..)| observation[0]).collect();
    // Of the observations that were sent while a call was under way, the next one begins with the last.
    assert_eq!(steps[..5], [0.0, 5.0, 11.0, 18.0, 25.0]);
    let mut rig = Rig::new(Scripted::good(), &RealTimeConfig::default());
    rig.ticks(4);
    for position in [70.0, 71.0, 72.0] {
        // The loop alone; nobody takes what it sends.
        rig.executive.tick(forethought_agent::Clock::now(rig.clock.as_ref()), &[position, 0.0]);
    }
    assert!(rig.worker.work());
    assert_eq!(rig.asked().last().unwrap().0[0], 72.0);
    assert!(!rig.worker.work(), "the others are gone");
}

#[test]
fn the_same_seed_and_latency_give_the_same_commands_and_requests() {
    let run = |seed: u64| {
        let mut rig = Rig::new(Scripted::good(), &RealTimeConfig::default());
        rig.executive.reset(seed, Arc::new(NoTask));
        rig.latency = PERIOD * 3;
        (rig.ticks(100), rig.asked(), rig.report())
    };
    assert_eq!(run(1), run(1));
    assert_ne!(run(1).1, run(2).1);
}

#[test]
fn a_reset_ends_what_was_planned_for_the_episode_before() {
    let mut rig = Rig::new(Scripted::good(), &RealTimeConfig::default());
    rig.latency = PERIOD * 4;
    rig.ticks(12);
    rig.executive.reset(2, Arc::new(NoTask));
    rig.world = 0.0;
    let seen = rig.ticks(30);
    assert_eq!(rungs(&seen)[..2], [Rung::Waiting, Rung::Plan]);
    let first = seen.iter().position(|seen| seen.command.is_some()).unwrap();
    assert_eq!((seen[first].step, seen[first].command), (0, Some(0.0)));
    assert_on_plan(&seen[first..]);
    assert_eq!(rig.report().event(Event::OtherEpisode), 1, "the plan that was under way");
}

#[test]
fn stopping_gives_the_safe_command_and_starting_waits_for_a_plan_again() {
    let config = RealTimeConfig { safe: vec![-0.5], ..RealTimeConfig::default() };
    let mut rig = Rig::new(Scripted::good(), &config);
    rig.ticks(12);
    assert_eq!(rig.executive.stop(), [-0.5]);
    let seen = rig.ticks(3);
    assert!(seen.iter().all(|seen| (seen.rung, seen.command) == (Rung::Stopped, Some(-0.5))));
    let asked = rig.asked().len();
    rig.world = 0.0;
    rig.executive.start();
    let seen = rig.ticks(20);
    assert_eq!(seen[0].command, None, "the plans from before the stop are for other steps");
    assert_on_plan(&seen[1..]);
    assert!(rig.asked().len() > asked);
}

/// Two plans that disagree by a whole unit.
fn disagreeing() -> Scripted {
    Scripted::new(|call, request| {
        let mut plan = counting(request.observation, FRAMES);
        plan.actions.fill(if call == 0 { -0.5 } else { 0.5 });
        Ok(vec![plan])
    })
}

#[test]
fn a_jump_at_the_seam_is_spread_over_steps() {
    let seam = SeamConfig { max_jump: Some(0.1), steps: 3 };
    let mut rig = Rig::new(disagreeing(), &RealTimeConfig { seam, ..RealTimeConfig::default() });
    let commands: Vec<f64> = rig.ticks(12).iter().filter_map(|seen| seen.command).collect();
    assert_eq!(commands[..10], [-0.5, -0.5, -0.5, -0.5, -0.5, -0.5, -0.25, 0.0, 0.25, 0.5]);
    assert_eq!(rig.report().event(Event::SeamJoined), 1);
    // Off unless asked for.
    let mut rig = Rig::new(disagreeing(), &RealTimeConfig::default());
    assert_eq!(rig.ticks(8)[7].command, Some(0.5));
}

#[test]
fn a_jump_at_the_seam_can_be_refused_while_there_is_another_plan() {
    let seam = SeamConfig { max_jump: Some(0.1), steps: 0 };
    let mut rig = Rig::new(disagreeing(), &RealTimeConfig { seam, ..RealTimeConfig::default() });
    let seen = rig.ticks(80);
    let until = seen.iter().rposition(|seen| seen.command == Some(-0.5)).unwrap();
    assert!(seen[1..until].iter().all(|seen| seen.command == Some(-0.5)), "the plan in force is kept");
    assert_eq!(rungs(&seen[..=until]), [Rung::Waiting, Rung::Plan, Rung::Previous]);
    assert_eq!(seen[until + 1].command, Some(0.5), "until it is too old; then any plan is better than none");
    assert!(rig.report().event(Event::SeamRefused) > 5);
}

#[test]
fn changes_of_commands_are_limited_where_that_is_set() {
    let config = RealTimeConfig { max_rate: vec![0.125], ..RealTimeConfig::default() };
    let mut rig = Rig::new(disagreeing(), &config);
    let commands: Vec<f64> = rig.ticks(20).iter().filter_map(|seen| seen.command).collect();
    assert!(commands.windows(2).all(|two| (two[1] - two[0]).abs() <= 0.125), "{commands:?}");
    assert_eq!((commands[0], *commands.last().unwrap()), (-0.5, 0.5), "the first is nobody's change");
    assert_eq!(rig.report().event(Event::RateLimited), 7);
}

#[test]
fn a_plan_is_what_the_controller_makes_of_it() {
    let mut rig = Rig::with_controller(Scripted::good(), &RealTimeConfig::default(), "pd");
    let seen = rig.ticks(30);
    // One unit ahead of where it is, at a gain of 0.001.
    assert!(seen[1..].iter().all(|seen| seen.command == Some(0.001)), "{seen:?}");
}

#[test]
fn the_report_reads_back_and_is_a_page_of_text() {
    let mut rig = Rig::new(Scripted::good(), &RealTimeConfig::default());
    rig.latency = Duration::from_millis(30);
    rig.ticks(51);
    let report = rig.report();
    let json = serde_json::to_string(&report).unwrap();
    assert_eq!(serde_json::from_str::<ClosingReport>(&json).unwrap(), report);
    let text = report.to_string();
    for part in ["50.00 Hz of 50.00 Hz over 1.0 s: 51 ticks", "late-rows", "plan ", "waiting", "headroom"] {
        assert!(text.contains(part), "{part} in {text}");
    }
    assert!((report.planning_headroom.unwrap() - 0.6).abs() < 0.01, "40 ms of 100, at ticks of 20");
    assert_eq!(command_of(0.0), 0.0);
}

#[test]
fn a_first_plan_that_was_cut_short_is_replaced_at_once_and_keeps_what_it_promised() {
    let committed = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&committed);
    let planner = Scripted::new(move |call, request| {
        seen.lock().unwrap().push(request.committed);
        let plan = counting(request.observation, FRAMES);
        let status = if call == 0 { PlanStatus::Cut } else { PlanStatus::Complete };
        Ok(vec![Plan { status, clean: FRAMES, ..plan }])
    });
    let mut rig = Rig::new(planner, &RealTimeConfig::default());
    let ticks = rig.ticks(12);
    // The first tick waits. The coarse plan is followed from the second on, in which the next one is asked for: as many steps are
    // promised to it as it may take. After that one it goes on as ever, and what is promised is what was really consumed.
    assert_on_plan(&ticks[1..]);
    let steps: Vec<f64> = rig.asked().iter().map(|(observation, ..)| observation[0]).collect();
    assert_eq!(steps, [0.0, 0.0, 5.0, 10.0]);
    assert_eq!(*committed.lock().unwrap(), [0, HORIZON, 1, 1]);
}

/// Past of a request: observations, actions, how well each was seen; and the present.
type Remembered = (Vec<f64>, Vec<f64>, Vec<f64>, f64);

#[test]
fn a_planner_that_asks_for_the_past_is_told_what_was_seen_and_done() {
    let told: Arc<Mutex<Vec<Remembered>>> = Arc::default();
    let keeps = Arc::clone(&told);
    let planner = Scripted::new(move |_, request| {
        let of = request.history;
        let past = (of.observations.to_vec(), of.actions.to_vec(), of.seen.to_vec(), request.observation[0]);
        keeps.lock().unwrap().push(past);
        Ok(vec![counting(request.observation, FRAMES)])
    });
    let mut rig = Rig::new(planner.remembering(7), &RealTimeConfig::default());
    rig.ticks(40);
    let mut lengths = Vec::new();
    for (observations, actions, seen, present) in told.lock().unwrap().drain(..) {
        // A position is the number of commands before it, and its command is that of the step.
        let first = (present - 7.0).max(0.0) as u32;
        let steps: Vec<f64> = (first..present as u32).map(f64::from).collect();
        assert_eq!(observations, steps.iter().flat_map(|step| [*step, 0.0]).collect::<Vec<_>>());
        assert_eq!(actions, steps.iter().map(|step| command_of(*step)).collect::<Vec<_>>());
        assert_eq!(seen, vec![1.0; steps.len()]);
        lengths.push(steps.len());
    }
    assert_eq!((lengths[0], lengths.iter().max()), (0, Some(&7)));
    // A sensor that fails was not seen: the last that it told stands there.
    let now = rig.clock.now();
    let step = rig.executive.tick(now, &[f64::NAN, 0.0]).step as f64;
    rig.clock.advance(PERIOD);
    rig.world += 1.0;
    rig.ticks(6);
    let (observations, _, seen, present) = told.lock().unwrap().pop().unwrap();
    let at = (step - (present - 7.0)) as usize;
    assert_eq!((seen[at], observations[2 * at]), (0.0, step - 1.0));
    assert_eq!(seen.iter().sum::<f64>(), 6.0);
    // Another episode has a past of its own.
    rig.executive.reset(2, Arc::new(NoTask));
    rig.executive.start();
    told.lock().unwrap().clear();
    rig.ticks(4);
    assert!(told.lock().unwrap()[0].0.is_empty());
}
