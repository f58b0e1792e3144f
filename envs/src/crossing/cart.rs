//! Carts: the law of their courses in the hall.

use crate::crossing::{CROSSING_STEP_SECONDS, CrossingLaw};

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

/// The law of carts; forward is up.
pub const CROSSING_LAW: CrossingLaw = CrossingLaw {
    speeds: CROSSING_CART_SPEEDS,
    ends: CROSSING_LANE_ENDS,
    lines: CROSSING_LINES,
    odds: CROSSING_ODDS,
    stop_steps: CROSSING_STOP_STEPS,
    step_seconds: CROSSING_STEP_SECONDS,
};

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crossing::CrossingCourse;
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
            let mut cart = CrossingCourse { at: y, velocity, rest: 0 };
            assert!(CROSSING_LAW.step(&mut cart, &mut rng), "it comes to its line in this step");
            let moved = y + 0.2 * velocity;
            assert!((cart.at - moved).abs() < 1e-12);
            if cart.velocity == velocity {
                counts[0] += 1;
            } else if cart.velocity == 0.0 {
                counts[1] += 1;
                let mut steps = 0;
                while cart.velocity == 0.0 {
                    let shows = CROSSING_LAW.step(&mut cart, &mut rng);
                    steps += 1;
                    assert_eq!(shows, cart.velocity != 0.0);
                    assert!((cart.at - moved).abs() < 1e-12);
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
            let from = CROSSING_LANE_ENDS[0] + CROSSING_LAW.length() * f64::from(step) / 5000.0;
            for velocity in [-1.0, 1.0] {
                let mut cart = CrossingCourse { at: from, velocity, rest: 0 };
                let to = from + 0.2 * velocity;
                let line = CROSSING_LINES[usize::from(velocity < 0.0)];
                let comes = (from - line) * velocity < 0.0 && (to - line) * velocity >= 0.0;
                assert_eq!(CROSSING_LAW.step(&mut cart, &mut rng), comes, "{from} {velocity}");
                assert!((CROSSING_LANE_ENDS[0]..CROSSING_LANE_ENDS[1]).contains(&cart.at));
            }
        }
    }

    #[test]
    fn who_leaves_by_one_end_comes_back_by_the_other() {
        let mut rng = ChaCha8Rng::seed_from_u64(0);
        let mut up = CrossingCourse { at: 6.5, velocity: 1.5, rest: 0 };
        let mut down = CrossingCourse { at: -0.5, velocity: -1.5, rest: 0 };
        assert!(!CROSSING_LAW.step(&mut up, &mut rng) && !CROSSING_LAW.step(&mut down, &mut rng));
        assert!((up.at + 0.4).abs() < 1e-12 && (down.at - 6.4).abs() < 1e-12);
        assert_eq!((up.velocity, down.velocity), (1.5, -1.5));
    }
}
