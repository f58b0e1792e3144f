//! What a longer history does: crossings continued with every history length.
//!
//! Chen et al., NeurIPS 2024, section 4.3: with all of its history a Diffusion Forcing model reproduces its
//! demonstrations; with none it stitches pieces of different ones.
//!
//!     cargo run --release --example memory -- --quick

mod cross;
mod training;

use std::process::ExitCode;

use forethought_planner::network::NetworkConfig;
use forethought_planner::noise::Target;
use forethought_planner::{
    Continuation, ContinuationConfig, HistoryForm, MatrixKind, ModelConfig, PlannerError, Solver,
    TokenLayout, TrainConfig, Trajectory, random,
};
use serde::Serialize;

use cross::Exit;
use forethought_experiments::failure::Failure;
use forethought_experiments::picture::{Line, LinePanel, Picture, Route, RoutePanel, Scale, crossing};
use forethought_experiments::progress;
use forethought_experiments::statistics::{Interval, wilson_interval};
use forethought_experiments::study::{self, Options};
use forethought_experiments::table::{Table, numbers, words};
use training::{Trained, train};

/// Frames of a chunk, chunks of a training window, and chunks sampled ahead in each round, of which one is kept.
const FRAMES: usize = 4;
const CHUNKS: usize = 12;
const AHEAD: usize = 3;
/// Chunks sampled in all: almost twice the shortest demonstration.
const LENGTH: usize = 20;
/// The longest history leaves room for what is sampled; it reaches back past the longest pause to the start.
const ALL: usize = CHUNKS - AHEAD;
const HISTORIES: [usize; 7] = [0, 1, 2, 3, 4, 6, ALL];
/// Samples of each history length that the figure shows, and every how many frames.
const SHOWN: usize = 24;
const EVERY: usize = 2;

/// Crossings with one history length.
#[derive(Clone, Debug, Serialize)]
struct Row {
    /// Chunks of history.
    history: usize,
    /// Crossings that left the middle by the opposite corner, by one beside, the way they came, or not at all.
    opposite: usize,
    beside: usize,
    back: usize,
    none: usize,
    /// Share that left by the opposite corner, with its 95 % interval (Wilson).
    share_opposite: f64,
    interval_opposite: Interval,
    /// Share that left by another corner or went back, with its 95 % interval (Wilson).
    share_other: f64,
    interval_other: Interval,
    /// Each crossing: O opposite, V beside, R back, - not at all.
    exits: String,
    /// Paths shown in the figure: every second position.
    #[serde(skip)]
    shown: Vec<(Exit, Vec<[f64; 2]>)>,
}

/// What was run and what came out.
#[derive(Clone, Debug, Serialize)]
struct Results {
    study: &'static str,
    commit: &'static str,
    seed: u64,
    quick: bool,
    demonstrations: u64,
    model: ModelConfig,
    train: TrainConfig,
    weights: usize,
    loss: f64,
    sampling: String,
    crossings: usize,
    rows: Vec<Row>,
    #[serde(skip)]
    demonstrated: Vec<(Exit, Vec<[f64; 2]>)>,
}

fn main() -> ExitCode {
    study::main(|options| {
        let out = options.folder("memory")?;
        let results = run(options)?;
        options.finish(&out, &results, &table(&results), &figure(&results))
    })
}

/// Trains and samples.
///
/// # Errors
/// [`Failure`] for what fails on the way.
fn run(options: &Options) -> Result<Results, Failure> {
    let (demonstrations, steps, crossings) = if options.quick { (64, 20, 8) } else { (4000, 3000, 200) };
    let model = ModelConfig {
        frames_per_token: FRAMES,
        chunks: CHUNKS,
        // As in the paper: one level a token, which is clean or not.
        target: Target::X0,
        level_blocks: 0,
        network: NetworkConfig { width: 64, layers: 2, heads: 4, ..NetworkConfig::default() },
        ..ModelConfig::default()
    };
    let config = TrainConfig {
        steps,
        batch: 64,
        learning_rate: 2e-3,
        warmup: steps / 20,
        min_lr_ratio: 0.02,
        ema: 0.998,
        context_dropout: 0.1,
        condition_dropout: 1.0,
        seed: options.seed,
        ..TrainConfig::default()
    };
    let data_seed = random::derive(options.seed, &[0]);
    let data = cross::dataset(data_seed, demonstrations, CHUNKS * FRAMES);
    let bar = progress::bar(steps, "steps", options.json);
    let mut trained = train(&cross::spec()?, &data, &model, &config, &bar)?;
    bar.finish();

    // Starts that no demonstration of the training set has.
    let start_seed = random::derive(options.seed, &[1]);
    let held_out = |i: u64| cross::demonstration(start_seed, i, 0);
    let starts: Vec<[f64; 4]> = (0..crossings).map(|i| cross::first_observation(&held_out(i))).collect();
    let bar = progress::bar((HISTORIES.len() * LENGTH) as u64, "chunks", options.json);
    let mut rows = Vec::new();
    for history in HISTORIES {
        bar.set_message(format!("history {history}"));
        let paths = sample(&mut trained, history, &starts, options.seed, &bar)?;
        rows.push(Row::new(history, &paths)?);
    }
    bar.finish();
    let demonstrated = (0..SHOWN as u64).map(|i| (Exit::Opposite, thinned(&held_out(i)))).collect();
    Ok(Results {
        study: "memory",
        commit: forethought_experiments::results::COMMIT,
        seed: options.seed,
        quick: options.quick,
        demonstrations,
        model,
        train: config,
        weights: trained.weights,
        loss: trained.loss,
        sampling: format!("{:?}", settings(0)),
        crossings: starts.len(),
        rows,
        demonstrated,
    })
}

