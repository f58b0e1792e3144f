//! The diffusion planner: from observations to plans.
//!
//! 1. Each request becomes sequences `[state, goal, chunks]`, one per candidate: the state clean, the goal
//!    clean or hidden, the chunks pure noise or, in a warm start, the previous plan put back to a pyramid of
//!    levels. Which lengths are tried says `commitment.rs`.
//! 2. All candidates of one horizon walk the scheduling matrix together ([`Sampler`]), guided by the mean
//!    over Monte Carlo completions ([`Guidance`]).
//! 3. Each candidate is judged by what it would earn and by how much it looks like the data
//!    ([`LikelihoodBound`]); each request keeps the best, which is the shortest plausible one that arrives.

use std::collections::BTreeMap;

use forethought_envs::data::DatasetNormalizer;

use crate::checkpoint::SlotLimits;
use crate::commitment::{Horizons, acceptable};
use crate::denoiser::Denoiser;
use crate::error::{check_finite, check_len};
use crate::guidance::{Objective, PlannedReward, ReachGoal, Tied, Unvisited};
use crate::layout::{FIRST_CHUNK, GOAL, STATE};
use crate::likelihood::LikelihoodBound;
use crate::noise::NoiseSchedule;
use crate::plan::{Plan, PlanRequest, PlanRow, Planner};
use crate::plan_config::{ObjectiveKind, PlanConfig};
use crate::{Guidance, PlannerError, Sampler, SchedulingMatrix, Sequences, TokenLayout, random};

/// Name the streams of a plan's initial noise and of its Monte Carlo completions.
const NOISE_STREAM: u64 = 0;
const COMPLETION_STREAM: u64 = 1;
const LIKELIHOOD_STREAM: u64 = 2;
/// Levels at which a route is judged, as shares of pure noise: below them it is the noise of single actions that
/// counts, above them there is nothing left to tell one route from another.
const ROUTE_LEVELS: (f64, f64) = (0.4, 0.7);
const ROUTE_BANDS: usize = 4;

/// How a plan begins: requests that differ in it are sampled apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Start {
    /// From the plan in force.
    warm: bool,
    /// With the goal as a token.
    shown: bool,
    /// With a goal to be guided to.
    goal: bool,
}

/// A denoiser with everything needed to plan in one environment.
pub struct DiffusionPlanner {
    denoiser: Box<dyn Denoiser>,
    schedule: NoiseSchedule,
    normalizer: DatasetNormalizer,
    low: Vec<f64>,
    high: Vec<f64>,
    goal_radius: f64,
    config: PlanConfig,
}

impl DiffusionPlanner {
    /// Planner around a denoiser. `goal_radius` is the distance that counts as arrived, in observation units.
    ///
    /// # Errors
    /// [`PlannerError::Setting`] for settings the checkpoint cannot plan with.
    pub fn new(
        denoiser: Box<dyn Denoiser>,
        schedule: NoiseSchedule,
        normalizer: DatasetNormalizer,
        limits: &SlotLimits,
        goal_radius: f64,
        config: PlanConfig,
    ) -> Result<Self, PlannerError> {
        let layout = denoiser.layout();
        config.check(layout.chunks, schedule.levels())?;
        check_len("value limits", layout.frame(), limits.low.len())?;
        check_len("value limits", layout.frame(), limits.high.len())?;
        if config.objective == ObjectiveKind::Reward {
            PlannedReward::new(layout)?;
        }
        let repeat = |frame: &[f64]| frame.repeat(layout.frame_stack);
        let (low, high) = (repeat(&limits.low), repeat(&limits.high));
        Ok(Self { denoiser, schedule, normalizer, low, high, goal_radius, config })
    }

    /// Settings in force.
    pub fn config(&self) -> &PlanConfig {
        &self.config
    }

    /// Replaces the settings.
    ///
    /// # Errors
    /// [`PlannerError::Setting`] for settings the checkpoint cannot plan with; the old ones stay then.
    pub fn set_config(&mut self, config: PlanConfig) -> Result<(), PlannerError> {
        config.check(self.denoiser.layout().chunks, self.schedule.levels())?;
        self.config = config;
        Ok(())
    }

    fn layout(&self) -> &TokenLayout {
        self.denoiser.layout()
    }

    fn check(&self, request: &PlanRequest<'_>) -> Result<(), PlannerError> {
        check_len("observation", self.layout().observation, request.observation.len())?;
        check_finite("observation", request.observation)?;
        if let Some(goal) = request.goal {
            check_len("goal", self.layout().goal_indices.len(), goal.len())?;
            check_finite("goal", goal)?;
        }
        Ok(())
    }

