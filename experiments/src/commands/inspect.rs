//! `forethought inspect`: what a checkpoint, a data file or a configuration holds.

use std::path::Path;

use forethought_envs::data::is_data_folder;
use forethought_envs::printable;
use forethought_planner::checkpoint;
use serde_json::json;

use crate::cli::InspectArgs;
use crate::configuration::Configuration;
use crate::console;
use crate::device::DeviceName;
use crate::failure::Failure;
use crate::settings::{self, Layer};

/// Carries out the command.
pub fn run(args: &InspectArgs) -> Result<(), Failure> {
    let path = &args.path;
    let there = path.try_exists().map_err(|error| {
        Failure::broken(format!("{} cannot be looked at: {error}; check its permissions", path.display()))
    })?;
    if !there {
        return Err(Failure::refused(format!(
            "{} does not exist: name a checkpoint folder, a training run, a data file or a configuration",
            path.display()
        )));
    }
    if is_data_folder(path) {
        return super::data::inspect(path, None, args.json);
    }
    if path.is_dir() {
        return checkpoint_folder(path, args.json);
    }
    match path.extension().and_then(|end| end.to_str()) {
        Some("toml") => {
            let configuration: Configuration = settings::load(&[Layer::read(path)?], &[])?;
            if args.json {
                console::json(&json!(configuration))?;
            } else {
                console::print(format_args!("{}", settings::render(&configuration)?))?;
            }
            Ok(())
        }
        _ => super::data::inspect(path, None, args.json),
    }
}

fn checkpoint_folder(path: &Path, as_json: bool) -> Result<(), Failure> {
    let device = DeviceName::Cpu.open()?;
    let loaded = checkpoint::load(path, &device)?;
    let vector = checkpoint::verify(path, &device, Some(1))?;
    let (manifest, weights) = (&loaded.manifest, burn::module::Module::num_params(&loaded.network));
    if as_json {
        console::json(
            &json!({ "path": console::shown(&loaded.path), "weights": weights, "sha256": loaded.hash,
                "test_vector_difference": vector, "manifest": manifest }),
        )?;
        return Ok(());
    }
    let (layout, network) = (&manifest.layout, &manifest.model.network);
    console::line(format_args!("checkpoint   {}", loaded.path.display()))?;
    console::line(format_args!("environment  {}", printable(&manifest.environment.id)))?;
    console::line(format_args!(
        "network      {:?}, width {}, {} layers, {weights} weights",
        network.kind, network.width, network.layers
    ))?;
    console::line(format_args!(
        "tokens       {} chunks of {} frames, {} numbers each",
        layout.chunks,
        layout.frames_per_token,
        layout.width()
    ))?;
    console::line(format_args!(
        "noise        {} levels, {:?} schedule, predicts {:?}",
        manifest.model.levels, manifest.model.schedule, manifest.model.target
    ))?;
    console::line(format_args!(
        "training     step {} of {}, seed {}",
        manifest.step, manifest.train.steps, manifest.train.seed
    ))?;
    if let Some(of) = &manifest.distilled {
        console::line(format_args!(
            "distilled    to {} steps of a token, each from {} of weights {}",
            of.config.steps, of.config.teacher_steps, of.teacher
        ))?;
    }
    console::line(format_args!(
        "data         {} rows, seed {}",
        manifest.data.rows,
        manifest.data.seed.map_or("unknown".into(), |s| s.to_string())
    ))?;
    console::line(format_args!(
        "test vector  {}",
        vector.map_or("none: only exported checkpoints carry one".into(), |far| format!(
            "met within {far:.1e}"
        ))
    ))?;
    console::line(format_args!("written by   {} {}", env!("CARGO_PKG_NAME"), manifest.code_version))?;
    console::line(format_args!("weights      SHA-256 {}", loaded.hash))?;
    Ok(())
}
