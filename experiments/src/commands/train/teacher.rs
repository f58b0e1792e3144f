//! `forethought train --teacher`: a planner that learns from another one to do without most of its steps.

use std::path::Path;

use burn::tensor::Device;
use forethought_planner::checkpoint;
use forethought_planner::training::Teacher;

use super::source::Source;
use crate::cli::TrainArgs;
use crate::failure::Failure;

/// Tables of settings that are the teacher's.
const ITS_OWN: [&str; 3] = ["model", "plan", "control"];

/// Reads the teacher, whose settings take the place of those that would be planned with.
pub fn open(path: &Path, args: &TrainArgs, source: &mut Source, device: &Device) -> Result<Teacher, Failure> {
    let said = args.overrides.iter().filter_map(|said| said.split(['.', '=']).next());
    if let Some(table) = said.map(str::trim).find(|table| ITS_OWN.contains(table)) {
        return Err(Failure::refused(format!(
            "--set {table}: with --teacher these settings are the teacher's; give them to `eval` instead, or leave them out"
        )));
    }
    let teacher = Teacher::new(checkpoint::load(path, device)?, source.configuration.distill)?;
    let configuration = &mut source.configuration;
    configuration.model = teacher.manifest().model.clone();
    configuration.plan = teacher.plan().clone();
    source.task = teacher.manifest().task.clone();
    Ok(teacher)
}
