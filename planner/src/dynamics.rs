//! Linear dynamics of the data: where the next frames lie if walls, goals and routes are left out of account.
//!
//! What is local is not left to the network: a block of frames begins where the one before ends, and its actions push it
//! on. Where data leap ([`Support::leap`]), a leap is no measure of how far they stray: it counts as far as the shortest
//! one does, or all else would be told as vaguely as if it might leap. Two one-step models are rolled out over a block, one that knows the actions and one that does not:
//! `o' = A o + B a + c` and `o' = A' o + c'`, normalised units. With each goes how far the data stray from it, frame
//! by frame: a contact with a wall is such a straying, and what the network has left to learn.
//!
//! What is at rest until it is touched is no half-hearted follower of whatever may touch it, which is what least squares
//! make of it: an entry of which standing still says more, measured by mean absolute errors, is said to stand still.

use forethought_envs::data::{Dataset, DatasetNormalizer, Support, Trajectory};
use nalgebra::DMatrix;
use serde::{Deserialize, Serialize};

use crate::error::check_len;
use crate::{PlannerError, TokenLayout};

/// Transitions and windows that are fitted at most, spread evenly over the data.
const ROWS: usize = 100_000;
/// Ridge, as a share of the number of rows: columns have deviation one.
const RIDGE: f64 = 1e-6;
/// Most numbers that are worked out of a block's dynamics.
const MOST_NUMBERS: usize = 1 << 21;
/// Least variance that is left unexplained: below it lies the rounding of recordings.
const LEAST: f64 = 1e-6;

/// One-step linear models of the data and how far data stray from them over a block. `O`, `A` entries of observation and
/// action, `f` frames of a block.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LocalDynamics {
    /// Variance of each entry in the data, `[O]`.
    pub spread: Vec<f64>,
    /// `A`, `[O, O]`.
    pub transition: Vec<f64>,
    /// `B`, `[O, A]`.
    pub effect: Vec<f64>,
    /// `c`, `[O]`.
    pub drift: Vec<f64>,
    /// Variance of frame `i` that the observation before the block and actions leave open, `[f, O]`.
    pub variance: Vec<f64>,
    /// `A'`, `[O, O]`.
    pub passive_transition: Vec<f64>,
    /// `c'`, `[O]`.
    pub passive_drift: Vec<f64>,
    /// Variance of frame `i` that the observation before the block leaves open, `[f, O]`.
    pub passive_variance: Vec<f64>,
}

impl LocalDynamics {
    /// Fits the rows of these trajectories of `dataset`, whose observations must follow one another.
    ///
    /// # Errors
    /// [`PlannerError::Env`] and [`PlannerError::Length`] when data, layout and normaliser do not fit each other,
    /// [`PlannerError::Setting`] for blocks too large to compute with. Data too few or too strange to fit are no error:
    /// then everything stays where it is, and all else is left open.
    pub fn fit(
        dataset: &Dataset,
        trajectories: &[Trajectory],
        normalizer: &DatasetNormalizer,
        layout: &TokenLayout,
    ) -> Result<Self, PlannerError> {
        let (o, a, f) = (layout.observation, layout.action, layout.block_frames());
        layout.check()?;
        dataset.check()?;
        check_len("data observation", o, dataset.observation_dim)?;
        check_len("data action", a, dataset.action_dim)?;
        if !bearable(layout) {
            return Err(PlannerError::Setting {
                name: "model.level_blocks",
                value: layout.level_blocks.to_string(),
                remedy: format!(
                    "linear dynamics of {o} observation entries over {f} frames are more than is computed: give more blocks, \
                     or 0 for one level a token"
                ),
            });
        }
        let (mut observations, mut actions) = (dataset.observations.clone(), dataset.actions.clone());
        normalizer.observation.normalize_f32(&mut observations)?;
        normalizer.action.normalize_f32(&mut actions)?;
        let windows: usize = trajectories.iter().map(|t| t.len().saturating_sub(f)).sum();
        let stride = windows.div_ceil(ROWS).max(1);
        let starts: Vec<usize> = trajectories
            .iter()
            .flat_map(|trajectory| trajectory.start..trajectory.end.saturating_sub(f).max(trajectory.start))
            .step_by(stride)
            .collect();
        let rows = Rows { observations: &observations, actions: &actions, observation: o, action: a };
        let mut found = Self::persistence(layout);
        let fitted = fit_step(&rows, &starts, true).zip(fit_step(&rows, &starts, false));
        let Some((active, passive)) = fitted else { return Ok(found) };
        let entry = |model: &DMatrix<f64>, row: usize, columns: std::ops::Range<usize>| {
            columns.map(|column| model[(column, row)]).collect::<Vec<_>>()
        };
        found.transition = (0..o).flat_map(|i| entry(&active, i, 0..o)).collect();
        found.effect = (0..o).flat_map(|i| entry(&active, i, o..o + a)).collect();
        found.drift = (0..o).flat_map(|i| entry(&active, i, o + a..o + a + 1)).collect();
        found.passive_transition = (0..o).flat_map(|i| entry(&passive, i, 0..o)).collect();
        found.passive_drift = (0..o).flat_map(|i| entry(&passive, i, o..o + 1)).collect();
        for entry in found.better_still(&rows, &starts) {
            found.hold_still(entry);
        }
        found.spread = spread(&rows, &starts);
        let most = furthest(dataset, normalizer, layout);
        for known in [true, false] {
            let variance = found.strayed(&rows, &starts, f, known, &most);
            if known { found.variance = variance } else { found.passive_variance = variance }
        }
        Ok(if found.fits(layout) { found } else { Self::persistence(layout) })
    }

