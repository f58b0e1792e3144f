//! The diffusion planner: from observations to plans.
//!
//! 1. Each request becomes sequences `[state, goal, chunks]`, one per candidate: the state clean, the goal
//!    clean or hidden, the chunks pure noise or, in a warm start, the previous plan put back to a pyramid of
//!    levels (`planner/sampling.rs`). Which lengths are tried says `commitment.rs`.
//! 2. All candidates of one horizon walk the scheduling matrix together ([`crate::Sampler`]), guided by the mean
//!    over Monte Carlo completions ([`crate::Guidance`], `planner/steering.rs`).
//! 3. Each candidate is judged by what it would earn and by how much it looks like the data
//!    (`planner/judgement.rs`); each request keeps the best, which is the shortest plausible one that arrives.

mod judgement;
mod sampling;
mod steering;

use std::collections::BTreeMap;

use forethought_envs::data::{DatasetNormalizer, Support};

use crate::checkpoint::SlotLimits;
use crate::commitment::{Horizons, acceptable, rest};
use crate::denoiser::Denoiser;
use crate::error::{check_finite, check_len};
use crate::guidance::PlannedReward;
use crate::noise::NoiseSchedule;
use crate::plan::{Plan, PlanRequest, Planner};
use crate::plan_config::{ObjectiveKind, PlanConfig};
use crate::{PlannerError, TokenLayout};
use sampling::Candidate;

/// Distance from the plan in force, in goal radii, up to which one is still on it.
const ON_THE_WAY: f64 = 0.5;

/// Distance from the goal, in goal radii, up to which one that has arrived is still at the goal: back from there is
/// a matter of turning round, and not of a way.
const STILL_THERE: f64 = 2.0;

/// How a plan begins: requests that differ in it are sampled apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Start {
    /// From the plan in force.
    warm: bool,
    /// With the goal as a token.
    shown: bool,
    /// With a goal to be guided to.
    goal: bool,
    /// At the goal, to stay there.
    staying: bool,
}

/// A denoiser with everything needed to plan in one environment.
pub struct DiffusionPlanner {
    denoiser: Box<dyn Denoiser>,
    schedule: NoiseSchedule,
    normalizer: DatasetNormalizer,
    low: Vec<f64>,
    high: Vec<f64>,
    config: PlanConfig,
    support: Option<Support>,
}

impl DiffusionPlanner {
    /// Planner around a denoiser. `support` says where the data have been, for [`PlanConfig::support`].
    ///
    /// # Errors
    /// [`PlannerError::Setting`] for settings the checkpoint cannot plan with.
    pub fn new(
        denoiser: Box<dyn Denoiser>,
        schedule: NoiseSchedule,
        normalizer: DatasetNormalizer,
        limits: &SlotLimits,
        config: PlanConfig,
        support: Option<Support>,
    ) -> Result<Self, PlannerError> {
        let layout = denoiser.layout();
        config.check(layout.chunks, schedule.levels())?;
        check_support(&config, support.as_ref())?;
        check_len("value limits", layout.frame(), limits.low.len())?;
        check_len("value limits", layout.frame(), limits.high.len())?;
        if config.objective == ObjectiveKind::Reward {
            PlannedReward::new(layout)?;
        }
        let repeat = |frame: &[f64]| frame.repeat(layout.frame_stack);
        let (low, high) = (repeat(&limits.low), repeat(&limits.high));
        Ok(Self { denoiser, schedule, normalizer, low, high, config, support })
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
        check_support(&config, self.support.as_ref())?;
        self.config = config;
        Ok(())
    }

    fn layout(&self) -> &TokenLayout {
        self.denoiser.layout()
    }

    fn check(&self, request: &PlanRequest<'_>) -> Result<(), PlannerError> {
        check_len("observation", self.layout().observation, request.observation.len())?;
        check_finite("observation", request.observation)?;
        if let Some(goal) = request.goal() {
            check_len("goal", self.layout().goal_indices.len(), goal.len())?;
            check_finite("goal", goal)?;
        }
        Ok(())
    }

