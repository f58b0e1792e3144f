//! Requests to end: Ctrl-C, and the signals that supervisors and closing sessions send.
//!
//! A command that has nothing to save ends at once. One that has something asks [`Deferred::requested`] between its
//! steps and saves first. Requests that come close together are one: a session that closes sends two, and `timeout`
//! signals a process and its group. A later one ends the program at once.

use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::{Duration, Instant};

use crate::console;
use crate::failure::Failure;

/// Requests within this time are one.
const ONE_REQUEST: Duration = Duration::from_secs(2);
/// Exit code of a command that was ended before it was done.
const INTERRUPTED: i32 = 130;

/// What is known of requests.
static STATE: Mutex<State> = Mutex::new(State { deferred: false, first: None });

struct State {
    /// Whether somebody will ask.
    deferred: bool,
    /// When the first request came.
    first: Option<Instant>,
}

impl State {
    /// Whether a request ends the program at once.
    fn ends(&mut self, now: Instant) -> bool {
        match self.first {
            // One that was heard while it was deferred stays one, also when its command has meanwhile saved and ends.
            Some(first) => now.duration_since(first) > ONE_REQUEST,
            None => {
                self.first = Some(now);
                !self.deferred
            }
        }
    }
}

/// Hears requests from now on. Without it process 1 of a container would hear none.
///
/// # Errors
/// [`Failure`] where the system refuses.
pub fn listen() -> Result<(), Failure> {
    let heard = || {
        let (ends, deferred) = {
            let mut state = STATE.lock().unwrap_or_else(PoisonError::into_inner);
            (state.ends(Instant::now()), state.deferred)
        };
        if ends {
            std::process::exit(INTERRUPTED);
        }
        if deferred {
            console::note("stopping after this step; ask again to end at once");
        }
    };
    ctrlc::set_handler(heard).map_err(|error| Failure::broken(format!("cannot listen for signals: {error}")))
}

/// While this lives, requests wait to be asked for.
#[derive(Debug)]
pub struct Deferred(());

impl Deferred {
    /// Lets requests wait from now on.
    pub fn begin() -> Self {
        STATE.lock().unwrap_or_else(PoisonError::into_inner).deferred = true;
        Self(())
    }

    /// Whether there was one.
    pub fn requested(&self) -> bool {
        STATE.lock().unwrap_or_else(PoisonError::into_inner).first.is_some()
    }
}

impl Drop for Deferred {
    fn drop(&mut self) {
        STATE.lock().unwrap_or_else(PoisonError::into_inner).deferred = false;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_close_together_are_one_and_a_later_one_ends_the_program() {
        let (start, at) = (Instant::now(), |ms| Duration::from_millis(ms));
        let mut idle = State { deferred: false, first: None };
        assert!(idle.ends(start));
        let mut busy = State { deferred: true, first: None };
        assert!(!busy.ends(start));
        assert!(!busy.ends(start + at(5)) && !busy.ends(start + at(1_900)));
        busy.deferred = false;
        assert!(!busy.ends(start + at(1_950)), "the second signal of a burst, after the save");
        assert!(busy.ends(start + at(2_100)));
    }
}
