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

use std::sync::Arc;

use modulation::{Folding, Modulations, row_len};
use packing::Packing;
use pass::{Keep, Pass, Rows};
use rayon::prelude::{
    IndexedParallelIterator, IntoParallelRefMutIterator, ParallelIterator, ParallelSliceMut,
};
use weights::Weights;

use crate::denoiser::{Cotangent, Denoiser, NoisyBatch};
use crate::error::check_len;
use crate::network::{FourierFeatures, NetworkConfig, ParameterLayout, thread_pool};
use crate::noise::{NoiseSchedule, Target};
use crate::{PlannerError, TokenLayout};

pub use gradient::EngineGradient;

/// Most sequences of a pass, so that activations stay in the caches. Results do not depend on it.
const CHUNK: usize = 8;

/// A transformer denoiser computed by this crate's own passes, on one or more threads.
pub struct EngineDenoiser {
    weights: Weights,
    fourier: FourierFeatures,
    layout: TokenLayout,
    schedule: NoiseSchedule,
    target: Target,
    levels: LevelCache,
    row_of: Vec<u32>,
    pool: Option<Arc<rayon::ThreadPool>>,
    workers: Vec<Worker>,
}

/// Folded modulation rows of the levels met so far.
#[derive(Default)]
struct LevelCache {
    table: Vec<f32>,
    row_of_level: Vec<Option<u32>>,
    folding: Folding,
    fresh: Vec<f32>,
}

/// One thread's buffers.
#[derive(Default)]
struct Worker {
    pass: Pass,
    packing: Packing,
    row_of: Vec<u32>,
    token: Vec<f32>,
    input: Vec<f32>,
    output: Vec<f32>,
    cotangent: Vec<f64>,
    d_output: Vec<f32>,
    d_input: Vec<f32>,
}