    /// Everything stays where it is, give or take a deviation.
    pub fn persistence(layout: &TokenLayout) -> Self {
        // Nothing is laid out for a layout that no sequence has.
        let sound = layout.check().is_ok() && bearable(layout);
        let (o, f) = if sound { (layout.observation, layout.block_frames()) } else { (0, 0) };
        let identity: Vec<f64> = (0..o * o).map(|i| f64::from(u8::from(i % (o + 1) == 0))).collect();
        Self {
            spread: vec![1.0; o],
            transition: identity.clone(),
            effect: vec![0.0; o * layout.action],
            drift: vec![0.0; o],
            variance: vec![1.0; f * o],
            passive_transition: identity,
            passive_drift: vec![0.0; o],
            passive_variance: vec![1.0; f * o],
        }
    }

    /// Whether it speaks of tokens of this layout, in numbers that can be computed with.
    pub fn fits(&self, layout: &TokenLayout) -> bool {
        let (o, a, f) = (layout.observation, layout.action, layout.block_frames());
        let sizes = [
            (&self.spread, Some(o)),
            (&self.transition, o.checked_mul(o)),
            (&self.effect, o.checked_mul(a)),
            (&self.drift, Some(o)),
            (&self.variance, o.checked_mul(f)),
            (&self.passive_transition, o.checked_mul(o)),
            (&self.passive_drift, Some(o)),
            (&self.passive_variance, o.checked_mul(f)),
        ];
        let bounded = |value: &f64| value.is_finite() && value.abs() < 1e12;
        let mut variances = self.spread.iter().chain(&self.variance).chain(&self.passive_variance);
        sizes.iter().all(|(values, len)| Some(values.len()) == *len && values.iter().all(bounded))
            && variances.all(|variance| *variance > 0.0)
            && bearable(layout)
    }

    /// Mean square error of every frame of a block, `[f, O]`, over these windows, none of an entry counted as more than `most`.
    fn strayed(&self, rows: &Rows<'_>, starts: &[usize], f: usize, known: bool, most: &[f64]) -> Vec<f64> {
        let o = rows.observation;
        let (mut sum, mut now, mut next) = (vec![0.0; f * o], vec![0.0; o], vec![0.0; o]);
        for &start in starts {
            now.iter_mut().zip(rows.observation(start)).for_each(|(now, x)| *now = f64::from(*x));
            for (frame, sum_o) in sum.chunks_exact_mut(o).enumerate() {
                self.step(&now, known.then(|| rows.action(start + frame)), &mut next);
                std::mem::swap(&mut now, &mut next);
                let seen = rows.observation(start + frame + 1);
                for (((sum, now), x), most) in sum_o.iter_mut().zip(&now).zip(seen).zip(most) {
                    *sum += (now - f64::from(*x)).abs().min(*most).powi(2);
                }
            }
        }
        sum.iter().map(|sum| (sum / starts.len().max(1) as f64).max(LEAST)).collect()
    }

    /// Entries that the next frame is nearer to where they are than to where the dynamics put them, in the mean.
    fn better_still(&self, rows: &Rows<'_>, starts: &[usize]) -> Vec<usize> {
        let o = rows.observation;
        let (mut gained, mut now, mut next) = (vec![0.0; o], vec![0.0; o], vec![0.0; o]);
        for &start in starts {
            now.iter_mut().zip(rows.observation(start)).for_each(|(now, x)| *now = f64::from(*x));
            self.step(&now, Some(rows.action(start)), &mut next);
            let seen = rows.observation(start + 1).iter().map(|x| f64::from(*x));
            for (((gained, next), now), x) in gained.iter_mut().zip(&next).zip(&now).zip(seen) {
                *gained += (now - x).abs() - (next - x).abs();
            }
        }
        (0..o).filter(|&entry| gained[entry] < 0.0).collect()
    }

