//! One denoiser as planner, policy, world model and inverse model, by what it is shown: with the optimal denoiser of
//! Gaussian data each answer has the law that the data give it, in closed form.
#![allow(clippy::float_cmp, clippy::unwrap_used, clippy::expect_used)]

mod common;

use common::{GaussianDenoiser, chunks_of, noise, schedule, sequences};
use forethought_planner::{
    FIRST_CHUNK, Half, MatrixKind, Role, Sampler, SchedulingMatrix, Shown, Solver, TokenLayout,
};
use nalgebra::{DMatrix, DVector};

const CHUNKS: usize = 3;
const LEVELS: u16 = 400;

fn denoiser(level_blocks: usize, frames_per_token: usize) -> GaussianDenoiser {
    let mut denoiser =
        GaussianDenoiser::new(CHUNKS * frames_per_token, &schedule(4000), 5).with_blocks(level_blocks);
    // The same process in chunks of several frames.
    (denoiser.layout.frames_per_token, denoiser.layout.chunks) = (frames_per_token, CHUNKS);
    denoiser
}

/// What is shown of each slot of the chunks.
fn shown(layout: &TokenLayout, role: Role) -> Vec<Shown> {
    let (width, part_of) = (layout.width(), layout.part_of_slots());
    (0..layout.chunks * width)
        .map(|i| role.shown(layout, FIRST_CHUNK + i / width, part_of[i % width]))
        .collect()
}

/// Samples a role from starts of which the known slots are clean.
fn answers(denoiser: &mut GaussianDenoiser, role: Role, starts: &[Vec<f64>]) -> Vec<DVector<f64>> {
    let (layout, schedule) = (denoiser.layout.clone(), denoiser.schedule.clone());
    let matrix = SchedulingMatrix::new(MatrixKind::FullSequence, layout.chunks, LEVELS)
        .unwrap()
        .with_parts(layout.parts())
        .unwrap()
        .after_known(FIRST_CHUNK)
        .show(|token, part| role.shown(&layout, token, part));
    let sampler = Sampler {
        schedule: &schedule,
        matrix: &matrix,
        stabilization: 0,
        limits: None,
        solver: Solver::Ddim,
    };
    let mut x = sequences(&layout, starts);
    sampler.run(denoiser, None, &mut x, sampler.all(), &mut |_, _| true).unwrap();
    chunks_of(&layout, &x.x_btd, starts.len())
}

/// Mean (given the known slots at `known`) and covariance of the answer: the sampler is affine in its noise.
fn law(
    denoiser: &mut GaussianDenoiser,
    role: Role,
    known: &[f64],
) -> (DVector<f64>, DMatrix<f64>, Vec<usize>) {
    let shown = shown(&denoiser.layout, role);
    let asked: Vec<usize> = (0..shown.len()).filter(|&i| shown[i] == Shown::Asked).collect();
    let start = |unit: Option<usize>| -> Vec<f64> {
        let of = |i: usize| match shown[i] {
            Shown::Known => known[i],
            _ => f64::from(u8::from(unit == Some(i))),
        };
        (0..shown.len()).map(of).collect()
    };
    let starts: Vec<Vec<f64>> =
        std::iter::once(None).chain(asked.iter().copied().map(Some)).map(start).collect();
    let ends = answers(denoiser, role, &starts);
    let mean = DVector::from_iterator(asked.len(), asked.iter().map(|&i| ends[0][i]));
    let map = DMatrix::from_fn(asked.len(), asked.len(), |i, j| ends[j + 1][asked[i]] - ends[0][asked[i]]);
    (mean, &map * map.transpose(), asked)
}

/// The law of the asked slots given the known ones, with what is open left out, by conditioning.
fn conditional(denoiser: &GaussianDenoiser, role: Role, known: &[f64]) -> (DVector<f64>, DMatrix<f64>) {
    let shown = shown(&denoiser.layout, role);
    let of = |what: Shown| -> Vec<usize> { (0..shown.len()).filter(|&i| shown[i] == what).collect() };
    let (asked, given) = (of(Shown::Asked), of(Shown::Known));
    let block = |rows: &[usize], columns: &[usize]| {
        DMatrix::from_fn(rows.len(), columns.len(), |i, j| denoiser.covariance[(rows[i], columns[j])])
    };
    let mean = |rows: &[usize]| DVector::from_iterator(rows.len(), rows.iter().map(|&i| denoiser.mean[i]));
    let (aa, ag, gg) = (block(&asked, &asked), block(&asked, &given), block(&given, &given));
    if given.is_empty() {
        return (mean(&asked), aa);
    }
    let off = DVector::from_iterator(given.len(), given.iter().map(|&i| known[i])) - mean(&given);
    let solve = gg.cholesky().unwrap();
    (mean(&asked) + &ag * solve.solve(&off), &aa - &ag * solve.solve(&ag.transpose()))
}

