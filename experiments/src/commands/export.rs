//! `forethought export`: a checkpoint with all that it takes to run it in Python.

use forethought_planner::checkpoint::{self, Precision, RecordedPlan};
use forethought_planner::network::NetworkKind;
use serde_json::json;

use crate::cli::ExportArgs;
use crate::device::DeviceName;
use crate::failure::Failure;
use crate::{console, output};

/// The module that loads what is written.
const MODULE: &str = include_str!("../../../planner/interop/forethought_model.py");

/// Carries out the command.
pub fn run(args: &ExportArgs) -> Result<(), Failure> {
    let device = DeviceName::Cpu.open()?;
    let loaded = checkpoint::load(&args.checkpoint, &device)?;
    if loaded.manifest.model.network.kind == NetworkKind::Gru {
        return Err(Failure::refused(
            "recurrent networks are not in the Python module: export a checkpoint of a transformer",
        ));
    }
    let (mut manifest, weights) = (loaded.manifest.clone(), loaded.weights.len());
    let (parameters, values) = (loaded.parameters.clone(), loaded.weights.clone());
    // First: a checkpoint of which no plan can be made leaves no half of a folder.
    let mut plan = serde_json::to_vec(&RecordedPlan::of(loaded, &device)?)?;
    manifest.files.clear();
    checkpoint::save_model(&args.out, &manifest, &parameters, &values, Precision::Single, &device)?;
    plan.push(b'\n');
    output::write_whole(&args.out.join("plan.json"), &plan)?;
    output::write_whole(&args.out.join("forethought_model.py"), MODULE.as_bytes())?;
    if args.json {
        return console::json(&json!({ "path": console::shown(&args.out), "weights": weights }));
    }
    let folder = args.out.display();
    console::line(format_args!(
        "{weights} weights in {folder}: `python3 {folder}/forethought_model.py {folder}` checks them"
    ))
}
