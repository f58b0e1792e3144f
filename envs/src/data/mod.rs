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
//! `qvel`, with the episodes to validate with in a second file ([`validation_path`]). Where observations are late,
//! [`Dataset::repair_stale_observations`] puts the true ones in their place.
//!
//! [`read_data`] reads these and the layouts of Minari, robomimic and LeRobot, told by what stands at the path: [`readers`]
//! lists all. Where episodes come with one observation more than actions, that observation has a row of its own at
//! the end of the episode, so that no transition is lost; the action in it is the one before once more, its reward is 0,
//! and neither is trained on, as nothing follows them. What of a file was left out stands in [`DatasetMetadata::notes`].
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
mod arrow_file;
mod arrow_schema;
mod at_once;
mod dataset;
mod description;
mod episodes;
mod file;
mod flatbuffer;
mod following;
mod hdf5_arrays;
mod hdf5_file;
mod hdf5_groups;
mod hdf5_storage;
mod hdf5_write;
mod inside;
mod inverse;
mod json_file;
mod lerobot;
mod lerobot_info;
mod lerobot_stats;
mod lerobot_write;
mod minari;
mod minari_goal;
mod minari_tables;
mod minari_write;
mod normalizer;
mod npy;
mod npz_archive;
mod npz_file;
mod npz_write;
mod parquet_bounds;
mod parquet_file;
mod parquet_write;
mod parts;
mod positions;
mod reader;
mod recording;
mod repair;
mod report;
mod robomimic;
mod statistics;
mod stored;
mod support;
mod ways;
mod windows;
mod written;

pub use dataset::{Dataset, DatasetMetadata, RewardConvention, SimulatorState, TimeoutMeaning};
pub use description::DataDescription;
pub use file::{DataLayout, write_data, write_data_as};
pub use hdf5_file::read_hdf5;
pub use hdf5_write::{WriteOptions, write_hdf5};
pub use inside::{actions_outside, check_inside};
pub use inverse::InverseModel;
pub use lerobot_write::write_lerobot;
pub use minari_write::write_minari;
pub use normalizer::{DatasetNormalizer, Normalizer, NormalizerKind};
pub use npz_file::read_npz;
pub use npz_write::{validation_path, write_npz};
pub use reader::{DEFAULT_MAX_BYTES, DataReader, ReadOptions, Source, is_data_folder, read_data, readers};
pub use recording::FixedGoal;
pub use report::{DataReport, Finding, FindingKind, WindowCounts};
pub use statistics::{ColumnStatistics, DatasetSummary};
pub use support::Support;
pub use ways::Ways;
pub use windows::{Padding, Trajectory, Window, WindowIndex, WindowOptions};