    /// How plans for a request begin.
    fn start(&self, request: &PlanRequest<'_>) -> Start {
        let staying = self.config.hold > 0 && self.there(request);
        let shown = self.config.goal_token && request.goal.is_some() && !staying;
        Start { warm: self.starts_warm(request), shown, goal: request.goal.is_some() }
    }

    /// Whether the present is within the goal radius.
    fn there(&self, request: &PlanRequest<'_>) -> bool {
        request.goal.is_some_and(|goal| self.away(request.observation, goal) <= self.goal_radius)
    }

    /// Distance of an observation from a goal.
    fn away(&self, observation: &[f64], goal: &[f64]) -> f64 {
        let offsets = self.layout().goal_indices.iter().zip(goal).map(|(&i, g)| observation[i] - g);
        offsets.map(|offset| offset * offset).sum::<f64>().sqrt()
    }

    /// Whether a plan begins from the one in force: where that is wanted and something of the way is left.
    fn starts_warm(&self, request: &PlanRequest<'_>) -> bool {
        self.config.warm_start < 1.0
            && request.previous.is_some_and(|(plan, executed)| {
                executed < plan.frames && plan.arrival.is_none_or(|arrival| executed < arrival)
            })
    }

    /// Samples one candidate of `chunks` chunks for every request.
    fn sample(
        &mut self,
        requests: &[PlanRequest<'_>],
        chunks: usize,
        start: Start,
        candidate: u64,
        history: bool,
    ) -> Result<Vec<Plan>, PlannerError> {
        let warm = start.warm;
        let layout = self.layout().clone();
        let (tokens, width) = (layout.tokens(chunks), layout.width());
        let matrix = self.matrix(chunks, warm)?;
        let mut x_btd = vec![0.0; requests.len() * tokens * width];
        let mut x0_btd = x_btd.clone();
        let sequences = x_btd.chunks_exact_mut(tokens * width).zip(x0_btd.chunks_exact_mut(tokens * width));
        for (request, (x_td, x0_td)) in requests.iter().zip(sequences) {
            self.begin(request, &matrix, candidate, warm, x_td, x0_td)?;
        }
        let mut sequences = Sequences {
            batch: requests.len(),
            x_btd,
            x0_btd,
            chunks_b: vec![chunks; requests.len()],
            goal_b: vec![start.shown; requests.len()],
        };
        let objectives = self.objectives(requests)?;
        let seeds: Vec<u64> = requests
            .iter()
            .map(|request| random::derive(request.seed, &[COMPLETION_STREAM, chunks as u64, candidate]))
            .collect();
        let guided = self.config.guidance > 0.0
            && objectives.len() == requests.len()
            && (!start.shown || self.config.guide_shown);
        let guidance = Guidance {
            objectives: &objectives,
            scale: self.config.guidance,
            floor: (self.config.guidance_floor * f64::from(self.config.levels)).round() as u16,
            completions: self.config.completions,
            seeds: &seeds,
        };
        let sampler = Sampler {
            schedule: &self.schedule,
            matrix: &matrix,
            stabilization: self.config.stabilization,
            limits: Some((&self.low, &self.high)),
            solver: self.config.solver,
        };
        let mut rows: Vec<Vec<PlanRow>> = vec![Vec::new(); requests.len()];
        let normalizer = &self.normalizer;
        let mut on_row = |row: usize, sequences: &Sequences| {
            if history {
                for (b, rows) in rows.iter_mut().enumerate() {
                    let x0_td = &sequences.x0_btd[b * tokens * width..(b + 1) * tokens * width];
                    rows.extend(snapshot(&layout, normalizer, row, matrix.row(row), x0_td));
                }
            }
            true
        };
        let guidance = guided.then_some(&guidance);
        let (pool, denoiser) = (self.denoiser.pool(), self.denoiser.as_mut());
        let mut walk = || sampler.run(denoiser, guidance, &mut sequences, &mut on_row);
        // All rows on the denoiser's threads: handing over between threads at every row costs more than it saves.
        let walked = match pool {
            Some(pool) => pool.install(walk),
            None => walk(),
        }?;
        let surprise_b = self.surprise(requests, &mut sequences, chunks, candidate)?;
        // Of a clean token the estimate is the token itself.
        let finished = sequences.x0_btd.chunks_exact(tokens * width).zip(requests).zip(rows).enumerate();
        finished
            .map(|(b, ((x0_td, request), history))| {
                let mut plan = decode(&layout, &self.normalizer, &x0_td[FIRST_CHUNK * width..])?;
                plan.rows = walked;
                plan.history = history;
                plan.visited = self.visited(request);
                plan.surprise = surprise_b.get(b).copied().unwrap_or(0.0);
                self.judge(
                    &mut plan,
                    request,
                    objectives.get(b).map(AsRef::as_ref),
                    x0_td,
                    (chunks, start.shown),
                );
                Ok(plan)
            })
            .collect()
    }

    /// Nats of the least likely chunk of every plan, each as if it had been made without a goal: what is asked is
    /// whether one can move so, not whether it leads there. Nothing where no setting asks for it.
    fn surprise(
        &mut self,
        requests: &[PlanRequest<'_>],
        sequences: &mut Sequences,
        chunks: usize,
        candidate: u64,
    ) -> Result<Vec<f64>, PlannerError> {
        if self.config.likelihood <= 0.0 && self.config.acceptable >= f64::MAX {
            return Ok(Vec::new());
        }
        let bound =
            LikelihoodBound::new(&self.schedule, ROUTE_LEVELS, ROUTE_BANDS, self.config.stabilization)?;
        let seeds: Vec<u64> = requests
            .iter()
            .map(|request| random::derive(request.seed, &[LIKELIHOOD_STREAM, chunks as u64, candidate]))
            .collect();
        sequences.goal_b.fill(false);
        let (pool, denoiser, schedule) = (self.denoiser.pool(), self.denoiser.as_mut(), &self.schedule);
        let layout = denoiser.layout().clone();
        let position = |slot: usize| {
            (slot % layout.frame())
                .checked_sub(layout.action)
                .is_some_and(|entry| layout.goal_indices.contains(&entry))
        };
        let mut score = || bound.nats(denoiser, schedule, sequences, &seeds, &position);
        let nats_bt = match pool {
            Some(pool) => pool.install(score),
            None => score(),
        }?;
        let tokens = nats_bt.len() / requests.len().max(1);
        Ok(nats_bt
            .chunks_exact(tokens.max(1))
            .map(|nats_t| nats_t.iter().copied().fold(0.0, f64::max))
            .collect())
    }

    /// Scheduling matrix of all tokens: known ones clean throughout, chunks from noise or a warm pyramid.
    fn matrix(&self, chunks: usize, warm: bool) -> Result<SchedulingMatrix, PlannerError> {
        let levels = self.config.levels;
        let start: Vec<u16> = (0..chunks)
            .map(|t| {
                let share =
                    if warm { self.config.warm_start + self.config.warm_slope * t as f64 } else { 1.0 };
                (f64::from(levels) * share.min(1.0)).round() as u16
            })
            .collect();
        let matrix = SchedulingMatrix::from_levels(self.config.matrix, &start, levels)?;
        Ok(matrix.until_settled(self.config.settle).after_known(FIRST_CHUNK))
    }

    /// Fills one sequence: known tokens, and chunks at the levels of the matrix's first row; and what is taken
    /// for its clean estimate until there is one: in a warm start the previous plan, which is what Monte Carlo
    /// completions of waiting tokens are drawn around.
    fn begin(
        &self,
        request: &PlanRequest<'_>,
        matrix: &SchedulingMatrix,
        candidate: u64,
        warm: bool,
        x_td: &mut [f64],
        x0_td: &mut [f64],
    ) -> Result<(), PlannerError> {
        let (layout, width) = (self.layout(), self.layout().width());
        let mut observation = request.observation.to_vec();
        self.normalizer.observation.normalize(&mut observation)?;
        layout.write_state(&observation, &mut x_td[STATE * width..(STATE + 1) * width]);
        if let Some(goal) = request.goal {
            let (shift, scale) = (self.normalizer.observation.shift(), self.normalizer.observation.scale());
            let goal: Vec<f64> = layout
                .goal_indices
                .iter()
                .zip(goal)
                .map(|(&i, value)| (value - shift[i]) / scale[i])
                .collect();
            layout.write_goal(&goal, &mut x_td[GOAL * width..(GOAL + 1) * width]);
        }
        let chunks = &mut x_td[FIRST_CHUNK * width..];
        let mut rng = random::stream(request.seed, &[NOISE_STREAM, (chunks.len() / width) as u64, candidate]);
        random::fill_normal(&mut rng, chunks);
        x0_td.copy_from_slice(x_td);
        let chunks = &mut x_td[FIRST_CHUNK * width..];
        if let (true, Some((previous, executed))) = (warm, request.previous) {
            let shifted = previous.x0_cd.get(executed * layout.frame()..).unwrap_or_default();
            for (chunk, x) in chunks.chunks_exact_mut(width).enumerate() {
                // A chunk that the previous plan does not reach stays pure noise at its level's amplitude.
                let level = matrix.row(0)[FIRST_CHUNK + chunk];
                let k = self.schedule.training_level(usize::from(level), usize::from(matrix.levels()));
                let (signal, noise) = (self.schedule.abar(k).sqrt(), (1.0 - self.schedule.abar(k)).sqrt());
                let last = shifted.len().saturating_sub(layout.frame());
                for (d, value) in x.iter_mut().enumerate() {
                    // Past its end the previous plan holds its last frame.
                    let at = chunk * width + d;
                    let clean = shifted.get(at).or_else(|| shifted.get(last + at % layout.frame()));
                    let clean = clean.copied().unwrap_or(0.0);
                    *value = signal * clean + noise * *value;
                    x0_td[FIRST_CHUNK * width + at] = clean;
                }
            }
        }
        Ok(())
    }

    fn objectives(&self, requests: &[PlanRequest<'_>]) -> Result<Vec<Box<dyn Objective>>, PlannerError> {
        let mut objectives: Vec<Box<dyn Objective>> = Vec::new();
        for request in requests {
            let objective: Box<dyn Objective> = match (self.config.objective, request.goal) {
                (ObjectiveKind::Reward, _) => Box::new(PlannedReward::new(self.layout())?),
                (ObjectiveKind::Goal, Some(goal)) => {
                    let radius = self.config.reach * self.goal_radius;
                    let (layout, scaling) = (self.layout(), &self.normalizer.observation);
                    let reach = Box::new(ReachGoal::new(layout, scaling, goal, radius)?);
                    let (weight, visited) = (self.config.unvisited, self.visited(request));
                    if weight > 0.0 && !visited.is_empty() {
                        let width = self.config.unvisited_width * self.goal_radius;
                        Box::new(Unvisited::new(reach, layout, scaling, &visited, weight, width))
                    } else {
                        reach
                    }
                }
                (ObjectiveKind::Goal, None) => continue,
            };
            objectives.push(if self.config.tie > 0.0 {
                Box::new(Tied::new(objective, self.layout(), self.config.tie))
            } else {
                objective
            });
        }
        Ok(objectives)
    }

    /// Positions from which the plans up to this one were made, none while the goal is near: staying there is
    /// what is wanted.
    fn visited(&self, request: &PlanRequest<'_>) -> Vec<f64> {
        if request.goal.is_none() || self.config.unvisited <= 0.0 {
            return Vec::new();
        }
        if self.there(request) {
            return Vec::new();
        }
        let position = self.layout().goal_indices.iter().map(|&i| request.observation[i]);
        let before = request.previous.map(|(plan, _)| plan.visited.as_slice()).unwrap_or_default();
        before.iter().copied().chain(position).collect()
    }

    /// Estimated return of a finished plan.
    fn judge(
        &self,
        plan: &mut Plan,
        request: &PlanRequest<'_>,
        objective: Option<&dyn Objective>,
        x0_td: &[f64],
        (chunks, shown): (usize, bool),
    ) {
        let layout = self.layout();
        let Some(goal) = request.goal else {
            let mut unused = vec![0.0; x0_td.len()];
            plan.value =
                objective.map_or(0.0, |objective| objective.value_and_gradient(x0_td, chunks, &mut unused));
            return;
        };
        let distances: Vec<f64> = plan
            .observations
            .chunks_exact(layout.observation)
            .map(|observation| self.away(observation, goal))
            .collect();
        let inside = |distance: &f64| *distance <= self.goal_radius;
        plan.arrival = distances.iter().position(inside);
        let frames_inside = distances.iter().filter(|d| inside(d)).count() as f64;
        let stays = distances.last().is_some_and(inside);
        let longest = layout.chunks * layout.frame_stack;
        let after = if stays { longest.saturating_sub(plan.frames) as f64 } else { 0.0 };
        // Among plans that never arrive, the one that comes closest: less than one frame's worth.
        let closest = distances.iter().copied().fold(f64::INFINITY, f64::min);
        let earned = if shown {
            // What is asked of the plan is to end at the goal; its length says when that is. How often it comes
            // by before is chance.
            let end = distances.last().copied().unwrap_or(f64::INFINITY);
            plan.ends = end <= self.config.tolerance * self.goal_radius;
            pin(layout, plan, goal);
            if plan.ends { longest.saturating_sub(plan.frames) as f64 } else { -end }
        } else {
            frames_inside + after - closest / (1.0 + closest)
        };
        plan.value = earned - self.config.likelihood * plan.surprise;
    }
}

impl Planner for DiffusionPlanner {
    fn plan(&mut self, requests: &[PlanRequest<'_>], history: bool) -> Result<Vec<Plan>, PlannerError> {
        requests.iter().try_for_each(|request| self.check(request))?;
        if requests.is_empty() {
            return Ok(Vec::new());
        }
        let mut best: Vec<Option<Plan>> = vec![None; requests.len()];
        let mut candidates = vec![0; requests.len()];
        let layout = self.layout().clone();
        let horizons: Vec<Horizons> = requests
            .iter()
            .map(|request| {
                let seen = (self.start(request).shown, self.there(request));
                Horizons::new(&self.config, &layout, request, seen)
            })
            .collect();
        for lengths in [|of: &Horizons| of.bound.clone(), |of: &Horizons| of.open.clone()] {
            // One run of the sampler per length and kind of start, so that a plan depends on its request alone.
            let mut runs: BTreeMap<(usize, Start), Vec<usize>> = BTreeMap::new();
            for (index, request) in requests.iter().enumerate() {
                if best[index].as_ref().is_some_and(|plan| acceptable(plan, &self.config)) {
                    continue;
                }
                for chunks in lengths(&horizons[index]) {
                    runs.entry((chunks, self.start(request))).or_default().push(index);
                }
            }
            for ((chunks, start), members) in runs {
                let group: Vec<PlanRequest<'_>> = members.iter().map(|&index| requests[index]).collect();
                for sample in 0..self.config.samples {
                    let plans = self.sample(&group, chunks, start, sample as u64, history)?;
                    for (&index, mut plan) in members.iter().zip(plans) {
                        candidates[index] += 1;
                        // Lengths come in rising order, so that of equal plans the shortest is kept.
                        if best[index].as_ref().is_none_or(|best| plan.value > best.value) {
                            plan.due = start.shown.then(|| horizons[index].due(chunks, layout.frame_stack));
                            best[index] = Some(plan);
                        }
                    }
                }
            }
        }
        let with_count =
            |(plan, candidates): (Option<Plan>, usize)| plan.map(|plan| Plan { candidates, ..plan });
        Ok(best.into_iter().zip(candidates).filter_map(with_count).collect())
    }

    fn levels(&self) -> u16 {
        self.config.levels
    }
}

/// Normalised chunks `[chunks, width]` to a plan in environment units.
fn decode(layout: &TokenLayout, normalizer: &DatasetNormalizer, x0_cd: &[f64]) -> Result<Plan, PlannerError> {
    let mut plan = Plan { x0_cd: x0_cd.to_vec(), ..Plan::default() };
    for chunk in x0_cd.chunks_exact(layout.width()) {
        for frame in 0..layout.frame_stack {
            let (action, observation) = (layout.action_at(frame), layout.observation_at(frame));
            plan.actions.extend_from_slice(&chunk[action..action + layout.action]);
            plan.observations.extend_from_slice(&chunk[observation..observation + layout.observation]);
            plan.frames += 1;
        }
    }
    normalizer.action.denormalize(&mut plan.actions)?;
    normalizer.observation.denormalize(&mut plan.observations)?;
    Ok(plan)
}

/// Lets a plan that was shown the goal end exactly there.
fn pin(layout: &TokenLayout, plan: &mut Plan, goal: &[f64]) {
    if let Some(last) = plan.observations.rchunks_exact_mut(layout.observation).next() {
        layout.goal_indices.iter().zip(goal).for_each(|(&i, &g)| last[i] = g);
    }
}

/// The plan as one row shows it.
fn snapshot(
    layout: &TokenLayout,
    normalizer: &DatasetNormalizer,
    row: usize,
    levels: &[u16],
    x0_td: &[f64],
) -> Option<PlanRow> {
    let plan = decode(layout, normalizer, &x0_td[FIRST_CHUNK * layout.width()..]).ok()?;
    let level = levels[FIRST_CHUNK..]
        .iter()
        .flat_map(|&level| std::iter::repeat_n(level, layout.frame_stack))
        .collect();
    Some(PlanRow { row, level, observations: plan.observations })
}
