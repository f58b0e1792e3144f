//! Ways through where the data have been.

use std::sync::Arc;

use pathfinding::prelude::dijkstra_all;

use super::Support;

/// Cost of a cell whose neighbours have not all been visited, in those of any other. A support holds the neighbours of the
/// cells in which the data have been, too, and two regions that nearly touch, as at the corner of a wall, touch there. Ways
/// pass through such cells where the detour would be longer than so many, or where there is none.
const EDGE: u64 = 100;
/// Units of cost in the shortest step.
const UNITS: f64 = 1000.0;
/// Longest step, in shortest ones, that costs what it is long: no sum of costs is too large for its type.
const LONGEST: f64 = 1e6;

/// Shortest ways to one place through the cells of a [`Support`], from each of its cells.
///
/// A way is a chain of cells that the data have visited, from neighbour to neighbour, diagonal ones too. It knows neither
/// the dynamics nor what the data did there: it says which places lie between, and how far it is.
#[derive(Clone, Debug)]
pub struct Ways {
    support: Arc<Support>,
    /// For each cell the next one on its way, and the way's length in units of positions; none where none leads there.
    next: Vec<Option<(usize, f64)>>,
}

impl Ways {
    /// Ways to the visited cell nearest to the position `goal`, one number for each of the support's entries; `None` where
    /// that has another number of entries.
    pub fn to(support: &Arc<Support>, goal: &[f64]) -> Option<Self> {
        let (goal, _) = support.nearest(goal)?;
        let shortest = support.shortest();
        let surrounded = |cell| support.around(cell).iter().all(|(beside, _)| support.visited(*beside));
        let inner: Vec<bool> =
            (0..support.cells()).map(|cell| support.visited(cell) && surrounded(cell)).collect();
        let outwards = |&cell: &usize| -> Vec<(usize, u64)> {
            let free = support.around(cell).into_iter().filter(|(beside, _)| support.visited(*beside));
            let cost = |length: f64| ((length / shortest).min(LONGEST) * UNITS) as u64;
            free.map(|(beside, length)| (beside, cost(length) * if inner[beside] { 1 } else { EDGE }))
                .collect()
        };
        let found = dijkstra_all(&goal, outwards);
        // Rising cost: the rest of a cell's way is known before its own.
        let mut order: Vec<(u64, usize, usize)> =
            found.into_iter().map(|(cell, (towards, cost))| (cost, cell, towards)).collect();
        order.sort_unstable();
        let mut next = vec![None; support.cells()];
        next[goal] = Some((goal, 0.0));
        for (_, cell, towards) in order {
            let rest = next[towards].map_or(0.0, |(_, rest)| rest);
            let step = support.around(cell).into_iter().find(|(beside, _)| *beside == towards);
            next[cell] = Some((towards, rest + step.map_or(0.0, |(_, length)| length)));
        }
        Some(Self { support: Arc::clone(support), next })
    }

    /// Length of the way from an observation, in units of positions; `None` where none leads to the goal.
    pub fn length(&self, observation: &[f64]) -> Option<f64> {
        let (cell, _) = self.support.nearest_of(observation)?;
        Some((*self.next.get(cell)?)?.1)
    }

    /// The place from which the way is longest, in the order of the support's entries, and that way's length.
    pub fn furthest(&self) -> Option<(Vec<f64>, f64)> {
        let lengths = self.next.iter().enumerate().filter_map(|(cell, next)| Some((cell, (*next)?.1)));
        let (cell, length) = lengths.max_by(|a, b| a.1.total_cmp(&b.1))?;
        Some((self.support.middle(cell), length))
    }

