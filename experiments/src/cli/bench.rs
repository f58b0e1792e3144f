//! Options of `bench`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::FrontierArgs;
use crate::device::DeviceName;

#[derive(Args, Debug)]
pub struct BenchArgs {
    #[command(subcommand)]
    pub what: BenchCommand,
}

#[derive(Debug, Subcommand)]
pub enum BenchCommand {
    /// Time of denoising rows, training steps and plans, beside the same network in PyTorch.
    #[command(
        after_help = "Example: python3 -m venv torch-venv && torch-venv/bin/pip install torch numpy\n         \
                      forethought bench speed --python torch-venv/bin/python"
    )]
    Speed(SpeedArgs),
    /// Every planner on every maze, on the same starts, goals and seeds: one table and one report. The same
    /// command again resumes.
    #[command(after_help = "Example: forethought bench maze2d --only maze2d-umaze,multi2d-large")]
    Maze2d(Maze2dArgs),
    /// Score against planning time: settings from fast to careful on one environment, as table and plot. The same
    /// command again resumes.
    #[command(
        after_help = "Example: forethought bench frontier maze2d-large --points as-configured,levels-20"
    )]
    Frontier(FrontierArgs),
    /// Peak memory of a process that plans: `bench speed` runs it as a child.
    #[command(hide = true)]
    PeakMemory(PeakMemoryArgs),
}

#[derive(Args, Debug)]
pub struct SpeedArgs {
    /// Few samples: shows that everything runs, not how fast it is.
    #[arg(long)]
    pub quick: bool,
    /// Rounds; every round takes one sample of each side. Default: 15, with --quick 2.
    #[arg(long, value_name = "N")]
    pub rounds: Option<usize>,
    /// A Python with torch and numpy. Without it, PyTorch's times are those of the baseline file.
    #[arg(long, value_name = "PATH")]
    pub python: Option<PathBuf>,
    /// Results to compare with. Default: those that come with the project.
    #[arg(long, value_name = "FILE")]
    pub baseline: Option<PathBuf>,
    /// Write these results as the baseline file (needs --python).
    #[arg(long, requires = "python")]
    pub write_baseline: bool,
    /// Where to compute.
    #[arg(long, value_enum, default_value_t)]
    pub device: DeviceName,
    /// Threads of both sides on the CPU. Default: all cores.
    #[arg(long, value_name = "N")]
    pub threads: Option<usize>,
    /// Folder for results and table. Default: runs/bench-speed
    #[arg(long, value_name = "FOLDER")]
    pub out: Option<PathBuf>,
    /// Replace what an earlier run of this command wrote there.
    #[arg(long)]
    pub force: bool,
    /// Print one JSON object instead of text.
    #[arg(long)]
    pub json: bool,
}

#[derive(Args, Debug)]
pub struct Maze2dArgs {
    /// Few episodes of few planners on the smallest mazes: shows that everything runs, not how well.
    #[arg(long)]
    pub quick: bool,
    /// Mazes, separated by commas (`-v1` may be left out). Default: all six, with --quick those of umaze.
    #[arg(long, value_name = "MAZES", value_delimiter = ',')]
    pub only: Option<Vec<String>>,
    /// Planners, separated by commas. Default: all, with --quick diffusion-forcing and random.
    #[arg(long, value_name = "PLANNERS", value_delimiter = ',')]
    pub planners: Option<Vec<String>>,
    /// Executors that carry the plans out, all by default: names of the second column, separated by commas.
    /// Policies that plan nothing are not touched.
    #[arg(long, value_delimiter = ',')]
    pub executors: Option<Vec<String>>,
    /// Episodes of each planner on each maze. Default: 100, with --quick 4.
    #[arg(long, value_name = "N")]
    pub episodes: Option<usize>,
    /// Seed of the first episode; the others follow.
    #[arg(long, default_value_t = 0)]
    pub seed: u64,
    /// Where to compute.
    #[arg(long, value_enum, default_value_t)]
    pub device: DeviceName,
    /// Folder for results, table and report. Default: runs/bench-maze2d, with --quick runs/bench-maze2d-quick
    #[arg(long, value_name = "FOLDER")]
    pub out: Option<PathBuf>,
    /// Start over: replace what an earlier run of this command wrote there.
    #[arg(long)]
    pub force: bool,
    /// Print one JSON object instead of text.
    #[arg(long)]
    pub json: bool,
}

#[derive(Args, Debug)]
pub struct PeakMemoryArgs {
    /// Environment.
    pub environment: String,
    /// Where to compute.
    #[arg(long, value_enum, default_value_t)]
    pub device: DeviceName,
}
