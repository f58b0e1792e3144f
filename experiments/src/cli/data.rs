//! Options of `data`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use forethought_envs::data::DataLayout;

/// What to do with data.
#[derive(Debug, Subcommand)]
pub enum DataCommand {
    /// What a data set holds, what of it is used and what looks wrong.
    Inspect(DataArgs),
    /// Whether anything looks wrong: exit code 1 and a line with its row for each thing that does.
    #[command(after_help = "Example: forethought data validate logs.hdf5 --environment maze2d-umaze")]
    Validate(ValidateArgs),
    /// Write a data set in another layout: D4RL's HDF5, OGBench's .npz, Minari's or LeRobot's folder.
    #[command(after_help = "\
Examples:
  forethought data convert downloads/my-robot logs.hdf5
  forethought data convert logs.hdf5 my-robot-v0 --to minari")]
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
    /// File to write, or folder with --to minari and --to lerobot.
    pub out: PathBuf,
    /// Layout to write. Default: OGBench's where OUT ends in .npz, else D4RL's.
    #[arg(long, value_enum, value_name = "LAYOUT")]
    pub to: Option<ToLayout>,
    /// Replace a file that is already there. Folders are never replaced.
    #[arg(long)]
    pub force: bool,
}

/// A layout to write.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum ToLayout {
    /// D4RL's, an HDF5 file.
    D4rl,
    /// OGBench's, an .npz file.
    Ogbench,
    /// Minari's, a folder.
    Minari,
    /// LeRobot's third, a folder.
    Lerobot,
}

impl ToLayout {
    /// The layout.
    pub fn layout(self) -> DataLayout {
        match self {
            Self::D4rl => DataLayout::Hdf5,
            Self::Ogbench => DataLayout::Npz,
            Self::Minari => DataLayout::Minari,
            Self::Lerobot => DataLayout::LeRobot,
        }
    }
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
