//! What sampling must do whatever the denoiser: plain DDIM as a special case, tokens left alone bit for bit,
//! near tokens ready early, stopping at any row, broken networks named, warm starts.
#![allow(clippy::float_cmp, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use std::sync::{Arc, Mutex};

use common::{GaussianDenoiser, KINDS, Quadratic, chunks_of, layout, noise, schedule, sequences, walk};
use forethought_envs::GoalTask;
use forethought_envs::data::{DatasetNormalizer, Normalizer, NormalizerKind};
use forethought_planner::checkpoint::SlotLimits;
use forethought_planner::guidance::{Objective, Tied, Unvisited};
use forethought_planner::{
    Cotangent, Denoiser, DiffusionPlanner, FIRST_CHUNK, Guidance, MatrixKind, NoisyBatch, PlanConfig,
    PlanRequest, Planner, PlannerError, Sampler, SchedulingMatrix, Sequences, Solver, TokenLayout,
};
use nalgebra::{DMatrix, DVector};

const CHUNKS: usize = 5;
const LEVELS: u16 = 12;

fn denoiser() -> GaussianDenoiser {
    GaussianDenoiser::new(CHUNKS, &schedule(1000), 11)
}

fn matrix(kind: MatrixKind) -> SchedulingMatrix {
    SchedulingMatrix::new(kind, CHUNKS, LEVELS).unwrap().after_known(FIRST_CHUNK)
}

/// The sequences before every row and after the last.
fn rows(kind: MatrixKind, guided: bool) -> (SchedulingMatrix, Vec<Vec<f64>>) {
    let mut denoiser = denoiser();
    let (schedule, matrix) = (denoiser.schedule.clone(), matrix(kind));
    let sampler = Sampler {
        schedule: &schedule,
        matrix: &matrix,
        stabilization: 10,
        limits: None,
        solver: Solver::Ddim,
    };
    let mut state = sequences(&denoiser.layout, &noise(denoiser.size(), 2, 1));
    let c = DVector::from_element(denoiser.size(), 0.3);
    let objective = Quadratic::linear(&denoiser, c);
    let objectives: Vec<Box<dyn Objective>> = vec![Box::new(objective.clone()), Box::new(objective)];
    let guidance = Guidance { objectives: &objectives, scale: 1.0, floor: 0, completions: 3, seeds: &[4, 5] };
    let mut seen = Vec::new();
    let mut on_row = |row: usize, sequences: &Sequences| {
        assert_eq!(row, seen.len());
        seen.push(sequences.x_btd.clone());
        true
    };
    sampler.run(&mut denoiser, guided.then_some(&guidance), &mut state, &mut on_row).unwrap();
    assert_eq!(seen.len(), matrix.steps() + 1);
    (matrix, seen)
}

fn token(layout: &TokenLayout, x_btd: &[f64], sequence: usize, t: usize) -> Vec<u64> {
    let (tokens, width) = (layout.tokens(CHUNKS), layout.width());
    let at = (sequence * tokens + t) * width;
    x_btd[at..at + width].iter().map(|v| v.to_bits()).collect()
}

/// Song et al., equation 12 with `sigma = 0`, in its noise form and with one level for the whole vector.
fn plain_ddim(denoiser: &GaussianDenoiser, start: &[f64], levels: usize) -> DVector<f64> {
    let n = denoiser.size();
    let mut x = DVector::from_column_slice(start);
    for s in (1..=levels).rev() {
        let power = |s: usize| denoiser.schedule.abar((s * 1000 + levels / 2) / levels);
        let (now, next) = (power(s), power(s - 1));
        // Posterior mean with a single level, from the precision form of Bayes' rule.
        let prior = denoiser.covariance.clone().try_inverse().unwrap();
        let precision = &prior + DMatrix::identity(n, n) * (now / (1.0 - now));
        let evidence = &prior * &denoiser.mean + &x * (now.sqrt() / (1.0 - now));
        let x0 = precision.lu().solve(&evidence).unwrap();
        let e = (&x - &x0 * now.sqrt()) / (1.0 - now).sqrt();
        x = (&x - &e * (1.0 - now).sqrt()) * (next / now).sqrt() + &e * (1.0 - next).sqrt();
    }
    x
}

