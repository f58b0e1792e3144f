//! What a run writes on its way: lines of metrics, events for TensorBoard, checkpoints.

use std::path::{Path, PathBuf};

use super::{EventWriter, MetricRow, Metrics, Optimizer};
use crate::PlannerError;
use crate::checkpoint::{self, Manifest};
use crate::network::ParameterLayout;

/// The files of a run's folder, while it is open.
pub(super) struct Records {
    metrics: Metrics,
    events: EventWriter,
    /// When the last line was written, and after which step.
    last: (f64, u64),
}

impl Records {
    /// Goes on after step `from` of `steps`, with a line every `every`.
    ///
    /// # Errors
    /// Those of [`Metrics::open`] and [`EventWriter::create`].
    pub fn open(folder: &Path, from: u64, [every, steps]: [u64; 2], now: f64) -> Result<Self, PlannerError> {
        let metrics = Metrics::open(&folder.join("metrics.jsonl"), from, [every, steps])?;
        Ok(Self { metrics, events: EventWriter::create(folder, now, from + 1)?, last: (now, from) })
    }

    /// Writes the numbers of a step.
    ///
    /// # Errors
    /// [`PlannerError::Io`].
    pub fn write(&mut self, row: &MetricRow, now: f64) -> Result<(), PlannerError> {
        self.metrics.append(row)?;
        let (before, from) = std::mem::replace(&mut self.last, (now, row.step));
        let speed = (row.step - from) as f64 / (now - before).max(1e-9);
        let mut values = vec![
            ("loss", row.loss),
            ("gradient_norm", row.gradient_norm),
            ("learning_rate", row.learning_rate),
            ("steps_per_second", speed),
        ];
        values.extend(row.validation_loss.map(|loss| ("validation_loss", loss)));
        self.events.scalars(now, row.step, &values)
    }

    /// Writes a checkpoint; its folder.
    ///
    /// # Errors
    /// Those of the device and the disk.
    pub fn commit(
        &self,
        folder: &Path,
        manifest: &mut Manifest,
        parameters: &ParameterLayout,
        optimizer: &Optimizer,
    ) -> Result<PathBuf, PlannerError> {
        // A checkpoint that lasts has its lines.
        self.metrics.sync()?;
        let state = optimizer.state()?;
        manifest.step = state.step;
        checkpoint::save(&folder.join("checkpoints"), manifest, parameters, &state)
    }
}
