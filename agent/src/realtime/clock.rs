//! Time as an argument.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Time since some moment that does not change. It never runs backwards.
pub trait Clock: Send + Sync {
    /// Now.
    fn now(&self) -> Duration;
}

/// The machine's own clock, counted from when this was made.
#[derive(Clone, Copy, Debug)]
pub struct MonotonicClock {
    begin: Instant,
}

impl MonotonicClock {
    /// Zero is now.
    pub fn new() -> Self {
        Self { begin: Instant::now() }
    }
}

impl Default for MonotonicClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for MonotonicClock {
    fn now(&self) -> Duration {
        self.begin.elapsed()
    }
}

/// A clock that stands still until it is moved: for simulations and tests.
#[derive(Debug, Default)]
pub struct ManualClock {
    nanoseconds: AtomicU64,
}

impl ManualClock {
    /// Zero.
    pub fn new() -> Self {
        Self::default()
    }

    /// Moves it on.
    pub fn advance(&self, by: Duration) {
        self.nanoseconds.fetch_add(nanoseconds(by), Ordering::Relaxed);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Duration {
        Duration::from_nanos(self.nanoseconds.load(Ordering::Relaxed))
    }
}

/// Nanoseconds of a time, at most 584 years.
pub(crate) fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

/// Waits for the moments of a fixed period. Moments do not drift: each is a whole number of periods after the first.
#[derive(Clone, Copy, Debug)]
pub struct Pacer {
    period: Duration,
    next: Duration,
}

impl Pacer {
    /// The first moment is one period after `now`.
    pub fn new(period: Duration, now: Duration) -> Self {
        Self { period, next: now.saturating_add(period) }
    }

    /// How long to sleep until the next moment. Moments that have passed are left out, not caught up with: a robot that
    /// missed three commands does not want them all at once.
    pub fn pause(&mut self, now: Duration) -> Duration {
        let pause = self.next.saturating_sub(now);
        self.next = self.next.saturating_add(self.period);
        if self.next <= now && !self.period.is_zero() {
            let behind = nanoseconds(now - self.next) / nanoseconds(self.period).max(1) + 1;
            let behind = u32::try_from(behind).unwrap_or(u32::MAX);
            self.next = self.next.saturating_add(self.period.saturating_mul(behind));
        }
        pause
    }

    /// Sleeps until the next moment.
    pub fn wait(&mut self, clock: &dyn Clock) {
        std::thread::sleep(self.pause(clock.now()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_do_not_drift_and_missed_ones_are_left_out() {
        let ms = Duration::from_millis;
        let mut pacer = Pacer::new(ms(20), ms(0));
        assert_eq!(pacer.pause(ms(3)), ms(17));
        assert_eq!(pacer.pause(ms(21)), ms(19), "the moment is 40, not 41");
        assert_eq!(pacer.pause(ms(75)), ms(0), "60 is late, and at once");
        assert_eq!(pacer.pause(ms(76)), ms(4));
        assert_eq!(pacer.pause(ms(345)), ms(0));
        assert_eq!(pacer.pause(ms(346)), ms(14), "100 to 340 are gone");
    }

    #[test]
    fn a_manual_clock_moves_when_told() {
        let clock = ManualClock::new();
        assert_eq!(clock.now(), Duration::ZERO);
        clock.advance(Duration::from_millis(3));
        clock.advance(Duration::from_micros(5));
        assert_eq!(clock.now(), Duration::from_micros(3005));
    }
}
