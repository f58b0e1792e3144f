//! To do is not to see: a coin is thrown, and the behaviour that made the data answers it nine times in ten. Who asks what
//! the coin will show, *given that* the answer is to be heads, must be told: heads in one half of all cases. A network that
//! is shown the answer when it is asked for the coin says nine tenths.
//!
//! An answer that agrees earns 1, no answer earns 0.8. Who commits to an answer before the throw has half a win, and who looks
//! and answers then a whole one.
#![allow(clippy::float_cmp, clippy::unwrap_used, clippy::expect_used)]

mod common;

use std::sync::{Mutex, OnceLock};

use forethought_envs::data::{Dataset, DatasetMetadata};
use forethought_envs::{BoxSpace, EnvSpec, Frames, FramesGradient, ScoreTask};
use forethought_planner::{Decisions, DiffusionPlanner, Plan, PlanConfig, Planner, Request, random};
use rand::RngExt;

/// Throws in the data, and draws that are asked for.
const THROWS: usize = 20_000;
const SAMPLES: usize = 800;
/// Share of answers that agree with the coin.
const AGREE: f64 = 0.9;
/// Share of throws that are not answered, and what that earns.
const SILENT: f64 = 0.2;
const SURE: f64 = 0.8;

/// Observation: what the coin shows (0 before the throw) and, once it was answered, what was earned. Four rows a throw.
fn throws() -> Dataset {
    let mut rng = random::stream(5, &[]);
    let (mut observations, mut actions) = (Vec::new(), Vec::new());
    for _ in 0..THROWS {
        let coin: f32 = if rng.random_bool(0.5) { 1.0 } else { -1.0 };
        let answer = match (rng.random_bool(SILENT), rng.random_bool(AGREE)) {
            (true, _) => 0.0,
            (_, true) => coin,
            (_, false) => -coin,
        };
        let earned = if answer == 0.0 { SURE as f32 } else { f32::from(u8::from(answer == coin)) };
        observations.extend([0.0, 0.0, coin, 0.0, coin, earned, coin, 0.0]);
        actions.extend([rng.random_range(-1.0..1.0), answer, 0.0, 0.0]);
    }
    let rows = actions.len();
    Dataset {
        env_id: "coin".into(),
        observation_dim: 2,
        action_dim: 1,
        goal_dim: 0,
        observations,
        actions,
        rewards: vec![0.0; rows],
        terminals: (0..rows).map(|row| row % 4 == 3).collect(),
        timeouts: vec![false; rows],
        goals: None,
        simulator: None,
        metadata: DatasetMetadata::default(),
    }
}

/// A planner that was trained on them.
fn trained(frames_per_token: usize, level_blocks: usize) -> DiffusionPlanner {
    let spec = EnvSpec::of_spaces("coin", BoxSpace::symmetric(2, 2.0), BoxSpace::symmetric(1, 1.0));
    let mut config = PlanConfig::default();
    // Candidates that differ by chance alone, and enough of them that each answer is among them.
    (config.rank.ood_penalty, config.rank.candidates, config.guidance.scale) = (0.0, 32, 0.0);
    config.monte_carlo.samples = 64;
    let sizes = (frames_per_token, 2 / frames_per_token, level_blocks);
    common::trained::planner(&spec, &throws(), sizes, config)
}

/// Coin and answer in one chunk of two blocks.
fn one_chunk() -> &'static Mutex<DiffusionPlanner> {
    static TRAINED: OnceLock<Mutex<DiffusionPlanner>> = OnceLock::new();
    TRAINED.get_or_init(|| Mutex::new(trained(2, 2)))
}

/// In neighbouring chunks.
fn neighbours() -> &'static Mutex<DiffusionPlanner> {
    static TRAINED: OnceLock<Mutex<DiffusionPlanner>> = OnceLock::new();
    TRAINED.get_or_init(|| Mutex::new(trained(1, 1)))
}

/// Shares of heads and of agreement where the answer is decided to be heads.
fn imagined(planner: &mut DiffusionPlanner) -> [f64; 2] {
    let asked =
        Decisions { observation: &[0.0, 0.0], actions: &[0.3, 1.0], samples: SAMPLES, history: 1, seed: 11 };
    let outcomes = planner.imagine(&asked).unwrap();
    let share = |is: &dyn Fn(&[f64]) -> bool| {
        outcomes.observations.chunks_exact(4).filter(|draw| is(draw)).count() as f64 / SAMPLES as f64
    };
    [share(&|draw| draw[0] > 0.0), share(&|draw| draw[3] > 0.5)]
}

/// What is earned.
fn earned(frames: Frames<'_>, _gradient: Option<&mut FramesGradient<'_>>) -> f64 {
    (0..frames.len).map(|i| frames.weight * frames.observations.get(i)[1]).sum()
}