#[test]
fn with_one_level_for_all_tokens_it_is_plain_ddim() {
    let mut denoiser = denoiser();
    let starts = noise(denoiser.size(), 3, 9);
    let ends = walk(&mut denoiser, MatrixKind::FullSequence, 25, 10, &starts, None);
    for (start, end) in starts.iter().zip(ends) {
        // Rounding of the two ways to the posterior mean, amplified by the first row's 1 / sqrt(1e-5).
        assert!((plain_ddim(&denoiser, start, 25) - &end).amax() < 1e-11);
        assert!((&end - DVector::from_column_slice(start)).amax() > 0.1, "something was sampled");
    }
}

#[test]
fn a_token_whose_level_does_not_change_is_left_bit_identical() {
    let layout = layout(CHUNKS);
    for kind in KINDS {
        for guided in [false, true] {
            let (matrix, seen) = rows(kind, guided);
            let (mut kept, mut moved) = (0, 0);
            for m in 0..matrix.steps() {
                for t in 0..matrix.tokens() {
                    for sequence in 0..2 {
                        let same = token(&layout, &seen[m], sequence, t)
                            == token(&layout, &seen[m + 1], sequence, t);
                        let waits = matrix.row(m)[t] == matrix.row(m + 1)[t];
                        assert_eq!(same, waits, "{kind:?}, row {m}, token {t}");
                        if waits { kept += 1 } else { moved += 1 }
                    }
                }
            }
            assert!(kept > 0 && moved == 2 * CHUNKS * usize::from(LEVELS), "{kind:?}");
        }
    }
}

/// The anytime property: what will be executed first is final long before the rest.
#[test]
fn near_tokens_of_a_pyramid_are_final_after_their_own_rows() {
    let layout = layout(CHUNKS);
    for uncertainty in [0.3, 1.0, 2.5] {
        for guided in [false, true] {
            let (matrix, seen) = rows(MatrixKind::Pyramid { uncertainty }, guided);
            for t in 0..CHUNKS {
                let ready = usize::from(LEVELS) + (t as f64 * uncertainty).floor() as usize;
                assert_eq!(matrix.clean_after(FIRST_CHUNK + t + 1), ready);
                let last = seen.len() - 1;
                for sequence in 0..2 {
                    let at = |m: usize| token(&layout, &seen[m], sequence, FIRST_CHUNK + t);
                    assert_eq!(at(ready), at(last), "u {uncertainty}, token {t}");
                    assert_ne!(
                        at(ready - 1),
                        at(last),
                        "u {uncertainty}, token {t} was ready before its time"
                    );
                }
            }
        }
    }
}

/// Stopped at any row, the sequences can be taken up again from the levels they have, to the same bits.
#[test]
fn stopping_early_leaves_sequences_that_can_be_taken_up_again() {
    for kind in KINDS {
        let mut denoiser = denoiser();
        let (schedule, whole) = (denoiser.schedule.clone(), matrix(kind));
        let starts = noise(denoiser.size(), 2, 1);
        let unbroken = walk(&mut denoiser, kind, LEVELS, 10, &starts, None);
        for stop in [0, 1, 7, whole.steps() - 1, whole.steps()] {
            let sampler = Sampler {
                schedule: &schedule,
                matrix: &whole,
                stabilization: 10,
                limits: None,
                solver: Solver::Ddim,
            };
            let mut state = sequences(&denoiser.layout, &starts);
            let walked = sampler.run(&mut denoiser, None, &mut state, &mut |row, _| row < stop).unwrap();
            assert_eq!(walked, stop);
            assert!(state.x_btd.iter().chain(&state.x0_btd).all(|v| v.is_finite()));
            let left = &whole.row(stop)[FIRST_CHUNK..];
            let rest = SchedulingMatrix::from_levels(kind, left, LEVELS).unwrap().after_known(FIRST_CHUNK);
            let sampler = Sampler {
                schedule: &schedule,
                matrix: &rest,
                stabilization: 10,
                limits: None,
                solver: Solver::Ddim,
            };
            let walked = sampler.run(&mut denoiser, None, &mut state, &mut |_, _| true).unwrap();
            assert_eq!(walked + stop, whole.steps());
            assert_eq!(chunks_of(&denoiser.layout, &state.x_btd, 2), unbroken, "{kind:?} stopped at {stop}");
        }
    }
}

/// Answers with one broken number at its `call`-th call.
struct Broken {
    inner: GaussianDenoiser,
    call: usize,
    token: usize,
    value: f64,
}

impl Denoiser for Broken {
    fn layout(&self) -> &TokenLayout {
        &self.inner.layout
    }

