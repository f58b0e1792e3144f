//! Whether plans hold together: do they begin where the present is, do their chunks meet, do they stay where the data have
//! been, and does what the network imagines of decisions come true?
//!
//!     cargo run --release --example fidelity -- maze2d-umaze

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use forethought_agent::{EpisodeRecord, EpisodeSetup, RolloutConfig, rollout};
use forethought_envs::data::{Dataset, Support};
use forethought_envs::{EnvSpec, FeatureKind, Start, collect, make};
use forethought_experiments::device::DeviceName;
use forethought_experiments::failure::Failure;
use forethought_experiments::picture::{Line, LinePanel, Picture, Scale, lines};
use forethought_experiments::planning::{self, LoadedPlanner};
use forethought_experiments::study::{self, Options};
use forethought_experiments::table::{Table, numbers, words};
use forethought_experiments::{progress, resolve};
use forethought_planner::checkpoint::read_manifest;
use forethought_planner::{Decisions, PlannerError, random};
use rand::RngExt;
use serde::Serialize;

/// Seed of the first episode and of the data that outcomes are compared with: neither trained nor tuned on.
const FIRST_SEED: u64 = 5000;
/// Quantiles shown.
const QUANTILES: [f64; 3] = [0.5, 0.9, 0.95];

#[derive(Debug, Parser)]
struct Arguments {
    /// Environments whose checkpoints are measured.
    #[arg(required = true)]
    environments: Vec<String>,
    /// Checkpoint folder or training run. Default: the one that comes with the project.
    #[arg(long, value_name = "FOLDER")]
    checkpoint: Option<PathBuf>,
    /// Episodes whose plans are measured.
    #[arg(long, default_value_t = 20)]
    episodes: u64,
    /// Override one setting, for example --set plan.guidance.scale=2. May be repeated.
    #[arg(long = "set", value_name = "KEY=VALUE")]
    overrides: Vec<String>,
    #[command(flatten)]
    options: Options,
}

/// A measure in its unit.
#[derive(Clone, Debug, Serialize)]
struct Measure {
    name: &'static str,
    unit: &'static str,
    count: usize,
    /// At [`QUANTILES`].
    quantiles: Vec<f64>,
    #[serde(skip)]
    sorted: Vec<f64>,
}

/// What was found in one environment.
#[derive(Clone, Debug, Serialize)]
struct Row {
    environment: String,
    checkpoint: String,
    step: u64,
    /// Largest move of a step in the data.
    largest_step: f64,
    goal_radius: f64,
    measures: Vec<Measure>,
}

#[derive(Clone, Debug, Serialize)]
struct Results {
    study: &'static str,
    commit: &'static str,
    quick: bool,
    episodes: u64,
    rows: Vec<Row>,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    study::run(&arguments.options, |options| {
        let out = options.folder("fidelity")?;
        let episodes = if options.quick { 2 } else { arguments.episodes };
        let mut rows = Vec::new();
        for typed in &arguments.environments {
            rows.push(row(typed, &arguments, episodes)?);
        }
        let commit = forethought_experiments::results::COMMIT;
        let results = Results { study: "fidelity", commit, quick: options.quick, episodes, rows };
        options.finish(&out, &results, &table(&results), &figure(&results))
    })
}

