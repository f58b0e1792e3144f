//! What the levels of a token make of its slots.

use super::{Preconditioning, before};
use crate::layout::{FIRST_CHUNK, Half};
use crate::noise::Target;

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
        let (mut open, mut loose) = (vec![0.0; o], vec![0.0; o]);
        for (i, spread) in dynamics.spread.iter().enumerate() {
            let (on_x, left) = beside(*spread, signal, noise);
            terms.before.push(on_x);
            open[i] = left;
            let strays = dynamics.passive_variance[dynamics.passive_variance.len() - o + i];
            loose[i] = Carried::new(*spread, left, left, strays).loose;
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
            // The first block hangs on the present as it is shown, all others on estimates.
            let first = t == FIRST_CHUNK && block == 0;
            let mut left = vec![0.0; o];
            let frames = layout.frames_of(block);
            let strays =
                |i: usize| decided * dynamics.variance[i] + (1.0 - decided) * dynamics.passive_variance[i];
            for i in 0..frames.len() * o {
                let spreading = &self.spreading[i * o..(i + 1) * o];
                let pass = |open: &[f64]| spreading.iter().zip(open).map(|(on, open)| on * open).sum::<f64>();
                let passed = pass(&open);
                let slot = layout.observation_at(frames.start + i / o) + i % o;
                let (on_x, left_open) = beside(strays(i) + passed, signal, noise);
                terms.guess_on_x[slot] = on_x;
                terms.guess_on_prior[slot] = 1.0 - signal.sqrt() * on_x;
                // The last frame's stays.
                left[i % o] = left_open;
                if self.target == Target::Residual {
                    let variance = strays(i) + if first { passed } else { pass(&loose) };
                    (terms.on_x[slot], terms.scale[slot]) = (0.0, variance.sqrt());
                }
            }
            open = left;
            let end = (frames.len() - 1) * o;
            for (i, &spread) in dynamics.spread.iter().enumerate() {
                let (on_x, alone) = beside(spread, signal, noise);
                let carried = Carried::new(spread, open[i], alone, strays(end + i));
                terms.ends.push([carried.noisy * on_x, carried.estimate]);
                loose[i] = carried.loose;
            }
        }
    }
}

/// What a noisy number says beside a prior of mean zero and this variance: the posterior mean per unit of it, and the
/// posterior variance.
fn beside(variance: f64, signal: f64, noise: f64) -> (f64, f64) {
    let whole = signal * variance + noise;
    (signal.sqrt() * variance / whole, variance * noise / whole)
}

/// What of a block's end the next block begins from.
///
/// Was all of the estimate carried, blocks would meet, and errors add up over a plan until its end misses the goal. Errors
/// of an estimate, of the size of what linear dynamics leave open over a block (`strays`), are weighed against what noise
/// leaves `alone`: a nearly clean end needs no estimate. And where levels leave much of the data's `spread` `open`, the
/// network had better say where a block is than how far from the one before: half is carried where half is open.
struct Carried {
    /// Share of the estimate.
    estimate: f64,
    /// Share of what the noisy end says of itself.
    noisy: f64,
    /// Variance of what these leave to the network.
    loose: f64,
}

impl Carried {
    fn new(spread: f64, open: f64, alone: f64, strays: f64) -> Self {
        let kept = 1.0 / (1.0 + (2.0 * open / spread).powi(2));
        let trusted = alone.sqrt() / (alone.sqrt() + strays.sqrt());
        let (estimate, noisy) = (kept * trusted, kept * (1.0 - trusted));
        Self { estimate, noisy, loose: (1.0 - kept).powi(2) * spread + noisy.powi(2) * alone }
    }
}
