//! How long things take, recorded without allocating.

use std::time::Duration;

use hdrhistogram::Histogram;

use super::clock::nanoseconds;

/// Longest time told apart, an hour in nanoseconds; longer ones count as one.
const MOST: u64 = 3_600_000_000_000;
/// Significant decimal digits: percentiles are exact to one part in a hundred.
const DIGITS: u8 = 2;

/// Mean, percentiles and worst of something that is recorded again and again.
#[derive(Clone, Debug)]
pub(crate) struct Spread {
    // Always there: these bounds are valid. Without it nothing would be recorded.
    histogram: Option<Histogram<u64>>,
    sum: u128,
    worst: u64,
}

impl Spread {
    pub fn new() -> Self {
        Self { histogram: Histogram::new_with_bounds(1, MOST, DIGITS).ok(), sum: 0, worst: 0 }
    }

    /// Records a number.
    pub fn record(&mut self, value: u64) {
        if let Some(histogram) = &mut self.histogram {
            histogram.saturating_record(value);
        }
        self.sum += u128::from(value);
        self.worst = self.worst.max(value);
    }

    /// Records a time, in nanoseconds.
    pub fn record_time(&mut self, time: Duration) {
        self.record(nanoseconds(time));
    }

    pub fn count(&self) -> u64 {
        self.histogram.as_ref().map_or(0, Histogram::len)
    }

    pub fn mean(&self) -> f64 {
        self.sum as f64 / self.count().max(1) as f64
    }

    /// The number that so much (0 to 1) of all do not exceed.
    pub fn quantile(&self, share: f64) -> u64 {
        // The histogram answers with the top of a class, which may lie above everything recorded.
        self.histogram.as_ref().map_or(0, |histogram| histogram.value_at_quantile(share)).min(self.worst)
    }

    pub fn worst(&self) -> u64 {
        self.worst
    }
}

/// The loop's times.
#[derive(Clone, Debug)]
pub(crate) struct Timing {
    period: Duration,
    budget: Duration,
    last: Option<Duration>,
    /// Ticks of a running loop, and those among them that followed another one.
    pub ticks: u64,
    pub intervals: u64,
    /// Sum of the intervals.
    pub ran: Duration,
    /// A tick's own work, nanoseconds.
    pub work: Spread,
    /// Distance of an interval from the period, nanoseconds.
    pub jitter: Spread,
    /// Wall time of a call of the planner, nanoseconds.
    pub plan: Spread,
    /// Age of the observation behind the plan that is followed, nanoseconds.
    pub age: Spread,
    /// Rows of a plan that were over when it came: steps consumed while it was made.
    pub late_rows: Spread,
}

impl Timing {
    pub fn new(period: Duration, budget: Duration) -> Self {
        let spread = Spread::new;
        Self {
            period,
            budget,
            last: None,
            ticks: 0,
            intervals: 0,
            ran: Duration::ZERO,
            work: spread(),
            jitter: spread(),
            plan: spread(),
            age: spread(),
            late_rows: spread(),
        }
    }

    /// Counts a tick; true where it began more than a tenth of a period late.
    pub fn tick(&mut self, now: Duration) -> bool {
        self.ticks += 1;
        let Some(last) = self.last.replace(now) else { return false };
        let interval = now.saturating_sub(last);
        self.intervals += 1;
        self.ran += interval;
        self.jitter.record_time(interval.abs_diff(self.period));
        interval > self.period + self.period / 10
    }

    /// Counts a tick's own work; true where it took longer than its budget.
    pub fn worked(&mut self, work: Duration) -> bool {
        self.work.record_time(work);
        work > self.budget
    }

    /// The next tick does not follow the last one.
    pub fn pause(&mut self) {
        self.last = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_within_a_hundredth_and_never_above_the_worst() {
        let mut spread = Spread::new();
        (1..=1000_u64).for_each(|i| spread.record(i * 1000));
        assert_eq!((spread.count(), spread.worst(), spread.mean()), (1000, 1_000_000, 500_500.0));
        for (share, value) in [(0.5, 500_000.0), (0.99, 990_000.0), (1.0, 1_000_000.0)] {
            let told = spread.quantile(share) as f64;
            assert!((told / value - 1.0).abs() <= 0.01 && told <= 1e6, "{share}: {told}");
        }
        spread.record(u64::MAX);
        assert_eq!(spread.worst(), u64::MAX, "what is off the scale is still the worst");
        assert_eq!(Spread::new().mean(), 0.0);
    }

    #[test]
    fn late_is_a_tenth_of_a_period() {
        let ms = Duration::from_millis;
        let mut timing = Timing::new(ms(20), ms(2));
        assert_eq!([0, 20, 42, 65].map(|at| timing.tick(ms(at))), [false, false, false, true]);
        timing.pause();
        assert!(!timing.tick(ms(900)), "a pause is not late");
        assert_eq!((timing.ticks, timing.intervals, timing.ran), (5, 3, ms(65)));
    }
}
