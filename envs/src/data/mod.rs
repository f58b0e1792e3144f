//! Offline data: rows of experience, the D4RL HDF5 layout, and what a sequence model trains on (windows
//! and a normaliser).
//!
//! [`write_hdf5`] and [`read_hdf5`] carry a [`Dataset`] through a file,
//! [`Dataset::repair_stale_observations`] makes every row follow from the one before, [`WindowIndex`]
//! cuts it into windows and [`DatasetNormalizer`] scales it.

mod anomalies;
mod dataset;
mod description;
mod hdf5_arrays;
mod hdf5_file;
mod hdf5_write;
mod inside;
mod inverse;
mod normalizer;
mod recording;
mod repair;
mod report;
mod statistics;
mod support;
mod windows;

pub use dataset::{Dataset, DatasetMetadata, RewardConvention, SimulatorState, TimeoutMeaning};
pub use description::{DataDescription, TaskDescription};
pub use hdf5_file::{DEFAULT_MAX_BYTES, ReadOptions, read_hdf5};
pub use hdf5_write::{WriteOptions, write_hdf5};
pub use inside::check_inside;
pub use inverse::InverseModel;
pub use normalizer::{DatasetNormalizer, Normalizer, NormalizerKind};
pub use recording::FixedGoal;
pub use report::{DataReport, Finding, FindingKind, WindowCounts};
pub use statistics::{ColumnStatistics, DatasetSummary};
pub use support::Support;
pub use windows::{Trajectory, Window, WindowIndex, WindowOptions};
