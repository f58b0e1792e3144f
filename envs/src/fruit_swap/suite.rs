//! The swap of the fruits as a suite of the registry: environment, reference policies, data.

use std::sync::Arc;

use crate::fruit_swap::{
    FRUIT_SWAP, FRUIT_SWAP_RADIUS, FRUIT_SWAP_SLOTS, FRUIT_SWAP_STEPS, FRUIT_SWAP_TOLERANCE,
    FruitSwapDynamics, FruitSwapEnv, FruitSwapOptions, FruitSwapPolicy, generate_fruit_swap,
};
use crate::suite::Suite;
use crate::{Area, Entry, EnvError, Scene, TimeLimit, Zone};

const ABOUT: &str = "swap two fruits through a free slot with a hand, the apple first: what is next cannot be seen, only \
                     remembered; scores are percentages of successes";

/// The suite.
pub(crate) struct FruitSwaps;

impl Suite for FruitSwaps {
    fn names(&self) -> Vec<(String, String)> {
        vec![(FRUIT_SWAP.into(), ABOUT.into())]
    }

    fn also(&self) -> &'static str {
        ""
    }

    fn entry(&self, id: &str) -> Option<Result<Entry, EnvError>> {
        (id == FRUIT_SWAP).then(|| Ok(entry()))
    }

    fn resolve(&self, _typed: &str) -> Option<Result<String, EnvError>> {
        None
    }
}

fn entry() -> Entry {
    Entry::new(|| Ok(Box::new(TimeLimit::new(FruitSwapEnv::new()?, FRUIT_SWAP_STEPS)?)))
        .about(ABOUT)
        .policy("oracle", || Ok(Box::new(FruitSwapPolicy::oracle())))
        .policy("memoryless", || Ok(Box::new(FruitSwapPolicy::memoryless())))
        .policy("ring", || Ok(Box::new(FruitSwapPolicy::ring())))
        .data(|rows, seed, progress| generate_fruit_swap(&FruitSwapOptions { rows, seed }, progress))
        .scene(scene())
        .dynamics(Arc::new(FruitSwapDynamics))
}

/// The view from the side, x to the right and z up: the table, and on each slot the disc in which a fruit's centre counts as
/// there. The body is the hand, a point.
fn scene() -> Scene {
    let slots = FRUIT_SWAP_SLOTS.iter().zip(["left", "middle", "right"]);
    let zone = |(x, name): (&f64, &str)| Zone {
        name: name.to_owned(),
        at: [*x, FRUIT_SWAP_RADIUS],
        radius: FRUIT_SWAP_TOLERANCE,
    };
    Scene {
        solids: vec![Area { min: [-0.3, -0.05], max: [0.3, 0.0] }],
        zones: slots.map(zone).collect(),
        ..Scene::open(Area { min: [-0.3, -0.05], max: [0.3, 0.35] }, [0, 1])
    }
}
