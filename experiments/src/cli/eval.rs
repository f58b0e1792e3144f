//! Options of `eval` and `report`.

use std::path::PathBuf;

use clap::Args;

use crate::device::DeviceName;
use crate::placed::Ends;
use crate::program::DEFAULT_PATIENCE_S;
use crate::shard;
use crate::variants;

/// What `--help` shows.
pub const EXAMPLES: &str = "\
Examples:
  forethought eval maze2d-umaze                                       the shipped checkpoint beside references
  forethought eval maze2d-umaze --checkpoint runs/a --checkpoint runs/b
  forethought eval maze2d-large --controller diffused-action,path-following
  forethought eval maze2d-umaze --preset mcg,replan                   what settings are worth
  forethought eval maze2d-large --preset frontier --time 9            score against planning time
  forethought eval maze2d-large --latency measured,80ms               a world that does not wait for the planner
  forethought eval pointmaze-medium-navigate --policy runs/gciql      a learned policy beside the others
  forethought eval maze2d-umaze --program \"python3 policy.py\"         any program as a policy (experiments/PROGRAM.md)
  forethought eval --suite maze2d                                     the whole benchmark";

/// Options of `eval`.
#[derive(Args, Debug)]
pub struct EvalArgs {
    /// Environments, separated by commas (`-v1` may be left out). Default: all of the suite.
    #[arg(value_delimiter = ',', value_name = "ENVIRONMENT")]
    pub environments: Vec<String>,
    /// A maze of your own, as in `collect`.
    #[arg(long, conflicts_with = "environments")]
    pub maze: Option<String>,
    /// A suite by name (maze2d), or a TOML file: environments, variants, published figures.
    #[arg(long, value_name = "NAME|FILE.toml")]
    pub suite: Option<String>,
    /// Checkpoint folder or training run; repeated, they are compared. Default: those that come with the project.
    #[arg(long, value_name = "FOLDER")]
    pub checkpoint: Vec<PathBuf>,
    /// Folder of a policy that `train --policy` made: a row beside the others. May be repeated.
    #[arg(long, value_name = "FOLDER")]
    pub policy: Vec<PathBuf>,
    /// A program that acts: told observations and asked for actions, a line of JSON each, on its standard input and output
    /// (experiments/PROGRAM.md). A row beside the others. May be repeated.
    #[arg(long, value_name = "COMMAND ARGS")]
    pub program: Vec<String>,
    /// Name of the program's row. Default: that of its file. As often as --program.
    #[arg(long, value_name = "NAME", requires = "program")]
    pub name: Vec<String>,
    /// Seconds that a program may take for an answer, its first one included.
    #[arg(long, value_name = "SECONDS", requires = "program", default_value_t = DEFAULT_PATIENCE_S)]
    pub program_timeout: f64,
    /// Planners and policies of the suite, separated by commas. Default: the usual ones, or all of a suite.
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    pub planners: Option<Vec<String>>,
    /// What carries plans out, separated by commas. Default: as the settings or the suite say.
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    pub controller: Option<Vec<String>>,
    /// A setting and the values it takes, for example --vary plan.warm_start=0.5,1. May be repeated: each setting is
    /// varied by itself.
    #[arg(long, value_name = "KEY=V1,V2")]
    pub vary: Vec<String>,
    /// The world goes on while a plan is made: for so long (80ms, N(60,20)ms, or what is measured), beside the world that waits
    /// (frozen). Separated by commas; the same as --vary simulation.latency=...
    #[arg(long, value_name = "TIMES")]
    pub latency: Option<String>,
    /// With --latency: write what each loop saw and did to a file, for `forethought replay`.
    #[arg(long)]
    pub recordings: bool,
    /// Settings to vary, by name.
    #[arg(long, value_name = "NAMES", value_delimiter = ',',
        help = format!("Settings to vary, by name, separated by commas: {}", variants::preset_names()))]
    pub preset: Vec<String>,
    /// Episodes of each variant. Default: 100, or what the suite's protocol says; 64 where settings are varied; 4 with --quick.
    #[arg(long, value_name = "N")]
    pub episodes: Option<usize>,
    /// Seed of the first episode; the others follow. Default: 0; 1000 where settings are varied, so that the seeds
    /// that results are reported for have no part in the choice of settings.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(..=super::MAX_SEED))]
    pub seed: Option<u64>,
    /// Only a part of the episodes, such as 2/4, the second of four; auto/4: the one that Slurm's job array or Kubernetes'
    /// indexed job says. Into FOLDER-shards, from which `forethought merge` makes one.
    #[arg(long, value_name = "K/N", conflicts_with = "time")]
    pub shard: Option<shard::Asked>,
    /// Where episodes begin and end.
    #[command(flatten)]
    pub ends: Ends,
    /// Draw the first N episodes of every variant. Default: 30 of the first variant, none of a suite or where
    /// settings are varied.
    #[arg(long, value_name = "N")]
    pub record: Option<usize>,
    /// Also time single plans, each this often: score against planning time.
    #[arg(long, value_name = "ROUNDS")]
    pub time: Option<usize>,
    /// Where to compute.
    #[arg(long, value_enum, default_value_t)]
    pub device: DeviceName,
    /// Folder for results, tables and pictures. Default: runs/ENVIRONMENT/eval, runs/ENVIRONMENT/vary, or
    /// runs/SUITE; with --quick one of its own
    #[arg(long, value_name = "FOLDER")]
    pub out: Option<PathBuf>,
    /// Start over: replace what an earlier run of this command wrote there.
    #[arg(long)]
    pub force: bool,
    /// Keep what another commit of the program has scored, where all settings are the same.
    #[arg(long)]
    pub any_commit: bool,
    /// Few episodes, of what the suite calls quick: shows that everything runs, not what it is worth.
    #[arg(long)]
    pub quick: bool,
    /// Configuration file (TOML), laid over the planner's own settings: what it does not say stays as it is.
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Override one setting, for example --set plan.warm_start=0.5. May be repeated.
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub overrides: Vec<String>,
    /// Print one JSON object instead of text.
    #[arg(long)]
    pub json: bool,
}

