//! The teacher of a distillation: a trained network, and the lessons that it gives.
//!
//! A sequence of the data stands at a row of the matrix that the student will plan with: state and past clean, its goal clean or
//! hidden, chunks noised to the row's levels. The teacher walks it to the next row ([`Lesson`]).

use std::path::Path;
use std::sync::{Mutex, PoisonError};

use burn::tensor::Device;
use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use super::batch::{BatchMaker, Buffers, DATA_STREAM, VALIDATION_STREAM};
use crate::checkpoint::{Checkpoint, Distilled, Manifest};
use crate::layout::FIRST_CHUNK;
use crate::noise::NoiseSchedule;
use crate::{
    Denoiser, DistillConfig, Lesson, PlanConfig, PlannerError, SchedulingMatrix, Tokens, TrainBatch, random,
};

/// Parts a lesson's streams from those of ordinary training.
const LESSON_STREAM: u64 = 6;

/// A trained network that teaches.
pub struct Teacher {
    checkpoint: Checkpoint,
    config: DistillConfig,
    /// How the student plans.
    plan: PlanConfig,
    schedule: NoiseSchedule,
    low: Vec<f64>,
    high: Vec<f64>,
    /// One for each thread that makes batches.
    denoisers: Mutex<Vec<Box<dyn Denoiser>>>,
}

/// A sequence of a lesson.
struct Drawn {
    start: usize,
    chunks: usize,
    goal: bool,
    row: usize,
    /// The student's, behind what is known.
    matrix: SchedulingMatrix,
    /// Whether a part of a token moves in this row, `[tokens, parts]`.
    moves_tp: Vec<bool>,
}

impl Teacher {
    /// The network of a checkpoint, which plans as that says.
    ///
    /// # Errors
    /// [`PlannerError::Setting`] for numbers of steps that the checkpoint's levels do not allow.
    pub fn new(checkpoint: Checkpoint, config: DistillConfig) -> Result<Self, PlannerError> {
        config.check()?;
        let Manifest { model, layout, limits, .. } = &checkpoint.manifest;
        let plan = config.student(&checkpoint.manifest.plan);
        plan.check(model.chunks, model.levels)?;
        let finest = usize::from(config.steps) * usize::from(config.teacher_steps);
        if finest > model.levels {
            return Err(PlannerError::Setting {
                name: "distill.teacher_steps",
                value: config.teacher_steps.to_string(),
                remedy: format!(
                    "{} steps of the student would be {finest} of the teacher's, which has {} levels: give fewer",
                    config.steps, model.levels
                ),
            });
        }
        let temperature = plan.sampler.temperature;
        if temperature < 1.0 {
            let remedy =
                "lessons begin with all of the noise: distil a planner that begins with it, too".into();
            return Err(PlannerError::Setting {
                name: "plan.sampler.temperature",
                value: temperature.to_string(),
                remedy,
            });
        }
        let schedule = model.noise()?;
        let (low, high) =
            (limits.low.repeat(layout.frames_per_token), limits.high.repeat(layout.frames_per_token));
        Ok(Self { config, plan, schedule, low, high, denoisers: Mutex::default(), checkpoint })
    }

    /// What it says of itself.
    pub fn manifest(&self) -> &Manifest {
        &self.checkpoint.manifest
    }

    /// How the student plans.
    pub fn plan(&self) -> &PlanConfig {
        &self.plan
    }

    /// What the student's checkpoints say of where it has its weights from.
    pub(super) fn record(&self) -> Distilled {
        let sampler = self.checkpoint.manifest.plan.sampler.clone();
        Distilled { teacher: self.checkpoint.hash.clone(), config: self.config, sampler }
    }

    /// Where it was read from.
    pub(super) fn path(&self) -> &Path {
        &self.checkpoint.path
    }

    /// What the student begins with.
    pub(super) fn weights(&self) -> &[f32] {
        &self.checkpoint.weights
    }

    /// Makes ready to teach in so many threads at a time.
    ///
    /// # Errors
    /// Those of [`Checkpoint::denoiser`].
    pub(super) fn prepare(&self, makers: u64, device: &Device, on_cpu: bool) -> Result<(), PlannerError> {
        let Checkpoint { path, manifest, network, parameters, weights, hash } = &self.checkpoint;
        let denoiser = |_| {
            let copy = Checkpoint {
                path: path.clone(),
                manifest: manifest.clone(),
                network: network.clone(),
                parameters: parameters.clone(),
                weights: weights.clone(),
                hash: hash.clone(),
            };
            copy.denoiser(device, on_cpu.then_some(1))
        };
        let made = (0..makers).map(denoiser).collect::<Result<Vec<_>, _>>()?;
        self.denoisers.lock().unwrap_or_else(PoisonError::into_inner).extend(made);
        Ok(())
    }

    /// Of the batch of step `step` the sequences in `own`, as [`BatchMaker::part`].
    pub(super) fn part(
        &self,
        batches: &BatchMaker,
        step: u64,
        own: std::ops::Range<usize>,
    ) -> Result<TrainBatch, PlannerError> {
        self.batch(batches, &[LESSON_STREAM, DATA_STREAM, step], own)
    }

