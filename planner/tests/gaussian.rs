//! Sampling with the optimal denoiser of Gaussian data gives the data's law, guided sampling the tilted one.
//!
//! Why it must: rows of deterministic DDIM are Euler steps of the flow whose velocity is
//! `A' E[x0|x] + S' E[e|x]`. That velocity carries the law of `A x0 + S e` along *any* path of per-token
//! levels, so every matrix kind has the same limit. What remains is the discretisation of the walk, first
//! order in `1 / levels` in the covariance and nothing in the mean, and the start from pure noise, which lacks
//! the `sqrt(abar(K)) = 0.003` of the mean that level `K` still holds.
//!
//! With this denoiser the sampler is an affine map of its initial noise, so mean and covariance are read off
//! exactly (`common::law`) instead of estimated; one test draws samples all the same.
#![allow(clippy::float_cmp, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use common::{GaussianDenoiser, KINDS, Quadratic, affine, law, noise, schedule, walk};
use forethought_planner::{MatrixKind, Solver, random};
use nalgebra::{DMatrix, DVector};

const CHUNKS: usize = 5;

fn denoiser() -> GaussianDenoiser {
    GaussianDenoiser::new(CHUNKS, &schedule(4000), 3)
}

/// A direction of unit length over all slots.
fn direction(n: usize, seed: u64) -> DVector<f64> {
    let mut c = vec![0.0; n];
    random::fill_normal(&mut random::stream(seed, &[1]), &mut c);
    DVector::from_vec(c).normalize()
}

/// Largest error of any entry of mean and covariance (entries are of order one).
fn errors(law: &(DVector<f64>, DMatrix<f64>), mean: &DVector<f64>, covariance: &DMatrix<f64>) -> (f64, f64) {
    ((&law.0 - mean).amax(), (&law.1 - covariance).amax())
}

/// What the mean misses beyond the image of the start's missing signal, `M sqrt(abar(K)) mu`. A flow of
/// Gaussians carries mean to mean however coarse its steps, so this is rounding.
fn missing_mean(
    denoiser: &mut GaussianDenoiser,
    kind: MatrixKind,
    levels: u16,
    mean: &DVector<f64>,
    guide: Option<(&Quadratic, f64, usize)>,
) -> f64 {
    let signal = denoiser.schedule.abar(denoiser.schedule.levels()).sqrt();
    let (found, map) = affine(denoiser, kind, levels, 0, guide);
    (mean - found - map * mean * signal).amax()
}

#[test]
fn the_pullback_is_the_transpose_of_the_jacobian() {
    use forethought_planner::{Denoiser, NoisyBatch};
    let mut denoiser = denoiser();
    let (tokens, width) = (CHUNKS + 2, denoiser.layout.width());
    let level_bt = [10, 10, 1, 500, 1500, 2500, 4000];
    let x = noise(tokens * width, 1, 1).remove(0);
    let g = noise(tokens * width, 1, 2).remove(0);
    let mut estimate = |x: &[f64]| {
        let batch = NoisyBatch {
            batch: 1,
            tokens,
            x_btd: x,
            level_btp: &level_bt,
            chunks_b: &[CHUNKS],
            goal_b: &[false],
        };
        let (mut x0, mut pulled) = (vec![0.0; x.len()], vec![0.0; x.len()]);
        denoiser.denoise_vjp(&batch, &mut x0, &|_, _, out| out.copy_from_slice(&g), &mut pulled).unwrap();
        let score: f64 = x0.iter().zip(&g).skip(2 * width).map(|(a, b)| a * b).sum();
        (score, pulled)
    };
    let (_, pulled) = estimate(&x);
    for i in 2 * width..x.len() {
        let mut moved = x.clone();
        moved[i] += 0.5;
        let above = estimate(&moved).0;
        moved[i] -= 1.0;
        assert!((above - estimate(&moved).0 - pulled[i]).abs() < 1e-10, "the map is affine: entry {i}");
    }
}

#[test]
fn every_matrix_gives_the_law_of_the_data_and_error_halves_with_twice_the_levels() {
    let mut denoiser = denoiser();
    let (mean, covariance) = (denoiser.mean.clone(), denoiser.covariance.clone());
    for kind in KINDS {
        let found: Vec<(f64, f64)> = [50, 100, 200, 400]
            .map(|levels| errors(&law(&mut denoiser, kind, levels, 0, None), &mean, &covariance))
            .to_vec();
        let (of_mean, of_covariance) = found[3];
        assert!(of_mean < 0.01 && of_covariance < 0.02, "{kind:?}: {found:?}");
        for levels in [3, 50] {
            let missing = missing_mean(&mut denoiser, kind, levels, &mean, None);
            assert!(missing < 1e-9, "{kind:?}: {missing} of the mean is unexplained at {levels} levels");
        }
        for pair in found.windows(2) {
            let ratio = pair[1].1 / pair[0].1;
            assert!(
                (0.4..0.62).contains(&ratio),
                "{kind:?}: covariance errors {found:?} are not first order"
            );
        }
    }
}

