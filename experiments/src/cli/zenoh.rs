//! Options of `zenoh`.

use std::path::PathBuf;

use clap::Args;

use super::MAX_SEED;

/// Options of `zenoh`.
#[derive(Args, Debug)]
pub struct ZenohArgs {
    /// A checkpoint folder or training run, or an environment whose checkpoint comes with the project.
    #[arg(value_name = "CHECKPOINT|ENVIRONMENT")]
    pub agent: String,
    /// Where to listen, for example tcp/127.0.0.1:7447. May be repeated. Default, without --connect: just that. Beyond loopback
    /// it is neither encrypted nor authenticated.
    #[arg(long, value_name = "ENDPOINT")]
    pub listen: Vec<String>,
    /// Whom to connect to: a robot, or a router. May be repeated.
    #[arg(long, value_name = "ENDPOINT")]
    pub connect: Vec<String>,
    /// Goal to begin with, for example --goal 1,1. Default: the first that comes.
    #[arg(long, value_name = "X,Y", value_delimiter = ',', allow_hyphen_values = true)]
    pub goal: Option<Vec<f64>>,
    /// Topic that observations come from.
    #[arg(long, value_name = "TOPIC", default_value = "/forethought/observation")]
    pub observation: String,
    /// Topic that goals come from; each begins an episode.
    #[arg(long, value_name = "TOPIC", default_value = "/forethought/goal")]
    pub goals: String,
    /// Topic that commands are published to.
    #[arg(long, value_name = "TOPIC", default_value = "/forethought/command")]
    pub command: String,
    /// Name that others see.
    #[arg(long, value_name = "NAME", default_value = "forethought")]
    pub node: String,
    /// Domain: programs of another one are not heard.
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub domain: u32,
    /// Milliseconds after which an observation is none any more. Default: three periods, 100 at least.
    #[arg(long, value_name = "MS", value_parser = clap::value_parser!(u64).range(1..=3_600_000))]
    pub stale: Option<u64>,
    /// End after so many seconds. Default: at Ctrl-C.
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=31_536_000))]
    pub seconds: Option<u64>,
    /// End where a goal is reached.
    #[arg(long)]
    pub until_reached: bool,
    /// Seed of the planner's noise.
    #[arg(long, value_parser = clap::value_parser!(u64).range(..=MAX_SEED), default_value_t = 0)]
    pub seed: u64,
    /// Configuration file (TOML), laid over the checkpoint's settings.
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Override one setting, for example --set realtime.period_s=0.02. May be repeated.
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub overrides: Vec<String>,
    /// Print JSON instead of text.
    #[arg(long)]
    pub json: bool,
}
