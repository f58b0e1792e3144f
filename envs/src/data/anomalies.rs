//! Rows that do not look like the others: jumps, zeros, outliers, columns that never change.
//!
//! Every measure is one of the data's own, taken where damage of a few rows in a hundred does not move it.

use std::f64::consts::TAU;

use super::statistics::column_statistics;
use super::{Dataset, Finding, FindingKind, TimeoutMeaning, Trajectory};

/// Numbers that a quantile is taken of, at most: spread evenly, they give it to a few parts in a thousand.
const SAMPLE: usize = 100_000;
/// A step is a jump when it is this many times as long as three of four steps that move at all, and longer than
/// the column's deviation. Blows of a ball against a wall stay below; a lost row or a reset does not.
const JUMP: f64 = 25.0;
/// A column whose range is a full turn, up to this, is an angle; most angles that turn over come near both ends.
const TURN_SLACK: f64 = 0.3;
/// A value is an outlier this many ranges of the middle 98 % away from their middle.
const OUTLIER: f64 = 10.0;

/// Everything that is found.
pub(super) fn find(dataset: &Dataset, trajectories: &[Trajectory]) -> Vec<Finding> {
    let mut findings = Vec::new();
    let steps = Steps::new(dataset, trajectories);
    findings.extend(jumps(dataset, trajectories, &steps));
    for (name, values, width) in dataset.float_arrays().into_iter().take(2) {
        findings.extend(outliers(name, values, width));
        findings.extend(constants(name, values, width));
    }
    findings.extend(time_outs(dataset, &steps));
    findings
}

/// What steps of each column are like.
struct Steps {
    /// Whether it turns over at a full turn, as angles do: its range is one.
    turns: Vec<bool>,
    /// Longest plausible step.
    longest: Vec<f64>,
}

impl Steps {
    fn new(dataset: &Dataset, trajectories: &[Trajectory]) -> Self {
        let width = dataset.observation_dim;
        let columns = column_statistics(&dataset.observations, width);
        let turns = columns.iter().map(|column| (column.max - column.min - TAU).abs() < TURN_SLACK).collect();
        let mut found = Self { turns, longest: Vec::new() };
        let stride = (dataset.len() / SAMPLE).max(1);
        let mut steps = vec![Vec::new(); width];
        for trajectory in trajectories {
            for row in (trajectory.start..trajectory.end.saturating_sub(1)).step_by(stride) {
                for (steps, step) in steps.iter_mut().zip(found.of(dataset, row)) {
                    if step > 0.0 {
                        steps.push(step);
                    }
                }
            }
        }
        let longest = |(mut steps, deviation): (Vec<f64>, f64)| {
            quantile(&mut steps, 0.75).map_or(f64::INFINITY, |usual| (JUMP * usual).max(deviation))
        };
        found.longest = steps.into_iter().zip(columns.iter().map(|column| column.std)).map(longest).collect();
        found
    }

    /// Length of the step from a row to the next, column by column.
    fn of(&self, dataset: &Dataset, row: usize) -> impl Iterator<Item = f64> {
        let from = dataset.observation(row).unwrap_or_default().iter();
        let to = dataset.observation(row + 1).unwrap_or_default().iter();
        from.zip(to).zip(&self.turns).map(|((from, to), turns)| {
            let step = (f64::from(*to) - f64::from(*from)).abs();
            if *turns { step.min((TAU - step).abs()) } else { step }
        })
    }

    /// The column in which the step from `row` is too long, and its length.
    fn too_long(&self, dataset: &Dataset, row: usize) -> Option<(usize, f64)> {
        self.of(dataset, row).enumerate().find(|(column, step)| *step > self.longest[*column])
    }
}

