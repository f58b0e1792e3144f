//! What a model has that goes by a name, and what a state is made of.

use std::fmt;

/// Kinds of named things in a model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum MujocoObject {
    /// A body; the first is the world.
    Body,
    /// A joint.
    Joint,
    /// A geometry.
    Geom,
    /// A site.
    Site,
    /// A camera.
    Camera,
    /// An equality constraint.
    Equality,
    /// A tendon.
    Tendon,
    /// An actuator.
    Actuator,
    /// A sensor.
    Sensor,
}

impl MujocoObject {
    /// Every kind.
    pub(super) const ALL: [Self; 9] = [
        Self::Body,
        Self::Joint,
        Self::Geom,
        Self::Site,
        Self::Camera,
        Self::Equality,
        Self::Tendon,
        Self::Actuator,
        Self::Sensor,
    ];
    /// How many there are.
    pub(super) const NUMBERS: usize = Self::ALL.len();

    /// Place in [`Self::ALL`].
    pub(super) fn index(self) -> usize {
        self as usize
    }

    /// Its number in `mjtObj`, which is the same in every release that is used.
    pub(super) fn number(self) -> i32 {
        match self {
            Self::Body => 1,
            Self::Joint => 3,
            Self::Geom => 5,
            Self::Site => 6,
            Self::Camera => 7,
            Self::Equality => 17,
            Self::Tendon => 18,
            Self::Actuator => 19,
            Self::Sensor => 20,
        }
    }
}

impl fmt::Display for MujocoObject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Body => "body",
            Self::Joint => "joint",
            Self::Geom => "geom",
            Self::Site => "site",
            Self::Camera => "camera",
            Self::Equality => "equality constraint",
            Self::Tendon => "tendon",
            Self::Actuator => "actuator",
            Self::Sensor => "sensor",
        })
    }
}

/// Parts of a state that can be read and written one by one, MuJoCo's names beside them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum MujocoPart {
    /// `qpos`: joint positions, three numbers and a unit quaternion (w, x, y, z) for a free body.
    Positions,
    /// `qvel`: joint velocities, six numbers for a free body.
    Velocities,
    /// `act`: activations of actuators that have some.
    Activations,
    /// `ctrl`: controls.
    Controls,
    /// `qfrc_applied`: forces on joints besides those of actuators.
    JointForces,
    /// `xfrc_applied`: force and torque on each body, six numbers a body, the world's first.
    BodyForces,
    /// `eq_active`: which equality constraints hold, 1 or 0 each.
    Equalities,
    /// `mocap_pos`: places of mocap bodies, three numbers each.
    MocapPlaces,
    /// `mocap_quat`: orientations of mocap bodies, a quaternion each.
    MocapRotations,
}

impl MujocoPart {
    /// Its bit in `mjtState`, which is the same in every release that is used.
    pub(super) fn bit(self) -> i32 {
        1 << match self {
            Self::Positions => 1,
            Self::Velocities => 2,
            Self::Activations => 3,
            Self::Controls => 6,
            Self::JointForces => 7,
            Self::BodyForces => 8,
            Self::Equalities => 9,
            Self::MocapPlaces => 10,
            Self::MocapRotations => 11,
        }
    }

    /// Its name in MuJoCo.
    pub fn name(self) -> &'static str {
        match self {
            Self::Positions => "qpos",
            Self::Velocities => "qvel",
            Self::Activations => "act",
            Self::Controls => "ctrl",
            Self::JointForces => "qfrc_applied",
            Self::BodyForces => "xfrc_applied",
            Self::Equalities => "eq_active",
            Self::MocapPlaces => "mocap_pos",
            Self::MocapRotations => "mocap_quat",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_stand_in_their_own_places() {
        for (place, kind) in MujocoObject::ALL.into_iter().enumerate() {
            assert_eq!(kind.index(), place);
        }
    }
}
