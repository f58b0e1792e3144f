//! Options of the commands that score a configuration with some of its settings changed.

use std::path::PathBuf;

use clap::Args;

use super::Shared;
use crate::ablation;
use crate::device::DeviceName;

#[derive(Args, Debug)]
pub struct AblateArgs {
    #[command(flatten)]
    pub shared: Shared,
    #[arg(long, value_name = "NAMES", value_delimiter = ',',
        help = format!("Ablations by name, separated by commas: {}", ablation::names()))]
    pub preset: Vec<String>,
    /// A setting and the values it takes, for example --vary plan.completions=1,4,16. May be repeated: each
    /// setting is varied by itself.
    #[arg(long, value_name = "KEY=V1,V2,...")]
    pub vary: Vec<String>,
    #[command(flatten)]
    pub scoring: ScoringArgs,
    /// Folder for tables, plots and results. Default: runs/ENVIRONMENT/ablate, with --quick ablate-quick
    #[arg(long, value_name = "FOLDER")]
    pub out: Option<PathBuf>,
}

#[derive(Args, Debug)]
pub struct FrontierArgs {
    #[command(flatten)]
    pub shared: Shared,
    /// Points, separated by commas. Default: all. `as-configured` is always among them.
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    pub points: Option<Vec<String>>,
    /// Times that every plan is timed. Default: 9, with --quick 2.
    #[arg(long, value_name = "N")]
    pub rounds: Option<usize>,
    #[command(flatten)]
    pub scoring: ScoringArgs,
    /// Folder for table, plot and results. Default: runs/ENVIRONMENT/frontier, with --quick frontier-quick
    #[arg(long, value_name = "FOLDER")]
    pub out: Option<PathBuf>,
}

/// Which episodes, and what becomes of an earlier run.
#[derive(Args, Debug)]
pub struct ScoringArgs {
    /// Checkpoint folder or training run. Default: the one that comes with the project.
    #[arg(long, value_name = "FOLDER")]
    pub checkpoint: Option<PathBuf>,
    /// Episodes of each arm. Default: 64, with --quick 4.
    #[arg(long, value_name = "N")]
    pub episodes: Option<usize>,
    /// Seed of the first episode; the others follow. Settings are chosen on seeds from 1000 on, so that the
    /// seeds from 0 on, which results are reported for, have no part in the choice.
    #[arg(long, default_value_t = 1000)]
    pub seed: u64,
    /// Where to compute.
    #[arg(long, value_enum, default_value_t)]
    pub device: DeviceName,
    /// Few episodes: shows that everything runs, not what it is worth.
    #[arg(long)]
    pub quick: bool,
    /// Start over: replace what an earlier run of this command wrote there.
    #[arg(long)]
    pub force: bool,
}
