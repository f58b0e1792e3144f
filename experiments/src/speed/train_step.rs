//! One training step on our side, put together as the trainer does; making batches is not part of it (the
//! trainer does that on a thread of its own).

use std::time::Instant;

use burn::tensor::{Device, Tensor};
use forethought_planner::checkpoint::{Checkpoint, TrainState};
use forethought_planner::network::ParameterLayout;
use forethought_planner::training::{GradientWorkers, Optimizer};
use forethought_planner::{FIRST_CHUNK, GOAL, ModelConfig, TokenLayout, TrainBatch, TrainConfig, random};
use serde_json::{Map, Value, json};

use super::agreement;
use crate::failure::Failure;

/// Small, so that the weights stay near those of the checkpoint for thousands of steps on one batch.
const RATE: f64 = 1e-5;

/// A training state with one batch.
pub struct TrainBench {
    parameters: ParameterLayout,
    workers: GradientWorkers,
    optimizer: Optimizer,
    batch: TrainBatch,
    config: TrainConfig,
    tokens: usize,
}

impl TrainBench {
    /// Training taken up at a checkpoint's weights, with a batch of `size` sequences.
    ///
    /// # Errors
    /// [`Failure`] when the device or its threads refuse.
    pub fn new(
        checkpoint: Checkpoint,
        device: &Device,
        threads: Option<usize>,
        size: usize,
    ) -> Result<Self, Failure> {
        let (layout, model) = (checkpoint.manifest.layout, checkpoint.manifest.model);
        let config = TrainConfig { learning_rate: RATE, warmup: 0, batch: size, ..checkpoint.manifest.train };
        let parameters = checkpoint.parameters;
        let (network, kind) = (&checkpoint.network, &model.network);
        let preconditioning = model.preconditioning(&layout, checkpoint.manifest.dynamics.as_ref())?;
        let workers = GradientWorkers::new(network, kind, &preconditioning, config.shards, device, threads)?;
        let optimizer = Optimizer::new(&TrainState::new(checkpoint.weights), &parameters, device)?;
        let batch = batch(&layout, &model, size);
        let tokens = layout.tokens(layout.chunks);
        Ok(Self { parameters, workers, optimizer, batch, config, tokens })
    }

    /// The same batch and settings as a request to the PyTorch process.
    pub fn request(&self) -> Value {
        let (batch, config) = (&self.batch, &self.config);
        json!({ "do": "train", "tokens": self.tokens, "input_bti": batch.input_bti, "clean_btd": batch.clean_btd,
            "weight_btd": batch.weight_btd, "level_btl": batch.level_btl, "chunks_b": batch.chunks_b,
            "goal_b": batch.goal_b, "settings": { "learning_rate": config.learning_rate,
            "weight_decay": config.weight_decay, "clip": config.grad_clip_norm, "ema": config.ema } })
    }

    /// Milliseconds of so many steps, after one that is not timed.
    ///
    /// # Errors
    /// Those of the device.
    pub fn time(&mut self, repeats: usize) -> Result<f64, Failure> {
        scalar(self.step()?)?;
        let began = Instant::now();
        for repeat in 0..repeats {
            let loss = self.step()?;
            if repeat + 1 == repeats {
                // Reading it waits for the device.
                scalar(loss)?;
            }
        }
        Ok(1e3 * began.elapsed().as_secs_f64())
    }

    /// Largest relative difference, of the loss and of the norm of any weight's gradient (relative to the whole
    /// gradient's), between ours and the PyTorch process's. Ask before [`TrainBench::time`], which moves the weights.
    ///
    /// # Errors
    /// Those of the device, and an answer that does not fit.
    pub fn compare(&mut self, answer: &Value) -> Result<f64, Failure> {
        let found = self.workers.gradient(self.optimizer.weights(), &self.batch)?;
        let loss = agreement::difference("loss", &[scalar(found.loss)?], &json!([answer["loss"]]))?;
        let flat = found.gradient.try_into_vec_as::<f32>().map_err(device_failure)?;
        let (mut ours, mut theirs) = (Vec::new(), Vec::new());
        let empty = Map::new();
        let norms = answer["norms"].as_object().unwrap_or(&empty);
        for slot in &self.parameters.slots {
            let part = flat.get(slot.offset..slot.offset + slot.len()).unwrap_or_default();
            ours.push(part.iter().map(|&g| f64::from(g).powi(2)).sum::<f64>().sqrt());
            theirs.push(norms.get(&slot.name).cloned().unwrap_or(Value::Null));
        }
        Ok(loss.max(agreement::difference("norms", &ours, &Value::Array(theirs))?))
    }

    /// Tokens of each sequence that are computed at all.
    pub fn lengths(&self) -> Vec<usize> {
        let sequences = self.batch.chunks_b.iter().zip(&self.batch.goal_b);
        sequences.map(|(chunks, goal)| 1 + usize::from(*goal) + chunks).collect()
    }

    fn step(&mut self) -> Result<Tensor<1>, Failure> {
        let found = self.workers.gradient(self.optimizer.weights(), &self.batch)?;
        self.optimizer.step(found.gradient, &self.config);
        Ok(found.loss)
    }
}

/// A batch of noise with the shapes, levels, lengths and weights of training: ends are drawn at random, and what
/// lies behind them weighs nothing. What the numbers are costs nothing.
fn batch(layout: &TokenLayout, model: &ModelConfig, size: usize) -> TrainBatch {
    let (tokens, width) = (layout.tokens(layout.chunks), layout.width());
    let numbers = |stream: u64, width: usize| {
        let mut values = vec![0.0; size * tokens * width];
        random::fill_normal(&mut random::stream(0, &[stream]), &mut values);
        values.into_iter().map(|value| value as f32).collect::<Vec<f32>>()
    };
    let index = |stream: u64, i: usize, below: usize| {
        (random::derive(0, &[stream, i as u64]) % below.max(1) as u64) as usize
    };
    let chunks_b: Vec<usize> = (0..size).map(|b| 1 + index(3, b, layout.chunks)).collect();
    let goal_b: Vec<bool> = (0..size).map(|b| index(4, b, 3) == 0).collect();
    let weight = |i: usize| {
        let (b, token) = (i / width / tokens, i / width % tokens);
        let visible = if token == GOAL { goal_b[b] } else { token < FIRST_CHUNK + chunks_b[b] };
        f32::from(u8::from(visible)) / (size * tokens * width) as f32
    };
    TrainBatch {
        input_bti: numbers(0, model.network.input(layout)),
        clean_btd: numbers(1, width),
        weight_btd: (0..size * tokens * width).map(weight).collect(),
        level_btl: (0..size * tokens * layout.told_levels())
            .map(|i| 1 + index(2, i, model.levels) as u16)
            .collect(),
        chunks_b,
        goal_b,
    }
}

fn scalar(tensor: Tensor<1>) -> Result<f64, Failure> {
    tensor.try_into_scalar::<f32>().map(f64::from).map_err(device_failure)
}

fn device_failure(error: impl std::fmt::Debug) -> Failure {
    Failure::broken(format!("device: {error:?}"))
}
