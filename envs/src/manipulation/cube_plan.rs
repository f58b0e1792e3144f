//! A cube from here to there: the key frames of the package's `CubePlanOracle`.

use std::f64::consts::PI;

use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use super::hand_plan::{HandPlan, Key, PART};
use super::spot::{Spot, wrapped};
use super::within::within;

/// By what share of a part of the way times are off.
const TIME_NOISE: f64 = 0.2;
/// Parts of the way to each key frame from the one before: above the cube, down, shut, up, over, above the goal, down, open, up,
/// away.
const PARTS: [f64; 10] = [1.0, 1.5, 1.0, 1.0, 1.0, 1.0, 1.5, 1.0, 1.0, 1.0];
/// Key frames from which on the gripper is shut, and open again.
const SHUTS: usize = 3;
const OPENS: usize = 8;
/// How far above cube and goal the hand comes from, metres.
const ABOVE: [f64; 2] = [0.1, 0.2];
/// What is added to the middle of the way, metres.
const DETOUR: [[f64; 3]; 2] = [[-0.1, -0.1, 0.0], [0.1, 0.1, 0.2]];
/// Sides of a cube that look alike.
const SIDES: i32 = 4;

/// Half of the way from one pose to another along a screw: both turn about the upright axis. Of it x and y, and the yaw.
fn midway(from: Spot, to: Spot) -> ([f64; 2], f64) {
    let turn = wrapped(to.yaw - from.yaw);
    // (e^(i turn / 2) - 1) / (e^(i turn) - 1) of the way, as complex numbers: 1 / (1 + e^(i turn / 2)).
    let quarter = 0.25 * turn;
    let ([dx, dy], (sin, cos)) = ([to.at[0] - from.at[0], to.at[1] - from.at[1]], quarter.sin_cos());
    let half = 0.5 / cos;
    let (x, y) = (half * (dx * cos + dy * sin), half * (dy * cos - dx * sin));
    ([from.at[0] + x, from.at[1] + y], wrapped(from.yaw + 0.5 * turn))
}

/// A plan from where the hand is to the cube, with it to its goal, and away to anywhere in the box `rest`. `noise` is the level of noise:
/// 0.1 in the package's data.
pub(super) fn carry(
    hand: Spot,
    cube: Spot,
    goal: Spot,
    rest: [[f64; 3]; 2],
    noise: f64,
    random: &mut ChaCha8Rng,
) -> HandPlan {
    let last = Spot { at: within(rest, random), yaw: random.random_range(-PI..PI) };
    let cube = cube.nearest(hand.yaw, SIDES);
    let over_cube = cube.above(random.random_range(ABOVE[0]..ABOVE[1]));
    let goal = goal.nearest(over_cube.yaw, SIDES);
    let over_goal = goal.above(random.random_range(ABOVE[0]..ABOVE[1]));
    let ([x, y], yaw) = midway(over_cube, over_goal);
    let [dx, dy, dz] = within(DETOUR, random);
    let over = Spot { at: [x + dx, y + dy, hand.at[2] + dz], yaw };
    let spots = [hand, over_cube, cube, cube, over_cube, over, over_goal, goal, goal, over_goal, last];
    let mut keys = spots.map(|spot| Key { spot, time: 0.0, grip: 0.0 });
    let mut time = 0.0;
    for (key, parts) in keys.iter_mut().skip(1).zip(PARTS) {
        time += parts * PART;
        key.time = time + random.random_range(-1.0..1.0) * PART * TIME_NOISE;
    }
    keys.iter_mut().take(OPENS).skip(SHUTS).for_each(|key| key.grip = 1.0);
    HandPlan::through(&keys, noise, random)
}

#[cfg(test)]
mod tests {
    use std::f64::consts::FRAC_PI_2;

    use rand::SeedableRng;

    use super::super::robot::STARTS;
    use super::*;

    fn plan(noise: f64, seed: u64) -> HandPlan {
        let spot = |at, yaw| Spot { at, yaw };
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        let (hand, cube) = (spot([0.4, 0.2, 0.3], 1.0), spot([0.35, 0.0, 0.02], -2.0));
        carry(hand, cube, spot([0.5, -0.1, 0.06], 0.3), STARTS, noise, &mut random)
    }

    /// Without noise the hand passes cube and goal, shuts at the first and opens at the second.
    #[test]
    fn a_plan_leads_by_the_cube_to_its_goal() {
        let quiet = plan(0.0, 1);
        let rows = quiet.rows();
        assert!((85..92).contains(&rows.len()), "eleven parts of 0.4 s, off by 0.08 s: {}", rows.len());
        let near = |at: [f64; 3], grip: f64| {
            rows.iter().position(|[x, y, z, _, g]| {
                (x - at[0]).hypot(y - at[1]).hypot(z - at[2]) < 1e-9 && (g - grip).abs() < 0.2
            })
        };
        let order = [near([0.35, 0.0, 0.02], 0.0), near([0.35, 0.0, 0.02], 1.0)]
            .into_iter()
            .chain([near([0.5, -0.1, 0.06], 1.0), near([0.5, -0.1, 0.06], 0.0)])
            .collect::<Option<Vec<usize>>>()
            .unwrap();
        assert!(order.is_sorted() && order[0] < order[3], "{order:?}");
        let side = |yaw: f64, own: f64| ((yaw - own) / FRAC_PI_2 - ((yaw - own) / FRAC_PI_2).round()).abs();
        assert!(side(rows[order[0]][3], -2.0) < 1e-9 && side(rows[order[2]][3], 0.3) < 1e-9);
        assert_eq!(rows[0][..4], [0.4, 0.2, 0.3, 1.0]);
    }

    #[test]
    fn plans_are_their_seeds_alone() {
        assert_ne!(plan(0.1, 1).rows(), plan(0.1, 2).rows());
        assert_eq!(plan(0.1, 1).rows(), plan(0.1, 1).rows());
        assert_ne!(plan(0.1, 1).rows()[1..], plan(0.0, 1).rows()[1..]);
    }

    #[test]
    fn halfway_along_a_screw_without_a_turn_is_the_middle() {
        let a = Spot { at: [0.1, 0.2, 0.3], yaw: 0.4 };
        let ([x, y], yaw) = midway(a, Spot { at: [0.3, 0.0, 0.3], ..a });
        assert!((x - 0.2).abs() < 1e-12 && (y - 0.1).abs() < 1e-12 && (yaw - 0.4).abs() < 1e-12);
        // A quarter turn about (0, 0) from (1, 0) to (0, 1): halfway on the circle.
        let from = Spot { at: [1.0, 0.0, 0.0], yaw: 0.0 };
        let ([x, y], yaw) = midway(from, Spot { at: [0.0, 1.0, 0.0], yaw: FRAC_PI_2 });
        let root = 0.5_f64.sqrt();
        assert!((x - root).abs() < 1e-12 && (y - root).abs() < 1e-12 && (yaw - PI / 4.0).abs() < 1e-12);
    }
}
