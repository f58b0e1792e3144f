//! The hall and what is fixed about it: sizes, lanes, clock. Metres, seconds, and what follows from both.

/// Inner sides of the hall: x from 0 to the first, y from 0 to the second.
pub const CROSSING_HALL: [f64; 2] = [10.0, 6.0];
/// Radius of the robot.
pub const CROSSING_ROBOT_RADIUS: f64 = 0.2;
/// Radius of a cart.
pub const CROSSING_CART_RADIUS: f64 = 0.4;
/// Carts, one a lane.
pub const CROSSING_CARTS: usize = 3;
/// Where the lanes run, as x of their middles. Between two of them a robot may stand where no cart reaches it.
pub const CROSSING_LANES: [f64; CROSSING_CARTS] = [3.0, 5.0, 7.0];
/// Seconds of one step.
pub const CROSSING_STEP_SECONDS: f64 = 0.2;
/// Acceleration of a full action, in metres per second squared.
pub const CROSSING_ACCELERATION: f64 = 1.0;
/// Speed of the robot along one axis that it never exceeds.
pub const CROSSING_SPEED_LIMIT: f64 = 1.5;
/// Distance of the robot's centre from the goal at and below which it has arrived.
pub const CROSSING_GOAL_RADIUS: f64 = 0.3;

/// Parts of a step after each of which bodies are held against one another. Two that come towards each other as
/// fast as can be move by 7 cm in one, so that less than 1 mm of a touch goes unseen.
pub(super) const PARTS: usize = 10;

/// Distance of centres below which robot and cart have collided.
pub const CROSSING_TOUCH: f64 = CROSSING_ROBOT_RADIUS + CROSSING_CART_RADIUS;

/// Whether a robot here and a cart there, both as (x, y), have collided.
pub(super) fn touches(robot: [f64; 2], cart: [f64; 2]) -> bool {
    square(robot, cart) < CROSSING_TOUCH * CROSSING_TOUCH
}

/// Distance of two points.
pub(super) fn distance(a: [f64; 2], b: [f64; 2]) -> f64 {
    square(a, b).sqrt()
}

fn square(a: [f64; 2], b: [f64; 2]) -> f64 {
    (a[0] - b[0]).powi(2) + (a[1] - b[1]).powi(2)
}