/// Measures one environment's checkpoint.
///
/// # Errors
/// [`Failure`] for what fails on the way.
fn row(typed: &str, arguments: &Arguments, episodes: u64) -> Result<Row, Failure> {
    let id = resolve::environment_id(typed)?;
    let env = make(&id)?;
    let spec = env.spec().clone();
    let positions = spec.entries(FeatureKind::Position);
    let mut loaded = planning::load(arguments.checkpoint.as_deref(), &spec, DeviceName::Cpu)?;
    let configuration = loaded.configure(&spec, None, &arguments.overrides)?;
    let setups = (0..episodes)
        .map(|i| {
            let controller = loaded.controller(&configuration, &spec)?;
            Ok(EpisodeSetup { env: make(&id)?, controller, start: Start::seed(FIRST_SEED + i) })
        })
        .collect::<Result<Vec<_>, Failure>>()?;
    let config = RolloutConfig { record_plans: true, ..planning::rollout_config(&configuration)? };
    let bar = progress::bar(1, "steps", arguments.options.json);
    bar.set_message(id.clone());
    let mut told = |done: usize, total: usize| {
        bar.set_length(total as u64);
        bar.set_position(done as u64);
        true
    };
    let records = rollout(&mut loaded.planner, setups, &config, &progress::clock, &mut told)?;
    bar.finish();
    let rows = if arguments.options.quick { 2_000 } else { 50_000 };
    let mut data = collect(&id, rows, FIRST_SEED, &mut |_, _| {})?;
    data.repair_stale_observations()?;
    let apart = |a: &[f64], b: &[f64]| positions.iter().map(|&i| (a[i] - b[i]).powi(2)).sum::<f64>().sqrt();
    let largest_step = largest_step(&data, &apart);
    let goal_radius = records.iter().find_map(|record| record.goal_radius).unwrap_or(1.0);
    let mut measures = held_together(&records, loaded.frames_per_token, largest_step, &apart);
    measures.extend(read_manifest(&loaded.path)?.support.map(|support| outside(&records, &support)));
    measures.extend(imagined(&mut loaded, &spec, &data, goal_radius, &apart)?);
    let named = loaded.path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let checkpoint = format!("{named}, SHA-256 {}", loaded.hash);
    Ok(Row { environment: id, checkpoint, step: loaded.step, largest_step, goal_radius, measures })
}

type Apart<'a> = dyn Fn(&[f64], &[f64]) -> f64 + 'a;

fn observation(data: &Dataset, row: usize) -> Vec<f64> {
    let o = data.observation_dim;
    data.observations[row * o..(row + 1) * o].iter().map(|&x| f64::from(x)).collect()
}

/// Rows from which at least so many steps lead on.
fn starts(data: &Dataset, steps: usize) -> Vec<usize> {
    let trajectories = data.trajectories(true);
    trajectories.iter().flat_map(|t| t.start..t.end.saturating_sub(steps).max(t.start)).collect()
}

fn largest_step(data: &Dataset, apart: &Apart<'_>) -> f64 {
    let steps = starts(data, 1).into_iter();
    steps.map(|row| apart(&observation(data, row), &observation(data, row + 1))).fold(0.0, f64::max)
}

/// Where plans begin, on the way and where the task is done, and how their chunks meet.
fn held_together(
    records: &[EpisodeRecord],
    frames_per_token: usize,
    largest_step: f64,
    apart: &Apart<'_>,
) -> Vec<Measure> {
    let (mut way, mut goal, mut joins) = (Vec::new(), Vec::new(), Vec::new());
    for record in records {
        for plan in &record.plans {
            let (Some(first), Some(now)) =
                (plan.observations.first(), record.observations.get(plan.first_step))
            else {
                continue;
            };
            let there = record.arrival.is_some_and(|arrival| plan.first_step >= arrival);
            if there { &mut goal } else { &mut way }.push(apart(first, now));
            for end in (frames_per_token..plan.observations.len()).step_by(frames_per_token) {
                joins.push(apart(&plan.observations[end - 1], &plan.observations[end]) / largest_step);
            }
        }
    }
    vec![
        measure("first planned frame from the present, on the way", "units", way),
        measure("first planned frame from the present, after arriving", "units", goal),
        measure("joins between chunks", "largest steps of the data", joins),
    ]
}

/// How much of the plans made on the way lies where the data have never been: through walls, in a maze.
fn outside(records: &[EpisodeRecord], support: &Support) -> Measure {
    let mut shares = Vec::new();
    for record in records {
        let on_the_way = |first: usize| record.arrival.is_none_or(|arrival| first < arrival);
        for plan in record.plans.iter().filter(|plan| on_the_way(plan.first_step)) {
            let frames = plan.observations.iter().filter(|frame| !support.holds(frame)).count();
            shares.push(100.0 * frames as f64 / plan.observations.len().max(1) as f64);
        }
    }
    measure("planned frames outside the data, on the way", "%", shares)
}

