//! The transformer on the CPU without a tensor library: forward pass and input gradient.
//!
//! Weights are taken out of the Burn model once; what a noise level does to each layer is computed once per
//! level; buffers are kept; products go through the `gemm` crate. The Burn model remains the reference (a
//! property test holds the two together) and is what any other device runs.

mod attention;
mod kernels;
mod levels;
mod pass;
mod weights;

use std::sync::Mutex;

use levels::Level;
use pass::{Pass, Rows};
use weights::TransformerWeights;

use crate::denoiser::{Cotangent, Denoiser, NoisyBatch};
use crate::error::check_len;
use crate::network::{NetworkConfig, ParameterLayout};
use crate::noise::{NoiseSchedule, Target};
use crate::{PlannerError, TokenLayout};

/// Sequences per pass. Fixed, so that the split of a batch, and with it every rounding, does not depend on
/// the number of threads; small, so that activations stay in the second-level cache.
const CHUNK: usize = 8;

/// A transformer denoiser computed by this crate's own passes, on one or more threads.
pub struct EngineDenoiser {
    weights: TransformerWeights,
    layout: TokenLayout,
    schedule: NoiseSchedule,
    target: Target,
    config: NetworkConfig,
    levels: Vec<Option<Level>>,
    workers: Vec<Worker>,
}

/// One thread's buffers.
#[derive(Default)]
struct Worker {
    pass: Pass,
    input: Vec<f32>,
    output: Vec<f32>,
    cotangent: Vec<f64>,
    d_output: Vec<f32>,
    d_input: Vec<f32>,
}

/// Consecutive sequences of a batch and where their results go.
struct Piece<'a> {
    first: usize,
    x0: &'a mut [f64],
    pulled: Option<&'a mut [f64]>,
}

/// What all pieces of a batch share.
struct Call<'a> {
    weights: &'a TransformerWeights,
    levels: &'a [Option<Level>],
    schedule: &'a NoiseSchedule,
    target: Target,
    config: &'a NetworkConfig,
    batch: &'a NoisyBatch<'a>,
    width: usize,
    cotangent: Option<&'a Cotangent<'a>>,
}

impl EngineDenoiser {
    /// Engine for a transformer's flat weights.
    ///
    /// # Errors
    /// [`PlannerError::Device`] when the weights are not those of a transformer of this configuration.
    pub fn new(
        parameters: &ParameterLayout,
        flat: &[f32],
        config: &NetworkConfig,
        layout: TokenLayout,
        schedule: NoiseSchedule,
        target: Target,
        threads: usize,
    ) -> Result<Self, PlannerError> {
        let weights = TransformerWeights::new(parameters, flat, config.layers)?;
        let levels = vec![None; schedule.levels() + 1];
        let workers = (0..threads.max(1)).map(|_| Worker::default()).collect();
        Ok(Self { weights, layout, schedule, target, config: config.clone(), levels, workers })
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
        if batch.tokens > self.layout.tokens(self.layout.chunks) {
            return Err(PlannerError::Length {
                what: "sequence",
                want: self.layout.tokens(self.layout.chunks),
                got: batch.tokens,
            });
        }
        let top = self.schedule.levels();
        for &level in batch.level_bt {
            let level = usize::from(level).min(top);
            if self.levels[level].is_none() {
                self.levels[level] = Some(Level::new(&self.weights, level as f32 / top as f32));
            }
        }
        let (cotangent, mut pulled) = match pull {
            None => (None, None),
            Some((cotangent, out)) => {
                check_len("pulled gradients", batch.batch * size, out.len())?;
                (Some(cotangent), Some(out.chunks_mut(CHUNK * size)))
            }
        };
        let mut pieces = Vec::new();
        for (index, x0) in x0_btd.chunks_mut(CHUNK * size).enumerate() {
            pieces.push(Piece { first: index * CHUNK, x0, pulled: pulled.as_mut().and_then(Iterator::next) });
        }
        let call = Call {
            weights: &self.weights,
            levels: &self.levels,
            schedule: &self.schedule,
            target: self.target,
            config: &self.config,
            batch,
            width,
            cotangent,
        };
        if let ([worker, ..], 0..=1) = (self.workers.as_mut_slice(), pieces.len()) {
            pieces.into_iter().for_each(|piece| worker.run(&call, piece));
            return Ok(());
        }
        let queue = Mutex::new(pieces);
        let outcome = crossbeam::thread::scope(|scope| {
            for worker in &mut self.workers {
                let (queue, call) = (&queue, &call);
                scope.spawn(move |_| {
                    while let Some(piece) = queue.lock().ok().and_then(|mut queue| queue.pop()) {
                        worker.run(call, piece);
                    }
                });
            }
        });
        outcome.map_err(|_| PlannerError::Device("a denoising worker stopped unexpectedly".into()))
    }
}

