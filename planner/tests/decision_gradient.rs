//! The gradient on decisions: that of the expected score where it is known in closed form, that of the very draws
//! everywhere, and nothing of the kind where outcomes are pushed.
#![allow(clippy::float_cmp, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use burn::tensor::Device;
use common::linear::{self, B, Reward};
use common::mean_and_error;
use forethought_envs::{Frames, FramesGradient, ScoreTask, Task};
use forethought_planner::guidance::{Objective, TaskObjective};
use forethought_planner::network::{Network, NetworkConfig, NetworkDenoiser, NetworkKind, ParameterLayout};
use forethought_planner::noise::Target;
use forethought_planner::{
    DecisionGradient, Decisions, Denoiser, DiffusionPlanner, EngineDenoiser, FIRST_CHUNK, Guidance,
    LocalDynamics, MatrixKind, NoisyBatch, Preconditioning, Role, STATE, Sampler, SchedulingMatrix, Solver,
    TokenLayout, Tokens, random,
};
use nalgebra::{DVector, Vector2};

const PRESENT: [f64; 2] = [0.8, -0.6];
const ACTIONS: [f64; 4] = [0.5, -0.7, 1.1, 0.2];

fn reward(
    reward: Reward,
) -> ScoreTask<impl Fn(Frames<'_>, Option<&mut FramesGradient<'_>>) -> f64 + Send + Sync> {
    ScoreTask(move |frames: Frames<'_>, gradient: Option<&mut FramesGradient<'_>>| {
        reward.score(frames, gradient)
    })
}

fn ask(actions: &[f64], samples: usize, history: usize, seed: u64) -> Decisions<'_> {
    Decisions { observation: &PRESENT, actions, samples, history, seed }
}

/// The sampler's own error of a mean: pure noise still holds 0.003 of the signal, and that of later decisions, and steps
/// are finite.
const BIAS: f64 = 0.01;

#[test]
fn it_is_the_gradient_of_the_expected_score() {
    let task = reward(Reward::QUADRATIC);
    // Two chunks of two frames; blocks of one, so that no outcome sees a later decision.
    let (want_value, want) = linear::expected(&Reward::QUADRATIC, PRESENT, &ACTIONS, 0.5);
    for solver in [Solver::Ddim, Solver::Dpm2M] {
        for history in [0, 1] {
            let (mut planner, _) = linear::planner(2, 2, 60, solver);
            let found = planner.decision_gradient(&ask(&ACTIONS, 3000, history, 7), &task).unwrap();
            // DDIM misses of the covariance what is of first order in the steps: about 2 % here.
            let coarse = if solver == Solver::Ddim { 0.06 } else { BIAS };
            let (value, error) = (found.value, found.value_error);
            assert!((value - want_value).abs() < 4.0 * error + coarse, "{value} +- {error} for {want_value}");
            for (i, want) in want.iter().enumerate() {
                let (slope, error) = (found.gradient[i], found.gradient_error[i]);
                assert!(error > 0.0 && error < 0.1, "{error}: draws differ, and are many");
                assert!(
                    (slope - want).abs() < 3.5 * error + BIAS,
                    "{solver:?} {history}, {i}: {slope} +- {error} for {want}"
                );
            }
        }
    }
}

/// A sum of rewards linear in outcomes is Gaussian, of mean `mu` and deviation `sigma`: the worst share `alpha` of it earns
/// `mu - sigma phi(z) / alpha` in the mean, `z` its quantile. Decisions move all of it alike.
#[test]
fn the_worst_outcomes_earn_what_they_do_in_closed_form() {
    const DRAWS: usize = 8000;
    let task = reward(Reward::LINEAR);
    let (mut planner, _) = linear::planner(2, 2, 60, Solver::Dpm2M);
    let found = planner.decision_gradient(&ask(&ACTIONS, DRAWS, 0, 3), &task).unwrap();
    let (mu, slope) = linear::expected(&Reward::LINEAR, PRESENT, &ACTIONS, 0.5);
    let c = DVector::from_fn(8, |i, _| 0.5 * Reward::LINEAR.linear[i % 2]);
    let sigma = (linear::outcomes(PRESENT, &ACTIONS).1 * &c).dot(&c).sqrt();
    let mut values = found.values.clone();
    values.sort_by(f64::total_cmp);
    // Standard normal quantiles and densities.
    for (alpha, z) in [(0.1, -1.281_551_6_f64), (0.25, -0.674_489_8)] {
        let density = (-0.5 * z * z).exp() / (2.0 * std::f64::consts::PI).sqrt();
        let want = mu - sigma * density / alpha;
        let worst = &values[..(alpha * DRAWS as f64) as usize];
        let cvar = worst.iter().sum::<f64>() / worst.len() as f64;
        // The mean of a tail is as uncertain as its own spread and that of its quantile together: below 2 sigma / sqrt(alpha n).
        let error = 2.0 * sigma / (alpha * DRAWS as f64).sqrt();
        assert!((cvar - want).abs() < 3.0 * error + BIAS, "{cvar} {want}");
    }
    for (i, want) in slope.iter().enumerate() {
        assert!(found.gradient_error[i] < 1e-9, "every draw moves alike");
        assert!((found.gradient[i] - want).abs() < BIAS, "{} {want}", found.gradient[i]);
    }
}

