//! The robot: a UR5e arm with a Robotiq gripper, moved by small steps of its hand.

use std::f64::consts::{FRAC_PI_2, PI};

use super::frame::Frame;
use super::inverse_kinematics::{InverseKinematics, JOINTS};
use super::rotation::{Pose, Rotation};
use crate::mujoco::{MujocoError, MujocoModel, MujocoObject, MujocoPart, MujocoSensor, MujocoSim};

/// Time steps of 2 ms in a step: 20 Hz.
pub(super) const SUBSTEPS: usize = 25;
/// Seconds of a step.
pub(super) const STEP_SECONDS: f64 = 0.05;

/// Numbers of an action.
pub(super) const ACTION: usize = 5;
/// What a full action asks for: metres along x, y and z, radians of yaw, share of the gripper's way.
pub(super) const FULL_ACTION: [f64; ACTION] = [0.05, 0.05, 0.05, 0.3, 1.0];
/// Numbers of an observation that are the robot's.
pub(super) const SEEN: usize = 19;
/// Where the hand is kept: lower and upper corner, metres.
pub(super) const WORKSPACE: [[f64; 3]; 2] = [[0.25, -0.35, 0.02], [0.6, 0.35, 0.35]];
/// Where it is at a start: the upper part of that.
pub(super) const STARTS: [[f64; 3]; 2] = [[0.25, -0.35, 0.20], [0.6, 0.35, 0.35]];
/// Observations of places are these many metres off, and are shown this many times as large.
pub(super) const CENTRE: [f64; 3] = [0.425, 0.0, 0.0];
pub(super) const SCALE: f64 = 10.0;
/// The opening, from 0 (open) to 1 (shut), is shown this many times as large.
pub(super) const OPENING_SCALE: f64 = 3.0;

/// Joints in front of those of the things: the arm's, and eight of the gripper's linkage.
pub(super) const ROBOT_JOINTS: usize = 14;
/// The joint of the gripper that says how far it is shut, and its angle when it is.
const GRIP: usize = 6;
const SHUT: f64 = 0.8;
/// Control of the gripper's actuator when it shuts.
const SHUT_CONTROL: f64 = 255.0;
/// Norm of the wrench on the right pad that is shown as 1, newtons and newton metres.
const FULL_CONTACT: f64 = 50.0;
const HOME: [f64; JOINTS] = [-FRAC_PI_2, -FRAC_PI_2, FRAC_PI_2, -FRAC_PI_2, -FRAC_PI_2, 0.0];

/// The robot of a scene: its sensors, and the way from an action to controls.
pub(super) struct Robot {
    kinematics: InverseKinematics,
    pinch: Frame,
    centre_of_mass: MujocoSensor,
    pad: MujocoSensor,
    /// The flange in the frame of the point between the fingers.
    flange: Pose,
}

impl Robot {
    /// That of a scene's model whose things have these joints behind its own (name, positions), and of the model of the arm alone.
    ///
    /// # Errors
    /// What MuJoCo says of models that lack a part of it, or have more.
    pub fn new(
        scene: &MujocoModel,
        arm: &MujocoModel,
        things: &[(&str, usize)],
    ) -> Result<Self, MujocoError> {
        check_joints(scene, things)?;
        let sim = scene.simulate()?;
        let pinch = Frame::of(scene, "pinch")?;
        let flange = pinch.pose(&sim)?.inverse().carry(&Frame::of(scene, "flange")?.pose(&sim)?);
        Ok(Self {
            kinematics: InverseKinematics::new(arm)?,
            pinch,
            centre_of_mass: scene.sensor("robot")?,
            pad: scene.sensor("pad")?,
            flange,
        })
    }

    /// Joint angles of the arm with the hand here, pointing down, turned by this yaw.
    ///
    /// # Errors
    /// As [`InverseKinematics::solve`].
    pub fn joints_at(&mut self, at: [f64; 3], yaw: f64) -> Result<[f64; JOINTS], MujocoError> {
        self.joints(at, yaw, HOME)
    }

    fn joints(&mut self, at: [f64; 3], yaw: f64, from: [f64; JOINTS]) -> Result<[f64; JOINTS], MujocoError> {
        let hand = Pose { at, rotation: Rotation::about_z(yaw).after(Rotation::DOWN) };
        self.kinematics.solve(&hand.carry(&self.flange), from)
    }