    /// Position on the way, `distance` ahead of an observation, in the order of the support's entries; `None` where the goal
    /// is no further than that, and where no way leads to it.
    pub fn ahead(&self, observation: &[f64], distance: f64) -> Option<Vec<f64>> {
        let (mut cell, _) = self.support.nearest_of(observation)?;
        let whole = (*self.next.get(cell)?)?.1;
        if whole <= distance {
            return None;
        }
        let mut rest = whole;
        while whole - rest < distance {
            let (towards, _) = (*self.next.get(cell)?)?;
            rest = (*self.next.get(towards)?)?.1;
            cell = towards;
        }
        Some(self.support.middle(cell))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::Dataset;

    /// Drives along three sides of a square of side 10, from (0, 0) by (10, 0) and (10, 10) to (0, 10).
    fn three_sides() -> Dataset {
        let along = (0..=3000).map(|i| i as f32 / 100.0);
        drive(along.flat_map(|s| [s.min(10.0) - (s - 20.0).max(0.0), (s - 10.0).clamp(0.0, 10.0)]).collect())
    }

    fn drive(observations: Vec<f32>) -> Dataset {
        let rows = observations.len() / 2;
        Dataset::of_rows("drive", [2, 1], observations, vec![0.0; rows])
    }

    #[test]
    fn a_way_goes_where_the_data_went_and_is_as_long() {
        let support = Arc::new(Support::fit(&three_sides(), &[0, 1], 10).unwrap());
        assert!(support.pace().is_some_and(|pace| (pace - 0.01).abs() < 1e-4));
        let ways = Ways::to(&support, &[0.0, 10.0]).unwrap();
        let length = ways.length(&[0.0, 0.0]).unwrap();
        assert!((28.0..=30.5).contains(&length), "{length}: corners may be cut by a cell");
        assert!(ways.length(&[0.0, 9.8]).unwrap() < 0.5);
        for (distance, x, y) in [(5.0, 5.0, 0.0), (14.5, 10.0, 5.0), (24.5, 5.0, 10.0)] {
            let there = ways.ahead(&[0.0, 0.0], distance).unwrap();
            assert!((there[0] - x).hypot(there[1] - y) < 1.0, "{distance}: {there:?}");
        }
        assert_eq!(ways.ahead(&[0.0, 0.0], 31.0), None, "the goal is nearer");
        assert!(ways.ahead(&[0.0], 1.0).is_none() && Ways::to(&support, &[1.0]).is_none());
        assert!(Ways::to(&support, &[f64::NAN, 0.0]).is_none());
    }

    /// Two squares whose corners nearly touch, as rooms do at the corner of a wall, and a corridor from one round to the other.
    #[test]
    fn a_way_does_not_slip_through_where_corners_touch() {
        let square = |from: f32| {
            (0..=100)
                .flat_map(move |i| (0..=100).map(move |j| [from + 0.1 * i as f32, from + 0.1 * j as f32]))
        };
        let up = (0..=220).map(|i| [1.0, 10.0 + 0.1 * i as f32]);
        let across = (0..=190).map(|i| [1.0 + 0.1 * i as f32, 32.0]);
        let down = (0..=120).map(|i| [20.0, 20.0 + 0.1 * i as f32]);
        for corridor in [true, false] {
            let round = up.clone().chain(across.clone()).chain(down.clone()).filter(|_| corridor);
            let places = square(0.0).chain(square(11.0)).chain(round);
            let support = Arc::new(Support::fit(&drive(places.flatten().collect()), &[0, 1], 10).unwrap());
            let length = Ways::to(&support, &[20.0, 20.0]).unwrap().length(&[1.0, 1.0]).unwrap();
            // Through the corner where there is no other way: the data may have been there.
            assert_eq!(length > 50.0, corridor, "{length}");
        }
    }

    #[test]
    fn there_is_no_way_across_a_gap_in_the_data() {
        let mut data = three_sides();
        // The second half is moved far off.
        data.observations[3001..].iter_mut().for_each(|value| *value += 40.0);
        let support = Arc::new(Support::fit(&data, &[0, 1], 10).unwrap());
        let ways = Ways::to(&support, &[0.0, 0.0]).unwrap();
        assert!(ways.length(&[10.0, 3.0]).is_some());
        assert_eq!((ways.length(&[45.0, 50.0]), ways.ahead(&[45.0, 50.0], 1.0)), (None, None));
    }
}
