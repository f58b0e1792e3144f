//! The swap of the fruits as a suite of the registry: environment, reference policies, data.

use std::num::NonZero;
use std::sync::Arc;
use std::thread::available_parallelism;

use crate::fruit_swap::gantry::{
    FRUIT_GANTRY, FruitGantry, FruitGantryOptions, FruitGantryPictures, FruitGantryPolicy,
    generate_fruit_gantry,
};
use crate::fruit_swap::{
    FRUIT_SWAP, FRUIT_SWAP_RADIUS, FRUIT_SWAP_SLOTS, FRUIT_SWAP_STEPS, FRUIT_SWAP_TOLERANCE,
    FruitSwapDynamics, FruitSwapEnv, FruitSwapOptions, FruitSwapPolicy, generate_fruit_swap,
};
use crate::suite::Suite;
use crate::{
    Area, Disturbance, DisturbanceKind, Disturbed, Entry, EnvError, Environment, Scene, TimeLimit, Zone,
};

const ABOUT: &str = "swap two fruits through a free slot with a hand, the apple first: what is next cannot be seen, only \
                     remembered; scores are percentages of successes";

const ABOUT_GANTRY: &str =
    "the swap in three dimensions, with fruits that roll and slip; needs MuJoCo (envs/interop/mujoco.sh)";

/// The same where the fruits are seen by a sensor that fails, in 5 steps at a time and three of ten in all. Noise is of a third of
/// the way from slot to slot: what is on which takes more than one look.
const DISTURBED: [(&str, &str, DisturbanceKind); 3] = [
    (
        "fruit-swap-held-v0",
        "the swap with a sensor that stands still in 30 % of the steps",
        DisturbanceKind::Held,
    ),
    (
        "fruit-swap-blank-v0",
        "the swap with a sensor that shows nothing in 30 % of the steps",
        DisturbanceKind::Blank,
    ),
    (
        "fruit-swap-noise-v0",
        "the swap with a sensor that is off by 5 cm (sd) in 30 % of the steps",
        DisturbanceKind::Noise { sd: 0.05 },
    ),
];
const SHARE: f64 = 0.3;
const LENGTH: usize = 5;

/// The suite.
pub(crate) struct FruitSwaps;

impl Suite for FruitSwaps {
    fn names(&self) -> Vec<(String, String)> {
        let disturbed = DISTURBED.iter().map(|(id, about, _)| (*id, *about));
        [(FRUIT_SWAP, ABOUT)]
            .into_iter()
            .chain(disturbed)
            .chain([(FRUIT_GANTRY, ABOUT_GANTRY)])
            .map(|(id, about)| (id.into(), about.into()))
            .collect()
    }

    fn also(&self) -> &'static str {
        ""
    }

    fn entry(&self, id: &str) -> Option<Result<Entry, EnvError>> {
        if id == FRUIT_SWAP {
            return Some(Ok(entry()));
        }
        if id == FRUIT_GANTRY {
            return Some(Ok(gantry()));
        }
        DISTURBED
            .iter()
            .find(|(known, ..)| *known == id)
            .map(|(id, about, kind)| Ok(disturbed(id, about, *kind)))
    }

    fn resolve(&self, _typed: &str) -> Option<Result<String, EnvError>> {
        None
    }
}

fn entry() -> Entry {
    with_policies(Entry::new(|| Ok(Box::new(limited(FRUIT_SWAP)?))))
        .about(ABOUT)
        .data(|rows, seed, progress| generate_fruit_swap(&FruitSwapOptions { rows, seed }, progress))
        .dynamics(Arc::new(FruitSwapDynamics))
}

/// What is trained on is recorded where all is seen, so that no data belong to it. Nor do dynamics: what is shown is not the
/// whole state.
fn disturbed(id: &'static str, about: &str, kind: DisturbanceKind) -> Entry {
    let make = move || {
        let features =
            ["apple", "orange", "way to the apple", "way to the orange"].map(str::to_owned).to_vec();
        let disturbance = Disturbance { kind, share: SHARE, length: LENGTH, features };
        let env: Box<dyn Environment> = Box::new(Disturbed::new(limited(id)?, &disturbance)?);
        Ok(env)
    };
    with_policies(Entry::new(make)).about(about)
}

/// Data on all cores, as their number changes nothing. The top view is that from the side, as of the others.
fn gantry() -> Entry {
    Entry::new(|| Ok(Box::new(FruitGantry::make()?)))
        .about(ABOUT_GANTRY)
        .policy("oracle", || Ok(Box::new(FruitGantryPolicy::oracle())))
        .policy("memoryless", || Ok(Box::new(FruitGantryPolicy::memoryless())))
        .policy("ring", || Ok(Box::new(FruitGantryPolicy::ring())))
        .data(|rows, seed, progress| {
            let threads = available_parallelism().map_or(1, NonZero::get);
            generate_fruit_gantry(&FruitGantryOptions { rows, seed, threads }, progress)
        })
        .photographer(|size| Ok(Box::new(FruitGantryPictures::new(size)?)))
        .scene(scene([0, 2]))
}

fn limited(id: &str) -> Result<TimeLimit<FruitSwapEnv>, EnvError> {
    TimeLimit::new(FruitSwapEnv::named(id)?, FRUIT_SWAP_STEPS)
}

fn with_policies(entry: Entry) -> Entry {
    entry
        .policy("oracle", || Ok(Box::new(FruitSwapPolicy::oracle())))
        .policy("memoryless", || Ok(Box::new(FruitSwapPolicy::memoryless())))
        .policy("ring", || Ok(Box::new(FruitSwapPolicy::ring())))
        .scene(scene([0, 1]))
}

/// The view from the side, x to the right and z up: the table, and on each slot the disc in which a fruit's centre counts as
/// there. The body is the hand, a point, whose x and z are these entries of an observation.
fn scene(body: [usize; 2]) -> Scene {
    let slots = FRUIT_SWAP_SLOTS.iter().zip(["left", "middle", "right"]);
    let zone = |(x, name): (&f64, &str)| Zone {
        name: name.to_owned(),
        at: [*x, FRUIT_SWAP_RADIUS],
        radius: FRUIT_SWAP_TOLERANCE,
    };
    Scene {
        solids: vec![Area { min: [-0.3, -0.05], max: [0.3, 0.0] }],
        zones: slots.map(zone).collect(),
        ..Scene::open(Area { min: [-0.3, -0.05], max: [0.3, 0.35] }, body)
    }
}
