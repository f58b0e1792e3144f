//! Two fruits change places: a hand swaps an apple and an orange over three slots, through the free one. `fruit-swap-v0`.
//!
//! Three moves do it: the apple to the free slot, the orange to the apple's, the apple to the orange's. Each of the six
//! arrangements is one that an episode begins with, and one that is there before its second and before its third move. So
//! what is seen at rest does not tell what to do next: that takes a memory, and one that is longer than a rest of half a second.
//!
//! [`FruitSwapState`] is the world and how it moves, [`FruitArrangement`] which fruit is where and the moves between
//! arrangements, [`FruitSwapEnv`] the environment, [`FruitSwapTask`] what is wanted, [`FruitSwapPolicy`] the references,
//! [`generate_fruit_swap`] the data.
//!
//! Measured with each policy (`envs/tests/fruit_swap_policies.rs` measures anew), and what it is by the rules:
//!
//! | policy | episodes | successes | by the rules |
//! |---|---|---|---|
//! | `oracle` remembers | 2,000 | 100 %, after 99.5 steps in the mean, 106 at most | all |
//! | `ring`, the best that sees only the present | 20,000 | 49.9 % | 1/2: from three of six starts |
//! | `memoryless`, which guesses as the data would | 20,000 | 15.1 % | 4/27 = 14.8 % |
//!
//! `fruit-swap-held-v0`, `fruit-swap-blank-v0` and `fruit-swap-noise-v0` show the fruits through a sensor that fails in 30 % of the
//! steps ([`crate::Disturbed`]). The oracle, which takes for true what it is shown, there succeeds in 99.9, 85.8 and 97.5 % of
//! 2,000 episodes.
//!
//! [`gantry`] is the same in three dimensions on MuJoCo, `fruit-swap-mujoco-v0`.
//!
//! Source: the robot task of Chen et al., "Diffusion Forcing: Next-token Prediction Meets Full-Sequence Diffusion" (NeurIPS
//! 2024, arXiv 2407.01392), section 4.4, in which an arm sees the fruits through cameras. Here it is two-dimensional (a
//! vertical plane), kinematic, and observed exactly; sizes, tolerances, order and limits are this project's.

#[cfg(test)]
mod alike;
mod arrangement;
mod chooser;
mod env;
pub mod gantry;
mod generate;
mod mover;
mod moves;
mod policy;
mod suite;
mod task;
mod world;

pub use arrangement::{FRUIT_SWAP_ARRANGEMENTS, FRUIT_SWAP_ORDER, FRUIT_SWAP_TOLERANCE, FruitArrangement};
pub use env::{FRUIT_SWAP, FRUIT_SWAP_REWARD, FRUIT_SWAP_STEPS, FruitSwapEnv};
pub use generate::{
    FRUIT_SWAP_GENERATOR, FRUIT_SWAP_GENERATOR_VERSION, FruitSwapOptions, generate_fruit_swap,
};
pub use policy::FruitSwapPolicy;
pub(crate) use suite::FruitSwaps;
pub use task::{FRUIT_SWAP_BACK, FruitSwapTask};
pub use world::{
    FRUIT_SWAP_GRASP, FRUIT_SWAP_OBSERVATION, FRUIT_SWAP_OPEN, FRUIT_SWAP_RADIUS, FRUIT_SWAP_REACH_X,
    FRUIT_SWAP_REACH_Z, FRUIT_SWAP_SLOTS, FRUIT_SWAP_STEP_SECONDS, FRUIT_SWAP_TRAVEL, Fruit,
    FruitSwapDynamics, FruitSwapState,
};
