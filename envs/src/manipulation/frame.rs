//! A site's frame in the world, by its sensors.

use super::rotation::{Pose, Rotation};
use crate::mujoco::{MujocoError, MujocoModel, MujocoSensor, MujocoSim};

/// Sensors of a site: its place and its three axes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Frame([MujocoSensor; 4]);

impl Frame {
    /// Those that the model's text declares under this name.
    ///
    /// # Errors
    /// [`MujocoError::Unknown`] for a model without them.
    pub fn of(model: &MujocoModel, name: &str) -> Result<Self, MujocoError> {
        let sensor = |kind: &str| model.sensor(&format!("{name} {kind}"));
        Ok(Self([sensor("framepos")?, sensor("framexaxis")?, sensor("frameyaxis")?, sensor("framezaxis")?]))
    }

    /// The pose as of the last forward computation or the beginning of the last time step.
    ///
    /// # Errors
    /// [`MujocoError::Length`] for a simulation of another model.
    pub fn pose(&self, sim: &MujocoSim) -> Result<Pose, MujocoError> {
        let mut read = [[0.0; 3]; 4];
        for (sensor, out) in self.0.iter().zip(&mut read) {
            sim.sensor(*sensor, out)?;
        }
        let [at, axes @ ..] = read;
        Ok(Pose { at, rotation: Rotation::of_axes(axes) })
    }
}
