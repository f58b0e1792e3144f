//! Whether data can come from the environment that is named.

use super::{Dataset, Finding, FindingKind};
use crate::{Area, EnvError, EnvSpec, scene};

/// How far outside of its bounds an observation may lie, as a share of their distance: bounds are drawn round what
/// usually happens.
const SLACK: f64 = 0.05;

/// Refuses data with observations that the environment `spec` cannot show: outside of its bounds, or inside a wall.
///
/// # Errors
/// [`EnvError::Data`] naming the first such row, and how many there are.
pub fn check_inside(dataset: &Dataset, spec: &EnvSpec) -> Result<(), EnvError> {
    let width = dataset.observation_dim;
    if width != spec.observation.len() {
        return Ok(());
    }
    let scene = scene(&spec.id);
    let bounds: Vec<(f64, f64)> = spec
        .observation
        .low()
        .iter()
        .zip(spec.observation.high())
        .map(|(low, high)| {
            let slack = if (high - low).is_finite() { SLACK * (high - low) } else { 0.0 };
            (low - slack, high + slack)
        })
        .collect();
    let problem = |observation: &[f32]| {
        let outside = observation.iter().zip(&bounds).position(|(value, (low, high))| {
            let value = f64::from(*value);
            value < *low || value > *high
        });
        if let Some(column) = outside {
            let (low, high) = (spec.observation.low()[column], spec.observation.high()[column]);
            return Some(format!(
                "column {column} is {}, outside of the {low} to {high} that it can show",
                observation[column]
            ));
        }
        let scene = scene.as_ref()?;
        let [x, y] = scene.position.map(|entry| observation.get(entry).map(|value| f64::from(*value)));
        let (x, y) = (x?, y?);
        let solid =
            |solid: &Area| x > solid.min[0] && x < solid.max[0] && y > solid.min[1] && y < solid.max[1];
        scene.solids.iter().any(solid).then(|| format!("({x:.3}, {y:.3}) lies inside a wall"))
    };
    let mut first = None;
    let mut count = 0;
    for (row, observation) in dataset.observations.chunks_exact(width.max(1)).enumerate() {
        if let Some(what) = problem(observation) {
            count += 1;
            first.get_or_insert((row, what));
        }
    }
    match first {
        None => Ok(()),
        Some((row, what)) => Err(dataset.problem(format!(
            "row {row} is none of `{}`: {what} ({count} such rows); these data are damaged or another environment's: \
             drop the rows, or train on the data alone, without naming an environment",
            spec.id
        ))),
    }
}

/// Actions that the environment `spec` would clip.
pub fn actions_outside(dataset: &Dataset, spec: &EnvSpec) -> Option<Finding> {
    let space = &spec.action;
    // f32 rounds bounds, too.
    let outside = |(action, (low, high)): (&f32, (&f64, &f64))| {
        let (action, slack) = (f64::from(*action), 1e-6 * low.abs().max(high.abs()));
        action < low - slack || action > high + slack
    };
    let rows = dataset.actions.chunks_exact(dataset.action_dim.max(1));
    let bad = |row: &[f32]| row.iter().zip(space.low().iter().zip(space.high())).any(outside);
    let mut found = rows.enumerate().filter(|(_, row)| bad(row)).map(|(row, _)| row);
    let row = found.next()?;
    let count = 1 + found.count();
    Some(Finding {
        kind: FindingKind::ActionOutside,
        row: Some(row),
        count,
        message: format!(
            "the actions of {count} rows, the first in row {row}, lie outside of the bounds {:?} to {:?} of `{}`: plans \
             learn commands that are clipped; clip the data as the recording did, or give the right bounds",
            space.low(),
            space.high(),
            spec.id
        ),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::make;
    use crate::maze::{GenerateOptions, generate};

    #[test]
    fn positions_in_walls_and_out_of_bounds_are_refused_with_their_row() {
        for id in ["maze2d-umaze-v1", "maze2d-medium-v1", "PointMaze_UMaze-v3"] {
            let spec = make(id).unwrap().spec().clone();
            let options = GenerateOptions { rows: 20_000, ..GenerateOptions::default() };
            let sound = generate(id, &options, &mut |_, _| ()).unwrap();
            check_inside(&sound, &spec).unwrap();
            for (position, what) in [([-40.0, 1.0], "outside"), ([100.0, 1e4], "outside")] {
                let mut data = sound.clone();
                data.observations[4 * 77..4 * 77 + 2].copy_from_slice(&position);
                let message = check_inside(&data, &spec).unwrap_err().to_string();
                assert!(message.contains("row 77") && message.contains(what), "{message}");
            }
        }
        let spec = make("maze2d-umaze-v1").unwrap().spec().clone();
        let options = GenerateOptions { rows: 100, ..GenerateOptions::default() };
        let mut data = generate("maze2d-umaze-v1", &options, &mut |_, _| ()).unwrap();
        data.observations[4 * 50..4 * 52].fill(0.0);
        let message = check_inside(&data, &spec).unwrap_err().to_string();
        assert!(
            message.contains("row 50") && message.contains("wall") && message.contains("2 such"),
            "{message}"
        );
    }
}
