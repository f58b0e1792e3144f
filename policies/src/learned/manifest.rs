//! What a saved policy says of itself.

use std::collections::BTreeMap;

use forethought_envs::{differences, printable};
use serde::{Deserialize, Serialize};

use super::transitions::Scaling;
use super::{Head, LearnedConfig};
use crate::perceptron::MlpConfig;

/// Format of saved policies; it changes whenever an older program could not read them.
pub(super) const FORMAT: u32 = 3;

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
    /// SHA-256 (hex) of these transitions, as they are learnt from; empty in earlier formats.
    #[serde(default)]
    pub data_sha256: String,
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

impl PolicyManifest {
    /// In what another training differs from this one, in words; empty where it is the same. How long either is to be, and how often it is
    /// written down, does not count.
    pub(super) fn differs(&self, other: &Self) -> String {
        let mut config = other.config.clone();
        (config.train.steps, config.train.checkpoint_every) =
            (self.config.train.steps, self.config.train.checkpoint_every);
        let named =
            |what: &str, own: &str, others: &str| format!("{what} ({} then, {others} now)", printable(own));
        if self.policy != other.policy {
            named("policy", &self.policy, &other.policy)
        } else if self.environment != other.environment || self.layout_hash != other.layout_hash {
            named("environment", &self.environment, &other.environment)
        } else if self.config != config {
            let differ = differences("settings", &self.config, &config);
            if differ.is_empty() { "settings".into() } else { differ }
        } else if self.data_sha256 != other.data_sha256 || self.scaling != other.scaling {
            "data".into()
        } else {
            String::new()
        }
    }
}
