//! The border from C's side: what is refused and how, what a panic does, and that what crosses is what stands behind.
#![allow(unsafe_code)] // Calls as C makes them; every pointer is a live local's or one whose refusal is the point.
#![allow(clippy::undocumented_unsafe_blocks)]

use std::ffi::{CStr, CString, c_char};
use std::path::PathBuf;
use std::ptr::{null, null_mut};
use std::sync::mpsc::{Receiver, Sender, channel};

use forethought_agent::Agent;
use forethought_envs::{BoxSpace, EnvSpec, TaskConfig};
use forethought_planner::{Budget, Plan, Planner, PlannerError, Request};
use forethought_policies::{ControlConfig, make_controller};

use crate::abi::*;
use crate::{ForethoughtAgent, ForethoughtPlan, ForethoughtPlanInfo, ForethoughtStatus as Status};

mod real_time;

/// A planner of two steps. The first entry of an observation says what else it does.
struct Puppet {
    asked: Sender<()>,
    go_on: Receiver<()>,
}

const PANIC: f64 = 13.0;
const WAIT: f64 = 14.0;

impl Planner for Puppet {
    fn plan_within(
        &mut self,
        requests: &[Request<'_>],
        _: bool,
        _: &mut Budget<'_>,
    ) -> Result<Vec<Plan>, PlannerError> {
        let first = requests[0].observation[0];
        if first == WAIT {
            self.asked.send(()).unwrap();
            self.go_on.recv().unwrap();
        }
        assert!(first != PANIC, "thirteen\0is too many");
        let plan = Plan {
            observations: vec![0.1, 0.2, 0.3, 0.4],
            actions: vec![0.5, -0.5],
            frames: 2,
            score: -7.0,
            arrival: Some(1),
            ..Plan::default()
        };
        Ok(requests.iter().map(|_| plan.clone()).collect())
    }
}

/// A handle as `forethought_agent_load` gives it, of observations of two numbers, actions and goals of one.
struct Handle {
    agent: *mut ForethoughtAgent,
    asked: Receiver<()>,
    go_on: Sender<()>,
}

impl Handle {
    fn new() -> Self {
        let space = |len: usize| BoxSpace::new(vec![-1.0; len], vec![1.0; len]).unwrap();
        let spec = EnvSpec::of_spaces("puppet-v0", space(2), space(1));
        let controller = make_controller(&ControlConfig::default(), &spec, None).unwrap();
        let ((asks, asked), (goes_on, go_on)) = (channel(), channel());
        let planner = Puppet { asked: asks, go_on };
        let agent =
            Agent::new(Box::new(planner), controller, &spec, 2).with_task(TaskConfig::goal(&[1], 0.1));
        let agent = Box::into_raw(Box::new(ForethoughtAgent::new(agent)));
        Self { agent, asked, go_on: goes_on }
    }

    fn running() -> Self {
        let handle = Self::new();
        assert_eq!(handle.reset(&[0.5]), Status::Ok);
        handle
    }

    fn reset(&self, goal: &[f64]) -> Status {
        unsafe { forethought_agent_reset(self.agent, 1, goal.as_ptr(), goal.len()) }
    }

    fn act(&self, observation: &[f64], command: &mut [f64]) -> Status {
        unsafe {
            forethought_agent_act(
                self.agent,
                observation.as_ptr(),
                observation.len(),
                command.as_mut_ptr(),
                command.len(),
            )
        }
    }

