//! What is measured, by name.

use crate::device::DeviceName;

/// One thing that both sides do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Case {
    /// One denoising row: the clean estimate; with guidance also the input gradient of the goal's objective.
    Row {
        /// Sequences.
        batch: usize,
        /// Whether the gradient is asked for.
        guided: bool,
    },
    /// One training step: forward, backward, clipping, AdamW, moving average.
    Train {
        /// Sequences.
        batch: usize,
    },
}

impl Case {
    /// The cases of a device: single plans and small batches on a CPU, whole batches on a GPU.
    pub fn of(device: DeviceName) -> Vec<Self> {
        let row = |batch, guided| Self::Row { batch, guided };
        match device {
            DeviceName::Cpu => {
                vec![row(1, false), row(1, true), row(16, false), row(16, true), Self::Train { batch: 64 }]
            }
            DeviceName::Cuda | DeviceName::Wgpu => {
                vec![row(1, false), row(1, true), row(1024, true), Self::Train { batch: 1024 }]
            }
        }
    }

    /// Name in files and tables.
    pub fn id(self) -> String {
        match self {
            Self::Row { batch, guided: false } => format!("row, batch {batch}"),
            Self::Row { batch, guided: true } => format!("row, batch {batch}, guided"),
            Self::Train { batch } => format!("training step, batch {batch}"),
        }
    }
}
