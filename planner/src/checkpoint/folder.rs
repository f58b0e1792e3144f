//! Saving and loading checkpoint folders.
//!
//! A save writes into a temporary folder beside the target, syncs every file and the folder, and renames it
//! into place. After a fault at any moment the folders named `step-*` are all complete; what was left under
//! a temporary name is ignored and removed by the next save.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use burn::tensor::Device;
use forethought_envs::files;
use sha2::{Digest, Sha256};

use super::manifest::{FileRecord, Manifest};
use super::state::TrainState;
use super::tensors::{self, Precision};
use super::vector::TestVector;
use super::{earlier, json};
use crate::PlannerError;
use crate::network::{Network, ParameterLayout};

const MANIFEST: &str = "manifest.json";
const MODEL: &str = "model.safetensors";
const TRAINING: &str = "training.safetensors";
const VECTOR: &str = "test_vector.json";
const TEMPORARY: &str = ".unfinished-";
/// What is removed has this name first, so that a folder with its own name is whole.
const REMOVED: &str = ".removed-";
const FINISHED: &str = "step-";
/// Stands in a manifest in place of its own digest while that is computed.
const UNSEALED: &str = "0000000000000000000000000000000000000000000000000000000000000000";
/// Largest manifest and test vector that are read: a hundred times those of the largest networks in use.
const MAX_TEXT_BYTES: u64 = 64 << 20;

/// A checkpoint ready for planning.
#[derive(Debug)]
pub struct Checkpoint {
    /// Its folder.
    pub path: PathBuf,
    /// Its manifest.
    pub manifest: Manifest,
    /// The network with the averaged weights.
    pub network: Network,
    /// Names and order of the weights.
    pub parameters: ParameterLayout,
    /// The averaged weights as one vector.
    pub weights: Vec<f32>,
    /// SHA-256 of the weights file: the checkpoint's identity in protocol records.
    pub hash: String,
}

/// Saves a training checkpoint as `folder/step-N` and removes all but the latest two.
///
/// # Errors
/// [`PlannerError::Io`] or [`PlannerError::Checkpoint`]; earlier checkpoints are untouched then.
pub fn save(
    folder: &Path,
    manifest: &Manifest,
    parameters: &ParameterLayout,
    state: &TrainState,
) -> Result<PathBuf, PlannerError> {
    let refuse = |problem| PlannerError::Checkpoint { path: folder.to_owned(), problem };
    let training = tensors::write(
        parameters,
        &[("weights.", &state.weights), ("first.", &state.first), ("second.", &state.second)],
        Precision::Single,
    )
    .map_err(refuse)?;
    let model = tensors::write(parameters, &[("", &state.average)], Precision::Single).map_err(refuse)?;
    let target = folder.join(format!("{FINISHED}{:08}", state.step));
    remove_debris(folder)?;
    // A folder of the same step is from before the resume that repeats it, and is equal: what is there already is what
    // would be written.
    if target.exists() && read_manifest(&target).is_ok() {
        return Ok(target);
    }
    if target.exists() {
        remove_folder(&target)?;
    }
    write_folder(&target, manifest, &[(MODEL, model), (TRAINING, training)])?;
    let mut finished = finished(folder)?;
    finished.truncate(finished.len().saturating_sub(2));
    for (_, old) in finished {
        remove_folder(&old)?;
    }
    Ok(target)
}

/// Removes what a killed program left half-written or half-removed.
fn remove_debris(folder: &Path) -> Result<(), PlannerError> {
    let io = |source| PlannerError::Io { path: folder.to_owned(), source };
    if !folder.is_dir() {
        return Ok(());
    }
    for entry in fs::read_dir(folder).map_err(io)? {
        let path = entry.map_err(io)?.path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if [TEMPORARY, REMOVED].iter().any(|debris| name.starts_with(debris)) && path.is_dir() {
            fs::remove_dir_all(&path).map_err(|source| PlannerError::Io { path, source })?;
        }
    }
    Ok(())
}

/// Removes a checkpoint: whole under its name, or not under it at all.
fn remove_folder(path: &Path) -> Result<(), PlannerError> {
    let io = |source| PlannerError::Io { path: path.to_owned(), source };
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let removed = path.with_file_name(format!("{REMOVED}{name}"));
    if removed.exists() {
        fs::remove_dir_all(&removed).map_err(io)?;
    }
    fs::rename(path, &removed).and_then(|()| fs::remove_dir_all(&removed)).map_err(io)
}

