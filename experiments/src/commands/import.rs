//! `forethought import`: a checkpoint of the authors' own code becomes one of ours.

use forethought_envs::{TaskConfig, make};
use forethought_planner::original::{self, Unsaid};
use forethought_policies::ControlConfig;
use serde_json::json;

use crate::cli::ImportArgs;
use crate::console;
use crate::device::DeviceName;
use crate::failure::Failure;
use crate::resolve;

/// Frames of a plan that their loop executes (`open_loop_horizon`).
const OPEN_LOOP: usize = 50;

/// Carries out the command.
pub fn run(args: &ImportArgs) -> Result<(), Failure> {
    let typed = args.environment.as_deref().or(args.maze.as_deref()).unwrap_or_default();
    let id = resolve::environment_id(typed)?;
    let env = make(&id)?;
    let task = env.task();
    let task = task
        .condition()
        .map_or_else(TaskConfig::default, |condition| TaskConfig::goal(condition.entries, task.tolerance()));
    let control =
        serde_json::to_value(ControlConfig { execution_horizon: OPEN_LOOP, ..ControlConfig::default() })?;
    let unsaid = Unsaid { heads: args.heads, causal: args.causal, chunks: args.chunks };
    let device = DeviceName::Cpu.open()?;
    let read = original::read(&args.checkpoint, env.spec(), unsaid, (task, control), &device)?;
    let folder = args.out.clone().unwrap_or_else(|| resolve::run_folder(&id, "imported"));
    read.save(&folder, &device)?;
    let (manifest, weights) = (&read.manifest, read.weights.len());
    if args.json {
        return console::json(&json!({
            "path": console::shown(&folder), "network": read.network, "weights": weights, "step": manifest.step,
            "layout": manifest.layout, "model": manifest.model,
        }));
    }
    let (layout, network) = (&manifest.layout, &manifest.model.network);
    console::line(format_args!(
        "{weights} weights of `{}` after {} steps: {} layers of width {}, plans of {} tokens of {} frames",
        forethought_envs::printable(&read.network),
        manifest.step,
        network.layers,
        network.width,
        layout.chunks,
        layout.frames_per_token
    ))?;
    console::line(format_args!(
        "in {}: `forethought eval {} --checkpoint {}`",
        folder.display(),
        id,
        folder.display()
    ))
}
