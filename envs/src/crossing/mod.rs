//! Moving obstacles: a robot gets across a hall in which three carts move, whose courses are left to chance. `crossing-v0`.
//!
//! A cart goes up or down its lane. A little beyond the middle it decides: it goes on (0.4), stops for 1 to 3 s and then goes
//! on (0.3), or turns back (0.3). Nothing tells before, and the robot has no part in it. Who draws decisions and outcomes
//! together and keeps the best of them, as planners by sampling do, counts on carts that give way.
//!
//! [`CrossingState`] is robot and carts and how they move, [`CrossingLaw`] the law of their courses, [`CrossingEnv`] the environment,
//! [`CrossingTask`] what plans are worth, [`CrossingPolicy`] the references, [`CrossingDriver`] those who drove the data,
//! [`generate_crossing`] the data. [`arm`] reaches across lanes on MuJoCo, among obstacles of the same law.
//!
//! The return counts up to 100 for the way, minus 0.25 for a step and 100 for a collision. So 3 s of waiting cost 3.75, and a
//! chance of one in ten to collide costs 10 and more: waiting is the better of the two. Who stays at the start to the end of an
//! episode gets -30, which is less than driving straight on gets.
//!
//! Measured over the seeds 0 to 999 (shares; steps are the mean of the episodes that arrive; a standard error of a share of 0.13 is
//! 0.011):
//!
//! | policy | collides | arrives | steps | return |
//! |---|---|---|---|---|
//! | `full-speed` | 0.684 | 0.316 | 30.8 | -14.4 |
//! | `constant-velocity` | 0.130 | 0.870 | 31.2 | 72.7 |
//! | `cautious` | 0.008 | 0.991 | 43.6 | 88.0 |
//! | `sampler` | 0.000 | 1.000 | 37.1 | 90.7 |
//! | `optimist` | 0.223 | 0.777 | 31.1 | 59.3 |
//! | `data-driver` | 0.137 | 0.863 | 37.1 | 70.2 |
//!
//! `full-speed` drives straight on. The next four share one search: `constant-velocity` takes carts to go on as they do now,
//! `cautious` to be anywhere that they may be (it collides where, under way, no such plan is left), `sampler` draws futures by the
//! law from what is seen and takes the plan that is best in the mean, `optimist` the one that is best in the best future.

pub mod arm;
mod cart;
mod driver;
mod env;
mod foresight;
mod generate;
mod hall;
mod law;
mod physics;
mod policy;
mod search;
mod suite;
mod task;
mod way;

pub use cart::{
    CROSSING_CART_SPEEDS, CROSSING_LANE_ENDS, CROSSING_LAW, CROSSING_LINES, CROSSING_ODDS,
    CROSSING_STOP_STEPS,
};
pub use driver::CrossingDriver;
pub use env::{CROSSING, CROSSING_EPISODE_STEPS, CrossingEnv};
pub use generate::{CROSSING_GENERATOR, CROSSING_GENERATOR_VERSION, CrossingOptions, generate_crossing};
pub use hall::{
    CROSSING_ACCELERATION, CROSSING_CART_RADIUS, CROSSING_CARTS, CROSSING_GOAL_RADIUS, CROSSING_HALL,
    CROSSING_LANES, CROSSING_ROBOT_RADIUS, CROSSING_SPEED_LIMIT, CROSSING_STEP_SECONDS, CROSSING_TOUCH,
};
pub use law::{CrossingCourse, CrossingLaw};
pub use physics::{CROSSING_OBSERVATION, CrossingRobot, CrossingState, CrossingStep};
pub use policy::{CROSSING_MARGIN, CrossingPolicy};
pub(crate) use suite::Crossings;
pub use task::{CROSSING_STEP_COST, CrossingTask};
pub use way::{CROSSING_COLLISION_COST, CROSSING_WAY};
