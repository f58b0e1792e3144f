//! `forethought eval`: planners, controllers, checkpoints and settings on the same episodes.

use std::path::{Path, PathBuf};

use forethought_agent::EpisodeRecord;
use forethought_envs::make;
use serde_json::json;

use super::scene;
use crate::cli::EvalArgs;
use crate::console;
use crate::failure::Failure;
use crate::output::{ExistingPolicy, OutputDir};
use crate::photographs::Studio;
use crate::picture::{self, Panel};
use crate::placed::Ends;
use crate::planning;
use crate::report::{self, Sheet};
use crate::resolve;
use crate::results::{self, Layout, Row};
use crate::runner::{self, Agenda, Finished, Request};
use crate::scoring::Episodes;
use crate::speed::machine;
use crate::suite::Suite;
use crate::times::{self, Effort};
use crate::variants::{self, Asked, Chosen};

/// Episodes drawn where the user does not say.
const DRAWN: usize = 30;

/// Carries out the command.
pub fn run(args: &EvalArgs) -> Result<(), Failure> {
    if args.time == Some(0) {
        return Err(Failure::refused("--time is 0: give the number of rounds, at least 1"));
    }
    let varied = !(args.vary.is_empty() && args.preset.is_empty() && args.latency.is_none());
    let (suite, environments) = suite(args)?;
    let mut chosen = choose(args, &suite, &environments)?;
    let count = if args.quick {
        4
    } else if varied {
        64
    } else {
        suite.episodes.unwrap_or(100)
    };
    let first_seed = args.seed.unwrap_or(if varied { 1000 } else { 0 });
    let shard = args.shard.map(|asked| asked.resolve(|name| std::env::var(name).ok())).transpose()?;
    let all = Episodes::new(first_seed, args.episodes.unwrap_or(count))?;
    let episodes = shard.map_or(Ok(all), |shard| shard.of(all))?;
    let request = Request {
        environments: &environments,
        variants: &chosen.variants,
        episodes,
        ends: &args.ends,
        config: args.config.as_deref(),
        overrides: &args.overrides,
        device: args.device,
        any_commit: args.any_commit,
        // Who brings a program, and names no planner, may have no checkpoint.
        strict: match args.planners {
            Some(_) => environments.len() == 1,
            None => environments.len() == 1 && args.suite.is_none() && args.program.is_empty(),
        },
        recordings: args.recordings,
        quiet: args.json,
    };
    let whole = args.out.clone().unwrap_or_else(|| folder(args, &suite, &environments, varied));
    let folder = shard.map_or_else(|| whole.clone(), |shard| shard.folder(&whole));
    // Held before it is read: what stands there stays as it is until this run replaces it.
    let out = match args.force {
        true => OutputDir::create(&folder, ExistingPolicy::ReplaceOurs)?,
        false => OutputDir::resume(&folder, results::is_ours)?,
    };
    let earlier = if args.force { None } else { results::read(&folder)? };
    let mut agenda = runner::prepare(&request, earlier)?;
    if agenda.jobs.is_empty() {
        return Err(Failure::refused(format!("nothing can be scored: {}", agenda.notes.join("; "))));
    }
    // Where nothing can be planned with, what is there is compared with the first of it.
    if let Some(first) =
        agenda.jobs.first().filter(|_| agenda.jobs.iter().all(|job| job.name != chosen.baseline))
    {
        chosen.baseline.clone_from(&first.name);
    }
    let mut layout = layout(args, &suite, &environments, &chosen);
    layout.extend(&agenda.results.layout);
    agenda.results.layout = layout;
    if !args.json {
        agenda.notes.iter().for_each(console::note);
    }
    let scored = agenda.due();
    let drawn = |variant: &str| match args.record {
        Some(count) => count,
        None if args.suite.is_some() || varied || variant != chosen.baseline => 0,
        None => DRAWN,
    };
    let (mut loops, mut studio) = (Vec::new(), Studio::small());
    agenda.run(&request, &out, &mut |finished| {
        let Finished { spec, record, report, .. } = finished;
        if let Some(report) = report {
            let (place, variant) =
                (forethought_envs::file_name(&spec.id), resolve::file_stem(&record.variant));
            out.write_json(&format!("loops/{place}--{variant}.json"), report)?;
            loops.push(format!("\n{}, {}: the loop\n\n{report}", spec.id, record.variant));
        }
        draw(&out, finished, drawn(&record.variant), &args.ends, &mut studio)
    })?;
    let timed = match args.time {
        Some(rounds) => {
            let (episodes, replans) = if args.quick { (1, 2) } else { (5, 4) };
            times::take(&mut agenda, Effort { rounds, episodes, replans }, args.device, &out, args.json)?
        }
        None => 0,
    };
    if args.recordings && loops.is_empty() && scored > 0 {
        console::note(
            "nothing was recorded: only loops are, in a world that does not wait; give --latency measured, or 80ms",
        );
    }
    finish(args, &agenda, &out, [scored, timed], &loops)
}

