//! What can be plotted and read: commands, the ladder, plans in numbers.

use std::collections::BTreeSet;

use forethought_agent::{Made, PlanLine, Rung, TickLine};
use re_log_encoding::EncodeError;
use re_sdk_types::archetypes::{Scalars, SeriesLines, TextLog};
use re_sdk_types::components::TextLogLevel;

use super::log::Log;
use super::{Coming, Episode};

pub(super) fn log(log: &mut Log<'_>, episode: &Episode<'_>) -> Result<(), EncodeError> {
    names(log, episode)?;
    let failed = |plan: &&PlanLine| matches!(plan.made, Made::Failure { .. });
    let failed: BTreeSet<u64> = episode.recorded.plans.iter().filter(failed).map(|plan| plan.tick).collect();
    let mut followed: Option<&Coming<'_>> = None;
    let mut rung = None;
    for (moment, line) in episode.ticks() {
        if let Some(coming) = episode.plans.get(&line.tick) {
            followed = Some(coming);
            let took = coming.from.time.saturating_sub(coming.observed.time);
            log.at(moment, "planning/seconds", &Scalars::single(took.as_secs_f64()))?;
            log.at(moment, "planning/rows", &Scalars::single(coming.rows as f64))?;
        }
        if let Some(coming) = followed.filter(|_| follows(line.rung)) {
            let age = moment.time.saturating_sub(coming.observed.time);
            log.at(moment, "loop/plan_age_s", &Scalars::single(age.as_secs_f64()))?;
        }
        log.at(moment, "loop/rung", &Scalars::single(f64::from(line.rung as u8)))?;
        if !line.command.is_empty() {
            log.at(moment, "command", &Scalars::new(line.command.iter().copied()))?;
        }
        if rung.replace(line.rung) != Some(line.rung) {
            let text = format!("{}: {}", line.rung.name(), said_of(line));
            log.at(moment, "loop/log", &TextLog::new(text).with_level(level(line.rung)))?;
        }
        if failed.contains(&line.tick) {
            let text = "planning from this observation failed, or its plan was refused";
            log.at(moment, "loop/log", &TextLog::new(text).with_level(TextLogLevel::WARN))?;
        }
    }
    Ok(())
}

fn names(log: &mut Log<'_>, episode: &Episode<'_>) -> Result<(), EncodeError> {
    let entries = episode.recorded.ticks.iter().map(|line| line.command.len()).max().unwrap_or(0);
    if entries > 0 {
        let names = (0..entries).map(|entry| format!("command {entry}"));
        log.always("command", &SeriesLines::new().with_names(names))?;
    }
    for (entity, name) in [
        ("planning/seconds", "from observation to plan, s"),
        ("planning/rows", "rows granted"),
        ("loop/plan_age_s", "age of the plan, s"),
        ("loop/rung", "rung of the ladder"),
    ] {
        log.always(entity, &SeriesLines::new().with_names([name]))?;
    }
    Ok(())
}

/// Whether a plan is followed there.
pub(super) fn follows(rung: Rung) -> bool {
    matches!(rung, Rung::Plan | Rung::Previous)
}

fn level(rung: Rung) -> &'static str {
    match rung {
        Rung::Idle | Rung::Waiting | Rung::Plan | Rung::Stopped => TextLogLevel::INFO,
        Rung::Previous | Rung::Brake => TextLogLevel::WARN,
        Rung::Safe | Rung::Failed => TextLogLevel::ERROR,
    }
}

fn said_of(line: &TickLine) -> &'static str {
    match line.rung {
        Rung::Idle => "not started, nothing is commanded",
        Rung::Waiting => "no valid plan yet, nothing is commanded",
        Rung::Plan => "a plan is followed",
        Rung::Previous => "the plan in force should have been replaced",
        Rung::Brake => "no plan can be followed, entries hold or brake",
        Rung::Safe => "no plan for longer, the safe command",
        Rung::Failed => "no plan for longer than is tolerated, the safe command",
        Rung::Stopped => "stopped, the safe command",
    }
}
