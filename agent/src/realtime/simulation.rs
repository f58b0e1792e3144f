//! Episodes in which the world goes on while the planner thinks: the same loop that drives a robot, on a clock of its own.
//!
//! Both sides run in turn on one thread. What a plan takes is a [`Latency`]: it is there at the first tick after that long, and
//! until then the loop does what it does when a plan is late. Nothing but [`Latency::Measured`] looks at the machine's clock.

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

use forethought_envs::{EnvSpec, Environment, Start};
use forethought_planner::Planner;
use forethought_policies::Controller;

use super::agent::both_sides;
use super::clock::{Clock, nanoseconds};
use super::recording::{Recorder, RecordingHeader};
use super::worker::Answer;
use super::{ClosingReport, Executive, Latency, RealTimeConfig, Worker};
use crate::config::episode_steps;
use crate::episode::Episode;
use crate::rollout::told;
use crate::{AgentError, EpisodeRecord, PlanRecord, expectation};

/// A clock that is moved, and that runs by itself while a plan is made whose time is measured.
#[derive(Debug, Default)]
struct SimulatedClock {
    stands_at: AtomicU64,
    runs_since: RwLock<Option<Instant>>,
}

impl SimulatedClock {
    fn advance(&self, by: Duration) {
        self.stands_at.fetch_add(nanoseconds(by), Ordering::Relaxed);
    }

    /// Runs while something is done, and stands again where it stood. Gives what was done and what it took.
    fn run<T>(&self, work: impl FnOnce() -> T) -> (T, Duration) {
        let began = Instant::now();
        *self.runs_since.write().unwrap_or_else(PoisonError::into_inner) = Some(began);
        let done = work();
        *self.runs_since.write().unwrap_or_else(PoisonError::into_inner) = None;
        (done, began.elapsed())
    }
}

impl Clock for SimulatedClock {
    fn now(&self) -> Duration {
        let runs_since = *self.runs_since.read().unwrap_or_else(PoisonError::into_inner);
        let runs = runs_since.map_or(Duration::ZERO, |began| began.elapsed());
        Duration::from_nanos(self.stands_at.load(Ordering::Relaxed)).saturating_add(runs)
    }
}

/// A loop in a world that does not wait.
pub struct Simulation {
    executive: Executive,
    worker: Worker,
    clock: Arc<SimulatedClock>,
    latency: Latency,
    controller: &'static str,
    recorder: Option<Recorder>,
}

impl Simulation {
    /// Of any planner and controller, whose plans are made to be replaced after `execution_horizon` steps.
    ///
    /// # Errors
    /// [`AgentError::Setting`] naming the setting and the remedy.
    pub fn new(
        planner: Box<dyn Planner>,
        controller: Box<dyn Controller>,
        spec: &EnvSpec,
        execution_horizon: usize,
        config: &RealTimeConfig,
        latency: Latency,
    ) -> Result<Self, AgentError> {
        let (clock, name) = (Arc::new(SimulatedClock::default()), controller.name());
        let on: Arc<dyn Clock> = Arc::clone(&clock) as _;
        let (executive, worker) = both_sides(planner, controller, spec, execution_horizon, config, on)?;
        Ok(Self { executive, worker, clock, latency, controller: name, recorder: None })
    }

    /// Writes what the loop sees and does to a file from now on.
    ///
    /// # Errors
    /// [`AgentError::Recording`] for a file that is there already or cannot be written, and for a second recording.
    pub fn record(&mut self, path: &Path, header: &RecordingHeader) -> Result<(), AgentError> {
        self.recorder = Some(self.executive.record(path, header)?);
        Ok(())
    }

    /// An episode. Before the first plan is there the environment gets the safe command: it goes on too.
    ///
    /// # Errors
    /// [`AgentError::Environment`], [`AgentError::ObservationLength`] and [`AgentError::NonFinite`] for the environment's
    /// faults, [`AgentError::Setting`] for one without an end. What goes wrong in planning is the loop's to deal with, and
    /// stands in the report.
    pub fn episode(
        &mut self,
        env: &mut dyn Environment,
        start: &Start,
        max_steps: Option<usize>,
    ) -> Result<EpisodeRecord, AgentError> {
        let max_steps = episode_steps(max_steps, env.spec())?;
        let mut episode = Episode::begin(env, self.controller, start, max_steps)?;
        self.executive.reset(start.seed, episode.task());
        self.executive.start();
        let mut coming: Option<(Answer, Duration)> = None;
        while episode.running() {
            let now = self.clock.now();
            if let Some((answer, _)) = coming.take_if(|(_, ready)| *ready <= now) {
                self.worker.publish_at(answer, now);
            }
            let tick = self.executive.tick(now, episode.observation());
            let command = tick.command.map(<[f64]>::to_vec);
            if coming.is_none() {
                let first_step = episode.record.rewards.len();
                coming = self.think(start.seed, first_step).inspect(|(answer, ready)| {
                    let took_s = ready.saturating_sub(now).as_secs_f64();
                    if let Some(plan) = answer.plan() {
                        episode.record.plans.push(PlanRecord { took_s, ..told(plan, first_step, 1, false) });
                    }
                });
            }
            episode.step(command.as_deref().unwrap_or(self.executive.safe_command()))?;
            self.clock.advance(self.executive.period());
            if let Some(recorder) = &mut self.recorder {
                recorder.write()?;
            }
        }
        // A plan that comes after the end is written down as well.
        if let Some((answer, ready)) = coming {
            self.worker.publish_at(answer, ready);
        }
        self.executive.stop();
        let task = episode.task();
        expectation::settle(&mut episode.record, task.as_ref());
        Ok(episode.record)
    }

    /// Plans if a plan is due; the plan with the moment at which it is there.
    fn think(&mut self, seed: u64, step: usize) -> Option<(Answer, Duration)> {
        let (answer, took) = match self.latency {
            Latency::Measured => self.clock.run(|| self.worker.think()),
            _ => (self.worker.think(), Duration::ZERO),
        };
        let latency = self.latency.of(took, seed, step as u64);
        Some((answer?, self.clock.now().saturating_add(latency)))
    }

    /// What happened in all episodes.
    pub fn report(&self) -> ClosingReport {
        self.executive.report(self.clock.now())
    }
}
