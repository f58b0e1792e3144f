//! Returns as what a network is told: what its goal token holds in training, that plans are as good as they are asked to be,
//! and what is refused.
#![allow(clippy::float_cmp, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use burn::tensor::Device;
use forethought_envs::data::{Dataset, DatasetNormalizer, NormalizerKind, RewardConvention};
use forethought_envs::{BoxSpace, EnvSpec, NoTask, Task, WantedReturnTask};
use forethought_planner::checkpoint::{self, Checkpoint};
use forethought_planner::network::NetworkConfig;
use forethought_planner::training::{BatchMaker, Trainer, TrainingData};
use forethought_planner::{
    ConditionKind, DiffusionPlanner, GOAL, GuidanceConfig, LocalDynamics, ModelConfig, Plan, PlanConfig,
    Planner, PlannerError, RankConfig, Request, ReturnScale, TokenLayout, TrainConfig, WantedReturn,
};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// Steps of a trajectory of the data.
const STEPS: usize = 12;

fn spec() -> EnvSpec {
    EnvSpec::of_spaces("track", BoxSpace::symmetric(1, 9.0), BoxSpace::symmetric(1, 1.0))
}

/// A track on which each action moves a tenth of it. Every other driver goes forward and is paid for it, the others go back
/// and pay. They begin anywhere, so that a place does not tell who drives.
fn track() -> Dataset {
    let mut rng = ChaCha8Rng::seed_from_u64(4);
    let mut data = Dataset::of_rows("track", [1, 1], Vec::new(), Vec::new());
    for driver in 0..300 {
        let mut place = rng.random_range(-1.0..1.0_f32);
        for row in 0..=STEPS {
            let way = if driver % 2 == 0 { 0.8 } else { -0.8 };
            let action = way + rng.random_range(-0.2..0.2_f32);
            data.observations.push(place);
            data.actions.push(action);
            data.rewards.push(5.0 * action + 1.0);
            data.timeouts.push(row == STEPS);
            place += 0.1 * action;
        }
    }
    data.terminals = vec![false; data.rewards.len()];
    data
}

fn model() -> ModelConfig {
    ModelConfig {
        frames_per_token: 2,
        chunks: 3,
        condition: ConditionKind::Return,
        levels: 100,
        level_blocks: 1,
        network: NetworkConfig { width: 32, layers: 2, heads: 2, ..NetworkConfig::default() },
        ..ModelConfig::default()
    }
}

fn train(steps: u64) -> TrainConfig {
    TrainConfig {
        steps,
        batch: 64,
        learning_rate: 3e-3,
        warmup: 50,
        ema: 0.99,
        checkpoint_every: steps,
        condition_dropout: 0.3,
        known_goal: 0.9,
        random_ends: false,
        ..TrainConfig::default()
    }
}

fn trained(folder: &std::path::Path, steps: u64) -> Checkpoint {
    let (spec, data, device) = (spec(), track(), Device::flex());
    let source = TrainingData::new(&spec, &data);
    let mut trainer = Trainer::new(folder, &source, &model(), &train(steps), &device, Some(2)).unwrap();
    let made = trainer.run(&|| 0.0, &mut |_| true).unwrap();
    checkpoint::load(&made, &device).unwrap()
}

fn config(wanted_return: WantedReturn, condition_scale: f64) -> PlanConfig {
    PlanConfig {
        wanted_return,
        guidance: GuidanceConfig { scale: 0.0, condition_scale, ..GuidanceConfig::default() },
        rank: RankConfig { candidates: 1, ood_penalty: 0.0 },
        ..PlanConfig::default()
    }
}

