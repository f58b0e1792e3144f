//! `forethought settings`: every setting with its default and what it means.

use serde_json::json;

use crate::cli::SettingsArgs;
use crate::configuration::Configuration;
use crate::console;
use crate::failure::Failure;
use crate::resolve::unknown;
use crate::settings::{Meaning, meanings};

/// Carries out the command.
pub fn run(args: &SettingsArgs) -> Result<(), Failure> {
    let all = meanings::<Configuration>()?;
    let wanted =
        |one: &&Meaning| args.beginning.as_ref().is_none_or(|beginning| one.key.starts_with(beginning));
    let shown: Vec<&Meaning> = all.iter().filter(wanted).collect();
    if let (true, Some(typed)) = (shown.is_empty(), &args.beginning) {
        let mut tables: Vec<&str> = all.iter().filter_map(|one| one.key.split('.').next()).collect();
        tables.dedup();
        return Err(unknown("settings", "table", typed, &tables));
    }
    if args.json {
        console::json(&json!({ "settings": shown }))?;
        return Ok(());
    }
    for Meaning { key, default, meaning } in shown {
        let default = if default.is_null() { "unset".into() } else { default.to_string() };
        console::line(format_args!("{key} = {default}"))?;
        for line in wrapped(meaning) {
            console::line(format_args!("    {line}"))?;
        }
    }
    Ok(())
}

/// Lines of at most 96 characters.
fn wrapped(text: &str) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.chars().count() + word.chars().count() < 96 => line.extend([" ", word]),
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}
