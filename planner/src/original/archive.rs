//! Files of `torch.save`: a zip archive of one pickle, and of one file of numbers for each storage that it names.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

use half::{bf16, f16};
use zip::{CompressionMethod, ZipArchive};

use super::pickle::{Pickle, Tensor, Value};
use crate::PlannerError;

/// Largest pickle that is read: five times that of the largest network that is built. What is made of it takes a hundred
/// times as much at most.
const MAX_PICKLE: u64 = 2 << 20;
/// Largest tensor that is read, in numbers: those of the widest layer that is built.
const MAX_NUMBERS: usize = 1 << 26;

/// A file of `torch.save`, open.
pub(super) struct Archive {
    path: PathBuf,
    zip: ZipArchive<File>,
    /// Folder of its entries.
    root: String,
    pickle: Pickle,
}

impl Archive {
    /// Opens a file and reads its pickle.
    ///
    /// # Errors
    /// [`PlannerError::Checkpoint`] for what PyTorch did not write, [`PlannerError::Io`].
    pub fn open(path: &Path) -> Result<Self, PlannerError> {
        let refuse = |problem: String| PlannerError::Checkpoint { path: path.to_owned(), problem };
        let io = |source| PlannerError::Io { path: path.to_owned(), source };
        // Asked before it is opened: opening a pipe waits for somebody to write into it.
        if !fs::metadata(path).map_err(io)?.is_file() {
            return Err(refuse("is no file: name the .ckpt file itself".into()));
        }
        let mut zip = ZipArchive::new(File::open(path).map_err(io)?).map_err(|error| {
            refuse(format!(
                "is no archive of PyTorch's ({error}): if it is from before PyTorch 1.6, load it there and save it again"
            ))
        })?;
        let ending = "/data.pkl";
        let names = zip.file_names().flatten();
        let name = names.map(|name| name.into_owned()).find(|name| name.ends_with(ending));
        let Some(name) = name else {
            return Err(refuse("holds no `data.pkl`: name a file that `torch.save` wrote".into()));
        };
        let bytes = entry(&mut zip, &name, MAX_PICKLE).map_err(refuse)?;
        let pickle = Pickle::parse(&bytes).map_err(refuse)?;
        let root = name[..name.len() - ending.len()].to_owned();
        if let Ok(order) = entry(&mut zip, &format!("{root}/byteorder"), 16)
            && order != b"little"
        {
            return Err(refuse(
                "was written on a big-endian machine: load it there and save it on another".into(),
            ));
        }
        Ok(Self { path: path.to_owned(), zip, root, pickle })
    }

    /// Every named tensor of its `state_dict`, or of itself where it has none.
    pub fn tensors(&self) -> BTreeMap<String, Tensor> {
        let root = self.pickle.root();
        let state = self.pickle.entry(root, "state_dict").unwrap_or(root);
        let tensor = |(name, value): (&str, &Value)| match value {
            Value::Tensor(tensor) => Some((name.to_owned(), (**tensor).clone())),
            _ => None,
        };
        self.pickle.entries(state).filter_map(tensor).collect()
    }

    /// A whole number that stands at the top, such as `global_step`.
    pub fn number(&self, name: &str) -> Option<u64> {
        match self.pickle.entry(self.pickle.root(), name)? {
            Value::Int(value) => u64::try_from(*value).ok(),
            _ => None,
        }
    }

    /// The numbers of a tensor, row by row.
    ///
    /// # Errors
    /// [`PlannerError::Checkpoint`] naming the tensor.
    pub fn read(&mut self, name: &str, tensor: &Tensor) -> Result<Vec<f32>, PlannerError> {
        self.values(tensor).map_err(|problem| PlannerError::Checkpoint {
            path: self.path.clone(),
            problem: format!("tensor `{name}` {problem}"),
        })
    }

    fn values(&mut self, tensor: &Tensor) -> Result<Vec<f32>, String> {
        let Tensor { storage, offset, shape, stride } = tensor;
        let count = shape.iter().try_fold(1_usize, |product, n| product.checked_mul(*n));
        let count = count.filter(|count| *count <= MAX_NUMBERS);
        let (Some(count), true) = (count, shape.len() == stride.len()) else {
            return Err(format!("has the shape {shape:?} and strides {stride:?}, which no weights have"));
        };
        let (bytes, read): (_, fn(&[u8]) -> f32) = match storage.kind.as_str() {
            "torch FloatStorage" => (4, |b| b.try_into().map_or(f32::NAN, f32::from_le_bytes)),
            "torch DoubleStorage" => (8, |b| b.try_into().map_or(f32::NAN, |b| f64::from_le_bytes(b) as f32)),
            "torch HalfStorage" => (2, |b| b.try_into().map_or(f32::NAN, |b| f16::from_le_bytes(b).to_f32())),
            "torch BFloat16Storage" => {
                (2, |b| b.try_into().map_or(f32::NAN, |b| bf16::from_le_bytes(b).to_f32()))
            }
            other => return Err(format!("holds `{other}`: only floating-point numbers are read")),
        };
        let name = format!("{}/data/{}", self.root, storage.key);
        let numbers = entry(&mut self.zip, &name, (MAX_NUMBERS * 8) as u64)?;
        // Numbers that are named more than once would be more than the file holds.
        if count > numbers.len() / bytes {
            return Err("is larger than its storage: the file is damaged".into());
        }
        let mut values = Vec::with_capacity(count);
        for i in 0..count {
            // Where number `i` of the tensor lies in its storage.
            let (mut rest, mut at) = (i, Some(*offset));
            for (n, stride) in shape.iter().zip(stride).rev() {
                at = at.and_then(|at| at.checked_add((rest % n).checked_mul(*stride)?));
                rest /= n;
            }
            let from = at.and_then(|at| at.checked_mul(bytes));
            let bytes = from.and_then(|from| numbers.get(from..from.checked_add(bytes)?));
            let value = bytes.map(read).ok_or("leaves its storage: the file is damaged")?;
            if !value.is_finite() {
                return Err(format!("holds {value} at entry {i}: this training run diverged"));
            }
            values.push(value);
        }
        Ok(values)
    }
}

/// A whole entry of an archive, which is stored as it is: memory is then bounded by the file's own size.
fn entry(zip: &mut ZipArchive<File>, name: &str, most: u64) -> Result<Vec<u8>, String> {
    let mut file = zip.by_name(name).map_err(|error| format!("has no readable `{name}` ({error})"))?;
    if file.compression() != CompressionMethod::Stored {
        return Err(format!("has a compressed `{name}`, which PyTorch never writes"));
    }
    let size = file.size();
    if size > most || file.compressed_size() != size {
        return Err(format!("says that `{name}` has {size} bytes: at most {most} are read"));
    }
    let mut bytes = Vec::new();
    file.by_ref()
        .take(size)
        .read_to_end(&mut bytes)
        .map_err(|error| format!("has a damaged `{name}` ({error})"))?;
    Ok(bytes)
}
