//! Reading data sets in D4RL's HDF5 layout.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use hdf5_pure::{AttrValue, DType, File};

use super::{Dataset, DatasetMetadata, SimulatorState, TimeoutMeaning};
use crate::EnvError;

/// Default of [`ReadOptions::max_bytes`]: 4 GiB, about ten times D4RL's largest maze file in memory.
pub const DEFAULT_MAX_BYTES: u64 = 4 << 30;
/// gzip cannot shrink data more than this; a file that declares more than its size times this (and some
/// slack for tiny files) is lying about what it holds.
const MAX_COMPRESSION: u64 = 1100;
const COMPRESSION_SLACK: u64 = 1 << 16;

/// Settings of [`read_hdf5`].
#[derive(Clone, Debug, PartialEq)]
pub struct ReadOptions {
    /// Largest file, and largest sum of arrays, that is accepted; in bytes.
    pub max_bytes: u64,
    /// Environment of a file that does not name one (D4RL's own files do not); it also tells what their
    /// time-outs mean.
    pub env_id: Option<String>,
}

impl Default for ReadOptions {
    fn default() -> Self {
        Self { max_bytes: DEFAULT_MAX_BYTES, env_id: None }
    }
}

/// Reads a D4RL HDF5 file, ours or theirs. Needs `observations`, `actions`, `rewards` and `terminals`;
/// takes `timeouts`, `infos/goal` and `infos/qpos` with `infos/qvel` where they are. Other keys are
/// ignored. The result has passed [`Dataset::check`].
///
/// A file without a `timeout_meaning` attribute is read as [`TimeoutMeaning::GoalSwitch`] when its
/// environment is a `maze2d-*` or `multi2d-*`, else as [`TimeoutMeaning::Truncation`].
///
/// # Errors
/// [`EnvError::Io`] when the file cannot be opened; [`EnvError::Data`] when it is not HDF5, is cut off or
/// damaged, misses a key, holds another type or shape, is larger than allowed, or fails the check.
pub fn read_hdf5(path: &Path, options: &ReadOptions) -> Result<Dataset, EnvError> {
    let io = |source| EnvError::Io { path: path.into(), source };
    let size = std::fs::metadata(path).map_err(io)?;
    let refuse = |problem: String| Err(EnvError::Data { path: path.into(), problem });
    if size.is_dir() {
        return refuse("this is a folder; name an HDF5 file".into());
    }
    if size.len() == 0 {
        return refuse("the file is empty; collect or copy it again".into());
    }
    if size.len() > options.max_bytes {
        return refuse(format!(
            "the file has {} bytes, more than the limit of {}; raise the limit to read it",
            size.len(),
            options.max_bytes
        ));
    }
    let bytes = std::fs::read(path).map_err(io)?;
    if !hdf5_pure::is_hdf5_bytes(&bytes) {
        return refuse("this is not an HDF5 file (no HDF5 signature); check the path".into());
    }
    // The parser meets arbitrary bytes here. Should it panic on some, that is a damaged file to us.
    let read = catch_unwind(AssertUnwindSafe(|| {
        Reader::open(path, bytes, options.max_bytes).and_then(|mut reader| reader.dataset(options))
    }));
    let dataset = match read {
        Ok(result) => result?,
        Err(_) => return refuse(damaged("the HDF5 parser gave up")),
    };
    dataset.check().map_err(|error| match error {
        EnvError::Data { problem, .. } => EnvError::Data { path: path.into(), problem },
        other => other,
    })?;
    Ok(dataset)
}

fn damaged(detail: impl std::fmt::Display) -> String {
    format!("the file is damaged or cut off ({detail}); collect or copy it again")
}

struct Reader {
    path: PathBuf,
    file: File,
    /// Bytes that arrays may still take.
    budget: u64,
}

impl Reader {
    fn open(path: &Path, bytes: Vec<u8>, max_bytes: u64) -> Result<Self, EnvError> {
        let size = bytes.len() as u64;
        let plausible = size.saturating_mul(MAX_COMPRESSION).saturating_add(COMPRESSION_SLACK);
        let refuse = |problem| EnvError::Data { path: path.into(), problem };
        let file = File::from_bytes(bytes).map_err(|e| refuse(damaged(e)))?;
        let declared = file.superblock().eof_address;
        if declared > size {
            return Err(refuse(damaged(format!("{size} of {declared} bytes are there"))));
        }
        Ok(Self { path: path.into(), file, budget: max_bytes.min(plausible) })
    }

