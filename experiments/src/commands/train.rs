//! `forethought train`: train a planner; the same command again resumes.

use std::path::Path;

use burn::tensor::Device;
use forethought_envs::data::DataReport;
use forethought_envs::printable;
use forethought_planner::checkpoint::Precision;
use forethought_planner::training::{Progress, Trainer, TrainingData};
use forethought_planner::{PlannerError, checkpoint};
use serde_json::json;

use crate::cli::TrainArgs;
use crate::configuration::Configuration;
use crate::console;
use crate::failure::Failure;
use crate::interrupt::Deferred;
use crate::settings::{self, Layer};
use crate::{output, progress, resolve};

mod policy;
pub(super) mod source;
mod teacher;

pub fn run(args: &TrainArgs) -> Result<(), Failure> {
    if args.time_limit.is_some_and(|limit| limit.is_nan() || limit < 0.0) {
        return Err(Failure::refused("--time-limit must be a number of seconds, 0 or more"));
    }
    if let Some(name) = &args.policy {
        return policy::run(args, name);
    }
    let device = args.device.open()?;
    let mut source = source::open(args)?;
    if args.teacher.is_none() && args.overrides.iter().any(|said| said.trim_start().starts_with("distill")) {
        return Err(Failure::refused(
            "--set distill: there is nobody to learn from; name a checkpoint with --teacher",
        ));
    }
    let teacher =
        args.teacher.as_deref().map(|path| teacher::open(path, args, &mut source, &device)).transpose()?;
    let configuration = &mut source.configuration;
    configuration.train.seed = args.seed.unwrap_or(configuration.train.seed);
    let configuration = &source.configuration;
    let kind = if args.teacher.is_some() { "distilled" } else { "train" };
    let folder = args.out.clone().unwrap_or_else(|| resolve::run_folder(&source.name, kind));
    // An export is compared with a run that is complete, and otherwise in the way.
    let target = args.export.as_ref().filter(|target| target.exists());
    let incomplete = |steps: u64| steps < configuration.train.steps;
    if let Some(target) = target.filter(|_| steps_done(&folder).is_some_and(incomplete)) {
        return Err(taken(target));
    }
    // The model first: what plans may be depends on it.
    configuration.model.layout(&source.spec)?;
    configuration.model.noise()?;
    configuration.plan.check(configuration.model.chunks, configuration.model.levels)?;
    let data = TrainingData {
        spec: &source.spec,
        dataset: &source.dataset,
        validation: configuration.data.validation,
    };
    let threads = args.device.threads();
    let mut trainer = match teacher {
        Some(teacher) => Trainer::distil(&folder, &data, teacher, &configuration.train, &device, threads),
        None => Trainer::new(&folder, &data, &configuration.model, &configuration.train, &device, threads),
    }
    .map_err(|error| in_folder(error, &folder, &source.path))?;
    if args.teacher.is_none() {
        trainer = with_settings(trainer, &source)?;
    }
    let report = DataReport { put_back: source.put_back, ..trainer.report().clone() };
    let complete = trainer.step() >= configuration.train.steps;
    keep(configuration, &folder.join("config.toml"))?;
    let end = Deferred::begin();
    let (weights, first) = (trainer.parameters().len(), trainer.step());
    let bar = progress::bar(configuration.train.steps, "steps", args.json);
    bar.begin_at(first);
    let began = progress::clock();
    if !args.json {
        let verb = match first {
            _ if complete => "complete already:",
            0 => "training",
            _ => "resuming",
        };
        describe(&source, &report);
        console::note(format_args!("{verb} {weights} weights at step {first} in {}", folder.display()));
    }
    // A complete run is left as it is, down to its last byte.
    let finished = if complete { checkpoint::latest(&folder.join("checkpoints"))? } else { None };
    let outcome = finished.map_or_else(
        || {
            trainer.run(&progress::clock, &mut |now: Progress| {
                bar.set_position(now.step);
                if let Some(loss) = now.loss {
                    let speed = (now.step - first) as f64 / (now.now - began).max(1e-9);
                    bar.set_message(format!("loss {loss:.4}, {speed:.1} steps/s"));
                }
                let in_time = args.time_limit.is_none_or(|limit| now.now - began < limit);
                in_time && !end.requested()
            })
        },
        Ok,
    );
    bar.finish();
    let seconds = progress::clock() - began;
    let saved = match outcome {
        Ok(path) => path,
        Err(PlannerError::Interrupted) => {
            console::note(format_args!("stopped at step {}: run the same command to resume", trainer.step()));
            if args.json {
                console::json(&json!({
                    "complete": false, "steps": trainer.step(), "weights": weights, "seconds": seconds,
                    "data": report,
                }))?;
            }
            return Ok(());
        }
        Err(error) => return Err(error.into()),
    };
    if let Some(target) = &args.export {
        export(&saved, target, &trainer, &device)?;
    }
    if args.json {
        console::json(&json!({
            "complete": true, "checkpoint": console::shown(&saved), "steps": trainer.step(), "weights": weights, "seconds": seconds,
            "data": report,
        }))?;
    } else if complete {
        console::line(format_args!(
            "complete: all {first} steps were done before; checkpoint in {}",
            saved.display()
        ))?;
    } else {
        console::line(format_args!(
            "{} steps in {seconds:.0} s; checkpoint in {}",
            trainer.step() - first,
            saved.display()
        ))?;
    }
    Ok(())
}