/// Options of `merge`.
#[derive(Args, Debug)]
pub struct MergeArgs {
    /// Folder of parts that `eval --shard` wrote, or the parts one by one.
    #[arg(required = true, value_name = "FOLDER")]
    pub folders: Vec<PathBuf>,
    /// Folder for the whole. Default: NAME, where the parts are in NAME-shards
    #[arg(long, value_name = "FOLDER")]
    pub out: Option<PathBuf>,
    /// Replace what an earlier run of this command wrote there.
    #[arg(long)]
    pub force: bool,
    /// Print one JSON object instead of text.
    #[arg(long)]
    pub json: bool,
}

/// Options of `replay`.
#[derive(Args, Debug)]
pub struct ReplayArgs {
    /// A recording of a loop, as `eval --latency ... --recordings` (in the folder `loops`) and the library write them.
    #[arg(value_name = "FILE")]
    pub recording: PathBuf,
    /// Checkpoint to plan with. Default: the one that the recording names, or the one that comes with the project.
    #[arg(long, value_name = "FOLDER")]
    pub checkpoint: Option<PathBuf>,
    /// Folder for pictures of the episodes. Default: none is drawn
    #[arg(long, value_name = "FOLDER")]
    pub out: Option<PathBuf>,
    /// File to write for Rerun's viewer (.rrd); needs a build with `--features rerun`. Default: none is written
    #[arg(long, value_name = "FILE")]
    pub rerun: Option<PathBuf>,
    /// Replace what an earlier run of this command wrote there.
    #[arg(long)]
    pub force: bool,
    /// Print one JSON object instead of text.
    #[arg(long)]
    pub json: bool,
}

/// Options of `report`.
#[derive(Args, Debug)]
pub struct ReportArgs {
    /// Folders of results. Of several, each is compared with the first, episode by episode.
    #[arg(required = true, value_name = "FOLDER")]
    pub folders: Vec<PathBuf>,
    /// Fail where the mean score of the shared episodes differs by more than this from the first folder's.
    #[arg(long, value_name = "POINTS")]
    pub within: Option<f64>,
    /// Folder for table, plots and page. Default: none is written
    #[arg(long, value_name = "FOLDER")]
    pub out: Option<PathBuf>,
    /// Replace what an earlier run of this command wrote there.
    #[arg(long)]
    pub force: bool,
    /// Print one JSON object instead of text.
    #[arg(long)]
    pub json: bool,
}
