//! Two cars on one lane, and how they move.

use rand::{Rng, RngExt};

/// Seconds of one step.
pub const TOY_CAR_STEP_SECONDS: f64 = 0.25;
/// Speed that neither car exceeds, in metres per second.
pub const TOY_CAR_SPEED_LIMIT: f64 = 10.0;
/// Where the stop sign stands, in metres from where the ego car starts.
pub const TOY_CAR_SIGN: f64 = 70.0;
/// Distance between the two cars at and below which they have crashed, in metres.
pub const TOY_CAR_CRASH_GAP: f64 = 5.0;
/// What a crash costs, in metres: as much as the longest drive earns.
pub const TOY_CAR_CRASH_COST: f64 = 100.0;

/// Largest acceleration of either car, forwards and backwards, in metres per second squared.
const ACCELERATION: f64 = 1.0;

/// Both cars, and what the leader is going to do.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ToyCarState {
    /// Position of the ego car, in metres.
    pub ego_x: f64,
    /// Its speed, in metres per second.
    pub ego_speed: f64,
    /// Position of the leader, in metres.
    pub leader_x: f64,
    /// Its speed, in metres per second.
    pub leader_speed: f64,
    /// Whether the leader will brake for the sign, or is doing so. No observation shows it.
    pub leader_stops: bool,
}

impl ToyCarState {
    /// A start: the ego car at 0 with 10 m/s, the leader 10 to 20 m ahead with 7.5 to 10 m/s; every second leader stops.
    pub fn draw(rng: &mut impl Rng) -> Self {
        let speed = TOY_CAR_SPEED_LIMIT * (0.75 + 0.25 * rng.random::<f64>());
        let leader_x = 10.0 + 10.0 * rng.random::<f64>();
        Self {
            ego_x: 0.0,
            ego_speed: TOY_CAR_SPEED_LIMIT,
            leader_x,
            leader_speed: speed,
            leader_stops: rng.random_bool(0.5),
        }
    }

    /// What is observed: position and speed of the ego car, then of the leader.
    pub fn observation(&self) -> [f64; 4] {
        [self.ego_x, self.ego_speed, self.leader_x, self.leader_speed]
    }

    /// From the ego car to the leader, in metres.
    pub fn gap(&self) -> f64 {
        self.leader_x - self.ego_x
    }

    /// Whether the cars have crashed.
    pub fn crashed(&self) -> bool {
        self.gap() <= TOY_CAR_CRASH_GAP
    }

    /// Whether a leader that stops brakes here: at a step's end it could no longer come to rest before the sign.
    ///
    /// At full braking a car comes to rest within `v^2 / 2 + v dt / 2`, as steps count. Braking begins less than a step
    /// late, so that the leader comes to rest beyond the sign, by what it was late: 5 m at most. Behind the sign the
    /// distance counts as before it, as in the authors' code: a leader that is slow and still some way behind it gives up
    /// and drives on, or creeps.
    pub fn at_the_braking_point(&self) -> bool {
        let speed = self.leader_speed;
        let needed = 0.5 * speed * (speed + ACCELERATION * TOY_CAR_STEP_SECONDS) / ACCELERATION;
        (TOY_CAR_SIGN - self.leader_x).abs() <= needed
    }

    /// Moves both cars by one step, with this acceleration of the ego car, in metres per second squared, clipped to +-1.
    /// Positions move by the speeds at the step's beginning, speeds stay between 0 and the limit.
    ///
    /// The leader speeds up to the limit, brakes where it stops, and once at rest goes on as if there were no sign.
    pub fn step(&mut self, acceleration: f64) {
        let dt = TOY_CAR_STEP_SECONDS;
        let moved =
            |speed: f64, acceleration: f64| (speed + dt * acceleration).clamp(0.0, TOY_CAR_SPEED_LIMIT);
        let brakes = self.leader_stops && self.at_the_braking_point();
        self.ego_x += dt * self.ego_speed;
        self.ego_speed = moved(self.ego_speed, acceleration.clamp(-ACCELERATION, ACCELERATION));
        self.leader_x += dt * self.leader_speed;
        self.leader_speed = moved(self.leader_speed, if brakes { -ACCELERATION } else { ACCELERATION });
        self.leader_stops &= self.leader_speed > 0.0;
    }

