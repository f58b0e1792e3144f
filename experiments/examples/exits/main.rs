//! Whether the network knows how chance decides: where it imagines that a jump leads, given what was done around it.
//!
//!     cargo run --release --example exits -- pointmaze-teleport-stitch

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use forethought_envs::data::Dataset;
use forethought_envs::{FeatureKind, collect, make};
use forethought_experiments::device::DeviceName;
use forethought_experiments::failure::Failure;
use forethought_experiments::picture::{Line, LinePanel, Picture, Scale, lines};
use forethought_experiments::study::{self, Options};
use forethought_experiments::table::{Table, numbers, words};
use forethought_experiments::{planning, progress, resolve};
use forethought_planner::{Decisions, random};
use serde::Serialize;

/// Seed of the data: neither trained nor tuned on.
const SEED: u64 = 5000;
/// A step of so many of the data's ordinary ones is a jump.
const LEAP: f64 = 5.0;
/// Steps after which a jump that is imagined is told by where it led: the step of the jump itself may lie between.
const SETTLED: usize = 4;

#[derive(Debug, Parser)]
struct Arguments {
    /// Environment whose checkpoint is asked.
    environment: String,
    /// Checkpoint folder or training run. Default: the one that comes with the project.
    #[arg(long, value_name = "FOLDER")]
    checkpoint: Option<PathBuf>,
    /// Jumps of the data that are imagined again.
    #[arg(long, default_value_t = 60)]
    jumps: usize,
    /// Draws for each.
    #[arg(long, default_value_t = 10)]
    samples: usize,
    /// Steps between neighbouring cuts.
    #[arg(long, default_value_t = 1)]
    every: usize,
    /// Override one setting, for example --set plan.sampler.steps=12. May be repeated.
    #[arg(long = "set", value_name = "KEY=VALUE")]
    overrides: Vec<String>,
    #[command(flatten)]
    options: Options,
}

/// Draws made so many steps before the jump.
#[derive(Clone, Debug, Serialize)]
struct Cut {
    /// Actions that are given up to and including the one that jumps.
    steps: usize,
    draws: usize,
    /// Draws that jump, and those of them at each landing place, in the order of [`Results::landings`].
    jumped: usize,
    at: Vec<usize>,
    /// Draws at the landing place of the data, of all that jump.
    as_recorded: usize,
}

#[derive(Clone, Debug, Serialize)]
struct Results {
    study: &'static str,
    commit: &'static str,
    environment: String,
    checkpoint: String,
    step: u64,
    jumps: usize,
    samples: usize,
    landings: Vec<Vec<f64>>,
    /// Share of the data's jumps that land there.
    landed: Vec<f64>,
    cuts: Vec<Cut>,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    study::run(&arguments.options, |options| {
        let out = options.folder("exits")?;
        let results = run(&arguments, options)?;
        options.finish(&out, &results, &table(&results), &figure(&results))
    })
}

fn run(arguments: &Arguments, options: &Options) -> Result<Results, Failure> {
    let id = resolve::environment_id(&arguments.environment)?;
    let spec = make(&id)?.spec().clone();
    let positions = spec.entries(FeatureKind::Position);
    let mut loaded = planning::load(arguments.checkpoint.as_deref(), &spec, DeviceName::Cpu)?;
    loaded.configure(&spec, None, &arguments.overrides)?;
    let rows = if options.quick { 20_000 } else { 200_000 };
    let mut data = collect(&id, rows, SEED + options.seed, &mut |_, _| {})?;
    data.repair_stale_observations()?;
    let apart = |a: &[f64], b: &[f64]| positions.iter().map(|&i| (a[i] - b[i]).powi(2)).sum::<f64>().sqrt();
    let f = loaded.frames_per_token;
    let leaps = leaps(&data, f, &apart);
    let none = || Failure::refused(format!("the data of `{id}` hold no jumps that a chunk leads up to"));
    let (ordinary, rows) = leaps.ok_or_else(none)?;
    let mut landings: Vec<(Vec<f64>, usize)> = Vec::new();
    let near = LEAP * ordinary;
    let place = |landings: &[(Vec<f64>, usize)], at: &[f64]| {
        let away = |i: &usize| apart(&landings[*i].0, at);
        (0..landings.len()).min_by(|a, b| away(a).total_cmp(&away(b)))
    };
    for &(row, _) in &rows {
        let at = observation(&data, row + 1);
        match place(&landings, &at).filter(|&i| apart(&landings[i].0, &at) <= near) {
            Some(i) => landings[i].1 += 1,
            None => landings.push((at, 1)),
        }
    }
    let a = data.action_dim;
    let count = arguments.jumps.min(rows.len());
    let cuts: Vec<usize> = (1..=f).step_by(arguments.every.max(1)).collect();
    let bar = progress::bar((cuts.len() * count) as u64, "jumps", options.json);
    let mut found = Vec::new();
    for steps in cuts {
        let mut cut = Cut { steps, draws: 0, jumped: 0, at: vec![0; landings.len()], as_recorded: 0 };
        for i in 0..count {
            let (row, end) = rows[i * rows.len() / count];
            let (first, now) = (row + 1 - steps, observation(&data, row + 1 - steps));
            let actions: Vec<f64> =
                data.actions[first * a..(first + f).min(end) * a].iter().map(|&x| f64::from(x)).collect();
            let seed = random::derive(options.seed, &[row as u64, steps as u64]);
            let asked = Decisions {
                observation: &now,
                actions: &actions,
                samples: arguments.samples,
                history: 0,
                seed,
            };
            let outcomes = loaded.planner.imagine(&asked)?;
            let o = spec.observation.len();
            let recorded = place(&landings, &observation(&data, row + 1));
            for draw in outcomes.observations.chunks_exact(actions.len() / a * o) {
                cut.draws += 1;
                let frames: Vec<&[f64]> =
                    std::iter::once(now.as_slice()).chain(draw.chunks_exact(o)).collect();
                let Some(jump) = frames.windows(2).position(|pair| apart(pair[0], pair[1]) > near) else {
                    continue;
                };
                cut.jumped += 1;
                if let Some(at) = place(&landings, frames[(jump + SETTLED).min(frames.len() - 1)]) {
                    cut.at[at] += 1;
                    cut.as_recorded += usize::from(Some(at) == recorded);
                }
            }
            bar.inc(1);
        }
        found.push(cut);
    }
    bar.finish();
    let named = loaded.path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let all: usize = landings.iter().map(|(_, count)| count).sum();
    Ok(Results {
        study: "exits",
        commit: forethought_experiments::results::COMMIT,
        environment: id,
        checkpoint: format!("{named}, SHA-256 {}", loaded.hash),
        step: loaded.step,
        jumps: count,
        samples: arguments.samples,
        landed: landings.iter().map(|(_, count)| *count as f64 / all as f64).collect(),
        landings: landings.into_iter().map(|(at, _)| at).collect(),
        cuts: found,
    })
}

