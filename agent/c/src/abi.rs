//! Everything that C sees. The comments here are those of the header, and written for its readers.
#![allow(unsafe_code)] // Foreign functions: pointers come in, and names go out unmangled.
#![allow(clippy::missing_safety_doc)] // What is asked of pointers stands once, at the top of the header.

use std::ffi::{CStr, c_char};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::ptr;

use crate::failure::Failure;
use crate::last_error;
use crate::{ForethoughtAgent, ForethoughtPlan, ForethoughtPlanInfo, ForethoughtStatus};

mod real_time;

pub use real_time::*;

/// Version of what this header says. It rises when something in it changes its meaning; what is only added leaves it.
pub const FORETHOUGHT_ABI_VERSION: u32 = 1;

/// Version of the library that is linked: anything but `FORETHOUGHT_ABI_VERSION` is not what this header describes.
#[unsafe(no_mangle)]
pub extern "C" fn forethought_abi_version() -> u32 {
    FORETHOUGHT_ABI_VERSION
}

/// Why the last call of this thread that failed did so: UTF-8, what is wrong and what to do about it; empty before the
/// first. Valid until the next call of this thread that fails, or its end. Never NULL, not to be freed.
#[unsafe(no_mangle)]
pub extern "C" fn forethought_last_error() -> *const c_char {
    last_error::with(CStr::as_ptr).unwrap_or(c"".as_ptr())
}

/// Loads an agent from a checkpoint's folder, or from a training run's, which takes its latest checkpoint.
///
/// `path` ends in a zero byte. `threads` is their number on the CPU, and 0 is all cores; commands do not depend on it.
/// The agent goes to `*agent`, which is NULL after a failure; free it with `forethought_agent_free`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn forethought_agent_load(
    path: *const c_char,
    threads: usize,
    agent: *mut *mut ForethoughtAgent,
) -> ForethoughtStatus {
    guard(|| {
        place("agent", agent)?;
        // SAFETY: `place` found it to be neither NULL nor unaligned, and the caller owns what it points to.
        unsafe { agent.write(ptr::null_mut()) };
        if path.is_null() {
            return Err(null("path"));
        }
        // SAFETY: not NULL, and the caller ends it in a zero byte.
        let path = unsafe { CStr::from_ptr(path) };
        let loaded = Box::new(ForethoughtAgent::load(as_path(path)?, threads)?);
        // SAFETY: as above.
        unsafe { agent.write(Box::into_raw(loaded)) };
        Ok(())
    })
}

/// How many numbers an observation, an action and a goal have. A goal of 0 numbers: its task has none.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn forethought_agent_sizes(
    agent: *const ForethoughtAgent,
    observation: *mut usize,
    action: *mut usize,
    goal: *mut usize,
) -> ForethoughtStatus {
    guard(|| {
        // SAFETY: the caller passes an agent of `forethought_agent_load` that has not been freed.
        let sizes = unsafe { shared("agent", agent) }?.sizes();
        place("observation", observation)?;
        place("action", action)?;
        place("goal", goal)?;
        // SAFETY: `place` found all three to be neither NULL nor unaligned, and the caller owns what they point to.
        unsafe {
            observation.write(sizes.observation);
            action.write(sizes.action);
            goal.write(sizes.goal);
        }
        Ok(())
    })
}

/// Begins an episode. The same seed, goal and observations give the same commands.
///
/// `goal` are `goal_len` numbers, in the units of the observation's entries that the checkpoint's task speaks of; NULL
/// and 0 where there is none. The episode before goes on after a failure.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn forethought_agent_reset(
    agent: *mut ForethoughtAgent,
    seed: u64,
    goal: *const f64,
    goal_len: usize,
) -> ForethoughtStatus {
    guard(|| {
        // SAFETY: the caller passes an agent of `forethought_agent_load` that has not been freed.
        let agent = unsafe { shared("agent", agent) }?;
        let goal = match (goal.is_null(), goal_len) {
            (true, 0) => None,
            // SAFETY: the caller has `goal_len` numbers there.
            _ => Some(unsafe { numbers("goal", goal, goal_len, agent.sizes().goal) }?),
        };
        agent.reset(seed, goal)
    })
}

