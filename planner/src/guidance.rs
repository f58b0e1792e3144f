//! Objectives: differentiable scores of the clean estimate of a plan.
//!
//! Each is a sum over chunks of a *mean over the chunk's frames*. The push on one token then depends neither on the
//! horizon nor on the frames of a token, and a guidance scale keeps its meaning when either changes.

use std::sync::Mutex;

use forethought_envs::data::DatasetNormalizer;
use forethought_envs::{Frames, FramesGradient, Rows, Task};

use crate::TokenLayout;
use crate::layout::{FIRST_CHUNK, STATE};

/// A score `J(x0)` of one sequence, larger is better.
pub trait Objective: Send + Sync {
    /// Returns `J` of the clean estimate `x0_td` (`[tokens, width]`, of which the first `chunks` chunks
    /// count) and writes `dJ/dx0` into `gradient_td`, which holds zeros on entry.
    fn value_and_gradient(&self, x0_td: &[f64], chunks: usize, gradient_td: &mut [f64]) -> f64;
}

/// A task's score of normalised frames `[action, observation, reward?]`, one behind the other; the task sees them in the
/// environment's units, each weighed by one over the frames of a token.
pub(crate) struct FrameScore<'a> {
    task: &'a dyn Task,
    layout: &'a TokenLayout,
    /// Shift and scale of one frame.
    shift: Vec<f64>,
    scale: Vec<f64>,
}

/// Frames in the environment's units and the gradient with respect to them: kept, so that a score allocates nothing.
#[derive(Default)]
pub(crate) struct ScoreRoom {
    values: Vec<f64>,
    slopes: Vec<f64>,
}

impl ScoreRoom {
    /// Room for frames of so many numbers in all.
    pub(crate) fn new(numbers: usize) -> Self {
        Self { values: vec![0.0; numbers], slopes: vec![0.0; numbers] }
    }
}

impl<'a> FrameScore<'a> {
    pub(crate) fn new(
        task: &'a dyn Task,
        layout: &'a TokenLayout,
        normalizer: &DatasetNormalizer,
    ) -> FrameScore<'a> {
        let frame = |of_action: &[f64], of_observation: &[f64], of_reward: f64| {
            let reward = layout.reward.then_some(of_reward);
            of_action.iter().chain(of_observation).copied().chain(reward).collect()
        };
        let (action, observation) = (&normalizer.action, &normalizer.observation);
        Self {
            task,
            layout,
            shift: frame(action.shift(), observation.shift(), 0.0),
            scale: frame(action.scale(), observation.scale(), 1.0),
        }
    }

    /// The task's view of frames in the environment's units, `[frames, frame]`.
    fn frames<'f>(&self, values: &'f [f64]) -> Frames<'f> {
        let (layout, stride) = (self.layout, self.layout.frame());
        let rewards = layout.reward_at(0).map(|at| Rows::strided(values, at, stride, 1));
        Frames {
            len: values.len().checked_div(stride).unwrap_or(0),
            observations: Rows::strided(values, layout.observation_at(0), stride, layout.observation),
            actions: Rows::strided(values, layout.action_at(0), stride, layout.action),
            rewards: rewards.unwrap_or_default(),
            weight: 1.0 / layout.frames_per_token as f64,
        }
    }

    /// The score, and where it is asked for its gradient with respect to the normalised frames; not a number where the
    /// room is too small.
    pub(crate) fn score(
        &self,
        normalised: &[f64],
        gradient: Option<&mut [f64]>,
        room: &mut ScoreRoom,
    ) -> f64 {
        let (layout, n) = (self.layout, normalised.len());
        let (Some(values), Some(slopes)) = (room.values.get_mut(..n), room.slopes.get_mut(..n)) else {
            return f64::NAN;
        };
        let scaling = || self.shift.iter().zip(&self.scale).cycle();
        for ((value, x0), (shift, scale)) in values.iter_mut().zip(normalised).zip(scaling()) {
            *value = x0 * scale + shift;
        }
        let frames = self.frames(values);
        let Some(gradient) = gradient else { return self.task.score(frames, None) };
        slopes.fill(0.0);
        let mut of_frames = FramesGradient::new(slopes, layout.frame(), layout.action, layout.observation);
        let score = self.task.score(frames, Some(&mut of_frames));
        for ((slot, slope), (_, scale)) in gradient.iter_mut().zip(&*slopes).zip(scaling()) {
            *slot = slope * scale;
        }
        score
    }
}