/// How far the end of a chunk lies from where the network imagines it, given its actions. Nothing for checkpoints that
/// cannot be asked.
fn imagined(
    loaded: &mut LoadedPlanner,
    spec: &EnvSpec,
    data: &Dataset,
    goal_radius: f64,
    apart: &Apart<'_>,
) -> Result<Option<Measure>, Failure> {
    let (f, a, o) = (loaded.frames_per_token, data.action_dim, spec.observation.len());
    let starts = starts(data, f);
    let windows = 500.min(starts.len() / f);
    let mut rng = random::stream(FIRST_SEED, &[0]);
    let mut errors = Vec::new();
    for _ in 0..windows {
        let row = starts[rng.random_range(0..starts.len())];
        let actions: Vec<f64> = data.actions[row * a..(row + f) * a].iter().map(|&x| f64::from(x)).collect();
        let now = observation(data, row);
        let asked =
            Decisions { observation: &now, actions: &actions, samples: 1, history: 0, seed: row as u64 };
        let outcomes = match loaded.planner.imagine(&asked) {
            Err(PlannerError::Setting { name: "model.level_blocks", .. }) => return Ok(None),
            outcomes => outcomes?,
        };
        let end = &outcomes.observations[(f - 1) * o..f * o];
        errors.push(apart(end, &observation(data, row + f)) / goal_radius);
    }
    Ok(Some(measure("end of an imagined chunk from where it came to lie", "goal radii", errors)))
}

fn measure(name: &'static str, unit: &'static str, mut values: Vec<f64>) -> Measure {
    values.sort_by(f64::total_cmp);
    let at =
        |share: f64| values.get(((values.len() as f64 * share) as usize).min(values.len().saturating_sub(1)));
    let quantiles = QUANTILES.iter().map(|&share| at(share).copied().unwrap_or(f64::NAN)).collect();
    Measure { name, unit, count: values.len(), quantiles, sorted: values }
}

fn table(results: &Results) -> String {
    let mut table = Table::new([
        words("environment"),
        words("measure"),
        words("unit"),
        numbers("count"),
        numbers("median"),
        numbers("90 %"),
        numbers("95 %"),
    ]);
    for row in &results.rows {
        for measure in &row.measures {
            let quantiles = measure.quantiles.iter().map(|value| format!("{value:.3}"));
            let named = [
                row.environment.clone(),
                measure.name.into(),
                measure.unit.into(),
                measure.count.to_string(),
            ];
            table.row(named.into_iter().chain(quantiles).collect::<Vec<_>>());
        }
    }
    table.to_string()
}

/// Every measure as the share of what is measured that lies below.
fn figure(results: &Results) -> Picture {
    let count = results.rows.iter().map(|row| row.measures.len()).max().unwrap_or(0);
    let panels: Vec<LinePanel<'_>> = (0..count)
        .filter_map(|index| {
            let with = results
                .rows
                .iter()
                .enumerate()
                .filter_map(|(i, row)| Some((i, row, row.measures.get(index)?)));
            let lines: Vec<Line<'_>> = with
                .map(|(i, row, measure)| Line {
                    name: &row.environment,
                    colour: i,
                    dashed: false,
                    points: (1..100)
                        .filter_map(|percent| {
                            let value = *measure.sorted.get(measure.sorted.len() * percent / 100)?;
                            Some([percent as f64 / 100.0, value, value, value])
                        })
                        .collect(),
                })
                .collect();
            let measure = results.rows.iter().find_map(|row| row.measures.get(index))?;
            Some(LinePanel {
                title: measure.name,
                x_label: "share that lies below",
                x_ticks: [0.0, 0.25, 0.5, 0.75, 1.0].map(|x| (x, format!("{:.0} %", 100.0 * x))).to_vec(),
                y_range: None,
                percent: false,
                scale: Scale::Linear,
                lines,
            })
        })
        .collect();
    lines("Do plans hold together?", "distances of positions, in the units of the table", &panels)
}
