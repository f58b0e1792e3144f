//! Rollouts far past the training horizon: how they come away from the data, by schedule and history.
//!
//! Chen et al., NeurIPS 2024, sections 3.3 and 4.1: clean history shown at a small noise level keeps long
//! rollouts stable, where a full-sequence model, which can only have its history replaced, diverges.
//!
//!     cargo run --release --example horizon -- --quick

mod divergence;

use std::path::PathBuf;
use std::process::ExitCode;

use forethought_envs::data::DatasetNormalizer;
use forethought_envs::maze::{GenerateOptions, generate};
use forethought_envs::{Environment, make, scene};
use forethought_planner::noise::NoiseSchedule;
use forethought_planner::{
    Continuation, ContinuationConfig, Denoiser, HistoryForm, MatrixKind, Solver, TokenLayout, Trajectory,
    checkpoint, random,
};
use serde::Serialize;

use divergence::{Block, Measures, Quartiles, Support};
use forethought_experiments::device::DeviceName;
use forethought_experiments::failure::Failure;
use forethought_experiments::picture::{Line, LinePanel, Picture, Scale, lines};
use forethought_experiments::study::{self, Options};
use forethought_experiments::table::{Table, numbers, words};
use forethought_experiments::{progress, shipped};

/// Environment whose checkpoint is continued.
const ENVIRONMENT: &str = "maze2d-umaze-v1";
/// Chunks of history, sampled ahead, and kept of them.
const HISTORY: usize = 4;
const AHEAD: usize = 8;
const KEEP: usize = 4;
/// Seeds below belong to training data.
const HELD_OUT: u64 = 1_000_000;

/// A way to continue.
struct Variant {
    name: &'static str,
    form: HistoryForm,
    matrix: MatrixKind,
    stabilization: u16,
}

const PYRAMID: MatrixKind = MatrixKind::Pyramid { uncertainty: 1.0 };
const VARIANTS: [Variant; 4] = [
    Variant {
        name: "Diffusion Forcing, history at level 10",
        form: HistoryForm::Known,
        matrix: PYRAMID,
        stabilization: 10,
    },
    Variant {
        name: "the same without stabilisation (level 0)",
        form: HistoryForm::Known,
        matrix: PYRAMID,
        stabilization: 0,
    },
    Variant {
        name: "full sequence, history at level 10",
        form: HistoryForm::Known,
        matrix: MatrixKind::FullSequence,
        stabilization: 10,
    },
    Variant {
        name: "full sequence, history replaced at every row",
        form: HistoryForm::Replaced,
        matrix: MatrixKind::FullSequence,
        stabilization: 10,
    },
];

/// A checkpoint ready to be continued from.
struct Prepared {
    path: PathBuf,
    hash: String,
    denoiser: Box<dyn Denoiser>,
    schedule: NoiseSchedule,
    normalizer: DatasetNormalizer,
    limits: [Vec<f64>; 2],
}

/// One line of the figure.
#[derive(Clone, Debug, Serialize)]
struct Row {
    name: &'static str,
    /// Settings; none for the data themselves.
    sampling: Option<String>,
    /// One block for each training horizon.
    blocks: Vec<Block>,
}

/// What was run and what came out.
#[derive(Clone, Debug, Serialize)]
struct Results {
    study: &'static str,
    commit: &'static str,
    environment: &'static str,
    checkpoint: String,
    seed: u64,
    quick: bool,
    rollouts: usize,
    /// Frames of the training horizon, which is also a block's length.
    horizon: usize,
    support: Support,
    rows: Vec<Row>,
}

fn main() -> ExitCode {
    study::main(|options| {
        let prepared = prepare()?;
        let out = options.folder("horizon")?;
        let results = run(options, prepared)?;
        options.finish(&out, &results, &table(&results), &figure(&results))
    })
}

/// Loads the checkpoint that comes with the project.
///
/// # Errors
/// [`Failure`] where it is missing, damaged, or too short for the windows of this study.
fn prepare() -> Result<Prepared, Failure> {
    let path = shipped::checkpoint_or_refusal(ENVIRONMENT)?;
    let device = DeviceName::Cpu.open()?;
    let checkpoint = checkpoint::load(&path, &device)?;
    let (path, hash, manifest) =
        (checkpoint.path.clone(), checkpoint.hash.clone(), checkpoint.manifest.clone());
    manifest.fits(&path, make(ENVIRONMENT)?.spec())?;
    let schedule = manifest.model.noise()?;
    for variant in &VARIANTS {
        Continuation::new(&manifest.layout, &schedule, variant.settings())?;
    }
    let mut limits = [manifest.limits.low, manifest.limits.high]
        .map(|frame| frame[manifest.layout.action..][..manifest.layout.observation].to_vec());
    for limit in &mut limits {
        manifest.normalizer.observation.denormalize(limit)?;
    }
    let denoiser = checkpoint.denoiser(&device, DeviceName::Cpu.threads())?;
    Ok(Prepared { path, hash, denoiser, schedule, normalizer: manifest.normalizer, limits })
}

