//! A Gaussian chain between two known ends, and ways to sample it from windows of itself, in closed form.
//!
//! The chain is stationary, `x_t = rho x_(t-1) + w`, with variance 1. A window's optimal denoiser is linear, so is every way
//! to combine windows, and so is a deterministic sampler: what comes out is Gaussian, with a mean and a covariance that are
//! followed through the rows instead of being estimated.

use forethought_planner::SchedulingMatrix;
use nalgebra::{DMatrix, DVector};

/// Variance that keeps the covariance of what is known invertible.
const KNOWN: f64 = 1e-9;

/// The chain: `tokens` unknown ones between two known ones.
pub struct Chain {
    pub tokens: usize,
    /// Deviation of a step.
    pub step: f64,
    pub ends: [f64; 2],
}

/// A mean and a covariance of the unknown tokens.
pub struct Law {
    pub mean: DVector<f64>,
    pub covariance: DMatrix<f64>,
}

/// How windows are combined.
#[derive(Clone, Copy)]
pub enum Windows {
    /// Everything is seen by every token.
    Whole,
    /// Each token sees as many as these on either side: attention limited to a window, whose reach is known.
    Reach(usize),
    /// Windows of the first number of tokens, the second number of which overlap; the scores of windows are added and those
    /// of overlaps taken off, so that nothing counts twice.
    Overlaps(usize, usize),
}

impl Chain {
    fn rho(&self) -> f64 {
        (1.0 - self.step * self.step).sqrt()
    }

    /// Covariance of two tokens; 0 and `tokens + 1` are the ends.
    fn prior(&self, s: usize, t: usize) -> f64 {
        self.rho().powi(s.abs_diff(t) as i32)
    }

    /// The law of `unknown` tokens given the values of others.
    pub fn given(&self, unknown: &[usize], known: &[(usize, f64)]) -> Option<Law> {
        let across = DMatrix::from_fn(unknown.len(), known.len(), |i, j| self.prior(unknown[i], known[j].0));
        let of_known = DMatrix::from_fn(known.len(), known.len(), |i, j| self.prior(known[i].0, known[j].0));
        let own = DMatrix::from_fn(unknown.len(), unknown.len(), |i, j| self.prior(unknown[i], unknown[j]));
        let gain = &across * of_known.try_inverse()?;
        let values = DVector::from_fn(known.len(), |j, _| known[j].1);
        Some(Law { mean: &gain * values, covariance: own - &gain * across.transpose() })
    }

    /// The chain's own law between its ends.
    pub fn law(&self) -> Option<Law> {
        let unknown: Vec<usize> = (1..=self.tokens).collect();
        self.given(&unknown, &[(0, self.ends[0]), (self.tokens + 1, self.ends[1])])
    }

    /// Legs of `leg` tokens between places on the straight line from end to end.
    pub fn legs(&self, leg: usize) -> Option<Law> {
        let last = self.tokens + 1;
        let line = |t: usize| self.ends[0] + (self.ends[1] - self.ends[0]) * t as f64 / last as f64;
        let mut law =
            Law { mean: DVector::zeros(self.tokens), covariance: DMatrix::zeros(self.tokens, self.tokens) };
        for first in (0..last).step_by(leg) {
            let end = (first + leg).min(last);
            let between: Vec<usize> = (first + 1..end).collect();
            if end < last {
                law.mean[end - 1] = line(end);
            }
            if !between.is_empty() {
                let part = self.given(&between, &[(first, line(first)), (end, line(end))])?;
                law.mean.rows_mut(first, between.len()).copy_from(&part.mean);
                let at = (first, first);
                law.covariance.view_mut(at, (between.len(), between.len())).copy_from(&part.covariance);
            }
        }
        Some(law)
    }

    /// What DDIM samples over the rows of a matrix, whose tokens have signal powers `abar` by sampling level.
    pub fn sample(&self, windows: Windows, matrix: &SchedulingMatrix, abar: &[f64]) -> Option<Law> {
        let n = self.tokens;
        let mut spread = DMatrix::identity(n, n);
        let mut mean = DVector::zeros(n);
        for m in 0..matrix.steps() {
            let power = |row: usize| -> Vec<f64> {
                matrix.row(row).iter().map(|&level| abar[usize::from(level)]).collect()
            };
            let (now, next) = (power(m), power(m + 1));
            let (gain, constant) = self.estimate(windows, &now)?;
            let (x0_spread, x0_mean) = (&gain * &spread, &gain * &mean + constant);
            for t in (0..n).filter(|&t| matrix.row(m)[t] != matrix.row(m + 1)[t]) {
                let ratio = ((1.0 - next[t]) / (1.0 - now[t])).sqrt();
                let signal = next[t].sqrt() - ratio * now[t].sqrt();
                let row = spread.row(t) * ratio + x0_spread.row(t) * signal;
                spread.set_row(t, &row);
                mean[t] = ratio * mean[t] + signal * x0_mean[t];
            }
        }
        Some(Law { covariance: &spread * spread.transpose(), mean })
    }