fn planner(checkpoint: Checkpoint, returns: Option<ReturnScale>) -> DiffusionPlanner {
    let manifest = checkpoint.manifest.clone();
    let schedule = manifest.model.noise().unwrap();
    let denoiser = checkpoint.denoiser(&Device::flex(), Some(2)).unwrap();
    let (normalizer, limits, config) =
        (manifest.normalizer, manifest.limits, config(WantedReturn::None, 1.0));
    DiffusionPlanner::new(denoiser, schedule, normalizer, limits, config, None).unwrap().with_returns(returns)
}

fn plans(planner: &mut DiffusionPlanner, task: &dyn Task) -> Result<Vec<Plan>, PlannerError> {
    let requests: Vec<Request<'_>> = (0..60).map(|seed| Request::new(&[0.1], task, seed)).collect();
    planner.plan(&requests, false)
}

/// Share of plans whose mean action goes forward.
fn forward(plans: &[Plan]) -> f64 {
    let goes = |plan: &&Plan| plan.actions.iter().sum::<f64>() > 0.0;
    plans.iter().filter(goes).count() as f64 / plans.len() as f64
}

/// Good and bad drivers are alike many in the data; which of them a plan is like is asked for.
#[test]
fn a_high_return_gives_the_good_behaviour_and_a_low_one_the_bad() {
    let folder = tempfile::tempdir().unwrap();
    let checkpoint = trained(folder.path(), 1200);
    let scale = checkpoint.manifest.returns.clone().unwrap();
    // Good drivers earn 5 a step in the mean, bad ones -3.
    assert!(
        (scale.quantile(0.75) - 5.0).abs() < 0.3 && (scale.quantile(0.25) + 3.0).abs() < 0.3,
        "{scale:?}"
    );
    let mut planner = planner(checkpoint, Some(scale));
    let mut ask = |wanted, scale, task: &dyn Task| {
        planner.set_config(config(wanted, scale)).unwrap();
        plans(&mut planner, task).unwrap()
    };
    let open = forward(&ask(WantedReturn::None, 1.0, &NoTask));
    // Either, and not one of them alone; of 60 fair throws more than 12 are off by five deviations.
    assert!((0.2..=0.8).contains(&open), "{open}");
    for scale in [1.0, 2.0] {
        let [low, high] =
            [0.1, 0.9].map(|share| forward(&ask(WantedReturn::Quantile(share), scale, &NoTask)));
        assert!(low <= 0.05 && high >= 0.95, "at scale {scale}: {low} {high}");
        let (low, high) = (WantedReturn::PerStep(-3.0), WantedReturn::PerStep(5.0));
        let [low, high] = [low, high].map(|wanted| forward(&ask(wanted, scale, &NoTask)));
        assert!(low <= 0.05 && high >= 0.95, "at scale {scale}: {low} {high}");
    }
    // What the task says counts, and not the settings.
    let low = WantedReturnTask { per_step: -3.0 };
    assert!(forward(&ask(WantedReturn::Quantile(0.9), 1.0, &low)) <= 0.05);
    // Nothing of the condition is no condition, to the bit.
    let [hidden, none] = [WantedReturn::Quantile(0.9), WantedReturn::None]
        .map(|wanted| ask(wanted, 0.0, &NoTask).into_iter().map(|plan| plan.actions).collect::<Vec<_>>());
    assert_eq!(hidden, none);
    // A policy is told as a planner is.
    let [low, high] = [-3.0, 5.0].map(|per_step| {
        planner.set_config(config(WantedReturn::PerStep(per_step), 1.0)).unwrap();
        let requests: Vec<Request<'_>> = (0..20).map(|seed| Request::new(&[0.1], &NoTask, seed)).collect();
        let actions = planner.act(&requests).unwrap();
        actions.iter().flatten().sum::<f64>() / (20.0 * 2.0)
    });
    assert!(low < -0.4 && high > 0.4, "{low} {high}");
}

