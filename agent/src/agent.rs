//! An agent: a checkpoint that acts.

use std::path::{Path, PathBuf};

use burn::tensor::Device;
use forethought_envs::{EnvSpec, SharedTask, TaskConfig};
use forethought_planner::checkpoint::Manifest;
use forethought_planner::{Budget, DiffusionPlanner, Plan, Planner};
use forethought_policies::Controller;
use serde_json::Value;

use crate::settings::AgentSettings;
use crate::{
    AgentError, Follower, LoadedCheckpoint, RealTimeAgent, RealTimeConfig, RecordingHeader, RolloutConfig,
};

/// Plans when a plan is due and follows it in between.
///
/// ```no_run
/// use forethought_agent::Agent;
/// use forethought_envs::{Environment, Start, make};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let mut env = make("maze2d-umaze-v1")?;
/// let mut agent = Agent::load("experiments/checkpoints/maze2d-umaze-v1")?;
/// env.reset(&Start::seed(1))?;
/// agent.reset(1, env.task());
/// while !env.step(agent.act(env.observation())?)?.ended() {}
/// # Ok(())
/// # }
/// ```
pub struct Agent {
    planner: Box<dyn Planner>,
    follower: Follower,
    spec: EnvSpec,
    task: TaskConfig,
}

/// Planner, controller, environment, and the settings in force.
type Parts = (DiffusionPlanner, Box<dyn Controller>, EnvSpec, AgentSettings);

impl Agent {
    /// Agent of a checkpoint, with the settings that it carries, on the CPU.
    ///
    /// # Errors
    /// As [`AgentBuilder::build`].
    pub fn load(path: impl AsRef<Path>) -> Result<Self, AgentError> {
        Self::builder(path).build()
    }

    /// Agent of a checkpoint, with a choice.
    pub fn builder(path: impl AsRef<Path>) -> AgentBuilder {
        AgentBuilder {
            path: path.as_ref().to_owned(),
            device: None,
            threads: None,
            spec: None,
            settings: Vec::new(),
        }
    }

    /// Agent of any planner and controller, that replaces each plan after `execution_horizon` steps (at least one). It
    /// knows no task of its own until [`Self::with_task`] tells it one.
    pub fn new(
        planner: Box<dyn Planner>,
        controller: Box<dyn Controller>,
        spec: &EnvSpec,
        execution_horizon: usize,
    ) -> Self {
        let follower = Follower::new(controller, spec, execution_horizon).remembering(planner.history());
        Self { planner, follower, spec: spec.clone(), task: TaskConfig::default() }
    }

    /// The same with dead reckoning, if so: [`forethought_policies::ControlConfig::dead_reckoning`].
    #[must_use]
    pub fn with_dead_reckoning(mut self, reckons: bool) -> Self {
        self.follower = self.follower.reckoning(reckons);
        self
    }

    /// The same with another task for [`Self::reset_to`] to make; an agent of a checkpoint has the checkpoint's.
    #[must_use]
    pub fn with_task(mut self, task: TaskConfig) -> Self {
        self.task = task;
        self
    }

    /// The environment it acts in: sizes and bounds of observations and actions.
    pub fn spec(&self) -> &EnvSpec {
        &self.spec
    }

    /// The task that [`Self::reset_to`] makes: a goal has as many numbers as it has entries.
    pub fn task(&self) -> &TaskConfig {
        &self.task
    }

    /// Begins an episode. The same seed, task and observations give the same actions.
    pub fn reset(&mut self, seed: u64, task: SharedTask) {
        self.follower.reset(seed, task);
    }

    /// The same for the checkpoint's own task, for programs that hold no [`forethought_envs::Environment`]. `goal` is
    /// what a goal task aims at, in the units and the order of the observation's entries that [`Self::task`] names;
    /// other tasks have none.
    ///
    /// # Errors
    /// [`AgentError::Task`] for a goal of the wrong length, one that is not finite, one too many or none where one is
    /// needed. The episode before goes on then.
    pub fn reset_to(&mut self, seed: u64, goal: Option<&[f64]>) -> Result<(), AgentError> {
        let task = self.task.task(goal);
        let task = task.map_err(|source| AgentError::Task { env_id: self.spec.id.clone(), source })?;
        self.reset(seed, task);
        Ok(())
    }