/// Makes the reference data, continues from their starts in every way, and measures.
///
/// # Errors
/// [`Failure`] for what fails on the way.
fn run(options: &Options, prepared: Prepared) -> Result<Results, Failure> {
    let Prepared { path, hash, mut denoiser, schedule, normalizer, limits: [low, high] } = prepared;
    let layout = denoiser.layout().clone();
    let (rollouts, horizons) = if options.quick { (2, 2) } else { (64, 20) };
    let horizon = layout.chunks * layout.frames_per_token;
    let length = horizons * horizon;
    let bar = progress::bar((VARIANTS.len() * length) as u64, "frames", options.json);
    bar.set_message("reference data");
    let reference = segments(options.seed, rollouts, length + 1)?;
    let walls = scene(ENVIRONMENT).map(|scene| scene.solids).unwrap_or_default();
    let support = Support::new(&reference, low, high, walls);
    let blocks = |rollouts: &[Vec<[f64; 4]>]| -> Vec<Block> {
        let measure = |rollout: &Vec<[f64; 4]>, block: usize| -> Measures {
            let first = block * horizon;
            support.measure(&rollout[first..=first + horizon], first, KEEP * layout.frames_per_token)
        };
        let block = |block| Block::of(&rollouts.iter().map(|r| measure(r, block)).collect::<Vec<_>>());
        (0..horizons).map(block).collect()
    };
    let mut rows = Vec::new();
    for variant in &VARIANTS {
        bar.set_message(variant.name);
        let continuation = Continuation::new(&layout, &schedule, variant.settings())?;
        let mut trajectories = Vec::new();
        for (i, rollout) in reference.iter().enumerate() {
            let mut state = rollout[0].to_vec();
            normalizer.observation.normalize(&mut state)?;
            let seed = random::derive(options.seed, &[i as u64]);
            trajectories.push(Trajectory { state, x_cd: Vec::new(), seed });
        }
        for _ in 0..length.div_ceil(KEEP * layout.frames_per_token) {
            continuation.slide(denoiser.as_mut(), &mut trajectories)?;
            bar.inc((KEEP * layout.frames_per_token) as u64);
        }
        let found: Vec<Vec<[f64; 4]>> =
            trajectories.iter().map(|t| observations(&layout, &normalizer, t)).collect::<Result<_, _>>()?;
        let sampling = Some(format!("{:?}", variant.settings()));
        rows.push(Row { name: variant.name, sampling, blocks: blocks(&found) });
    }
    rows.push(Row { name: "the data", sampling: None, blocks: blocks(&reference) });
    bar.finish();
    let named = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    Ok(Results {
        study: "horizon",
        commit: forethought_experiments::results::COMMIT,
        environment: ENVIRONMENT,
        checkpoint: format!("{named}, SHA-256 {hash}"),
        seed: options.seed,
        quick: options.quick,
        rollouts,
        horizon,
        support,
        rows,
    })
}

impl Variant {
    fn settings(&self) -> ContinuationConfig {
        ContinuationConfig {
            history: HISTORY,
            form: self.form,
            ahead: AHEAD,
            keep: KEEP,
            levels: 10,
            matrix: self.matrix,
            solver: Solver::Ddim,
            stabilization: self.stabilization,
        }
    }
}

/// Runs of the data's own controller that no training set holds.
fn segments(seed: u64, count: usize, length: usize) -> Result<Vec<Vec<[f64; 4]>>, Failure> {
    let options = GenerateOptions {
        rows: count * length,
        seed: HELD_OUT + seed,
        stale_observation: false,
        ..GenerateOptions::default()
    };
    let data = generate(ENVIRONMENT, &options, &mut |_, _| ())?;
    let rows: Vec<[f64; 4]> =
        data.observations.chunks_exact(4).map(|o| [0, 1, 2, 3].map(|i| f64::from(o[i]))).collect();
    Ok(rows.chunks_exact(length).map(<[[f64; 4]]>::to_vec).collect())
}

