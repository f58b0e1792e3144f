//! The sizes that are grown, one at a time.

use clap::ValueEnum;
use serde::{Deserialize, Serialize};

/// A size, and what is timed while it grows. All else is as in the network that comes with maze2d-umaze.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Axis {
    /// Chunks of a plan: one denoising row.
    Horizon,
    /// Width of the network: one denoising row.
    Width,
    /// Sequences denoised together: one row.
    Batch,
    /// Width of the network: a training step of 64 sequences.
    TrainWidth,
    /// Sequences of a training step.
    TrainBatch,
    /// Rows of data: reading them from an .npz file and making the first batch.
    Rows,
    /// Environments stepped together: one step of all.
    Environments,
    /// Episodes of an evaluation, planned together: from its start to its tables.
    Episodes,
    /// Processes of one thread that denoise side by side: a row of 64 sequences in each.
    Processes,
}

impl Axis {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::Horizon,
        Self::Width,
        Self::Batch,
        Self::TrainWidth,
        Self::TrainBatch,
        Self::Rows,
        Self::Environments,
        Self::Episodes,
        Self::Processes,
    ];

    /// Its sizes; with `quick` the smallest two.
    pub fn sizes(self, quick: bool) -> &'static [usize] {
        let sizes: &[usize] = match self {
            Self::Horizon => &[8, 16, 32, 64, 128, 256, 512],
            Self::Width | Self::TrainWidth => &[32, 64, 128, 256, 512],
            Self::Batch => &[1, 4, 16, 64, 256, 1024],
            Self::TrainBatch => &[16, 64, 256, 1024],
            Self::Rows => &[10_000, 100_000, 1_000_000, 4_000_000],
            Self::Environments => &[1, 8, 64, 512, 4096],
            Self::Episodes => &[4, 16, 64, 256],
            Self::Processes => &[1, 2, 4],
        };
        if quick { &sizes[..2] } else { sizes }
    }

    /// What grows, for tables.
    pub fn grows(self) -> &'static str {
        match self {
            Self::Horizon => "chunks of a plan",
            Self::Width | Self::TrainWidth => "width of the network",
            Self::Batch => "sequences of a row",
            Self::TrainBatch => "sequences of a training step",
            Self::Rows => "rows of data",
            Self::Environments => "environments",
            Self::Episodes => "episodes",
            Self::Processes => "processes",
        }
    }

    /// What is timed, for tables.
    pub fn timed(self) -> &'static str {
        match self {
            Self::Horizon | Self::Width | Self::Batch => "a denoising row",
            Self::TrainWidth | Self::TrainBatch => "a training step",
            Self::Rows => "reading, and the first batch",
            Self::Environments => "a step of all",
            Self::Episodes => "an evaluation",
            Self::Processes => "a row of 64 sequences in each",
        }
    }

    /// Name in files and options.
    pub fn name(self) -> &'static str {
        match self {
            Self::Horizon => "horizon",
            Self::Width => "width",
            Self::Batch => "batch",
            Self::TrainWidth => "train-width",
            Self::TrainBatch => "train-batch",
            Self::Rows => "rows",
            Self::Environments => "environments",
            Self::Episodes => "episodes",
            Self::Processes => "processes",
        }
    }
}
