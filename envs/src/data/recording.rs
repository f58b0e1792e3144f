//! What the rows of a file mean that does not say so, told by the rows themselves.
//!
//! D4RL's maze2d recorder has two habits. After a goal switch it records the observation before once more, though
//! the ball moved on; and the reward of a row is that of the observation in it, so that a step's reward stands one
//! row late. Both come from one script, so that the first, which leaves clear traces, tells of the second as well.
//! Everybody else's rows are taken as what they look like: episodes, with rewards of their actions.

use super::dataset::same;
use super::{Dataset, RewardConvention, TimeoutMeaning};

/// Share of the time-outs that must be followed by a repeated observation where no simulator state tells the
/// truth. A goal that happens to switch while nothing moves is rare.
const REPEATED: f64 = 0.9;

/// Values that an environment wants of some entries of its observation, the same in every episode.
#[derive(Clone, Debug, PartialEq)]
pub struct FixedGoal {
    /// The entries.
    pub entries: Vec<usize>,
    /// The values wanted, in the same order.
    pub values: Vec<f64>,
}

/// What file or caller said.
pub(super) struct Stated {
    /// What time-outs mean.
    pub timeouts: Option<TimeoutMeaning>,
    /// What rewards pay for.
    pub rewards: Option<RewardConvention>,
    /// Whether the file marks time-outs at all.
    pub marks: bool,
    /// The goal that all rewards are paid for, where there is one.
    pub goal: Option<FixedGoal>,
}

/// Settles what time-outs and rewards mean. In files without time-outs (D4RL's of 2020, and what its script
/// writes, where `terminals` are the goal switches) they are marked where the observation repeats.
pub(super) fn recognise(dataset: &mut Dataset, stated: &Stated) {
    let repeats = match &dataset.simulator {
        Some(_) => told_by_the_simulator(dataset),
        None => told_by_motion(dataset),
    };
    if !repeats.is_empty() && !stated.marks {
        let flag = |flags: &[bool], row: usize| flags.get(row - 1).copied().unwrap_or(false);
        if repeats.iter().all(|row| flag(&dataset.terminals, *row)) {
            dataset.timeouts = std::mem::replace(&mut dataset.terminals, vec![false; dataset.timeouts.len()]);
        } else {
            for row in &repeats {
                if let Some(mark) = dataset.timeouts.get_mut(row - 1) {
                    *mark = true;
                }
            }
        }
    }
    let recorded = !repeats.is_empty()
        && repeats.iter().all(|row| dataset.timeouts.get(row - 1).copied().unwrap_or(false));
    dataset.metadata.timeouts = stated.timeouts.unwrap_or(match recorded {
        true => TimeoutMeaning::GoalSwitch,
        false => TimeoutMeaning::Truncation,
    });
    dataset.metadata.rewards = match (stated.rewards, recorded) {
        (Some(said), _) => said,
        (None, true) => RewardConvention::OfObservation,
        (None, false) => told_by_goals(dataset, stated.goal.as_ref()).unwrap_or_default(),
    };
}

/// Rows that repeat the observation before while the simulator's state went on; none where more than a damaged row in
/// a thousand differs otherwise: then `infos/qpos` and `infos/qvel` are something else than the observation.
fn told_by_the_simulator(dataset: &Dataset) -> Vec<usize> {
    let width = dataset.observation_dim;
    let Some(simulator) = dataset.simulator.as_ref().filter(|s| s.dim.checked_mul(2) == Some(width)) else {
        return Vec::new();
    };
    let states = simulator.positions.chunks_exact(simulator.dim.max(1));
    let states = states.zip(simulator.velocities.chunks_exact(simulator.dim.max(1)));
    let (mut repeats, mut unexplained) = (Vec::new(), 0);
    for (row, (recorded, (position, velocity))) in
        dataset.observations.chunks_exact(width.max(1)).zip(states).enumerate()
    {
        if same(recorded, position.iter().chain(velocity)) {
            continue;
        }
        let before = row.checked_sub(1).and_then(|before| dataset.observation(before));
        match before {
            Some(before) if same(recorded, before) => repeats.push(row),
            _ => unexplained += 1,
        }
    }
    if unexplained * 1000 > dataset.len() { Vec::new() } else { repeats }
}

