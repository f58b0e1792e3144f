//! A linear world with Gaussian chance and a behaviour that answers it, in closed form.
//!
//! `o' = A o + B a + w`, `w ~ N(0, W)`; data are made by `a = K o + k + s e` from `o_0 ~ N(m, P)`. All of a trajectory is then
//! jointly Gaussian, and so are the outcomes of given decisions, whose law is another: in data decisions answer outcomes.

use forethought_envs::data::{DatasetNormalizer, Normalizer, NormalizerKind};
use forethought_envs::{Frames, FramesGradient};
use forethought_planner::checkpoint::SlotLimits;
use forethought_planner::{Denoiser, DiffusionPlanner, PlanConfig, Solver};
use nalgebra::{DMatrix, DVector, Matrix2, RowVector2, Vector2};

use super::{GaussianDenoiser, layout, schedule};

/// `A`, `B`, `W`; the behaviour's `K`, `k` and `s`; where its data begin.
pub const A: Matrix2<f64> = Matrix2::new(0.9, 0.25, -0.2, 0.8);
pub const B: Vector2<f64> = Vector2::new(0.4, 0.7);
pub const W: Matrix2<f64> = Matrix2::new(0.30, 0.10, 0.10, 0.20);
const K: RowVector2<f64> = RowVector2::new(-0.8, 0.5);
const OFFSET: f64 = 0.3;
const SPREAD: f64 = 0.6;
const BEGIN: Vector2<f64> = Vector2::new(0.5, -0.2);

/// Shift and scale of the environment's units.
const SHIFT: [f64; 3] = [0.2, -0.1, 0.4];
const SCALE: [f64; 3] = [1.5, 2.0, 0.8];

/// Reward of one step, `-1/2 (o - g)^T Q (o - g) - 1/2 rho a^2 + c . o`.
#[derive(Clone, Copy, Debug)]
pub struct Reward {
    pub curvature: Matrix2<f64>,
    pub goal: Vector2<f64>,
    pub effort: f64,
    pub linear: Vector2<f64>,
}

impl Reward {
    pub const QUADRATIC: Self = Self {
        curvature: Matrix2::new(1.0, 0.3, 0.3, 0.6),
        goal: Vector2::new(1.0, -0.5),
        effort: 0.4,
        linear: Vector2::new(0.0, 0.1),
    };
    pub const LINEAR: Self = Self {
        curvature: Matrix2::new(0.0, 0.0, 0.0, 0.0),
        goal: Vector2::new(0.0, 0.0),
        effort: 0.0,
        linear: Vector2::new(0.7, -0.4),
    };

    /// Reward's slope at an observation.
    pub fn slope(&self, o: Vector2<f64>) -> Vector2<f64> {
        self.linear - self.curvature * (o - self.goal)
    }

    /// Reward of an observation, effort apart.
    pub fn earned(&self, o: Vector2<f64>) -> f64 {
        let off = o - self.goal;
        self.linear.dot(&o) - 0.5 * off.dot(&(self.curvature * off))
    }

    /// As a task's score.
    pub fn score(&self, frames: Frames<'_>, mut gradient: Option<&mut FramesGradient<'_>>) -> f64 {
        let mut score = 0.0;
        for i in 0..frames.len {
            let (o, a) = (Vector2::from_column_slice(frames.observations.get(i)), frames.actions.get(i)[0]);
            score += frames.weight * (self.earned(o) - 0.5 * self.effort * a * a);
            if let Some(gradient) = gradient.as_mut() {
                let slope = self.slope(o) * frames.weight;
                gradient.observation(i).iter_mut().zip(&slope).for_each(|(g, slope)| *g += slope);
                gradient.action(i)[0] -= frames.weight * self.effort * a;
            }
        }
        score
    }
}

/// The optimal denoiser of trajectories in `chunks` chunks of `frames` frames, a block each, and a planner around it.
pub fn planner(
    chunks: usize,
    frames: usize,
    steps: u16,
    solver: Solver,
) -> (DiffusionPlanner, GaussianDenoiser) {
    let denoiser = in_blocks(chunks, frames, frames);
    (around(Box::new(denoiser.clone()), steps, solver, 0, 99.0), denoiser)
}

/// A planner around a denoiser of two observations, an action and perhaps a reward, whose estimates are limited to `most`.
pub fn around(
    denoiser: Box<dyn Denoiser>,
    steps: u16,
    solver: Solver,
    stabilization: u16,
    most: f64,
) -> DiffusionPlanner {
    let frame = denoiser.layout().frame();
    let limits = SlotLimits { low: vec![-most; frame], high: vec![most; frame] };
    let mut config = PlanConfig::default();
    (config.sampler.steps, config.sampler.solver) = (steps, solver);
    config.sampler.stabilization_level = stabilization;
    config.rank.ood_penalty = 0.0;
    DiffusionPlanner::new(denoiser, schedule(1000), normalizer(), limits, config, None).unwrap()
}

