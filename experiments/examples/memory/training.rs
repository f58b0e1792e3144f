//! Trains a small network in memory: the steps of `forethought train` without a folder.

use forethought_envs::EnvSpec;
use forethought_envs::data::{Dataset, DatasetNormalizer, NormalizerKind};
use forethought_planner::checkpoint::TrainState;
use forethought_planner::network::{Network, ParameterLayout};
use forethought_planner::noise::NoiseSchedule;
use forethought_planner::training::{BatchMaker, GradientWorkers, Optimizer};
use forethought_planner::{EngineDenoiser, ModelConfig, TrainConfig};

use forethought_experiments::device::DeviceName;
use forethought_experiments::failure::Failure;
use forethought_experiments::progress::Bar;

/// A trained network with what is needed to sample from it.
pub struct Trained {
    /// The network.
    pub denoiser: EngineDenoiser,
    /// Its noise levels.
    pub schedule: NoiseSchedule,
    /// Scaling of its data.
    pub normalizer: DatasetNormalizer,
    /// Number of weights.
    pub weights: usize,
    /// Loss of the last step.
    pub loss: f64,
}

/// Trains on the CPU. The result depends on data and settings alone, not on the number of threads.
///
/// # Errors
/// [`Failure`] for settings that cannot be trained with, and for a loss that is not finite.
pub fn train(
    spec: &EnvSpec,
    dataset: &Dataset,
    model: &ModelConfig,
    config: &TrainConfig,
    bar: &Bar,
) -> Result<Trained, Failure> {
    config.check()?;
    let device = DeviceName::Cpu.open()?;
    let threads = DeviceName::Cpu.threads();
    let (layout, schedule) = (model.layout(spec)?, model.noise()?);
    let normalizer = DatasetNormalizer::fit(NormalizerKind::Standard, dataset)?;
    let network = Network::new(&model.network, &layout, config.seed, &device)?;
    let parameters = ParameterLayout::of(&network);
    let state = TrainState::new(parameters.draw(config.seed));
    let mut optimizer = Optimizer::new(&state, &parameters, &device)?;
    let preconditioning = model.preconditioning(&layout, None)?;
    let mut workers =
        GradientWorkers::new(&network, &model.network, &preconditioning, config.shards, &device, threads)?;
    let batches = BatchMaker::new(dataset, &normalizer, None, &layout, model, config)?;
    let mut loss = f64::NAN;
    for step in 0..config.steps {
        let gradient = workers.gradient(optimizer.weights(), &batches.batch(step))?;
        optimizer.step(gradient.gradient, config)?;
        if (step + 1).is_multiple_of(config.log_every) || step + 1 == config.steps {
            let found: Result<f32, _> = gradient.loss.try_into_scalar();
            loss = found.map_or(f64::NAN, f64::from);
            if !loss.is_finite() {
                return Err(Failure::broken(format!("the loss is {loss} at step {}", step + 1)));
            }
            bar.set_message(format!("loss {loss:.4}"));
        }
        bar.inc(1);
    }
    let denoiser = EngineDenoiser::new(
        &parameters,
        &optimizer.state()?.average,
        &model.network,
        preconditioning,
        threads.unwrap_or(1),
    )?;
    Ok(Trained { denoiser, schedule, normalizer, weights: parameters.len(), loss })
}
