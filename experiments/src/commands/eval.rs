//! `forethought eval`: many episodes, a table, and the record behind every number in it.

use forethought_agent::EpisodeRecord;
use forethought_envs::EnvSpec;
use forethought_policies::{RANDOM, WAYPOINT, WAYPOINT_FRESH};
use serde_json::json;

use super::{print_json, scene};
use crate::cli::EvalArgs;
use crate::configuration::Configuration;
use crate::failure::Failure;
use crate::output::{ExistingPolicy, OutputDir};
use crate::picture::{self, Panel};
use crate::planning::{self, LoadedPlanner};
use crate::protocol::Results;
use crate::scoring::{self, Episodes, RESAMPLES, UNGUIDED};
use crate::statistics::{self, Summary};
use crate::table::{Table, numbers, words};
use crate::{progress, resolve};

/// Most episodes drawn in the overview.
const DRAWN: usize = 30;

pub fn run(args: &EvalArgs) -> Result<(), Failure> {
    let episodes = Episodes::new(args.seed, args.episodes)?;
    let (environment, mut configuration) = resolve::experiment(&args.shared)?;
    let spec = environment.spec().clone();
    let mut loaded = planning::load(args.checkpoint.as_deref(), &spec, &configuration.plan, args.device)?;
    planning::execution(&mut configuration, &spec, &loaded)?;
    let folder = args.out.clone().unwrap_or_else(|| resolve::run_folder(&spec.id, "eval"));
    let policy = if args.force { ExistingPolicy::ReplaceOurs } else { ExistingPolicy::Refuse };
    let out = OutputDir::create(&folder, policy)?;

    let began = progress::clock();
    let records = planned(&mut loaded, &spec, &configuration, episodes, args.shared.json)?;
    let seconds = progress::clock() - began;
    let protocol = |name: &str, configuration: &Configuration, loaded: &LoadedPlanner| {
        scoring::protocol(name, episodes, &spec, configuration, loaded, args.device)
    };
    let own = protocol("diffusion-forcing", &configuration, &loaded);
    let mut results = vec![scoring::results(own, &records, &spec)?];
    if !args.no_references {
        let (_, mut unguided) = resolve::experiment(&scoring::with_settings(&args.shared, UNGUIDED))?;
        planning::execution(&mut unguided, &spec, &loaded)?;
        let records = planned(&mut loaded, &spec, &unguided, episodes, args.shared.json)?;
        results.push(scoring::results(protocol("unguided", &unguided, &loaded), &records, &spec)?);
        for name in [WAYPOINT, WAYPOINT_FRESH, RANDOM] {
            let protocol = scoring::reference_protocol(name, episodes, &spec);
            if let Some(records) = scoring::reference(name, &spec, &episodes.seeds(), &mut |_, _| true)? {
                results.push(scoring::results(protocol, &records, &spec)?);
            }
        }
    }
    report(args, &out, &spec, &records, &results, &loaded, seconds)
}

/// Episodes of the planner with this configuration, behind a progress bar.
fn planned(
    loaded: &mut LoadedPlanner,
    spec: &EnvSpec,
    configuration: &Configuration,
    episodes: Episodes,
    quiet: bool,
) -> Result<Vec<EpisodeRecord>, Failure> {
    loaded.planner.set_config(configuration.plan.clone())?;
    let config = planning::rollout_config(configuration)?;
    let bar = progress::bar(0, "environment steps", quiet);
    let mut told = |done: usize, total: usize| {
        bar.set_length(total as u64);
        bar.set_position(done as u64);
        true
    };
    let records =
        scoring::planned(&mut loaded.planner, spec, configuration, &config, &episodes.seeds(), &mut told)?;
    bar.finish_and_clear();
    Ok(records)
}

