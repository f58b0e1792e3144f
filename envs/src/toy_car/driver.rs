//! The intelligent-driver model (Treiber, Hennecke and Helbing, 2000), which drove the data.

use rand::{Rng, RngExt};
use rand_distr::StandardNormal;

use crate::toy_car::{TOY_CAR_CRASH_GAP, TOY_CAR_SPEED_LIMIT};

/// Factor of the time gap with which the model drives best, by the authors' code, and by measurement here: over 40,000
/// episodes each, 0.36 returns 77.8, 0.38 78.2, 0.4 to 0.42 78.5 and 0.44 78.3, with a standard error of 0.1.
pub const TOY_CAR_BEST_FACTOR: f64 = 0.4;
/// Data are driven with factors between 0 and this one.
pub const TOY_CAR_MOST_FACTOR: f64 = 7.0;

/// Time gap of factor 1, in seconds.
const TIME_GAP: f64 = 1.5;
/// Gap at rest beyond that of a crash, in metres.
const REST_GAP: f64 = 2.0;
/// The model's acceleration and comfortable braking, in metres per second squared. Both are 1, and `2 sqrt(a b)` is 2.
const COMFORTABLE: f64 = 1.0;
/// The model's exponent.
const EXPONENT: i32 = 4;
/// The driver's actions end a little short of the car's.
const MOST: f64 = 0.99;
/// Standard deviation of the noise on actions in the data.
const NOISE: f64 = 0.01;

/// A driver that keeps a time gap.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ToyCarDriver {
    /// Time gap to the leader, in units of 1.5 seconds.
    pub factor: f64,
}

impl ToyCarDriver {
    /// A driver as in the data, which keeps all distances between none and very long ones.
    pub fn draw(rng: &mut impl Rng) -> Self {
        Self { factor: TOY_CAR_MOST_FACTOR * rng.random::<f64>() }
    }

    /// Acceleration in metres per second squared, within +-0.99, for an observation (ego position and speed, leader position
    /// and speed).
    ///
    /// `a (1 - (v / v0)^4 - (s* / s)^2)` with `s* = s0 + v T + v dv / (2 sqrt(a b))`, where `s` counts from the gap of a
    /// crash. As in the authors' code `s*` may be negative, so that a driver far slower than its leader brakes. From a
    /// crash on, which their episodes end with, it brakes.
    pub fn act(&self, [ego_x, speed, leader_x, leader_speed]: [f64; 4]) -> f64 {
        let left = leader_x - ego_x - TOY_CAR_CRASH_GAP;
        if left <= 0.0 {
            return -MOST;
        }
        let closing = speed * (speed - leader_speed) / (2.0 * COMFORTABLE);
        let wanted = REST_GAP + speed * TIME_GAP * self.factor + closing;
        let free = (speed / TOY_CAR_SPEED_LIMIT).powi(EXPONENT);
        (COMFORTABLE * (1.0 - free - (wanted / left).powi(2))).clamp(-MOST, MOST)
    }

    /// [`Self::act`] with the noise of the data.
    pub fn act_noisily(&self, observation: [f64; 4], rng: &mut impl Rng) -> f64 {
        let noise: f64 = rng.sample(StandardNormal);
        (self.act(observation) + NOISE * noise).clamp(-MOST, MOST)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_model_is_that_of_the_paper() {
        let driver = ToyCarDriver { factor: 2.0 };
        // 1 - 0.8^4 - ((2 + 8 * 3 + 8 * (8 - 9) / 2) / 55)^2
        let want = 1.0 - 0.4096 - (22.0_f64 / 55.0).powi(2);
        assert!((driver.act([10.0, 8.0, 70.0, 9.0]) - want).abs() < 1e-12);
        assert_eq!(driver.act([10.0, 8.0, 20.0, 0.0]), -0.99);
        assert!((driver.act([0.0, 0.0, 1e9, 0.0]) - 0.99).abs() < 1e-12, "free road");
    }

    #[test]
    fn a_driver_that_touches_its_leader_or_is_beyond_it_brakes() {
        // At rest right behind a leader that leaves `s*` may be zero as well, and their quotient no number.
        for gap in [5.0, 4.0, 0.0, -20.0] {
            assert_eq!(ToyCarDriver { factor: 0.0 }.act([0.0, 2.0, gap, 4.0]), -0.99);
        }
    }
}