fn observation(data: &Dataset, row: usize) -> Vec<f64> {
    let o = data.observation_dim;
    data.observations[row * o..(row + 1) * o].iter().map(|&x| f64::from(x)).collect()
}

/// The length of an ordinary step, and the rows whose step is a jump, with a chunk of ordinary ones before and after it.
fn leaps(
    data: &Dataset,
    f: usize,
    apart: &dyn Fn(&[f64], &[f64]) -> f64,
) -> Option<(f64, Vec<(usize, usize)>)> {
    let mut steps: Vec<(f64, usize)> = Vec::new();
    for trajectory in data.trajectories(true) {
        for row in trajectory.start..trajectory.end.saturating_sub(1) {
            steps.push((apart(&observation(data, row), &observation(data, row + 1)), row));
        }
    }
    let mut lengths: Vec<f64> = steps.iter().map(|(length, _)| *length).collect();
    lengths.sort_by(f64::total_cmp);
    let ordinary = *lengths.get(lengths.len() * 95 / 100)?;
    let jumps: Vec<usize> =
        steps.iter().filter(|(length, _)| *length > LEAP * ordinary).map(|(_, row)| *row).collect();
    let ends = |row: usize| {
        data.trajectories(true).into_iter().find(|t| t.start + f <= row && row + SETTLED < t.end)
    };
    let alone = |row: usize| jumps.iter().filter(|&&jump| jump <= row && row - jump <= f).count() == 1;
    let found: Vec<(usize, usize)> =
        jumps.iter().filter(|&&row| alone(row)).filter_map(|&row| Some((row, ends(row)?.end))).collect();
    (!found.is_empty()).then_some((ordinary, found))
}

fn table(results: &Results) -> String {
    let mut heads = vec![numbers("steps to the jump"), numbers("draws"), numbers("jump, %")];
    let names: Vec<String> = results.landings.iter().map(|at| format!("{:.0?}, %", at)).collect();
    heads.extend(names.iter().map(|name| numbers(name)));
    heads.extend([numbers("as recorded, %"), words("within 3 s.e. of a share each")]);
    let mut table = Table::new(heads);
    for cut in &results.cuts {
        let share = |n: usize| format!("{:.1}", 100.0 * n as f64 / cut.jumped.max(1) as f64);
        let mut row = vec![
            cut.steps.to_string(),
            cut.draws.to_string(),
            format!("{:.1}", 100.0 * cut.jumped as f64 / cut.draws.max(1) as f64),
        ];
        row.extend(cut.at.iter().map(|&n| share(n)));
        row.extend([share(cut.as_recorded), if fair(cut) { "yes".into() } else { "no".into() }]);
        table.row(row);
    }
    table.to_string()
}

/// Whether every landing place has its share, to within three standard errors.
fn fair(cut: &Cut) -> bool {
    let expected = 1.0 / cut.at.len().max(1) as f64;
    let error = (expected * (1.0 - expected) / cut.jumped.max(1) as f64).sqrt();
    cut.at.iter().all(|&n| (n as f64 / cut.jumped.max(1) as f64 - expected).abs() <= 3.0 * error)
}

fn figure(results: &Results) -> Picture {
    let names: Vec<String> = results.landings.iter().map(|at| format!("{at:.0?}")).collect();
    let line = |name, colour, dashed, of: &dyn Fn(&Cut) -> usize| Line {
        name,
        colour,
        dashed,
        points: results
            .cuts
            .iter()
            .map(|cut| {
                let share = of(cut) as f64 / cut.jumped.max(1) as f64;
                [cut.steps as f64, share, share, share]
            })
            .collect(),
    };
    let mut drawn: Vec<Line<'_>> =
        names.iter().enumerate().map(|(i, name)| line(name, i, false, &|cut: &Cut| cut.at[i])).collect();
    drawn.push(line("as recorded", names.len(), true, &|cut: &Cut| cut.as_recorded));
    let last = results.cuts.last().map_or(1, |cut| cut.steps);
    let panel = LinePanel {
        title: "where imagined jumps lead",
        x_label: "steps from the present to the jump",
        x_ticks: (0..=last).step_by((last / 5).max(1)).map(|x| (x as f64, x.to_string())).collect(),
        y_range: Some([0.0, 1.0]),
        percent: false,
        scale: Scale::Linear,
        lines: drawn,
    };
    lines("Does the network know how chance decides?", "share of the draws that jump", &[panel])
}
