//! Data sets of other people: one reader for each layout, and which of them reads what stands at a path.

use std::fs::File;
use std::io::{self, Read};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use super::hdf5_arrays::{Arrays, damaged};
use super::hdf5_file::D4rl;
use super::lerobot::LeRobot;
use super::minari::Minari;
use super::npz_file::OgBench;
use super::recording::FixedGoal;
use super::robomimic::Robomimic;
use super::{DataLayout, Dataset, RewardConvention, TimeoutMeaning};
use crate::EnvError;

/// Default of [`ReadOptions::max_bytes`]: 4 GiB, about ten times D4RL's largest maze file in memory.
pub const DEFAULT_MAX_BYTES: u64 = 4 << 30;

/// Bytes at the beginning of a file that tell what it is.
const SIGNATURE: u64 = 8;

/// Every layout that is read. The first reader that recognises a source reads it.
static READERS: [&dyn DataReader; 5] = [&LeRobot, &Minari, &Robomimic, &OgBench, &D4rl];

/// Settings of [`read_data`].
#[derive(Clone, Debug, PartialEq)]
pub struct ReadOptions {
    /// Largest file, and largest sum of arrays, that is accepted; in bytes.
    pub max_bytes: u64,
    /// Environment of a file that does not name one (D4RL's own files do not).
    pub env_id: Option<String>,
    /// What time-outs mean, whatever the file says or looks like.
    pub timeouts: Option<TimeoutMeaning>,
    /// What rewards pay for, whatever the file says or looks like.
    pub rewards: Option<RewardConvention>,
    /// The goal of the environment, where all its episodes have the same: it helps to tell what rewards pay for.
    pub goal: Option<FixedGoal>,
    /// Which parts of the observation are read, in this order, where it is kept in parts (robomimic, Minari, LeRobot).
    /// `None`: all that are one vector a row, in the order of their names. Layouts of one array (D4RL, OGBench) refuse it.
    pub observations: Option<Vec<String>>,
}

impl Default for ReadOptions {
    fn default() -> Self {
        Self {
            max_bytes: DEFAULT_MAX_BYTES,
            env_id: None,
            timeouts: None,
            rewards: None,
            goal: None,
            observations: None,
        }
    }
}

/// A layout that data sets of other people come in.
pub trait DataReader: Sync {
    /// What the layout is called.
    fn name(&self) -> &'static str;

    /// Whether a source looks like this layout. Nothing is read for it.
    fn recognises(&self, source: &Source) -> bool;

    /// Reads a source in this layout.
    ///
    /// # Errors
    /// [`EnvError`] naming the file, what is wrong with it and the remedy.
    fn read(&self, source: Source, options: &ReadOptions) -> Result<Dataset, EnvError>;
}

/// Every layout that is read, in the order in which they are asked.
pub fn readers() -> &'static [&'static dyn DataReader] {
    &READERS
}

/// What stands at a path, looked at once for all readers.
pub struct Source {
    path: PathBuf,
    content: Content,
}

enum Content {
    Folder,
    Hdf5 { arrays: Box<Arrays>, groups: Vec<String>, has_rows: bool },
    File { first: Vec<u8> },
}

impl Source {
    /// Looks at a path. An HDF5 file is opened.
    pub(super) fn open(path: &Path, max_bytes: u64) -> Result<Self, EnvError> {
        let io = |source| EnvError::Io { path: path.into(), source };
        let refuse = |problem: String| EnvError::Data { path: path.into(), problem };
        let found = std::fs::metadata(path).map_err(io)?;
        if found.is_dir() {
            return Ok(Self { path: path.into(), content: Content::Folder });
        }
        // A pipe or a device has no end that could be known before it is read.
        if !found.is_file() {
            return Err(refuse(
                "this is a pipe or a device, and data are read from a file or a folder: save them to one first".into(),
            ));
        }
        if found.len() > max_bytes {
            return Err(refuse(format!(
                "the file has {} bytes, more than the limit of {max_bytes}; split it into smaller ones",
                found.len(),
            )));
        }
        let first = beginning(path).map_err(io)?;
        if !hdf5_pure::is_hdf5_bytes(&first) {
            return Ok(Self { path: path.into(), content: Content::File { first } });
        }
        let arrays = Arrays::open(path, found.len(), max_bytes)?;
        let (groups, has_rows) = (arrays.root_groups(), arrays.has("observations").unwrap_or(true));
        Ok(Self { path: path.into(), content: Content::Hdf5 { arrays: Box::new(arrays), groups, has_rows } })
    }

    /// Where it stands.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether it is a folder.
    pub fn is_folder(&self) -> bool {
        matches!(self.content, Content::Folder)
    }

    /// Whether it is an HDF5 file.
    pub fn is_hdf5(&self) -> bool {
        matches!(self.content, Content::Hdf5 { .. })
    }

