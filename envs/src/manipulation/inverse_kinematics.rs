//! Joint angles of the arm for a pose of its flange: damped least squares, step by step (`DiffIKController` of the package).

use std::f64::consts::FRAC_PI_4;

use nalgebra::{DMatrix, SMatrix, SVector};

use super::frame::Frame;
use super::rotation::{Pose, distance};
use crate::mujoco::{MujocoError, MujocoModel, MujocoObject, MujocoPart, MujocoSim};

/// Joints of the arm.
pub(super) const JOINTS: usize = 6;
/// Most steps.
const STEPS: usize = 20;
/// Near enough: metres, and radians.
const NEAR: f64 = 1e-4;
/// Keeps the solution finite where the arm is stretched out.
const DAMPING: f64 = 1e-12;

/// The arm without its gripper, moved by nothing but this.
pub(super) struct InverseKinematics {
    sim: MujocoSim,
    flange: Frame,
    site: usize,
    jacobian: DMatrix<f64>,
}

impl InverseKinematics {
    /// Of the model of the arm alone.
    ///
    /// # Errors
    /// What MuJoCo says of a model without flange, or of another number of joints.
    pub fn new(arm: &MujocoModel) -> Result<Self, MujocoError> {
        let joints = arm.len_of(MujocoPart::Positions);
        if joints != JOINTS {
            return Err(MujocoError::Length { what: "the arm", want: JOINTS, got: joints });
        }
        Ok(Self {
            sim: arm.simulate()?,
            flange: Frame::of(arm, "flange")?,
            site: arm.id(MujocoObject::Site, "attachment_site")?,
            jacobian: DMatrix::zeros(6, JOINTS),
        })
    }

    /// Joint angles, radians, that bring the flange to a pose, sought from `joints` on. After 20 steps it is what it is: as near
    /// as they came.
    ///
    /// # Errors
    /// [`MujocoError::NonFinite`] where angles are not finite.
    pub fn solve(&mut self, wanted: &Pose, mut joints: [f64; JOINTS]) -> Result<[f64; JOINTS], MujocoError> {
        for _ in 0..STEPS {
            self.sim.write(MujocoPart::Positions, &joints)?;
            self.sim.forward();
            let now = self.flange.pose(&self.sim)?;
            let turn = wanted.rotation.after(now.rotation.inverse()).velocity();
            if distance(wanted.at, now.at) <= NEAR && distance(turn, [0.0; 3]) <= NEAR {
                break;
            }
            let [x, y, z] = [0, 1, 2].map(|i| wanted.at[i] - now.at[i]);
            let error = SVector::<f64, 6>::from([x, y, z, turn[0], turn[1], turn[2]]);
            self.sim.site_jacobian(self.site, &mut self.jacobian)?;
            let j = SMatrix::<f64, 6, JOINTS>::from_fn(|row, column| self.jacobian[(row, column)]);
            let damped = j * j.transpose() + SMatrix::<f64, 6, 6>::identity() * DAMPING;
            // Damping leaves nothing singular but to rounding; the way ends there.
            let Some(weights) = damped.lu().solve(&error) else { break };
            let mut step = j.transpose() * weights;
            // No joint turns by more than an eighth of a circle at once.
            let largest = step.amax();
            if largest > FRAC_PI_4 {
                step *= FRAC_PI_4 / largest;
            }
            joints.iter_mut().zip(step.iter()).for_each(|(joint, by)| *joint += by);
        }
        Ok(joints)
    }
}
