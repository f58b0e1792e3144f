//! A tick allocates nothing and frees nothing, whatever happens around it.
//!
//! Counted by a global allocator, which is why this has a binary of its own; the count is per thread.
#![allow(unsafe_code, clippy::unwrap_used)]

mod rig;

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use forethought_agent::{Clock, MonotonicClock, RealTimeConfig, Rung, SeamConfig};
use forethought_planner::PlannerError;
use rig::{FRAMES, PERIOD, Rig, Scripted, counting};

thread_local! {
    static CALLS: Cell<usize> = const { Cell::new(0) };
}

/// The system's allocator, counting what is asked for and what is given back.
struct Counting;

fn count() {
    // A thread that is being torn down has no counter any more; nothing is measured there.
    let _ = CALLS.try_with(|calls| calls.set(calls.get() + 1));
}

// SAFETY: every call is passed on unchanged to the system's allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count();
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        count();
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// A million ticks with plans that come in time, late, never, broken, and with observations that are none: every way
/// through a tick is gone, over and over.
#[test]
fn a_million_ticks_without_an_allocation() {
    for (controller, ticks) in [("diffused-action", 1_000_000), ("pd", 100_000)] {
        let seam = SeamConfig { max_jump: Some(0.1), steps: 3 };
        let config = RealTimeConfig { seam, max_rate: vec![0.05], ..RealTimeConfig::default() };
        let planner = Scripted::new(|call, request| match call % 97 {
            7 => Err(PlannerError::BrokenOutput { row: 7, token: 3 }),
            11 => Ok(Vec::new()),
            13 => Ok(vec![counting(request.observation, 3)]),
            _ => Ok(vec![counting(&[request.observation[0] % 900.0], FRAMES)]),
        });
        let mut rig = Rig::with_controller(planner.remembering(40), &config, controller);
        let clock = MonotonicClock::new();
        let (mut calls, mut world) = (0, 0.0);
        for i in 0..ticks {
            // The planner is away for up to four seconds now and then.
            let away = i % 5000 > 4800;
            if !away {
                rig.worker.work();
            }
            let bad = i % 311 < 3;
            let observation = [if bad { f64::NAN } else { world }, 0.0];
            let now = rig.clock.now();
            let before = CALLS.get();
            let tick = rig.executive.tick_timed(now, &observation, &clock);
            calls += CALLS.get() - before;
            world += f64::from(u8::from(tick.command.is_some()));
            rig.clock.advance(PERIOD);
        }
        assert_eq!(calls, 0, "{controller}");
        // And it was not for want of work.
        let report = rig.report();
        for rung in [Rung::Plan, Rung::Previous, Rung::Brake, Rung::Safe, Rung::Failed] {
            assert!(report.rung(rung) > 100, "{report}");
        }
        assert!(report.followed > ticks / 10 && report.events.len() >= 5, "{report}");
    }
}

/// What is measured above would be seen.
#[test]
fn the_count_counts() {
    let before = CALLS.get();
    drop(Box::new(7));
    assert_eq!(CALLS.get() - before, 2);
}
