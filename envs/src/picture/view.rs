//! From places of the world to places in a picture.

/// Nearer than this nothing is shown, as a part of the picture's height at that distance: the camera would stand in it.
const NEAR: f64 = 1e-6;

/// A camera as geometry: where it stands, where it looks, and how much it takes in. Lengths are in the world's unit.
///
/// The middle of the picture is straight ahead, and pixels are square: its width takes in as much as its shape lets it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct View {
    eye: [f64; 3],
    forward: [f64; 3],
    up: [f64; 3],
    right: [f64; 3],
    /// Of the picture at distance 1, or at any where `parallel`.
    height: f64,
    parallel: bool,
}

/// Where a place is in a picture.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Seen {
    /// Pixels from the left and from above: (0, 0) is the upper left corner of the upper left pixel. It may lie outside.
    pub at: [f64; 2],
    /// Distance from the camera along its line of sight.
    pub depth: f64,
    /// Pixels that a length of 1 across the line of sight takes there.
    pub scale: f64,
}

impl View {
    /// A camera at `eye` that looks along `forward`, with `up` upwards in the picture: unit vectors at a right angle. `height`
    /// is how much of the world the picture takes in from below to above at distance 1: `2 tan(angle / 2)`.
    pub fn new(eye: [f64; 3], forward: [f64; 3], up: [f64; 3], height: f64) -> Self {
        Self { eye, forward, up, right: cross(forward, up), height, parallel: false }
    }

    /// The same with parallel lines of sight: `height` is what the picture takes in at every distance.
    pub fn parallel(eye: [f64; 3], forward: [f64; 3], up: [f64; 3], height: f64) -> Self {
        Self { parallel: true, ..Self::new(eye, forward, up, height) }
    }

    /// A camera `distance` away from the point that it looks at. Degrees: `azimuth` is the direction of sight from above,
    /// against the clock from x; `elevation` is above the horizon, -90 looks straight down; `angle` is what the picture takes
    /// in from below to above. As MuJoCo's free camera.
    pub fn orbit(lookat: [f64; 3], distance: f64, azimuth: f64, elevation: f64, angle: f64) -> Self {
        let ((sin_a, cos_a), (sin_e, cos_e)) =
            (azimuth.to_radians().sin_cos(), elevation.to_radians().sin_cos());
        let forward = [cos_e * cos_a, cos_e * sin_a, sin_e];
        let up = [-sin_e * cos_a, -sin_e * sin_a, cos_e];
        let eye = std::array::from_fn(|i| lookat[i] - distance * forward[i]);
        Self::new(eye, forward, up, 2.0 * (0.5 * angle).to_radians().tan())
    }

    /// Where it stands.
    pub fn eye(&self) -> [f64; 3] {
        self.eye
    }

    /// Where a place is in a picture of this size; `None` behind the camera.
    pub fn project(&self, place: [f64; 3], width: usize, height: usize) -> Option<Seen> {
        self.seen(self.local(place), width, height)
    }

    /// A place as the camera has it: to the right, upwards, ahead.
    fn local(&self, place: [f64; 3]) -> [f64; 3] {
        let from: [f64; 3] = std::array::from_fn(|i| place[i] - self.eye[i]);
        [self.right, self.up, self.forward].map(|axis| axis.iter().zip(from).map(|(a, b)| a * b).sum())
    }

    fn seen(&self, [right, up, depth]: [f64; 3], width: usize, height: usize) -> Option<Seen> {
        let taken_in = if self.parallel { self.height } else { self.height * depth };
        let scale = height as f64 / taken_in;
        let at = [0.5 * width as f64 + right * scale, 0.5 * height as f64 - up * scale];
        (self.ahead(depth) && at.iter().all(|at| at.is_finite())).then_some(Seen { at, depth, scale })
    }

    fn ahead(&self, depth: f64) -> bool {
        depth >= NEAR * self.height
    }

