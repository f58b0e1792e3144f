//! Distillation: a student's target is what leads it where its teacher goes, and a run of it is a run like any other.
#![allow(clippy::float_cmp, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use common::{GaussianDenoiser, KINDS, layout, noise, schedule, sequences};
use forethought_planner::noise::NoiseSchedule;
use forethought_planner::{
    Cotangent, Denoiser, FIRST_CHUNK, Lesson, MatrixKind, NoisyBatch, PlannerError, Sampler,
    SchedulingMatrix, Solver, Taught, TokenLayout, Tokens,
};
use nalgebra::{DMatrix, DVector};
use proptest::prelude::{ProptestConfig, prop_assert, proptest};
use serde::Deserialize;

const STABLE: u16 = 10;

fn matrix(kind: MatrixKind, chunks: usize, steps: u16) -> SchedulingMatrix {
    SchedulingMatrix::new(kind, chunks, steps).unwrap().after_known(FIRST_CHUNK)
}

fn teach(
    teacher: &mut dyn Denoiser,
    (matrix, row): (&SchedulingMatrix, usize),
    (teacher_steps, solver): (u16, Solver),
    schedule: &NoiseSchedule,
    noisy: &Tokens,
) -> Taught {
    let lesson = Lesson { schedule, matrix, row, teacher_steps, stabilization: STABLE, limits: None, solver };
    lesson.target(teacher, noisy).unwrap()
}

/// Independent slots `N(mean, spread^2)`, whose probability-flow equation has a solution in closed form:
/// `z_s = alpha_s mean + (z_t - alpha_t mean) sqrt((alpha_s^2 spread^2 + sigma_s^2) / (alpha_t^2 spread^2 + sigma_t^2))`
/// (Song et al., ICLR 2021, appendix D, for a Gaussian).
#[test]
fn the_target_is_the_exact_map_of_a_gaussian() {
    let (chunks, schedule) = (3, schedule(1000));
    let size = chunks * layout(chunks).width();
    let mean = DVector::from_fn(size, |i, _| (i as f64).sin());
    let spread = DVector::from_fn(size, |i, _| 0.4 + 0.15 * i as f64);
    let covariance = DMatrix::from_diagonal(&spread.map(|s| s * s));
    let mut teacher = GaussianDenoiser::of(layout(chunks), &schedule, mean.clone(), covariance, 0);
    let starts = noise(size, 1, 3);
    let noisy = sequences(&layout(chunks), &starts);
    let matrix = matrix(MatrixKind::Pyramid { uncertainty: 1.0 }, chunks, 4);
    // Row 2: levels 2, 3 and 4 of 4, all of which move.
    let mut worst = |teacher_steps: u16, solver: Solver| {
        let taught = teach(&mut teacher, (&matrix, 2), (teacher_steps, solver), &schedule, &noisy);
        let error = |i: usize| {
            let column = FIRST_CHUNK + i / layout(chunks).width();
            let power = |row: usize| {
                let level = usize::from(matrix.row(row)[column]);
                schedule.abar(schedule.training_level(level, 4))
            };
            let (t, s) = (power(2), power(3));
            let variance = |abar: f64| abar * spread[i] * spread[i] + 1.0 - abar;
            let z_t = starts[0][i];
            let z_s = s.sqrt() * mean[i] + (z_t - t.sqrt() * mean[i]) * (variance(s) / variance(t)).sqrt();
            let ratio = ((1.0 - s) / (1.0 - t)).sqrt();
            let x0 = (z_s - ratio * z_t) / (s.sqrt() - ratio * t.sqrt());
            (taught.x0_btd[FIRST_CHUNK * layout(chunks).width() + i] - x0).abs()
        };
        (0..size).map(error).fold(0.0, f64::max)
    };
    let (coarse, fine) = (worst(30, Solver::Ddim), worst(120, Solver::Ddim));
    // First order: a quarter of the step, a quarter of the error.
    assert!(fine < 0.02 && (3.0..5.5).contains(&(coarse / fine)), "{coarse} and {fine}");
    let second = worst(120, Solver::Dpm2M);
    assert!(second < fine / 5.0, "{second} and {fine}");
}

