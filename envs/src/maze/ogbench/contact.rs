//! MuJoCo's contact with friction between ball and wall boxes, solved exactly.
//!
//! A contact pushes along its normal and holds along its tangent; the friction cone is a pyramid, whose edges are the
//! rows below. Friction is 1, so that an edge is normal plus or minus tangent.

use crate::maze::contact::{IMP_MAX, impedance};
use crate::maze::ogbench::ball::{INVERSE_MASS, MASS, TIME_STEP};
use crate::maze::ogbench::geometry::SIDE;

/// Half the side of a wall box.
pub(super) const HALF: f64 = 0.5 * SIDE;
/// Default `solref` time constant 0.02, which MuJoCo keeps at least twice the step.
const TIME_CONST: f64 = 0.02_f64.max(2.0 * TIME_STEP);
/// Stiffness and damping of a row's reference acceleration.
const STIFFNESS: f64 = 1.0 / (IMP_MAX * IMP_MAX * TIME_CONST * TIME_CONST);
const DAMPING: f64 = 2.0 / (IMP_MAX * TIME_CONST);
/// MuJoCo's approximate inverse mass of a body that moves along two of three axes (`body_invweight0`).
const INVERSE_WEIGHT: f64 = 2.0 / 3.0 * INVERSE_MASS;

/// The ball can touch no more than the 2x2 block of squares around a grid corner.
const MAX_CONTACTS: usize = 4;
/// Two edges in the plane, and the two out of it, which are one row of twice the weight.
const ROWS_EACH: usize = 3;
const MAX_ROWS: usize = MAX_CONTACTS * ROWS_EACH;

/// One edge: its accelerations below `aref` are pushed against with `weight`.
#[derive(Clone, Copy, Default)]
struct Row {
    along: [f64; 2],
    aref: f64,
    weight: f64,
}

/// All edges of the contacts of one moment.
#[derive(Default)]
pub(super) struct Contacts {
    rows: [Row; MAX_ROWS],
    len: usize,
}

impl Contacts {
    /// Forgets all.
    #[inline]
    pub fn clear(&mut self) {
        self.len = 0;
    }

    /// Adds a contact with unit `normal` from wall to ball, `depth` (negative inside) and the ball's velocity.
    #[inline]
    pub fn push(&mut self, normal: [f64; 2], depth: f64, velocity: [f64; 2]) {
        let imp = impedance(depth);
        let weight = weight(imp);
        let [x, y] = normal;
        let edges = [([x - y, y + x], weight), ([x + y, y - x], weight), (normal, 2.0 * weight)];
        for (along, weight) in edges {
            let aref = -DAMPING * dot(along, velocity) - STIFFNESS * imp * depth;
            if let Some(slot) = self.rows.get_mut(self.len) {
                *slot = Row { along, aref, weight };
                self.len += 1;
            }
        }
    }

    /// Whether there are none.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Acceleration of a ball that nothing else pulls at: the minimiser of
    /// `m/2 |a|^2 + sum_k D_k/2 min(0, j_k . a - aref_k)^2`, found on the set of rows that push.
    pub fn acceleration(&self) -> [f64; 2] {
        let rows = self.rows.get(..self.len).unwrap_or_default();
        if rows.is_empty() {
            return [0.0; 2];
        }
        let mut pushing = pushing_set(rows, [0.0; 2]);
        for _ in 0..MAX_ROWS {
            let a = accelerate(rows, pushing);
            let next = pushing_set(rows, a);
            if next == pushing {
                return a;
            }
            pushing = next;
        }
        // Strictly convex: exactly one set reproduces itself. Should the iteration above cycle, which no recorded or
        // generated step has made it do, that set is found by looking at all of the at most 4096.
        (0..1_u32 << rows.len())
            .map(|set| (set, accelerate(rows, set)))
            .find(|(set, a)| pushing_set(rows, *a) == *set)
            .map_or_else(|| accelerate(rows, pushing), |(_, a)| a)
    }
}

