//! `forethought train --policy`: a policy that acts without plans, learned from the same data. The same command again resumes.

use std::path::Path;

use forethought_envs::files::open_locked;
use forethought_envs::printable;
use forethought_policies::learned::{
    LEARNED_POLICIES, LearnedConfig, LearnedPolicy, LearnedProgress, PolicyManifest, Training,
};
use serde_json::{Map, Value, json};

use super::source::{self, Source};
use crate::cli::TrainArgs;
use crate::failure::Failure;
use crate::interrupt::Deferred;
use crate::settings::{self, Layer};
use crate::{console, progress, resolve};

/// Locked while a policy is trained into a folder; the lock ends with the process.
const HELD: &str = ".forethought-run";
const POLICY: &str = "policy.json";

/// Carries out the command.
pub fn run(args: &TrainArgs, name: &str) -> Result<(), Failure> {
    if !LEARNED_POLICIES.contains(&name) {
        return Err(resolve::unknown("--policy", "policy", name, &LEARNED_POLICIES));
    }
    let Some(threads) = args.device.threads() else {
        return Err(Failure::refused(format!(
            "--device {}: policies are trained on the CPU; leave it out",
            args.device
        )));
    };
    let config = configuration(args, name)?;
    config.check(name)?;
    // The settings are the policy's, so the planner's must not see them.
    let data = TrainArgs { config: None, overrides: Vec::new(), ..args.clone() };
    let Source { path, name: run, spec, dataset, .. } = source::open(&data)?;
    let folder = args.out.clone().unwrap_or_else(|| resolve::run_folder(&run, name));
    // Before hours of work: that the folder can be written, and by nobody else.
    let unwritten = |error: std::io::Error| {
        Failure::refused(format!(
            "{} cannot be written: {error}: name another folder with --out",
            folder.display()
        ))
    };
    std::fs::create_dir_all(&folder).map_err(unwritten)?;
    let Some(_held) = open_locked(&folder.join(HELD)).map_err(unwritten)? else {
        return Err(Failure::refused(format!(
            "another process trains into {}: name another folder with --out",
            folder.display()
        )));
    };
    let mut training = Training::new(name, &dataset, &spec, &config, threads)?;
    let resumed = training.resume(&folder)?;
    if folder.join(POLICY).exists() {
        let another = |problem: String| {
            let folder = folder.display();
            Failure::refused(format!("{problem}: name another folder with --out, or remove {folder}"))
        };
        match LearnedPolicy::load(&folder, &spec) {
            Ok(policy) => match training.made(policy.manifest()) {
                Ok(()) => {
                    Training::forget(&folder)?;
                    return complete(args, policy.manifest(), &folder);
                }
                Err(_) if resumed => {}
                Err(differs) => {
                    return Err(another(format!(
                        "{} holds a policy of other {differs}, and nothing to go on from",
                        folder.display()
                    )));
                }
            },
            // What is gone on with makes it anew.
            Err(_) if resumed => {}
            Err(error) => return Err(another(error.to_string())),
        }
    }
    let first = training.steps();
    let (end, began) = (Deferred::begin(), progress::clock());
    let mut bar = progress::bar(config.train.steps, "steps", args.json);
    bar.begin_at(first);
    if !args.json {
        console::note(format_args!("data         {} as `{}`", path.display(), printable(&spec.id)));
        console::note(format_args!(
            "training {name}: {} steps of {} rows, hidden layers {:?}{}",
            config.train.steps,
            config.train.batch,
            config.train.hidden,
            if resumed { format!(", from step {first} on") } else { String::new() }
        ));
    }
    let mut last = Vec::new();
    loop {
        // Borrowed alone, as the bar is shown from a thread of the training's.
        let (shown, kept, end) = (&mut bar, &mut last, &end);
        let mut stopped = false;
        let stop = &mut stopped;
        training.run(&mut move |now: LearnedProgress<'_>| {
            let passed = progress::clock() - began;
            *kept = now.losses.to_vec();
            let losses: Vec<String> = kept.iter().map(|(loss, value)| format!("{loss} {value:.4}")).collect();
            let rate = (now.step - first) as f64 / passed.max(1e-9);
            shown.set_message(format!("{}, {rate:.1} steps/s", losses.join(", ")));
            shown.set_position(now.step);
            *stop = args.time_limit.is_some_and(|limit| passed >= limit) || end.requested();
            !*stop && !now.step.is_multiple_of(config.train.checkpoint_every)
        })?;
        // Before the policy: what fails then is not lost.
        training.save(&folder)?;
        if stopped || training.complete() {
            break;
        }
    }
    bar.finish();
    let seconds = progress::clock() - began;
    let policy = training.policy();
    policy.replace(&folder)?;
    if training.complete() {
        Training::forget(&folder)?;
    }
    let steps = policy.manifest().steps;
    if args.json {
        return told(policy.manifest(), &folder, seconds, &last);
    }
    if steps < config.train.steps {
        console::note(format_args!(
            "stopped at step {steps} of {}: the policy is what it was then, and the same command goes on",
            config.train.steps
        ));
    }
    console::line(format_args!("{steps} steps in {seconds:.0} s; {name} in {}", folder.display()))
}

/// Says that there is nothing to do.
fn complete(args: &TrainArgs, policy: &PolicyManifest, folder: &Path) -> Result<(), Failure> {
    if args.json {
        return told(policy, folder, 0.0, &[]);
    }
    console::line(format_args!("training is complete already: {} in {}", policy.policy, folder.display()))
}

/// What was trained, for programs.
fn told(policy: &PolicyManifest, folder: &Path, seconds: f64, losses: &[(&str, f32)]) -> Result<(), Failure> {
    let losses: Map<String, Value> =
        losses.iter().map(|(loss, value)| ((*loss).into(), json!(value))).collect();
    console::json(&json!({
        "complete": policy.steps == policy.config.train.steps, "policy": policy.policy, "folder": console::shown(folder),
        "steps": policy.steps, "transitions": policy.transitions, "seconds": seconds, "losses": losses,
    }))
}

/// The policy's own defaults, a file over them, and what the command says.
fn configuration(args: &TrainArgs, name: &str) -> Result<LearnedConfig, Failure> {
    let text = settings::render(&LearnedConfig::of(name))?;
    let mut layers = vec![Layer { name: format!("the defaults of {name}").into(), text }];
    if let Some(path) = &args.config {
        layers.push(Layer::read(path)?);
    }
    let mut config: LearnedConfig = settings::load(&layers, &args.overrides)?;
    config.train.steps = args.steps.unwrap_or(config.train.steps);
    config.train.seed = args.seed.unwrap_or(config.train.seed);
    Ok(config)
}
