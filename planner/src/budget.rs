//! What making a plan may take: a deadline, rows, candidates.
//!
//! Planning is an anytime computation. The sampler may stop between any two rows, lengths and legs are tried one after the
//! other, and the near part of a plan is settled before the far part. So a planner asks its [`Budget`] before every row, and
//! where the answer is no, it ends with the best that it has. The answer to a row is its predicted time against what is left.
//!
//! Time decides nothing but after how many rows planning stops. A plan that was stopped after `n` rows is made again, bit for
//! bit, by a budget of `n` rows and no deadline: this is what a replay does.

use serde::{Deserialize, Serialize};

/// Rows whose times are remembered: a second or so of planning, so that one slow row does not count for ever.
const REMEMBERED: usize = 32;

/// How the time of the next row is foretold from those before it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Foresight {
    /// As long as the last one.
    Last,
    /// As long as the mean of the latest 32.
    Mean,
    /// As long as the longest of the latest 32 that were about as wide. The default: a deadline is missed by a row that takes
    /// longer than any before it, and by no other.
    #[default]
    Worst,
}

/// How long rows take, from those that were timed.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RowTimes {
    /// Seconds of the latest rows and their tokens, in a ring.
    took: Vec<(f64, usize)>,
    /// Rows timed so far.
    timed: usize,
}

impl RowTimes {
    /// Seconds that a row of so many tokens is expected to take; none where no row was timed yet.
    pub fn predicted_s(&self, foresight: Foresight, tokens: usize) -> Option<f64> {
        // A row of fewer tokens is not taken to be faster: a part of its time is the same for any.
        let scaled = |&(took, of): &(f64, usize)| took * (tokens as f64 / of.max(1) as f64).max(1.0);
        let mean = || {
            let sum: f64 = self.took.iter().map(scaled).sum();
            (!self.took.is_empty()).then(|| sum / self.took.len() as f64)
        };
        match foresight {
            Foresight::Last => self.took.get(self.timed.checked_sub(1)? % REMEMBERED).map(scaled),
            Foresight::Mean => mean(),
            // Of rows at least half as wide: one that waited for a core is no measure of much wider ones.
            Foresight::Worst => {
                let alike = self.took.iter().filter(|(_, of)| of.saturating_mul(2) >= tokens);
                alike.map(scaled).max_by(f64::total_cmp).or_else(mean)
            }
        }
    }

    fn push(&mut self, took_s: f64, tokens: usize) {
        match self.took.get_mut(self.timed % REMEMBERED) {
            Some(oldest) => *oldest = (took_s, tokens),
            None => self.took.push((took_s, tokens)),
        }
        self.timed += 1;
    }
}

/// When planning has to end.
#[derive(Clone, Copy)]
struct Deadline<'a> {
    clock: &'a (dyn Fn() -> f64 + Sync),
    at_s: f64,
    foresight: Foresight,
}

/// What making plans may take, and what it has taken.
#[derive(Clone, Default)]
pub struct Budget<'a> {
    deadline: Option<Deadline<'a>>,
    most_rows: Option<usize>,
    candidates: Option<usize>,
    times: RowTimes,
    rows: usize,
    /// Rows after which it refused another one.
    refused: Option<usize>,
    /// Rows after which the present answer was given.
    granted: Option<usize>,
    /// When the row that is being computed began, and its tokens.
    begun: Option<(f64, usize)>,
}

impl<'a> Budget<'a> {
    /// As long as it takes.
    pub fn unlimited() -> Self {
        Self::default()
    }

    /// At most so many evaluations of the model, one after the other; beyond it no more are made than it takes for there to be
    /// a plan, which is one for each length and kind of plan that requests begin with.
    #[must_use]
    pub fn rows(mut self, most: usize) -> Self {
        self.most_rows = Some(most);
        self
    }

