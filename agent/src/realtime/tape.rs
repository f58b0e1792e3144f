//! What a loop saw and did, on its way to a file.
//!
//! The tick copies numbers into boxes that were made beforehand and passes them on; whoever writes them does so elsewhere, in
//! its own time. Where the writer does not keep up, or the disk is full, lines are lost and counted, and the loop goes on.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crossbeam::queue::ArrayQueue;

use super::ladder::Rung;

/// Lines under way: at 1 kHz a writer may be a second late.
const LINES: usize = 1024;

/// What one tick saw and did.
#[derive(Clone, Debug, PartialEq)]
pub struct TickLine {
    /// Counts resets and starts.
    pub epoch: u64,
    /// Ticks of this epoch before it.
    pub tick: u64,
    /// The loop's clock.
    pub now: Duration,
    /// Serial number of the newest plan that had come; 0 before the first of this epoch.
    pub seen: u64,
    /// Where on the ladder the loop stood.
    pub rung: Rung,
    /// Environment units, as it came: broken ones too.
    pub observation: Vec<f64>,
    /// Action units; empty where nothing was commanded.
    pub command: Vec<f64>,
}

/// An episode begins.
#[derive(Clone, Debug, PartialEq)]
pub struct EpisodeLine {
    /// Counts resets and starts.
    pub epoch: u64,
    /// Seed of its plans.
    pub seed: u64,
    /// What counts as there, where the task has a goal.
    pub tolerance: f64,
    /// Goal, where the task has one: entries of the observation and their values.
    pub goal: Vec<(usize, f64)>,
}

/// What the planner's side made of an observation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PlanLine {
    /// Epoch and tick of the observation.
    pub epoch: u64,
    /// See `epoch`.
    pub tick: u64,
    /// What came of it.
    pub made: Made,
}

/// What came of an observation that the planner's side took.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Made {
    /// No plan was due.
    Nothing,
    /// Planning failed, or the plan was refused.
    Failure {
        /// Rows granted for it.
        rows: usize,
    },
    /// A plan.
    Plan {
        /// Rows granted for it.
        rows: usize,
        /// Its serial number.
        serial: u64,
    },
}

/// The queues between a loop and whoever writes down what it does.
#[derive(Debug)]
pub struct Tape {
    free: ArrayQueue<Box<TickLine>>,
    ticks: ArrayQueue<Box<TickLine>>,
    plans: ArrayQueue<PlanLine>,
    episodes: ArrayQueue<EpisodeLine>,
    lost: AtomicU64,
}

impl Tape {
    /// For observations and commands of these lengths.
    pub fn new(observation: usize, action: usize) -> Self {
        let tape = Self {
            free: ArrayQueue::new(LINES),
            ticks: ArrayQueue::new(LINES),
            plans: ArrayQueue::new(LINES),
            episodes: ArrayQueue::new(LINES),
            lost: AtomicU64::new(0),
        };
        for _ in 0..LINES {
            let line = TickLine {
                epoch: 0,
                tick: 0,
                now: Duration::ZERO,
                seen: 0,
                rung: Rung::Idle,
                observation: Vec::with_capacity(observation),
                command: Vec::with_capacity(action),
            };
            tape.free.force_push(Box::new(line));
        }
        tape
    }

    /// Passes on what `fill` writes. Does not allocate as long as observations and commands have their lengths.
    pub(crate) fn tick(&self, fill: impl FnOnce(&mut TickLine)) {
        let Some(mut line) = self.free.pop() else {
            self.lost.fetch_add(1, Ordering::Relaxed);
            return;
        };
        fill(&mut line);
        // There are as many boxes as places.
        if self.ticks.push(line).is_err() {
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
    }

    pub(crate) fn plan(&self, line: PlanLine) {
        if self.plans.push(line).is_err() {
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
    }

    pub(crate) fn episode(&self, line: EpisodeLine) {
        if self.episodes.push(line).is_err() {
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Hands on what has come, in the order of each side: episodes, what the planner's side made, what the loop did.
    pub(crate) fn drain<E>(
        &self,
        mut episode: impl FnMut(EpisodeLine) -> Result<(), E>,
        mut plan: impl FnMut(PlanLine) -> Result<(), E>,
        mut tick: impl FnMut(&TickLine) -> Result<(), E>,
    ) -> Result<(), E> {
        while let Some(line) = self.episodes.pop() {
            episode(line)?;
        }
        while let Some(line) = self.plans.pop() {
            plan(line)?;
        }
        while let Some(line) = self.ticks.pop() {
            let told = tick(&line);
            self.free.force_push(line);
            told?;
        }
        Ok(())
    }

    /// Lines that nobody wrote down.
    pub fn lost(&self) -> u64 {
        self.lost.load(Ordering::Relaxed)
    }
}
