//! Training batches: windows of data, noised to independent levels.

use std::sync::Arc;

use forethought_envs::data::{Dataset, DatasetNormalizer, RewardConvention, Trajectory, Window, WindowIndex};
use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};

use super::data::{least_rows, window_rows};
use crate::layout::{FIRST_CHUNK, GOAL, STATE};
use crate::noise::NoiseSchedule;
use crate::{ModelConfig, PlannerError, TokenLayout, TrainBatch, TrainConfig, random};

/// Names the stream of data order and noise apart from that of the weights.
const DATA_STREAM: u64 = 1;
/// Names the stream of the batch that held-out data are measured with.
const VALIDATION_STREAM: u64 = 3;

/// Numbers of a batch at most: 4 GiB for each of its three arrays.
const MOST_NUMBERS: usize = 1 << 30;

/// Makes the batch of any step, from the step's number alone.
pub struct BatchMaker {
    rows: Arc<Rows>,
    windows: WindowIndex,
    layout: TokenLayout,
    schedule: NoiseSchedule,
    model: ModelConfig,
    train: TrainConfig,
}

/// The data as the network sees them.
struct Rows {
    observations: Vec<f32>,
    actions: Vec<f32>,
    /// Reward of the step from each row to the next.
    rewards: Vec<f32>,
}

impl BatchMaker {
    /// Batches from all of `dataset`, whose observations must follow one another (see
    /// [`Dataset::repair_stale_observations`]), scaled by `normalizer`.
    ///
    /// A trajectory shorter than a sequence makes sequences with fewer chunks; their missing chunks are as invisible
    /// as those past a random end.
    ///
    /// # Errors
    /// [`PlannerError::Env`] when no trajectory holds a single chunk, or the data do not fit the layout;
    /// [`PlannerError::Setting`] when rewards are to be planned and the data record none.
    pub fn new(
        dataset: &Dataset,
        normalizer: &DatasetNormalizer,
        layout: &TokenLayout,
        model: &ModelConfig,
        train: &TrainConfig,
    ) -> Result<Self, PlannerError> {
        let trajectories = dataset.trajectories(true);
        Self::over(dataset, &trajectories, normalizer, layout, model, train)
    }