/// Normal and distance between the ball and a wall box, for the ball's centre relative to the box's.
#[inline]
pub(super) fn ball_box(relative: [f64; 2], radius: f64) -> ([f64; 2], f64) {
    let outside = relative.map(|along| along - along.clamp(-HALF, HALF));
    // One coordinate is zero on a face; the square root is only for corners.
    let length = match outside {
        [x, 0.0] => x.abs(),
        [0.0, y] => y.abs(),
        _ => dot(outside, outside).sqrt(),
    };
    if length > 0.0 {
        return (outside.map(|along| along / length), length - radius);
    }
    // Centre inside the box: out through the nearest face.
    let [x, y] = relative;
    let sign = |value: f64| if value < 0.0 { -1.0 } else { 1.0 };
    if y.abs() > x.abs() {
        ([0.0, sign(y)], y.abs() - HALF - radius)
    } else {
        ([sign(x), 0.0], x.abs() - HALF - radius)
    }
}

/// Weight of a row. The pyramid's rows are regularised by twice what the friction of 1 makes of a normal's.
#[inline]
const fn weight(imp: f64) -> f64 {
    imp / ((1.0 - imp) * 4.0 * INVERSE_WEIGHT)
}

/// Bit set of the rows that acceleration `a` violates.
#[inline]
fn pushing_set(rows: &[Row], a: [f64; 2]) -> u32 {
    rows.iter().enumerate().fold(0, |set, (k, row)| set | (u32::from(dot(row.along, a) < row.aref) << k))
}

/// Acceleration when exactly the rows of `set` push: a 2x2 linear solve.
#[inline]
fn accelerate(rows: &[Row], set: u32) -> [f64; 2] {
    let (mut xx, mut xy, mut yy) = (MASS, 0.0, MASS);
    let (mut bx, mut by) = (0.0, 0.0);
    for (k, row) in rows.iter().enumerate() {
        if set & (1 << k) != 0 {
            let [x, y] = row.along;
            xx += row.weight * x * x;
            xy += row.weight * x * y;
            yy += row.weight * y * y;
            bx += row.weight * row.aref * x;
            by += row.weight * row.aref * y;
        }
    }
    let det = xx * yy - xy * xy;
    [(yy * bx - xy * by) / det, (xx * by - xy * bx) / det]
}

#[inline]
fn dot(a: [f64; 2], b: [f64; 2]) -> f64 {
    a[0] * b[0] + a[1] * b[1]
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The gradient of what is minimised, at what was found.
    fn gradient(contacts: &Contacts, a: [f64; 2]) -> f64 {
        let mut sum = a.map(|along| MASS * along);
        for row in &contacts.rows[..contacts.len] {
            let short = (dot(row.along, a) - row.aref).min(0.0);
            (0..2).for_each(|axis| sum[axis] += row.weight * short * row.along[axis]);
        }
        dot(sum, sum).sqrt()
    }

    #[test]
    fn what_is_found_is_a_minimum_whatever_touches() {
        let corner = std::f64::consts::FRAC_1_SQRT_2;
        let normals = [[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0], [corner, -corner], [0.6, 0.8]];
        let mut word = 1_u64;
        let mut draw = || {
            word = word.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            (word >> 40) as f64 / f64::from(1 << 23) - 1.0
        };
        for _ in 0..20_000 {
            let mut contacts = Contacts::default();
            let velocity = [4.0 * draw(), 4.0 * draw()];
            for normal in normals {
                if draw() > 0.2 {
                    contacts.push(normal, -0.3 * draw().abs(), velocity);
                }
            }
            let scale = MASS * (1.0 + STIFFNESS);
            assert!(gradient(&contacts, contacts.acceleration()) < 1e-9 * scale);
        }
    }

    #[test]
    fn without_contacts_nothing_pushes() {
        assert_eq!(Contacts::default().acceleration(), [0.0; 2]);
        assert!(Contacts::default().is_empty());
    }
}
