//! A plan with all that it was made of, by which a port's sampling is verified, as its network is by the test vector.

use burn::tensor::Device;
use serde::{Deserialize, Serialize};

use super::Checkpoint;
use crate::error::check_len;
use crate::layout::{FIRST_CHUNK, GOAL, STATE};
use crate::{PlannerError, Sampler, SamplerConfig, ScheduleName, SchedulingMatrix, Tokens, random};

/// Chunks of the plan, where the checkpoint has so many.
const CHUNKS: usize = 6;
/// Names its draws.
const SEED: u64 = 2;
/// Deviation of the observation and the goal that it is made for, in deviations of the data.
const SPREAD: f64 = 0.5;

/// One plan without guidance and without a choice between plans: what rows of denoising make of this noise. Observation,
/// goal, actions and observations are in their own units; arrays are flat, frame by frame.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RecordedPlan {
    /// Present observation.
    pub observation: Vec<f64>,
    /// What the goal token says, in the order of the layout's condition; none where nothing is shown.
    pub goal: Option<Vec<f64>>,
    /// Settings that it was sampled with, always in a pyramid and to its end.
    pub sampler: SamplerConfig,
    /// Noise that its chunks began as, normalised, `[chunks, width]`.
    pub noise: Vec<f64>,
    /// Actions.
    pub actions: Vec<f64>,
    /// Observations, each after its action.
    pub observations: Vec<f64>,
}

impl RecordedPlan {
    /// A plan of a checkpoint, by its own settings.
    ///
    /// # Errors
    /// [`PlannerError::Setting`] for settings that cannot be sampled with; [`PlannerError::Device`].
    pub fn of(checkpoint: Checkpoint, device: &Device) -> Result<Self, PlannerError> {
        let manifest = checkpoint.manifest.clone();
        let (layout, normalizer) = (&manifest.layout, &manifest.normalizer);
        let sampler = SamplerConfig {
            schedule: ScheduleName::Pyramid,
            clean_tokens: 0,
            temperature: 1.0,
            ..manifest.plan.sampler.clone()
        };
        let mut denoiser = checkpoint.denoiser(device, Some(1))?;
        let (chunks, width) = (CHUNKS.min(layout.chunks), layout.width());
        let draw = |count: usize, stream: u64, spread: f64| {
            let mut values = vec![0.0; count];
            random::fill_normal(&mut random::stream(SEED, &[stream]), &mut values);
            // Short numbers, so that every reader has the same.
            values.iter().map(|value| (value * spread * 1e4).round() / 1e4).collect::<Vec<f64>>()
        };
        let (noise, now) = (draw(chunks * width, 0, 1.0), draw(layout.observation, 1, SPREAD));
        let shown = !layout.returns && manifest.plan.goal_conditioning && layout.has_condition();
        let goal = shown.then(|| draw(layout.condition.len(), 2, SPREAD));
        let mut x_btd = vec![0.0; FIRST_CHUNK * width];
        layout.write_state(&now, &mut x_btd[STATE * width..(STATE + 1) * width]);
        layout.write_goal(goal.as_deref().unwrap_or_default(), &mut x_btd[GOAL * width..(GOAL + 1) * width]);
        x_btd.extend_from_slice(&noise);

        let matrix = SchedulingMatrix::new(sampler.matrix(), chunks, sampler.steps)?;
        let matrix = matrix.with_parts(layout.parts())?.after_known(FIRST_CHUNK);
        let limits = |ends: &[f64]| ends.repeat(layout.frames_per_token);
        let (low, high) = (limits(&manifest.limits.low), limits(&manifest.limits.high));
        let schedule = manifest.model.noise()?;
        let rows = Sampler {
            schedule: &schedule,
            matrix: &matrix,
            stabilization: sampler.stabilization_level,
            limits: Some((&low, &high)),
            solver: sampler.solver,
        };
        let mut x = Tokens::new(layout.tokens(chunks), x_btd, vec![chunks], vec![goal.is_some()]);
        rows.run(denoiser.as_mut(), None, &mut x, rows.all(), &mut |_, _| true)?;
        check_len("tokens of the recorded plan", layout.tokens(chunks) * width, x.x0_btd.len())?;

        let (mut actions, mut observations, mut observation) = (Vec::new(), Vec::new(), now);
        for frame in x.x0_btd[FIRST_CHUNK * width..].chunks_exact(layout.frame()) {
            actions.extend_from_slice(&frame[..layout.action]);
            observations.extend_from_slice(&frame[layout.action..layout.action + layout.observation]);
        }
        normalizer.action.denormalize(&mut actions)?;
        normalizer.observation.denormalize(&mut observations)?;
        normalizer.observation.denormalize(&mut observation)?;
        let (shift, scale) = (normalizer.observation.shift(), normalizer.observation.scale());
        let in_units = |values: Vec<f64>| {
            layout.condition.iter().zip(values).map(|(&i, value)| value * scale[i] + shift[i]).collect()
        };
        Ok(Self { observation, goal: goal.map(in_units), sampler, noise, actions, observations })
    }
}
