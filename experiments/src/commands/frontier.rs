//! `forethought bench frontier`: score against planning time.

use serde_json::json;

use super::ablate::episodes;
use super::print_json;
use crate::arms::{self, Request};
use crate::bench::machine;
use crate::cli::FrontierArgs;
use crate::failure::Failure;
use crate::figures::Figures;
use crate::frontier::{self, Curve, Effort, Marks, Point, Timing};
use crate::output::{ExistingPolicy, OutputDir};
use crate::resolve;

pub fn run(args: &FrontierArgs) -> Result<(), Failure> {
    let scoring = &args.scoring;
    if args.rounds == Some(0) {
        return Err(Failure::refused("--rounds must be at least 1"));
    }
    let points = frontier::select(args.points.as_deref())?;
    let episodes = episodes(scoring)?;
    let environment = resolve::environment_id(&args.shared.environment);
    let marks = Marks::of(&environment)?;
    // A quick run in the folder of a full one would replace results that took long by ones that mean little.
    let name = if scoring.quick { "frontier-quick" } else { "frontier" };
    let folder = args.out.clone().unwrap_or_else(|| resolve::run_folder(&environment, name));
    let request = Request {
        shared: &args.shared,
        checkpoint: scoring.checkpoint.as_deref(),
        episodes,
        device: scoring.device,
        folder: frontier::FOLDER,
    };
    let effort = match scoring.quick {
        true => Effort { rounds: args.rounds.unwrap_or(2), episodes: 1, replans: 2 },
        false => Effort { rounds: args.rounds.unwrap_or(9), episodes: 5, replans: 4 },
    };
    let resumed = (!scoring.force).then_some(folder.as_path());
    let mut agenda = arms::prepare(&request, &points, resumed)?;
    let timing = Timing::prepare(&agenda, effort, scoring.device, resumed)?;
    let out = match scoring.force {
        true => OutputDir::create(folder, ExistingPolicy::ReplaceOurs)?,
        false => OutputDir::resume(folder, frontier::is_ours)?,
    };
    let (scored, computed) = agenda.run(&out, args.shared.json)?;
    let (times, measured) = timing.run(&agenda, &out, args.shared.json)?;
    let kept = scored.len() - computed;

    let own = scored.first().map(|scored| scored.results.scores()).unwrap_or_default();
    let mut curve = Curve {
        format: frontier::FORMAT,
        environment: agenda.spec.id.clone(),
        checkpoint: agenda.loaded.hash.clone(),
        first_seed: episodes.first_seed,
        episodes: episodes.count,
        device: scoring.device.to_string(),
        threads: scoring.device.threads().unwrap_or(1),
        processor: machine::processor(),
        code_version: env!("CARGO_PKG_VERSION").into(),
        timing: effort,
        points: Vec::new(),
        marks,
    };
    for (place, (scored, times)) in scored.iter().zip(times).enumerate() {
        // Of points that come to the same settings the first stands for all.
        let Some(arm) = agenda.places.iter().position(|&at| at == place).and_then(|at| points.get(at)) else {
            continue;
        };
        let figures = Figures::new(scored, (place > 0).then_some(own.as_slice()))?;
        let (name, settings) = (arm.label.clone(), arm.settings.clone());
        curve.points.push(Point { name, settings, configured: place == 0, on_front: false, figures, times });
    }
    frontier::mark_front(&mut curve.points);
    let text = frontier::text(&curve);
    let files = [
        out.write_text("table.txt", &text)?,
        out.write_text("frontier.svg", &frontier::picture(&curve).text)?,
        out.write_json(frontier::SUMMARY, &curve)?,
    ];
    if args.shared.json {
        print_json(&json!({ "frontier": curve, "scored": computed, "kept": kept, "timed": measured,
            "files": files }));
        return Ok(());
    }
    print!("{text}");
    println!("\n{computed} points scored, {kept} kept from earlier runs; {measured} timed");
    println!("table, plot and per-episode results in {}", out.path().display());
    Ok(())
}
