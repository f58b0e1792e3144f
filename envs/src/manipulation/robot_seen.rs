//! What an observation says of the robot, entry by entry.

use super::robot::{OPENING_SCALE, place};
use super::spot::Spot;
use crate::{Feature, FeatureKind};

/// First entry of the hand's place.
pub(super) const HAND: usize = 12;
const YAW: usize = 15;
const OPENING: usize = 17;

/// Features of the robot, with which every observation begins.
pub(super) fn features() -> Vec<Feature> {
    vec![
        Feature::new("joints", 6, FeatureKind::Angle),
        Feature::new("joint speeds", 6, FeatureKind::Other),
        Feature::new("hand", 3, FeatureKind::Position),
        Feature::new("hand yaw", 2, FeatureKind::Direction),
        Feature::new("opening", 1, FeatureKind::Other),
        Feature::new("contact", 1, FeatureKind::Other),
    ]
}

/// `N` entries of an observation from one on; NaN where it has fewer.
pub(super) fn part<const N: usize>(seen: &[f64], first: usize) -> [f64; N] {
    seen.get(first..first + N).and_then(|part| part.try_into().ok()).unwrap_or([f64::NAN; N])
}

/// The robot's part of an observation, read in metres and radians.
#[derive(Clone, Copy, Debug)]
pub(super) struct RobotSeen<'a>(pub &'a [f64]);

impl RobotSeen<'_> {
    /// Place of the hand.
    pub fn hand(&self) -> [f64; 3] {
        place(part(self.0, HAND))
    }

    /// Yaw of the hand, from -pi to pi.
    pub fn hand_yaw(&self) -> f64 {
        let [cos, sin] = part(self.0, YAW);
        sin.atan2(cos)
    }

    /// Both.
    pub fn spot(&self) -> Spot {
        Spot { at: self.hand(), yaw: self.hand_yaw() }
    }

    /// How far the gripper is shut, from 0 to 1.
    pub fn opening(&self) -> f64 {
        let [opening] = part(self.0, OPENING);
        opening / OPENING_SCALE
    }
}
