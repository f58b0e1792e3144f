//! How well policies are valued from data alone: ten policies in each of three environments, truths by roll-out, against
//! importance sampling, fitted Q evaluation and doubly robust estimates (after Fu et al., *Benchmarks for Deep Off-Policy
//! Evaluation*, ICLR 2021).
//!
//!     cargo run --release --example off_policy

use std::process::ExitCode;

use clap::Parser;
use forethought_experiments::failure::Failure;
use forethought_experiments::picture::{Line, LinePanel, Picture, Scale, lines};
use forethought_experiments::study::{self, Options};
use forethought_experiments::table::{Table, numbers, words};
use forethought_experiments::{progress, results};
use forethought_policies::off_policy::{LINEAR_FQE, WDR};
use serde::Serialize;
use trial::{Size, Trial};
use worlds::{WORLDS, World};

mod trial;
mod worlds;

const FULL: Size = Size { sets: 200, rollouts: 4000, resamples: 400, share: 1.0 };
const QUICK: Size = Size { sets: 2, rollouts: 50, resamples: 50, share: 0.2 };

#[derive(Serialize)]
struct Results {
    study: String,
    commit: String,
    trials: Vec<Trial>,
}

fn main() -> ExitCode {
    study::run(&Options::parse(), |options| {
        let out = options.folder("off-policy")?;
        let results =
            Results { study: "off-policy".into(), commit: results::COMMIT.into(), trials: compute(options)? };
        options.finish(&out, &results, &table(&results), &figure(&results))
    })
}

fn compute(options: &Options) -> Result<Vec<Trial>, Failure> {
    let size = if options.quick { QUICK } else { FULL };
    let bar = progress::bar((size.sets * WORLDS.len()) as u64, "data sets", options.json);
    let trial = |world: &World| Ok(trial::run(*world, size, options.seed, &mut || bar.inc(1))?);
    let trials = WORLDS.iter().map(trial).collect();
    bar.finish();
    trials
}

fn table(results: &Results) -> String {
    let mut text = String::new();
    for trial in &results.trials {
        let steps = trial.horizon.unwrap_or(0);
        text += &format!(
            "{}: {} steps, discount {}, {} data sets of {} episodes\n",
            trial.environment, steps, trial.discount, trial.size.sets, trial.episodes
        );
        let mut heads = vec![words("method"), numbers("Spearman"), numbers("tenth percentile")];
        heads.extend([numbers("regret@1, %"), numbers("coverage, %"), numbers("least of a policy")]);
        let mut table = Table::new(heads);
        for row in &trial.summaries {
            let percent = |share: f64| format!("{:.1}", 100.0 * share);
            table.row(vec![
                row.method.clone(),
                format!("{:.3}", row.spearman),
                format!("{:.3}", row.spearman_low),
                percent(row.regret),
                percent(row.coverage),
                percent(row.least_coverage),
            ]);
        }
        text += &format!("{table}\n");
    }
    text
}

fn figure(results: &Results) -> Picture {
    let panels: Vec<LinePanel<'_>> = results.trials.iter().map(panel).collect();
    let subtitle = "estimate and 95 % interval of the first data set against the truth, ten policies each";
    lines("What policies are worth, from data alone", subtitle, &panels)
}

fn panel(trial: &Trial) -> LinePanel<'_> {
    let line = |name, method: &str, colour| {
        let point = |row: &trial::Row| {
            let cell = row.methods.iter().find(|cell| cell.method == method)?;
            Some([row.truth, cell.low, cell.estimate, cell.high])
        };
        let mut points: Vec<[f64; 4]> = trial.policies.iter().filter_map(point).collect();
        points.sort_by(|a, b| a[0].total_cmp(&b[0]));
        Line { name, colour, dashed: false, points }
    };
    let mut truths: Vec<f64> = trial.policies.iter().map(|row| row.truth).collect();
    truths.sort_by(f64::total_cmp);
    let truth = Line {
        name: "as it is",
        colour: 7,
        dashed: true,
        points: truths.iter().map(|truth| [*truth; 4]).collect(),
    };
    let (low, high) = (truths.first().copied().unwrap_or(0.0), truths.last().copied().unwrap_or(1.0));
    let digits = if high < 1.0 { 2 } else { 0 };
    let tick = |part: f64| {
        let at = low + part * (high - low);
        (at, format!("{at:.digits$}"))
    };
    LinePanel {
        title: &trial.environment,
        x_label: "true return",
        x_ticks: [0.0, 0.25, 0.5, 0.75, 1.0].map(tick).to_vec(),
        y_range: None,
        percent: false,
        scale: Scale::Linear,
        lines: vec![
            line("weighted doubly robust", WDR, 0),
            line("fitted Q evaluation", LINEAR_FQE, 1),
            truth,
        ],
    }
}
