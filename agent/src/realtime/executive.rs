//! The control side of the loop: which plan is in force, and what is commanded.
//!
//! A state machine without a thread and without a clock. A tick takes the present time and observation and gives a command.
//! It does not wait, allocate, lock, format, log or call the operating system.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use forethought_envs::{EnvSpec, NoTask, SharedTask};
use forethought_policies::Controller;

use super::clock::Clock;
use super::events::Event;
use super::ladder::{Failure, Ladder, Rung};
use super::limits::Limits;
use super::link::{EpisodeStart, Link, Published};
use super::recording::{Recorder, RecordingHeader};
use super::report::ClosingReport;
use super::seam::Seam;
use super::tape::{EpisodeLine, Tape, TickLine};
use super::timing::Timing;
use crate::AgentError;
use crate::past::Past;

/// What one tick came to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Tick<'a> {
    /// The command, action units: always finite and inside the action space. None before the first valid plan: the robot
    /// is left alone.
    pub command: Option<&'a [f64]>,
    /// Where on the ladder the loop stands.
    pub rung: Rung,
    /// Absolute step: commands given in this episode before this one.
    pub step: u64,
    /// Serial number of the plan that is followed, and its row; None where none is.
    pub followed: Option<(u64, usize)>,
    /// Why the loop gave up, while it has. The command is the safe one then.
    pub failure: Option<Failure>,
}

/// Whether ticks command anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Idle,
    Running,
    Stopped,
}

/// The control side. [`crate::RealTimeAgent`] is this with a [`super::Worker`] on a thread of its own; a simulation calls
/// both in turn.
pub struct Executive {
    pub(super) controller: Box<dyn Controller>,
    pub(super) limits: Limits,
    pub(super) link: Arc<Link>,
    state: State,
    pub(super) observation: usize,
    seed: u64,
    task: SharedTask,
    /// Counts resets and starts: plans and observations of another one are not for this one.
    pub(super) epoch: u64,
    pub(super) step: u64,
    /// Ticks of this epoch.
    pub(super) ticks: u64,
    pub(super) in_force: Option<Arc<Published>>,
    /// From when on the plan in force ages.
    pub(super) ages_from: Duration,
    /// A plan that came and has not been tried.
    pub(super) candidate: Option<Arc<Published>>,
    pub(super) seen: u64,
    /// Rows of the plan in force that were over when it came.
    pub(super) late_rows: u64,
    /// The last command; the safe one until one was given.
    pub(super) last: Vec<f64>,
    pub(super) commanded: bool,
    pub(super) draft: Vec<f64>,
    pub(super) seam: Seam,
    pub(super) ladder: Ladder,
    pub(super) timing: Timing,
    pub(super) past: Past,
}

impl Executive {
    /// The control side for one robot, over the queues that its worker is given too.
    pub(crate) fn new(
        controller: Box<dyn Controller>,
        spec: &EnvSpec,
        limits: Limits,
        link: Arc<Link>,
        past: Past,
    ) -> Self {
        Self {
            controller,
            link,
            state: State::Idle,
            observation: spec.observation.len(),
            seed: 0,
            task: Arc::new(NoTask),
            epoch: 0,
            step: 0,
            ticks: 0,
            in_force: None,
            ages_from: Duration::ZERO,
            candidate: None,
            seen: 0,
            late_rows: 0,
            last: limits.safe.clone(),
            commanded: false,
            draft: limits.safe.clone(),
            seam: Seam::new(&limits),
            ladder: Ladder::new(&limits),
            timing: Timing::new(limits.period, limits.tick_budget),
            limits,
            past,
        }
    }

    /// The queues.
    pub(crate) fn link(&self) -> &Arc<Link> {
        &self.link
    }

    /// Begins an episode: all randomness of its plans comes from `seed`. Plans for the one before are not followed any
    /// more, and nothing is commanded before the first valid plan for this one.
    pub fn reset(&mut self, seed: u64, task: SharedTask) {
        (self.seed, self.task) = (seed, task);
        self.controller.reset();
        self.begin();
    }

    /// Lets ticks command, from the first valid plan on.
    pub fn start(&mut self) {
        self.link.ask_to_stop(false);
        // What was planned before a pause is for another moment.
        self.begin();
        self.state = State::Running;
    }

    /// Tells the planner's side of a new count of steps, and forgets the plans of the old one.
    fn begin(&mut self) {
        self.epoch += 1;
        let (epoch, seed, task) = (self.epoch, self.seed, Arc::clone(&self.task));
        if let Some(tape) = self.link.tape.get() {
            let goal = task.condition().map_or_else(Vec::new, |condition| {
                condition.entries.iter().copied().zip(condition.values.iter().copied()).collect()
            });
            tape.episode(EpisodeLine { epoch, seed, tolerance: task.tolerance(), goal });
        }
        self.link.episodes.force_push(EpisodeStart { epoch, seed, task });
        self.ticks = 0;
        self.forget();
    }

