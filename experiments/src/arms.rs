//! Arms: one configuration with a few settings changed each, scored on the same starts, goals and noise.

use std::path::Path;

use forethought_agent::RolloutConfig;
use forethought_envs::EnvSpec;

use crate::cli::Shared;
use crate::configuration::Configuration;
use crate::device::DeviceName;
use crate::failure::Failure;
use crate::output::OutputDir;
use crate::planning::{self, LoadedPlanner};
use crate::protocol::Protocol;
use crate::scored::{self, Scored, planning_of};
use crate::scoring::{self, Episodes};
use crate::{progress, resolve};

/// Name of all arms' planner in their protocols.
const PLANNER: &str = "diffusion-forcing";
/// Longest name of a file, before its extension.
const LONGEST: usize = 100;

/// The configuration with these settings changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Arm {
    /// What tells it from its neighbours.
    pub label: String,
    /// Settings laid over the configuration, as `--set` takes them; none is the configuration itself.
    pub settings: Vec<String>,
}

/// What is to be scored.
pub struct Request<'a> {
    /// Environment, configuration and overrides that all arms share.
    pub shared: &'a Shared,
    /// Checkpoint; `None` is the one that comes with the environment.
    pub checkpoint: Option<&'a Path>,
    /// Episodes of each arm.
    pub episodes: Episodes,
    /// Where to compute.
    pub device: DeviceName,
    /// Folder of the arms' files in the output folder, with its slash.
    pub folder: &'a str,
}

/// One configuration; arms that resolve to the same share it.
pub struct Task {
    /// The resolved configuration.
    pub configuration: Configuration,
    /// File of its episodes, in the output folder.
    pub file: String,
    execution: RolloutConfig,
    protocol: Protocol,
    /// What an earlier run left.
    kept: Option<Scored>,
}

/// Everything that is to be done, with what an earlier run left.
pub struct Agenda {
    /// The environment.
    pub spec: EnvSpec,
    /// Its planner.
    pub loaded: LoadedPlanner,
    /// Different configurations.
    pub tasks: Vec<Task>,
    /// The task of each arm.
    pub places: Vec<usize>,
}

impl Arm {
    /// An arm of settings written in code.
    pub fn new(label: &str, settings: &[&str]) -> Self {
        Self { label: label.to_owned(), settings: settings.iter().map(|s| (*s).to_owned()).collect() }
    }
}

/// Loads the checkpoint, tries every arm's settings, and reads what an earlier run left in `resumed`: what is
/// wrong with any of it is said before something is written or removed.
///
/// # Errors
/// [`Failure`] for a damaged file and for settings that the checkpoint cannot plan with.
pub fn prepare(request: &Request<'_>, arms: &[Arm], resumed: Option<&Path>) -> Result<Agenda, Failure> {
    let (environment, own) = resolve::experiment(request.shared)?;
    let spec = environment.spec().clone();
    let mut loaded = planning::load(request.checkpoint, &spec, &own.plan, request.device)?;
    let (mut tasks, mut places): (Vec<Task>, Vec<usize>) = (Vec::new(), Vec::new());
    for arm in arms {
        let settings: Vec<&str> = arm.settings.iter().map(String::as_str).collect();
        let shared = scoring::with_settings(request.shared, &settings);
        let (_, mut configuration) = resolve::experiment(&shared)?;
        let execution = planning::execution(&mut configuration, &spec, &loaded)?;
        if let Some(place) = tasks.iter().position(|task| task.configuration == configuration) {
            places.push(place);
            continue;
        }
        loaded.planner.set_config(configuration.plan.clone())?;
        let protocol =
            scoring::protocol(PLANNER, request.episodes, &spec, &configuration, &loaded, request.device);
        let file = free_name(&tasks, request.folder, &arm.settings);
        let kept = match resumed {
            Some(folder) => scored::read(folder, &file, &protocol)?,
            None => None,
        };
        places.push(tasks.len());
        tasks.push(Task { configuration, file, execution, protocol, kept });
    }
    Ok(Agenda { spec, loaded, tasks, places })
}

impl Agenda {
    /// Scores what is not there yet, each written as soon as it is there. Gives the episodes of every task, and
    /// how many were scored now.
    ///
    /// # Errors
    /// [`Failure`] for what fails on the way.
    pub fn run(&mut self, out: &OutputDir, quiet: bool) -> Result<(Vec<Scored>, usize), Failure> {
        let Self { spec, loaded, tasks, .. } = self;
        let due = tasks.iter().filter(|task| task.kept.is_none()).count();
        let steps = |task: &Task| (task.protocol.episodes * spec.max_episode_steps.unwrap_or(1)) as u64;
        let total: u64 = tasks.iter().filter(|task| task.kept.is_none()).map(steps).sum();
        let bar = progress::bar(total, "environment steps", quiet);
        let mut all = Vec::new();
        for task in tasks.iter_mut() {
            if let Some(kept) = task.kept.take() {
                all.push(kept);
                continue;
            }
            bar.set_message(task.file.clone());
            let began = bar.position();
            let mut told = |done: usize, _: usize| {
                bar.set_position(began + done as u64);
                true
            };
            let Task { configuration, execution, protocol, .. } = &*task;
            loaded.planner.set_config(configuration.plan.clone())?;
            let seeds = Episodes { first_seed: protocol.first_seed, count: protocol.episodes }.seeds();
            let planner = &mut loaded.planner;
            let records = scoring::planned(planner, spec, configuration, execution, &seeds, &mut told)?;
            bar.set_position(began + steps(task));
            let results = scoring::results(task.protocol.clone(), &records, spec)?;
            let scored = Scored { results, planning: Some(planning_of(&records)) };
            scored::write(out, &task.file, &scored)?;
            all.push(scored);
        }
        bar.finish_and_clear();
        Ok((all, due))
    }
}

/// A file name that says what was changed and is no other task's.
fn free_name(tasks: &[Task], folder: &str, settings: &[String]) -> String {
    let plain = match settings {
        [] => "configured".to_owned(),
        settings => file_stem(&settings.join(",")),
    };
    let taken = |name: &String| tasks.iter().any(|task| task.file == *name);
    let first = format!("{folder}{plain}.json");
    let mut numbered = (2..).map(|n: usize| format!("{folder}{plain}-{n}.json"));
    if taken(&first) { numbered.find(|name| !taken(name)).unwrap_or(first) } else { first }
}

/// Settings as a file name that every system accepts.
pub fn file_stem(text: &str) -> String {
    let safe = |c: char| if c.is_ascii_alphanumeric() || "._=,-".contains(c) { c } else { '_' };
    let stem: String = text.chars().take(LONGEST).map(safe).collect();
    // A leading dot would hide the file.
    if stem.starts_with('.') { format!("_{stem}") } else { stem }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn file_names_stay_in_their_folder() {
        assert_eq!(file_stem("plan.completions=4"), "plan.completions=4");
        assert_eq!(file_stem("../x y/[1]"), "_..___x_y__1_".replacen("___", "_", 1));
        assert!(file_stem(&"ä".repeat(500)).len() <= LONGEST);
    }
}
