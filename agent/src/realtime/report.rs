//! What a run of the control loop came to.

use std::fmt;
use std::sync::atomic::Ordering;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::events::Event;
use super::ladder::{Rung, RungCount};
use super::limits::Limits;
use super::link::Link;
use super::timing::{Spread, Timing};

/// Times or counts of one stage.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Stage {
    /// `tick` (its own work), `jitter` (distance of an interval from the period), `plan` (a call of the planner), `age` (of
    /// the observation behind the plan that is followed) or `late-rows` (steps consumed while a plan was made).
    pub name: String,
    /// `s` or `steps`.
    pub unit: String,
    /// How often it was measured.
    pub count: u64,
    /// Mean.
    pub mean: f64,
    /// What 99 of 100 do not exceed.
    pub p99: f64,
    /// The largest.
    pub worst: f64,
}

/// How often something happened.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Happened {
    /// Name of the rung or event.
    pub name: String,
    /// Ticks on the rung, or times of the event.
    pub count: u64,
    /// Times that the loop came to the rung; as `count` for an event.
    pub entered: u64,
    /// When first, seconds on the loop's clock.
    pub first_s: f64,
    /// When last (came to the rung), seconds.
    pub last_s: f64,
}

/// A message from the planner's side.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Message {
    /// When, seconds on the loop's clock.
    pub at_s: f64,
    /// What went wrong.
    pub what: String,
}

/// What a run of the control loop came to: printed with `{}`, and JSON through serde.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ClosingReport {
    /// Ticks per second that were asked for.
    pub target_hz: f64,
    /// Ticks per second that came, pauses apart.
    pub effective_hz: f64,
    /// Seconds that the loop ran.
    pub seconds: f64,
    /// Ticks of the running loop.
    pub ticks: u64,
    /// Ticks that began more than a tenth of a period late: the caller's, or the scheduler's.
    pub late_ticks: u64,
    /// Ticks whose own work took longer than its budget.
    pub slow_ticks: u64,
    /// Share of the period that 99 of 100 ticks leave to the caller; 1 where none was measured.
    pub headroom: f64,
    /// Share of the time from plan to plan that 99 of 100 calls of the planner leave; negative where it does not keep up, none
    /// where it plans without a pause.
    pub planning_headroom: Option<f64>,
    /// Calls of the planner.
    pub asked: u64,
    /// Plans that passed the validator.
    pub published: u64,
    /// Plans that were put in force.
    pub followed: u64,
    /// For how many seconds the planner has not answered, where it is being asked.
    pub unanswered_s: Option<f64>,
    /// Times that the loop went down the ladder.
    pub steps_down: u64,
    /// Stages.
    pub stages: Vec<Stage>,
    /// Rungs of the ladder that it was on.
    pub ladder: Vec<Happened>,
    /// Events that there were.
    pub events: Vec<Happened>,
    /// The last messages of the planner's side, oldest first.
    pub messages: Vec<Message>,
}

const NANOSECOND: f64 = 1e-9;

fn stage(name: &str, unit: &str, scale: f64, spread: &Spread) -> Stage {
    Stage {
        name: name.to_owned(),
        unit: unit.to_owned(),
        count: spread.count(),
        mean: spread.mean() * scale,
        p99: spread.quantile(0.99) as f64 * scale,
        worst: spread.worst() as f64 * scale,
    }
}

