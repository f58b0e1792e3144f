//! Learned policies in folders: the weights, and `policy.json` with their hash, written last. A folder without it holds no policy.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use forethought_envs::EnvSpec;
use forethought_envs::files::{Unfinished, read_text, write_whole};
use sha2::{Digest, Sha256};

use super::denoising::TIME;
use super::manifest::FORMAT;
use super::{DIFFUSION_QL, HIQL, Head, LEARNED_POLICIES, LearnedPolicy, PolicyManifest};
use crate::PolicyError;
use crate::perceptron::{Mlp, read_networks, write_networks};

const MANIFEST: &str = "policy.json";
const WEIGHTS: &str = "actor.safetensors";
/// Bytes of names and shapes in a file of weights at most.
const MOST_HEADER: u64 = 1 << 16;
/// Bytes of a manifest at most.
const MOST_MANIFEST: u64 = 1 << 20;

impl LearnedPolicy {
    /// Writes it into a folder, which is made where it is not there, and must hold no policy yet.
    ///
    /// # Errors
    /// [`PolicyError::Folder`] naming the file; there is no policy in the folder then.
    pub fn save(&self, folder: &Path) -> Result<(), PolicyError> {
        self.write(folder, false)
    }

    /// As [`Self::save`], in place of the policy that the folder may hold, which is gone only when there is something to write.
    ///
    /// # Errors
    /// As there.
    pub fn replace(&self, folder: &Path) -> Result<(), PolicyError> {
        self.write(folder, true)
    }

    fn write(&self, folder: &Path, replace: bool) -> Result<(), PolicyError> {
        use std::io::Write;
        let refuse = |file: &str, problem: String| PolicyError::Folder { path: folder.join(file), problem };
        let failed =
            |file: &'static str| move |error: io::Error| refuse(file, format!("cannot be written: {error}"));
        if !replace && folder.join(MANIFEST).exists() {
            return Err(refuse(MANIFEST, "there is a policy already: choose another folder".into()));
        }
        std::fs::create_dir_all(folder).map_err(failed(""))?;
        let bytes = write_networks(&self.networks())
            .map_err(|problem| refuse(WEIGHTS, format!("{problem}: train with a smaller train.rate")))?;
        let manifest = PolicyManifest { weights_sha256: hex(&bytes), ..self.manifest.clone() };
        let text =
            serde_json::to_string_pretty(&manifest).map_err(|error| refuse(MANIFEST, error.to_string()))?;
        // Never a manifest beside the weights of another.
        if replace && folder.join(MANIFEST).exists() {
            std::fs::remove_file(folder.join(MANIFEST)).map_err(failed(MANIFEST))?;
        }
        write_whole(&folder.join(WEIGHTS), &bytes).map_err(failed(WEIGHTS))?;
        let mut file = Unfinished::begin(&folder.join(MANIFEST), false).map_err(failed(MANIFEST))?;
        file.file().write_all(text.as_bytes()).map_err(failed(MANIFEST))?;
        file.finish().map_err(failed(MANIFEST))
    }

    /// Reads one out of a folder, for an environment.
    ///
    /// # Errors
    /// [`PolicyError::Folder`] for a folder that holds none, or a damaged one, naming file, problem and remedy;
    /// [`PolicyError::Unsuitable`] for one that was trained for another environment.
    pub fn load(folder: &Path, spec: &EnvSpec) -> Result<Self, PolicyError> {
        let refuse = |file: &str, problem: String| PolicyError::Folder { path: folder.join(file), problem };
        let text = read_text(&folder.join(MANIFEST), MOST_MANIFEST).map_err(|error| {
            refuse(MANIFEST, format!("cannot be read: {error}; name a folder that `train --policy` wrote"))
        })?;
        let damaged = |problem: String| refuse(MANIFEST, format!("{problem}: restore it or train again"));
        let format =
            serde_json::from_str::<serde_json::Value>(&text).map_err(|error| damaged(error.to_string()))?;
        let format = format.get("format").and_then(serde_json::Value::as_u64);
        // Format 1 had fewer policies, and 2 did not say on which data they were trained.
        if !format.is_some_and(|format| (1..=u64::from(FORMAT)).contains(&format)) {
            let found = format.map_or("none".into(), |found| found.to_string());
            return Err(damaged(format!("its format is {found}, this program reads 1 to {FORMAT}")));
        }
        let manifest: PolicyManifest =
            serde_json::from_str(&text).map_err(|error| damaged(error.to_string()))?;
        check(&manifest).map_err(damaged)?;
        let bytes = weights(folder, &manifest)?;
        let mut actor = Mlp::zeros(&manifest.network)?;
        let mut beside = BTreeMap::new();
        for (name, network) in &manifest.beside {
            beside.insert(name.clone(), Mlp::zeros(network)?);
        }
        let mut networks = vec![("actor", &mut actor)];
        networks.extend(beside.iter_mut().map(|(name, network)| (name.as_str(), network)));
        read_networks(&bytes, &mut networks)
            .map_err(|problem| refuse(WEIGHTS, format!("{problem}: restore it or train again")))?;
        let policy = Self::new(manifest, actor, beside);
        policy.check_for(spec)?;
        Ok(policy)
    }
}

