//! What a first plan costs against how far its goal is: time, memory, and the exponent fitted to them.
//!
//!     cargo run --release --example length -- pointmaze-giant-stitch

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use clap::Parser;
use forethought_envs::data::Ways;
use forethought_envs::{GoalTask, Start, make};
use forethought_experiments::device::DeviceName;
use forethought_experiments::failure::Failure;
use forethought_experiments::picture::{Line, LinePanel, Picture, Scale, lines};
use forethought_experiments::study::{self, Options, peak_memory_mb};
use forethought_experiments::table::{Table, numbers};
use forethought_experiments::{planning, progress, resolve};
use forethought_planner::checkpoint::read_manifest;
use forethought_planner::{Planner, Request, random};
use serde::Serialize;

/// Plans of each length.
const PLANS: u64 = 9;
/// Shortest way, in chunks of the data's pace; each next one is longer by [`APART`].
const SHORTEST: f64 = 4.0;
const APART: f64 = std::f64::consts::SQRT_2;

#[derive(Debug, Parser)]
struct Arguments {
    /// Environment in which the goals lie.
    environment: String,
    /// Checkpoint folder or training run. Default: the one that comes with the project.
    #[arg(long, value_name = "FOLDER")]
    checkpoint: Option<PathBuf>,
    #[command(flatten)]
    options: Options,
}

/// Plans to one goal.
#[derive(Serialize)]
struct Row {
    /// Length of the way, in units of positions, and where it leads.
    way: f64,
    goal: Vec<f64>,
    /// Median chunks of a plan, and share of the plans that arrive.
    chunks: f64,
    arrive: f64,
    /// Quartiles of the milliseconds of a plan.
    ms: [f64; 3],
    /// Megabytes that the process has had at most so far.
    peak_mb: Option<f64>,
}

#[derive(Serialize)]
struct Results {
    study: &'static str,
    commit: &'static str,
    environment: String,
    checkpoint: String,
    seed: u64,
    threads: Option<usize>,
    plans: u64,
    rows: Vec<Row>,
    /// Least-squares slope of the logarithm of time over that of chunks.
    exponent: Option<f64>,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    study::run(&arguments.options, |options| {
        let out = options.folder("length")?;
        let results = run(&arguments, options)?;
        options.finish(&out, &results, &table(&results), &figure(&results))
    })
}

fn run(arguments: &Arguments, options: &Options) -> Result<Results, Failure> {
    let id = resolve::environment_id(&arguments.environment)?;
    let mut env = make(&id)?;
    env.reset(&Start::seed(options.seed))?;
    let (start, tolerance) = (env.observation().to_vec(), env.task().tolerance());
    let spec = env.spec().clone();
    let mut loaded = planning::load(arguments.checkpoint.as_deref(), &spec, DeviceName::Cpu)?;
    let configuration = loaded.configure(&spec, None, &[])?;
    loaded.planner.set_config(configuration.plan.clone())?;
    let manifest = read_manifest(&loaded.path)?;
    let refused = || {
        Failure::refused(format!("the checkpoint of `{id}` knows no ways through its data: train it again"))
    };
    let support = Arc::new(manifest.support.clone().ok_or_else(refused)?);
    let pace = support.pace().ok_or_else(refused)?;
    let frames = manifest.layout.frames_per_token;
    let here: Vec<f64> = spec.condition.iter().map(|&entry| start[entry]).collect();
    let back = Ways::to(&support, &here).ok_or_else(refused)?;
    let (furthest, whole) = back.furthest().ok_or_else(refused)?;
    let mut far = start.clone();
    spec.condition.iter().zip(&furthest).for_each(|(&entry, &value)| far[entry] = value);
    let mut ways: Vec<f64> = std::iter::successors(Some(SHORTEST), |chunks| Some(chunks * APART))
        .map(|chunks| chunks * frames as f64 * pace)
        .take_while(|&way| way < whole)
        .collect();
    ways.push(whole);
    let plans = if options.quick { 1 } else { PLANS };
    let bar = progress::bar(ways.len() as u64 * plans, "plans", options.json);
    let mut rows = Vec::new();
    for way in ways {
        let goal = back.ahead(&far, whole - way).unwrap_or_else(|| furthest.clone());
        let task = GoalTask::new(&spec.condition, &goal, tolerance);
        let (mut ms, mut chunks, mut arrive) = (Vec::new(), Vec::new(), 0);
        for plan in 0..=plans {
            let request = Request::new(&start, &task, random::derive(options.seed, &[plan]));
            let began = progress::clock();
            let found = loaded.planner.plan(&[request], false)?.pop();
            let took = 1e3 * (progress::clock() - began);
            // The first one finds its buffers.
            if let (Some(found), true) = (found, plan > 0) {
                ms.push(took);
                chunks.push(found.frames as f64 / frames as f64);
                arrive += usize::from(found.arrival.is_some());
                bar.inc(1);
            }
        }
        let quarter = |values: &mut Vec<f64>, q: f64| {
            values.sort_by(f64::total_cmp);
            values[((values.len() - 1) as f64 * q).round() as usize]
        };
        rows.push(Row {
            way,
            goal,
            chunks: quarter(&mut chunks, 0.5),
            arrive: arrive as f64 / plans as f64,
            ms: [0.25, 0.5, 0.75].map(|q| quarter(&mut ms, q)),
            peak_mb: peak_memory_mb(),
        });
    }
    bar.finish();
    let named = loaded.path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    Ok(Results {
        study: "length",
        commit: forethought_experiments::results::COMMIT,
        environment: id,
        checkpoint: named,
        seed: options.seed,
        threads: DeviceName::Cpu.threads(),
        plans,
        exponent: slope(&rows),
        rows,
    })
}

