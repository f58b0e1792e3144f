//! The toy car of SPLT: one car follows another, which may or may not brake for a stop sign. `toy-car-v0`.
//!
//! What the leader will do is decided before the episode and shown only when it is done: who plans as if it were theirs to
//! choose drives on at full speed and crashes in every second episode.
//!
//! [`ToyCarState`] is both cars and how they move, [`ToyCarEnv`] the environment, [`ToyCarTask`] what plans are worth,
//! [`ToyCarDriver`] the intelligent-driver model behind the data, [`ToyCarPolicy`] the references, [`generate_toy_car`] the
//! data.
//!
//! Source: Villaflor et al., "Addressing Optimism Bias in Sequence Modeling for Reinforcement Learning" (2022, arXiv
//! 2207.10295), and the code that its authors published, which is followed where the paper says less: the leader speeds
//! up to the speed limit before it brakes, both cars keep the limit, the driver model has the authors' constants, and
//! evaluation lets the leader brake in every other episode.
//!
//! Measured over 20,000 episodes each, half of them with a leader that brakes (mean return +- its standard error, share
//! without a crash):
//!
//! | driver | here | the authors' code |
//! |---|---|---|
//! | driver model, best time gap | 78.45 +- 0.12, 0.998 | 78.5, 0.999 |
//! | driver model, as in the data | 61.72 +- 0.12, 0.987 | 61.7, 0.985 |
//! | full throttle | 25.56 +- 0.53, 0.500 | 25.6, 0.500 |

mod driver;
mod env;
mod generate;
mod physics;
mod policy;
mod suite;
mod task;

pub use driver::{TOY_CAR_BEST_FACTOR, TOY_CAR_MOST_FACTOR, ToyCarDriver};
pub use env::{TOY_CAR, TOY_CAR_EPISODE_STEPS, TOY_CAR_TASKS, ToyCarEnv};
pub use generate::{
    TOY_CAR_EPISODE_ROWS, TOY_CAR_GENERATOR, TOY_CAR_GENERATOR_VERSION, ToyCarOptions, generate_toy_car,
};
pub use physics::{
    TOY_CAR_CRASH_COST, TOY_CAR_CRASH_GAP, TOY_CAR_SIGN, TOY_CAR_SPEED_LIMIT, TOY_CAR_STEP_SECONDS,
    ToyCarState,
};
pub use policy::ToyCarPolicy;
pub(crate) use suite::ToyCars;
pub use task::ToyCarTask;
