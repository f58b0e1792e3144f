//! One running episode in an environment, and its record as it grows.

use forethought_envs::{Environment, SharedTask, Start};

use crate::{AgentError, EpisodeRecord, EpisodeStep};

/// A running episode.
pub(crate) struct Episode<'a> {
    env: &'a mut dyn Environment,
    max_steps: usize,
    ended: bool,
    pub(crate) record: EpisodeRecord,
}

impl<'a> Episode<'a> {
    /// Resets the environment. `actor` names what will choose the actions.
    pub(crate) fn begin(
        env: &'a mut dyn Environment,
        actor: &str,
        start: &Start,
        max_steps: usize,
    ) -> Result<Self, AgentError> {
        let record = EpisodeRecord {
            env_id: env.spec().id.clone(),
            seed: start.seed,
            controller: actor.to_owned(),
            ..EpisodeRecord::default()
        };
        let mut episode = Self { env, max_steps, ended: false, record };
        let begun = episode.env.reset(start);
        begun.map_err(|source| AgentError::Environment { at: episode.at(), source })?;
        let task = episode.task();
        if let Some(goal) = task.condition() {
            episode.record.goal = Some(goal.values.to_vec());
            episode.record.goal_radius = Some(task.tolerance());
        }
        episode.observe()?;
        Ok(episode)
    }

    /// What the episode is for.
    pub(crate) fn task(&self) -> SharedTask {
        self.env.task()
    }

    /// Present observation.
    pub(crate) fn observation(&self) -> &[f64] {
        self.env.observation()
    }

    /// How well it was seen.
    pub(crate) fn seen(&self) -> f64 {
        self.env.seen()
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

    /// Takes one step.
    pub(crate) fn step(&mut self, action: &[f64]) -> Result<(), AgentError> {
        let stepped = self.env.step(action);
        let transition = stepped.map_err(|source| AgentError::Environment { at: self.at(), source })?;
        self.record.actions.push(action.to_vec());
        self.record.rewards.push(transition.reward);
        self.check_finite("reward", &[transition.reward])?;
        if transition.success && self.record.arrival.is_none() {
            self.record.arrival = Some(self.steps());
        }
        self.record.chances += usize::from(transition.chance);
        self.observe()?;
        self.ended = transition.ended() || self.steps() >= self.max_steps;
        Ok(())
    }

    /// Where the episode stands, for messages.
    pub(crate) fn at(&self) -> EpisodeStep {
        EpisodeStep { env_id: self.record.env_id.clone(), seed: self.record.seed, step: self.steps() }
    }

    fn steps(&self) -> usize {
        self.record.rewards.len()
    }

    fn observe(&mut self) -> Result<(), AgentError> {
        let (want, got) = (self.env.spec().observation.len(), self.env.observation().len());
        if got != want {
            return Err(AgentError::ObservationLength { at: self.at(), want, got });
        }
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
}