fn settings(history: usize) -> ContinuationConfig {
    ContinuationConfig {
        history,
        form: HistoryForm::Known,
        ahead: AHEAD,
        keep: 1,
        levels: 10,
        matrix: MatrixKind::Pyramid { uncertainty: 1.0 },
        solver: Solver::Ddim,
        stabilization: 10,
    }
}

/// Paths from all starts, `LENGTH` chunks long. Every history length meets the same starts and noise.
fn sample(
    trained: &mut Trained,
    history: usize,
    starts: &[[f64; 4]],
    seed: u64,
    bar: &progress::Bar,
) -> Result<Vec<Vec<[f64; 2]>>, Failure> {
    use forethought_planner::Denoiser;
    let layout = trained.denoiser.layout().clone();
    let continuation = Continuation::new(&layout, &trained.schedule, settings(history))?;
    let mut trajectories = Vec::new();
    for (i, start) in starts.iter().enumerate() {
        let mut state = start.to_vec();
        trained.normalizer.observation.normalize(&mut state)?;
        let seed = random::derive(seed, &[2, i as u64]);
        trajectories.push(Trajectory { state, x_cd: Vec::new(), seed });
    }
    for _ in 0..LENGTH {
        continuation.slide(&mut trained.denoiser, &mut trajectories)?;
        bar.inc(1);
    }
    let decode = |trajectory: &Trajectory| positions(&layout, trained, trajectory).map_err(Failure::from);
    trajectories.iter().map(decode).collect()
}

fn positions(
    layout: &TokenLayout,
    trained: &Trained,
    trajectory: &Trajectory,
) -> Result<Vec<[f64; 2]>, PlannerError> {
    let mut observations = trajectory.state.clone();
    for chunk in trajectory.x_cd.chunks_exact(layout.width()) {
        for frame in 0..layout.frames_per_token {
            let at = layout.observation_at(frame);
            observations.extend_from_slice(&chunk[at..at + layout.observation]);
        }
    }
    trained.normalizer.observation.denormalize(&mut observations)?;
    Ok(observations.chunks_exact(layout.observation).map(|o| [o[0], o[1]]).collect())
}

fn thinned(path: &[[f64; 2]]) -> Vec<[f64; 2]> {
    path.iter().step_by(EVERY).copied().collect()
}

impl Row {
    /// Counts paths, of which number `i` started in corner `i % 4`.
    fn new(history: usize, paths: &[Vec<[f64; 2]>]) -> Result<Self, Failure> {
        let exits: Vec<Exit> = paths.iter().enumerate().map(|(i, path)| cross::exit(path, i)).collect();
        let count = |exit: Exit| exits.iter().filter(|&&found| found == exit).count();
        let (opposite, beside, back) = (count(Exit::Opposite), count(Exit::Beside), count(Exit::Back));
        let letter = |exit: &Exit| match exit {
            Exit::Opposite => 'O',
            Exit::Beside => 'V',
            Exit::Back => 'R',
            Exit::None => '-',
        };
        let all = exits.len();
        Ok(Self {
            history,
            opposite,
            beside,
            back,
            none: count(Exit::None),
            share_opposite: opposite as f64 / all as f64,
            interval_opposite: wilson_interval(opposite, all)?,
            share_other: (beside + back) as f64 / all as f64,
            interval_other: wilson_interval(beside + back, all)?,
            exits: exits.iter().map(letter).collect(),
            shown: exits.iter().copied().zip(paths.iter().map(|path| thinned(path))).take(SHOWN).collect(),
        })
    }