fn jumps(dataset: &Dataset, trajectories: &[Trajectory], steps: &Steps) -> Vec<Finding> {
    let zero = |row: usize| dataset.observation(row).is_some_and(|row| row.iter().all(|value| *value == 0.0));
    let (mut zeros, mut jumps) = ((0, None), (0, None));
    for trajectory in trajectories {
        let mut into_zero = false;
        for row in trajectory.start..trajectory.end {
            let next = (row + 1 < trajectory.end).then(|| steps.too_long(dataset, row)).flatten();
            if zero(row) && (into_zero || next.is_some()) {
                zeros.0 += 1;
                zeros.1.get_or_insert(row);
            } else if let Some((column, length)) = next
                && !zero(row + 1)
            {
                jumps.0 += 1;
                jumps.1.get_or_insert((row + 1, column, length));
            }
            into_zero = next.is_some() || (into_zero && zero(row));
        }
    }
    let mut findings = Vec::new();
    if let (count, Some(row)) = zeros {
        findings.push(Finding {
            kind: FindingKind::ZeroRow,
            row: Some(row),
            count,
            message: format!(
                "{count} observations are all zeros among others that are not, the first in row {row}: rows that \
                 were lost? drop them and end the trajectory before each"
            ),
        });
    }
    if let (count, Some((row, column, length))) = jumps {
        let remedy = match dataset.metadata.timeouts {
            TimeoutMeaning::GoalSwitch => {
                "if episodes begin anew after time-outs, say timeouts = \"truncation\" in a TOML beside the data"
            }
            TimeoutMeaning::Truncation => "if an episode begins anew there, mark the row before in timeouts",
        };
        findings.push(Finding {
            kind: FindingKind::Jump,
            row: Some(row),
            count,
            message: format!(
                "{count} steps are longer than the data's own steps allow, the first into row {row}, where column \
                 {column} of the observation moves by {length:.4}: {remedy}"
            ),
        });
    }
    findings
}

fn outliers(name: &str, values: &[f32], width: usize) -> Option<Finding> {
    let rows = values.len() / width.max(1);
    let stride = (rows / SAMPLE).max(1);
    let (mut count, mut first) = (0, None);
    for column in 0..width {
        let mut sample: Vec<f64> =
            values.iter().skip(column).step_by(width * stride).map(|v| f64::from(*v)).collect();
        let (low, high) = (quantile(&mut sample, 0.01), quantile(&mut sample, 0.99));
        let (Some(low), Some(high)) = (low, high) else { continue };
        let (middle, reach) = (0.5 * (low + high), OUTLIER * (high - low));
        // A column that hardly ever changes has no range to measure by.
        if reach <= 0.0 {
            continue;
        }
        for (row, value) in values.iter().skip(column).step_by(width).enumerate() {
            if (f64::from(*value) - middle).abs() > reach {
                count += 1;
                if first.is_none_or(|(before, _, _)| row < before) {
                    first = Some((row, column, *value));
                }
            }
        }
    }
    let (row, column, value) = first?;
    Some(Finding {
        kind: FindingKind::Outlier,
        row: Some(row),
        count,
        message: format!(
            "{name} hold {count} values far outside of all others, the first in row {row}, column {column}: {value}; \
             scaling and limits follow them, so drop such rows if they are errors"
        ),
    })
}

fn constants(name: &str, values: &[f32], width: usize) -> Option<Finding> {
    let columns = column_statistics(values, width);
    // Exact: the smallest value is the largest.
    let constant: Vec<usize> =
        (0..width).filter(|&i| columns.get(i).is_some_and(|c| c.max <= c.min)).collect();
    let names: Vec<String> = constant.iter().map(usize::to_string).collect();
    (!constant.is_empty() && values.len() > width).then(|| Finding {
        kind: FindingKind::ConstantColumn,
        row: None,
        count: constant.len(),
        message: format!("{name} never change in column {}: nothing can be learnt from it", names.join(", ")),
    })
}

