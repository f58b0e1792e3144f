//! Monte Carlo guidance: ordinary guidance at `N = 1`, less variance at larger `N`, nothing to gain where no
//! token is noisier than those being decided.
#![allow(clippy::float_cmp, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use std::sync::{Arc, Mutex};

use common::{GaussianDenoiser, KINDS, noise, refs, schedule, sequences};
use forethought_planner::guidance::Objective;
use forethought_planner::{
    Cotangent, Denoiser, FIRST_CHUNK, Guidance, MatrixKind, NoisyBatch, PlannerError, Sampler,
    SchedulingMatrix, Solver, TokenLayout, random,
};

const CHUNKS: usize = 4;
const LEVELS: u16 = 20;
const SCALE: f64 = 0.7;

/// `J = sin(sum over all chunk slots of w x0)`: its gradient depends on every token.
struct Wave {
    known: usize,
}

impl Objective for Wave {
    fn value_and_gradient(&self, x0_td: &[f64], _chunks: usize, gradient_td: &mut [f64]) -> f64 {
        let weight = |i: usize| 0.4 + 0.1 * (i % 5) as f64;
        let phase: f64 = x0_td[self.known..].iter().enumerate().map(|(i, x)| weight(i) * x).sum();
        gradient_td[self.known..].iter_mut().enumerate().for_each(|(i, g)| *g = weight(i) * phase.cos());
        phase.sin()
    }
}

/// Batches as a denoiser was shown them: number of sequences and tokens.
type Shown = Arc<Mutex<Vec<(usize, Vec<f64>)>>>;

/// Passes everything on and keeps what was shown.
struct Watched {
    inner: GaussianDenoiser,
    shown: Shown,
}

impl Denoiser for Watched {
    fn layout(&self) -> &TokenLayout {
        self.inner.layout()
    }

    fn denoise(&mut self, batch: &NoisyBatch<'_>, x0_btd: &mut [f64]) -> Result<(), PlannerError> {
        self.inner.denoise(batch, x0_btd)
    }

    fn denoise_vjp(
        &mut self,
        batch: &NoisyBatch<'_>,
        x0_btd: &mut [f64],
        cotangent: &Cotangent<'_>,
        pulled_btd: &mut [f64],
    ) -> Result<(), PlannerError> {
        self.shown.lock().unwrap().push((batch.batch, batch.x_btd.to_vec()));
        self.inner.denoise_vjp(batch, x0_btd, cotangent, pulled_btd)
    }
}

fn denoiser() -> GaussianDenoiser {
    GaussianDenoiser::new(CHUNKS, &schedule(1000), 21)
}

fn waves(denoiser: &GaussianDenoiser, count: usize) -> Vec<Box<dyn Objective>> {
    let known = FIRST_CHUNK * denoiser.layout.width();
    (0..count).map(|_| Box::new(Wave { known }) as _).collect()
}

/// Final tokens of `starts.len()` guided sequences.
fn guided(
    denoiser: &mut dyn Denoiser,
    inner: &GaussianDenoiser,
    kind: MatrixKind,
    completions: usize,
    starts: &[Vec<f64>],
    seeds: &[u64],
) -> Vec<f64> {
    let matrix = SchedulingMatrix::new(kind, CHUNKS, LEVELS).unwrap().after_known(FIRST_CHUNK);
    let sampler = Sampler {
        schedule: &inner.schedule,
        matrix: &matrix,
        stabilization: 10,
        limits: None,
        solver: Solver::Ddim,
    };
    let objectives = waves(inner, starts.len());
    let guidance =
        Guidance { objectives: &refs(&objectives), scale: SCALE, end: 0, mc_samples: completions, seeds };
    let mut state = sequences(&inner.layout, starts);
    sampler.run(denoiser, Some(&guidance), &mut state, sampler.all(), &mut |_, _| true).unwrap();
    state.x_btd
}

