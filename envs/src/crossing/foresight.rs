//! Where carts may be in the seconds to come, as policies foresee it from what they have seen.

use rand::{Rng, RngExt};

use crate::crossing::cart::LANE;
use crate::crossing::{
    CROSSING_CART_SPEEDS, CROSSING_CARTS, CROSSING_LANES, CROSSING_LINES, CROSSING_STEP_SECONDS,
    CROSSING_STOP_STEPS, CROSSING_TOUCH, CrossingCart,
};

/// Instants in a step at which robot and carts are held against one another: in the middle, and at the end.
pub(super) const INSTANTS: usize = 2;

/// What may lie between where a cart is and where a course that runs on over the lane's ends says that it is: in the time of a
/// plan, no cart goes further than a lane and a half from where it is.
const ROUNDS: [f64; 5] = [0.0, -LANE, LANE, -2.0 * LANE, 2.0 * LANE];

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
        left > 0.0 && ROUNDS.into_iter().any(near)
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crossing::search::HORIZON;
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;

    /// What is drawn by the law is never outside of where a cart may be.
    #[test]
    fn every_drawn_course_lies_where_a_cart_may_be() {
        let mut rng = ChaCha8Rng::seed_from_u64(5);
        let mut future = Future::new();
        for _ in 0..3000 {
            let seen = [(); CROSSING_CARTS].map(|()| {
                let cart = CrossingCart::draw(&mut rng);
                let stands = rng.random_bool(0.2);
                let y = if stands { rng.random_range(2.3..3.7) } else { cart.y };
                Seen {
                    y,
                    velocity: if stands { 0.0 } else { cart.velocity },
                    standing: 3 * u32::from(stands),
                }
            });
            sample(&seen, HORIZON, &mut rng, &mut future);
            for (instant, spans) in future.iter().enumerate() {
                for (drawn, cart) in spans.iter().zip(seen) {
                    let may = cart.anywhere(instant);
                    let inside =
                        |by: f64| may.low - 1e-9 <= drawn.low + by && drawn.high + by <= may.high + 1e-9;
                    assert!(ROUNDS.into_iter().any(inside), "{instant}: {drawn:?} {may:?} {cart:?}");
                }
            }
        }
    }

    #[test]
    fn a_stop_that_has_lasted_ends_in_what_is_left_of_three_seconds() {
        let mut rng = ChaCha8Rng::seed_from_u64(6);
        let left = |standing: u32, rng: &mut ChaCha8Rng| {
            let seen = Seen { y: 3.6, velocity: 0.0, standing };
            (0..2000)
                .map(|_| seen.drawn(rng).rest)
                .fold((u32::MAX, 0), |(a, b), rest| (a.min(rest), b.max(rest)))
        };
        assert_eq!(left(0, &mut rng), (5, 15));
        assert_eq!(left(3, &mut rng), (2, 12));
        assert_eq!(left(9, &mut rng), (1, 6));
        assert_eq!(left(14, &mut rng), (1, 1));
    }

    #[test]
    fn a_robot_meets_a_cart_over_the_end_of_its_lane_too() {
        let span = Span { low: 6.0, high: 7.0 };
        assert!(span.meets([3.0, 0.3], 3.0, 0.0), "7 is -0.2");
        assert!(!span.meets([3.0, 0.5], 3.0, 0.0) && !span.meets([3.61, 6.5], 3.0, 0.0));
        assert!(span.meets([3.61, 6.5], 3.0, 0.05));
    }
}
