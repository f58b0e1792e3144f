//! Solvers: how a token gets from its noise level to the next one, given its clean estimate.
//!
//! Symbols of Lu et al., *DPM-Solver++*, arXiv 2211.01095: signal `alpha = sqrt(abar)`, noise
//! `sigma = sqrt(1 - abar)`, half the logarithm of the signal-to-noise ratio `lambda = ln(alpha / sigma)`.

use serde::{Deserialize, Serialize};

/// Solver of the probability-flow equation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Solver {
    /// Deterministic DDIM (Song et al., ICLR 2021): first order.
    #[default]
    Ddim,
    /// DPM-Solver++(2M): second order from the estimates of two steps, at one network call per step. A
    /// token's first step, and the one that makes it clean, are DDIM steps.
    #[serde(rename = "dpm-2m")]
    Dpm2M,
}

/// One step of one token: `x' = on_x x + on_x0 x0 + on_previous x0_previous`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Step {
    on_x: f64,
    on_x0: f64,
    on_previous: f64,
}

impl Solver {
    /// Step from signal power `abar` to `next`; `previous` is the power from which the token's step before this
    /// one began, if there was one.
    pub(crate) fn step(self, previous: Option<f64>, abar: f64, next: f64) -> Step {
        // In terms of ratios, all of them finite at `next = 1`, where `lambda` is not.
        let on_x = ((1.0 - next) / (1.0 - abar)).sqrt();
        let on_x0 = next.sqrt() - on_x * abar.sqrt();
        match (self, previous) {
            (Self::Dpm2M, Some(previous)) if next < 1.0 => {
                let lambda = |abar: f64| 0.5 * (abar / (1.0 - abar)).ln();
                let ratio = (lambda(next) - lambda(abar)) / (lambda(abar) - lambda(previous));
                Step { on_x, on_x0: on_x0 * (1.0 + 0.5 * ratio), on_previous: -on_x0 * 0.5 * ratio }
            }
            _ => Step { on_x, on_x0, on_previous: 0.0 },
        }
    }
}

impl Step {
    /// The token's entry after the step.
    pub(crate) fn apply(self, x: f64, x0: f64, previous: f64) -> f64 {
        self.on_x * x + self.on_x0 * x0 + self.on_previous * previous
    }

    /// What `[x', x]` count for in the clean estimate with which a step of first order leads from `x`, of signal power `abar`, to
    /// `x'`, of `next`: `x0 = (x' - (sigma'/sigma) x) / (alpha' - (sigma'/sigma) alpha)`, the target of Salimans & Ho, ICLR 2022
    /// (algorithm 2). `None` where levels coincide or noise rises: no estimate is better than another there.
    pub(crate) fn back(abar: f64, next: f64) -> Option<[f64; 2]> {
        let Self { on_x, on_x0, .. } = Solver::Ddim.step(None, abar, next);
        (next > abar && on_x0 > 0.0).then(|| [1.0 / on_x0, -on_x / on_x0])
    }

    /// Gradients at `x`, `x0` and `x0_previous`, given that at the entry after the step.
    pub(crate) fn pull(self, gradient: f64) -> [f64; 3] {
        [self.on_x * gradient, self.on_x0 * gradient, self.on_previous * gradient]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_solvers_end_at_the_estimate() {
        for solver in [Solver::Ddim, Solver::Dpm2M] {
            for previous in [None, Some(0.2)] {
                assert_eq!(solver.step(previous, 0.7, 1.0).apply(5.0, -0.3, 9.0), -0.3);
            }
        }
    }

    /// `x` on the line of one clean value and one noise value stays on it, whatever the solver.
    #[test]
    fn a_constant_estimate_is_followed_exactly() {
        let (clean, noise) = (1.3, -0.4);
        let at = |abar: f64| abar.sqrt() * clean + (1.0 - abar).sqrt() * noise;
        for solver in [Solver::Ddim, Solver::Dpm2M] {
            let found = solver.step(Some(0.1), 0.3, 0.8).apply(at(0.3), clean, clean);
            assert!((found - at(0.8)).abs() < 1e-15, "{solver:?}");
        }
    }

    /// What the second order is for: an estimate that changes linearly in `lambda` is integrated to third order
    /// in the step, where DDIM leaves an error of second order.
    #[test]
    fn a_linear_estimate_is_followed_to_higher_order() {
        let power = |lambda: f64| 1.0 / (1.0 + (-2.0 * lambda).exp());
        let sigma = |lambda: f64| (1.0 - power(lambda)).sqrt();
        // d(x / sigma) / d lambda = e^lambda x0(lambda), here with x0 = lambda from x = 0 at lambda = 0.
        let exact = |h: f64| sigma(h) * (h * h.exp() - h.exp() + 1.0);
        let error = |solver: Solver, h: f64| {
            let step = solver.step(Some(power(-h)), power(0.0), power(h));
            (step.apply(0.0, 0.0, -h) - exact(h)).abs()
        };
        let order = |solver: Solver| (error(solver, 0.02) / error(solver, 0.01)).log2();
        assert!((order(Solver::Ddim) - 2.0).abs() < 0.1, "{}", order(Solver::Ddim));
        assert!((order(Solver::Dpm2M) - 3.0).abs() < 0.1, "{}", order(Solver::Dpm2M));
    }

    #[test]
    fn a_step_is_undone_and_none_leads_nowhere() {
        for (abar, next) in [(1e-5, 0.4), (0.3, 0.300_001), (0.2, 1.0), (0.999, 1.0)] {
            let (x, x0) = (0.7, -1.3);
            let after = Solver::Ddim.step(None, abar, next).apply(x, x0, 0.0);
            let [on_after, on_x] = Step::back(abar, next).unwrap();
            assert!((on_after * after + on_x * x - x0).abs() < 1e-8, "{abar} to {next}");
        }
        assert!(
            [(0.3, 0.3), (0.5, 0.2), (1.0, 1.0)]
                .iter()
                .all(|(abar, next)| Step::back(*abar, *next).is_none())
        );
    }
}