    /// Both ends of a straight line in a picture, cut off where it passes the camera; `None` where all of it is behind.
    pub fn segment(&self, ends: [[f64; 3]; 2], width: usize, height: usize) -> Option<[[f64; 2]; 2]> {
        let [from, to] = ends.map(|end| self.local(end));
        let near = NEAR * self.height;
        let cut = |end: [f64; 3], other: [f64; 3]| {
            if self.ahead(end[2]) || !self.ahead(other[2]) {
                return end;
            }
            let part = (near - end[2]) / (other[2] - end[2]);
            let [right, up] = [0, 1].map(|i| end[i] + part * (other[i] - end[i]));
            [right, up, near]
        };
        let ends =
            [cut(from, to), cut(to, from)].map(|end| self.seen(end, width, height).map(|seen| seen.at));
        Some([ends[0]?, ends[1]?])
    }
}

fn cross(a: [f64; 3], b: [f64; 3]) -> [f64; 3] {
    std::array::from_fn(|i| {
        let (j, k) = ((i + 1) % 3, (i + 2) % 3);
        a[j] * b[k] - a[k] * b[j]
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Straight down from 2 above, 90 degrees from below to above: two units of the ground to each side of the middle.
    fn above() -> View {
        View::orbit([0.0; 3], 2.0, 90.0, -90.0, 90.0)
    }

    fn near(a: [f64; 2], b: [f64; 2]) -> bool {
        (a[0] - b[0]).hypot(a[1] - b[1]) < 1e-9
    }

    #[test]
    fn places_on_the_ground_are_where_the_angle_says() {
        let at = |place| above().project(place, 300, 200).unwrap();
        assert!(near(at([0.0; 3]).at, [150.0, 100.0]));
        // Two units upwards are half of the height, 100 pixels; x is to the right, y upwards.
        assert!(near(at([0.0, 2.0, 0.0]).at, [150.0, 0.0]));
        assert!(near(at([2.0, 0.0, 0.0]).at, [250.0, 100.0]));
        // Half as far away, twice as large.
        assert!(near(at([1.0, 0.0, 1.0]).at, [250.0, 100.0]));
        assert!((at([1.0, 0.0, 1.0]).depth - 1.0).abs() < 1e-12 && (at([0.0; 3]).scale - 50.0).abs() < 1e-9);
        assert_eq!(above().project([0.0, 0.0, 2.5], 300, 200), None, "behind it");
        assert_eq!(above().project([0.0, 0.0, 2.0], 300, 200), None, "at it");
    }

    #[test]
    fn parallel_lines_of_sight_show_the_same_size_at_every_distance() {
        let view = View::parallel([0.0, 0.0, 3.0], [0.0, 0.0, -1.0], [0.0, 1.0, 0.0], 4.0);
        for z in [0.0, 1.0, 2.0] {
            assert!(near(view.project([1.0, -1.0, z], 300, 200).unwrap().at, [200.0, 150.0]));
        }
        assert_eq!(view.project([0.0, 0.0, 4.0], 300, 200), None);
    }

    #[test]
    fn a_line_past_the_camera_is_cut_and_one_behind_it_is_not_there() {
        let view = above();
        let [from, to] = view.segment([[2.0, 0.0, 0.0], [2.0, 0.0, 4.0]], 300, 200).unwrap();
        assert!(near(from, [250.0, 100.0]));
        assert!(to[0] > 1e6 && (to[1] - 100.0).abs() < 1e-3, "{to:?}");
        assert_eq!(view.segment([[2.0, 0.0, 3.0], [2.0, 0.0, 4.0]], 300, 200), None);
        let whole = view.segment([[0.0; 3], [2.0, 0.0, 0.0]], 300, 200).unwrap();
        assert!(near(whole[0], [150.0, 100.0]) && near(whole[1], [250.0, 100.0]));
    }

    proptest! {
        /// What a camera looks at is in the middle of its picture, from wherever it looks.
        #[test]
        fn what_is_looked_at_is_in_the_middle(
            lookat in prop::array::uniform3(-5.0..5.0), distance in 0.1..9.0,
            azimuth in -360.0..360.0, elevation in -90.0..90.0, angle in 5.0..120.0,
        ) {
            let seen = View::orbit(lookat, distance, azimuth, elevation, angle).project(lookat, 64, 48).unwrap();
            prop_assert!((seen.at[0] - 32.0).abs() < 1e-6 && (seen.at[1] - 24.0).abs() < 1e-6);
            prop_assert!((seen.depth - distance).abs() < 1e-9);
        }
    }
}
