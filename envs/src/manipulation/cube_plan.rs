//! A cube from here to there: what the package's `CubePlanOracle` plans, with its noise, and how it is followed.

use std::f64::consts::{FRAC_PI_2, PI, TAU};

use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use rand_distr::StandardNormal;

use super::cube_rules::within;
use super::cube_scene::STEP_SECONDS;
use super::cube_seen::CubeSeen;
use super::robot::{ACTION, FULL_ACTION, STARTS};

/// Seconds of a part of the way, and by what share of it times are off.
const PART: f64 = 0.4;
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
/// Standard deviations of noise of level 1: metres, radians, share of the gripper's way.
const NOISE: [f64; ACTION] = [0.05, 0.05, 0.05, 0.3, 1.0];
/// Keeps the noise of neighbouring rows alike: a Gaussian of half a row, cut after two.
const SMOOTHING: f64 = 0.5;
const REACH: usize = 2;

/// A place with a yaw.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Spot {
    pub at: [f64; 3],
    pub yaw: f64,
}

impl Spot {
    fn above(self, by: f64) -> Self {
        let [x, y, z] = self.at;
        Self { at: [x, y, z + by], ..self }
    }

    /// The same cube, gripped across the sides that are nearest to a yaw. Both yaws are taken from 0 to a whole turn, as
    /// the package takes them.
    fn nearest(self, yaw: f64) -> Self {
        let whole = |yaw: f64| if yaw < 0.0 { yaw + TAU } else { yaw };
        let (own, hand) = (whole(self.yaw), whole(yaw));
        let sides = (-4..=4).map(|side| f64::from(side) * FRAC_PI_2 + own);
        let nearest = sides.min_by(|a, b| (hand - a).abs().total_cmp(&(hand - b).abs()));
        Self { yaw: wrapped(nearest.unwrap_or(own)), ..self }
    }
}

/// From -pi to pi.
pub(super) fn wrapped(angle: f64) -> f64 {
    angle.sin().atan2(angle.cos())
}

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

/// A plan to move one cube: where the hand is wanted in each step (place, yaw, and how far the gripper is shut).
#[derive(Clone, Debug, Default)]
pub(super) struct CubePlan {
    rows: Vec<[f64; ACTION]>,
    next: usize,
}

impl CubePlan {
    /// From where the hand is to the cube, with it to its goal, and away to anywhere. `noise` is the level of noise: 0.1 in the
    /// package's data.
    pub fn new(hand: Spot, cube: Spot, goal: Spot, noise: f64, random: &mut ChaCha8Rng) -> Self {
        let last = Spot { at: within(STARTS, random), yaw: random.random_range(-PI..PI) };
        let cube = cube.nearest(hand.yaw);
        let over_cube = cube.above(random.random_range(ABOVE[0]..ABOVE[1]));
        let goal = goal.nearest(over_cube.yaw);
        let over_goal = goal.above(random.random_range(ABOVE[0]..ABOVE[1]));
        let ([x, y], yaw) = midway(over_cube, over_goal);
        let [dx, dy, dz] = within(DETOUR, random);
        let over = Spot { at: [x + dx, y + dy, hand.at[2] + dz], yaw };
        let spots = [hand, over_cube, cube, cube, over_cube, over, over_goal, goal, goal, over_goal, last];
        let (mut time, mut times) = (0.0, [0.0; 11]);
        for (slot, parts) in times.iter_mut().skip(1).zip(PARTS) {
            time += parts * PART;
            *slot = time + random.random_range(-1.0..1.0) * PART * TIME_NOISE;
        }
        let mut rows = follow(&spots, &times);
        if noise > 0.0 {
            disturb(&mut rows, noise, random);
        }
        Self { rows, next: 0 }
    }

    /// Whether all of it was followed.
    pub fn done(&self) -> bool {
        self.next >= self.rows.len()
    }

    /// The action towards the row of now, of which the next call takes the next. Yaws are compared as they are, so that a hand on the
    /// other side of half a turn goes the long way round, as the package's does; where `shortest`, it does not.
    pub fn act(&mut self, seen: &CubeSeen<'_>, shortest: bool) -> [f64; ACTION] {
        let Some([x, y, z, yaw, grip]) = self.rows.get(self.next).or(self.rows.last()).copied() else {
            return [0.0; ACTION];
        };
        self.next += 1;
        let ([hx, hy, hz], turn) = (seen.hand(), yaw - seen.hand_yaw());
        let turn = if shortest { wrapped(turn) } else { turn };
        let mut action = [x - hx, y - hy, z - hz, turn, grip - seen.opening()];
        for (value, full) in action.iter_mut().zip(FULL_ACTION) {
            *value = (*value / full).clamp(-1.0, 1.0);
        }
        action
    }
}