/// Feeding clean tokens at the stabilisation level tells the denoiser that they are a little noisy. At the
/// reference's level, 10 of 1000, the law moves by no more than this.
#[test]
fn the_stabilisation_level_moves_the_law_little() {
    let mut denoiser = denoiser();
    for kind in KINDS {
        let plain = law(&mut denoiser, kind, 200, 0, None);
        let (of_mean, of_covariance) = errors(&law(&mut denoiser, kind, 200, 40, None), &plain.0, &plain.1);
        assert!(of_mean < 1e-4 && of_covariance < 5e-3, "{kind:?}: {of_mean} {of_covariance}");
        if kind == MatrixKind::FullSequence {
            assert!(of_mean < 1e-12 && of_covariance < 1e-12, "no token is clean before the end");
        }
    }
}

/// Thousands of samples from noise, against the exact law of the sampler (five standard errors of each
/// entry) and the data (those plus the discretisation error that the affine map gives).
#[test]
fn samples_have_the_mean_and_covariance_of_the_data() {
    const SAMPLES: usize = 4000;
    let mut denoiser = denoiser();
    let (mean, covariance) = (denoiser.mean.clone(), denoiser.covariance.clone());
    for (index, kind) in KINDS.into_iter().enumerate() {
        let exact = law(&mut denoiser, kind, 100, 0, None);
        let bias = errors(&exact, &mean, &covariance);
        assert!(bias.0 < 0.05 && bias.1 < 0.1, "{kind:?}: {bias:?}");
        let samples = walk(&mut denoiser, kind, 100, 0, &noise(mean.len(), SAMPLES, 90 + index as u64), None);
        let n = SAMPLES as f64;
        let average = samples.iter().sum::<DVector<f64>>() / n;
        let mut spread = DMatrix::zeros(mean.len(), mean.len());
        for sample in &samples {
            let centred = sample - &average;
            spread.ger(1.0 / (n - 1.0), &centred, &centred, 1.0);
        }
        for i in 0..mean.len() {
            let error = 5.0 * (exact.1[(i, i)] / n).sqrt();
            assert!((average[i] - exact.0[i]).abs() < error, "{kind:?}: mean {i}");
            assert!((average[i] - mean[i]).abs() < error + bias.0, "{kind:?}: mean {i}");
            for j in 0..mean.len() {
                let c = &exact.1;
                let error = 5.0 * ((c[(i, i)] * c[(j, j)] + c[(i, j)].powi(2)) / n).sqrt();
                assert!((spread[(i, j)] - c[(i, j)]).abs() < error, "{kind:?}: covariance {i} {j}");
                assert!((spread[(i, j)] - covariance[(i, j)]).abs() < error + bias.1, "{kind:?}: {i} {j}");
            }
        }
    }
}

/// For `J = c . x0` and scale `s` the tilted law `p(x0) exp(s J)` is `N(mu + s Sigma c, Sigma)`, and the
/// guided estimate *is* its posterior mean: with `I - A Sigma A W^-1 = S^2 W^-1`,
/// `S^2 A^-1 G^T c = (Sigma - G A Sigma) c = Var(x0 | x) c`. So guiding is exactly sampling with the shifted
/// mean, at any number of levels and for every matrix: equal to rounding, not to a tolerance of the walk.
#[test]
fn linear_guidance_is_sampling_with_the_tilted_mean() {
    let mut plain = denoiser();
    let c = direction(plain.size(), 5);
    let objective = Quadratic::linear(&plain, c.clone());
    for scale in [0.5, 2.0] {
        let mut tilted = plain.clone();
        tilted.mean += &plain.covariance * &c * scale;
        for kind in KINDS {
            for completions in [1, 3] {
                let guided = law(&mut plain, kind, 60, 0, Some((&objective, scale, completions)));
                let shifted = law(&mut tilted, kind, 60, 0, None);
                let (of_mean, of_covariance) = errors(&guided, &shifted.0, &shifted.1);
                assert!(
                    of_mean < 1e-9 && of_covariance < 1e-9,
                    "{kind:?} {scale}: {of_mean} {of_covariance}"
                );
            }
            // And the shift itself: exact but for the start, as without guidance.
            let missing = missing_mean(&mut plain, kind, 60, &tilted.mean, Some((&objective, scale, 1)));
            assert!(missing < 1e-9, "{kind:?} {scale}: {missing} of the mean is unexplained");
        }
    }
}

