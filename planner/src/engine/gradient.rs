//! Loss and weight gradients of a training batch, computed by the engine.

use rayon::prelude::{IndexedParallelIterator, IntoParallelRefMutIterator, ParallelIterator};

use super::CHUNK;
use super::modulation::{Folding, Modulations};
use super::packing::Packing;
use super::pass::{Keep, Pass, Rows};
use super::weights::Weights;
use crate::error::check_len;
use crate::network::{NetworkConfig, ParameterLayout, thread_pool};
use crate::train_batch::LossRoom;
use crate::train_config::MOST_SHARDS;
use crate::{PlannerError, Preconditioning, TrainBatch};

/// Computes gradients of a transformer shard by shard; shards are summed in their order, whoever computed
/// them, so that the result does not depend on the number of threads.
pub struct EngineGradient {
    weights: Weights,
    preconditioning: Preconditioning,
    shards: Vec<Shard>,
    pool: rayon::ThreadPool,
    gradient: Vec<f32>,
}

/// One shard's buffers and results.
#[derive(Default)]
struct Shard {
    first: usize,
    sequences: usize,
    pass: Pass,
    packing: Packing,
    folding: Folding,
    input: Vec<f32>,
    shares: Vec<f32>,
    table: Vec<f32>,
    row_of: Vec<u32>,
    output: Vec<f32>,
    room: LossRoom,
    loss: f64,
}

impl EngineGradient {
    /// Gradients of a transformer of this configuration, `levels` training levels, in `shards` parts shared by
    /// `threads` threads.
    ///
    /// # Errors
    /// [`PlannerError::Device`] when the parameters are not a transformer's, or threads cannot be started.
    pub fn new(
        parameters: &ParameterLayout,
        config: &NetworkConfig,
        preconditioning: Preconditioning,
        shards: usize,
        threads: usize,
    ) -> Result<Self, PlannerError> {
        if shards > MOST_SHARDS {
            let remedy = format!("give at most {MOST_SHARDS}");
            return Err(PlannerError::Setting { name: "train.shards", value: shards.to_string(), remedy });
        }
        let layout = preconditioning.layout();
        // Held against the configuration before memory is asked for as many.
        let known = config.weights(layout).and_then(|weights| usize::try_from(weights).ok());
        parameters.check()?;
        check_len("parameters", known.unwrap_or(usize::MAX), parameters.len())?;
        let flat = vec![0.0; parameters.len()];
        let weights = Weights::new(parameters, &flat, config, layout)?;
        Ok(Self {
            weights,
            shards: (0..shards.max(1)).map(|_| Shard::default()).collect(),
            pool: thread_pool(threads.clamp(1, shards.max(1)))?,
            gradient: flat,
            preconditioning,
        })
    }

    /// Weighted squared error of `batch` and its gradient, for the parameters `flat`.
    ///
    /// # Errors
    /// [`PlannerError::Length`] when parameters or batch do not fit the network.
    pub fn gradient(&mut self, flat: &[f32], batch: &TrainBatch) -> Result<(f64, &[f32]), PlannerError> {
        let _ = self.shards(flat, batch, 0..self.shards.len())?;
        let (shards, sum) = (&self.shards, &mut self.gradient);
        self.pool.install(|| {
            let parts: Vec<&[f32]> = shards.iter().map(Shard::gradient).collect();
            sum.par_iter_mut().with_min_len(1 << 14).enumerate().for_each(|(i, sum)| {
                *sum = parts.iter().map(|part| part.get(i).copied().unwrap_or(0.0)).sum();
            });
        });
        Ok((self.shards.iter().map(|shard| shard.loss).sum(), &self.gradient))
    }

    /// Number of shards.
    pub fn shard_count(&self) -> usize {
        self.shards.len()
    }

    /// Sequences of each shard of a batch of so many; the last have what is left.
    pub fn per_shard(&self, batch: usize) -> usize {
        batch.div_ceil(self.shards.len()).max(1)
    }

