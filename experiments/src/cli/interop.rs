//! Options of `import` and `export`.

use std::path::PathBuf;

use clap::Args;

/// Options of `import`.
#[derive(Args, Debug)]
pub struct ImportArgs {
    /// A planning checkpoint of the authors' code, v1.5: PyTorch Lightning's .ckpt file.
    pub checkpoint: PathBuf,
    /// Environment that it was trained for, for example maze2d-medium (`-v1` may be left out).
    #[arg(long, value_name = "ENV", required_unless_present = "maze")]
    pub environment: Option<String>,
    /// Instead of an environment a maze of your own, as in `collect`.
    #[arg(long, conflicts_with = "environment")]
    pub maze: Option<String>,
    /// Folder to write. Default: runs/ENVIRONMENT/imported
    #[arg(long, value_name = "FOLDER")]
    pub out: Option<PathBuf>,
    /// Attention heads (algorithm.diffusion.architecture.attn_heads): no file says how many.
    #[arg(long, value_name = "N", default_value_t = 4)]
    pub heads: usize,
    /// Tokens of a plan (dataset.episode_len over algorithm.frame_stack). Default: those of an episode in the environment
    #[arg(long, value_name = "N")]
    pub chunks: Option<usize>,
    /// It was trained with algorithm.causal=true.
    #[arg(long)]
    pub causal: bool,
    /// Print one JSON object instead of text.
    #[arg(long)]
    pub json: bool,
}

/// Options of `export`.
#[derive(Args, Debug)]
pub struct ExportArgs {
    /// A checkpoint folder, or a training run, of which the latest checkpoint is taken.
    pub checkpoint: PathBuf,
    /// Folder to write.
    #[arg(long, value_name = "FOLDER")]
    pub out: PathBuf,
    /// Print one JSON object instead of text.
    #[arg(long)]
    pub json: bool,
}
