//! The layouts that data are written in.

use std::path::Path;

use super::{Dataset, WriteOptions, write_hdf5, write_lerobot, write_minari, write_npz};
use crate::EnvError;
use crate::files::folder_of;
use crate::folders::refuse_taken;

/// A layout that data are written in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DataLayout {
    /// D4RL's, in HDF5: [`write_hdf5`].
    #[default]
    Hdf5,
    /// OGBench's, in numpy's `.npz`: [`write_npz`].
    Npz,
    /// Minari's, a folder with an HDF5 file: [`write_minari`].
    Minari,
    /// LeRobot's third, a folder of Parquet files: [`write_lerobot`].
    LeRobot,
}

impl DataLayout {
    /// How names of such files end, without the dot; those of folders as they like.
    pub fn extension(self) -> &'static str {
        match self {
            Self::Hdf5 => "hdf5",
            Self::Npz => "npz",
            Self::Minari | Self::LeRobot => "",
        }
    }

    /// Whether it is a folder of files.
    pub fn is_folder(self) -> bool {
        matches!(self, Self::Minari | Self::LeRobot)
    }

    /// Says now what [`write_data_as`] would refuse later of `path`: to be called before the data are made.
    ///
    /// # Errors
    /// Those of [`WriteOptions::check`]; [`EnvError::Data`] when a folder is to be written where something stands.
    pub fn check(self, path: &Path, options: WriteOptions) -> Result<(), EnvError> {
        if !self.is_folder() {
            return options.check(path);
        }
        let refuse = |problem: &str| Err(EnvError::Data { path: path.into(), problem: problem.into() });
        if !folder_of(path).is_dir() {
            return refuse("the folder around it does not exist; create it first");
        }
        match refuse_taken(path) {
            Ok(()) => Ok(()),
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => refuse(
                "something stands there already, and folders of data are never replaced: name another, or remove it \
                 yourself",
            ),
            Err(source) => Err(EnvError::Io { path: path.into(), source }),
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
    write_data_as(dataset, path, DataLayout::of_name(path), options)
}

/// Writes data in this layout, whatever the path is called. [`Dataset::lost_in`] says what the layout has no place for.
///
/// # Errors
/// Those of [`write_hdf5`], [`write_npz`], [`write_minari`] and [`write_lerobot`].
pub fn write_data_as(
    dataset: &Dataset,
    path: &Path,
    layout: DataLayout,
    options: WriteOptions,
) -> Result<(), EnvError> {
    match layout {
        DataLayout::Hdf5 => write_hdf5(dataset, path, options),
        DataLayout::Npz => write_npz(dataset, path, options),
        DataLayout::Minari => write_minari(dataset, path, options),
        DataLayout::LeRobot => write_lerobot(dataset, path, options),
    }
}
