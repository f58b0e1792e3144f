//! How long one plan takes that is made alone: what `eval --time` measures.

use std::path::Path;

use crate::configuration::Configuration;
use crate::device::DeviceName;
use crate::failure::Failure;
use crate::output::OutputDir;
use crate::resolve::short;
use crate::results::{self, Times};
use crate::runner::{Agenda, Means};
use crate::speed::machine;
use crate::speed::plans::{Kind, PlanBench};
use crate::{planning, progress};

/// How much is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Effort {
    /// Times that each plan is made.
    pub rounds: usize,
    /// Episodes whose states are planned for.
    pub episodes: u64,
    /// Plans of each after the first.
    pub replans: usize,
}

/// What is timed.
struct Due {
    environment: String,
    variant: String,
    bench: PlanBench,
}

/// Times what was not timed as often on this machine, all in turn, so that what else the machine does meets them
/// alike. Gives how many were timed now.
///
/// # Errors
/// Those of loading and planning.
pub fn take(
    agenda: &mut Agenda,
    effort: Effort,
    device: DeviceName,
    out: &OutputDir,
    quiet: bool,
) -> Result<usize, Failure> {
    let (processor, threads) = (machine::processor(), device.threads().unwrap_or(1));
    let taken = |times: &Times| {
        (times.rounds, times.threads, &times.processor) == (effort.rounds, threads, &processor)
    };
    let load_before = machine::load_average().first().copied();
    let mut due = Vec::new();
    for job in agenda.jobs.iter().filter(|job| job.same_as.is_none()) {
        let (Means::Checkpoint(at, configuration), Some(place)) = (&job.means, agenda.places.get(job.place))
        else {
            continue;
        };
        let record = agenda.results.record(&place.spec.id, &job.name);
        if record.and_then(|record| record.times.as_ref()).is_some_and(taken) {
            continue;
        }
        let Some((path, _)) = place.loaded.get(*at) else { continue };
        let bench = bench(path, &place.spec, configuration, effort, device)?;
        due.push(Due { environment: place.spec.id.clone(), variant: job.name.clone(), bench });
    }
    let bar = progress::bar((effort.rounds * due.len()) as u64, "timings", quiet);
    for _ in 0..effort.rounds {
        for Due { environment, variant, bench } in &mut due {
            bar.set_message(format!("{}: {variant}", short(environment)));
            bench.round(Kind::Cold)?;
            bench.round(Kind::Replan)?;
            bar.inc(1);
        }
    }
    bar.finish();
    let load = load_before.into_iter().chain(machine::load_average().first().copied()).reduce(f64::max);
    for Due { environment, variant, bench } in &due {
        let (cold, replan) = (bench.time(Kind::Cold), bench.time(Kind::Replan));
        let times =
            Times { cold, replan, load, processor: processor.clone(), threads, rounds: effort.rounds };
        let same = |record: &&mut results::Record| {
            let name = record.same_as.as_ref().unwrap_or(&record.variant);
            record.made.environment == *environment && name == variant
        };
        agenda.results.records.iter_mut().filter(same).for_each(|record| record.times = Some(times.clone()));
    }
    results::write(out, &agenda.results)?;
    Ok(due.len())
}

fn bench(
    path: &Path,
    spec: &forethought_envs::EnvSpec,
    configuration: &Configuration,
    effort: Effort,
    device: DeviceName,
) -> Result<PlanBench, Failure> {
    let mut loaded = planning::load(Some(path), spec, device)?;
    loaded.planner.set_config(configuration.plan.clone())?;
    PlanBench::of(loaded, spec, configuration, effort.episodes, effort.replans)
}
