//! The optimal denoiser of Gaussian data, in closed form, and what the tests around it share.
//!
//! Data: all slots of all chunk tokens jointly `x0 ~ N(mu, Sigma)`. With per-token levels the noisy tokens
//! are `x = A x0 + S e`, `A` and `S` diagonal, and the clean estimate is the posterior mean
//! `E[x0 | x] = mu + G (x - A mu)`, `G = Sigma A W^-1`, `W = A Sigma A + S^2`; its pullback is `G^T`.
//! Data may begin with the present observation; the state token then holds it. Shorter sequences have the law of their chunks.
#![allow(dead_code)]

pub mod drives;
pub mod gambling;
pub mod linear;
pub mod pads;
pub mod trained;

use forethought_planner::guidance::Objective;
use forethought_planner::noise::{NoiseSchedule, ScheduleKind};
use forethought_planner::{
    Cotangent, Denoiser, FIRST_CHUNK, Guidance, MatrixKind, NoisyBatch, PlannerError, STATE, Sampler,
    SchedulingMatrix, Solver, TokenLayout, Tokens, random,
};
use nalgebra::{DMatrix, DVector};

/// Every kind of matrix, with the uncertainties that the method's checks name.
pub const KINDS: [MatrixKind; 7] = [
    MatrixKind::FullSequence,
    MatrixKind::Autoregressive,
    MatrixKind::Pyramid { uncertainty: 0.3 },
    MatrixKind::Pyramid { uncertainty: 1.0 },
    MatrixKind::Pyramid { uncertainty: 2.5 },
    MatrixKind::Trapezoid { uncertainty: 1.0 },
    MatrixKind::Trapezoid { uncertainty: 2.5 },
];

/// Tokens of one frame: one action, two observations.
pub fn layout(chunks: usize) -> TokenLayout {
    TokenLayout {
        observation: 2,
        action: 1,
        reward: false,
        frames_per_token: 1,
        chunks,
        condition: vec![0, 1],
        bodies: vec![],
        objects: vec![],
        level_blocks: 0,
        returns: false,
    }
}

pub fn schedule(levels: usize) -> NoiseSchedule {
    NoiseSchedule::new(ScheduleKind::Cosine, levels).unwrap()
}

/// What is done with each sequence: its index, its posterior mean, and the Jacobian of that mean.
type Act<'a> = dyn FnMut(usize, DVector<f64>, &DMatrix<f64>) + 'a;

/// See the file's heading. Known tokens are ignored, but for the state where data begin with one.
#[derive(Clone)]
pub struct GaussianDenoiser {
    pub layout: TokenLayout,
    pub schedule: NoiseSchedule,
    pub mean: DVector<f64>,
    pub covariance: DMatrix<f64>,
    /// Entries with which data begin before the first chunk: those of the present observation, or none.
    pub state: usize,
    /// Solver that [`walk`] takes.
    pub solver: Solver,
    /// Levels and gain of the latest sequence: all sequences of a row share them.
    gain: Option<(Vec<u16>, DMatrix<f64>)>,
}

impl GaussianDenoiser {
    /// An autoregressive process of order one over tokens, correlation `0.8^|t - s|`, times a random
    /// positive definite matrix over slots; means of order one.
    pub fn new(chunks: usize, schedule: &NoiseSchedule, seed: u64) -> Self {
        let layout = layout(chunks);
        let (width, size) = (layout.width(), chunks * layout.width());
        let mut draws = vec![0.0; width * width + size];
        random::fill_normal(&mut random::stream(seed, &[7]), &mut draws);
        let root = DMatrix::from_column_slice(width, width, &draws[..width * width]);
        let slots = &root * root.transpose() / width as f64 + DMatrix::identity(width, width) * 0.3;
        let covariance = DMatrix::from_fn(size, size, |i, j| {
            0.8f64.powi((i / width).abs_diff(j / width) as i32) * slots[(i % width, j % width)]
        });
        let mean = DVector::from_column_slice(&draws[width * width..]);
        Self::of(layout, schedule, mean, covariance, 0)
    }

    /// Data of this law, of which the first `state` entries are the present observation.
    pub fn of(
        layout: TokenLayout,
        schedule: &NoiseSchedule,
        mean: DVector<f64>,
        covariance: DMatrix<f64>,
        state: usize,
    ) -> Self {
        let (schedule, solver) = (schedule.clone(), Solver::Ddim);
        Self { layout, schedule, mean, covariance, state, solver, gain: None }
    }

    pub fn size(&self) -> usize {
        self.mean.len() - self.state
    }

    /// The same data in tokens whose parts have levels of their own.
    pub fn with_blocks(mut self, level_blocks: usize) -> Self {
        self.layout.level_blocks = level_blocks;
        self
    }