/// The suite, and the environments asked for.
fn suite(args: &EvalArgs) -> Result<(Suite, Vec<String>), Failure> {
    let typed = args.environments.iter().chain(&args.maze);
    let typed: Vec<String> = typed.map(|typed| resolve::environment_id(typed)).collect::<Result<_, _>>()?;
    for id in &typed {
        make(id)?;
    }
    let suite = match (&args.suite, typed.first()) {
        (Some(name), _) => Suite::load(name)?,
        (None, Some(id)) => Suite::serving(id)?,
        (None, None) => {
            return Err(Failure::refused(
                "name an ENVIRONMENT (`forethought envs` lists them), or a suite with --suite",
            ));
        }
    };
    let all = if args.quick && !suite.quick.environments.is_empty() {
        &suite.quick.environments
    } else {
        &suite.environments
    };
    let mut environments: Vec<String> = Vec::new();
    for id in if typed.is_empty() { all } else { &typed } {
        if !environments.contains(id) {
            environments.push(id.clone());
        }
    }
    match environments.is_empty() {
        true => Err(Failure::refused(format!("suite {} has no environments: name one", suite.name))),
        false => Ok((suite, environments)),
    }
}

fn choose(args: &EvalArgs, suite: &Suite, environments: &[String]) -> Result<Chosen, Failure> {
    let first = environments.first().map_or("", String::as_str);
    let named = args.checkpoint.first().map(PathBuf::as_path);
    let own_controller = planning::controller_of(named, first, args.config.as_deref(), &args.overrides)?;
    let asked = Asked {
        suite: args.suite.is_some(),
        planners: args.planners.clone(),
        controllers: args.controller.clone(),
        checkpoints: args.checkpoint.clone(),
        presets: args.preset.clone(),
        vary: args
            .vary
            .iter()
            .cloned()
            .chain(args.latency.iter().map(|times| format!("simulation.latency={times}")))
            .collect(),
        quick: args.quick,
        own_controller,
    };
    let mut chosen = variants::choose(suite, &asked)?;
    chosen.variants.extend(variants::learned(&args.policy, environments)?);
    let patience = args.program_timeout;
    let programs = variants::programs(&args.program, &args.name, patience, &chosen.variants)?;
    chosen.variants.extend(programs);
    Ok(chosen)
}

/// A quick run in the folder of a full one would replace results that took long by ones that mean little.
fn folder(args: &EvalArgs, suite: &Suite, environments: &[String], varied: bool) -> PathBuf {
    let quick = if args.quick { "-quick" } else { "" };
    let name = if varied { format!("vary{quick}") } else { format!("eval{quick}") };
    match (&args.suite, environments) {
        (None, [one]) => resolve::run_folder(one, &name),
        (None, _) => Path::new("runs").join(name),
        (Some(_), _) => Path::new("runs").join(format!("{}{quick}", suite.name)),
    }
}