impl ClosingReport {
    pub(crate) fn new(
        timing: &Timing,
        limits: &Limits,
        rungs: &[RungCount],
        link: &Link,
        now: Duration,
    ) -> Self {
        let period = limits.period.as_secs_f64();
        let p99 = |spread: &Spread| spread.quantile(0.99) as f64 * NANOSECOND;
        let between = period * limits.replan_every as f64;
        let counted = |event: Event| link.events.of(event).count;
        let ladder: Vec<Happened> = Rung::ALL
            .into_iter()
            .zip(rungs)
            .filter(|(_, count)| count.ticks > 0)
            .map(|(rung, count)| Happened {
                name: rung.name().to_owned(),
                count: count.ticks,
                entered: count.entered,
                first_s: count.first.as_secs_f64(),
                last_s: count.last.as_secs_f64(),
            })
            .collect();
        let down = [Rung::Previous, Rung::Brake, Rung::Safe, Rung::Failed];
        let busy = link.busy_since.load(Ordering::Relaxed);
        Self {
            target_hz: 1.0 / period,
            effective_hz: match timing.ran {
                Duration::ZERO => 0.0,
                ran => timing.intervals as f64 / ran.as_secs_f64(),
            },
            seconds: timing.ran.as_secs_f64(),
            ticks: timing.ticks,
            late_ticks: counted(Event::LateTick),
            slow_ticks: counted(Event::SlowTick),
            headroom: 1.0 - p99(&timing.work) / period,
            planning_headroom: (between > 0.0 && timing.plan.count() > 0)
                .then(|| 1.0 - p99(&timing.plan) / between),
            asked: link.asked.load(Ordering::Relaxed),
            published: link.published.load(Ordering::Relaxed),
            followed: timing.late_rows.count(),
            unanswered_s: busy
                .checked_sub(1)
                .map(|since| now.saturating_sub(Duration::from_nanos(since)).as_secs_f64()),
            steps_down: down
                .iter()
                .filter_map(|&rung| rungs.get(rung as usize))
                .map(|rung| rung.entered)
                .sum(),
            stages: vec![
                stage("tick", "s", NANOSECOND, &timing.work),
                stage("jitter", "s", NANOSECOND, &timing.jitter),
                stage("plan", "s", NANOSECOND, &timing.plan),
                stage("age", "s", NANOSECOND, &timing.age),
                stage("late-rows", "steps", 1.0, &timing.late_rows),
            ],
            ladder,
            events: Event::ALL
                .into_iter()
                .map(|event| (event, link.events.of(event)))
                .filter(|(_, seen)| seen.count > 0)
                .map(|(event, seen)| Happened {
                    name: event.name().to_owned(),
                    count: seen.count,
                    entered: seen.count,
                    first_s: seen.first.as_secs_f64(),
                    last_s: seen.last.as_secs_f64(),
                })
                .collect(),
            messages: {
                // Taken out and put back, so that a report changes nothing for the next one.
                let notes: Vec<_> = std::iter::from_fn(|| link.notes.pop()).collect();
                let told =
                    notes.iter().map(|note| Message { at_s: note.at.as_secs_f64(), what: note.what.clone() });
                let told = told.collect();
                notes.into_iter().for_each(|note| drop(link.notes.force_push(note)));
                told
            },
        }
    }

    /// Times of an event.
    pub fn event(&self, event: Event) -> u64 {
        self.events.iter().find(|seen| seen.name == event.name()).map_or(0, |seen| seen.count)
    }

    /// Ticks on a rung.
    pub fn rung(&self, rung: Rung) -> u64 {
        self.ladder.iter().find(|seen| seen.name == rung.name()).map_or(0, |seen| seen.count)
    }

    /// A stage by its name.
    pub fn stage(&self, name: &str) -> Option<&Stage> {
        self.stages.iter().find(|stage| stage.name == name)
    }
}

impl fmt::Display for ClosingReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{:.2} Hz of {:.2} Hz over {:.1} s: {} ticks, {} late, {} slow; headroom {:.2} %",
            self.effective_hz,
            self.target_hz,
            self.seconds,
            self.ticks,
            self.late_ticks,
            self.slow_ticks,
            100.0 * self.headroom
        )?;
        write!(f, "plans: {} asked, {} valid, {} followed", self.asked, self.published, self.followed)?;
        if let Some(headroom) = self.planning_headroom {
            write!(f, "; headroom {:.1} %", 100.0 * headroom)?;
        }
        if let Some(seconds) = self.unanswered_s {
            write!(f, "; no answer for {seconds:.3} s")?;
        }
        writeln!(f, "\n{:<10} {:>10} {:>12} {:>12} {:>12}", "stage", "count", "mean", "p99", "worst")?;
        for Stage { name, unit, count, mean, p99, worst } in &self.stages {
            let told = |value: f64| match unit.as_str() {
                "s" => format!("{:.2?}", Duration::try_from_secs_f64(value).unwrap_or_default()),
                _ => format!("{value:.2}"),
            };
            let (mean, p99, worst) = (told(*mean), told(*p99), told(*worst));
            writeln!(f, "{name:<10} {count:>10} {mean:>12} {p99:>12} {worst:>12}")?;
        }
        writeln!(f, "ladder: {} steps down", self.steps_down)?;
        for Happened { name, count, entered, first_s, last_s } in &self.ladder {
            writeln!(f, "  {name:<18} {count:>8} ticks, entered {entered}, {first_s:.3} s to {last_s:.3} s")?;
        }
        if !self.events.is_empty() {
            writeln!(f, "events:")?;
        }
        for Happened { name, count, first_s, last_s, .. } in &self.events {
            writeln!(f, "  {name:<18} {count:>8} times, {first_s:.3} s to {last_s:.3} s")?;
        }
        for Message { at_s, what } in &self.messages {
            writeln!(f, "  at {at_s:.3} s: {}", forethought_envs::printable(what))?;
        }
        Ok(())
    }
}
