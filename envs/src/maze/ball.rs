//! The ball, and how long a step is.

/// Radius of the ball, in cells.
pub const BALL_RADIUS: f64 = 0.1;
/// Simulated seconds per step.
pub const STEP_SECONDS: f64 = 0.01;
/// Mass of a ball of density 1000.
pub(super) const MASS: f64 =
    4.0 / 3.0 * std::f64::consts::PI * BALL_RADIUS * BALL_RADIUS * BALL_RADIUS * 1000.0;
