//! One training step on our side, put together as the trainer does; making batches is not part of it (the
//! trainer does that on a thread of its own).

use std::time::Instant;

use burn::tensor::{DType, Device, Tensor, TensorData};
use forethought_planner::checkpoint::{Checkpoint, TrainState};
use forethought_planner::network::{Conditions, Network, ParameterLayout};
use forethought_planner::training::{GradientWorkers, Optimizer};
use forethought_planner::{
    FIRST_CHUNK, GOAL, NoisyBatch, PreparedBatch, TokenLayout, TrainBatch, TrainConfig, random,
};
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
    wire: Value,
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
        let Checkpoint { manifest, parameters, network, weights, .. } = checkpoint;
        let (layout, model) = (manifest.layout, manifest.model);
        let config = TrainConfig { learning_rate: RATE, warmup: 0, batch: size, ..manifest.train };
        let preconditioning = model.preconditioning(&layout, manifest.dynamics.as_ref())?;
        let shards = config.shards;
        let workers =
            GradientWorkers::new(&network, &model.network, &preconditioning, shards, device, threads)?;
        let optimizer = Optimizer::new(&TrainState::new(weights), &parameters, device)?;
        let tokens = layout.tokens(layout.chunks);
        let noise = Noise::new(&layout, model.levels, size);
        let prepared = PreparedBatch::new(&preconditioning, noise.view(tokens))?;
        let batch = noise.batch(&prepared, &layout);
        let wire = request(&network, model.network.causal, &prepared, &batch, &config, device)?;
        Ok(Self { parameters, workers, optimizer, batch, config, wire })
    }

    /// The same batch and settings as a request to the PyTorch process. It is given the answers that the network ought
    /// to make of what it is shown, the estimates before a block being what they are at these weights.
    pub fn request(&self) -> Value {
        self.wire.clone()
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
        self.optimizer.step(found.gradient, &self.config)?;
        Ok(found.loss)
    }
}

/// Noise with the shapes, levels and lengths of training: ends are drawn at random. What the numbers are costs nothing.
struct Noise {
    x_btd: Vec<f64>,
    level_btp: Vec<u16>,
    chunks_b: Vec<usize>,
    goal_b: Vec<bool>,
}

impl Noise {
    fn new(layout: &TokenLayout, levels: usize, size: usize) -> Self {
        let (tokens, width) = (layout.tokens(layout.chunks), layout.width());
        let index = |stream: u64, i: usize, below: usize| {
            (random::derive(0, &[stream, i as u64]) % below.max(1) as u64) as usize
        };
        let mut x_btd = vec![0.0; size * tokens * width];
        random::fill_normal(&mut random::stream(0, &[0]), &mut x_btd);
        Self {
            x_btd,
            level_btp: (0..size * tokens * layout.parts()).map(|i| 1 + index(2, i, levels) as u16).collect(),
            chunks_b: (0..size).map(|b| 1 + index(3, b, layout.chunks)).collect(),
            goal_b: (0..size).map(|b| index(4, b, 3) == 0).collect(),
        }
    }

    fn view(&self, tokens: usize) -> NoisyBatch<'_> {
        NoisyBatch {
            batch: self.chunks_b.len(),
            tokens,
            x_btd: &self.x_btd,
            level_btp: &self.level_btp,
            chunks_b: &self.chunks_b,
            goal_b: &self.goal_b,
        }
    }

    /// What lies behind an end weighs nothing.
    fn batch(&self, prepared: &PreparedBatch<'_>, layout: &TokenLayout) -> TrainBatch {
        let (tokens, width) = (layout.tokens(layout.chunks), layout.width());
        let mut clean = vec![0.0; self.x_btd.len()];
        random::fill_normal(&mut random::stream(0, &[1]), &mut clean);
        let weight = |i: usize| {
            let (b, token) = (i / width / tokens, i / width % tokens);
            let visible = if token == GOAL { self.goal_b[b] } else { token < FIRST_CHUNK + self.chunks_b[b] };
            f32::from(u8::from(visible)) / self.x_btd.len() as f32
        };
        TrainBatch {
            input_bti: prepared.input_bti().iter().map(|&x| x as f32).collect(),
            clean_btd: clean.iter().map(|&x| x as f32).collect(),
            weight_btd: (0..clean.len()).map(weight).collect(),
            level_btl: prepared.told_btl().to_vec(),
            chunks_b: self.chunks_b.clone(),
            goal_b: self.goal_b.clone(),
        }
    }
}

/// What the PyTorch process is told.
///
/// # Errors
/// Those of the device.
fn request(
    network: &Network,
    causal: bool,
    prepared: &PreparedBatch<'_>,
    batch: &TrainBatch,
    config: &TrainConfig,
    device: &Device,
) -> Result<Value, Failure> {
    let (size, told) = (batch.chunks_b.len(), batch.level_btl.as_slice());
    let tokens = prepared.tokens();
    let input =
        TensorData::new(batch.input_bti.clone(), [size, tokens, batch.input_bti.len() / (size * tokens)]);
    let conditions = Conditions::new(tokens, told, &batch.chunks_b, &batch.goal_b, causal, prepared.levels());
    let input = conditions.input(Tensor::<3>::from_data(input, device), device, DType::F32);
    let answers = network.forward(input).try_into_data().map_err(device_failure)?;
    let answers: Vec<f64> = answers.iter::<f64>().collect();
    let (mut x0, scales) = (vec![0.0; answers.len()], prepared.scale_btd());
    prepared.estimates(&answers, &mut x0)?;
    // x0 + scale (answer' - answer) is the clean token.
    let wanted = |i: usize| answers[i] + (f64::from(batch.clean_btd[i]) - x0[i]) / scales[i];
    let weight = |i: usize| f64::from(batch.weight_btd[i]) * scales[i] * scales[i];
    let wanted: Vec<f64> = (0..x0.len()).map(wanted).collect();
    let weights: Vec<f64> = (0..x0.len()).map(weight).collect();
    Ok(json!({ "do": "train", "tokens": tokens, "input_bti": batch.input_bti, "answer_btd": wanted,
        "weight_btd": weights, "level_btl": batch.level_btl, "chunks_b": batch.chunks_b,
        "goal_b": batch.goal_b, "settings": { "learning_rate": config.learning_rate,
        "weight_decay": config.weight_decay, "clip": config.grad_clip_norm, "ema": config.ema } }))
}

fn scalar(tensor: Tensor<1>) -> Result<f64, Failure> {
    tensor.try_into_scalar::<f32>().map(f64::from).map_err(device_failure)
}

fn device_failure(error: impl std::fmt::Debug) -> Failure {
    Failure::broken(format!("device: {error:?}"))
}