pub fn normalizer() -> DatasetNormalizer {
    let part = |at: std::ops::Range<usize>| {
        Normalizer::from_parts(NormalizerKind::Standard, SHIFT[at.clone()].to_vec(), SCALE[at].to_vec())
            .unwrap()
    };
    DatasetNormalizer { observation: part(1..3), action: part(0..1) }
}

/// The optimal denoiser of trajectories in chunks of so many frames and blocks.
pub fn in_blocks(chunks: usize, frames: usize, blocks: usize) -> GaussianDenoiser {
    let n = chunks * frames;
    let (size, noises) = (2 + 3 * n, 2 + 3 * n);
    // Every entry is a mean and a row of coefficients of independent noises.
    let mut mean = DVector::zeros(size);
    let mut map = DMatrix::zeros(size, noises);
    mean.rows_mut(0, 2).copy_from(&BEGIN);
    map.view_mut((0, 0), (2, 2)).copy_from(&(Matrix2::identity() * 0.9));
    let root = W.cholesky().unwrap().l();
    for t in 0..n {
        let (before, at) = (if t == 0 { 0 } else { 3 * t }, 2 + 3 * t);
        let (o, of_o) = (mean.rows(before, 2).clone_owned(), map.rows(before, 2).clone_owned());
        let mut of_a = K * &of_o;
        of_a[at] += SPREAD;
        let a = (K * &o)[0] + OFFSET;
        let next = A * &o + B * a;
        let mut of_next = A * &of_o + B * &of_a;
        let mut own = of_next.view_mut((0, at + 1), (2, 2));
        own += root;
        mean[at] = a;
        map.row_mut(at).copy_from(&of_a);
        mean.rows_mut(at + 1, 2).copy_from(&next);
        map.rows_mut(at + 1, 2).copy_from(&of_next);
    }
    let column = |i: usize| if i < 2 { 1 + i } else { (i - 2) % 3 };
    for i in 0..size {
        mean[i] = (mean[i] - SHIFT[column(i)]) / SCALE[column(i)];
        let mut row = map.row_mut(i);
        row /= SCALE[column(i)];
    }
    let mut layout = layout(chunks);
    (layout.frames_per_token, layout.level_blocks) = (frames, blocks);
    GaussianDenoiser::of(layout, &schedule(1000), mean, &map * map.transpose(), 2)
}

/// Mean and covariance of the observations that decisions lead to from `o`, `[2 n]`, environment units.
pub fn outcomes(o: [f64; 2], actions: &[f64]) -> (DVector<f64>, DMatrix<f64>) {
    let n = actions.len();
    let (mut mean, mut covariance) = (DVector::zeros(2 * n), DMatrix::zeros(2 * n, 2 * n));
    let (mut m, mut p) = (Vector2::from(o), Matrix2::zeros());
    for (t, a) in actions.iter().enumerate() {
        m = A * m + B * *a;
        p = A * p * A.transpose() + W;
        mean.rows_mut(2 * t, 2).copy_from(&m);
        // Cov(o_s, o_t) = A^(s - t) P_t for s after t.
        let mut block = p;
        for s in t..n {
            covariance.view_mut((2 * s, 2 * t), (2, 2)).copy_from(&block);
            covariance.view_mut((2 * t, 2 * s), (2, 2)).copy_from(&block.transpose());
            block = A * block;
        }
    }
    (mean, covariance)
}

/// Expected score of decisions, each step weighed by `weight`, and its gradient with respect to them.
pub fn expected(reward: &Reward, o: [f64; 2], actions: &[f64], weight: f64) -> (f64, Vec<f64>) {
    let (mean, covariance) = outcomes(o, actions);
    let (mut value, mut later) = (0.0, Vector2::zeros());
    let mut gradient = vec![0.0; actions.len()];
    for (t, a) in actions.iter().enumerate().rev() {
        let m = Vector2::new(mean[2 * t], mean[2 * t + 1]);
        let spread = covariance.fixed_view::<2, 2>(2 * t, 2 * t).clone_owned();
        let earned = reward.earned(m) - 0.5 * (reward.curvature * spread).trace();
        value += weight * (earned - 0.5 * reward.effort * a * a);
        later = A.transpose() * later + reward.slope(m) * weight;
        gradient[t] = B.dot(&later) - weight * reward.effort * a;
    }
    (value, gradient)
}