/// A task's score of the frames of a sequence, in the environment's units; less what it costs a plan to begin
/// elsewhere than in the present: `J = J' - weight / 2 |o_1 - o_0|^2`, normalised, with `o_1` the first planned
/// observation and `o_0` the present one.
///
/// Guidance pulls all of a plan towards the goal, its beginning included, and the plan's own actions are then those of
/// a robot that is elsewhere. The motion of one step, which this neglects, is small beside that.
pub struct TaskObjective<'a> {
    of_frames: FrameScore<'a>,
    layout: &'a TokenLayout,
    start_weight: f64,
    past: usize,
    room: Mutex<ScoreRoom>,
}

impl<'a> TaskObjective<'a> {
    /// Objective of a task with sequences of this layout and scaling; `start_weight` is zero or more.
    pub fn new(
        task: &'a dyn Task,
        layout: &'a TokenLayout,
        normalizer: &DatasetNormalizer,
        start_weight: f64,
    ) -> Self {
        // Nothing is laid out for a layout that no sequence has.
        let most = if layout.check().is_ok() { layout.chunks.saturating_mul(layout.width()) } else { 0 };
        let of_frames = FrameScore::new(task, layout, normalizer);
        Self { of_frames, layout, start_weight, past: 0, room: Mutex::new(ScoreRoom::new(most)) }
    }

    /// The same for sequences whose first chunks are the past: what is over is not scored, and the present is where it ends.
    #[must_use]
    pub fn after(self, past: usize) -> Self {
        Self { past, ..self }
    }

    /// The score alone; not a number where the arrays do not fit the layout. `chunks` counts those of the past too.
    pub fn value(&self, x0_td: &[f64], chunks: usize) -> f64 {
        self.score(x0_td, chunks, None)
    }

    fn score(&self, x0_td: &[f64], chunks: usize, gradient_td: Option<&mut [f64]>) -> f64 {
        let width = self.layout.width();
        let end = FIRST_CHUNK.saturating_add(chunks).saturating_mul(width);
        let chunks_at = FIRST_CHUNK.saturating_add(self.past).saturating_mul(width)..end;
        let short = |values: &[f64]| values.len() < end;
        if chunks > self.layout.chunks
            || chunks < self.past
            || short(x0_td)
            || gradient_td.as_deref().is_some_and(short)
        {
            return f64::NAN;
        }
        // A lock that a panic poisoned guards plain numbers, which are written before they are read.
        let mut room = self.room.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let gradient = gradient_td.map(|gradient_td| &mut gradient_td[chunks_at.clone()]);
        self.of_frames.score(&x0_td[chunks_at], gradient, &mut room)
    }
}

impl Objective for TaskObjective<'_> {
    fn value_and_gradient(&self, x0_td: &[f64], chunks: usize, gradient_td: &mut [f64]) -> f64 {
        let mut value = self.score(x0_td, chunks, Some(gradient_td));
        if self.start_weight > 0.0 && !value.is_nan() && chunks > self.past {
            let first = FIRST_CHUNK + self.past;
            let present = if self.past == 0 { STATE } else { first - 1 };
            let (state, first) = (
                present * self.layout.width() + self.layout.last_observation(),
                first * self.layout.width() + self.layout.observation_at(0),
            );
            for o in 0..self.layout.observation {
                let offset = x0_td[first + o] - x0_td[state + o];
                value -= 0.5 * self.start_weight * offset * offset;
                gradient_td[first + o] -= self.start_weight * offset;
            }
        }
        value
    }
}
