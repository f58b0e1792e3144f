//! One denoising row on our side: a call of the denoiser, as the planner makes it.

use std::time::Instant;

use forethought_envs::GoalTask;
use forethought_envs::data::DatasetNormalizer;
use forethought_planner::checkpoint::{Checkpoint, Manifest};
use forethought_planner::guidance::{Objective, TaskObjective};
use forethought_planner::{Denoiser, FIRST_CHUNK, GOAL, NoisyBatch, STATE, TokenLayout, random};
use serde_json::{Value, json};

use super::agreement;
use crate::failure::Failure;

/// Training level at which known tokens are shown.
const KNOWN_LEVEL: u16 = 10;
/// Sampling levels of the pyramid that a row is taken from, and the one its first chunk has there.
const SAMPLING_LEVELS: usize = 20;
const FIRST_LEVEL: usize = 6;

/// A batch in the middle of a plan, and buffers for the answer.
pub struct RowBench {
    denoiser: Box<dyn Denoiser>,
    task: GoalTask,
    layout: TokenLayout,
    normalizer: DatasetNormalizer,
    wire: Value,
    batch: usize,
    tokens: usize,
    x_btd: Vec<f64>,
    level_btp: Vec<u16>,
    chunks_b: Vec<usize>,
    goal_b: Vec<bool>,
    x0_btd: Vec<f64>,
    pulled_btd: Vec<f64>,
    guided: bool,
}

impl RowBench {
    /// `batch` sequences, each at its own place in a pyramid: state and goal known, chunks noisier the later they
    /// are. Every token is visible, so that both sides compute the same ones.
    ///
    /// # Errors
    /// [`Failure`] when the checkpoint's denoiser cannot be made.
    pub fn new(
        checkpoint: Checkpoint,
        device: &burn::tensor::Device,
        threads: Option<usize>,
        batch: usize,
        guided: bool,
    ) -> Result<Self, Failure> {
        let manifest = checkpoint.manifest.clone();
        let (layout, schedule) = (manifest.layout.clone(), manifest.model.noise()?);
        let denoiser = checkpoint.denoiser(device, threads)?;
        let (tokens, width) = (layout.tokens(layout.chunks), layout.width());
        let mut x_btd = vec![0.0; batch * tokens * width];
        random::fill_normal(&mut random::stream(0, &[batch as u64]), &mut x_btd);
        for (i, value) in x_btd.iter_mut().enumerate() {
            let token = i / width % tokens;
            *value *= f64::from(u8::from(layout.exists(token, i % width)));
        }
        let level = |b: usize, token: usize| match token {
            STATE | GOAL => KNOWN_LEVEL,
            _ => {
                let level = (FIRST_LEVEL + b % 4 + token - FIRST_CHUNK).min(SAMPLING_LEVELS);
                schedule.training_level(level, SAMPLING_LEVELS) as u16
            }
        };
        let level_bt: Vec<u16> = (0..batch * tokens).map(|i| level(i / tokens, i % tokens)).collect();
        let level_btp = level_bt.iter().flat_map(|&k| std::iter::repeat_n(k, layout.parts())).collect();
        let to_x0 = |&k: &u16| manifest.model.target.to_x0(schedule.abar(usize::from(k)));
        let (on_x, on_output): (Vec<f64>, Vec<f64>) = level_bt.iter().map(to_x0).unzip();
        let (task, place) = task(&manifest, &layout);
        let (chunks_b, goal_b) = (vec![layout.chunks; batch], vec![true; batch]);
        let wire = json!({ "do": "row", "guided": guided, "tokens": tokens, "x_btd": x_btd, "level_bt": level_bt,
            "chunks_b": chunks_b, "goal_b": goal_b, "on_x_bt": on_x, "on_output_bt": on_output, "objective": place });
        let (x0_btd, pulled_btd) = (vec![0.0; x_btd.len()], vec![0.0; x_btd.len()]);
        Ok(Self {
            denoiser,
            task,
            layout,
            normalizer: manifest.normalizer,
            wire,
            batch,
            tokens,
            x_btd,
            level_btp,
            chunks_b,
            goal_b,
            x0_btd,
            pulled_btd,
            guided,
        })
    }

    /// The same input as a request to the PyTorch process.
    pub fn request(&self) -> Value {
        self.wire.clone()
    }

    /// Milliseconds of so many rows, after one that is not timed: one behind the other on the denoiser's own threads,
    /// as the planner walks them. Handing each row over to threads that have gone to sleep takes as long as a short row.
    ///
    /// # Errors
    /// Those of the denoiser.
    pub fn time(&mut self, repeats: usize) -> Result<f64, Failure> {
        let pool = self.denoiser.pool();
        let mut work = || {
            self.run()?;
            let began = Instant::now();
            (0..repeats).try_for_each(|_| self.run())?;
            Ok(1e3 * began.elapsed().as_secs_f64())
        };
        match pool {
            Some(pool) => pool.install(work),
            None => work(),
        }
    }

    /// Largest relative difference between our numbers and the PyTorch process's.
    ///
    /// # Errors
    /// Those of the denoiser, and an answer that does not fit.
    pub fn compare(&mut self, answer: &Value) -> Result<f64, Failure> {
        self.run()?;
        let estimate = agreement::difference("x0", &self.x0_btd, &answer["x0"])?;
        if !self.guided {
            return Ok(estimate);
        }
        Ok(estimate.max(agreement::difference("pulled", &self.pulled_btd, &answer["pulled"])?))
    }

    /// Tokens of each sequence that are computed.
    pub fn lengths(&self) -> Vec<usize> {
        vec![self.tokens; self.batch]
    }

    fn run(&mut self) -> Result<(), Failure> {
        let batch = NoisyBatch {
            batch: self.batch,
            tokens: self.tokens,
            x_btd: &self.x_btd,
            level_btp: &self.level_btp,
            chunks_b: &self.chunks_b,
            goal_b: &self.goal_b,
        };
        if !self.guided {
            return Ok(self.denoiser.denoise(&batch, &mut self.x0_btd)?);
        }
        // As the planner has them: one of each sequence's own.
        let objective = |_| TaskObjective::new(&self.task, &self.layout, &self.normalizer, 0.0);
        let objectives: Vec<_> = (0..self.batch).map(objective).collect();
        let chunks_b = &self.chunks_b;
        let cotangent = |b: usize, x0_td: &[f64], gradient_td: &mut [f64]| {
            objectives[b].value_and_gradient(x0_td, chunks_b[b], gradient_td);
        };
        Ok(self.denoiser.denoise_vjp(&batch, &mut self.x0_btd, &cotangent, &mut self.pulled_btd)?)
    }
}

/// A goal half a deviation away from the middle of the data, and the same for the PyTorch process.
fn task(manifest: &Manifest, layout: &TokenLayout) -> (GoalTask, Value) {
    let normalizer = &manifest.normalizer.observation;
    let pick = |values: &[f64]| -> Vec<f64> {
        layout.condition.iter().filter_map(|&i| values.get(i).copied()).collect()
    };
    let (shift, scale) = (pick(normalizer.shift()), pick(normalizer.scale()));
    let goal: Vec<f64> = shift.iter().zip(&scale).map(|(shift, scale)| shift + 0.5 * scale).collect();
    // Any width will do where times are measured.
    let radius = 0.5;
    let place = json!({ "goal": goal, "shift": shift, "scale": scale, "radius": radius,
        "frames": layout.frames_per_token, "frame": layout.frame(), "offset": layout.observation_at(0),
        "indices": layout.condition });
    (GoalTask::new(&layout.condition, &goal, radius).with_width(radius), place)
}
