//! Loss and gradient of a batch, cut into shards for data-parallel workers: by the engine where it has the
//! architecture and the device is a CPU, by Burn's autodiff everywhere else.

use std::ops::Range;

use burn::module::Module;
use burn::tensor::{DType, Device, Tensor, TensorData};
use rayon::prelude::*;

use super::exchange::Together;
use crate::engine::EngineGradient;
use crate::error::check_len;
use crate::layout::is_visible;
use crate::network::{Conditions, Network, NetworkConfig, NetworkKind, ParameterLayout, thread_pool};
use crate::train_batch::LossRoom;
use crate::train_config::MOST_SHARDS;
use crate::{PlannerError, Preconditioning, TrainBatch};

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
    /// Where several processes train together.
    together: Option<Together>,
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
        preconditioning: &Preconditioning,
        shards: usize,
        device: &Device,
        threads: Option<usize>,
    ) -> Result<Self, PlannerError> {
        let parameters = ParameterLayout::of(network);
        let kind = match (config.kind, threads) {
            (NetworkKind::Transformer, Some(threads)) => Kind::Engine(EngineGradient::new(
                &parameters,
                config,
                preconditioning.clone(),
                shards,
                threads,
            )?),
            _ => return Self::in_burn(network, config, preconditioning, shards, device, threads),
        };
        Ok(Self { device: device.clone(), kind, together: None })
    }

    /// As [`GradientWorkers::new`], always by Burn's autodiff: the reference.
    ///
    /// # Errors
    /// As [`GradientWorkers::new`].
    pub fn in_burn(
        network: &Network,
        config: &NetworkConfig,
        preconditioning: &Preconditioning,
        shards: usize,
        device: &Device,
        threads: Option<usize>,
    ) -> Result<Self, PlannerError> {
        config.check()?;
        let layout = preconditioning.layout();
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
            preconditioning: preconditioning.clone(),
            parameters: ParameterLayout::of(network),
            causal: config.causal,
            shards: if threads.is_some() { shards.clamp(1, MOST_SHARDS) } else { 1 },
            device: device.clone(),
            pools,
        };
        Ok(Self { device: device.clone(), kind: Kind::Burn(burn), together: None })
    }

    /// Shares the shards with other processes.
    ///
    /// # Errors
    /// [`PlannerError::Setting`] where Burn computes, which does not share yet.
    pub(super) fn sharing(mut self, together: Together) -> Result<Self, PlannerError> {
        if matches!(self.kind, Kind::Burn(_)) {
            return Err(PlannerError::Setting {
                name: "exchange",
                value: "given".into(),
                remedy: "several processes train transformers on the CPU only: train in one process".into(),
            });
        }
        self.together = Some(together);
        Ok(self)
    }

    /// Of a batch of so many sequences those that this process computes.
    pub(super) fn sequences(&self, batch: usize) -> Range<usize> {
        let (Some(together), Kind::Engine(engine)) = (&self.together, &self.kind) else { return 0..batch };
        let (shards, per_shard) = (together.share(engine.shard_count()), engine.per_shard(batch));
        (shards.start * per_shard).min(batch)..(shards.end * per_shard).min(batch)
    }

    /// The other processes, where there are some.
    pub(super) fn together(&mut self) -> Option<&mut Together> {
        self.together.as_mut()
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
                let (loss, gradient) = match &mut self.together {
                    None => {
                        let (loss, gradient) = engine.gradient(weights, batch)?;
                        (loss, gradient.to_vec())
                    }
                    Some(together) => {
                        let mut sum = vec![0.0; weights.len()];
                        let own = engine.shards(weights, batch, together.share(engine.shard_count()))?;
                        (together.sum(own, &mut sum)?, sum)
                    }
                };
                let upload = |values: Vec<f32>| {
                    let len = values.len();
                    Tensor::from_data(TensorData::new(values, [len]), &self.device)
                };
                Ok(StepGradient { loss: upload(vec![loss as f32]), gradient: upload(gradient) })
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
    preconditioning: Preconditioning,
    parameters: ParameterLayout,
    causal: bool,
    shards: usize,
    device: Device,
    pools: Vec<rayon::ThreadPool>,
}

