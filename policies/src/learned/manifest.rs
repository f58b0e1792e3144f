//! What a saved policy says of itself.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::transitions::Scaling;
use super::{Head, LearnedConfig};
use crate::perceptron::MlpConfig;

/// Format of saved policies; it changes whenever an older program could not read them.
pub(super) const FORMAT: u32 = 2;

/// What stands in `policy.json`, beside the weights.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PolicyManifest {
    /// Version of the format.
    pub format: u32,
    /// Version of the program that wrote it.
    pub program: String,
    /// Name of the policy, one of [`super::LEARNED_POLICIES`].
    pub policy: String,
    /// Environment that it acts in.
    pub environment: String,
    /// Hash of what an environment must agree with besides its name.
    pub layout_hash: Option<String>,
    /// Entries of an observation that goals speak of; empty without goals.
    pub goal_entries: Vec<usize>,
    /// Steps that it was trained for.
    pub steps: u64,
    /// Transitions that it was trained on.
    pub transitions: usize,
    /// Settings.
    pub config: LearnedConfig,
    /// SHA-256 (hex) of the weights' file.
    pub weights_sha256: String,
    pub(super) network: MlpConfig,
    /// Other networks that acting asks, by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) beside: BTreeMap<String, MlpConfig>,
    pub(super) head: Head,
    pub(super) scaling: Scaling,
}
