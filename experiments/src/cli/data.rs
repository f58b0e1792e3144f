//! Options of `data`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

/// What to do with data.
#[derive(Debug, Subcommand)]
pub enum DataCommand {
    /// What a data set holds, what of it is used and what looks wrong.
    Inspect(DataArgs),
    /// Whether anything looks wrong: exit code 1 and a line with its row for each thing that does.
    #[command(after_help = "Example: forethought data validate logs.hdf5 --environment maze2d-umaze")]
    Validate(ValidateArgs),
    /// Write a data set in another layout: D4RL's HDF5, or OGBench's .npz.
    #[command(after_help = "Example: forethought data convert downloads/my-robot logs.hdf5")]
    Convert(ConvertArgs),
    /// Columns, lengths and returns of episodes, in numbers.
    Stats(DataArgs),
    /// A picture of where the data have been, and of the lengths and returns of their episodes.
    #[command(after_help = "Example: forethought data plot logs.hdf5 --columns 0,1 --out logs.svg")]
    Plot(PlotArgs),
}

/// Which data.
#[derive(Args, Debug)]
pub struct DataFile {
    /// A data file or folder; envs/DATA.md says which are read.
    pub path: PathBuf,
    /// What the data are (TOML). Default: DATA.toml beside them, where there is one.
    #[arg(long, value_name = "FILE")]
    pub describe: Option<PathBuf>,
}

/// Options of `data inspect` and `data stats`.
#[derive(Args, Debug)]
pub struct DataArgs {
    /// Which data.
    #[command(flatten)]
    pub data: DataFile,
    /// Print one JSON object instead of text.
    #[arg(long)]
    pub json: bool,
}

/// Options of `data validate`.
#[derive(Args, Debug)]
pub struct ValidateArgs {
    /// Which data.
    #[command(flatten)]
    pub data: DataFile,
    /// Also hold them against this environment: sizes, bounds, walls.
    #[arg(long, value_name = "NAME")]
    pub environment: Option<String>,
    /// Print one JSON object instead of text.
    #[arg(long)]
    pub json: bool,
}

/// Options of `data convert`.
#[derive(Args, Debug)]
pub struct ConvertArgs {
    /// Which data.
    #[command(flatten)]
    pub data: DataFile,
    /// File to write: .npz for OGBench's layout, else HDF5 in D4RL's.
    pub out: PathBuf,
    /// Replace a file that is already there.
    #[arg(long)]
    pub force: bool,
}

/// Options of `data plot`.
#[derive(Args, Debug)]
pub struct PlotArgs {
    /// Which data.
    #[command(flatten)]
    pub data: DataFile,
    /// Two columns of the observation, for x and y. Default: the first two of the first position, or else the first two that
    /// change.
    #[arg(long, value_name = "X,Y", value_delimiter = ',')]
    pub columns: Vec<usize>,
    /// Picture to write (SVG). Default: DATA.svg in the folder that the command runs in.
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// Replace a picture that is already there.
    #[arg(long)]
    pub force: bool,
}
