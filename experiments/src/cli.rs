//! What the user typed.

mod arms;
mod bench;
mod study;
mod train;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use crate::device::DeviceName;

pub use arms::{AblateArgs, FrontierArgs, ScoringArgs};
pub use bench::{BenchArgs, BenchCommand, Maze2dArgs, PeakMemoryArgs, SpeedArgs};
pub use study::{StudyArgs, StudyCommand, StudyOptions};
pub use train::TrainArgs;

/// Diffusion Forcing planning: make data, train, plan, evaluate.
#[derive(Debug, Parser)]
#[command(name = "forethought", version, about, after_help = EXAMPLES)]
pub struct Cli {
    #[command(subcommand)]
    pub command: Command,
}

const EXAMPLES: &str = "\
Examples:
  forethought eval maze2d-umaze                     score the checkpoint that comes with the project
  forethought plan maze2d-umaze --seed 7            one episode, with pictures
  forethought collect maze2d-umaze                  make the training data
  forethought train maze2d-umaze                    train on it; the same command again resumes
  forethought inspect runs/maze2d-umaze-v1/train    what a checkpoint or data file holds

Exit codes: 0 done, 1 something went wrong on the way, 2 the request cannot be carried out as made.";

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Make offline data with the benchmark's own controller, as a D4RL HDF5 file.
    #[command(
        after_help = "Example: forethought collect maze2d-umaze --set data.rows=200000 --out data/small.hdf5"
    )]
    Collect(CollectArgs),
    /// Train a planner on a data file; run the same command again to resume.
    #[command(
        after_help = "Examples: forethought train maze2d-umaze --set train.steps=5000 --out runs/short\n          \
                      forethought train --data arm.hdf5 --describe arm.toml --set data.validation=0.1"
    )]
    Train(TrainArgs),
    /// Plan and execute one episode and draw it.
    #[command(after_help = "Example: forethought plan maze2d-umaze --seed 7 --set plan.completions=8")]
    Plan(PlanArgs),
    /// Score a planner over many episodes, beside its reference controllers.
    #[command(after_help = "Example: forethought eval maze2d-umaze --episodes 100 --set plan.guidance=0")]
    Eval(EvalArgs),
    /// Vary one setting at a time, all else as configured: what each is worth, as tables and plots. The same
    /// command again resumes.
    #[command(after_help = "Examples: forethought ablate maze2d-umaze --preset mcg,replan\n          \
                      forethought ablate maze2d-umaze --vary plan.guidance=10,20,40")]
    Ablate(AblateArgs),
    /// Measure: how fast on this machine, how well on the benchmark mazes.
    Bench(BenchArgs),
    /// Experiments that explain the sampler, each one command that writes a figure, a table and JSON.
    Study(StudyArgs),
    /// Show what a checkpoint, a data file or a configuration holds.
    #[command(after_help = "Example: forethought inspect data/maze2d-umaze-v1.hdf5")]
    Inspect(InspectArgs),
}

/// Options that several commands share.
#[derive(Args, Debug)]
pub struct Shared {
    /// Environment, for example maze2d-umaze (`-v1` may be left out).
    pub environment: String,
    /// Configuration file (TOML). Default: the one that comes with the environment, if any.
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Override one setting, for example --set plan.guidance=2. May be repeated.
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub overrides: Vec<String>,
    /// Print one JSON object instead of text.
    #[arg(long)]
    pub json: bool,
}

#[derive(Args, Debug)]
pub struct CollectArgs {
    #[command(flatten)]
    pub shared: Shared,
    /// File to write. Default: data/ENVIRONMENT.hdf5
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// Seed of the generator (overrides data.seed).
    #[arg(long)]
    pub seed: Option<u64>,
    /// Replace a file that is already there.
    #[arg(long)]
    pub force: bool,
}

#[derive(Args, Debug)]
pub struct PlanArgs {
    #[command(flatten)]
    pub shared: Shared,
    /// Checkpoint folder or training run. Default: the one that comes with the project.
    #[arg(long, value_name = "FOLDER")]
    pub checkpoint: Option<PathBuf>,
    /// Seed of the episode and of the planner's noise.
    #[arg(long, default_value_t = 0)]
    pub seed: u64,
    /// Where to compute.
    #[arg(long, value_enum, default_value_t)]
    pub device: DeviceName,
    /// Folder for pictures and record. Default: runs/ENVIRONMENT/plan-SEED
    #[arg(long, value_name = "FOLDER")]
    pub out: Option<PathBuf>,
    /// Replace what an earlier run of this command wrote there.
    #[arg(long)]
    pub force: bool,
}

#[derive(Args, Debug)]
pub struct EvalArgs {
    #[command(flatten)]
    pub shared: Shared,
    /// Checkpoint folder or training run. Default: the one that comes with the project.
    #[arg(long, value_name = "FOLDER")]
    pub checkpoint: Option<PathBuf>,
    /// Episodes.
    #[arg(long, default_value_t = 100)]
    pub episodes: usize,
    /// Seed of the first episode; the others follow.
    #[arg(long, default_value_t = 0)]
    pub seed: u64,
    /// Where to compute.
    #[arg(long, value_enum, default_value_t)]
    pub device: DeviceName,
    /// Leave out the reference controllers.
    #[arg(long)]
    pub no_references: bool,
    /// Folder for tables, records and pictures. Default: runs/ENVIRONMENT/eval
    #[arg(long, value_name = "FOLDER")]
    pub out: Option<PathBuf>,
    /// Replace what an earlier run of this command wrote there.
    #[arg(long)]
    pub force: bool,
}

#[derive(Args, Debug)]
pub struct InspectArgs {
    /// A checkpoint folder, a training run, a data file (.hdf5) or a configuration (.toml).
    pub path: PathBuf,
    /// Print one JSON object instead of text.
    #[arg(long)]
    pub json: bool,
}
