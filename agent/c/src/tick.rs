//! What one tick of a loop came to, in the hands of C.

use forethought_agent::{Rung, Tick};

/// Where a loop stands on its ladder, best first. Numbers keep their meaning in later versions, which may add some.
#[repr(i32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ForethoughtRung {
    /// Not started: nothing is commanded.
    Idle = 0,
    /// Started, and no valid plan has come: nothing is commanded.
    Waiting = 1,
    /// A plan is followed.
    Plan = 2,
    /// A plan is followed that should have been replaced.
    Previous = 3,
    /// No plan: each entry of the command holds or brakes.
    Brake = 4,
    /// No plan for longer: the safe command.
    Safe = 5,
    /// No plan for longer than is tolerated: the safe command. The first good plan leads back from here too.
    Failed = 6,
    /// Stopped: the safe command.
    Stopped = 7,
}

/// What one tick came to.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ForethoughtTick {
    /// Set this to `sizeof(ForethoughtTick)` before the call. Afterwards it says how many bytes the library knows: fields
    /// of a newer header than the library lie beyond, and are left as they were.
    pub struct_size: usize,
    /// 1 where there is a command, else 0: the robot is left alone.
    pub commanded: usize,
    /// Commands given in this episode before this tick.
    pub step: u64,
    /// Serial number of the plan that is followed, counted from 1; 0 where none is.
    pub plan: u64,
    /// Its row, counted from 0; -1 where none is followed.
    pub row: i64,
    /// Where on the ladder the loop stands.
    pub rung: ForethoughtRung,
}

impl From<Rung> for ForethoughtRung {
    fn from(rung: Rung) -> Self {
        match rung {
            Rung::Idle => Self::Idle,
            Rung::Waiting => Self::Waiting,
            Rung::Plan => Self::Plan,
            Rung::Previous => Self::Previous,
            Rung::Brake => Self::Brake,
            Rung::Safe => Self::Safe,
            Rung::Failed => Self::Failed,
            Rung::Stopped => Self::Stopped,
        }
    }
}

impl ForethoughtTick {
    pub(crate) fn new(tick: &Tick<'_>) -> Self {
        Self {
            struct_size: size_of::<Self>(),
            commanded: usize::from(tick.command.is_some()),
            step: tick.step,
            plan: tick.followed.map_or(0, |(serial, _)| serial),
            row: tick.followed.and_then(|(_, row)| i64::try_from(row).ok()).unwrap_or(-1),
            rung: tick.rung.into(),
        }
    }
}
