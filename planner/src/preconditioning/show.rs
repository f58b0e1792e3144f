//! What a network is shown of a noisy token.

use super::{Preconditioning, Scratch, Terms, before, prior_len};
use crate::fourier::Number;

impl Preconditioning {
    /// Writes what the network is shown of token `t` of the noisy sequence `x_td`.
    pub(crate) fn show(&self, t: usize, x_td: &[f64], terms: &Terms, scratch: &mut Scratch) {
        let (layout, width) = (&self.layout, self.layout.width());
        let x_d = &x_td[t * width..(t + 1) * width];
        let Scratch { start, prior, guess, input } = scratch;
        input.clear();
        input.extend_from_slice(x_d);
        if layout.level_blocks == 0 {
            return self.fourier.extend(x_d, input);
        }
        guess.clear();
        guess.extend(x_d.iter().zip(&terms.guess_on_x).map(|(x, on_x)| on_x * x));
        match before(t) {
            None => input.resize(width + prior_len(layout), 0.0),
            Some(before) => {
                self.shown_before(before, x_td, terms, start);
                for block in 0..layout.level_blocks {
                    self.roll_out(block, terms, start, x_d, prior);
                    input.extend_from_slice(prior);
                    for (slot, m) in self.outcomes(block).zip(&*prior) {
                        guess[slot] += terms.guess_on_prior[slot] * m;
                    }
                    self.end_of(block, guess, start);
                }
            }
        }
        self.fourier.extend(guess, input);
    }

    /// The transpose of [`Self::show`]: adds to the gradient at a noisy sequence what the network's input passes on.
    pub(crate) fn show_back<N: Number>(
        &self,
        t: usize,
        terms: &Terms,
        (input, d_input): (&[N], &[N]),
        scratch: &mut Scratch,
        d_x_td: &mut [f64],
    ) {
        let (layout, width) = (&self.layout, self.layout.width());
        let (of_x, of_rest) = d_input.split_at(width);
        let (of_prior, of_fourier) = of_rest.split_at(prior_len(layout));
        let features = &input[input.len() - self.fourier.len()..];
        let at = t * width..(t + 1) * width;
        d_x_td[at.clone()].iter_mut().zip(of_x).for_each(|(out, d)| *out += (*d).into());
        if layout.level_blocks == 0 {
            return self.fourier.pull(features, of_fourier, &mut d_x_td[at]);
        }
        // From here on `guess`, `prior` and `start` hold gradients at what has these names in `show`.
        let Scratch { start, prior, guess, .. } = scratch;
        guess.clear();
        guess.resize(width, 0.0);
        self.fourier.pull(features, of_fourier, guess);
        if let Some(before) = before(t) {
            start.clear();
            start.resize(layout.observation, 0.0);
            for block in (0..layout.level_blocks).rev() {
                let last = self.end_slot(block);
                guess[last..].iter_mut().zip(&*start).for_each(|(out, d)| *out += d);
                let shown = &of_prior[layout.frames_of(block).start * layout.observation..];
                prior.clear();
                let outcomes = self.outcomes(block).zip(shown);
                prior
                    .extend(outcomes.map(|(slot, d)| (*d).into() + terms.guess_on_prior[slot] * guess[slot]));
                self.roll_back(block, terms, prior, &mut d_x_td[at.clone()], start);
            }
            self.shown_before_back(before, terms, start, d_x_td);
        }
        let alone = d_x_td[at].iter_mut().zip(&*guess).zip(&terms.guess_on_x);
        alone.for_each(|((out, d), on_x)| *out += on_x * d);
    }
}
