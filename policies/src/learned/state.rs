//! Training that was interrupted, in one file: every network with what its optimiser remembers, and where the draws stand. What goes on
//! from it ends in the bytes of a training that was never interrupted.

use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};

use forethought_envs::differences;
use forethought_envs::files::write_whole;
use safetensors::tensor::{Dtype, SafeTensors, TensorView, serialize};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{Learner, PolicyManifest};
use crate::PolicyError;

/// Its name in a policy's folder.
const FILE: &str = "training.safetensors";
/// The one entry of its metadata, so that equal states are equal bytes.
const ENTRY: &str = "training";
/// Bytes of names, shapes and metadata at most.
const MOST_HEADER: u64 = 1 << 20;

/// Something that a step of training changes.
pub(super) enum Memory<'a> {
    Numbers(&'a mut [f32]),
    Count(&'a mut u64),
}

/// Where training stands, beside its tensors.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Standing {
    /// What is trained on what, and the steps done.
    pub manifest: PolicyManifest,
    /// Words that the generator of batches has given, and that of the learner's noise: decimals, as JSON has no such integers.
    pub draws: String,
    pub noise: String,
    /// SHA-256 (hex) of names and tensors, in the learner's order.
    pub sha256: String,
}

fn refuse(path: &Path, problem: String) -> PolicyError {
    PolicyError::Folder { path: path.to_owned(), problem }
}

/// Everything that a learner remembers, one after the other.
fn each(
    learner: &mut dyn Learner,
    visit: &mut dyn FnMut(String, Memory<'_>) -> Result<(), String>,
) -> Result<(), String> {
    for (number, trained) in learner.trained() {
        for (name, memory) in trained.memory() {
            visit(format!("{number}.{name}"), memory)?;
        }
    }
    learner.besides().into_iter().try_for_each(|(name, memory)| visit(name.to_owned(), memory))
}

impl Memory<'_> {
    fn bytes(&self) -> Vec<u8> {
        match self {
            Self::Numbers(values) => values.iter().flat_map(|value| value.to_le_bytes()).collect(),
            Self::Count(count) => count.to_le_bytes().to_vec(),
        }
    }

    fn kind(&self) -> (Dtype, usize) {
        match self {
            Self::Numbers(values) => (Dtype::F32, values.len()),
            Self::Count(_) => (Dtype::U64, 1),
        }
    }

    fn fill(&mut self, bytes: &[u8]) {
        match self {
            Self::Numbers(values) => {
                for (value, bytes) in values.iter_mut().zip(bytes.as_chunks::<4>().0) {
                    *value = f32::from_le_bytes(*bytes);
                }
            }
            Self::Count(count) => {
                if let [bytes, ..] = bytes.as_chunks::<8>().0 {
                    **count = u64::from_le_bytes(*bytes);
                }
            }
        }
    }
}

/// Writes where training stands into a folder, in place of what stood there.
pub(super) fn write(
    folder: &Path,
    learner: &mut dyn Learner,
    mut standing: Standing,
) -> Result<(), PolicyError> {
    let path = folder.join(FILE);
    let (mut parts, mut hash) = (Vec::new(), Sha256::new());
    let gathered = each(learner, &mut |name, memory| {
        let bytes = memory.bytes();
        hash.update(name.as_bytes());
        hash.update(&bytes);
        parts.push((name, memory.kind(), bytes));
        Ok(())
    });
    standing.sha256 = super::folder::digits(&hash.finalize());
    let written = gathered.and_then(|()| {
        let text = serde_json::to_string(&standing).map_err(|error| error.to_string())?;
        let view = |(name, (kind, len), bytes)| Ok((name, TensorView::new(kind, vec![len], bytes)?));
        let parts = parts.iter().map(|(name, kind, bytes)| (name.as_str(), *kind, bytes.as_slice()));
        let views = parts.map(view).collect::<Result<Vec<_>, safetensors::SafeTensorError>>();
        let metadata = Some(HashMap::from([(ENTRY.to_owned(), text)]));
        views.and_then(|views| serialize(views, metadata)).map_err(|error| error.to_string())
    });
    let bytes = written.map_err(|problem| refuse(&path, problem))?;
    write_whole(&path, &bytes).map_err(|error| refuse(&path, format!("cannot be written: {error}")))
}