/// Guided DDIM written out with one gradient per row.
fn plain_guidance(denoiser: &mut GaussianDenoiser, kind: MatrixKind, start: &[f64]) -> Vec<f64> {
    let matrix = SchedulingMatrix::new(kind, CHUNKS, LEVELS).unwrap().after_known(FIRST_CHUNK);
    let (schedule, width) = (denoiser.schedule.clone(), denoiser.layout.width());
    let known = FIRST_CHUNK * width;
    let mut x = sequences(&denoiser.layout, &[start.to_vec()]).x_btd;
    for m in 0..matrix.steps() {
        let training = |s: u16| (usize::from(s) * 1000 + 10) / 20;
        let level: Vec<u16> =
            matrix.row(m).iter().map(|&s| if s == 0 { 10 } else { training(s) as u16 }).collect();
        let mut shown = x.clone();
        for (t, token) in shown.chunks_exact_mut(width).enumerate() {
            if matrix.row(m)[t] == 0 {
                token.iter_mut().for_each(|v| *v *= schedule.abar(10).sqrt());
            }
        }
        let batch = NoisyBatch {
            batch: 1,
            tokens: matrix.tokens(),
            x_btd: &shown,
            level_btp: &level,
            chunks_b: &[CHUNKS],
            goal_b: &[false],
        };
        let (mut x0, mut gradient) = (vec![0.0; x.len()], vec![0.0; x.len()]);
        let score = |_: usize, x0: &[f64], g: &mut [f64]| {
            Wave { known }.value_and_gradient(x0, CHUNKS, g);
        };
        denoiser.denoise_vjp(&batch, &mut x0, &score, &mut gradient).unwrap();
        for i in known..x.len() {
            let (from, to) = (matrix.row(m)[i / width], matrix.row(m + 1)[i / width]);
            if from != to {
                let (now, next) = (schedule.abar(training(from)), schedule.abar(training(to)));
                let x0 = x0[i] + (1.0 - now) / now.sqrt() * SCALE * gradient[i];
                let e = (x[i] - now.sqrt() * x0) / (1.0 - now).sqrt();
                x[i] = next.sqrt() * x0 + (1.0 - next).sqrt() * e;
            }
        }
    }
    x
}

#[test]
fn one_completion_is_plain_guidance() {
    let inner = denoiser();
    let starts = noise(inner.size(), 3, 1);
    for kind in KINDS {
        let found = guided(&mut inner.clone(), &inner, kind, 1, &starts, &[1, 2, 3]);
        let other_seeds = guided(&mut inner.clone(), &inner, kind, 1, &starts, &[7, 8, 9]);
        assert_eq!(found, other_seeds, "{kind:?}: nothing is drawn");
        let plain: Vec<f64> =
            starts.iter().flat_map(|start| plain_guidance(&mut inner.clone(), kind, start)).collect();
        // Two ways to write one step; the first divides by sqrt(1e-5).
        let worst = found.iter().zip(&plain).fold(0.0f64, |worst, (a, b)| worst.max((a - b).abs()));
        assert!(worst < 1e-11, "{kind:?}: {worst}");
        let mut unguided = inner.clone();
        let unguided = common::walk(&mut unguided, kind, LEVELS, 10, &starts, None);
        assert!((unguided[0][0] - found[FIRST_CHUNK * inner.layout.width()]).abs() > 1e-3, "guidance acts");
    }
}

#[test]
fn with_the_full_sequence_matrix_completions_are_equal_and_change_nothing() {
    let inner = denoiser();
    let starts = noise(inner.size(), 2, 1);
    let one = guided(&mut inner.clone(), &inner, MatrixKind::FullSequence, 1, &starts, &[1, 2]);
    for completions in [2, 3, 8] {
        let shown = Arc::new(Mutex::new(Vec::new()));
        let mut watched = Watched { inner: inner.clone(), shown: Arc::clone(&shown) };
        let many = guided(&mut watched, &inner, MatrixKind::FullSequence, completions, &starts, &[1, 2]);
        for (batch, x_ntd) in shown.lock().unwrap().iter() {
            assert_eq!(*batch, 2 * completions);
            let size = x_ntd.len() / batch;
            for group in x_ntd.chunks_exact(size * completions) {
                assert!(group.chunks_exact(size).all(|x| x == &group[..size]));
            }
        }
        // The mean of equal numbers, up to the rounding of its sum.
        for (a, b) in one.iter().zip(&many) {
            assert!((a - b).abs() < 1e-10, "{completions}: {a} {b}");
        }
    }
    let pyramid = |n| guided(&mut inner.clone(), &inner, MatrixKind::default(), n, &starts, &[1, 2]);
    let (one, many) = (pyramid(1), pyramid(8));
    assert!(one.iter().zip(&many).any(|(a, b)| (a - b).abs() > 1e-3), "in a pyramid they do");
}

