//! What a run is trained on, and which trajectories are held out.

use forethought_envs::EnvSpec;
use forethought_envs::data::{
    DataReport, Dataset, Finding, FindingKind, Trajectory, WindowCounts, actions_outside,
};
use rand::RngExt;

use super::BatchMaker;
use crate::checkpoint::DataRecord;
use crate::{PlannerError, TokenLayout, random};

/// Names the stream that chooses what is held out.
const HOLD_OUT_STREAM: u64 = 2;

/// Data to train on.
#[derive(Clone, Copy, Debug)]
pub struct TrainingData<'a> {
    /// The environment they come from.
    pub spec: &'a EnvSpec,
    /// The data, whose observations must follow one another (see [`Dataset::repair_stale_observations`]).
    pub dataset: &'a Dataset,
    /// Trajectories that are held out: a share of all of them below 1, else their number. Of data that are one
    /// trajectory a share of its rows is held out, at the end.
    pub validation: f64,
}

impl<'a> TrainingData<'a> {
    /// All of `dataset`, nothing held out.
    pub fn new(spec: &'a EnvSpec, dataset: &'a Dataset) -> Self {
        Self { spec, dataset, validation: 0.0 }
    }

    /// Where they come from, for a checkpoint.
    pub(super) fn record(&self) -> DataRecord {
        let metadata = &self.dataset.metadata;
        DataRecord {
            rows: self.dataset.len(),
            seed: metadata.seed,
            generator: metadata.generator.clone(),
            validation: self.validation,
        }
    }

    /// Trajectories to train on and trajectories held out, both in row order. `least` rows make one that can be used;
    /// shorter ones are in neither.
    ///
    /// # Errors
    /// [`PlannerError::Setting`] when so many are held out that none is left, or none can be held out.
    pub(super) fn split(&self, least: usize, seed: u64) -> Result<[Vec<Trajectory>; 2], PlannerError> {
        let mut all = self.dataset.trajectories(true);
        all.retain(|trajectory| trajectory.len() >= least);
        let asked = self.validation;
        let refuse = |remedy: String| {
            Err(PlannerError::Setting { name: "data.validation", value: asked.to_string(), remedy })
        };
        if !(asked.is_finite() && asked >= 0.0) || (asked > 1.0 && asked.fract() > 0.0) {
            return refuse("give a share below 1, or a number of trajectories".into());
        }
        if asked <= 0.0 {
            return Ok([all, Vec::new()]);
        }
        if let ([whole], true) = (all.as_slice(), asked < 1.0) {
            let rows = (asked * whole.len() as f64).round() as usize;
            let cut = whole.end - rows.clamp(0, whole.len());
            let parts = [Trajectory { end: cut, ..*whole }, Trajectory { start: cut, ..*whole }];
            return match parts.iter().all(|part| part.len() >= least) {
                true => Ok(parts.map(|part| vec![part])),
                false => {
                    refuse(format!("the data are one trajectory: leave at least {least} rows on either side"))
                }
            };
        }
        let count = if asked < 1.0 { (asked * all.len() as f64).ceil() as usize } else { asked as usize };
        if count >= all.len() {
            return refuse(format!(
                "{count} of the {} trajectories of at least {least} rows would be held out: hold out fewer",
                all.len()
            ));
        }
        // The first `count` of a shuffle.
        let mut order: Vec<usize> = (0..all.len()).collect();
        let mut rng = random::stream(seed, &[HOLD_OUT_STREAM]);
        for i in 0..count {
            let other = rng.random_range(i..order.len());
            order.swap(i, other);
        }
        order.truncate(count);
        let (mut train, mut held) = (Vec::new(), Vec::new());
        for (i, trajectory) in all.into_iter().enumerate() {
            if order.contains(&i) { held.push(trajectory) } else { train.push(trajectory) }
        }
        Ok([train, held])
    }

    /// What the data hold and what of it `batches` use.
    pub(super) fn report(
        &self,
        layout: &TokenLayout,
        batches: &BatchMaker,
        held: &[Trajectory],
    ) -> DataReport {
        let mut report = DataReport::of(self.dataset);
        let (rows, least) = (window_rows(layout), least_rows(layout));
        let all = self.dataset.trajectories(true);
        let short: Vec<&Trajectory> = all.iter().filter(|trajectory| trajectory.len() < least).collect();
        let padded = all.iter().filter(|t| (least..rows).contains(&t.len())).count();
        // Of a single trajectory, both parts count.
        let used = (all.len() - short.len()).max(usize::from(!held.is_empty()) + 1);
        report.windows = Some(WindowCounts {
            window_rows: rows,
            windows: batches.windows().len(),
            used,
            padded,
            held_out: held.len(),
            left_out: short.len(),
        });
        report.findings.extend(actions_outside(self.dataset, self.spec));
        if let Some(first) = short.first() {
            report.findings.push(Finding {
                kind: FindingKind::LeftOut,
                row: Some(first.start),
                count: short.len(),
                message: format!(
                    "{} trajectories are left out, the first at row {}: they have fewer than the {least} rows that \
                     one token of {} frames needs",
                    short.len(),
                    first.start,
                    layout.frames_per_token
                ),
            });
        }
        report
    }
}

/// Rows of a full window: one observation before the first frame.
pub(super) fn window_rows(layout: &TokenLayout) -> usize {
    layout.chunks * layout.frames_per_token + 1
}

/// Rows of the shortest sequence: one chunk.
pub(super) fn least_rows(layout: &TokenLayout) -> usize {
    layout.frames_per_token + 1
}
