//! Options of `estimate`.

use std::path::PathBuf;

use clap::Args;

/// What `--help` shows.
pub const EXAMPLES: &str = "\
Examples:
  forethought estimate logs.hdf5 --policy runs/logs/iql
  forethought estimate data/maze2d-umaze-v1.hdf5 --policy runs/bc --noise 0.2 --horizon 50
  forethought estimate logs.hdf5 --policy runs/logs/iql --method fqe,fqe-networks --json";

/// Options of `estimate`.
#[derive(Args, Debug)]
pub struct EstimateArgs {
    /// Data with rewards: a file or folder of any layout that `train` reads (envs/DATA.md). Episodes that the clock ended must say
    /// so by time-outs: a terminal says that nothing comes after it.
    #[arg(value_name = "DATA")]
    pub data: PathBuf,
    /// Folder of a policy that `train --policy` made.
    #[arg(long, value_name = "FOLDER")]
    pub policy: PathBuf,
    /// Environment of the data, where they do not say.
    #[arg(long, value_name = "ENVIRONMENT")]
    pub environment: Option<String>,
    /// What the data are (TOML). Default: DATA.toml beside them, where there is one.
    #[arg(long, value_name = "FILE")]
    pub describe: Option<PathBuf>,
    /// Methods, separated by commas: fqe, fqe-networks, wis, pdis, wpdis, dr, wdr. Default: fqe; with --noise all but
    /// fqe-networks, which takes the longest.
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    pub method: Vec<String>,
    /// Normal noise on the policy's actions, as a share of half their range: what importance sampling needs, as a policy that
    /// acts without chance has no density. The estimate is then that of the policy with its noise.
    #[arg(long, value_name = "SHARE")]
    pub noise: Option<f64>,
    /// Discount of a step.
    #[arg(long, value_name = "GAMMA", default_value_t = 0.99)]
    pub discount: f64,
    /// Steps from the beginning of an episode that count. 100, as in the trials that RESULTS.md has: estimates over more steps
    /// are worth less.
    #[arg(long, value_name = "N", default_value_t = 100)]
    pub horizon: usize,
    /// All steps count, until the task ends; by fitted values alone, unless every episode of the data ends so.
    #[arg(long, conflicts_with = "horizon")]
    pub endless: bool,
    /// Goal of the policy, where it acts towards one and the environment has several. The rewards of the data must be for it.
    #[arg(long, value_name = "X,Y", value_delimiter = ',', allow_hyphen_values = true)]
    pub goal: Option<Vec<f64>>,
    /// Episodes of the data, drawn by the seed. Default: as many as have 50,000 rows, which takes half a gigabyte.
    #[arg(long, value_name = "N")]
    pub episodes: Option<usize>,
    /// Seed of everything that is drawn.
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = clap::value_parser!(u64).range(..=super::MAX_SEED))]
    pub seed: u64,
    /// Print one JSON object instead of text.
    #[arg(long)]
    pub json: bool,
}
