//! `forethought train`: train a planner; the same command again resumes.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use burn::tensor::Device;
use forethought_envs::data::DataReport;
use forethought_planner::checkpoint::Precision;
use forethought_planner::training::{Progress, Trainer, TrainingData};
use forethought_planner::{PlannerError, checkpoint};
use serde_json::json;

use super::print_json;
use crate::cli::TrainArgs;
use crate::failure::Failure;
use crate::{output, progress, resolve, settings};

mod source;

pub fn run(args: &TrainArgs) -> Result<(), Failure> {
    if args.time_limit.is_some_and(|limit| limit.is_nan() || limit < 0.0) {
        return Err(Failure::refused("--time-limit must be a number of seconds, 0 or more"));
    }
    let device = args.device.open()?;
    let mut source = source::open(args)?;
    let configuration = &mut source.configuration;
    configuration.train.seed = args.seed.unwrap_or(configuration.train.seed);
    let configuration = &source.configuration;
    let folder = args.out.clone().unwrap_or_else(|| resolve::run_folder(&source.name, "train"));
    if holds_something_else(&folder) {
        return Err(Failure::broken(format!(
            "{} holds files and no training run: choose another folder with --out",
            folder.display()
        )));
    }
    let data = TrainingData {
        spec: &source.spec,
        dataset: &source.dataset,
        validation: configuration.data.validation,
    };
    let mut trainer = Trainer::new(
        &folder,
        &data,
        &configuration.model,
        &configuration.train,
        &device,
        args.device.threads(),
    )
    .map_err(|error| source::naming_planner(&source.path, error))?;
    let mut plan = configuration.plan.clone();
    if trainer.manifest().support.is_none() {
        // Data whose positions nobody knows have been nowhere; the report says why.
        plan.rank.ood_penalty = 0.0;
    }
    plan.check(configuration.model.chunks, configuration.model.levels)?;
    let control = serde_json::to_value(&configuration.control)
        .map_err(|error| Failure::broken(format!("cannot render the control settings: {error}")))?;
    trainer = trainer.with_settings(plan, control, source.task.clone());
    let report = DataReport { put_back: source.put_back, ..trainer.report().clone() };
    let complete = trainer.step() >= configuration.train.steps;
    if let Some(target) = args.export.as_ref().filter(|target| target.exists() && !complete) {
        return Err(taken(target));
    }
    let rendered = settings::render(configuration)?;
    std::fs::create_dir_all(&folder).map_err(|error| {
        Failure::broken(format!(
            "cannot make the folder {}: {error}; choose another with --out",
            folder.display()
        ))
    })?;
    output::write_atomically(&folder.join("config.toml"), rendered.as_bytes())?;

    let stop = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&stop);
    // A second interrupt falls through to the default and ends the program.
    let _ = ctrlc::set_handler(move || {
        if flag.swap(true, Ordering::SeqCst) {
            std::process::exit(130);
        }
    });
    let (weights, first) = (trainer.parameters().len(), trainer.step());
    let bar = progress::bar(configuration.train.steps, "steps", args.json);
    bar.set_position(first);
    bar.reset_eta();
    let began = progress::clock();
    if !args.json {
        let verb = match first {
            _ if complete => "complete already:",
            0 => "training",
            _ => "resuming",
        };
        describe(&source, &report);
        eprintln!("{verb} {weights} weights at step {first} in {}", folder.display());
    }
    // A complete run is left as it is, down to its last byte.
    let finished = if complete { checkpoint::latest(&folder.join("checkpoints"))? } else { None };
    let outcome = finished.map_or_else(
        || {
            trainer.run(&progress::clock, &mut |now: Progress| {
                bar.set_position(now.step);
                let speed = (now.step - first) as f64 / (now.now - began).max(1e-9);
                bar.set_message(format!("loss {:.4}, {speed:.1} steps/s", now.loss));
                let in_time = args.time_limit.is_none_or(|limit| now.now - began < limit);
                in_time && !stop.load(Ordering::SeqCst)
            })
        },
        Ok,
    );
    bar.finish_and_clear();
    let seconds = progress::clock() - began;
    let saved = match outcome {
        Ok(path) => path,
        Err(PlannerError::Interrupted) => {
            eprintln!("stopped at step {}: run the same command to resume", trainer.step());
            if args.json {
                print_json(&json!({
                    "complete": false, "steps": trainer.step(), "weights": weights, "seconds": seconds,
                    "data": report,
                }));
            }
            return Ok(());
        }
        Err(error) => return Err(error.into()),
    };
    if let Some(target) = &args.export {
        export(&saved, target, &trainer, &device)?;
    }
    if args.json {
        print_json(&json!({
            "complete": true, "checkpoint": saved, "steps": trainer.step(), "weights": weights, "seconds": seconds,
            "data": report,
        }));
    } else if complete {
        println!("complete: all {first} steps were done before; checkpoint in {}", saved.display());
    } else {
        println!("{} steps in {seconds:.0} s; checkpoint in {}", trainer.step() - first, saved.display());
    }
    Ok(())
}

/// Tells what the data hold and what of it is used.
fn describe(source: &source::Source, report: &DataReport) {
    eprintln!("data         {} as `{}`", source.path.display(), source.spec.id);
    for line in report.lines() {
        eprintln!("             {line}");
    }
}

/// Whether a run in this folder could overwrite what is not its own: there are files, not all of them named
/// as a run's first ones, and none that shows a run in progress.
fn holds_something_else(folder: &Path) -> bool {
    let ours = |name: &str| {
        ["config.toml", ".config.toml.tmp-", "events.out.tfevents."].iter().any(|own| name.starts_with(own))
    };
    let names: Vec<_> =
        std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.file_name()).collect();
    let begun = names.iter().any(|name| name == "checkpoints" || name == "metrics.jsonl");
    !begun && !names.iter().all(|name| name.to_str().is_some_and(ours))
}

/// Writes what planning needs to `target`; the same export again is no fault, another one's folder is.
fn export(saved: &Path, target: &Path, trainer: &Trainer, device: &Device) -> Result<(), Failure> {
    let (mut manifest, state) = checkpoint::load_training(saved, trainer.parameters())?;
    if target.exists() {
        let there = checkpoint::load(target, device);
        let rounded = state.average.iter().map(|weight| Precision::Half.round(*weight));
        let same = there.is_ok_and(|there| there.weights.iter().copied().eq(rounded));
        return if same { Ok(()) } else { Err(taken(target)) };
    }
    manifest.files.clear();
    // Runs begun by earlier versions hold less of what their data say.
    let fitted = trainer.manifest();
    if manifest.inverse.is_none() {
        manifest.inverse.clone_from(&fitted.inverse);
    }
    if manifest.support.is_none() {
        manifest.support.clone_from(&fitted.support);
    }
    let (parameters, weights) = (trainer.parameters(), &state.average);
    Ok(checkpoint::save_model(target, &manifest, parameters, weights, Precision::Half, device)?)
}

fn taken(target: &Path) -> Failure {
    Failure::broken(format!(
        "{} exists already: remove it, or name another folder with --export",
        target.display()
    ))
}