    /// At most so many candidates of each length, whatever the settings say; at least one is always made.
    #[must_use]
    pub fn candidates(mut self, most: usize) -> Self {
        self.candidates = Some(most);
        self
    }

    /// Until `clock` shows `at_s`, both in seconds. A first row is computed in any case. What rows take is foretold from those
    /// of this budget, and of those before it by [`Self::knowing`].
    #[must_use]
    pub fn until(mut self, clock: &'a (dyn Fn() -> f64 + Sync), at_s: f64, foresight: Foresight) -> Self {
        self.deadline = Some(Deadline { clock, at_s, foresight });
        self
    }

    /// With what earlier plans have taught of how long rows take.
    #[must_use]
    pub fn knowing(mut self, times: RowTimes) -> Self {
        self.times = times;
        self
    }

    /// What this and earlier plans have taught of how long rows take; nothing where there was no deadline.
    pub fn learnt(self) -> RowTimes {
        self.times
    }

    /// Rows after which it refused another one; rows computed, where it has not. A budget of as many rows and no deadline leads
    /// to the same plan.
    pub fn spent(&self) -> usize {
        self.refused.unwrap_or(self.rows)
    }

    /// Whether planning ended because no more was granted.
    pub fn stopped(&self) -> bool {
        self.refused.is_some()
    }

    /// Whether there is time for a row of so many tokens. Asked again before the row is computed the answer is the same, so
    /// that it depends on nothing but the number of rows; once it was no, it stays no.
    pub fn another(&mut self, tokens: usize) -> bool {
        if self.stopped() || self.granted == Some(self.rows) {
            return !self.stopped();
        }
        let rows_left = self.most_rows.is_none_or(|most| self.rows < most);
        let in_time = |deadline: Deadline<'_>| {
            let row = self.times.predicted_s(deadline.foresight, tokens).unwrap_or(0.0);
            (deadline.clock)() + row <= deadline.at_s
        };
        let granted = rows_left && self.deadline.is_none_or(in_time);
        (self.granted, self.refused) =
            if granted { (Some(self.rows), None) } else { (None, Some(self.rows)) };
        granted
    }

    /// A row of so many tokens begins.
    pub(crate) fn begin_row(&mut self, tokens: usize) {
        self.begun = self.deadline.map(|deadline| ((deadline.clock)(), tokens));
    }

    /// The row that began last is done.
    pub(crate) fn end_row(&mut self) {
        self.rows += 1;
        if let (Some(deadline), Some((begun, tokens))) = (self.deadline, self.begun.take()) {
            self.times.push((deadline.clock)() - begun, tokens);
        }
    }

    /// Candidates of each length, where the settings say so many.
    pub(crate) fn candidates_of(&self, settings: usize) -> usize {
        self.candidates.map_or(settings, |most| settings.min(most.max(1)))
    }
}

/// The rows of one sampling run against a budget: told of every row, it says whether to go on.
pub(crate) struct Metered<'b, 'a> {
    budget: &'b mut Budget<'a>,
    tokens: usize,
    begun: bool,
    /// Whether the next row is computed whatever the budget says.
    needed: bool,
}

impl<'b, 'a> Metered<'b, 'a> {
    /// A run of so many tokens at a time. Where it is `needed`, its first row is computed whatever the budget says.
    pub(crate) fn new(budget: &'b mut Budget<'a>, tokens: usize, needed: bool) -> Self {
        Self { budget, tokens, begun: false, needed }
    }

    /// Whether a row was refused.
    pub(crate) fn stopped(&self) -> bool {
        self.budget.stopped()
    }

