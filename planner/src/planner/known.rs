//! What a sequence begins with: where it begins, its goal, and the past from there to the present.
//!
//! `[state, goal, past_1 .. past_h]`: the state is the observation `h` chunks ago, and the last chunk of the past ends in the
//! present; without a past the state is the present. What was seen as it is, is shown clean. What was seen badly is shown at the
//! level of noise that it has: independent levels are what makes a network read it for as much as it says.

use forethought_envs::data::DatasetNormalizer;

use crate::error::{check_finite, check_len};
use crate::layout::{FIRST_CHUNK, GOAL, Half, STATE};
use crate::plan::{History, Request};
use crate::plan_config::PlanConfig;
use crate::{PlannerError, TokenLayout, random};

/// Names the stream of the noise that stands where nothing was seen.
const UNSEEN_STREAM: u64 = 5;

/// The tokens that a sequence begins with.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Known {
    /// Chunks of the past.
    pub past: usize,
    /// State, goal and past as they are shown, normalised, `[tokens, width]`.
    pub x_td: Vec<f64>,
    /// Sampling level at which each part of them is shown, `[tokens, parts]`.
    pub level_tp: Vec<u16>,
}

impl Known {
    /// Of a request, with as much of its history as the settings ask for. `abar` is the signal power of a sampling level.
    ///
    /// # Errors
    /// [`PlannerError::Length`] and [`PlannerError::NonFinite`] for a malformed history.
    pub fn new(
        request: &Request<'_>,
        condition: &[f64],
        config: &PlanConfig,
        layout: &TokenLayout,
        normalizer: &DatasetNormalizer,
        abar: &dyn Fn(u16) -> f64,
    ) -> Result<Self, PlannerError> {
        let (width, parts, f) = (layout.width(), layout.parts(), layout.frames_per_token);
        let steps = request.history.steps(layout)?;
        let past = config.history.min(steps / f).min(layout.chunks.saturating_sub(1));
        // The last steps, and the present after them.
        let frames = past * f;
        let (o, a, skipped) = (layout.observation, layout.action, steps - frames);
        let mut observations = request.history.observations[skipped * o..].to_vec();
        observations.extend_from_slice(request.observation);
        let mut actions = request.history.actions[skipped * a..].to_vec();
        check_finite("history", &observations)?;
        check_finite("actions of the history", &actions)?;
        normalizer.observation.normalize(&mut observations)?;
        normalizer.action.normalize(&mut actions)?;
        let seen = |row: usize| match row {
            _ if row == frames => request.seen,
            _ => request.history.seen.get(skipped + row).copied().unwrap_or(1.0),
        };

        let tokens = FIRST_CHUNK + past;
        let mut known = Self { past, x_td: vec![0.0; tokens * width], level_tp: vec![0; tokens * parts] };
        let level = |seen: f64| closest(seen, config.sampler.steps, abar);
        layout.write_state(&observations[..o], &mut known.x_td[STATE * width..(STATE + 1) * width]);
        layout.write_goal(condition, &mut known.x_td[GOAL * width..(GOAL + 1) * width]);
        known.level_tp[STATE * parts..(STATE + 1) * parts].fill(level(seen(0)));
        for frame in 0..frames {
            let (token, i) = (FIRST_CHUNK + frame / f, frame % f);
            let x_d = &mut known.x_td[token * width..(token + 1) * width];
            x_d[layout.action_at(i)..][..a].copy_from_slice(&actions[frame * a..][..a]);
            x_d[layout.observation_at(i)..][..o].copy_from_slice(&observations[(frame + 1) * o..][..o]);
            // A block is seen as well as the worst of it.
            let part = layout.part(layout.block(i), Half::Outcome);
            let shown = &mut known.level_tp[token * parts + part];
            *shown = level(seen(frame + 1)).max(*shown);
        }
        known.blur(request.seed, layout, config.sampler.steps, abar);
        Ok(known)
    }

    /// Shows what was seen badly as a token at its level is: scaled, since it has its noise already; where nothing was seen,
    /// noise and nothing else.
    fn blur(&mut self, seed: u64, layout: &TokenLayout, steps: u16, abar: &dyn Fn(u16) -> f64) {
        if self.level_tp.iter().all(|&level| level == 0) {
            return;
        }
        let of_slots = layout.part_of_slots();
        let mut rng = random::stream(seed, &[UNSEEN_STREAM]);
        let mut noise = vec![0.0; of_slots.len()];
        let levels = self.level_tp.chunks_exact(layout.parts());
        for (token, (x_d, level_p)) in self.x_td.chunks_exact_mut(of_slots.len()).zip(levels).enumerate() {
            if level_p.iter().all(|&level| level == 0) {
                continue;
            }
            random::fill_normal(&mut rng, &mut noise);
            for (slot, ((x, &part), noise)) in x_d.iter_mut().zip(&of_slots).zip(&noise).enumerate() {
                let level = level_p[part];
                // The state has no more than the last observation of a token.
                let there = token != STATE || slot >= layout.last_observation();
                match level {
                    _ if level == 0 || !there => {}
                    _ if level == steps => *x = *noise,
                    _ => *x *= abar(level).sqrt(),
                }
            }
        }
    }
}

impl History<'_> {
    /// Steps that it holds.
    pub(super) fn steps(&self, layout: &TokenLayout) -> Result<usize, PlannerError> {
        let steps = self.actions.len() / layout.action;
        check_len("actions of the history", steps * layout.action, self.actions.len())?;
        check_len("history", steps * layout.observation, self.observations.len())?;
        if !self.seen.is_empty() {
            check_len("how well the history was seen", steps, self.seen.len())?;
        }
        Ok(steps)
    }
}

/// The sampling level whose signal power comes closest to what was seen; the clean one for what was seen as it is, and pure
/// noise for what is no number.
fn closest(seen: f64, steps: u16, abar: &dyn Fn(u16) -> f64) -> u16 {
    if seen >= 1.0 {
        return 0;
    }
    let off = |level: &u16| (if *level == steps { 0.0 } else { abar(*level) } - seen.max(0.0)).abs();
    (1..=steps).min_by(|a, b| off(a).total_cmp(&off(b))).unwrap_or(0)
}