/// Observations of a trajectory, its state first, in the environment's units.
fn observations(
    layout: &TokenLayout,
    normalizer: &DatasetNormalizer,
    trajectory: &Trajectory,
) -> Result<Vec<[f64; 4]>, Failure> {
    let mut all = trajectory.state.clone();
    for frame in trajectory.x_cd.chunks_exact(layout.frame()) {
        all.extend_from_slice(&frame[layout.action..layout.action + layout.observation]);
    }
    normalizer.observation.denormalize(&mut all)?;
    Ok(all.chunks_exact(layout.observation).map(|o| [o[0], o[1], o[2], o[3]]).collect())
}

/// The table: the first block, the last one, and the mean of all.
fn table(results: &Results) -> String {
    let mut table = Table::new([
        words("variant"),
        numbers("horizon"),
        numbers("outside, mean"),
        numbers("inconsistency, mm"),
        numbers("at joints, mm"),
        numbers("speed, m/s"),
    ]);
    let millimetres = |q: Quartiles| format!("{:.3} ({:.3} to {:.3})", 1e3 * q.1, 1e3 * q.0, 1e3 * q.2);
    for row in &results.rows {
        let last = row.blocks.len().saturating_sub(1);
        for number in [0, last] {
            let Some(block) = row.blocks.get(number) else { continue };
            table.row([
                if number == 0 { row.name.to_owned() } else { String::new() },
                (number + 1).to_string(),
                format!("{:.2} %", 100.0 * block.outside_mean),
                millimetres(block.inconsistency),
                millimetres(block.at_joints),
                format!("{:.2} ({:.2} to {:.2})", block.speed.1, block.speed.0, block.speed.2),
            ]);
        }
    }
    format!(
        "Rollouts of {} past their training horizon of {} frames: the first and the last horizon's worth,\n\
         median (quartiles) over {} rollouts\n\n{table}",
        results.environment, results.horizon, results.rollouts
    )
}

/// The figure.
fn figure(results: &Results) -> Picture {
    let count = results.rows.first().map_or(0, |row| row.blocks.len());
    let spacing = count.div_ceil(5).max(1);
    // What the data's physics leave of |p' - p - dt v'| is rounding, far below anything sampled.
    let range = |scale| (scale == Scale::Log).then_some([1e-8, 1.0]);
    let panel = |title, percent, scale, pick: &dyn Fn(&Block) -> [f64; 3]| LinePanel {
        title,
        x_label: "training horizons",
        x_ticks: (0..=count).step_by(spacing).map(|x| (x as f64, x.to_string())).collect(),
        y_range: range(scale),
        percent,
        scale,
        lines: results
            .rows
            .iter()
            .enumerate()
            .map(|(index, row)| Line {
                name: row.name,
                colour: if row.sampling.is_some() { index } else { 6 },
                dashed: row.sampling.is_none(),
                points: row
                    .blocks
                    .iter()
                    .enumerate()
                    .map(|(block, figures)| {
                        let [low, middle, high] = pick(figures);
                        [block as f64 + 0.5, low, middle, high]
                    })
                    .collect(),
            })
            .collect(),
    };
    let spread = |q: Quartiles| [q.0, q.1, q.2];
    lines(
        "Rollouts past the training horizon",
        &format!(
            "{}, {} rollouts without goal or guidance; bands: quartiles over rollouts",
            results.environment, results.rollouts
        ),
        &[
            panel("Frames outside the data's support, mean", true, Scale::Linear, &|b| [b.outside_mean; 3]),
            panel("Mean speed, m/s", false, Scale::Linear, &|b| spread(b.speed)),
            panel("|p' - p - dt v'|, m (the data: 1e-7)", false, Scale::Log, &|b| spread(b.inconsistency)),
            panel("The same where windows join, m (the data: 1e-7)", false, Scale::Log, &|b| {
                spread(b.at_joints)
            }),
        ],
    )
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::float_cmp)]
mod tests {
    use super::*;

    #[test]
    fn every_way_to_continue_is_measured_beside_the_data() {
        let options = Options { quick: true, seed: 0, out: None, force: false, json: true };
        let results = run(&options, prepare().unwrap()).unwrap();
        assert_eq!(results.rows.len(), VARIANTS.len() + 1);
        for row in &results.rows {
            let data = row.sampling.is_none();
            for block in &row.blocks {
                assert!(block.speed.1 > 0.1, "{}", row.name);
                // The data obey the maze's physics; a sampled trajectory does so only roughly.
                assert_eq!(block.inconsistency.1 < 1e-5, data, "{}", row.name);
                assert!(!data || block.outside_mean == 0.0, "{}", row.name);
            }
        }
        let again = run(&options, prepare().unwrap()).unwrap();
        assert_eq!(table(&again), table(&results));
    }
}