    fn name(&self) -> String {
        match self.history {
            0 => "present only".into(),
            ALL => format!("all: {ALL} chunks"),
            1 => "1 chunk".into(),
            chunks => format!("{chunks} chunks"),
        }
    }
}

/// The table.
fn table(results: &Results) -> String {
    let mut table = Table::new([
        words("history"),
        numbers("opposite"),
        numbers("95 %"),
        numbers("beside or back"),
        numbers("95 %"),
        numbers("beside"),
        numbers("back"),
        numbers("none"),
    ]);
    let percent = |share: f64| format!("{:.1} %", 100.0 * share);
    let span = |i: Interval| format!("{:.1} to {:.1}", 100.0 * i.low, 100.0 * i.high);
    for row in &results.rows {
        table.row([
            row.name(),
            percent(row.share_opposite),
            span(row.interval_opposite),
            percent(row.share_other),
            span(row.interval_other),
            row.beside.to_string(),
            row.back.to_string(),
            row.none.to_string(),
        ]);
    }
    format!(
        "Exits from the middle of the cross, {} crossings for each history length (chunks of {FRAMES} frames,\n\
         a pause of {} to {} frames in the middle)\n\n{table}",
        results.crossings,
        cross::PAUSE[0],
        cross::PAUSE[1]
    )
}

/// The figure: crossings with some of the history lengths, and the shares with all of them.
fn figure(results: &Results) -> Picture {
    let route =
        |(exit, points): &(Exit, Vec<[f64; 2]>)| Route { kind: *exit as usize, points: points.clone() };
    let mut panels = vec![RoutePanel {
        name: "demonstrations".into(),
        note: "all to the opposite corner".into(),
        routes: results.demonstrated.iter().map(route).collect(),
    }];
    panels.extend(results.rows.iter().map(|row| RoutePanel {
        name: format!("history: {}", row.name()),
        note: format!("{:.1} % opposite", 100.0 * row.share_opposite),
        routes: row.shown.iter().map(route).collect(),
    }));
    let line = |name, colour, pick: &dyn Fn(&Row) -> (f64, Interval)| Line {
        name,
        colour,
        dashed: false,
        points: results
            .rows
            .iter()
            .map(|row| {
                let (share, interval) = pick(row);
                [row.history as f64, interval.low, share, interval.high]
            })
            .collect(),
    };
    let shares = LinePanel {
        title: "Share of crossings by exit, with 95 % intervals",
        x_label: "chunks of history",
        x_ticks: HISTORIES.iter().map(|&h| (h as f64, h.to_string())).collect(),
        y_range: Some([0.0, 1.0]),
        percent: true,
        scale: Scale::Linear,
        lines: vec![
            line("opposite corner", 0, &|row| (row.share_opposite, row.interval_opposite)),
            line("another corner or back", 1, &|row| (row.share_other, row.interval_other)),
            Line {
                name: "one corner in four",
                colour: 6,
                dashed: true,
                points: [0, ALL].map(|h| [h as f64, 0.25, 0.25, 0.25]).to_vec(),
            },
        ],
    };
    crossing(
        "History decides between repeating demonstrations and stitching them",
        "Sampled crossings of a square, by how much of the past each new chunk is conditioned on",
        ["opposite corner", "corner beside", "back", "not left"],
        &panels,
        &shares,
    )
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn quick(seed: u64) -> Results {
        run(&Options { quick: true, seed, out: None, force: false, json: true }).unwrap()
    }

    #[test]
    fn every_crossing_is_counted_for_every_history_length() {
        let results = quick(0);
        assert_eq!(results.rows.len(), HISTORIES.len());
        for row in &results.rows {
            assert_eq!(row.opposite + row.beside + row.back + row.none, results.crossings);
            assert_eq!(row.exits.len(), results.crossings);
            assert_eq!(row.exits.matches('O').count(), row.opposite);
            let interval = &row.interval_opposite;
            assert!(interval.low <= row.share_opposite && row.share_opposite <= interval.high);
        }
        // The same seed gives the same results, another seed others.
        let exits = |results: &Results| results.rows.iter().map(|row| row.exits.clone()).collect::<Vec<_>>();
        assert_eq!(table(&quick(0)), table(&results));
        assert_ne!((exits(&quick(1)), quick(1).loss), (exits(&results), results.loss));
    }
}
