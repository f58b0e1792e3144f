//! Progress of long work on standard error: a bar where a terminal watches, a line now and then where none does.

use std::cell::RefCell;
use std::io::{IsTerminal, stderr};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use indicatif::{ProgressBar, ProgressState, ProgressStyle};

use crate::console;

/// Time between two lines where no terminal watches.
const BETWEEN_LINES: Duration = Duration::from_secs(30);
/// Time after which the past says something of the rest.
const FORESEEABLE: Duration = Duration::from_secs(5);

/// How far some work is.
#[derive(Debug)]
pub struct Bar {
    bar: ProgressBar,
    unit: &'static str,
    /// Where lines are written: what was said last, and when.
    lines: Option<RefCell<Lines>>,
}

#[derive(Debug)]
struct Lines {
    last: Instant,
    message: String,
}

/// Progress over `total` of `unit`; silent with `quiet` (machine-readable output).
pub fn bar(total: u64, unit: &'static str, quiet: bool) -> Bar {
    let watched = stderr().is_terminal();
    let bar = ProgressBar::new(total);
    let lines =
        (!quiet && !watched).then(|| RefCell::new(Lines { last: Instant::now(), message: String::new() }));
    if quiet || !watched {
        bar.set_draw_target(indicatif::ProgressDrawTarget::hidden());
    } else {
        // The message is cut to what the terminal has left.
        let template = format!("{{bar:20}} {{pos}}/{{len}} {unit}{{left}}  {{wide_msg}}");
        if let Ok(style) = ProgressStyle::with_template(&template) {
            let left = |state: &ProgressState, out: &mut dyn std::fmt::Write| {
                // What cannot be written is a bar that cannot be drawn.
                let _ = out.write_str(&left(state.elapsed(), state.pos(), state.eta()));
            };
            bar.set_style(style.with_key("left", left));
        }
    }
    Bar { bar, unit, lines }
}

fn left(elapsed: Duration, done: u64, eta: Duration) -> String {
    if done == 0 || elapsed < FORESEEABLE {
        return String::new();
    }
    format!(", {} left", indicatif::HumanDuration(eta))
}

impl Bar {
    /// How much there is in all.
    pub fn set_length(&self, total: u64) {
        self.bar.set_length(total);
    }

    /// How much was done before this began, so that it does not count as fast work.
    pub fn begin_at(&self, done: u64) {
        self.bar.set_position(done);
        self.bar.reset_eta();
    }

    /// How much is done.
    pub fn set_position(&self, done: u64) {
        self.bar.set_position(done);
        let Some(lines) = &self.lines else { return };
        let mut lines = lines.borrow_mut();
        if lines.last.elapsed() >= BETWEEN_LINES {
            lines.last = Instant::now();
            let left = left(self.bar.elapsed(), done, self.bar.eta());
            let message =
                if lines.message.is_empty() { String::new() } else { format!("  {}", lines.message) };
            console::note(format_args!(
                "{done}/{} {}{left}{message}",
                self.bar.length().unwrap_or(0),
                self.unit
            ));
        }
    }

    /// More is done.
    pub fn inc(&self, more: u64) {
        self.set_position(self.position() + more);
    }

    /// How much is done so far.
    pub fn position(&self) -> u64 {
        self.bar.position()
    }

    /// What is being done.
    pub fn set_message(&self, message: impl Into<String>) {
        let message = message.into();
        if let Some(lines) = &self.lines {
            lines.borrow_mut().message.clone_from(&message);
        }
        self.bar.set_message(message);
    }

    /// Takes the bar away.
    pub fn finish(&self) {
        self.bar.finish_and_clear();
    }
}

/// Seconds since the epoch.
pub fn clock() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |time| time.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_is_said_once_it_can_be_known() {
        let seconds = Duration::from_secs;
        assert_eq!(left(seconds(60), 0, seconds(900)), "");
        assert_eq!(left(seconds(1), 10, seconds(900)), "");
        assert_eq!(left(seconds(60), 10, seconds(900)), ", 15 minutes left");
    }
}