/// Rows after a time-out that repeat the observation before, though something was moving; none unless that is so
/// after nearly all of them.
fn told_by_motion(dataset: &Dataset) -> Vec<usize> {
    let observation = |row: usize| dataset.observation(row);
    let (mut repeats, mut marks) = (Vec::new(), 0);
    for row in 1..dataset.len() {
        if !dataset.timeouts.get(row - 1).copied().unwrap_or(false) {
            continue;
        }
        marks += 1;
        let moving = row > 1 && observation(row - 1) != observation(row - 2);
        if moving && observation(row) == observation(row - 1) {
            repeats.push(row);
        }
    }
    let enough = repeats.len() as f64 >= REPEATED * f64::from(marks);
    if enough { repeats } else { Vec::new() }
}

/// Where rewards are 0 and 1 and the goal of each row is known: whether they are paid for being near it before or
/// after the step. `None` where neither explains them, or both do.
fn told_by_goals(dataset: &Dataset, fixed: Option<&FixedGoal>) -> Option<RewardConvention> {
    // Goals beside the rows may be others than those that are paid for, as in D4RL's maze2d.
    fixed
        .and_then(|goal| {
            let entries: Option<Vec<_>> = (goal.entries.len() == goal.values.len())
                .then(|| goal.entries.iter().copied().zip(goal.values.iter().copied()).collect());
            told_by_distance(dataset, |row, _| {
                let observation = dataset.observation(row)?;
                entries.as_ref()?.iter().try_fold(0.0, |sum, (entry, value)| {
                    Some(sum + (f64::from(*observation.get(*entry)?) - value).powi(2))
                })
            })
        })
        .or_else(|| {
            let (goals, dim) = (dataset.goals.as_ref()?, dataset.goal_dim);
            if dim == 0 || dim > dataset.observation_dim {
                return None;
            }
            told_by_distance(dataset, |row, goal| {
                let at = dataset.observation(row)?.iter();
                let to = goals.get(goal * dim..(goal + 1) * dim)?.iter();
                Some(at.zip(to).map(|(a, b)| f64::from(a - b).powi(2)).sum())
            })
        })
}

/// The same for a distance (its square) from the observation of one row to the goal of another.
fn told_by_distance(
    dataset: &Dataset,
    distance: impl Fn(usize, usize) -> Option<f64>,
) -> Option<RewardConvention> {
    let paid = |row: usize| dataset.rewards.get(row).copied();
    let binary = dataset.rewards.iter().all(|reward| same(&[*reward], &[0.0]) || same(&[*reward], &[1.0]));
    let ones = dataset.rewards.iter().filter(|reward| **reward > 0.5).count();
    if !binary || ones == 0 || ones == dataset.len() {
        return None;
    }
    // Distances with their reward, for the observation of the row itself and for the one after it. Steps into
    // another trajectory tell nothing.
    let marked = |flags: &[bool], row: usize| flags.get(row).copied().unwrap_or(false);
    let ends = |row: usize| marked(&dataset.terminals, row) || marked(&dataset.timeouts, row);
    let rows = (0..dataset.len().saturating_sub(1)).filter(|row| !ends(*row));
    let (mut own, mut next) = (Vec::new(), Vec::new());
    for row in rows {
        own.push((distance(row, row)?, paid(row)? > 0.5));
        next.push((distance(row + 1, row)?, paid(row)? > 0.5));
    }
    let (own, next) = (wrong(own), wrong(next));
    // One in a hundred of the paid steps may be on the edge.
    let explained = |wrong: usize| wrong * 100 <= ones;
    match (explained(own), explained(next)) {
        (true, _) if own < next => Some(RewardConvention::OfObservation),
        (_, true) if next < own => Some(RewardConvention::OfAction),
        _ => None,
    }
}

/// Rewards that the best radius gets wrong.
fn wrong(mut rows: Vec<(f64, bool)>) -> usize {
    rows.sort_by(|a, b| a.0.total_cmp(&b.0));
    // With radius zero every reward is wrong; each row taken in mends one or spoils one.
    let mut now = rows.iter().filter(|(_, paid)| *paid).count();
    let mut best = now;
    for (_, paid) in rows {
        now = if paid { now - 1 } else { now + 1 };
        best = best.min(now);
    }
    best
}

#[cfg(test)]
mod tests {
    use super::super::dataset::tests::counter;
    use super::super::{Dataset, SimulatorState};
    use super::*;

    fn unstated(marks: bool) -> Stated {
        Stated { timeouts: None, rewards: None, marks, goal: None }
    }

    fn with_state(mut data: Dataset) -> Dataset {
        data.simulator = Some(SimulatorState {
            dim: 1,
            positions: data.observations.iter().step_by(2).copied().collect(),
            velocities: data.observations.iter().skip(1).step_by(2).copied().collect(),
        });
        data
    }

