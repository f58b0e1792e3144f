//! The episodes of a data set as layouts keep them that have a place for each, and what these layouts have no place for.

use super::dataset::same;
use super::{DataLayout, Dataset, RewardConvention, TimeoutMeaning, Trajectory};

/// Rows of one episode, and how it ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Run {
    /// First row.
    pub start: usize,
    /// One past the last row.
    pub end: usize,
    /// Whether the task ended with it, rather than the recording.
    pub terminal: bool,
}

impl Run {
    /// Number of rows.
    pub fn rows(self) -> usize {
        self.end - self.start
    }
}

impl Dataset {
    /// The episodes, in order. A continuous run in which only the goal changed is one.
    pub(super) fn runs(&self) -> Vec<Run> {
        let run = |Trajectory { start, end }: Trajectory| {
            let terminal = end.checked_sub(1).and_then(|last| self.terminals.get(last)).copied();
            Run { start, end, terminal: terminal.unwrap_or(false) }
        };
        self.trajectories(true).into_iter().map(run).collect()
    }

    /// What each step of an episode was paid, as `r(s, a)`; the last row of an episode has 0 where its reward stands in the
    /// row after it.
    pub(super) fn paid(&self, run: Run) -> impl Iterator<Item = f32> + '_ {
        let late = self.metadata.rewards == RewardConvention::OfObservation;
        (run.start..run.end).map(move |row| match late && row + 1 == run.end {
            true => 0.0,
            false => self.step_reward(row).unwrap_or(0.0),
        })
    }

    /// Whether the last row of an episode holds its last observation alone: the action in it is the one before again, and
    /// nothing is paid for it.
    fn is_closed(&self, run: Run) -> bool {
        self.repeats_its_action(run.start, run.end)
            && self.paid(run).last().is_none_or(|reward| same(&[reward], &[0.0]))
    }

    /// Whether the last of the rows from `start` to `end`, those of an episode, holds its last observation alone, which no step
    /// was taken from: its action is the one before again, and nothing is paid for it.
    pub fn ends_with_observation(&self, start: usize, end: usize) -> bool {
        end.checked_sub(1).is_some_and(|_| self.is_closed(Run { start, end, terminal: false }))
    }

    /// Whether the action in the last of the rows from `start` to `end` is the one before again, as readers leave it where an
    /// episode's last observation has a row of its own.
    fn repeats_its_action(&self, start: usize, end: usize) -> bool {
        let [before, last] = [2, 1].map(|back| end.checked_sub(back).and_then(|row| self.action(row)));
        let repeated = before.zip(last).is_some_and(|(before, last)| same(before, last));
        end.saturating_sub(start) > 1 && repeated
    }

    /// What of this data set a layout has no place for, in words; nothing where it keeps all.
    pub fn lost_in(&self, layout: DataLayout) -> Vec<String> {
        let mut lost = Vec::new();
        let mut say = |lose: bool, what: String| lost.extend(lose.then_some(what));
        let rewarded = self.rewards.iter().any(|reward| *reward != 0.0);
        match layout {
            DataLayout::Hdf5 => {}
            DataLayout::Npz => {
                say(rewarded, "rewards are left out".into());
                say(self.goals.is_some(), "goals are left out".into());
                say(self.terminals.contains(&true), "terminals become time-outs".into());
            }
            DataLayout::Minari | DataLayout::LeRobot => self.lost_with_episodes(layout, &mut say),
        }
        lost
    }

    fn lost_with_episodes(&self, layout: DataLayout, say: &mut impl FnMut(bool, String)) {
        let runs = self.runs();
        let kept: usize = runs.iter().map(|run| run.rows()).sum();
        let late = self.len().saturating_sub(kept);
        say(late > 0, format!("{late} rows that repeat the observation before them are left out"));
        let switches = self.metadata.timeouts == TimeoutMeaning::GoalSwitch;
        let marks = self.timeout_count();
        say(switches && marks > 0, format!("{marks} marks of where the goal changed are left out"));
        say(self.simulator.is_some(), "the state of the simulator is left out".into());
        say(self.metadata.description.task.is_some(), "the task is left out".into());
        let described = &self.metadata.description;
        if layout == DataLayout::LeRobot {
            say(self.goals.is_some(), "goals are left out".into());
            let bounds = described.action_low.is_some() || described.action_high.is_some();
            say(bounds, "bounds of the actions are left out".into());
            return;
        }
        say(described.step_seconds.is_some(), "the seconds of a step are left out".into());
        say(described.features.len() > 1, "names of the features are left out".into());
        let silent = self.metadata.rewards == RewardConvention::Missing;
        say(silent, "rewards were not recorded and are written as zeros".into());
        let single = runs.iter().filter(|run| run.rows() < 2).count();
        say(single > 0, format!("{single} episodes of one row, which lead nowhere, are left out"));
        let open = || runs.iter().copied().filter(|run| run.rows() > 1 && !self.is_closed(*run));
        let (count, paid) = (open().count(), open().filter_map(|run| self.paid(run).last()).sum::<f32>());
        say(
            count > 0,
            format!(
                "the actions in the last rows of {count} episodes, and rewards of {paid} in all with them, are left out: what \
                 they led to is not known"
            ),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::super::dataset::tests::counter;
    use super::*;

    #[test]
    fn last_rows_are_told_apart_and_late_rewards_are_moved() {
        let mut data = counter(6);
        data.actions = vec![1.0, 2.0, 2.0, 1.0, 2.0, 3.0];
        data.rewards = vec![1.0, 1.0, 0.0, 1.0, 1.0, 5.0];
        (data.terminals[2], data.timeouts[5]) = (true, true);
        let runs = data.runs();
        assert_eq!(
            runs,
            [Run { start: 0, end: 3, terminal: true }, Run { start: 3, end: 6, terminal: false }]
        );
        assert_eq!([data.is_closed(runs[0]), data.is_closed(runs[1])], [true, false]);
        let lost = data.lost_in(DataLayout::Minari);
        assert!(lost.len() == 1 && lost[0].contains("last rows of 1 episodes, and rewards of 5"), "{lost:?}");
        assert!(data.lost_in(DataLayout::LeRobot).is_empty() && data.lost_in(DataLayout::Hdf5).is_empty());
        data.metadata.rewards = RewardConvention::OfObservation;
        assert_eq!(data.paid(data.runs()[0]).collect::<Vec<_>>(), [1.0, 0.0, 0.0]);
        assert_eq!(data.paid(data.runs()[1]).collect::<Vec<_>>(), [1.0, 5.0, 0.0]);
    }
}
