//! Scores what is not there yet, and keeps what is.

use std::path::Path;

use forethought_agent::RolloutConfig;
use forethought_envs::dynamics;
use forethought_planner::MppiPlanner;
use forethought_policies::{ExecutorConfig, INVERSE_DYNAMICS, make_executor};
use indicatif::ProgressBar;

use super::cell::Cell;
use super::figures::{Benchmark, CellFigures};
use super::names::short;
use super::planners::{Row, Source};
use super::store::{self, Scored, planning_of};
use crate::cli::Shared;
use crate::configuration::Configuration;
use crate::device::DeviceName;
use crate::failure::Failure;
use crate::output::OutputDir;
use crate::planning::{self, LoadedPlanner};
use crate::protocol::{Protocol, Simulation};
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
    means: Means,
    protocol: Protocol,
    file: String,
    /// From an earlier run.
    kept: Option<Scored>,
}

/// What a row's episodes are run with.
enum Means {
    Checkpoint(Box<Configuration>),
    Simulator(Simulation),
    Policy,
}

/// A maze with its planner, where a checkpoint comes with it, and what is to be done on it.
struct Work<'a> {
    cell: &'a Cell,
    loaded: Option<LoadedPlanner>,
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
    let work = request.cells.iter().map(|cell| tasks(request, cell, resumed));
    Ok(Agenda { work: work.collect::<Result<_, _>>()? })
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
        request.rows.iter().copied().partition(|row| !row.plans());
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
    let mut cells = Vec::new();
    for Work { cell, loaded, tasks } in work {
        let scored = tasks.into_iter().filter_map(|task| Some((task.row, task.kept?))).collect();
        cells.push(CellFigures::new(&cell.spec.id, loaded.map(|loaded| loaded.hash), scored)?);
    }
    bar.finish_and_clear();
    Ok(Benchmark::new(request, cells, computed))
}