    fn dataset(&mut self, options: &ReadOptions) -> Result<Dataset, EnvError> {
        let attributes = self.file.root().attrs().map_err(|e| self.error(damaged(e)))?;
        let text = |name: &str| attributes.get(name).and_then(AttrValue::as_str).map(str::to_owned);
        let env_id = text("env_id").or_else(|| options.env_id.clone()).unwrap_or_default();
        let timeouts = match text("timeout_meaning").as_deref() {
            Some("goal-switch") => TimeoutMeaning::GoalSwitch,
            Some("truncation") => TimeoutMeaning::Truncation,
            Some(other) => {
                return Err(self.error(format!(
                    "attribute timeout_meaning is `{other}`; known are goal-switch and truncation"
                )));
            }
            None if env_id.starts_with("maze2d-") || env_id.starts_with("multi2d-") => {
                TimeoutMeaning::GoalSwitch
            }
            None => TimeoutMeaning::Truncation,
        };

        let (rewards, _) = self.floats("rewards")?;
        let (observations, observation_dim) = self.floats("observations")?;
        let (actions, action_dim) = self.floats("actions")?;
        let terminals = self.flags("terminals")?;
        let timeout_flags =
            if self.has("timeouts")? { self.flags("timeouts")? } else { vec![false; rewards.len()] };
        let goals = if self.has("infos/goal")? { Some(self.floats("infos/goal")?) } else { None };
        let simulator = if self.has("infos/qpos")? && self.has("infos/qvel")? {
            let (positions, dim) = self.floats("infos/qpos")?;
            let (velocities, velocity_dim) = self.floats("infos/qvel")?;
            // Bodies with free joints have more positions than velocities; nothing here uses those.
            (dim == velocity_dim).then_some(SimulatorState { dim, positions, velocities })
        } else {
            None
        };
        Ok(Dataset {
            env_id,
            observation_dim,
            action_dim,
            goal_dim: goals.as_ref().map_or(0, |(_, width)| *width),
            observations,
            actions,
            rewards,
            terminals,
            timeouts: timeout_flags,
            goals: goals.map(|(values, _)| values),
            simulator,
            metadata: DatasetMetadata {
                seed: attributes.get("seed").and_then(AttrValue::as_u64),
                generator: text("generator"),
                generator_version: attributes
                    .get("generator_version")
                    .and_then(AttrValue::as_u64)
                    .and_then(|v| u32::try_from(v).ok()),
                layout_hash: text("layout_hash"),
                timeouts,
            },
        })
    }

    /// Whether the file lists an array under this key; a damaged one is listed all the same, so that
    /// reading it reports the damage.
    fn has(&self, key: &str) -> Result<bool, EnvError> {
        let root = self.file.root();
        let listed = |names: Result<Vec<String>, hdf5_pure::Error>, name: &str| {
            names.map(|names| names.iter().any(|n| n == name)).map_err(|e| self.error(damaged(e)))
        };
        let Some((folder, name)) = key.split_once('/') else {
            return listed(root.datasets(), key);
        };
        if !listed(root.groups(), folder)? {
            return Ok(false);
        }
        let folder = root.group(folder).map_err(|e| self.error(damaged(e)))?;
        listed(folder.datasets(), name)
    }

    /// An array of numbers and its row width (1 for a vector).
    fn floats(&mut self, key: &str) -> Result<(Vec<f32>, usize), EnvError> {
        let (array, shape) = self.open_array(key)?;
        let width = match shape.as_slice() {
            [_] => 1,
            [_, width] => usize::try_from(*width).unwrap_or(usize::MAX),
            other => {
                return Err(self.error(format!("`{key}` has shape {other:?}; one or two axes are expected")));
            }
        };
        match array.dtype().map_err(|e| self.error(damaged(e)))? {
            DType::F32 | DType::F64 => {}
            other => return Err(self.error(format!("`{key}` holds {other}; f32 or f64 is expected"))),
        }
        let values = array.read_f32().map_err(|e| self.error(format!("`{key}`: {}", damaged(e))))?;
        Ok((values, width))
    }

    /// A vector of flags: h5py's booleans (an enumeration over one byte) or bytes of 0 and 1.
    fn flags(&mut self, key: &str) -> Result<Vec<bool>, EnvError> {
        let (array, shape) = self.open_array(key)?;
        if !matches!(shape.as_slice(), [_] | [_, 1]) {
            return Err(self.error(format!("`{key}` has shape {shape:?}; one axis is expected")));
        }
        let kind = array.dtype().map_err(|e| self.error(damaged(e)))?;
        let one_byte = array.element_size().map_err(|e| self.error(damaged(e)))? == 1;
        if !one_byte || !matches!(kind, DType::Enum(_) | DType::I8 | DType::U8) {
            return Err(self.error(format!("`{key}` holds {kind}; booleans are expected")));
        }
        let bytes = array.read_raw().map_err(|e| self.error(format!("`{key}`: {}", damaged(e))))?;
        if let Some((row, value)) = bytes.iter().enumerate().find(|(_, b)| **b > 1) {
            return Err(self.error(format!("`{key}` holds {value} in row {row}; only 0 and 1 are flags")));
        }
        Ok(bytes.into_iter().map(|byte| byte == 1).collect())
    }

    /// Opens an array and takes the memory it will need from the budget, chunk buffers included.
    fn open_array(&mut self, key: &str) -> Result<(hdf5_pure::Dataset, Vec<u64>), EnvError> {
        if !self.has(key)? {
            return Err(self.error(format!("key `{key}` is missing; this is not a D4RL data file")));
        }
        let array = self.file.dataset(key).map_err(|e| self.error(format!("`{key}`: {}", damaged(e))))?;
        let parse = |e| self.error(format!("`{key}`: {}", damaged(e)));
        let shape = array.shape().map_err(parse)?;
        let chunk = array.chunk_shape().map_err(parse)?.unwrap_or_default();
        let element = array.element_size().map_err(parse)?.max(4);
        let bytes = |dims: &[u64]| dims.iter().try_fold(element, |n, d| n.checked_mul(*d));
        let needed = bytes(&shape).zip(bytes(&chunk)).map(|(all, one)| all.max(one));
        match needed.and_then(|needed| self.budget.checked_sub(needed)) {
            Some(left) => self.budget = left,
            None => {
                return Err(self.error(format!(
                    "`{key}` declares shape {shape:?} in chunks of {chunk:?}, more than the limit or than \
                     a file of this size can hold; raise the limit if the file is sound"
                )));
            }
        }
        Ok((array, shape))
    }

    fn error(&self, problem: String) -> EnvError {
        EnvError::Data { path: self.path.clone(), problem }
    }
}
