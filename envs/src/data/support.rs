//! Where the data have been: the positions that a plan may pass through.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::Dataset;
use crate::EnvError;

/// Cells per deviation of a position: a tenth of a unit or so in the mazes, a ball's radius.
const CELLS_PER_DEVIATION: f64 = 20.0;
/// A step longer than so many paces is a leap: nothing that drives gets so far.
const LEAP: f64 = 10.0;
/// Share of the steps out of a cell that leap, from which on they count: a slip of the recording leads nowhere.
const OFTEN: f64 = 0.01;
/// More cells than this are not kept: with more than three entries, say, most would be empty in any data.
const MOST_CELLS: usize = 1 << 20;

/// A grid over a few entries of the observation, with the cells in which the data have been, and those next to
/// them. Learnt from data alone: about walls it knows what nobody ever drove through.
///
/// Deserialising checks what [`Support::fit`] guarantees: a grid that its bits fill, of finite cells.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Stored")]
pub struct Support {
    /// Entries of the observation.
    entries: Vec<usize>,
    /// Lower corner of the grid, one number per entry.
    low: Vec<f64>,
    /// Size of a cell along each entry.
    cell: Vec<f64>,
    /// Cells along each entry.
    shape: Vec<usize>,
    /// One bit per cell, the last entry running fastest, 32 in a word.
    visited: Vec<u32>,
    /// See [`Self::pace`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pace: Option<f64>,
    /// See [`Self::leaps`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    leaps: Vec<[usize; 2]>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    entries: Vec<usize>,
    low: Vec<f64>,
    cell: Vec<f64>,
    shape: Vec<usize>,
    visited: Vec<u32>,
    #[serde(default)]
    pace: Option<f64>,
    #[serde(default)]
    leaps: Vec<[usize; 2]>,
}

impl TryFrom<Stored> for Support {
    type Error = EnvError;

    fn try_from(stored: Stored) -> Result<Self, EnvError> {
        let Stored { entries, low, cell, shape, visited, pace, leaps } = stored;
        let cells = shape.iter().try_fold(1_usize, |product, &n| product.checked_mul(n));
        let filled = cells.is_some_and(|cells| cells <= MOST_CELLS && cells.div_ceil(32) == visited.len());
        let sound = !entries.is_empty()
            && [low.len(), cell.len(), shape.len()] == [entries.len(); 3]
            && low.iter().all(|low| low.is_finite())
            && cell.iter().all(|cell| cell.is_finite() && *cell > 0.0)
            && pace.is_none_or(|pace| pace.is_finite() && pace > 0.0)
            && filled
            && leaps.iter().flatten().all(|&cell| cells.is_some_and(|cells| cell < cells));
        if sound {
            Ok(Self { entries, low, cell, shape, visited, pace, leaps })
        } else {
            let cure = "its `shape`, `low` and `cell` must fit its `entries` and its `visited` cells, its `pace` be positive \
                        and its `leaps` between cells that there are; train again";
            Err(EnvError::Mismatch(format!("a support of the data that contradicts itself: {cure}")))
        }
    }
}

impl Support {
    /// Support of these entries of the observations of `dataset`, whose pace is told over `frames` rows.
    ///
    /// # Errors
    /// [`EnvError::Data`] when the data fail [`Dataset::check`], and where the grid would be too fine to be filled.
    pub fn fit(dataset: &Dataset, entries: &[usize], frames: usize) -> Result<Self, EnvError> {
        dataset.check()?;
        let columns = dataset.summary().observations;
        let known = entries.iter().filter_map(|&entry| columns.get(entry));
        let known: Vec<_> = known.filter(|column| column.std > 0.0).collect();
        if known.len() != entries.len() || entries.is_empty() {
            return Err(dataset.problem("there is no spread of positions to learn a support from".into()));
        }
        let cell: Vec<f64> = known.iter().map(|column| column.std / CELLS_PER_DEVIATION).collect();
        // A margin of one cell around the data, for the neighbours.
        let low: Vec<f64> = known.iter().zip(&cell).map(|(column, cell)| column.min - cell).collect();
        let spans = known.iter().zip(&cell).map(|(column, cell)| (column.max - column.min) / cell);
        let shape: Vec<usize> = spans.map(|cells| cells as usize + 3).collect();
        let cells = shape.iter().try_fold(1_usize, |product, &n| product.checked_mul(n));
        let Some(cells) = cells.filter(|&cells| cells <= MOST_CELLS) else {
            return Err(
                dataset.problem(format!("a grid of {shape:?} cells is too fine to learn a support on"))
            );
        };
        let (entries, visited) = (entries.to_vec(), vec![0; cells.div_ceil(32)]);
        let pace = pace(dataset, &entries, frames.max(1));
        let mut support = Self { entries, low, cell, shape, visited, pace, leaps: Vec::new() };
        let mut place = vec![0; support.entries.len()];
        for observation in dataset.observations.chunks_exact(dataset.observation_dim) {
            let value = |entry: usize| f64::from(observation[entry]);
            if support.place(&value, &mut place) {
                support.visit_around(&mut place, 0);
            }
        }
        support.leaps = support.leaps_of(dataset);
        Ok(support)
    }

