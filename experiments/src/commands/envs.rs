//! `forethought envs`: the environments there are.

use forethought_envs::{known, make};
use serde_json::json;

use super::print_json;
use crate::cli::ListArgs;
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
    ]);
    let mut list = Vec::new();
    for id in known() {
        let spec = make(&id)?.spec().clone();
        let (checkpoint, configuration) = (shipped::checkpoint(&id), shipped::configuration(&id).is_some());
        let steps = spec.max_episode_steps.map_or("-".into(), |steps| steps.to_string());
        let comes_with = match (checkpoint.is_some(), configuration) {
            (true, _) => "checkpoint",
            (false, true) => "configuration",
            (false, false) => "",
        };
        let score = if spec.score.is_some() { "normalised" } else { "return" };
        let (observation, action) = (spec.observation.len(), spec.action.len());
        let cells =
            [id.clone(), observation.to_string(), action.to_string(), steps, score.into(), comes_with.into()];
        table.row(cells);
        list.push(json!({ "environment": id, "observation": observation, "action": action,
            "max_episode_steps": spec.max_episode_steps, "normalised": spec.score.is_some(),
            "checkpoint": checkpoint, "configuration": configuration, "layout_hash": spec.layout_hash }));
    }
    if args.json {
        print_json(&json!({ "environments": list }));
    } else {
        print!("{table}");
    }
    Ok(())
}
