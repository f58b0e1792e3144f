//! The swap of the fruits in three dimensions, on MuJoCo: `fruit-swap-mujoco-v0`. A gantry with a gripper swaps an apple and an
//! orange, which roll, are pushed and slip; arrangements, order and success are those of [`super`].
//!
//! [`FruitGantryState`] is what is seen, [`FruitGantry`] the rules, [`FruitGantryTask`] what is wanted, [`FruitGantryPolicy`] the
//! references, [`generate_fruit_gantry`] the data. Model and figures are the project's own.

mod generate;
mod mover;
mod pictures;
mod policy;
mod rules;
mod state;
mod task;

pub use generate::{
    FRUIT_GANTRY_GENERATOR, FRUIT_GANTRY_GENERATOR_VERSION, FruitGantryOptions, generate_fruit_gantry,
};
pub(super) use pictures::FruitGantryPictures;
pub use policy::FruitGantryPolicy;
pub use rules::{FRUIT_GANTRY, FRUIT_GANTRY_STEPS, FruitGantry};
pub use state::{FRUIT_GANTRY_ACTION, FRUIT_GANTRY_OBSERVATION, FruitGantryState};
pub use task::FruitGantryTask;
