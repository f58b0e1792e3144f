//! Options of `train`.

use std::path::PathBuf;

use clap::Args;
use forethought_policies::learned::LEARNED_POLICIES;

use crate::device::DeviceName;

/// Options of `train`.
#[derive(Args, Clone, Debug)]
pub struct TrainArgs {
    /// Environment, for example maze2d-umaze (`-v1` may be left out). May be left out with --data: the environment is
    /// then the one that the file names, or one that the data alone describe.
    pub environment: Option<String>,
    /// Instead of an environment a maze of your own, as in `collect`.
    #[arg(long, conflicts_with = "environment")]
    pub maze: Option<String>,
    /// Configuration file (TOML), laid over the one that comes with the environment, if any: what it does not say stays
    /// as it is.
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Override one setting, for example --set train.steps=5000. May be repeated.
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub overrides: Vec<String>,
    /// Print one JSON object instead of text.
    #[arg(long)]
    pub json: bool,
    /// Data: a file or folder of D4RL's, OGBench's, Minari's, robomimic's or LeRobot's, told by its content. Default: the
    /// file that `collect` makes
    #[arg(long, value_name = "PATH")]
    pub data: Option<PathBuf>,
    /// What the data are (TOML): features, action bounds, seconds per step, task. Default: DATA.toml beside
    /// the data file, where there is one.
    #[arg(long, value_name = "FILE", requires = "data")]
    pub describe: Option<PathBuf>,
    /// Folder of the run. Default: runs/ENVIRONMENT/train, or runs/DATA/train without an environment; `distilled` in place of `train` with
    /// --teacher
    #[arg(long, value_name = "FOLDER")]
    pub out: Option<PathBuf>,
    /// Seed of weights, data order and noise (overrides train.seed).
    #[arg(long, value_parser = clap::value_parser!(u64).range(..=super::MAX_SEED))]
    pub seed: Option<u64>,
    /// Where to compute.
    #[arg(long, value_enum, default_value_t)]
    pub device: DeviceName,
    /// Stop after this many seconds with a checkpoint; the same command resumes.
    #[arg(long, value_name = "SECONDS")]
    pub time_limit: Option<f64>,
    /// Distil a trained planner: the run begins with the weights of this checkpoint folder or training run, and learns to do in
    /// `distill.steps` steps what it does in many. Model, planning and control settings are its own; a tenth of its data and of its
    /// steps will do.
    #[arg(long, value_name = "FOLDER", conflicts_with = "policy")]
    pub teacher: Option<PathBuf>,
    /// Instead of a planner, train a policy that acts without plans, on the CPU. Settings are its own then, for example
    /// --set train.batch=256 or --set gc.alpha=0.3; `policy.json` in its folder lists them all.
    #[arg(long, value_name = "NAME", conflicts_with = "export",
        help = format!("Instead of a planner, train a policy that acts without plans, on the CPU: {}. Settings are its own then, \
            for example --set train.batch=256 or --set gc.alpha=0.3; `policy.json` in its folder lists them all", LEARNED_POLICIES.join(", ")))]
    pub policy: Option<String>,
    /// Steps of a policy's training (overrides train.steps).
    #[arg(long, value_name = "N", requires = "policy")]
    pub steps: Option<u64>,
    /// When training is complete, also write a folder that holds only what planning needs.
    #[arg(long, value_name = "FOLDER")]
    pub export: Option<PathBuf>,
}
