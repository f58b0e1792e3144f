//! Continuing trajectories past the training horizon, window after window.
//!
//! The optimal denoiser of a stationary Gaussian process of order one gives the exact law of the next chunks
//! given the history, so a continued trajectory must be the process itself, however long it gets.
#![allow(clippy::float_cmp, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use common::{GaussianDenoiser, schedule};
use forethought_planner::{
    Continuation, ContinuationConfig, Cotangent, Denoiser, FIRST_CHUNK, HistoryForm, MatrixKind, NoisyBatch,
    PlannerError, STATE, Solver, TokenLayout, Trajectory, random,
};
use nalgebra::{DMatrix, DVector};

/// Chunks of a window, history included: the horizon of the Gaussian denoiser.
const CHUNKS: usize = 5;
/// What it gives neighbouring tokens.
const CORRELATION: f64 = 0.8;

/// The process with mean zero: stationary.
fn denoiser() -> GaussianDenoiser {
    let mut denoiser = GaussianDenoiser::new(CHUNKS, &schedule(1000), 3);
    denoiser.mean.fill(0.0);
    denoiser
}

fn config(history: usize) -> ContinuationConfig {
    ContinuationConfig {
        history,
        form: HistoryForm::Known,
        ahead: CHUNKS - history,
        keep: 1,
        levels: 60,
        matrix: MatrixKind::Pyramid { uncertainty: 2.0 },
        solver: Solver::Dpm2M,
        stabilization: 0,
    }
}

/// Trajectories whose first `chunks` chunks are drawn from the process.
fn starts(denoiser: &GaussianDenoiser, chunks: usize, count: u64) -> Vec<Trajectory> {
    let size = chunks * denoiser.layout.width();
    let covariance = denoiser.covariance.view((0, 0), (size, size)).into_owned();
    let root = covariance.cholesky().unwrap().l();
    let start = |seed| {
        let mut z = vec![0.0; size];
        random::fill_normal(&mut random::stream(seed, &[77]), &mut z);
        let x = &root * DVector::from_vec(z);
        Trajectory { state: vec![0.0; 2], x_cd: x.as_slice().to_vec(), seed }
    };
    (0..count).map(start).collect()
}

fn continued(
    denoiser: &mut dyn Denoiser,
    config: &ContinuationConfig,
    mut trajectories: Vec<Trajectory>,
    rounds: usize,
) -> Vec<Trajectory> {
    let (layout, schedule) = (denoiser.layout().clone(), schedule(1000));
    let continuation = Continuation::new(&layout, &schedule, config.clone()).unwrap();
    for _ in 0..rounds {
        continuation.slide(denoiser, &mut trajectories).unwrap();
    }
    trajectories
}

/// Sample covariance of chunk `c` with chunk `d` over trajectories.
fn covariance(trajectories: &[Trajectory], width: usize, c: usize, d: usize) -> DMatrix<f64> {
    let chunk = |t: &Trajectory, c: usize| DVector::from_column_slice(&t.x_cd[c * width..(c + 1) * width]);
    let sum = trajectories.iter().map(|t| chunk(t, c) * chunk(t, d).transpose()).sum::<DMatrix<f64>>();
    sum / trajectories.len() as f64
}

/// Forty chunks past a horizon of five: variance and correlation with the chunk before are still the process's.
#[test]
fn a_stationary_process_stays_stationary_far_past_the_horizon() {
    const COUNT: u64 = 3000;
    let mut denoiser = denoiser();
    let width = denoiser.layout.width();
    let slots = denoiser.covariance.view((0, 0), (width, width)).into_owned();
    for history in [1, 3] {
        let trajectories = starts(&denoiser, history, COUNT);
        let found = continued(&mut denoiser, &config(history), trajectories, 40);
        for last in [history + 4, history + 39] {
            let variance = covariance(&found, width, last, last);
            let lagged = covariance(&found, width, last, last - 1);
            for i in 0..width {
                for j in 0..width {
                    // Five standard errors of a product of Gaussians, and what 60 levels miss.
                    let scale = (slots[(i, i)] * slots[(j, j)]).sqrt();
                    let error = 5.0 * scale * (2.0 / COUNT as f64).sqrt() + 0.02 * scale;
                    let (of, lag) =
                        (variance[(i, j)] - slots[(i, j)], lagged[(i, j)] - CORRELATION * slots[(i, j)]);
                    assert!(
                        of.abs() < error,
                        "history {history}, chunk {last}: variance off by {of}, {error}"
                    );
                    assert!(lag.abs() < error, "history {history}, chunk {last}: lag off by {lag}, {error}");
                }
            }
        }
    }
}