    /// Loss and gradient of each of the shards in `own`; an empty gradient where a shard has no sequences. Sequences of
    /// others are not looked at.
    ///
    /// # Errors
    /// As [`Self::gradient`].
    pub fn shards(
        &mut self,
        flat: &[f32],
        batch: &TrainBatch,
        own: std::ops::Range<usize>,
    ) -> Result<impl Iterator<Item = (f64, &[f32])>, PlannerError> {
        let (b, len) = (batch.chunks_b.len(), self.weights.flat.len());
        check_len("parameters", len, flat.len())?;
        batch.check(&self.preconditioning)?;
        self.weights.set(flat);
        let per_shard = self.per_shard(b);
        let mut first = 0;
        for shard in &mut self.shards {
            shard.sequences = per_shard.min(b - first);
            shard.first = first;
            first += shard.sequences;
        }
        let (weights, of) = (&self.weights, &self.preconditioning);
        let own = self.shards.get_mut(own).unwrap_or_default();
        self.pool.install(|| own.par_iter_mut().for_each(|shard| shard.run(weights, of, batch)));
        Ok(own.iter().map(|shard| (shard.loss, shard.gradient())))
    }
}

impl Shard {
    fn gradient(&self) -> &[f32] {
        self.pass.lanes.first().filter(|_| self.sequences > 0).map_or(&[], |lane| &lane.gradient)
    }

    fn run(&mut self, weights: &Weights, of: &Preconditioning, batch: &TrainBatch) {
        self.loss = 0.0;
        if let Some(lane) = self.pass.lanes.first_mut() {
            lane.gradient.fill(0.0);
        }
        for first in (self.first..self.first + self.sequences).step_by(CHUNK) {
            let last = (first + CHUNK).min(self.first + self.sequences);
            self.piece(weights, of, batch, first..last);
        }
    }

    fn piece(
        &mut self,
        weights: &Weights,
        of: &Preconditioning,
        batch: &TrainBatch,
        sequences: std::ops::Range<usize>,
    ) {
        let (layout, levels) = (of.layout(), of.schedule().levels());
        let (d, d_in) = (weights.output.columns, weights.input.inner);
        let (t, told) = (layout.tokens(layout.chunks), layout.told_levels());
        let tokens = sequences.start * t..sequences.end * t;
        self.packing.pack(t, &batch.chunks_b[sequences.clone()], &batch.goal_b[sequences]);
        let packing = &self.packing;
        self.shares.clear();
        let levels_of = packing.gather(&batch.level_btl[tokens.start * told..tokens.end * told], told);
        self.shares.extend(levels_of.flatten().map(|&level| f32::from(level) / levels.max(1) as f32));
        self.folding.fold(weights, &self.shares, &mut self.table);
        self.row_of.clear();
        self.row_of.extend(0..packing.rows() as u32);
        let (width, layers) = (weights.width(), weights.blocks.len());
        let modulations = Modulations { table: &self.table, row_of: &self.row_of, width, layers };
        let rows = Rows { packing, modulations };
        self.input.clear();
        for shown in packing.gather(&batch.input_bti[tokens.start * d_in..tokens.end * d_in], d_in) {
            self.input.extend_from_slice(shown);
        }
        self.output.resize(packing.rows() * d, 0.0);
        self.pass.forward(weights, &rows, &self.input, &mut self.output, Keep::Weights, 1);
        // From here on `output` holds the gradient of the loss at the output.
        for (i, (rows, _)) in packing.sequences(t).enumerate() {
            let answer_vd = &mut self.output[rows.start * d..rows.end * d];
            let seen = &packing.tokens[rows];
            self.loss += batch.loss(of, tokens.start / t + i, seen, answer_vd, &mut self.room);
        }
        self.pass.backward(weights, &rows, &self.input, &self.output, &mut []);
        if let Some(lane) = self.pass.lanes.first_mut() {
            let (d_table, gradient) = (&mut lane.d_table, &mut lane.gradient);
            self.folding.add_gradient(weights, d_table, gradient);
        }
    }
}
