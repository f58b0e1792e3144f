//! A cart on its lane, and the law by which its course changes.

use rand::{Rng, RngExt};

use crate::crossing::CROSSING_STEP_SECONDS;

/// Speeds of carts, in metres per second: any between these, all alike likely.
pub const CROSSING_CART_SPEEDS: [f64; 2] = [0.8, 1.6];
/// Ends of a lane, as y of a cart's centre. They lie outside the hall: a cart that leaves by one comes back by the other, and
/// touches nothing while it does.
pub const CROSSING_LANE_ENDS: [f64; 2] = [-0.6, 6.6];
/// Where carts decide: those that go up at the first y, those that go down at the second, both a little beyond the middle. Who
/// passes close behind a cart in the middle of the hall meets it when it turns back. A cart that has turned back comes to the
/// other line a metre later, and decides once more.
pub const CROSSING_LINES: [f64; 2] = [3.5, 2.5];
/// Odds of the three decisions: go on, stop for a while, turn back.
pub const CROSSING_ODDS: [f64; 3] = [0.4, 0.3, 0.3];
/// Fewest and most steps of a stop (1 to 3 s), all numbers between them alike likely.
pub const CROSSING_STOP_STEPS: [u32; 2] = [5, 15];

/// Length of a lane.
pub(super) const LANE: f64 = CROSSING_LANE_ENDS[1] - CROSSING_LANE_ENDS[0];

/// What is decided at a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CrossingDecision {
    /// Go on as before.
    GoOn,
    /// Stand still for this many steps, then go on with a speed that is drawn when it sets off.
    Stop(u32),
    /// Go back, as fast.
    TurnBack,
}

impl CrossingDecision {
    /// One by the odds.
    pub fn draw(rng: &mut impl Rng) -> Self {
        let [go_on, stop, _] = CROSSING_ODDS;
        let drawn: f64 = rng.random();
        if drawn < go_on {
            Self::GoOn
        } else if drawn < go_on + stop {
            let [least, most] = CROSSING_STOP_STEPS;
            Self::Stop(rng.random_range(least..=most))
        } else {
            Self::TurnBack
        }
    }
}

/// A cart. Of its fields, only [`Self::y`] and [`Self::velocity`] are observed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CrossingCart {
    /// Its centre's y.
    pub y: f64,
    /// Its velocity, positive upwards; 0 while it stands.
    pub velocity: f64,
    /// Steps that it still stands; 0 while it moves.
    pub rest: u32,
}

impl CrossingCart {
    /// Anywhere on its lane, up or down.
    pub fn draw(rng: &mut impl Rng) -> Self {
        let [low, _] = CROSSING_LANE_ENDS;
        let y = low + LANE * rng.random::<f64>();
        let up = rng.random_bool(0.5);
        let speed = draw_speed(rng);
        Self { y, velocity: if up { speed } else { -speed }, rest: 0 }
    }

    /// Where its centre is after a part of a step, 0 to 1. It moves evenly in between.
    pub fn y_after(&self, part: f64) -> f64 {
        self.y + self.velocity * (CROSSING_STEP_SECONDS * part)
    }

    /// Moves on by a step, with what chance has to say from `rng`; says whether chance had a say: it came to its line, or
    /// set off.
    ///
    /// A decision falls at the end of the step in which the line is reached, and shows at once. A cart that stops does so
    /// beyond its line, by less than it moves in a step: above the middle those stand that go up, below it those that go down.
    pub fn step(&mut self, rng: &mut impl Rng) -> bool {
        if self.rest > 0 {
            self.rest -= 1;
            if self.rest == 0 {
                let speed = draw_speed(rng);
                self.velocity = if self.rests_on_its_way_up() { speed } else { -speed };
            }
            return self.rest == 0;
        }
        let before = self.y;
        self.y = self.y_after(1.0);
        let decides = reaches(before, self.y);
        if decides {
            match CrossingDecision::draw(rng) {
                CrossingDecision::GoOn => {}
                CrossingDecision::Stop(steps) => (self.velocity, self.rest) = (0.0, steps),
                CrossingDecision::TurnBack => self.velocity = -self.velocity,
            }
        }
        let [low, high] = CROSSING_LANE_ENDS;
        if self.y >= high {
            self.y -= LANE;
        } else if self.y < low {
            self.y += LANE;
        }
        decides
    }

