//! The interface between sampling and the network: a clean estimate of every token, and its pullback.

use crate::error::check_len;
use crate::layout::FIRST_CHUNK;
use crate::{PlannerError, TokenLayout};

/// A batch of noisy sequences, as the network sees them.
///
/// Shapes: `x_btd` is `[batch, tokens, width]`, `level_btp` is `[batch, tokens, parts]` of *training* levels.
/// Chunks at or past a sequence's `chunks_b` are invisible to every other token, and so is the goal token
/// of a sequence without a goal: nothing that is written there can change what is visible.
#[derive(Clone, Copy, Debug)]
pub struct NoisyBatch<'a> {
    /// Number of sequences.
    pub batch: usize,
    /// Tokens of each sequence.
    pub tokens: usize,
    /// Noisy tokens.
    pub x_btd: &'a [f64],
    /// Training noise level of each part of each token ([`TokenLayout::parts`]).
    pub level_btp: &'a [u16],
    /// Visible chunks of each sequence.
    pub chunks_b: &'a [usize],
    /// Whether each sequence's goal token is visible.
    pub goal_b: &'a [bool],
}

impl NoisyBatch<'_> {
    /// Checks that the arrays fit each other, and tokens of this width and so many parts.
    pub fn check(&self, width: usize, parts: usize) -> Result<(), PlannerError> {
        // A sequence has its state and its goal; without them there is nothing to cut the arrays by.
        if self.tokens < FIRST_CHUNK {
            return Err(PlannerError::Length { what: "sequence", want: FIRST_CHUNK, got: self.tokens });
        }
        // Products that had to be cut off are no array's length.
        let tokens = self.batch.saturating_mul(self.tokens);
        check_len("noisy tokens", tokens.saturating_mul(width), self.x_btd.len())?;
        check_len("noise levels", tokens.saturating_mul(parts), self.level_btp.len())?;
        check_len("visible chunks", self.batch, self.chunks_b.len())?;
        check_len("visible goals", self.batch, self.goal_b.len())?;
        check_chunks(self.tokens, self.chunks_b)
    }
}

/// Refuses sequences that would see chunks past their last token.
pub(crate) fn check_chunks(tokens: usize, chunks_b: &[usize]) -> Result<(), PlannerError> {
    let most = tokens.saturating_sub(FIRST_CHUNK);
    match chunks_b.iter().find(|&&chunks| chunks > most) {
        Some(&got) => Err(PlannerError::Length { what: "visible chunks of a sequence", want: most, got }),
        None => Ok(()),
    }
}

/// Runs `work`, many rows of it, on the denoiser's own threads where it has some: handing over between threads at
/// every row costs more than it saves.
pub(crate) fn on_pool<T: Send>(
    denoiser: &mut dyn Denoiser,
    work: impl FnOnce(&mut dyn Denoiser) -> T + Send,
) -> T {
    match denoiser.pool() {
        Some(pool) => {
            // Spans belong to threads: whoever listens is told on the pool's what its rows are part of.
            let span = tracing::Span::current();
            pool.install(|| span.in_scope(|| work(denoiser)))
        }
        None => work(denoiser),
    }
}

/// Gradient of a score with respect to one sequence's clean estimate: `(sequence, x0_td, gradient_td)`.
/// `gradient_td` holds zeros on entry. Called once per sequence, from any thread, in any order.
pub type Cotangent<'a> = dyn Fn(usize, &[f64], &mut [f64]) + Sync + 'a;

/// A denoiser: from noisy tokens with their levels to an estimate of the clean tokens.
///
/// Arrays are on the host in `f64`; an implementation is free to compute in less. It must be a pure
/// function of the batch, the same for any split of it.
pub trait Denoiser: Send {
    /// Token layout it was made for.
    fn layout(&self) -> &TokenLayout;

    /// Threads that rows are computed on, where there are several. A caller that walks many rows inside this pool
    /// saves a hand-over between threads at every row.
    fn pool(&self) -> Option<std::sync::Arc<rayon::ThreadPool>> {
        None
    }

    /// Writes the clean estimate into `x0_btd`.
    ///
    /// # Errors
    /// [`PlannerError::Length`] where arrays do not fit.
    fn denoise(&mut self, batch: &NoisyBatch<'_>, x0_btd: &mut [f64]) -> Result<(), PlannerError>;

    /// As [`Denoiser::denoise`], then writes into `pulled_btd` the vector-Jacobian product
    /// `(d x0 / d x)^T g`, where `cotangent` fills `g` given the clean estimate.
    ///
    /// # Errors
    /// [`PlannerError::Length`] where arrays do not fit.
    fn denoise_vjp(
        &mut self,
        batch: &NoisyBatch<'_>,
        x0_btd: &mut [f64],
        cotangent: &Cotangent<'_>,
        pulled_btd: &mut [f64],
    ) -> Result<(), PlannerError>;
}
