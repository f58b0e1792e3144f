//! How the arm moves, as its references foresee it.

use super::shape::{directions, points};
use super::{CROSSING_ARM_JOINTS, CROSSING_ARM_LIMITS, CROSSING_ARM_RATES, CROSSING_ARM_STEP_SECONDS};
use crate::crossing::foresight::INSTANTS;

/// Gain, torque and damping of each motor, as in the model, and the inertia that it turns: its own, and what links add to it in the
/// mean over postures.
const GAINS: [f64; CROSSING_ARM_JOINTS] = [12.0, 6.0, 2.4];
const TORQUES: [f64; CROSSING_ARM_JOINTS] = [4.0, 3.0, 1.2];
const DAMPING: [f64; CROSSING_ARM_JOINTS] = [0.2, 0.1, 0.05];
const INERTIAS: [f64; CROSSING_ARM_JOINTS] = [0.54, 0.265, 0.102];
/// Parts of a step that are foreseen one by one.
const PARTS: usize = 2 * INSTANTS;

/// Joints of the arm, without what links do to one another: each motor turns a mass of its own.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Motion {
    /// Radians.
    pub angles: [f64; CROSSING_ARM_JOINTS],
    /// Radians per second.
    pub rates: [f64; CROSSING_ARM_JOINTS],
}

impl Motion {
    /// Moves on by a step, and says where the links are at each of its instants.
    pub fn step(
        &mut self,
        action: [f64; CROSSING_ARM_JOINTS],
    ) -> [[[f64; 2]; CROSSING_ARM_JOINTS + 1]; INSTANTS] {
        std::array::from_fn(|_| {
            for _ in 0..PARTS / INSTANTS {
                self.part(action);
            }
            points(&directions(self.angles))
        })
    }

    /// A part of a step: the motors' law, implicit in the speed as far as torque allows. A joint at its limit stands.
    fn part(&mut self, action: [f64; CROSSING_ARM_JOINTS]) {
        let dt = CROSSING_ARM_STEP_SECONDS / PARTS as f64;
        for joint in 0..CROSSING_ARM_JOINTS {
            let rate = self.rates[joint];
            let wish = CROSSING_ARM_RATES[joint] * action[joint].clamp(-1.0, 1.0);
            let (gain, damping, inertia) = (GAINS[joint], DAMPING[joint], INERTIAS[joint]);
            let free = dt * (gain * (wish - rate) - damping * rate) / (inertia + dt * (gain + damping));
            let [least, most] = [-TORQUES[joint], TORQUES[joint]]
                .map(|torque| dt * (torque - damping * rate) / (inertia + dt * damping));
            self.rates[joint] = rate + free.clamp(least, most);
            let (free, limit) = (self.angles[joint] + dt * self.rates[joint], CROSSING_ARM_LIMITS[joint]);
            self.angles[joint] = free.clamp(-limit, limit);
            if free.abs() > limit {
                self.rates[joint] = 0.0;
            }
        }
    }

    /// The action that turns all joints to these angles, together.
    pub fn towards(&self, angles: [f64; CROSSING_ARM_JOINTS]) -> [f64; CROSSING_ARM_JOINTS] {
        let off: [f64; CROSSING_ARM_JOINTS] = std::array::from_fn(|joint| {
            (angles[joint] - self.angles[joint] - LAG * self.rates[joint]) / CROSSING_ARM_RATES[joint]
        });
        let longest = off.iter().fold(SETTLING, |longest, off| longest.max(off.abs()));
        off.map(|off| off / longest)
    }

    /// Seconds that it takes at full speed to turn there.
    pub fn seconds_to(&self, angles: [f64; CROSSING_ARM_JOINTS]) -> f64 {
        (0..CROSSING_ARM_JOINTS)
            .map(|joint| (angles[joint] - self.angles[joint]).abs() / CROSSING_ARM_RATES[joint])
            .fold(0.0, f64::max)
    }
}

/// How far ahead of itself a joint comes to rest, and the time in which the last of a way is done, seconds.
const LAG: f64 = 0.05;
const SETTLING: f64 = 0.12;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crossing::arm::rules::FOLDED;
    use crate::crossing::arm::shape::hand;
    use crate::crossing::arm::{CROSSING_ARM_MARGIN, CrossingArm};
    use crate::mujoco::{MujocoLibrary, MujocoPart};
    use rand::{RngExt, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    /// A motor that is far from its speed gains `dt torque / inertia`, less damping; one that is near comes to `gain / (gain + damping)`
    /// of what is asked for; a joint at its limit stands.
    #[test]
    fn motors_are_limited_by_torque_and_settle_below_what_is_asked_for() {
        let mut motion = Motion { angles: [0.0; 3], rates: [0.0; 3] };
        motion.step([1.0; 3]);
        for joint in 0..CROSSING_ARM_JOINTS {
            let free = CROSSING_ARM_STEP_SECONDS * TORQUES[joint] / INERTIAS[joint];
            assert!(motion.rates[joint] <= free && motion.rates[joint] > 0.9 * free);
        }
        for _ in 0..14 {
            motion.step([1.0; 3]);
        }
        for joint in 0..CROSSING_ARM_JOINTS {
            let settled = CROSSING_ARM_RATES[joint] * GAINS[joint] / (GAINS[joint] + DAMPING[joint]);
            assert!((motion.rates[joint] - settled).abs() < 1e-4, "{motion:?}");
        }
        for _ in 0..40 {
            motion.step([1.0; 3]);
        }
        assert_eq!(motion, Motion { angles: CROSSING_ARM_LIMITS, rates: [0.0; 3] });
    }

    /// How far the hand is from where it was foreseen, one to ten steps on. References look anew in each.
    #[test]
    fn what_is_foreseen_of_the_arm_is_near_what_it_does() {
        let Ok(library) = MujocoLibrary::find() else { return };
        let mut sim = CrossingArm::model(&library).unwrap().simulate().unwrap();
        let mut rng = ChaCha8Rng::seed_from_u64(4);
        let (mut off, mut moved) = ([0.0_f64; 10], 0.0_f64);
        for _ in 0..200 {
            let mut motion =
                Motion { angles: FOLDED.map(|angle| angle * rng.random::<f64>()), rates: [0.0; 3] };
            sim.reset();
            sim.write(MujocoPart::Positions, &motion.angles).unwrap();
            let (action, from) = (std::array::from_fn(|_| rng.random_range(-1.0..=1.0)), motion.angles);
            for off in &mut off {
                let foreseen = hand(&motion.step(action)[INSTANTS - 1]);
                let control: [f64; 3] =
                    std::array::from_fn(|joint| CROSSING_ARM_RATES[joint] * action[joint]);
                sim.set_control(&control).unwrap();
                sim.step(10).unwrap();
                let angles = sim.positions().try_into().unwrap();
                let [x, y] = hand(&points(&directions(angles)));
                *off = off.max((x - foreseen[0]).hypot(y - foreseen[1]));
            }
            moved =
                moved.max((0..3).map(|joint| (motion.angles[joint] - from[joint]).abs()).fold(0.0, f64::max));
        }
        assert!(moved > 0.6, "{moved}");
        assert!(
            off[0] < 0.3 * CROSSING_ARM_MARGIN && off[1] < CROSSING_ARM_MARGIN && off[9] < 0.12,
            "{off:?}"
        );
    }
}
