//! What is drawn: the maze and the points in it.

use forethought_envs::{Mover, Zone};

/// Geometry of a maze in observation coordinates (metres).
#[derive(Clone, Debug, PartialEq)]
pub struct MazeScene {
    /// Wall rectangles `(x0, y0, x1, y1)`.
    pub walls: Vec<[f64; 4]>,
    /// The part of the plane to show, `(x0, y0, x1, y1)`.
    pub bounds: [f64; 4],
    /// Places of which there is more to say.
    pub zones: Vec<Zone>,
    /// Bodies that move beside the one that acts.
    pub movers: Vec<Mover>,
    /// Observation entries of the place of the one that acts.
    pub position: [usize; 2],
    /// Radius of the ball.
    pub ball_radius: f64,
    /// Distance from the goal that counts as reaching it.
    pub goal_radius: f64,
}

/// A position that can be drawn.
pub(super) type Point = [f64; 2];

/// A place such as a goal's: its first two numbers, if they are there and finite.
pub(super) fn point(place: &[f64]) -> Option<Point> {
    match place {
        [x, y, ..] if x.is_finite() && y.is_finite() => Some([*x, *y]),
        _ => None,
    }
}

impl MazeScene {
    /// The position in an observation, if it is there and finite.
    pub(super) fn place(&self, observation: &[f64]) -> Option<Point> {
        let [x, y] = self.position.map(|entry| observation.get(entry).copied());
        point(&[x?, y?])
    }

    /// Positions of a run of observations and how many of them cannot be drawn. Places in time are kept.
    pub(super) fn places(&self, observations: &[Vec<f64>]) -> (Vec<Option<Point>>, usize) {
        let points: Vec<_> = observations.iter().map(|observation| self.place(observation)).collect();
        let skipped = points.iter().filter(|point| point.is_none()).count();
        (points, skipped)
    }

    /// Bounds that can be drawn: as given, or the unit square when they are empty or not finite.
    pub(super) fn drawable_bounds(&self) -> [f64; 4] {
        let [x0, y0, x1, y1] = self.bounds;
        let sound = self.bounds.iter().all(|bound| bound.abs() < 1e6) && x1 - x0 > 1e-6 && y1 - y0 > 1e-6;
        if sound { self.bounds } else { [0.0, 0.0, 1.0, 1.0] }
    }

    /// Walls without those that are not finite.
    pub(super) fn drawable_walls(&self) -> impl Iterator<Item = [f64; 4]> + '_ {
        self.walls.iter().copied().filter(|wall| wall.iter().all(|side| side.is_finite()))
    }

    /// Where a mover is in each of these observations; `None` where that cannot be drawn. One that leaves its lane at one end and
    /// comes back at the other leaves a gap: no step is as long as half of the picture.
    pub(super) fn course(&self, mover: &Mover, observations: &[Vec<f64>]) -> Vec<Option<Point>> {
        let [x0, y0, x1, y1] = self.drawable_bounds();
        let longest = 0.5 * (x1 - x0).max(y1 - y0);
        let mut before: Option<Point> = None;
        let drawn = observations.iter().map(|observation| {
            let place = mover.place(observation).and_then(|place| point(&place));
            let leaps = place.zip(before).is_some_and(|([x, y], [u, v])| (x - u).hypot(y - v) > longest);
            before = place;
            place.filter(|_| !leaps)
        });
        drawn.collect()
    }

    /// Zones without those that are not finite.
    pub(super) fn drawable_zones(&self) -> impl Iterator<Item = &Zone> {
        self.zones.iter().filter(|zone| zone.at.iter().chain([&zone.radius]).all(|value| value.is_finite()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scene(position: [usize; 2]) -> MazeScene {
        MazeScene {
            walls: Vec::new(),
            bounds: [0.0, 0.0, 4.0, 3.0],
            zones: Vec::new(),
            movers: Vec::new(),
            position,
            ball_radius: 0.1,
            goal_radius: 0.5,
        }
    }

    #[test]
    fn positions_keep_their_place_when_some_cannot_be_drawn() {
        let observations = [vec![1.0, 2.0, 9.0], vec![f64::NAN, 0.0], vec![3.0], vec![4.0, 5.0]];
        let places = (vec![Some([1.0, 2.0]), None, None, Some([4.0, 5.0])], 2);
        assert_eq!(scene([0, 1]).places(&observations), places);
    }

    #[test]
    fn positions_are_the_entries_that_the_environment_names() {
        let observations = [vec![1.0, 2.0, 9.0], vec![1.0, 2.0], vec![f64::NAN, 3.0, 4.0]];
        assert_eq!(scene([2, 1]).places(&observations), (vec![Some([9.0, 2.0]), None, Some([4.0, 3.0])], 1));
    }

    #[test]
    fn bounds_that_cannot_be_drawn_become_the_unit_square() {
        let mut scene = scene([0, 1]);
        assert_eq!(scene.drawable_bounds().map(f64::to_bits), [0.0, 0.0, 4.0, 3.0].map(f64::to_bits));
        for bounds in [[0.0; 4], [1.0, 0.0, 0.0, 1.0], [0.0, 0.0, f64::NAN, 1.0], [0.0, 0.0, 1e300, 1.0]] {
            scene.bounds = bounds;
            let drawn = scene.drawable_bounds().map(f64::to_bits);
            assert_eq!(drawn, [0.0, 0.0, 1.0, 1.0].map(f64::to_bits), "{bounds:?}");
        }
    }
}