/// Answers what it was told to.
struct Parrot {
    layout: TokenLayout,
    says: Vec<f64>,
}

impl Denoiser for Parrot {
    fn layout(&self) -> &TokenLayout {
        &self.layout
    }

    fn denoise(&mut self, _: &NoisyBatch<'_>, x0_btd: &mut [f64]) -> Result<(), PlannerError> {
        x0_btd.copy_from_slice(&self.says);
        Ok(())
    }

    fn denoise_vjp(
        &mut self,
        _: &NoisyBatch<'_>,
        _: &mut [f64],
        _: &Cotangent<'_>,
        _: &mut [f64],
    ) -> Result<(), PlannerError> {
        panic!("nobody guides")
    }
}

fn walk(
    denoiser: &mut dyn Denoiser,
    schedule: &NoiseSchedule,
    (matrix, rows): (&SchedulingMatrix, std::ops::Range<usize>),
    solver: Solver,
    mut x: Tokens,
) -> Tokens {
    let sampler = Sampler { schedule, matrix, stabilization: STABLE, limits: None, solver };
    sampler.run(denoiser, None, &mut x, rows, &mut |_, _| true).unwrap();
    x
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// One step of the student that answers its target ends where the teacher's steps end, whatever the order of tokens.
    #[test]
    fn a_student_that_answers_its_target_goes_where_its_teacher_goes(
        kind in 0..KINDS.len(),
        steps in 1_u16..5,
        teacher_steps in 1_u16..6,
        row in 0_usize..12,
        second in proptest::bool::ANY,
        seed in 0_u64..1000,
    ) {
        let (chunks, schedule) = (4, schedule(200));
        let mut teacher = GaussianDenoiser::new(chunks, &schedule, seed);
        let matrix = matrix(KINDS[kind], chunks, steps);
        let row = row % matrix.steps();
        let solver = if second { Solver::Dpm2M } else { Solver::Ddim };
        let noisy = sequences(&layout(chunks), &noise(teacher.size(), 2, seed));
        let taught = teach(&mut teacher, (&matrix, row), (teacher_steps, solver), &schedule, &noisy);
        let finer = matrix.between(row, teacher_steps).unwrap();
        let there = walk(&mut teacher, &schedule, (&finer, 0..finer.steps()), solver, noisy.clone());
        let mut student = Parrot { layout: layout(chunks), says: taught.x0_btd.clone() };
        let here = walk(&mut student, &schedule, (&matrix, row..row + 1), Solver::Ddim, noisy.clone());
        let width = layout(chunks).width();
        for (i, (a, b)) in here.x_btd.iter().zip(&there.x_btd).enumerate() {
            prop_assert!((a - b).abs() < 1e-9 * (1.0 + b.abs()), "{i}: {a} and {b}");
            let token = i / width % matrix.tokens();
            prop_assert!(taught.learnt_tp[token] == (matrix.row(row)[token] != matrix.row(row + 1)[token]));
            if !taught.learnt_tp[token] {
                prop_assert!(*a == noisy.x_btd[i] && taught.x0_btd[i] == 0.0);
            }
        }
    }
}

#[test]
fn a_teacher_of_one_step_teaches_what_it_says() {
    let (chunks, schedule) = (3, schedule(100));
    let mut teacher = GaussianDenoiser::new(chunks, &schedule, 5);
    let matrix = matrix(MatrixKind::FullSequence, chunks, 3);
    let noisy = sequences(&layout(chunks), &noise(teacher.size(), 1, 8));
    let taught = teach(&mut teacher, (&matrix, 1), (1, Solver::Ddim), &schedule, &noisy);
    let level = schedule.training_level(2, 3) as u16;
    let mut level_btp = vec![level; matrix.tokens()];
    level_btp[..FIRST_CHUNK].fill(STABLE);
    let mut said = vec![0.0; noisy.x_btd.len()];
    let batch = NoisyBatch {
        batch: 1,
        tokens: matrix.tokens(),
        x_btd: &noisy.x_btd,
        level_btp: &level_btp,
        chunks_b: &[chunks],
        goal_b: &[false],
    };
    teacher.denoise(&batch, &mut said).unwrap();
    let from = FIRST_CHUNK * layout(chunks).width();
    for (a, b) in taught.x0_btd[from..].iter().zip(&said[from..]) {
        assert!((a - b).abs() < 1e-11, "{a} and {b}");
    }
    assert!(said[from..].iter().any(|x0| x0.abs() > 0.1));
}

