//! An agent in real time in the hands of C: one caller at a time, nothing after a panic, and an end that is always safe.

use std::path::Path;
use std::sync::{Mutex, MutexGuard, TryLockError};

use forethought_agent::{Agent, RealTimeAgent, RealTimeConfig, Stopper};

use crate::failure::Failure;
use crate::handle::{Sizes, finite, hold};
use crate::status::ForethoughtStatus;
use crate::tick::ForethoughtTick;

/// An agent that never waits for its planner, which has a thread of its own. Calls with one loop are made one after the
/// other, from whichever thread; `forethought_loop_stop` from any at any time.
pub struct ForethoughtLoop {
    /// Never waited for, and poisoned by a panic, as an agent's.
    state: Mutex<State>,
    // Beside the lock, so that the end is safe whoever holds it and whatever has become of what it guards.
    stopper: Stopper,
    safe: Vec<f64>,
    sizes: Sizes,
    period_s: f64,
}

struct State {
    agent: RealTimeAgent,
    begun: bool,
    command: Vec<f64>,
    /// The report of the last stop: whoever asks for it twice, for its length and for its text, is told the same.
    closing: Option<String>,
}

/// The answer to a tick. Nobody else calls the loop while it is held.
pub struct Ticked<'a> {
    state: MutexGuard<'a, State>,
    pub tick: ForethoughtTick,
}

impl Ticked<'_> {
    /// The command, where there is one.
    pub fn command(&self) -> Option<&[f64]> {
        (self.tick.commanded == 1).then_some(&self.state.command)
    }
}

impl ForethoughtLoop {
    /// Loop of a checkpoint; 0 threads are all cores, 0 seconds the environment's own step.
    pub fn load(path: &Path, threads: usize, period_s: f64) -> Result<Self, Failure> {
        if !(period_s.is_finite() && period_s >= 0.0) {
            let remedy = "give seconds from tick to tick, or 0 for the environment's own step";
            return Err(Failure::argument(format!("period_s is {period_s}: {remedy}")));
        }
        let period_s = (period_s > 0.0).then_some(period_s);
        let builder = Agent::builder(path);
        let builder = if threads == 0 { builder } else { builder.threads(threads) };
        let config = RealTimeConfig { period_s, ..RealTimeConfig::default() };
        Ok(Self::new(builder.real_time(&config)?))
    }

    /// A handle on an agent.
    pub fn new(agent: RealTimeAgent) -> Self {
        let (sizes, safe) = (Sizes::new(agent.spec(), agent.task()), agent.safe_command().to_vec());
        let (stopper, period_s) = (agent.stopper(), agent.period().as_secs_f64());
        let state = State { agent, begun: false, command: safe.clone(), closing: None };
        Self { state: Mutex::new(state), stopper, safe, sizes, period_s }
    }

    /// What arrays hold.
    pub fn sizes(&self) -> Sizes {
        self.sizes
    }

    /// Seconds from tick to tick.
    pub fn period_s(&self) -> f64 {
        self.period_s
    }

    /// Begins an episode.
    pub fn reset(&self, seed: u64, goal: Option<&[f64]>) -> Result<(), Failure> {
        finite("goal", goal.unwrap_or_default())?;
        let mut state = self.lock()?;
        state.agent.reset_to(seed, goal)?;
        state.begun = true;
        Ok(())
    }

    /// Lets ticks command.
    pub fn start(&self) -> Result<(), Failure> {
        let mut state = self.lock()?;
        if !state.begun {
            let message = "no episode has begun: call forethought_loop_reset first";
            return Err(Failure::new(ForethoughtStatus::NotReset, message));
        }
        state.agent.start();
        state.closing = None;
        Ok(())
    }

    /// The command for the present observation. What is no number in it is a sensor that fails, and the ladder's to answer.
    pub fn tick(&self, observation: &[f64]) -> Result<Ticked<'_>, Failure> {
        let mut state = self.lock()?;
        let State { agent, command, .. } = &mut *state;
        let given = agent.tick(observation);
        if let Some(given) = given.command {
            command.copy_from_slice(given);
        }
        let tick = ForethoughtTick::new(&given);
        Ok(Ticked { state, tick })
    }

    /// The safe command, action units.
    pub fn safe(&self) -> &[f64] {
        &self.safe
    }

    /// Ends commanding, now or with the next tick.
    pub fn stop(&self) -> Result<(), Failure> {
        self.stopper.stop();
        match self.state.try_lock() {
            // The tick that is under way is the last that commands anything else.
            Err(TryLockError::WouldBlock) => Ok(()),
            held => {
                let mut state = hold(held, KIND)?;
                let report = state.agent.stop();
                state.closing = Some(text(&report)?);
                Ok(())
            }
        }
    }

    /// What happened: until the last stop, or so far.
    pub fn report(&self) -> Result<String, Failure> {
        let state = self.lock()?;
        state.closing.clone().map_or_else(|| text(&state.agent.report()), Ok)
    }

    fn lock(&self) -> Result<MutexGuard<'_, State>, Failure> {
        hold(self.state.try_lock(), KIND)
    }
}

/// What it is called in messages.
const KIND: &str = "loop";

fn text(report: &forethought_agent::ClosingReport) -> Result<String, Failure> {
    serde_json::to_string(report).map_err(|error| {
        Failure::new(ForethoughtStatus::Planning, format!("the report cannot be told: {error}"))
    })
}
