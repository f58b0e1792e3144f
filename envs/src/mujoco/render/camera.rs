//! Cameras that a scene is pictured by.

use super::super::{MujocoError, MujocoModel, MujocoObject};
use super::native::{Calls, Camera, Frame};
use crate::picture::View;

/// Where a scene is looked at from.
#[derive(Clone, Debug, PartialEq)]
pub enum MujocoCamera {
    /// Around a point: it takes in the angle that the model's `visual/global` has as `fovy`, 45 degrees where it says
    /// nothing.
    Free {
        /// The point, metres.
        lookat: [f64; 3],
        /// How far away from it, metres.
        distance: f64,
        /// Direction of sight as seen from above, degrees against the clock from x.
        azimuth: f64,
        /// Of the line of sight above the horizon, degrees: -90 looks straight down.
        elevation: f64,
    },
    /// The model's own of this name.
    Fixed(String),
}

impl MujocoCamera {
    /// As MuJoCo takes it.
    pub(super) fn of(&self, calls: &Calls, model: &MujocoModel) -> Result<Camera, MujocoError> {
        match self {
            Self::Fixed(name) => {
                let id = model.id(MujocoObject::Camera, name)?;
                // Numbers of a model are MuJoCo's own.
                Ok(calls.fixed(id.try_into().unwrap_or(i32::MAX)))
            }
            Self::Free { lookat, distance, azimuth, elevation } => {
                let numbers = lookat.iter().chain([distance, azimuth, elevation]);
                if let Some(value) = numbers.copied().find(|value| !value.is_finite()) {
                    return Err(MujocoError::NonFinite { what: "a camera's number", index: 0, value });
                }
                if *distance <= 0.0 {
                    return Err(MujocoError::Picture {
                        problem: format!(
                            "the camera is {distance} m away from what it looks at: give it a distance above 0"
                        ),
                    });
                }
                Ok(calls.free(*lookat, *distance, *azimuth, *elevation))
            }
        }
    }
}

/// Parts of the picture's height that are taken for nothing: more than single numbers round.
const OFF: f32 = 1e-4;

impl Frame {
    /// As geometry, in a picture of this size.
    ///
    /// # Errors
    /// [`MujocoError::Picture`] where the line of sight is not in the middle of the picture, or a lens has another shape.
    pub fn view(&self, [width, height]: [usize; 2]) -> Result<View, MujocoError> {
        let [below, above] = self.below_above;
        let tall = below + above;
        let off = |[one, other]: [f32; 2]| (one - other).abs() > OFF * tall;
        if off(self.below_above) || off(self.sides) {
            return Err(MujocoError::Picture {
                problem: "the camera's line of sight is not in the middle of its picture: leave `principal` and `principalpixel` out of the model".to_owned(),
            });
        }
        // A camera with a lens and a sensor takes in what that takes in, whatever the shape of the picture.
        let wide = self.sides[0] + self.sides[1];
        if wide > 0.0 && (wide - tall * width as f32 / height as f32).abs() > OFF * tall {
            return Err(MujocoError::Picture {
                problem: format!(
                    "{width} x {height} pixels are stretched, as the camera's sensor is {:.4} times as wide as high: draw pictures of that shape",
                    wide / tall
                ),
            });
        }
        // The height that is told is divided by the nearest distance, unless lines of sight are parallel.
        let whole = self.height - f64::from(tall);
        let divided = self.height - f64::from(tall) / f64::from(self.near);
        let of = if whole.abs() < divided.abs() { View::parallel } else { View::new };
        Ok(of(self.eye, self.forward, self.up, self.height))
    }
}
