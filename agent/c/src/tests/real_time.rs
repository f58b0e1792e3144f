//! The same of the loop that never waits.

use forethought_agent::{RealTimeAgent, RealTimeConfig};
use forethought_policies::{Controller, PlanView, PolicyError};

use super::*;
use crate::{ForethoughtLoop, ForethoughtRung as Rung, ForethoughtTick};

/// A controller that carries out the plan's actions. The first entry of an observation says what else it does.
struct Hand {
    asked: Sender<()>,
    go_on: Receiver<()>,
}

impl Controller for Hand {
    fn name(&self) -> &'static str {
        "hand"
    }

    fn command(&mut self, now: &[f64], ahead: PlanView<'_>, command: &mut [f64]) -> Result<(), PolicyError> {
        if now[0] == WAIT {
            self.asked.send(()).unwrap();
            self.go_on.recv().unwrap();
        }
        assert!(now[0] != PANIC, "thirteen is too many");
        command.copy_from_slice(ahead.next_action(1));
        Ok(())
    }
}

/// Plans of so many steps that none of them ends within a test.
struct Patient;

impl Planner for Patient {
    fn plan_within(
        &mut self,
        requests: &[Request<'_>],
        _: bool,
        _: &mut Budget<'_>,
    ) -> Result<Vec<Plan>, PlannerError> {
        let frames = 1_000_000;
        let (observations, actions) = (vec![0.0; 2 * frames], vec![0.5; frames]);
        Ok(requests
            .iter()
            .map(|_| Plan {
                observations: observations.clone(),
                actions: actions.clone(),
                frames,
                clean: frames,
                ..Plan::default()
            })
            .collect())
    }
}

/// What the robot is told at the end.
const SAFE: f64 = -0.25;

/// A handle as `forethought_loop_load` gives it, with the sizes of [`Handle`].
struct Loop {
    handle: *mut ForethoughtLoop,
    asked: Receiver<()>,
    go_on: Sender<()>,
}

impl Loop {
    fn new() -> Self {
        let space = |len: usize| BoxSpace::new(vec![-1.0; len], vec![1.0; len]).unwrap();
        let spec =
            EnvSpec { step_seconds: Some(0.001), ..EnvSpec::of_spaces("puppet-v0", space(2), space(1)) };
        let config = RealTimeConfig {
            safe: vec![SAFE],
            // A machine that is busy elsewhere makes no difference.
            max_plan_age_s: 3600.0,
            late_after: Some(1_000_000),
            brake_s: 3600.0,
            ..RealTimeConfig::default()
        };
        let ((asks, asked), (goes_on, go_on)) = (channel(), channel());
        let hand = Box::new(Hand { asked: asks, go_on });
        let agent = RealTimeAgent::new(Box::new(Patient), hand, &spec, 1_000, &config).unwrap();
        let agent = agent.with_task(TaskConfig::goal(&[1], 0.1));
        Self { handle: Box::into_raw(Box::new(ForethoughtLoop::new(agent))), asked, go_on: goes_on }
    }

    /// One that follows a plan.
    fn running() -> Self {
        let running = Self::new();
        assert_eq!((running.reset(&[0.5]), running.start()), (Status::Ok, Status::Ok), "{}", said());
        for _ in 0..20_000 {
            let (status, tick, command) = running.tick(&[0.0; 2]);
            assert_eq!(status, Status::Ok, "{}", said());
            if tick.commanded == 1 {
                assert_eq!((tick.rung, tick.plan > 0, command), (Rung::Plan, true, 0.5));
                return running;
            }
            assert_eq!((tick.rung, tick.plan, tick.row, command), (Rung::Waiting, 0, -1, 9.0));
            std::thread::sleep(std::time::Duration::from_millis(1));
        }
        panic!("no plan in 20 s")
    }

    fn reset(&self, goal: &[f64]) -> Status {
        unsafe { forethought_loop_reset(self.handle, 1, goal.as_ptr(), goal.len()) }
    }

    fn start(&self) -> Status {
        unsafe { forethought_loop_start(self.handle) }
    }