/// Slope of the logarithms.
fn slope(rows: &[Row]) -> Option<f64> {
    let points: Vec<(f64, f64)> = rows.iter().map(|row| (row.chunks.ln(), row.ms[1].ln())).collect();
    let n = points.len() as f64;
    let mean = |of: &dyn Fn(&(f64, f64)) -> f64| points.iter().map(of).sum::<f64>() / n;
    let (x, y) = (mean(&|p| p.0), mean(&|p| p.1));
    let slope = mean(&|p| (p.0 - x) * (p.1 - y)) / mean(&|p| (p.0 - x).powi(2));
    slope.is_finite().then_some(slope)
}

fn table(results: &Results) -> String {
    let mut table = Table::new([
        numbers("way, units"),
        numbers("chunks"),
        numbers("arrive"),
        numbers("ms, median"),
        numbers("quartiles"),
        numbers("peak, MB"),
    ]);
    for row in &results.rows {
        let [low, median, high] = row.ms;
        table.row([
            format!("{:.0}", row.way),
            format!("{:.1}", row.chunks),
            format!("{:.0} %", 100.0 * row.arrive),
            format!("{median:.1}"),
            format!("{low:.1} to {high:.1}"),
            row.peak_mb.map_or("-".into(), |mb| format!("{mb:.0}")),
        ]);
    }
    let fitted = results
        .exponent
        .map_or(String::new(), |power| format!("\ntime grows as chunks to the power of {power:.2}\n"));
    format!(
        "First plans in {}, one at a time, {} for each goal.\n\n{table}{fitted}",
        resolve::short(&results.environment),
        results.plans
    )
}

fn figure(results: &Results) -> Picture {
    let longest = results.rows.iter().fold(1.0, |most, row| f64::max(most, row.chunks));
    let ticks = [0.0, 0.25, 0.5, 0.75, 1.0].map(|share| share * longest);
    let panel = LinePanel {
        title: "first plan, ms",
        x_label: "chunks",
        x_ticks: ticks.map(|x| (x, format!("{x:.0}"))).to_vec(),
        y_range: None,
        percent: false,
        scale: Scale::Linear,
        lines: vec![Line {
            name: "median and quartiles",
            colour: 0,
            dashed: false,
            points: results.rows.iter().map(|row| [row.chunks, row.ms[0], row.ms[1], row.ms[2]]).collect(),
        }],
    };
    lines("What a plan costs against its length", "one at a time", &[panel])
}
