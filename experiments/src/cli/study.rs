//! Options of `study`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

#[derive(Args, Debug)]
pub struct StudyArgs {
    #[command(subcommand)]
    pub what: StudyCommand,
}

#[derive(Debug, Subcommand)]
pub enum StudyCommand {
    /// What a longer history does: trains a small network on diagonal crossings of a square and continues them
    /// with every history length. With little history it stitches pieces of different demonstrations.
    #[command(after_help = "Example: forethought study memory --seed 1 --out runs/memory-1")]
    Memory(StudyOptions),
    /// Trajectories far longer than any training window: how they diverge, by schedule and stabilisation. Uses
    /// the checkpoint of maze2d-umaze that comes with the project.
    #[command(after_help = "Example: forethought study horizon --quick --json")]
    Horizon(StudyOptions),
}

#[derive(Args, Debug)]
pub struct StudyOptions {
    /// Few steps and samples: shows that everything runs, not what comes out.
    #[arg(long)]
    pub quick: bool,
    /// Seed of everything random.
    #[arg(long, default_value_t = 0)]
    pub seed: u64,
    /// Folder for figure, table and results. Default: runs/study-NAME, with --quick runs/study-NAME-quick
    #[arg(long, value_name = "FOLDER")]
    pub out: Option<PathBuf>,
    /// Replace what an earlier run of this command wrote there.
    #[arg(long)]
    pub force: bool,
    /// Print one JSON object instead of text.
    #[arg(long)]
    pub json: bool,
}
