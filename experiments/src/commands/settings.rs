//! `forethought settings`: every setting with its default and what it means.

use forethought_policies::learned::{self, LEARNED_POLICIES, LearnedConfig};
use serde_json::json;

use crate::cli::SettingsArgs;
use crate::configuration::Configuration;
use crate::console;
use crate::failure::Failure;
use crate::resolve::unknown;
use crate::settings::{Meaning, learned_meanings, meanings};

/// Carries out the command.
pub fn run(args: &SettingsArgs) -> Result<(), Failure> {
    let all = match args.policy.as_deref() {
        None => meanings::<Configuration>()?,
        Some(name) if LEARNED_POLICIES.contains(&name) => of_policy(name)?,
        Some(name) => return Err(unknown("--policy", "policy", name, &LEARNED_POLICIES)),
    };
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

/// The settings that a learned policy uses, with its own defaults.
fn of_policy(name: &str) -> Result<Vec<Meaning>, Failure> {
    let mut all = learned_meanings(&LearnedConfig::of(name))?;
    let tables = learned::tables(name);
    all.retain(|one| one.key.split('.').next().is_some_and(|table| tables.contains(&table)));
    Ok(all)
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
