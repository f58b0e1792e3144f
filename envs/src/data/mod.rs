//! Offline data: rows of experience, the layouts of D4RL (HDF5) and OGBench (`.npz`), and what a sequence model trains on (windows
//! and a normaliser).
//!
//! [`read_hdf5`] reads anybody's file and [`write_hdf5`] writes one, [`Dataset::repair_stale_observations`] makes every
//! row follow from the one before, [`DataReport`] tells what the rows hold, [`WindowIndex`] cuts them into windows and
//! [`DatasetNormalizer`] scales them.
//!
//! # Files
//! One row a step, arrays of one length:
//!
//! | key | shape | |
//! |---|---|---|
//! | `observations` | `[rows, entries]` | what was seen before the action |
//! | `actions` | `[rows, entries]` | what was done; quantities, not choices |
//! | `terminals` | `[rows]` | the task ended with this row; may be left out where `timeouts` is there |
//! | `timeouts` | `[rows]` | the recording was cut after this row |
//! | `rewards` | `[rows]` | of the row's action; may be left out |
//! | `infos/goal`, `infos/qpos`, `infos/qvel` | `[rows, entries]` | as D4RL records them; may be left out |
//!
//! Numbers of any size and kind are read, flags as booleans or as numbers 0 and 1. What the entries mean, bounds of the
//! actions, seconds per step and the task stand in a [`DataDescription`]: a TOML beside the file, or its text in the
//! file's attribute `description`.
//!
//! [`read_npz`] and [`write_npz`] do the same for OGBench's files: `observations`, `actions`, `terminals`, `qpos` and
//! `qvel`, with the episodes to validate with in a second file ([`validation_path`]). [`read_data`] reads either, told by
//! what stands in the file. Where observations are late,
//! [`Dataset::repair_stale_observations`] puts the true ones in their place.
//!
//! ```no_run
//! use forethought_envs::data::{DataReport, ReadOptions, read_hdf5};
//!
//! # fn main() -> Result<(), forethought_envs::EnvError> {
//! let mut data = read_hdf5("arm.hdf5".as_ref(), &ReadOptions::default())?;
//! data.repair_stale_observations()?;
//! for line in DataReport::of(&data).lines() {
//!     println!("{line}");
//! }
//! # Ok(())
//! # }
//! ```

mod anomalies;
mod dataset;
mod description;
mod file;
mod hdf5_arrays;
mod hdf5_file;
mod hdf5_storage;
mod hdf5_write;
mod inside;
mod inverse;
mod normalizer;
mod npy;
mod npz_archive;
mod npz_file;
mod npz_write;
mod positions;
mod recording;
mod repair;
mod report;
mod statistics;
mod support;
mod ways;
mod windows;

pub use dataset::{Dataset, DatasetMetadata, RewardConvention, SimulatorState, TimeoutMeaning};
pub use description::DataDescription;
pub use file::{DataLayout, read_data, write_data};
pub use hdf5_file::{DEFAULT_MAX_BYTES, ReadOptions, read_hdf5};
pub use hdf5_write::{WriteOptions, write_hdf5};
pub use inside::check_inside;
pub use inverse::InverseModel;
pub use normalizer::{DatasetNormalizer, Normalizer, NormalizerKind};
pub use npz_file::read_npz;
pub use npz_write::{validation_path, write_npz};
pub use recording::FixedGoal;
pub use report::{DataReport, Finding, FindingKind, WindowCounts};
pub use statistics::{ColumnStatistics, DatasetSummary};
pub use support::Support;
pub use ways::Ways;
pub use windows::{Padding, Trajectory, Window, WindowIndex, WindowOptions};
