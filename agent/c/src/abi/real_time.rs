//! What C sees of the loop that never waits: as in the file above, whose pointers and panics are checked in the same way.

use std::ffi::{CStr, c_char};
use std::ptr;

use super::{as_path, copy_out, free, guard, null, numbers, place, room, shared, structure};
use crate::failure::Failure;
use crate::{ForethoughtLoop, ForethoughtStatus, ForethoughtTick};

/// Loads a loop from a checkpoint's folder, or from a training run's, and gives its planner a thread.
///
/// `path` and `threads` are as for `forethought_agent_load`; leave a core to the loop. `period_s` is the time from tick to
/// tick, and 0 is the environment's own step. The loop goes to `*loop`, which is NULL after a failure; free it with
/// `forethought_loop_free`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn forethought_loop_load(
    path: *const c_char,
    threads: usize,
    period_s: f64,
    r#loop: *mut *mut ForethoughtLoop,
) -> ForethoughtStatus {
    guard(|| {
        place("loop", r#loop)?;
        // SAFETY: `place` found it to be neither NULL nor unaligned, and the caller owns what it points to.
        unsafe { r#loop.write(ptr::null_mut()) };
        if path.is_null() {
            return Err(null("path"));
        }
        // SAFETY: not NULL, and the caller ends it in a zero byte.
        let path = unsafe { CStr::from_ptr(path) };
        let loaded = Box::new(ForethoughtLoop::load(as_path(path)?, threads, period_s)?);
        // SAFETY: as above.
        unsafe { r#loop.write(Box::into_raw(loaded)) };
        Ok(())
    })
}

/// How many numbers an observation, an action and a goal have. A goal of 0 numbers: its task has none.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn forethought_loop_sizes(
    r#loop: *const ForethoughtLoop,
    observation: *mut usize,
    action: *mut usize,
    goal: *mut usize,
) -> ForethoughtStatus {
    guard(|| {
        // SAFETY: the caller passes a loop of `forethought_loop_load` that has not been freed.
        let sizes = unsafe { shared("loop", r#loop) }?.sizes();
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

/// Seconds from tick to tick: how often `forethought_loop_tick` is to be called.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn forethought_loop_period(
    r#loop: *const ForethoughtLoop,
    period_s: *mut f64,
) -> ForethoughtStatus {
    guard(|| {
        // SAFETY: the caller passes a loop of `forethought_loop_load` that has not been freed.
        let seconds = unsafe { shared("loop", r#loop) }?.period_s();
        place("period_s", period_s)?;
        // SAFETY: `place` found it to be neither NULL nor unaligned, and the caller owns what it points to.
        unsafe { period_s.write(seconds) };
        Ok(())
    })
}

/// Begins an episode, of a running loop too: plans for the one before are not followed any more, and nothing is commanded
/// before the first valid plan for this one.
///
/// `goal` is as for `forethought_agent_reset`. The episode before goes on after a failure.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn forethought_loop_reset(
    r#loop: *mut ForethoughtLoop,
    seed: u64,
    goal: *const f64,
    goal_len: usize,
) -> ForethoughtStatus {
    guard(|| {
        // SAFETY: the caller passes a loop of `forethought_loop_load` that has not been freed.
        let running = unsafe { shared("loop", r#loop) }?;
        let goal = match (goal.is_null(), goal_len) {
            (true, 0) => None,
            // SAFETY: the caller has `goal_len` numbers there.
            _ => Some(unsafe { numbers("goal", goal, goal_len, running.sizes().goal) }?),
        };
        running.reset(seed, goal)
    })
}

/// Lets ticks command, from the first valid plan on; also again after `forethought_loop_stop`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn forethought_loop_start(r#loop: *mut ForethoughtLoop) -> ForethoughtStatus {
    // SAFETY: the caller passes a loop of `forethought_loop_load` that has not been freed.
    guard(|| unsafe { shared("loop", r#loop) }?.start())
}

/// The command for the present observation, both in the environment's units. Call it once a period. It takes microseconds,
/// whatever the planner does, and waits for nothing.
///
/// An observation that is not finite is a sensor that fails: it is counted, nothing is planned from it, and where the
/// controller needs one the ladder has the command. Set `tick->struct_size` before the call. `command` is as it was where
/// `tick->commanded` is 0, and after a failure. The lengths are those of `forethought_loop_sizes`; observation and
/// command may be the same array.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn forethought_loop_tick(
    r#loop: *mut ForethoughtLoop,
    observation: *const f64,
    observation_len: usize,
    command: *mut f64,
    command_len: usize,
    tick: *mut ForethoughtTick,
) -> ForethoughtStatus {
    guard(|| {
        // SAFETY: the caller passes a loop of `forethought_loop_load` that has not been freed.
        let running = unsafe { shared("loop", r#loop) }?;
        let sizes = running.sizes();
        room("command", command, command_len, sizes.action)?;
        // SAFETY: the caller has a structure there, whose size comes first.
        unsafe { structure("tick", "ForethoughtTick", tick) }?;
        // SAFETY: the caller has `observation_len` numbers there.
        let observation = unsafe { numbers("observation", observation, observation_len, sizes.observation) }?;
        let ticked = running.tick(observation)?;
        // SAFETY: `room` found `command` to be neither NULL nor unaligned and to hold as many numbers as a command has, and
        // `structure` that the caller's has at least the bytes that are written.
        unsafe {
            if let Some(given) = ticked.command() {
                copy_out(given, command);
            }
            tick.write(ticked.tick);
        }
        Ok(())
    })
}

/// Ends commanding, and writes the safe command for the robot: later ticks give it too, until `forethought_loop_start`.
///
/// The command is written in any case but that of an invalid argument, also where the status is
/// `FORETHOUGHT_STATUS_PANIC`. May be called while another thread is in a call with the loop, whose next tick is safe
/// then; not from the handler of a signal.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn forethought_loop_stop(
    r#loop: *mut ForethoughtLoop,
    command: *mut f64,
    command_len: usize,
) -> ForethoughtStatus {
    guard(|| {
        // SAFETY: the caller passes a loop of `forethought_loop_load` that has not been freed.
        let running = unsafe { shared("loop", r#loop) }?;
        room("command", command, command_len, running.sizes().action)?;
        // SAFETY: `room` found it to be neither NULL nor unaligned and to hold as many numbers as a command has.
        unsafe { copy_out(running.safe(), command) };
        running.stop()
    })
}

/// What happened: the closing report after `forethought_loop_stop`, before it what there is so far. One line of JSON, UTF-8,
/// ended by a zero byte; rates, stages, the ladder's rungs, events and messages.
///
/// `*need` is how many bytes that takes, with the zero. Where `len` is 0, `text` may be NULL and nothing else is told;
/// where it is less than `*need`, it is refused and `text` is as it was. Between two calls after a stop it stays the same.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn forethought_loop_report(
    r#loop: *const ForethoughtLoop,
    text: *mut c_char,
    len: usize,
    need: *mut usize,
) -> ForethoughtStatus {
    guard(|| {
        // SAFETY: the caller passes a loop of `forethought_loop_load` that has not been freed.
        let running = unsafe { shared("loop", r#loop) }?;
        place("need", need)?;
        let told = running.report()?;
        let bytes = told.len() + 1;
        // SAFETY: `place` found it to be neither NULL nor unaligned, and the caller owns what it points to.
        unsafe { need.write(bytes) };
        if len == 0 {
            return Ok(());
        }
        place("text", text)?;
        if len < bytes {
            return Err(Failure::argument(format!(
                "text has room for {len} bytes, the report takes {bytes}"
            )));
        }
        // SAFETY: not NULL, and the caller has `len` bytes there, which are enough. JSON has no zero byte in it.
        unsafe {
            ptr::copy_nonoverlapping(told.as_ptr().cast::<c_char>(), text, told.len());
            text.add(told.len()).write(0);
        }
        Ok(())
    })
}

/// Frees a loop; NULL is none. No other call with it may be under way. Stop it before, to know the safe command.
///
/// A plan that is being made is not waited for: the planner's thread ends with it, so leave the library loaded.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn forethought_loop_free(r#loop: *mut ForethoughtLoop) -> ForethoughtStatus {
    // SAFETY: the caller passes a loop of `forethought_loop_load`, and passes it once.
    guard(|| unsafe { free("loop", r#loop) })
}
