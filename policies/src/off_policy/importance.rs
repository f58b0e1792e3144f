//! Importance sampling: returns of the data, weighed by how much more the policy would have done what was done.

use super::estimate::mean_of;
use super::{Bootstrap, Estimate, Ratios};
use crate::PolicyError;

/// Name of [`weighted_importance_sampling`].
pub const WIS: &str = "WIS";
/// Name of [`per_decision_importance_sampling`].
pub const PDIS: &str = "PDIS";
/// Name of [`weighted_per_decision_importance_sampling`].
pub const WPDIS: &str = "WPDIS";

/// `sum_e rho_e G_e / sum_e rho_e`, with the ratios of whole episodes (weighted, or self-normalised, importance sampling;
/// Precup, Sutton & Singh 2000, eq. 5). Its bias vanishes with more episodes.
///
/// # Errors
/// [`PolicyError::NonFinite`] where no episode can have been the policy's, and those of the bootstrap.
pub fn weighted_importance_sampling(ratios: &Ratios, bootstrap: &Bootstrap) -> Result<Estimate, PolicyError> {
    let weights = ratios.scaled(ratios.steps.saturating_sub(1));
    let returns = ratios.returns();
    let statistic = |counts: &[f64]| {
        let each = counts.iter().zip(&weights).zip(&returns);
        let (sum, of) = each.fold((0.0, 0.0), |(sum, of), ((count, weight), value)| {
            (sum + count * weight * value, of + count * weight)
        });
        sum / of
    };
    Estimate::of(WIS, ratios.diagnosis(), bootstrap, &statistic)
}

/// `mean_e sum_t gamma^t rho_(0:t) r_t`: each reward is weighed by the decisions before it alone (Precup, Sutton & Singh 2000,
/// eq. 7). Unbiased, and as uneven as the ratios are.
///
/// # Errors
/// As [`weighted_importance_sampling`].
pub fn per_decision_importance_sampling(
    ratios: &Ratios,
    bootstrap: &Bootstrap,
) -> Result<Estimate, PolicyError> {
    let steps = ratios.log.iter().zip(&ratios.rewards).map(|(log, reward)| log.exp() * reward);
    let steps: Vec<f64> = steps.collect();
    let values: Vec<f64> = steps.chunks_exact(ratios.steps.max(1)).map(|steps| steps.iter().sum()).collect();
    Estimate::of(PDIS, ratios.diagnosis(), bootstrap, &mean_of(&values))
}

/// `sum_t gamma^t sum_e rho_(0:t) r_t / sum_e rho_(0:t)`: the same with the ratios of each step normalised (Precup, Sutton &
/// Singh 2000, sec. 3; "consistent weighted per-decision", Thomas 2015).
///
/// # Errors
/// As [`weighted_importance_sampling`].
pub fn weighted_per_decision_importance_sampling(
    ratios: &Ratios,
    bootstrap: &Bootstrap,
) -> Result<Estimate, PolicyError> {
    let weights: Vec<Vec<f64>> = (0..ratios.steps).map(|step| ratios.scaled(step)).collect();
    let statistic = |counts: &[f64]| {
        weights
            .iter()
            .enumerate()
            .map(|(step, weights)| {
                let rewards = ratios.rewards.iter().skip(step).step_by(ratios.steps.max(1));
                let each = counts.iter().zip(weights).zip(rewards);
                let (sum, of) = each.fold((0.0, 0.0), |(sum, of), ((count, weight), reward)| {
                    (sum + count * weight * reward, of + count * weight)
                });
                sum / of
            })
            .sum()
    };
    Estimate::of(WPDIS, ratios.diagnosis(), bootstrap, &statistic)
}