/// Bytes of the weights' file, of which the size is held against the network's before memory is asked for.
fn weights(folder: &Path, manifest: &PolicyManifest) -> Result<Vec<u8>, PolicyError> {
    let path = folder.join(WEIGHTS);
    let damaged = |problem: String| PolicyError::Folder {
        path: path.clone(),
        problem: format!("{problem}: restore it or train again"),
    };
    let found = std::fs::metadata(&path).map_err(|error| damaged(error.to_string()))?;
    let networks = [&manifest.network].into_iter().chain(manifest.beside.values());
    let numbers = networks
        .map(|network| network.parameters().unwrap_or(usize::MAX))
        .fold(0, usize::saturating_add)
        .saturating_mul(4) as u64;
    let (size, most) = (found.len(), numbers.saturating_add(MOST_HEADER));
    if !found.is_file() || size < numbers || size > most {
        return Err(damaged(format!(
            "it has {size} bytes, the network of {MANIFEST} takes {numbers} to {most}"
        )));
    }
    let bytes = std::fs::read(&path).map_err(|error| damaged(error.to_string()))?;
    match hex(&bytes) == manifest.weights_sha256 {
        true => Ok(bytes),
        false => Err(damaged(format!("its SHA-256 is not the one in {MANIFEST}"))),
    }
}

/// Refuses a manifest whose parts contradict each other.
fn check(manifest: &PolicyManifest) -> Result<(), String> {
    if !LEARNED_POLICIES.contains(&manifest.policy.as_str()) {
        let known = LEARNED_POLICIES.join(", ");
        return Err(format!(
            "its policy is `{}`, known are {known}",
            forethought_envs::printable(&manifest.policy)
        ));
    }
    let (observation, action) = (manifest.scaling.observations.width(), manifest.scaling.action_low.len());
    manifest.scaling.check([observation, action])?;
    if super::has_goal(&manifest.policy) == manifest.goal_entries.is_empty()
        || manifest.goal_entries.iter().any(|entry| *entry >= observation)
    {
        return Err("its goal entries are not those of its policy and its observations".into());
    }
    manifest.config.check(&manifest.policy).map_err(|error| error.to_string())?;
    let shown = observation + manifest.goal_entries.len();
    let (wanted, beside): ([usize; 2], Vec<(&str, [usize; 2])>) = match manifest.policy.as_str() {
        HIQL => {
            let width = manifest.config.hiql.representation;
            ([observation + width, action], vec![("high", [shown, width])])
        }
        DIFFUSION_QL => {
            let critic = [observation + action, 1];
            ([action + TIME + observation, action], vec![("critic-1", critic), ("critic-2", critic)])
        }
        _ => ([shown, action * Head::outputs(manifest.head)], Vec::new()),
    };
    if (manifest.policy == DIFFUSION_QL) != (manifest.head == Head::Denoised) {
        return Err("what its network gives is not what its policy acts by".into());
    }
    if !manifest.beside.keys().map(String::as_str).eq(beside.iter().map(|(name, _)| *name)) {
        return Err("its networks are not those of its policy".into());
    }
    let networks = [&manifest.network].into_iter().chain(manifest.beside.values());
    let wanted = [wanted].into_iter().chain(beside.iter().map(|(_, sizes)| *sizes));
    for (network, wanted) in networks.zip(wanted) {
        network.check().map_err(|error| error.to_string())?;
        let sizes = [network.input(), network.output()];
        if sizes != wanted {
            return Err(format!(
                "its network goes from {} to {} numbers, where {} and {} are needed",
                sizes[0], sizes[1], wanted[0], wanted[1]
            ));
        }
    }
    Ok(())
}

fn hex(bytes: &[u8]) -> String {
    digits(&Sha256::digest(bytes))
}

/// A hash in hexadecimal digits.
pub(super) fn digits(hash: &[u8]) -> String {
    hash.iter().map(|byte| format!("{byte:02x}")).collect()
}