    fn denoise(&mut self, batch: &NoisyBatch<'_>, x0_btd: &mut [f64]) -> Result<(), PlannerError> {
        self.inner.denoise(batch, x0_btd)?;
        if self.call == 0 {
            let width = self.inner.layout.width();
            let second = (batch.tokens + self.token) * width;
            x0_btd[second + 1] = self.value;
        }
        self.call = self.call.wrapping_sub(1);
        Ok(())
    }

    fn denoise_and_pull(
        &mut self,
        batch: &NoisyBatch<'_>,
        x0_btd: &mut [f64],
        _cotangent: &Cotangent<'_>,
        pulled_btd: &mut [f64],
    ) -> Result<(), PlannerError> {
        pulled_btd.fill(0.0);
        self.denoise(batch, x0_btd)
    }
}

#[test]
fn a_broken_estimate_is_refused_naming_row_and_token() {
    for value in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        for (call, broken) in [(0, 2), (3, 4), (11, 6)] {
            let mut denoiser = Broken { inner: denoiser(), call, token: broken, value };
            let (schedule, matrix) = (denoiser.inner.schedule.clone(), matrix(MatrixKind::FullSequence));
            let sampler = Sampler {
                schedule: &schedule,
                matrix: &matrix,
                stabilization: 10,
                limits: None,
                solver: Solver::Ddim,
            };
            let mut state = sequences(denoiser.layout(), &noise(denoiser.inner.size(), 2, 1));
            match sampler.run(&mut denoiser, None, &mut state, &mut |_, _| true) {
                Err(PlannerError::BrokenOutput { row, token }) => assert_eq!((row, token), (call, broken)),
                other => panic!("{value} was accepted: {other:?}"),
            }
        }
    }
    // What nobody sees may hold anything: the same token past the end of the plan.
    let mut denoiser = Broken { inner: denoiser(), call: 2, token: 6, value: f64::NAN };
    let (schedule, matrix) = (denoiser.inner.schedule.clone(), matrix(MatrixKind::FullSequence));
    let sampler = Sampler {
        schedule: &schedule,
        matrix: &matrix,
        stabilization: 10,
        limits: None,
        solver: Solver::Ddim,
    };
    let mut state = sequences(denoiser.layout(), &noise(denoiser.inner.size(), 2, 1));
    state.chunks_b = vec![CHUNKS, CHUNKS - 1];
    let walked = sampler.run(&mut denoiser, None, &mut state, &mut |row, _| row < 3).unwrap();
    assert_eq!(walked, 3);
}

#[test]
fn arrays_that_do_not_fit_are_refused() {
    let mut denoiser = denoiser();
    let (schedule, matrix) = (denoiser.schedule.clone(), matrix(MatrixKind::FullSequence));
    let sampler = Sampler {
        schedule: &schedule,
        matrix: &matrix,
        stabilization: 10,
        limits: None,
        solver: Solver::Ddim,
    };
    let mut state = sequences(&denoiser.layout, &noise(denoiser.size(), 2, 1));
    state.x_btd.pop();
    let outcome = sampler.run(&mut denoiser, None, &mut state, &mut |_, _| true);
    assert!(matches!(outcome, Err(PlannerError::Length { .. })));
}

#[test]
fn the_clean_estimate_stays_within_its_limits() {
    let mut denoiser = denoiser();
    let (schedule, matrix) = (denoiser.schedule.clone(), matrix(MatrixKind::default()));
    let (low, high) = ([-0.5, -0.1, -0.2], [0.4, 0.6, 0.1]);
    let sampler = Sampler {
        schedule: &schedule,
        matrix: &matrix,
        stabilization: 10,
        limits: Some((&low, &high)),
        solver: Solver::Ddim,
    };
    let mut state = sequences(&denoiser.layout, &noise(denoiser.size(), 4, 1));
    sampler.run(&mut denoiser, None, &mut state, &mut |_, _| true).unwrap();
    let ends = chunks_of(&denoiser.layout, &state.x_btd, 4);
    let (mut at_limit, mut inside) = (0, 0);
    for end in &ends {
        for (i, value) in end.iter().enumerate() {
            assert!((low[i % 3]..=high[i % 3]).contains(value), "slot {i}: {value}");
            if *value == low[i % 3] || *value == high[i % 3] { at_limit += 1 } else { inside += 1 }
        }
    }
    assert!(at_limit > 0 && inside > 0, "{at_limit} {inside}");
}

