//! Small networks, trained in seconds.

use burn::tensor::Device;
use forethought_envs::EnvSpec;
use forethought_envs::data::Dataset;
use forethought_planner::checkpoint;
use forethought_planner::network::NetworkConfig;
use forethought_planner::training::{Trainer, TrainingData};
use forethought_planner::{DiffusionPlanner, ModelConfig, PlanConfig, TrainConfig};

/// A planner that was trained on these data, half of the time as a world model.
pub fn planner(
    spec: &EnvSpec,
    data: &Dataset,
    (frames_per_token, chunks, level_blocks): (usize, usize, usize),
    config: PlanConfig,
) -> DiffusionPlanner {
    let (folder, device) = (tempfile::tempdir().unwrap(), Device::flex());
    let model = ModelConfig {
        frames_per_token,
        chunks,
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
        pyramids: 0.2,
        imagine: 0.5,
        ..TrainConfig::default()
    };
    let source = TrainingData::new(spec, data);
    let mut trainer = Trainer::new(folder.path(), &source, &model, &train, &device, Some(2)).unwrap();
    let made = trainer.run(&|| 0.0, &mut |_| true).unwrap();
    let checkpoint = checkpoint::load(&made, &device).unwrap();
    let manifest = checkpoint.manifest.clone();
    let (normalizer, limits) = (manifest.normalizer, manifest.limits);
    let denoiser = checkpoint.denoiser(&device, Some(2)).unwrap();
    DiffusionPlanner::new(denoiser, manifest.model.noise().unwrap(), normalizer, limits, config, None)
        .unwrap()
}
