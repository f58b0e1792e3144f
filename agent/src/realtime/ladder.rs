//! Which command is given when the plan is missing, late or refused.

use std::time::Duration;

use super::config::Brake;
use super::limits::Limits;

/// A rung of the ladder, best first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rung {
    /// Not started: nothing is commanded.
    Idle,
    /// Started, and no valid plan has come: nothing is commanded.
    Waiting,
    /// A plan is followed.
    Plan,
    /// A plan is followed that should have been replaced.
    Previous,
    /// No plan: each action entry holds or brakes.
    Brake,
    /// No plan for longer: the safe command.
    Safe,
    /// No plan for longer than is tolerated: the safe command, and an error.
    Failed,
    /// Stopped: the safe command.
    Stopped,
}

impl Rung {
    /// All of them, in order.
    pub const ALL: [Self; 8] = [
        Self::Idle,
        Self::Waiting,
        Self::Plan,
        Self::Previous,
        Self::Brake,
        Self::Safe,
        Self::Failed,
        Self::Stopped,
    ];

    /// Whether a command is given there.
    pub fn commands(self) -> bool {
        !matches!(self, Self::Idle | Self::Waiting)
    }

    /// Name in reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Idle => "idle",
            Self::Waiting => "waiting",
            Self::Plan => "plan",
            Self::Previous => "previous",
            Self::Brake => "brake",
            Self::Safe => "safe",
            Self::Failed => "failed",
            Self::Stopped => "stopped",
        }
    }
}

/// Why the loop gave up. It goes on with the safe command, and recovers with the first good plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// No plan could be followed for longer than is tolerated.
    #[error(
        "no plan to follow for {:.3} s: look at the report's events for what the planner or the sensors did, or raise \
         `realtime.tolerance_s`", for_.as_secs_f64()
    )]
    NoPlan {
        /// For how long.
        for_: Duration,
    },
}

/// What of the present tick decides the rung.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Footing {
    /// No plan has been followed in this episode.
    None,
    /// A plan is followed in time.
    Fresh,
    /// A plan is followed that should have been replaced.
    Late,
    /// There was a plan, and it cannot be followed.
    Lost,
}

/// Ticks on a rung, and ways onto it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RungCount {
    /// Ticks spent there.
    pub ticks: u64,
    /// Times that the loop came there from another.
    pub entered: u64,
    /// When first, on the loop's clock.
    pub first: Duration,
    /// When last.
    pub last: Duration,
}

/// Where the loop stands.
#[derive(Clone, Debug)]
pub(crate) struct Ladder {
    brake_for: Duration,
    tolerance: Duration,
    lost_since: Option<Duration>,
    rung: Option<Rung>,
    counts: [RungCount; Rung::ALL.len()],
}

impl Ladder {
    pub fn new(limits: &Limits) -> Self {
        Self {
            brake_for: limits.brake_for,
            tolerance: limits.tolerance,
            lost_since: None,
            rung: None,
            counts: Default::default(),
        }
    }

    /// Forgets for how long there was no plan.
    pub fn reset(&mut self) {
        self.lost_since = None;
    }

    /// The rung of a running loop's tick.
    pub fn rung(&mut self, footing: Footing, now: Duration) -> Rung {
        let rung = match footing {
            Footing::None => Rung::Waiting,
            Footing::Fresh => Rung::Plan,
            Footing::Late => Rung::Previous,
            Footing::Lost => {
                let lost = now.saturating_sub(*self.lost_since.get_or_insert(now));
                if lost >= self.tolerance {
                    Rung::Failed
                } else if lost >= self.brake_for {
                    Rung::Safe
                } else {
                    Rung::Brake
                }
            }
        };
        if footing != Footing::Lost {
            self.lost_since = None;
        }
        rung
    }

    /// Counts a tick that was spent on a rung.
    pub fn count(&mut self, rung: Rung, now: Duration) {
        let entered = self.rung.replace(rung) != Some(rung);
        if let Some(count) = self.counts.get_mut(rung as usize) {
            count.ticks += 1;
            if entered {
                if count.entered == 0 {
                    count.first = now;
                }
                count.entered += 1;
                count.last = now;
            }
        }
    }