    fn hold_still(&mut self, entry: usize) {
        let (o, a) = (self.drift.len(), self.effect.len() / self.drift.len().max(1));
        for transition in [&mut self.transition, &mut self.passive_transition] {
            let row = transition[entry * o..(entry + 1) * o].iter_mut().enumerate();
            row.for_each(|(i, weight)| *weight = f64::from(u8::from(i == entry)));
        }
        self.effect[entry * a..(entry + 1) * a].fill(0.0);
        (self.drift[entry], self.passive_drift[entry]) = (0.0, 0.0);
    }

    fn step(&self, now: &[f64], action: Option<&[f32]>, next: &mut [f64]) {
        let (transition, drift) = match action {
            Some(_) => (&self.transition, &self.drift),
            None => (&self.passive_transition, &self.passive_drift),
        };
        let o = now.len();
        for (i, next) in next.iter_mut().enumerate() {
            let moved: f64 = transition[i * o..(i + 1) * o].iter().zip(now).map(|(m, x)| m * x).sum();
            let pushed = action.map_or(0.0, |action| {
                let effect = &self.effect[i * action.len()..(i + 1) * action.len()];
                effect.iter().zip(action).map(|(m, x)| m * f64::from(*x)).sum::<f64>()
            });
            *next = moved + pushed + drift[i];
        }
    }
}

/// Whether dynamics of this layout can be computed with: `f O^2` numbers, and `O` times as many operations.
fn bearable(layout: &TokenLayout) -> bool {
    let o = layout.observation;
    layout.block_frames().saturating_mul(o).saturating_mul(o) <= MOST_NUMBERS
}

/// Normalised data.
struct Rows<'a> {
    observations: &'a [f32],
    actions: &'a [f32],
    observation: usize,
    action: usize,
}

impl Rows<'_> {
    fn observation(&self, row: usize) -> &[f32] {
        &self.observations[row * self.observation..(row + 1) * self.observation]
    }

    fn action(&self, row: usize) -> &[f32] {
        &self.actions[row * self.action..(row + 1) * self.action]
    }
}

/// How far each entry may be said to stray, `[O]`, normalised: a leap's length, of positions in data that leap.
fn furthest(dataset: &Dataset, normalizer: &DatasetNormalizer, layout: &TokenLayout) -> Vec<f64> {
    let mut most = vec![f64::INFINITY; layout.observation];
    // Data of which no support can be had are said to have none where that is fitted.
    let support = Support::fit(dataset, &layout.condition, layout.frames_per_token).ok();
    let Some(leap) = support.and_then(|support| support.leap()) else { return most };
    for &entry in &layout.condition {
        if let (Some(most), Some(scale)) = (most.get_mut(entry), normalizer.observation.scale().get(entry)) {
            *most = leap / scale;
        }
    }
    most
}

/// Variance of every entry of the observations in these rows.
fn spread(rows: &Rows<'_>, starts: &[usize]) -> Vec<f64> {
    let count = starts.len().max(1) as f64;
    let moment = |entry: usize, power: i32| {
        starts.iter().map(|&row| f64::from(rows.observation(row)[entry]).powi(power)).sum::<f64>() / count
    };
    (0..rows.observation).map(|entry| (moment(entry, 2) - moment(entry, 1).powi(2)).max(LEAST)).collect()
}

/// Least squares of the next observation on the present one, the action where it is known, and a constant:
/// coefficients `[features, O]`.
fn fit_step(rows: &Rows<'_>, starts: &[usize], known: bool) -> Option<DMatrix<f64>> {
    let (o, a) = (rows.observation, if known { rows.action } else { 0 });
    let n = o + a + 1;
    let (mut xx, mut xy) = (DMatrix::<f64>::zeros(n, n), DMatrix::<f64>::zeros(n, o));
    let mut x = vec![1.0; n];
    for &row in starts {
        let seen = rows.observation(row).iter().chain(rows.action(row).iter().take(a));
        x.iter_mut().zip(seen).for_each(|(x, value)| *x = f64::from(*value));
        for (i, xi) in x.iter().enumerate() {
            x.iter().enumerate().for_each(|(j, xj)| xx[(i, j)] += xi * xj);
            rows.observation(row + 1).iter().enumerate().for_each(|(j, y)| xy[(i, j)] += xi * f64::from(*y));
        }
    }
    let ridge = RIDGE * starts.len() as f64 + f64::MIN_POSITIVE;
    let regular = xx + DMatrix::identity(n, n) * ridge;
    regular.cholesky().map(|cholesky| cholesky.solve(&xy)).filter(|found| found.iter().all(|v| v.is_finite()))
}

