//! One denoiser as planner, policy, world model and inverse model, by what it is shown: with the optimal denoiser of
//! Gaussian data each answer has the law that the data give it, in closed form.
#![allow(clippy::float_cmp, clippy::unwrap_used, clippy::expect_used)]

mod common;

use common::{GaussianDenoiser, chunks_of, noise, schedule, sequences};
use forethought_envs::GoalTask;
use forethought_envs::data::{DatasetNormalizer, Normalizer, NormalizerKind};
use forethought_planner::checkpoint::SlotLimits;
use forethought_planner::{
    Decisions, DiffusionPlanner, FIRST_CHUNK, Half, MatrixKind, PlanConfig, Request, Role, Sampler,
    SchedulingMatrix, Shown, Solver, TokenLayout,
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

/// The law of the asked slots given that others are `known`, `[all slots]`, with what is left out open, by conditioning.
fn conditional(
    denoiser: &GaussianDenoiser,
    asked: &[usize],
    given: &[usize],
    known: &[f64],
) -> (DVector<f64>, DMatrix<f64>) {
    let block = |rows: &[usize], columns: &[usize]| {
        DMatrix::from_fn(rows.len(), columns.len(), |i, j| denoiser.covariance[(rows[i], columns[j])])
    };
    let mean = |rows: &[usize]| DVector::from_iterator(rows.len(), rows.iter().map(|&i| denoiser.mean[i]));
    let (aa, ag, gg) = (block(asked, asked), block(asked, given), block(given, given));
    if given.is_empty() {
        return (mean(asked), aa);
    }
    let off = DVector::from_iterator(given.len(), given.iter().map(|&i| known[i])) - mean(given);
    let solve = gg.cholesky().unwrap();
    (mean(asked) + &ag * solve.solve(&off), &aa - &ag * solve.solve(&ag.transpose()))
}

const ROLES: [Role; 7] = [
    Role::Plan,
    Role::Act { chunk: 0 },
    Role::Act { chunk: 1 },
    Role::Imagine { chunk: 0, block: 0 },
    Role::Imagine { chunk: 1, block: 1 },
    Role::GoOn { chunk: 1 },
    Role::InferActions,
];

#[test]
fn every_role_answers_with_the_law_of_the_data() {
    let known = noise(CHUNKS * 2 * 3, 1, 9).remove(0);
    for role in ROLES {
        let mut denoiser = denoiser(2, 2);
        let (mean, covariance, asked) = law(&mut denoiser, role, &known);
        let shown = shown(&denoiser.layout, role);
        let given: Vec<usize> = (0..shown.len()).filter(|&i| shown[i] == Shown::Known).collect();
        let (want_mean, want_covariance) = conditional(&denoiser, &asked, &given, &known);
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
    assert_eq!(of(Role::GoOn { chunk: 1 }), "kkkkaaaaaaaa");
    assert_eq!(of(Role::InferActions), "akakakakakak");
    assert_eq!(layout.part(1, Half::Outcome), 3);
}

#[test]
fn tokens_with_one_level_can_be_asked_for_plans_alone() {
    let one = denoiser(0, 2).layout;
    let plans = |role: &Role| matches!(role, Role::Plan | Role::GoOn { .. });
    assert!(ROLES.into_iter().filter(plans).all(|role| role.check(&one).is_ok()));
    for role in ROLES.into_iter().filter(|role| !plans(role)) {
        let message = role.check(&one).unwrap_err().to_string();
        assert!(message.contains("model.level_blocks") && message.contains("train again"), "{message}");
        assert!(role.check(&denoiser(1, 2).layout).is_ok());
    }
}

/// Frames of the only chunk, in two blocks.
const FRAMES: usize = 4;
const DRAWS: usize = 2000;

/// The plain calls, on one chunk of the same data in the environment's own units: twice as large, and shifted by one.
fn planner() -> (DiffusionPlanner, GaussianDenoiser) {
    let schedule = schedule(4000);
    let mut denoiser = GaussianDenoiser::new(FRAMES, &schedule, 5).with_blocks(2);
    (denoiser.layout.frames_per_token, denoiser.layout.chunks) = (FRAMES, 1);
    let scaled =
        |n: usize| Normalizer::from_parts(NormalizerKind::Standard, vec![1.0; n], vec![2.0; n]).unwrap();
    let normalizer = DatasetNormalizer { observation: scaled(2), action: scaled(1) };
    let limits = SlotLimits { low: vec![-99.0; 3], high: vec![99.0; 3] };
    let mut config = PlanConfig::default();
    (config.sampler.steps, config.sampler.stabilization_level) = (200, 0);
    config.rank.ood_penalty = 0.0;
    let known = denoiser.clone();
    (DiffusionPlanner::new(Box::new(denoiser), schedule, normalizer, limits, config, None).unwrap(), known)
}

/// Whether draws `[draws, n]` in the environment's units have this mean and covariance, within their standard errors.
fn agrees(draws: &[f64], (mean, covariance): &(DVector<f64>, DMatrix<f64>)) {
    let n = mean.len();
    let draws: Vec<DVector<f64>> =
        draws.chunks_exact(n).map(|x| DVector::from_fn(n, |i, _| (x[i] - 1.0) / 2.0)).collect();
    let count = draws.len() as f64;
    let average = draws.iter().sum::<DVector<f64>>() / count;
    for i in 0..n {
        let error = (covariance[(i, i)] / count).sqrt();
        assert!(
            (average[i] - mean[i]).abs() < 4.0 * error + 0.02,
            "slot {i}: {} for {}",
            average[i],
            mean[i]
        );
        for j in 0..=i {
            let found = draws.iter().map(|x| (x[i] - average[i]) * (x[j] - average[j])).sum::<f64>() / count;
            let square = covariance[(i, i)] * covariance[(j, j)] + covariance[(i, j)].powi(2);
            // Of the covariance 200 steps of first order miss about a fiftieth.
            let most = 4.5 * (square / count).sqrt() + 0.03;
            let want = covariance[(i, j)];
            assert!((found - want).abs() < most, "slots {i} and {j}: {found} for {want}");
        }
    }
}

fn slots(layout: &TokenLayout, half: Half, frames: std::ops::Range<usize>) -> Vec<usize> {
    let of = |frame: usize| match half {
        Half::Action => layout.action_at(frame)..layout.action_at(frame) + layout.action,
        Half::Outcome => layout.observation_at(frame)..layout.observation_at(frame) + layout.observation,
    };
    frames.flat_map(of).collect()
}

#[test]
fn decisions_are_drawn_as_in_the_data() {
    let (mut planner, denoiser) = planner();
    let task = GoalTask::new(&[0, 1], &[1.0, 1.0], 0.5);
    let requests: Vec<_> = (0..DRAWS as u64).map(|seed| Request::new(&[1.0, 1.0], &task, seed)).collect();
    let actions = planner.act(&requests).unwrap().concat();
    let asked = slots(&denoiser.layout, Half::Action, 0..FRAMES);
    agrees(&actions, &conditional(&denoiser, &asked, &[], &[]));
}

#[test]
fn outcomes_are_imagined_from_decisions_up_to_their_own_time() {
    let (mut planner, denoiser) = planner();
    let (layout, decided) = (&denoiser.layout, [0.9, -0.4, 3.0, 2.5]);
    let actions = decided.map(|action| 2.0 * action + 1.0);
    let question =
        Decisions { observation: &[1.0, 1.0], actions: &actions, samples: DRAWS, history: 0, seed: 3 };
    let outcomes = planner.imagine(&question).unwrap();
    let [actions, first, second] =
        [(Half::Action, 0..FRAMES), (Half::Outcome, 0..2), (Half::Outcome, 2..FRAMES)]
            .map(|(half, frames)| slots(layout, half, frames));
    let mut known = vec![0.0; denoiser.size()];
    actions.iter().zip(decided).for_each(|(&slot, action)| known[slot] = action);
    // The first block knows the first block's decisions; the second follows from both blocks', and from the first outcome.
    // Everything is linear: its mean moves by `gain` with that outcome, whose spread it inherits.
    let (of_first, spread) = conditional(&denoiser, &first, &actions[..2], &known);
    first.iter().zip(&of_first).for_each(|(&slot, mean)| known[slot] = *mean);
    let given = [actions, first.clone()].concat();
    let (of_second, own) = conditional(&denoiser, &second, &given, &known);
    let mut gain = DMatrix::zeros(second.len(), first.len());
    for (j, &slot) in first.iter().enumerate() {
        let mut moved = known.clone();
        moved[slot] += 1.0;
        gain.set_column(j, &(conditional(&denoiser, &second, &given, &moved).0 - &of_second));
    }
    let (k, n) = (first.len(), first.len() + second.len());
    let mean = DVector::from_iterator(n, of_first.iter().chain(&of_second).copied());
    let mut covariance = DMatrix::zeros(n, n);
    let both = &gain * &spread;
    covariance.view_mut((0, 0), (k, k)).copy_from(&spread);
    covariance.view_mut((k, 0), (n - k, k)).copy_from(&both);
    covariance.view_mut((0, k), (k, n - k)).copy_from(&both.transpose());
    covariance.view_mut((k, k), (n - k, n - k)).copy_from(&(own + &both * gain.transpose()));
    agrees(&outcomes.observations, &(mean, covariance));
}

#[test]
fn actions_are_inferred_from_what_they_led_to() {
    let (mut planner, denoiser) = planner();
    let layout = &denoiser.layout;
    let outcomes = noise(FRAMES * layout.observation, 1, 4).remove(0);
    let observations: Vec<f64> =
        [0.0; 2].iter().chain(&outcomes).map(|observation| 2.0 * observation + 1.0).collect();
    let draws: Vec<f64> = (0..DRAWS as u64 / 4)
        .flat_map(|seed| planner.infer_actions(&observations, &[], seed).unwrap())
        .collect();
    let [asked, seen] = [Half::Action, Half::Outcome].map(|half| slots(layout, half, 0..FRAMES));
    let mut known = vec![0.0; denoiser.size()];
    seen.iter().zip(outcomes).for_each(|(&slot, outcome)| known[slot] = outcome);
    agrees(&draws, &conditional(&denoiser, &asked, &seen, &known));
    assert!(planner.infer_actions(&observations, &[1.0], 0).is_err(), "these tokens carry no rewards");
    assert!(planner.infer_actions(&[], &[], 0).unwrap().is_empty());
}
