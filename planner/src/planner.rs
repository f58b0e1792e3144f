//! The diffusion planner: from observations to plans.
//!
//! 1. **Situate** (`planner/situation.rs`): each request is read once. What is shown, what is guided, what of the plan
//!    in force still holds, and which lengths are worth trying (`planner/horizon.rs`).
//! 2. **Propose**: candidates, shortest first, each a sequence `[state, goal, past, chunks]`: state and past as well as they
//!    were seen (`planner/known.rs`), the goal clean or hidden, the chunks pure noise or, in a warm start, the plan in force noised again.
//! 3. **Sample** (`planner/candidates.rs`): all candidates of one length walk the scheduling matrix together
//!    ([`crate::Sampler`]), guided by the mean over Monte Carlo completions ([`crate::Guidance`]).
//! 4. **Rank** (`planner/rank.rs`): each candidate is ranked by what it says it would earn and by where it leads; each
//!    request keeps the best, which is the plausible one that arrives first.
//! 5. **Reuse**: where no new plan will do, what is left of the one in force is kept, or other noise and other
//!    lengths are tried.
//!
//! Where the way to the goal is longer than a sequence, all this is done leg by leg (`planner/legs.rs`). Where chance has a
//! say, plans that differ are judged by what doing them leads to (`planner/judge.rs`).

mod arranged;
mod candidates;
mod decision_gradient;
mod horizon;
mod imagine;
mod judge;
mod known;
mod legs;
mod notes;
mod promised;
mod rank;
mod roles;
mod situation;

use std::collections::BTreeMap;
use std::sync::Arc;

use forethought_envs::data::{DatasetNormalizer, Support};

use crate::budget::Budget;
use crate::checkpoint::SlotLimits;
use crate::denoiser::Denoiser;
use crate::error::check_len;
use crate::noise::NoiseSchedule;
use crate::plan::{Plan, PlanStatus, Planner, Request};
use crate::plan_config::PlanConfig;
use crate::{PlannerError, ReturnScale, TokenLayout, WantedReturn};
use arranged::Arranged;
use candidates::Run;
pub use decision_gradient::DecisionGradient;
pub use imagine::{Decisions, Outcomes};
use legs::{KnownWays, Leg};
use notes::{arrives, notes, will_do};
use promised::Promised;
use situation::{Kind, Situation};

/// Numbers of a batch of candidates at most: 2 GiB for each of its arrays.
const MOST_NUMBERS: usize = 1 << 28;

/// A denoiser with everything needed to plan.
pub struct DiffusionPlanner {
    denoiser: Box<dyn Denoiser>,
    schedule: NoiseSchedule,
    normalizer: DatasetNormalizer,
    limits: SlotLimits,
    /// `limits` for every slot of a token.
    low: Vec<f64>,
    high: Vec<f64>,
    config: PlanConfig,
    support: Option<Arc<Support>>,
    returns: Option<ReturnScale>,
    /// Goals and the ways to them.
    known_ways: Vec<KnownWays>,
}

/// What has been found for one request.
struct Choice<'a> {
    situation: Situation<'a>,
    best: Option<Plan>,
    /// Those that will do and are not the best, where all are to be judged.
    others: Option<Vec<Plan>>,
    candidates: usize,
    /// Round in which all lengths were tried.
    opened: Option<usize>,
    /// Whether nothing is tried after the first round.
    once: bool,
}

