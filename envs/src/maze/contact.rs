//! MuJoCo's soft contact between ball and wall boxes, solved exactly.

use crate::maze::ball::{BALL_RADIUS, MASS, STEP_SECONDS};

/// Half the side of a wall box.
pub(super) const HALF: f64 = 0.5;
/// MuJoCo's default `solimp`: impedance grows from 0.9 to 0.95 over 1 mm of depth.
const IMP_MIN: f64 = 0.9;
pub(super) const IMP_MAX: f64 = 0.95;
const IMP_WIDTH: f64 = 0.001;
/// Default `solref` time constant; MuJoCo keeps it at least twice the step.
const TIME_CONST: f64 = 0.02_f64.max(2.0 * STEP_SECONDS);
/// Stiffness and damping of a contact's reference acceleration.
const STIFFNESS: f64 = 1.0 / (IMP_MAX * IMP_MAX * TIME_CONST * TIME_CONST);
const CONTACT_DAMPING: f64 = 2.0 / (IMP_MAX * TIME_CONST);

/// One contact: unit normal from wall to ball, reference acceleration, regularised stiffness.
#[derive(Clone, Copy, Default)]
pub(super) struct Contact {
    normal: [f64; 2],
    aref: f64,
    weight: f64,
}

impl Contact {
    /// Contact at `depth` = distance minus margin, for a ball moving at `velocity`.
    #[inline]
    pub(super) fn new(normal: [f64; 2], depth: f64, velocity: [f64; 2], inverse_weight: f64) -> Self {
        let imp = impedance(depth);
        let speed = normal[0] * velocity[0] + normal[1] * velocity[1];
        Self {
            normal,
            aref: -CONTACT_DAMPING * speed - STIFFNESS * imp * depth,
            weight: imp / ((1.0 - imp) * inverse_weight),
        }
    }
}

/// Normal and distance between the ball and a wall box, for the ball's centre relative to the box's.
#[inline]
pub(super) fn sphere_box(relative: [f64; 2]) -> ([f64; 2], f64) {
    let outside =
        [relative[0] - relative[0].clamp(-HALF, HALF), relative[1] - relative[1].clamp(-HALF, HALF)];
    // One coordinate is zero on a face; the square root is only for corners.
    let length = if outside[1] == 0.0 {
        outside[0].abs()
    } else if outside[0] == 0.0 {
        outside[1].abs()
    } else {
        (outside[0] * outside[0] + outside[1] * outside[1]).sqrt()
    };
    if length > 0.0 {
        return ([outside[0] / length, outside[1] / length], length - BALL_RADIUS);
    }
    // Centre inside the box: out through the nearest face. Steps from outside never get here.
    let axis = usize::from(relative[1].abs() > relative[0].abs());
    let mut normal = [0.0; 2];
    normal[axis] = if relative[axis] < 0.0 { -1.0 } else { 1.0 };
    (normal, relative[axis].abs() - HALF - BALL_RADIUS)
}

/// MuJoCo's impedance at `depth` = distance minus margin, default `solimp`.
#[inline]
pub(super) fn impedance(depth: f64) -> f64 {
    let t = depth.abs() / IMP_WIDTH;
    if t >= 1.0 {
        return IMP_MAX;
    }
    let y = if t <= 0.5 { 2.0 * t * t } else { 1.0 - 2.0 * (1.0 - t) * (1.0 - t) };
    IMP_MIN + (IMP_MAX - IMP_MIN) * y
}

/// Total contact force for the smooth force `force`: the minimiser of
/// `m/2 |a - a0|^2 + sum_k D_k/2 min(0, n_k . a - aref_k)^2` is found on the set of contacts that push.
pub(super) fn contact_force(contacts: &[Contact], force: [f64; 2]) -> [f64; 2] {
    let all = (1_u32 << contacts.len()) - 1;
    let mut pushing = pushing_set(contacts, [force[0] / MASS, force[1] / MASS]);
    for _ in 0..8 {
        let next = pushing_set(contacts, accelerate(contacts, pushing, force));
        if next == pushing {
            return sum_forces(contacts, pushing, force);
        }
        pushing = next;
    }
    // The problem is strictly convex, so exactly one set reproduces itself; should the iteration above
    // cycle, it is found by looking at all of the at most 16.
    for set in 0..=all {
        if pushing_set(contacts, accelerate(contacts, set, force)) == set {
            pushing = set;
            break;
        }
    }
    sum_forces(contacts, pushing, force)
}

/// Bit set of the contacts that acceleration `a` violates.
#[inline]
fn pushing_set(contacts: &[Contact], a: [f64; 2]) -> u32 {
    let mut set = 0;
    for (k, c) in contacts.iter().enumerate() {
        set |= u32::from(c.normal[0] * a[0] + c.normal[1] * a[1] < c.aref) << k;
    }
    set
}

/// Acceleration when exactly the contacts of `set` push: a 2x2 linear solve.
#[inline]
fn accelerate(contacts: &[Contact], set: u32, force: [f64; 2]) -> [f64; 2] {
    let (mut xx, mut xy, mut yy) = (MASS, 0.0, MASS);
    let [mut bx, mut by] = force;
    for (k, c) in contacts.iter().enumerate() {
        if set & (1 << k) != 0 {
            let [nx, ny] = c.normal;
            xx += c.weight * nx * nx;
            xy += c.weight * nx * ny;
            yy += c.weight * ny * ny;
            bx += c.weight * c.aref * nx;
            by += c.weight * c.aref * ny;
        }
    }
    let det = xx * yy - xy * xy;
    [(yy * bx - xy * by) / det, (xx * by - xy * bx) / det]
}

#[inline]
fn sum_forces(contacts: &[Contact], set: u32, force: [f64; 2]) -> [f64; 2] {
    let a = accelerate(contacts, set, force);
    let mut total = [0.0; 2];
    for (k, c) in contacts.iter().enumerate() {
        if set & (1 << k) != 0 {
            let push = c.weight * (c.aref - c.normal[0] * a[0] - c.normal[1] * a[1]);
            total[0] += push * c.normal[0];
            total[1] += push * c.normal[1];
        }
    }
    total
}
