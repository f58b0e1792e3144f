//! Rows gathered episode by episode, as layouts keep them that have a place for each.

use super::{DataDescription, Dataset, DatasetMetadata, ReadOptions, RewardConvention, TimeoutMeaning};

/// One episode.
pub(super) struct Episode {
    /// What was seen before each action and, where it was recorded, after the last.
    pub observations: Vec<f32>,
    /// What was done.
    pub actions: Vec<f32>,
    /// What each action was paid; none where it was not recorded.
    pub rewards: Option<Vec<f32>>,
    /// The goal at each observation.
    pub goals: Option<Vec<f32>>,
    /// Whether the task ended with it, rather than the recording.
    pub terminal: bool,
}

/// All episodes so far.
pub(super) struct Episodes {
    dims: [usize; 2],
    goal_dim: usize,
    data: Dataset,
    rewarded: bool,
    /// Episodes whose last observation got a row.
    closed: usize,
    count: usize,
}

impl Episodes {
    /// None yet, of observations and actions of so many entries.
    pub fn new(dims: [usize; 2], goal_dim: usize) -> Self {
        let mut data = Dataset::of_rows("", dims, Vec::new(), Vec::new());
        data.goals = (goal_dim > 0).then(Vec::new);
        data.goal_dim = goal_dim;
        Self { dims, goal_dim, data, rewarded: true, closed: 0, count: 0 }
    }

    /// Adds an episode with actions of so many entries. Where it has one observation more than actions, that one gets a row as well: without it what the
    /// last action led to would be lost. The action in it is the last one again, which changes no bounds, and its reward 0;
    /// no window holds what follows them.
    pub fn push(&mut self, actions: usize, mut episode: Episode) -> Result<(), String> {
        let [observation_dim, action_dim] = self.dims;
        if actions != action_dim {
            return Err(format!(
                "its actions have {actions} entries, those of the first episode {action_dim}: leave it out"
            ));
        }
        let steps = episode.actions.len() / action_dim.max(1);
        let seen = episode.observations.len() / observation_dim.max(1);
        let after = seen == steps + 1;
        let lengths = [
            ("actions", episode.actions.len(), steps.saturating_mul(action_dim)),
            (
                "observations",
                episode.observations.len(),
                (steps + usize::from(after)).saturating_mul(observation_dim),
            ),
            ("rewards", episode.rewards.as_ref().map_or(steps, Vec::len), steps),
            ("goals", episode.goals.as_ref().map_or(0, Vec::len), seen.saturating_mul(self.goal_dim)),
        ];
        if let Some((name, found, wanted)) = lengths.into_iter().find(|(_, found, wanted)| found != wanted) {
            return Err(format!(
                "{steps} actions, {seen} observations and {found} numbers of {name} where {wanted} belong to them: they \
                 are not of one episode; collect or copy it again, or leave it out"
            ));
        }
        if steps == 0 {
            return Ok(());
        }
        self.count += 1;
        if after {
            self.closed += 1;
            episode.actions.extend_from_within((steps - 1) * action_dim..);
        }
        let rows = steps + usize::from(after);
        let data = &mut self.data;
        data.observations.append(&mut episode.observations);
        data.actions.append(&mut episode.actions);
        self.rewarded &= episode.rewards.is_some();
        data.rewards.extend(episode.rewards.unwrap_or_default());
        data.terminals.resize(data.terminals.len() + rows, false);
        data.timeouts.resize(data.terminals.len(), false);
        data.rewards.resize(data.terminals.len(), 0.0);
        if let (Some(goals), Some(mut more)) = (&mut data.goals, episode.goals) {
            goals.append(&mut more);
        }
        let flags = if episode.terminal { &mut data.terminals } else { &mut data.timeouts };
        if let Some(last) = flags.last_mut() {
            *last = true;
        }
        Ok(())
    }

    /// The data set, with what is known beside its rows.
    pub fn finish(
        self,
        env_id: Option<String>,
        description: DataDescription,
        mut notes: Vec<String>,
        options: &ReadOptions,
    ) -> Dataset {
        let mut data = self.data;
        if self.closed > 0 {
            notes.push(format!(
                "{} of {} episodes end with a row for their last observation, whose action is the one before again and is \
                 not trained on",
                self.closed, self.count
            ));
        }
        if !self.rewarded {
            data.rewards.fill(0.0);
        }
        data.env_id = env_id.or_else(|| options.env_id.clone()).unwrap_or_default();
        data.metadata = metadata(description, notes, self.rewarded, options);
        data
    }
}

