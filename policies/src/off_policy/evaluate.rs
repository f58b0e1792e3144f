//! Every method at once, for any policy.

use forethought_envs::BoxSpace;
use forethought_envs::{Policy, SharedTask};
use serde::{Deserialize, Serialize};

use super::{
    Bootstrap, Criterion, Diagnosis, Estimate, FourierConfig, FourierFeatures, LinearFqe, Logged, OfPolicy,
    Ratios, StochasticPolicy, doubly_robust, outside_share, per_decision_importance_sampling,
    weighted_doubly_robust, weighted_importance_sampling, weighted_per_decision_importance_sampling,
};
use crate::PolicyError;

/// Settings of [`evaluate`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EvaluationConfig {
    /// Features of fitted values.
    pub features: FourierConfig,
    /// Ridge of fitted values, as a share of the features' mean square: enough to keep 40 to 200 iterations from growing on
    /// noise.
    pub ridge: f64,
    /// Actions of the policy for each row: 2, as more change estimates by less than a tenth of their standard error.
    pub samples: usize,
    /// Intervals.
    pub bootstrap: Bootstrap,
    /// Seed of sampled actions.
    pub seed: u64,
}

impl Default for EvaluationConfig {
    fn default() -> Self {
        let (features, bootstrap) = (FourierConfig::default(), Bootstrap::default());
        Self { features, ridge: 1e-5, samples: 2, bootstrap, seed: 0 }
    }
}

/// What `target` is worth from the data's first states on, by fitted Q evaluation, and, where the policy has a density, by
/// importance sampling and doubly robust estimates as well. `behaviour` is what acted in the data: known, or of
/// [`super::fit_behaviour`]. `space` is the environment's action space, which actions are clipped to.
///
/// Methods whose ratios overflow or leave no episode any weight have no value and are left out.
///
/// # Errors
/// Those of the parts; see [`Ratios::new`] for episodes that were cut.
pub fn evaluate(
    logged: &Logged,
    space: &BoxSpace,
    behaviour: &mut dyn StochasticPolicy,
    target: &mut dyn StochasticPolicy,
    criterion: &Criterion,
    config: &EvaluationConfig,
) -> Result<Vec<Estimate>, PolicyError> {
    let features = FourierFeatures::fit(logged, space, &config.features)?;
    let fqe = LinearFqe::new(logged, &features, config.ridge)?;
    let actions = logged.sample_actions(target, config.samples, config.seed)?;
    let fit = fqe.evaluate(&actions, config.samples, criterion)?;
    let bootstrap = &config.bootstrap;
    let mut estimates = vec![fqe.estimate(&fit, bootstrap)?];
    let densities =
        (logged.log_densities(target, config.seed)?, logged.log_densities(behaviour, config.seed)?);
    if let (Some(of_target), Some(of_behaviour)) = &densities {
        let ratios = Ratios::new(logged, of_target, of_behaviour, criterion)?;
        for estimate in [
            weighted_importance_sampling(&ratios, bootstrap),
            per_decision_importance_sampling(&ratios, bootstrap),
            weighted_per_decision_importance_sampling(&ratios, bootstrap),
            doubly_robust(logged, &ratios, &fit.values, criterion, bootstrap),
            weighted_doubly_robust(logged, &ratios, &fit.values, criterion, bootstrap),
        ] {
            match estimate {
                // Ratios of a policy unlike all data leave nothing to average; what is left says that it is not in the data.
                Err(PolicyError::NonFinite { .. }) => {}
                other => estimates.push(other?),
            }
        }
    }
    let outside = outside_share(logged, behaviour, &actions, config.samples)?;
    for estimate in &mut estimates {
        estimate.diagnosis = Diagnosis { outside_share: outside, ..estimate.diagnosis };
    }
    Ok(estimates)
}

/// The same for any [`Policy`] of an environment, by fitted Q evaluation alone: these tell no densities.
///
/// # Errors
/// As [`evaluate`].
pub fn evaluate_policy(
    logged: &Logged,
    space: &BoxSpace,
    behaviour: &mut dyn StochasticPolicy,
    (policy, task): (Box<dyn Policy>, &SharedTask),
    criterion: &Criterion,
    config: &EvaluationConfig,
) -> Result<Estimate, PolicyError> {
    let mut target = OfPolicy::new(policy, task.clone());
    let estimates = evaluate(logged, space, behaviour, &mut target, criterion, config)?;
    estimates.into_iter().next().ok_or_else(|| PolicyError::Setting {
        name: "estimates",
        value: "none".into(),
        remedy: "give data of at least one episode".into(),
    })
}
