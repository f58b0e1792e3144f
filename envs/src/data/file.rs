//! The layouts that data are written in.

use std::path::Path;

use super::{Dataset, WriteOptions, write_hdf5, write_npz};
use crate::EnvError;

/// A layout that data are written in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DataLayout {
    /// D4RL's, in HDF5: [`write_hdf5`].
    #[default]
    Hdf5,
    /// OGBench's, in numpy's `.npz`: [`write_npz`].
    Npz,
}

impl DataLayout {
    /// How names of such files end, without the dot.
    pub fn extension(self) -> &'static str {
        match self {
            Self::Hdf5 => "hdf5",
            Self::Npz => "npz",
        }
    }

    /// The layout of a file that is to be called so: a name that ends in `.npz`, in letters of any size, asks for OGBench's,
    /// every other one for D4RL's.
    pub fn of_name(path: &Path) -> Self {
        let end = path.extension().unwrap_or_default();
        if end.eq_ignore_ascii_case(Self::Npz.extension()) { Self::Npz } else { Self::Hdf5 }
    }
}

/// Writes a data file in the layout that its name asks for. OGBench's has no place for rewards, goals and origin.
///
/// # Errors
/// Those of [`write_hdf5`] and [`write_npz`].
pub fn write_data(dataset: &Dataset, path: &Path, options: WriteOptions) -> Result<(), EnvError> {
    match DataLayout::of_name(path) {
        DataLayout::Hdf5 => write_hdf5(dataset, path, options),
        DataLayout::Npz => write_npz(dataset, path, options),
    }
}
