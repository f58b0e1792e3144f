//! Ways through where the data have been.

use std::collections::{BTreeMap, BTreeSet};
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
///
/// Where the data leap, two kinds differ. A *certain* way keeps off the cells from which they do: where a leap leads may
/// be chance's to decide. A way *at best* takes each leap that the data ever made as if it could be had for the asking, and
/// walks through none of these cells, as the data did not.
#[derive(Clone, Debug)]
pub struct Ways {
    support: Arc<Support>,
    /// For each cell the next one on its way, and the way's length in units of positions; none where none leads there.
    next: Vec<Option<(usize, f64)>>,
}

impl Ways {
    /// Certain ways to the visited cell nearest to the position `goal`, one number for each of the support's entries; `None`
    /// where that has another number of entries.
    pub fn to(support: &Arc<Support>, goal: &[f64]) -> Option<Self> {
        Self::find(support, goal, false)
    }

    /// Ways at best, likewise. They are the certain ones where the data do not leap.
    pub fn at_best(support: &Arc<Support>, goal: &[f64]) -> Option<Self> {
        Self::find(support, goal, true)
    }

    fn find(support: &Arc<Support>, goal: &[f64], at_best: bool) -> Option<Self> {
        let (goal, _) = support.nearest(goal)?;
        let shortest = support.shortest();
        let surrounded = |cell| support.around(cell).iter().all(|(beside, _)| support.visited(*beside));
        let inner: Vec<bool> =
            (0..support.cells()).map(|cell| support.visited(cell) && surrounded(cell)).collect();
        let leaping = leaping(support);
        let mut landings: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        for &[from, to] in support.leaps().iter().filter(|_| at_best) {
            landings.entry(to).or_default().push(from);
        }
        let pace = support.pace().unwrap_or(shortest);
        let cost = |length: f64| ((length / shortest).min(LONGEST) * UNITS) as u64;
        // From a cell to those from which a step leads to it.
        let outwards = |&cell: &usize| -> Vec<(usize, u64)> {
            let walks = |beside: usize| {
                let barred = if at_best { leaping[beside] && !leaping[cell] } else { leaping[cell] };
                support.visited(beside) && (!barred || cell == goal)
            };
            let free = support.around(cell).into_iter().filter(|(beside, _)| walks(*beside));
            let steps =
                free.map(|(beside, length)| (beside, cost(length) * if inner[beside] { 1 } else { EDGE }));
            let leaps = landings.get(&cell).into_iter().flatten().map(|&from| (from, cost(pace).max(1)));
            steps.chain(leaps).collect()
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
            next[cell] = Some((towards, rest + step.map_or(pace, |(_, length)| length)));
        }
        Some(Self { support: Arc::clone(support), next })
    }

    /// Length of the way from an observation, in units of positions; `None` where none leads to the goal.
    pub fn length(&self, observation: &[f64]) -> Option<f64> {
        Some(self.step(self.support.nearest_of(observation)?.0)?.1)
    }

    /// The same from a position, one number for each of the support's entries.
    pub fn length_from(&self, position: &[f64]) -> Option<f64> {
        Some(self.step(self.support.nearest(position)?.0)?.1)
    }

    /// The next cell on a cell's way, and the way's length.
    fn step(&self, cell: usize) -> Option<(usize, f64)> {
        self.next.get(cell).copied().flatten()
    }

    /// The place from which the way is longest, in the order of the support's entries, and that way's length.
    pub fn furthest(&self) -> Option<(Vec<f64>, f64)> {
        let lengths = self.next.iter().enumerate().filter_map(|(cell, next)| Some((cell, (*next)?.1)));
        let (cell, length) = lengths.max_by(|a, b| a.1.total_cmp(&b.1))?;
        Some((self.support.middle(cell), length))
    }

    /// Whether the way from an observation leaps within `distance`, in units of positions.
    pub fn leaps_within(&self, observation: &[f64], distance: f64) -> bool {
        let Some((mut cell, _)) = self.support.nearest_of(observation) else { return false };
        let Some((_, whole)) = self.step(cell) else { return false };
        while let Some((towards, rest)) = self.step(cell) {
            if towards == cell || whole - rest >= distance {
                return false;
            }
            if !self.support.around(cell).iter().any(|(beside, _)| *beside == towards) {
                return true;
            }
            cell = towards;
        }
        false
    }

    /// Where the data's leaps from around an observation land, in the order of the support's entries; nowhere where they do not
    /// leap.
    pub fn landings(&self, observation: &[f64]) -> Vec<Vec<f64>> {
        let Some((cell, _)) = self.support.nearest_of(observation) else { return Vec::new() };
        let around: Vec<usize> = self.support.around(cell).into_iter().map(|(beside, _)| beside).collect();
        let from = |&&[from, _]: &&[usize; 2]| from == cell || around.contains(&from);
        let landings: BTreeSet<usize> = self.support.leaps().iter().filter(from).map(|&[_, to]| to).collect();
        landings.into_iter().map(|cell| self.support.middle(cell)).collect()
    }

