//! Candidates: how a sequence begins, and how it is walked to a finished plan.

use forethought_envs::data::DatasetNormalizer;

use super::DiffusionPlanner;
use super::notes::{Notes, notes};
use super::situation::{Kind, Situation};
use crate::budget::{Budget, Metered};
use crate::classifier_free::ClassifierFree;
use crate::denoiser::on_pool;
use crate::guidance::{Objective, TaskObjective};
use crate::layout::FIRST_CHUNK;
use crate::plan::{Memory, Plan, Snapshot};
use crate::{Guidance, PlannerError, Sampler, SchedulingMatrix, TokenLayout, Tokens, random};

/// Name the streams of a plan's initial noise and of its Monte Carlo completions.
const NOISE_STREAM: u64 = 0;
const COMPLETION_STREAM: u64 = 1;

/// What is sampled together.
#[derive(Clone, Copy)]
pub(super) struct Run {
    pub chunks: usize,
    pub round: usize,
    pub kind: Kind,
    /// Candidates of each situation, which stand side by side.
    pub candidates: usize,
    /// Whether there must be a plan, so that a row is computed whatever the budget says.
    pub needed: bool,
}

impl DiffusionPlanner {
    /// Samples candidates and ranks them. Where the budget runs out, those are ranked that there are between two rows.
    pub(super) fn sample(
        &mut self,
        situations: &[&Situation<'_>],
        run: Run,
        trace: bool,
        budget: &mut Budget<'_>,
    ) -> Result<Vec<Plan>, PlannerError> {
        let Run { chunks, round, kind, candidates, needed } = run;
        let (layout, config) = (self.layout().clone(), self.config.clone());
        let first = FIRST_CHUNK + kind.past;
        let levels = situations.first().map_or(&[][..], |of| &of.known.level_tp);
        let matrix = config.rows(chunks, layout.parts(), kind.warm)?.after_known(first).holding(levels);
        let names = names(chunks, candidates, round);
        let mut x = self.begin(situations, &names, &matrix, chunks, kind);
        let objectives: Vec<TaskObjective<'_>> = situations
            .iter()
            .map(|of| {
                let weight = config.guidance.start_weight;
                TaskObjective::new(of.request.task, &layout, &self.normalizer, weight).after(kind.past)
            })
            .collect();
        let guiding: Vec<&dyn Objective> = objectives.iter().map(|objective| objective as _).collect();
        let seeds: Vec<u64> = situations
            .iter()
            .zip(names.iter().cycle())
            .map(|(of, name)| random::derive(of.request.seed, &name.of(COMPLETION_STREAM)))
            .collect();
        let guidance = Guidance {
            objectives: &guiding,
            scale: config.guidance.scale,
            end: (config.guidance.end * f64::from(config.sampler.steps)).round() as u16,
            mc_samples: config.guidance.mc_samples,
            seeds: &seeds,
        };
        let guidance = situations.first().is_some_and(|of| of.guided(&config)).then_some(&guidance);
        let sampler = Sampler {
            schedule: &self.schedule,
            matrix: &matrix,
            stabilization: config.sampler.stabilization_level,
            limits: Some((&self.low, &self.high)),
            solver: config.sampler.solver,
        };
        let mut traces: Vec<Vec<Snapshot>> = vec![Vec::new(); situations.len()];
        let normalizer = &self.normalizer;
        let last = sampler.all().end;
        let mut metered = Metered::new(budget, x.batch * x.tokens(), needed);
        let mut on_row = |row: usize, x: &Tokens| {
            let sequences = x.x0_btd.chunks_exact(x.x0_btd.len() / x.batch.max(1));
            for (trace_of, x0_td) in traces.iter_mut().zip(sequences).filter(|_| trace) {
                trace_of.extend(snapshot(
                    &layout,
                    normalizer,
                    row,
                    &matrix,
                    &x0_td[first * layout.width()..],
                ));
            }
            metered.row(row == last)
        };
        let rows = on_pool(self.denoiser.as_mut(), |denoiser| {
            let mut denoiser = ClassifierFree::new(denoiser, config.guidance.condition_scale);
            sampler.run(&mut denoiser, guidance, &mut x, sampler.all(), &mut on_row)
        })?;
        let sequences = x.x0_btd.chunks_exact(x.tokens() * layout.width());
        let finished = sequences.zip(situations).zip(&objectives).zip(traces);
        finished
            .map(|(((x0_td, of), objective), trace)| {
                let x0_cd = &x0_td[first * layout.width()..];
                let mut plan = decode(&layout, normalizer, x0_cd)?;
                (plan.stats.rows, plan.trace, plan.out_of_data) = (rows, trace, of.out_of_data);
                plan.clean = matrix.clean_tokens(first, rows) * layout.frames_per_token;
                let due = kind.shown.then(|| of.horizons.due(chunks, layout.frames_per_token));
                let (x0_cd, staying, leg) = (x0_cd.to_vec(), kind.staying, of.leg);
                let mut notes = Notes { x0_cd, staying, leg, due, ..Notes::default() };
                let mut plan = self.rank(plan, &mut notes, of, objective, x0_td, kind.past + chunks);
                plan.memory = Memory::new(notes);
                Ok(plan)
            })
            .collect()
    }

    /// Sequences as they begin: the known tokens, and chunks at the levels of the matrix's first row. In a warm start
    /// the plan in force stands for the clean estimate until there is one, which is what Monte Carlo completions of
    /// waiting tokens are drawn around.
    fn begin(
        &self,
        situations: &[&Situation<'_>],
        names: &[Name],
        matrix: &SchedulingMatrix,
        chunks: usize,
        kind: Kind,
    ) -> Tokens {
        let (layout, width, first) = (self.layout(), self.layout().width(), FIRST_CHUNK + kind.past);
        let (tokens, visible) = (layout.tokens(kind.past + chunks), kind.past + chunks);
        let mut x_btd = vec![0.0; situations.len() * tokens * width];
        let sequences = x_btd.chunks_exact_mut(tokens * width);
        for ((of, name), x_td) in situations.iter().zip(names.iter().cycle()).zip(sequences) {
            let (known, planned) = x_td.split_at_mut(first * width);
            known.copy_from_slice(&of.known.x_td);
            let mut rng = random::stream(of.request.seed, &name.of(NOISE_STREAM));
            random::fill_normal(&mut rng, planned);
            planned.iter_mut().for_each(|noise| *noise *= self.config.sampler.temperature);
        }
        let count = situations.len();
        let mut x = Tokens::new(tokens, x_btd, vec![visible; count], vec![kind.told; count]);
        for (b, of) in situations.iter().enumerate().filter(|_| kind.warm) {
            let Some(now) = of.request.in_force else { continue };
            let x0_cd = notes(now.plan).map_or(&[][..], |notes| &notes.x0_cd);
            let ahead = x0_cd.get(now.executed.saturating_mul(layout.frame())..).unwrap_or_default();
            let last = ahead.len().saturating_sub(layout.frame());
            // Past its end the plan in force holds its last frame.
            let clean = |chunk: usize, d: usize| {
                let at = chunk * width + d;
                ahead.get(at).or_else(|| ahead.get(last + at % layout.frame())).copied().unwrap_or(0.0)
            };
            let level = |chunk: usize| {
                let level = usize::from(matrix.row(0)[(first + chunk) * matrix.parts()]);
                self.schedule.training_level(level, usize::from(matrix.levels()))
            };
            x.noise_around((b, first), width, &self.schedule, level, clean);
        }
        x
    }
}

/// Names the randomness of one candidate of a request.
struct Name {
    chunks: u64,
    candidate: u64,
}

impl Name {
    /// Path of the stream of randomness named `stream`.
    fn of(&self, stream: u64) -> [u64; 3] {
        [stream, self.chunks, self.candidate]
    }
}

/// Names of the candidates of a round: each has randomness of its own.
fn names(chunks: usize, candidates: usize, round: usize) -> Vec<Name> {
    let name = |i: usize| Name { chunks: chunks as u64, candidate: (round * candidates + i) as u64 };
    (0..candidates).map(name).collect()
}

/// Normalised chunks `[chunks, width]` to a plan in environment units.
fn decode(layout: &TokenLayout, normalizer: &DatasetNormalizer, x0_cd: &[f64]) -> Result<Plan, PlannerError> {
    let mut plan = Plan::default();
    for chunk in x0_cd.chunks_exact(layout.width()) {
        for frame in 0..layout.frames_per_token {
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

/// The plan as one row shows it, of the planned chunks `[chunks, width]`.
fn snapshot(
    layout: &TokenLayout,
    normalizer: &DatasetNormalizer,
    row: usize,
    matrix: &SchedulingMatrix,
    x0_cd: &[f64],
) -> Option<Snapshot> {
    let plan = decode(layout, normalizer, x0_cd).ok()?;
    let first = matrix.tokens().saturating_sub(x0_cd.len() / layout.width());
    let share = |level: &u16| f64::from(*level) / f64::from(matrix.levels());
    // All parts of a planned chunk have one level.
    let levels = matrix.row(row).iter().step_by(matrix.parts()).skip(first);
    let uncertainty =
        levels.flat_map(|level| std::iter::repeat_n(share(level), layout.frames_per_token)).collect();
    Some(Snapshot { row, uncertainty, observations: plan.observations })
}