#[test]
fn its_variance_falls_as_one_over_the_draws_and_its_error_says_so() {
    const SEEDS: u64 = 400;
    let task = reward(Reward::QUADRATIC);
    let (mut planner, _) = linear::planner(1, 2, 20, Solver::Dpm2M);
    let actions = &ACTIONS[..2];
    let mut of = |samples: usize| {
        let found: Vec<DecisionGradient> = (0..SEEDS)
            .map(|seed| planner.decision_gradient(&ask(actions, samples, 0, seed), &task).unwrap())
            .collect();
        let mean_square_error =
            found.iter().flat_map(|f| &f.gradient_error).map(|error| error * error).sum::<f64>()
                / SEEDS as f64;
        let variance: f64 = (0..2)
            .map(|i| {
                let mean = found.iter().map(|f| f.gradient[i]).sum::<f64>() / SEEDS as f64;
                found.iter().map(|f| (f.gradient[i] - mean).powi(2)).sum::<f64>() / (SEEDS - 1) as f64
            })
            .sum();
        (variance, mean_square_error)
    };
    let (few, many) = (of(4), of(64));
    // A variance of 400 is good to sqrt(2 / 400) = 7 %, a ratio of two to 10 %: three of these.
    assert!((few.0 / many.0 / 16.0 - 1.0).abs() < 0.3, "{few:?} {many:?}");
    for (variance, reported) in [few, many] {
        assert!((reported / variance - 1.0).abs() < 0.25, "{variance} {reported}");
    }
}

/// One step, by the ordinary guidance that pushes whatever moves: the decision shown, its outcome asked for. Returns the
/// outcomes of `draws` draws, environment units; `scale` 0 pushes nothing.
fn pushed(scale: f64, draws: usize, action: f64, task: &dyn Task) -> Vec<Vector2<f64>> {
    let (_, mut denoiser) = linear::planner(1, 1, 60, Solver::Dpm2M);
    let (layout, schedule) = (denoiser.layout.clone(), denoiser.schedule.clone());
    let normalizer = linear::normalizer();
    let role = Role::Imagine { chunk: 0, block: 0 };
    let matrix = SchedulingMatrix::new(MatrixKind::FullSequence, 1, 60)
        .unwrap()
        .with_parts(layout.parts())
        .unwrap()
        .after_known(FIRST_CHUNK)
        .show(|token, part| role.shown(&layout, token, part));
    let solver = Solver::Dpm2M;
    let sampler = Sampler { schedule: &schedule, matrix: &matrix, stabilization: 0, limits: None, solver };
    let width = layout.width();
    let mut x_btd = Vec::new();
    for draw in 0..draws as u64 {
        let mut x_td = vec![0.0; layout.tokens(1) * width];
        random::fill_normal(&mut random::stream(31, &[draw]), &mut x_td[FIRST_CHUNK * width..]);
        let (mut state, mut decided) = (PRESENT.to_vec(), vec![action]);
        normalizer.observation.normalize(&mut state).unwrap();
        normalizer.action.normalize(&mut decided).unwrap();
        layout.write_state(&state, &mut x_td[STATE * width..(STATE + 1) * width]);
        x_td[FIRST_CHUNK * width + layout.action_at(0)] = decided[0];
        x_btd.extend(x_td);
    }
    let mut x = Tokens::new(layout.tokens(1), x_btd, vec![1; draws], vec![false; draws]);
    let objective = TaskObjective::new(task, &layout, &normalizer, 0.0);
    let objectives = vec![&objective as &dyn Objective; draws];
    let seeds = vec![0; draws];
    let guidance = Guidance { objectives: &objectives, scale, end: 0, mc_samples: 1, seeds: &seeds };
    sampler.run(&mut denoiser, Some(&guidance), &mut x, sampler.all(), &mut |_, _| true).unwrap();
    let at = FIRST_CHUNK * width + layout.observation_at(0);
    x.x_btd
        .chunks_exact(layout.tokens(1) * width)
        .map(|x_td| {
            let mut o = x_td[at..at + 2].to_vec();
            normalizer.observation.denormalize(&mut o).unwrap();
            Vector2::from_column_slice(&o)
        })
        .collect()
}