/// Saves only what planning needs, as folder `target`, which must not exist: the averaged weights at the precision
/// asked for, and a test vector by which a port can be verified ([`TestVector`]).
///
/// # Errors
/// [`PlannerError::Io`] or [`PlannerError::Checkpoint`]; nothing is left behind then.
pub fn save_model(
    target: &Path,
    manifest: &Manifest,
    parameters: &ParameterLayout,
    average: &[f32],
    precision: Precision,
    device: &Device,
) -> Result<(), PlannerError> {
    let refuse = |problem| PlannerError::Checkpoint { path: target.to_owned(), problem };
    if target.exists() {
        return Err(refuse("exists already: remove it first or choose another name".into()));
    }
    let model = tensors::write(parameters, &[("", average)], precision).map_err(refuse)?;
    let weights: Vec<f32> = average.iter().map(|weight| precision.round(*weight)).collect();
    let network = Network::new(&manifest.model.network, &manifest.layout, 0, device)?;
    let checkpoint = Checkpoint {
        path: target.to_owned(),
        manifest: manifest.clone(),
        network: parameters.load(network, &weights, device)?,
        parameters: parameters.clone(),
        weights,
        hash: String::new(),
    };
    let vector = TestVector::of(checkpoint, device)?.render(target)?;
    write_folder(target, manifest, &[(MODEL, model), (VECTOR, vector)])
}

/// Largest difference between a checkpoint's test vector and what this program computes, on `threads` of the CPU or, with `None`, on
/// any other device; `None` where it has none.
///
/// # Errors
/// As [`load`], and [`PlannerError::Checkpoint`] for a test vector that does not fit.
pub fn verify(path: &Path, device: &Device, threads: Option<usize>) -> Result<Option<f64>, PlannerError> {
    let checkpoint = load(path, device)?;
    if !checkpoint.manifest.files.contains_key(VECTOR) {
        return Ok(None);
    }
    let file = checkpoint.path.join(VECTOR);
    let bytes = read_checked(&file, &checkpoint.manifest, VECTOR, &|size| text_size(&file, size))?;
    let vector = TestVector::parse(&file, &bytes)?;
    vector.difference(&file, checkpoint, device, threads).map(Some)
}

/// The latest finished checkpoint under `folder`, or `None`.
///
/// # Errors
/// [`PlannerError::Io`] when the folder cannot be listed.
pub fn latest(folder: &Path) -> Result<Option<PathBuf>, PlannerError> {
    // What cannot be looked at is not the same as what is not there; nothing is below a file.
    let there = match folder.try_exists() {
        Err(error) if error.kind() == std::io::ErrorKind::NotADirectory => false,
        there => there.map_err(|source| PlannerError::Io { path: folder.to_owned(), source })?,
    };
    if !there {
        return Ok(None);
    }
    Ok(finished(folder)?.pop().map(|(_, path)| path))
}

/// Loads a checkpoint for planning. `path` is a checkpoint folder, or a training run's folder, of which the
/// latest checkpoint is taken.
///
/// # Errors
/// [`PlannerError::Checkpoint`] naming file and tensor for anything missing, corrupted, of the wrong shape,
/// not finite, or from a newer version.
pub fn load(path: &Path, device: &Device) -> Result<Checkpoint, PlannerError> {
    let path = find(path)?;
    load_found(path.clone(), device).map_err(|error| naming_the_one_before(&path, error))
}

fn load_found(path: PathBuf, device: &Device) -> Result<Checkpoint, PlannerError> {
    let manifest = read_manifest(&path)?;
    let file = path.join(MODEL);
    // Read before the network is built: what the manifest says of its size is held against the file first.
    let bytes = read_checked(&file, &manifest, MODEL, &|size| manifest.fits_file(&file, size, 1))?;
    let network = Network::new(&manifest.model.network, &manifest.layout, 0, device)?;
    let parameters = ParameterLayout::of(&network);
    let mut vectors = tensors::read(&file, &bytes, &parameters, &[""])?;
    let weights = vectors.swap_remove(0);
    let network = parameters.load(network, &weights, device)?;
    let hash = manifest.files.get(MODEL).map(|record| record.sha256.clone()).unwrap_or_default();
    Ok(Checkpoint { path, manifest, network, parameters, weights, hash })
}

/// An error about a run's latest checkpoint, with the one before it, which the run kept for this.
pub(crate) fn naming_the_one_before(latest: &Path, error: PlannerError) -> PlannerError {
    let all = latest.parent().and_then(|folder| finished(folder).ok()).unwrap_or_default();
    let before = all.iter().take_while(|(_, path)| path != latest).last();
    match (error, before) {
        (PlannerError::Checkpoint { path, problem }, Some((_, before)))
            if all.iter().any(|(_, p)| p == latest) =>
        {
            let problem = format!(
                "{problem}; the checkpoint before it is {}: move {} away to go on from there",
                before.display(),
                latest.display()
            );
            PlannerError::Checkpoint { path, problem }
        }
        (error, _) => error,
    }
}

