//! Which of several things that are alike the data move next.

use forethought_envs::data::Trajectory;

use crate::TokenLayout;

/// A thing has moved when it is this far from where it was, normalised: more than it shifts when it is touched. A larger
/// `model.position_scale` makes it less.
const MOVED: f64 = 0.1;

/// Rows that are looked ahead at most, so that data in which everything rests take no longer.
const FURTHEST: usize = 4096;

/// For every row of normalised observations the thing that is the first to have moved from where it is there, within the row's
/// trajectory; `None` where none has by its end, or for very long.
///
/// Not the thing that a sequence moves: most sequences end before anything has moved, and where a hand is going is to be learnt
/// from them too.
pub(super) fn next_moved(
    observations: &[f32],
    trajectories: &[Trajectory],
    layout: &TokenLayout,
) -> Vec<Option<usize>> {
    let rows = observations.len() / layout.observation.max(1);
    let mut next = vec![None; rows];
    let of = |thing| layout.condition_of(thing).map(|(_, entry)| entry).collect();
    let places: Vec<Vec<usize>> = layout.objects.iter().map(of).collect();
    let at = |row: usize, entry: usize| f64::from(observations[row * layout.observation + entry]);
    let away = |thing: &[usize], from: usize, to: usize| {
        thing.iter().map(|&entry| (at(to, entry) - at(from, entry)).powi(2)).sum::<f64>().sqrt()
    };
    for trajectory in trajectories {
        let end = trajectory.end.min(rows);
        for (row, next) in next.iter_mut().enumerate().take(end).skip(trajectory.start) {
            let until = end.min(row.saturating_add(1).saturating_add(FURTHEST));
            *next = (row + 1..until).find_map(|later| {
                let moved = places.iter().enumerate().map(|(thing, place)| (thing, away(place, row, later)));
                let moved = moved.filter(|(_, away)| *away > MOVED);
                moved.max_by(|a, b| a.1.total_cmp(&b.1)).map(|(thing, _)| thing)
            });
        }
    }
    next
}
