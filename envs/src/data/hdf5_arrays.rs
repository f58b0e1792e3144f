//! The arrays of an HDF5 file, with what each must hold.

use std::collections::{HashMap, HashSet};
use std::io::{Seek, SeekFrom};
use std::path::{Path, PathBuf};

use hdf5_pure::{AttrValue, DType, Datatype, File, FormatError, Group, Layout, make_f32_type, make_f64_type};

use super::at_once::fill_at_once;
use super::hdf5_storage::{StorageError, check_storage};
use super::stored::Stored;
use crate::EnvError;

/// gzip cannot shrink data more than this; a file that declares more than its size times this (and some
/// slack for tiny files) holds rows that were never written.
const MAX_COMPRESSION: u64 = 1100;
const COMPRESSION_SLACK: u64 = 1 << 16;
/// Whole numbers of fewer different values than this are choices, not quantities.
const CHOICES: usize = 64;

/// Larger files are not read whole, so that what stands in them is in memory once.
const STREAMED: u64 = 8 << 20;
/// Numbers of a part that is read by itself: large against what a thread costs.
const PART: u64 = 1 << 18;

/// A version above this is no newer one, but damage.
const NEWEST: u8 = 16;

pub(super) fn damaged(detail: impl std::fmt::Display) -> String {
    format!("the file is damaged or cut off ({detail}); collect or copy it again")
}

/// What is wrong with a file that the parser does not read: damage, or a part of HDF5 that it does not know.
fn unread(error: &hdf5_pure::Error) -> String {
    let hdf5_pure::Error::Format(format) = error else { return damaged(error) };
    // What h5repack leaves as it is, a link or a virtual array, this turns into an array.
    let again = "store the numbers themselves there (in h5py: `a = f[KEY][...]; del f[KEY]; f[KEY] = a`)";
    let what = match format {
        FormatError::UnsupportedFilter(id) => {
            let name = match id {
                4 => " (szip)",
                _ => "",
            };
            format!("it is compressed by filter {id}{name}: use gzip or none (`h5repack -f GZIP=4 IN OUT`)")
        }
        FormatError::UnsupportedVirtualLayout => {
            format!("it is a virtual array, whose numbers lie in other files: {again}")
        }
        FormatError::UnsupportedExternalStorage => format!("its numbers lie in another file: {again}"),
        FormatError::InvalidLayoutVersion(version) if (5..=NEWEST).contains(version) => format!(
            "its storage layout (version {version}) is newer: write it with \
             h5py.File(..., libver=(\"earliest\", \"v114\")), or `h5repack --high=2 IN OUT`"
        ),
        // The address of a link that has none of its own.
        FormatError::UnexpectedEof { expected: usize::MAX, .. } => {
            format!("it is a link to another place, which is not followed: {again}")
        }
        FormatError::UnsupportedVersion(4..=NEWEST)
        | FormatError::UnsupportedMessage(_)
        | FormatError::UnsupportedFileSpaceInfoVersion(_)
        | FormatError::UnsupportedFilteredHeapObject
        | FormatError::UnsupportedSohmReference
        | FormatError::UnsupportedFillValueVersion(_)
        | FormatError::UnsupportedZfp(_) => format!("{format}: {again}"),
        _ => return damaged(error),
    };
    format!("not supported by this reader: {what}")
}

/// An open file, and how much memory its arrays may still take.
pub(super) struct Arrays {
    path: PathBuf,
    file: File,
    size: u64,
    limit: u64,
    plausible: u64,
    taken: u64,
    /// The group in which keys are looked for, with its name; the top of the file where there is none.
    place: Option<(Group, String)>,
}