/// Plans of many seeds from an observation.
fn plans(planner: &mut DiffusionPlanner, observation: &[f64], select: bool) -> Vec<Plan> {
    let mut config = planner.config().clone();
    config.monte_carlo.select = select;
    planner.set_config(config).unwrap();
    let task = ScoreTask(earned);
    let requests: Vec<Request<'_>> = (0..PLANS).map(|seed| Request::new(observation, &task, seed)).collect();
    planner.plan(&requests, false).unwrap()
}

/// Plans of each kind.
const PLANS: u64 = 40;

fn average(values: impl Iterator<Item = f64>) -> f64 {
    values.sum::<f64>() / PLANS as f64
}

/// Commits before the throw by a plan's own value and by outcomes, and plans again after it.
fn commits_and_looks(planner: &mut DiffusionPlanner) {
    // The plan's second action is the answer.
    let silent =
        |plans: &[Plan]| average(plans.iter().map(|plan| f64::from(u8::from(plan.actions[1].abs() < 0.5))));
    let own = plans(planner, &[0.0, 0.0], false);
    let promised = average(own.iter().map(|plan| earned(plan.frames(1.0), None)));
    assert!(silent(&own) < 0.1 && promised > 0.9, "{} {promised}", silent(&own));
    let mut worth = 0.0;
    for (seed, plan) in (0..).zip(&own) {
        let (observation, actions) = (&[0.0, 0.0], plan.actions.as_slice());
        let asked = Decisions { observation, actions, samples: 64, history: 1, seed };
        let outcomes = planner.imagine(&asked).unwrap();
        worth += outcomes.observations.chunks_exact(2).map(|at| at[1]).sum::<f64>() / 64.0 / PLANS as f64;
    }
    // Three standard errors, and what a small network is off.
    let error = (0.25 / (64.0 * PLANS as f64)).sqrt();
    assert!((worth - 0.5).abs() < 3.0 * error + 0.05, "{worth} where {promised} was promised");
    let judged = plans(planner, &[0.0, 0.0], true);
    let mean = average(judged.iter().map(|plan| plan.outlook.as_ref().unwrap().mean));
    assert!(silent(&judged) > 0.9 && (mean - SURE).abs() < 0.05, "{} {mean}", silent(&judged));
    for coin in [1.0, -1.0] {
        let judged = plans(planner, &[coin, 0.0], true);
        let agree = average(judged.iter().map(|plan| f64::from(u8::from(plan.actions[0] * coin > 0.5))));
        let mean = average(judged.iter().map(|plan| plan.outlook.as_ref().unwrap().mean));
        assert!(agree > 0.9 && (mean - 1.0).abs() < 0.05, "{coin}: {agree} {mean}");
    }
}

#[test]
fn who_commits_before_the_throw_takes_what_is_sure_and_who_looks_agrees_in_one_chunk() {
    commits_and_looks(&mut one_chunk().lock().unwrap());
}

#[test]
fn who_commits_before_the_throw_takes_what_is_sure_and_who_looks_agrees_in_neighbouring_chunks() {
    commits_and_looks(&mut neighbours().lock().unwrap());
}

/// Who goes on as the data do after the throw agrees nine times in ten where they answer at all, whatever the plan said.
#[test]
fn a_plan_of_which_the_first_chunk_is_committed_is_worth_what_the_data_make_of_the_rest() {
    let mut planner = neighbours().lock().unwrap();
    let before = planner.config().clone();
    let mut config = before.clone();
    config.monte_carlo.committed = 1;
    planner.set_config(config).unwrap();
    let judged = plans(&mut planner, &[0.0, 0.0], true);
    planner.set_config(before).unwrap();
    let mean = average(judged.iter().map(|plan| plan.outlook.as_ref().unwrap().mean));
    let want = SILENT * SURE + (1.0 - SILENT) * AGREE;
    let error = average(judged.iter().map(|plan| plan.outlook.as_ref().unwrap().spread))
        / (64.0 * PLANS as f64).sqrt();
    assert!((mean - want).abs() < 3.0 * error + 0.02, "{mean} +- {error}, {want}");
}

/// Three standard errors of a share of one half.
fn within(share: f64) -> bool {
    (share - 0.5).abs() <= 3.0 * (0.25 / SAMPLES as f64).sqrt()
}

#[test]
fn coin_and_answer_in_one_chunk_are_told_apart_by_blocks() {
    let [heads, agreed] = imagined(&mut one_chunk().lock().unwrap());
    assert!(within(heads) && within(agreed), "heads {heads}, agreed {agreed}");
}

#[test]
fn coin_and_answer_in_neighbouring_chunks_are_told_apart() {
    let [heads, agreed] = imagined(&mut neighbours().lock().unwrap());
    assert!(within(heads) && within(agreed), "heads {heads}, agreed {agreed}");
}

/// What these tests are there to find: one block that holds coin and answer lets the answer betray the coin.
#[test]
fn without_blocks_the_answer_betrays_the_coin() {
    let [heads, _] = imagined(&mut trained(2, 1));
    assert!(heads > 0.75, "heads {heads}");
}