    /// Where entry `i` of the data stands in a sequence.
    fn slot(&self, i: usize) -> usize {
        let first = FIRST_CHUNK * self.layout.width();
        i.checked_sub(self.state)
            .map_or(STATE * self.layout.width() + self.layout.last_observation() + i, |i| first + i)
    }

    fn slots(&self) -> Vec<usize> {
        (0..self.mean.len()).map(|i| self.slot(i)).collect()
    }

    /// Signal amplitude of every entry of a sequence of so many tokens.
    fn signal(&self, level_tp: &[u16]) -> DVector<f64> {
        let (width, parts, part_of) = (self.layout.width(), self.layout.parts(), self.layout.part_of_slots());
        let entries = self.state + (level_tp.len() / parts - FIRST_CHUNK) * width;
        DVector::from_fn(entries, |i, _| {
            let slot = self.slot(i);
            let column = slot / width * parts + part_of[slot % width];
            self.schedule.abar(usize::from(level_tp[column])).sqrt()
        })
    }

    fn prepare(&mut self, level_t: &[u16]) {
        if self.gain.as_ref().is_some_and(|(levels, _)| levels == level_t) {
            return;
        }
        let a = self.signal(level_t);
        let signal_covariance = DMatrix::from_fn(a.len(), a.len(), |i, j| a[i] * self.covariance[(i, j)]);
        let w = DMatrix::from_fn(a.len(), a.len(), |i, j| {
            signal_covariance[(i, j)] * a[j] + if i == j { 1.0 - a[i] * a[i] } else { 0.0 }
        });
        // G^T = W^-1 A Sigma.
        let gain = w.cholesky().expect("positive definite").solve(&signal_covariance).transpose();
        self.gain = Some((level_t.to_vec(), gain));
    }

    fn each(&mut self, batch: &NoisyBatch<'_>, act: &mut Act<'_>) {
        let per = batch.tokens * self.layout.width();
        let columns = batch.tokens * self.layout.parts();
        for b in 0..batch.batch {
            let level_t = &batch.level_btp[b * columns..(b + 1) * columns];
            self.prepare(level_t);
            let gain = &self.gain.as_ref().unwrap().1;
            let x_td = &batch.x_btd[b * per..(b + 1) * per];
            let x = DVector::from_fn(gain.nrows(), |i, _| x_td[self.slot(i)]);
            let mean = self.mean.rows(0, x.len());
            let centred = x - self.signal(level_t).component_mul(&mean);
            act(b, mean + gain * centred, gain);
        }
    }
}

impl Denoiser for GaussianDenoiser {
    fn layout(&self) -> &TokenLayout {
        &self.layout
    }

    fn denoise(&mut self, batch: &NoisyBatch<'_>, x0_btd: &mut [f64]) -> Result<(), PlannerError> {
        let (per, slots) = (batch.tokens * self.layout.width(), self.slots());
        self.each(batch, &mut |b, x0, _| {
            x0.iter().zip(&slots).for_each(|(x0, slot)| x0_btd[b * per + slot] = *x0);
        });
        Ok(())
    }

    fn denoise_vjp(
        &mut self,
        batch: &NoisyBatch<'_>,
        x0_btd: &mut [f64],
        cotangent: &Cotangent<'_>,
        pulled_btd: &mut [f64],
    ) -> Result<(), PlannerError> {
        let (per, slots) = (batch.tokens * self.layout.width(), self.slots());
        pulled_btd.fill(0.0);
        self.each(batch, &mut |b, x0, gain| {
            x0.iter().zip(&slots).for_each(|(x0, slot)| x0_btd[b * per + slot] = *x0);
            let mut gradient = vec![0.0; per];
            cotangent(b, &x0_btd[b * per..(b + 1) * per], &mut gradient);
            let pulled = gain.tr_mul(&DVector::from_fn(x0.len(), |i, _| gradient[slots[i]]));
            pulled.iter().zip(&slots).for_each(|(pulled, slot)| pulled_btd[b * per + slot] = *pulled);
        });
        Ok(())
    }
}

/// `J = -1/2 (x0 - centre)^T H (x0 - centre) + c . x0` over the chunk slots.
#[derive(Clone)]
pub struct Quadratic {
    pub known: usize,
    pub linear: DVector<f64>,
    pub curvature: DMatrix<f64>,
    pub centre: DVector<f64>,
}

impl Quadratic {
    pub fn linear(denoiser: &GaussianDenoiser, linear: DVector<f64>) -> Self {
        let n = denoiser.size();
        let known = FIRST_CHUNK * denoiser.layout.width();
        Self { known, linear, curvature: DMatrix::zeros(n, n), centre: DVector::zeros(n) }
    }
}

impl Objective for Quadratic {
    fn value_and_gradient(&self, x0_td: &[f64], _chunks: usize, gradient_td: &mut [f64]) -> f64 {
        let x0 = DVector::from_column_slice(&x0_td[self.known..]);
        let pull = &self.curvature * (&x0 - &self.centre);
        gradient_td[self.known..].copy_from_slice((&self.linear - &pull).as_slice());
        self.linear.dot(&x0) - 0.5 * pull.dot(&(&x0 - &self.centre))
    }
}

