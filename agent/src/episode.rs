//! One running episode: what it is set up from, its plan in force, and its record as it grows.

use std::sync::Arc;

use forethought_envs::{Environment, NoTask, SharedTask, Start};
use forethought_planner::random::stream;
use forethought_planner::{Plan, PlanRequest};
use forethought_policies::{Executor, PlanFrame, PolicyError};
use rand::Rng;

use crate::{AgentError, EpisodeRecord, EpisodeStep, PlanRecord};

/// Names the stream of plan seeds apart from everything else that an episode's seed feeds.
const PLAN_STREAM: u64 = 0x706c_616e;

/// What an episode is run from.
pub struct EpisodeSetup {
    /// The environment. It is reset with `start`.
    pub env: Box<dyn Environment>,
    /// What turns plans into commands; each episode has its own, because some remember.
    pub executor: Box<dyn Executor>,
    /// How it begins. Its seed is the whole of the episode's randomness: start, goal, policy, and the noise of every
    /// plan.
    pub start: Start,
}

/// A running episode.
pub(crate) struct Episode<'a> {
    env: &'a mut dyn Environment,
    executor: &'a mut dyn Executor,
    task: SharedTask,
    max_steps: usize,
    ended: bool,
    plan: Option<Plan>,
    executed: usize,
    plan_seed: u64,
    action: Vec<f64>,
    pub(crate) record: EpisodeRecord,
}

impl<'a> Episode<'a> {
    /// Resets environment and executor.
    pub(crate) fn begin(
        env: &'a mut dyn Environment,
        executor: &'a mut dyn Executor,
        start: &Start,
        max_steps: usize,
    ) -> Result<Self, AgentError> {
        let record = EpisodeRecord {
            env_id: env.spec().id.clone(),
            seed: start.seed,
            executor: executor.name().to_owned(),
            ..EpisodeRecord::default()
        };
        let action = vec![0.0; env.spec().action.len()];
        let (plan, executed, ended, plan_seed) = (None, 0, false, 0);
        let mut episode = Self {
            env,
            executor,
            task: Arc::new(NoTask),
            max_steps,
            ended,
            plan,
            executed,
            plan_seed,
            action,
            record,
        };
        let begun = episode.env.reset(start);
        begun.map_err(|source| AgentError::Environment { at: episode.at(), source })?;
        episode.task = episode.env.task();
        if let Some(goal) = episode.task.condition() {
            episode.record.goal = Some(goal.values.to_vec());
            episode.record.goal_radius = Some(episode.task.tolerance());
        }
        let begun = episode.executor.begin_episode(start.seed, episode.record.goal.as_deref());
        begun.map_err(|source| episode.refused(source))?;
        episode.observe()?;
        Ok(episode)
    }

    /// Steps taken.
    pub(crate) fn steps(&self) -> usize {
        self.record.rewards.len()
    }

    /// Steps taken, or the most there could have been once the episode ended.
    pub(crate) fn progress(&self) -> usize {
        if self.ended { self.max_steps } else { self.steps() }
    }

    /// Most steps there can be.
    pub(crate) fn max_steps(&self) -> usize {
        self.max_steps
    }

    /// Whether there is another step to take.
    pub(crate) fn running(&self) -> bool {
        !self.ended
    }

    /// Whether the next step needs a new plan.
    pub(crate) fn due(&self, replan_every: usize) -> bool {
        self.running() && self.plan.as_ref().is_none_or(|plan| self.executed >= replan_every.min(plan.frames))
    }

    /// Whether something of the plan in force is left for a warm start.
    pub(crate) fn warm(&self) -> bool {
        self.plan.as_ref().is_some_and(|plan| self.executed < plan.frames)
    }

    /// Names the noise of the next plan by the episode's seed and step, whatever else is planned with it.
    pub(crate) fn seed_plan(&mut self) {
        self.plan_seed = stream(self.record.seed, &[PLAN_STREAM, self.steps() as u64]).next_u64();
    }

    /// What the next plan is to start from.
    pub(crate) fn request(&self) -> PlanRequest<'_> {
        PlanRequest {
            observation: self.env.observation(),
            task: self.task.as_ref(),
            previous: self.plan.as_ref().filter(|_| self.warm()).map(|plan| (plan, self.executed)),
            seed: self.plan_seed,
        }
    }

    /// Refuses what is no plan for this environment.
    pub(crate) fn check_plan(&self, plan: &Plan) -> Result<(), AgentError> {
        let spec = self.env.spec();
        let malformed = |problem| AgentError::MalformedPlan { at: self.at(), problem };
        if plan.frames == 0 {
            return Err(malformed("it has no frames".to_owned()));
        }
        for (what, values, width) in [
            ("observations", &plan.observations, spec.observation.len()),
            ("actions", &plan.actions, spec.action.len()),
        ] {
            if plan.frames.checked_mul(width) != Some(values.len()) {
                let (got, frames) = (values.len(), plan.frames);
                return Err(malformed(format!("{got} numbers in its {what}, expected {frames} x {width}")));
            }
            if let Some(i) = values.iter().position(|value| !value.is_finite()) {
                let (frame, entry) = (i / width, i % width);
                return Err(malformed(format!("{what}[{frame}][{entry}] is {}", values[i])));
            }
        }
        Ok(())
    }

    /// Puts a plan in force.
    pub(crate) fn accept(&mut self, plan: Plan, mut record: PlanRecord) {
        record.first_step = self.steps();
        record.value = plan.value;
        record.rows = plan.rows;
        self.record.plans.push(record);
        self.plan = Some(plan);
        self.executed = 0;
    }

    /// Takes one step.
    pub(crate) fn step(&mut self) -> Result<(), AgentError> {
        let frame = self.plan.as_ref().and_then(|plan| {
            let (observation, action) = (plan.observation(self.executed)?, plan.action(self.executed)?);
            let ahead = plan.observations.get(self.executed * observation.len()..).unwrap_or_default();
            Some(PlanFrame { observation, action, ahead })
        });
        let commanded = self.executor.command(self.env.observation(), frame, &mut self.action);
        commanded.map_err(|source| self.refused(source))?;
        let stepped = self.env.step(&self.action);
        let transition = stepped.map_err(|source| AgentError::Environment { at: self.at(), source })?;
        self.executed += 1;
        self.record.actions.push(self.action.clone());
        self.record.rewards.push(transition.reward);
        self.check_finite("reward", &[transition.reward])?;
        if transition.success && self.record.arrival.is_none() {
            self.record.arrival = Some(self.steps());
        }
        self.observe()?;
        self.ended = transition.ended() || self.steps() >= self.max_steps;
        Ok(())
    }

    /// Where the episode stands, for messages.
    pub(crate) fn at(&self) -> EpisodeStep {
        EpisodeStep { env_id: self.record.env_id.clone(), seed: self.record.seed, step: self.steps() }
    }

    fn observe(&mut self) -> Result<(), AgentError> {
        self.check_finite("observation", self.env.observation())?;
        self.record.observations.push(self.env.observation().to_vec());
        Ok(())
    }

    fn check_finite(&self, what: &'static str, values: &[f64]) -> Result<(), AgentError> {
        match values.iter().enumerate().find(|(_, value)| !value.is_finite()) {
            Some((index, &value)) => Err(AgentError::NonFinite { at: self.at(), what, index, value }),
            None => Ok(()),
        }
    }

    fn refused(&self, source: PolicyError) -> AgentError {
        AgentError::Executor { at: self.at(), executor: self.executor.name(), source: Box::new(source) }
    }
}
