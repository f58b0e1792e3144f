//! `forethought train --teacher`: a planner that learns from another one to do without most of its steps.

use std::path::Path;

use burn::tensor::Device;
use forethought_planner::checkpoint;
use forethought_planner::training::Teacher;

use super::source::Source;
use crate::cli::TrainArgs;
use crate::failure::Failure;
use crate::settings::Layer;

/// Tables of settings that are the teacher's.
const ITS_OWN: [&str; 3] = ["model", "plan", "control"];

/// Reads the teacher, whose settings take the place of those that would be planned with.
pub fn open(path: &Path, args: &TrainArgs, source: &mut Source, device: &Device) -> Result<Teacher, Failure> {
    let typed = args.overrides.iter().filter_map(|said| said.split(['.', '=']).next());
    let mut said =
        typed.map(str::trim).find(|table| ITS_OWN.contains(table)).map(|table| format!("--set {table}"));
    if let Some(file) = args.config.as_deref().filter(|_| said.is_none()) {
        let tables = Layer::read(file)?.tables()?;
        let own = ITS_OWN.iter().find(|table| tables.contains_key(**table));
        said = own.map(|table| format!("{}: [{table}]", file.display()));
    }
    if let Some(said) = said {
        return Err(Failure::refused(format!(
            "{said}: with --teacher these settings are the teacher's; give them to `eval` instead, or leave them out"
        )));
    }
    let teacher = Teacher::new(checkpoint::load(path, device)?, source.configuration.distill)?;
    let configuration = &mut source.configuration;
    configuration.model = teacher.manifest().model.clone();
    configuration.plan = teacher.plan().clone();
    // What it does not know of control stays as the environment has it.
    if let Ok(control) = serde_json::from_value(teacher.manifest().control.clone()) {
        configuration.control = control;
    }
    source.task = teacher.manifest().task.clone();
    Ok(teacher)
}
