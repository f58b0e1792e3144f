//! Classifier-free guidance (Ho & Salimans, *Classifier-free diffusion guidance*, 2022).
//!
//! A network that was trained with and without its condition tells what the condition changes. Going further that way asks
//! for more of it than the data show together with the rest:
//!
//! `x0 = x0(hidden) + scale (x0(shown) - x0(hidden))`.
//!
//! In the paper this is said of noise estimates; at one noisy sequence the two are linear in each other, and their weights add
//! up to one, so it is the same.

use std::sync::Arc;

use crate::denoiser::{Cotangent, Denoiser, NoisyBatch};
use crate::error::check_len;
use crate::{PlannerError, TokenLayout};

/// A denoiser whose answers for sequences with a visible goal token are moved away from those without it. Sequences that have
/// none are answered as they are.
pub(crate) struct ClassifierFree<'a> {
    inner: &'a mut dyn Denoiser,
    scale: f64,
    twice: Twice,
}

/// All sequences of a batch, then those with a condition once more, without it.
#[derive(Default)]
struct Twice {
    /// Sequences with a condition.
    of: Vec<usize>,
    x_btd: Vec<f64>,
    level_btp: Vec<u16>,
    chunks_b: Vec<usize>,
    goal_b: Vec<bool>,
    x0_btd: Vec<f64>,
    pulled_btd: Vec<f64>,
}

impl<'a> ClassifierFree<'a> {
    /// Around a denoiser. With a scale of 1 it is that denoiser, at the same price.
    pub fn new(inner: &'a mut dyn Denoiser, scale: f64) -> Self {
        Self { inner, scale, twice: Twice::default() }
    }

    /// Whether there is nothing to move: no condition is shown, or by exactly what it says.
    fn is_plain(&self, batch: &NoisyBatch<'_>) -> bool {
        (self.scale - 1.0).abs() <= 0.0 || !batch.goal_b.contains(&true)
    }

    /// Answers everything, and moves the answers of sequences with a condition.
    fn answer(&mut self, batch: &NoisyBatch<'_>, x0_btd: &mut [f64]) -> Result<(), PlannerError> {
        let layout = self.inner.layout();
        batch.check(layout.width(), layout.parts())?;
        let size = batch.tokens * layout.width();
        check_len("clean estimates", batch.batch * size, x0_btd.len())?;
        self.twice.lay_out(batch, size, batch.tokens * layout.parts());
        let mut answers = std::mem::take(&mut self.twice.x0_btd);
        let answered = self.inner.denoise(&self.twice.batch(batch.tokens), &mut answers);
        self.twice.x0_btd = answers;
        answered?;
        let (shown, hidden) = self.twice.x0_btd.split_at(x0_btd.len());
        x0_btd.copy_from_slice(shown);
        for (&b, hidden_td) in self.twice.of.iter().zip(hidden.chunks_exact(size)) {
            let moved = x0_btd[b * size..(b + 1) * size].iter_mut().zip(hidden_td);
            moved.for_each(|(x0, hidden)| *x0 = hidden + self.scale * (*x0 - hidden));
        }
        Ok(())
    }
}

impl Twice {
    /// Copies a batch of sequences of `size` numbers and `levels` levels.
    fn lay_out(&mut self, batch: &NoisyBatch<'_>, size: usize, levels: usize) {
        self.of.clear();
        self.of.extend((0..batch.batch).filter(|&b| batch.goal_b[b]));
        self.x_btd.clear();
        self.x_btd.extend_from_slice(batch.x_btd);
        self.level_btp.clear();
        self.level_btp.extend_from_slice(batch.level_btp);
        self.chunks_b.clear();
        self.chunks_b.extend_from_slice(batch.chunks_b);
        self.goal_b.clear();
        self.goal_b.extend_from_slice(batch.goal_b);
        for &b in &self.of {
            self.x_btd.extend_from_slice(&batch.x_btd[b * size..(b + 1) * size]);
            self.level_btp.extend_from_slice(&batch.level_btp[b * levels..(b + 1) * levels]);
            self.chunks_b.push(batch.chunks_b[b]);
            self.goal_b.push(false);
        }
        self.x0_btd.resize(self.x_btd.len(), 0.0);
        self.pulled_btd.resize(self.x_btd.len(), 0.0);
    }

