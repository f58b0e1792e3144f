//! `forethought envs`: the environments there are.

use std::collections::BTreeMap;

use forethought_envs::{EnvError, catalogue, entry, families, make, scene};
use serde_json::json;

use crate::cli::ListArgs;
use crate::console;
use crate::failure::Failure;
use crate::shipped;
use crate::table::{Table, numbers, words};

/// Carries out the command.
pub fn run(args: &ListArgs) -> Result<(), Failure> {
    let mut table = Table::new([
        words("environment"),
        numbers("observation"),
        numbers("action"),
        numbers("steps"),
        words("score"),
        words("comes with"),
        words("pictures"),
        words("what it is"),
    ]);
    let mut list = Vec::new();
    // What is missing, and who waits for it.
    let mut missing: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (id, about) in catalogue() {
        let entry = entry(&id)?;
        let (drawn, photographed) = (scene(&id).is_some(), entry.has_photographer());
        let pictures = match (drawn, photographed) {
            (true, true) => "drawn, photographed",
            (true, false) => "drawn",
            (false, true) => "photographed",
            (false, false) => "",
        };
        let (checkpoint, configuration) = (shipped::checkpoint(&id), shipped::configuration(&id).is_some());
        let comes_with = match (checkpoint.is_some(), configuration) {
            (true, _) => "checkpoint",
            (false, true) => "configuration",
            (false, false) => "",
        };
        let mut row = json!({ "environment": id, "about": about, "policies": entry.policies(), "data": entry.has_data(), "drawn": drawn,
            "photographed": photographed, "checkpoint": checkpoint.as_deref().map(console::shown), "configuration": configuration });
        let [seen, done, steps, score] = match make(&id) {
            Ok(env) => {
                let spec = env.spec();
                row["observation"] = json!(spec.observation.len());
                row["action"] = json!(spec.action.len());
                row["max_episode_steps"] = json!(spec.max_episode_steps);
                row["normalised"] = json!(spec.score.is_some());
                row["layout_hash"] = json!(spec.layout_hash);
                let steps = spec.max_episode_steps.map_or("-".into(), |steps| steps.to_string());
                let score = if spec.score.is_some() { "normalised" } else { "return" };
                [spec.observation.len().to_string(), spec.action.len().to_string(), steps, score.to_owned()]
            }
            // Listed all the same: what is missing can be installed.
            Err(EnvError::Engine { source, .. }) => {
                row["unavailable"] = json!(source.to_string());
                missing.entry(source.to_string()).or_default().push(id.clone());
                ["-"; 4].map(str::to_owned)
            }
            Err(error) => return Err(error.into()),
        };
        table.row([id, seen, done, steps, score, comes_with.into(), pictures.into(), about]);
        list.push(row);
    }
    if args.json {
        console::json(&json!({ "environments": list }))?;
    } else {
        console::print(&table)?;
        for family in families() {
            console::line(format_args!("\nAlso {family}."))?;
        }
        for (problem, waiting) in missing {
            console::line(format_args!("\nNot here: {}: {problem}.", waiting.join(", ")))?;
        }
    }
    Ok(())
}