    /// 9 where there is no command.
    fn tick(&self, observation: &[f64]) -> (Status, ForethoughtTick, f64) {
        let (mut tick, mut command) = (empty(), 9.0);
        let (from, len) = (observation.as_ptr(), observation.len());
        let status =
            unsafe { forethought_loop_tick(self.handle, from, len, &raw mut command, 1, &raw mut tick) };
        (status, tick, command)
    }

    fn stop(&self) -> (Status, f64) {
        let mut command = 9.0;
        (unsafe { forethought_loop_stop(self.handle, &raw mut command, 1) }, command)
    }

    fn report(&self) -> serde_json::Value {
        let mut need = 0;
        let ask = |text: *mut c_char, len: usize, need: &mut usize| unsafe {
            forethought_loop_report(self.handle, text, len, need)
        };
        assert_eq!((ask(null_mut(), 0, &mut need), need > 100), (Status::Ok, true));
        let mut text = vec![7_u8; need + 1];
        refused(ask(text.as_mut_ptr().cast(), need - 1, &mut need), "text has room for");
        assert!(text.iter().all(|&byte| byte == 7), "a report that is cut off is none");
        assert_eq!(ask(text.as_mut_ptr().cast(), need, &mut need), Status::Ok, "{}", said());
        assert_eq!(text.pop(), Some(7));
        serde_json::from_str(CStr::from_bytes_with_nul(&text).unwrap().to_str().unwrap()).unwrap()
    }
}

impl Drop for Loop {
    fn drop(&mut self) {
        assert_eq!(unsafe { forethought_loop_free(self.handle) }, Status::Ok);
    }
}

fn empty() -> ForethoughtTick {
    let struct_size = size_of::<ForethoughtTick>();
    ForethoughtTick { struct_size, commanded: 9, step: 9, plan: 9, row: 9, rung: Rung::Idle }
}

#[test]
fn null_and_unaligned_pointers_are_refused_by_name() {
    let it = Loop::running();
    let (handle, row, mut out, mut n, mut seconds) = (it.handle, [0.0; 2], [0.0; 2], 0_usize, 0.0);
    let mut told = empty();
    let (from, to, n, tick) = (row.as_ptr(), out.as_mut_ptr(), &raw mut n, &raw mut told);
    let mut loaded = std::ptr::dangling_mut();
    unsafe {
        refused(forethought_loop_load(c"x".as_ptr(), 1, 0.0, null_mut()), "loop is NULL");
        refused(forethought_loop_load(null(), 1, 0.0, &raw mut loaded), "path is NULL");
        assert!(loaded.is_null());
        refused(forethought_loop_sizes(null(), n, n, n), "loop is NULL");
        refused(forethought_loop_sizes(handle, null_mut(), n, n), "observation is NULL");
        refused(forethought_loop_sizes(handle, n, null_mut(), n), "action is NULL");
        refused(forethought_loop_sizes(handle, n, n, null_mut()), "goal is NULL");
        refused(forethought_loop_period(null(), &raw mut seconds), "loop is NULL");
        refused(forethought_loop_period(handle, null_mut()), "period_s is NULL");
        refused(forethought_loop_reset(null_mut(), 1, null(), 0), "loop is NULL");
        refused(forethought_loop_reset(handle, 1, null(), 1), "goal is NULL");
        refused(forethought_loop_start(null_mut()), "loop is NULL");
        refused(forethought_loop_tick(null_mut(), from, 2, to, 1, tick), "loop is NULL");
        refused(forethought_loop_tick(handle, null(), 2, to, 1, tick), "observation is NULL");
        refused(forethought_loop_tick(handle, from, 2, null_mut(), 1, tick), "command is NULL");
        refused(forethought_loop_tick(handle, from, 2, to, 1, null_mut()), "tick is NULL");
        refused(
            forethought_loop_tick(handle, from.byte_add(4), 2, to, 1, tick),
            "observation is not aligned",
        );
        refused(forethought_loop_tick(handle, from, 2, to, 1, tick.byte_add(4)), "tick is not aligned");
        refused(forethought_loop_tick(handle.byte_add(1), from, 2, to, 1, tick), "loop is not aligned");
        refused(forethought_loop_stop(null_mut(), to, 1), "loop is NULL");
        refused(forethought_loop_stop(handle, null_mut(), 1), "command is NULL");
        refused(forethought_loop_report(null(), null_mut(), 0, n), "loop is NULL");
        refused(forethought_loop_report(handle, null_mut(), 0, null_mut()), "need is NULL");
        refused(forethought_loop_report(handle, null_mut(), 1, n), "text is NULL");
        assert_eq!(forethought_loop_free(null_mut()), Status::Ok, "as C's free");
    }
    assert_eq!((told, out), (empty(), [0.0; 2]));
    assert_eq!(it.tick(&[0.0; 2]).1.rung, Rung::Plan, "a refused stop is none");
}

#[test]
fn lengths_and_structures_that_do_not_fit_are_refused_and_count_as_no_tick() {
    let it = Loop::running();
    let step = it.tick(&[0.0; 2]).1.step;
    for observation in [&[0.0][..], &[0.0; 3], &[]] {
        let (status, tick, command) = it.tick(observation);
        refused(status, "observation has 2 numbers here");
        assert_eq!((tick, command), (empty(), 9.0));
    }
    for (goal, words) in [(&[0.1, 0.2][..], "goal has 1 numbers here, 2"), (&[f64::NAN], "goal[0] is NaN")] {
        refused(it.reset(goal), words);
    }
    refused(unsafe { forethought_loop_reset(it.handle, 1, null(), 0) }, "a goal has 1 numbers");
    let (row, mut command) = ([0.0; 2], [9.0; 2]);
    refused(
        unsafe { forethought_loop_stop(it.handle, command.as_mut_ptr(), 2) },
        "command has 1 numbers here",
    );
    let mut short = ForethoughtTick { struct_size: 40, ..empty() };
    let status =
        unsafe { forethought_loop_tick(it.handle, row.as_ptr(), 2, command.as_mut_ptr(), 1, &raw mut short) };
    refused(status, "tick->struct_size is 40: set it to sizeof(ForethoughtTick), at least 48");
    // A caller's structure of a later version: what the library does not know stays.
    #[repr(C)]
    struct Later(ForethoughtTick, u64);
    let mut later = Later(ForethoughtTick { struct_size: size_of::<Later>(), ..empty() }, 77);
    let status = unsafe {
        let tick = (&raw mut later).cast();
        forethought_loop_tick(it.handle, row.as_ptr(), 2, command.as_mut_ptr(), 1, tick)
    };
    assert_eq!((status, later.0.struct_size, later.1), (Status::Ok, 48, 77));
    assert_eq!((later.0.step, command), (step + 1, [0.5, 9.0]));
}

#[test]
fn no_loop_starts_without_an_episode_and_nothing_is_commanded_before() {
    let it = Loop::new();
    assert_eq!(it.start(), Status::NotReset);
    assert!(said().contains("forethought_loop_reset"));
    let (status, tick, command) = it.tick(&[0.0; 2]);
    assert_eq!((status, tick.commanded, tick.rung, command), (Status::Ok, 0, Rung::Idle, 9.0));
    refused(it.reset(&[f64::INFINITY]), "goal[0] is inf");
    assert_eq!(it.start(), Status::NotReset, "a refused reset is none");
}

#[test]
fn a_sensor_that_fails_goes_down_the_ladder_and_is_no_failure_of_the_call() {
    let it = Loop::running();
    for broken in [[f64::NAN, 0.0], [0.0, f64::INFINITY]] {
        let (status, tick, command) = it.tick(&broken);
        assert_eq!((status, tick.rung, tick.commanded, command), (Status::Ok, Rung::Brake, 1, 0.0));
        assert_eq!((tick.plan, tick.row), (0, -1));
    }
    let (status, tick, command) = it.tick(&[0.0; 2]);
    assert_eq!((status, tick.rung, command), (Status::Ok, Rung::Plan, 0.5));
}

#[test]
fn a_stop_gives_the_safe_command_and_the_report_of_then() {
    let it = Loop::running();
    let before = it.report();
    assert!(before["ticks"].as_u64().unwrap() > 0);
    assert_eq!(it.stop(), (Status::Ok, SAFE));
    let report = it.report();
    assert_eq!((report["target_hz"].as_f64(), report["followed"].as_u64() > Some(0)), (Some(1000.0), true));
    for _ in 0..3 {
        let (status, tick, command) = it.tick(&[0.0; 2]);
        assert_eq!((status, tick.rung, tick.commanded, command), (Status::Ok, Rung::Stopped, 1, SAFE));
    }
    assert_eq!(it.report(), report);
    assert_eq!((it.start(), it.tick(&[0.0; 2]).1.rung), (Status::Ok, Rung::Waiting), "it may begin again");
}

#[test]
fn after_a_panic_the_safe_command_is_still_to_be_had() {
    let it = Loop::running();
    let (status, tick, command) = it.tick(&[PANIC, 0.0]);
    assert_eq!((status, tick, command), (Status::Panic, empty(), 9.0));
    assert!(said().contains("thirteen is too many") && said().contains("load it again"), "{}", said());
    assert_eq!(
        (it.tick(&[0.0; 2]).0, it.start(), it.reset(&[0.5])),
        (Status::Panic, Status::Panic, Status::Panic)
    );
    assert!(said().contains("an earlier call with this loop"), "{}", said());
    assert_eq!(it.stop(), (Status::Panic, SAFE));
}

#[test]
fn a_second_thread_is_told_to_come_back_but_may_stop_the_loop() {
    struct Shared(*mut ForethoughtLoop);
    unsafe impl Send for Shared {}
    impl Shared {
        fn tick(&self) -> (Status, f64) {
            let (observation, mut command, mut tick) = ([WAIT, 0.0], 9.0, empty());
            let (from, to) = (observation.as_ptr(), &raw mut command);
            (unsafe { forethought_loop_tick(self.0, from, 2, to, 1, &raw mut tick) }, command)
        }
    }
    let it = Loop::running();
    let other = Shared(it.handle);
    std::thread::scope(|scope| {
        let first = scope.spawn(move || other.tick());
        it.asked.recv().unwrap();
        assert_eq!(it.tick(&[0.0; 2]).0, Status::Busy);
        assert!(said().contains("one thread at a time"));
        assert_eq!(it.stop(), (Status::Ok, SAFE));
        it.go_on.send(()).unwrap();
        assert_eq!(first.join().unwrap(), (Status::Ok, 0.5));
    });
    let (status, tick, command) = it.tick(&[0.0; 2]);
    assert_eq!((status, tick.rung, command), (Status::Ok, Rung::Stopped, SAFE));
}

#[test]
fn a_checkpoint_or_a_period_that_is_none_is_refused() {
    let mut loaded = std::ptr::dangling_mut();
    for bad in [-1.0, f64::NAN, f64::INFINITY] {
        refused(unsafe { forethought_loop_load(c"x".as_ptr(), 1, bad, &raw mut loaded) }, "period_s is ");
        assert!(loaded.is_null());
    }
    let status = unsafe { forethought_loop_load(c"no/such/folder".as_ptr(), 1, 0.0, &raw mut loaded) };
    assert_eq!((status, loaded.is_null()), (Status::Checkpoint, true));
    assert!(said().contains("no/such"), "{}", said());
}

#[test]
fn a_shipped_checkpoint_says_its_sizes_and_its_period() {
    let folder =
        PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../experiments/checkpoints/maze2d-umaze-v1");
    let path = CString::new(folder.to_str().unwrap()).unwrap();
    let (mut observation, mut action, mut goal, mut seconds) = (0, 0, 0, 0.0);
    for (asked, period) in [(0.0, 0.01), (0.02, 0.02)] {
        let mut it = null_mut();
        unsafe {
            assert_eq!(forethought_loop_load(path.as_ptr(), 1, asked, &raw mut it), Status::Ok, "{}", said());
            let sizes = forethought_loop_sizes(it, &raw mut observation, &raw mut action, &raw mut goal);
            assert_eq!((sizes, observation, action, goal), (Status::Ok, 4, 2, 2));
            assert_eq!((forethought_loop_period(it, &raw mut seconds), seconds), (Status::Ok, period));
            assert_eq!(forethought_loop_free(it), Status::Ok);
        }
    }
}