    /// Finds [`Self::leaps`].
    fn leaps_of(&self, dataset: &Dataset) -> Vec<[usize; 2]> {
        let Some(far) = self.pace.map(|pace| LEAP * pace) else { return Vec::new() };
        let cell = |row: usize| -> Option<(Vec<f64>, usize)> {
            let observation = dataset.observation(row)?;
            let at: Vec<f64> = self.entries.iter().map(|&entry| f64::from(observation[entry])).collect();
            let index = self.index(at.iter().copied())?;
            Some((at, index))
        };
        // Steps that begin in a cell, and how many of them leap.
        let mut steps: BTreeMap<usize, [usize; 2]> = BTreeMap::new();
        let mut leaps: BTreeSet<[usize; 2]> = BTreeSet::new();
        for trajectory in dataset.trajectories(true) {
            for row in trajectory.start..trajectory.end.saturating_sub(1) {
                let (Some((from, here)), Some((to, there))) = (cell(row), cell(row + 1)) else { continue };
                let square: f64 = from.iter().zip(&to).map(|(from, to)| (to - from).powi(2)).sum();
                let leap = square.sqrt() > far;
                let counted = steps.entry(here).or_default();
                *counted = [counted[0] + 1, counted[1] + usize::from(leap)];
                if leap {
                    leaps.insert([here, there]);
                }
            }
        }
        let often = |&[from, _]: &[usize; 2]| {
            steps.get(&from).is_some_and(|&[all, leap]| leap as f64 >= OFTEN * all as f64)
        };
        leaps.into_iter().filter(often).collect()
    }

    /// Whether it speaks of the entries `entries` of observations with `observation` of them.
    pub fn fits(&self, entries: &[usize], observation: usize) -> bool {
        self.entries == entries && entries.iter().all(|&entry| entry < observation)
    }

    /// Whether the data have been at the position of `observation`, to within a cell or two.
    pub fn holds(&self, observation: &[f64]) -> bool {
        // An observation without the entry is nowhere.
        let value = |&entry: &usize| observation.get(entry).copied().unwrap_or(f64::NAN);
        self.index(self.entries.iter().map(value)).is_some_and(|cell| self.visited(cell))
    }

    /// Cell of a position, where the grid has one.
    fn index(&self, position: impl Iterator<Item = f64>) -> Option<usize> {
        let mut index = 0;
        for (((value, low), cell), &cells) in position.zip(&self.low).zip(&self.cell).zip(&self.shape) {
            let at = ((value - low) / cell).floor();
            if !(0.0..cells as f64).contains(&at) {
                return None;
            }
            index = index * cells + at as usize;
        }
        Some(index)
    }

    /// How far the data get in one step when they get on: what nine of ten stretches of a chunk's length do not exceed, in
    /// units of positions. None where it was not recorded, and where nothing moves.
    pub fn pace(&self) -> Option<f64> {
        self.pace
    }

    /// Steps of the data that lead much further than the data get otherwise, from cell to cell. What leaps leaves its place
    /// without having passed through what lies between, so where it lands is rarely its own choice.
    pub(super) fn leaps(&self) -> &[[usize; 2]] {
        &self.leaps
    }

