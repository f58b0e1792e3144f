//! Where the data have been: the positions that a plan may pass through.

use serde::{Deserialize, Serialize};

use super::Dataset;
use crate::EnvError;

/// Cells per deviation of a position: a tenth of a unit or so in the mazes, a ball's radius.
const CELLS_PER_DEVIATION: f64 = 20.0;
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
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    entries: Vec<usize>,
    low: Vec<f64>,
    cell: Vec<f64>,
    shape: Vec<usize>,
    visited: Vec<u32>,
}

impl TryFrom<Stored> for Support {
    type Error = EnvError;

    fn try_from(stored: Stored) -> Result<Self, EnvError> {
        let Stored { entries, low, cell, shape, visited } = stored;
        let cells = shape.iter().try_fold(1_usize, |product, &n| product.checked_mul(n));
        let filled = cells.is_some_and(|cells| cells <= MOST_CELLS && cells.div_ceil(32) == visited.len());
        let sound = !entries.is_empty()
            && [low.len(), cell.len(), shape.len()] == [entries.len(); 3]
            && low.iter().all(|low| low.is_finite())
            && cell.iter().all(|cell| cell.is_finite() && *cell > 0.0)
            && filled;
        if sound {
            Ok(Self { entries, low, cell, shape, visited })
        } else {
            let cure =
                "its `shape`, `low` and `cell` must fit its `entries` and its `visited` cells; train again";
            Err(EnvError::Mismatch(format!("a support of the data that contradicts itself: {cure}")))
        }
    }
}

impl Support {
    /// Support of these entries of the observations of `dataset`.
    ///
    /// # Errors
    /// [`EnvError::Data`] when the data fail [`Dataset::check`], and where the grid would be too fine to be filled.
    pub fn fit(dataset: &Dataset, entries: &[usize]) -> Result<Self, EnvError> {
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
        let mut support =
            Self { entries: entries.to_vec(), low, cell, shape, visited: vec![0; cells.div_ceil(32)] };
        let mut place = vec![0; entries.len()];
        for observation in dataset.observations.chunks_exact(dataset.observation_dim) {
            let value = |entry: usize| f64::from(observation[entry]);
            if support.place(&value, &mut place) {
                support.visit_around(&mut place, 0);
            }
        }
        Ok(support)
    }

    /// Whether it speaks of the entries `entries` of observations with `observation` of them.
    pub fn fits(&self, entries: &[usize], observation: usize) -> bool {
        self.entries == entries && entries.iter().all(|&entry| entry < observation)
    }

    /// Whether the data have been at the position of `observation`, to within a cell or two.
    pub fn holds(&self, observation: &[f64]) -> bool {
        let mut index = 0;
        for (((&entry, low), cell), &cells) in
            self.entries.iter().zip(&self.low).zip(&self.cell).zip(&self.shape)
        {
            // An observation without the entry is nowhere.
            let Some(value) = observation.get(entry) else { return false };
            let at = ((value - low) / cell).floor();
            if !(0.0..cells as f64).contains(&at) {
                return false;
            }
            index = index * cells + at as usize;
        }
        self.visited.get(index / 32).is_some_and(|word| word >> (index % 32) & 1 == 1)
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::DatasetMetadata;
    use crate::maze::{GenerateOptions, generate};

    /// A drive along the first entry from 0 to 10, then along the third one; the second stands still.
    fn corner() -> Dataset {
        let along = (0..=4000).map(|i| i as f32 / 200.0);
        let observations: Vec<f32> = along.flat_map(|s| [s.min(10.0), 7.0, (s - 10.0).max(0.0)]).collect();
        let rows = observations.len() / 3;
        Dataset {
            env_id: "corner".into(),
            observation_dim: 3,
            action_dim: 1,
            goal_dim: 0,
            observations,
            actions: vec![0.0; rows],
            rewards: vec![0.0; rows],
            terminals: vec![false; rows],
            timeouts: vec![false; rows],
            goals: None,
            simulator: None,
            metadata: DatasetMetadata::default(),
        }
    }

    #[test]
    fn it_holds_where_the_data_have_been_and_nowhere_else() {
        let support = Support::fit(&corner(), &[0, 2]).unwrap();
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
        ] {
            let mut bad = sound.clone();
            bad[field] = value;
            assert!(serde_json::from_value::<Support>(bad).is_err(), "{field}");
        }
    }

    #[test]
    fn data_without_spread_and_grids_beyond_all_bounds_are_refused() {
        let message = Support::fit(&corner(), &[1]).unwrap_err().to_string();
        assert!(message.contains("no spread"), "{message}");
        assert!(Support::fit(&corner(), &[]).is_err());
        let options = GenerateOptions { rows: 20_000, ..GenerateOptions::default() };
        let data = generate("maze2d-umaze-v1", &options, &mut |_, _| ()).unwrap();
        let message = Support::fit(&data, &[0, 1, 2, 3]).unwrap_err().to_string();
        assert!(message.contains("too fine"), "{message}");
    }

    #[test]
    fn a_drive_through_the_maze_leaves_its_walls_out() {
        let options = GenerateOptions { rows: 100_000, ..GenerateOptions::default() };
        let data = generate("maze2d-umaze-v1", &options, &mut |_, _| ()).unwrap();
        let support = Support::fit(&data, &[0, 1]).unwrap();
        for (free, x, y) in
            [(true, 1.0, 1.0), (true, 3.0, 2.0), (true, 1.0, 3.0), (false, 2.0, 1.5), (false, 1.8, 1.2)]
        {
            assert_eq!(support.holds(&[x, y, 0.0, 0.0]), free, "{x}, {y}");
        }
    }
}