/// What all pieces of a batch share.
#[derive(Clone, Copy)]
struct Call<'a> {
    weights: &'a Weights,
    fourier: &'a FourierFeatures,
    table: &'a [f32],
    row_of: &'a [u32],
    schedule: &'a NoiseSchedule,
    target: Target,
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
        layout: TokenLayout,
        schedule: NoiseSchedule,
        target: Target,
        threads: usize,
    ) -> Result<Self, PlannerError> {
        let weights = Weights::new(parameters, flat, config, &layout)?;
        let fourier = FourierFeatures::new(&layout, config.fourier_features);
        let levels = LevelCache { row_of_level: vec![None; schedule.levels() + 1], ..LevelCache::default() };
        let threads = threads.max(1);
        let pool = if threads == 1 { None } else { Some(Arc::new(thread_pool(threads)?)) };
        let workers = (0..threads).map(|_| Worker::default()).collect();
        Ok(Self { weights, fourier, layout, schedule, target, levels, row_of: Vec::new(), pool, workers })
    }

    fn run(
        &mut self,
        batch: &NoisyBatch<'_>,
        x0_btd: &mut [f64],
        pull: Option<(&Cotangent<'_>, &mut [f64])>,
    ) -> Result<(), PlannerError> {
        let width = self.layout.width();
        batch.check(width)?;
        let size = batch.tokens * width;
        check_len("clean estimates", batch.batch * size, x0_btd.len())?;
        let longest = self.layout.tokens(self.layout.chunks);
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
        self.levels.look_up(&self.weights, batch.level_bt, &mut self.row_of);
        let call = Call {
            weights: &self.weights,
            fourier: &self.fourier,
            table: &self.levels.table,
            row_of: &self.row_of,
            schedule: &self.schedule,
            target: self.target,
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
    /// The folded row of every token's level, computing those not met before.
    fn look_up(&mut self, weights: &Weights, level_bt: &[u16], row_of: &mut Vec<u32>) {
        let top = self.row_of_level.len() - 1;
        let len = row_len(weights.width(), weights.blocks.len());
        row_of.clear();
        for &level in level_bt {
            let level = usize::from(level).min(top);
            let row = self.row_of_level[level].unwrap_or_else(|| {
                self.folding.fold(weights, &[level as f32 / top as f32], &mut self.fresh);
                let row = (self.table.len() / len) as u32;
                self.table.extend_from_slice(&self.fresh);
                self.row_of_level[level] = Some(row);
                row
            });
            row_of.push(row);
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
        let (t, d, d_in) = (call.batch.tokens, call.width, call.weights.input.inner);
        let sequences = first..first + x0.len() / (t * d);
        let tokens = sequences.start * t..sequences.end * t;
        let level_bt = &call.batch.level_bt[tokens.clone()];
        let x_btd = &call.batch.x_btd[tokens.start * d..tokens.end * d];
        self.packing.pack(t, &call.batch.chunks_b[sequences.clone()], &call.batch.goal_b[sequences]);
        let packing = &self.packing;
        self.row_of.clear();
        self.row_of.extend(packing.gather(&call.row_of[tokens], 1).map(|row| row[0]));
        let (width, layers) = (call.weights.width(), call.weights.blocks.len());
        let modulations = Modulations { table: call.table, row_of: &self.row_of, width, layers };
        let rows = Rows { packing, modulations };
        self.input.clear();
        for x in packing.gather(x_btd, d) {
            self.token.clear();
            self.token.extend(x.iter().map(|&x| x as f32));
            self.input.extend_from_slice(&self.token);
            call.fourier.extend(&self.token, &mut self.input);
        }
        self.output.resize(packing.rows() * d, 0.0);
        self.d_output.resize(packing.rows() * d, 0.0);
        self.d_input.resize(self.input.len(), 0.0);
        let keep = if pulled.is_some() { Keep::Input } else { Keep::Nothing };
        self.pass.forward(call.weights, &rows, &self.input, &mut self.output, keep, call.lanes);
        // The affine map from output to clean estimate depends on a token's level only.
        let to_x0 = |source: usize| call.target.to_x0(call.schedule.abar(usize::from(level_bt[source])));
        x0.fill(0.0);
        for (&source, out) in packing.source.iter().zip(self.output.chunks_exact(d)) {
            let (on_x, on_output) = to_x0(source);
            let at = source * d..(source + 1) * d;
            for ((x0, x), out) in x0[at.clone()].iter_mut().zip(&x_btd[at]).zip(out) {
                *x0 = on_x * x + on_output * f64::from(*out);
            }
        }
        let (Some(cotangent), Some(pulled)) = (call.cotangent, pulled) else { return };
        self.cotangent.clear();
        self.cotangent.resize(x_btd.len(), 0.0);
        let both = x0.chunks_exact(t * d).zip(self.cotangent.chunks_exact_mut(t * d));
        both.enumerate().for_each(|(i, (x0, g))| cotangent(first + i, x0, g));
        for (&source, d_out) in packing.source.iter().zip(self.d_output.chunks_exact_mut(d)) {
            let (on_output, g) = (to_x0(source).1, &self.cotangent[source * d..(source + 1) * d]);
            d_out.iter_mut().zip(g).for_each(|(d_out, g)| *d_out = (on_output * g) as f32);
        }
        self.pass.backward(call.weights, &rows, &self.input, &self.d_output, &mut self.d_input);
        pulled.fill(0.0);
        let inputs = self.input.chunks_exact(d_in).zip(self.d_input.chunks_exact(d_in));
        for (&source, (input, through)) in packing.source.iter().zip(inputs) {
            let (on_x, at) = (to_x0(source).0, source * d..(source + 1) * d);
            let out = &mut pulled[at.clone()];
            for ((out, g), through) in out.iter_mut().zip(&self.cotangent[at]).zip(through) {
                *out = on_x * g + f64::from(*through);
            }
            call.fourier.pull(&input[d..], &through[d..], out);
        }
    }
}

impl Denoiser for EngineDenoiser {
    fn layout(&self) -> &TokenLayout {
        &self.layout
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
