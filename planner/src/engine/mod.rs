//! The transformer on the CPU without a tensor library: forward pass, input gradient, weight gradients.
//!
//! Weights are packed once; what a noise level does to each layer is computed once per level; buffers are
//! kept, so that a row allocates nothing. The Burn model remains the reference (property tests hold the two
//! together) and is what any other device runs.

mod attention;
mod backward;
mod gradient;
pub mod kernels;
mod modulation;
mod packing;
mod pass;
pub mod product;
mod weights;

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use modulation::{Folding, Modulations};
use packing::Packing;
use pass::{Keep, Pass, Rows};
use rayon::prelude::{
    IndexedParallelIterator, IntoParallelRefMutIterator, ParallelIterator, ParallelSliceMut,
};
use weights::Weights;

use crate::denoiser::{Cotangent, Denoiser, NoisyBatch};
use crate::error::check_len;
use crate::layout::FIRST_CHUNK;
use crate::network::{NetworkConfig, ParameterLayout, thread_pool};
use crate::preconditioning::{Scratch, Terms, Visible};
use crate::{PlannerError, Preconditioning, TokenLayout};

pub use gradient::EngineGradient;

/// Most sequences of a pass, so that activations stay in the caches. Results do not depend on it.
const CHUNK: usize = 8;

/// Most combinations of levels whose rows are kept: more than any way of sampling meets, and 20 MB of a usual network.
const MOST_ROWS: usize = 1024;

/// A transformer denoiser computed by this crate's own passes, on one or more threads.
pub struct EngineDenoiser {
    weights: Weights,
    preconditioning: Preconditioning,
    levels: LevelCache,
    row_of: Vec<u32>,
    pool: Option<Arc<rayon::ThreadPool>>,
    workers: Vec<Worker>,
}

/// Folded modulation rows of the combinations of levels met so far, and what they make of a token.
#[derive(Default)]
struct LevelCache {
    table: Vec<f32>,
    terms: Vec<Terms>,
    /// By what the network is told, and whether the token is a chunk, and the first.
    row_of_told: HashMap<Vec<u16>, u32>,
    told: Vec<u16>,
    folding: Folding,
    fresh: Vec<f32>,
}

/// One thread's buffers.
#[derive(Default)]
struct Worker {
    pass: Pass,
    packing: Packing,
    row_of: Vec<u32>,
    /// Noisy sequences in the network's precision, `[sequences, T, D]`.
    x_btd: Vec<f64>,
    scratch: Scratch,
    input: Vec<f32>,
    output: Vec<f32>,
    cotangent: Vec<f64>,
    d_answer: Vec<f64>,
    d_output: Vec<f32>,
    d_input: Vec<f32>,
}

/// What all pieces of a batch share.
#[derive(Clone, Copy)]
struct Call<'a> {
    weights: &'a Weights,
    preconditioning: &'a Preconditioning,
    table: &'a [f32],
    terms: &'a [Terms],
    row_of: &'a [u32],
    batch: &'a NoisyBatch<'a>,
    width: usize,
    lanes: usize,
    cotangent: Option<&'a Cotangent<'a>>,
}

impl EngineDenoiser {
    /// Engine for a transformer's flat weights.
    ///
    /// # Errors
    /// [`PlannerError::Device`] when the weights are not those of a transformer of this configuration, or its
    /// threads cannot be started.
    pub fn new(
        parameters: &ParameterLayout,
        flat: &[f32],
        config: &NetworkConfig,
        preconditioning: Preconditioning,
        threads: usize,
    ) -> Result<Self, PlannerError> {
        let layout = preconditioning.layout();
        let weights = Weights::new(parameters, flat, config, layout)?;
        check_len("numbers that the network is shown", weights.input.inner, preconditioning.input())?;
        let threads = threads.max(1);
        let pool = if threads == 1 { None } else { Some(Arc::new(thread_pool(threads)?)) };
        let workers = (0..threads).map(|_| Worker::default()).collect();
        let levels = LevelCache::default();
        Ok(Self { weights, preconditioning, levels, row_of: Vec::new(), pool, workers })
    }