/// Outcomes that are pushed are those of luck: what they say of the decision is wrong however many are averaged. The same
/// draws left alone say it right, so it is the pushing.
#[test]
fn pushed_outcomes_do_not_give_it() {
    const DRAWS: usize = 4000;
    // What is wanted lies where the decision can bring the world, so that luck and decision are after the same.
    let (reward_of, action) = (Reward { goal: Vector2::new(1.5, 1.5), ..Reward::QUADRATIC }, ACTIONS[0]);
    let task = reward(reward_of);
    let (want_value, want) = linear::expected(&reward_of, PRESENT, &[action], 1.0);
    let (mut planner, _) = linear::planner(1, 1, 60, Solver::Dpm2M);
    let ours = planner.decision_gradient(&ask(&[action], DRAWS, 0, 5), &task).unwrap();
    assert!((ours.gradient[0] - want[0]).abs() < 3.5 * ours.gradient_error[0] + BIAS);
    for (scale, wrong) in [(0.0, false), (0.5, true), (2.0, true)] {
        let outcomes = pushed(scale, DRAWS, action, &task);
        // do / da = B in truth, and the reward's slope where the outcome came to lie.
        let slopes: Vec<f64> =
            outcomes.iter().map(|o| B.dot(&reward_of.slope(*o)) - reward_of.effort * action).collect();
        let earned: Vec<f64> = outcomes
            .iter()
            .map(|o| reward_of.earned(*o) - 0.5 * reward_of.effort * action * action)
            .collect();
        let ((slope, error), (value, value_error)) = (mean_and_error(&slopes), mean_and_error(&earned));
        let off = ((slope - want[0]) / error, (value - want_value) / value_error);
        if wrong {
            assert!(off.0 < -20.0 && off.1 > 20.0, "{scale}: {off:?}");
        } else {
            assert!(
                (slope - want[0]).abs() < 3.5 * error + BIAS
                    && (value - want_value).abs() < 3.5 * value_error + BIAS
            );
        }
    }
}