    /// The action for an observation (environment units, as all of this crate). Plans first where that is due, which
    /// takes milliseconds; otherwise it takes microseconds.
    ///
    /// # Errors
    /// [`AgentError::Planning`] where the planner refuses the observation or the task, [`AgentError::Controller`]
    /// where the controller does, [`AgentError::MalformedPlan`] for a planner's fault. No step is counted then; a plan
    /// that was made stays in force.
    pub fn act(&mut self, observation: &[f64]) -> Result<&[f64], AgentError> {
        self.act_seeing(observation, 1.0)
    }

    /// The same for an observation that was seen so well: 1 as it is, 0 not at all ([`forethought_planner::Request::seen`]).
    /// What is not seen as it is needs numbers all the same, such as the last ones that were.
    ///
    /// # Errors
    /// As [`Self::act`].
    pub fn act_seeing(&mut self, observation: &[f64], seen: f64) -> Result<&[f64], AgentError> {
        if self.follower.due() {
            self.put_in_force(observation, seen, &mut Budget::unlimited())?;
        }
        self.follower.command(observation, seen)
    }

    /// Plans now, whether or not a plan is due, and puts the plan in force: [`Self::act`] carries it out. No step is
    /// counted.
    ///
    /// # Errors
    /// [`AgentError::Planning`] where the planner refuses the observation or the task, [`AgentError::MalformedPlan`]
    /// for a planner's fault. The plan in force stays then.
    pub fn replan(&mut self, observation: &[f64]) -> Result<&Plan, AgentError> {
        self.replan_within(observation, &mut Budget::unlimited())
    }

    /// The same within a budget, such as a deadline: where it runs out, the plan is the best of then, and says so
    /// ([`Plan::status`], [`Plan::clean`]).
    ///
    /// # Errors
    /// As [`Self::replan`].
    pub fn replan_within(
        &mut self,
        observation: &[f64],
        budget: &mut Budget<'_>,
    ) -> Result<&Plan, AgentError> {
        self.put_in_force(observation, 1.0, budget)
    }

    fn put_in_force(
        &mut self,
        observation: &[f64],
        seen: f64,
        budget: &mut Budget<'_>,
    ) -> Result<&Plan, AgentError> {
        let planned = self.planner.plan_within(&[self.follower.request(observation, seen)], false, budget);
        let at = || self.follower.at().clone();
        let plan = planned
            .map_err(|source| AgentError::Planning { at: at(), count: 1, source })?
            .pop()
            .ok_or_else(|| AgentError::MalformedPlan { at: at(), problem: "there is none".into() })?;
        let first_step = self.follower.at().step;
        self.follower.accept(Plan { first_step, ..plan })
    }

    /// The plan in force.
    pub fn plan(&self) -> Option<&Plan> {
        self.follower.plan()
    }
}

/// Where an agent computes, and which of its checkpoint's settings are changed.
#[derive(Debug)]
pub struct AgentBuilder {
    path: PathBuf,
    device: Option<Device>,
    threads: Option<usize>,
    spec: Option<EnvSpec>,
    settings: Vec<(String, Value)>,
}

impl AgentBuilder {
    /// Computes there instead of on the CPU.
    #[must_use]
    pub fn device(mut self, device: Device) -> Self {
        self.device = Some(device);
        self
    }

    /// Threads on the CPU; all cores unless given. Actions do not depend on their number.
    #[must_use]
    pub fn threads(mut self, threads: usize) -> Self {
        self.threads = Some(threads);
        self
    }

    /// The environment it is to act in, where that is not the one of its data: its walls and physics must be those of
    /// the checkpoint's, its action bounds and actuators may differ.
    #[must_use]
    pub fn environment(mut self, spec: &EnvSpec) -> Self {
        self.spec = Some(spec.clone());
        self
    }