impl BurnGradient {
    /// Loss and gradient for `network` (weights without autodiff).
    fn gradient(&self, network: &Network, batch: &TrainBatch) -> Result<StepGradient, PlannerError> {
        batch.check(&self.preconditioning)?;
        let sequences = batch.chunks_b.len();
        let per_shard = sequences.div_ceil(self.shards);
        let ranges: Vec<_> = (0..sequences)
            .step_by(per_shard.max(1))
            .map(|first| first..(first + per_shard).min(sequences))
            .collect();
        if self.pools.is_empty() {
            return self.shard(network, batch, 0..sequences);
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
            .reduce(|sum, part| {
                let (sum, part) = (sum?, part?);
                Ok(StepGradient { loss: sum.loss + part.loss, gradient: sum.gradient + part.gradient })
            })
            .unwrap_or_else(|| Err(stopped()))
    }

    /// Answers are read on the host, as they are in planning: what a block follows from is the estimate of the one before.
    fn shard(
        &self,
        network: &Network,
        batch: &TrainBatch,
        range: std::ops::Range<usize>,
    ) -> Result<StepGradient, PlannerError> {
        let of = &self.preconditioning;
        let layout = of.layout();
        let (b, t) = (range.len(), layout.tokens(layout.chunks));
        let (d, i, l) = (layout.width(), of.input(), layout.told_levels());
        // Each worker's graph is its own: clones would share one lock.
        let network = network.clone().fork(&self.device).unfreeze().train();
        let upload = |values: &[f32], n: usize| {
            Tensor::<1>::from_data(TensorData::new(values.to_vec(), [b * t * n]), &self.device)
                .reshape([b, t, n])
                .autodiff()
        };
        let part = |n: usize| range.start * t * n..range.end * t * n;
        let conditions = Conditions::new(
            t,
            &batch.level_btl[part(l)],
            &batch.chunks_b[range.clone()],
            &batch.goal_b[range.clone()],
            self.causal,
            of.schedule().levels(),
        );
        let input = conditions.input(upload(&batch.input_bti[part(i)], i), &self.device, DType::F32);
        let answer_btd = network.forward(input);
        let data = answer_btd.clone().inner().try_into_data().map_err(device_error)?;
        let answers = data.as_slice::<f32>().map_err(device_error)?;
        let mut d_answer_btd = vec![0.0; answers.len()];
        let sequences = answers.par_chunks_exact(t * d).zip(d_answer_btd.par_chunks_exact_mut(t * d));
        let read = sequences.zip(range).map(|((answer, d_answer), b)| self.read(batch, b, answer, d_answer));
        let losses: Vec<f64> = read.collect();
        // Summed in the order of the sequences, whoever read them.
        let loss: f64 = losses.iter().sum();
        let mut gradients = (answer_btd * upload(&d_answer_btd, d)).sum().backward();
        let gradient = self.parameters.gradient(&network, &mut gradients, &self.device);
        let loss = Tensor::from_data(TensorData::new(vec![loss as f32], [1]), &self.device);
        Ok(StepGradient { loss, gradient })
    }

    /// Loss of one sequence, and its gradient at the answers, `[T, D]`.
    fn read(&self, batch: &TrainBatch, sequence: usize, answer_td: &[f32], d_answer_td: &mut [f32]) -> f64 {
        let d = self.preconditioning.layout().width();
        let (chunks, goal) = (batch.chunks_b[sequence], batch.goal_b[sequence]);
        let all = 0..answer_td.len() / d;
        let tokens: Vec<usize> = all.filter(|&token| is_visible(token, chunks, goal)).collect();
        let of_token = |token: usize| token * d..(token + 1) * d;
        let seen = tokens.iter().flat_map(|&token| &answer_td[of_token(token)]);
        let mut answer_vd: Vec<f32> = seen.copied().collect();
        let room = &mut LossRoom::default();
        let loss = batch.loss(&self.preconditioning, sequence, &tokens, &mut answer_vd, room);
        for (&token, d_answer) in tokens.iter().zip(answer_vd.chunks_exact(d)) {
            d_answer_td[of_token(token)].copy_from_slice(d_answer);
        }
        loss
    }
}
