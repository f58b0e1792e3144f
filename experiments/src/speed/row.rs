//! One denoising row on our side: a call of the denoiser, as the planner makes it.

use std::time::Instant;

use forethought_envs::GoalTask;
use forethought_envs::data::DatasetNormalizer;
use forethought_planner::checkpoint::{Checkpoint, Manifest};
use forethought_planner::guidance::{Objective, TaskObjective};
use forethought_planner::{
    Denoiser, FIRST_CHUNK, GOAL, NoisyBatch, Preconditioning, PreparedBatch, STATE, TokenLayout, random,
};
use serde_json::{Value, json};

use super::agreement;
use crate::failure::Failure;

/// Training level at which known tokens are shown.
const KNOWN_LEVEL: u16 = 10;
/// Sampling levels of the pyramid that a row is taken from, and the one its first chunk has there.
const SAMPLING_LEVELS: usize = 20;
const FIRST_LEVEL: usize = 6;

/// A row and buffers for its answer.
pub struct RowBench {
    denoiser: Box<dyn Denoiser>,
    preconditioning: Preconditioning,
    asked: Asked,
    x0_btd: Vec<f64>,
    pulled_btd: Vec<f64>,
    guided: bool,
}

/// A batch in the middle of a plan, and what it is guided by.
struct Asked {
    task: GoalTask,
    layout: TokenLayout,
    normalizer: DatasetNormalizer,
    tokens: usize,
    x_btd: Vec<f64>,
    level_btp: Vec<u16>,
    chunks_b: Vec<usize>,
    goal_b: Vec<bool>,
}

impl Asked {
    fn view(&self) -> NoisyBatch<'_> {
        NoisyBatch {
            batch: self.chunks_b.len(),
            tokens: self.tokens,
            x_btd: &self.x_btd,
            level_btp: &self.level_btp,
            chunks_b: &self.chunks_b,
            goal_b: &self.goal_b,
        }
    }

    /// Gradient of the objective, as the planner has it: one of each sequence's own.
    fn cotangent(&self) -> impl Fn(usize, &[f64], &mut [f64]) + Sync + '_ {
        let objective = |_| TaskObjective::new(&self.task, &self.layout, &self.normalizer, 0.0);
        let objectives: Vec<_> = self.chunks_b.iter().map(objective).collect();
        move |b, x0_td, gradient_td| {
            objectives[b].value_and_gradient(x0_td, self.chunks_b[b], gradient_td);
        }
    }
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
        let level = |i: usize| level(i / layout.parts() / tokens, i / layout.parts() % tokens);
        let level_btp: Vec<u16> = (0..batch * tokens * layout.parts()).map(level).collect();
        let preconditioning = manifest.model.preconditioning(&layout, manifest.dynamics.as_ref())?;
        let (chunks_b, goal_b) = (vec![layout.chunks; batch], vec![true; batch]);
        let (x0_btd, pulled_btd) = (vec![0.0; x_btd.len()], vec![0.0; x_btd.len()]);
        let (task, normalizer) = (task(&manifest, &layout), manifest.normalizer);
        let asked = Asked { task, layout, normalizer, tokens, x_btd, level_btp, chunks_b, goal_b };
        Ok(Self { denoiser, preconditioning, asked, x0_btd, pulled_btd, guided })
    }

    /// What the network is shown and told, as a request to the PyTorch process: it computes the network itself, and with
    /// guidance the gradient at its input, given the one at its answers. What surrounds the network counts on our side
    /// alone.
    ///
    /// # Errors
    /// Those of the denoiser.
    pub fn request(&mut self) -> Result<Value, Failure> {
        self.run()?;
        let prepared = PreparedBatch::new(&self.preconditioning, self.asked.view())?;
        let d_answer_btd = match self.guided {
            false => Vec::new(),
            true => {
                let mut around = vec![0.0; self.x0_btd.len()];
                prepared.pull_answers(&self.x0_btd, &self.asked.cotangent(), &mut around)?
            }
        };
        let asked = &self.asked;
        Ok(
            json!({ "do": "row", "guided": self.guided, "tokens": asked.tokens, "input_bti": prepared.input_bti(),
            "level_btl": prepared.told_btl(), "chunks_b": asked.chunks_b, "goal_b": asked.goal_b,
            "d_answer_btd": d_answer_btd }),
        )
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

    /// Largest relative difference between our numbers and those that the PyTorch process's answers make.
    ///
    /// # Errors
    /// Those of the denoiser, and an answer that does not fit.
    pub fn compare(&mut self, answer: &Value) -> Result<f64, Failure> {
        self.run()?;
        let prepared = PreparedBatch::new(&self.preconditioning, self.asked.view())?;
        let mut theirs = vec![0.0; self.x0_btd.len()];
        prepared.estimates(&agreement::numbers("answer", &answer["answer"])?, &mut theirs)?;
        let estimate = agreement::difference("x0", &self.x0_btd, &json!(theirs))?;
        if !self.guided {
            return Ok(estimate);
        }
        prepared.pull_answers(&self.x0_btd, &self.asked.cotangent(), &mut theirs)?;
        prepared.pull_input(&agreement::numbers("d_input", &answer["d_input"])?, &mut theirs)?;
        Ok(estimate.max(agreement::difference("pulled", &self.pulled_btd, &json!(theirs))?))
    }

    /// Tokens of each sequence that are computed.
    pub fn lengths(&self) -> Vec<usize> {
        vec![self.asked.tokens; self.asked.chunks_b.len()]
    }

    fn run(&mut self) -> Result<(), Failure> {
        let Self { denoiser, asked, x0_btd, pulled_btd, guided, .. } = self;
        let done = match guided {
            false => denoiser.denoise(&asked.view(), x0_btd),
            true => denoiser.denoise_vjp(&asked.view(), x0_btd, &asked.cotangent(), pulled_btd),
        };
        Ok(done?)
    }
}

/// A goal half a deviation away from the middle of the data.
fn task(manifest: &Manifest, layout: &TokenLayout) -> GoalTask {
    let normalizer = &manifest.normalizer.observation;
    let pick = |values: &[f64], i: usize| values.get(i).copied().unwrap_or_default();
    let middle = |&i: &usize| pick(normalizer.shift(), i) + 0.5 * pick(normalizer.scale(), i);
    let goal: Vec<f64> = layout.condition.iter().map(middle).collect();
    // Any width will do where times are measured.
    let radius = 0.5;
    GoalTask::new(&layout.condition, &goal, radius).with_width(radius)
}