    /// How plans for a request begin.
    fn start(&self, request: &PlanRequest<'_>) -> Start {
        let staying = self.config.hold > 0 && self.at_goal(request);
        let shown = self.config.goal_token && request.goal().is_some();
        Start { warm: self.starts_warm(request), shown, goal: request.goal().is_some(), staying }
    }

    /// Whether the present is within the goal radius.
    fn there(&self, request: &PlanRequest<'_>) -> bool {
        request.goal().is_some_and(|goal| self.away(request.observation, goal) <= request.task.tolerance())
    }

    /// Whether what is asked for is to stay: within the goal radius, and a little outside of it once there.
    fn at_goal(&self, request: &PlanRequest<'_>) -> bool {
        let stayed = request.previous.is_some_and(|(plan, _)| plan.staying);
        let near = |goal| self.away(request.observation, goal) <= STILL_THERE * request.task.tolerance();
        self.there(request) || (stayed && request.goal().is_some_and(near))
    }

    /// Distance of an observation from a goal.
    fn away(&self, observation: &[f64], goal: &[f64]) -> f64 {
        let offsets = self.layout().goal_indices.iter().zip(goal).map(|(&i, g)| observation[i] - g);
        offsets.map(|offset| offset * offset).sum::<f64>().sqrt()
    }

    /// What is left of the plan in force, where it will do: it must lead on from here.
    fn kept(&self, request: &PlanRequest<'_>, horizons: &Horizons) -> Option<Plan> {
        let (plan, _) = request.previous.filter(|_| horizons.due.is_some())?;
        let behind = horizons.behind;
        let passed = plan.observations.chunks_exact(self.layout().observation).nth(behind.checked_sub(1)?)?;
        let away = self.away(request.observation, &self.layout().goal_entries(passed));
        let mut kept =
            rest(plan, behind, self.layout()).filter(|_| away <= ON_THE_WAY * request.task.tolerance())?;
        kept.unsupported = self.unsupported(&kept);
        kept.visited = self.visited(request);
        acceptable(&kept, &self.config).then_some(kept)
    }

    /// Whether a plan begins from the one in force: where that is wanted and something of the way is left.
    fn starts_warm(&self, request: &PlanRequest<'_>) -> bool {
        self.config.warm_start < 1.0
            && request.previous.is_some_and(|(plan, executed)| {
                executed < plan.frames && plan.arrival.is_none_or(|arrival| executed < arrival)
            })
    }
}

/// Refuses to judge by a support that is not there.
fn check_support(config: &PlanConfig, support: Option<&Support>) -> Result<(), PlannerError> {
    if config.support > 0.0 && support.is_none() {
        return Err(PlannerError::Setting {
            name: "plan.support",
            value: config.support.to_string(),
            remedy: "the checkpoint does not say where its data have been: set 0, or train again with this version"
                .into(),
        });
    }
    Ok(())
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
                let seen = (self.start(request).shown, self.at_goal(request));
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
                let samples = self.config.samples;
                let members: Vec<usize> =
                    members.into_iter().flat_map(|index| std::iter::repeat_n(index, samples)).collect();
                let group: Vec<Candidate<'_>> = members
                    .iter()
                    .zip((0..samples as u64).cycle())
                    .map(|(&index, sample)| Candidate { request: requests[index], sample })
                    .collect();
                for (index, mut plan) in members.into_iter().zip(self.sample(&group, chunks, start, history)?)
                {
                    candidates[index] += 1;
                    // Lengths come in rising order, so that of equal plans the shortest is kept.
                    if best[index].as_ref().is_none_or(|best| plan.value > best.value) {
                        plan.staying = start.staying;
                        plan.due = start.shown.then(|| horizons[index].due(chunks, layout.frame_stack));
                        best[index] = Some(plan);
                    }
                }
            }
            // Where no new plan will do, the one in force may: it is tried before other lengths are.
            for (index, request) in requests.iter().enumerate() {
                if best[index].as_ref().is_some_and(|plan| !acceptable(plan, &self.config))
                    && let Some(kept) = self.kept(request, &horizons[index])
                {
                    best[index] = Some(kept);
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
