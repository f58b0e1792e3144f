//! Carrying plans out in one episode: which plan is in force, how much of it is executed, when the next is due.

use std::sync::Arc;

use forethought_envs::{EnvSpec, NoTask, SharedTask};
use forethought_planner::random::stream;
use forethought_planner::{InForce, Plan, Request};
use forethought_policies::{Controller, PlanView};
use rand::Rng;

use crate::past::Past;
use crate::{AgentError, EpisodeStep};

/// Names the stream of plan seeds apart from everything else that an episode's seed feeds.
pub(crate) const PLAN_STREAM: u64 = 0x706c_616e;

/// The bookkeeping of plans: [`crate::Agent`] keeps one, [`crate::rollout()`] one for every episode.
pub struct Follower {
    controller: Box<dyn Controller>,
    execution_horizon: usize,
    observation: usize,
    at: EpisodeStep,
    task: SharedTask,
    plan: Option<Plan>,
    command: Vec<f64>,
    past: Past,
    /// Whether what a plan foresaw stands for what is badly seen.
    reckons: bool,
    /// What the last plan foresaw of the present when the one in force was put in its place.
    foreseen: Vec<f64>,
}

impl Follower {
    /// Follows plans in an environment, replacing each after `execution_horizon` steps (at least one).
    pub fn new(controller: Box<dyn Controller>, spec: &EnvSpec, execution_horizon: usize) -> Self {
        Self {
            controller,
            execution_horizon: execution_horizon.max(1),
            observation: spec.observation.len(),
            at: EpisodeStep { env_id: spec.id.clone(), seed: 0, step: 0 },
            task: Arc::new(NoTask),
            plan: None,
            command: vec![0.0; spec.action.len()],
            past: Past::default(),
            reckons: false,
            foreseen: Vec::new(),
        }
    }

    /// The same that remembers as many steps as a planner asks for ([`forethought_planner::Planner::history`]).
    #[must_use]
    pub fn remembering(self, steps: usize) -> Self {
        Self { past: Past::new(steps, self.observation, self.command.len()), ..self }
    }

    /// The same with dead reckoning, if so: where the present is badly seen, what plans foresaw of it stands for it.
    #[must_use]
    pub fn reckoning(self, reckons: bool) -> Self {
        Self { reckons, ..self }
    }