impl Arrays {
    /// Opens a file of so many bytes: a small one is read whole, of a large one what is asked for.
    pub fn open(path: &Path, size: u64, max_bytes: u64) -> Result<Self, EnvError> {
        let plausible = size.saturating_mul(MAX_COMPRESSION).saturating_add(COMPRESSION_SLACK);
        let refuse = |problem| EnvError::Data { path: path.into(), problem };
        let io = |source| EnvError::Io { path: path.into(), source };
        let file = match size > STREAMED {
            true => File::open_streaming(path),
            false => File::from_bytes(std::fs::read(path).map_err(io)?),
        };
        let file = file.map_err(|e| match e {
            hdf5_pure::Error::Io(source) => io(source),
            other => refuse(unread(&other)),
        })?;
        let declared = file.superblock().eof_address;
        if declared > size {
            return Err(refuse(damaged(format!("{size} of {declared} bytes are there"))));
        }
        Ok(Self { path: path.into(), file, size, limit: max_bytes, plausible, taken: 0, place: None })
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Attributes of the whole file, or of the group that was entered.
    pub fn attributes(&self) -> Result<HashMap<String, AttrValue>, EnvError> {
        self.here()
            .attrs()
            .map_err(|e| self.error(format!("{}its attributes: {}", self.prefix(), unread(&e))))
    }

    /// Looks for keys in this group from now on; it is called `name` in messages.
    pub fn enter(&mut self, group: Group, name: String) {
        self.place = Some((group, name));
    }

    /// The group in which keys are looked for.
    pub fn here(&self) -> Group {
        self.place.as_ref().map_or_else(|| self.file.root(), |(group, _)| group.clone())
    }

    /// Names of the groups at the top; none of a file that is damaged there.
    pub fn root_groups(&self) -> Vec<String> {
        self.file.root().groups().unwrap_or_default()
    }

    /// What `read` returns, without that what it took of the memory stays taken: for arrays that are looked at and dropped.
    pub fn lend<T>(&mut self, read: impl FnOnce(&mut Self) -> T) -> T {
        let taken = self.taken;
        let found = read(self);
        self.taken = taken;
        found
    }

    pub fn find(&self, key: &str) -> Result<hdf5_pure::Dataset, hdf5_pure::Error> {
        match &self.place {
            Some((group, _)) => group.dataset(key),
            None => self.file.dataset(key),
        }
    }

    /// What stands in front of a key in messages.
    fn prefix(&self) -> String {
        self.place.as_ref().map_or_else(String::new, |(_, name)| format!("{name}: "))
    }

    /// Whether something stands under this key; a damaged array does all the same, so that reading it reports
    /// the damage.
    pub fn has(&self, key: &str) -> Result<bool, EnvError> {
        match self.find(key) {
            Err(hdf5_pure::Error::Format(FormatError::PathNotFound(_)))
            | Err(hdf5_pure::Error::NotAGroup(_)) => Ok(false),
            Err(error @ hdf5_pure::Error::Format(FormatError::UnexpectedEof { .. })) => {
                // An old-style soft link has no address of its own.
                Err(self.unread(key, &error))
            }
            _ => Ok(true),
        }
    }

    /// One vector a row, and its width (1 for an array of one axis).
    pub fn vectors(&mut self, key: &str) -> Result<(Vec<f32>, usize), EnvError> {
        let (array, shape) = self.open_array(key)?;
        let width = match shape.as_slice() {
            [_] => 1,
            [_, width] => usize::try_from(*width).unwrap_or(usize::MAX),
            [] => {
                return Err(self.error(format!(
                    "`{key}` is one number; one row a step is expected: store it with shape [rows, entries]"
                )));
            }
            [_, _, _, ..] if key == "observations" => {
                return Err(self.error(format!(
                    "`{key}` has shape {shape:?}: images and other arrays per step are not supported, only one \
                     vector per step (shape [rows, entries]); encode them first"
                )));
            }
            other => {
                return Err(self.error(format!("`{key}` has shape {other:?}; one vector per row is expected: store it with shape [rows, entries]")));
            }
        };
        Ok((self.numbers(key, &array)?, width))
    }

    /// One number a row.
    pub fn column(&mut self, key: &str) -> Result<Vec<f32>, EnvError> {
        let (array, shape) = self.open_array(key)?;
        self.one_per_row(key, &shape)?;
        self.numbers(key, &array)
    }

    /// Actions: as [`Self::vectors`], and quantities, not choices.
    pub fn actions(
        &mut self,
        key: &str,
        attributes: &HashMap<String, AttrValue>,
    ) -> Result<(Vec<f32>, usize), EnvError> {
        let discrete = |problem: String| {
            format!(
                "{problem}: discrete actions are not supported, only quantities (one number per actuator); if these \
                 are quantities, store them as floating-point numbers"
            )
        };
        let named = ["action_space", "action_type"].iter().find_map(|name| {
            let text = attributes.get(*name)?.as_str()?;
            text.to_lowercase().contains("discrete").then(|| format!("attribute {name} says `{text}`"))
        });
        if let Some(problem) = named {
            return Err(self.error(discrete(problem)));
        }
        let whole = match self.find(key).map(|array| array.dtype()) {
            Ok(Ok(kind)) => is_whole(&kind).then(|| kind.to_string()),
            _ => None,
        };
        let (values, width) = self.vectors(key)?;
        if let Some(kind) = whole {
            let mut found = HashSet::new();
            let many = values.iter().any(|value| {
                // Zero has two signs and is one value.
                found.insert((value + 0.0).to_bits());
                found.len() > CHOICES
            });
            if !many {
                let count = found.len();
                return Err(self.error(discrete(format!("`{key}` holds {kind} of {count} different values"))));
            }
        }
        Ok((values, width))
    }

    /// One flag a row: booleans, or numbers of any kind that are 0 or 1.
    pub fn flags(&mut self, key: &str) -> Result<Vec<bool>, EnvError> {
        let (array, shape) = self.open_array(key)?;
        self.one_per_row(key, &shape)?;
        self.sound(key, &array)?;
        let kind = array.dtype().map_err(|e| self.unread(key, &e))?;
        let one_byte = array.element_size().map_err(|e| self.unread(key, &e))? == 1;
        let read = |e| self.unread(key, &e);
        let values: Vec<f64> = if one_byte && matches!(kind, DType::Enum(_) | DType::I8 | DType::U8) {
            let bytes = array.read_raw().map_err(read)?;
            if bytes.iter().fold(true, |sound, byte| sound & (*byte < 2)) {
                return Ok(bytes.into_iter().map(|byte| byte == 1).collect());
            }
            bytes.into_iter().map(f64::from).collect()
        } else if is_number(&kind) || matches!(kind, DType::Enum(_)) {
            array.read_f64().map_err(read)?
        } else {
            return Err(self.error(format!(
                "`{key}` holds {kind}; flags are expected: store them as booleans, or as numbers 0 and 1"
            )));
        };
        // Exact: a flag is one of two numbers.
        #[allow(clippy::float_cmp)]
        let other = values.iter().position(|value| *value != 0.0 && *value != 1.0);
        if let Some(row) = other {
            let value = values[row];
            return Err(self.error(format!(
                "`{key}` holds {value} in row {row}; only 0 and 1 are flags: store whether it ended there"
            )));
        }
        Ok(values.into_iter().map(|value| value > 0.5).collect())
    }

    /// One flag for each of so many steps; none where nothing stands under this key.
    pub fn flags_of(&mut self, key: &str, steps: usize) -> Result<Vec<bool>, EnvError> {
        if !self.has(key)? {
            return Ok(Vec::new());
        }
        let flags = self.flags(key)?;
        if flags.len() != steps {
            // The last of them would be taken for the end of the episode.
            return Err(self.error(format!(
                "{}`{key}` has {} flags, and there are {steps} actions: store one flag an action, or leave this episode out",
                self.prefix(),
                flags.len()
            )));
        }
        Ok(flags)
    }

    fn one_per_row(&self, key: &str, shape: &[u64]) -> Result<(), EnvError> {
        match shape {
            [_] | [_, 1] => Ok(()),
            other => Err(self.error(format!(
                "`{key}` has shape {other:?}; one number per row is expected: store it with shape [rows] or [rows, 1]"
            ))),
        }
    }

    /// Holds what the array says of its storage against the file, before it is read.
    fn sound(&self, key: &str, array: &hdf5_pure::Dataset) -> Result<(), EnvError> {
        check_storage(array, self.size).map_err(|error| match error {
            StorageError::Unread(error) => self.unread(key, &error),
            StorageError::Again(_) => self.error(format!("`{key}`: not supported by this reader: {error}")),
            error => self.error(format!("`{key}`: {}", damaged(error))),
        })
    }

    fn numbers(&self, key: &str, array: &hdf5_pure::Dataset) -> Result<Vec<f32>, EnvError> {
        let kind = array.dtype().map_err(|e| self.unread(key, &e))?;
        if !is_number(&kind) {
            return Err(self.error(format!(
                "`{key}` holds {kind}; numbers are expected: store them as f32, f64 or integers"
            )));
        }
        self.sound(key, array)?;
        if let Some(values) = self.in_one_piece(array).map_err(|e| self.unread(key, &e))? {
            return Ok(values);
        }
        in_parts(array).map_err(|e| self.unread(key, &e))
    }

    /// The numbers of an array that stand one after another in a large file, in single or double precision, read into their
    /// place.
    fn in_one_piece(&self, array: &hdf5_pure::Dataset) -> Result<Option<Vec<f32>>, hdf5_pure::Error> {
        let Layout::Contiguous { address: Some(address), size } = array.layout()? else { return Ok(None) };
        let kinds = [(Stored::F32, make_f32_type()), (Stored::F64, make_f64_type())];
        let datatype = array.datatype()?;
        let Some((stored, _)) = kinds.into_iter().find(|(_, kind)| *kind == datatype) else {
            return Ok(None);
        };
        let count = array.shape()?.iter().try_fold(1u64, |n, d| n.checked_mul(*d));
        let all = count
            .filter(|count| count.checked_mul(stored.bytes()) == Some(size))
            .and_then(|n| usize::try_from(n).ok());
        let inside = address.checked_add(size).is_some_and(|end| end <= self.size);
        let (Some(all), true) = (all, self.size > STREAMED && inside) else { return Ok(None) };
        let mut values = vec![0.0; all];
        let part = usize::try_from(PART).unwrap_or(usize::MAX);
        fill_at_once(&mut values, part, |first, into| {
            let mut file = std::fs::File::open(&self.path)?;
            file.seek(SeekFrom::Start(address + stored.bytes() * first as u64))?;
            stored.read(&mut file, into)
        })
        .map_err(hdf5_pure::Error::Io)?;
        Ok(Some(values))
    }

    /// Opens an array and takes the memory it will need from the budget, chunk buffers included.
    fn open_array(&mut self, key: &str) -> Result<(hdf5_pure::Dataset, Vec<u64>), EnvError> {
        let array = match self.find(key) {
            Ok(array) => array,
            Err(hdf5_pure::Error::Format(FormatError::PathNotFound(_)))
            | Err(hdf5_pure::Error::NotAGroup(_)) => return Err(self.error(self.missing(key))),
            Err(hdf5_pure::Error::NotADataset(_)) => {
                return Err(self.error(format!(
                    "`{key}` is a group; one array is expected: join the arrays in it, column beside column"
                )));
            }
            Err(error) => return Err(self.unread(key, &error)),
        };
        let shape = array.shape().map_err(|e| self.unread(key, &e))?;
        let chunk = array.chunk_shape().map_err(|e| self.unread(key, &e))?.unwrap_or_default();
        let element = array.element_size().map_err(|e| self.unread(key, &e))?.max(4);
        let bytes = |dims: &[u64]| dims.iter().try_fold(element, |n, d| n.checked_mul(*d));
        let needed = bytes(&shape).zip(bytes(&chunk)).map(|(all, one)| all.max(one));
        let taken = needed.and_then(|needed| self.taken.checked_add(needed));
        match taken {
            Some(taken) if taken > self.plausible => Err(self.error(format!(
                "`{key}` declares shape {shape:?} in chunks of {chunk:?}, more than a file of this size can hold: \
                 most of it was never written; copy the rows that were into a new file"
            ))),
            Some(taken) if taken <= self.limit => {
                self.taken = taken;
                Ok((array, shape))
            }
            _ => Err(self.error(format!(
                "`{key}` declares shape {shape:?} in chunks of {chunk:?}, more than the limit of {} bytes that data \
                 may take; split the file into smaller ones",
                self.limit
            ))),
        }
    }

    /// Why a key that is needed may not be there.
    pub fn missing(&self, key: &str) -> String {
        let root = self.here();
        let (arrays, groups) = (root.datasets().unwrap_or_default(), root.groups().unwrap_or_default());
        if let Some(near) = arrays.iter().find(|name| name.eq_ignore_ascii_case(key)) {
            return format!("key `{key}` is missing; there is `{near}`: rename it");
        }
        if let Some((_, name)) = &self.place {
            return format!(
                "{name}: key `{key}` is missing (links to other places and files are not supported by this reader): \
                 write it, or leave this episode out"
            );
        }
        let joined = "join the episodes into arrays `observations`, `actions`, `rewards`, `terminals` and \
                      `timeouts`, one row a step";
        for (layout, said) in [("Minari's", "episode_"), ("robomimic's", "data")] {
            if groups.iter().any(|name| name.starts_with(said)) {
                return format!(
                    "this is {layout} layout, one group per episode, not D4RL's: read it with `read_data`"
                );
            }
        }
        let short = |name: String| name.chars().take(60).collect();
        let mut names: Vec<String> = arrays.into_iter().chain(groups).take(8).map(short).collect();
        names.sort();
        let there = if names.is_empty() { "nothing".to_owned() } else { names.join(", ") };
        format!(
            "key `{key}` is missing (there is {there}; links to other places and files are not supported by this reader); this is not a D4RL data \
             file: {joined}"
        )
    }

    pub fn unread(&self, key: &str, error: &hdf5_pure::Error) -> EnvError {
        self.error(format!("{}`{key}`: {}", self.prefix(), unread(error)))
    }

    pub fn error(&self, problem: String) -> EnvError {
        EnvError::Data { path: self.path.clone(), problem }
    }
}

/// The numbers of an array; of a large one in chunks, several parts of it at once.
fn in_parts(array: &hdf5_pure::Dataset) -> Result<Vec<f32>, hdf5_pure::Error> {
    let (shape, chunk) = (array.shape()?, array.chunk_shape()?);
    let rows = shape.first().copied().unwrap_or(0);
    let all = shape.iter().try_fold(1u64, |n, d| n.checked_mul(*d)).and_then(|all| usize::try_from(all).ok());
    let (Some(all), Some(high)) =
        (all, chunk.and_then(|chunk| chunk.first().copied()).filter(|high| *high > 0))
    else {
        return array.read_f32();
    };
    // Whole chunks, so that none is unpacked twice.
    let width = (all as u64).checked_div(rows).unwrap_or(0).max(1);
    let part = (PART / width).max(1).checked_next_multiple_of(high).unwrap_or(rows);
    if part >= rows {
        return array.read_f32();
    }
    let mut values = vec![0.0; all];
    let width = usize::try_from(width).unwrap_or(usize::MAX);
    let piece = usize::try_from(part).unwrap_or(usize::MAX).saturating_mul(width);
    fill_at_once(&mut values, piece, |first, into| {
        let found = array.read_f32_rows((first / width) as u64, part)?;
        if found.len() != into.len() {
            let (expected, actual) = (into.len(), found.len());
            return Err(hdf5_pure::Error::Format(FormatError::DataSizeMismatch { expected, actual }));
        }
        into.copy_from_slice(&found);
        Ok(())
    })?;
    Ok(values)
}

fn is_whole(kind: &DType) -> bool {
    use DType::{Enum, I8, I16, I32, I64, U8, U16, U32, U64};
    matches!(kind, I8 | I16 | I32 | I64 | U8 | U16 | U32 | U64 | Enum(_))
}

fn is_number(kind: &DType) -> bool {
    match kind {
        DType::F32 | DType::F64 => true,
        // Half precision, and other sizes that have no name of their own.
        DType::Other(datatype) => matches!(datatype.as_ref(), Datatype::FloatingPoint { .. }),
        DType::Enum(_) => false,
        other => is_whole(other),
    }
}