/// The key frames, 50 ms apart: straight lines in between.
fn follow(spots: &[Spot; 11], times: &[f64; 11]) -> Vec<[f64; ACTION]> {
    let end = times.last().copied().unwrap_or(0.0);
    let (mut rows, mut time) = (Vec::new(), 0.0);
    while time < end {
        let now = time;
        let from = times.iter().rposition(|at| *at <= now).unwrap_or(0).min(times.len() - 2);
        let (a, b) = (spots[from], spots[from + 1]);
        let share = (now - times[from]) / (times[from + 1] - times[from]);
        let [x, y, z] = [0, 1, 2].map(|i| a.at[i] + share * (b.at[i] - a.at[i]));
        let yaw = wrapped(a.yaw + share.clamp(0.0, 1.0) * wrapped(b.yaw - a.yaw));
        let grip = |frame: usize| if (SHUTS..OPENS).contains(&frame) { 1.0 } else { 0.0 };
        rows.push([x, y, z, yaw, grip(from) + share * (grip(from + 1) - grip(from))]);
        time += STEP_SECONDS;
    }
    rows
}

/// Adds noise, smoothed over rows; past the ends it is mirrored.
fn disturb(rows: &mut [[f64; ACTION]], level: f64, random: &mut ChaCha8Rng) {
    let noise: Vec<[f64; ACTION]> =
        rows.iter().map(|_| NOISE.map(|sd| level * sd * random.sample::<f64, _>(StandardNormal))).collect();
    let weight = |off: usize| (-0.5 * (off as f64 / SMOOTHING).powi(2)).exp();
    let whole = weight(0) + 2.0 * (1..=REACH).map(weight).sum::<f64>();
    let last = rows.len().saturating_sub(1);
    let mirrored = |row: usize, off: usize| {
        let before = if off > row { off - row - 1 } else { row - off };
        let after = if row + off > last { (2 * last + 1).saturating_sub(row + off) } else { row + off };
        [before, after].map(|row| noise.get(row).copied().unwrap_or_default())
    };
    for (row, values) in rows.iter_mut().enumerate() {
        for (entry, value) in values.iter_mut().enumerate() {
            let mut sum = weight(0) * noise[row][entry];
            for off in 1..=REACH {
                sum += weight(off) * mirrored(row, off).iter().map(|noise| noise[entry]).sum::<f64>();
            }
            *value += sum / whole;
        }
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;

    fn plan(noise: f64, seed: u64) -> CubePlan {
        let spot = |at, yaw| Spot { at, yaw };
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        let (hand, cube) = (spot([0.4, 0.2, 0.3], 1.0), spot([0.35, 0.0, 0.02], -2.0));
        CubePlan::new(hand, cube, spot([0.5, -0.1, 0.06], 0.3), noise, &mut random)
    }

    /// Without noise the hand passes cube and goal, shuts at the first and opens at the second.
    #[test]
    fn a_plan_leads_by_the_cube_to_its_goal() {
        let quiet = plan(0.0, 1);
        let rows = &quiet.rows;
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

    /// Sum of the squares of the smoothing weights: what is left of the variance.
    #[test]
    fn noise_has_the_stated_size() {
        let rows = 4000;
        let mut noise = vec![[0.0; ACTION]; rows];
        disturb(&mut noise, 0.1, &mut ChaCha8Rng::seed_from_u64(5));
        let weights = [1.0, (-2.0_f64).exp(), (-8.0_f64).exp()];
        let whole = weights[0] + 2.0 * (weights[1] + weights[2]);
        let left = (weights[0].powi(2) + 2.0 * (weights[1].powi(2) + weights[2].powi(2))) / whole.powi(2);
        for (entry, sd) in NOISE.into_iter().enumerate() {
            let square = noise.iter().map(|row| row[entry].powi(2)).sum::<f64>() / rows as f64;
            let want = (0.1 * sd).powi(2) * left;
            // Neighbours are alike: a standard error of some 3 %.
            assert!((square / want - 1.0).abs() < 0.12, "{entry}: {square} {want}");
        }
        assert_ne!(plan(0.1, 1).rows, plan(0.1, 2).rows);
        assert_eq!(plan(0.1, 1).rows, plan(0.1, 1).rows);
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

    #[test]
    fn a_cube_is_gripped_across_the_nearest_sides() {
        let cube = Spot { at: [0.0; 3], yaw: 0.1 };
        for hand in [-3.0, -1.0, 0.0, 0.7, 2.5] {
            let yaw = cube.nearest(hand).yaw;
            let sides = (yaw - 0.1) / FRAC_PI_2;
            assert!((sides - sides.round()).abs() < 1e-9);
            assert!(wrapped(yaw - hand).abs() <= FRAC_PI_2 / 2.0 + 1e-9, "{hand}: {yaw}");
        }
    }
}
