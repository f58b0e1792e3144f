//! How much a finished plan looks like the data: the variational bound, token by token.
//!
//! For a continuous-time diffusion the negative log likelihood of clean tokens is, up to a constant, at most
//! `1/2 sum_j (snr(k_j) - snr(k_{j+1})) E |x0 - x0hat(x^{k})|^2`, with `k` in the band between `k_j` and
//! `k_{j+1}` (Kingma et al., *Variational Diffusion Models*, NeurIPS 2021, equation 14). Every token is noised
//! to the same level, so each is judged in the light of those around it: a piece of a plan that the data do
//! not hold, such as one through a wall, is denoised into something else, and the difference shows in its tokens.
//!
//! Over middle levels and the positions alone it is the route that is judged, and neither how noisy the actions
//! are nor how the speed wavers.

use crate::denoiser::{Denoiser, NoisyBatch};
use crate::layout::FIRST_CHUNK;
use crate::noise::NoiseSchedule;
use crate::{PlannerError, Tokens, random};

/// The bound over a range of training levels, estimated with one draw of noise per band.
#[derive(Clone, Debug, PartialEq)]
pub struct LikelihoodBound {
    /// Level at which each band is evaluated, and half the signal-to-noise ratio it spans.
    bands: Vec<(u16, f64)>,
    stabilization: u16,
}

impl LikelihoodBound {
    /// The bound between the training levels `low` and `high`, shares of pure noise, in `bands` parts of equal
    /// width. Known tokens are shown at the `stabilization` level, as in sampling.
    ///
    /// # Errors
    /// [`PlannerError::Setting`] for no band and for a range that is empty or reaches outside 0 to 1.
    pub fn new(
        schedule: &NoiseSchedule,
        (low, high): (f64, f64),
        bands: usize,
        stabilization: u16,
    ) -> Result<Self, PlannerError> {
        let levels = schedule.levels() as f64;
        let level = |share: f64| ((share * levels).round() as usize).clamp(1, schedule.levels());
        if bands == 0 || !(0.0..1.0).contains(&low) || !(low < high && high <= 1.0) {
            return Err(PlannerError::Setting {
                name: "likelihood bands",
                value: format!("{bands} between {low} and {high}"),
                remedy: "give at least one band between two shares of pure noise, the lower first".into(),
            });
        }
        let edge = |band: usize| low + (high - low) * band as f64 / bands as f64;
        let bands = (0..bands)
            .map(|band| {
                let (from, to) = (edge(band), edge(band + 1));
                let span = schedule.snr(level(from)) - schedule.snr(level(to));
                (level(0.5 * (from + to)) as u16, 0.5 * span)
            })
            .collect();
        Ok(Self { bands, stabilization })
    }

    /// Nats of every token of finished sequences, `[batch, tokens]`; zero for known and for invisible tokens. Of a
    /// token those slots count that `counts` names.
    ///
    /// `sequences.x0_btd` holds the clean tokens; `goal_b` says whose goal the network is shown. `seeds` names
    /// the noise of each sequence.
    ///
    /// # Errors
    /// Those of the denoiser; [`PlannerError::Length`] where arrays do not fit.
    pub fn nats(
        &self,
        denoiser: &mut dyn Denoiser,
        schedule: &NoiseSchedule,
        sequences: &Tokens,
        seeds: &[u64],
        counts: &dyn Fn(usize) -> bool,
    ) -> Result<Vec<f64>, PlannerError> {
        let width = denoiser.layout().width();
        let tokens = sequences.x0_btd.len() / (sequences.batch * width).max(1);
        crate::error::check_len("seeds of a likelihood", sequences.batch, seeds.len())?;
        let mut noisy_btd = sequences.x0_btd.clone();
        let mut x0_btd = vec![0.0; noisy_btd.len()];
        let mut noise_d = vec![0.0; width];
        let mut nats_bt = vec![0.0; sequences.batch * tokens];
        for &(level, half_span) in &self.bands {
            let level_bt: Vec<u16> = (0..nats_bt.len())
                .map(|token| if token % tokens < FIRST_CHUNK { self.stabilization } else { level })
                .collect();
            for (b, &seed) in seeds.iter().enumerate() {
                let mut rng = random::stream(seed, &[u64::from(level)]);
                for t in 0..tokens {
                    let abar = schedule.abar(usize::from(level_bt[b * tokens + t]));
                    let amplitude = if t < FIRST_CHUNK { 0.0 } else { (1.0 - abar).sqrt() };
                    random::fill_normal(&mut rng, &mut noise_d);
                    let at = (b * tokens + t) * width;
                    for (d, e) in noise_d.iter().enumerate() {
                        noisy_btd[at + d] = abar.sqrt() * sequences.x0_btd[at + d] + amplitude * e;
                    }
                }
            }
            let batch = NoisyBatch {
                batch: sequences.batch,
                tokens,
                x_btd: &noisy_btd,
                level_bt: &level_bt,
                chunks_b: &sequences.chunks_b,
                goal_b: &sequences.goal_b,
            };
            denoiser.denoise(&batch, &mut x0_btd)?;
            for (token, nats) in nats_bt.iter_mut().enumerate() {
                let (t, chunks) = (token % tokens, sequences.chunks_b[token / tokens]);
                if (FIRST_CHUNK..FIRST_CHUNK + chunks).contains(&t) {
                    let at = token * width..(token + 1) * width;
                    let slots = sequences.x0_btd[at.clone()].iter().zip(&x0_btd[at]).enumerate();
                    let error: f64 =
                        slots.filter(|(slot, _)| counts(*slot)).map(|(_, (x, e))| (x - e).powi(2)).sum();
                    *nats += half_span * error;
                }
            }
        }
        Ok(nats_bt)
    }
}
