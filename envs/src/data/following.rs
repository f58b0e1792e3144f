//! Where one row does not follow from the one before, told by observations that are recorded twice.

use super::Dataset;

/// Next observations that may be off from the next row's by this share of it: some are computed anew.
const SLACK: f32 = 1e-4;
/// Where more than one row in so many is not followed, next observations are something else.
const RARE: usize = 4;

/// Ends an episode after every row whose next observation is not that of the row after it, though neither flag says so.
/// D4RL's older files do not mark where the clock cut an episode.
pub(super) fn mark_cuts(dataset: &mut Dataset, next: &[f32]) {
    let width = dataset.observation_dim.max(1);
    let marked =
        |row: usize| dataset.terminals.get(row) == Some(&true) || dataset.timeouts.get(row) == Some(&true);
    let follows = |row: usize| {
        let said = next.get(row * width..(row + 1) * width).unwrap_or_default();
        dataset
            .observation(row + 1)
            .unwrap_or_default()
            .iter()
            .zip(said)
            .all(|(is, said)| (is - said).abs() <= SLACK * (1.0 + is.abs()))
    };
    let cuts: Vec<usize> =
        (0..dataset.len().saturating_sub(1)).filter(|row| !marked(*row) && !follows(*row)).collect();
    if cuts.is_empty() {
        return;
    }
    let count = cuts.len();
    if count.saturating_mul(RARE) > dataset.len() {
        dataset.metadata.notes.push(format!(
            "`next_observations` are not the observations of the next rows in {count} rows and are not used"
        ));
        return;
    }
    for row in cuts {
        if let Some(mark) = dataset.timeouts.get_mut(row) {
            *mark = true;
        }
    }
    dataset.metadata.notes.push(format!(
        "{count} episodes end where `next_observations` say so and no flag does; their rows are marked in timeouts"
    ));
}

#[cfg(test)]
mod tests {
    use super::super::dataset::tests::counter;
    use super::*;

    fn next(data: &Dataset) -> Vec<f32> {
        let mut next = data.observations[2..].to_vec();
        next.extend([99.0, 0.5]);
        next
    }

    #[test]
    fn unmarked_cuts_are_found_and_marked_ones_left() {
        let mut data = counter(20);
        let mut following = next(&data);
        mark_cuts(&mut data, &following);
        assert_eq!((data.timeout_count(), data.metadata.notes.len()), (0, 0), "all rows follow");
        for row in [4, 9] {
            following[2 * row] = -7.0;
        }
        data.terminals[9] = true;
        mark_cuts(&mut data, &following);
        assert_eq!(data.timeouts.iter().position(|mark| *mark), Some(4));
        assert_eq!((data.timeout_count(), data.metadata.notes.len()), (1, 1));
    }

    #[test]
    fn next_observations_of_another_kind_are_not_used() {
        let mut data = counter(20);
        let following: Vec<f32> = next(&data).iter().map(|value| 2.0 * value + 1.0).collect();
        mark_cuts(&mut data, &following);
        assert_eq!(data.timeout_count(), 0);
        assert!(data.metadata.notes[0].contains("not used"), "{:?}", data.metadata.notes);
    }
}
