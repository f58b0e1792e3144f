//! What is seen of arm and obstacles.

use super::shape::{Directions, angles, directions, hand, points, touches};
use super::{
    CROSSING_ARM_GOALS, CROSSING_ARM_JOINTS, CROSSING_ARM_LAW, CROSSING_ARM_LINKS, CROSSING_ARM_OBSTACLES,
};
use crate::{BoxSpace, EnvError, Feature, FeatureKind};

/// Entries of an observation.
pub const CROSSING_ARM_OBSERVATION: usize = 3 * CROSSING_ARM_JOINTS + 2 + 2 * CROSSING_ARM_OBSTACLES + 2;
/// Observation entries of the hand.
pub(in crate::crossing) const HAND: [usize; 2] = [9, 10];
/// First observation entry of the obstacles.
pub(in crate::crossing) const OBSTACLES: usize = 11;

/// What is seen: an observation, read.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CrossingArmState {
    /// Joint angles, radians.
    pub angles: [f64; CROSSING_ARM_JOINTS],
    /// Their speeds, radians per second.
    pub rates: [f64; CROSSING_ARM_JOINTS],
    /// Place x and signed speed of each obstacle, metres and metres per second.
    pub obstacles: [[f64; 2]; CROSSING_ARM_OBSTACLES],
    /// Where the hand is to go (x, y).
    pub goal: [f64; 2],
}

impl CrossingArmState {
    /// As observed: cosine and sine of each joint's angle, the joints' speeds, the hand (x, y), x and signed speed of each
    /// obstacle, the goal (x, y).
    pub fn observation(&self) -> [f64; CROSSING_ARM_OBSERVATION] {
        let turned = directions(self.angles);
        let [[c1, s1], [c2, s2], [c3, s3]] = turned;
        let ([r1, r2, r3], [x, y]) = (self.rates, hand(&points(&turned)));
        let ([[near, near_speed], [far, far_speed]], [goal_x, goal_y]) = (self.obstacles, self.goal);
        [c1, s1, c2, s2, c3, s3, r1, r2, r3, x, y, near, near_speed, far, far_speed, goal_x, goal_y]
    }

    /// What is observed so, whatever is said of the hand; `None` for another number of entries.
    pub fn of(observation: &[f64]) -> Option<Self> {
        let &[_, _, _, _, _, _, r1, r2, r3, _, _, near, near_speed, far, far_speed, goal_x, goal_y] =
            observation
        else {
            return None;
        };
        Some(Self {
            angles: angles(&turned(observation)?),
            rates: [r1, r2, r3],
            obstacles: [[near, near_speed], [far, far_speed]],
            goal: [goal_x, goal_y],
        })
    }
}

fn turned(observation: &[f64]) -> Option<Directions> {
    let &[c1, s1, c2, s2, c3, s3, ..] = observation else { return None };
    Some([[c1, s1], [c2, s2], [c3, s3]])
}

/// Whether arm and an obstacle have collided in an observation; `None` where it is of another width.
pub(super) fn collided(observation: &[f64]) -> Option<bool> {
    let state = CrossingArmState::of(observation)?;
    Some(touches(&points(&turned(observation)?), state.obstacles.map(|[x, _]| x)))
}

/// What the entries are. Obstacles are other bodies than the one that acts, so that theirs are no positions and velocities, which
/// are what actions move. They are seen on the table and not from the hand: where they will be then does not hang on what the arm
/// does.
pub(super) fn features() -> Vec<Feature> {
    let mut features: Vec<Feature> = ["shoulder", "elbow", "wrist"]
        .into_iter()
        .map(|joint| Feature::new(joint, 2, FeatureKind::Direction))
        .collect();
    features.push(Feature::new("joint speeds", CROSSING_ARM_JOINTS, FeatureKind::Other));
    features.push(Feature::new("hand", 2, FeatureKind::Position));
    for obstacle in ["near obstacle", "far obstacle"] {
        features.push(Feature::new(&format!("{obstacle} position"), 1, FeatureKind::Other));
        features.push(Feature::new(&format!("{obstacle} speed"), 1, FeatureKind::Other));
    }
    features.push(Feature::new("goal", 2, FeatureKind::Other));
    features
}

/// Where observations lie. Speeds of joints have no bounds: what links do to one another may take them a little beyond what is asked
/// for.
pub(super) fn space() -> Result<BoxSpace, EnvError> {
    let (length, [low_goal, high_goal]) = (CROSSING_ARM_LINKS.iter().sum::<f64>(), CROSSING_ARM_GOALS);
    let ([left, right], [_, fastest]) = (CROSSING_ARM_LAW.ends, CROSSING_ARM_LAW.speeds);
    let arm = [[1.0; 6].as_slice(), &[f64::INFINITY; CROSSING_ARM_JOINTS], &[length; 2]].concat();
    let obstacles = |x: f64, speed: f64| [x, speed].repeat(CROSSING_ARM_OBSTACLES);
    let lower: Vec<f64> = arm.iter().map(|bound| -bound).collect();
    BoxSpace::new(
        [lower, obstacles(left, -fastest), low_goal.to_vec()].concat(),
        [arm, obstacles(right, fastest), high_goal.to_vec()].concat(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_comes_back_from_what_is_observed_of_it() {
        let state = CrossingArmState {
            angles: [1.3, -2.5, 2.2],
            rates: [0.1, -0.2, 0.3],
            obstacles: [[-0.4, 0.5], [0.7, -0.3]],
            goal: [0.1, 0.65],
        };
        let seen = state.observation();
        let again = CrossingArmState::of(&seen).unwrap();
        assert!(again.angles.iter().zip(state.angles).all(|(again, angle)| (again - angle).abs() < 1e-12));
        assert_eq!(CrossingArmState { angles: state.angles, ..again }, state);
        assert_eq!(seen[HAND[0]..=HAND[1]], hand(&points(&directions(state.angles))));
        assert_eq!(seen[OBSTACLES..OBSTACLES + 4], [-0.4, 0.5, 0.7, -0.3]);
        assert_eq!((CrossingArmState::of(&seen[1..]), collided(&seen[1..])), (None, None));
        assert_eq!(features().iter().map(|feature| feature.width).sum::<usize>(), CROSSING_ARM_OBSERVATION);
        assert_eq!(space().unwrap().len(), CROSSING_ARM_OBSERVATION);
    }

    #[test]
    fn a_collision_is_seen_at_the_sum_of_the_radii() {
        // Stretched along y: both lanes are crossed at x = 0.
        let at = |near: f64, far: f64| {
            let state = CrossingArmState {
                angles: [0.0; 3],
                rates: [0.0; 3],
                obstacles: [[near, 0.3], [far, 0.3]],
                goal: [0.0, 0.65],
            };
            collided(&state.observation()).unwrap()
        };
        assert!(at(0.074, 0.5) && at(0.5, -0.074));
        assert!(!at(0.076, -0.076));
    }
}
