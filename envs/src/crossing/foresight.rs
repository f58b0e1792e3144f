//! Where carts may be in the seconds to come, as policies foresee it from what they have seen.

use rand::{Rng, RngExt};

use crate::crossing::cart::LANE;
use crate::crossing::{
    CROSSING_CART_SPEEDS, CROSSING_CARTS, CROSSING_LANES, CROSSING_LINES, CROSSING_STEP_SECONDS,
    CROSSING_STOP_STEPS, CROSSING_TOUCH, CrossingCart,
};

/// Instants in a step at which robot and carts are held against one another: in the middle, and at the end.
pub(super) const INSTANTS: usize = 2;

/// Part of a lane in which a cart's centre is at an instant.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Span {
    low: f64,
    high: f64,
}

impl Span {
    fn at(y: f64) -> Self {
        Self { low: y, high: y }
    }

    /// Whether a robot here comes nearer than a touch and `margin` to a cart in this part of that lane. What leaves a lane by
    /// one end comes back by the other: a part that runs over an end counts at both.
    fn meets(self, [x, y]: [f64; 2], lane: f64, margin: f64) -> bool {
        let reach = CROSSING_TOUCH + margin;
        let left = reach * reach - (x - lane) * (x - lane);
        let near = |by: f64| {
            let off = (self.low + by - y).max(y - self.high - by).max(0.0);
            off * off < left
        };
        left > 0.0 && (near(0.0) || near(LANE) || near(-LANE))
    }
}

/// One way that things may go: where each cart is at each instant.
pub(super) type Future = Vec<[Span; CROSSING_CARTS]>;

/// Whether a robot at `position` at an instant collides in a future, by `margin` more than touching.
pub(super) fn collides(future: &Future, instant: usize, position: [f64; 2], margin: f64) -> bool {
    let Some(spans) = future.get(instant) else { return false };
    spans.iter().zip(CROSSING_LANES).any(|(span, lane)| span.meets(position, lane, margin))
}

/// A cart as it has been seen: where it is, how fast, and for how many steps it has been standing.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Seen {
    pub y: f64,
    pub velocity: f64,
    pub standing: u32,
}

impl Seen {
    /// Goes on as it does now, for ever: one future's course.
    pub fn as_now(self, instant: usize) -> Span {
        Span::at(self.y + self.velocity * seconds(instant))
    }

    /// Every place that it can be at, whatever it decides and however long it stops: from its line on it may go either way, as
    /// fast as now, or as fast as any cart once it has stopped.
    pub fn anywhere(self, instant: usize) -> Span {
        let [_, fastest] = CROSSING_CART_SPEEDS;
        let (t, speed) = (seconds(instant), self.velocity.abs());
        let line = self.next_line();
        let decides = if speed > 0.0 { (line - self.y).abs() / speed } else { 0.0 };
        if t <= decides {
            return self.as_now(instant);
        }
        let since = t - decides;
        let stop = if speed > 0.0 { f64::from(CROSSING_STOP_STEPS[0]) * CROSSING_STEP_SECONDS } else { 0.0 };
        // A step's way beyond the line, as decisions fall at the end of steps.
        let late = speed * CROSSING_STEP_SECONDS;
        let from = if speed > 0.0 { line + late.copysign(self.velocity) } else { self.y };
        let far = (speed * since).max(fastest * (since - stop)).max(0.0) + late;
        Span { low: from - far, high: from + far }
    }

    /// The line that it comes to next, counted on over the lane's end, and whether it goes up.
    fn next_line(self) -> f64 {
        let [up, down] = CROSSING_LINES;
        let rising = self.velocity > 0.0 || (self.velocity == 0.0 && self.cart(0).rests_on_its_way_up());
        match rising {
            true if self.y < up => up,
            true => up + LANE,
            false if self.y > down => down,
            false => down - LANE,
        }
    }

    /// The cart as far as it is known, with a rest of so many steps.
    fn cart(self, rest: u32) -> CrossingCart {
        CrossingCart { y: self.y, velocity: self.velocity, rest }
    }

    /// The cart with what is hidden of it drawn by the law, given what has been seen: of a stop, how long it still lasts.
    fn drawn(self, rng: &mut impl Rng) -> CrossingCart {
        if self.velocity != 0.0 {
            return self.cart(0);
        }
        let [least, most] = CROSSING_STOP_STEPS;
        let shortest = least.max(self.standing + 1).min(most);
        let whole = rng.random_range(shortest..=most);
        self.cart(whole.saturating_sub(self.standing).max(1))
    }
}

/// Seconds from now to an instant, counted from 0.
fn seconds(instant: usize) -> f64 {
    CROSSING_STEP_SECONDS * (instant + 1) as f64 / INSTANTS as f64
}

/// The future of `steps` steps in which each cart does as `course` says.
pub(super) fn foresee(
    seen: &[Seen; CROSSING_CARTS],
    steps: usize,
    course: impl Fn(Seen, usize) -> Span,
    future: &mut Future,
) {
    future.clear();
    future.extend((0..steps * INSTANTS).map(|instant| seen.map(|cart| course(cart, instant))));
}

/// A future of `steps` steps drawn by the law.
pub(super) fn sample(seen: &[Seen; CROSSING_CARTS], steps: usize, rng: &mut impl Rng, future: &mut Future) {
    let mut carts = seen.map(|cart| cart.drawn(rng));
    future.clear();
    for _ in 0..steps {
        future.push(carts.map(|cart| Span::at(cart.y_after(0.5))));
        carts.iter_mut().for_each(|cart| {
            cart.step(rng);
        });
        future.push(carts.map(|cart| Span::at(cart.y)));
    }
}