#[test]
fn completions_keep_what_is_decided_and_redraw_what_is_noisier() {
    let inner = denoiser();
    let (width, completions) = (inner.layout.width(), 5);
    let shown = Arc::new(Mutex::new(Vec::new()));
    let mut watched = Watched { inner: inner.clone(), shown: Arc::clone(&shown) };
    let kind = MatrixKind::Pyramid { uncertainty: 2.5 };
    guided(&mut watched, &inner, kind, completions, &noise(inner.size(), 1, 1), &[3]);
    let matrix = SchedulingMatrix::new(kind, CHUNKS, LEVELS).unwrap().after_known(FIRST_CHUNK);
    let mut redrawn = 0;
    for (m, (_, x_ntd)) in shown.lock().unwrap().iter().enumerate() {
        let (now, next) = (matrix.row(m), matrix.row(m + 1));
        let decided = (0..now.len()).filter(|&t| now[t] != next[t]).map(|t| now[t]).min().unwrap();
        let all: Vec<&[f64]> = x_ntd.chunks_exact(x_ntd.len() / completions).collect();
        for t in 0..now.len() {
            let at = |n: usize| &all[n][t * width..(t + 1) * width];
            for n in 1..completions {
                assert_eq!(at(n) == at(0), now[t] <= decided, "row {m}, token {t}, completion {n}");
                if now[t] > decided {
                    redrawn += 1;
                    assert!((1..n).all(|other| at(other) != at(n)), "completions differ from one another");
                }
            }
        }
    }
    assert!(redrawn > 100);
}

/// Gradients that guidance puts on the first chunk in one row, one per seed. The first chunk stands at a
/// quarter of the levels and moves; the others wait at pure noise. `fresh` draws their present noise per
/// sequence too; otherwise all sequences are equal but for the seed of the completions.
fn gradients(completions: usize, count: usize, fresh: bool) -> Vec<Vec<f64>> {
    let mut denoiser = denoiser();
    let (schedule, width) = (denoiser.schedule.clone(), denoiser.layout.width());
    let matrix = SchedulingMatrix::from_levels(MatrixKind::Autoregressive, &[5, 20, 20, 20], LEVELS).unwrap();
    assert_eq!((matrix.row(0), matrix.row(1)), (&[5, 20, 20, 20][..], &[4, 20, 20, 20][..]));
    let matrix = matrix.after_known(FIRST_CHUNK);
    let sampler = Sampler {
        schedule: &schedule,
        matrix: &matrix,
        stabilization: 10,
        limits: None,
        solver: Solver::Ddim,
    };
    let start = noise(denoiser.size(), 1, 77).remove(0);
    let starts: Vec<Vec<f64>> = (0..count)
        .map(|i| {
            let mut x = start.clone();
            if fresh {
                random::fill_normal(&mut random::stream(5, &[completions as u64, i as u64]), &mut x[width..]);
            }
            x
        })
        .collect();
    let mut one_row = |guidance: Option<&Guidance<'_>>| {
        let mut state = sequences(&denoiser.layout, &starts);
        sampler.run(&mut denoiser, guidance, &mut state, sampler.all(), &mut |row, _| row == 0).unwrap();
        let size = state.x0_btd.len() / count;
        let first = FIRST_CHUNK * width;
        state.x0_btd.chunks_exact(size).map(|x0| x0[first..first + width].to_vec()).collect::<Vec<_>>()
    };
    let objectives = waves(&self::denoiser(), count);
    let seeds: Vec<u64> = (0..count as u64).map(|i| i * 1000 + completions as u64).collect();
    let guidance = Guidance {
        objectives: &refs(&objectives),
        scale: SCALE,
        end: 0,
        mc_samples: completions,
        seeds: &seeds,
    };
    let (plain, guided) = (one_row(None), one_row(Some(&guidance)));
    // The estimate moved by (1 - abar) / sqrt(abar) * scale * gradient.
    let abar = schedule.abar(250);
    let per_gradient = (1.0 - abar) / abar.sqrt() * SCALE;
    plain
        .iter()
        .zip(&guided)
        .map(|(p, g)| p.iter().zip(g).map(|(p, g)| (g - p) / per_gradient).collect())
        .collect()
}

