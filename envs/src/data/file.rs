//! Data files of either layout: one is told by what stands in the file when it is read, and by its name when it is
//! written.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use super::npz_archive::is_zip;
use super::{Dataset, ReadOptions, WriteOptions, read_hdf5, read_npz, write_hdf5, write_npz};
use crate::EnvError;

/// Layout of a data file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DataLayout {
    /// D4RL's, in HDF5: [`read_hdf5`] and [`write_hdf5`].
    #[default]
    Hdf5,
    /// OGBench's, in numpy's `.npz`: [`read_npz`] and [`write_npz`].
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

    /// The layout of a file that is called so: a name that ends in `.npz`, in letters of any size, is OGBench's, every other
    /// one D4RL's.
    pub fn of_name(path: &Path) -> Self {
        let end = path.extension().unwrap_or_default();
        if end.eq_ignore_ascii_case(Self::Npz.extension()) { Self::Npz } else { Self::Hdf5 }
    }

    /// The layout of a file by its first bytes; by its name where these belong to neither.
    fn of_file(path: &Path) -> io::Result<Self> {
        // What is no file has no beginning that could be looked at; the readers refuse it by name.
        if !std::fs::metadata(path)?.is_file() {
            return Ok(Self::of_name(path));
        }
        let mut first = Vec::new();
        File::open(path)?.take(SIGNATURE as u64).read_to_end(&mut first)?;
        match (is_zip(&first), hdf5_pure::is_hdf5_bytes(&first)) {
            (true, _) => Ok(Self::Npz),
            (_, true) => Ok(Self::Hdf5),
            _ => Ok(Self::of_name(path)),
        }
    }
}

/// Bytes at the beginning of a file that tell what it is.
const SIGNATURE: usize = 8;

/// Reads a data file of either layout, whatever it is called.
///
/// # Errors
/// [`EnvError::Io`] when the file cannot be opened; else those of [`read_hdf5`] and [`read_npz`].
pub fn read_data(path: &Path, options: &ReadOptions) -> Result<Dataset, EnvError> {
    match DataLayout::of_file(path).map_err(|source| EnvError::Io { path: path.into(), source })? {
        DataLayout::Hdf5 => read_hdf5(path, options),
        DataLayout::Npz => read_npz(path, options),
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

#[cfg(test)]
mod tests {
    use super::super::dataset::tests::counter;
    use super::*;

    #[test]
    fn a_file_is_read_as_what_it_is_whatever_it_is_called() {
        let home = tempfile::tempdir().unwrap();
        let mut data = counter(6);
        for (name, other) in [("a.hdf5", "b.npz"), ("a.npz", "b.hdf5"), ("a.NPZ", "b"), ("a", "c.npz")] {
            let [path, renamed] = [name, other].map(|name| home.path().join(name));
            data.rewards.fill(1.0);
            write_data(&data, &path, WriteOptions::default()).unwrap();
            let first = std::fs::read(&path).unwrap()[0];
            assert_eq!(first == b'P', DataLayout::of_name(&path) == DataLayout::Npz, "{name}");
            let found = read_data(&path, &ReadOptions::default()).unwrap();
            std::fs::rename(&path, &renamed).unwrap();
            assert_eq!(read_data(&renamed, &ReadOptions::default()).unwrap(), found);
            assert_eq!(
                (found.observations, found.actions),
                (data.observations.clone(), data.actions.clone())
            );
            std::fs::remove_file(&renamed).unwrap();
        }
    }

    #[test]
    fn what_is_neither_is_refused_as_what_its_name_says() {
        let home = tempfile::tempdir().unwrap();
        for (name, content, says) in [
            ("a.npz", "hello", "not a zip file"),
            ("a.npz", "", "not a zip file"),
            ("a.hdf5", "hello", "no HDF5 signature"),
            ("a", "", "the file is empty"),
        ] {
            let path = home.path().join(name);
            std::fs::write(&path, content).unwrap();
            let message = read_data(&path, &ReadOptions::default()).unwrap_err().to_string();
            assert!(message.contains(says) && message.contains(name), "{message}");
        }
        let message = read_data(home.path(), &ReadOptions::default()).unwrap_err().to_string();
        assert!(message.contains("folder"), "{message}");
        assert!(read_data(&home.path().join("none"), &ReadOptions::default()).is_err());
    }
}
