//! Checkpoints: a folder with a JSON manifest and safetensors files, written whole or not at all.
//!
//! Nothing that is loaded is ever executed. A checkpoint carries everything that planning needs: weights,
//! normaliser, token layout, environment id and layout hash, noise levels; and, while training, what makes
//! a resumed run identical to an uninterrupted one.

mod denoiser;
mod earlier;
mod folder;
mod json;
mod manifest;
mod recorded;
mod state;
mod tensors;
mod vector;

pub(crate) use folder::naming_the_one_before;
pub use folder::{Checkpoint, find, latest, load, load_training, read_manifest, save, save_model, verify};
pub use manifest::{DataRecord, Distilled, FORMAT, FileRecord, Manifest, SlotLimits};
pub use recorded::RecordedPlan;
pub use state::TrainState;
pub use tensors::Precision;
pub use vector::TestVector;