#[test]
fn what_cannot_be_told_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let checkpoint = trained(folder.path(), 1);
    let scale = checkpoint.manifest.returns.clone();
    let mut deaf = planner(checkpoint, None);
    deaf.set_config(config(WantedReturn::Quantile(0.9), 1.0)).unwrap();
    let message = plans(&mut deaf, &NoTask).unwrap_err().to_string();
    assert!(message.contains("plan.wanted_return") && message.contains("with_returns"), "{message}");
    let mut planner = deaf.with_returns(scale);
    assert!(plans(&mut planner, &NoTask).is_ok());
    let message = plans(&mut planner, &WantedReturnTask { per_step: f64::NAN }).unwrap_err().to_string();
    assert!(message.contains("plan.wanted_return") && message.contains("finite"), "{message}");
    for (wrong, says) in [
        (config(WantedReturn::Quantile(1.5), 1.0), "plan.wanted_return"),
        (config(WantedReturn::None, -1.0), "plan.guidance.condition_scale"),
        (config(WantedReturn::None, f64::NAN), "plan.guidance.condition_scale"),
    ] {
        let message = planner.set_config(wrong).unwrap_err().to_string();
        assert!(message.contains(says), "{message}");
    }
}

#[test]
fn a_network_that_is_told_no_returns_cannot_be_asked_for_one() {
    let folder = tempfile::tempdir().unwrap();
    let (spec, data, device) = (spec(), track(), Device::flex());
    let model = ModelConfig { condition: ConditionKind::Goal, ..model() };
    let source = TrainingData::new(&spec, &data);
    let mut trainer = Trainer::new(folder.path(), &source, &model, &train(1), &device, Some(1)).unwrap();
    let made = trainer.run(&|| 0.0, &mut |_| true).unwrap();
    let mut planner = planner(checkpoint::load(&made, &device).unwrap(), None);
    let message = planner.set_config(config(WantedReturn::PerStep(1.0), 1.0)).unwrap_err().to_string();
    assert!(message.contains("plan.wanted_return") && message.contains("model.condition"), "{message}");
    // A task that says what it wants is planned for as any other.
    assert!(plans(&mut planner, &WantedReturnTask { per_step: 1.0 }).is_ok());
    let mut silent = track();
    silent.metadata.rewards = RewardConvention::Missing;
    let (source, folder) = (TrainingData::new(&spec, &silent), tempfile::tempdir().unwrap());
    let told = ModelConfig { condition: ConditionKind::Return, ..model };
    let refused = Trainer::new(folder.path(), &source, &told, &train(1), &device, Some(1));
    let message = refused.err().unwrap().to_string();
    assert!(message.contains("model.condition") && message.contains("no rewards"), "{message}");
}

/// The goal token's one number is the mean reward of the sequence's own steps, in deviations of whole sequences; nothing else of
/// the token is there or weighs.
#[test]
fn sequences_are_told_what_they_earn() {
    let (data, model) = (track(), ModelConfig { reward: true, ..model() });
    let layout = model.layout(&spec()).unwrap();
    let normalizer = DatasetNormalizer::fit(NormalizerKind::Standard, &data).unwrap();
    let all = data.trajectories(true);
    let dynamics = LocalDynamics::fit(&data, &all, &normalizer, &layout).unwrap();
    let train = TrainConfig { random_ends: true, condition_dropout: 0.3, ..train(1) };
    let maker = BatchMaker::new(&data, &normalizer, Some(&dynamics), &layout, &model, &train).unwrap();
    let scale = ReturnScale::fit(&data, &all, 6).unwrap();
    assert_eq!(maker.returns(), Some(&scale));
    let (batch, t, d) = (maker.batch(0), maker.tokens(), layout.width());
    let (mut told, mut lengths) = (0, [0; 3]);
    for b in 0..batch.chunks_b.len() {
        let goal_d = &batch.clean_btd[(b * t + GOAL) * d..(b * t + GOAL + 1) * d];
        let weight_d = &batch.weight_btd[(b * t + GOAL) * d..(b * t + GOAL + 1) * d];
        if !batch.goal_b[b] {
            assert!(goal_d.iter().chain(weight_d).all(|value| *value == 0.0));
            continue;
        }
        let chunks = batch.chunks_b[b];
        let frames = (0..chunks).flat_map(|chunk| [0, 1].map(|frame| (2 + chunk, frame)));
        let rewards = frames.map(|(token, frame)| {
            f64::from(batch.clean_btd[(b * t + token) * d + layout.reward_at(frame).unwrap()])
        });
        let earned = rewards.sum::<f64>() / (2 * chunks) as f64;
        let at = layout.return_at();
        assert!((f64::from(goal_d[at]) - scale.normalize(earned)).abs() < 1e-5, "sequence {b}");
        assert!(weight_d[at] > 0.0);
        let elsewhere = |row: &[f32]| row.iter().enumerate().all(|(i, value)| i == at || *value == 0.0);
        assert!(elsewhere(goal_d) && elsewhere(weight_d));
        told += 1;
        lengths[chunks - 1] += 1;
    }
    assert!(told > 30 && lengths.iter().all(|count| *count > 0), "{told} {lengths:?}");
}

