//! Options of `growth`.

use std::path::PathBuf;

use clap::Args;

use crate::axis::Axis;

/// Options of `growth`.
#[derive(Args, Debug)]
pub struct GrowthArgs {
    /// The smallest two sizes, two samples each: shows that everything runs, not how anything grows.
    #[arg(long)]
    pub quick: bool,
    /// What to grow, separated by commas. Default: everything, which takes some three minutes.
    #[arg(long, value_enum, value_delimiter = ',', value_name = "NAMES")]
    pub axes: Vec<Axis>,
    /// Samples of each point. Default: 7, with --quick 2.
    #[arg(long, value_name = "N")]
    pub rounds: Option<usize>,
    /// Folder for samples, table and plots. Default: runs/growth
    #[arg(long, value_name = "FOLDER")]
    pub out: Option<PathBuf>,
    /// Replace what an earlier run of this command wrote there.
    #[arg(long)]
    pub force: bool,
    /// Print one JSON object instead of text.
    #[arg(long)]
    pub json: bool,
}

/// Options of the child process that measures one point.
#[derive(Args, Debug)]
pub struct GrowthPointArgs {
    /// What grows.
    #[arg(value_enum)]
    pub axis: Axis,
    /// Its size.
    pub size: usize,
    /// Samples.
    #[arg(long)]
    pub rounds: usize,
    /// Data that are read.
    #[arg(long)]
    pub data: Option<PathBuf>,
}
