//! Loss and gradient of a batch, cut into shards for data-parallel workers: by the engine where it has the
//! architecture and the device is a CPU, by Burn's autodiff everywhere else.

use burn::module::Module;
use burn::tensor::{DType, Device, Tensor, TensorData};

use crate::engine::EngineGradient;
use crate::error::check_len;
use crate::network::{Conditions, Network, NetworkConfig, NetworkKind, ParameterLayout, thread_pool};
use crate::train_config::MOST_SHARDS;
use crate::{PlannerError, TokenLayout, TrainBatch};

/// Gradient of one step.
pub struct StepGradient {
    /// Weighted mean squared error, one number on the device.
    pub loss: Tensor<1>,
    /// Gradient of all parameters.
    pub gradient: Tensor<1>,
}

/// Computes gradients shard by shard; shards are summed in their order, whoever computed them.
pub struct GradientWorkers {
    device: Device,
    kind: Kind,
}

/// Who computes. One is alive per training run, so the variants' sizes do not matter.
#[allow(clippy::large_enum_variant)]
enum Kind {
    Engine(EngineGradient),
    Burn(BurnGradient),
}

impl GradientWorkers {
    /// Workers for networks like `network`, of configuration `config`, on `device`. `threads` of them share
    /// the shards on a CPU; `None` (any other device) computes the batch in one piece.
    ///
    /// # Errors
    /// [`PlannerError::Device`] when the worker threads cannot be made.
    pub fn new(
        network: &Network,
        config: &NetworkConfig,
        layout: &TokenLayout,
        levels: usize,
        shards: usize,
        device: &Device,
        threads: Option<usize>,
    ) -> Result<Self, PlannerError> {
        let parameters = ParameterLayout::of(network);
        let kind = match (config.kind, threads) {
            (NetworkKind::Transformer, Some(threads)) => {
                Kind::Engine(EngineGradient::new(&parameters, config, layout, levels, shards, threads)?)
            }
            _ => return Self::in_burn(network, config, layout, levels, shards, device, threads),
        };
        Ok(Self { device: device.clone(), kind })
    }

    /// As [`GradientWorkers::new`], always by Burn's autodiff: the reference.
    ///
    /// # Errors
    /// As [`GradientWorkers::new`].
    pub fn in_burn(
        network: &Network,
        config: &NetworkConfig,
        layout: &TokenLayout,
        levels: usize,
        shards: usize,
        device: &Device,
        threads: Option<usize>,
    ) -> Result<Self, PlannerError> {
        config.check()?;
        layout.check()?;
        // A tensor library answers shapes that do not fit with a panic.
        let weights = config.weights(layout).and_then(|weights| usize::try_from(weights).ok());
        check_len(
            "weights of the network",
            weights.unwrap_or(usize::MAX),
            ParameterLayout::of(network).len(),
        )?;
        let pools = match threads {
            None => Vec::new(),
            Some(count) => (0..count.clamp(1, shards.clamp(1, MOST_SHARDS)))
                .map(|_| thread_pool(1))
                .collect::<Result<_, _>>()?,
        };
        let burn = BurnGradient {
            network: network.clone(),
            layout: layout.clone(),
            parameters: ParameterLayout::of(network),
            causal: config.causal,
            input: config.input(layout),
            levels,
            shards: if threads.is_some() { shards.clamp(1, MOST_SHARDS) } else { 1 },
            device: device.clone(),
            pools,
        };
        Ok(Self { device: device.clone(), kind: Kind::Burn(burn) })
    }

    /// Loss and gradient of `batch` for the flat `weights`.
    ///
    /// # Errors
    /// [`PlannerError::Length`] when the weights do not fit; [`PlannerError::Device`] when a worker stopped.
    pub fn gradient(
        &mut self,
        weights: &Tensor<1>,
        batch: &TrainBatch,
    ) -> Result<StepGradient, PlannerError> {
        match &mut self.kind {
            Kind::Burn(burn) => {
                check_len("parameters", burn.parameters.len(), weights.dims()[0])?;
                burn.gradient(&burn.parameters.assign(burn.network.clone(), weights), batch)
            }
            Kind::Engine(engine) => {
                let data = weights.clone().try_into_data().map_err(device_error)?;
                let weights = data.as_slice::<f32>().map_err(device_error)?;
                let (loss, gradient) = engine.gradient(weights, batch)?;
                let upload =
                    |values: Vec<f32>, len| Tensor::from_data(TensorData::new(values, [len]), &self.device);
                Ok(StepGradient {
                    loss: upload(vec![loss as f32], 1),
                    gradient: upload(gradient.to_vec(), gradient.len()),
                })
            }
        }
    }
}