/// Brings a learner to where a folder says that training stood; `None` where it says nothing.
pub(super) fn read(
    folder: &Path,
    learner: &mut dyn Learner,
    wanted: &PolicyManifest,
) -> Result<Option<Standing>, PolicyError> {
    let path = folder.join(FILE);
    let damaged = |problem: String| refuse(&path, format!("{problem}: remove it to begin anew"));
    let found = match std::fs::metadata(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        found => found.map_err(|error| damaged(error.to_string()))?,
    };
    let mut numbers = 0;
    let counted = each(learner, &mut |_, memory| {
        let (kind, len) = memory.kind();
        numbers += len as u64 * if kind == Dtype::F32 { 4 } else { 8 };
        Ok(())
    });
    counted.map_err(damaged)?;
    let most = numbers.saturating_add(MOST_HEADER);
    // Before memory is asked for.
    if !found.is_file() || found.len() > most {
        return Err(damaged(format!("it has {} bytes, this training takes {most} at most", found.len())));
    }
    let bytes = std::fs::read(&path).map_err(|error| damaged(error.to_string()))?;
    let not = |error: safetensors::SafeTensorError| damaged(format!("not a safetensors file ({error})"));
    let metadata = SafeTensors::read_metadata(&bytes).map_err(not)?.1;
    let text = metadata.metadata().as_ref().and_then(|entries| entries.get(ENTRY));
    let text = text.ok_or_else(|| damaged("it does not say what was trained".into()))?;
    let standing: Standing = serde_json::from_str(text).map_err(|error| damaged(error.to_string()))?;
    same_training(&path, &standing.manifest, wanted)?;
    let file = SafeTensors::deserialize(&bytes).map_err(not)?;
    let mut hash = Sha256::new();
    let filled = each(learner, &mut |name, mut memory| {
        let tensor = file.tensor(&name).map_err(|_| format!("tensor `{name}` is missing"))?;
        let (kind, len) = memory.kind();
        if tensor.dtype() != kind || tensor.shape() != [len] {
            return Err(format!("tensor `{name}` is {:?} {:?}", tensor.dtype(), tensor.shape()));
        }
        hash.update(name.as_bytes());
        hash.update(tensor.data());
        memory.fill(tensor.data());
        Ok(())
    });
    filled.map_err(damaged)?;
    if super::folder::digits(&hash.finalize()) != standing.sha256 {
        return Err(damaged("its SHA-256 is not the one that it says".into()));
    }
    Ok(Some(standing))
}

/// Forgets where training stood.
pub(super) fn remove(folder: &Path) -> Result<(), PolicyError> {
    let path: PathBuf = folder.join(FILE);
    match std::fs::remove_file(&path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(refuse(&path, format!("cannot be removed: {error}")))
        }
        _ => Ok(()),
    }
}

/// Refuses to go on with a training that was begun otherwise: the result would be neither. How long it is to be may change.
fn same_training(path: &Path, found: &PolicyManifest, wanted: &PolicyManifest) -> Result<(), PolicyError> {
    let mut config = found.config.clone();
    config.train.steps = wanted.config.train.steps;
    let differs = if found.policy != wanted.policy {
        format!("policy ({} then, {} now)", forethought_envs::printable(&found.policy), wanted.policy)
    } else if config != wanted.config {
        differences("settings", &config, &wanted.config)
    } else if found.environment != wanted.environment || found.layout_hash != wanted.layout_hash {
        "environment".into()
    } else if found.scaling != wanted.scaling || found.transitions != wanted.transitions {
        "data".into()
    } else {
        return Ok(());
    };
    let remedy = "repeat those to resume it, or choose another folder";
    Err(refuse(path, format!("this training was begun with other {differs}: {remedy}")))
}
