//! Gymnasium's `HalfCheetah-v5`: a planar runner of two legs and six motors, which is to run forward. `half-cheetah-v5`.
//!
//! Reward alone says what is wanted: there is no goal and no end but the clock's. The model is the file of the gymnasium
//! package (`envs/interop/gymnasium.sh` fetches it), the rules are those of its version 5: states and rewards are the
//! package's bit for bit where the same MuJoCo computes them (`envs/interop/half_cheetah.py`).
//!
//! [`HalfCheetah`] are the rules, [`HalfCheetahTask`] is what plans are worth, [`HalfCheetahSampler`] the reference, which
//! samples short futures in a simulation of its own, [`generate_half_cheetah`] the data that it drives, and [`HalfCheetahDriver`] whoever drove them.
//!
//! Measured with MuJoCo 3.17.0 (mean return of an episode +- its standard error;
//! `cargo run --release --example half_cheetah_data -- 12 2` prints the first three):
//!
//! | who drives | futures, steps ahead | noise on actions | episodes | return |
//! |---|---|---|---|---|
//! | [`HalfCheetahBudget::SHORT`] | 8, 10 | 0.3 | 12 | 587 +- 16 |
//! | [`HalfCheetahBudget::MEDIUM`] | 12, 16 | 0.2 | 12 | 1994 +- 90 |
//! | [`HalfCheetahBudget::GOOD`] | 28, 16 | 0.1 | 12 | 3758 +- 44 |
//! | random actions, in the package itself | | | 40 | -275 +- 13 |
//!
//! A row of the mixed data takes 7.4 ms of one core, so that 100,000 take about 6 minutes of two.
//!
//! Source of the environment: P. Wawrzynski, "A Cat-Like Robot Real-Time Learning to Run" (2009), by way of OpenAI's Gym and the
//! gymnasium package (MIT licence).

mod data;
mod driver;
mod env;
mod generate;
mod pictures;
mod policy;
mod task;

pub use data::HalfCheetahData;
pub use driver::HalfCheetahDriver;
pub use env::{
    HALF_CHEETAH, HALF_CHEETAH_CONTROL_COST, HALF_CHEETAH_EPISODE_STEPS, HALF_CHEETAH_MODEL, HalfCheetah,
};
pub use generate::{
    HALF_CHEETAH_EPISODE_ROWS, HALF_CHEETAH_GENERATOR, HALF_CHEETAH_GENERATOR_VERSION, HalfCheetahOptions,
    generate_half_cheetah,
};
pub(super) use pictures::HalfCheetahPictures;
pub use policy::{HalfCheetahBudget, HalfCheetahSampler};
pub use task::HalfCheetahTask;