/// A cost that grows without bound is dearer in the mean than at the mean: `E exp(c . o) = exp(c . m + c^T P c / 2)`. The
/// slope at a clean estimate, of which no draw was made, does not know of that.
#[test]
fn the_slope_at_the_mean_outcome_does_not_give_it() {
    let c = Vector2::new(0.9, -1.3);
    let task = ScoreTask(move |frames: Frames<'_>, mut gradient: Option<&mut FramesGradient<'_>>| {
        let mut score = 0.0;
        for i in 0..frames.len {
            let cost = frames.weight * c.dot(&Vector2::from_column_slice(frames.observations.get(i))).exp();
            score -= cost;
            if let Some(gradient) = gradient.as_mut() {
                gradient.observation(i).iter_mut().zip(&c).for_each(|(g, c)| *g -= cost * c);
            }
        }
        score
    });
    let action = ACTIONS[0];
    let (mean, covariance) = linear::outcomes(PRESENT, &[action]);
    let spread = c.dot(&(covariance.fixed_view::<2, 2>(0, 0) * c));
    let at_mean = -(c.dot(&mean.fixed_rows::<2>(0))).exp() * c.dot(&B);
    let want = at_mean * (0.5 * spread).exp();
    let (mut planner, mut denoiser) = linear::planner(1, 1, 60, Solver::Dpm2M);
    let ours = planner.decision_gradient(&ask(&[action], 8000, 0, 5), &task).unwrap();
    // What posterior-mean guidance takes: the pullback of the score at the clean estimate, outcome at pure noise.
    let (layout, normalizer) = (denoiser.layout.clone(), linear::normalizer());
    let (width, levels) = (layout.width(), denoiser.schedule.levels() as u16);
    let mut x_td = vec![0.0; layout.tokens(1) * width];
    let (mut state, mut decided) = (PRESENT.to_vec(), vec![action]);
    normalizer.observation.normalize(&mut state).unwrap();
    normalizer.action.normalize(&mut decided).unwrap();
    layout.write_state(&state, &mut x_td[..width]);
    x_td[FIRST_CHUNK * width] = decided[0];
    let batch = NoisyBatch {
        batch: 1,
        tokens: layout.tokens(1),
        x_btd: &x_td,
        level_btp: &[0, 0, 0, 0, 0, levels],
        chunks_b: &[1],
        goal_b: &[false],
    };
    let objective = TaskObjective::new(&task, &layout, &normalizer, 0.0);
    let (mut x0, mut pulled) = (vec![0.0; x_td.len()], vec![0.0; x_td.len()]);
    let score = |_: usize, x0: &[f64], g: &mut [f64]| {
        objective.value_and_gradient(x0, 1, g);
    };
    denoiser.denoise_vjp(&batch, &mut x0, &score, &mut pulled).unwrap();
    let naive = pulled[FIRST_CHUNK * width] / normalizer.action.scale()[0];
    let (found, error) = (ours.gradient[0], ours.gradient_error[0]);
    assert!((found - want).abs() < 3.5 * error + 0.02 * want.abs());
    assert!((naive - at_mean).abs() < 0.02 * at_mean.abs(), "{naive} {at_mean}");
    assert!((naive - want).abs() > 15.0 * error, "{naive} {want} {error}");
}

/// Curved in outcomes, rewards where there are any, and decisions, all together.
fn waves(frames: Frames<'_>, mut gradient: Option<&mut FramesGradient<'_>>) -> f64 {
    let mut score = 0.0;
    for i in 0..frames.len {
        let (o, a) = (frames.observations.get(i), frames.actions.get(i)[0]);
        let earned = frames.rewards.get(i).iter().sum::<f64>();
        let phase = 0.7 * o[0] - 0.5 * o[1] + 0.3 * a * o[0] + 0.6 * earned + i as f64;
        score += frames.weight * phase.sin();
        if let Some(gradient) = gradient.as_mut() {
            let slope = frames.weight * phase.cos();
            gradient.action(i)[0] += slope * 0.3 * o[0];
            let of_o = gradient.observation(i);
            of_o[0] += slope * (0.7 + 0.3 * a);
            of_o[1] -= slope * 0.5;
            gradient.reward(i).iter_mut().for_each(|g| *g += slope * 0.6);
        }
    }
    score
}

/// Every draw's gradient against central differences of its value at the same seed.
fn agrees_with_differences(planner: &mut DiffusionPlanner, actions: &[f64], history: usize, what: &str) {
    const DRAWS: usize = 3;
    let task = ScoreTask(waves);
    let found = planner.decision_gradient(&ask(actions, DRAWS, history, 12), &task).unwrap();
    let largest = found.gradients.iter().fold(0.0f64, |most, g| most.max(g.abs()));
    let mut worst = 0.0f64;
    for i in 0..actions.len() {
        let mut at = |by: f64| {
            let mut actions = actions.to_vec();
            actions[i] += by;
            planner.decision_gradient(&ask(&actions, DRAWS, history, 12), &task).unwrap().values
        };
        let (h, above, below) = (1e-5, at(1e-5), at(-1e-5));
        for draw in 0..DRAWS {
            let slope = (above[draw] - below[draw]) / (2.0 * h);
            worst = worst.max((slope - found.gradients[draw * actions.len() + i]).abs() / largest);
        }
    }
    assert!(largest > 0.05 && worst < 1e-5, "{what}: {worst} of {largest}");
}

const SOLVERS: [Solver; 2] = [Solver::Ddim, Solver::Dpm2M];

