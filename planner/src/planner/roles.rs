//! The questions beside planning that a network can be asked: what to do, what would happen, what was done.

use std::ops::Range;

use super::DiffusionPlanner;
use super::legs::Leg;
use super::situation::Situation;
use crate::denoiser::on_pool;
use crate::error::{check_finite, check_len};
use crate::layout::{FIRST_CHUNK, GOAL, STATE};
use crate::plan::Request;
use crate::{MatrixKind, PlannerError, Role, Sampler, SchedulingMatrix, Tokens, random};

/// Names the stream of the noise that answers are drawn from.
const ANSWER_STREAM: u64 = 2;
/// Numbers of the sequences that are drawn together.
const NUMBERS_TOGETHER: usize = 1 << 20;
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
    /// Policy: the decisions of the next chunk for each request, `[frames_per_token, action]`, with what they lead to left
    /// open. Where the network is shown a goal, the sequence is as long as the longest plan.
    ///
    /// # Errors
    /// Those of [`crate::Planner::plan`]; [`PlannerError::Setting`] for checkpoints that tell no decisions from outcomes.
    pub fn act(&mut self, requests: &[Request<'_>]) -> Result<Vec<Vec<f64>>, PlannerError> {
        let layout = self.layout().clone();
        let role = Role::Act { chunk: 0 };
        role.check(&layout)?;
        let mut answers = Vec::with_capacity(requests.len());
        for request in requests {
            let situation =
                Situation::new(&Leg::direct(request), &self.config, &layout, &self.normalizer, &self.limits)?;
            let mut x = self.questions(0..1, layout.chunks, request.seed, situation.kind.shown);
            let (x_td, _) = x.sequence_mut(0);
            let width = layout.width();
            layout.write_state(&situation.observation, &mut x_td[STATE * width..(STATE + 1) * width]);
            layout.write_goal(&situation.condition, &mut x_td[GOAL * width..(GOAL + 1) * width]);
            self.ask(role, layout.chunks, &mut x)?;
            let chunk = &x.x_btd[FIRST_CHUNK * width..(FIRST_CHUNK + 1) * width];
            let actions =
                (0..layout.frames_per_token).flat_map(|i| &chunk[layout.action_at(i)..][..layout.action]);
            let mut actions: Vec<f64> = actions.copied().collect();
            self.normalizer.action.denormalize(&mut actions)?;
            answers.push(actions);
        }
        Ok(answers)
    }

    /// World model: draws of what decisions lead to, chunk after chunk and block by block. No goal is shown and nothing
    /// guided. Actions that fill no whole block are followed by the last one
    /// again; what comes of that is left out.
    ///
    /// # Errors
    /// [`PlannerError::Setting`] for checkpoints that tell no decisions from outcomes and for more than 65536 samples,
    /// [`PlannerError::Length`] and [`PlannerError::NonFinite`] for malformed decisions, and those of the model.
    pub fn imagine(&mut self, decisions: &Decisions<'_>) -> Result<Outcomes, PlannerError> {
        let Decisions { samples, history, .. } = *decisions;
        if samples > MOST_SAMPLES {
            let (name, value) = ("samples", samples.to_string());
            return Err(PlannerError::Setting { name, value, remedy: format!("at most {MOST_SAMPLES}") });
        }
        // A few at a time: what is drawn does not depend on it.
        let chunks = history.min(self.layout().chunks).saturating_add(1);
        let numbers = self.layout().tokens(chunks).saturating_mul(self.layout().width());
        let together = (NUMBERS_TOGETHER / numbers.max(1)).max(1);
        let mut all = Outcomes::default();
        for first in (0..samples).step_by(together) {
            let drawn = self.draw(decisions, first..(first + together).min(samples))?;
            all.observations.extend(drawn.observations);
            all.rewards.extend(drawn.rewards);
        }
        if samples == 0 {
            // Asked for nothing, what is malformed is refused all the same.
            self.draw(decisions, 0..0)?;
        }
        Ok(all)
    }

    /// The draws of these numbers.
    fn draw(&mut self, decisions: &Decisions<'_>, draws: Range<usize>) -> Result<Outcomes, PlannerError> {
        let layout = self.layout().clone();
        Role::Imagine { chunk: 0, block: 0 }.check(&layout)?;
        let (o, a, f, width) = (layout.observation, layout.action, layout.frames_per_token, layout.width());
        let Decisions { observation, actions, history, seed, .. } = *decisions;
        let samples = draws.len();
        check_len("observation", o, observation.len())?;
        check_len("actions", actions.len().next_multiple_of(a), actions.len())?;
        check_finite("observation", observation)?;
        check_finite("actions", actions)?;
        let (mut state, mut actions) = (observation.to_vec(), actions.to_vec());
        self.normalizer.observation.normalize(&mut state)?;
        self.normalizer.action.normalize(&mut actions)?;
        let n = actions.len() / a;
        // The chunks of every draw so far, normalised.
        let mut imagined: Vec<Vec<f64>> = vec![Vec::new(); samples];
        for (chunk, first) in (0..n).step_by(f).enumerate() {
            let shown = history.min(chunk).min(layout.chunks - 1);
            let mut x =
                self.questions(draws.clone(), shown + 1, random::derive(seed, &[chunk as u64]), false);
            let asked = (FIRST_CHUNK + shown) * width;
            for (b, so_far) in imagined.iter().enumerate() {
                let (x_td, _) = x.sequence_mut(b);
                let (before, past) = so_far.split_at((chunk - shown) * width);
                let ends =
                    before.len().checked_sub(width).map(|at| &before[at + layout.last_observation()..]);
                let state = ends.map_or(state.as_slice(), |ends| &ends[..o]);
                layout.write_state(state, &mut x_td[STATE * width..(STATE + 1) * width]);
                x_td[FIRST_CHUNK * width..asked].copy_from_slice(past);
            }
            for block in 0..=layout.block((n - first).min(f) - 1) {
                for b in 0..samples {
                    let (x_td, _) = x.sequence_mut(b);
                    for frame in (0..f).filter(|&frame| layout.block(frame) == block) {
                        let decided = &actions[(first + frame).min(n - 1) * a..][..a];
                        x_td[asked + layout.action_at(frame)..][..a].copy_from_slice(decided);
                    }
                }
                self.ask(Role::Imagine { chunk: shown, block }, shown + 1, &mut x)?;
            }
            for (b, so_far) in imagined.iter_mut().enumerate() {
                so_far.extend_from_slice(&x.sequence_mut(b).0[asked..]);
            }
        }
        let mut all = Outcomes::default();
        for so_far in &imagined {
            for row in 0..n {
                let chunk = &so_far[row / f * width..(row / f + 1) * width];
                all.observations.extend_from_slice(&chunk[layout.observation_at(row % f)..][..o]);
                all.rewards.extend(layout.reward_at(row % f).map(|at| chunk[at]));
            }
        }
        self.normalizer.observation.denormalize(&mut all.observations)?;
        Ok(all)
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
            self.ask(Role::InferActions, chunks, &mut x)?;
            for frame in 0..frames {
                let at = (FIRST_CHUNK + frame / f) * width + layout.action_at(frame % f);
                actions.extend_from_slice(&x.x_btd[at..at + layout.action]);
            }
        }
        self.normalizer.action.denormalize(&mut actions)?;
        Ok(actions)
    }

    /// Sequences of which nothing is known yet: `chunks` chunks of noise each.
    fn questions(&self, draws: Range<usize>, chunks: usize, seed: u64, goal: bool) -> Tokens {
        let (layout, width) = (self.layout(), self.layout().width());
        let (tokens, count) = (layout.tokens(chunks), draws.len());
        let mut x_btd = vec![0.0; count * tokens * width];
        for (draw, x_td) in draws.zip(x_btd.chunks_exact_mut(tokens * width)) {
            let mut rng = random::stream(seed, &[ANSWER_STREAM, draw as u64]);
            random::fill_normal(&mut rng, &mut x_td[FIRST_CHUNK * width..]);
        }
        Tokens::new(tokens, x_btd, vec![chunks; count], vec![goal; count])
    }

    /// Samples what a role asks for; everything else stays as it is.
    fn ask(&mut self, role: Role, chunks: usize, x: &mut Tokens) -> Result<(), PlannerError> {
        let (layout, sampler) = (self.denoiser.layout().clone(), &self.config.sampler);
        let matrix = SchedulingMatrix::new(MatrixKind::FullSequence, chunks, sampler.steps)?
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
        let asked = on_pool(self.denoiser.as_mut(), |denoiser| {
            sampler.run(denoiser, None, x, sampler.all(), &mut |_, _| true)
        });
        asked.map(drop)
    }
}
