//! From values to a policy: gradients of the two losses that several algorithms share.
//!
//! Policies are Gaussians of deviation 1 around the network's output, as OGBench's (`const_std`): `-log pi(a|s)` is half the
//! squared distance, and a constant.

use super::batch::join;
use super::network::{Trained, Twins, mean};
use crate::PolicyError;

/// Weights of regression are cut off here, in IQL's code and in OGBench's.
const MOST_WEIGHT: f32 = 100.0;

/// Half the squared distance of each row's action from the data's, each row weighed: `mean_b w |mu - a|^2 / 2`. A step of the
/// policy down it; the loss. `A_b` are advantages, `w = min(exp(alpha A), 100)`; without any, all rows weigh 1.
pub(super) fn regress(
    actor: &mut Trained,
    input: &[f32],
    actions_ba: &[f32],
    advantages: Option<(f32, &[f32])>,
) -> Result<f32, PolicyError> {
    let mu_ba = actor.outputs(input)?;
    let width = actor.network.config().output();
    let rows = mu_ba.len() / width.max(1);
    let weight = |row: usize| match advantages {
        Some((alpha, advantage_b)) => {
            (alpha * advantage_b.get(row).copied().unwrap_or(0.0)).exp().min(MOST_WEIGHT)
        }
        None => 1.0,
    };
    let mut loss = 0.0;
    let mut gradient = Vec::with_capacity(mu_ba.len());
    for (row, (mu, a)) in mu_ba.chunks_exact(width).zip(actions_ba.chunks_exact(width)).enumerate() {
        let share = weight(row) / rows as f32;
        for (mu, a) in mu.iter().zip(a) {
            loss += 0.5 * share * (mu - a).powi(2);
            gradient.push(share * (mu - a));
        }
    }
    actor.learn(&gradient)?;
    Ok(loss)
}

/// DDPG+BC (OGBench): `-mean Q(s, mu) / mean |Q| + alpha mean |mu - a|^2 / 2`, where `Q` is the lower of two, `mu` is held
/// within its bounds, and the scale `mean |Q|` counts as a constant. A step of the policy down it; the loss.
pub(super) fn ddpg_bc(
    actor: &mut Trained,
    critics: &mut Twins,
    observations: &[&[f32]],
    actions_ba: &[f32],
    alpha: f32,
    rows: usize,
) -> Result<f32, PolicyError> {
    let n = rows as f32;
    let input = join(rows, observations);
    let mu_ba = actor.outputs(&input)?;
    let held_ba: Vec<f32> = mu_ba.iter().map(|mu| mu.clamp(-1.0, 1.0)).collect();
    let scale = |q_b: &[f32]| mean(&q_b.iter().map(|q| q.abs()).collect::<Vec<_>>()) + 1e-6;
    let width = actor.network.config().output();
    let with_action = join(rows, &[&input, &held_ba]);
    let (q_b, slope_ba) = critics.lower_and_slope(&with_action, width, |q_b| -1.0 / (n * scale(q_b)))?;
    let mut loss = -mean(&q_b) / scale(&q_b);
    let parts = mu_ba.iter().zip(actions_ba).zip(&slope_ba);
    let gradient: Vec<f32> = parts
        .map(|((mu, a), slope)| {
            loss += 0.5 * alpha * (mu - a).powi(2) / n;
            // Beyond a bound the critic is asked about the bound, which does not move.
            let inside = if mu.abs() <= 1.0 { *slope } else { 0.0 };
            inside + alpha * (mu - a) / n
        })
        .collect();
    actor.learn(&gradient)?;
    Ok(loss)
}

/// Asymmetric square (Kostrikov et al. 2022, eq. 5): `mean |tau - 1(A < 0)| u^2` for `u = y - v`. The loss, and its gradient
/// for `v`. `A` says on which side a row is; it is `u` itself unless others know better.
pub(super) fn expectile(tau: f32, advantage_b: &[f32], u_b: &[f32]) -> (f32, Vec<f32>) {
    let n = u_b.len().max(1) as f32;
    let weighed = advantage_b.iter().zip(u_b).map(|(a, u)| (if *a >= 0.0 { tau } else { 1.0 - tau }, u));
    let loss = weighed.clone().map(|(weight, u)| weight * u * u).sum::<f32>() / n;
    (loss, weighed.map(|(weight, u)| -2.0 * weight * u / n).collect())
}

/// `a - b`, row by row.
pub(super) fn difference(a_b: &[f32], b_b: &[f32]) -> Vec<f32> {
    a_b.iter().zip(b_b).map(|(a, b)| a - b).collect()
}