/// Warm start: data noised to any levels, denoised from there, has the law of the data again.
#[test]
fn a_walk_from_given_levels_gives_the_law_of_the_data() {
    let mut denoiser = GaussianDenoiser::new(CHUNKS, &schedule(4000), 11);
    let (n, width, levels) = (denoiser.size(), denoiser.layout.width(), 200u16);
    let schedule = denoiser.schedule.clone();
    for kind in KINDS {
        for start in [[60u16, 90, 120, 150, 180], [100; 5], [0, 0, 40, 200, 10], [200, 150, 100, 50, 0]] {
            let matrix = SchedulingMatrix::from_levels(kind, &start, levels).unwrap();
            assert_eq!(matrix.row(0), start);
            let matrix = matrix.after_known(FIRST_CHUNK);
            let power = |i: usize| schedule.abar(schedule.training_level(usize::from(start[i / width]), 200));
            let signal = DVector::from_fn(n, |i, _| power(i).sqrt());
            let noised = DMatrix::from_fn(n, n, |i, j| {
                signal[i] * denoiser.covariance[(i, j)] * signal[j]
                    + if i == j { 1.0 - power(i) } else { 0.0 }
            });
            let root = noised.cholesky().unwrap().l();
            let centre = signal.component_mul(&denoiser.mean);
            let starts: Vec<Vec<f64>> = (0..=n)
                .map(|i| {
                    if i == 0 { centre.clone() } else { &centre + root.column(i - 1) }.as_slice().to_vec()
                })
                .collect();
            let sampler = Sampler {
                schedule: &schedule,
                matrix: &matrix,
                stabilization: 0,
                limits: None,
                solver: Solver::Ddim,
            };
            let mut state = sequences(&denoiser.layout, &starts);
            sampler.run(&mut denoiser, None, &mut state, &mut |_, _| true).unwrap();
            let ends = chunks_of(&denoiser.layout, &state.x_btd, n + 1);
            let map = DMatrix::from_fn(n, n, |i, j| ends[j + 1][i] - ends[0][i]);
            let of_mean = (&ends[0] - &denoiser.mean).amax();
            let of_covariance = (&map * map.transpose() - &denoiser.covariance).amax();
            assert!(of_mean < 1e-9, "{kind:?} {start:?}: a flow maps mean to mean, {of_mean}");
            assert!(of_covariance < 0.06, "{kind:?} {start:?}: {of_covariance}");
        }
    }
}

/// Always estimates the same clean value; keeps what it was shown.
struct Recorder {
    layout: TokenLayout,
    clean: f64,
    shown: Arc<Mutex<Vec<Vec<f64>>>>,
}

impl Denoiser for Recorder {
    fn layout(&self) -> &TokenLayout {
        &self.layout
    }

    fn denoise(&mut self, batch: &NoisyBatch<'_>, x0_btd: &mut [f64]) -> Result<(), PlannerError> {
        self.shown.lock().unwrap().push(batch.x_btd.to_vec());
        x0_btd.fill(self.clean);
        Ok(())
    }

    fn denoise_and_pull(
        &mut self,
        batch: &NoisyBatch<'_>,
        x0_btd: &mut [f64],
        _cotangent: &Cotangent<'_>,
        pulled_btd: &mut [f64],
    ) -> Result<(), PlannerError> {
        pulled_btd.fill(0.0);
        self.denoise(batch, x0_btd)
    }
}

