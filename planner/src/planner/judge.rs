//! What a plan is worth: the outcomes that *doing* its decisions leads to, and not the one that it tells of itself.
//!
//! A plan is a draw of decisions *and* outcomes, so the best of several is also the luckiest (Paster et al., *You Can't Count
//! on Luck*, 2022). Here `N` outcomes of each plan are drawn with its decisions given, the goal hidden and nothing guided,
//! each fully denoised ([`super::roles`]), and the plan is worth the mean of what they earn, or of the worst of them.
//!
//! Where the task has an end to which ways are known, this is a tree. Chunk after chunk, outcomes are drawn from where
//! the plan says the chunk begins, `N` where the data may leap and one elsewhere; a share `p` of them stays with the plan, and what leaves it is worth what is earned by
//! going on from *there*: the certain way's frames, or what being lost costs. The plan's chance is the product of the
//! `p`. All that a chunk depends on is known beforehand, so the chunks of a plan, and of several plans, are one batch.
//!
//! Elsewhere decisions are followed to their end, whatever comes, and an outcome is worth the task's score of it. Or they are
//! followed for some chunks, and then whoever made the data goes on: later decisions answer what has come, as a new plan
//! would, and what was decided so far tells what is made of it.
//!
//! Plans for one request share their noise, so that what differs is what was decided. How many outcomes a chunk has never
//! depends on how others went: a plan that is dropped after a bad one is not worth less, it had less luck.

use std::collections::BTreeMap;

use forethought_envs::data::Ways;
use forethought_envs::{Frames, Rows, Task};

use super::DiffusionPlanner;
use super::imagine::{Decisions, Question, pieces};
use super::notes::notes;
use crate::budget::{Budget, Metered};
use crate::layout::FIRST_CHUNK;
use crate::outlook::{Fates, Outcome, Outlook, as_planned};
use crate::plan::{Plan, Request};
use crate::{PlannerError, Role, Tokens, random};

/// How much further than the data's pace a chunk may lead.
const FASTEST: f64 = 1.5;
/// Names the outcomes that plans are chosen by, and those by which the choice is reported.
const CHOOSING: u64 = 3;
const REPORTING: u64 = 4;

/// A plan to be judged.
#[derive(Clone, Copy)]
pub(super) struct Prospect<'a> {
    pub plan: &'a Plan,
    /// What it was made for: where it begins, and what it is for in the end.
    pub request: &'a Request<'a>,
    /// Certain ways to the end, where some are known.
    pub ways: Option<&'a Ways>,
}

/// Plans of a group by their numbers, best first, and what is expected of them.
pub(super) type Chosen = Vec<(usize, Option<Outlook>)>;

/// What was drawn of a plan.
struct Tally<'a> {
    prospect: Prospect<'a>,
    stages: Vec<Stage>,
}

/// A chunk of a plan, or all of it.
struct Stage {
    first_frame: usize,
    /// What its decisions lead to.
    asked: Question,
    /// Outcomes to be drawn of it.
    samples: usize,
    /// Chunks that the data's way of going on follows it for.
    on: usize,
    outcomes: Vec<Outcome>,
}

