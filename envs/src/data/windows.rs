//! Windows of consecutive rows for training on sequences.

use rand::{Rng, RngExt};
use serde::{Deserialize, Serialize};

use super::{Dataset, TimeoutMeaning};
use crate::EnvError;

/// Where windows may lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct WindowOptions {
    /// Let windows run across goal switches of a continuous run ([`TimeoutMeaning::GoalSwitch`]).
    /// Time-outs that cut an episode end a window in any case.
    pub across_goal_switches: bool,
    /// Which windows may be padded.
    pub padding: Padding,
}

/// Windows of which fewer rows exist than they are long: each row that has at least so many rows from it on starts one,
/// whose `valid` says how many exist.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Padding {
    /// There are none.
    #[default]
    None,
    /// Those of trajectories that are shorter than a window.
    Short(usize),
    /// Those, and the ones at the end of every other trajectory.
    Ends(usize),
}

impl Default for WindowOptions {
    fn default() -> Self {
        Self { across_goal_switches: true, padding: Padding::None }
    }
}

/// A window: `valid` rows from row `start` on. `valid` is the window length unless it is padded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// First row.
    pub start: usize,
    /// Rows that exist; the rest of the window is padding.
    pub valid: usize,
}

/// Rows that follow one another: each row's action leads to the next row's observation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trajectory {
    /// First row.
    pub start: usize,
    /// One past the last row.
    pub end: usize,
}

impl Trajectory {
    /// Number of rows.
    pub fn len(&self) -> usize {
        self.end.saturating_sub(self.start)
    }

    /// Whether there are no rows.
    pub fn is_empty(&self) -> bool {
        self.end <= self.start
    }
}

/// All windows of a data set, addressable by number.
///
/// Inside a window every observation is what the row before led to: windows never cross a terminal, a
/// truncation or a reset, and never touch a row whose observation was recorded twice (see
/// [`Dataset::repair_stale_observations`], without which D4RL maze2d files fall into short segments).
#[derive(Clone, Debug)]
pub struct WindowIndex {
    window_len: usize,
    /// Per segment: first row, one past the last row, number of windows before it.
    segments: Vec<(usize, usize, usize)>,
    count: usize,
}

impl WindowIndex {
    /// Finds all windows of `window_len` rows.
    ///
    /// # Errors
    /// [`EnvError::Data`] when the data fail [`Dataset::check`], `window_len` is 0, or there is no window.
    pub fn new(dataset: &Dataset, window_len: usize, options: WindowOptions) -> Result<Self, EnvError> {
        dataset.check()?;
        let trajectories = dataset.trajectories(options.across_goal_switches);
        Self::over(dataset, &trajectories, window_len, options.padding)
    }

    /// Finds the windows of `window_len` rows of some trajectories of `dataset`.
    ///
    /// # Errors
    /// [`EnvError::Data`] when `window_len` is 0, a trajectory lies outside the data, or there is no window.
    pub fn over(
        dataset: &Dataset,
        trajectories: &[Trajectory],
        window_len: usize,
        padding: Padding,
    ) -> Result<Self, EnvError> {
        if window_len == 0 {
            return Err(dataset.problem("windows of zero rows were asked for; ask for at least one".into()));
        }
        let (mut segments, mut count, mut longest) = (Vec::new(), 0, 0);
        for &trajectory in trajectories {
            if trajectory.end > dataset.len() {
                return Err(dataset.problem(format!("{trajectory:?} does not lie in the data")));
            }
            let rows = trajectory.len();
            longest = longest.max(rows);
            let least = match padding {
                Padding::Short(least) if rows < window_len => least.max(1),
                Padding::Ends(least) => least.clamp(1, window_len),
                _ => window_len,
            };
            let windows = rows.saturating_add(1).saturating_sub(least);
            if windows > 0 {
                segments.push((trajectory.start, trajectory.end, count));
                count += windows;
            }
        }
        if count == 0 {
            return Err(dataset.problem(match padding {
                Padding::Short(least) | Padding::Ends(least) => format!(
                    "no window of at least {least} rows: the longest trajectory has {longest}; use fewer frames per \
                     token, or longer trajectories"
                ),
                Padding::None => format!(
                    "no window of {window_len} rows: the longest run of rows without a break has {longest}; \
                     use shorter or padded windows, or put back repeated observations first"
                ),
            }));
        }
        Ok(Self { window_len, segments, count })
    }

