//! `forethought eval`: many episodes, a table, and the record behind every number in it.

use forethought_agent::{EpisodeRecord, EpisodeSetup, RolloutConfig, rollout, run_policy};
use forethought_envs::{EnvSpec, make};
use forethought_planner::{PlanConfig, Planner};
use forethought_policies::{RANDOM, WAYPOINT, WAYPOINT_FRESH, make_executor};
use serde_json::json;

use super::{print_json, scene};
use crate::cli::EvalArgs;
use crate::configuration::Configuration;
use crate::failure::Failure;
use crate::output::{ExistingPolicy, OutputDir};
use crate::picture::{self, Panel};
use crate::planning::{self, LoadedPlanner};
use crate::protocol::{EpisodeRow, Protocol, Results};
use crate::statistics::{self, Summary};
use crate::table::{Table, numbers, words};
use crate::{progress, resolve};

/// Resamples of the bootstrap intervals.
const RESAMPLES: usize = 10_000;
/// Most episodes drawn in the overview.
const DRAWN: usize = 30;

pub fn run(args: &EvalArgs) -> Result<(), Failure> {
    if args.episodes == 0 {
        return Err(Failure::refused("--episodes is 0: give at least 1"));
    }
    let (environment, configuration) = resolve::experiment(&args.shared)?;
    let spec = environment.spec().clone();
    let mut loaded = planning::load(args.checkpoint.as_deref(), &spec, &configuration.plan, args.device)?;
    let config = planning::execution(&configuration, &spec)?;
    let folder = args.out.clone().unwrap_or_else(|| resolve::run_folder(&spec.id, "eval"));
    let policy = if args.force { ExistingPolicy::ReplaceOurs } else { ExistingPolicy::Refuse };
    let out = OutputDir::create(&folder, policy)?;

    let seeds: Vec<u64> = (0..args.episodes as u64).map(|i| args.seed.wrapping_add(i)).collect();
    let began = progress::clock();
    let records = planned(&mut loaded.planner, &spec, &configuration, &config, &seeds, args.shared.json)?;
    let seconds = progress::clock() - began;
    let protocol = protocol(args, &spec, &configuration, &loaded);
    let mut results = vec![results(protocol.clone(), &records, &spec)?];
    if !args.no_references {
        // The same planner told nothing of the goal: what the data alone would do.
        let mut unguided = configuration.clone();
        unguided.plan = PlanConfig { guidance: 0.0, goal_token: false, samples: 1, ..unguided.plan };
        loaded.planner.set_config(unguided.plan.clone())?;
        let records = planned(&mut loaded.planner, &spec, &unguided, &config, &seeds, args.shared.json)?;
        let unguided =
            Protocol { planner: "unguided".into(), configuration: Some(unguided), ..protocol.clone() };
        results.push(self::results(unguided, &records, &spec)?);
        for name in [WAYPOINT, WAYPOINT_FRESH, RANDOM] {
            let protocol = Protocol {
                planner: name.into(),
                executor: name.into(),
                checkpoint: None,
                configuration: None,
                device: "cpu".into(),
                ..protocol.clone()
            };
            if let Some(references) = reference(name, &spec, &seeds)? {
                results.push(self::results(protocol, &references, &spec)?);
            }
        }
    }
    report(args, &out, &spec, &records, &results, &loaded, seconds)
}

/// Episodes of the planner, all planned together.
fn planned(
    planner: &mut dyn Planner,
    spec: &EnvSpec,
    configuration: &Configuration,
    config: &RolloutConfig,
    seeds: &[u64],
    quiet: bool,
) -> Result<Vec<EpisodeRecord>, Failure> {
    let mut setups = Vec::new();
    for &seed in seeds {
        let executor = make_executor(&configuration.executor, spec)?;
        setups.push(EpisodeSetup { env: make(&spec.id)?, executor, seed, goal: None });
    }
    let bar = progress::bar(0, "environment steps", quiet);
    let records = rollout(planner, &mut setups, config, &progress::clock, &mut |done, total| {
        bar.set_length(total as u64);
        bar.set_position(done as u64);
        true
    })?;
    bar.finish_and_clear();
    Ok(records)
}

/// Episodes of a reference policy; `None` where it does not know the environment.
fn reference(name: &str, spec: &EnvSpec, seeds: &[u64]) -> Result<Option<Vec<EpisodeRecord>>, Failure> {
    let mut environment = make(&spec.id)?;
    let config = forethought_policies::ExecutorConfig::named(name);
    let Ok(mut policy) = make_executor(&config, spec) else { return Ok(None) };
    Ok(Some(run_policy(policy.as_mut(), environment.as_mut(), seeds, None, &mut |_, _| true)?))
}

fn results(protocol: Protocol, records: &[EpisodeRecord], spec: &EnvSpec) -> Result<Results, Failure> {
    let episodes = records.iter().map(|record| EpisodeRow::new(record, spec)).collect::<Result<_, _>>()?;
    Ok(Results { protocol, episodes })
}

fn protocol(
    args: &EvalArgs,
    spec: &EnvSpec,
    configuration: &Configuration,
    loaded: &LoadedPlanner,
) -> Protocol {
    Protocol {
        environment: spec.id.clone(),
        layout_hash: spec.layout_hash.clone(),
        planner: "diffusion-forcing".into(),
        executor: configuration.executor.name.clone(),
        checkpoint: Some(loaded.hash.clone()),
        configuration: Some(configuration.clone()),
        first_seed: args.seed,
        episodes: args.episodes,
        device: args.device.to_string(),
        code_version: env!("CARGO_PKG_VERSION").into(),
    }
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
    let scores = |result: &Results| result.episodes.iter().map(EpisodeRow::score).collect::<Vec<f64>>();
    let own = results.first().map(scores).unwrap_or_default();
    for (index, result) in results.iter().enumerate() {
        let scores = scores(result);
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
    let episodes = &result.episodes;
    let stayed = episodes.iter().map(EpisodeRow::score_if_stayed).sum::<f64>() / episodes.len() as f64;
    let arrivals: Vec<usize> = episodes.iter().filter_map(|row| row.outcome.steps_to_arrival).collect();
    let steps = arrivals.iter().sum::<usize>() as f64 / arrivals.len().max(1) as f64;
    let share = statistics::wilson_interval(arrivals.len(), episodes.len())?;
    let (low, high) = (100.0 * share.low, 100.0 * share.high);
    let half = |s: &Summary| 0.5 * (s.mean_interval.high - s.mean_interval.low);
    Ok([
        result.protocol.planner.clone(),
        result.protocol.executor.clone(),
        format!("{:.1}", summary.mean),
        format!("{:.1} to {:.1}", summary.mean_interval.low, summary.mean_interval.high),
        behind.map_or("-".into(), |s| format!("{:.1} +- {:.1}", s.mean, half(s))),
        format!("{stayed:.1}"),
        format!("{} of {} ({low:.0} to {high:.0} %)", arrivals.len(), episodes.len()),
        if arrivals.is_empty() { "-".into() } else { format!("{steps:.0}") },
    ])
}
