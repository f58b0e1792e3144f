//! What passes between the control loop and the planner's thread.
//!
//! Every queue is bounded and made with the agent, and the newest entry displaces the oldest. The queues are crossbeam's:
//! nobody holds a lock, and a side that meets the other between two instructions of one entry goes round again.
//!
//! Plans are shared by counted references. The planner's side keeps one of each until it holds the last, so a plan is freed
//! there and never in a tick.

use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use crossbeam::queue::ArrayQueue;
use forethought_envs::SharedTask;
use forethought_planner::Plan;

use super::events::Events;
use super::tape::Tape;
use crate::past::Past;

/// Plans under way to the loop. It takes all of them at every tick; more than one waits only where a loop is slower than
/// its planner.
const PLANS: usize = 4;
/// Episodes that began and that the planner has not heard of.
const EPISODES: usize = 4;
/// Messages kept for the report; the newest are the ones that explain the end.
const NOTES: usize = 16;
/// Planning times that the loop has not counted yet.
const TIMES: usize = 64;
/// One that waits, one that the planner reads, one that the loop writes.
const OBSERVATIONS: usize = 3;

/// An observation on its way to the planner.
#[derive(Clone, Debug, Default)]
pub(crate) struct Observed {
    /// Episode that it belongs to.
    pub epoch: u64,
    /// Steps commanded in this episode before it.
    pub step: u64,
    /// Ticks of this epoch before it.
    pub tick: u64,
    /// When it was made.
    pub stamp: Duration,
    /// Serial number of the plan in force; 0 where there is none.
    pub in_force: u64,
    /// Serial number of the newest plan that the loop has looked at.
    pub seen: u64,
    /// Steps that were consumed while the plan in force was made.
    pub late_rows: u64,
    /// Environment units.
    pub values: Vec<f64>,
    /// The steps before it, as far as the planner asks for them.
    pub past: Past,
}

/// A plan on its way to the loop.
#[derive(Clone, Debug)]
pub struct Published {
    /// The plan. Its row `i` is for step `first_step + i`.
    pub plan: Plan,
    /// Absolute step of its first row: that of the observation it was planned from.
    pub first_step: u64,
    /// When that observation was made.
    pub stamp: Duration,
    /// What making it took.
    pub took: Duration,
    /// Rows after which planning was stopped, or all that it took: with as many and no deadline it comes to the same plan.
    pub rows_granted: usize,
    /// Whether it was cut short because there was none to follow: a better one is to come at once.
    pub hurried: bool,
    /// Counts the plans of an agent from 1.
    pub serial: u64,
    /// Episode that it is for.
    pub(crate) epoch: u64,
}

impl Published {
    /// The row for a step, where there is one.
    pub fn row(&self, step: u64) -> Option<usize> {
        let row = usize::try_from(step.checked_sub(self.first_step)?).ok()?;
        (row < self.plan.frames).then_some(row)
    }
}

/// What is planned for.
#[derive(Debug)]
pub(crate) struct EpisodeStart {
    pub epoch: u64,
    pub seed: u64,
    pub task: SharedTask,
}

/// Something that went wrong on the planner's side, in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// When, on the loop's clock.
    pub at: Duration,
    /// What.
    pub what: String,
}

/// The queues, and what both sides count.
#[derive(Debug)]
pub(crate) struct Link {
    pub observations: ArrayQueue<Box<Observed>>,
    pub free: ArrayQueue<Box<Observed>>,
    pub plans: ArrayQueue<Arc<Published>>,
    pub episodes: ArrayQueue<EpisodeStart>,
    pub notes: ArrayQueue<Note>,
    pub took: ArrayQueue<u64>,
    pub events: Events,
    /// Plans that passed the validator.
    pub published: AtomicU64,
    /// Times that the planner was asked.
    pub asked: AtomicU64,
    /// When the call that is under way began, in nanoseconds and one more; 0 while there is none.
    pub busy_since: AtomicU64,
    /// Where on the ladder the loop stood at its last tick, as a number of [`super::ladder::Rung::ALL`].
    pub rung: AtomicU8,
    /// Where both sides tell what they do, if anybody wants to know.
    pub tape: OnceLock<Arc<Tape>>,
    stop: AtomicBool,
    closed: AtomicBool,
}

impl Link {
    /// Queues for observations of so many entries, with room for such a past.
    pub fn new(observation: usize, past: &Past) -> Self {
        let link = Self {
            observations: ArrayQueue::new(1),
            free: ArrayQueue::new(OBSERVATIONS),
            plans: ArrayQueue::new(PLANS),
            episodes: ArrayQueue::new(EPISODES),
            notes: ArrayQueue::new(NOTES),
            took: ArrayQueue::new(TIMES),
            events: Events::default(),
            published: AtomicU64::new(0),
            asked: AtomicU64::new(0),
            busy_since: AtomicU64::new(0),
            rung: AtomicU8::new(0),
            tape: OnceLock::new(),
            stop: AtomicBool::new(false),
            closed: AtomicBool::new(false),
        };
        for _ in 0..OBSERVATIONS {
            let empty =
                Observed { values: vec![0.0; observation], past: past.empty(), ..Observed::default() };
            link.free.force_push(Box::new(empty));
        }
        link
    }

    /// Asks the loop to stop at its next tick.
    pub fn ask_to_stop(&self, stop: bool) {
        self.stop.store(stop, Ordering::Release);
    }

    /// Whether somebody asked.
    pub fn stop_asked(&self) -> bool {
        self.stop.load(Ordering::Acquire)
    }

    /// Tells the planner's side that nobody listens any more.
    pub fn close(&self) {
        self.closed.store(true, Ordering::Release);
    }

    /// Whether nobody listens any more.
    pub fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Acquire)
    }
}

/// Stops an agent from anywhere, such as the handler of Ctrl-C: its next tick gives the safe command.
#[derive(Clone, Debug)]
pub struct Stopper(pub(crate) Arc<Link>);

impl Stopper {
    /// Stops it.
    pub fn stop(&self) {
        self.0.ask_to_stop(true);
    }
}