/// What is known beside the rows of episodes that say themselves where they end.
pub(super) fn metadata(
    description: DataDescription,
    notes: Vec<String>,
    rewarded: bool,
    options: &ReadOptions,
) -> DatasetMetadata {
    let rewards = match rewarded {
        true => options.rewards.unwrap_or(RewardConvention::OfAction),
        false => RewardConvention::Missing,
    };
    let timeouts = options.timeouts.unwrap_or(TimeoutMeaning::Truncation);
    DatasetMetadata { timeouts, rewards, description, notes, ..DatasetMetadata::default() }
}

/// Of flags that an episode has at each step: whether the last is set, and how many others are.
pub(super) fn ending(flags: &[bool]) -> (bool, usize) {
    let last = flags.last().copied().unwrap_or(false);
    (last, flags.iter().filter(|flag| **flag).count() - usize::from(last))
}

#[cfg(test)]
mod tests {
    use super::super::{Padding, WindowIndex, WindowOptions};
    use super::*;

    fn episode(steps: usize, after: usize, terminal: bool) -> Episode {
        Episode {
            observations: (0..steps + after).map(|t| t as f32).collect(),
            actions: (0..steps).map(|t| 10.0 + t as f32).collect(),
            rewards: Some(vec![0.5; steps]),
            goals: None,
            terminal,
        }
    }

    #[test]
    fn the_last_observation_gets_a_row_and_no_transition_is_lost() {
        let mut episodes = Episodes::new([1, 1], 0);
        episodes.push(1, episode(3, 1, true)).unwrap();
        episodes.push(1, episode(0, 1, true)).unwrap();
        episodes.push(1, episode(2, 0, false)).unwrap();
        let data = episodes.finish(None, DataDescription::default(), Vec::new(), &ReadOptions::default());
        data.check().unwrap();
        assert_eq!(data.observations, [0.0, 1.0, 2.0, 3.0, 0.0, 1.0]);
        assert_eq!(data.actions, [10.0, 11.0, 12.0, 12.0, 10.0, 11.0]);
        assert_eq!(data.rewards, [0.5, 0.5, 0.5, 0.0, 0.5, 0.5]);
        assert_eq!(data.terminals, [false, false, false, true, false, false]);
        assert_eq!(data.timeouts, [false, false, false, false, false, true]);
        // Windows of two rows are transitions: three of the first episode, one of the second.
        let windows = WindowOptions { padding: Padding::None, ..WindowOptions::default() };
        assert_eq!(WindowIndex::new(&data, 2, windows).unwrap().len(), 4);
        assert!(data.metadata.notes[0].starts_with("1 of 2 episodes"), "{:?}", data.metadata.notes);
    }

    #[test]
    fn what_is_not_of_one_episode_is_refused() {
        let mut episodes = Episodes::new([1, 1], 0);
        for (steps, after) in [(3, 2), (1, 5)] {
            let message = episodes.push(1, episode(steps, after, true)).unwrap_err();
            assert!(message.contains("observations") && message.contains("leave it out"), "{message}");
        }
        let mut short = episode(3, 1, true);
        short.rewards = Some(vec![0.5; 2]);
        assert!(episodes.push(1, short).unwrap_err().contains("of rewards where 3"));
        assert!(episodes.push(2, episode(2, 1, true)).unwrap_err().contains("2 entries"));
        let mut silent = episode(2, 1, true);
        silent.rewards = None;
        episodes.push(1, silent).unwrap();
        let data = episodes.finish(None, DataDescription::default(), Vec::new(), &ReadOptions::default());
        assert_eq!(data.metadata.rewards, RewardConvention::Missing);
    }

    #[test]
    fn flags_before_the_end_are_counted() {
        assert_eq!(ending(&[false, true, true]), (true, 1));
        assert_eq!(ending(&[true, false]), (false, 1));
        assert_eq!(ending(&[]), (false, 0));
    }
}
