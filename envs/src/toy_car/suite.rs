//! The toy car as a suite of the registry: environment, reference policies, data.

use crate::suite::Suite;
use crate::toy_car::{TOY_CAR, ToyCarEnv, ToyCarOptions, ToyCarPolicy, generate_toy_car};
use crate::{Entry, EnvError};

const ABOUT: &str = "SPLT's toy car: follow a leader that brakes for a stop sign in every other episode; a metre earns 1, a \
                     crash costs 100, an episode has 40 steps of 0.25 s";

/// The suite.
pub(crate) struct ToyCars;

impl Suite for ToyCars {
    fn names(&self) -> Vec<(String, String)> {
        vec![(TOY_CAR.into(), ABOUT.into())]
    }

    fn also(&self) -> &'static str {
        ""
    }

    fn entry(&self, id: &str) -> Option<Result<Entry, EnvError>> {
        (id == TOY_CAR).then(|| Ok(entry()))
    }

    fn resolve(&self, _typed: &str) -> Option<Result<String, EnvError>> {
        None
    }
}

/// What the leader does is left to chance: no map from here to there is the environment's, and it hands out no dynamics.
fn entry() -> Entry {
    Entry::new(|| Ok(Box::new(ToyCarEnv::new()?)))
        .about(ABOUT)
        .policy("best-driver", || Ok(Box::new(ToyCarPolicy::best())))
        .policy("data-driver", || Ok(Box::new(ToyCarPolicy::of_the_data())))
        .policy("full-throttle", || Ok(Box::new(ToyCarPolicy::full_throttle())))
        .data(|rows, seed, progress| {
            generate_toy_car(&ToyCarOptions { rows, seed, ..ToyCarOptions::default() }, progress)
        })
}