    /// Changes one of the checkpoint's settings, such as `plan.guidance.scale`; `forethought settings` lists them.
    #[must_use]
    pub fn set(mut self, key: &str, value: impl Into<Value>) -> Self {
        self.settings.push((key.to_owned(), value.into()));
        self
    }

    /// The agent.
    ///
    /// # Errors
    /// [`AgentError::Checkpoint`] for a checkpoint that cannot be used or does not fit the environment,
    /// [`AgentError::Setting`], [`AgentError::UnknownSetting`] and [`AgentError::Task`] for settings that it cannot act
    /// with.
    pub fn build(self) -> Result<Agent, AgentError> {
        let (planner, controller, spec, settings) = self.parts()?;
        let horizon = settings.control.execution_horizon;
        let agent = Agent::new(Box::new(planner), controller, &spec, horizon).with_task(settings.task);
        Ok(agent.with_dead_reckoning(settings.control.dead_reckoning))
    }

    /// The agent with its planner on a thread of its own, for a loop that cannot wait.
    ///
    /// # Errors
    /// As [`Self::build`]; [`AgentError::Thread`] where there can be no thread.
    pub fn real_time(self, config: &RealTimeConfig) -> Result<RealTimeAgent, AgentError> {
        let (planner, controller, spec, settings) = self.parts()?;
        let horizon = settings.control.execution_horizon;
        let agent = RealTimeAgent::new(Box::new(planner), controller, &spec, horizon, config)?;
        Ok(agent.with_task(settings.task))
    }

    /// What a recording of this agent's loop begins with: enough to make it again.
    ///
    /// # Errors
    /// As [`Self::build`].
    pub fn recording_header(&self, config: &RealTimeConfig) -> Result<RecordingHeader, AgentError> {
        let checkpoint = LoadedCheckpoint::load(&self.path, &Device::flex())?;
        let settings = AgentSettings::of(checkpoint.manifest())?.with(&self.settings)?;
        Ok(RecordingHeader {
            environment: checkpoint.manifest().environment.id.clone(),
            checkpoint: self.path.clone(),
            weights: checkpoint.hash().to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            settings: serde_json::to_value(settings)
                .map_err(|error| AgentError::Settings(error.to_string()))?,
            realtime: config.clone(),
        })
    }

    /// The planner alone: for loops of one's own, and to ask its network as a policy, a world model or an inverse model
    /// ([`DiffusionPlanner::act`], [`DiffusionPlanner::imagine`], [`DiffusionPlanner::infer_actions`]).
    ///
    /// # Errors
    /// As [`Self::build`].
    pub fn planner(self) -> Result<DiffusionPlanner, AgentError> {
        self.parts().map(|(planner, ..)| planner)
    }

    fn parts(self) -> Result<Parts, AgentError> {
        let (checkpoint, threads) = match self.device {
            Some(device) => (LoadedCheckpoint::load(&self.path, &device)?, None),
            None => {
                let all = || std::thread::available_parallelism().map_or(1, usize::from);
                let threads = self.threads.unwrap_or_else(all);
                (LoadedCheckpoint::load(&self.path, &Device::flex())?, Some(threads))
            }
        };
        let manifest: &Manifest = checkpoint.manifest();
        let spec = self.spec.unwrap_or_else(|| manifest.environment.clone());
        let settings = AgentSettings::of(manifest)?.with(&self.settings)?;
        let horizon = settings.control.execution_horizon;
        RolloutConfig { execution_horizon: horizon, ..RolloutConfig::default() }.check()?;
        let task = settings.task.check(spec.observation.len());
        task.map_err(|source| AgentError::Task { env_id: spec.id.clone(), source })?;
        let controller = checkpoint.controller(&settings.control, &spec)?;
        let planner = checkpoint.planner(&spec, settings.plan.clone(), threads)?;
        Ok((planner, controller, spec, settings))
    }
}