/// Tokens whose chunk tokens are the columns of `starts`.
pub fn sequences(layout: &TokenLayout, starts: &[Vec<f64>]) -> Tokens {
    let known = FIRST_CHUNK * layout.width();
    let x_btd: Vec<f64> =
        starts.iter().flat_map(|x| std::iter::repeat_n(0.0, known).chain(x.iter().copied())).collect();
    let chunks = starts[0].len() / layout.width();
    let count = starts.len();
    Tokens::new(layout.tokens(chunks), x_btd, vec![chunks; count], vec![false; count])
}

/// The chunk tokens of every sequence.
pub fn chunks_of(layout: &TokenLayout, x_btd: &[f64], batch: usize) -> Vec<DVector<f64>> {
    let known = FIRST_CHUNK * layout.width();
    x_btd.chunks_exact(x_btd.len() / batch).map(|x| DVector::from_column_slice(&x[known..])).collect()
}

/// `count` starts of standard normal noise.
pub fn noise(size: usize, count: usize, seed: u64) -> Vec<Vec<f64>> {
    (0..count)
        .map(|i| {
            let mut x = vec![0.0; size];
            random::fill_normal(&mut random::stream(seed, &[i as u64]), &mut x);
            x
        })
        .collect()
}

/// Objectives as guidance takes them.
pub fn refs(objectives: &[Box<dyn Objective>]) -> Vec<&dyn Objective> {
    objectives.iter().map(AsRef::as_ref).collect()
}

/// Walks the whole matrix from the given starts; `guide` is `(objective, scale, completions)`.
pub fn walk(
    denoiser: &mut GaussianDenoiser,
    kind: MatrixKind,
    levels: u16,
    stabilization: u16,
    starts: &[Vec<f64>],
    guide: Option<(&Quadratic, f64, usize)>,
) -> Vec<DVector<f64>> {
    let layout = denoiser.layout.clone();
    let schedule = denoiser.schedule.clone();
    let matrix = SchedulingMatrix::new(kind, layout.chunks, levels).unwrap();
    let matrix = matrix.with_parts(layout.parts()).unwrap().after_known(FIRST_CHUNK);
    let sampler = Sampler {
        schedule: &schedule,
        matrix: &matrix,
        stabilization,
        limits: None,
        solver: denoiser.solver,
    };
    let mut sequences = sequences(&layout, starts);
    let seeds: Vec<u64> = (0..starts.len() as u64).collect();
    let objectives: Vec<Box<dyn Objective>> = match guide {
        None => Vec::new(),
        Some((objective, _, _)) => starts.iter().map(|_| Box::new(objective.clone()) as _).collect(),
    };
    let objectives = refs(&objectives);
    let guidance = guide.map(|(_, scale, completions)| Guidance {
        objectives: &objectives,
        scale,
        end: 0,
        mc_samples: completions,
        seeds: &seeds,
    });
    let walked =
        sampler.run(denoiser, guidance.as_ref(), &mut sequences, sampler.all(), &mut |_, _| true).unwrap();
    assert_eq!(walked, matrix.steps());
    chunks_of(&layout, &sequences.x_btd, starts.len())
}

/// With an affine denoiser, sampling is an affine map `b + M z` of its initial noise `z`, read off by sampling
/// from zero and from every unit vector. Returns `b` and `M`.
pub fn affine(
    denoiser: &mut GaussianDenoiser,
    kind: MatrixKind,
    levels: u16,
    stabilization: u16,
    guide: Option<(&Quadratic, f64, usize)>,
) -> (DVector<f64>, DMatrix<f64>) {
    let n = denoiser.size();
    let unit = |i: usize| (0..n).map(|j| if i == j + 1 { 1.0 } else { 0.0 }).collect::<Vec<f64>>();
    let starts: Vec<Vec<f64>> = (0..=n).map(unit).collect();
    let ends = walk(denoiser, kind, levels, stabilization, &starts, guide);
    (ends[0].clone(), DMatrix::from_fn(n, n, |i, j| ends[j + 1][i] - ends[0][i]))
}

/// Exact mean and covariance of the sampler's output.
pub fn law(
    denoiser: &mut GaussianDenoiser,
    kind: MatrixKind,
    levels: u16,
    stabilization: u16,
    guide: Option<(&Quadratic, f64, usize)>,
) -> (DVector<f64>, DMatrix<f64>) {
    let (mean, map) = affine(denoiser, kind, levels, stabilization, guide);
    (mean, &map * map.transpose())
}

/// Mean and its standard error.
pub fn mean_and_error(values: &[f64]) -> (f64, f64) {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    (mean, (values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / (n - 1.0) / n).sqrt())
}
