//! What an observation of the cubes says, entry by entry.

use super::robot::{OPENING_SCALE, SEEN, place, shown};
use super::rotation::Rotation;
use crate::{EnvError, Feature, FeatureKind};

/// First entry of the hand's place.
pub(super) const HAND: usize = 12;
const YAW: usize = 15;
const OPENING: usize = 17;
/// Entries of a cube: its place, its quaternion, cosine and sine of its yaw.
const CUBE: usize = 9;

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

/// Features of an observation.
pub(super) fn features(cubes: usize) -> Vec<Feature> {
    let mut features = vec![
        Feature::new("joints", 6, FeatureKind::Angle),
        Feature::new("joint speeds", 6, FeatureKind::Other),
        Feature::new("hand", 3, FeatureKind::Position),
        Feature::new("hand yaw", 2, FeatureKind::Direction),
        Feature::new("opening", 1, FeatureKind::Other),
        Feature::new("contact", 1, FeatureKind::Other),
    ];
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

    fn part<const N: usize>(&self, first: usize) -> [f64; N] {
        self.0.get(first..first + N).and_then(|part| part.try_into().ok()).unwrap_or([f64::NAN; N])
    }

    /// Place of the hand.
    pub fn hand(&self) -> [f64; 3] {
        place(self.part(HAND))
    }

    /// Yaw of the hand, from -pi to pi.
    pub fn hand_yaw(&self) -> f64 {
        let [cos, sin] = self.part(YAW);
        sin.atan2(cos)
    }

    /// How far the gripper is shut, from 0 to 1.
    pub fn opening(&self) -> f64 {
        let [opening] = self.part(OPENING);
        opening / OPENING_SCALE
    }

    /// Place of a cube.
    pub fn cube(&self, cube: usize) -> [f64; 3] {
        place(self.part(first_of(cube)))
    }

    /// Yaw of a cube, from -pi to pi.
    pub fn cube_yaw(&self, cube: usize) -> f64 {
        let [cos, sin] = self.part(first_of(cube) + 7);
        sin.atan2(cos)
    }
}