const ROLES: [Role; 6] = [
    Role::Plan,
    Role::Act { chunk: 0 },
    Role::Act { chunk: 1 },
    Role::Imagine { chunk: 0, block: 0 },
    Role::Imagine { chunk: 1, block: 1 },
    Role::InferActions,
];

#[test]
fn every_role_answers_with_the_law_of_the_data() {
    let known = noise(CHUNKS * 2 * 3, 1, 9).remove(0);
    for role in ROLES {
        let mut denoiser = denoiser(2, 2);
        let (mean, covariance, asked) = law(&mut denoiser, role, &known);
        let (want_mean, want_covariance) = conditional(&denoiser, role, &known);
        assert!(!asked.is_empty(), "{role:?}");
        // First order in the steps, and the start lacks the little signal that pure noise still holds.
        let (of_mean, of_covariance) = ((&mean - &want_mean).amax(), (&covariance - &want_covariance).amax());
        assert!(of_mean < 0.02 && of_covariance < 0.03, "{role:?}: {of_mean} {of_covariance}");
    }
}

#[test]
fn a_world_model_does_not_depend_on_what_comes_later() {
    let mut denoiser = denoiser(2, 2);
    let role = Role::Imagine { chunk: 1, block: 0 };
    let shown = shown(&denoiser.layout, role);
    let start = noise(denoiser.size(), 1, 3).remove(0);
    let mut other = start.clone();
    // Later decisions and outcomes stand there as noise, at a level that says so; the sampler leaves them alone.
    let ends = answers(&mut denoiser, role, std::slice::from_ref(&start));
    for (i, shown) in shown.iter().enumerate() {
        match shown {
            Shown::Asked => {}
            Shown::Known | Shown::Open => assert_eq!(ends[0][i], start[i], "slot {i} is not asked for"),
        }
        if *shown == Shown::Open {
            other[i] += 1.0;
        }
    }
    let moved = answers(&mut denoiser, role, &[other]);
    for (i, shown) in shown.iter().enumerate().filter(|(_, shown)| **shown == Shown::Asked) {
        // Pure noise still holds 0.003 of the signal.
        assert!((moved[0][i] - ends[0][i]).abs() < 0.03, "slot {i} {shown:?}");
    }
}

#[test]
fn what_is_asked_and_shown_of_each_part() {
    let layout = denoiser(2, 2).layout;
    let of = |role: Role| -> String {
        let letter = |shown| match shown {
            Shown::Asked => 'a',
            Shown::Known => 'k',
            Shown::Open => '.',
        };
        let parts = (0..CHUNKS).flat_map(|c| (0..layout.parts()).map(move |part| (FIRST_CHUNK + c, part)));
        parts.map(|(token, part)| letter(role.shown(&layout, token, part))).collect()
    };
    // Decisions and outcomes of each block of three chunks.
    assert_eq!(of(Role::Plan), "aaaaaaaaaaaa");
    assert_eq!(of(Role::Act { chunk: 1 }), "kkkka.a.....");
    assert_eq!(of(Role::Imagine { chunk: 1, block: 0 }), "kkkkka......");
    assert_eq!(of(Role::Imagine { chunk: 1, block: 1 }), "kkkkkkka....");
    assert_eq!(of(Role::InferActions), "akakakakakak");
    assert_eq!(layout.part(1, Half::Outcome), 3);
}

#[test]
fn tokens_with_one_level_can_be_asked_for_plans_alone() {
    let one = denoiser(0, 2).layout;
    assert!(Role::Plan.check(&one).is_ok());
    for role in ROLES.into_iter().filter(|role| *role != Role::Plan) {
        let message = role.check(&one).unwrap_err().to_string();
        assert!(message.contains("model.level_blocks") && message.contains("train again"), "{message}");
        assert!(role.check(&denoiser(1, 2).layout).is_ok());
    }
}
