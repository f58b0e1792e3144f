//! Reaching among moving obstacles, on MuJoCo: `crossing-arm-mujoco-v0`. An arm of three links lies folded at a table and is to bring its
//! hand to a goal beyond two lanes, on which obstacles move by the law of [`super`]'s carts. Model and figures are the project's own.
//!
//! Before the lanes the arm can wait, folded; between them it cannot, as its links lie across the first. It reaches across when both are
//! clear, or goes round what is in the way, and draws back when something turns. An obstacle goes on (0.4), stops for 0.5 to 1.5 s
//! and then goes on (0.3), or turns back (0.3), 10 cm beyond the middle of its lane. Nothing tells before.
//!
//! [`CrossingArmState`] is what is seen, [`CrossingArm`] the rules, [`CrossingArmTask`] what plans are worth, [`CrossingArmPolicy`] the
//! references, [`CrossingArmDriver`] those who drove the data, [`generate_crossing_arm`] the data.
//!
//! The return counts up to 100 for the way, minus 0.15 for a step and 100 for a collision: a second of waiting costs 3, a chance of one in ten
//! to collide 10 and more.
//!
//! Measured with MuJoCo 3.17.0 over the seeds 0 to 999 (shares; steps are the mean of the episodes that arrive; the rest ran out of
//! time; a standard error of a share of 0.13 is 0.011; `cargo test --release --test crossing_arm -- --ignored` measures anew):
//!
//! | policy | collides | arrives | steps | return |
//! |---|---|---|---|---|
//! | `full-speed` | 0.521 | 0.479 | 16.3 | 19.5 |
//! | `constant-velocity` | 0.149 | 0.849 | 23.2 | 75.6 |
//! | `cautious` | 0.004 | 0.961 | 34.5 | 91.3 |
//! | `sampler` | 0.002 | 0.983 | 31.6 | 93.2 |
//! | `optimist` | 0.190 | 0.809 | 22.6 | 69.4 |
//! | `data-driver` | 0.242 | 0.745 | 27.2 | 59.1 |
//!
//! `full-speed` reaches out at once. The next four share one search over plans of 2 s: `constant-velocity` takes obstacles to go on as they
//! do now, `cautious` to be anywhere that they may be, `sampler` draws futures by the law from what is seen and takes the plan
//! that is best in the mean, `optimist` the one that is best in the best future. Of the arm they foresee each joint alone, without what
//! links do to one another; a test holds that against MuJoCo. 100,000 rows of data take about 50 s of one core.

mod driver;
mod generate;
mod motion;
mod pictures;
mod policy;
mod rules;
mod search;
mod shape;
mod state;
mod task;

pub use driver::CrossingArmDriver;
pub use generate::{
    CROSSING_ARM_GENERATOR, CROSSING_ARM_GENERATOR_VERSION, CrossingArmOptions, generate_crossing_arm,
};
pub(super) use pictures::CrossingArmPictures;
pub use policy::{CROSSING_ARM_MARGIN, CrossingArmPolicy};
pub use rules::{CROSSING_ARM, CROSSING_ARM_EPISODE_STEPS, CrossingArm};
pub use shape::{
    CROSSING_ARM_GOAL_RADIUS, CROSSING_ARM_GOALS, CROSSING_ARM_JOINTS, CROSSING_ARM_LANES, CROSSING_ARM_LAW,
    CROSSING_ARM_LIMITS, CROSSING_ARM_LINK_RADIUS, CROSSING_ARM_LINKS, CROSSING_ARM_OBSTACLE_RADIUS,
    CROSSING_ARM_OBSTACLES, CROSSING_ARM_RATES, CROSSING_ARM_STEP_SECONDS, CROSSING_ARM_TOUCH,
};
pub use state::{CROSSING_ARM_OBSERVATION, CrossingArmState};
pub(super) use state::{HAND, OBSTACLES};
pub use task::{CROSSING_ARM_STEP_COST, CrossingArmTask};