/// A quadratic goal `J = -1/2 |P x0 - g|^2` (`P` picks the last token's observation).
///
/// Exact tilting uses `log E[exp(s J) | x]`, guidance `s J(E[x0 | x])`. They differ by `s/2 tr(P Var(x0|x) P^T)`,
/// which does not depend on `x`, and by terms of order `s^2`. So guidance is exact to first order in `s`:
/// `d mean / ds = -Sigma H (mu - g)`, `d cov / ds = -Sigma H Sigma`, with `H = P^T P`. For larger `s` it is
/// not the tilted law (it over-tightens), but mean and variance still move monotonically towards the goal.
#[test]
fn a_quadratic_goal_is_tilting_to_first_order_and_monotone_beyond() {
    let mut denoiser = denoiser();
    let (n, width) = (denoiser.size(), denoiser.layout.width());
    let picked = [n - width + 1, n - width + 2];
    let mut objective = Quadratic::linear(&denoiser, DVector::zeros(n));
    for (slot, goal) in picked.into_iter().zip([2.0, -1.5]) {
        objective.curvature[(slot, slot)] = 1.0;
        objective.centre[slot] = goal;
    }
    let (mean, covariance) = (denoiser.mean.clone(), denoiser.covariance.clone());
    let slope_of_mean = -(&covariance * &objective.curvature * (&mean - &objective.centre));
    let slope_of_covariance = -(&covariance * &objective.curvature * &covariance);
    for kind in KINDS {
        let mut found = Vec::new();
        for levels in [200, 400] {
            // The objective's sign may be turned, so the derivative is a central difference.
            let step = 1e-4;
            let up = law(&mut denoiser, kind, levels, 0, Some((&objective, step, 1)));
            let down = law(&mut denoiser, kind, levels, 0, Some((&objective, -step, 1)));
            let of_mean = ((up.0 - down.0) / (2.0 * step) - &slope_of_mean).amax() / slope_of_mean.amax();
            let of_covariance =
                ((up.1 - down.1) / (2.0 * step) - &slope_of_covariance).amax() / slope_of_covariance.amax();
            found.push((of_mean, of_covariance));
        }
        assert!(found[1].0 < 0.03 && found[1].1 < 0.05, "{kind:?}: {found:?}");
        assert!(found[1].1 < 0.65 * found[0].1, "{kind:?}: {found:?} does not shrink with the levels");
        let mut last = law(&mut denoiser, kind, 100, 0, None);
        for scale in [0.1, 0.5, 2.0] {
            let guided = law(&mut denoiser, kind, 100, 0, Some((&objective, scale, 1)));
            for slot in picked {
                let gap = |mean: &DVector<f64>| (mean[slot] - objective.centre[slot]).abs();
                assert!(gap(&guided.0) < gap(&last.0), "{kind:?} {scale}: the mean moves to the goal");
                assert!(
                    guided.1[(slot, slot)] < last.1[(slot, slot)],
                    "{kind:?} {scale}: the spread shrinks"
                );
            }
            last = guided;
        }
    }
}

/// The second-order solver has the same limit and leaves the mean as exact as DDIM does, but what it misses of
/// the covariance falls with the square of the levels (up to a logarithm: the logarithm of the signal-to-noise
/// ratio, in which its steps are counted, runs off at both ends of the schedule).
#[test]
fn the_multistep_solver_converges_at_second_order() {
    let mut denoiser = denoiser();
    let (mean, covariance) = (denoiser.mean.clone(), denoiser.covariance.clone());
    for kind in KINDS {
        let mut of = |solver: Solver, levels: u16| {
            denoiser.solver = solver;
            let missing = missing_mean(&mut denoiser, kind, levels, &mean, None);
            assert!(missing < 1e-9, "{kind:?} {solver:?} {levels}: {missing} of the mean is unexplained");
            errors(&law(&mut denoiser, kind, levels, 0, None), &mean, &covariance).1
        };
        let found = [50, 100, 200].map(|levels| of(Solver::Dpm2M, levels));
        let first_order = of(Solver::Ddim, 200);
        assert!(found[2] < 0.36 * found[1] && found[1] < 0.36 * found[0], "{kind:?}: {found:?}");
        assert!(found[2] < 0.15 * first_order, "{kind:?}: {} and {first_order}", found[2]);
    }
}
