//! `forethought ablate`: one setting at a time, all else as configured.

use serde_json::json;

use super::print_json;
use crate::ablation::{self, Ablation};
use crate::arms::{self, Arm, Request};
use crate::cli::{AblateArgs, ScoringArgs};
use crate::failure::Failure;
use crate::output::{ExistingPolicy, OutputDir};
use crate::resolve;
use crate::scoring::Episodes;

pub fn run(args: &AblateArgs) -> Result<(), Failure> {
    let scoring = &args.scoring;
    let studies = ablation::select(&args.preset, &args.vary)?;
    let episodes = episodes(scoring)?;
    let environment = resolve::environment_id(&args.shared.environment);
    // A quick run in the folder of a full one would replace results that took long by ones that mean little.
    let name = if scoring.quick { "ablate-quick" } else { "ablate" };
    let folder = args.out.clone().unwrap_or_else(|| resolve::run_folder(&environment, name));
    let request = Request {
        shared: &args.shared,
        checkpoint: scoring.checkpoint.as_deref(),
        episodes,
        device: scoring.device,
        folder: ablation::FOLDER,
    };
    let all: Vec<Arm> = [Arm::new("as configured", &[])]
        .into_iter()
        .chain(studies.iter().flat_map(|study| study.arms.iter().cloned()))
        .collect();
    let mut agenda = arms::prepare(&request, &all, (!scoring.force).then_some(folder.as_path()))?;
    let out = match scoring.force {
        true => OutputDir::create(folder, ExistingPolicy::ReplaceOurs)?,
        false => OutputDir::resume(folder, ablation::is_ours)?,
    };
    let (scored, computed) = agenda.run(&out, args.shared.json)?;
    let kept = scored.len() - computed;
    let device = scoring.device.to_string();
    let ablation = Ablation::new(studies, episodes, device, &agenda, &scored)?;
    let text = ablation::text(&ablation);
    let mut files = vec![out.write_text("table.txt", &text)?];
    for study in &ablation.studies {
        let name = format!("{}.svg", arms::file_stem(&study.name));
        files.push(out.write_text(&name, &ablation::picture(&ablation, study).text)?);
    }
    if let Some(own) = agenda.tasks.first() {
        files.push(out.write_text("report.html", &ablation::page(&ablation, &own.configuration)?)?);
    }
    files.push(out.write_json(ablation::SUMMARY, &ablation)?);
    if args.shared.json {
        print_json(&json!({ "ablation": ablation, "scored": computed, "kept": kept, "files": files }));
        return Ok(());
    }
    print!("{text}");
    println!("\n{computed} arms scored, {kept} kept from earlier runs");
    println!("report, tables, plots and per-episode results in {}", out.path().display());
    Ok(())
}

/// The episodes asked for.
///
/// # Errors
/// [`Failure`] for none.
pub fn episodes(args: &ScoringArgs) -> Result<Episodes, Failure> {
    Episodes::new(args.seed, args.episodes.unwrap_or(if args.quick { 4 } else { 64 }))
}