#[test]
fn it_is_the_slope_of_every_draw() {
    // The last chunk, of two blocks, is filled in part; sequences are shorter than the decisions.
    let actions = [0.5, -0.7, 1.1, 0.2, -0.4, 0.9, 0.3];
    for (solver, history) in SOLVERS.into_iter().flat_map(|solver| [0, 1, 2].map(|history| (solver, history)))
    {
        let (_, denoiser) = linear::planner(2, 2, 6, solver);
        for (stabilization, most) in [(0, 99.0), (10, 99.0), (10, 0.8)] {
            let mut planner = linear::around(Box::new(denoiser.clone()), 6, solver, stabilization, most);
            let what = format!("{solver:?}, history {history}, stabilisation {stabilization}, limit {most}");
            agrees_with_differences(&mut planner, &actions, history, &what);
        }
    }
    // Blocks of several frames, the last of which no decision fills.
    let denoiser = linear::in_blocks(2, 4, 2);
    let mut planner = linear::around(Box::new(denoiser), 6, Solver::Dpm2M, 10, 99.0);
    agrees_with_differences(&mut planner, &actions[..5], 1, "two blocks of two frames");
}

fn network(target: Target, reward: bool) -> (Box<dyn Denoiser>, Box<dyn Denoiser>) {
    let layout = TokenLayout { frames_per_token: 4, level_blocks: 2, reward, ..common::layout(2) };
    let config = NetworkConfig {
        kind: NetworkKind::Transformer,
        width: 16,
        layers: 2,
        heads: 2,
        fourier_features: 2,
        causal: false,
        ..NetworkConfig::default()
    };
    let device = Device::flex();
    let normals = |count: usize, path: u64| {
        let mut out = vec![0.0; count];
        random::fill_normal(&mut random::stream(8, &[path]), &mut out);
        out
    };
    let network = Network::new(&config, &layout, 3, &device).unwrap();
    let parameters = ParameterLayout::of(&network);
    // Fresh networks answer zero: all weights are drawn instead.
    let drawn = normals(parameters.len(), 1);
    let weights: Vec<f32> = parameters.draw(3).iter().zip(drawn).map(|(w, z)| w + 0.15 * z as f32).collect();
    let network = parameters.load(network, &weights, &device).unwrap();
    let mut dynamics = LocalDynamics::persistence(&layout);
    dynamics.effect.iter_mut().zip(normals(64, 2)).for_each(|(value, z)| *value += 0.3 * z);
    let preconditioning =
        || Preconditioning::new(&layout, &common::schedule(1000), target, 2, Some(&dynamics)).unwrap();
    let burn = NetworkDenoiser::new(network, preconditioning(), &config, &device, true).unwrap();
    let engine = EngineDenoiser::new(&parameters, &weights, &config, preconditioning(), 1).unwrap();
    (Box::new(burn.in_double_precision()), Box::new(engine))
}

#[test]
fn it_is_the_slope_of_every_draw_of_a_network() {
    let actions = [0.5, -0.7, 1.1, 0.2, -0.4, 0.9];
    for (target, reward) in [(Target::X0, true), (Target::Residual, false), (Target::Residual, true)] {
        for solver in SOLVERS {
            for history in [0, 1] {
                let (burn, engine) = network(target, reward);
                let mut planner = linear::around(burn, 4, solver, 10, 5.0);
                let what = format!("{target:?}, reward {reward}, {solver:?}, history {history}");
                agrees_with_differences(&mut planner, &actions, history, &what);
                // The engine computes in single precision.
                let task = ScoreTask(waves);
                let exact = planner.decision_gradient(&ask(&actions, 3, history, 12), &task).unwrap();
                let mut fast = linear::around(engine, 4, solver, 10, 5.0);
                let found = fast.decision_gradient(&ask(&actions, 3, history, 12), &task).unwrap();
                let largest = exact.gradients.iter().fold(0.0f64, |most, g| most.max(g.abs()));
                for (a, b) in found.gradients.iter().zip(&exact.gradients) {
                    assert!((a - b).abs() < 1e-3 * largest, "{what}: {a} {b}");
                }
            }
        }
    }
}

/// The last observation of all frames as it is.
fn last(frames: Frames<'_>, _: Option<&mut FramesGradient<'_>>) -> f64 {
    frames.observations.get(frames.len - 1)[1]
}

