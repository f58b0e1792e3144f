//! How a trajectory becomes tokens.
//!
//! A sequence is `[state, goal, chunk_1, ..., chunk_C]`. A chunk holds `f` frames, each
//! `[action, next observation, reward?]`, in normalised units. The state token is the present: it uses
//! the slots of a chunk's last observation, so that "where a token ends" has one place in every token.
//! The goal token uses those of them that the goal speaks of. The remaining slots of these two tokens do
//! not exist: they are zero, never noised, and never weigh in the loss.

use forethought_envs::{EnvSpec, FeatureRole};
use serde::{Deserialize, Serialize};

use crate::PlannerError;

/// Index of the token that holds the present observation.
pub const STATE: usize = 0;
/// Index of the token that holds where the plan is to end.
pub const GOAL: usize = 1;
/// Index of the first token that is planned.
pub const FIRST_CHUNK: usize = 2;

/// Sizes of a token and of a sequence.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenLayout {
    /// Entries of an observation.
    pub observation: usize,
    /// Entries of an action.
    pub action: usize,
    /// Whether each frame carries its reward.
    pub reward: bool,
    /// Frames (environment steps) in one chunk, `f`.
    pub frames_per_token: usize,
    /// Chunks in the longest sequence, `C`.
    pub chunks: usize,
    /// Observation entries that goals speak of.
    pub condition: Vec<usize>,
}

impl TokenLayout {
    /// Layout for an environment.
    ///
    /// # Errors
    /// [`PlannerError::Setting`] for zero frames per token or zero chunks, and for a feature that is not planned.
    pub fn new(
        spec: &EnvSpec,
        frames_per_token: usize,
        chunks: usize,
        reward: bool,
    ) -> Result<Self, PlannerError> {
        for (name, value) in [("model.frames_per_token", frames_per_token), ("model.chunks", chunks)] {
            if value == 0 || value > 4096 {
                return Err(PlannerError::Setting {
                    name,
                    value: value.to_string(),
                    remedy: "between 1 and 4096 are accepted".into(),
                });
            }
        }
        if let Some(context) = spec.features.iter().find(|feature| feature.role == FeatureRole::Context) {
            return Err(PlannerError::Setting {
                name: "features",
                value: format!("`{}` with role `context`", context.name),
                remedy: "every feature is part of the plan in this version: give it the role `planned`, or leave it out \
                         of the data"
                    .into(),
            });
        }
        Ok(Self {
            observation: spec.observation.len(),
            action: spec.action.len(),
            reward,
            frames_per_token,
            chunks,
            condition: spec.condition.clone(),
        })
    }

    /// Entries of one frame.
    pub fn frame(&self) -> usize {
        self.action + self.observation + usize::from(self.reward)
    }

    /// Entries of one token, `D`.
    pub fn width(&self) -> usize {
        self.frame() * self.frames_per_token
    }

    /// Tokens of a sequence with `chunks` chunks, `T`.
    pub fn tokens(&self, chunks: usize) -> usize {
        FIRST_CHUNK + chunks
    }

    /// Offset of frame `i`'s action in a token.
    pub fn action_at(&self, i: usize) -> usize {
        i * self.frame()
    }

    /// Offset of frame `i`'s observation in a token.
    pub fn observation_at(&self, i: usize) -> usize {
        i * self.frame() + self.action
    }

    /// Offset of frame `i`'s reward in a token, where there is one.
    pub fn reward_at(&self, i: usize) -> Option<usize> {
        self.reward.then(|| i * self.frame() + self.action + self.observation)
    }

    /// Offset of the observation with which a token ends.
    pub fn last_observation(&self) -> usize {
        self.observation_at(self.frames_per_token - 1)
    }

    /// Whether slot `d` of token `t` exists.
    pub fn exists(&self, t: usize, d: usize) -> bool {
        let last = self.last_observation();
        match t {
            STATE => (last..last + self.observation).contains(&d),
            GOAL => d >= last && self.condition.contains(&(d - last)),
            _ => true,
        }
    }

    /// Writes a normalised observation into a state token of `width` zeros.
    pub fn write_state(&self, observation: &[f64], token: &mut [f64]) {
        let last = self.last_observation();
        token[last..last + self.observation].copy_from_slice(observation);
    }

    /// Writes a goal, in normalised units and the order of `condition`, into a goal token.
    pub fn write_goal(&self, goal: &[f64], token: &mut [f64]) {
        let last = self.last_observation();
        for (&index, &value) in self.condition.iter().zip(goal) {
            token[last + index] = value;
        }
    }
}
