//! What sampling must do whatever the denoiser: plain DDIM as a special case, tokens left alone bit for bit,
//! near tokens ready early, stopping at any row, broken networks named, warm starts.
#![allow(clippy::float_cmp, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use std::sync::{Arc, Mutex};

use common::{GaussianDenoiser, KINDS, Quadratic, chunks_of, layout, noise, refs, schedule, sequences, walk};
use forethought_envs::data::{DatasetNormalizer, Normalizer, NormalizerKind};
use forethought_envs::{Frames, FramesGradient, GoalTask, ScoreTask, Task};
use forethought_planner::checkpoint::SlotLimits;
use forethought_planner::guidance::{Objective, TaskObjective};
use forethought_planner::{
    Cotangent, Denoiser, DiffusionPlanner, FIRST_CHUNK, Guidance, GuidanceConfig, InForce, MatrixKind,
    NoisyBatch, PlanConfig, Planner, PlannerError, RankConfig, Request, Sampler, SamplerConfig,
    SchedulingMatrix, Solver, TokenLayout, Tokens,
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
    let guidance =
        Guidance { objectives: &refs(&objectives), scale: 1.0, end: 0, mc_samples: 3, seeds: &[4, 5] };
    let mut seen = Vec::new();
    let mut on_row = |row: usize, sequences: &Tokens| {
        assert_eq!(row, seen.len());
        seen.push(sequences.x_btd.clone());
        true
    };
    sampler.run(&mut denoiser, guided.then_some(&guidance), &mut state, sampler.all(), &mut on_row).unwrap();
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

/// Stopped at any row, the tokens can be taken up again to the same bits, by every solver and with guidance; and so can
/// a copy of them.
#[test]
fn stopping_early_leaves_tokens_that_can_be_taken_up_again() {
    for (kind, solver) in KINDS.into_iter().flat_map(|kind| [(kind, Solver::Ddim), (kind, Solver::Dpm2M)]) {
        let mut denoiser = denoiser();
        let (schedule, matrix) = (denoiser.schedule.clone(), matrix(kind));
        let starts = noise(denoiser.size(), 2, 1);
        let sampler =
            Sampler { schedule: &schedule, matrix: &matrix, stabilization: 10, limits: None, solver };
        let objective = Quadratic::linear(&denoiser, DVector::from_element(denoiser.size(), 0.3));
        let objectives: Vec<Box<dyn Objective>> = vec![Box::new(objective.clone()), Box::new(objective)];
        let views = refs(&objectives);
        let guidance = Guidance { objectives: &views, scale: 1.0, end: 0, mc_samples: 3, seeds: &[4, 5] };
        let begun = sequences(&denoiser.layout, &starts);
        let mut unbroken = begun.clone();
        let guide = Some(&guidance);
        sampler.run(&mut denoiser, guide, &mut unbroken, sampler.all(), &mut |_, _| true).unwrap();
        for stop in [0, 1, 7, matrix.steps() - 1, matrix.steps()] {
            let mut x = begun.clone();
            let stood =
                sampler.run(&mut denoiser, guide, &mut x, sampler.all(), &mut |row, _| row < stop).unwrap();
            assert_eq!(stood, stop);
            assert!(x.x_btd.iter().chain(&x.x0_btd).all(|v| v.is_finite()));
            let mut copy = x.clone();
            for tokens in [&mut x, &mut copy] {
                let rows = stop..matrix.steps();
                let stood = sampler.run(&mut denoiser, guide, tokens, rows, &mut |_, _| true).unwrap();
                assert_eq!(stood, matrix.steps());
                assert_eq!(tokens.x_btd, unbroken.x_btd, "{kind:?} {solver:?} stopped at {stop}");
            }
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

    fn denoise_vjp(
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
            match sampler.run(&mut denoiser, None, &mut state, sampler.all(), &mut |_, _| true) {
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
    let walked = sampler.run(&mut denoiser, None, &mut state, sampler.all(), &mut |row, _| row < 3).unwrap();
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
    let outcome = sampler.run(&mut denoiser, None, &mut state, sampler.all(), &mut |_, _| true);
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
    sampler.run(&mut denoiser, None, &mut state, sampler.all(), &mut |_, _| true).unwrap();
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
            sampler.run(&mut denoiser, None, &mut state, sampler.all(), &mut |_, _| true).unwrap();
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

    fn denoise_vjp(
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
    let config = PlanConfig { warm_start: 0.5, ..guided(64) };
    let mut planner =
        DiffusionPlanner::new(Box::new(denoiser), schedule(1000), normalizer, limits, config, None).unwrap();
    let request = Request::new(&[0.0, 0.0], goal(&[1.0, 1.0]), 5);
    let first = planner.plan(&[request], false).unwrap().remove(0);
    assert!(first.observations.iter().all(|v| (v - CLEAN).abs() < 1e-9), "the plan is the estimate");
    shown.lock().unwrap().clear();
    let request = Request { in_force: Some(InForce { plan: &first, executed: 2 }), ..request };
    let warm = planner.plan(&[request], false).unwrap().remove(0);
    assert!(warm.stats.rows < first.stats.rows);
    // A plan that has arrived is not continued.
    let at_goal = Request { task: goal(&[CLEAN, CLEAN]), in_force: None, ..request };
    let arrived = planner.plan(&[at_goal], false).unwrap().remove(0);
    assert_eq!(arrived.arrival, Some(0));
    shown.lock().unwrap().clear();
    let again = Request { in_force: Some(InForce { plan: &arrived, executed: 2 }), ..at_goal };
    assert!(planner.plan(&[again], false).unwrap()[0].stats.rows > warm.stats.rows);
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

/// Settings under which nothing but guidance leads, with so many Monte Carlo samples.
fn guided(mc_samples: usize) -> PlanConfig {
    let mut config = PlanConfig { goal_conditioning: false, ..PlanConfig::default() };
    config.sampler = SamplerConfig {
        steps: 20,
        solver: Solver::Ddim,
        uncertainty_scale: 1.0,
        clean_tokens: 0,
        ..SamplerConfig::default()
    };
    config.guidance =
        GuidanceConfig { scale: 4.0, end: 0.3, mc_samples, start_weight: 0.0, condition_scale: 1.0 };
    config.horizon.terminal_chunks = 3;
    config.rank = RankConfig { candidates: 1, ood_penalty: 0.0 };
    config
}

fn planner(config: PlanConfig) -> DiffusionPlanner {
    let identity =
        |n: usize| Normalizer::from_parts(NormalizerKind::Standard, vec![0.0; n], vec![1.0; n]).unwrap();
    let normalizer = DatasetNormalizer { observation: identity(2), action: identity(1) };
    let limits = SlotLimits { low: vec![-9.0; 3], high: vec![9.0; 3] };
    DiffusionPlanner::new(Box::new(denoiser()), schedule(1000), normalizer, limits, config, None).unwrap()
}

fn plan(config: PlanConfig) -> forethought_planner::Plan {
    let request = Request::new(&[0.3, -0.7], goal(&[1.0, 1.0]), 5);
    planner(config).plan(&[request], true).unwrap().remove(0)
}

/// Stopping once the next chunk is settled changes nothing of that chunk; of the others the plan holds what the
/// whole walk would have estimated at that row.
#[test]
fn a_plan_may_be_handed_over_once_its_first_chunks_are_settled() {
    for solver in [Solver::Ddim, Solver::Dpm2M] {
        let mut config = guided(4);
        (config.guidance.scale, config.guidance.start_weight) = (0.5, 0.2);
        config.sampler = SamplerConfig { solver, steps: LEVELS, uncertainty_scale: 2.0, ..config.sampler };
        let whole = plan(config.clone());
        config.sampler.clean_tokens = 2;
        let early = plan(config);
        // The second chunk is clean after two more rows than the first; the last begins after eight.
        assert_eq!((early.stats.rows, whole.stats.rows), (usize::from(LEVELS) + 2, usize::from(LEVELS) + 8));
        assert_eq!(early.frames, whole.frames);
        assert_eq!(early.observations[..4], whole.observations[..4]);
        assert_eq!(early.actions[..2], whole.actions[..2]);
        assert_ne!(early.observations[4..], whole.observations[4..]);
        assert_eq!(early.observations, whole.trace[early.stats.rows].observations);
    }
}

#[test]
fn the_start_weight_draws_the_first_frame_to_the_present_and_its_gradient_is_its_slope() {
    let mut config = guided(4);
    config.sampler.steps = 40;
    (config.guidance.scale, config.guidance.end) = (1.0, 0.0);
    let missed = |start_weight: f64| {
        let mut config = config.clone();
        config.guidance.start_weight = start_weight;
        let first = plan(config).observations;
        ((first[0] - 0.3).powi(2) + (first[1] + 0.7).powi(2)).sqrt()
    };
    let found = [0.0, 0.5, 2.0].map(missed);
    assert!(found[1] < 0.95 * found[0] && found[2] < 0.95 * found[1], "{found:?}");

    let layout = layout(CHUNKS);
    let task = GoalTask::new(&[0, 1], &[0.4, -0.2], 0.3);
    let normalizer = scaled();
    let objective = TaskObjective::new(&task, &layout, &normalizer, 1.7);
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

/// Scaling that is not the identity.
fn scaled() -> DatasetNormalizer {
    let parts = |shift: &[f64], scale: &[f64]| {
        Normalizer::from_parts(NormalizerKind::Standard, shift.to_vec(), scale.to_vec()).unwrap()
    };
    DatasetNormalizer { observation: parts(&[0.4, -0.2], &[1.5, 0.7]), action: parts(&[0.1], &[2.0]) }
}

/// A task that is nothing but a closure pulls plans where it wants them.
#[test]
fn plans_follow_any_score() {
    let wants = |action: f64| {
        ScoreTask(move |frames: Frames<'_>, gradient: Option<&mut FramesGradient<'_>>| {
            let missed = |i: usize| frames.actions.get(i)[0] - action;
            if let Some(gradient) = gradient {
                (0..frames.len).for_each(|i| gradient.action(i)[0] -= frames.weight * 2.0 * missed(i));
            }
            -(0..frames.len).map(|i| frames.weight * missed(i).powi(2)).sum::<f64>()
        })
    };
    let mean = |task: &dyn Task, scale: f64| {
        let mut config = guided(1);
        config.guidance.scale = scale;
        let plan = planner(config).plan(&[Request::new(&[0.3, -0.7], task, 5)], false).unwrap().remove(0);
        (plan.actions.iter().sum::<f64>() / plan.frames as f64, plan.score)
    };
    let (low, high) = (mean(&wants(-2.0), 2.0), mean(&wants(2.0), 2.0));
    let unguided = mean(&wants(2.0), 0.0);
    assert!(low.0 < unguided.0 - 0.2 && high.0 > unguided.0 + 0.2, "{low:?} {unguided:?} {high:?}");
    assert!(high.1 > unguided.1, "its own score says so");
}