/// Without history this denoiser (it ignores the state) begins every window afresh: inside a window the process
/// is right, across the seam nothing is left of it.
#[test]
fn without_history_nothing_is_remembered_across_a_seam() {
    const COUNT: u64 = 3000;
    let mut denoiser = denoiser();
    let width = denoiser.layout.width();
    let trajectories = starts(&denoiser, 0, COUNT);
    let found = continued(&mut denoiser, &ContinuationConfig { keep: CHUNKS, ..config(0) }, trajectories, 2);
    let slots = denoiser.covariance.view((0, 0), (width, width)).into_owned();
    let share = |c: usize| covariance(&found, width, c, c - 1).trace() / slots.trace();
    let error = 5.0 * (2.0 / COUNT as f64).sqrt() + 0.02;
    assert!((share(CHUNKS - 1) - CORRELATION).abs() < error, "{}", share(CHUNKS - 1));
    assert!(share(CHUNKS).abs() < error, "{}", share(CHUNKS));
}

/// What the replacement method lacks (Ho et al. 2022, section 3.1): its estimate of the new chunks does not know
/// the clean history, only a noisy draw of it, so they join it less well than the process does.
#[test]
fn a_replaced_history_is_joined_less_well_than_a_known_one() {
    const COUNT: u64 = 3000;
    let mut denoiser = denoiser();
    let width = denoiser.layout.width();
    let slots = denoiser.covariance.view((0, 0), (width, width)).into_owned();
    let mut lag = |form: HistoryForm| {
        let config = ContinuationConfig {
            form,
            matrix: MatrixKind::FullSequence,
            solver: Solver::Ddim,
            levels: 200,
            ..config(2)
        };
        let trajectories = starts(&denoiser, 2, COUNT);
        let found = continued(&mut denoiser, &config, trajectories, 1);
        covariance(&found, width, 2, 1).trace() / slots.trace()
    };
    let (known, replaced) = (lag(HistoryForm::Known), lag(HistoryForm::Replaced));
    assert!((known - CORRELATION).abs() < 5.0 * (2.0 / COUNT as f64).sqrt() + 0.02, "{known}");
    assert!(replaced < known - 0.1, "{replaced} and {known}");
}

#[test]
fn what_is_there_stays_and_what_comes_depends_on_the_seed_alone() {
    let mut denoiser = denoiser();
    let start = starts(&denoiser, 2, 3);
    for form in [HistoryForm::Known, HistoryForm::Replaced] {
        let config = ContinuationConfig {
            form,
            matrix: MatrixKind::FullSequence,
            solver: Solver::Ddim,
            keep: 2,
            levels: 8,
            ..config(2)
        };
        let found = continued(&mut denoiser, &config, start.clone(), 4);
        for (before, after) in start.iter().zip(&found) {
            assert_eq!(after.x_cd.len(), before.x_cd.len() + 4 * 2 * denoiser.layout.width());
            assert_eq!(after.x_cd[..before.x_cd.len()], before.x_cd);
        }
        // Alone as in company; in two runs as in one.
        let alone = continued(&mut denoiser, &config, start[1..2].to_vec(), 4);
        assert_eq!(alone[0], found[1], "{form:?}");
        let half = continued(&mut denoiser, &config, start.clone(), 2);
        assert_eq!(continued(&mut denoiser, &config, half, 2), found, "{form:?}");
        let mut other = start[1..2].to_vec();
        other[0].seed += 100;
        assert_ne!(continued(&mut denoiser, &config, other, 1)[0].x_cd[6..], found[1].x_cd[6..], "{form:?}");
        // Windows one after the other do not share their noise.
        let fresh = continued(&mut denoiser, &config, start[..1].to_vec(), 2);
        assert_ne!(fresh[0].x_cd[6..12], fresh[0].x_cd[12..18], "{form:?}");
    }
}

/// Remembers what it was shown, and answers with zeros.
struct Witness {
    layout: TokenLayout,
    seen: Vec<(Vec<f64>, Vec<u16>, usize)>,
}

impl Denoiser for Witness {
    fn layout(&self) -> &TokenLayout {
        &self.layout
    }

    fn denoise(&mut self, batch: &NoisyBatch<'_>, x0_btd: &mut [f64]) -> Result<(), PlannerError> {
        batch.check(self.layout.width(), self.layout.parts())?;
        assert!(!batch.goal_b[0], "there is no goal");
        self.seen.push((batch.x_btd.to_vec(), batch.level_btp.to_vec(), batch.chunks_b[0]));
        x0_btd.fill(0.0);
        Ok(())
    }

    fn denoise_vjp(
        &mut self,
        _: &NoisyBatch<'_>,
        _: &mut [f64],
        _: &Cotangent<'_>,
        _: &mut [f64],
    ) -> Result<(), PlannerError> {
        panic!("nothing is guided")
    }
}

fn witness() -> Witness {
    Witness { layout: common::layout(CHUNKS), seen: Vec::new() }
}

/// A trajectory of `chunks` chunks that counts up: frame `i` is `[action, x, y]` = `3 i, 3 i + 1, 3 i + 2`.
fn counting(chunks: usize) -> Trajectory {
    Trajectory { state: vec![-2.0, -1.0], x_cd: (0..3 * chunks).map(|i| i as f64).collect(), seed: 5 }
}

