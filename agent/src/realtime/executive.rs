//! The control side of the loop: which plan is in force, and what is commanded.
//!
//! A state machine without a thread and without a clock. A tick takes the present time and observation and gives a command.
//! It does not wait, allocate, lock, format, log or call the operating system.

use std::sync::Arc;
use std::time::Duration;

use forethought_envs::{EnvSpec, NoTask, SharedTask};
use forethought_policies::{Controller, PlanView};

use super::clock::Clock;
use super::config::Limits;
use super::events::Event;
use super::guard;
use super::ladder::{self, Failure, Footing, Ladder, Rung};
use super::link::{EpisodeStart, Link, Published};
use super::report::ClosingReport;
use super::seam::Seam;
use super::tape::{EpisodeLine, TickLine};
use super::timing::Timing;

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
    controller: Box<dyn Controller>,
    limits: Limits,
    link: Arc<Link>,
    state: State,
    observation: usize,
    seed: u64,
    task: SharedTask,
    /// Counts resets and starts: plans and observations of another one are not for this one.
    epoch: u64,
    step: u64,
    /// Ticks of this epoch.
    ticks: u64,
    in_force: Option<Arc<Published>>,
    /// From when on the plan in force ages.
    ages_from: Duration,
    /// A plan that came and has not been tried.
    candidate: Option<Arc<Published>>,
    seen: u64,
    /// Rows of the plan in force that were over when it came.
    late_rows: u64,
    /// The last command; the safe one until one was given.
    last: Vec<f64>,
    commanded: bool,
    draft: Vec<f64>,
    seam: Seam,
    ladder: Ladder,
    timing: Timing,
}

