//! The planner's side of the loop: takes the newest observation, plans, looks at the plan, publishes it.

use std::any::Any;
use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use forethought_envs::EnvSpec;
use forethought_planner::random::stream;
use forethought_planner::{
    Budget, Foresight, InForce, Memory, Plan, PlanStatus, Planner, PlannerError, Request, RowTimes,
};
use rand::Rng;

use super::clock::{Clock, nanoseconds};
use super::config::ValidatorConfig;
use super::events::Event;
use super::limits::Limits;
use super::link::{EpisodeStart, Link, Note, Observed, Published};
use super::tape::{Made, PlanLine};
use super::validator::{Refusal, Validator};
use crate::follower::PLAN_STREAM;

/// The planner's side. A program's agent runs it on a thread; a simulation calls it, and decides itself how long it takes.
pub struct Worker {
    planner: Box<dyn Planner>,
    validator: Validator,
    link: Arc<Link>,
    clock: Arc<dyn Clock>,
    replan_every: u64,
    observed: Observed,
    episode: Option<EpisodeStart>,
    /// Plans that the loop may still hold; those that it has let go of are freed here.
    lent: Vec<Arc<Published>>,
    /// First step of the newest plan that was published in this episode, and its serial number.
    newest: Option<(u64, u64)>,
    serial: u64,
    /// From an observation until planning from it has to end.
    deadline: Duration,
    /// The same while there is no plan to follow, and how often nothing has come of it.
    first_deadline: Duration,
    in_vain: u32,
    /// Steps of the loop that a deadline takes.
    deadline_steps: u64,
    foresight: Foresight,
    /// How long rows took so far.
    row_times: RowTimes,
    /// Rows to plan with instead of a deadline, for the next plan.
    granted: Option<usize>,
    /// Steps consumed while each of the last plans was made, and whose they are.
    late_rows: VecDeque<u64>,
    counted: u64,
}

/// Plans whose lateness is remembered: a second or two of them, so that one slow plan is not forgotten by the next.
const REMEMBERED: usize = 8;

/// What a call of the planner came to, before it is published.
#[derive(Debug)]
pub struct Answer {
    made: Result<Plan, Trouble>,
    began: Duration,
    epoch: u64,
    tick: u64,
    first_step: u64,
    stamp: Duration,
    rows_granted: usize,
    hurried: bool,
}

impl Answer {
    /// The plan, where there is one.
    pub fn plan(&self) -> Option<&Plan> {
        self.made.as_ref().ok()
    }

    /// Epoch and tick of the observation that it was planned from.
    pub(crate) fn observed(&self) -> (u64, u64) {
        (self.epoch, self.tick)
    }

    /// Absolute step of the observation that it was planned from.
    pub fn first_step(&self) -> u64 {
        self.first_step
    }

    /// Rows after which planning was stopped, or all that it took: with as many and no deadline it comes to the same.
    pub fn rows_granted(&self) -> usize {
        self.rows_granted
    }
}

