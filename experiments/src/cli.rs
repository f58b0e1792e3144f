//! What the user typed.

mod data;
mod estimate;
mod eval;
mod growth;
mod interop;
mod serve;
mod speed;
mod train;
mod zenoh;

use std::path::PathBuf;

use clap::{Args, Command as Definition, CommandFactory, FromArgMatches, Parser, Subcommand};

use forethought_envs::printable;

use crate::console;
use crate::device::DeviceName;
use crate::failure::Failure;
use crate::placed::Ends;

pub use self::zenoh::ZenohArgs;
pub use data::{ConvertArgs, DataCommand, DataFile, PlotArgs as DataPlotArgs, ToLayout, ValidateArgs};
pub use estimate::EstimateArgs;
pub use eval::{EvalArgs, MergeArgs, ReplayArgs, ReportArgs};
pub use growth::{GrowthArgs, GrowthPointArgs};
pub use interop::{ExportArgs, ImportArgs};
pub use serve::ServeArgs;
pub use speed::{PeakMemoryArgs, SpeedArgs};
pub use train::TrainArgs;

/// Diffusion Forcing planning: make data, train, plan, evaluate.
#[derive(Debug, Parser)]
#[command(name = "forethought", version, about, after_help = EXAMPLES)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

const EXAMPLES: &str = "\
Examples:
  forethought eval maze2d-umaze                     score the checkpoint that comes with the project
  forethought plan maze2d-large --seed 3            one episode, with pictures
  forethought collect maze2d-umaze                  make the training data
  forethought train maze2d-umaze                    train on it; the same command again resumes
  forethought report runs/a runs/b                  compare two folders of results, episode by episode
  forethought inspect runs/maze2d-umaze-v1/train    what a checkpoint or data file holds

Exit codes: 0 done, 1 something went wrong on the way, 2 the request cannot be carried out as made.";

/// Largest seed: configurations are TOML, whose integers end there.
pub const MAX_SEED: u64 = i64::MAX as u64;

/// What was typed.
///
/// # Errors
/// [`Answer`], what to say instead of carrying it out.
pub fn parse() -> Result<Cli, Answer> {
    // `--seed -1` is a value that is refused, and not an unknown option for which `-- -1` would be a cure.
    let lenient = |definition: Definition| {
        definition.mut_args(|arg| match arg.get_action().takes_values() {
            true => arg.allow_negative_numbers(true),
            false => arg,
        })
    };
    let matches = Cli::command().mut_subcommands(lenient).try_get_matches();
    matches.and_then(|matches| Cli::from_arg_matches(&matches)).map_err(Answer)
}

/// Help, the version, or what is wrong with what was typed.
#[derive(Debug)]
pub struct Answer(clap::Error);

