//! The questions beside planning that a network can be asked: what to do, what was done; and how any is asked. What would
//! happen is in `imagine.rs`.

use std::ops::Range;

use super::DiffusionPlanner;
use super::legs::Leg;
use crate::denoiser::{Denoiser, on_pool};
use crate::error::{check_finite, check_len};
use crate::layout::{FIRST_CHUNK, GOAL, STATE};
use crate::plan::Request;
use crate::{MatrixKind, PlannerError, Role, Sampler, SchedulingMatrix, Tokens, random};

/// Names the stream of the noise that answers are drawn from.
const ANSWER_STREAM: u64 = 2;

/// What is shown the tokens before each row of an answer, and after the last one, and says whether to go on.
pub(super) type Seen<'a> = dyn FnMut(&Tokens, bool) -> bool + Send + 'a;

impl DiffusionPlanner {
    /// Policy: the decisions of the next chunk for each request, `[frames_per_token, action]`, with what they lead to left
    /// open. Where the network is shown a goal or a return, it is, and the sequence is as long as the longest plan.
    ///
    /// # Errors
    /// Those of [`crate::Planner::plan`]; [`PlannerError::Setting`] for checkpoints that tell no decisions from outcomes.
    pub fn act(&mut self, requests: &[Request<'_>]) -> Result<Vec<Vec<f64>>, PlannerError> {
        let layout = self.layout().clone();
        let role = Role::Act { chunk: 0 };
        role.check(&layout)?;
        let mut answers = Vec::with_capacity(requests.len());
        for request in requests {
            let situation = self.situation(&Leg::direct(request))?;
            let mut x = self.questions(0..1, layout.chunks, request.seed, situation.kind.told);
            let (x_td, _) = x.sequence_mut(0);
            let width = layout.width();
            layout.write_state(&situation.observation, &mut x_td[STATE * width..(STATE + 1) * width]);
            layout.write_goal(&situation.condition, &mut x_td[GOAL * width..(GOAL + 1) * width]);
            self.ask(role, layout.chunks, self.config.sampler.steps, &mut x, &mut |_, _| true)?;
            let chunk = &x.x_btd[FIRST_CHUNK * width..(FIRST_CHUNK + 1) * width];
            let actions =
                (0..layout.frames_per_token).flat_map(|i| &chunk[layout.action_at(i)..][..layout.action]);
            let mut actions: Vec<f64> = actions.copied().collect();
            self.normalizer.action.denormalize(&mut actions)?;
            answers.push(actions);
        }
        Ok(answers)
    }

    /// Inverse model: the actions that lead from each of the observations `[n + 1, observation]` to the next, `[n, action]`,
    /// environment units. `rewards` are those of the steps, `[n]`, where tokens carry rewards, and else empty: they are part
    /// of the outcomes. Actions are inferred window by window, each as long as the longest plan.
    ///
    /// # Errors
    /// As [`Self::imagine`].
    pub fn infer_actions(
        &mut self,
        observations: &[f64],
        rewards: &[f64],
        seed: u64,
    ) -> Result<Vec<f64>, PlannerError> {
        let layout = self.layout().clone();
        Role::InferActions.check(&layout)?;
        let (o, f, width) = (layout.observation, layout.frames_per_token, layout.width());
        check_len("observations", observations.len().next_multiple_of(o), observations.len())?;
        check_finite("observations", observations)?;
        let mut observations = observations.to_vec();
        self.normalizer.observation.normalize(&mut observations)?;
        let n = (observations.len() / o).saturating_sub(1);
        check_len("rewards", if layout.reward { n } else { 0 }, rewards.len())?;
        check_finite("rewards", rewards)?;
        let mut actions = Vec::with_capacity(n * layout.action);
        for first in (0..n).step_by(layout.chunks * f) {
            let frames = (n - first).min(layout.chunks * f);
            let chunks = frames.div_ceil(f);
            let mut x = self.questions(0..1, chunks, random::derive(seed, &[first as u64]), false);
            let (x_td, _) = x.sequence_mut(0);
            // Past the end nothing moves any more.
            let row = |row: usize| &observations[(first + row).min(n) * o..][..o];
            layout.write_state(row(0), &mut x_td[STATE * width..(STATE + 1) * width]);
            for frame in 0..chunks * f {
                let at = (FIRST_CHUNK + frame / f) * width + layout.observation_at(frame % f);
                x_td[at..at + o].copy_from_slice(row(frame + 1));
                if let Some(reward) = layout.reward_at(frame % f) {
                    let earned = rewards.get(first + frame).or(rewards.last());
                    x_td[(FIRST_CHUNK + frame / f) * width + reward] = earned.copied().unwrap_or(0.0);
                }
            }
            self.ask(Role::InferActions, chunks, self.config.sampler.steps, &mut x, &mut |_, _| true)?;
            for frame in 0..frames {
                let at = (FIRST_CHUNK + frame / f) * width + layout.action_at(frame % f);
                actions.extend_from_slice(&x.x_btd[at..at + layout.action]);
            }
        }
        self.normalizer.action.denormalize(&mut actions)?;
        Ok(actions)
    }

    /// Sequences of which nothing is known yet: `chunks` chunks of noise each.
    pub(super) fn questions(&self, draws: Range<usize>, chunks: usize, seed: u64, goal: bool) -> Tokens {
        let (layout, width) = (self.layout(), self.layout().width());
        let (tokens, count) = (layout.tokens(chunks), draws.len());
        let mut x_btd = vec![0.0; count * tokens * width];
        for (draw, x_td) in draws.zip(x_btd.chunks_exact_mut(tokens * width)) {
            let mut rng = random::stream(seed, &[ANSWER_STREAM, draw as u64]);
            random::fill_normal(&mut rng, &mut x_td[FIRST_CHUNK * width..]);
        }
        Tokens::new(tokens, x_btd, vec![chunks; count], vec![goal; count])
    }

    /// Samples what a role asks for, in so many steps; everything else stays as it is. `seen` is shown the tokens before each
    /// row. Gives whether it went on to the end.
    pub(super) fn ask(
        &mut self,
        role: Role,
        chunks: usize,
        steps: u16,
        x: &mut Tokens,
        seen: &mut Seen<'_>,
    ) -> Result<bool, PlannerError> {
        self.asking(role, chunks, steps, |sampler, denoiser| {
            let rows = sampler.all();
            let mut on_row = |row: usize, x: &Tokens| seen(x, row == rows.end);
            Ok(sampler.run(denoiser, None, x, rows.clone(), &mut on_row)? == rows.end)
        })
    }

    /// Does something with the sampler of a role, on the denoiser's own threads.
    pub(super) fn asking<T: Send>(
        &mut self,
        role: Role,
        chunks: usize,
        steps: u16,
        work: impl FnOnce(&Sampler<'_>, &mut dyn Denoiser) -> Result<T, PlannerError> + Send,
    ) -> Result<T, PlannerError> {
        let (layout, sampler) = (self.denoiser.layout().clone(), &self.config.sampler);
        let matrix = SchedulingMatrix::new(MatrixKind::FullSequence, chunks, steps)?
            .with_parts(layout.parts())?
            .after_known(FIRST_CHUNK)
            .show(|token, part| role.shown(&layout, token, part));
        let sampler = Sampler {
            schedule: &self.schedule,
            matrix: &matrix,
            stabilization: sampler.stabilization_level,
            limits: Some((&self.low, &self.high)),
            solver: sampler.solver,
        };
        on_pool(self.denoiser.as_mut(), |denoiser| work(&sampler, denoiser))
    }
}