/// Loads the training state of a checkpoint.
///
/// # Errors
/// As [`load`].
pub fn load_training(
    path: &Path,
    parameters: &ParameterLayout,
) -> Result<(Manifest, TrainState), PlannerError> {
    let manifest = read_manifest(path)?;
    let (model, training) = (path.join(MODEL), path.join(TRAINING));
    let bytes = read_checked(&model, &manifest, MODEL, &|size| manifest.fits_file(&model, size, 1))?;
    let mut average = tensors::read(&model, &bytes, parameters, &[""])?;
    let bytes = read_checked(&training, &manifest, TRAINING, &|size| manifest.fits_file(&training, size, 3))?;
    let mut rest = tensors::read(&training, &bytes, parameters, &["weights.", "first.", "second."])?;
    let mut next = || rest.drain(..1).next().unwrap_or_default();
    let state = TrainState {
        step: manifest.step,
        average: average.swap_remove(0),
        weights: next(),
        first: next(),
        second: next(),
    };
    Ok((manifest, state))
}

/// The checkpoint's folder that a path means: the path itself, or the latest checkpoint of a training run.
///
/// # Errors
/// [`PlannerError::Checkpoint`] where there is none.
pub fn find(path: &Path) -> Result<PathBuf, PlannerError> {
    if path.join(MANIFEST).is_file() {
        return Ok(path.to_owned());
    }
    for folder in [path.to_owned(), path.join("checkpoints")] {
        if let Some(found) = latest(&folder)? {
            return Ok(found);
        }
    }
    let there = path.try_exists().map_err(|source| PlannerError::Io { path: path.to_owned(), source })?;
    let problem = if there {
        format!(
            "holds no {MANIFEST} and no finished checkpoint: give a folder that `forethought train` wrote"
        )
    } else {
        "does not exist: give a folder that `forethought train` wrote".into()
    };
    Err(PlannerError::Checkpoint { path: path.to_owned(), problem })
}

/// Finished checkpoints by step, oldest first.
fn finished(folder: &Path) -> Result<Vec<(u64, PathBuf)>, PlannerError> {
    let io = |source| PlannerError::Io { path: folder.to_owned(), source };
    let mut found = Vec::new();
    if folder.is_dir() {
        for entry in fs::read_dir(folder).map_err(io)? {
            let path = entry.map_err(io)?.path();
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            let step = name.strip_prefix(FINISHED).and_then(|step| step.parse().ok());
            if let (Some(step), true) = (step, path.join(MANIFEST).is_file()) {
                found.push((step, path));
            }
        }
    }
    found.sort();
    Ok(found)
}

fn write_folder(target: &Path, manifest: &Manifest, files: &[(&str, Vec<u8>)]) -> Result<(), PlannerError> {
    let io = |path: &Path| {
        let path = path.to_owned();
        move |source| PlannerError::Io { path, source }
    };
    let parent = files::folder_of(target);
    let name = target.file_name().and_then(|name| name.to_str()).unwrap_or("checkpoint");
    let temporary = parent.join(format!("{TEMPORARY}{name}"));
    fs::create_dir_all(parent).map_err(io(parent))?;
    if temporary.exists() {
        fs::remove_dir_all(&temporary).map_err(io(&temporary))?;
    }
    fs::create_dir(&temporary).map_err(io(&temporary))?;
    let mut manifest = manifest.clone();
    manifest.files = BTreeMap::new();
    let written = (|| {
        for (name, bytes) in files {
            write_synced(&temporary.join(name), bytes)?;
            let record = FileRecord { bytes: bytes.len() as u64, sha256: hex(&Sha256::digest(bytes)) };
            manifest.files.insert((*name).to_owned(), record);
        }
        manifest.sha256 = UNSEALED.into();
        let mut text = json::to_string(&manifest).map_err(|error| PlannerError::Checkpoint {
            path: target.to_owned(),
            problem: error.to_string(),
        })?;
        text.push('\n');
        let seal = hex(&Sha256::digest(&text));
        write_synced(&temporary.join(MANIFEST), replace_last(&text, UNSEALED, &seal).as_bytes())?;
        sync_folder(&temporary)?;
        fs::rename(&temporary, target).map_err(io(target))?;
        sync_folder(parent)
    })();
    if written.is_err() {
        // The error that is reported is the one that matters; the leftover is ignored by every reader.
        let _ = fs::remove_dir_all(&temporary);
    }
    written
}

fn write_synced(path: &Path, bytes: &[u8]) -> Result<(), PlannerError> {
    let io = |source| PlannerError::Io { path: path.to_owned(), source };
    let mut file = File::create(path).map_err(io)?;
    file.write_all(bytes).and_then(|()| file.sync_all()).map_err(io)
}

fn sync_folder(path: &Path) -> Result<(), PlannerError> {
    files::sync_folder(path).map_err(|source| PlannerError::Io { path: path.to_owned(), source })
}

