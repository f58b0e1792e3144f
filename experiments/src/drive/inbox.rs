//! What was heard: the newest observation, the newest goal, and a count of everything that was neither.
//!
//! Filled by zenoh's threads, read by the loop. The lock between them is held while a few numbers are copied, and for nothing else.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::Serialize;

use super::message::Float64MultiArray;

/// What was heard, counted. A message counts once.
#[derive(Debug, Default, Serialize)]
pub struct Heard {
    /// Observations that were good.
    pub observations: AtomicU64,
    /// Goals that were good.
    pub goals: AtomicU64,
    /// Messages that are none: other bytes, too long, cut off.
    pub garbled: AtomicU64,
    /// Messages with more or fewer numbers than the agent's.
    pub wrong_length: AtomicU64,
    /// Messages with a NaN or an infinity.
    pub not_finite: AtomicU64,
}

impl Heard {
    /// Messages that were not used.
    pub fn refused(&self) -> u64 {
        [&self.garbled, &self.wrong_length, &self.not_finite]
            .map(|of| of.load(Ordering::Relaxed))
            .iter()
            .sum()
    }
}

/// The newest of everything.
#[derive(Debug, Default)]
struct Newest {
    observation: Vec<f64>,
    /// When the observation came.
    came: Option<Duration>,
    /// A goal that has not been taken.
    goal: Option<Vec<f64>>,
}

/// Between zenoh's threads and the loop.
#[derive(Debug)]
pub struct Inbox {
    observation: usize,
    goal: usize,
    newest: Mutex<Newest>,
    heard: Heard,
}

impl Inbox {
    /// For observations and goals of so many numbers.
    pub fn new(observation: usize, goal: usize) -> Self {
        Self { observation, goal, newest: Mutex::default(), heard: Heard::default() }
    }

    /// What was heard so far.
    pub fn heard(&self) -> &Heard {
        &self.heard
    }

    fn newest(&self) -> MutexGuard<'_, Newest> {
        // Nothing between lock and unlock can leave it half-written.
        self.newest.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The numbers of a message, where it holds `count` and all are numbers.
    fn numbers(&self, message: &[u8], count: usize) -> Option<Vec<f64>> {
        let wrong = |counter: &AtomicU64| {
            counter.fetch_add(1, Ordering::Relaxed);
            None
        };
        let Ok(message) = Float64MultiArray::decode(message) else { return wrong(&self.heard.garbled) };
        match message.numbers() {
            Err(_) => wrong(&self.heard.garbled),
            Ok(numbers) if numbers.len() != count => wrong(&self.heard.wrong_length),
            Ok(numbers) if !numbers.iter().all(|number| number.is_finite()) => wrong(&self.heard.not_finite),
            Ok(numbers) => Some(numbers.to_vec()),
        }
    }

    /// An observation came. One that is none leaves the one before in force, until that is too old.
    pub fn observe(&self, message: &[u8], now: Duration) {
        if let Some(observation) = self.numbers(message, self.observation) {
            self.heard.observations.fetch_add(1, Ordering::Relaxed);
            let mut newest = self.newest();
            newest.observation = observation;
            newest.came = Some(now);
        }
    }

    /// A goal came.
    pub fn aim(&self, message: &[u8]) {
        if let Some(goal) = self.numbers(message, self.goal) {
            self.heard.goals.fetch_add(1, Ordering::Relaxed);
            self.newest().goal = Some(goal);
        }
    }

    /// Bytes came that are too many to be looked at.
    pub fn too_long(&self) {
        self.heard.garbled.fetch_add(1, Ordering::Relaxed);
    }

    /// Whether there was any observation.
    pub fn has_observed(&self) -> bool {
        self.newest().came.is_some()
    }

    /// The newest observation into `into`, empty where there is none that is younger than `stale`.
    pub fn observation(&self, now: Duration, stale: Duration, into: &mut Vec<f64>) {
        into.clear();
        let newest = self.newest();
        if newest.came.is_some_and(|came| now.saturating_sub(came) <= stale) {
            into.extend_from_slice(&newest.observation);
        }
    }

    /// The newest goal, once.
    pub fn goal(&self) -> Option<Vec<f64>> {
        self.newest().goal.take()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const STALE: Duration = Duration::from_millis(100);

    fn observed(inbox: &Inbox, ms: u64) -> Vec<f64> {
        let mut into = vec![9.0];
        inbox.observation(Duration::from_millis(ms), STALE, &mut into);
        into
    }

    #[test]
    fn the_newest_good_observation_is_there_until_it_is_too_old() {
        let inbox = Inbox::new(2, 1);
        assert!(!inbox.has_observed() && observed(&inbox, 0).is_empty());
        let say = |numbers: &[f64], ms| {
            inbox.observe(&Float64MultiArray::flat(numbers).encode(), Duration::from_millis(ms));
        };
        say(&[1.0, 2.0], 10);
        say(&[3.0, 4.0], 20);
        say(&[1.0], 30);
        say(&[1.0, f64::NAN], 30);
        say(&[f64::INFINITY, 0.0], 30);
        inbox.observe(b"no message", Duration::from_millis(30));
        assert_eq!(observed(&inbox, 120), [3.0, 4.0], "what is none takes no place and no time");
        assert!(observed(&inbox, 121).is_empty() && inbox.has_observed());
        let heard = inbox.heard();
        let count = |of: &AtomicU64| of.load(Ordering::Relaxed);
        assert_eq!((count(&heard.observations), count(&heard.garbled)), (2, 1));
        assert_eq!((count(&heard.wrong_length), count(&heard.not_finite), heard.refused()), (1, 2, 4));
    }

    #[test]
    fn a_goal_is_taken_once_and_the_newest_alone() {
        let inbox = Inbox::new(2, 1);
        for goal in [1.0, f64::NAN, 2.0] {
            inbox.aim(&Float64MultiArray::flat(&[goal]).encode());
        }
        assert_eq!(inbox.goal(), Some(vec![2.0]));
        assert_eq!(inbox.goal(), None);
    }

    proptest! {
        #[test]
        fn whatever_comes_what_is_observed_has_the_right_length_and_is_finite(
            messages in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..64), 0..8),
            numbers in prop::collection::vec(prop::num::f64::ANY, 0..4),
            cut in 0_usize..64,
        ) {
            let inbox = Inbox::new(2, 2);
            let mut message = Float64MultiArray::flat(&numbers).encode();
            message.truncate(message.len().saturating_sub(cut));
            for message in messages.iter().chain([&message]) {
                inbox.observe(message, Duration::ZERO);
                inbox.aim(message);
            }
            let seen = observed(&inbox, 0);
            prop_assert!(seen.is_empty() || seen.len() == 2 && seen.iter().all(|number| number.is_finite()));
            prop_assert!(inbox.goal().is_none_or(|goal| goal.iter().all(|number| number.is_finite())));
            let heard = inbox.heard();
            let good = heard.observations.load(Ordering::Relaxed) + heard.goals.load(Ordering::Relaxed);
            prop_assert_eq!(good + heard.refused(), 2 * (messages.len() as u64 + 1));
        }
    }
}
