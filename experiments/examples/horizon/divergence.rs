//! How far a long rollout in a maze has come away from its data, block by block.

use forethought_envs::Area;
use forethought_envs::maze::STEP_SECONDS;
use serde::Serialize;

use forethought_experiments::statistics::quantile;

/// What the data hold: measured on rows of the data's generator, used for judging only.
#[derive(Clone, Debug, Serialize)]
pub struct Support {
    /// Range of each observation entry.
    pub low: Vec<f64>,
    pub high: Vec<f64>,
    /// Least distance of a position to a wall, negative inside walls.
    pub clearance: f64,
    #[serde(skip)]
    walls: Vec<Area>,
}

/// One rollout's figures in one block of frames.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Measures {
    /// Share of frames nearer to a wall than any of the data, or beyond the data's range.
    pub outside: f64,
    /// Mean of `|p' - p - dt v'|`, metres.
    pub inconsistency: f64,
    /// The same over the first frames of windows alone.
    pub at_joints: f64,
    /// Mean speed, metres a second. A rollout that stands still breaks no other rule.
    pub speed: f64,
}

/// Quartiles over rollouts: lower, median, upper.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Quartiles(pub f64, pub f64, pub f64);

/// Quartiles of every measure in one block.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Block {
    pub outside: Quartiles,
    /// Mean over rollouts: most of them have none.
    pub outside_mean: f64,
    pub inconsistency: Quartiles,
    pub at_joints: Quartiles,
    pub speed: Quartiles,
}

impl Support {
    /// Support of observations `[x, y, vx, vy]`, within value limits known from elsewhere.
    pub fn new(rows: &[Vec<[f64; 4]>], low: Vec<f64>, high: Vec<f64>, walls: Vec<Area>) -> Self {
        let mut support = Self { low, high, clearance: f64::NEG_INFINITY, walls };
        let nearest = |o: &[f64; 4]| support.nearest([o[0], o[1]]);
        let clearance = rows.iter().flatten().map(nearest).fold(f64::INFINITY, f64::min);
        support.clearance = clearance;
        support
    }

    /// Distance to the nearest wall, negative inside it.
    fn nearest(&self, [x, y]: [f64; 2]) -> f64 {
        let distance = |wall: &Area| {
            let (dx, dy) = ((wall.min[0] - x).max(x - wall.max[0]), (wall.min[1] - y).max(y - wall.max[1]));
            if dx > 0.0 && dy > 0.0 { dx.hypot(dy) } else { dx.max(dy) }
        };
        self.walls.iter().map(distance).fold(f64::INFINITY, f64::min)
    }

    /// Whether an observation lies outside; what is not a number does.
    fn outside(&self, o: &[f64; 4]) -> bool {
        // The limits come from single precision.
        let slack = 1e-5;
        let ranges = self.low.iter().zip(&self.high);
        let within = o.iter().zip(ranges).all(|(v, (low, high))| *v >= low - slack && *v <= high + slack);
        !(within && self.nearest([o[0], o[1]]) >= self.clearance)
    }

    /// Measures of consecutive observations; the first belongs to the block before. `first` is the number of
    /// the block's first frame, `piece` how many frames are sampled at a time.
    pub fn measure(&self, block: &[[f64; 4]], first: usize, piece: usize) -> Measures {
        let frames = block.len().saturating_sub(1).max(1) as f64;
        let (mut outside, mut all, mut joints, mut seams, mut speed) = (0.0, 0.0, 0.0, 0.0, 0.0);
        for (i, pair) in block.windows(2).enumerate() {
            let ([x, y, ..], [nx, ny, nvx, nvy]) = (pair[0], pair[1]);
            let error = (nx - x - STEP_SECONDS * nvx).hypot(ny - y - STEP_SECONDS * nvy);
            all += error;
            if (first + i).is_multiple_of(piece) {
                (joints, seams) = (joints + error, seams + 1.0);
            }
            speed += nvx.hypot(nvy);
            outside += f64::from(u8::from(self.outside(&pair[1])));
        }
        Measures {
            outside: outside / frames,
            inconsistency: all / frames,
            at_joints: if seams > 0.0 { joints / seams } else { f64::NAN },
            speed: speed / frames,
        }
    }
}

impl Block {
    /// Quartiles over rollouts.
    pub fn of(rollouts: &[Measures]) -> Self {
        let quartiles = |pick: fn(&Measures) -> f64| {
            let mut values: Vec<f64> = rollouts.iter().map(pick).collect();
            values.sort_unstable_by(f64::total_cmp);
            let [a, b, c] = [0.25, 0.5, 0.75].map(|p| quantile(&values, p));
            Quartiles(a, b, c)
        };
        Self {
            outside: quartiles(|m| m.outside),
            outside_mean: rollouts.iter().map(|m| m.outside).sum::<f64>() / rollouts.len().max(1) as f64,
            inconsistency: quartiles(|m| m.inconsistency),
            at_joints: quartiles(|m| m.at_joints),
            speed: quartiles(|m| m.speed),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn support() -> Support {
        let walls = vec![Area { min: [1.0, 0.0], max: [2.0, 1.0] }];
        let rows = vec![vec![[0.9, 0.5, 0.0, 0.0], [0.0, 0.0, 1.0, 1.0]]];
        Support::new(&rows, vec![-1.0, -1.0, -2.0, -2.0], vec![3.0, 3.0, 2.0, 2.0], walls)
    }

    #[test]
    fn outside_is_nearer_to_a_wall_than_the_data_or_beyond_their_range() {
        let support = support();
        assert!((support.clearance - 0.1).abs() < 1e-12);
        for (o, outside) in [
            ([0.89, 0.5, 0.0, 0.0], false),
            ([0.91, 0.5, 0.0, 0.0], true),
            ([1.5, 0.5, 0.0, 0.0], true),
            // Around a corner the distance is Euclidean: 0.08 on both axes are 0.113.
            ([0.92, 1.08, 0.0, 0.0], false),
            ([0.0, 0.0, 2.1, 0.0], true),
            ([0.0, f64::NAN, 0.0, 0.0], true),
        ] {
            assert_eq!(support.outside(&o), outside, "{o:?}");
        }
    }

    #[test]
    fn a_consistent_rollout_has_no_error_and_a_jump_shows_at_its_joint() {
        let support = support();
        let mut block: Vec<[f64; 4]> = (0..9).map(|i| [0.005 * f64::from(i), 0.0, 0.5, 0.0]).collect();
        let found = support.measure(&block, 40, 4);
        assert!(found.inconsistency < 1e-12 && found.at_joints < 1e-12 && found.outside == 0.0);
        assert!((found.speed - 0.5).abs() < 1e-12);
        // Frame 44 is block[5] (block[0] is the frame before frame 40): everything from there on is moved.
        block[5..].iter_mut().for_each(|o| o[1] += 0.08);
        let found = support.measure(&block, 40, 4);
        assert!((found.inconsistency - 0.01).abs() < 1e-12, "one jump in eight frames");
        assert!((found.at_joints - 0.04).abs() < 1e-12, "one jump in two joints");
    }
}
