//! Rotations and poses in space. Quaternions are (w, x, y, z), of length 1; angles are in radians.

use std::f64::consts::PI;

/// A rotation.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Rotation(pub [f64; 4]);

impl Rotation {
    /// Half a turn about x: what points a hand down.
    pub const DOWN: Self = Self([0.0, 1.0, 0.0, 0.0]);

    /// About the upright axis.
    pub fn about_z(angle: f64) -> Self {
        let (sin, cos) = (0.5 * angle).sin_cos();
        Self([cos, 0.0, 0.0, sin])
    }

    /// Of the axes x, y and z of a frame, each in the world: the largest of the quaternion's entries is found first, as in
    /// MuJoCo's `mju_mat2Quat`.
    pub fn of_axes([x, y, z]: [[f64; 3]; 3]) -> Self {
        let (a, b, c) = (x[0], y[1], z[2]);
        let off = [[y[2] - z[1], y[2] + z[1]], [z[0] - x[2], z[0] + x[2]], [x[1] - y[0], x[1] + y[0]]];
        let [[p, q], [r, s], [t, u]] = off;
        let whole = |square: f64| 0.5 * square.sqrt();
        let quaternion = if a + b + c > 0.0 {
            let w = whole(1.0 + a + b + c);
            [w, 0.25 * p / w, 0.25 * r / w, 0.25 * t / w]
        } else if a > b && a > c {
            let x = whole(1.0 + a - b - c);
            [0.25 * p / x, x, 0.25 * u / x, 0.25 * s / x]
        } else if b > c {
            let y = whole(1.0 - a + b - c);
            [0.25 * r / y, 0.25 * u / y, y, 0.25 * q / y]
        } else {
            let z = whole(1.0 - a - b + c);
            [0.25 * t / z, 0.25 * s / z, 0.25 * q / z, z]
        };
        Self(quaternion).normalized()
    }

    /// Of length 1; the identity where there is nothing to scale.
    fn normalized(self) -> Self {
        let length = self.0.iter().map(|part| part * part).sum::<f64>().sqrt();
        if length > 0.0 { Self(self.0.map(|part| part / length)) } else { Self([1.0, 0.0, 0.0, 0.0]) }
    }

    /// First `other`, then this.
    pub fn after(self, other: Self) -> Self {
        let ([w0, x0, y0, z0], [w1, x1, y1, z1]) = (self.0, other.0);
        Self([
            w0 * w1 - x0 * x1 - y0 * y1 - z0 * z1,
            w0 * x1 + x0 * w1 + y0 * z1 - z0 * y1,
            w0 * y1 - x0 * z1 + y0 * w1 + z0 * x1,
            w0 * z1 + x0 * y1 - y0 * x1 + z0 * w1,
        ])
    }

    /// The way back.
    pub fn inverse(self) -> Self {
        let [w, x, y, z] = self.0;
        Self([w, -x, -y, -z])
    }

    /// A vector, turned.
    pub fn turn(self, [x, y, z]: [f64; 3]) -> [f64; 3] {
        let Self([_, x, y, z]) = self.after(Self([0.0, x, y, z])).after(self.inverse());
        [x, y, z]
    }

    /// Angle about the upright axis, from -pi to pi.
    pub fn yaw(self) -> f64 {
        let [w, x, y, z] = self.0;
        (2.0 * (w * z + x * y)).atan2(1.0 - 2.0 * (y * y + z * z))
    }

    /// Axis times angle, the shorter way round: the velocity that leads there in one second.
    pub fn velocity(self) -> [f64; 3] {
        let [w, x, y, z] = self.0;
        let length = (x * x + y * y + z * z).sqrt();
        // Below it no axis can be told, and there is nothing to turn by.
        if length < f64::MIN_POSITIVE.sqrt() {
            return [0.0; 3];
        }
        let angle = 2.0 * length.atan2(w);
        let angle = if angle > PI { angle - 2.0 * PI } else { angle };
        [x, y, z].map(|part| part / length * angle)
    }
}

