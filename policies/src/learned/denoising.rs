//! Actions out of noise in a few steps (DDPM, Ho et al. 2020), by a perceptron that estimates the noise, as in Diffusion-QL.
//!
//! Shapes in names: `b` rows, `a` numbers of an action, `o` of an observation.

use super::batch::join;
use crate::PolicyError;
use crate::perceptron::{Mlp, Tape};

/// Numbers that tell a network its step.
pub(super) const TIME: usize = 16;
/// Bounds of the variance-preserving schedule (Xiao et al. 2022; the paper's Appendix B).
const BETA: (f64, f64) = (0.1, 10.0);

/// Constants of a step.
#[derive(Clone, Debug)]
pub(super) struct Level {
    /// `sqrt(alpha-bar)`, `sqrt(1 - alpha-bar)`: parts of action and noise.
    pub signal: f32,
    pub noise: f32,
    /// Mean of the step before: `clean x0 + kept x`, and its deviation.
    clean: f32,
    kept: f32,
    deviation: f32,
    /// Sines and cosines of the step.
    pub time: [f32; TIME],
}

/// The steps, the one with the least noise first.
pub(super) fn levels(steps: usize) -> Vec<Level> {
    let count = steps.max(1) as f64;
    let mut before = 1.0;
    let level = |index: usize| {
        let t = index as f64 + 1.0;
        let alpha = (-BETA.0 / count - 0.5 * (BETA.1 - BETA.0) * (2.0 * t - 1.0) / (count * count)).exp();
        let (beta, bar) = (1.0 - alpha, before * alpha);
        let variance = beta * (1.0 - before) / (1.0 - bar);
        let mut time = [0.0; TIME];
        let (sines, cosines) = time.split_at_mut(TIME / 2);
        for (k, (sine, cosine)) in sines.iter_mut().zip(cosines).enumerate() {
            let angle = index as f64 * (-(k as f64) * 10_000_f64.ln() / (TIME / 2 - 1) as f64).exp();
            (*sine, *cosine) = (angle.sin() as f32, angle.cos() as f32);
        }
        let found = Level {
            signal: bar.sqrt() as f32,
            noise: (1.0 - bar).sqrt() as f32,
            clean: (beta * before.sqrt() / (1.0 - bar)) as f32,
            kept: ((1.0 - before) * alpha.sqrt() / (1.0 - bar)) as f32,
            deviation: variance.sqrt() as f32,
            time,
        };
        before = bar;
        found
    };
    (0..steps).map(level).collect()
}

/// What the network is shown: `[x, time, s]`. `level` tells the step of a row.
pub(super) fn shown<'a>(
    x_ba: &[f32],
    s_bo: &[f32],
    rows: usize,
    level: impl Fn(usize) -> Option<&'a Level>,
) -> Vec<f32> {
    let time: Vec<f32> =
        (0..rows).flat_map(|row| level(row).map_or([0.0; TIME], |level| level.time)).collect();
    join(rows, &[x_ba, &time, s_bo])
}

/// Steps that were gone, for the way back.
#[derive(Clone, Debug, Default)]
pub(super) struct Chain {
    tapes: Vec<Tape>,
    /// For each level, whether the clean estimate was within the bounds of actions, so that it can be moved.
    inside: Vec<Vec<bool>>,
}

impl Chain {
    /// Actions in `[-1, 1]`. `noise` is where it begins, `[rows, action]`, and then what is added, from the level of most noise
    /// on; nothing is at the last.
    pub fn run(
        &mut self,
        network: &Mlp,
        levels: &[Level],
        s_bo: &[f32],
        rows: usize,
        noise: &[Vec<f32>],
    ) -> Result<Vec<f32>, PolicyError> {
        self.tapes.resize_with(levels.len(), Tape::default);
        self.inside.resize_with(levels.len(), Vec::new);
        let mut noise = noise.iter();
        let mut x_ba = noise.next().cloned().unwrap_or_default();
        let passes = self.tapes.iter_mut().zip(&mut self.inside);
        for (at, (level, (tape, inside))) in levels.iter().zip(passes).enumerate().rev() {
            let epsilon_ba = network.forward(tape, &shown(&x_ba, s_bo, rows, |_| Some(level)))?;
            let added = if at == 0 { None } else { noise.next() };
            inside.clear();
            for (i, (x, epsilon)) in x_ba.iter_mut().zip(epsilon_ba).enumerate() {
                let clean = (*x - level.noise * epsilon) / level.signal;
                inside.push(clean.abs() <= 1.0);
                let extra = added.and_then(|added| added.get(i)).copied().unwrap_or(0.0);
                *x = level.clean * clean.clamp(-1.0, 1.0) + level.kept * *x + level.deviation * extra;
            }
        }
        x_ba.iter_mut().for_each(|x| *x = x.clamp(-1.0, 1.0));
        Ok(x_ba)
    }

    /// Adds to `gradient` that of a loss for the network, given its gradient for the actions of the last [`Self::run`].
    pub fn back(
        &mut self,
        network: &Mlp,
        levels: &[Level],
        mut slope_ba: Vec<f32>,
        gradient: &mut [f32],
    ) -> Result<(), PolicyError> {
        let width = network.config().output().max(1);
        let wide = network.config().input();
        let rows = slope_ba.len() / width;
        let (mut own, mut of_input) = (vec![0.0; network.len()], vec![0.0; rows * wide]);
        for ((level, tape), inside) in levels.iter().zip(&mut self.tapes).zip(&self.inside) {
            let of_clean: Vec<f32> = slope_ba
                .iter()
                .zip(inside)
                .map(|(slope, inside)| if *inside { level.clean * slope } else { 0.0 })
                .collect();
            let of_epsilon: Vec<f32> =
                of_clean.iter().map(|slope| -level.noise / level.signal * slope).collect();
            network.backward(tape, &of_epsilon, Some(&mut own), Some(&mut of_input))?;
            gradient.iter_mut().zip(&own).for_each(|(sum, own)| *sum += own);
            let through = of_input.chunks_exact(wide.max(1)).flat_map(|row| row.iter().take(width));
            for ((slope, of_clean), through) in slope_ba.iter_mut().zip(&of_clean).zip(through) {
                *slope = level.kept * *slope + of_clean / level.signal + through;
            }
        }
        Ok(())
    }
}
