//! What windows know of a long chain: ways to compose a plan longer than any sequence, held against a law that is known.
//!
//!     cargo run --release --example composition

mod chain;

use std::process::ExitCode;

use forethought_experiments::failure::Failure;
use forethought_experiments::picture::{Line, LinePanel, Picture, Scale, lines};
use forethought_experiments::study::{self, Options};
use forethought_experiments::table::{Table, numbers, words};
use forethought_planner::noise::{NoiseSchedule, ScheduleKind};
use forethought_planner::{MatrixKind, SchedulingMatrix};
use serde::Serialize;

use chain::{Chain, Law, Windows};

/// Unknown tokens, and the deviation of a step where that of a token is 1: a way across the giant maze in chunks.
const TOKENS: usize = 39;
const STEP: f64 = 0.2;
/// Tokens from one place to the next.
const LEG: usize = 4;

const WINDOWS: [(&str, Windows); 7] = [
    ("everything seen", Windows::Whole),
    ("noisy neighbours", Windows::Reach(1)),
    ("reach 2", Windows::Reach(2)),
    ("reach 4", Windows::Reach(4)),
    ("reach 8", Windows::Reach(8)),
    ("windows of 4, overlaps of 2 once", Windows::Overlaps(4, 2)),
    ("windows of 8, overlaps of 4 once", Windows::Overlaps(8, 4)),
];

/// Schedules with their sampling levels.
const MATRICES: [(&str, MatrixKind, u16); 4] = [
    ("full sequence", MatrixKind::FullSequence, 24),
    ("the same, 200 levels", MatrixKind::FullSequence, 200),
    ("pyramid", MatrixKind::Pyramid { uncertainty: 0.2 }, 24),
    ("trapezoid", MatrixKind::Trapezoid { uncertainty: 0.2 }, 24),
];

/// One way to compose.
#[derive(Serialize)]
struct Row {
    composition: String,
    schedule: String,
    /// Largest error of the mean, in steps.
    mean_error: f64,
    /// Deviation of the middle token, of what it should be.
    middle: f64,
    /// Largest and mean root mean square of a step, of what it should be.
    worst_step: f64,
    mean_step: f64,
    mean: Vec<f64>,
    /// Root mean square of each step, of what it should be.
    steps: Vec<f64>,
}

#[derive(Serialize)]
struct Results {
    study: &'static str,
    commit: &'static str,
    tokens: usize,
    step: f64,
    rows: Vec<Row>,
}

fn main() -> ExitCode {
    study::main(|options: &Options| {
        let out = options.folder("composition")?;
        let results = run()?;
        options.finish(&out, &results, &table(&results), &figure(&results))
    })
}

fn run() -> Result<Results, Failure> {
    let chain = Chain { tokens: TOKENS, step: STEP, ends: [-1.0, 1.2] };
    let singular = || Failure::broken("a covariance of the chain cannot be inverted".to_owned());
    let law = chain.law().ok_or_else(singular)?;
    let noise = NoiseSchedule::new(ScheduleKind::Cosine, 1000)?;
    let mut rows = vec![row(&chain, &law, "the law itself", "", &law)];
    for (name, windows) in WINDOWS {
        for (schedule, kind, levels) in MATRICES {
            let matrix = SchedulingMatrix::new(kind, TOKENS, levels)?;
            let level =
                |level: u16| noise.abar(noise.training_level(usize::from(level), usize::from(levels)));
            let abar: Vec<f64> = (0..=levels).map(level).collect();
            let found = chain.sample(windows, &matrix, &abar).ok_or_else(singular)?;
            rows.push(row(&chain, &law, name, schedule, &found));
        }
    }
    let legs = chain.legs(LEG).ok_or_else(singular)?;
    rows.push(row(&chain, &law, "legs between places on the shortest way", "", &legs));
    let commit = forethought_experiments::results::COMMIT;
    Ok(Results { study: "composition", commit, tokens: TOKENS, step: STEP, rows })
}

fn row(chain: &Chain, law: &Law, composition: &str, schedule: &str, found: &Law) -> Row {
    let (steps, wanted) = (chain.steps(found), chain.steps(law));
    let ratios: Vec<f64> = steps.iter().zip(&wanted).map(|(step, wanted)| step / wanted).collect();
    let middle = TOKENS / 2;
    Row {
        composition: composition.into(),
        schedule: schedule.into(),
        mean_error: (&found.mean - &law.mean).amax() / STEP,
        middle: (found.covariance[(middle, middle)] / law.covariance[(middle, middle)]).sqrt(),
        worst_step: ratios.iter().copied().fold(0.0, f64::max),
        mean_step: ratios.iter().sum::<f64>() / ratios.len() as f64,
        mean: found.mean.iter().copied().collect(),
        steps: ratios,
    }
}

fn table(results: &Results) -> String {
    let mut table = Table::new([
        words("composition"),
        words("schedule"),
        numbers("mean, off by steps"),
        numbers("spread in the middle"),
        numbers("worst step"),
        numbers("mean step"),
    ]);
    for row in &results.rows {
        let two = |value: f64| format!("{value:.2}");
        let cells = [row.mean_error, row.middle, row.worst_step, row.mean_step].map(two);
        let [mean, middle, worst, step] = cells;
        table.row([row.composition.clone(), row.schedule.clone(), mean, middle, worst, step]);
    }
    format!(
        "A chain of {} tokens between two known ends; spread and steps as multiples of what they should be.\n\n{}",
        results.tokens, table
    )
}

fn figure(results: &Results) -> Picture {
    let shown = || results.rows.iter().filter(|row| ["", "full sequence"].contains(&row.schedule.as_str()));
    let panel = |title, y_range, of: &dyn Fn(&Row) -> Vec<f64>| LinePanel {
        title,
        x_label: "token",
        x_ticks: [0, 10, 20, 30, 40].map(|t| (f64::from(t), t.to_string())).to_vec(),
        y_range: Some(y_range),
        percent: false,
        scale: Scale::Linear,
        lines: shown().enumerate().map(|(colour, row)| line(colour, row, &of(row))).collect(),
    };
    let panels = [
        panel("mean of each token, in its deviations", [-1.2, 1.4], &|row| row.mean.clone()),
        panel("length of the step that leads to it, of what it should be", [0.5, 3.5], &|row| {
            row.steps.clone()
        }),
    ];
    lines("What windows know of a long chain", "all tokens at one level", &panels)
}

fn line<'a>(colour: usize, row: &'a Row, values: &[f64]) -> Line<'a> {
    Line {
        name: &row.composition,
        colour,
        dashed: colour == 0,
        points: values.iter().enumerate().map(|(t, &value)| [(t + 1) as f64, value, value, value]).collect(),
    }
}
