//! Policies learned from data alone: the baselines that a planner is measured against.
//!
//! | name | policy | file |
//! |---|---|---|
//! | [`BC`], [`GCBC`] | behaviour cloning, the latter towards goals in hindsight | `bc.rs` |
//! | [`TD3_BC`] | TD3+BC (Fujimoto & Gu 2021) | `td3_bc.rs` |
//! | [`IQL`] | implicit Q-learning (Kostrikov et al. 2022) | `iql.rs` |
//! | [`CQL`] | conservative Q-learning (Kumar et al. 2020) | `cql.rs` |
//! | [`DIFFUSION_QL`] | Diffusion-QL (Wang et al. 2023) | `diffusion_ql.rs`, `denoising.rs` |
//! | [`GCIVL`], [`GCIQL`] | implicit V- and Q-learning towards goals in hindsight (OGBench, Park et al. 2025) | `gcivl.rs`, `gciql.rs` |
//! | [`HIQL`] | GCIVL's values in two levels, with subgoals between them (Park et al. 2023) | `hiql.rs` |
//!
//! Not here: Diffuser (Janner et al. 2022), which is a planner: ours with all tokens at one level of noise.
//!
//! **Inputs.** Networks are shown observations, each entry scaled by the data to mean 0 and deviation 1, and of a goal the
//! entries that the task's condition speaks of, scaled alike. Actions are scaled by their bounds to `[-1, 1]`.
//!
//! **Rewards.** [`BC`] and [`GCBC`] use none. [`TD3_BC`], [`IQL`], [`CQL`] and [`DIFFUSION_QL`] use the data's own, `r(s, a)`; a row that the data call
//! terminal is worth its reward alone. [`GCIVL`], [`GCIQL`] and [`HIQL`] use none of the data's: a step costs 1, and the row whose
//! observation is the goal ends it at 0, so that `V = -(1 - gamma^d) / (1 - gamma)` for `d` steps to go.
//!
//! A [`Training`] makes a [`LearnedPolicy`], which acts, is saved to a folder and loaded from it.

mod batch;
mod bc;
mod config;
mod cql;
mod denoising;
mod diffusion_ql;
mod extraction;
mod folder;
mod gciql;
mod gcivl;
mod goals;
#[cfg(test)]
mod golden;
mod hiql;
mod iql;
mod manifest;
mod network;
mod policy;
mod state;
mod td3_bc;
#[cfg(test)]
mod tests;
mod training;
mod transitions;

pub use config::{
    CqlConfig, DiffusionQlConfig, Extraction, GcConfig, GoalSampling, HiqlConfig, IqlConfig, LearnedConfig,
    LearnedTrainConfig, Td3BcConfig,
};
pub use manifest::PolicyManifest;
pub use policy::LearnedPolicy;
pub use training::{LearnedProgress, Training};

use batch::Batch;
use network::Trained;
use rand_chacha::ChaCha8Rng;
use state::Memory;
use transitions::Sizes;

use crate::PolicyError;
use crate::perceptron::Mlp;

/// Behaviour cloning.
pub const BC: &str = "bc";
/// Behaviour cloning towards goals in hindsight.
pub const GCBC: &str = "gcbc";
/// TD3+BC.
pub const TD3_BC: &str = "td3-bc";
/// Implicit Q-learning.
pub const IQL: &str = "iql";
/// Conservative Q-learning.
pub const CQL: &str = "cql";
/// Goal-conditioned implicit V-learning.
pub const GCIVL: &str = "gcivl";
/// Goal-conditioned implicit Q-learning.
pub const GCIQL: &str = "gciql";

/// Hierarchical implicit Q-learning.
pub const HIQL: &str = "hiql";
/// Diffusion-QL.
pub const DIFFUSION_QL: &str = "diffusion-ql";

/// Every policy that can be learned, by name.
pub const LEARNED_POLICIES: [&str; 9] = [BC, GCBC, TD3_BC, IQL, CQL, DIFFUSION_QL, GCIVL, GCIQL, HIQL];

/// Whether a policy is told a goal.
pub fn has_goal(name: &str) -> bool {
    matches!(name, GCBC | GCIVL | GCIQL | HIQL)
}

/// Tables of [`LearnedConfig`] that a policy uses.
pub fn tables(name: &str) -> Vec<&'static str> {
    let own: &[&str] = match name {
        GCBC => &["goals"],
        TD3_BC => &["td3_bc"],
        IQL => &["iql"],
        CQL => &["cql"],
        DIFFUSION_QL => &["diffusion_ql"],
        GCIVL | GCIQL => &["goals", "gc"],
        HIQL => &["goals", "hiql"],
        _ => &[],
    };
    [&["train"][..], own].concat()
}

/// Losses of one step, by name.
type Losses = Vec<(&'static str, f32)>;

/// What learns a policy from batches.
trait Learner: Send {
    /// One step of every network. Losses are those before it.
    fn update(&mut self, batch: &Batch, rng: &mut ChaCha8Rng) -> Result<Losses, PolicyError>;

    /// The policy's network.
    fn actor(&self) -> &Mlp;

    /// The other networks that acting asks, by name.
    fn beside(&self) -> Vec<(&'static str, &Mlp)> {
        Vec::new()
    }

    /// What its outputs mean.
    fn head(&self) -> Head {
        Head::Mean
    }

    /// Its networks, by number: 0 the policy, then values and critics, then targets.
    fn trained(&mut self) -> Vec<(u64, &mut Trained)>;

    /// What a step changes besides, by name.
    fn besides(&mut self) -> Vec<(&'static str, Memory<'_>)> {
        Vec::new()
    }
}

/// What a policy network's outputs mean, for actions in `[-1, 1]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Head {
    /// The action, held within its bounds.
    Mean,
    /// The action's `tanh^-1`.
    Tanh,
    /// The same, and as many logarithms of deviations, which acting leaves aside.
    TanhGaussian,
    /// The noise in an action.
    Denoised,
}

impl Head {
    /// Outputs for each number of an action.
    fn outputs(self) -> usize {
        if self == Self::TanhGaussian { 2 } else { 1 }
    }
}

/// The learner of a name.
fn learner(name: &str, sizes: Sizes, config: &LearnedConfig) -> Result<Box<dyn Learner>, PolicyError> {
    Ok(match name {
        BC => Box::new(bc::Cloning::new(sizes, false, config)?),
        GCBC => Box::new(bc::Cloning::new(sizes, true, config)?),
        TD3_BC => Box::new(td3_bc::Td3Bc::new(sizes, config)?),
        IQL => Box::new(iql::Iql::new(sizes, config)?),
        CQL => Box::new(cql::Cql::new(sizes, config)?),
        GCIVL => Box::new(gcivl::Gcivl::new(sizes, config)?),
        HIQL => Box::new(hiql::Hiql::new(sizes, config)?),
        DIFFUSION_QL => Box::new(diffusion_ql::DiffusionQl::new(sizes, config)?),
        GCIQL => Box::new(gciql::Gciql::new(sizes, config)?),
        _ => return Err(unknown(name)),
    })
}

/// An error that names the nearest policy there is.
fn unknown(name: &str) -> PolicyError {
    let near = LEARNED_POLICIES.iter().map(|known| (strsim::jaro_winkler(known, name), *known));
    let best = near.max_by(|a, b| a.0.total_cmp(&b.0)).filter(|(likeness, _)| *likeness > 0.7);
    PolicyError::UnknownLearned {
        name: name.to_owned(),
        hint: best.map(|(_, known)| format!(" (did you mean `{known}`?)")).unwrap_or_default(),
        known: LEARNED_POLICIES.join(", "),
    }
}