    /// Before every row and after the last one, as the sampler tells of them; whether to compute the next.
    pub(crate) fn row(&mut self, last: bool) -> bool {
        if self.begun {
            self.budget.end_row();
        }
        self.begun = !last && (std::mem::take(&mut self.needed) || self.budget.another(self.tokens));
        if self.begun {
            self.budget.begin_row(self.tokens);
        }
        self.begun
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    /// Computes rows of these lengths until it is told to stop.
    fn run(budget: &mut Budget<'_>, now: &Mutex<f64>, rows: &[f64]) -> usize {
        let mut metered = Metered::new(budget, 10, true);
        for (done, took) in rows.iter().enumerate() {
            if !metered.row(false) {
                return done;
            }
            *now.lock().unwrap() += took;
        }
        metered.row(true);
        rows.len()
    }

    #[test]
    fn a_row_that_would_overrun_is_not_begun() {
        for (foresight, done) in [(Foresight::Last, 5), (Foresight::Mean, 5), (Foresight::Worst, 3)] {
            let now = Mutex::new(0.0);
            let clock = || *now.lock().unwrap();
            // Three rows take 6, and a fourth like the longest of them would end at 9. Four take 7; a fifth like the last one, or
            // like their mean, would end at 8 or at 8.75, and a sixth at 9 or at 9.6.
            let mut budget = Budget::unlimited().until(&clock, 8.8, foresight);
            assert_eq!(run(&mut budget, &now, &[1.0, 3.0, 2.0, 1.0, 1.0, 9.0]), done, "{foresight:?}");
            assert!(budget.stopped() && budget.spent() == done && clock() <= 8.8);
        }
    }

    #[test]
    fn wider_rows_are_expected_to_take_longer_and_narrower_ones_not_to_be_faster() {
        let mut times = RowTimes::default();
        assert_eq!(times.predicted_s(Foresight::Last, 10), None);
        times.push(2.0, 10);
        let predicted = |times: &RowTimes, tokens| times.predicted_s(Foresight::Worst, tokens);
        assert_eq!([5, 10, 30].map(|tokens| predicted(&times, tokens)), [Some(2.0), Some(2.0), Some(6.0)]);
        // A narrow row that waited for a core says nothing of wide ones that were timed.
        times.push(4.0, 30);
        times.push(9.0, 5);
        assert_eq!([5, 30].map(|tokens| predicted(&times, tokens)), [Some(9.0), Some(4.0)]);
    }

    #[test]
    fn one_slow_row_does_not_count_for_ever() {
        let now = Mutex::new(0.0);
        let clock = || *now.lock().unwrap();
        let mut long = Budget::unlimited().until(&clock, f64::INFINITY, Foresight::Worst);
        run(&mut long, &now, &[50.0]);
        run(&mut long, &now, &[1.0; REMEMBERED]);
        let times = long.learnt();
        assert_eq!(times.predicted_s(Foresight::Worst, 10), Some(1.0));
        // The next plan knows it from the start.
        let mut next = Budget::unlimited().until(&clock, clock() + 2.5, Foresight::Worst).knowing(times);
        assert_eq!((run(&mut next, &now, &[1.0; 9]), next.spent()), (2, 2));
    }

    #[test]
    fn the_first_row_is_always_computed_and_a_no_stays() {
        let now = Mutex::new(0.0);
        let clock = || *now.lock().unwrap();
        let mut late = Budget::unlimited().until(&clock, -1.0, Foresight::Worst);
        assert_eq!((run(&mut late, &now, &[1.0; 3]), late.spent()), (1, 1));
        assert!(late.stopped() && !late.another(1));
        assert_eq!(run(&mut Budget::unlimited().rows(0), &now, &[1.0; 3]), 1);
        assert_eq!(run(&mut Budget::unlimited().rows(2), &now, &[1.0; 3]), 2);
    }

    #[test]
    fn asked_twice_before_a_row_the_answer_is_one() {
        let now = Mutex::new(0.0);
        let clock = || *now.lock().unwrap();
        let mut budget = Budget::unlimited().until(&clock, 5.0, Foresight::Worst);
        run(&mut budget, &now, &[1.0]);
        assert!(budget.another(10));
        *now.lock().unwrap() = 9.0;
        assert!(budget.another(10), "or a replay by rows would stop where this did not");
    }
}
