//! What an observation says of cubes, entry by entry.

use std::ops::Range;

use super::robot::{SEEN, place, shown};
use super::robot_seen::{self, RobotSeen, part};
use super::rotation::Rotation;
use crate::{EnvError, Feature, FeatureKind};

/// Entries of a cube: its place, its quaternion, cosine and sine of its yaw.
pub(super) const CUBE: usize = 9;
/// The first of its quaternion, and of its yaw.
const QUATERNION: usize = 3;
const YAW: usize = 7;

/// Entries of an observation of this many cubes.
pub(super) fn len(cubes: usize) -> usize {
    SEEN + CUBE * cubes
}

/// First entry of a cube.
pub(super) fn first_of(cube: usize) -> usize {
    SEEN + CUBE * cube
}

/// Entries of the cubes' places, which goals speak of.
pub(super) fn places(cubes: usize) -> Vec<usize> {
    (0..cubes).flat_map(|cube| first_of(cube)..first_of(cube) + 3).collect()
}

/// Entries of each cube.
pub(super) fn things(cubes: usize) -> Vec<Range<usize>> {
    (0..cubes).map(|cube| first_of(cube)..first_of(cube) + CUBE).collect()
}

/// Features of an observation.
pub(super) fn features(cubes: usize) -> Vec<Feature> {
    let mut features = robot_seen::features();
    for cube in 0..cubes {
        features.push(Feature::new(&format!("cube {cube}"), 3, FeatureKind::Position));
        features.push(Feature::new(&format!("cube {cube} rotation"), 4, FeatureKind::Quaternion));
        features.push(Feature::new(&format!("cube {cube} yaw"), 2, FeatureKind::Direction));
    }
    features
}

/// Writes what is seen of the cubes, of which `positions` has seven numbers each: place and quaternion.
pub(super) fn write(positions: &[f64], seen: &mut [f64]) {
    for (own, seen) in positions.chunks_exact(7).zip(seen.chunks_exact_mut(CUBE)) {
        let (&[x, y, z, qw, qx, qy, qz], [px, py, pz, q @ .., cos, sin]) = (own, seen) else { continue };
        [*px, *py, *pz] = shown([x, y, z]);
        q.iter_mut().zip([qw, qx, qy, qz]).for_each(|(slot, part)| *slot = part);
        let yaw = Rotation([qw, qx, qy, qz]).yaw();
        (*cos, *sin) = (yaw.cos(), yaw.sin());
    }
}

/// An observation, read in metres and radians.
#[derive(Clone, Copy, Debug)]
pub(super) struct CubeSeen<'a>(&'a [f64]);

impl<'a> CubeSeen<'a> {
    /// # Errors
    /// [`EnvError::Mismatch`] for what is no observation of this many cubes.
    pub fn of(observation: &'a [f64], cubes: usize) -> Result<Self, EnvError> {
        if observation.len() == len(cubes) {
            return Ok(Self(observation));
        }
        Err(EnvError::Mismatch(format!(
            "an observation of {cubes} cubes has {} numbers, {} were given",
            len(cubes),
            observation.len()
        )))
    }

    /// The robot's part.
    pub fn robot(&self) -> RobotSeen<'a> {
        RobotSeen(self.0)
    }

    /// Place of a cube.
    pub fn cube(&self, cube: usize) -> [f64; 3] {
        cube_place(self.0, cube)
    }

    /// Yaw of a cube, from -pi to pi.
    pub fn cube_yaw(&self, cube: usize) -> f64 {
        cube_yaw(self.0, cube)
    }
}

/// Place of a cube in an observation, metres.
pub(super) fn cube_place(seen: &[f64], cube: usize) -> [f64; 3] {
    place(part(seen, first_of(cube)))
}

/// Yaw of a cube in an observation, from -pi to pi.
pub(super) fn cube_yaw(seen: &[f64], cube: usize) -> f64 {
    let [cos, sin] = part(seen, first_of(cube) + YAW);
    sin.atan2(cos)
}

/// Rotation of a cube in an observation, as a quaternion.
pub(super) fn cube_quaternion(seen: &[f64], cube: usize) -> [f64; 4] {
    part(seen, first_of(cube) + QUATERNION)
}