fn report(
    args: &EvalArgs,
    out: &OutputDir,
    spec: &EnvSpec,
    records: &[EpisodeRecord],
    results: &[Results],
    loaded: &LoadedPlanner,
    seconds: f64,
) -> Result<(), Failure> {
    let mut table = Table::new([
        words("planner"),
        words("executor"),
        numbers("score"),
        numbers("95 % interval"),
        numbers("behind by"),
        numbers("if stayed"),
        numbers("arrived"),
        numbers("steps to arrive"),
    ]);
    let mut summaries = Vec::new();
    let own = results.first().map(Results::scores).unwrap_or_default();
    for (index, result) in results.iter().enumerate() {
        let scores = result.scores();
        let summary = statistics::summarise(&scores, RESAMPLES, 0)?;
        // Same starts and goals, so the difference is taken episode by episode.
        let behind = match index {
            0 => None,
            _ => Some(statistics::paired_difference(&own, &scores, RESAMPLES, 0)?),
        };
        table.row(row(result, &summary, behind.as_ref())?);
        summaries.push(json!({ "planner": result.protocol.planner, "executor": result.protocol.executor,
            "score": summary.mean, "standard_error": summary.standard_error,
            "interval": [summary.mean_interval.low, summary.mean_interval.high],
            "behind_the_planner_by": behind }));
    }
    let times: Vec<f64> =
        records.iter().flat_map(|record| record.plans.iter().map(|plan| plan.took_s)).collect();
    let per_plan = times.iter().sum::<f64>() / times.len().max(1) as f64;
    let rows = records.iter().flat_map(|r| &r.plans).map(|plan| plan.rows).max().unwrap_or(0);

    out.write_json("results.json", results)?;
    out.write_text("table.txt", &table.to_string())?;
    if let Some(scene) = scene(spec) {
        let panels: Vec<Panel<'_>> = records
            .iter()
            .zip(&results[0].episodes)
            .take(DRAWN)
            .map(|(record, row)| Panel { record, score: row.score() })
            .collect();
        let title = format!("{}: {} of {} episodes", spec.id, panels.len(), records.len());
        let subtitle = format!("executed paths, {}; score of each below", results[0].protocol.executor);
        out.write_text("overview.svg", &picture::overview(&title, &subtitle, &scene, &panels).text)?;
    }
    if args.shared.json {
        print_json(&json!({ "environment": spec.id, "episodes": records.len(), "checkpoint": loaded.path,
            "checkpoint_sha256": loaded.hash, "results": summaries, "seconds": seconds,
            "plans": times.len(), "seconds_per_plan": per_plan, "rows": rows, "folder": out.path() }));
        return Ok(());
    }
    println!(
        "{}  ({} episodes, seeds {} to {})\n",
        spec.id,
        records.len(),
        args.seed,
        args.seed + records.len() as u64 - 1
    );
    print!("{table}");
    println!(
        "\n{} plans of at most {rows} rows, {:.1} ms each (planned together, on {}); {seconds:.1} s in all",
        times.len(),
        1e3 * per_plan,
        args.device
    );
    println!("checkpoint {} ({} weights, {} steps)", loaded.path.display(), loaded.weights, loaded.step);
    println!("per-episode results, table and picture in {}", out.path().display());
    Ok(())
}

fn row(result: &Results, summary: &Summary, behind: Option<&Summary>) -> Result<[String; 8], Failure> {
    let count = result.episodes.len();
    let (arrived, steps) = result.arrivals();
    let share = statistics::wilson_interval(arrived, count)?;
    let (low, high) = (100.0 * share.low, 100.0 * share.high);
    let half = |s: &Summary| 0.5 * (s.mean_interval.high - s.mean_interval.low);
    Ok([
        result.protocol.planner.clone(),
        result.protocol.executor.clone(),
        format!("{:.1}", summary.mean),
        format!("{:.1} to {:.1}", summary.mean_interval.low, summary.mean_interval.high),
        behind.map_or("-".into(), |s| format!("{:.1} +- {:.1}", s.mean, half(s))),
        format!("{:.1}", result.mean_score_if_stayed()),
        format!("{arrived} of {count} ({low:.0} to {high:.0} %)"),
        steps.map_or("-".into(), |steps| format!("{steps:.0}")),
    ])
}
