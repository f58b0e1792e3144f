//! Scores what is not there yet, and keeps what is.

use std::path::Path;

use forethought_policies::{ExecutorConfig, make_executor};
use indicatif::ProgressBar;

use super::cell::Cell;
use super::figures::{Benchmark, CellFigures};
use super::names::short;
use super::planners::Row;
use super::store::{self, Scored, planning_of};
use crate::cli::Shared;
use crate::configuration::Configuration;
use crate::device::DeviceName;
use crate::failure::Failure;
use crate::output::OutputDir;
use crate::planning::{self, LoadedPlanner};
use crate::protocol::Protocol;
use crate::scoring::{self, Episodes};
use crate::{progress, resolve};

/// What is to be scored.
pub struct Request<'a> {
    /// Mazes.
    pub cells: &'a [Cell],
    /// Planners and references.
    pub rows: &'a [&'static Row],
    /// Episodes of each on each.
    pub episodes: Episodes,
    /// Where to compute.
    pub device: DeviceName,
    /// Without a progress bar.
    pub quiet: bool,
}

/// One row on one maze.
struct Task {
    row: &'static Row,
    /// `None` for references.
    configuration: Option<Configuration>,
    protocol: Protocol,
    file: String,
    /// From an earlier run.
    kept: Option<Scored>,
}

/// A maze with its planner and what is to be done on it.
struct Work<'a> {
    cell: &'a Cell,
    loaded: LoadedPlanner,
    tasks: Vec<Task>,
}

/// Everything that is to be done, with what an earlier run left.
pub struct Agenda<'a> {
    work: Vec<Work<'a>>,
}

/// Loads the checkpoint of every maze that has one, tries every setting, and reads what an earlier run left in
/// `resumed`: what is wrong with any of it is said before something is written or removed.
///
/// # Errors
/// [`Failure`] for a damaged file and for settings that a checkpoint cannot plan with.
pub fn prepare<'a>(request: &Request<'a>, resumed: Option<&Path>) -> Result<Agenda<'a>, Failure> {
    let shipped = request.cells.iter().filter(|cell| cell.shipped);
    Ok(Agenda { work: shipped.map(|cell| tasks(request, cell, resumed)).collect::<Result<_, _>>()? })
}

/// Scores what is not there yet; each result is written as soon as it is there.
///
/// # Errors
/// [`Failure`] for what fails on the way.
pub fn run(request: &Request<'_>, agenda: Agenda<'_>, out: &OutputDir) -> Result<Benchmark, Failure> {
    let mut work = agenda.work;
    let steps = |cell: &Cell| request.episodes.count * cell.spec.max_episode_steps.unwrap_or(1);
    let due = |work: &Work<'_>| work.tasks.iter().filter(|task| task.kept.is_none()).count();
    let total: usize = work.iter().map(|work| steps(work.cell) * due(work)).sum();
    let computed = work.iter().map(due).sum();
    let bar = progress::bar(total as u64, "environment steps", request.quiet);
    // References first, as they take no time; then row by row, so that a run that is stopped early leaves rows
    // that are complete, and the slowest planner does not hold up the others.
    let (references, planners): (Vec<&Row>, Vec<&Row>) =
        request.rows.iter().copied().partition(|row| row.settings.is_none());
    for row in references.into_iter().chain(planners) {
        for Work { cell, loaded, tasks } in &mut work {
            let due = |task: &&mut Task| std::ptr::eq(task.row, row) && task.kept.is_none();
            for task in tasks.iter_mut().filter(due) {
                bar.set_message(format!("{}: {}", short(&cell.spec.id), row.name()));
                let began = bar.position();
                let scored = score(request, cell, loaded, task, &bar)?;
                bar.set_position(began + steps(cell) as u64);
                store::write(out, &task.file, &scored)?;
                task.kept = Some(scored);
            }
        }
    }
    bar.set_message("intervals");
    let mut work = work.into_iter();
    let mut cells = Vec::new();
    for cell in request.cells {
        cells.push(match cell.shipped.then(|| work.next()).flatten() {
            Some(work) => {
                let scored = work.tasks.into_iter().filter_map(|task| Some((task.row, task.kept?))).collect();
                CellFigures::new(&cell.spec.id, Some(work.loaded.hash), scored)?
            }
            None => CellFigures::new(&cell.spec.id, None, Vec::new())?,
        });
    }
    bar.finish_and_clear();
    Ok(Benchmark::new(request, cells, computed))
}

fn tasks<'a>(request: &Request<'_>, cell: &'a Cell, resumed: Option<&Path>) -> Result<Work<'a>, Failure> {
    let own = configuration(cell, &[])?;
    let mut loaded = planning::load(None, &cell.spec, &own.plan, request.device)?;
    let mut tasks = Vec::new();
    for &row in request.rows {
        let (configuration, protocol) = match row.settings {
            Some(settings) => {
                let executor = format!("executor.name={}", row.executor);
                let settings: Vec<&str> = settings.iter().copied().chain([executor.as_str()]).collect();
                let mut configuration = configuration(cell, &settings)?;
                planning::execution(&mut configuration, &cell.spec, &loaded)?;
                loaded.planner.set_config(configuration.plan.clone())?;
                let protocol = scoring::protocol(
                    row.planner,
                    request.episodes,
                    &cell.spec,
                    &configuration,
                    &loaded,
                    request.device,
                );
                (Some(configuration), protocol)
            }
            // A reference that does not know the maze has no place in the table.
            None if make_executor(&ExecutorConfig::named(row.executor), &cell.spec).is_err() => continue,
            None => (None, scoring::reference_protocol(row.planner, request.episodes, &cell.spec)),
        };
        let file = store::file_name(&cell.spec.id, row);
        let kept = match resumed {
            Some(folder) => store::read(folder, &file, &protocol)?,
            None => None,
        };
        tasks.push(Task { row, configuration, protocol, file, kept });
    }
    Ok(Work { cell, loaded, tasks })
}

/// The maze's own configuration with these settings changed.
fn configuration(cell: &Cell, settings: &[&str]) -> Result<Configuration, Failure> {
    let own = Shared { environment: cell.spec.id.clone(), config: None, overrides: Vec::new(), json: false };
    Ok(resolve::experiment(&scoring::with_settings(&own, settings))?.1)
}

fn score(
    request: &Request<'_>,
    cell: &Cell,
    loaded: &mut LoadedPlanner,
    task: &Task,
    bar: &ProgressBar,
) -> Result<Scored, Failure> {
    let (spec, seeds, began) = (&cell.spec, request.episodes.seeds(), bar.position());
    let mut told = |done: usize, _: usize| {
        bar.set_position(began + done as u64);
        true
    };
    let (records, planning) = match &task.configuration {
        Some(configuration) => {
            loaded.planner.set_config(configuration.plan.clone())?;
            let config = planning::rollout_config(configuration)?;
            let planner = &mut loaded.planner;
            let records = scoring::planned(planner, spec, configuration, &config, &seeds, &mut told)?;
            let planning = planning_of(&records);
            (records, Some(planning))
        }
        None => {
            let records = scoring::reference(task.row.executor, spec, &seeds, &mut |_, _| true)?;
            (records.unwrap_or_default(), None)
        }
    };
    Ok(Scored { results: scoring::results(task.protocol.clone(), &records, spec)?, planning })
}
