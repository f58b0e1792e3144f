//! What would happen: draws of what decisions lead to.

use std::ops::Range;

use forethought_envs::data::DatasetNormalizer;

use super::DiffusionPlanner;
use super::roles::Seen;
use crate::error::{check_finite, check_len};
use crate::layout::{FIRST_CHUNK, STATE};
use crate::{PlannerError, Role, TokenLayout, random};

/// Numbers of the sequences that are drawn together.
pub(super) const NUMBERS_TOGETHER: usize = 1 << 20;
/// Most samples of one question.
const MOST_SAMPLES: usize = 1 << 16;

/// Decisions whose outcomes are asked for.
#[derive(Clone, Copy, Debug)]
pub struct Decisions<'a> {
    /// Present observation, environment units.
    pub observation: &'a [f64],
    /// Actions from the present on, `[n, action]`, environment units.
    pub actions: &'a [f64],
    /// Draws of what they lead to.
    pub samples: usize,
    /// Imagined chunks that are shown before the one in question, as far as the longest plan leaves room; with 0 each chunk
    /// follows from where the one before ended, and nothing else.
    pub history: usize,
    /// Seed of the draws.
    pub seed: u64,
}

/// Draws of what decisions lead to, environment units.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Outcomes {
    /// Observations after each action, `[samples, n, observation]`.
    pub observations: Vec<f64>,
    /// Reward of each step, `[samples, n]`; empty where tokens carry none.
    pub rewards: Vec<f64>,
}

impl DiffusionPlanner {
    /// World model: draws of what decisions lead to, chunk after chunk and block by block. No goal is shown and nothing
    /// guided. Actions that fill no whole block are followed by the last one
    /// again; what comes of that is left out.
    ///
    /// # Errors
    /// [`PlannerError::Setting`] for checkpoints that tell no decisions from outcomes and for more than 65536 samples,
    /// [`PlannerError::Length`] and [`PlannerError::NonFinite`] for malformed decisions, and those of the model.
    pub fn imagine(&mut self, decisions: &Decisions<'_>) -> Result<Outcomes, PlannerError> {
        let asked = Question::new(decisions, self.layout(), &self.normalizer, self.config.sampler.steps)?;
        let (width, last) = (asked.layout.width(), asked.chunks().saturating_sub(1));
        let mut all = Outcomes::default();
        for draws in pieces(decisions.samples, asked.tokens(last).saturating_mul(width)) {
            let drawn = self.draw(&asked, draws, &mut |_, _| true)?;
            for chunks in drawn.chunks_exact(asked.numbers().max(1)) {
                asked.read(asked.n, chunks, &mut all.observations, &mut all.rewards);
            }
        }
        self.normalizer.observation.denormalize(&mut all.observations)?;
        Ok(all)
    }

    /// The draws of these numbers: all chunks of each, normalised, `[draws, chunks, width]`. `seen` is shown the tokens
    /// before each row of each block of each chunk; where it stops one, the rest stays as it is, and means nothing.
    pub(super) fn draw(
        &mut self,
        asked: &Question,
        draws: Range<usize>,
        seen: &mut Seen<'_>,
    ) -> Result<Vec<f64>, PlannerError> {
        let (size, width) = (asked.numbers(), asked.layout.width());
        let mut imagined = vec![0.0; draws.len() * size];
        for chunk in 0..asked.chunks() {
            let shown = asked.shown(chunk);
            let mut x = self.questions(draws.clone(), shown + 1, asked.chunk_seed(chunk), false);
            for b in 0..draws.len() {
                asked.lay_out(chunk, &imagined[b * size..(b + 1) * size], x.sequence_mut(b).0);
            }
            for block in asked.blocks(chunk) {
                for b in 0..draws.len() {
                    asked.decide(chunk, block, x.sequence_mut(b).0);
                }
                let role = Role::Imagine { chunk: shown, block };
                if !self.ask(role, shown + 1, asked.steps, &mut x, seen)? {
                    return Ok(imagined);
                }
            }
            for b in 0..draws.len() {
                let drawn = &x.sequence_mut(b).0[asked.slots(chunk)];
                imagined[b * size + chunk * width..][..width].copy_from_slice(drawn);
            }
        }
        Ok(imagined)
    }
}

/// Draws `0..samples`, as many at a time as `numbers` each leave room for: what is drawn does not depend on it.
pub(super) fn pieces(samples: usize, numbers: usize) -> impl Iterator<Item = Range<usize>> {
    let together = (NUMBERS_TOGETHER / numbers.max(1)).max(1);
    (0..samples).step_by(together).map(move |first| first..(first + together).min(samples))
}

/// Decisions, read once: how they and what came of them are laid out, chunk by chunk.
pub(super) struct Question {
    pub layout: TokenLayout,
    /// Number of actions.
    pub n: usize,
    /// Present observation, normalised.
    state: Vec<f64>,
    /// Normalised, `[n, action]`.
    actions: Vec<f64>,
    history: usize,
    seed: u64,
    /// Steps in which each block is drawn.
    steps: u16,
}

