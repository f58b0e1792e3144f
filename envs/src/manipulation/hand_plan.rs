//! A way of the hand through key frames, with the noise of OGBench's oracles, and how it is followed (`PlanOracle` of the package).

use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use rand_distr::StandardNormal;

use super::robot::{ACTION, FULL_ACTION, STEP_SECONDS};
use super::robot_seen::RobotSeen;
use super::spot::{Spot, wrapped};

/// Seconds of a part of the way.
pub(super) const PART: f64 = 0.4;
/// Standard deviations of noise of level 1: metres, radians, share of the gripper's way.
const NOISE: [f64; ACTION] = [0.05, 0.05, 0.05, 0.3, 1.0];
/// Keeps the noise of neighbouring rows alike: a Gaussian of half a row, cut after two.
const SMOOTHING: f64 = 0.5;
const REACH: usize = 2;

/// Where the hand is to be at a time, and how far shut.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Key {
    pub spot: Spot,
    /// Seconds.
    pub time: f64,
    /// From 0 (open) to 1 (shut).
    pub grip: f64,
}

/// A plan: where the hand is wanted in each step (place, yaw, and how far the gripper is shut).
#[derive(Clone, Debug, Default)]
pub(super) struct HandPlan {
    rows: Vec<[f64; ACTION]>,
    next: usize,
}

impl HandPlan {
    /// Through key frames, of which there are two or more, one after the other from time 0 on. `noise` is the level of noise: 0.1 in the
    /// package's data.
    pub fn through(keys: &[Key], noise: f64, random: &mut ChaCha8Rng) -> Self {
        let mut rows = follow(keys);
        if noise > 0.0 {
            disturb(&mut rows, noise, random);
        }
        Self { rows, next: 0 }
    }

    /// Whether all of it was followed.
    pub fn done(&self) -> bool {
        self.next >= self.rows.len()
    }

    /// Where the hand is wanted, row by row.
    #[cfg(test)]
    pub fn rows(&self) -> &[[f64; ACTION]] {
        &self.rows
    }

    /// The action towards the row of now, of which the next call takes the next. Yaws are compared as they are, so that a hand on the
    /// other side of half a turn goes the long way round, as the package's does; where `shortest`, it does not.
    pub fn act(&mut self, seen: &RobotSeen<'_>, shortest: bool) -> [f64; ACTION] {
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
fn follow(keys: &[Key]) -> Vec<[f64; ACTION]> {
    let end = keys.last().map_or(0.0, |key| key.time);
    let (mut rows, mut time) = (Vec::new(), 0.0);
    while time < end {
        let now = time;
        let from =
            keys.iter().rposition(|key| key.time <= now).unwrap_or(0).min(keys.len().saturating_sub(2));
        let (Some(a), Some(b)) = (keys.get(from), keys.get(from + 1)) else { break };
        let share = (now - a.time) / (b.time - a.time);
        let [x, y, z] = [0, 1, 2].map(|i| a.spot.at[i] + share * (b.spot.at[i] - a.spot.at[i]));
        let yaw = wrapped(a.spot.yaw + share.clamp(0.0, 1.0) * wrapped(b.spot.yaw - a.spot.yaw));
        rows.push([x, y, z, yaw, a.grip + share * (b.grip - a.grip)]);
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
    use std::f64::consts::TAU;

    use rand::SeedableRng;

    use super::*;

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
    }

    #[test]
    fn rows_lie_on_straight_lines_between_key_frames() {
        let key = |at, yaw, time, grip| Key { spot: Spot { at, yaw }, time, grip };
        let keys = [
            key([0.0; 3], 3.0, 0.0, 0.0),
            key([0.2, 0.0, -0.1], -3.0, 0.2, 1.0),
            key([0.2, 0.4, -0.1], 0.0, 0.3, 1.0),
        ];
        let plan = HandPlan::through(&keys, 0.0, &mut ChaCha8Rng::seed_from_u64(0));
        let rows = plan.rows();
        assert_eq!(rows.len(), 6, "every 50 ms, and none at the end");
        let near = |row: usize, want: [f64; ACTION]| {
            let off = rows[row].iter().zip(want).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
            assert!(off < 1e-12, "{row}: {:?}", rows[row]);
        };
        near(0, [0.0, 0.0, 0.0, 3.0, 0.0]);
        // Over half a turn the short way.
        near(1, [0.05, 0.0, -0.025, 3.0 + 0.25 * (TAU - 6.0), 0.25]);
        near(5, [0.2, 0.2, -0.1, -1.5, 1.0]);
        assert!(HandPlan::through(&keys[..1], 0.1, &mut ChaCha8Rng::seed_from_u64(0)).done());
    }
}
