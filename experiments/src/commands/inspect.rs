//! `forethought inspect`: what a checkpoint, a data file or a configuration holds.

use std::path::Path;

use forethought_envs::data::{DataReport, Finding, FindingKind, ReadOptions, read_hdf5};
use forethought_planner::checkpoint;
use serde_json::json;

use super::print_json;
use crate::cli::InspectArgs;
use crate::configuration::Configuration;
use crate::device::DeviceName;
use crate::failure::Failure;
use crate::settings::{self, Layer};
use crate::table::{Table, numbers, words};

/// Carries out the command.
pub fn run(args: &InspectArgs) -> Result<(), Failure> {
    let path = &args.path;
    if !path.exists() {
        return Err(Failure::refused(format!(
            "{} does not exist: name a checkpoint folder, a training run, a data file or a configuration",
            path.display()
        )));
    }
    if path.is_dir() {
        return checkpoint_folder(path, args.json);
    }
    match path.extension().and_then(|end| end.to_str()) {
        Some("toml") => {
            let configuration: Configuration = settings::load(&[Layer::read(path)?], &[])?;
            if args.json {
                print_json(&json!(configuration));
            } else {
                print!("{}", settings::render(&configuration)?);
            }
            Ok(())
        }
        _ => data_file(path, args.json),
    }
}

fn checkpoint_folder(path: &Path, as_json: bool) -> Result<(), Failure> {
    let device = DeviceName::Cpu.open()?;
    let loaded = checkpoint::load(path, &device)?;
    let vector = checkpoint::verify(path, &device)?;
    let (manifest, weights) = (&loaded.manifest, burn::module::Module::num_params(&loaded.network));
    if as_json {
        print_json(&json!({ "path": loaded.path, "weights": weights, "sha256": loaded.hash,
                "test_vector_difference": vector, "manifest": manifest }));
        return Ok(());
    }
    let (layout, network) = (&manifest.layout, &manifest.model.network);
    println!("checkpoint   {}", loaded.path.display());
    println!("environment  {}", manifest.environment.id);
    println!(
        "network      {:?}, width {}, {} layers, {weights} weights",
        network.kind, network.width, network.layers
    );
    println!(
        "tokens       {} chunks of {} frames, {} numbers each",
        layout.chunks,
        layout.frames_per_token,
        layout.width()
    );
    println!(
        "noise        {} levels, {:?} schedule, predicts {:?}",
        manifest.model.levels, manifest.model.schedule, manifest.model.target
    );
    println!("training     step {} of {}, seed {}", manifest.step, manifest.train.steps, manifest.train.seed);
    println!(
        "data         {} rows, seed {}",
        manifest.data.rows,
        manifest.data.seed.map_or("unknown".into(), |s| s.to_string())
    );
    println!(
        "test vector  {}",
        vector.map_or("none: only exported checkpoints carry one".into(), |far| format!(
            "met within {far:.1e}"
        ))
    );
    println!("written by   {} {}", env!("CARGO_PKG_NAME"), manifest.code_version);
    println!("weights      SHA-256 {}", loaded.hash);
    Ok(())
}

fn data_file(path: &Path, as_json: bool) -> Result<(), Failure> {
    let mut dataset = read_hdf5(path, &ReadOptions::default())?;
    let summary = dataset.summary();
    // The columns are the file's own, the report is of what training makes of them.
    let put_back = dataset.repair_stale_observations();
    let mut report = DataReport::of(&dataset);
    match put_back {
        Ok(count) => report.put_back = count,
        Err(error) => report.findings.push(Finding {
            kind: FindingKind::Inconsistent,
            row: None,
            count: 1,
            message: error.to_string(),
        }),
    }
    if as_json {
        print_json(&json!({
            "path": path, "metadata": dataset.metadata, "summary": summary, "report": report,
        }));
        return Ok(());
    }
    println!(
        "{}: {} rows of {}, {} terminals, {} time-outs\n",
        path.display(),
        summary.rows,
        if summary.env_id.is_empty() { "an environment without a name" } else { &summary.env_id },
        summary.terminals,
        summary.timeouts
    );
    let mut table = Table::new([
        words("column"),
        numbers("mean"),
        numbers("deviation"),
        numbers("smallest"),
        numbers("largest"),
    ]);
    let columns = summary.observations.iter().enumerate().map(|(i, c)| (format!("observation {i}"), c));
    let columns = columns.chain(summary.actions.iter().enumerate().map(|(i, c)| (format!("action {i}"), c)));
    for (name, c) in columns.chain([("reward".to_owned(), &summary.reward)]) {
        table.row([
            name,
            format!("{:.4}", c.mean),
            format!("{:.4}", c.std),
            format!("{:.4}", c.min),
            format!("{:.4}", c.max),
        ]);
    }
    print!("{table}");
    println!();
    for line in report.lines() {
        println!("{line}");
    }
    Ok(())
}