/// Reads and checks the manifest of a checkpoint folder.
///
/// # Errors
/// [`PlannerError::Checkpoint`] when it is missing, corrupted, edited, from another version, or describes what cannot
/// be built.
pub fn read_manifest(folder: &Path) -> Result<Manifest, PlannerError> {
    let path = folder.join(MANIFEST);
    let bytes = read_bounded(&path, &|size| text_size(&path, size))?;
    let refuse = |problem: String| PlannerError::Checkpoint { path: path.clone(), problem };
    let (first, manifest): (bool, Manifest) = serde_json::from_slice(&bytes)
        .and_then(|value| {
            let first = earlier::is_first(&value);
            Ok((first, serde_json::from_value(earlier::upgrade(value)?)?))
        })
        .map_err(|error| {
            refuse(format!(
                "unreadable ({error}): it is corrupted or from another version; restore it or train again"
            ))
        })?;
    manifest.check_format(&path)?;
    // Only the first format was ever written without a seal.
    if manifest.sha256.is_empty() && !first {
        return Err(refuse(
            "has no SHA-256 of its own, so nothing shows whether it was edited; restore it or train again"
                .into(),
        ));
    }
    let sealed = || {
        let text = std::str::from_utf8(&bytes).ok()?;
        Some(hex(&Sha256::digest(replace_last(text, &manifest.sha256, UNSEALED))) == manifest.sha256)
    };
    if !manifest.sha256.is_empty() && sealed() != Some(true) {
        return Err(refuse(
            "does not match its own SHA-256: it is corrupted or was edited; restore it or train again".into(),
        ));
    }
    manifest.check(&path)?;
    Ok(manifest)
}

/// `text` with the last occurrence of `old` replaced: a manifest's own digest is its last entry.
fn replace_last(text: &str, old: &str, new: &str) -> String {
    match text.rfind(old) {
        Some(at) => [&text[..at], new, &text[at + old.len()..]].concat(),
        None => text.to_owned(),
    }
}

/// Refuses a file of so many bytes.
type Bound<'a> = dyn Fn(u64) -> Result<(), PlannerError> + 'a;

/// Reads a file that the manifest lists, if it is the one that was listed; `bound` is asked before any of it is read.
fn read_checked(
    path: &Path,
    manifest: &Manifest,
    name: &str,
    bound: &Bound<'_>,
) -> Result<Vec<u8>, PlannerError> {
    let refuse = |problem: String| PlannerError::Checkpoint { path: path.to_owned(), problem };
    let record = manifest.files.get(name).ok_or_else(|| {
        refuse("is not listed in the manifest: this checkpoint was exported for planning only".into())
    })?;
    let bytes = read_bounded(path, &|size| {
        if size == record.bytes {
            return bound(size);
        }
        Err(refuse(format!(
            "has {size} bytes, its manifest says {}: it is truncated or replaced; restore it or train again",
            record.bytes
        )))
    })?;
    if hex(&Sha256::digest(&bytes)) != record.sha256 {
        return Err(refuse(
            "does not match the SHA-256 of its manifest: it is corrupted; restore it or train again".into(),
        ));
    }
    Ok(bytes)
}

/// Refuses text beyond any that this crate writes.
fn text_size(path: &Path, size: u64) -> Result<(), PlannerError> {
    if size <= MAX_TEXT_BYTES {
        return Ok(());
    }
    let problem = format!("has {size} bytes, at most {MAX_TEXT_BYTES} are read: restore it or train again");
    Err(PlannerError::Checkpoint { path: path.to_owned(), problem })
}

/// Reads a whole file once `bound` has agreed to its size.
fn read_bounded(path: &Path, bound: &Bound<'_>) -> Result<Vec<u8>, PlannerError> {
    let refuse = |problem: &str| PlannerError::Checkpoint { path: path.to_owned(), problem: problem.into() };
    let io = |source| PlannerError::Io { path: path.to_owned(), source };
    // Asked before it is opened: opening a pipe waits for somebody to write into it.
    let metadata = fs::metadata(path).map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => {
            refuse("is missing: restore it from a copy of the checkpoint, or train again")
        }
        _ => io(error),
    })?;
    if !metadata.is_file() {
        return Err(refuse("is no file: restore it from a copy of the checkpoint, or train again"));
    }
    let size = metadata.len();
    bound(size)?;
    let too_large = || refuse("is larger than this machine can hold: use one with more memory");
    let mut bytes = Vec::new();
    bytes.try_reserve_exact(usize::try_from(size).map_err(|_| too_large())?).map_err(|_| too_large())?;
    File::open(path).and_then(|file| file.take(size).read_to_end(&mut bytes)).map_err(io)?;
    Ok(bytes)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
