//! Candidates: how a sequence begins, and how it is walked to a finished plan.

use forethought_envs::data::DatasetNormalizer;

use super::{DiffusionPlanner, Start};
use crate::denoiser::on_pool;
use crate::layout::{FIRST_CHUNK, GOAL, STATE};
use crate::plan::{Plan, PlanRequest, PlanRow};
use crate::{Guidance, PlannerError, Sampler, SchedulingMatrix, Sequences, TokenLayout, random};

/// Name the streams of a plan's initial noise and of its Monte Carlo completions.
const NOISE_STREAM: u64 = 0;
const COMPLETION_STREAM: u64 = 1;

/// One of the plans that are tried for a request.
#[derive(Clone, Copy)]
pub(super) struct Candidate<'a> {
    pub request: PlanRequest<'a>,
    /// Which of those of one length.
    pub sample: u64,
}

impl Candidate<'_> {
    /// Path of the stream of randomness named `stream` of a candidate of `chunks` chunks.
    pub fn path(&self, stream: u64, chunks: usize) -> [u64; 3] {
        [stream, chunks as u64, self.sample]
    }
}

impl DiffusionPlanner {
    /// Samples candidates of `chunks` chunks.
    pub(super) fn sample(
        &mut self,
        candidates: &[Candidate<'_>],
        chunks: usize,
        start: Start,
        history: bool,
    ) -> Result<Vec<Plan>, PlannerError> {
        let warm = start.warm;
        let layout = self.layout().clone();
        let (tokens, width) = (layout.tokens(chunks), layout.width());
        let matrix = self.matrix(chunks, warm)?;
        let mut x_btd = vec![0.0; candidates.len() * tokens * width];
        let mut x0_btd = x_btd.clone();
        let sequences = x_btd.chunks_exact_mut(tokens * width).zip(x0_btd.chunks_exact_mut(tokens * width));
        for (candidate, (x_td, x0_td)) in candidates.iter().zip(sequences) {
            self.begin(candidate, &matrix, warm, x_td, x0_td)?;
        }
        let mut sequences = Sequences {
            batch: candidates.len(),
            x_btd,
            x0_btd,
            chunks_b: vec![chunks; candidates.len()],
            goal_b: vec![start.shown; candidates.len()],
        };
        let objectives = self.objectives(candidates)?;
        let seeds: Vec<u64> = candidates
            .iter()
            .map(|of| random::derive(of.request.seed, &of.path(COMPLETION_STREAM, chunks)))
            .collect();
        let guided = self.config.guidance > 0.0
            && objectives.len() == candidates.len()
            && (!start.shown || self.config.guide_shown || start.staying);
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
        let mut rows: Vec<Vec<PlanRow>> = vec![Vec::new(); candidates.len()];
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
        let walked = on_pool(self.denoiser.as_mut(), |denoiser| {
            sampler.run(denoiser, guidance, &mut sequences, &mut on_row)
        })?;
        let surprise_b = self.surprise(candidates, &mut sequences, chunks)?;
        // Of a clean token the estimate is the token itself.
        let finished = sequences.x0_btd.chunks_exact(tokens * width).zip(candidates).zip(rows).enumerate();
        finished
            .map(|(b, ((x0_td, candidate), history))| {
                let request = &candidate.request;
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
                    (chunks, start.shown && !start.staying),
                );
                Ok(plan)
            })
            .collect()
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
        candidate: &Candidate<'_>,
        matrix: &SchedulingMatrix,
        warm: bool,
        x_td: &mut [f64],
        x0_td: &mut [f64],
    ) -> Result<(), PlannerError> {
        let (layout, width, request) = (self.layout(), self.layout().width(), &candidate.request);
        let mut observation = request.observation.to_vec();
        self.normalizer.observation.normalize(&mut observation)?;
        layout.write_state(&observation, &mut x_td[STATE * width..(STATE + 1) * width]);
        if let Some(goal) = request.goal() {
            let (shift, scale) = (self.normalizer.observation.shift(), self.normalizer.observation.scale());
            let goal: Vec<f64> = layout
                .condition
                .iter()
                .zip(goal)
                .map(|(&i, value)| (value - shift[i]) / scale[i])
                .collect();
            layout.write_goal(&goal, &mut x_td[GOAL * width..(GOAL + 1) * width]);
        }
        let chunks = &mut x_td[FIRST_CHUNK * width..];
        let path = candidate.path(NOISE_STREAM, chunks.len() / width);
        let mut rng = random::stream(request.seed, &path);
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