    /// How far a step has to lead to be a leap, in units of positions; none where the data do not leap.
    pub fn leap(&self) -> Option<f64> {
        self.pace.filter(|_| self.has_leaps()).map(|pace| LEAP * pace)
    }

    /// Whether the data leap anywhere.
    pub fn has_leaps(&self) -> bool {
        !self.leaps.is_empty()
    }

    /// Number of cells.
    pub(super) fn cells(&self) -> usize {
        self.shape.iter().product()
    }

    /// Whether the data have been in a cell, or next to it.
    pub(super) fn visited(&self, cell: usize) -> bool {
        self.visited.get(cell / 32).is_some_and(|word| word >> (cell % 32) & 1 == 1)
    }

    /// How far the middle of a cell is from a position.
    fn away(&self, cell: usize, position: &[f64]) -> f64 {
        let offsets = self.middle(cell).into_iter().zip(position).map(|(middle, value)| middle - value);
        offsets.map(|offset| offset * offset).sum::<f64>().sqrt()
    }

    /// Middle of a cell.
    pub(super) fn middle(&self, cell: usize) -> Vec<f64> {
        let place = self.place_of(cell);
        let along = place.iter().zip(&self.low).zip(&self.cell);
        along.map(|((&at, low), size)| low + (at as f64 + 0.5) * size).collect()
    }

    /// Whether the data leap from anywhere within `distance` of an observation, in a straight line and in units of positions;
    /// not around one without the entries.
    pub fn leaps_near(&self, observation: &[f64], distance: f64) -> bool {
        let at: Option<Vec<f64>> =
            self.entries.iter().map(|&entry| observation.get(entry).copied()).collect();
        at.is_some_and(|at| self.leaps.iter().any(|&[from, _]| self.away(from, &at) <= distance))
    }

    /// The visited cell nearest to where an observation is, and how far off its middle is; `None` for an observation without
    /// the entries, and for a support of nothing.
    pub(super) fn nearest_of(&self, observation: &[f64]) -> Option<(usize, f64)> {
        let values: Option<Vec<f64>> =
            self.entries.iter().map(|&entry| observation.get(entry).copied()).collect();
        self.nearest(&values?)
    }

    /// The same for a position, one number per entry.
    pub(super) fn nearest(&self, position: &[f64]) -> Option<(usize, f64)> {
        if position.len() != self.entries.len() || !position.iter().all(|value| value.is_finite()) {
            return None;
        }
        let away = |cell: usize| self.away(cell, position);
        let own = self.index(position.iter().copied()).filter(|&cell| self.visited(cell));
        let cells = own.map_or(0..self.cells(), |cell| cell..cell + 1);
        let visited = cells.filter(|&cell| self.visited(cell));
        visited.map(|cell| (cell, away(cell))).min_by(|a, b| a.1.total_cmp(&b.1))
    }

    /// The shortest step from a cell to the next.
    pub(super) fn shortest(&self) -> f64 {
        self.cell.iter().copied().fold(f64::INFINITY, f64::min)
    }

    /// The cells around one, diagonal ones too, and how far their middles are.
    pub(super) fn around(&self, cell: usize) -> Vec<(usize, f64)> {
        let place = self.place_of(cell);
        let mut around = vec![(0, 0.0)];
        for ((&at, &cells), size) in place.iter().zip(&self.shape).zip(&self.cell) {
            let near = at.saturating_sub(1)..=(at + 1).min(cells - 1);
            let further = |&(index, square): &(usize, f64)| {
                let near = near.clone();
                near.map(move |to| (index * cells + to, square + if to == at { 0.0 } else { size * size }))
            };
            around = around.iter().flat_map(further).collect();
        }
        around.into_iter().filter(|(to, _)| *to != cell).map(|(to, square)| (to, square.sqrt())).collect()
    }

    fn place_of(&self, cell: usize) -> Vec<usize> {
        let mut rest = cell;
        let digit = |&cells: &usize| {
            let at = rest % cells.max(1);
            rest /= cells.max(1);
            at
        };
        let mut place: Vec<usize> = self.shape.iter().rev().map(digit).collect();
        place.reverse();
        place
    }

