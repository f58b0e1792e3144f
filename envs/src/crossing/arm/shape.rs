//! Arm, table and lanes: sizes, where the links are, and where on a lane they would touch. Metres and radians.

use crate::crossing::{CROSSING_ODDS, CrossingLaw};

/// Joints, and links that they turn.
pub const CROSSING_ARM_JOINTS: usize = 3;
/// Lengths of the links, from the base on.
pub const CROSSING_ARM_LINKS: [f64; CROSSING_ARM_JOINTS] = [0.32, 0.28, 0.2];
/// Radius of a link.
pub const CROSSING_ARM_LINK_RADIUS: f64 = 0.025;
/// Angles that joints turn to either way at most.
pub const CROSSING_ARM_LIMITS: [f64; CROSSING_ARM_JOINTS] = [1.9, 2.8, 2.8];
/// Speeds of a full action, radians per second.
pub const CROSSING_ARM_RATES: [f64; CROSSING_ARM_JOINTS] = [1.5, 2.2, 2.2];
/// Obstacles, one a lane.
pub const CROSSING_ARM_OBSTACLES: usize = 2;
/// Radius of an obstacle.
pub const CROSSING_ARM_OBSTACLE_RADIUS: f64 = 0.05;
/// Where the lanes run, as y of their middles.
pub const CROSSING_ARM_LANES: [f64; CROSSING_ARM_OBSTACLES] = [0.34, 0.52];
/// Distance of an obstacle's centre from the middle of a link below which both have collided.
pub const CROSSING_ARM_TOUCH: f64 = CROSSING_ARM_LINK_RADIUS + CROSSING_ARM_OBSTACLE_RADIUS;
/// Distance of the hand from the goal at and below which it has arrived.
pub const CROSSING_ARM_GOAL_RADIUS: f64 = 0.04;
/// Where goals may lie: beyond the far lane, lower and upper corner.
pub const CROSSING_ARM_GOALS: [[f64; 2]; 2] = [[-0.25, 0.63], [0.25, 0.7]];
/// Seconds of one step: 20 Hz.
pub const CROSSING_ARM_STEP_SECONDS: f64 = 0.05;

/// The law of the obstacles: places are x, forward is to the right. Lanes end beyond the arm's reach. An obstacle decides 10 cm
/// beyond the middle, goes on with 0.4, stops for 0.5 to 1.5 s with 0.3, turns back with 0.3.
pub const CROSSING_ARM_LAW: CrossingLaw = CrossingLaw {
    speeds: [0.3, 0.7],
    ends: [-0.9, 0.9],
    lines: [0.1, -0.1],
    odds: CROSSING_ODDS,
    stop_steps: [10, 30],
    step_seconds: CROSSING_ARM_STEP_SECONDS,
};

/// Cosine and sine of each joint's angle.
pub(super) type Directions = [[f64; 2]; CROSSING_ARM_JOINTS];

/// Cosines and sines of joint angles.
pub(super) fn directions(angles: [f64; CROSSING_ARM_JOINTS]) -> Directions {
    angles.map(|angle| [angle.cos(), angle.sin()])
}

/// Joint angles of cosines and sines, within +-pi.
pub(super) fn angles(directions: &Directions) -> [f64; CROSSING_ARM_JOINTS] {
    directions.map(|[cos, sin]| sin.atan2(cos))
}

/// Base, elbow, wrist and hand, (x, y) each. Directions need not be of length 1.
pub(super) fn points(directions: &Directions) -> [[f64; 2]; CROSSING_ARM_JOINTS + 1] {
    let (mut points, mut at, mut along) = ([[0.0; 2]; CROSSING_ARM_JOINTS + 1], [0.0; 2], [1.0, 0.0]);
    for ((&[cos, sin], length), point) in directions.iter().zip(CROSSING_ARM_LINKS).zip(&mut points[1..]) {
        let size = cos.hypot(sin).max(f64::MIN_POSITIVE);
        let (cos, sin) = (cos / size, sin / size);
        along = [along[0] * cos - along[1] * sin, along[1] * cos + along[0] * sin];
        at = [at[0] - length * along[1], at[1] + length * along[0]];
        *point = at;
    }
    points
}

