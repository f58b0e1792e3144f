//! Options of `serve`.

use std::path::PathBuf;

use clap::Args;

/// Options of `serve`.
#[derive(Args, Debug)]
pub struct ServeArgs {
    /// A checkpoint folder or training run, or an environment whose checkpoint comes with the project.
    #[arg(value_name = "CHECKPOINT|ENVIRONMENT")]
    pub agent: String,
    /// Where to listen; port 0 is any that is free. Anything but loopback needs a token.
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:7411")]
    pub bind: String,
    /// File whose first line every client must say, 16 characters at least.
    #[arg(long, value_name = "FILE")]
    pub token_file: Option<PathBuf>,
    /// Clients at a time; each has an agent of its own, which takes some megabytes and a core while it plans.
    #[arg(long, value_name = "N", default_value_t = 8)]
    pub clients: usize,
    /// Seconds without a whole request after which a client is let go.
    #[arg(long, value_name = "SECONDS", default_value_t = 300, value_parser = clap::value_parser!(u64).range(1..=86_400))]
    pub patience: u64,
    /// Print JSON instead of text.
    #[arg(long)]
    pub json: bool,
}