impl Planner for DiffusionPlanner {
    fn plan_within(
        &mut self,
        requests: &[Request<'_>],
        trace: bool,
        budget: &mut Budget<'_>,
    ) -> Result<Vec<Plan>, PlannerError> {
        let _plan = tracing::debug_span!("plan", requests = requests.len()).entered();
        let promised: Vec<_> = requests.iter().map(Promised::new).collect();
        let requests: Vec<_> = promised.iter().map(Promised::request).collect();
        let arrange = |request| Arranged::new(request, self.config.stages, self.layout(), &self.normalizer);
        let arranged: Vec<_> = requests.iter().map(arrange).collect::<Result<_, _>>()?;
        let tasks: Vec<_> = arranged.iter().map(Arranged::rearranged).collect();
        let asked: Vec<_> =
            arranged.iter().zip(&tasks).map(|(arranged, task)| arranged.request(task.as_ref())).collect();
        let plans = self.travel(&asked, trace, budget)?;
        let plans = arranged.iter().zip(plans).map(|(arranged, plan)| arranged.restore(plan));
        let status = if budget.stopped() { PlanStatus::Cut } else { PlanStatus::Complete };
        Ok(promised
            .iter()
            .zip(plans)
            .map(|(promised, plan)| promised.begin(Plan { status, ..plan }, self.layout()))
            .collect())
    }

    fn history(&self) -> usize {
        self.config.history * self.layout().frames_per_token
    }
}

impl DiffusionPlanner {
    /// A request, read once.
    fn situation<'a>(&self, leg: &Leg<'a>) -> Result<Situation<'a>, PlannerError> {
        let steps = usize::from(self.config.sampler.steps);
        let abar = |level: u16| self.schedule.abar(self.schedule.training_level(usize::from(level), steps));
        let scales = (&self.normalizer, self.returns.as_ref());
        Situation::new(leg, &self.config, self.layout(), scales, &self.limits, &abar)
    }

    /// Plans no longer than a sequence: proposes, samples, ranks and reuses. The best comes first; where plans are chosen by
    /// their outcomes, all others come after it.
    fn plan_leg(
        &mut self,
        requests: &[Leg<'_>],
        trace: bool,
        budget: &mut Budget<'_>,
    ) -> Result<Vec<Vec<Plan>>, PlannerError> {
        let mut choices: Vec<Choice<'_>> = Vec::with_capacity(requests.len());
        for leg in requests {
            let mut situation = self.situation(leg)?;
            let same = |choice: &&Choice<'_>| choice.situation.known.level_tp == situation.known.level_tp;
            let like = choices.iter().find(same).map(|choice| choice.situation.kind.like);
            situation.kind.like = like.unwrap_or(choices.len());
            let others = (self.config.monte_carlo.select && leg.all).then(Vec::new);
            let choice =
                Choice { situation, best: None, others, candidates: 0, opened: None, once: leg.at_best };
            choices.push(choice);
        }
        for round in 0..Situation::ROUNDS {
            choices.iter_mut().for_each(|choice| choice.open(round));
            for ((_, chunks, kind), mut members) in self.propose(&choices, round, budget) {
                // Of plans that are shown the goal no longer one arrives before one that will do. Others differ by more.
                members.retain(|&i| !(kind.shown && choices[i].enough()));
                if members.is_empty() {
                    continue;
                }
                // Whatever the budget, there is a plan.
                let needed = members.iter().any(|&i| choices[i].is_needed());
                if !needed && !budget.another(members.len() * self.layout().tokens(kind.past + chunks)) {
                    continue;
                }
                let situations: Vec<&Situation<'_>> =
                    members.iter().map(|&i| &choices[i].situation).collect();
                let candidates = self.candidates(kind, budget);
                let run = Run { chunks, round, kind, candidates, needed };
                let plans = self.sample(&situations, run, trace, budget)?;
                for (i, plan) in members.into_iter().zip(plans) {
                    choices[i].rank(plan);
                }
            }
            for choice in &mut choices {
                self.reuse(choice);
            }
        }
        Ok(choices.into_iter().map(Choice::plans).collect())
    }

    /// Planner around a denoiser. `support` says where the data have been, for [`crate::RankConfig::ood_penalty`].
    ///
    /// # Errors
    /// [`PlannerError::Setting`] for settings the checkpoint cannot plan with; it and [`PlannerError::Length`] for
    /// limits, normaliser and support that do not fit the denoiser's layout.
    pub fn new(
        denoiser: Box<dyn Denoiser>,
        schedule: NoiseSchedule,
        normalizer: DatasetNormalizer,
        limits: SlotLimits,
        config: PlanConfig,
        support: Option<Support>,
    ) -> Result<Self, PlannerError> {
        let layout = denoiser.layout();
        layout.check()?;
        limits.check(layout)?;
        check_len(
            "columns of the observations' normaliser",
            layout.observation,
            normalizer.observation.width(),
        )?;
        check_len("columns of the actions' normaliser", layout.action, normalizer.action.width())?;
        if support.as_ref().is_some_and(|support| !support.fits(&layout.condition, layout.observation)) {
            return Err(PlannerError::Setting {
                name: "support",
                value: "one of other entries of the observation".into(),
                remedy: format!("fit it on those that goals speak of, {:?}", layout.condition),
            });
        }
        let (low, high) =
            (limits.low.repeat(layout.frames_per_token), limits.high.repeat(layout.frames_per_token));
        let mut planner = Self {
            denoiser,
            schedule,
            normalizer,
            limits,
            low,
            high,
            config: PlanConfig::default(),
            support: support.map(Arc::new),
            returns: None,
            known_ways: Vec::new(),
        };
        planner.set_config(config)?;
        Ok(planner)
    }

    /// The same for a network that is told returns: what the data's sequences earn, as its checkpoint says.
    #[must_use]
    pub fn with_returns(self, returns: Option<ReturnScale>) -> Self {
        Self { returns, ..self }
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
        config.check(self.layout().chunks, self.schedule.levels())?;
        if config.monte_carlo.select && self.layout().level_blocks == 0 {
            return Err(PlannerError::Setting {
                name: "plan.monte_carlo.select",
                value: "true".into(),
                remedy: "the checkpoint has one noise level for decisions and outcomes, so it cannot be asked what a plan \
                         leads to: set false, or train again with model.level_blocks at least 1"
                    .into(),
            });
        }
        // Where the data have been, and what outcomes are worth, is told of things as they are seen.
        let of_places = [
            ("plan.rank.ood_penalty", config.rank.ood_penalty > 0.0),
            ("plan.horizon.reach", config.horizon.reach > 0.0),
            ("plan.monte_carlo.select", config.monte_carlo.select),
        ];
        let asked = of_places.into_iter().find(|(_, asked)| *asked && !self.layout().objects.is_empty());
        if let Some((name, _)) = asked {
            return Err(PlannerError::Setting {
                name,
                value: "on".into(),
                remedy: "the checkpoint is shown the thing that is moved first, and this speaks of things as they are seen: set \
                         it to 0 or false, or train again with model.objects = \"as-seen\""
                    .into(),
            });
        }
        if config.wanted_return != WantedReturn::None && !self.layout().returns {
            return Err(PlannerError::Setting {
                name: "plan.wanted_return",
                value: config.wanted_return.into(),
                remedy: "the checkpoint's network is told no returns: set \"none\", or train again with \
                         model.condition = \"return\""
                    .into(),
            });
        }
        self.fits_memory(&config)?;
        if config.history > 0 && self.layout().reward {
            return Err(PlannerError::Setting {
                name: "plan.history",
                value: config.history.to_string(),
                remedy: "the checkpoint's tokens carry rewards, which nobody tells of the past: set 0, or train again with \
                         model.reward = false"
                    .into(),
            });
        }
        if config.rank.ood_penalty > 0.0 && self.support.is_none() {
            return Err(PlannerError::Setting {
                name: "plan.rank.ood_penalty",
                value: config.rank.ood_penalty.to_string(),
                remedy: "the checkpoint does not say where its data have been: set 0, or train again with features of \
                         kind `position`"
                    .into(),
            });
        }
        self.config = config;
        Ok(())
    }

    /// Refuses candidates that no memory holds: those of one length are sampled together.
    fn fits_memory(&self, config: &PlanConfig) -> Result<(), PlannerError> {
        let layout = self.layout();
        let sizes = [
            config.rank.candidates,
            config.guidance.mc_samples,
            layout.tokens(layout.chunks),
            layout.width(),
        ];
        let numbers = sizes.iter().fold(1_usize, |product, n| product.saturating_mul(*n));
        if numbers <= MOST_NUMBERS {
            return Ok(());
        }
        Err(PlannerError::Setting {
            name: "plan.rank.candidates",
            value: format!("{} with {} completions each", config.rank.candidates, config.guidance.mc_samples),
            remedy: "that is more than fits into memory: lower it or plan.guidance.mc_samples".into(),
        })
    }

    /// Layout of the network's tokens.
    pub fn layout(&self) -> &TokenLayout {
        self.denoiser.layout()
    }

    /// Candidates of each length: a plan that is to stay where it is has nothing to choose from.
    fn candidates(&self, kind: Kind, budget: &Budget<'_>) -> usize {
        if kind.shown && kind.staying { 1 } else { budget.candidates_of(self.config.rank.candidates) }
    }

    /// Candidates of a round, by length and kind: what is sampled together, so that a plan depends on its request
    /// alone. Lengths rise. What can be done without comes last: there may be no time for it.
    fn propose(
        &self,
        choices: &[Choice<'_>],
        round: usize,
        budget: &Budget<'_>,
    ) -> BTreeMap<(bool, usize, Kind), Vec<usize>> {
        let mut runs: BTreeMap<(bool, usize, Kind), Vec<usize>> = BTreeMap::new();
        for (i, choice) in choices.iter().enumerate().filter(|(_, choice)| !choice.will_do()) {
            for &chunks in choice.lengths(round) {
                let run = runs.entry((choice.once, chunks, choice.situation.kind)).or_default();
                run.extend(std::iter::repeat_n(i, self.candidates(choice.situation.kind, budget)));
            }
        }
        runs
    }

    /// Where no new plan will do, the one in force may: it is tried before other lengths are.
    fn reuse(&self, choice: &mut Choice<'_>) {
        if choice.best.is_some() && !choice.will_do() {
            let left = choice.situation.rest(self.layout()).map(|rest| self.charge(rest));
            if let Some(left) = left.filter(will_do) {
                choice.best = Some(left);
            }
        }
    }
}

impl Choice<'_> {
    /// Keeps a candidate if it is better than those before it.
    fn rank(&mut self, plan: Plan) {
        self.candidates += 1;
        let worse = if self.best.as_ref().is_none_or(|best| plan.score > best.score) {
            self.best.replace(plan)
        } else {
            Some(plan)
        };
        if let Some(others) = &mut self.others {
            let once = self.once;
            others.extend(worse.filter(|plan| will_do(plan) || (once && arrives(plan))));
        }
    }

    /// Opens all lengths where none that the plan in force leaves arrives, and in the last round. Where they arrive and only
    /// lead through where the data have never been, other noise is tried before.
    fn open(&mut self, round: usize) {
        let arrives = self.best.as_ref().and_then(notes).is_some_and(|notes| notes.ends);
        let other_noise = arrives && self.situation.horizons.due.is_some() && round + 1 < Situation::ROUNDS;
        self.opened = self.opened.or((round > 0 && !other_noise).then_some(round));
    }

    /// Lengths tried in a round; none where all were tried before.
    fn lengths(&self, round: usize) -> &[usize] {
        let horizons = &self.situation.horizons;
        match self.opened {
            _ if self.once && round > 0 => &[],
            None => horizons.bound(),
            Some(opened) if opened == round => horizons.open(),
            Some(_) => &[],
        }
    }

    /// Whether there is no plan yet, and must be one.
    fn is_needed(&self) -> bool {
        self.best.is_none() && !self.once
    }

    /// Whether what was found is good enough to try no longer one.
    fn enough(&self) -> bool {
        self.will_do() || (self.once && self.best.as_ref().is_some_and(arrives))
    }

    /// Whether what was found is good enough to try nothing else.
    fn will_do(&self) -> bool {
        self.best.as_ref().is_some_and(will_do)
    }

    fn plans(self) -> Vec<Plan> {
        let mut plans: Vec<Plan> = self.best.into_iter().chain(self.others.unwrap_or_default()).collect();
        plans.iter_mut().for_each(|plan| plan.stats.candidates = self.candidates);
        plans
    }
}
