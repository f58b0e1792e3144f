//! Those who drove the data: references of all tempers, with noisy motors.

use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::StandardNormal;

use super::motion::Motion;
use super::policy::straight;
use super::shape::{directions, hand, points};
use super::{CROSSING_ARM_GOAL_RADIUS, CrossingArmPolicy, CrossingArmState};
use crate::crossing::hall::distance;
use crate::{EnvError, Policy, SharedTask};

/// Keeps these draws apart from those of the policy inside and of the environment with the same seed.
const DRIVER_STREAM: u64 = 0x6472_6976;
/// Standard deviation of the noise on actions.
const NOISE: f64 = 0.15;
/// Share of drivers who are cautious, and of those who now and then reach straight on, whatever moves.
const CAUTIOUS: f64 = 0.35;
const BOLD: f64 = 0.25;
/// Largest margin of the others, in metres.
const MARGIN: f64 = 0.15;
/// Chance that a bold driver begins such a stretch in a step, and fewest and most steps that it lasts.
const STRETCH: f64 = 0.015;
const STRETCH_STEPS: [u32; 2] = [6, 20];

/// A driver as in the data: `data-driver`. Each episode has another, who is cautious, or foresees that obstacles go on as they do
/// and keeps a margin of its own, and may be bold. It sees what is observed and nothing else.
#[derive(Clone, Debug)]
pub struct CrossingArmDriver {
    policy: CrossingArmPolicy,
    bold: bool,
    /// Steps left of a stretch straight on.
    stretch: u32,
    rng: ChaCha8Rng,
}

impl CrossingArmDriver {
    /// A driver, drawn anew in each episode.
    pub fn new() -> Self {
        let rng = ChaCha8Rng::seed_from_u64(0);
        Self { policy: CrossingArmPolicy::cautious(), bold: false, stretch: 0, rng }
    }
}

impl Default for CrossingArmDriver {
    fn default() -> Self {
        Self::new()
    }
}

impl Policy for CrossingArmDriver {
    fn name(&self) -> &'static str {
        "data-driver"
    }

    fn reset(&mut self, seed: u64, task: &SharedTask) -> Result<(), EnvError> {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        rng.set_stream(DRIVER_STREAM);
        let mut policy = if rng.random_bool(CAUTIOUS) {
            CrossingArmPolicy::cautious()
        } else {
            CrossingArmPolicy::constant_velocity(MARGIN * rng.random::<f64>())
        };
        policy.reset(seed, task)?;
        (self.bold, self.stretch) = (rng.random_bool(BOLD), 0);
        (self.policy, self.rng) = (policy, rng);
        Ok(())
    }

    fn act(&mut self, observation: &[f64], action: &mut [f64]) -> Result<(), EnvError> {
        self.policy.act(observation, action)?;
        let begins = self.bold && self.stretch == 0 && self.rng.random_bool(STRETCH);
        let [least, most] = STRETCH_STEPS;
        self.stretch =
            if begins { self.rng.random_range(least..=most) } else { self.stretch.saturating_sub(1) };
        if let Some(state) = CrossingArmState::of(observation) {
            let at = hand(&points(&directions(state.angles)));
            // Who has arrived stays.
            if self.stretch > 0 || distance(at, state.goal) <= CROSSING_ARM_GOAL_RADIUS {
                let motion = Motion { angles: state.angles, rates: state.rates };
                let straight = straight(&motion, state.goal);
                action.iter_mut().zip(straight).for_each(|(part, straight)| *part = straight);
            }
        }
        for part in action {
            *part = (*part + noise(&mut self.rng)).clamp(-1.0, 1.0);
        }
        Ok(())
    }
}

fn noise(rng: &mut impl Rng) -> f64 {
    NOISE * rng.sample::<f64, _>(StandardNormal)
}
