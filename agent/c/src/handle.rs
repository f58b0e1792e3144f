//! An agent in the hands of C: one caller at a time, no command before a reset, nothing after a panic.

use std::path::Path;
use std::sync::{Mutex, MutexGuard, TryLockError, TryLockResult};
use std::time::Duration;

use forethought_agent::{Agent, within};
use forethought_envs::{EnvSpec, TaskConfig, TaskKind};
use forethought_planner::RowTimes;

use crate::failure::Failure;
use crate::plan::ForethoughtPlan;
use crate::status::ForethoughtStatus;

/// An agent. Calls with one agent are made one after the other, from whichever thread.
pub struct ForethoughtAgent {
    /// Never waited for: a control loop that hangs in a lock is worse than one that is told so. A panic poisons it,
    /// which keeps everybody from what the panic left half done.
    state: Mutex<State>,
    sizes: Sizes,
}

struct State {
    agent: Agent,
    running: bool,
    command: Vec<f64>,
    /// Kept from plan to plan, so that a deadline is foretold from the first row on.
    times: RowTimes,
}

/// The command of a call. Nobody else calls the agent while it is held.
pub struct Command<'a>(MutexGuard<'a, State>);

impl Command<'_> {
    pub fn values(&self) -> &[f64] {
        &self.0.command
    }
}

/// Numbers of an observation, an action and a goal; a goal of 0 numbers is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sizes {
    pub observation: usize,
    pub action: usize,
    pub goal: usize,
}

impl Sizes {
    pub fn new(spec: &EnvSpec, task: &TaskConfig) -> Self {
        let goal = if task.kind == TaskKind::Goal { task.entries.len() } else { 0 };
        Self { observation: spec.observation.len(), action: spec.action.len(), goal }
    }
}

impl ForethoughtAgent {
    /// Agent of a checkpoint; 0 threads are all cores.
    pub fn load(path: &Path, threads: usize) -> Result<Self, Failure> {
        let builder = Agent::builder(path);
        let builder = if threads == 0 { builder } else { builder.threads(threads) };
        Ok(Self::new(builder.build()?))
    }

    /// A handle on an agent.
    pub fn new(agent: Agent) -> Self {
        let sizes = Sizes::new(agent.spec(), agent.task());
        let command = vec![0.0; sizes.action];
        let state = State { agent, running: false, command, times: RowTimes::default() };
        Self { state: Mutex::new(state), sizes }
    }

    /// What arrays hold.
    pub fn sizes(&self) -> Sizes {
        self.sizes
    }

    /// Begins an episode.
    pub fn reset(&self, seed: u64, goal: Option<&[f64]>) -> Result<(), Failure> {
        finite("goal", goal.unwrap_or_default())?;
        let mut state = self.lock()?;
        state.agent.reset_to(seed, goal)?;
        state.running = true;
        Ok(())
    }

    /// The command for an observation. Plans first where that is due.
    pub fn act(&self, observation: &[f64]) -> Result<Command<'_>, Failure> {
        finite("observation", observation)?;
        let mut state = self.running()?;
        let State { agent, command, .. } = &mut *state;
        command.copy_from_slice(agent.act(observation)?);
        Ok(Command(state))
    }

    /// Plans now, puts the plan in force and gives a copy of it.
    pub fn plan(&self, observation: &[f64], deadline_ms: f64) -> Result<ForethoughtPlan, Failure> {
        let deadline = deadline(deadline_ms)?;
        finite("observation", observation)?;
        let mut state = self.running()?;
        let State { agent, times, .. } = &mut *state;
        let plan = within(deadline, times, |budget| agent.replan_within(observation, budget).cloned())?;
        Ok(ForethoughtPlan { plan, observation: self.sizes.observation, action: self.sizes.action })
    }

    fn running(&self) -> Result<MutexGuard<'_, State>, Failure> {
        let state = self.lock()?;
        if state.running {
            return Ok(state);
        }
        let message = "no episode has begun: call forethought_agent_reset first";
        Err(Failure::new(ForethoughtStatus::NotReset, message))
    }

    fn lock(&self) -> Result<MutexGuard<'_, State>, Failure> {
        hold(self.state.try_lock(), "agent")
    }
}

/// What a lock guards, or why nobody may have it.
pub fn hold<'a, T>(
    tried: TryLockResult<MutexGuard<'a, T>>,
    kind: &str,
) -> Result<MutexGuard<'a, T>, Failure> {
    tried.map_err(|refused| match refused {
        TryLockError::WouldBlock => Failure::new(
            ForethoughtStatus::Busy,
            format!(
                "another thread is in a call with this {kind}: call it from one thread at a time, or load one for each"
            ),
        ),
        TryLockError::Poisoned(_) => Failure::new(
            ForethoughtStatus::Panic,
            format!("an earlier call with this {kind} ended in a fault of the library: free it and load it again"),
        ),
    })
}

/// 0 is no deadline.
fn deadline(milliseconds: f64) -> Result<Option<Duration>, Failure> {
    if milliseconds == 0.0 {
        return Ok(None);
    }
    let seconds = Duration::try_from_secs_f64(milliseconds / 1000.0);
    let problem = |_| {
        Failure::argument(format!("deadline_ms is {milliseconds}: give milliseconds, or 0 for no deadline"))
    };
    seconds.map(Some).map_err(problem)
}

/// Refuses what no sensor and no user means. Asked in every call, so that an answer does not depend on whether a plan
/// happens to be due.
pub fn finite(what: &str, values: &[f64]) -> Result<(), Failure> {
    match values.iter().position(|value| !value.is_finite()) {
        Some(i) => {
            Err(Failure::argument(format!("{what}[{i}] is {}: only finite numbers are accepted", values[i])))
        }
        None => Ok(()),
    }
}
