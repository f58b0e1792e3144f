//! Axes with grid lines at round numbers.

use super::canvas::{Anchor, Canvas};
use super::colour::{MUTED, WALL};

/// Score units between grid lines, at the finest.
const GRID: f64 = 20.0;

/// A vertical axis of scores.
pub(super) struct ScoreAxis {
    low: f64,
    high: f64,
    top: f64,
    bottom: f64,
}

impl ScoreAxis {
    /// From zero or below to above all `scores`, drawn between `top` and `bottom`; scores that are not finite
    /// count for nothing.
    pub(super) fn new(scores: impl Iterator<Item = f64> + Clone, top: f64, bottom: f64) -> Self {
        Self::around(scores.chain([0.0, GRID]), top, bottom)
    }

    /// Around `scores` alone, wherever zero is.
    pub(super) fn around(scores: impl Iterator<Item = f64> + Clone, top: f64, bottom: f64) -> Self {
        let finite = scores.filter(|score| score.is_finite());
        let (low, high) =
            (finite.clone().fold(f64::INFINITY, f64::min), finite.fold(-f64::INFINITY, f64::max));
        // Where there is none, any axis will do.
        let (low, high) = if low > high { (0.0, GRID) } else { (low, high) };
        let low = (low / GRID).floor() * GRID;
        let high = ((high / GRID).ceil() * GRID).max(low + GRID);
        Self { low, high, top, bottom }
    }

    /// Whether a score lies within.
    pub(super) fn holds(&self, score: f64) -> bool {
        (self.low..=self.high).contains(&score)
    }

    /// Height of a score in the picture.
    pub(super) fn place(&self, score: f64) -> f64 {
        self.bottom - (self.bottom - self.top) * (score - self.low) / (self.high - self.low)
    }

    /// Grid lines from `left` to `right`, with their numbers left of them.
    pub(super) fn draw(&self, canvas: &mut Canvas, left: f64, right: f64) {
        let spacing = GRID * ((self.high - self.low) / (8.0 * GRID)).ceil().max(1.0);
        // On multiples of the spacing, so that zero has a line; adding zero keeps it from being written as -0.
        let mut score = (self.low / spacing).ceil() * spacing + 0.0;
        while score <= self.high {
            let y = self.place(score);
            canvas.polyline(&[[left, y], [right, y]], &rule());
            let muted = format!(r#"fill="{MUTED}""#);
            canvas.text([left - 6.0, y + 4.0], Anchor::End, 11.0, &muted, &format!("{score:.0}"));
            score += spacing;
        }
    }
}

/// A horizontal logarithmic axis of times in milliseconds.
pub(super) struct TimeAxis {
    low: f64,
    high: f64,
    left: f64,
    right: f64,
}

/// Within each power of ten.
const STEPS: [f64; 3] = [1.0, 2.0, 5.0];

impl TimeAxis {
    /// Around all `times` with room at both ends; times that are not positive and finite count for nothing.
    pub(super) fn new(times: impl Iterator<Item = f64> + Clone, left: f64, right: f64) -> Self {
        let sound = times.filter(|time| time.is_finite() && *time > 0.0);
        let (low, high) = (sound.clone().fold(f64::INFINITY, f64::min), sound.fold(0.0, f64::max));
        let (low, high) = if low <= high { (low / 1.5, high * 1.5) } else { (1.0, 10.0) };
        Self { low, high, left, right }
    }

    /// The earliest time on the axis.
    pub(super) fn first(&self) -> f64 {
        self.low
    }

    /// Whether a time lies within.
    pub(super) fn holds(&self, ms: f64) -> bool {
        (self.low..=self.high).contains(&ms)
    }

    /// Place of a time in the picture.
    pub(super) fn place(&self, ms: f64) -> f64 {
        self.left + (self.right - self.left) * (ms / self.low).ln() / (self.high / self.low).ln()
    }

    /// Grid lines from `top` to `bottom`, with their numbers below them.
    pub(super) fn draw(&self, canvas: &mut Canvas, top: f64, bottom: f64) {
        let decades = self.low.log10().floor() as i32..=self.high.log10().ceil() as i32;
        for ms in decades.flat_map(|decade| STEPS.map(|step| step * 10_f64.powi(decade))) {
            if (self.low..=self.high).contains(&ms) {
                let x = self.place(ms);
                canvas.polyline(&[[x, top], [x, bottom]], &rule());
                let muted = format!(r#"fill="{MUTED}""#);
                canvas.text([x, bottom + 16.0], Anchor::Middle, 11.0, &muted, &duration(ms));
            }
        }
    }
}

/// A time in the unit that reads best.
pub(super) fn duration(ms: f64) -> String {
    let (value, unit) = if ms < 999.5 { (ms, "ms") } else { (1e-3 * ms, "s") };
    let decimals = if value < 9.95 && (value - value.round()).abs() > 1e-6 { 1 } else { 0 };
    format!("{value:.decimals$} {unit}")
}

fn rule() -> String {
    format!(r#"fill="none" stroke="{WALL}" stroke-width="1""#)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn axes_hold_everything_and_never_divide_by_zero() {
        let axis = ScoreAxis::new([-13.0, 161.0, f64::NAN].into_iter(), 10.0, 110.0);
        assert_eq!((axis.low.to_bits(), axis.high.to_bits()), ((-20.0_f64).to_bits(), 180.0_f64.to_bits()));
        assert!((axis.place(180.0) - 10.0).abs() < 1e-9 && (axis.place(-20.0) - 110.0).abs() < 1e-9);
        assert!(ScoreAxis::new(std::iter::empty(), 0.0, 1.0).place(0.0).is_finite());
        let axis = ScoreAxis::around([131.0, 177.0, f64::NAN].into_iter(), 10.0, 110.0);
        assert!(axis.holds(120.0) && axis.holds(180.0) && !axis.holds(119.0) && !axis.holds(181.0));
        assert!(ScoreAxis::around([40.0].into_iter(), 0.0, 1.0).place(40.0).is_finite());
        assert!(ScoreAxis::around(std::iter::empty(), 0.0, 1.0).place(40.0).is_finite());
        let axis = TimeAxis::new([4.0, 4.0, f64::NAN, -1.0].into_iter(), 0.0, 100.0);
        assert!((axis.place(4.0) - 50.0).abs() < 1e-9);
        assert!(TimeAxis::new(std::iter::empty(), 0.0, 1.0).place(3.0).is_finite());
    }

    #[test]
    fn times_read_in_their_unit() {
        let shown = [0.5, 2.0, 2.46, 11.07, 250.0, 1000.0, 2526.7].map(duration);
        assert_eq!(shown, ["0.5 ms", "2 ms", "2.5 ms", "11 ms", "250 ms", "1 s", "2.5 s"].map(str::to_owned));
    }
}
