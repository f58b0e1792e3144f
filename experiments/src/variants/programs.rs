//! External programs as rows beside the others.

use super::Variant;
use crate::failure::Failure;
use crate::program::Launch;
use crate::suite::Source;

/// A row for each program, in the order in which they were typed; names go with them one by one.
///
/// # Errors
/// [`Failure`] for a command that cannot be one, another number of names, and a name that another row has.
pub fn programs(
    commands: &[String],
    names: &[String],
    patience_s: f64,
    taken: &[Variant],
) -> Result<Vec<Variant>, Failure> {
    if !names.is_empty() && names.len() != commands.len() {
        return Err(Failure::refused(format!(
            "{} names and {} programs: give one --name for each --program, or none",
            names.len(),
            commands.len()
        )));
    }
    let mut rows: Vec<Variant> = Vec::new();
    for (at, command) in commands.iter().enumerate() {
        let launch = Launch::new(command, names.get(at).map(String::as_str), patience_s)?;
        let name = launch.name().to_owned();
        if taken.iter().chain(&rows).any(|other| other.name == name) {
            return Err(Failure::refused(format!(
                "--program `{command}` would be called `{name}`, and another row is: give it a name of its own with --name"
            )));
        }
        rows.push(Variant {
            about: format!("a program: {}", launch.command()),
            planner: name.clone(),
            name,
            source: Source::Program,
            controller: None,
            set: Vec::new(),
            checkpoint: None,
            program: Some(launch),
            only: Vec::new(),
            row: true,
        });
    }
    Ok(rows)
}