impl Question {
    /// # Errors
    /// Those of [`DiffusionPlanner::imagine`] but the model's.
    pub fn new(
        decisions: &Decisions<'_>,
        layout: &TokenLayout,
        normalizer: &DatasetNormalizer,
        steps: u16,
    ) -> Result<Self, PlannerError> {
        let Decisions { observation, actions, samples, history, seed } = *decisions;
        if samples > MOST_SAMPLES {
            let (name, value) = ("samples", samples.to_string());
            return Err(PlannerError::Setting { name, value, remedy: format!("at most {MOST_SAMPLES}") });
        }
        Role::Imagine { chunk: 0, block: 0 }.check(layout)?;
        check_len("observation", layout.observation, observation.len())?;
        check_len("actions", actions.len().next_multiple_of(layout.action), actions.len())?;
        check_finite("observation", observation)?;
        check_finite("actions", actions)?;
        let (mut state, mut actions) = (observation.to_vec(), actions.to_vec());
        normalizer.observation.normalize(&mut state)?;
        normalizer.action.normalize(&mut actions)?;
        let n = actions.len() / layout.action;
        Ok(Self { layout: layout.clone(), n, state, actions, history, seed, steps })
    }

    /// Chunks that the actions fill, the last one perhaps in part.
    pub fn chunks(&self) -> usize {
        self.n.div_ceil(self.layout.frames_per_token)
    }

    /// Seed of the draws of a chunk.
    pub fn chunk_seed(&self, chunk: usize) -> u64 {
        random::derive(self.seed, &[chunk as u64])
    }

    /// Numbers of all chunks.
    pub fn numbers(&self) -> usize {
        self.chunks() * self.layout.width()
    }

    /// Chunks that are shown before this one.
    pub fn shown(&self, chunk: usize) -> usize {
        self.history.min(chunk).min(self.layout.chunks.saturating_sub(1))
    }

    /// Tokens of the sequence in which this chunk is asked for.
    pub fn tokens(&self, chunk: usize) -> usize {
        self.layout.tokens(self.shown(chunk) + 1)
    }

    /// Blocks of this chunk that actions reach into.
    pub fn blocks(&self, chunk: usize) -> Range<usize> {
        let f = self.layout.frames_per_token;
        let frames = self.n.saturating_sub(chunk * f).min(f);
        0..frames.checked_sub(1).map_or(0, |last| self.layout.block(last) + 1)
    }

    /// Where this chunk stands in its sequence.
    pub fn slots(&self, chunk: usize) -> Range<usize> {
        let (token, width) = (FIRST_CHUNK + self.shown(chunk), self.layout.width());
        token * width..(token + 1) * width
    }

    /// Where the chunks that are shown before this one stand in its sequence, and where among all chunks.
    pub fn past(&self, chunk: usize) -> (Range<usize>, Range<usize>) {
        let (shown, width) = (self.shown(chunk), self.layout.width());
        let first = FIRST_CHUNK * width;
        (first..first + shown * width, (chunk - shown) * width..chunk * width)
    }

    /// Where the state stands in a sequence, and, where the sequence of this chunk begins at an imagined observation, where
    /// that stands among all chunks.
    pub fn begins(&self, chunk: usize) -> (Range<usize>, Option<Range<usize>>) {
        let (layout, width) = (&self.layout, self.layout.width());
        let of = |token: usize| {
            let at = token * width + layout.last_observation();
            at..at + layout.observation
        };
        (of(STATE), (chunk - self.shown(chunk)).checked_sub(1).map(of))
    }

    /// Actions that a block of this chunk is given: where they stand in its sequence, and which they are. Past the end the
    /// last one goes on.
    pub fn decided(&self, chunk: usize, block: usize) -> impl Iterator<Item = (Range<usize>, Range<usize>)> {
        let (layout, a, first) = (&self.layout, self.layout.action, self.slots(chunk).start);
        layout.frames_of(block).map(move |frame| {
            let at = first + layout.action_at(frame);
            let row = (chunk * layout.frames_per_token + frame).min(self.n.saturating_sub(1));
            (at..at + a, row * a..(row + 1) * a)
        })
    }

    /// Writes what a chunk follows from into its sequence, given the chunks before it.
    pub fn lay_out(&self, chunk: usize, imagined: &[f64], x_td: &mut [f64]) {
        let (state, before) = self.begins(chunk);
        x_td[state].copy_from_slice(before.map_or(&self.state, |before| &imagined[before]));
        let (past, of) = self.past(chunk);
        x_td[past].copy_from_slice(&imagined[of]);
    }

    /// Writes the decisions of a block of a chunk into its sequence.
    pub fn decide(&self, chunk: usize, block: usize, x_td: &mut [f64]) {
        for (at, of) in self.decided(chunk, block) {
            x_td[at].copy_from_slice(&self.actions[of]);
        }
    }

    /// Reads the first `frames` frames off the chunks of a draw, normalised: observations `[frames, observation]` and, where
    /// tokens carry them, rewards `[frames]`.
    pub fn read(&self, frames: usize, chunks: &[f64], observations: &mut Vec<f64>, rewards: &mut Vec<f64>) {
        let (layout, width, f) = (&self.layout, self.layout.width(), self.layout.frames_per_token);
        for row in 0..frames {
            let chunk = &chunks[row / f * width..][..width];
            observations.extend_from_slice(&chunk[layout.observation_at(row % f)..][..layout.observation]);
            rewards.extend(layout.reward_at(row % f).map(|at| chunk[at]));
        }
    }
}