    fn run(
        &mut self,
        batch: &NoisyBatch<'_>,
        x0_btd: &mut [f64],
        pull: Option<(&Cotangent<'_>, &mut [f64])>,
    ) -> Result<(), PlannerError> {
        let layout = self.preconditioning.layout();
        let width = layout.width();
        batch.check(width, layout.parts())?;
        let size = batch.tokens * width;
        check_len("clean estimates", batch.batch * size, x0_btd.len())?;
        let longest = layout.tokens(layout.chunks);
        if batch.tokens > longest {
            return Err(PlannerError::Length { what: "sequence", want: longest, got: batch.tokens });
        }
        let (cotangent, pulled) = match pull {
            None => (None, None),
            Some((cotangent, out)) => {
                check_len("pulled gradients", batch.batch * size, out.len())?;
                (Some(cotangent), Some(out))
            }
        };
        self.levels.look_up(&self.weights, &self.preconditioning, batch, &mut self.row_of);
        let call = Call {
            weights: &self.weights,
            preconditioning: &self.preconditioning,
            table: &self.levels.table,
            terms: &self.levels.terms,
            row_of: &self.row_of,
            batch,
            width,
            // Threads that would have no sequence of their own share the rows of one.
            lanes: (self.workers.len() / batch.batch.max(1)).max(1),
            cotangent,
        };
        let per_worker = batch.batch.div_ceil(self.workers.len()).max(1);
        let workers = &mut self.workers;
        match &self.pool {
            None => workers[0].run(&call, 0, x0_btd, pulled),
            Some(pool) => pool.install(|| {
                let pieces = workers.par_iter_mut().zip(x0_btd.par_chunks_mut(per_worker * size)).enumerate();
                match pulled {
                    None => pieces.for_each(|(i, (worker, x0))| worker.run(&call, i * per_worker, x0, None)),
                    Some(pulled) => {
                        pieces.zip(pulled.par_chunks_mut(per_worker * size)).for_each(
                            |((i, (worker, x0)), out)| worker.run(&call, i * per_worker, x0, Some(out)),
                        );
                    }
                }
            }),
        }
        Ok(())
    }
}

impl LevelCache {
    /// The row of every token's levels, computing those not met before.
    fn look_up(
        &mut self,
        weights: &Weights,
        of: &Preconditioning,
        batch: &NoisyBatch<'_>,
        row_of: &mut Vec<u32>,
    ) {
        if self.terms.len() > MOST_ROWS {
            self.terms.clear();
            self.table.clear();
            self.row_of_told.clear();
        }
        let top = of.schedule().levels() as u16;
        let per = batch.tokens * of.layout().parts();
        row_of.clear();
        for level_tp in batch.level_btp.chunks_exact(per) {
            for t in 0..batch.tokens {
                self.told.clear();
                of.tell(t, level_tp, &mut self.told);
                self.told.iter_mut().for_each(|level| *level = (*level).min(top));
                let told = self.told.len();
                self.told.push(t.min(FIRST_CHUNK + 1).saturating_sub(FIRST_CHUNK - 1) as u16);
                let row = match self.row_of_told.get(&self.told) {
                    Some(row) => *row,
                    None => {
                        let shares = self.told[..told].iter().map(|&level| f32::from(level) / f32::from(top));
                        let shares: Vec<f32> = shares.collect();
                        self.folding.fold(weights, &shares, &mut self.fresh);
                        let mut terms = Terms::default();
                        of.terms(t, &self.told[..told], &mut terms);
                        let row = self.terms.len() as u32;
                        self.table.extend_from_slice(&self.fresh);
                        self.terms.push(terms);
                        self.row_of_told.insert(self.told.clone(), row);
                        row
                    }
                };
                row_of.push(row);
            }
        }
    }
}

impl Worker {
    /// Computes consecutive sequences of a batch, from `first` on, a few at a time.
    fn run(&mut self, call: &Call<'_>, first: usize, x0_btd: &mut [f64], mut pulled: Option<&mut [f64]>) {
        let size = CHUNK * call.batch.tokens * call.width;
        for (index, x0) in x0_btd.chunks_mut(size).enumerate() {
            let at = index * size..index * size + x0.len();
            let pulled = pulled.as_mut().map(|pulled| &mut pulled[at]);
            self.piece(call, first + index * CHUNK, x0, pulled);
        }
    }