    /// As [`Self::new`], from some of the trajectories of `dataset`.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub fn over(
        dataset: &Dataset,
        trajectories: &[Trajectory],
        normalizer: &DatasetNormalizer,
        layout: &TokenLayout,
        model: &ModelConfig,
        train: &TrainConfig,
    ) -> Result<Self, PlannerError> {
        dataset.check()?;
        crate::error::check_len("data observation", layout.observation, dataset.observation_dim)?;
        crate::error::check_len("data action", layout.action, dataset.action_dim)?;
        if layout.reward && dataset.metadata.rewards == RewardConvention::Missing {
            return Err(PlannerError::Setting {
                name: "model.reward",
                value: "true".into(),
                remedy: "the data record no rewards: set it to false, or add `rewards` to the data".into(),
            });
        }
        let numbers = [train.batch, layout.tokens(layout.chunks), layout.width()];
        let numbers = numbers.iter().try_fold(1usize, |product, n| product.checked_mul(*n));
        if numbers.is_none_or(|numbers| numbers > MOST_NUMBERS) {
            return Err(PlannerError::Setting {
                name: "train.batch",
                value: train.batch.to_string(),
                remedy: format!(
                    "with {} tokens of {} numbers that is more than fits: give fewer, or a smaller model",
                    layout.tokens(layout.chunks),
                    layout.width()
                ),
            });
        }
        let windows = windows(dataset, trajectories, layout)?;
        let (mut observations, mut actions) = (dataset.observations.clone(), dataset.actions.clone());
        normalizer.observation.normalize_f32(&mut observations)?;
        normalizer.action.normalize_f32(&mut actions)?;
        let rewards = (0..dataset.len()).map(|row| dataset.step_reward(row).unwrap_or(0.0)).collect();
        Ok(Self {
            rows: Arc::new(Rows { observations, actions, rewards }),
            windows,
            layout: layout.clone(),
            schedule: model.noise()?,
            model: model.clone(),
            train: train.clone(),
        })
    }

    /// Batches from other trajectories of the same data.
    ///
    /// # Errors
    /// [`PlannerError::Env`] when none of them holds a single chunk.
    pub fn with_trajectories(
        &self,
        dataset: &Dataset,
        trajectories: &[Trajectory],
    ) -> Result<Self, PlannerError> {
        Ok(Self {
            rows: Arc::clone(&self.rows),
            windows: windows(dataset, trajectories, &self.layout)?,
            layout: self.layout.clone(),
            schedule: self.model.noise()?,
            model: self.model.clone(),
            train: self.train.clone(),
        })
    }

    /// The windows that sequences are cut from.
    pub fn windows(&self) -> &WindowIndex {
        &self.windows
    }

    /// Tokens per sequence.
    pub fn tokens(&self) -> usize {
        self.layout.tokens(self.layout.chunks)
    }

    /// The batch of step `step`.
    pub fn batch(&self, step: u64) -> TrainBatch {
        self.draw(DATA_STREAM, step)
    }

    /// A batch that belongs to no step: what held-out data are measured with, always the same.
    pub fn validation_batch(&self) -> TrainBatch {
        self.draw(VALIDATION_STREAM, 0)
    }

    fn draw(&self, stream: u64, step: u64) -> TrainBatch {
        let (b, t, d) = (self.train.batch, self.tokens(), self.layout.width());
        let mut batch = TrainBatch {
            x_btd: vec![0.0; b * t * d],
            target_btd: vec![0.0; b * t * d],
            weight_btd: vec![0.0; b * t * d],
            level_bt: vec![0; b * t],
            chunks_b: vec![0; b],
            goal_b: vec![false; b],
        };
        let mut existing = 0usize;
        for sequence in 0..b {
            let mut rng = random::stream(self.train.seed, &[stream, step, sequence as u64]);
            existing += self.sequence(&mut rng, sequence, &mut batch);
        }
        let scale = 1.0 / existing.max(1) as f32;
        batch.weight_btd.iter_mut().for_each(|weight| *weight *= scale);
        batch
    }

    /// Fills one sequence; returns the number of slots that weigh in.
    fn sequence(&self, rng: &mut ChaCha8Rng, sequence: usize, batch: &mut TrainBatch) -> usize {
        let (layout, t, d) = (&self.layout, self.tokens(), self.layout.width());
        let chunks = if self.train.random_ends { rng.random_range(1..=layout.chunks) } else { layout.chunks };
        let goal = !layout.condition.is_empty() && !rng.random_bool(self.train.condition_dropout);
        let window = self.windows.sample(rng);
        let (start, chunks) = (window.start, self.chunks_in(window, chunks));
        (batch.chunks_b[sequence], batch.goal_b[sequence]) = (chunks, goal);
        let levels = &mut batch.level_bt[sequence * t..(sequence + 1) * t];
        for level in levels.iter_mut() {
            *level = rng.random_range(1..=self.model.levels) as u16;
        }
        let known = ((self.model.levels as f64 * self.train.known_level).round() as usize).max(1);
        if rng.random_bool(self.train.pyramids) {
            pyramid_row(rng, self.model.levels, known, &mut levels[FIRST_CHUNK..FIRST_CHUNK + chunks]);
        }
        for (token, probability) in [(STATE, 1.0 - self.train.context_dropout), (GOAL, self.train.known_goal)]
        {
            if rng.random_bool(probability) {
                levels[token] = rng.random_range(1..=known) as u16;
            }
        }
        let mut weight_t = vec![0.0; t];
        self.train.weight.weights(
            &self.schedule,
            self.model.target,
            levels,
            layout.frames_per_token,
            &mut weight_t,
        );
        let mut existing = 0;
        for token in 0..t {
            let visible = if token == GOAL { goal } else { token < FIRST_CHUNK + chunks };
            if !visible {
                continue;
            }
            let at = (sequence * t + token) * d;
            self.clean(token, start, chunks, &mut batch.target_btd[at..at + d]);
            let abar = self.schedule.abar(usize::from(levels[token]));
            let (signal, noise) = (abar.sqrt() as f32, (1.0 - abar).sqrt() as f32);
            let (on_x0, on_noise) = self.model.target.mixture(abar);
            for i in (0..d).filter(|&i| layout.exists(token, i)) {
                let z: f64 = StandardNormal.sample(rng);
                let (x0, e) = (batch.target_btd[at + i], z as f32);
                batch.x_btd[at + i] = signal * x0 + noise * e;
                batch.target_btd[at + i] = on_x0 as f32 * x0 + on_noise as f32 * e;
                batch.weight_btd[at + i] = weight_t[token] as f32;
                existing += 1;
            }
        }
        existing
    }

    /// Chunks of a sequence in `window`, of `drawn` in a full one: a padded window has as many as exist, or the same
    /// share of them.
    fn chunks_in(&self, window: Window, drawn: usize) -> usize {
        let most = self.layout.chunks;
        let exist = (window.valid.saturating_sub(1) / self.layout.frames_per_token).clamp(1, most);
        1 + (drawn - 1) * exist / most
    }

    /// Writes the clean token `token` of the window that starts at row `start`.
    fn clean(&self, token: usize, start: usize, chunks: usize, out: &mut [f32]) {
        let layout = &self.layout;
        let (o, a, f) = (layout.observation, layout.action, layout.frames_per_token);
        let last = layout.last_observation();
        match token {
            STATE => out[last..last + o].copy_from_slice(&self.rows.observations[start * o..(start + 1) * o]),
            GOAL => {
                // Hindsight: the sequence is told where it ends.
                let row = start + chunks * f;
                for &index in &layout.condition {
                    out[last + index] = self.rows.observations[row * o + index];
                }
            }
            _ => {
                for frame in 0..f {
                    let row = start + (token - FIRST_CHUNK) * f + frame;
                    let (action, observation) = (layout.action_at(frame), layout.observation_at(frame));
                    out[action..action + a].copy_from_slice(&self.rows.actions[row * a..(row + 1) * a]);
                    out[observation..observation + o]
                        .copy_from_slice(&self.rows.observations[(row + 1) * o..(row + 2) * o]);
                    if let Some(reward) = layout.reward_at(frame) {
                        out[reward] = self.rows.rewards[row];
                    }
                }
            }
        }
    }
}