impl Answer {
    /// Says it.
    ///
    /// # Errors
    /// Without a message where it was one of an error, which is said already; that of standard output.
    pub fn give(&self) -> Result<(), Failure> {
        if !self.0.use_stderr() {
            return console::print(self.0.render());
        }
        // In colour where a terminal shows it, unless what was typed would tell the terminal more than that.
        let plain = self.0.render().to_string();
        if plain.lines().all(|line| printable(line).to_string() == line) {
            let _ = self.0.print();
        } else {
            console::note(plain.trim_end());
        }
        Err(Failure::refused(""))
    }
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Make offline data with the benchmark's own controller, as a D4RL HDF5 file or an OGBench .npz file.
    #[command(
        after_help = "Examples: forethought collect maze2d-umaze --set data.rows=200000 --out data/small.hdf5\n          \
                      forethought collect pointmaze-medium-stitch --out data/stitch.npz\n          \
                      forethought collect --maze 'maze2d:#####\\#GOO#\\###O#\\#####'\n          \
                      forethought collect --maze pointmaze:my-maze.txt"
    )]
    Collect(CollectArgs),
    /// Train a planner on a data file; run the same command again to resume.
    #[command(
        after_help = "Examples: forethought train maze2d-umaze --set train.steps=5000 --out runs/short\n          \
                      forethought train --data arm.hdf5 --describe arm.toml --set data.validation=0.1"
    )]
    Train(TrainArgs),
    /// Plan and execute one episode and draw it.
    #[command(after_help = "Example: forethought plan maze2d-large --seed 3 --controller path-following")]
    Plan(PlanArgs),
    /// Score planners, controllers, checkpoints and settings on the same episodes. The same command again resumes.
    #[command(after_help = eval::EXAMPLES)]
    Eval(Box<EvalArgs>),
    /// What a learned policy would earn, from data that others drove, and whether to believe it.
    #[command(after_help = estimate::EXAMPLES)]
    Estimate(EstimateArgs),
    /// Tables, plots and a page from folders of results; of several, a comparison episode by episode.
    #[command(after_help = "Examples: forethought report runs/maze2d-umaze-v1/eval\n          \
                            forethought report experiments/results/maze2d runs/mine")]
    Report(ReportArgs),
    /// Make one of the parts of an evaluation that `eval --shard` scored, here or on several machines.
    #[command(after_help = "Example: forethought eval --suite maze2d --shard 1/2 --out runs/all\n         \
                            forethought eval --suite maze2d --shard 2/2 --out runs/all\n         \
                            forethought merge runs/all-shards")]
    Merge(MergeArgs),
    /// Drive a recorded loop again: the same observations, seeds and rows must give the same commands, bit for bit.
    #[command(
        after_help = "Example: forethought eval maze2d-umaze --latency measured --recordings --episodes 2 --out runs/loop\n         \
                      forethought replay runs/loop/loops/NAME.txt --out runs/replay"
    )]
    Replay(ReplayArgs),
    /// Serve an agent to other programs: JSON lines over TCP, on loopback (experiments/SERVE.md).
    #[command(after_help = "Example: forethought serve maze2d-umaze")]
    Serve(ServeArgs),
    /// Drive a robot over zenoh, in real time; a build with --features zenoh (experiments/ZENOH.md).
    #[command(after_help = "Examples: forethought zenoh maze2d-umaze --goal 1,1\n          \
                      forethought zenoh runs/arm --connect tcp/127.0.0.1:7447 --set realtime.period_s=0.02")]
    Zenoh(ZenohArgs),
    /// Time of denoising rows, training steps and plans, beside the same network in PyTorch.
    #[command(
        after_help = "Example: python3 -m venv torch-venv && torch-venv/bin/pip install torch numpy\n         \
                      forethought speed --python torch-venv/bin/python"
    )]
    Speed(SpeedArgs),
    /// How time and memory grow with horizon, width, batch, data, environments and processes (SCALE.md).
    #[command(after_help = "Example: forethought growth --axes horizon,width")]
    Growth(GrowthArgs),
    /// Look at data, whoever made them, hold them against what is sound, and write them in another layout.
    #[command(subcommand)]
    Data(DataCommand),
    /// Make a checkpoint of one that the authors' own code trained (planner/ORIGINAL.md).
    #[command(
        after_help = "Example: forethought import outputs/checkpoints/epoch=8.ckpt --environment maze2d-medium --out runs/theirs"
    )]
    Import(ImportArgs),
    /// Write a checkpoint with what it takes to run it in Python: weights, a module for PyTorch or NumPy, and what to hold it
    /// against (planner/ORIGINAL.md).
    #[command(after_help = "Example: forethought export runs/maze2d-umaze-v1/train --out exported")]
    Export(ExportArgs),
    /// Show what a checkpoint, a data file or a configuration holds.
    #[command(after_help = "Example: forethought inspect data/maze2d-umaze-v1.hdf5")]
    Inspect(InspectArgs),
    /// List the environments.
    #[command(after_help = "Example: forethought envs --json")]
    Envs(ListArgs),
    /// List every setting with its default and what it means.
    #[command(after_help = "Examples: forethought settings plan, forethought settings --policy iql")]
    Settings(SettingsArgs),
    /// Peak memory of a process that plans: `speed` runs it as a child.
    #[command(hide = true)]
    PeakMemory(PeakMemoryArgs),
    /// One point of `growth`, which runs it as a child.
    #[command(hide = true)]
    GrowthPoint(GrowthPointArgs),
}