    /// Reward of the step that led here: metres driven in a step at the present speed, less what a crash costs.
    pub fn reward(&self) -> f64 {
        let crash = if self.crashed() { TOY_CAR_CRASH_COST } else { 0.0 };
        TOY_CAR_STEP_SECONDS * self.ego_speed - crash
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state(leader_x: f64, leader_speed: f64, leader_stops: bool) -> ToyCarState {
        ToyCarState { ego_x: 0.0, ego_speed: 10.0, leader_x, leader_speed, leader_stops }
    }

    /// `x_n = x_0 + dt (n v - dt a n (n - 1) / 2)`: positions move by the speed before each step.
    #[test]
    fn both_cars_move_as_the_closed_form_says() {
        let mut cars = state(15.0, 8.0, false);
        for n in 1..=20_u32 {
            cars.step(-0.4);
            let n = f64::from(n);
            let travelled = |v: f64, a: f64| 0.25 * (n * v + 0.25 * a * n * (n - 1.0) / 2.0);
            assert!((cars.ego_speed - (10.0 - 0.1 * n)).abs() < 1e-12);
            assert!((cars.ego_x - travelled(10.0, -0.4)).abs() < 1e-12);
            // The leader keeps the limit from its eighth step on.
            let (rising, rest) = (n.min(8.0), (n - 8.0).max(0.0));
            let leader = 15.0 + 0.25 * (8.0 * rising + 0.25 * rising * (rising - 1.0) / 2.0) + 2.5 * rest;
            assert!((cars.leader_speed - (8.0 + 0.25 * rising)).abs() < 1e-12);
            assert!((cars.leader_x - leader).abs() < 1e-12);
        }
    }

    #[test]
    fn no_car_drives_backwards_or_faster_than_the_limit() {
        let mut cars = state(1000.0, 10.0, false);
        for _ in 0..60 {
            cars.step(-50.0);
        }
        assert_eq!((cars.ego_speed, cars.leader_speed), (0.0, 10.0));
        // 40 steps from 10 m/s at 1 m/s^2: `v^2 / 2 + v dt / 2`.
        assert!((cars.ego_x - 51.25).abs() < 1e-9);
        cars.step(0.5);
        assert_eq!((cars.ego_speed, cars.ego_x), (0.125, 51.25));
    }

    #[test]
    fn a_leader_that_begins_at_the_point_rests_exactly_at_the_sign() {
        // Tenths of a metre are no binary fractions; of those that are, no step rounds.
        for speed in [7.5, 8.0, 9.25, 10.0] {
            let mut cars = state(TOY_CAR_SIGN - 0.5 * speed * (speed + 0.25), speed, true);
            while cars.leader_stops {
                assert!(cars.at_the_braking_point());
                cars.step(0.0);
            }
            assert_eq!((cars.leader_x, cars.leader_speed), (TOY_CAR_SIGN, 0.0));
            cars.step(0.0);
            assert_eq!((cars.leader_x, cars.leader_speed), (TOY_CAR_SIGN, 0.25), "and drives on");
        }
    }

    /// What it is late by when it begins, it is late by all along.
    #[test]
    fn a_leader_that_brakes_rests_as_far_beyond_the_sign_as_it_began_late() {
        use rand::SeedableRng;
        let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(4);
        let late = |cars: &ToyCarState| {
            0.5 * cars.leader_speed * (cars.leader_speed + 0.25) - (TOY_CAR_SIGN - cars.leader_x)
        };
        for _ in 0..500 {
            let mut cars = ToyCarState { leader_stops: true, ..ToyCarState::draw(&mut rng) };
            while !cars.at_the_braking_point() {
                cars.step(0.0);
            }
            let begun = late(&cars);
            assert!((0.0..=5.0).contains(&begun), "{begun}");
            while cars.at_the_braking_point() && cars.leader_x < TOY_CAR_SIGN {
                assert!((late(&cars) - begun).abs() < 1e-9);
                cars.step(0.0);
            }
        }
    }

    #[test]
    fn a_crash_is_a_gap_of_five_metres_and_costs_a_hundred() {
        assert!(state(5.0, 0.0, false).crashed() && !state(5.001, 0.0, false).crashed());
        assert_eq!(state(5.0, 0.0, false).reward(), 2.5 - 100.0);
        assert_eq!(state(6.0, 0.0, false).reward(), 2.5);
    }
}