    /// Clean estimate of all tokens from noisy ones of signal power `abar`: a matrix and a constant.
    fn estimate(&self, windows: Windows, abar: &[f64]) -> Option<(DMatrix<f64>, DVector<f64>)> {
        let n = self.tokens;
        let all = n + 2;
        let signal = |t: usize| if (1..=n).contains(&t) { abar[t - 1].sqrt() } else { 1.0 };
        let noise = |t: usize| 1.0 - signal(t).powi(2);
        // Posterior means of these tokens from what is noisy in `window`.
        let posterior = |window: &[usize], of: &[usize]| -> Option<DMatrix<f64>> {
            let w = window.len();
            let noisy = DMatrix::from_fn(w, w, |i, j| {
                let (s, t) = (window[i], window[j]);
                let own = if i == j { noise(t).max(KNOWN) } else { 0.0 };
                signal(s) * self.prior(s, t) * signal(t) + own
            });
            let across =
                DMatrix::from_fn(of.len(), w, |i, j| self.prior(of[i], window[j]) * signal(window[j]));
            Some(across * noisy.try_inverse()?)
        };
        let mut whole = DMatrix::zeros(all, all);
        match windows {
            Windows::Whole => {
                whole = posterior(&(0..all).collect::<Vec<_>>(), &(0..all).collect::<Vec<_>>())?
            }
            Windows::Reach(reach) => {
                for t in 1..=n {
                    let window: Vec<usize> = (t.saturating_sub(reach)..=(t + reach).min(n + 1)).collect();
                    let row = posterior(&window, &[t])?;
                    window.iter().enumerate().for_each(|(j, &s)| whole[(t, s)] = row[(0, j)]);
                }
            }
            Windows::Overlaps(length, overlap) => {
                // Scores `(sqrt(abar) x0 - x) / (1 - abar)`, added and taken off, then turned back into an estimate.
                let mut add = |window: Vec<usize>, sign: f64| -> Option<()> {
                    let means = posterior(&window, &window)?;
                    for (i, &t) in window.iter().enumerate().filter(|(_, t)| (1..=n).contains(*t)) {
                        for (j, &s) in window.iter().enumerate() {
                            whole[(t, s)] += sign * (signal(t) * means[(i, j)] - f64::from(u8::from(s == t)));
                        }
                    }
                    Some(())
                };
                let mut first = 0;
                loop {
                    let end = (first + length).min(all);
                    add((first..end).collect(), 1.0)?;
                    if end == all {
                        break;
                    }
                    let next = first + length - overlap;
                    add((next..end).collect(), -1.0)?;
                    first = next;
                }
                for t in 1..=n {
                    whole[(t, t)] += 1.0;
                    let row = whole.row(t) / signal(t);
                    whole.set_row(t, &row);
                }
            }
        }
        let constant =
            whole.view((1, 0), (n, 1)) * self.ends[0] + whole.view((1, n + 1), (n, 1)) * self.ends[1];
        Some((whole.view((1, 1), (n, n)).into_owned(), constant.column(0).into_owned()))
    }

    /// Steps of a law, both ends included: their root mean squares.
    pub fn steps(&self, law: &Law) -> Vec<f64> {
        let n = self.tokens;
        let value = |t: usize| match t {
            0 => self.ends[0],
            t if t > n => self.ends[1],
            t => law.mean[t - 1],
        };
        let covariance = |s: usize, t: usize| {
            let inside = (1..=n).contains(&s) && (1..=n).contains(&t);
            if inside { law.covariance[(s - 1, t - 1)] } else { 0.0 }
        };
        let step = |t: usize| {
            let variance = covariance(t, t) + covariance(t + 1, t + 1) - 2.0 * covariance(t, t + 1);
            (variance.max(0.0) + (value(t + 1) - value(t)).powi(2)).sqrt()
        };
        (0..=n).map(step).collect()
    }
}
