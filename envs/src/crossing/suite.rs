//! The crossing as a suite of the registry: environment, reference policies, data, a top view.

use std::num::NonZero;
use std::thread::available_parallelism;

use crate::crossing::arm::{
    CROSSING_ARM, CROSSING_ARM_LANES, CROSSING_ARM_LAW, CROSSING_ARM_LINK_RADIUS, CROSSING_ARM_MARGIN,
    CROSSING_ARM_OBSTACLE_RADIUS, CrossingArm, CrossingArmDriver, CrossingArmOptions, CrossingArmPictures,
    CrossingArmPolicy, HAND, OBSTACLES, generate_crossing_arm,
};
use crate::crossing::task::POSITION;
use crate::crossing::{
    CROSSING, CROSSING_CART_RADIUS, CROSSING_EPISODE_STEPS, CROSSING_HALL, CROSSING_LANES, CROSSING_MARGIN,
    CROSSING_ROBOT_RADIUS, CrossingDriver, CrossingEnv, CrossingOptions, CrossingPolicy, generate_crossing,
};
use crate::suite::Suite;
use crate::{Area, Coordinate, Entry, EnvError, Mover, Scene, TimeLimit};

const ABOUT: &str = "get across a hall in which three carts go on, stop or turn back as chance has it; the way earns 100, a step \
                     of 0.2 s costs 0.25, a collision 100";

const ABOUT_ARM: &str = "reach across two lanes with an arm, on which obstacles go on, stop or turn back as chance has it; needs \
                         MuJoCo (envs/interop/mujoco.sh)";

/// The suite.
pub(crate) struct Crossings;

impl Suite for Crossings {
    fn names(&self) -> Vec<(String, String)> {
        vec![(CROSSING.into(), ABOUT.into()), (CROSSING_ARM.into(), ABOUT_ARM.into())]
    }

    fn also(&self) -> &'static str {
        ""
    }

    fn entry(&self, id: &str) -> Option<Result<Entry, EnvError>> {
        match id {
            CROSSING => Some(Ok(hall())),
            CROSSING_ARM => Some(Ok(arm())),
            _ => None,
        }
    }

    fn resolve(&self, _typed: &str) -> Option<Result<String, EnvError>> {
        None
    }
}

/// What carts do is left to chance: no map from here to there is the environment's, and it hands out no dynamics.
fn hall() -> Entry {
    Entry::new(|| Ok(Box::new(TimeLimit::new(CrossingEnv::new()?, CROSSING_EPISODE_STEPS)?)))
        .about(ABOUT)
        .policy("full-speed", || Ok(Box::new(CrossingPolicy::full_speed())))
        .policy("constant-velocity", || Ok(Box::new(CrossingPolicy::constant_velocity(CROSSING_MARGIN))))
        .policy("cautious", || Ok(Box::new(CrossingPolicy::cautious())))
        .policy("sampler", || Ok(Box::new(CrossingPolicy::sampler())))
        .policy("optimist", || Ok(Box::new(CrossingPolicy::optimist())))
        .policy("data-driver", || Ok(Box::new(CrossingDriver::new())))
        .data(|rows, seed, progress| {
            generate_crossing(&CrossingOptions { rows, seed, ..CrossingOptions::default() }, progress)
        })
        .scene(hall_scene())
}

fn hall_scene() -> Scene {
    let mover = |(cart, x): (usize, f64)| Mover {
        name: format!("cart {}", cart + 1),
        at: [Coordinate::Fixed(x), Coordinate::Entry(4 + 2 * cart)],
        radius: CROSSING_CART_RADIUS,
    };
    Scene {
        body_radius: CROSSING_ROBOT_RADIUS,
        movers: CROSSING_LANES.into_iter().enumerate().map(mover).collect(),
        ..Scene::open(Area { min: [0.0; 2], max: CROSSING_HALL }, POSITION)
    }
}

/// As in the hall; data on all cores, as their number changes nothing.
fn arm() -> Entry {
    Entry::new(|| Ok(Box::new(CrossingArm::make()?)))
        .about(ABOUT_ARM)
        .policy("full-speed", || Ok(Box::new(CrossingArmPolicy::full_speed())))
        .policy("constant-velocity", || {
            Ok(Box::new(CrossingArmPolicy::constant_velocity(CROSSING_ARM_MARGIN)))
        })
        .policy("cautious", || Ok(Box::new(CrossingArmPolicy::cautious())))
        .policy("sampler", || Ok(Box::new(CrossingArmPolicy::sampler())))
        .policy("optimist", || Ok(Box::new(CrossingArmPolicy::optimist())))
        .policy("data-driver", || Ok(Box::new(CrossingArmDriver::new())))
        .photographer(|size| Ok(Box::new(CrossingArmPictures::new(size)?)))
        .data(|rows, seed, progress| {
            let threads = available_parallelism().map_or(1, NonZero::get);
            let options = CrossingArmOptions { rows, seed, threads, ..CrossingArmOptions::default() };
            generate_crossing_arm(&options, progress)
        })
        .scene(arm_scene())
}

/// The hand and the obstacles: links are not told by two entries.
fn arm_scene() -> Scene {
    let [left, right] = CROSSING_ARM_LAW.ends;
    let mover = |(obstacle, lane): (usize, f64)| Mover {
        name: format!("obstacle {}", obstacle + 1),
        at: [Coordinate::Entry(OBSTACLES + 2 * obstacle), Coordinate::Fixed(lane)],
        radius: CROSSING_ARM_OBSTACLE_RADIUS,
    };
    Scene {
        body_radius: CROSSING_ARM_LINK_RADIUS,
        movers: CROSSING_ARM_LANES.into_iter().enumerate().map(mover).collect(),
        ..Scene::open(Area { min: [left, -0.13], max: [right, 0.8] }, HAND)
    }
}