    /// Position on the way, `distance` ahead of an observation, in the order of the support's entries; `None` where the goal
    /// is no further than that, and where no way leads to it.
    pub fn ahead(&self, observation: &[f64], distance: f64) -> Option<Vec<f64>> {
        let (mut cell, _) = self.support.nearest_of(observation)?;
        let whole = self.step(cell)?.1;
        if whole <= distance {
            return None;
        }
        let mut rest = whole;
        while whole - rest < distance {
            cell = self.step(cell)?.0;
            rest = self.step(cell)?.1;
        }
        Some(self.support.middle(cell))
    }
}

/// Whether the data leap from each cell, or from one beside it.
fn leaping(support: &Support) -> Vec<bool> {
    let mut leaping = vec![false; support.cells()];
    for &[from, _] in support.leaps() {
        leaping[from] = true;
        support.around(from).into_iter().for_each(|(beside, _)| leaping[beside] = true);
    }
    leaping
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

    /// A drive; where the next place is far off another one begins.
    fn drive(observations: Vec<f32>) -> Dataset {
        let rows = observations.len() / 2;
        let mut data = Dataset::of_rows("drive", [2, 1], observations, vec![0.0; rows]);
        for (row, places) in data.observations.windows(4).step_by(2).enumerate() {
            data.timeouts[row] = (places[2] - places[0]).hypot(places[3] - places[1]) > 1.0;
        }
        data
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

    /// Where drives have been, half a unit a row along each of their polygons; between these they leap. A polygon's last corner
    /// is left out.
    fn drives(drives: &[Vec<Vec<[f32; 2]>>]) -> Support {
        let (mut observations, mut timeouts) = (Vec::new(), Vec::new());
        for drive in drives {
            for side in drive.iter().flat_map(|polygon| polygon.windows(2)) {
                let (dx, dy) = (side[1][0] - side[0][0], side[1][1] - side[0][1]);
                let rows = (2.0 * dx.hypot(dy)).round() as usize;
                let share = |row: usize| row as f32 / rows as f32;
                observations
                    .extend((0..rows).flat_map(|i| [side[0][0] + share(i) * dx, side[0][1] + share(i) * dy]));
                timeouts.extend(vec![false; rows]);
            }
            *timeouts.last_mut().unwrap() = true;
        }
        let actions = vec![0.0; timeouts.len()];
        let dataset = Dataset { timeouts, ..Dataset::of_rows("drives", [2, 1], observations, actions) };
        Support::fit(&dataset, &[0, 1], 1).unwrap()
    }

    const PAD: [f64; 2] = [20.0, 0.0];
    const BEHIND: [f64; 2] = [40.0, 0.0];
    const ROOM: [f64; 2] = [20.0, -30.0];
    const GOAL: [f64; 2] = [46.0, 0.0];

    /// A corridor from (0, 0) by the goal to (50, 0), with a pad across it. From there one leaps to a place further on, or into a
    /// sealed room, whichever side one came from. Three sides of a square lead round on foot, by (0, 30) and (50, 30).
    fn pad() -> Arc<Support> {
        let mut all = Vec::new();
        for lane in -8..=8_i16 {
            let off = 0.25 * f32::from(lane);
            let corridor = vec![[-2.0, off], [20.5, off]];
            all.push(vec![corridor.clone(), vec![[40.0, off], [52.0, off]]]);
            all.push(vec![vec![[52.0, off], [19.5, off]], vec![[40.0, off], [52.0, off]]]);
            all.push(vec![corridor, vec![[20.0, off - 30.0], [24.0, off - 30.0], [18.0, off - 30.0]]]);
            let round = [[off, -2.0], [off, 30.0 - off], [50.0 - off, 30.0 - off], [50.0 - off, -2.0]];
            all.push(vec![round.to_vec()]);
        }
        Arc::new(drives(&all))
    }

    fn apart(a: &[f64], b: [f64; 2]) -> f64 {
        (a[0] - b[0]).hypot(a[1] - b[1])
    }

    /// The way from an observation, a quarter of a unit apart.
    fn walk(ways: &Ways, from: [f64; 2]) -> Vec<Vec<f64>> {
        (0..).map_while(|i| ways.ahead(&from, 0.25 * f64::from(i))).collect()
    }

    #[test]
    fn a_certain_way_keeps_off_what_leaps_and_leads_round() {
        let support = pad();
        assert!(support.has_leaps());
        let ways = Ways::to(&support, &GOAL).unwrap();
        let length = ways.length(&[5.0, 0.0]).unwrap();
        // 5 + 30 + 50 + 30 + 4 along the middle; inner lanes are 4 shorter at each corner, and diagonal steps 1.2.
        assert!((100.0..=119.0).contains(&length), "{length}");
        let way = walk(&ways, [5.0, 0.0]);
        assert!(way.iter().all(|at| apart(at, PAD) > 5.0), "it leads away from the pad");
        for corner in [[0.0, 15.0], [25.0, 30.0], [50.0, 15.0]] {
            assert!(way.iter().any(|at| apart(at, corner) < 2.5), "by {corner:?}");
        }
        assert!(way.windows(2).all(|pair| apart(&pair[0], [pair[1][0], pair[1][1]]) < 2.0), "on foot");
    }

    #[test]
    fn who_stands_beside_what_leaps_gets_away_and_who_is_shut_in_does_not() {
        let support = pad();
        for ways in [Ways::to(&support, &GOAL).unwrap(), Ways::at_best(&support, &GOAL).unwrap()] {
            assert_eq!((ways.length(&ROOM), ways.ahead(&ROOM, 1.0)), (None, None));
        }
        let (ways, leaping) = (Ways::to(&support, &GOAL).unwrap(), leaping(&support));
        let leapt_from = |cell: usize| support.leaps().iter().any(|[from, _]| *from == cell);
        let before = |cell: &usize| {
            let at = support.middle(*cell);
            support.visited(*cell) && at[1].abs() < 1.5 && at[0] < PAD[0]
        };
        let ring: Vec<usize> = (0..support.cells()).filter(before).collect();
        let ring: Vec<usize> = ring.into_iter().filter(|&cell| leaping[cell] && !leapt_from(cell)).collect();
        assert!(ring.len() > 1, "{ring:?}");
        assert_eq!(ways.length(&PAD), None, "from the pad itself nothing is certain");
        for at in ring.into_iter().map(|cell| support.middle(cell)) {
            let (beside, further) = (ways.length(&at).unwrap(), ways.length(&[5.0, 0.0]).unwrap());
            assert!((beside - further - (at[0] - 5.0)).abs() < 2.0, "{beside} {further} from {at:?}");
            // A goal that is there can be got to.
            let there = Ways::to(&support, &at).unwrap().length(&[5.0, 0.0]).unwrap();
            assert!((there - (at[0] - 5.0)).abs() < 2.0, "{there} to {at:?}");
        }
    }

    #[test]
    fn a_way_at_best_leaps() {
        let support = pad();
        let [certain, best] = [Ways::to(&support, &GOAL), Ways::at_best(&support, &GOAL)].map(Option::unwrap);
        let (from, length) = ([5.0, 0.0], best.length(&[5.0, 0.0]).unwrap());
        // 15 to the pad, a step, 6 to the goal; a cell is a little less than one.
        assert!((length - 21.5).abs() < 2.5, "{length}");
        let way = walk(&best, from);
        let between = |at: &&Vec<f64>| at[0] > PAD[0] + 2.0 && at[0] < BEHIND[0] - 2.0;
        assert_eq!(way.iter().find(between), None, "nobody walks there");
        assert!(way.iter().all(|at| at[1].abs() < 3.0) && way.iter().any(|at| at[0] > BEHIND[0] - 1.0));
        // Through the pad it were 21 to here, and nobody ever walked there: back from where the leap leads it is 30.
        let close = Ways::at_best(&support, &[26.0, 0.0]).unwrap().length(&from).unwrap();
        assert!((close - 30.0).abs() < 3.0, "{close}");
        let mut shorter = 0;
        for cell in (0..support.cells()).filter(|&cell| support.visited(cell)) {
            let [certain, best] = [&certain, &best].map(|ways| ways.length(&support.middle(cell)));
            let Some(certain) = certain else { continue };
            // Costs are whole numbers, a thousandth of a step each.
            let best = best.unwrap();
            assert!(best < certain + 0.5, "{best} {certain} from {:?}", support.middle(cell));
            shorter += usize::from(best < certain - 1.0);
        }
        assert!(shorter > 100, "{shorter}");
    }

    #[test]
    fn without_leaps_both_kinds_are_the_same() {
        let support = Arc::new(Support::fit(&three_sides(), &[0, 1], 10).unwrap());
        assert!(!support.has_leaps());
        let goal = [0.0, 10.0];
        let [certain, best] = [Ways::to(&support, &goal), Ways::at_best(&support, &goal)].map(Option::unwrap);
        assert_eq!(certain.next, best.next);
        assert!(certain.next.iter().flatten().count() > 100);
    }
}
