//! Options of `speed`.

use std::path::PathBuf;

use clap::Args;

use crate::device::DeviceName;

/// Options of `speed`.
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
    /// Folder for results and table. Default: runs/speed
    #[arg(long, value_name = "FOLDER")]
    pub out: Option<PathBuf>,
    /// Replace what an earlier run of this command wrote there.
    #[arg(long)]
    pub force: bool,
    /// Print one JSON object instead of text.
    #[arg(long)]
    pub json: bool,
}

/// Options of the child process that plans.
#[derive(Args, Debug)]
pub struct PeakMemoryArgs {
    /// Environment.
    pub environment: String,
    /// Where to compute.
    #[arg(long, value_enum, default_value_t)]
    pub device: DeviceName,
}