#[test]
fn the_window_shows_the_latest_history_and_the_observation_before_it() {
    let config = ContinuationConfig { stabilization: 10, ..config(2) };
    let stable = schedule(1000).abar(10).sqrt();
    for (chunks, state, past) in
        [(0, [-2.0, -1.0], 0..0), (1, [-2.0, -1.0], 0..3), (2, [-2.0, -1.0], 0..6), (4, [4.0, 5.0], 6..12)]
    {
        let mut witness = witness();
        continued(&mut witness, &config, vec![counting(chunks)], 1);
        let history = chunks.min(2);
        for (x, level, visible) in &witness.seen {
            assert_eq!(*visible, history + 3);
            assert_eq!(x[STATE * 3..STATE * 3 + 3], [0.0, stable * state[0], stable * state[1]], "{chunks}");
            assert_eq!(level[STATE], 10);
            let known = FIRST_CHUNK + history;
            let expected: Vec<f64> = past.clone().map(|i| stable * i as f64).collect();
            assert_eq!(x[FIRST_CHUNK * 3..known * 3], expected, "{chunks}");
            assert!(level[FIRST_CHUNK..known].iter().all(|&k| k == 10));
        }
        // The first row is all noise, and the pyramid's rows end when the one kept chunk is clean.
        assert!(witness.seen[0].1[FIRST_CHUNK + history..].iter().all(|&k| k == 1000));
        assert_eq!(witness.seen.len(), 60);
    }
}

#[test]
fn a_replaced_history_has_the_level_of_the_row_and_the_right_amount_of_noise() {
    let config = ContinuationConfig {
        form: HistoryForm::Replaced,
        matrix: MatrixKind::FullSequence,
        solver: Solver::Ddim,
        levels: 10,
        ..config(2)
    };
    let mut witness = witness();
    // Many seeds, one after the other, so that the noise can be averaged.
    for seed in 0..400 {
        continued(&mut witness, &config, vec![Trajectory { seed, ..counting(4) }], 1);
    }
    for row in 0..10 {
        let rows: Vec<_> = witness.seen.iter().skip(row).step_by(10).collect();
        let k = 1000 - 100 * row as u16;
        let abar = schedule(1000).abar(usize::from(k));
        for (slot, clean) in [(STATE * 3 + 1, 4.0), (FIRST_CHUNK * 3, 6.0), (FIRST_CHUNK * 3 + 5, 11.0)] {
            let noise: Vec<f64> = rows.iter().map(|(x, ..)| x[slot] - abar.sqrt() * clean).collect();
            let mean = noise.iter().sum::<f64>() / 400.0;
            let power = noise.iter().map(|e| e * e).sum::<f64>() / 400.0 / (1.0 - abar);
            assert!(mean.abs() < 5.0 * ((1.0 - abar) / 400.0).sqrt(), "row {row}, slot {slot}: {mean}");
            assert!((power - 1.0).abs() < 5.0 * (2.0f64 / 400.0).sqrt(), "row {row}, slot {slot}: {power}");
        }
        for (x, level, _) in rows {
            assert!([STATE, FIRST_CHUNK, FIRST_CHUNK + 4].iter().all(|&t| level[t] == k), "{level:?}");
            assert_eq!(x[STATE * 3], 0.0, "what does not exist is not noised");
        }
    }
}

#[test]
fn what_cannot_be_continued_is_refused() {
    let (layout, schedule) = (common::layout(CHUNKS), schedule(1000));
    let refused = |config: ContinuationConfig, says: &str| {
        let error = Continuation::new(&layout, &schedule, config).err().expect(says).to_string();
        assert!(error.contains(says), "{error}");
    };
    refused(ContinuationConfig { ahead: CHUNKS, ..config(1) }, "continuation.ahead");
    refused(ContinuationConfig { ahead: 0, ..config(1) }, "continuation.ahead");
    refused(ContinuationConfig { keep: 0, ..config(1) }, "continuation.keep");
    refused(ContinuationConfig { keep: 5, ..config(1) }, "continuation.keep");
    refused(ContinuationConfig { stabilization: 1001, ..config(1) }, "continuation.stabilization");
    refused(ContinuationConfig { levels: 0, ..config(1) }, "plan.sampler.steps");
    refused(ContinuationConfig { levels: 1001, ..config(1) }, "continuation.levels");
    refused(ContinuationConfig { form: HistoryForm::Replaced, ..config(1) }, "continuation.form");

    let continuation = Continuation::new(&layout, &schedule, config(2)).unwrap();
    let mut witness = witness();
    continuation.slide(&mut witness, &mut []).unwrap();
    let mut fails = |mut trajectories: Vec<Trajectory>, says: &str| {
        let before = trajectories.clone();
        let error = continuation.slide(&mut witness, &mut trajectories).unwrap_err().to_string();
        assert!(error.contains(says), "{error}");
        assert_eq!(format!("{trajectories:?}"), format!("{before:?}"));
    };
    fails(vec![counting(2), counting(3)], "chunks of a trajectory");
    fails(vec![Trajectory { x_cd: vec![0.0; 4], ..counting(0) }], "chunks of a trajectory");
    fails(vec![Trajectory { state: vec![0.0; 3], ..counting(0) }], "state of a trajectory");
    fails(vec![Trajectory { state: vec![0.0, f64::NAN], ..counting(0) }], "state of a trajectory");
    assert!(witness.seen.is_empty());
}