/// The command for an observation, both in the environment's units. Plans first where a plan is due, which takes
/// milliseconds; otherwise it takes microseconds. Counts as a step.
///
/// `observation_len` and `command_len` are those of `forethought_agent_sizes`. After a failure no step is counted and
/// `command` is as it was. The two may be the same array.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn forethought_agent_act(
    agent: *mut ForethoughtAgent,
    observation: *const f64,
    observation_len: usize,
    command: *mut f64,
    command_len: usize,
) -> ForethoughtStatus {
    guard(|| {
        // SAFETY: the caller passes an agent of `forethought_agent_load` that has not been freed.
        let agent = unsafe { shared("agent", agent) }?;
        let sizes = agent.sizes();
        room("command", command, command_len, sizes.action)?;
        // SAFETY: the caller has `observation_len` numbers there.
        let observation = unsafe { numbers("observation", observation, observation_len, sizes.observation) }?;
        let given = agent.act(observation)?;
        // SAFETY: `room` found it to be neither NULL nor unaligned and to hold as many numbers as a command has.
        unsafe { copy_out(given.values(), command) };
        Ok(())
    })
}

/// Plans from an observation now, whether or not a plan is due. The plan comes into force, and
/// `forethought_agent_act` carries it out; no step is counted.
///
/// `deadline_ms` is how long it may take; 0 is as long as it takes. A plan that is stopped by its deadline is the best of
/// then, and says so (`cut`, `clean`). A copy of the plan goes to `*plan`, which is NULL after a failure; free it with
/// `forethought_plan_free`. The plan in force stays after a failure.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn forethought_agent_plan(
    agent: *mut ForethoughtAgent,
    observation: *const f64,
    observation_len: usize,
    deadline_ms: f64,
    plan: *mut *mut ForethoughtPlan,
) -> ForethoughtStatus {
    guard(|| {
        place("plan", plan)?;
        // SAFETY: `place` found it to be neither NULL nor unaligned, and the caller owns what it points to.
        unsafe { plan.write(ptr::null_mut()) };
        // SAFETY: the caller passes an agent of `forethought_agent_load` that has not been freed.
        let agent = unsafe { shared("agent", agent) }?;
        let want = agent.sizes().observation;
        // SAFETY: the caller has `observation_len` numbers there.
        let observation = unsafe { numbers("observation", observation, observation_len, want) }?;
        let made = Box::new(agent.plan(observation, deadline_ms)?);
        // SAFETY: as above.
        unsafe { plan.write(Box::into_raw(made)) };
        Ok(())
    })
}

/// Frees an agent; NULL is none. No other call with it may be under way. Its plans stay.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn forethought_agent_free(agent: *mut ForethoughtAgent) -> ForethoughtStatus {
    // SAFETY: the caller passes an agent of `forethought_agent_load`, and passes it once.
    guard(|| unsafe { free("agent", agent) })
}

/// What a plan says of itself. Set `info->struct_size` before the call.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn forethought_plan_info(
    plan: *const ForethoughtPlan,
    info: *mut ForethoughtPlanInfo,
) -> ForethoughtStatus {
    guard(|| {
        // SAFETY: the caller passes a plan of `forethought_agent_plan` that has not been freed.
        let plan = unsafe { shared("plan", plan) }?;
        // SAFETY: the caller has a structure there, whose size comes first.
        unsafe { structure("info", "ForethoughtPlanInfo", info) }?;
        // SAFETY: `structure` found that the caller's has at least the bytes that are written.
        unsafe { info.write(plan.info()) };
        Ok(())
    })
}

/// Copies the planned observations, `frames` rows one after the other; `len` is `frames * observation` of
/// `forethought_plan_info`. Row `i` is step `i + 1` after the observation that was planned from.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn forethought_plan_observations(
    plan: *const ForethoughtPlan,
    observations: *mut f64,
    len: usize,
) -> ForethoughtStatus {
    guard(|| {
        // SAFETY: the caller passes a plan of `forethought_agent_plan` that has not been freed.
        let values = &unsafe { shared("plan", plan) }?.plan.observations;
        room("observations", observations, len, values.len())?;
        // SAFETY: `room` found it to be neither NULL nor unaligned and to hold all of them.
        unsafe { copy_out(values, observations) };
        Ok(())
    })
}

/// Copies the planned actions, `frames` rows one after the other; `len` is `frames * action` of
/// `forethought_plan_info`. Action `i` leads to observation `i`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn forethought_plan_actions(
    plan: *const ForethoughtPlan,
    actions: *mut f64,
    len: usize,
) -> ForethoughtStatus {
    guard(|| {
        // SAFETY: the caller passes a plan of `forethought_agent_plan` that has not been freed.
        let values = &unsafe { shared("plan", plan) }?.plan.actions;
        room("actions", actions, len, values.len())?;
        // SAFETY: `room` found it to be neither NULL nor unaligned and to hold all of them.
        unsafe { copy_out(values, actions) };
        Ok(())
    })
}

/// Frees a plan; NULL is none.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn forethought_plan_free(plan: *mut ForethoughtPlan) -> ForethoughtStatus {
    // SAFETY: the caller passes a plan of `forethought_agent_plan`, and passes it once.
    guard(|| unsafe { free("plan", plan) })
}