    /// Number of windows; at least one.
    pub fn len(&self) -> usize {
        self.count
    }

    /// Always false: an index without windows is not made.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Rows of a window, padding included.
    pub fn window_len(&self) -> usize {
        self.window_len
    }

    /// The runs of rows that windows are cut from, as (first row, one past the last row).
    pub fn segments(&self) -> impl Iterator<Item = (usize, usize)> + '_ {
        self.segments.iter().map(|(start, end, _)| (*start, *end))
    }

    /// Window number `index`, in row order; `None` past the end.
    pub fn window(&self, index: usize) -> Option<Window> {
        if index >= self.count {
            return None;
        }
        let after = self.segments.partition_point(|(_, _, before)| *before <= index);
        let (start, end, before) = *self.segments.get(after.checked_sub(1)?)?;
        let start = start + (index - before);
        Some(Window { start, valid: self.window_len.min(end - start) })
    }

    /// First row of window number `index`; `None` past the end.
    pub fn start(&self, index: usize) -> Option<usize> {
        self.window(index).map(|window| window.start)
    }

    /// Draws a window, each with the same probability.
    pub fn sample(&self, rng: &mut impl Rng) -> Window {
        let index = rng.random_range(0..self.count.max(1));
        self.window(index).unwrap_or(Window { start: 0, valid: 0 })
    }

    /// Draws a window that begins within the first `within` rows of a run, all runs alike; nothing is drawn without one.
    pub fn sample_beginning(&self, rng: &mut impl Rng, within: usize) -> Window {
        let Some((start, end, before)) = self.segments.get(rng.random_range(0..self.segments.len().max(1)))
        else {
            return Window { start: 0, valid: 0 };
        };
        let next = self.segments.get(self.segments.partition_point(|(_, _, other)| other <= before));
        let windows = next.map_or(self.count, |(_, _, next)| *next) - before;
        let start = start + rng.random_range(0..within.clamp(1, windows.max(1)));
        Window { start, valid: self.window_len.min(end - start) }
    }

    /// Copies a window: observations `[window_len x observation_dim]`, actions
    /// `[window_len x action_dim]`, mask `[window_len]` (true where the row exists). Padding repeats the
    /// last observation and acts with zeros.
    ///
    /// # Errors
    /// [`EnvError::Mismatch`] when a buffer has another length or the window is not one of this data set.
    pub fn copy(
        &self,
        dataset: &Dataset,
        window: Window,
        observations: &mut [f32],
        actions: &mut [f32],
        mask: &mut [bool],
    ) -> Result<(), EnvError> {
        let (len, obs_dim, act_dim) = (self.window_len, dataset.observation_dim, dataset.action_dim);
        let lengths = [observations.len(), actions.len(), mask.len()];
        let wanted = [len.saturating_mul(obs_dim), len.saturating_mul(act_dim), len];
        if lengths != wanted {
            return Err(EnvError::Mismatch(format!(
                "window buffers (observations, actions, mask) hold {lengths:?} entries, {wanted:?} are needed"
            )));
        }
        let rows = window.start..window.start.saturating_add(window.valid);
        let source = (window.valid > 0 && window.valid <= len)
            .then(|| {
                let part = |dim: usize| Some(rows.start.checked_mul(dim)?..rows.end.checked_mul(dim)?);
                let obs = dataset.observations.get(part(obs_dim)?)?;
                Some((obs, dataset.actions.get(part(act_dim)?)?))
            })
            .flatten();
        let Some((source_observations, source_actions)) = source else {
            return Err(EnvError::Mismatch(format!("{window:?} does not lie in the data set")));
        };
        let (head, padding) = observations.split_at_mut(source_observations.len());
        head.copy_from_slice(source_observations);
        for row in padding.chunks_exact_mut(obs_dim) {
            row.copy_from_slice(&source_observations[source_observations.len() - obs_dim..]);
        }
        let (head, padding) = actions.split_at_mut(source_actions.len());
        head.copy_from_slice(source_actions);
        padding.fill(0.0);
        for (row, exists) in mask.iter_mut().enumerate() {
            *exists = row < window.valid;
        }
        Ok(())
    }
}

