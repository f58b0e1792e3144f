//! A place with a yaw, as a hand takes it.

use std::f64::consts::TAU;

/// A place with a yaw.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Spot {
    pub at: [f64; 3],
    pub yaw: f64,
}

impl Spot {
    /// The same so much further up, metres.
    pub fn above(self, by: f64) -> Self {
        let [x, y, z] = self.at;
        Self { at: [x, y, z + by], ..self }
    }

    /// The same thing, gripped the way that is nearest to a yaw, of as many as look alike in a whole turn: four sides of a cube, two
    /// of a handle. Both yaws are taken from 0 to a whole turn, as the package takes them.
    pub fn nearest(self, yaw: f64, alike: i32) -> Self {
        let whole = |yaw: f64| if yaw < 0.0 { yaw + TAU } else { yaw };
        let (own, hand) = (whole(self.yaw), whole(yaw));
        let sides = (-alike..=alike).map(|side| f64::from(side) * (TAU / f64::from(alike)) + own);
        let nearest = sides.min_by(|a, b| (hand - a).abs().total_cmp(&(hand - b).abs()));
        Self { yaw: wrapped(nearest.unwrap_or(own)), ..self }
    }
}

/// From -pi to pi.
pub(super) fn wrapped(angle: f64) -> f64 {
    angle.sin().atan2(angle.cos())
}

#[cfg(test)]
mod tests {
    use std::f64::consts::{FRAC_PI_2, PI};

    use super::*;

    #[test]
    fn a_thing_is_gripped_the_nearest_way() {
        let cube = Spot { at: [0.0; 3], yaw: 0.1 };
        for hand in [-3.0, -1.0, 0.0, 0.7, 2.5] {
            let yaw = cube.nearest(hand, 4).yaw;
            let sides = (yaw - 0.1) / FRAC_PI_2;
            assert!((sides - sides.round()).abs() < 1e-9);
            assert!(wrapped(yaw - hand).abs() <= FRAC_PI_2 / 2.0 + 1e-9, "{hand}: {yaw}");
        }
        let handle = Spot { at: [0.0; 3], yaw: 3.1 };
        assert!((handle.nearest(0.4, 2).yaw - (3.1 - PI)).abs() < 1e-9, "half a turn on");
        assert_eq!(handle.nearest(2.0, 2).yaw, wrapped(3.1));
    }
}