    /// The first bytes of a file that is not HDF5; none of anything else.
    pub fn first_bytes(&self) -> &[u8] {
        match &self.content {
            Content::File { first } => first,
            _ => &[],
        }
    }

    /// Names of the groups at the top of an HDF5 file that has no `observations` there.
    pub fn episode_groups(&self) -> &[String] {
        match &self.content {
            Content::Hdf5 { groups, has_rows: false, .. } => groups,
            _ => &[],
        }
    }

    /// The arrays of an HDF5 file.
    ///
    /// # Errors
    /// [`EnvError::Data`] when it is something else.
    pub(super) fn into_arrays(self) -> Result<Arrays, EnvError> {
        let problem = match self.content {
            Content::Hdf5 { arrays, .. } => return Ok(*arrays),
            Content::Folder => "this is a folder; name an HDF5 file".to_owned(),
            Content::File { first } if first.is_empty() => {
                "the file is empty; collect or copy it again".into()
            }
            Content::File { .. } => "this is not an HDF5 file (no HDF5 signature); check the path".into(),
        };
        Err(EnvError::Data { path: self.path, problem })
    }
}

/// Reads a data file or folder in whatever layout it has.
///
/// # Errors
/// [`EnvError::Io`] when it cannot be opened; [`EnvError::Data`] when no reader recognises it, it is cut off or damaged,
/// misses a part, holds what cannot be trained on (discrete actions and images among them), is larger than
/// allowed, or fails [`Dataset::check`].
pub fn read_data(path: &Path, options: &ReadOptions) -> Result<Dataset, EnvError> {
    read_as(path, options, reader_of)
}

/// Whether a folder holds data that [`read_data`] reads.
pub fn is_data_folder(path: &Path) -> bool {
    let source = Source { path: path.into(), content: Content::Folder };
    path.is_dir() && READERS.iter().any(|reader| reader.recognises(&source))
}

/// The reader of a source; of a file that none recognises, the one that its name asks for, which says what is wrong.
fn reader_of(source: &Source) -> Result<&'static dyn DataReader, String> {
    if let Some(reader) = READERS.iter().find(|reader| reader.recognises(source)) {
        return Ok(*reader);
    }
    if source.is_folder() {
        return Err(
            "this folder holds no data set that is known: Minari's have `data/main_data.hdf5`, LeRobot's \
                    `meta/info.json`; name such a folder, or a data file"
                .into(),
        );
    }
    if source.first_bytes().starts_with(b"PAR1") {
        return Err(
            "this is a Parquet file, one part of a data set: name the folder that has `meta/info.json` \
                    (LeRobot) or `data/metadata.json` (Minari)"
                .into(),
        );
    }
    Ok(match DataLayout::of_name(source.path()) {
        DataLayout::Npz => &OgBench,
        _ => &D4rl,
    })
}

/// Reads by the reader that `choose` names. The parsers meet arbitrary bytes here: should one panic on some, that is a
/// damaged file to us.
pub(super) fn read_as(
    path: &Path,
    options: &ReadOptions,
    choose: impl FnOnce(&Source) -> Result<&'static dyn DataReader, String>,
) -> Result<Dataset, EnvError> {
    let refuse = |problem: String| EnvError::Data { path: path.into(), problem };
    let read = catch_unwind(AssertUnwindSafe(|| {
        let source = Source::open(path, options.max_bytes)?;
        choose(&source).map_err(refuse)?.read(source, options)
    }));
    let dataset = read.unwrap_or_else(|_| Err(refuse(damaged("the parser gave up"))))?;
    dataset.check().map_err(|error| match error {
        EnvError::Data { problem, .. } => refuse(problem),
        other => other,
    })?;
    Ok(dataset)
}

fn beginning(path: &Path) -> io::Result<Vec<u8>> {
    let mut first = Vec::new();
    File::open(path)?.take(SIGNATURE).read_to_end(&mut first)?;
    Ok(first)
}

#[cfg(test)]
mod tests {
    use super::super::dataset::tests::counter;
    use super::super::{WriteOptions, write_data};
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
            ("a.parquet", "PAR1....PAR1", "meta/info.json"),
        ] {
            let path = home.path().join(name);
            std::fs::write(&path, content).unwrap();
            let message = read_data(&path, &ReadOptions::default()).unwrap_err().to_string();
            assert!(message.contains(says) && message.contains(name), "{message}");
        }
        let message = read_data(home.path(), &ReadOptions::default()).unwrap_err().to_string();
        assert!(message.contains("folder") && message.contains("meta/info.json"), "{message}");
        assert!(!is_data_folder(home.path()));
        assert!(read_data(&home.path().join("none"), &ReadOptions::default()).is_err());
    }

    #[test]
    fn every_layout_has_a_name_of_its_own() {
        let names: std::collections::HashSet<_> = readers().iter().map(|reader| reader.name()).collect();
        assert_eq!(names.len(), readers().len());
    }
}