    fn batch(&self, tokens: usize) -> NoisyBatch<'_> {
        NoisyBatch {
            batch: self.chunks_b.len(),
            tokens,
            x_btd: &self.x_btd,
            level_btp: &self.level_btp,
            chunks_b: &self.chunks_b,
            goal_b: &self.goal_b,
        }
    }
}

impl Denoiser for ClassifierFree<'_> {
    fn layout(&self) -> &TokenLayout {
        self.inner.layout()
    }

    fn pool(&self) -> Option<Arc<rayon::ThreadPool>> {
        self.inner.pool()
    }

    fn denoise(&mut self, batch: &NoisyBatch<'_>, x0_btd: &mut [f64]) -> Result<(), PlannerError> {
        if self.is_plain(batch) { self.inner.denoise(batch, x0_btd) } else { self.answer(batch, x0_btd) }
    }

    /// The gradient is taken at the moved estimate, and goes back through both answers by their shares in it.
    fn denoise_vjp(
        &mut self,
        batch: &NoisyBatch<'_>,
        x0_btd: &mut [f64],
        cotangent: &Cotangent<'_>,
        pulled_btd: &mut [f64],
    ) -> Result<(), PlannerError> {
        if self.is_plain(batch) {
            return self.inner.denoise_vjp(batch, x0_btd, cotangent, pulled_btd);
        }
        check_len("pulled gradients", x0_btd.len(), pulled_btd.len())?;
        self.answer(batch, x0_btd)?;
        let size = x0_btd.len() / batch.batch.max(1);
        let mut gradient_btd = vec![0.0; x0_btd.len()];
        for (b, gradient_td) in gradient_btd.chunks_exact_mut(size).enumerate() {
            cotangent(b, &x0_btd[b * size..(b + 1) * size], gradient_td);
        }
        let (of, scale, count) = (&self.twice.of, self.scale, batch.batch);
        let shares = |i: usize, _: &[f64], gradient_td: &mut [f64]| {
            let (b, share) = match i.checked_sub(count) {
                None => (i, if batch.goal_b[i] { scale } else { 1.0 }),
                Some(hidden) => (of[hidden], 1.0 - scale),
            };
            let from = gradient_btd[b * size..(b + 1) * size].iter();
            gradient_td.iter_mut().zip(from).for_each(|(slot, gradient)| *slot = share * gradient);
        };
        let (mut answers, mut pulled) =
            (std::mem::take(&mut self.twice.x0_btd), std::mem::take(&mut self.twice.pulled_btd));
        let answered =
            self.inner.denoise_vjp(&self.twice.batch(batch.tokens), &mut answers, &shares, &mut pulled);
        pulled_btd.copy_from_slice(&pulled[..pulled_btd.len()]);
        for (&b, hidden_td) in of.iter().zip(pulled[pulled_btd.len()..].chunks_exact(size)) {
            let sum = pulled_btd[b * size..(b + 1) * size].iter_mut().zip(hidden_td);
            sum.for_each(|(pulled, hidden)| *pulled += hidden);
        }
        (self.twice.x0_btd, self.twice.pulled_btd) = (answers, pulled);
        answered
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Answers `a x^2` without a condition and `b x^2` with one, entry by entry.
    struct Squares {
        layout: TokenLayout,
        calls: Vec<usize>,
    }

    const HIDDEN: f64 = 0.5;
    const SHOWN: f64 = 2.0;

    impl Squares {
        fn new() -> Self {
            let layout = TokenLayout {
                observation: 1,
                action: 1,
                reward: false,
                frames_per_token: 1,
                chunks: 2,
                condition: vec![0],
                bodies: vec![],
                objects: vec![],
                level_blocks: 0,
                returns: false,
            };
            Self { layout, calls: Vec::new() }
        }
    }

    fn factor(shown: bool) -> f64 {
        if shown { SHOWN } else { HIDDEN }
    }

    impl Denoiser for Squares {
        fn layout(&self) -> &TokenLayout {
            &self.layout
        }

        fn denoise(&mut self, batch: &NoisyBatch<'_>, x0_btd: &mut [f64]) -> Result<(), PlannerError> {
            self.calls.push(batch.batch);
            let size = x0_btd.len() / batch.batch;
            for (i, (x0, x)) in x0_btd.iter_mut().zip(batch.x_btd).enumerate() {
                *x0 = factor(batch.goal_b[i / size]) * x * x;
            }
            Ok(())
        }

        fn denoise_vjp(
            &mut self,
            batch: &NoisyBatch<'_>,
            x0_btd: &mut [f64],
            cotangent: &Cotangent<'_>,
            pulled_btd: &mut [f64],
        ) -> Result<(), PlannerError> {
            self.denoise(batch, x0_btd)?;
            pulled_btd.fill(0.0);
            let size = x0_btd.len() / batch.batch;
            for (b, pulled_td) in pulled_btd.chunks_exact_mut(size).enumerate() {
                let at = b * size..(b + 1) * size;
                cotangent(b, &x0_btd[at.clone()], pulled_td);
                let slopes = pulled_td.iter_mut().zip(&batch.x_btd[at]);
                slopes.for_each(|(pulled, x)| *pulled *= 2.0 * factor(batch.goal_b[b]) * x);
            }
            Ok(())
        }
    }

    const GOALS: [bool; 3] = [true, false, true];

    fn batch<'a>(x_btd: &'a [f64], goal_b: &'a [bool]) -> NoisyBatch<'a> {
        NoisyBatch { batch: 3, tokens: 4, x_btd, level_btp: &[7; 12], chunks_b: &[2, 1, 2], goal_b }
    }

    fn noisy() -> Vec<f64> {
        (0..24).map(|i| f64::from(i % 7) / 3.0 - 1.0).collect()
    }

    #[test]
    fn answers_go_from_the_hidden_one_past_the_shown_one() {
        let (x, mut inner) = (noisy(), Squares::new());
        let mut x0 = vec![0.0; 24];
        ClassifierFree::new(&mut inner, 3.0).denoise(&batch(&x, &GOALS), &mut x0).unwrap();
        for (i, (x0, x)) in x0.iter().zip(&x).enumerate() {
            let on = if GOALS[i / 8] { HIDDEN + 3.0 * (SHOWN - HIDDEN) } else { HIDDEN };
            assert!((x0 - on * x * x).abs() < 1e-12, "{i}");
        }
        assert_eq!(inner.calls, [5], "only those with a condition are asked twice");
    }

    #[test]
    fn without_a_condition_or_at_scale_one_nothing_is_asked_twice() {
        let (x, mut inner) = (noisy(), Squares::new());
        let mut x0 = vec![0.0; 24];
        ClassifierFree::new(&mut inner, 1.0).denoise(&batch(&x, &GOALS), &mut x0).unwrap();
        ClassifierFree::new(&mut inner, 3.0).denoise(&batch(&x, &[false; 3]), &mut x0).unwrap();
        assert_eq!(inner.calls, [3, 3]);
        let mut short = vec![0.0; 23];
        assert!(ClassifierFree::new(&mut inner, 3.0).denoise(&batch(&x, &GOALS), &mut short).is_err());
    }

    /// The gradient of `sum w x0^2` with respect to the noisy tokens, against central differences.
    #[test]
    fn gradients_go_back_through_both_answers() {
        let (x, mut inner) = (noisy(), Squares::new());
        let mut of = ClassifierFree::new(&mut inner, 2.5);
        let weight = |i: usize| 1.0 + (i % 5) as f64;
        let cotangent = |b: usize, x0_td: &[f64], gradient_td: &mut [f64]| {
            for (i, (gradient, x0)) in gradient_td.iter_mut().zip(x0_td).enumerate() {
                *gradient = 2.0 * weight(b * 8 + i) * x0;
            }
        };
        let (mut x0, mut pulled) = (vec![0.0; 24], vec![0.0; 24]);
        of.denoise_vjp(&batch(&x, &GOALS), &mut x0, &cotangent, &mut pulled).unwrap();
        for i in 0..24 {
            let mut score = |by: f64| {
                let mut x = x.clone();
                x[i] += by;
                of.denoise(&batch(&x, &GOALS), &mut x0).unwrap();
                x0.iter().enumerate().map(|(i, x0)| weight(i) * x0 * x0).sum::<f64>()
            };
            let slope = (score(1e-5) - score(-1e-5)) / 2e-5;
            assert!((slope - pulled[i]).abs() < 1e-6 * (1.0 + slope.abs()), "{i}: {slope} {}", pulled[i]);
        }
    }
}