/// In a warm start, tokens that wait for their turn hold the previous plan, noised. Monte Carlo completions
/// redraw them from that plan, not from its noised copy: amplitude `sqrt(abar)` of it, not `abar`.
#[test]
fn completions_of_a_warm_start_are_drawn_around_the_previous_plan() {
    const CLEAN: f64 = 3.0;
    let layout = layout(8);
    let (tokens, width) = (layout.tokens(8), layout.width());
    let shown = Arc::new(Mutex::new(Vec::new()));
    let denoiser = Recorder { layout: layout.clone(), clean: CLEAN, shown: Arc::clone(&shown) };
    let identity =
        |n: usize| Normalizer::from_parts(NormalizerKind::Standard, vec![0.0; n], vec![1.0; n]).unwrap();
    let normalizer = DatasetNormalizer { observation: identity(2), action: identity(1) };
    let limits = SlotLimits { low: vec![-9.0; 3], high: vec![9.0; 3] };
    let config = PlanConfig { warm_start: 0.5, completions: 64, ..PlanConfig::default() };
    let mut planner =
        DiffusionPlanner::new(Box::new(denoiser), schedule(1000), normalizer, &limits, config, None).unwrap();
    let request = PlanRequest { observation: &[0.0, 0.0], task: goal(&[1.0, 1.0]), previous: None, seed: 5 };
    let first = planner.plan(&[request], false).unwrap().remove(0);
    assert!(first.observations.iter().all(|v| (v - CLEAN).abs() < 1e-9), "the plan is the estimate");
    shown.lock().unwrap().clear();
    let request = PlanRequest { previous: Some((&first, 2)), ..request };
    let warm = planner.plan(&[request], false).unwrap().remove(0);
    assert!(warm.rows < first.rows);
    // A plan that has arrived is not continued.
    let at_goal = PlanRequest { task: goal(&[CLEAN, CLEAN]), previous: None, ..request };
    let arrived = planner.plan(&[at_goal], false).unwrap().remove(0);
    assert_eq!(arrived.arrival, Some(0));
    shown.lock().unwrap().clear();
    let again = PlanRequest { previous: Some((&arrived, 2)), ..at_goal };
    assert!(planner.plan(&[again], false).unwrap()[0].rows > warm.rows);
    shown.lock().unwrap().clear();
    planner.plan(&[request], false).unwrap();
    // At the second row chunks 2.. still wait at half of all levels, and every completion but the first has
    // drawn them afresh.
    let shown = shown.lock().unwrap();
    let mut values = Vec::new();
    for completion in shown[1].chunks_exact(tokens * width).skip(1) {
        values.extend_from_slice(&completion[(FIRST_CHUNK + 2) * width..]);
    }
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    let variance = values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / n;
    let abar = schedule(1000).abar(500);
    let wanted = abar.sqrt() * CLEAN;
    assert!((mean - wanted).abs() < 5.0 * ((1.0 - abar) / n).sqrt(), "{mean}, expected {wanted}");
    assert!(
        (variance / (1.0 - abar) - 1.0).abs() < 5.0 * (2.0 / n).sqrt(),
        "{variance}, expected {}",
        1.0 - abar
    );
}

/// A goal that lives as long as the test.
fn goal(values: &[f64]) -> &'static GoalTask {
    Box::leak(Box::new(GoalTask::new(&[0, 1], values, 0.5)))
}

fn planner(config: PlanConfig) -> DiffusionPlanner {
    let identity =
        |n: usize| Normalizer::from_parts(NormalizerKind::Standard, vec![0.0; n], vec![1.0; n]).unwrap();
    let normalizer = DatasetNormalizer { observation: identity(2), action: identity(1) };
    let limits = SlotLimits { low: vec![-9.0; 3], high: vec![9.0; 3] };
    DiffusionPlanner::new(Box::new(denoiser()), schedule(1000), normalizer, &limits, config, None).unwrap()
}

fn plan(config: PlanConfig) -> forethought_planner::Plan {
    let request = PlanRequest { observation: &[0.3, -0.7], task: goal(&[1.0, 1.0]), previous: None, seed: 5 };
    planner(config).plan(&[request], true).unwrap().remove(0)
}

/// Stopping once the next chunk is settled changes nothing of that chunk; of the others the plan holds what the
/// whole walk would have estimated at that row.
#[test]
fn a_plan_may_be_handed_over_once_its_first_chunks_are_settled() {
    let matrix = MatrixKind::Pyramid { uncertainty: 2.0 };
    for solver in [Solver::Ddim, Solver::Dpm2M] {
        let config =
            PlanConfig { matrix, solver, levels: LEVELS, guidance: 0.5, tie: 0.2, ..PlanConfig::default() };
        let whole = plan(config.clone());
        let early = plan(PlanConfig { settle: 2, ..config });
        // The second chunk is clean after two more rows than the first; the last begins after eight.
        assert_eq!((early.rows, whole.rows), (usize::from(LEVELS) + 2, usize::from(LEVELS) + 8));
        assert_eq!(early.frames, whole.frames);
        assert_eq!(early.observations[..4], whole.observations[..4]);
        assert_eq!(early.actions[..2], whole.actions[..2]);
        assert_ne!(early.observations[4..], whole.observations[4..]);
        assert_eq!(early.observations, whole.history[early.rows].observations);
    }
}