/// Runs a call, keeps why it failed, and stops a panic: unwinding into C is undefined.
///
/// What a panic leaves half done is an agent's or a loop's, whose lock it poisons, so asserting that it is safe to go on is.
fn guard(call: impl FnOnce() -> Result<(), Failure>) -> ForethoughtStatus {
    let failure = match catch_unwind(AssertUnwindSafe(call)) {
        Ok(Ok(())) => return ForethoughtStatus::Ok,
        Ok(Err(failure)) => failure,
        Err(payload) => {
            let failure = Failure::panicked(payload.as_ref());
            // Dropping it runs code of whoever raised it, which may panic again.
            std::mem::forget(payload);
            failure
        }
    };
    last_error::keep(&failure.message);
    failure.status
}

fn null(what: &str) -> Failure {
    Failure::argument(format!("{what} is NULL"))
}

/// Refuses a place that nothing can be read from or written to.
fn place<T>(what: &str, pointer: *const T) -> Result<(), Failure> {
    if pointer.is_null() {
        return Err(null(what));
    }
    if !pointer.is_aligned() {
        return Err(Failure::argument(format!("{what} is not aligned to {} bytes", align_of::<T>())));
    }
    Ok(())
}

/// Refuses a structure with less room than the library's: it says how many bytes it has.
///
/// # Safety
/// A pointer that is not NULL points to a structure that begins with its size, as every version of it does.
unsafe fn structure<T>(what: &str, name: &str, pointer: *mut T) -> Result<(), Failure> {
    place(what, pointer)?;
    let known = size_of::<T>();
    // SAFETY: neither NULL nor unaligned; the size comes first.
    let given = unsafe { pointer.cast::<usize>().read() };
    if given < known {
        return Err(Failure::argument(format!(
            "{what}->struct_size is {given}: set it to sizeof({name}), at least {known}, before the call"
        )));
    }
    Ok(())
}

/// Refuses an array that is not of the wanted length.
fn room(what: &str, pointer: *const f64, len: usize, want: usize) -> Result<(), Failure> {
    if len != want {
        return Err(Failure::argument(format!("{what} has {want} numbers here, {len} were given")));
    }
    place(what, pointer)
}

/// The caller's numbers.
///
/// # Safety
/// A pointer that is not NULL points to `len` numbers, which nobody writes while the answer is in use.
unsafe fn numbers<'a>(
    what: &str,
    pointer: *const f64,
    len: usize,
    want: usize,
) -> Result<&'a [f64], Failure> {
    room(what, pointer, len, want)?;
    // SAFETY: neither NULL nor unaligned; as many numbers as the caller says and as an agent was loaded with.
    Ok(unsafe { std::slice::from_raw_parts(pointer, len) })
}

/// What a handle stands for. Shared by all calls: what changes is behind a lock.
///
/// # Safety
/// A pointer that is not NULL came from `Box::into_raw` and has not been freed.
unsafe fn shared<'a, T>(what: &str, pointer: *const T) -> Result<&'a T, Failure> {
    place(what, pointer)?;
    // SAFETY: a live box's, and nobody has it exclusively before it is freed.
    Ok(unsafe { &*pointer })
}

/// Copies numbers to the caller. They may lie where the observation was: whoever borrowed it is done with it.
///
/// # Safety
/// `to` is aligned and has room for all of `from`.
unsafe fn copy_out(from: &[f64], to: *mut f64) {
    // SAFETY: as asked of the caller; `copy` allows the two to overlap.
    unsafe { ptr::copy(from.as_ptr(), to, from.len()) };
}

/// Frees what a handle stands for.
///
/// # Safety
/// A pointer that is not NULL came from `Box::into_raw` and is not used again.
unsafe fn free<T>(what: &str, pointer: *mut T) -> Result<(), Failure> {
    if pointer.is_null() {
        return Ok(());
    }
    place(what, pointer)?;
    // SAFETY: as asked of the caller.
    drop(unsafe { Box::from_raw(pointer) });
    Ok(())
}

/// A path as the system spells it: any bytes on Unix, UTF-8 elsewhere.
#[cfg(unix)]
fn as_path(path: &CStr) -> Result<&Path, Failure> {
    use std::os::unix::ffi::OsStrExt;
    Ok(Path::new(std::ffi::OsStr::from_bytes(path.to_bytes())))
}

/// A path as the system spells it: any bytes on Unix, UTF-8 elsewhere.
#[cfg(not(unix))]
fn as_path(path: &CStr) -> Result<&Path, Failure> {
    path.to_str().map(Path::new).map_err(|_| Failure::argument("path is not UTF-8: give it as such"))
}