    /// Whether a cart that stands here goes up when it sets off: above the middle those stand that came from below.
    pub fn rests_on_its_way_up(&self) -> bool {
        self.y > 0.5 * (CROSSING_LINES[0] + CROSSING_LINES[1])
    }
}

/// Whether a cart that moves from here to there comes to its line.
fn reaches(from: f64, to: f64) -> bool {
    let [up, down] = CROSSING_LINES;
    (from < up && up <= to) || (from > down && down >= to)
}

fn draw_speed(rng: &mut impl Rng) -> f64 {
    let [least, most] = CROSSING_CART_SPEEDS;
    least + (most - least) * rng.random::<f64>()
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;

    /// Half-width of an interval that a share of `count` draws leaves one time in a million: five standard errors.
    fn five_errors(share: f64, count: usize) -> f64 {
        5.0 * (share * (1.0 - share) / count as f64).sqrt()
    }

    /// What carts of 20,000 passages do in the step in which they come to their line, and for how long they stop.
    #[test]
    fn decisions_come_as_often_as_is_stated() {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let (mut counts, mut stops, mut ups, count) = ([0_usize; 3], [0_usize; 16], 0, 20_000_usize);
        for number in 0..count {
            let up = number % 2 == 0;
            let (y, velocity) = if up { (3.45, 1.0) } else { (2.55, -1.0) };
            let mut cart = CrossingCart { y, velocity, rest: 0 };
            assert!(cart.step(&mut rng), "it comes to its line in this step");
            let moved = y + 0.2 * velocity;
            assert!((cart.y - moved).abs() < 1e-12);
            if cart.velocity == velocity {
                counts[0] += 1;
            } else if cart.velocity == 0.0 {
                counts[1] += 1;
                let mut steps = 0;
                while cart.velocity == 0.0 {
                    let shows = cart.step(&mut rng);
                    steps += 1;
                    assert_eq!(shows, cart.velocity != 0.0);
                    assert!((cart.y - moved).abs() < 1e-12);
                }
                stops[steps] += 1;
                ups += usize::from(cart.velocity > 0.0);
                assert_eq!(cart.velocity > 0.0, up, "it goes on as it went");
                assert!((0.8..=1.6).contains(&cart.velocity.abs()));
            } else {
                counts[2] += 1;
                assert_eq!(cart.velocity, -velocity);
            }
        }
        for (seen, odds) in counts.into_iter().zip([0.4, 0.3, 0.3]) {
            let share = seen as f64 / count as f64;
            assert!((share - odds).abs() < five_errors(odds, count), "{counts:?}");
        }
        assert!(ups > 0 && stops[..5].iter().all(|stops| *stops == 0));
        for seen in &stops[5..] {
            let share = *seen as f64 / counts[1] as f64;
            assert!((share - 1.0 / 11.0).abs() < five_errors(1.0 / 11.0, counts[1]), "{stops:?}");
        }
    }

    #[test]
    fn a_cart_decides_at_the_line_of_its_own_way_and_nowhere_else() {
        let mut rng = ChaCha8Rng::seed_from_u64(2);
        for step in 0..5000 {
            let from = CROSSING_LANE_ENDS[0] + LANE * f64::from(step) / 5000.0;
            for velocity in [-1.0, 1.0] {
                let mut cart = CrossingCart { y: from, velocity, rest: 0 };
                let to = from + 0.2 * velocity;
                let line = CROSSING_LINES[usize::from(velocity < 0.0)];
                let comes = (from - line) * velocity < 0.0 && (to - line) * velocity >= 0.0;
                assert_eq!(cart.step(&mut rng), comes, "{from} {velocity}");
                assert!((CROSSING_LANE_ENDS[0]..CROSSING_LANE_ENDS[1]).contains(&cart.y));
            }
        }
    }

    #[test]
    fn who_leaves_by_one_end_comes_back_by_the_other() {
        let mut rng = ChaCha8Rng::seed_from_u64(0);
        let mut up = CrossingCart { y: 6.5, velocity: 1.5, rest: 0 };
        let mut down = CrossingCart { y: -0.5, velocity: -1.5, rest: 0 };
        assert!(!up.step(&mut rng) && !down.step(&mut rng));
        assert!((up.y + 0.4).abs() < 1e-12 && (down.y - 6.4).abs() < 1e-12);
        assert_eq!((up.velocity, down.velocity), (1.5, -1.5));
    }
}