    /// The present as it is taken to be: as it was seen, or as it was foreseen where that is asked for and known.
    fn present<'a>(&'a self, observation: &'a [f64], seen: f64) -> (&'a [f64], f64) {
        if !self.reckons || seen >= 1.0 {
            return (observation, seen);
        }
        match self.plan.as_ref().and_then(|plan| self.foreseen_by(plan)) {
            Some(foreseen) => (foreseen, 1.0),
            None if self.foreseen.len() == self.observation => (&self.foreseen, 1.0),
            None => (observation, seen),
        }
    }

    /// What a plan foresaw of the present: the observation that its last executed action was to lead to.
    fn foreseen_by<'a>(&self, plan: &'a Plan) -> Option<&'a [f64]> {
        plan.observation(self.executed(plan).checked_sub(1)?)
    }

    /// Begins an episode: all randomness of its plans comes from `seed`.
    pub fn reset(&mut self, seed: u64, task: SharedTask) {
        self.controller.reset();
        (self.at.seed, self.at.step) = (seed, 0);
        (self.task, self.plan) = (task, None);
        self.past.clear();
        self.foreseen.clear();
    }

    /// Whether the next command needs a new plan.
    pub fn due(&self) -> bool {
        let worn = |plan: &Plan| self.executed(plan) >= self.execution_horizon.min(plan.frames);
        self.plan.as_ref().is_none_or(worn)
    }

    /// Frames of a plan that were executed: by its absolute first step, so that one that comes late is not begun anew.
    fn executed(&self, plan: &Plan) -> usize {
        self.at.step.saturating_sub(plan.first_step)
    }

    /// What the next plan is to start from: the present observation, and how well it was seen ([`Request::seen`]). Its noise is
    /// named by the episode's seed and step, whatever else is planned with it.
    pub fn request<'a>(&'a self, observation: &'a [f64], seen: f64) -> Request<'a> {
        let left = self.plan.as_ref().filter(|plan| self.executed(plan) < plan.frames);
        let (observation, seen) = self.present(observation, seen);
        Request {
            observation,
            seen,
            history: self.past.last(),
            task: self.task.as_ref(),
            in_force: left.map(|plan| InForce { plan, executed: self.executed(plan) }),
            committed: 0,
            step: self.at.step,
            seed: stream(self.at.seed, &[PLAN_STREAM, self.at.step as u64]).next_u64(),
        }
    }

    /// Puts a plan in force, from the row of its that is due by [`Plan::first_step`].
    ///
    /// # Errors
    /// [`AgentError::MalformedPlan`] for what is no plan here; the one in force stays then.
    pub fn accept(&mut self, plan: Plan) -> Result<&Plan, AgentError> {
        self.check(&plan)?;
        // A plan that replaces one before any of it was executed leaves the forecast of the one before.
        if let Some(foreseen) = self.plan.as_ref().and_then(|plan| self.foreseen_by(plan)) {
            self.foreseen = foreseen.to_vec();
        }
        Ok(self.plan.insert(plan))
    }

    /// The plan in force.
    pub fn plan(&self) -> Option<&Plan> {
        self.plan.as_ref()
    }

    /// The command for the present observation, which was seen so well ([`Request::seen`]); counts as a step.
    ///
    /// # Errors
    /// [`AgentError::MalformedPlan`] without a plan, [`AgentError::ObservationLength`] and [`AgentError::NonFinite`] for
    /// an observation that is none, [`AgentError::Controller`] where the controller refuses.
    pub fn command(&mut self, observation: &[f64], seen: f64) -> Result<&[f64], AgentError> {
        let Some(plan) = &self.plan else {
            return Err(AgentError::MalformedPlan {
                at: self.at.clone(),
                problem: "there is none".to_owned(),
            });
        };
        // Not every controller looks at it; one that does not would act on a broken sensor as if nothing were.
        if observation.len() != self.observation {
            let (at, want) = (self.at.clone(), self.observation);
            return Err(AgentError::ObservationLength { at, want, got: observation.len() });
        }
        if let Some(index) = observation.iter().position(|value| !value.is_finite()) {
            let (at, what) = (self.at.clone(), "observation");
            return Err(AgentError::NonFinite { at, what, index, value: observation[index] });
        }
        let (row, action) = (self.executed(plan), self.command.len());
        let (taken, seen) = self.present(observation, seen);
        // Copied where something stands for it, as is seldom the case: controllers have a state of their own.
        let foreseen = (!std::ptr::eq(taken, observation)).then(|| taken.to_vec());
        let observation = foreseen.as_deref().unwrap_or(observation);
        let ahead = PlanView {
            observations: plan.observations.get(row * self.observation..).unwrap_or_default(),
            actions: plan.actions.get(row * action..).unwrap_or_default(),
        };
        self.controller.command(observation, ahead, &mut self.command).map_err(|source| {
            let (at, controller) = (self.at.clone(), self.controller.name());
            AgentError::Controller { at, controller, source: Box::new(source) }
        })?;
        self.past.push(observation, seen, &self.command);
        self.at.step += 1;
        Ok(&self.command)
    }

    /// Where the episode stands, for messages.
    pub fn at(&self) -> &EpisodeStep {
        &self.at
    }

    /// Name of the controller.
    pub fn controller(&self) -> &'static str {
        self.controller.name()
    }

    /// Refuses what is no plan for this environment.
    fn check(&self, plan: &Plan) -> Result<(), AgentError> {
        let malformed = |problem| AgentError::MalformedPlan { at: self.at.clone(), problem };
        if plan.frames == 0 {
            return Err(malformed("it has no frames".to_owned()));
        }
        for (what, values, width) in [
            ("observations", &plan.observations, self.observation),
            ("actions", &plan.actions, self.command.len()),
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
}