    /// Row 4 repeats row 3 though the state went on.
    fn recorded_twice(state: bool) -> Dataset {
        let mut data = counter(9);
        if state {
            data = with_state(data);
        }
        data.timeouts[3] = true;
        data.observations.copy_within(6..8, 8);
        data
    }

    #[test]
    fn repeats_tell_a_maze2d_recording_with_and_without_the_simulator() {
        for state in [true, false] {
            let mut data = recorded_twice(state);
            recognise(&mut data, &unstated(true));
            let found = (data.metadata.timeouts, data.metadata.rewards);
            assert_eq!(found, (TimeoutMeaning::GoalSwitch, RewardConvention::OfObservation), "{state}");
        }
        // Ordinary episodes are ordinary episodes.
        let mut data = with_state(counter(9));
        data.timeouts[3] = true;
        recognise(&mut data, &unstated(true));
        let found = (data.metadata.timeouts, data.metadata.rewards);
        assert_eq!(found, (TimeoutMeaning::Truncation, RewardConvention::OfAction));
        // So are those of a robot that rests at home between them.
        let mut data = counter(9);
        data.timeouts[4] = true;
        for row in 3..7 {
            data.observations[2 * row] = 3.0;
        }
        recognise(&mut data, &unstated(true));
        assert_eq!(data.metadata.timeouts, TimeoutMeaning::Truncation);
    }

    #[test]
    fn one_damaged_row_does_not_hide_a_recording() {
        let mut data = with_state(counter(3000));
        data.timeouts[3] = true;
        data.observations.copy_within(6..8, 8);
        data.observations[2 * 1000] += 0.5;
        recognise(&mut data, &unstated(true));
        assert_eq!(data.metadata.timeouts, TimeoutMeaning::GoalSwitch);
        let message = data.repair_stale_observations().unwrap_err().to_string();
        assert!(message.contains("row 1000"), "{message}");
    }

    #[test]
    fn files_without_time_outs_get_them_where_observations_repeat() {
        // D4RL's files of 2020: no marks at all.
        let mut data = recorded_twice(true);
        data.timeouts = vec![false; 9];
        recognise(&mut data, &unstated(false));
        assert_eq!(data.timeouts.iter().position(|t| *t), Some(3));
        // Its script: goal switches among the terminals, one of them at the very end.
        let mut data = recorded_twice(true);
        data.terminals = std::mem::replace(&mut data.timeouts, vec![false; 9]);
        data.terminals[8] = true;
        recognise(&mut data, &unstated(false));
        assert_eq!((data.timeout_count(), data.terminals.contains(&true)), (2, false));
        assert_eq!(data.metadata.timeouts, TimeoutMeaning::GoalSwitch);
    }

    #[test]
    fn what_is_said_counts_more_than_what_is_seen() {
        let mut data = recorded_twice(true);
        let stated = Stated {
            timeouts: Some(TimeoutMeaning::Truncation),
            rewards: Some(RewardConvention::OfAction),
            ..unstated(true)
        };
        recognise(&mut data, &stated);
        let found = (data.metadata.timeouts, data.metadata.rewards);
        assert_eq!(found, (TimeoutMeaning::Truncation, RewardConvention::OfAction));
    }

    #[test]
    fn goals_tell_whether_rewards_are_paid_before_or_after_the_step() {
        for (late, wanted) in [(1, RewardConvention::OfAction), (0, RewardConvention::OfObservation)] {
            let mut data = counter(40);
            data.goal_dim = 1;
            data.goals = Some(vec![20.0; 40]);
            data.rewards =
                (0..40).map(|row: i32| f32::from(u8::from((row + late - 20).abs() <= 4))).collect();
            recognise(&mut data, &unstated(true));
            assert_eq!(data.metadata.rewards, wanted);
            // The same told by a goal that the caller knows.
            (data.goals, data.goal_dim) = (None, 0);
            let goal = FixedGoal { entries: vec![0], values: vec![20.0] };
            recognise(&mut data, &Stated { goal: Some(goal), ..unstated(true) });
            assert_eq!(data.metadata.rewards, wanted);
            let foreign = FixedGoal { entries: vec![7], values: vec![20.0] };
            recognise(&mut data, &Stated { goal: Some(foreign), ..unstated(true) });
            assert_eq!(data.metadata.rewards, RewardConvention::OfAction);
        }
        // A goal that explains nothing tells nothing.
        let mut data = counter(40);
        data.goal_dim = 1;
        data.goals = Some(vec![20.0; 40]);
        data.rewards[3] = 1.0;
        recognise(&mut data, &unstated(true));
        assert_eq!(data.metadata.rewards, RewardConvention::OfAction);
    }
}