#[cfg(test)]
mod tests {
    use forethought_envs::data::{DatasetMetadata, Normalizer, NormalizerKind};

    use super::*;

    fn layout() -> TokenLayout {
        TokenLayout {
            observation: 2,
            action: 1,
            reward: false,
            frames_per_token: 3,
            chunks: 2,
            condition: vec![0],
            bodies: vec![],
            objects: vec![],
            level_blocks: 1,
            returns: false,
        }
    }

    /// Data of `n` rows in one episode, without the rows.
    fn empty(n: usize) -> Dataset {
        Dataset {
            env_id: "line".into(),
            observation_dim: 2,
            action_dim: 1,
            goal_dim: 0,
            observations: Vec::new(),
            actions: Vec::new(),
            rewards: vec![0.0; n],
            terminals: vec![false; n],
            timeouts: (1..=n).map(|row| row == n).collect(),
            goals: None,
            simulator: None,
            metadata: DatasetMetadata::default(),
        }
    }

    fn fitted(dataset: &Dataset) -> LocalDynamics {
        let unscaled =
            |n: usize| Normalizer::from_parts(NormalizerKind::Standard, vec![0.0; n], vec![1.0; n]).unwrap();
        let normalizer = DatasetNormalizer { observation: unscaled(2), action: unscaled(1) };
        LocalDynamics::fit(dataset, &dataset.trajectories(true), &normalizer, &layout()).unwrap()
    }

    #[test]
    fn what_is_carried_now_and_then_is_said_to_stand_still() {
        // A hand that goes where it is told, and a cube that goes with it for two steps of five.
        let n = 4000;
        let mut noise = vec![0.0; n];
        crate::random::fill_normal(&mut crate::random::stream(4, &[]), &mut noise);
        let mut dataset = empty(n);
        let (mut hand, mut cube) = (0.0_f64, 0.0_f64);
        for (step, &a) in noise.iter().enumerate() {
            dataset.observations.extend([hand as f32, cube as f32]);
            dataset.actions.push(a as f32);
            let before = hand;
            hand = 0.9 * hand + 0.3 * a;
            cube += if step % 5 < 2 { hand - before } else { 0.0 };
        }
        let found = fitted(&dataset);
        assert!((found.transition[0] - 0.9).abs() < 1e-3 && (found.effect[0] - 0.3).abs() < 1e-3);
        assert_eq!(
            (found.transition[2..].to_vec(), found.effect[1], found.drift[1]),
            (vec![0.0, 1.0], 0.0, 0.0)
        );
        assert_eq!((found.passive_transition[2..].to_vec(), found.passive_drift[1]), (vec![0.0, 1.0], 0.0));
        // What carrying does is left open: two steps of five of a hand's way of 0.3 deviations, and a little more.
        assert!((0.03..0.06).contains(&found.variance[1]), "{:?}", found.variance);
    }

    #[test]
    fn a_linear_system_is_found_and_what_is_left_is_what_is_unknown() {
        // Position and velocity, pushed by actions that nobody could foresee.
        let n = 4000;
        let mut noise = vec![0.0; n];
        crate::random::fill_normal(&mut crate::random::stream(3, &[]), &mut noise);
        let mut dataset = empty(n);
        let (mut p, mut v) = (0.0_f64, 0.0_f64);
        for &a in &noise {
            dataset.observations.extend([p as f32, v as f32]);
            dataset.actions.push(a as f32);
            (p, v) = (0.9 * p + 0.3 * v + 0.1, 0.8 * v + 0.5 * a);
        }
        let found = fitted(&dataset);
        let close = |found: &[f64], want: &[f64], by: f64| {
            assert!(found.iter().zip(want).all(|(f, w)| (f - w).abs() < by), "{found:?} for {want:?}");
        };
        close(&found.transition, &[0.9, 0.3, 0.0, 0.8], 1e-4);
        close(&found.effect, &[0.0, 0.5], 1e-4);
        close(&found.drift, &[0.1, 0.0], 1e-4);
        close(&found.variance, &[0.0; 6], 1e-4);
        close(&found.passive_transition, &[0.9, 0.3, 0.0, 0.8], 0.03);
        // Without the actions: a variance of 0.25 each step, of which 0.64 stay, and 0.09 reach the position.
        close(&found.passive_variance, &[0.0, 0.25, 0.0225, 0.41, 0.0822, 0.5124], 0.03);
    }
}