/// Why there is no plan.
#[derive(Debug, thiserror::Error)]
enum Trouble {
    #[error("the planner failed: {0}")]
    Error(#[from] PlannerError),
    #[error("the planner panicked: {0}; it is asked again")]
    Panic(String),
    #[error("a plan was refused: {0}")]
    Refused(#[from] Refusal),
}

impl Worker {
    pub(crate) fn new(
        planner: Box<dyn Planner>,
        spec: &EnvSpec,
        validator: &ValidatorConfig,
        limits: &Limits,
        link: Arc<Link>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self {
            planner,
            validator: Validator::new(validator, spec),
            link,
            clock,
            replan_every: limits.replan_every,
            deadline: limits.deadline,
            first_deadline: limits.first_deadline,
            in_vain: 0,
            deadline_steps: limits
                .deadline
                .as_nanos()
                .div_ceil(limits.period.as_nanos().max(1))
                .try_into()
                .unwrap_or(u64::MAX),
            foresight: limits.foresight,
            row_times: RowTimes::default(),
            granted: None,
            observed: Observed::default(),
            episode: None,
            lent: Vec::new(),
            newest: None,
            serial: 0,
            late_rows: VecDeque::new(),
            counted: 0,
        }
    }

    /// Plans from the newest observation, if there is one and a plan is due. What the planner does, be it an error or a
    /// panic, ends here.
    ///
    /// Planning ends by the deadline that follows from the observation's time, with the best plan of then.
    pub fn think(&mut self) -> Option<Answer> {
        if !self.look() {
            return None;
        }
        if !self.due() && self.granted.is_none() {
            self.write_down(Made::Nothing);
            return None;
        }
        let _think =
            tracing::debug_span!("think", episode = self.observed.epoch, step = self.observed.step).entered();
        let began = self.clock.now();
        self.link.asked.fetch_add(1, Ordering::Relaxed);
        self.link.busy_since.store(nanoseconds(began).saturating_add(1), Ordering::Relaxed);
        let (made, rows_granted) = self.plan();
        let Observed { epoch, step, tick, stamp, in_force, .. } = self.observed;
        let cut = made.as_ref().is_ok_and(|plan| plan.status == PlanStatus::Cut);
        let hurried = in_force == 0 && cut;
        self.in_vain = if made.is_ok() { 0 } else { self.in_vain.saturating_add(1) };
        Some(Answer { made, began, epoch, tick, first_step: step, stamp, rows_granted, hurried })
    }

    /// The same with as many rows as an earlier plan had, whatever the time: for replays.
    pub fn think_again(&mut self, rows_granted: usize) -> Option<Answer> {
        self.granted = Some(rows_granted);
        let answer = self.think();
        self.granted = None;
        answer
    }

    /// Takes the newest observation without planning from it; whether there is one of the present episode.
    pub(crate) fn look(&mut self) -> bool {
        let taken = self.observed.epoch;
        let good = self.observe();
        if !good && self.observed.epoch != taken {
            self.write_down(Made::Nothing);
        }
        good
    }

    fn write_down(&self, made: Made) {
        if let Some(tape) = self.link.tape.get() {
            let Observed { epoch, tick, .. } = self.observed;
            tape.plan(PlanLine { epoch, tick, made });
        }
    }

    /// Publishes what [`Self::think`] came to. What it took is the time from one to the other.
    pub fn publish(&mut self, answer: Answer) {
        let now = self.clock.now();
        self.publish_at(answer, now);
    }

    /// The same at a moment of the caller's.
    pub(crate) fn publish_at(&mut self, answer: Answer, now: Duration) {
        let Answer { made, began, epoch, first_step, stamp, rows_granted, hurried, .. } = answer;
        let took = now.saturating_sub(began);
        self.link.busy_since.store(0, Ordering::Relaxed);
        self.link.took.force_push(nanoseconds(took));
        let plan = match made {
            // The next one is to look at everything that there was no time for, and not only at what this one came to.
            Ok(plan) if hurried => Plan { memory: Memory::default(), ..plan },
            Ok(plan) => {
                if plan.status == PlanStatus::Cut {
                    self.link.events.note(Event::PlanCut, now);
                }
                plan
            }
            Err(trouble) => {
                self.write_down(Made::Failure { rows: rows_granted });
                return self.tell(&trouble, now);
            }
        };
        self.serial += 1;
        self.write_down(Made::Plan { rows: rows_granted, serial: self.serial });
        self.link.published.fetch_add(1, Ordering::Relaxed);
        let serial = self.serial;
        let published =
            Arc::new(Published { plan, first_step, stamp, took, rows_granted, hurried, serial, epoch });
        let (clean, frames, took_ms) =
            (published.plan.clean, published.plan.frames, 1e3 * took.as_secs_f64());
        tracing::debug!(serial, first_step, frames, clean, rows_granted, took_ms, "plan");
        self.newest = Some((first_step, serial));
        self.lent.push(Arc::clone(&published));
        // What it displaces is held in `lent` too.
        self.link.plans.force_push(published);
    }

    /// Both at once; false where nothing was due.
    pub fn work(&mut self) -> bool {
        self.think().map(|answer| self.publish(answer)).is_some()
    }

    /// Steps of the plan in force that will be executed before the next plan comes: the most that really were consumed while
    /// one of the last plans was made, not an estimate from clocks. After a plan that was made in a hurry nothing is known of
    /// what an unhurried one consumes: then as many as it may.
    pub fn promised(&self) -> usize {
        let in_force = self.observed.in_force;
        let hurried = self.lent.iter().any(|plan| plan.serial == in_force && plan.hurried);
        let unknown = if hurried { self.deadline_steps } else { 0 };
        let most = self.late_rows.iter().copied().max().unwrap_or(0).max(unknown);
        usize::try_from(most).unwrap_or(usize::MAX)
    }

    /// Whether nobody listens any more.
    pub(crate) fn is_done(&self) -> bool {
        self.link.is_closed()
    }

    /// Takes the newest observation of the present episode; false where there is none.
    fn observe(&mut self) -> bool {
        let Some(mut newest) = self.link.observations.pop() else { return false };
        std::mem::swap(&mut self.observed, newest.as_mut());
        // The box goes back with the old numbers in it: room for as many.
        newest.values.resize(self.observed.values.len(), 0.0);
        newest.past.make_room(&self.observed.past);
        self.link.free.force_push(newest);
        while let Some(episode) = self.link.episodes.pop() {
            self.episode = Some(episode);
            self.newest = None;
        }
        let in_force = self.observed.in_force;
        if in_force != 0 && in_force != self.counted {
            self.counted = in_force;
            self.late_rows.push_back(self.observed.late_rows);
            if self.late_rows.len() > REMEMBERED {
                self.late_rows.pop_front();
            }
        }
        self.lent.retain(|plan| plan.serial == in_force || Arc::strong_count(plan) > 1);
        self.episode.as_ref().is_some_and(|episode| episode.epoch == self.observed.epoch)
    }

    /// The loop asks for a plan as soon as the one in force is worn. If it has not seen the newest one yet, that one counts.
    fn due(&self) -> bool {
        match self.newest {
            Some((first_step, serial)) if self.observed.seen < serial => {
                self.observed.step.saturating_sub(first_step) >= self.replan_every
            }
            _ => true,
        }
    }

    /// A plan, and the rows that were granted for it.
    fn plan(&mut self) -> (Result<Plan, Trouble>, usize) {
        let clock = Arc::clone(&self.clock);
        let seconds = || clock.now().as_secs_f64();
        let times = std::mem::take(&mut self.row_times);
        let mut budget = match self.granted {
            Some(rows) => Budget::unlimited().rows(rows),
            None => {
                let end = self.observed.stamp.saturating_add(self.allowed()).as_secs_f64();
                Budget::unlimited().until(&seconds, end, self.foresight).knowing(times)
            }
        };
        let made = self.plan_within(&mut budget);
        let rows = budget.spent();
        self.row_times = budget.learnt();
        (made, rows)
    }

    /// From the observation until the plan has to be there.
    fn allowed(&self) -> Duration {
        if self.observed.in_force != 0 {
            return self.deadline;
        }
        let longer = 1_u32.checked_shl(self.in_vain).unwrap_or(u32::MAX);
        self.first_deadline.saturating_mul(longer).min(self.deadline)
    }

    fn plan_within(&mut self, budget: &mut Budget<'_>) -> Result<Plan, Trouble> {
        let committed = self.promised();
        let Observed { step, in_force, ref values, ref past, .. } = self.observed;
        let Some(EpisodeStart { seed, task, .. }) = &self.episode else {
            return Err(Trouble::Refused(Refusal::Count(0)));
        };
        let current = self.lent.iter().find(|plan| plan.serial == in_force);
        let in_force =
            current.and_then(|current| Some(InForce { plan: &current.plan, executed: current.row(step)? }));
        let request = Request {
            observation: values,
            seen: 1.0,
            history: past.last(),
            task: task.as_ref(),
            in_force,
            committed,
            step: usize::try_from(step).unwrap_or(usize::MAX),
            seed: stream(*seed, &[PLAN_STREAM, step]).next_u64(),
        };
        let planner = &mut self.planner;
        // Whatever state a panic leaves the planner in, its next plan is looked at like every other.
        let planned = catch_unwind(AssertUnwindSafe(|| planner.plan_within(&[request], false, budget)));
        let mut plans = planned.map_err(|payload| Trouble::Panic(said(payload.as_ref())))??;
        let count = plans.len();
        let plan = plans.pop().filter(|_| count == 1).ok_or(Refusal::Count(count))?;
        self.validator.check(&plan, values)?;
        Ok(plan)
    }

    fn tell(&self, trouble: &Trouble, at: Duration) {
        let event = match trouble {
            Trouble::Error(_) => Event::PlannerError,
            Trouble::Panic(_) => Event::PlannerPanic,
            Trouble::Refused(_) => Event::PlanRefused,
        };
        self.link.events.note(event, at);
        tracing::warn!(event = event.name(), "{trouble}");
        self.link.notes.force_push(Note { at, what: trouble.to_string() });
    }
}

/// What a panic said.
fn said(payload: &(dyn Any + Send)) -> String {
    let text = payload.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| payload.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "it did not say why".to_owned())
}

#[cfg(test)]
mod tests {
    use forethought_envs::{BoxSpace, NoTask};
    use forethought_policies::{ControlConfig, make_controller};

