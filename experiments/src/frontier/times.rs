//! How long one plan takes that is made alone.

use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::arms::{Agenda, Task};
use crate::bench::machine;
use crate::bench::plans::{Kind, PlanBench};
use crate::bench::results::PlanTime;
use crate::configuration::Configuration;
use crate::device::DeviceName;
use crate::failure::Failure;
use crate::output::OutputDir;
use crate::{planning, progress, scored};

/// Folder of the files.
const FOLDER: &str = "times/";

/// How much is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Effort {
    /// Times that each plan is made.
    pub rounds: usize,
    /// Episodes whose states are planned for.
    pub episodes: u64,
    /// Plans of each after the first.
    pub replans: usize,
}

/// What was measured of one point.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Times {
    /// First plans of episodes.
    pub cold: Option<PlanTime>,
    /// Later plans, with the plan in force at hand.
    pub replan: Option<PlanTime>,
    /// Load average over a minute, the larger of before and after, where the system tells: beside other work a plan takes
    /// longer.
    pub load: Option<f64>,
}

/// What a time stands for: times of another machine are not kept.
#[derive(Serialize)]
struct TimeProtocol<'a> {
    environment: &'a str,
    checkpoint: &'a str,
    configuration: &'a Configuration,
    device: String,
    threads: usize,
    processor: String,
    code_version: &'static str,
    #[serde(flatten)]
    effort: Effort,
}

/// Times that are there and times that are due.
pub struct Timing {
    effort: Effort,
    device: DeviceName,
    kept: Vec<Option<Times>>,
}

impl Timing {
    /// Reads what an earlier run left in `resumed`, for every task.
    ///
    /// # Errors
    /// [`Failure`] for a damaged file.
    pub fn prepare(
        agenda: &Agenda,
        effort: Effort,
        device: DeviceName,
        resumed: Option<&Path>,
    ) -> Result<Self, Failure> {
        let read = |task: &Task| match resumed {
            Some(folder) => scored::read_under(folder, &file(task), &protocol(agenda, task, effort, device)),
            None => Ok(None),
        };
        let kept = agenda.tasks.iter().map(read).collect::<Result<_, _>>()?;
        Ok(Self { effort, device, kept })
    }

    /// Measures what is not there yet, all in turn, so that what else the machine does meets them alike. Gives
    /// the times of every task, and how many were measured now.
    ///
    /// # Errors
    /// Those of loading and planning.
    pub fn run(self, agenda: &Agenda, out: &OutputDir, quiet: bool) -> Result<(Vec<Times>, usize), Failure> {
        let Self { effort, device, mut kept } = self;
        let load_before = machine::load_average().first().copied();
        let mut due = Vec::new();
        for (at, task) in agenda.tasks.iter().enumerate() {
            if kept.get(at).is_some_and(Option::is_none) {
                let plan = &task.configuration.plan;
                let loaded = planning::load(Some(&agenda.loaded.path), &agenda.spec, plan, device)?;
                let (episodes, replans) = (effort.episodes, effort.replans);
                let bench = PlanBench::of(loaded, &agenda.spec, &task.configuration, episodes, replans)?;
                due.push((at, task, bench));
            }
        }
        let bar = progress::bar((effort.rounds * due.len()) as u64, "timings", quiet);
        for _ in 0..effort.rounds {
            for (_, task, bench) in &mut due {
                bar.set_message(file(task));
                bench.round(Kind::Cold)?;
                bench.round(Kind::Replan)?;
                bar.inc(1);
            }
        }
        bar.finish_and_clear();
        let load = load_before.into_iter().chain(machine::load_average().first().copied()).reduce(f64::max);
        let measured = due.len();
        for (at, task, bench) in due {
            let times = Times { cold: bench.time(Kind::Cold), replan: bench.time(Kind::Replan), load };
            let content = json!(times);
            scored::write_under(out, &file(task), &protocol(agenda, task, effort, device), content)?;
            if let Some(kept) = kept.get_mut(at) {
                *kept = Some(times);
            }
        }
        Ok((kept.into_iter().flatten().collect(), measured))
    }
}

fn file(task: &Task) -> String {
    let name = task.file.rsplit('/').next().unwrap_or(&task.file);
    format!("{FOLDER}{name}")
}

fn protocol<'a>(agenda: &'a Agenda, task: &'a Task, effort: Effort, device: DeviceName) -> TimeProtocol<'a> {
    TimeProtocol {
        environment: &agenda.spec.id,
        checkpoint: &agenda.loaded.hash,
        configuration: &task.configuration,
        device: device.to_string(),
        threads: device.threads().unwrap_or(1),
        processor: machine::processor(),
        code_version: env!("CARGO_PKG_VERSION"),
        effort,
    }
}