    /// Controls for an action whose entries lie between -1 and 1: the hand by so much from where it was at the beginning of the
    /// last time step, kept in the workspace, and the gripper's way from where it is now.
    ///
    /// # Errors
    /// What the simulation reports.
    pub fn control(
        &mut self,
        action: &[f64],
        sim: &MujocoSim,
        control: &mut [f64],
    ) -> Result<(), MujocoError> {
        let mut by = [0.0; ACTION];
        // As the package undoes its scaling, so that it rounds as it does.
        for ((by, value), full) in by.iter_mut().zip(action).zip(FULL_ACTION) {
            *by = 0.5 * (value + 1.0) * (full + full) - full;
        }
        let [x, y, z, turn, grip] = by;
        let hand = self.pinch.pose(sim)?;
        let mut at = [hand.at[0] + x, hand.at[1] + y, hand.at[2] + z];
        for ((part, low), high) in at.iter_mut().zip(WORKSPACE[0]).zip(WORKSPACE[1]) {
            *part = part.clamp(low, high);
        }
        // The turned hand's yaw, brought back between -pi and pi.
        let turned = Rotation::about_z(turn).after(Rotation::about_z(hand.rotation.yaw()));
        let yaw = turned.after(Rotation::DOWN.inverse()).yaw().clamp(-PI, PI);
        let opening = (opening(sim.positions()) + grip).clamp(0.0, 1.0);
        let mut now = [0.0; JOINTS];
        now.iter_mut().zip(sim.positions()).for_each(|(slot, angle)| *slot = *angle);
        let joints = self.joints(at, yaw, now)?;
        let all = joints.into_iter().chain([SHUT_CONTROL * opening]);
        control.iter_mut().zip(all).for_each(|(slot, value)| *slot = value);
        Ok(())
    }

    /// Writes what is seen of the robot: joint angles, joint speeds, place of the hand, cosine and sine of its yaw, opening,
    /// contact of the right finger's pad, which was read before. The hand is where it was at the beginning of the last time step, or at
    /// the forward computation after it.
    ///
    /// # Errors
    /// What the simulation reports.
    pub fn observe(&self, sim: &MujocoSim, contact: f64, seen: &mut [f64]) -> Result<(), MujocoError> {
        let hand = self.pinch.pose(sim)?;
        let yaw = hand.rotation.yaw();
        let robot = [yaw.cos(), yaw.sin(), opening(sim.positions()) * OPENING_SCALE, contact];
        let joints = sim.positions().iter().take(JOINTS).chain(sim.velocities().iter().take(JOINTS));
        let all = joints.copied().chain(shown(hand.at)).chain(robot);
        seen.iter_mut().zip(all).for_each(|(slot, value)| *slot = value);
        Ok(())
    }

    /// Norm of MuJoCo's `cfrc_ext` of the right pad, of 50, at most 1: the force of all its contacts, and its torque about the
    /// robot's centre of mass. As sensors read: those of the last forward computation, or of the beginning of the last time step.
    ///
    /// # Errors
    /// What the simulation reports.
    pub fn contact(&self, sim: &MujocoSim) -> Result<f64, MujocoError> {
        let (mut wrench, mut centre) = ([0.0; 9], [0.0; 3]);
        sim.sensor(self.pad, &mut wrench)?;
        sim.sensor(self.centre_of_mass, &mut centre)?;
        let [fx, fy, fz, tx, ty, tz, px, py, pz] = wrench;
        let [x, y, z] = [px - centre[0], py - centre[1], pz - centre[2]];
        let torque = [tx + y * fz - z * fy, ty + z * fx - x * fz, tz + x * fy - y * fx];
        let square: f64 = torque.iter().chain(&[fx, fy, fz]).map(|part| part * part).sum();
        Ok((square.sqrt() / FULL_CONTACT).clamp(0.0, 1.0))
    }
}

/// A place as it is shown.
pub(super) fn shown([x, y, z]: [f64; 3]) -> [f64; 3] {
    [(x - CENTRE[0]) * SCALE, (y - CENTRE[1]) * SCALE, (z - CENTRE[2]) * SCALE]
}

/// A place from what is shown of it, metres.
pub(super) fn place([x, y, z]: [f64; 3]) -> [f64; 3] {
    [x / SCALE + CENTRE[0], y / SCALE + CENTRE[1], z / SCALE + CENTRE[2]]
}

/// How far the gripper is shut, from 0 to 1.
fn opening(positions: &[f64]) -> f64 {
    positions.get(GRIP).map_or(0.0, |angle| (angle / SHUT).clamp(0.0, 1.0))
}

/// Positions are read by their number, which no accessor gives: those of the arm come first, then the gripper's, all
/// hinges, then those of things in their order.
fn check_joints(scene: &MujocoModel, things: &[(&str, usize)]) -> Result<(), MujocoError> {
    let robot = [(0, "ur5e/shoulder_pan_joint"), (GRIP, "ur5e/robotiq/right_driver_joint")];
    let things_at = things.iter().enumerate().map(|(thing, (name, _))| (ROBOT_JOINTS + thing, *name));
    for (want, name) in robot.into_iter().chain(things_at) {
        let got = scene.id(MujocoObject::Joint, name)?;
        if got != want {
            return Err(MujocoError::Length { what: "the joints before one of robot and things", want, got });
        }
    }
    let want = ROBOT_JOINTS + things.iter().map(|(_, positions)| positions).sum::<usize>();
    let got = scene.len_of(MujocoPart::Positions);
    if want == got {
        Ok(())
    } else {
        Err(MujocoError::Length { what: "the positions of robot and things", want, got })
    }
}