    /// As [`BatchMaker::validation_batch`].
    pub(super) fn validation_batch(&self, batches: &BatchMaker) -> Result<TrainBatch, PlannerError> {
        self.batch(batches, &[LESSON_STREAM, VALIDATION_STREAM, 0], 0..batches.settings().batch)
    }

    fn batch(
        &self,
        batches: &BatchMaker,
        stream: &[u64; 3],
        own: std::ops::Range<usize>,
    ) -> Result<TrainBatch, PlannerError> {
        let taken = self.denoisers.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let missing = || PlannerError::Device("more threads ask the teacher than it has copies for".into());
        let mut denoiser = taken.ok_or_else(missing)?;
        let batch = self.lessons(batches, stream, own, denoiser.as_mut());
        self.denoisers.lock().unwrap_or_else(PoisonError::into_inner).push(denoiser);
        batch
    }

    fn lessons(
        &self,
        batches: &BatchMaker,
        stream: &[u64; 3],
        own: std::ops::Range<usize>,
        denoiser: &mut dyn Denoiser,
    ) -> Result<TrainBatch, PlannerError> {
        let (mut batch, mut existing, mut buffers) = (batches.blank(), 0, Buffers::default());
        let [kind, of, step] = *stream;
        for sequence in 0..batches.settings().batch {
            let mut rng = random::stream(batches.settings().seed, &[kind, of, step, sequence as u64]);
            let drawn = self.draw(&mut rng, batches)?;
            let shown = (drawn.chunks, drawn.goal);
            (batch.chunks_b[sequence], batch.goal_b[sequence]) = shown;
            let parts = drawn.matrix.parts();
            let asks = |token: usize, part: usize| drawn.moves_tp.get(token * parts + part) == Some(&true);
            existing += batches.count(shown, &asks);
            if own.contains(&sequence) {
                let level_tp = self.teach(&mut rng, batches, &drawn, denoiser, &mut buffers)?;
                batches.write(sequence, shown, &level_tp, &asks, &mut buffers, &mut batch);
            }
        }
        batch.of_slots(existing);
        Ok(batch)
    }

    /// Draws a sequence, and a row at which the student meets it.
    fn draw(&self, rng: &mut ChaCha8Rng, batches: &BatchMaker) -> Result<Drawn, PlannerError> {
        let (start, chunks, goal) = batches.lesson(rng);
        let most = self.plan.history.min(chunks.saturating_sub(1));
        let past = if most > 0 { rng.random_range(0..=most) } else { 0 };
        let rows = self.plan.rows(chunks.saturating_sub(past), batches.layout().parts(), false)?;
        let matrix = rows.after_known(FIRST_CHUNK + past);
        let row = rng.random_range(0..matrix.steps().max(1));
        let moves_tp = matrix.row(row).iter().zip(matrix.row(row + 1)).map(|(from, to)| from != to).collect();
        Ok(Drawn { start, chunks, goal, row, matrix, moves_tp })
    }

    /// Has the teacher walk a sequence: `buffers` then hold what the student is shown and what it is to answer. Returns the
    /// levels that it is told, `[T, P]`.
    fn teach(
        &self,
        rng: &mut ChaCha8Rng,
        batches: &BatchMaker,
        drawn: &Drawn,
        denoiser: &mut dyn Denoiser,
        buffers: &mut Buffers,
    ) -> Result<Vec<u16>, PlannerError> {
        let &Drawn { start, chunks, goal, row, ref matrix, .. } = drawn;
        let (steps, stabilization) = (usize::from(matrix.levels()), self.plan.sampler.stabilization_level);
        let trained = |level: &u16| self.schedule.training_level(usize::from(*level), steps) as u16;
        // Chunks past the end are pure noise that nobody sees.
        let mut level_tp = vec![self.schedule.levels() as u16; batches.tokens() * matrix.parts()];
        level_tp.iter_mut().zip(matrix.row(row)).for_each(|(of, level)| *of = trained(level));
        batches.noise(rng, start, chunks, goal, &level_tp, buffers);
        let size = matrix.tokens() * batches.layout().width();
        let noisy_td = buffers.noisy_td.get(..size).unwrap_or_default().to_vec();
        let noisy = Tokens::new(matrix.tokens(), noisy_td, vec![chunks], vec![goal]);
        let lesson = Lesson {
            schedule: &self.schedule,
            matrix,
            row,
            teacher_steps: self.config.teacher_steps,
            stabilization,
            limits: Some((&self.low, &self.high)),
            solver: self.checkpoint.manifest.plan.sampler.solver,
        };
        let taught = lesson.target(denoiser, &noisy)?;
        buffers.clean_td.iter_mut().zip(taught.x0_btd).for_each(|(of, x0)| *of = x0);
        // What is clean is shown as it is in planning.
        let stable = self.schedule.abar(usize::from(stabilization)).sqrt();
        let (parts, of_slots) = (matrix.parts(), batches.preconditioning().part_of_slots());
        let width = of_slots.len().max(1);
        for (x_d, level_p) in buffers.noisy_td.chunks_exact_mut(width).zip(level_tp.chunks_exact_mut(parts)) {
            let clean = x_d.iter_mut().zip(of_slots).filter(|(_, part)| level_p[**part] == 0);
            clean.for_each(|(x, _)| *x *= stable);
            level_p.iter_mut().filter(|level| **level == 0).for_each(|level| *level = stabilization);
        }
        Ok(level_tp)
    }
}