    /// Writes the cell of a position; whether there is one.
    fn place(&self, value: &dyn Fn(usize) -> f64, place: &mut [usize]) -> bool {
        let along = self.entries.iter().zip(&self.low).zip(&self.cell).zip(&self.shape).zip(place);
        along.fold(true, |inside, ((((&entry, low), cell), &cells), place)| {
            let at = ((value(entry) - low) / cell).floor();
            *place = at.max(0.0) as usize;
            inside && (0.0..cells as f64).contains(&at)
        })
    }

    /// Marks a cell and its neighbours, diagonal ones too, from entry `axis` on.
    fn visit_around(&mut self, place: &mut [usize], axis: usize) {
        if axis == place.len() {
            let index = place.iter().zip(&self.shape).fold(0, |index, (at, cells)| index * cells + at);
            self.visited[index / 32] |= 1 << (index % 32);
            return;
        }
        let at = place[axis];
        for near in at.saturating_sub(1)..=(at + 1).min(self.shape[axis] - 1) {
            place[axis] = near;
            self.visit_around(place, axis + 1);
        }
        place[axis] = at;
    }
}

/// Share of the stretches of data that get no further than their pace.
const PACE: f64 = 0.9;

/// See [`Support::pace`].
fn pace(dataset: &Dataset, entries: &[usize], frames: usize) -> Option<f64> {
    let mut moved = Vec::new();
    for trajectory in dataset.trajectories(true) {
        for row in (trajectory.start..trajectory.end.saturating_sub(frames)).step_by(frames) {
            let (from, to) = (dataset.observation(row)?, dataset.observation(row + frames)?);
            let offset = |&entry: &usize| f64::from(to[entry]) - f64::from(from[entry]);
            moved.push(entries.iter().map(offset).map(|offset| offset * offset).sum::<f64>().sqrt());
        }
    }
    let nth = ((PACE * moved.len() as f64) as usize).min(moved.len().checked_sub(1)?);
    let pace = *moved.select_nth_unstable_by(nth, f64::total_cmp).1;
    (pace > 0.0).then_some(pace / frames as f64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::maze::{GenerateOptions, generate};

    /// A drive along the first entry from 0 to 10, then along the third one; the second stands still.
    fn corner() -> Dataset {
        let along = (0..=4000).map(|i| i as f32 / 200.0);
        let observations: Vec<f32> = along.flat_map(|s| [s.min(10.0), 7.0, (s - 10.0).max(0.0)]).collect();
        let rows = observations.len() / 3;
        Dataset::of_rows("corner", [3, 1], observations, vec![0.0; rows])
    }

    #[test]
    fn it_holds_where_the_data_have_been_and_nowhere_else() {
        let support = Support::fit(&corner(), &[0, 2], 10).unwrap();
        for i in 0..=100 {
            let along = f64::from(i) / 10.0;
            assert!(support.holds(&[along, 0.0, 0.0]) && support.holds(&[10.0, -3.0, along]), "{along}");
        }
        for far in [[5.0, 7.0, 5.0], [0.0, 7.0, 1.0], [9.0, 7.0, 9.0], [-1.0, 7.0, 0.0], [10.0, 7.0, 11.0]] {
            assert!(!support.holds(&far), "{far:?}");
        }
        assert!(!support.holds(&[f64::NAN, 0.0, 0.0]) && !support.holds(&[1.0]));
        assert!(support.fits(&[0, 2], 3) && !support.fits(&[0, 1], 3) && !support.fits(&[0, 2], 2));
        let text = serde_json::to_string(&support).unwrap();
        assert_eq!(serde_json::from_str::<Support>(&text).unwrap(), support);
        let sound: serde_json::Value = serde_json::from_str(&text).unwrap();
        for (field, value) in [
            ("shape", serde_json::json!([usize::MAX, 2])),
            ("shape", serde_json::json!([1_u64 << 40, 1_u64 << 40])),
            ("shape", serde_json::json!([])),
            ("visited", serde_json::json!([])),
            ("low", serde_json::json!([0.0])),
            ("cell", serde_json::json!([0.0, 1.0])),
            ("entries", serde_json::json!([])),
            ("pace", serde_json::json!(-1.0)),
            ("leaps", serde_json::json!([[0, 1_u64 << 40]])),
        ] {
            let mut bad = sound.clone();
            bad[field] = value;
            assert!(serde_json::from_value::<Support>(bad).is_err(), "{field}");
        }
    }

    #[test]
    fn data_without_spread_and_grids_beyond_all_bounds_are_refused() {
        let message = Support::fit(&corner(), &[1], 10).unwrap_err().to_string();
        assert!(message.contains("no spread"), "{message}");
        assert!(Support::fit(&corner(), &[], 10).is_err());
        let options = GenerateOptions { rows: 20_000, ..GenerateOptions::default() };
        let data = generate("maze2d-umaze-v1", &options, &mut |_, _| ()).unwrap();
        let message = Support::fit(&data, &[0, 1, 2, 3], 10).unwrap_err().to_string();
        assert!(message.contains("too fine"), "{message}");
    }

    #[test]
    fn a_drive_through_the_maze_leaves_its_walls_out() {
        let options = GenerateOptions { rows: 100_000, ..GenerateOptions::default() };
        let data = generate("maze2d-umaze-v1", &options, &mut |_, _| ()).unwrap();
        let support = Support::fit(&data, &[0, 1], 10).unwrap();
        for (free, x, y) in
            [(true, 1.0, 1.0), (true, 3.0, 2.0), (true, 1.0, 3.0), (false, 2.0, 1.5), (false, 1.8, 1.2)]
        {
            assert_eq!(support.holds(&[x, y, 0.0, 0.0]), free, "{x}, {y}");
        }
    }

    /// Drives from 0 to 10, a tenth a row, of which the first `leaping` leap from 3 to 8.
    fn leaping(drives: usize, leaping: usize) -> Support {
        let rows = (0..=100_i16).map(|i| 0.1 * f32::from(i));
        let (mut observations, mut timeouts) = (Vec::new(), Vec::new());
        for drive in 0..drives {
            let passes = |x: &f32| drive >= leaping || !(3.05..7.95).contains(x);
            observations.extend(rows.clone().filter(passes));
            timeouts.resize(observations.len(), false);
            *timeouts.last_mut().unwrap() = true;
        }
        let actions = vec![0.0; timeouts.len()];
        let dataset = Dataset { timeouts, ..Dataset::of_rows("leaps", [1, 1], observations, actions) };
        Support::fit(&dataset, &[0], 1).unwrap()
    }

    #[test]
    fn what_happens_once_in_a_hundred_steps_is_a_leap_and_a_slip_is_none() {
        assert!(!leaping(300, 0).has_leaps(), "from one drive to the next nobody leaps");
        assert!(!leaping(300, 1).has_leaps());
        let often = leaping(300, 30);
        let ends: Vec<[f64; 2]> =
            often.leaps().iter().map(|&leap| leap.map(|cell| often.middle(cell)[0])).collect();
        assert!(!ends.is_empty(), "one in ten");
        assert!(ends.iter().all(|[from, to]| (from - 3.0).abs() < 0.2 && (to - 8.0).abs() < 0.2), "{ends:?}");
    }

    #[test]
    fn a_leap_is_near_within_a_distance_of_where_it_begins_and_not_of_where_it_lands() {
        let often = leaping(300, 30);
        assert!(often.leaps_near(&[3.5], 1.0) && often.leaps_near(&[2.2], 1.0));
        assert!(!often.leaps_near(&[4.5], 1.0) && !often.leaps_near(&[8.0], 1.0));
        assert!(!often.leaps_near(&[], 1.0) && !often.leaps_near(&[f64::NAN], 1.0));
        assert!(!leaping(300, 0).leaps_near(&[3.0], 100.0));
    }

    #[test]
    fn leaps_are_stored_and_supports_from_before_there_were_any_load() {
        let support = leaping(300, 30);
        let text = serde_json::to_string(&support).unwrap();
        assert_eq!(serde_json::from_str::<Support>(&text).unwrap(), support);
        let mut older: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert!(older.as_object_mut().unwrap().remove("leaps").is_some());
        let older: Support = serde_json::from_value(older).unwrap();
        assert_eq!(older, Support { leaps: Vec::new(), ..support });
        assert!(!older.has_leaps() && !serde_json::to_string(&older).unwrap().contains("leaps"));
    }
}
