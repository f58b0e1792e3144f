//! What goes wrong, counted and timed by whoever sees it.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::clock::nanoseconds;

/// One kind of thing that can go wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// An observation of the wrong length, or with an entry that is no number.
    BadObservation,
    /// A plan came when it was too old, or had no row left.
    StalePlan,
    /// A plan came for an episode that was over.
    OtherEpisode,
    /// A new plan began too far from the last command and was joined to it.
    SeamJoined,
    /// A new plan began too far from the last command and the one in force was kept.
    SeamRefused,
    /// The controller refused, or its command was no number.
    ControllerRefused,
    /// A command left the action space and was moved to its edge.
    CommandClamped,
    /// A command changed faster than allowed and was slowed down.
    RateLimited,
    /// A tick began more than a tenth of a period late.
    LateTick,
    /// A tick's own work took longer than its budget.
    SlowTick,
    /// The planner answered with an error.
    PlannerError,
    /// The planner panicked.
    PlannerPanic,
    /// The validator refused a plan.
    PlanRefused,
    /// A plan was cut short by its deadline; those of a robot that waits are meant to be, and do not count.
    PlanCut,
}

impl Event {
    /// All of them.
    pub const ALL: [Self; 14] = [
        Self::BadObservation,
        Self::StalePlan,
        Self::OtherEpisode,
        Self::SeamJoined,
        Self::SeamRefused,
        Self::ControllerRefused,
        Self::CommandClamped,
        Self::RateLimited,
        Self::LateTick,
        Self::SlowTick,
        Self::PlannerError,
        Self::PlannerPanic,
        Self::PlanRefused,
        Self::PlanCut,
    ];

    /// Name in reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::BadObservation => "bad-observation",
            Self::StalePlan => "stale-plan",
            Self::OtherEpisode => "other-episode",
            Self::SeamJoined => "seam-joined",
            Self::SeamRefused => "seam-refused",
            Self::ControllerRefused => "controller-refused",
            Self::CommandClamped => "command-clamped",
            Self::RateLimited => "rate-limited",
            Self::LateTick => "late-tick",
            Self::SlowTick => "slow-tick",
            Self::PlannerError => "planner-error",
            Self::PlannerPanic => "planner-panic",
            Self::PlanRefused => "plan-refused",
            Self::PlanCut => "plan-cut",
        }
    }
}

/// How often, and when first and last.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Occurrence {
    /// Times it happened.
    pub count: u64,
    /// When first, on the loop's clock.
    pub first: Duration,
    /// When last.
    pub last: Duration,
}

#[derive(Debug, Default)]
struct Slot {
    count: AtomicU64,
    first: AtomicU64,
    last: AtomicU64,
}

/// All events of a run. Both threads write to it without waiting for each other; each kind has one writer.
#[derive(Debug, Default)]
pub(crate) struct Events([Slot; Event::ALL.len()]);

impl Events {
    /// Notes that it happened.
    pub fn note(&self, event: Event, now: Duration) {
        if let Some(slot) = self.0.get(event as usize) {
            let now = nanoseconds(now);
            if slot.count.load(Ordering::Relaxed) == 0 {
                slot.first.store(now, Ordering::Relaxed);
            }
            slot.last.store(now, Ordering::Relaxed);
            slot.count.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// What was noted of it.
    pub fn of(&self, event: Event) -> Occurrence {
        let read = |of: fn(&Slot) -> &AtomicU64| {
            self.0.get(event as usize).map_or(0, |slot| of(slot).load(Ordering::Relaxed))
        };
        Occurrence {
            count: read(|slot| &slot.count),
            first: Duration::from_nanos(read(|slot| &slot.first)),
            last: Duration::from_nanos(read(|slot| &slot.last)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_has_its_own_place_and_name() {
        let events = Events::default();
        for (i, event) in Event::ALL.into_iter().enumerate() {
            assert_eq!(event as usize, i, "{event:?} stands elsewhere in the list");
            assert_eq!(Event::ALL.iter().filter(|other| other.name() == event.name()).count(), 1);
            assert_eq!(events.of(event), Occurrence::default());
        }
        events.note(Event::PlannerPanic, Duration::from_millis(4));
        events.note(Event::PlannerPanic, Duration::from_millis(9));
        let seen = events.of(Event::PlannerPanic);
        assert_eq!((seen.count, seen.first.as_millis(), seen.last.as_millis()), (2, 4, 9));
        assert_eq!(events.of(Event::PlannerError).count, 0);
    }
}