/// The hand of [`points`].
pub(super) fn hand(points: &[[f64; 2]; CROSSING_ARM_JOINTS + 1]) -> [f64; 2] {
    points[CROSSING_ARM_JOINTS]
}

/// Whether an arm here touches an obstacle at these places.
pub(super) fn touches(
    points: &[[f64; 2]; CROSSING_ARM_JOINTS + 1],
    obstacles: [f64; CROSSING_ARM_OBSTACLES],
) -> bool {
    CROSSING_ARM_LANES.into_iter().zip(obstacles).any(|(lane, x)| {
        shadows(points, lane, CROSSING_ARM_TOUCH).into_iter().flatten().any(|[low, high]| low < x && x < high)
    })
}

/// For each link, the part of a lane in which a centre is nearer than `reach` to the link's middle line; `None` where there is none.
pub(super) fn shadows(
    points: &[[f64; 2]; CROSSING_ARM_JOINTS + 1],
    lane: f64,
    reach: f64,
) -> [Option<[f64; 2]>; CROSSING_ARM_JOINTS] {
    std::array::from_fn(|link| shadow(points[link], points[link + 1], lane, reach))
}

/// The part of the line y = `lane` that is nearer than `reach` to the stretch from `a` to `b`.
///
/// A point of the stretch, a share `t` of it from `a`, lies `w = lane - a_y - t d_y` below the line and reaches from
/// `x - sqrt(reach^2 - w^2)` to `x + sqrt(reach^2 - w^2)` on it. Both are extremal where `w = -+ reach d_x sign(d_y) / |d|`, or at
/// the nearest share for which the root is real.
fn shadow(a: [f64; 2], b: [f64; 2], lane: f64, reach: f64) -> Option<[f64; 2]> {
    let ([dx, dy], above) = ([b[0] - a[0], b[1] - a[1]], lane - a[1]);
    let (mut least, mut most) = (0.0_f64, 1.0_f64);
    if dy == 0.0 {
        if above.abs() >= reach {
            return None;
        }
    } else {
        let [one, other] = [(above - reach) / dy, (above + reach) / dy];
        (least, most) = (least.max(one.min(other)), most.min(one.max(other)));
    }
    if least >= most {
        return None;
    }
    let end = |side: f64| {
        let share = if dy == 0.0 {
            if side * dx > 0.0 { most } else { least }
        } else {
            let w = -side * reach * dx * dy.signum() / dx.hypot(dy);
            ((above - w) / dy).clamp(least, most)
        };
        let w = above - share * dy;
        a[0] + share * dx + side * (reach * reach - w * w).max(0.0).sqrt()
    };
    Some([end(-1.0), end(1.0)])
}