    fn piece(&mut self, call: &Call<'_>, first: usize, x0: &mut [f64], pulled: Option<&mut [f64]>) {
        let (of, t, d, d_in) =
            (call.preconditioning, call.batch.tokens, call.width, call.weights.input.inner);
        let sequences = first..first + x0.len() / (t * d);
        let tokens = sequences.start * t..sequences.end * t;
        self.packing.pack(t, &call.batch.chunks_b[sequences.clone()], &call.batch.goal_b[sequences]);
        let packing = &self.packing;
        self.row_of.clear();
        self.row_of.extend(packing.gather(&call.row_of[tokens.clone()], 1).map(|row| row[0]));
        let (width, layers) = (call.weights.width(), call.weights.blocks.len());
        let modulations = Modulations { table: call.table, row_of: &self.row_of, width, layers };
        let rows = Rows { packing, modulations };
        self.x_btd.clear();
        let noisy = &call.batch.x_btd[tokens.start * d..tokens.end * d];
        self.x_btd.extend(noisy.iter().map(|&x| f64::from(x as f32)));
        self.input.clear();
        for (&source, &row) in packing.source.iter().zip(&self.row_of) {
            let x_td = &self.x_btd[source / t * t * d..][..t * d];
            of.show(source % t, x_td, &call.terms[row as usize], &mut self.scratch);
            self.input.extend(self.scratch.input.iter().map(|&x| x as f32));
        }
        self.output.resize(packing.rows() * d, 0.0);
        self.d_output.resize(packing.rows() * d, 0.0);
        self.d_input.resize(self.input.len(), 0.0);
        let keep = if pulled.is_some() { Keep::Input } else { Keep::Nothing };
        self.pass.forward(call.weights, &rows, &self.input, &mut self.output, keep, call.lanes);
        x0.fill(0.0);
        let visible = |rows: &Range<usize>| Visible {
            tokens: &packing.tokens[rows.clone()],
            row_of: &self.row_of[rows.clone()],
            table: call.terms,
        };
        for (rows, first) in packing.sequences(t) {
            let (x_td, answer_vd) =
                (&self.x_btd[first * d..][..t * d], &self.output[rows.start * d..rows.end * d]);
            of.read(visible(&rows), x_td, answer_vd, &mut self.scratch, &mut x0[first * d..(first + t) * d]);
        }
        let (Some(cotangent), Some(pulled)) = (call.cotangent, pulled) else { return };
        self.cotangent.clear();
        self.cotangent.resize(x0.len(), 0.0);
        let both = x0.chunks_exact(t * d).zip(self.cotangent.chunks_exact_mut(t * d));
        both.enumerate().for_each(|(i, (x0, g))| cotangent(first + i, x0, g));
        pulled.fill(0.0);
        self.d_answer.clear();
        self.d_answer.resize(packing.rows() * d, 0.0);
        for (rows, first) in packing.sequences(t) {
            let (g_td, out_td) = (&self.cotangent[first * d..][..t * d], &mut pulled[first * d..][..t * d]);
            let d_answer_vd = &mut self.d_answer[rows.start * d..rows.end * d];
            of.read_back(visible(&rows), g_td, &mut self.scratch, d_answer_vd, out_td);
        }
        self.d_output.iter_mut().zip(&self.d_answer).for_each(|(out, d)| *out = *d as f32);
        self.pass.backward(call.weights, &rows, &self.input, &self.d_output, &mut self.d_input);
        let shown = self.input.chunks_exact(d_in).zip(self.d_input.chunks_exact(d_in));
        for ((&source, &row), shown) in packing.source.iter().zip(&self.row_of).zip(shown) {
            let out_td = &mut pulled[source / t * t * d..][..t * d];
            of.show_back(source % t, &call.terms[row as usize], shown, &mut self.scratch, out_td);
        }
    }
}

impl Denoiser for EngineDenoiser {
    fn layout(&self) -> &TokenLayout {
        self.preconditioning.layout()
    }

    fn pool(&self) -> Option<Arc<rayon::ThreadPool>> {
        self.pool.clone()
    }

    fn denoise(&mut self, batch: &NoisyBatch<'_>, x0_btd: &mut [f64]) -> Result<(), PlannerError> {
        self.run(batch, x0_btd, None)
    }

    fn denoise_vjp(
        &mut self,
        batch: &NoisyBatch<'_>,
        x0_btd: &mut [f64],
        cotangent: &Cotangent<'_>,
        pulled_btd: &mut [f64],
    ) -> Result<(), PlannerError> {
        self.run(batch, x0_btd, Some((cotangent, pulled_btd)))
    }
}
