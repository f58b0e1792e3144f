//! Doubly robust estimates: fitted values, corrected by what importance sampling says of their errors.

use super::estimate::mean_of;
use super::{Bootstrap, Criterion, Estimate, FittedValues, Logged, Ratios};
use crate::PolicyError;
use crate::error::check_len;

/// Name of [`doubly_robust`].
pub const DR: &str = "DR";
/// Name of [`weighted_doubly_robust`].
pub const WDR: &str = "WDR";

/// Fitted values along the episodes, discounted, `[episodes, steps]`; 0 from where the task ended on.
struct Along {
    q: Vec<f64>,
    v: Vec<f64>,
}

impl Along {
    fn new(
        logged: &Logged,
        ratios: &Ratios,
        fitted: &FittedValues,
        criterion: &Criterion,
    ) -> Result<Self, PolicyError> {
        check_len("fitted action values", &fitted.q, logged.len())?;
        check_len("fitted state values", &fitted.v, logged.len())?;
        let (mut q, mut v) = (Vec::with_capacity(ratios.log.len()), Vec::with_capacity(ratios.log.len()));
        for episode in &logged.episodes {
            let mut discount = 1.0;
            for step in 0..ratios.steps {
                let row = Some(episode.rows.start + step).filter(|_| step < episode.rows.len());
                let at = |values: &[f64]| row.and_then(|row| values.get(row)).copied().unwrap_or(0.0);
                q.push(discount * at(&fitted.q));
                v.push(discount * at(&fitted.v));
                discount *= criterion.discount;
            }
        }
        Ok(Self { q, v })
    }
}

/// `mean_e [V(s_0) + sum_t gamma^t rho_(0:t) (r_t + gamma V(s_(t+1)) - Q(s_t, a_t))]` (Jiang & Li 2016, eq. 10): unbiased where
/// the ratios are true, whatever the values, but that these were fitted to the same data.
///
/// # Errors
/// [`PolicyError::Length`] for values of other data, [`PolicyError::NonFinite`], and those of the bootstrap.
pub fn doubly_robust(
    logged: &Logged,
    ratios: &Ratios,
    fitted: &FittedValues,
    criterion: &Criterion,
    bootstrap: &Bootstrap,
) -> Result<Estimate, PolicyError> {
    let along = Along::new(logged, ratios, fitted, criterion)?;
    let n = ratios.steps.max(1);
    let episodes = ratios.log.chunks_exact(n).zip(ratios.rewards.chunks_exact(n));
    let values: Vec<f64> = episodes
        .zip(along.q.chunks_exact(n).zip(along.v.chunks_exact(n)))
        .map(|((logs, rewards), (q, v))| {
            let next = v.iter().skip(1).copied().chain([0.0]);
            let steps = logs.iter().zip(rewards).zip(q.iter().zip(next));
            let errors = steps.map(|((log, reward), (q, next))| log.exp() * (reward + next - q));
            v.first().copied().unwrap_or(0.0) + errors.sum::<f64>()
        })
        .collect();
    Estimate::of(DR, ratios.diagnosis(), bootstrap, &mean_of(&values))
}

/// The same with the ratios of each step normalised over episodes (Thomas & Brunskill 2016, eq. 7): a little bias for much less
/// variance.
///
/// # Errors
/// As [`doubly_robust`].
pub fn weighted_doubly_robust(
    logged: &Logged,
    ratios: &Ratios,
    fitted: &FittedValues,
    criterion: &Criterion,
    bootstrap: &Bootstrap,
) -> Result<Estimate, PolicyError> {
    let along = Along::new(logged, ratios, fitted, criterion)?;
    let (n, episodes) = (ratios.steps.max(1), ratios.episodes);
    // For each step what an episode's weight multiplies: r - Q now and V of the next step.
    let column =
        |values: &[f64], step: usize| -> Vec<f64> { values.iter().skip(step).step_by(n).copied().collect() };
    let steps: Vec<(Vec<f64>, Vec<f64>)> = (0..ratios.steps)
        .map(|step| {
            let next = if step + 1 < ratios.steps { column(&along.v, step + 1) } else { vec![0.0; episodes] };
            let now = column(&ratios.rewards, step).into_iter().zip(column(&along.q, step)).zip(next);
            (ratios.scaled(step), now.map(|((reward, q), next)| reward - q + next).collect())
        })
        .collect();
    let first = column(&along.v, 0);
    let statistic = |counts: &[f64]| {
        let start = mean_of(&first)(counts);
        let rest = steps.iter().map(|(weights, errors)| {
            let each = counts.iter().zip(weights).zip(errors);
            let (sum, of) = each.fold((0.0, 0.0), |(sum, of), ((count, weight), error)| {
                (sum + count * weight * error, of + count * weight)
            });
            sum / of
        });
        start + rest.sum::<f64>()
    };
    Estimate::of(WDR, ratios.diagnosis(), bootstrap, &statistic)
}
