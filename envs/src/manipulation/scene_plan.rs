//! A button pressed, and a drawer or window moved by its handle: the key frames of the package's `ButtonPlanOracle`, `DrawerPlanOracle`
//! and `WindowPlanOracle`.

use std::f64::consts::PI;

use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use super::hand_plan::{HandPlan, Key, PART};
use super::rotation::distance;
use super::scene_things::HAND_STARTS;
use super::spot::Spot;
use super::within::within;

/// By what share of a part of the way times are off.
const TIME_NOISE: f64 = 0.1;
/// How far above a button the hand comes from, and how far below its top it goes, metres.
const OVER_BUTTON: f64 = 0.06;
const UNDER_TOP: f64 = -0.025;
/// Parts of the way to above a button: so many, and so many for each metre. Down, up, away.
const TO_BUTTON: [f64; 2] = [0.5, 4.0];
const PRESS: [f64; 3] = [0.8, 0.8, 1.25];
/// Parts of the way to each key frame from the one before: above the handle, down, shut, moved, open, up, away.
const SLIDE: [f64; 7] = [1.0, 0.5, 0.5, 0.5, 0.5, 0.5, 1.0];
/// Key frames from which on the gripper is shut on a handle, and open again.
const SHUTS: usize = 3;
const OPENS: usize = 5;
/// How far above the handles of drawer and window the hand comes from, metres.
pub(super) const OVER_DRAWER: f64 = 0.12;
pub(super) const OVER_WINDOW: f64 = 0.06;
/// Ways to grip a handle that look alike.
const SIDES: i32 = 2;

/// A plan from where the hand is to a button's top, down by 2.5 cm with the gripper shut, and away to anywhere. `noise` is the level of
/// noise: 0.1 in the package's data.
pub(super) fn press(hand: Spot, top: Spot, noise: f64, random: &mut ChaCha8Rng) -> HandPlan {
    let last = anywhere(random);
    let over = top.above(OVER_BUTTON);
    let far = distance(hand.at, over.at);
    let parts = [TO_BUTTON[0] + TO_BUTTON[1] * far].into_iter().chain(PRESS);
    let spots = [hand, over, top.above(UNDER_TOP), over, last];
    through(spots, parts, 1..4, noise, random)
}

/// A plan from where the hand is to a handle, with it to where it is wanted, and away to anywhere. `over` is how far above the handle the
/// hand comes from, metres, `noise` the level of noise.
pub(super) fn slide(
    hand: Spot,
    handle: Spot,
    wanted: Spot,
    over: f64,
    noise: f64,
    random: &mut ChaCha8Rng,
) -> HandPlan {
    let last = anywhere(random);
    let [from, to] = [handle, wanted].map(|spot| spot.nearest(hand.yaw, SIDES));
    let spots = [hand, from.above(over), from, from, to, to, to.above(over), last];
    through(spots, SLIDE.into_iter(), SHUTS..OPENS, noise, random)
}

/// Where the hand goes when it is through.
fn anywhere(random: &mut ChaCha8Rng) -> Spot {
    Spot { at: within(HAND_STARTS, random), yaw: random.random_range(-PI..PI) }
}

/// Key frames so many parts of the way apart, with the gripper shut at some of them.
fn through<const N: usize>(
    spots: [Spot; N],
    parts: impl Iterator<Item = f64>,
    shut: std::ops::Range<usize>,
    noise: f64,
    random: &mut ChaCha8Rng,
) -> HandPlan {
    let mut keys = spots.map(|spot| Key { spot, time: 0.0, grip: 0.0 });
    let mut time = 0.0;
    for (key, parts) in keys.iter_mut().skip(1).zip(parts) {
        time += parts * PART;
        key.time = time + random.random_range(-1.0..1.0) * PART * TIME_NOISE;
    }
    keys.iter_mut().take(shut.end).skip(shut.start).for_each(|key| key.grip = 1.0);
    HandPlan::through(&keys, noise, random)
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::super::robot::ACTION;
    use super::super::scene_things::{button_top, drawer_handle};
    use super::*;

    const HAND: Spot = Spot { at: [0.4, 0.1, 0.3], yaw: 0.4 };

    /// Rows within 2 cm and a fifth of the gripper's way of something.
    fn near(plan: &HandPlan, at: [f64; 3], grip: f64) -> Vec<usize> {
        let is =
            |[x, y, z, _, g]: &[f64; ACTION]| distance([*x, *y, *z], at) < 0.02 && (g - grip).abs() < 0.2;
        plan.rows().iter().enumerate().filter(|(_, row)| is(row)).map(|(number, _)| number).collect()
    }

    #[test]
    fn a_press_comes_from_above_with_the_gripper_shut() {
        let top = button_top(0);
        let plan = press(HAND, top, 0.0, &mut ChaCha8Rng::seed_from_u64(3));
        let lowest = plan.rows().iter().map(|row| row[2]).fold(f64::INFINITY, f64::min);
        assert!((lowest - top.at[2] - UNDER_TOP).abs() < 0.008, "{lowest}");
        let over = near(&plan, top.above(OVER_BUTTON).at, 1.0);
        let down = near(&plan, top.above(UNDER_TOP).at, 1.0);
        assert!(over[0] < down[0] && down[0] < over[over.len() - 1], "down and up again: {over:?} {down:?}");
        // 0.5 + 4 d + 0.8 + 0.8 + 1.25 parts of 0.4 s, off by 0.04 s.
        let far = distance(HAND.at, top.above(OVER_BUTTON).at);
        let seconds = 0.4 * (3.35 + 4.0 * far);
        assert!((plan.rows().len() as f64 * 0.05 - seconds).abs() <= 0.04 + 0.05);
    }

    #[test]
    fn a_handle_is_gripped_before_it_is_moved_and_let_go_where_it_is_wanted() {
        let [from, to] = [0.0, -0.16].map(drawer_handle);
        let plan = slide(HAND, from, to, OVER_DRAWER, 0.0, &mut ChaCha8Rng::seed_from_u64(3));
        let order = [near(&plan, from.at, 0.0), near(&plan, from.at, 1.0), near(&plan, to.at, 1.0)];
        let first: Vec<usize> = order.iter().map(|rows| rows[0]).collect();
        assert!(first.is_sorted(), "{order:?}");
        assert!((34..=37).contains(&plan.rows().len()), "4.5 parts: {}", plan.rows().len());
        let alike = (plan.rows()[first[1]][3] - from.yaw) / PI;
        assert!((alike - alike.round()).abs() < 1e-9, "along the handle, either way round: {alike}");
    }
}