fn layout(args: &EvalArgs, suite: &Suite, environments: &[String], chosen: &Chosen) -> Layout {
    let title = match (&args.suite, environments) {
        (Some(_), _) => suite.title.clone(),
        (None, ids) => ids.iter().map(|id| resolve::short(id)).collect::<Vec<_>>().join(", "),
    };
    let row = |variant: &variants::Variant| Row {
        variant: variant.name.clone(),
        about: variant.about.clone(),
        set: variant.set.clone(),
    };
    // Papers and other programs' times are for the benchmark and for curves of time, not for every look.
    let shown = args.suite.is_some() || args.time.is_some();
    let published = suite.published.rows.iter().filter(|_| shown).cloned();
    Layout {
        title,
        environments: environments.to_vec(),
        rows: chosen.variants.iter().filter(|variant| variant.row).map(row).collect(),
        baseline: chosen.baseline.clone(),
        groups: chosen.groups.clone(),
        published: published.collect(),
        remark: if shown { suite.published.remark.clone() } else { String::new() },
        reference_time: suite.published.reference_time.clone().filter(|_| args.time.is_some()),
    }
}

/// The first episodes of a variant at a glance.
fn draw(
    out: &OutputDir,
    Finished { spec, record, episodes: records, .. }: Finished<'_>,
    count: usize,
    ends: &Ends,
    studio: &mut Studio,
) -> Result<(), Failure> {
    if count == 0 || records.is_empty() {
        return Ok(());
    }
    let (place, variant) = (forethought_envs::file_name(&spec.id), resolve::file_stem(&record.variant));
    let name = format!("episodes/{place}--{variant}");
    let photographed = records.get(..count).unwrap_or(records);
    let task = |record: &EpisodeRecord| ends.task(&spec.id, record.seed);
    for (name, bytes) in studio.overview(spec, photographed, &name, task) {
        out.write(&name, &bytes)?;
    }
    let Some(scene) = scene(spec) else { return Ok(()) };
    // Of a program that was interrupted only the later episodes may be there.
    let of = |seed: u64| record.episodes.iter().find(|episode| episode.seed == seed);
    let panels: Vec<Panel<'_>> = records
        .iter()
        .filter_map(|record| Some(Panel { record, score: of(record.seed)?.score() }))
        .take(count)
        .collect();
    let title = match panels.len() == records.len() {
        true => format!("{}: all {} episodes", spec.id, records.len()),
        false => format!("{}: the first {} of {} episodes", spec.id, panels.len(), records.len()),
    };
    let subtitle = format!("what was driven by {}; bold: score", record.variant);
    out.write_text(&format!("{name}.svg"), &picture::overview(&title, &subtitle, &scene, &panels).text)?;
    Ok(())
}

fn finish(
    args: &EvalArgs,
    agenda: &Agenda,
    out: &OutputDir,
    [scored, timed]: [usize; 2],
    loops: &[String],
) -> Result<(), Failure> {
    let sheet = Sheet::new(&agenda.results)?;
    let (text, files) = report::write(out, &sheet)?;
    let kept = agenda.jobs.iter().filter(|job| job.kept).count();
    if args.json {
        console::json(
            &json!({ "results": sheet.all(), "together": sheet.together(), "layout": agenda.results.layout, "notes": agenda.notes,
            "peak_memory_mb": machine::peak_memory_mb(), "scored": scored, "kept": kept, "timed": timed, "files": console::all_shown(&files), "folder": console::shown(out.path()) }),
        )?;
        return Ok(());
    }
    console::print(&text)?;
    loops.iter().try_for_each(console::print)?;
    let timed = if timed > 0 { format!("; {timed} timed") } else { String::new() };
    console::line(format_args!("\n{scored} variants scored, {kept} kept from earlier runs{timed}"))?;
    for (_, loaded) in agenda.places.iter().flat_map(|place| &place.loaded) {
        console::line(format_args!(
            "checkpoint {} ({} weights, {} steps)",
            loaded.path.display(),
            loaded.weights,
            loaded.step
        ))?;
    }
    console::line(format_args!("every episode, tables and pictures in {}", out.path().display()))?;
    Ok(())
}
