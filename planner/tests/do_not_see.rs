//! To do is not to see: a coin is thrown, and the behaviour that made the data answers it nine times in ten. Who asks what
//! the coin will show, *given that* the answer is to be heads, must be told: heads in one half of all cases. A network that
//! is shown the answer when it is asked for the coin says nine tenths.
#![allow(clippy::unwrap_used)]

use burn::tensor::Device;
use forethought_envs::data::{Dataset, DatasetMetadata};
use forethought_envs::{BoxSpace, EnvSpec};
use forethought_planner::checkpoint::{self, SlotLimits};
use forethought_planner::network::NetworkConfig;
use forethought_planner::training::{Trainer, TrainingData};
use forethought_planner::{
    Decisions, DiffusionPlanner, ModelConfig, PlanConfig, RankConfig, TrainConfig, random,
};
use rand::RngExt;

/// Throws in the data, and draws that are asked for.
const THROWS: usize = 20_000;
const SAMPLES: usize = 800;
/// Share of answers that agree with the coin.
const AGREE: f64 = 0.9;

/// Observation: what the coin shows (0 before the throw) and whether the answer agreed (after it). Three rows a throw.
fn throws() -> Dataset {
    let mut rng = random::stream(5, &[]);
    let (mut observations, mut actions) = (Vec::new(), Vec::new());
    for _ in 0..THROWS {
        let coin: f32 = if rng.random_bool(0.5) { 1.0 } else { -1.0 };
        let answer = if rng.random_bool(AGREE) { coin } else { -coin };
        observations.extend([0.0, 0.0, coin, 0.0, coin, f32::from(u8::from(answer * coin > 0.0))]);
        actions.extend([rng.random_range(-1.0..1.0), answer, 0.0]);
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
        terminals: (0..rows).map(|row| row % 3 == 2).collect(),
        timeouts: vec![false; rows],
        goals: None,
        simulator: None,
        metadata: DatasetMetadata::default(),
    }
}

/// Shares of heads and of agreement where the answer is decided to be heads.
fn imagined(frames_per_token: usize, level_blocks: usize) -> [f64; 2] {
    let (folder, device, data) = (tempfile::tempdir().unwrap(), Device::flex(), throws());
    let spec = EnvSpec::of_spaces("coin", BoxSpace::symmetric(2, 2.0), BoxSpace::symmetric(1, 1.0));
    let model = ModelConfig {
        frames_per_token,
        chunks: 2 / frames_per_token,
        levels: 100,
        level_blocks,
        network: NetworkConfig { width: 32, layers: 2, heads: 2, ..NetworkConfig::default() },
        ..ModelConfig::default()
    };
    let train = TrainConfig {
        steps: 2000,
        batch: 64,
        learning_rate: 3e-3,
        warmup: 100,
        ema: 0.995,
        checkpoint_every: 2000,
        // Half of the rows are a world model's: this is about what it says.
        pyramids: 0.2,
        imagine: 0.5,
        ..TrainConfig::default()
    };
    let source = TrainingData::new(&spec, &data);
    let mut trainer = Trainer::new(folder.path(), &source, &model, &train, &device, Some(2)).unwrap();
    let made = trainer.run(&|| 0.0, &mut |_| true).unwrap();
    let checkpoint = checkpoint::load(&made, &device).unwrap();
    let manifest = checkpoint.manifest.clone();
    let (normalizer, limits): (_, SlotLimits) = (manifest.normalizer, manifest.limits);
    let config = PlanConfig { rank: RankConfig { ood_penalty: 0.0, candidates: 1 }, ..PlanConfig::default() };
    let denoiser = checkpoint.denoiser(&device, Some(2)).unwrap();
    let schedule = manifest.model.noise().unwrap();
    let mut planner = DiffusionPlanner::new(denoiser, schedule, normalizer, limits, config, None).unwrap();
    let asked =
        Decisions { observation: &[0.0, 0.0], actions: &[0.3, 1.0], samples: SAMPLES, history: 1, seed: 11 };
    let outcomes = planner.imagine(&asked).unwrap();
    let share = |is: &dyn Fn(&[f64]) -> bool| {
        outcomes.observations.chunks_exact(4).filter(|draw| is(draw)).count() as f64 / SAMPLES as f64
    };
    [share(&|draw| draw[0] > 0.0), share(&|draw| draw[3] > 0.5)]
}

/// Three standard errors of a share of one half.
fn within(share: f64) -> bool {
    (share - 0.5).abs() <= 3.0 * (0.25 / SAMPLES as f64).sqrt()
}

#[test]
fn coin_and_answer_in_one_chunk_are_told_apart_by_blocks() {
    let [heads, agreed] = imagined(2, 2);
    assert!(within(heads) && within(agreed), "heads {heads}, agreed {agreed}");
}

#[test]
fn coin_and_answer_in_neighbouring_chunks_are_told_apart() {
    let [heads, agreed] = imagined(1, 1);
    assert!(within(heads) && within(agreed), "heads {heads}, agreed {agreed}");
}

/// What these tests are there to find: one block that holds coin and answer lets the answer betray the coin.
#[test]
fn without_blocks_the_answer_betrays_the_coin() {
    let [heads, _] = imagined(2, 1);
    assert!(heads > 0.75, "heads {heads}");
}