impl Worker {
    fn run(&mut self, call: &Call<'_>, piece: Piece<'_>) {
        let (t, d) = (call.batch.tokens, call.width);
        let sequences = piece.x0.len() / (t * d);
        let range = piece.first..piece.first + sequences;
        let level_bt = &call.batch.level_bt[range.start * t..range.end * t];
        let x_btd = &call.batch.x_btd[range.start * t * d..range.end * t * d];
        let top = call.levels.len() - 1;
        let empty = Level::default();
        let levels: Vec<&Level> = level_bt
            .iter()
            .map(|&k| call.levels[usize::from(k).min(top)].as_ref().unwrap_or(&empty))
            .collect();
        let visible: Vec<(usize, bool)> =
            range.clone().map(|b| (call.batch.chunks_b[b], call.batch.goal_b[b])).collect();
        let rows = Rows {
            sequences,
            tokens: t,
            heads: call.config.heads,
            causal: call.config.causal,
            levels: &levels,
            visible: &visible,
        };
        self.input.clear();
        self.input.extend(x_btd.iter().map(|&x| x as f32));
        for buffer in [&mut self.output, &mut self.d_output, &mut self.d_input] {
            buffer.resize(x_btd.len(), 0.0);
        }
        self.pass.forward(call.weights, &rows, &self.input, &mut self.output);
        // The affine map from output to clean estimate depends on a row's level only.
        let to_x0 = |row: usize| call.target.to_x0(call.schedule.abar(usize::from(level_bt[row])));
        for (row, (x0, (x, out))) in piece
            .x0
            .chunks_exact_mut(d)
            .zip(x_btd.chunks_exact(d).zip(self.output.chunks_exact(d)))
            .enumerate()
        {
            let (on_x, on_output) = to_x0(row);
            x0.iter_mut()
                .zip(x.iter().zip(out))
                .for_each(|(x0, (x, out))| *x0 = on_x * x + on_output * f64::from(*out));
        }
        let (Some(cotangent), Some(pulled)) = (call.cotangent, piece.pulled) else { return };
        self.cotangent.clear();
        self.cotangent.resize(x_btd.len(), 0.0);
        let size = t * d;
        for (i, (x0, g)) in piece.x0.chunks_exact(size).zip(self.cotangent.chunks_exact_mut(size)).enumerate()
        {
            cotangent(range.start + i, x0, g);
        }
        for (row, (d_out, g)) in
            self.d_output.chunks_exact_mut(d).zip(self.cotangent.chunks_exact(d)).enumerate()
        {
            let on_output = to_x0(row).1;
            d_out.iter_mut().zip(g).for_each(|(d_out, g)| *d_out = (on_output * g) as f32);
        }
        self.pass.backward(call.weights, &rows, &self.d_output, &mut self.d_input);
        for (row, out) in pulled.chunks_exact_mut(d).enumerate() {
            let on_x = to_x0(row).0;
            let at = row * d..(row + 1) * d;
            out.iter_mut()
                .zip(self.cotangent[at.clone()].iter().zip(&self.d_input[at]))
                .for_each(|(out, (g, through))| *out = on_x * g + f64::from(*through));
        }
    }
}

impl Denoiser for EngineDenoiser {
    fn layout(&self) -> &TokenLayout {
        &self.layout
    }

    fn denoise(&mut self, batch: &NoisyBatch<'_>, x0_btd: &mut [f64]) -> Result<(), PlannerError> {
        self.run(batch, x0_btd, None)
    }

    fn denoise_and_pull(
        &mut self,
        batch: &NoisyBatch<'_>,
        x0_btd: &mut [f64],
        cotangent: &Cotangent<'_>,
        pulled_btd: &mut [f64],
    ) -> Result<(), PlannerError> {
        self.run(batch, x0_btd, Some((cotangent, pulled_btd)))
    }
}