impl DiffusionPlanner {
    /// The best plan of each of these groups, and what is expected of it; with a trace the others come after it. Groups are not
    /// empty. All are judged together, and what is found for one does not depend on the others.
    ///
    /// Where the budget runs out before all are judged, the first of each group is the best, of which nothing is expected:
    /// it goes the certain way, where there is one, and there is no time to ask whether a gamble pays.
    pub(super) fn choose(
        &mut self,
        groups: &[Vec<Prospect<'_>>],
        trace: bool,
        budget: &mut Budget<'_>,
    ) -> Result<Vec<Chosen>, PlannerError> {
        let config = self.config.monte_carlo.clone();
        let mut best = vec![0; groups.len()];
        let mut tallies: Vec<Vec<Tally<'_>>> = Vec::with_capacity(groups.len());
        for group in groups {
            // Of one there is nothing to choose.
            tallies.push(if group.len() > 1 { self.tallies(group, CHOOSING)? } else { Vec::new() });
        }
        if !self.draw_outcomes(tallies.iter_mut().flatten(), budget)? {
            return Ok(groups.iter().map(|_| vec![(0, None)]).collect());
        }
        for (group, best) in tallies.iter().zip(&mut best) {
            let values: Vec<f64> = group.iter().map(|tally| self.fates(tally).0.worst(config.risk)).collect();
            // Of plans that are worth the same the first, which is best by its own value.
            *best = (0..values.len()).rev().max_by(|&a, &b| values[a].total_cmp(&values[b])).unwrap_or(0);
        }
        let (mut told, mut chosen): (Vec<Vec<usize>>, Vec<Prospect<'_>>) = Default::default();
        for (group, &best) in groups.iter().zip(&best) {
            let mut plans: Vec<usize> = (0..group.len()).filter(|&at| trace || at == best).collect();
            plans.sort_by_key(|&at| at != best);
            chosen.extend(plans.iter().filter_map(|&at| group.get(at).copied()));
            told.push(plans);
        }
        let mut reported = self.tallies(&chosen, REPORTING)?;
        if !self.draw_outcomes(reported.iter_mut(), budget)? {
            return Ok(best.into_iter().map(|best| vec![(best, None)]).collect());
        }
        let outlook = |tally: Tally<'_>| {
            let (fates, chance) = self.fates(&tally);
            let (promise, near) = (self.promise(&tally), self.near(&tally));
            let outcomes = tally.stages.into_iter().flat_map(|stage| stage.outcomes);
            let outcomes = outcomes.filter(|_| trace).collect();
            let (mean, spread) = (fates.worst(1.0), fates.spread());
            Outlook { chance, mean, spread, promise, near, samples: config.samples, outcomes }
        };
        let mut outlooks = reported.into_iter().map(outlook);
        Ok(told.into_iter().map(|told| told.into_iter().zip(outlooks.by_ref().map(Some)).collect()).collect())
    }

    /// Plans of which nothing was drawn yet.
    fn tallies<'a>(&self, prospects: &[Prospect<'a>], stream: u64) -> Result<Vec<Tally<'a>>, PlannerError> {
        let tally = |&prospect| Ok(Tally { prospect, stages: self.stages(&prospect, stream)? });
        prospects.iter().map(tally).collect()
    }

    /// The chunks of a plan, up to where it arrives; all of it at once where no way tells what comes after it.
    fn stages(&self, prospect: &Prospect<'_>, stream: u64) -> Result<Vec<Stage>, PlannerError> {
        let Prospect { plan, request, ways } = prospect;
        let (a, f) = (self.layout().action, self.layout().frames_per_token);
        let frames = plan.arrival.map_or(plan.frames, |arrival| plan.frames.min(arrival + 1));
        let all = plan.frames.max(1);
        let committed = match self.config.monte_carlo.committed {
            0 => all,
            chunks => all.min(chunks.saturating_mul(f)),
        };
        let (frames, apart, on) = match ways {
            Some(_) => (frames, f, 0),
            None => (committed, committed, (all - committed).div_ceil(f)),
        };
        // How far a chunk leads. Where the data leap nowhere near, one outcome tells where it leads: what chance there is moves
        // it by less than the task can tell.
        let leaps = self.support.as_ref().filter(|support| ways.is_some() && support.has_leaps());
        let travel = leaps.and_then(|support| Some((support, FASTEST * support.pace()? * f as f64)));
        let stage = |first: usize| {
            let before = first.checked_sub(1).and_then(|frame| plan.observation(frame));
            let from = before.unwrap_or(request.observation);
            let chancy = travel.is_none_or(|(support, travel)| support.leaps_near(from, travel));
            let decisions = Decisions {
                observation: from,
                actions: plan.actions.get(first * a..(first + apart).min(frames) * a).unwrap_or_default(),
                samples: 0,
                history: 1,
                seed: random::derive(request.seed, &[stream, (first / f) as u64]),
            };
            let steps = self.config.monte_carlo.steps;
            let asked = Question::new(&decisions, self.layout(), &self.normalizer, steps)?;
            let samples = if chancy { self.config.monte_carlo.samples } else { 1 };
            Ok(Stage { first_frame: first, asked, samples, on, outcomes: Vec::new() })
        };
        (0..frames).step_by(apart).map(stage).collect()
    }

    /// Draws the outcomes of every stage of these plans; gives whether the budget allowed for all.
    fn draw_outcomes<'t, 'a: 't>(
        &mut self,
        tallies: impl Iterator<Item = &'t mut Tally<'a>>,
        budget: &mut Budget<'_>,
    ) -> Result<bool, PlannerError> {
        // Those of one chunk, by how far things go on after it.
        let mut short: BTreeMap<usize, Vec<&mut Stage>> = BTreeMap::new();
        for stage in tallies.flat_map(|tally| &mut tally.stages) {
            if stage.asked.chunks() <= 1 {
                short.entry(stage.on).or_default().push(stage);
                continue;
            }
            for draws in pieces(stage.samples, stage.asked.numbers()) {
                let tokens =
                    draws.len() * self.layout().tokens(self.layout().chunks.min(stage.asked.chunks()));
                let mut metered = Metered::new(budget, tokens, false);
                let drawn = self.draw(&stage.asked, draws.clone(), &mut |_, last| metered.row(last))?;
                let of: Vec<_> = draws.map(|draw| (&stage.asked, draw)).collect();
                let Some(drawn) = self.go_on(&of, drawn, stage.on, &mut metered)? else { return Ok(false) };
                for chunks in drawn.chunks_exact(drawn.len() / of.len().max(1)) {
                    let outcome = self.outcome(stage, chunks)?;
                    stage.outcomes.push(outcome);
                }
            }
        }
        let most = self.config.monte_carlo.samples;
        for (on, mut stages) in short {
            for together in pieces(stages.len(), self.layout().tokens(1 + on) * self.layout().width() * most)
            {
                if !self.draw_chunks(&mut stages[together], on, budget)? {
                    return Ok(false);
                }
            }
        }
        Ok(true)
    }

    /// The same for stages of one chunk each, all in one batch.
    fn draw_chunks(
        &mut self,
        stages: &mut [&mut Stage],
        on: usize,
        budget: &mut Budget<'_>,
    ) -> Result<bool, PlannerError> {
        let layout = self.layout().clone();
        // Which stage each sequence is an outcome of, and which one.
        let of: Vec<(usize, usize)> = stages
            .iter()
            .enumerate()
            .flat_map(|(at, stage)| (0..stage.samples).map(move |draw| (at, draw)))
            .collect();
        let mut x_btd = Vec::new();
        for stage in stages.iter() {
            x_btd.append(&mut self.questions(0..stage.samples, 1, stage.asked.chunk_seed(0), false).x_btd);
        }
        let mut x = Tokens::new(layout.tokens(1), x_btd, vec![1; of.len()], vec![false; of.len()]);
        for (b, &(at, _)) in of.iter().enumerate() {
            stages[at].asked.lay_out(0, &[], x.sequence_mut(b).0);
        }
        let steps = self.config.monte_carlo.steps;
        let mut metered = Metered::new(budget, x.batch * x.tokens(), false);
        let blocks = stages.iter().map(|stage| stage.asked.blocks(0).end).max().unwrap_or(0);
        for block in 0..blocks {
            for (b, &(at, _)) in of.iter().enumerate() {
                stages[at].asked.decide(0, block, x.sequence_mut(b).0);
            }
            let role = Role::Imagine { chunk: 0, block };
            if !self.ask(role, 1, steps, &mut x, &mut |_, last| metered.row(last))? {
                return Ok(false);
            }
        }
        let first = FIRST_CHUNK * layout.width();
        let drawn = x.x_btd.chunks_exact(layout.tokens(1) * layout.width()).flat_map(|x_td| &x_td[first..]);
        let drawn = drawn.copied().collect();
        let asked: Vec<_> = of.iter().map(|&(at, draw)| (&stages[at].asked, draw)).collect();
        let Some(drawn) = self.go_on(&asked, drawn, on, &mut metered)? else { return Ok(false) };
        for ((at, _), chunks) in of.into_iter().zip(drawn.chunks_exact((1 + on) * layout.width())) {
            let outcome = self.outcome(stages[at], chunks)?;
            stages[at].outcomes.push(outcome);
        }
        Ok(true)
    }

    /// Goes on for `on` chunks, as in the data, after the chunks that were drawn of each question, `[draws, chunks, width]`;
    /// nothing where the budget ran out.
    fn go_on(
        &mut self,
        of: &[(&Question, usize)],
        drawn: Vec<f64>,
        on: usize,
        metered: &mut Metered<'_, '_>,
    ) -> Result<Option<Vec<f64>>, PlannerError> {
        if metered.stopped() {
            return Ok(None);
        }
        let width = self.layout().width();
        let known = drawn.len() / of.len().max(1);
        let (committed, first) = (known / width, FIRST_CHUNK * width);
        if on == 0 {
            return Ok(Some(drawn));
        }
        let (tokens, mut x_btd) = (self.layout().tokens(committed + on), Vec::new());
        for ((asked, draw), known) in of.iter().zip(drawn.chunks_exact(known)) {
            // Chunks have seeds by their number, and this one comes after those that were asked for.
            let seed = asked.chunk_seed(committed);
            let mut x_td = self.questions(*draw..draw + 1, committed + on, seed, false).x_btd;
            asked.lay_out(0, &[], &mut x_td);
            x_td[first..first + known.len()].copy_from_slice(known);
            x_btd.append(&mut x_td);
        }
        let count = of.len();
        let mut x = Tokens::new(tokens, x_btd, vec![committed + on; count], vec![false; count]);
        // As many as a plan of that length takes: with three a toy car that keeps its distance crashes in one draw of five.
        let steps = self.config.sampler.steps;
        let role = Role::GoOn { chunk: committed };
        let whole = self.ask(role, committed + on, steps, &mut x, &mut |_, last| metered.row(last))?;
        let chunks =
            || x.x_btd.chunks_exact(tokens * width).flat_map(|x_td| &x_td[first..]).copied().collect();
        Ok(whole.then(chunks))
    }

    /// Chunks of a stage as they were drawn.
    fn outcome(&self, stage: &Stage, chunks: &[f64]) -> Result<Outcome, PlannerError> {
        let mut outcome = Outcome { first_frame: stage.first_frame, ..Outcome::default() };
        let frames = stage.asked.n + stage.on * self.layout().frames_per_token;
        stage.asked.read(frames, chunks, &mut outcome.observations, &mut outcome.rewards);
        self.normalizer.observation.denormalize(&mut outcome.observations)?;
        Ok(outcome)
    }

    /// Values of a plan by what was drawn of it, and its chance.
    fn fates(&self, tally: &Tally<'_>) -> (Fates, Option<f64>) {
        match tally.prospect.ways {
            Some(ways) => self.branch(tally, ways),
            None => self.follow(tally),
        }
    }

    /// The tree of a plan: chunk after chunk, outcomes stay with it or leave it.
    fn branch(&self, tally: &Tally<'_>, ways: &Ways) -> (Fates, Option<f64>) {
        let (o, Prospect { plan, request, .. }) = (self.layout().observation, tally.prospect);
        let (mut fates, mut chance, mut frames) = (Fates::default(), 1.0, 0);
        let mut end = request.observation.to_vec();
        for stage in &tally.stages {
            frames = stage.first_frame + stage.asked.n;
            end = planned_end(plan, frames, o);
            let share = chance / stage.outcomes.len() as f64;
            let mut stay = 0.0;
            for outcome in &stage.outcomes {
                let here = &outcome.observations[outcome.observations.len().saturating_sub(o)..];
                if as_planned(request.task, &end, here) {
                    stay += 1.0;
                } else {
                    fates.add(share, -(frames as f64 + self.rest(request.task, ways, here)));
                }
            }
            chance = share * stay;
        }
        fates.add(chance, -(frames as f64 + self.rest(request.task, ways, &end)));
        (fates, Some(chance))
    }

    /// What a plan is worth if all goes as planned, where ways tell what comes after it.
    fn promise(&self, tally: &Tally<'_>) -> Option<f64> {
        let Prospect { plan, request, ways } = tally.prospect;
        let frames = tally.stages.last().map(|stage| stage.first_frame + stage.asked.n)?;
        let end = planned_end(plan, frames, self.layout().observation);
        Some(-(frames as f64 + self.rest(request.task, ways?, &end)))
    }

    /// See [`Outlook::near`].
    fn near(&self, tally: &Tally<'_>) -> Vec<f64> {
        let (o, Prospect { plan, request, .. }) = (self.layout().observation, tally.prospect);
        let first = tally.stages.first().filter(|_| request.task.condition().is_some());
        let Some(stage) = first else { return Vec::new() };
        let share = |frame: usize| {
            let planned = planned_end(plan, frame + 1, o);
            let here = |outcome: &&Outcome| {
                let here = outcome.observations.chunks_exact(o).nth(frame);
                here.is_some_and(|here| as_planned(request.task, &planned, here))
            };
            stage.outcomes.iter().filter(here).count() as f64 / stage.outcomes.len() as f64
        };
        (0..stage.asked.n.min(self.layout().frames_per_token)).map(share).collect()
    }

    /// Frames until the task is done, from an observation on: at the pace of the data along the certain way. From where they
    /// leap no way is certain: it is the mean over the places where they landed.
    fn rest(&self, task: &dyn Task, ways: &Ways, observation: &[f64]) -> f64 {
        if task.reached(observation) {
            return 0.0;
        }
        let lost = self.config.monte_carlo.lost;
        let Some(pace) = self.support.as_ref().and_then(|support| support.pace()) else { return lost };
        let frames = |length: f64| ((length - task.tolerance()).max(0.0) / pace).min(lost);
        if let Some(length) = ways.length(observation) {
            return frames(length);
        }
        let landings = ways.landings(observation);
        let from = |place: &Vec<f64>| ways.length_from(place).map_or(lost, frames);
        let sum: f64 = landings.iter().map(from).sum();
        if landings.is_empty() { lost } else { sum / landings.len() as f64 }
    }

    /// What each outcome of a whole plan is worth.
    fn follow(&self, tally: &Tally<'_>) -> (Fates, Option<f64>) {
        let (o, Prospect { plan, request, .. }) = (self.layout().observation, tally.prospect);
        let ends = request.task.distance(request.observation).is_some();
        let (mut fates, mut arrive, mut drawn) = (Fates::default(), 0.0, 0.0);
        for Outcome { observations, rewards, .. } in tally.stages.iter().flat_map(|stage| &stage.outcomes) {
            let value = if ends {
                let there = observations.chunks_exact(o).position(|frame| request.task.reached(frame));
                arrive += f64::from(u8::from(there.is_some()));
                there.map_or(-self.config.monte_carlo.lost, |frame| -((frame + 1) as f64))
            } else {
                let rewards = Rows::dense(rewards, usize::from(!rewards.is_empty()));
                let frames =
                    Frames { observations: Rows::dense(observations, o), rewards, ..plan.frames(1.0) };
                request.task.score(frames, None)
            };
            drawn += 1.0;
            fates.add(1.0, value);
        }
        (fates, ends.then_some(arrive / drawn))
    }
}

/// Where a plan says that it is after `frames` frames: where it was sampled to, and not where it was made to end.
fn planned_end(plan: &Plan, frames: usize, observation: usize) -> Vec<f64> {
    let sampled =
        notes(plan).map(|notes| &notes.end).filter(|end| frames == plan.frames && end.len() == observation);
    let frame = || frames.checked_sub(1).and_then(|frame| plan.observation(frame));
    sampled.map(Vec::as_slice).unwrap_or_else(|| frame().unwrap_or_default()).to_vec()
}