/// What the state does at time-outs that are taken as ends. Where it simply goes on, or goals stand beside the rows,
/// they may as well have been goal switches.
fn time_outs(dataset: &Dataset, steps: &Steps) -> Option<Finding> {
    if dataset.metadata.timeouts != TimeoutMeaning::Truncation {
        return None;
    }
    let ends = (0..dataset.len().saturating_sub(1)).filter(|row| dataset.timeouts[*row]);
    let (mut count, mut first, mut jumps) = (0, None, 0);
    for row in ends {
        count += 1;
        first.get_or_insert(row);
        jumps += usize::from(steps.too_long(dataset, row).is_some());
    }
    let row = first.filter(|_| jumps == 0 || dataset.goals.is_some())?;
    let message = if jumps > 0 {
        format!(
            "the {count} time-outs, the first in row {row}, end trajectories: the observation jumps after {jumps} of \
             them"
        )
    } else {
        format!(
            "the {count} time-outs, the first in row {row}, are taken as ends of trajectories, though the \
             observation goes on across each: if only a goal changed there, say timeouts = \"goal-switch\" in a \
             TOML beside the data"
        )
    };
    Some(Finding { kind: FindingKind::Assumed, row: Some(row), count, message })
}

/// The value below which this share of the sample lies; reorders it.
fn quantile(sample: &mut [f64], share: f64) -> Option<f64> {
    let last = sample.len().checked_sub(1)?;
    let at = (share * last as f64).round() as usize;
    Some(*sample.select_nth_unstable_by(at.min(last), f64::total_cmp).1)
}

#[cfg(test)]
mod tests {
    use super::super::dataset::tests::counter;
    use super::super::{DataReport, Dataset, FindingKind};

    fn found(data: &Dataset, kind: FindingKind) -> Option<(Option<usize>, usize)> {
        let report = DataReport::of(data);
        let finding = report.findings.iter().find(|finding| finding.kind == kind)?;
        if let Some(row) = finding.row {
            assert!(finding.message.contains(&format!("row {row}")), "{}", finding.message);
        }
        Some((finding.row, finding.count))
    }

    #[test]
    fn jumps_lost_rows_outliers_and_constants_are_found_with_their_row() {
        let sound = counter(400);
        assert_eq!(found(&sound, FindingKind::Jump), None);
        assert_eq!(found(&sound, FindingKind::Outlier), None);
        assert_eq!(found(&sound, FindingKind::ZeroRow), None, "row 0 alone starts at zero");
        assert_eq!(found(&sound, FindingKind::ConstantColumn), Some((None, 1)));

        let mut reset = sound.clone();
        reset.observations[2 * 200..].iter_mut().step_by(2).for_each(|x| *x -= 200.0);
        assert_eq!(found(&reset, FindingKind::Jump), Some((Some(200), 1)));
        reset.timeouts[199] = true;
        assert_eq!(found(&reset, FindingKind::Jump), None, "a new episode may begin anywhere");

        let mut lost = sound.clone();
        for row in [250, 251, 300] {
            lost.observations[2 * row..2 * row + 2].fill(0.0);
        }
        assert_eq!(found(&lost, FindingKind::ZeroRow), Some((Some(250), 3)));
        assert_eq!(found(&lost, FindingKind::Jump), None, "a lost row is one finding, not three");

        let mut far = sound.clone();
        far.observations[2 * 77] = 1e4;
        assert_eq!(found(&far, FindingKind::Outlier), Some((Some(77), 1)));
    }

    #[test]
    fn an_angle_that_turns_over_does_not_jump() {
        let mut data = counter(400);
        for row in 0..400 {
            let angle = 0.05 * row as f32;
            data.observations[2 * row + 1] = (angle + 1.0).sin().atan2((angle + 1.0).cos());
        }
        assert_eq!(found(&data, FindingKind::Jump), None);
        data.observations[2 * 200 + 1] += 2.5;
        assert_eq!(found(&data, FindingKind::Jump), Some((Some(200), 2)));
    }

    #[test]
    fn a_gripper_that_opens_and_closes_does_not_jump() {
        let mut data = counter(400);
        for row in 0..400 {
            data.observations[2 * row + 1] = f32::from(u8::from(row % 90 > 45));
        }
        assert_eq!(found(&data, FindingKind::Jump), None);
    }
}