fn device_error(error: impl std::fmt::Debug) -> PlannerError {
    PlannerError::Device(format!("{error:?}"))
}

/// Gradients by Burn's autodiff.
struct BurnGradient {
    network: Network,
    layout: TokenLayout,
    parameters: ParameterLayout,
    causal: bool,
    input: usize,
    levels: usize,
    shards: usize,
    device: Device,
    pools: Vec<rayon::ThreadPool>,
}

impl BurnGradient {
    /// Loss and gradient for `network` (weights without autodiff).
    fn gradient(&self, network: &Network, batch: &TrainBatch) -> Result<StepGradient, PlannerError> {
        let sizes = [self.input, self.layout.width(), self.layout.told_levels()];
        batch.check(self.layout.tokens(self.layout.chunks), sizes)?;
        let sequences = batch.chunks_b.len();
        let per_shard = sequences.div_ceil(self.shards);
        let ranges: Vec<_> = (0..sequences)
            .step_by(per_shard.max(1))
            .map(|first| first..(first + per_shard).min(sequences))
            .collect();
        if self.pools.is_empty() {
            return Ok(self.shard(network, batch, 0..sequences));
        }
        let workers = self.pools.len();
        let outcome = crossbeam::thread::scope(|scope| {
            let handles: Vec<_> = self
                .pools
                .iter()
                .enumerate()
                .map(|(worker, pool)| {
                    let ranges = &ranges;
                    scope.spawn(move |_| {
                        let mine = (worker..ranges.len()).step_by(workers);
                        mine.map(|i| (i, pool.install(|| self.shard(network, batch, ranges[i].clone()))))
                            .collect::<Vec<_>>()
                    })
                })
                .collect();
            handles.into_iter().map(|handle| handle.join().ok()).collect::<Option<Vec<_>>>()
        });
        let stopped = || PlannerError::Device("a training worker stopped unexpectedly".into());
        let mut parts: Vec<_> = outcome.ok().flatten().ok_or_else(stopped)?.into_iter().flatten().collect();
        parts.sort_by_key(|(index, _)| *index);
        parts
            .into_iter()
            .map(|(_, part)| part)
            .reduce(|sum, part| StepGradient {
                loss: sum.loss + part.loss,
                gradient: sum.gradient + part.gradient,
            })
            .ok_or_else(stopped)
    }

    fn shard(&self, network: &Network, batch: &TrainBatch, range: std::ops::Range<usize>) -> StepGradient {
        let (b, t) = (range.len(), self.layout.tokens(self.layout.chunks));
        let (d, i, l) = (self.layout.width(), self.input, self.layout.told_levels());
        // Each worker's graph is its own: clones would share one lock.
        let network = network.clone().fork(&self.device).unfreeze().train();
        let upload = |values: &[f32], n: usize| {
            let values = values[range.start * t * n..range.end * t * n].to_vec();
            Tensor::<1>::from_data(TensorData::new(values, [b * t * n]), &self.device)
                .reshape([b, t, n])
                .autodiff()
        };
        let conditions = Conditions::new(
            t,
            &batch.level_btl[range.start * t * l..range.end * t * l],
            &batch.chunks_b[range.clone()],
            &batch.goal_b[range.clone()],
            self.causal,
            self.levels,
        );
        let input = conditions.input(upload(&batch.input_bti, i), &self.device, DType::F32);
        let error_btd = network.forward(input) - upload(&batch.target_btd, d);
        let loss = (error_btd.clone() * error_btd * upload(&batch.weight_btd, d)).sum();
        let mut gradients = loss.backward();
        let gradient = self.parameters.gradient(&network, &mut gradients, &self.device);
        StepGradient { loss: loss.inner(), gradient }
    }
}