/// Has a run's checkpoints plan as the configuration says.
fn with_settings(trainer: Trainer, source: &source::Source) -> Result<Trainer, Failure> {
    let mut plan = source.configuration.plan.clone();
    if trainer.manifest().support.is_none() {
        // Data whose positions nobody knows have been nowhere; the report says why.
        plan.rank.ood_penalty = 0.0;
    }
    let control = serde_json::to_value(&source.configuration.control)
        .map_err(|error| Failure::broken(format!("cannot render the control settings: {error}")))?;
    Ok(trainer.with_settings(plan, control, source.task.clone()))
}

/// Tells what the data hold and what of it is used.
fn describe(source: &source::Source, report: &DataReport) {
    console::note(format_args!("data         {} as `{}`", source.path.display(), printable(&source.spec.id)));
    for line in report.lines() {
        console::note(format_args!("             {line}"));
    }
    if let Some(shape) = source.proposed.filter(|shape| shape.is_of(&source.configuration.model)) {
        console::note(format_args!("             {shape}"));
    }
}

/// Steps of a run's latest checkpoint, none where there is no run; `None` where it cannot be read, which the trainer says.
fn steps_done(folder: &Path) -> Option<u64> {
    match checkpoint::latest(&folder.join("checkpoints")) {
        Ok(Some(path)) => checkpoint::read_manifest(&path).ok().map(|manifest| manifest.step),
        Ok(None) => Some(0),
        Err(_) => None,
    }
}

/// An error of a run, with the option that names another folder where it is about that.
fn in_folder(error: PlannerError, folder: &Path, data: &Path) -> Failure {
    match &error {
        PlannerError::Checkpoint { path, .. } | PlannerError::Io { path, .. } if path.starts_with(folder) => {
            Failure::broken(format!("{error} (--out names the folder of a run)"))
        }
        _ => source::naming_planner(data, error),
    }
}

/// Keeps the settings beside the run; a file that says the same is left as it is, comments and all.
fn keep(configuration: &Configuration, path: &Path) -> Result<(), Failure> {
    let said = Layer::read(path).ok().and_then(|layer| settings::load::<Configuration>(&[layer], &[]).ok());
    if said.as_ref() == Some(configuration) {
        return Ok(());
    }
    Ok(output::write_whole(path, settings::render(configuration)?.as_bytes())?)
}

/// Writes what planning needs to `target`; the same export again is no fault, another one's folder is.
fn export(saved: &Path, target: &Path, trainer: &Trainer, device: &Device) -> Result<(), Failure> {
    let (mut manifest, state) = checkpoint::load_training(saved, trainer.parameters())?;
    if target.exists() {
        let there = checkpoint::load(target, device);
        let rounded = state.average.iter().map(|weight| Precision::Half.round(*weight));
        let same = there.is_ok_and(|there| {
            let (found, own) = (&there.manifest, &manifest);
            let settings = (&found.plan, &found.control, &found.task) == (&own.plan, &own.control, &own.task);
            settings && there.weights.iter().copied().eq(rounded)
        });
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