fn tasks<'a>(request: &Request<'_>, cell: &'a Cell, resumed: Option<&Path>) -> Result<Work<'a>, Failure> {
    let load = |own: Configuration| planning::load(None, &cell.spec, &own.plan, request.device);
    let mut loaded = cell.shipped.then(|| configuration(cell, &[]).and_then(load)).transpose()?;
    let mut tasks = Vec::new();
    for &row in request.rows {
        let (means, protocol) = match (&row.source, &mut loaded) {
            (Source::Checkpoint(_), None) => continue,
            // Checkpoints of earlier versions hold no model of the inverse dynamics.
            (Source::Checkpoint(_), Some(loaded))
                if row.executor == INVERSE_DYNAMICS && loaded.inverse.is_none() =>
            {
                continue;
            }
            (Source::Checkpoint(settings), Some(loaded)) => {
                let executor = format!("executor.name={}", row.executor);
                let settings: Vec<&str> = settings.iter().copied().chain([executor.as_str()]).collect();
                let mut configuration = configuration(cell, &settings)?;
                planning::execution(&mut configuration, &cell.spec, loaded)?;
                loaded.planner.set_config(configuration.plan.clone())?;
                let protocol = scoring::protocol(
                    row.planner,
                    request.episodes,
                    &cell.spec,
                    &configuration,
                    loaded,
                    request.device,
                );
                (Means::Checkpoint(Box::new(configuration)), protocol)
            }
            (Source::Simulator, _) => {
                let simulation = Simulation::default();
                let protocol = Protocol {
                    executor: row.executor.to_owned(),
                    simulation: Some(simulation.clone()),
                    ..scoring::reference_protocol(row.planner, request.episodes, &cell.spec)
                };
                (Means::Simulator(simulation), protocol)
            }
            // A reference that does not know the maze has no place in the table.
            (Source::Policy, _)
                if make_executor(&ExecutorConfig::named(row.executor), &cell.spec).is_err() =>
            {
                continue;
            }
            (Source::Policy, _) => {
                (Means::Policy, scoring::reference_protocol(row.planner, request.episodes, &cell.spec))
            }
        };
        let file = store::file_name(&cell.spec.id, row);
        let kept = match resumed {
            Some(folder) => store::read(folder, &file, &protocol)?,
            None => None,
        };
        tasks.push(Task { row, means, protocol, file, kept });
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
    loaded: &mut Option<LoadedPlanner>,
    task: &Task,
    bar: &ProgressBar,
) -> Result<Scored, Failure> {
    let (spec, seeds, began) = (&cell.spec, request.episodes.seeds(), bar.position());
    let mut told = |done: usize, _: usize| {
        bar.set_position(began + done as u64);
        true
    };
    let (records, planning) = match (&task.means, loaded) {
        (Means::Checkpoint(configuration), Some(loaded)) => {
            loaded.planner.set_config(configuration.plan.clone())?;
            let config = planning::rollout_config(configuration)?;
            let planner = &mut loaded.planner;
            let records = scoring::planned(planner, spec, configuration, &config, &seeds, &mut told)?;
            let planning = planning_of(&records);
            (records, Some(planning))
        }
        (Means::Simulator(simulation), _) => {
            let threads = DeviceName::Cpu.threads().unwrap_or(1);
            let dynamics = dynamics(&spec.id)?.ok_or_else(|| {
                Failure::refused(format!("`{}` has no dynamics that a planner could be given", spec.id))
            })?;
            let mut planner = MppiPlanner::new(dynamics, spec, simulation.mppi.clone(), threads)?;
            let executor = ExecutorConfig::named(task.row.executor);
            let configuration = Configuration { executor, ..Configuration::default() };
            let config = RolloutConfig { replan_every: simulation.replan_every, ..RolloutConfig::default() };
            let records = scoring::planned(&mut planner, spec, &configuration, &config, &seeds, &mut told)?;
            let planning = planning_of(&records);
            (records, Some(planning))
        }
        (Means::Checkpoint(_), None) => {
            return Err(Failure::broken(format!("{} has no checkpoint to plan with", spec.id)));
        }
        (Means::Policy, _) => {
            let records = scoring::reference(task.row.executor, spec, &seeds, &mut |_, _| true)?;
            (records.unwrap_or_default(), None)
        }
    };
    Ok(Scored { results: scoring::results(task.protocol.clone(), &records, spec)?, planning })
}
#[cfg(test)]
mod tests {
    use super::super::{page, select_cells, select_rows, text};
    use super::*;
    use crate::output::ExistingPolicy;

    #[test]
    fn without_a_checkpoint_a_maze_is_scored_by_what_needs_none() {
        let folder = tempfile::tempdir().unwrap();
        let mut cells = select_cells(Some(&["maze2d-umaze".to_owned()]), false).unwrap();
        cells[0].shipped = false;
        let rows =
            select_rows(Some(&["diffusion-forcing", "mppi", "random"].map(str::to_owned)), None, false)
                .unwrap();
        let episodes = Episodes::new(40, 4).unwrap();
        let request = Request { cells: &cells, rows: &rows, episodes, device: DeviceName::Cpu, quiet: true };
        let scored = |name: &str, resumed: Option<&Path>| {
            let agenda = prepare(&request, resumed).unwrap();
            let out = OutputDir::create(folder.path().join(name), ExistingPolicy::Refuse).unwrap();
            run(&request, agenda, &out).unwrap()
        };
        let first = scored("first", None);
        let [mppi, random] = first.mazes[0].results.as_slice() else { panic!("{:?}", first.mazes) };
        assert_eq!(
            (mppi.planner.as_str(), mppi.executor.as_str(), first.computed),
            ("mppi", "diffused-action", 2)
        );
        // The start may lie behind the wall, where going straight for the goal fails; not in all four episodes.
        assert!(mppi.score.mean > random.score.mean + 20.0, "{} {}", mppi.score.mean, random.score.mean);
        assert_eq!((random.planner.as_str(), mppi.difference), ("random", None));
        let planning = mppi.planning.unwrap();
        assert_eq!(planning.plans, 4 * 300 / Simulation::default().replan_every);
        let table = text(&first);
        assert!(table.contains("no checkpoint") && table.contains("mppi, diffused-action"), "{table}");
        assert!(page(&first).unwrap().contains("<svg"));
        // What was scored is kept.
        let again = scored("again", Some(&folder.path().join("first")));
        assert_eq!((again.computed, again.mazes[0].results.len()), (0, 2));
        assert_eq!(again.mazes[0].results[0].score, mppi.score);
    }
}