#[test]
fn the_layout_of_a_return_is_one_slot_that_no_state_has() {
    let goals = EnvSpec { condition: vec![0], ..spec() };
    let model = ModelConfig { condition: ConditionKind::Return, ..model() };
    let layout = model.layout(&goals).unwrap();
    let there = |token: usize| (0..layout.width()).filter(|&d| layout.exists(token, d)).collect::<Vec<_>>();
    assert_eq!((there(GOAL), there(0)), (vec![layout.return_at()], vec![layout.last_observation()]));
    assert_ne!(there(GOAL), there(0));
    let mut token = vec![0.0; layout.width()];
    layout.write_goal(&[1.5, 7.0], &mut token);
    assert_eq!(token.iter().filter(|value| **value != 0.0).collect::<Vec<_>>(), [&1.5]);
    assert_eq!(token[layout.return_at()], 1.5);
    let plain = TokenLayout { returns: false, condition: Vec::new(), ..layout.clone() };
    assert!(layout.has_condition() && !plain.has_condition());
}

/// A manifest's text with the digest that belongs to it, so that what it says is what is refused.
fn sealed(mut manifest: serde_json::Value) -> String {
    use sha2::{Digest, Sha256};
    let zeros = "0".repeat(64);
    manifest["sha256"] = zeros.as_str().into();
    let text = serde_json::to_string_pretty(&manifest).unwrap();
    let digest: String = Sha256::digest(text.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect();
    text.replace(&zeros, &digest)
}

/// A checkpoint that does not say what its data earn, or says it without being told, contradicts itself.
#[test]
fn a_checkpoint_keeps_what_its_data_earn() {
    let folder = tempfile::tempdir().unwrap();
    let checkpoint = trained(folder.path(), 1);
    let file = checkpoint.path.join("manifest.json");
    let text = std::fs::read_to_string(&file).unwrap();
    let manifest: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(manifest["returns"]["quantiles"].as_array().unwrap().len(), 101);
    let damaged = |change: fn(&mut serde_json::Value)| {
        let mut manifest = manifest.clone();
        change(&mut manifest);
        std::fs::write(&file, sealed(manifest)).unwrap();
        checkpoint::load(&checkpoint.path, &Device::flex()).err().map(|error| error.to_string())
    };
    assert_eq!(damaged(|_| {}), None);
    let gone = damaged(|manifest| drop(manifest.as_object_mut().unwrap().remove("returns"))).unwrap();
    let flat = damaged(|manifest| manifest["returns"]["deviation"] = 0.0.into()).unwrap();
    assert!([gone, flat].iter().all(|message| message.contains("`returns`")));
    let silent = damaged(|manifest| manifest["layout"]["returns"] = false.into()).unwrap();
    assert!(silent.contains("`layout`"), "{silent}");
}