    /// Why the loop gave up, while it has.
    pub fn failure(&self, now: Duration) -> Option<Failure> {
        let for_ = now.saturating_sub(self.lost_since?);
        (for_ >= self.tolerance).then_some(Failure::NoPlan { for_ })
    }

    /// What was counted.
    pub fn counts(&self) -> &[RungCount; Rung::ALL.len()] {
        &self.counts
    }
}

/// Writes what each action entry does without a plan; `command` holds the last one.
pub(crate) fn brake(limits: &Limits, commanded: bool, command: &mut [f64]) {
    for ((value, brake), safe) in command.iter_mut().zip(&limits.brake).zip(&limits.safe) {
        *value = match *brake {
            Brake::Hold if commanded => *value,
            // There is nothing to hold.
            Brake::Hold => *safe,
            Brake::Zero => 0.0,
            Brake::Value(given) => given,
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::RealTimeConfig;
    use forethought_envs::{BoxSpace, EnvSpec};

    fn limits(brake: &[Brake]) -> Limits {
        let (observation, action) = (BoxSpace::symmetric(1, 1.0), BoxSpace::symmetric(3, 1.0));
        let spec = EnvSpec { step_seconds: Some(0.1), ..EnvSpec::of_spaces("robot", observation, action) };
        let config =
            RealTimeConfig { brake: brake.to_vec(), safe: vec![0.25; 3], ..RealTimeConfig::default() };
        config.limits(&spec, 5).unwrap()
    }

    #[test]
    fn down_with_time_and_up_at_once() {
        let mut ladder = Ladder::new(&limits(&[]));
        let at = |seconds: f64| Duration::from_secs_f64(seconds);
        assert_eq!(ladder.rung(Footing::None, at(0.0)), Rung::Waiting);
        assert_eq!(ladder.rung(Footing::Fresh, at(9.0)), Rung::Plan);
        for (seconds, rung) in [
            (10.0, Rung::Brake),
            (10.4, Rung::Brake),
            (10.5, Rung::Safe),
            (11.9, Rung::Safe),
            (12.0, Rung::Failed),
        ] {
            assert_eq!(ladder.rung(Footing::Lost, at(seconds)), rung, "{seconds}");
            assert_eq!(ladder.failure(at(seconds)).is_some(), rung == Rung::Failed);
        }
        let message = ladder.failure(at(12.5)).unwrap().to_string();
        assert!(message.contains("2.500 s") && message.contains("realtime.tolerance_s"), "{message}");
        assert_eq!(ladder.rung(Footing::Late, at(13.0)), Rung::Previous);
        assert_eq!(ladder.failure(at(99.0)), None);
        assert_eq!(ladder.rung(Footing::Lost, at(20.0)), Rung::Brake, "the time begins anew");
    }

    #[test]
    fn each_entry_brakes_in_its_own_way() {
        let limits = limits(&[Brake::Hold, Brake::Zero, Brake::Value(-0.5)]);
        let mut command = [0.75; 3];
        brake(&limits, true, &mut command);
        assert_eq!(command, [0.75, 0.0, -0.5]);
        brake(&limits, false, &mut command);
        assert_eq!(command, [0.25, 0.0, -0.5]);
    }

    #[test]
    fn ways_onto_a_rung_are_counted_apart_from_ticks() {
        let mut ladder = Ladder::new(&limits(&[]));
        for (i, rung) in [Rung::Plan, Rung::Plan, Rung::Brake, Rung::Plan].into_iter().enumerate() {
            ladder.count(rung, Duration::from_secs(i as u64));
        }
        let plan = ladder.counts()[Rung::Plan as usize];
        assert_eq!((plan.ticks, plan.entered, plan.first.as_secs(), plan.last.as_secs()), (3, 2, 0, 3));
        assert!(Rung::ALL.into_iter().enumerate().all(|(i, rung)| rung as usize == i));
    }
}