    use super::*;
    use crate::{ManualClock, RealTimeConfig, both_sides};

    /// Fails so many times, and then plans.
    struct Failing(usize);

    impl Planner for Failing {
        fn plan_within(
            &mut self,
            requests: &[Request<'_>],
            _: bool,
            _: &mut Budget<'_>,
        ) -> Result<Vec<Plan>, PlannerError> {
            if let Some(left) = self.0.checked_sub(1) {
                self.0 = left;
                return Err(PlannerError::BrokenOutput { row: 0, token: 2 });
            }
            let row = requests.first().map_or(&[][..], |request| request.observation);
            Ok(vec![Plan {
                frames: 9,
                observations: row.repeat(9),
                actions: vec![0.0; 9],
                ..Plan::default()
            }])
        }
    }

    #[test]
    fn a_robot_without_a_plan_gets_one_soon_and_longer_ones_where_nothing_comes_of_it() {
        let spec = EnvSpec::of_spaces("robot", BoxSpace::symmetric(2, 9.0), BoxSpace::symmetric(1, 1.0));
        let config = RealTimeConfig { period_s: Some(0.02), ..RealTimeConfig::default() };
        let controller = make_controller(&ControlConfig::named("diffused-action"), &spec, None).unwrap();
        let clock = Arc::new(ManualClock::new());
        let (mut executive, mut worker) =
            both_sides(Box::new(Failing(5)), controller, &spec, 5, &config, Arc::clone(&clock) as _).unwrap();
        executive.reset(1, Arc::new(NoTask));
        executive.start();
        let mut allowed = Vec::new();
        for _ in 0..5 {
            executive.tick(clock.now(), &[0.0, 0.0]);
            allowed.push(worker.allowed().as_millis());
            assert!(worker.work(), "asked again at every tick");
            clock.advance(Duration::from_millis(20));
        }
        assert_eq!(allowed, [20, 40, 80, 100, 100], "doubled, up to the time of five steps");
        for _ in 0..8 {
            executive.tick(clock.now(), &[0.0, 0.0]);
            worker.work();
        }
        assert_eq!(
            (worker.observed.in_force, worker.allowed().as_millis()),
            (1, 100),
            "with a plan to follow"
        );
    }
}