fn windows(
    dataset: &Dataset,
    trajectories: &[Trajectory],
    layout: &TokenLayout,
) -> Result<WindowIndex, PlannerError> {
    let least = Some(least_rows(layout));
    Ok(WindowIndex::over(dataset, trajectories, window_rows(layout), least)?)
}

/// Steepest pyramid drawn: how much noisier each chunk is than the one before, as a share of pure noise.
const STEEPEST: f64 = 0.15;

/// Draws levels as a row of sampling holds them: the chunks of a pyramid, seen at a random moment.
///
/// Where all levels are drawn independently, a sequence of twenty chunks is all noise once in an age; but that is
/// the row with which every plan begins, and the one that decides which way round a wall it goes.
fn pyramid_row(rng: &mut ChaCha8Rng, levels: usize, known: usize, chunks: &mut [u16]) {
    let slope = if rng.random_bool(0.5) { 0.0 } else { rng.random_range(0.0..STEEPEST) };
    let first = rng.random_range(-slope * chunks.len() as f64..1.0);
    for (t, level) in chunks.iter_mut().enumerate() {
        let share = first + slope * (t + 1) as f64;
        *level = if share <= 0.0 {
            rng.random_range(1..=known) as u16
        } else {
            ((share.min(1.0) * levels as f64).ceil() as usize).clamp(1, levels) as u16
        };
    }
}