    /// Ends commanding; every later tick gives the safe command.
    pub fn stop(&mut self) -> &[f64] {
        self.forget();
        self.state = State::Stopped;
        &self.limits.safe
    }

    fn forget(&mut self) {
        (self.in_force, self.candidate) = (None, None);
        (self.step, self.commanded) = (0, false);
        self.last.copy_from_slice(&self.limits.safe);
        self.ladder.reset();
        self.seam.end();
        self.timing.pause();
        self.past.clear();
        self.seen = 0;
    }

    /// The command for the present observation (environment units). `now` never runs backwards.
    pub fn tick(&mut self, now: Duration, observation: &[f64]) -> Tick<'_> {
        let (step, rung) = self.decide(now, observation);
        self.told(step, rung, now)
    }

    /// The same, with its own work counted by this clock.
    pub fn tick_timed(&mut self, now: Duration, observation: &[f64], clock: &dyn Clock) -> Tick<'_> {
        let (step, rung) = self.decide(now, observation);
        if self.state == State::Running && self.timing.worked(clock.now().saturating_sub(now)) {
            self.link.events.note(Event::SlowTick, now);
        }
        self.told(step, rung, now)
    }

    fn decide(&mut self, now: Duration, observation: &[f64]) -> (u64, Rung) {
        if self.state == State::Running && self.link.stop_asked() {
            self.stop();
        }
        let step = self.step;
        let rung = match self.state {
            State::Idle => Rung::Idle,
            State::Stopped => Rung::Stopped,
            State::Running => self.run(now, observation),
        };
        self.ladder.count(rung, now);
        self.link.rung.store(rung as u8, Ordering::Relaxed);
        if let Some(tape) = self.link.tape.get() {
            tape.tick(|line| self.write_down(line, rung, now, observation));
        }
        self.ticks += 1;
        (step, rung)
    }

    fn write_down(&self, line: &mut TickLine, rung: Rung, now: Duration, observation: &[f64]) {
        (line.epoch, line.tick, line.now) = (self.epoch, self.ticks, now);
        (line.seen, line.rung) = (self.seen, rung);
        line.observation.clear();
        // One of another length is none: that it was is all that is kept, as there is no room for more.
        if observation.len() == self.observation {
            line.observation.extend_from_slice(observation);
        }
        line.command.clear();
        if rung.commands() {
            line.command.extend_from_slice(&self.last);
        }
    }

    /// Begins to tell a file what this loop sees and does.
    ///
    /// # Errors
    /// [`AgentError::Recording`] for a file that is there already or cannot be written, and for a second recording.
    pub(crate) fn record(&self, path: &Path, header: &RecordingHeader) -> Result<Recorder, AgentError> {
        let tape = Arc::new(Tape::new(self.observation, self.draft.len()));
        let twice = || {
            let problem = "the loop is recorded already: one recording is enough".to_owned();
            AgentError::Recording { path: path.to_owned(), problem }
        };
        if self.link.tape.get().is_some() {
            return Err(twice());
        }
        // A file that cannot be made leaves nothing behind: another may be named.
        let recorder = Recorder::create(path, header, Arc::clone(&tape))?;
        self.link.tape.set(tape).map_err(|_| twice())?;
        Ok(recorder)
    }

    /// Begins the episode that an earlier run had at this count.
    pub(crate) fn begin_at(&mut self, epoch: u64, seed: u64, task: SharedTask) {
        (self.seed, self.task, self.epoch) = (seed, task, epoch.saturating_sub(1));
        self.controller.reset();
        self.start();
    }

    fn told(&self, step: u64, rung: Rung, now: Duration) -> Tick<'_> {
        let following = matches!(rung, Rung::Plan | Rung::Previous);
        let plan = self.in_force.as_ref().filter(|_| following);
        Tick {
            command: rung.commands().then_some(self.last.as_slice()),
            rung,
            step,
            followed: plan.and_then(|plan| Some((plan.serial, plan.row(step)?))),
            failure: self.ladder.failure(now).filter(|_| rung == Rung::Failed),
        }
    }

    /// The plan in force.
    pub fn plan(&self) -> Option<&Published> {
        self.in_force.as_deref()
    }

    /// Seconds from tick to tick.
    pub fn period(&self) -> Duration {
        self.limits.period
    }

    /// The safe command, action units.
    pub fn safe_command(&self) -> &[f64] {
        &self.limits.safe
    }

    /// What happened so far.
    pub fn report(&self, now: Duration) -> ClosingReport {
        ClosingReport::new(&self.timing, &self.limits, self.ladder.counts(), &self.link, now)
    }
}