    fn plan(&self, observation: &[f64], deadline: f64) -> (Status, *mut ForethoughtPlan) {
        // Not NULL, to see that a failure makes it so.
        let mut plan = std::ptr::dangling_mut();
        let (values, len) = (observation.as_ptr(), observation.len());
        (unsafe { forethought_agent_plan(self.agent, values, len, deadline, &raw mut plan) }, plan)
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        assert_eq!(unsafe { forethought_agent_free(self.agent) }, Status::Ok);
    }
}

fn said() -> String {
    unsafe { CStr::from_ptr(forethought_last_error()) }.to_str().unwrap().to_owned()
}

#[track_caller]
fn refused(status: Status, words: &str) {
    assert_eq!(status, Status::InvalidArgument, "{}", said());
    assert!(said().contains(words), "`{}` does not say `{words}`", said());
}

fn load(path: *const c_char) -> (Status, *mut ForethoughtAgent) {
    let mut agent = std::ptr::dangling_mut();
    (unsafe { forethought_agent_load(path, 1, &raw mut agent) }, agent)
}

#[test]
fn null_and_unaligned_pointers_are_refused_by_name() {
    let handle = Handle::running();
    let (agent, row, mut out, mut n) = (handle.agent, [0.0; 2], [0.0; 4], 0_usize);
    let (from, to, n) = (row.as_ptr(), out.as_mut_ptr(), &raw mut n);
    let mut plan = null_mut();
    unsafe {
        refused(forethought_agent_load(c"x".as_ptr(), 1, null_mut()), "agent is NULL");
        refused(load(null()).0, "path is NULL");
        refused(forethought_agent_sizes(null(), n, n, n), "agent is NULL");
        refused(forethought_agent_sizes(agent, null_mut(), n, n), "observation is NULL");
        refused(forethought_agent_sizes(agent, n, null_mut(), n), "action is NULL");
        refused(forethought_agent_sizes(agent, n, n, null_mut()), "goal is NULL");
        refused(forethought_agent_reset(null_mut(), 1, null(), 0), "agent is NULL");
        refused(forethought_agent_reset(agent, 1, null(), 1), "goal is NULL");
        refused(forethought_agent_act(null_mut(), from, 2, to, 1), "agent is NULL");
        refused(forethought_agent_act(agent, null(), 2, to, 1), "observation is NULL");
        refused(forethought_agent_act(agent, from, 2, null_mut(), 1), "command is NULL");
        refused(forethought_agent_act(agent, from.byte_add(4), 2, to, 1), "observation is not aligned to 8");
        refused(forethought_agent_act(agent, from, 2, to.byte_add(1), 1), "command is not aligned to 8");
        refused(forethought_agent_act(agent.byte_add(1), from, 2, to, 1), "agent is not aligned");
        refused(forethought_agent_plan(null_mut(), from, 2, 0.0, &raw mut plan), "agent is NULL");
        refused(forethought_agent_plan(agent, null(), 2, 0.0, &raw mut plan), "observation is NULL");
        refused(forethought_agent_plan(agent, from, 2, 0.0, null_mut()), "plan is NULL");
        let (status, plan) = handle.plan(&row, 0.0);
        assert_eq!(status, Status::Ok);
        refused(forethought_plan_info(null(), null_mut()), "plan is NULL");
        refused(forethought_plan_info(plan, null_mut()), "info is NULL");
        refused(forethought_plan_observations(null(), to, 4), "plan is NULL");
        refused(forethought_plan_observations(plan, null_mut(), 4), "observations is NULL");
        refused(forethought_plan_actions(plan, null_mut(), 2), "actions is NULL");
        assert_eq!(forethought_plan_free(plan), Status::Ok);
        assert_eq!(forethought_agent_free(null_mut()), Status::Ok, "as C's free");
        assert_eq!(forethought_plan_free(null_mut()), Status::Ok);
    }
}

#[test]
fn lengths_and_numbers_that_do_not_fit_are_refused_and_change_nothing() {
    let handle = Handle::running();
    let mut command = [9.0];
    for (observation, words) in [
        (&[0.0][..], "observation has 2 numbers here, 1 were given"),
        (&[0.0; 3], "3 were given"),
        (&[], "0 were given"),
        (&[0.0, f64::NAN], "observation[1] is NaN"),
        (&[f64::NEG_INFINITY, 0.0], "observation[0] is -inf"),
    ] {
        refused(handle.act(observation, &mut command), words);
        let (status, plan) = handle.plan(observation, 0.0);
        refused(status, words);
        assert!(plan.is_null());
    }
    refused(handle.act(&[0.0; 2], &mut [0.0; 2]), "command has 1 numbers here, 2 were given");
    let huge =
        unsafe { forethought_agent_act(handle.agent, [0.0].as_ptr(), usize::MAX, command.as_mut_ptr(), 1) };
    refused(huge, "observation has 2 numbers");
    for (goal, words) in [(&[0.1, 0.2][..], "goal has 1 numbers here, 2"), (&[f64::NAN], "goal[0] is NaN")] {
        refused(handle.reset(goal), words);
    }
    refused(unsafe { forethought_agent_reset(handle.agent, 1, null(), 0) }, "a goal has 1 numbers");
    assert_eq!(command, [9.0]);
    // The plan's first action, so nothing of the above has counted as a step.
    assert_eq!((handle.act(&[0.0; 2], &mut command), command), (Status::Ok, [0.5]));
}

#[test]
fn no_command_and_no_plan_before_a_reset() {
    let handle = Handle::new();
    let mut command = [9.0];
    assert_eq!(handle.act(&[0.0; 2], &mut command), Status::NotReset);
    assert!(said().contains("forethought_agent_reset"));
    assert_eq!((handle.plan(&[0.0; 2], 0.0).0, command), (Status::NotReset, [9.0]));
    refused(handle.reset(&[f64::INFINITY]), "goal[0] is inf");
    assert_eq!(handle.act(&[0.0; 2], &mut command), Status::NotReset, "a refused reset is none");
}

#[test]
fn a_panic_stays_inside_and_what_it_left_is_not_used_again() {
    let handle = Handle::running();
    let mut command = [9.0];
    assert_eq!(handle.act(&[PANIC, 0.0], &mut command), Status::Panic);
    assert!(said().contains("thirteen is too many") && said().contains("load it again"), "{}", said());
    assert_eq!((handle.act(&[0.0; 2], &mut command), command), (Status::Panic, [9.0]));
    assert!(said().contains("an earlier call"), "{}", said());
    assert_eq!((handle.reset(&[0.5]), handle.plan(&[0.0; 2], 0.0).0), (Status::Panic, Status::Panic));
    // Others are none the wiser.
    assert_eq!(Handle::running().act(&[0.0; 2], &mut command), Status::Ok);
}

#[test]
fn a_second_thread_is_told_to_come_back_and_not_kept_waiting() {
    struct Shared(*mut ForethoughtAgent);
    unsafe impl Send for Shared {}
    impl Shared {
        fn act(&self) -> Status {
            let (observation, mut command) = ([WAIT, 0.0], [0.0]);
            unsafe { forethought_agent_act(self.0, observation.as_ptr(), 2, command.as_mut_ptr(), 1) }
        }
    }
    let handle = Handle::running();
    let other = Shared(handle.agent);
    std::thread::scope(|scope| {
        let first = scope.spawn(move || other.act());
        handle.asked.recv().unwrap();
        assert_eq!(handle.act(&[0.0; 2], &mut [0.0]), Status::Busy);
        assert!(said().contains("one thread at a time"));
        handle.go_on.send(()).unwrap();
        assert_eq!(first.join().unwrap(), Status::Ok);
    });
    assert_eq!(handle.act(&[0.0; 2], &mut [0.0]), Status::Ok);
}

#[test]
fn the_last_error_is_each_threads_own_and_stays_until_the_next() {
    refused(load(null()).0, "path is NULL");
    assert_eq!(std::thread::spawn(said).join().unwrap(), "");
    let _handle = Handle::running();
    assert!(said().contains("path is NULL"), "what goes well says nothing");
}

#[test]
fn a_checkpoint_that_is_not_there_is_named() {
    let (status, agent) = load(c"no/such\x01/checkpoint".as_ptr());
    assert_eq!(status, Status::Checkpoint);
    assert!(said().contains("no/such"), "{}", said());
    assert!(agent.is_null(), "so that freeing it is sound");
}

#[test]
fn deadlines_are_checked_and_passed_on() {
    let handle = Handle::running();
    for bad in [-1.0, f64::NAN, f64::INFINITY, 1e300] {
        refused(handle.plan(&[0.0; 2], bad).0, "deadline_ms");
    }
    let (status, plan) = handle.plan(&[0.0; 2], 5.0);
    assert_eq!((status, plan.is_null()), (Status::Ok, false));
    // SAFETY: it came from the call above and is freed once.
    assert_eq!(unsafe { forethought_plan_free(plan) }, Status::Ok);
}

#[test]
fn a_plan_outlives_its_agent_and_is_told_whole() {
    let handle = Handle::running();
    let (status, plan) = handle.plan(&[0.0; 2], 0.0);
    assert_eq!(status, Status::Ok);
    let mut command = [0.0];
    assert_eq!((handle.act(&[0.0; 2], &mut command), command), (Status::Ok, [0.5]), "it is in force");
    drop(handle);
    let mut info: ForethoughtPlanInfo = unsafe { std::mem::zeroed() };
    refused(unsafe { forethought_plan_info(plan, &raw mut info) }, "struct_size is 0");
    // A caller's structure of a later version: what the library does not know stays.
    #[repr(C)]
    struct Later(ForethoughtPlanInfo, u64);
    info.struct_size = size_of::<Later>();
    let mut later = Later(info, 77);
    assert_eq!(unsafe { forethought_plan_info(plan, (&raw mut later).cast()) }, Status::Ok);
    let info = later.0;
    assert_eq!((info.struct_size, later.1), (size_of::<ForethoughtPlanInfo>(), 77));
    assert_eq!((info.frames, info.observation, info.action), (2, 2, 1));
    assert_eq!((info.value, info.arrival, info.out_of_data), (-7.0, 1, -1));
    assert!(info.chance.is_nan());
    let (mut observations, mut actions) = ([0.0; 4], [0.0; 2]);
    unsafe {
        refused(
            forethought_plan_observations(plan, observations.as_mut_ptr(), 3),
            "observations has 4 numbers",
        );
        assert_eq!(forethought_plan_observations(plan, observations.as_mut_ptr(), 4), Status::Ok);
        assert_eq!(forethought_plan_actions(plan, actions.as_mut_ptr(), 2), Status::Ok);
        assert_eq!(forethought_plan_free(plan), Status::Ok);
    }
    assert_eq!((observations, actions), ([0.1, 0.2, 0.3, 0.4], [0.5, -0.5]));
}

#[test]
fn a_command_may_lie_where_the_observation_was() {
    let handle = Handle::running();
    let mut both = [0.0; 2];
    let place = both.as_mut_ptr();
    assert_eq!(unsafe { forethought_agent_act(handle.agent, place, 2, place, 1) }, Status::Ok);
    assert_eq!(both, [0.5, 0.0]);
}

#[test]
fn a_shipped_checkpoint_commands_the_same_bits_through_the_border() {
    let folder =
        PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../experiments/checkpoints/maze2d-umaze-v1");
    let path = CString::new(folder.to_str().unwrap()).unwrap();
    let (status, agent) = load(path.as_ptr());
    assert_eq!(status, Status::Ok, "{}", said());
    let (mut observation, mut action, mut goal) = (0, 0, 0);
    let sizes =
        unsafe { forethought_agent_sizes(agent, &raw mut observation, &raw mut action, &raw mut goal) };
    assert_eq!((sizes, observation, action, goal), (Status::Ok, 4, 2, 2));
    let (aim, mut here, mut command) = ([1.0, 1.0], [3.0, 1.0, 0.0, 0.0], [0.0; 2]);
    assert_eq!(unsafe { forethought_agent_reset(agent, 3, aim.as_ptr(), 2) }, Status::Ok);
    let mut inside = Agent::load(&folder).unwrap();
    inside.reset_to(3, Some(&aim)).unwrap();
    for _ in 0..12 {
        let status = unsafe { forethought_agent_act(agent, here.as_ptr(), 4, command.as_mut_ptr(), 2) };
        assert_eq!(status, Status::Ok, "{}", said());
        assert_eq!(inside.act(&here).unwrap(), command);
        here[2] += 0.2 * command[0];
        here[3] += 0.2 * command[1];
        here[0] += 0.01 * here[2];
        here[1] += 0.01 * here[3];
    }
    assert_eq!(unsafe { forethought_agent_free(agent) }, Status::Ok);
}

/// The header is what cbindgen makes. `FORETHOUGHT_WRITE_HEADER=1 cargo test --release header` writes it.
#[test]
fn the_header_is_what_cbindgen_makes() {
    let here = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let config = cbindgen::Config::from_file(here.join("cbindgen.toml")).unwrap();
    let sources =
        ["status.rs", "plan.rs", "handle.rs", "abi.rs", "tick.rs", "real_time.rs", "abi/real_time.rs"];
    let builder = sources.iter().fold(cbindgen::Builder::new().with_config(config), |builder, source| {
        builder.with_src(here.join("src").join(source))
    });
    let mut made = Vec::new();
    builder.generate().unwrap().write(&mut made);
    let (made, path) = (String::from_utf8(made).unwrap(), here.join("include/forethought.h"));
    if std::env::var_os("FORETHOUGHT_WRITE_HEADER").is_some() {
        std::fs::write(&path, &made).unwrap();
    }
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(made == committed, "write it anew: FORETHOUGHT_WRITE_HEADER=1 cargo test --release header");
}