#[test]
fn its_draws_are_those_that_are_imagined() {
    // So many that they are drawn in several pieces.
    const DRAWS: usize = 700;
    let (mut planner, _) = linear::planner(2, 2, 40, Solver::Dpm2M);
    let (_, engine) = network(Target::Residual, false);
    let mut engine = linear::around(engine, 4, Solver::Ddim, 10, 5.0);
    for (planner, draws) in [(&mut planner, DRAWS), (&mut engine, 20)] {
        for history in [0, 1] {
            let asked = ask(&ACTIONS[..3], draws, history, 9);
            let imagined = planner.imagine(&asked).unwrap().observations;
            let values = planner.decision_gradient(&asked, &ScoreTask(last)).unwrap().values;
            let ends: Vec<f64> = imagined.chunks_exact(6).map(|draw| draw[5]).collect();
            assert_eq!(values, ends);
        }
    }
}

/// What `imagine` answers is the law of what the decisions lead to, and not that of the data given them.
#[test]
fn imagined_outcomes_have_the_law_of_the_world() {
    const DRAWS: usize = 4000;
    let (mean, covariance) = linear::outcomes(PRESENT, &ACTIONS);
    let (mut planner, _) = linear::planner(2, 2, 60, Solver::Dpm2M);
    for history in [0, 1] {
        let drawn = planner.imagine(&ask(&ACTIONS, DRAWS, history, 1)).unwrap().observations;
        let draws: Vec<DVector<f64>> = drawn.chunks_exact(8).map(DVector::from_column_slice).collect();
        let n = DRAWS as f64;
        let average = draws.iter().sum::<DVector<f64>>() / n;
        let mut worst = (0.0f64, 0.0f64);
        for i in 0..8 {
            let of_mean = (average[i] - mean[i]).abs() - BIAS;
            worst.0 = worst.0.max(of_mean / (covariance[(i, i)] / n).sqrt());
            for j in 0..8 {
                let found: f64 =
                    draws.iter().map(|o| (o[i] - average[i]) * (o[j] - average[j])).sum::<f64>() / (n - 1.0);
                let variance = covariance[(i, i)] * covariance[(j, j)] + covariance[(i, j)].powi(2);
                let off = (found - covariance[(i, j)]).abs() - BIAS;
                worst.1 = worst.1.max(off / (variance / n).sqrt());
            }
        }
        assert!(worst.0 < 4.5 && worst.1 < 4.5, "history {history}: {worst:?}");
    }
}

#[test]
fn what_cannot_be_answered_is_refused() {
    let (mut planner, _) = linear::planner(1, 2, 4, Solver::Ddim);
    let task = reward(Reward::QUADRATIC);
    let mut refused = |asked: Decisions<'_>, task: &dyn Task| {
        planner.decision_gradient(&asked, task).unwrap_err().to_string()
    };
    let message = refused(ask(&ACTIONS, 0, 0, 1), &task);
    assert!(message.contains("samples") && message.contains("at least 1"), "{message}");
    let message = refused(ask(&ACTIONS, 1 << 17, 0, 1), &task);
    assert!(message.contains("samples") && message.contains("at most"), "{message}");
    let message = refused(ask(&[f64::NAN], 2, 0, 1), &task);
    assert!(message.contains("actions[0]"), "{message}");
    let message = refused(Decisions { observation: &[1.0], ..ask(&ACTIONS, 2, 0, 1) }, &task);
    assert!(message.contains("observation"), "{message}");
    let message = refused(ask(&ACTIONS, 2, 0, 1), &forethought_envs::ReturnTask);
    assert!(message.contains("model.reward"), "{message}");
    let broken = ScoreTask(|_: Frames<'_>, _: Option<&mut FramesGradient<'_>>| f64::NAN);
    let message = refused(ask(&ACTIONS, 2, 0, 1), &broken);
    assert!(message.contains("score of the decisions"), "{message}");

    let one = planner.decision_gradient(&ask(&ACTIONS, 1, 0, 1), &task).unwrap();
    assert!(one.value_error == f64::INFINITY && one.gradient_error.iter().all(|e| *e == f64::INFINITY));
    let nothing = planner.decision_gradient(&ask(&[], 3, 0, 1), &task).unwrap();
    assert!(nothing.gradient.is_empty() && nothing.values == [0.0; 3]);

    let mut one_level = common::GaussianDenoiser::new(2, &common::schedule(1000), 3);
    one_level.layout.level_blocks = 0;
    let mut planner = linear::around(Box::new(one_level), 4, Solver::Ddim, 0, 9.0);
    let message = planner.decision_gradient(&ask(&ACTIONS, 2, 0, 1), &task).unwrap_err().to_string();
    assert!(message.contains("model.level_blocks") && message.contains("train again"), "{message}");
}