/// Options that several commands share.
#[derive(Args, Debug)]
pub struct Shared {
    /// Environment, for example maze2d-umaze (`-v1` may be left out).
    #[arg(required_unless_present = "maze")]
    pub environment: Option<String>,
    /// Instead of an environment a maze of your own: whose rules it follows (maze2d, multi2d, pointmaze), a colon, and
    /// its rows separated by `\`, or a file with one row a line. `#` walls, `O` free, `G` goal, `S` start.
    #[arg(long, conflicts_with = "environment")]
    pub maze: Option<String>,
    /// Configuration file (TOML), laid over the one that comes with the environment, if any: what it does not say
    /// stays as it is.
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Override one setting, for example --set plan.guidance.scale=2. May be repeated.
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub overrides: Vec<String>,
    /// Print one JSON object instead of text.
    #[arg(long)]
    pub json: bool,
}

impl Shared {
    /// The environment, as it was typed.
    pub fn typed(&self) -> &str {
        self.environment.as_deref().or(self.maze.as_deref()).unwrap_or_default()
    }
}

/// Options of `collect`.
#[derive(Args, Debug)]
pub struct CollectArgs {
    /// Environment, configuration and overrides.
    #[command(flatten)]
    pub shared: Shared,
    /// File to write: .npz for OGBench's layout, with what it keeps to validate with in FILE-val.npz, else HDF5 in
    /// D4RL's. Default: data/ENVIRONMENT, in the layout that the benchmark publishes
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// Seed of the generator (overrides data.seed).
    #[arg(long, value_parser = clap::value_parser!(u64).range(..=MAX_SEED))]
    pub seed: Option<u64>,
    /// Replace a file that is already there.
    #[arg(long)]
    pub force: bool,
}

/// Options of `plan`.
#[derive(Args, Debug)]
pub struct PlanArgs {
    /// Environment, configuration and overrides.
    #[command(flatten)]
    pub shared: Shared,
    /// Checkpoint folder or training run. Default: the one that comes with the project.
    #[arg(long, value_name = "FOLDER")]
    pub checkpoint: Option<PathBuf>,
    /// What carries the plans out. Default: that of the settings.
    #[arg(long, value_name = "NAME")]
    pub controller: Option<String>,
    /// Seed of the episode and of the planner's noise.
    #[arg(long, value_parser = clap::value_parser!(u64).range(..=MAX_SEED), default_value_t = 0)]
    pub seed: u64,
    /// Where the episode begins and ends.
    #[command(flatten)]
    pub ends: Ends,
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

/// Options of `inspect`.
#[derive(Args, Debug)]
pub struct InspectArgs {
    /// A checkpoint folder, a training run, data (a file or folder: see envs/DATA.md) or a configuration (.toml).
    pub path: PathBuf,
    /// Print one JSON object instead of text.
    #[arg(long)]
    pub json: bool,
}

/// Options of lists.
#[derive(Args, Debug)]
pub struct ListArgs {
    /// Print one JSON object instead of text.
    #[arg(long)]
    pub json: bool,
}

/// Options of `settings`.
#[derive(Args, Debug)]
pub struct SettingsArgs {
    /// Only settings whose key begins so.
    pub beginning: Option<String>,
    /// Instead of a planner's settings those of a policy that `train --policy` learns.
    #[arg(long, value_name = "NAME")]
    pub policy: Option<String>,
    /// Print one JSON object instead of text.
    #[arg(long)]
    pub json: bool,
}
