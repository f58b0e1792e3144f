//! `forethought plan`: one episode, drawn.

use forethought_agent::{EpisodeSetup, RolloutConfig, rollout};
use forethought_envs::Start;
use forethought_planner::Planner;
use serde_json::json;

use super::scene;
use crate::cli::PlanArgs;
use crate::configuration::CONTROLLER;
use crate::console;
use crate::failure::Failure;
use crate::output::{ExistingPolicy, OutputDir};
use crate::photographs::Studio;
use crate::{picture, planning, progress, resolve, scoring};

/// Rows of the scheduling matrix drawn side by side.
const PANELS: usize = 8;

/// Carries out the command.
pub fn run(args: &PlanArgs) -> Result<(), Failure> {
    let id = resolve::environment_id(args.shared.typed())?;
    args.ends.check(&id)?;
    let environment = args.ends.make(&id)?;
    let spec = environment.spec().clone();
    let controller = args.controller.iter().map(|name| format!("{CONTROLLER}={name}"));
    let overrides: Vec<String> = args.shared.overrides.iter().cloned().chain(controller).collect();
    let mut loaded = planning::load(args.checkpoint.as_deref(), &spec, args.device)?;
    let configuration = loaded.configure(&spec, args.shared.config.as_deref(), &overrides)?;
    let config = planning::rollout_config(&configuration)?;
    let config = RolloutConfig { record_plans: true, trace: true, ..config };
    let name = format!("plan-{}", args.seed);
    let folder = args.out.clone().unwrap_or_else(|| resolve::run_folder(&spec.id, &name));
    let policy = if args.force { ExistingPolicy::ReplaceOurs } else { ExistingPolicy::Refuse };
    let out = OutputDir::create(&folder, policy)?;

    let controller = loaded.controller(&configuration, &spec)?;
    let setups = vec![EpisodeSetup { env: environment, controller, start: Start::seed(args.seed) }];
    let bar = progress::bar(0, "environment steps", args.shared.json);
    let planner: &mut dyn Planner = &mut loaded.planner;
    let records = rollout(planner, setups, &config, &progress::clock, &mut |done, total| {
        bar.set_length(total as u64);
        bar.set_position(done as u64);
        true
    })?;
    bar.finish();
    let mut records = records;
    let [record] = records.as_mut_slice() else {
        return Err(Failure::broken("the rollout returned no episode"));
    };
    let episode = scoring::episode(record, &spec, &args.ends)?;
    let page = scene(&spec).map(|scene| picture::animation(record, &scene, episode.score).text);
    let task = || args.ends.task(&spec.id, args.seed);
    let photographs = Studio::large().episode(&spec, record, Some(0), "", task);
    // How every plan was denoised is tens of megabytes; the page shows a selection of it, the record the first.
    for plan in record.plans.iter_mut().skip(1) {
        plan.trace.clear();
        plan.rejected.clear();
        plan.outlook.iter_mut().for_each(|outlook| outlook.outcomes.clear());
    }
    let record = &*record;
    let mut written = vec![out.write_text("episode.json", &serde_json::to_string(record)?)?];
    if let (Some(scene), Some(page)) = (scene(&spec), page) {
        let score = episode.score;
        written.push(out.write_text("episode.svg", &picture::episode(record, &scene, Some(0), score).text)?);
        if let Some(rows) = picture::denoising(record, &scene, 0, PANELS) {
            written.push(out.write_text("denoising.svg", &rows.text)?);
        }
        let task = episode.task.map_or(String::new(), |number| format!(", task {number}"));
        let lost = configuration.plan.monte_carlo.lost;
        let title = format!("{}{task}: which way?", resolve::short(&spec.id));
        if let Some(choice) = picture::choice(record, &scene, &title, lost) {
            written.push(out.write_text("choice.svg", &choice.text)?);
        }
        let moving = picture::moving(record, &scene, episode.steps_to_arrival, score);
        written.push(out.write_text("moving.svg", &moving.text)?);
        written.push(out.write_text("episode.html", &page)?);
    }
    for (name, bytes) in photographs {
        written.push(out.write(&name, &bytes)?);
    }
    let first = record.plans.first().map_or(0.0, |plan| plan.took_s);
    let later: Vec<f64> = record.plans.iter().skip(1).map(|plan| plan.took_s).collect();
    let replan = later.iter().sum::<f64>() / later.len().max(1) as f64;
    if args.shared.json {
        console::json(
            &json!({ "environment": spec.id, "seed": args.seed, "task": episode.task, "return": episode.episode_return,
            "score": episode.score, "score_if_stayed": episode.score_if_stayed, "success": episode.success,
            "steps_to_arrival": episode.steps_to_arrival, "plans": record.plans.len(), "first_plan_s": first, "replan_s": replan, "files": console::all_shown(&written) }),
        )?;
        return Ok(());
    }
    let arrival =
        episode.steps_to_arrival.map_or("never arrived".into(), |step| format!("arrived at step {step}"));
    let task = episode.task.map_or(String::new(), |number| format!(" task {number}"));
    console::line(format_args!(
        "{}{task} seed {}: score {:.1}, {arrival}",
        spec.id,
        args.seed,
        episode.score()
    ))?;
    console::line(format_args!(
        "{} plans: first {:.0} ms, replans {:.0} ms each",
        record.plans.len(),
        1e3 * first,
        1e3 * replan
    ))?;
    for path in written {
        console::line(format_args!("  {}", path.display()))?;
    }
    Ok(())
}
