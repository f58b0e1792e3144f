//! What a sampling level means: the training level that it stands for, and how much signal is left there.

use crate::SchedulingMatrix;
use crate::noise::NoiseSchedule;

/// A scheduling matrix over a noise schedule.
#[derive(Clone, Copy)]
pub(crate) struct Levels<'a> {
    pub schedule: &'a NoiseSchedule,
    pub matrix: &'a SchedulingMatrix,
}

impl Levels<'_> {
    /// Training level of a sampling level.
    pub fn training(&self, level: u16) -> usize {
        self.schedule.training_level(usize::from(level), usize::from(self.matrix.levels()))
    }

    /// Signal power of a sampling level.
    pub fn abar(&self, level: u16) -> f64 {
        self.schedule.abar(self.training(level))
    }
}