/// Angles that bring the hand to a place, its last link turned by `turn` from y, elbow to either side; `None` where it does not reach, or
/// a joint does not turn so far.
pub(super) fn reach(place: [f64; 2], turn: f64, side: f64) -> Option<[f64; CROSSING_ARM_JOINTS]> {
    let [upper, fore, last] = CROSSING_ARM_LINKS;
    let [x, y] = [place[0] + last * turn.sin(), place[1] - last * turn.cos()];
    let cos = (x * x + y * y - upper * upper - fore * fore) / (2.0 * upper * fore);
    if cos.abs() > 1.0 {
        return None;
    }
    let elbow = side * cos.acos();
    let shoulder = (-x).atan2(y) - (fore * elbow.sin()).atan2(upper + fore * cos);
    let angles = [shoulder, elbow, turn - shoulder - elbow];
    let turns = angles.iter().zip(CROSSING_ARM_LIMITS).all(|(angle, limit)| angle.abs() <= limit);
    turns.then_some(angles)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Distance of a point from a stretch.
    fn from_stretch([x, y]: [f64; 2], a: [f64; 2], b: [f64; 2]) -> f64 {
        let d = [b[0] - a[0], b[1] - a[1]];
        let share = ((x - a[0]) * d[0] + (y - a[1]) * d[1]) / (d[0] * d[0] + d[1] * d[1]);
        let share = share.clamp(0.0, 1.0);
        (x - a[0] - share * d[0]).hypot(y - a[1] - share * d[1])
    }

    #[test]
    fn links_lie_as_angles_say() {
        let quarter = std::f64::consts::FRAC_PI_2;
        let near =
            |a: [f64; 2], b: [f64; 2]| assert!((a[0] - b[0]).hypot(a[1] - b[1]) < 1e-12, "{a:?} {b:?}");
        near(hand(&points(&directions([0.0; 3]))), [0.0, 0.8]);
        let bent = points(&directions([quarter, -quarter, quarter]));
        near(bent[1], [-0.32, 0.0]);
        near(bent[2], [-0.32, 0.28]);
        near(hand(&bent), [-0.52, 0.28]);
        let long = directions([quarter, -quarter, quarter]).map(|[cos, sin]| [3.0 * cos, 3.0 * sin]);
        near(hand(&points(&long)), [-0.52, 0.28]);
    }

    #[test]
    fn stretches_along_a_lane_and_across_it_cast_what_is_worked_out_by_hand() {
        let close = |got: Option<[f64; 2]>, want: [f64; 2]| {
            let got = got.unwrap();
            assert!((got[0] - want[0]).abs() < 1e-12 && (got[1] - want[1]).abs() < 1e-12, "{got:?} {want:?}");
        };
        close(shadow([0.1, 0.0], [0.5, 0.0], 0.3, 0.5), [0.1 - 0.4, 0.5 + 0.4]);
        close(shadow([0.5, 0.0], [0.1, 0.0], 0.3, 0.5), [0.1 - 0.4, 0.5 + 0.4]);
        close(shadow([0.2, 0.0], [0.2, 1.0], 0.5, 0.1), [0.1, 0.3]);
        close(shadow([0.2, 0.0], [0.2, 1.0], 1.06, 0.1), [0.12, 0.28]);
        assert_eq!(shadow([0.2, 0.0], [0.2, 1.0], 1.11, 0.1), None);
        assert_eq!(shadow([0.2, 0.0], [0.9, 0.0], 0.11, 0.1), None);
    }

    proptest! {
        #[test]
        fn a_shadow_is_where_it_is_nearer_than_that(
            a in [-1.0..1.0, -1.0..1.0_f64], b in [-1.0..1.0, -1.0..1.0_f64],
            lane in -1.0..1.0_f64, reach in 0.01..0.5_f64, x in -2.0..2.0_f64,
        ) {
            let off = from_stretch([x, lane], a, b) - reach;
            prop_assume!(off.abs() > 1e-9);
            let inside = shadow(a, b, lane, reach).is_some_and(|[low, high]| low < x && x < high);
            prop_assert_eq!(inside, off < 0.0);
        }

        #[test]
        fn the_hand_comes_to_the_place_that_angles_are_asked_for(
            x in -0.25..0.25_f64, y in 0.63..0.7_f64, turn in -0.8..0.8_f64, left in proptest::bool::ANY,
        ) {
            if let Some(found) = reach([x, y], turn, if left { 1.0 } else { -1.0 }) {
                let [got_x, got_y] = hand(&points(&directions(found)));
                prop_assert!((got_x - x).hypot(got_y - y) < 1e-9);
                prop_assert!((found.iter().sum::<f64>() - turn).abs() < 1e-9);
                let again = angles(&directions(found));
                prop_assert!(again.iter().zip(found).all(|(again, angle)| (again - angle).abs() < 1e-12));
            }
        }
    }

    #[test]
    fn every_goal_is_reached_in_several_ways() {
        let [low, high] = CROSSING_ARM_GOALS;
        for x in [low[0], 0.0, high[0]] {
            for y in [low[1], high[1]] {
                let ways = [-0.8, -0.4, 0.0, 0.4, 0.8].into_iter().flat_map(|turn| {
                    [-1.0, 1.0].into_iter().filter_map(move |side| reach([x, y], turn, side))
                });
                assert!(ways.count() >= 4, "{x} {y}");
            }
        }
    }
}
