//! The crossing as a suite of the registry: environment, reference policies, data, a top view.

use crate::crossing::task::POSITION;
use crate::crossing::{
    CROSSING, CROSSING_CART_RADIUS, CROSSING_EPISODE_STEPS, CROSSING_HALL, CROSSING_LANES, CROSSING_MARGIN,
    CROSSING_ROBOT_RADIUS, CrossingDriver, CrossingEnv, CrossingOptions, CrossingPolicy, generate_crossing,
};
use crate::suite::Suite;
use crate::{Area, Coordinate, Entry, EnvError, Mover, Scene, TimeLimit};

const ABOUT: &str = "get across a hall in which three carts go on, stop or turn back as chance has it; the way earns 100, a step \
                     of 0.2 s costs 0.25, a collision 100";

/// The suite.
pub(crate) struct Crossings;

impl Suite for Crossings {
    fn names(&self) -> Vec<(String, String)> {
        vec![(CROSSING.into(), ABOUT.into())]
    }

    fn also(&self) -> &'static str {
        ""
    }

    fn entry(&self, id: &str) -> Option<Result<Entry, EnvError>> {
        (id == CROSSING).then(|| Ok(entry()))
    }

    fn resolve(&self, _typed: &str) -> Option<Result<String, EnvError>> {
        None
    }
}

/// What carts do is left to chance: no map from here to there is the environment's, and it hands out no dynamics.
fn entry() -> Entry {
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
        .scene(scene())
}

fn scene() -> Scene {
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