impl Dataset {
    /// Runs of rows in which each row's action leads to the next row's observation. They end at terminals and
    /// time-outs; where those are goal switches of a continuous run, only if `across_goal_switches` is false.
    pub fn trajectories(&self, across_goal_switches: bool) -> Vec<Trajectory> {
        let switches = self.metadata.timeouts == TimeoutMeaning::GoalSwitch;
        let continuous = across_goal_switches && switches;
        let rows = self.len();
        let timeout = |row: usize| self.timeouts.get(row).copied().unwrap_or(false);
        // A row that repeats the observation before it, right after a goal switch: the state it acted from
        // was never recorded, so no window may hold it.
        let stale =
            |row: usize| row > 0 && timeout(row - 1) && self.observation(row) == self.observation(row - 1);
        let mut trajectories = Vec::new();
        let mut start = 0;
        for row in 0..rows {
            if switches && stale(row) {
                if start < row {
                    trajectories.push(Trajectory { start, end: row });
                }
                start = row + 1;
                continue;
            }
            let terminal = self.terminals.get(row).copied().unwrap_or(false);
            if terminal || (timeout(row) && !continuous) || row + 1 == rows {
                trajectories.push(Trajectory { start, end: row + 1 });
                start = row + 1;
            }
        }
        trajectories
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;

    use super::super::dataset::tests::counter;
    use super::*;

    fn starts(dataset: &Dataset, len: usize, options: WindowOptions) -> Vec<usize> {
        let index = WindowIndex::new(dataset, len, options).unwrap();
        let starts: Vec<usize> = (0..index.len()).map(|i| index.start(i).unwrap()).collect();
        assert_eq!(index.start(index.len()), None);
        starts
    }

    #[test]
    fn windows_end_at_terminals_and_truncations() {
        let mut data = counter(10);
        data.terminals[3] = true;
        data.timeouts[6] = true;
        assert_eq!(starts(&data, 3, WindowOptions::default()), [0, 1, 4, 7]);
        data.metadata.timeouts = TimeoutMeaning::GoalSwitch;
        assert_eq!(starts(&data, 3, WindowOptions::default()), [0, 1, 4, 5, 6, 7]);
        let split = WindowOptions { across_goal_switches: false, ..WindowOptions::default() };
        assert_eq!(starts(&data, 3, split), [0, 1, 4, 7]);
    }

    #[test]
    fn rows_recorded_twice_are_in_no_window() {
        let mut data = counter(10);
        data.metadata.timeouts = TimeoutMeaning::GoalSwitch;
        for row in [4, 5] {
            // Two goal switches in a row: rows 5 and 6 both repeat row 4.
            data.timeouts[row] = true;
            data.observations.copy_within(8..10, 2 * (row + 1));
        }
        assert_eq!(starts(&data, 2, WindowOptions::default()), [0, 1, 2, 3, 7, 8]);
        // Zero has two signs, and either repeats the other.
        data.observations[2 * 4 + 1] = 0.0;
        for row in [5, 6] {
            data.observations[2 * row + 1] = -0.0;
        }
        assert_eq!(starts(&data, 2, WindowOptions::default()), [0, 1, 2, 3, 7, 8]);
        // A pause that is no goal switch is a fact of the data, not a recording error.
        let mut paused = counter(4);
        paused.observations.copy_within(0..2, 2);
        assert_eq!(starts(&paused, 4, WindowOptions::default()), [0]);
    }

    #[test]
    fn short_trajectories_have_padded_windows_that_say_what_exists() {
        let mut data = counter(9);
        data.terminals[2] = true;
        let windows = |len: usize, least: usize| -> Vec<(usize, usize)> {
            let options = WindowOptions { padding: Padding::Short(least), ..WindowOptions::default() };
            let index = WindowIndex::new(&data, len, options).unwrap();
            (0..index.len()).map(|i| index.window(i).unwrap()).map(|w| (w.start, w.valid)).collect()
        };
        // The trajectory of six rows is as long as a window: it is not padded.
        assert_eq!(windows(6, 1), [(0, 3), (1, 2), (2, 1), (3, 6)]);
        assert_eq!(windows(7, 2), [(0, 3), (1, 2), (3, 6), (4, 5), (5, 4), (6, 3), (7, 2)]);
        assert_eq!(windows(7, 4), [(3, 6), (4, 5), (5, 4)]);
        let options = WindowOptions { padding: Padding::Short(7), ..WindowOptions::default() };
        let message = WindowIndex::new(&data, 8, options).unwrap_err().to_string();
        assert!(message.contains("at least 7") && message.contains("has 6"), "{message}");

        let (data, index) = (counter(5), WindowIndex::new(&counter(5), 3, WindowOptions::default()).unwrap());
        let (mut obs, mut act, mut mask) = ([9.0f32; 6], [9.0f32; 3], [true; 3]);
        index.copy(&data, Window { start: 3, valid: 2 }, &mut obs, &mut act, &mut mask).unwrap();
        assert_eq!(obs, [3.0, 0.5, 4.0, 0.5, 4.0, 0.5]);
        assert_eq!((act, mask), ([1.0, 1.0, 0.0], [true, true, false]));
        assert!(index.copy(&data, Window { start: 4, valid: 2 }, &mut obs, &mut act, &mut mask).is_err());
        assert!(
            index.copy(&data, Window { start: 0, valid: 3 }, &mut obs[1..], &mut act, &mut mask).is_err()
        );
    }

    #[test]
    fn every_row_with_enough_rows_from_it_on_starts_a_window_where_ends_are_padded() {
        let mut data = counter(9);
        data.terminals[2] = true;
        let windows = |least: usize| -> Vec<(usize, usize)> {
            let options = WindowOptions { padding: Padding::Ends(least), ..WindowOptions::default() };
            let index = WindowIndex::new(&data, 4, options).unwrap();
            (0..index.len()).map(|i| index.window(i).unwrap()).map(|w| (w.start, w.valid)).collect()
        };
        assert_eq!(windows(2), [(0, 3), (1, 2), (3, 4), (4, 4), (5, 4), (6, 3), (7, 2)]);
        assert_eq!(windows(9), [(3, 4), (4, 4), (5, 4)], "no more than a window");
    }

    #[test]
    fn sampling_is_uniform_over_windows() {
        let mut data = counter(12);
        data.terminals[4] = true;
        let index = WindowIndex::new(&data, 3, WindowOptions::default()).unwrap();
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let mut counts = [0usize; 12];
        for _ in 0..8000 {
            counts[index.sample(&mut rng).start] += 1;
        }
        // Eight windows, 1000 draws each: five deviations are 150.
        for (row, count) in counts.into_iter().enumerate() {
            let is_start = [0, 1, 2, 5, 6, 7, 8, 9].contains(&row);
            assert!(if is_start { count.abs_diff(1000) < 150 } else { count == 0 }, "row {row}: {count}");
        }
    }

    #[test]
    fn too_long_windows_are_refused_with_what_is_there() {
        let message = WindowIndex::new(&counter(5), 6, WindowOptions::default()).unwrap_err().to_string();
        assert!(message.contains("has 5"), "{message}");
        assert!(WindowIndex::new(&counter(5), 0, WindowOptions::default()).is_err());
        assert!(WindowIndex::new(&counter(0), 1, WindowOptions::default()).is_err());
    }
}
