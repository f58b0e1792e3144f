//! A checkpoint's test vector: one small batch and what its network answers, by which a port is verified.

use std::path::Path;

use burn::tensor::Device;
use serde::{Deserialize, Serialize};

use super::Checkpoint;
use crate::denoiser::NoisyBatch;
use crate::layout::FIRST_CHUNK;
use crate::{Denoiser, PlannerError, TokenLayout, random};

/// Chunks of the vector's sequences: enough for every kind of token, few enough to read.
const CHUNKS: usize = 3;
/// Names its draws.
const SEED: u64 = 1;

/// One sequence with a goal and one without, at levels from clean to noisy, and their clean estimates. Arrays are flat
/// and row-major, `[2, tokens, width]` and `[2, tokens, parts]`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TestVector {
    /// Tokens of a sequence: state, goal, chunks.
    pub tokens: usize,
    /// Noisy tokens, normalised units.
    pub x: Vec<f32>,
    /// Training level of each part of each token.
    pub level: Vec<u16>,
    /// Visible chunks of each sequence.
    pub chunks: Vec<usize>,
    /// Whether each sequence's goal token is visible.
    pub goal: Vec<bool>,
    /// Clean estimate of every token: what the network's answer means at its level. Tokens that are not visible are
    /// zero.
    pub x0: Vec<f32>,
}

impl TestVector {
    /// The vector of a checkpoint, computed on one thread of the CPU or on any other device.
    pub(super) fn of(checkpoint: Checkpoint, device: &Device) -> Result<Self, PlannerError> {
        let layout = checkpoint.manifest.layout.clone();
        let levels = checkpoint.manifest.model.levels;
        let chunks = CHUNKS.min(layout.chunks);
        let (tokens, width) = (layout.tokens(chunks), layout.width());
        let mut x = vec![0.0; 2 * tokens * width];
        random::fill_normal(&mut random::stream(SEED, &[]), &mut x);
        for (i, value) in x.iter_mut().enumerate() {
            *value =
                if layout.exists(i / width % tokens, i % width) { f64::from(*value as f32) } else { 0.0 };
        }
        // From nearly clean to nearly noise, another way in each sequence.
        let all = 2 * tokens * layout.parts();
        let level = |i: usize| (levels * (1 + (7 * i) % all) / (all + 1)).max(1) as u16;
        let mut vector = Self {
            tokens,
            x: x.iter().map(|value| *value as f32).collect(),
            // The state and the goal have one level each.
            level: (0..all)
                .map(|i| {
                    let token = i / layout.parts();
                    let known = token % tokens < FIRST_CHUNK;
                    level(if known { token * layout.parts() } else { i })
                })
                .collect(),
            chunks: vec![chunks, chunks.div_ceil(2)],
            goal: vec![layout.has_condition(), false],
            x0: vec![0.0; 2 * tokens * width],
        };
        vector.x0 = vector.answer(checkpoint.denoiser(device, Some(1))?.as_mut())?;
        Ok(vector)
    }

    /// What a denoiser answers.
    fn answer(&self, denoiser: &mut dyn Denoiser) -> Result<Vec<f32>, PlannerError> {
        let x: Vec<f64> = self.x.iter().map(|value| f64::from(*value)).collect();
        let mut x0 = vec![0.0; x.len()];
        let batch = NoisyBatch {
            batch: self.chunks.len(),
            tokens: self.tokens,
            x_btd: &x,
            level_btp: &self.level,
            chunks_b: &self.chunks,
            goal_b: &self.goal,
        };
        denoiser.denoise(&batch, &mut x0)?;
        let width = denoiser.layout().width();
        for (i, token_d) in x0.chunks_exact_mut(width).enumerate() {
            let (sequence, token) = (i / self.tokens, i % self.tokens);
            let planned = (FIRST_CHUNK..FIRST_CHUNK + self.chunks[sequence]).contains(&token);
            if !planned {
                token_d.fill(0.0);
            }
        }
        Ok(x0.iter().map(|value| *value as f32).collect())
    }

    /// Largest difference between the vector and a checkpoint's answer.
    pub(super) fn difference(
        &self,
        file: &Path,
        checkpoint: Checkpoint,
        device: &Device,
        threads: Option<usize>,
    ) -> Result<f64, PlannerError> {
        self.check(file, &checkpoint.manifest.layout, checkpoint.manifest.model.levels)?;
        let answer = self.answer(checkpoint.denoiser(device, threads)?.as_mut())?;
        let differences = answer.iter().zip(&self.x0).map(|(one, other)| f64::from((one - other).abs()));
        Ok(differences
            .fold(0.0, |largest: f64, one| if one.is_nan() { f64::INFINITY } else { largest.max(one) }))
    }

    fn check(&self, file: &Path, layout: &TokenLayout, levels: usize) -> Result<(), PlannerError> {
        let batch = self.chunks.len();
        let tokens = batch.checked_mul(self.tokens);
        let entries = tokens.and_then(|tokens| tokens.checked_mul(layout.width()));
        let planned = self.tokens.checked_sub(FIRST_CHUNK);
        let fits = batch == self.goal.len()
            && Some(self.level.len()) == tokens.and_then(|tokens| tokens.checked_mul(layout.parts()))
            && Some(self.x.len()) == entries
            && Some(self.x0.len()) == entries
            && planned.is_some_and(|planned| self.chunks.iter().all(|&chunks| chunks <= planned))
            && self.tokens <= layout.tokens(layout.chunks)
            && self.level.iter().all(|level| usize::from(*level) <= levels)
            && self.x.iter().chain(&self.x0).all(|value| value.is_finite());
        let problem =
            || "does not fit the checkpoint's layout: restore it, or export the checkpoint again".into();
        if fits {
            Ok(())
        } else {
            Err(PlannerError::Checkpoint { path: file.to_owned(), problem: problem() })
        }
    }

    pub(super) fn render(&self, target: &Path) -> Result<Vec<u8>, PlannerError> {
        let mut json = serde_json::to_vec(self).map_err(|error| PlannerError::Checkpoint {
            path: target.to_owned(),
            problem: format!("its test vector cannot be written: {error}"),
        })?;
        json.push(b'\n');
        Ok(json)
    }

    pub(super) fn parse(file: &Path, bytes: &[u8]) -> Result<Self, PlannerError> {
        serde_json::from_slice(bytes).map_err(|error| PlannerError::Checkpoint {
            path: file.to_owned(),
            problem: format!("is no test vector ({error}): restore it, or export the checkpoint again"),
        })
    }
}
