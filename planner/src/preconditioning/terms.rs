//! What the levels of a token make of its slots.

use super::{Preconditioning, before};
use crate::layout::{FIRST_CHUNK, Half};
use crate::noise::Target;

/// Error that trained networks leave at the end of a block, as a share of what linear dynamics leave open: how an estimate
/// is weighed against the noisy frame itself, which is the better one where it is nearly clean.
const LEFT_BY_NETWORKS: f64 = 0.1;

/// What a combination of levels makes of a token.
#[derive(Clone, Debug, Default)]
pub(crate) struct Terms {
    /// Without dynamics `x0 = on_x x + scale answer`, `[D]`; of what dynamics speak of, `x0 = m + scale answer`.
    pub(super) on_x: Vec<f64>,
    pub(super) scale: Vec<f64>,
    /// What the noisy token says of itself beside its prior: `guess_on_x x + guess_on_prior m`, `[D]`.
    pub(super) guess_on_x: Vec<f64>,
    pub(super) guess_on_prior: Vec<f64>,
    /// What stands for the observation before, per unit of the noisy one, `[O]`; empty where nothing is before.
    pub(super) before: Vec<f64>,
    /// Of each block: transition `[O, O]`, effect per unit of the noisy action `[O, A]`, drift `[O]`.
    pub(super) steps: Vec<f64>,
    /// Of the end of each block: what stands for it, per unit of the noisy frame and of its estimate, `[blocks, O, 2]`.
    pub(super) ends: Vec<[f64; 2]>,
}

impl Terms {
    /// What a unit of each answer adds to the clean estimate of its slot, `[D]`.
    pub fn scale(&self) -> &[f64] {
        &self.scale
    }
}

impl Preconditioning {
    /// Appends what a network is told of the levels of token `t` of a sequence, `[L]`: those of its parts, and with blocks
    /// that with which the token before ends.
    pub(crate) fn tell(&self, t: usize, level_tp: &[u16], told: &mut Vec<u16>) {
        let count = self.layout.parts();
        told.extend_from_slice(&level_tp[t * count..(t + 1) * count]);
        if self.layout.level_blocks > 0 {
            let before = before(t).map(|before| level_tp[before * count + self.layout.last_part()]);
            told.push(before.unwrap_or(self.schedule.levels() as u16));
        }
    }

    /// What levels, as [`Self::tell`] gives them, make of token `t`.
    pub(crate) fn terms(&self, t: usize, told: &[u16], terms: &mut Terms) {
        let (layout, width) = (&self.layout, self.layout.width());
        for of in [&mut terms.on_x, &mut terms.scale, &mut terms.guess_on_x, &mut terms.guess_on_prior] {
            of.clear();
            of.resize(width, 0.0);
        }
        for (slot, &part) in self.part_of_slots.iter().enumerate() {
            let (signal, noise) = self.powers(told[part]);
            (terms.on_x[slot], terms.scale[slot]) = self.target.to_x0(signal);
            let entry = (slot % layout.frame()).checked_sub(layout.action);
            let spread =
                self.dynamics.as_ref().zip(entry).and_then(|(of, entry)| of.spread.get(entry).copied());
            (terms.guess_on_x[slot], _) = beside(spread.unwrap_or(1.0), signal, noise);
        }
        terms.before.clear();
        terms.steps.clear();
        terms.ends.clear();
        let Some(dynamics) = self.dynamics.as_ref().filter(|_| t >= FIRST_CHUNK) else { return };
        let o = layout.observation;
        // The observation before, were it alone in the world.
        let (signal, noise) = self.powers(told.last().copied().unwrap_or_default());
        let mut open = vec![0.0; o];
        for (open, spread) in open.iter_mut().zip(&dynamics.spread) {
            let (on_x, left) = beside(*spread, signal, noise);
            terms.before.push(on_x);
            *open = left;
        }
        for block in 0..layout.level_blocks {
            let decided = self.powers(told[layout.part(block, Half::Action)]).0;
            let (signal, noise) = self.powers(told[layout.part(block, Half::Outcome)]);
            let mix = |known: &[f64], passive: &[f64], into: &mut Vec<f64>| {
                into.extend(known.iter().zip(passive).map(|(x, y)| decided * x + (1.0 - decided) * y));
            };
            mix(&dynamics.transition, &dynamics.passive_transition, &mut terms.steps);
            terms.steps.extend(dynamics.effect.iter().map(|effect| decided.sqrt() * effect));
            mix(&dynamics.drift, &dynamics.passive_drift, &mut terms.steps);
            // An estimate stands for the block before; before the first one stands the present as it is shown.
            let first = t == FIRST_CHUNK && block == 0;
            let mut left = vec![0.0; o];
            // What forgetting the block before leaves open.
            let forgotten: Vec<f64> = (0..o)
                .map(|i| (1.0 - kept(dynamics.spread[i], open[i])).powi(2) * dynamics.spread[i])
                .collect();
            let frames = layout.frames_of(block);
            for i in 0..frames.len() * o {
                let pass = |open: &[f64]| -> f64 {
                    self.spreading[i * o..(i + 1) * o]
                        .iter()
                        .zip(open)
                        .map(|(spreading, open)| spreading * open)
                        .sum()
                };
                let passed = pass(&open);
                let strays = decided * dynamics.variance[i] + (1.0 - decided) * dynamics.passive_variance[i];
                let slot = layout.observation_at(frames.start + i / o) + i % o;
                if self.target == Target::Residual {
                    let variance = strays + if first { passed } else { pass(&forgotten) };
                    (terms.on_x[slot], terms.scale[slot]) = (0.0, variance.sqrt());
                    if i / o + 1 == frames.len() {
                        let error = LEFT_BY_NETWORKS.powi(2) * variance;
                        let (on_x, on_estimate) = (signal.sqrt() * error, noise);
                        let whole = (signal * error + noise).max(f64::MIN_POSITIVE);
                        let kept =
                            kept(dynamics.spread[i % o], beside(strays + passed, signal, noise).1) / whole;
                        terms.ends.push([kept * on_x, kept * on_estimate]);
                    }
                }
                let (on_x, open) = beside(strays + passed, signal, noise);
                terms.guess_on_x[slot] = on_x;
                terms.guess_on_prior[slot] = 1.0 - signal.sqrt() * on_x;
                left[i % o] = open;
            }
            open = left;
        }
    }
}

/// What a noisy number says beside a prior of mean zero and this variance: the posterior mean per unit of it, and the
/// posterior variance.
fn beside(variance: f64, signal: f64, noise: f64) -> (f64, f64) {
    let whole = signal * variance + noise;
    (signal.sqrt() * variance / whole, variance * noise / whole)
}

/// Share of the estimate of the block before that a block begins from, half of it where the levels leave half of the data's
/// `spread` open. Where they tell it all, blocks meet. Where they tell nothing, the network had better say where a block is
/// than how far from the one before: errors of the latter add up over a plan, and its end misses the goal.
fn kept(spread: f64, open: f64) -> f64 {
    1.0 / (1.0 + (2.0 * open / spread).powi(2))
}
