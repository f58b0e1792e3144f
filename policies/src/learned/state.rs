//! Training that was interrupted, in one file: every network with what its optimiser remembers, and where the draws stand. What goes on
//! from it ends in the bytes of a training that was never interrupted.

use std::collections::HashMap;
use std::io::{self, Read};
use std::path::Path;

use forethought_envs::files::write_whole;
use forethought_envs::printable;
use safetensors::tensor::{Dtype, SafeTensors};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::folder::digits;
use super::{Learner, PolicyManifest};
use crate::PolicyError;
use crate::perceptron::serialized;

/// Its name in a policy's folder.
const FILE: &str = "training.safetensors";
/// The one entry of its metadata, so that equal states are equal bytes.
const ENTRY: &str = "training";
/// Bytes of names, shapes and metadata at most.
const MOST_HEADER: u64 = 1 << 20;
/// Tells how to begin anew where there is nothing to go on from.
const ANEW: &str = "restore it, name another folder, or remove this one to begin anew";

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
    /// SHA-256 (hex) of the rest of this, then of names and tensors in the learner's order.
    pub sha256: String,
}

impl Standing {
    /// A hash to which names and tensors are to be added.
    fn hash(&self) -> Result<Sha256, String> {
        let unsealed = Self { sha256: String::new(), ..self.clone() };
        let text = serde_json::to_vec(&unsealed).map_err(|error| error.to_string())?;
        Ok(Sha256::new_with_prefix(text))
    }
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
pub(super) fn write(folder: &Path, learner: &mut dyn Learner, standing: Standing) -> Result<(), PolicyError> {
    let path = folder.join(FILE);
    let bytes =
        bytes(learner, standing).map_err(|problem| refuse(&path, format!("cannot be written: {problem}")))?;
    std::fs::create_dir_all(folder)
        .and_then(|()| write_whole(&path, &bytes))
        .map_err(|error| refuse(&path, format!("cannot be written: {error}")))
}

fn bytes(learner: &mut dyn Learner, mut standing: Standing) -> Result<Vec<u8>, String> {
    let (mut parts, mut hash) = (Vec::new(), standing.hash()?);
    each(learner, &mut |name, memory| {
        if let Memory::Numbers(values) = &memory
            && values.iter().any(|value| !value.is_finite())
        {
            return Err(format!("tensor `{name}` is not finite: train with a smaller train.rate"));
        }
        let bytes = memory.bytes();
        hash.update(name.as_bytes());
        hash.update(&bytes);
        let (kind, len) = memory.kind();
        parts.push((name, kind, vec![len], bytes));
        Ok(())
    })?;
    standing.sha256 = digits(&hash.finalize());
    let text = serde_json::to_string(&standing).map_err(|error| error.to_string())?;
    serialized(&parts, Some(HashMap::from([(ENTRY.to_owned(), text)])))
}

/// What a file says of itself at its beginning, which is read alone: what follows may be of any size.
fn standing(
    file: &mut std::fs::File,
    damaged: &dyn Fn(String) -> PolicyError,
) -> Result<Standing, PolicyError> {
    let mut length = [0; 8];
    file.read_exact(&mut length).map_err(|_| damaged("it is cut off".into()))?;
    let length = u64::from_le_bytes(length);
    if length > MOST_HEADER {
        return Err(damaged("not a safetensors file of a training".into()));
    }
    let mut header = Vec::new();
    file.take(length).read_to_end(&mut header).map_err(|error| damaged(error.to_string()))?;
    let header: serde_json::Value =
        serde_json::from_slice(&header).map_err(|_| damaged("not a safetensors file".into()))?;
    let text =
        header.get("__metadata__").and_then(|entries| entries.get(ENTRY)).and_then(|text| text.as_str());
    let text = text.ok_or_else(|| damaged("it does not say what was trained".into()))?;
    serde_json::from_str(text).map_err(|error| damaged(error.to_string()))
}

/// Brings a learner to where a folder says that training stood; `None` where it says nothing.
pub(super) fn read(
    folder: &Path,
    learner: &mut dyn Learner,
    wanted: &PolicyManifest,
) -> Result<Option<Standing>, PolicyError> {
    let path = folder.join(FILE);
    let unread = |error: io::Error| refuse(&path, format!("cannot be read: {error}"));
    let damaged = |problem: String| refuse(&path, format!("{problem}: {ANEW}"));
    let mut file = match std::fs::File::open(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        file => file.map_err(unread)?,
    };
    if !file.metadata().map_err(unread)?.is_file() {
        return Err(damaged("it is no file".into()));
    }
    let standing = standing(&mut file, &damaged)?;
    fits(&path, &standing.manifest, wanted)?;
    let mut numbers = 0;
    let counted = each(learner, &mut |_, memory| {
        let (kind, len) = memory.kind();
        numbers += len as u64 * if kind == Dtype::F32 { 4 } else { 8 };
        Ok(())
    });
    counted.map_err(damaged)?;
    let (found, most) = (file.metadata().map_err(unread)?.len(), numbers.saturating_add(MOST_HEADER));
    // Before memory is asked for.
    if found > most {
        return Err(damaged(format!("it has {found} bytes, this training takes {most} at most")));
    }
    let bytes = std::fs::read(&path).map_err(unread)?;
    let file = SafeTensors::deserialize(&bytes)
        .map_err(|error| damaged(format!("not a safetensors file ({error})")))?;
    let mut hash = standing.hash().map_err(damaged)?;
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
    if digits(&hash.finalize()) != standing.sha256 {
        return Err(damaged("its SHA-256 is not the one that it says".into()));
    }
    Ok(Some(standing))
}

/// Words that a generator has given.
pub(super) fn words(folder: &Path, text: &str) -> Result<u128, PolicyError> {
    text.parse()
        .map_err(|_| refuse(&folder.join(FILE), format!("draws stand at `{}`: {ANEW}", printable(text))))
}

/// Forgets where training stood.
pub(super) fn remove(folder: &Path) -> Result<(), PolicyError> {
    let path = folder.join(FILE);
    match std::fs::remove_file(&path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(refuse(&path, format!("cannot be removed: {error}")))
        }
        _ => Ok(()),
    }
}

/// Refuses to go on with a training that was begun otherwise: the result would be neither.
fn fits(path: &Path, found: &PolicyManifest, wanted: &PolicyManifest) -> Result<(), PolicyError> {
    let steps = wanted.config.train.steps;
    let differs = found.differs(wanted);
    // Another version may compute another step.
    let problem = if (found.format, &found.program) != (wanted.format, &wanted.program) {
        format!("version {} of the program wrote it, this is {}", printable(&found.program), wanted.program)
    } else if !differs.is_empty() {
        format!("this training was begun with other {differs}")
    } else if found.steps > steps {
        format!("{} steps are done, and {steps} are asked for", found.steps)
    } else {
        return Ok(());
    };
    Err(refuse(path, format!("{problem}: repeat the command that it is of to go on, or name another folder")))
}
