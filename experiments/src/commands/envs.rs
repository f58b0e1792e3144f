//! `forethought envs`: the environments there are.

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
    let (mut list, mut missing) = (Vec::new(), Vec::new());
    for (id, about) in catalogue() {
        let entry = entry(&id)?;
        let (drawn, photographed) = (scene(&id).is_some(), entry.has_photographer());
        let pictures = match (drawn, photographed) {
            (true, true) => "drawn, photographed",
            (true, false) => "drawn",
            (false, true) => "photographed",
            (false, false) => "",
        };
        let spec = match make(&id) {
            Ok(env) => env.spec().clone(),
            // Listed all the same: what is missing can be installed.
            Err(error @ EnvError::Engine { .. }) => {
                let unknown = || "-".to_owned();
                table.row([
                    id.clone(),
                    unknown(),
                    unknown(),
                    unknown(),
                    unknown(),
                    String::new(),
                    pictures.into(),
                    about.clone(),
                ]);
                list.push(json!({ "environment": id, "about": about, "drawn": drawn, "photographed": photographed, "unavailable": error.to_string() }));
                missing.push(error.to_string());
                continue;
            }
            Err(error) => return Err(error.into()),
        };
        let (checkpoint, configuration) = (shipped::checkpoint(&id), shipped::configuration(&id).is_some());
        let steps = spec.max_episode_steps.map_or("-".into(), |steps| steps.to_string());
        let comes_with = match (checkpoint.is_some(), configuration) {
            (true, _) => "checkpoint",
            (false, true) => "configuration",
            (false, false) => "",
        };
        let score = if spec.score.is_some() { "normalised" } else { "return" };
        let (observation, action) = (spec.observation.len(), spec.action.len());
        let [seen, done] = [observation, action].map(|size| size.to_string());
        let (score, comes_with, pictures) = (score.into(), comes_with.into(), pictures.into());
        table.row([id.clone(), seen, done, steps, score, comes_with, pictures, about.clone()]);
        list.push(
            json!({ "environment": id, "about": about, "policies": entry.policies(), "data": entry.has_data(), "drawn": drawn, "photographed": photographed,
            "observation": observation, "action": action,
            "max_episode_steps": spec.max_episode_steps, "normalised": spec.score.is_some(),
            "checkpoint": checkpoint.as_deref().map(console::shown), "configuration": configuration, "layout_hash": spec.layout_hash }),
        );
    }
    if args.json {
        console::json(&json!({ "environments": list }))?;
    } else {
        console::print(&table)?;
        for family in families() {
            console::line(format_args!("\nAlso {family}."))?;
        }
        for problem in missing {
            console::line(format_args!("\nNot here: {problem}."))?;
        }
    }
    Ok(())
}