#[test]
fn the_tie_draws_the_first_frame_to_the_present_and_its_gradient_is_its_slope() {
    let config = PlanConfig { levels: 40, guidance: 1.0, guidance_floor: 0.0, ..PlanConfig::default() };
    let missed = |tie: f64| {
        let first = plan(PlanConfig { tie, ..config.clone() }).observations;
        ((first[0] - 0.3).powi(2) + (first[1] + 0.7).powi(2)).sqrt()
    };
    let found = [0.0, 0.5, 2.0].map(missed);
    assert!(found[1] < 0.95 * found[0] && found[2] < 0.95 * found[1], "{found:?}");

    let denoiser = denoiser();
    let inner = Quadratic::linear(&denoiser, DVector::from_element(denoiser.size(), 0.3));
    let tied = Tied::new(Box::new(inner), &denoiser.layout, 1.7);
    let x = noise((FIRST_CHUNK + CHUNKS) * denoiser.layout.width(), 1, 3).remove(0);
    let mut gradient = vec![0.0; x.len()];
    tied.value_and_gradient(&x, CHUNKS, &mut gradient);
    let known = FIRST_CHUNK * denoiser.layout.width();
    for i in known..x.len() {
        let value = |step: f64| {
            let mut moved = x.clone();
            moved[i] += step;
            tied.value_and_gradient(&moved, CHUNKS, &mut vec![0.0; x.len()])
        };
        let slope = (value(1e-5) - value(-1e-5)) / 2e-5;
        assert!((slope - gradient[i]).abs() < 1e-8, "slot {i}: {slope} and {}", gradient[i]);
    }
}

#[test]
fn plans_keep_from_where_the_episode_has_been() {
    let config =
        PlanConfig { levels: 40, guidance: 2.0, guidance_floor: 0.0, tie: 1.0, ..PlanConfig::default() };
    // Made once more from the same place, as when the first plan led nowhere.
    let distance = |unvisited: f64, executed: usize| {
        let mut planner = planner(PlanConfig { unvisited, ..config.clone() });
        let request =
            PlanRequest { observation: &[0.3, -0.7], task: goal(&[3.0, 1.0]), previous: None, seed: 5 };
        let mut plan = planner.plan(&[request], false).unwrap().remove(0);
        for _ in 0..executed {
            let next = PlanRequest { previous: Some((&plan, 1)), ..request };
            plan = planner.plan(&[next], false).unwrap().remove(0);
        }
        (plan.observations[0] - 0.3).hypot(plan.observations[1] + 0.7)
    };
    assert_eq!(distance(0.0, 0), distance(0.0, 3), "without it a plan does not depend on those before");
    let found = [distance(0.0, 0), distance(0.3, 0), distance(0.3, 3)];
    assert!(found[1] > found[0] && found[2] > found[1], "{found:?}");

    // Near the goal, staying is what is wanted.
    let stay = |unvisited: f64| {
        let mut planner = planner(PlanConfig { unvisited, ..config.clone() });
        let request =
            PlanRequest { observation: &[0.3, -0.7], task: goal(&[0.4, -0.6]), previous: None, seed: 5 };
        planner.plan(&[request], false).unwrap().remove(0).observations
    };
    assert_eq!(stay(0.5), stay(0.0));
}

#[test]
fn the_gradient_of_what_was_visited_is_its_slope() {
    let denoiser = denoiser();
    let layout = &denoiser.layout;
    let normalizer =
        Normalizer::from_parts(NormalizerKind::Standard, vec![0.4, -0.2], vec![1.5, 0.7]).unwrap();
    let inner = Quadratic::linear(&denoiser, DVector::from_element(denoiser.size(), 0.3));
    let objective = Unvisited::new(Box::new(inner), layout, &normalizer, &[0.2, 0.1, -0.5, 0.6], 0.8, 0.9);
    let x = noise((FIRST_CHUNK + CHUNKS) * layout.width(), 1, 3).remove(0);
    let mut gradient = vec![0.0; x.len()];
    objective.value_and_gradient(&x, CHUNKS, &mut gradient);
    for i in FIRST_CHUNK * layout.width()..x.len() {
        let value = |step: f64| {
            let mut moved = x.clone();
            moved[i] += step;
            objective.value_and_gradient(&moved, CHUNKS, &mut vec![0.0; x.len()])
        };
        let slope = (value(1e-5) - value(-1e-5)) / 2e-5;
        assert!((slope - gradient[i]).abs() < 1e-8, "slot {i}: {slope} and {}", gradient[i]);
    }
}