/// Where a frame is, in metres, and how it is turned.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Pose {
    pub at: [f64; 3],
    pub rotation: Rotation,
}

impl Pose {
    /// A pose that is given in this one's frame, in the world.
    pub fn carry(&self, inner: &Self) -> Self {
        let [x, y, z] = self.rotation.turn(inner.at);
        let at = [x + self.at[0], y + self.at[1], z + self.at[2]];
        Self { at, rotation: self.rotation.after(inner.rotation) }
    }

    /// The world in this one's frame.
    pub fn inverse(&self) -> Self {
        let rotation = self.rotation.inverse();
        Self { at: rotation.turn(self.at).map(|part| -part), rotation }
    }
}

/// Euclidean distance.
pub(super) fn distance(a: [f64; 3], b: [f64; 3]) -> f64 {
    a.iter().zip(b).map(|(a, b)| (a - b).powi(2)).sum::<f64>().sqrt()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn unit() -> impl Strategy<Value = Rotation> {
        prop::array::uniform4(-1.0_f64..1.0)
            .prop_filter("not too short", |q| q.iter().map(|x| x * x).sum::<f64>() > 0.01)
            .prop_map(|q| Rotation(q).normalized())
    }

    fn same(a: Rotation, b: Rotation) -> bool {
        let dot: f64 = a.0.iter().zip(b.0).map(|(a, b)| a * b).sum();
        (dot.abs() - 1.0).abs() < 1e-12
    }

    proptest! {
        #[test]
        fn axes_and_rotation_are_one_thing(q in unit()) {
            let axes = [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]].map(|axis| q.turn(axis));
            prop_assert!(same(Rotation::of_axes(axes), q));
        }

        #[test]
        fn an_inverse_undoes_rotations_and_poses(q in unit(), p in unit(), at in prop::array::uniform3(-2.0_f64..2.0)) {
            prop_assert!(same(q.after(q.inverse()), Rotation::about_z(0.0)));
            let pose = Pose { at, rotation: q };
            let other = Pose { at: [0.3, -0.2, 0.9], rotation: p };
            let back = pose.inverse().carry(&pose.carry(&other));
            prop_assert!(distance(back.at, other.at) < 1e-12 && same(back.rotation, p));
        }

        /// Turning by a velocity for a second leads there: Rodrigues' formula against the quaternion.
        #[test]
        fn a_velocity_leads_there(q in unit(), v in prop::array::uniform3(-1.0_f64..1.0)) {
            let w = q.velocity();
            let angle = w.iter().map(|x| x * x).sum::<f64>().sqrt();
            prop_assert!(angle <= PI + 1e-12);
            let k = w.map(|x| x / angle);
            let cross = [k[1] * v[2] - k[2] * v[1], k[2] * v[0] - k[0] * v[2], k[0] * v[1] - k[1] * v[0]];
            let along: f64 = k.iter().zip(v).map(|(a, b)| a * b).sum();
            let turned = [0, 1, 2].map(|i| v[i] * angle.cos() + cross[i] * angle.sin() + k[i] * along * (1.0 - angle.cos()));
            prop_assert!(distance(turned, q.turn(v)) < 1e-9, "{turned:?} {:?}", q.turn(v));
        }

        #[test]
        fn yaw_is_the_angle_about_the_upright_axis(angle in -3.1_f64..3.1) {
            prop_assert!((Rotation::about_z(angle).yaw() - angle).abs() < 1e-12);
            prop_assert!((Rotation::about_z(angle).after(Rotation::DOWN).yaw() - angle).abs() < 1e-12);
        }
    }

    #[test]
    fn nothing_to_turn_by_is_no_velocity() {
        assert_eq!(Rotation::about_z(0.0).velocity(), [0.0; 3]);
        assert_eq!(Rotation([0.0; 4]).normalized(), Rotation::about_z(0.0));
    }
}