impl Executive {
    /// The control side for one robot, over the queues that its worker is given too.
    pub(crate) fn new(
        controller: Box<dyn Controller>,
        spec: &EnvSpec,
        limits: Limits,
        link: Arc<Link>,
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
            let goal = task.condition().map_or_else(Vec::new, |condition| condition.values.to_vec());
            tape.episode(EpisodeLine { epoch, seed, goal });
        }
        self.link.episodes.force_push(EpisodeStart { epoch, seed, task });
        self.ticks = 0;
        self.forget();
    }

    /// Ends commanding; every later tick gives the safe command.
    pub fn stop(&mut self) -> &[f64] {
        self.forget();
        self.state = State::Stopped;
        self.last.copy_from_slice(&self.limits.safe);
        &self.limits.safe
    }

    fn forget(&mut self) {
        (self.in_force, self.candidate) = (None, None);
        (self.step, self.commanded) = (0, false);
        self.last.copy_from_slice(&self.limits.safe);
        self.ladder.reset();
        self.seam.end();
        self.timing.pause();
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

    fn run(&mut self, now: Duration, observation: &[f64]) -> Rung {
        if self.timing.tick(now) {
            self.link.events.note(Event::LateTick, now);
        }
        while let Some(took) = self.link.took.pop() {
            self.timing.plan.record(took);
        }
        let good = observation.len() == self.observation && observation.iter().all(|value| value.is_finite());
        if !good {
            self.link.events.note(Event::BadObservation, now);
        }
        self.receive(now);
        let readable = good || !self.controller.needs_observation();
        let footing = if readable { self.follow(now, observation) } else { self.lost() };
        let rung = self.ladder.rung(footing, now);
        let limited = self.commanded.then_some(self.last.as_slice());
        let changed = match rung {
            Rung::Plan | Rung::Previous => guard::pass(&self.limits, &mut self.draft, limited),
            Rung::Brake => {
                self.draft.copy_from_slice(&self.last);
                ladder::brake(&self.limits, self.commanded, &mut self.draft);
                guard::pass(&self.limits, &mut self.draft, limited)
            }
            _ => {
                self.draft.copy_from_slice(&self.limits.safe);
                guard::Changed::default()
            }
        };
        if changed.clamped {
            self.link.events.note(Event::CommandClamped, now);
        }
        if changed.slowed {
            self.link.events.note(Event::RateLimited, now);
        }
        if good {
            self.send(now, observation);
        }
        if rung != Rung::Waiting {
            self.last.copy_from_slice(&self.draft);
            self.commanded = true;
            self.step += 1;
        }
        rung
    }

    /// Takes what the planner published: the newest plan for this episode that can still be followed.
    fn receive(&mut self, now: Duration) {
        while let Some(plan) = self.link.plans.pop() {
            if plan.epoch != self.epoch {
                self.link.events.note(Event::OtherEpisode, now);
                continue;
            }
            self.seen = plan.serial;
            self.candidate = Some(plan);
        }
        let over = |plan: &Arc<Published>| !self.usable(plan, self.age_of(plan, now), now);
        if self.candidate.as_ref().is_some_and(over) {
            self.link.events.note(Event::StalePlan, now);
            self.candidate = None;
        }
    }

    /// From when on a new plan ages: from its observation, or from now where the robot has been left alone since.
    fn age_of(&self, plan: &Published, now: Duration) -> Duration {
        if self.commanded { plan.stamp } else { now }
    }

    fn usable(&self, plan: &Published, from: Duration, now: Duration) -> bool {
        plan.row(self.step).is_some() && now.saturating_sub(from) <= self.limits.max_plan_age
    }

    /// The plan in force, where it can be followed.
    fn standing(&self, now: Duration) -> Option<&Arc<Published>> {
        self.in_force.as_ref().filter(|plan| self.usable(plan, self.ages_from, now))
    }

    /// There is no plan to follow, or none can be.
    fn lost(&self) -> Footing {
        if self.commanded { Footing::Lost } else { Footing::None }
    }

    /// Writes the command of the newest plan if its first command is one to follow, otherwise of the plan in force.
    fn follow(&mut self, now: Duration, observation: &[f64]) -> Footing {
        let new = self.candidate.take();
        let taken = new.is_some_and(|new| self.take(new, now, observation));
        let Some(plan) = self.in_force.take() else { return self.lost() };
        let footing = if !self.usable(&plan, self.ages_from, now) {
            self.lost()
        } else if taken || self.ask(&plan, now, observation) {
            self.seam.join(&mut self.draft);
            self.timing.age.record_time(now.saturating_sub(self.ages_from));
            let late = self.step.saturating_sub(plan.first_step) >= self.limits.late_after;
            if late { Footing::Late } else { Footing::Fresh }
        } else {
            self.lost()
        };
        self.in_force = Some(plan);
        footing
    }

    /// Puts a plan in force, with its command written, unless the seam is refused.
    fn take(&mut self, new: Arc<Published>, now: Duration, observation: &[f64]) -> bool {
        if !self.ask(&new, now, observation) {
            return false;
        }
        let jumps = self.commanded && Seam::jumps(&self.limits, &self.last, &self.draft);
        if jumps && self.limits.seam_steps == 0 && self.standing(now).is_some() {
            self.link.events.note(Event::SeamRefused, now);
            return false;
        }
        if jumps && self.limits.seam_steps > 0 {
            self.link.events.note(Event::SeamJoined, now);
            self.seam.begin(&self.last, &self.draft);
        } else {
            self.seam.end();
        }
        self.late_rows = self.step.saturating_sub(new.first_step);
        self.timing.late_rows.record(self.late_rows);
        self.ages_from = self.age_of(&new, now);
        // The planner's side holds another reference, so the old plan is not freed here.
        self.in_force = Some(new);
        true
    }

    /// Asks the controller for the command of the present step; false where it gives none that is a number.
    fn ask(&mut self, plan: &Published, now: Duration, observation: &[f64]) -> bool {
        let Some(row) = plan.row(self.step) else { return false };
        let ahead = PlanView {
            observations: from_row(&plan.plan.observations, row, self.observation),
            actions: from_row(&plan.plan.actions, row, self.draft.len()),
        };
        let given = self.controller.command(observation, ahead, &mut self.draft).is_ok()
            && self.draft.iter().all(|value| value.is_finite());
        if !given {
            self.link.events.note(Event::ControllerRefused, now);
        }
        given
    }

    /// Sends the observation to the planner where a plan is due.
    fn send(&mut self, now: Duration, observation: &[f64]) {
        let fresh = self.standing(now);
        let due = fresh.is_none_or(|plan| self.step - plan.first_step >= self.limits.replan_every);
        if !due || self.candidate.is_some() {
            return;
        }
        let in_force = fresh.map_or(0, |plan| plan.serial);
        let Some(mut observed) = self.link.free.pop() else { return };
        observed.values.copy_from_slice(observation);
        (observed.epoch, observed.step, observed.tick, observed.stamp) =
            (self.epoch, self.step, self.ticks, now);
        observed.in_force = in_force;
        (observed.seen, observed.late_rows) = (self.seen, self.late_rows);
        if let Some(displaced) = self.link.observations.force_push(observed) {
            self.link.free.force_push(displaced);
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

/// What of rows of this width lies ahead.
fn from_row(values: &[f64], row: usize, width: usize) -> &[f64] {
    row.checked_mul(width).and_then(|at| values.get(at..)).unwrap_or_default()
}