/// The denoiser of `golden/make_distillation.py`.
struct Mixing(TokenLayout);

impl Denoiser for Mixing {
    fn layout(&self) -> &TokenLayout {
        &self.0
    }

    fn denoise(&mut self, batch: &NoisyBatch<'_>, x0_btd: &mut [f64]) -> Result<(), PlannerError> {
        let d = self.0.width();
        for t in FIRST_CHUNK..batch.tokens {
            for i in 0..d {
                let before = if t == FIRST_CHUNK { 0.0 } else { batch.x_btd[(t - 1) * d + i] };
                let level = f64::from(batch.level_btp[t]);
                x0_btd[t * d + i] = 0.6 * batch.x_btd[t * d + i] + 0.3 * before + 0.2 * level.sin();
            }
        }
        Ok(())
    }

    fn denoise_vjp(
        &mut self,
        _: &NoisyBatch<'_>,
        _: &mut [f64],
        _: &Cotangent<'_>,
        _: &mut [f64],
    ) -> Result<(), PlannerError> {
        panic!("nobody guides")
    }
}

#[derive(Deserialize)]
struct Case {
    solver: Solver,
    steps: u16,
    teacher_steps: u16,
    start: Vec<u16>,
    end: Vec<u16>,
    x0: Vec<Vec<f64>>,
}

/// Against Python written from the papers' equations.
#[test]
fn targets_are_those_of_another_implementation() {
    let cases: Vec<Case> = serde_json::from_str(include_str!("golden/distillation.json")).unwrap();
    assert_eq!(cases.len(), 6);
    let (layout, schedule) = (layout(3), schedule(1000));
    for case in cases {
        let kinds = [MatrixKind::Pyramid { uncertainty: 1.0 }, MatrixKind::FullSequence];
        let matrices = kinds.map(|kind| SchedulingMatrix::new(kind, 3, case.steps).unwrap());
        let of_case = |matrix: &SchedulingMatrix, m: usize| {
            (matrix.row(m), matrix.row(m + 1)) == (&case.start[..], &case.end[..])
        };
        let rows = matrices.iter().flat_map(|matrix| (0..matrix.steps()).map(move |m| (matrix, m)));
        let (matrix, row) = rows.into_iter().find(|(matrix, m)| of_case(matrix, *m)).unwrap();
        let matrix = matrix.clone().after_known(FIRST_CHUNK);
        let slot = |t: usize, i: usize| ((1 + 3 * t + i) as f64).sin();
        let x: Vec<f64> = (0..9).map(|at| slot(at / 3, at % 3)).collect();
        let noisy = sequences(&layout, &[x]);
        let lesson = (case.teacher_steps, case.solver);
        let taught = teach(&mut Mixing(layout.clone()), (&matrix, row), lesson, &schedule, &noisy);
        for (i, want) in case.x0.iter().flatten().enumerate() {
            let found = taught.x0_btd[FIRST_CHUNK * layout.width() + i];
            assert!(
                (found - want).abs() < 1e-9,
                "{:?} {:?}, slot {i}: {found} and {want}",
                case.solver,
                case.start
            );
        }
    }
}

#[test]
fn no_steps_are_refused_and_so_are_too_many_levels() {
    let matrix = matrix(MatrixKind::FullSequence, 2, 300);
    for steps in [0, 300] {
        let message = matrix.between(0, steps).unwrap_err().to_string();
        assert!(message.contains("distill.teacher_steps") && message.contains("218"), "{message}");
    }
    assert_eq!(matrix.between(0, 218).unwrap().steps(), 218);
}