/// Sum over slots of the sample variance.
fn variance(gradients: &[Vec<f64>]) -> f64 {
    let n = gradients.len() as f64;
    (0..gradients[0].len())
        .map(|d| {
            let mean = gradients.iter().map(|g| g[d]).sum::<f64>() / n;
            gradients.iter().map(|g| (g[d] - mean).powi(2)).sum::<f64>() / (n - 1.0)
        })
        .sum()
}

/// Least-squares slope of `log variance` over `log N`.
fn slope(points: &[(f64, f64)]) -> f64 {
    let n = points.len() as f64;
    let (mx, my) =
        (points.iter().map(|p| p.0.ln()).sum::<f64>() / n, points.iter().map(|p| p.1.ln()).sum::<f64>() / n);
    let rise: f64 = points.iter().map(|p| (p.0.ln() - mx) * (p.1.ln() - my)).sum();
    rise / points.iter().map(|p| (p.0.ln() - mx).powi(2)).sum::<f64>()
}

/// The gradient is the mean over completion 0, the sequence as it stands, and `N - 1` redrawn ones.
///
/// - Over everything that is random (the present noise of the uncertain tokens and the redrawn one), all `N`
///   are draws of one law, so the variance is `v / N`.
/// - Given the sequence as it stands, completion 0 is fixed: the variance is `v (N - 1) / N^2`.
///
/// With 3000 sequences a sample variance has a relative standard error of about `sqrt(2 / 3000) = 2.6 %`
/// (the gradient is bounded, its kurtosis near or below the normal's), so 12 % is more than four of them,
/// and the slope over N = 1..16 is good to 0.02.
#[test]
fn variance_of_the_gradient_falls_as_one_over_the_completions() {
    const SEQUENCES: usize = 3000;
    let counts = [1usize, 2, 4, 8, 16];
    let total: Vec<(f64, f64)> =
        counts.iter().map(|&n| (n as f64, variance(&gradients(n, SEQUENCES, true)))).collect();
    let one = total[0].1;
    assert!(one > 5e-4, "one completion is a noisy estimate: {one}");
    for (n, v) in &total {
        assert!((v * n / one - 1.0).abs() < 0.12, "{total:?}");
    }
    assert!((slope(&total) + 1.0).abs() < 0.05, "{}", slope(&total));

    assert_eq!(variance(&gradients(1, 5, false)), 0.0, "one completion draws nothing");
    let given: Vec<(f64, f64)> = counts[1..]
        .iter()
        .map(|&n| (n as f64, variance(&gradients(n, SEQUENCES, false)) * n as f64 / (n - 1) as f64))
        .collect();
    for (n, v) in &given {
        assert!((v * n / one - 1.0).abs() < 0.12, "{given:?} and {one}");
    }
    assert!((slope(&given) + 1.0).abs() < 0.07, "{}", slope(&given));
}

/// Unbiased: many completions and many single ones have the same mean.
#[test]
fn the_mean_gradient_does_not_depend_on_the_number_of_completions() {
    let mean = |gradients: &[Vec<f64>], d: usize| {
        gradients.iter().map(|g| g[d]).sum::<f64>() / gradients.len() as f64
    };
    let (one, many) = (gradients(1, 6000, true), gradients(16, 2000, true));
    let error = 5.0 * (variance(&one) / 6000.0 + variance(&many) / 2000.0).sqrt();
    for d in 0..3 {
        assert!((mean(&one, d) - mean(&many, d)).abs() < error);
    }
}
