//! Where drives have been.

use forethought_envs::data::{Dataset, Support};

/// Where drives at one unit a row have been, along each of these polygons, their last corners left out.
pub fn support(polygons: &[Vec<[f32; 2]>]) -> Support {
    let drives: Vec<Vec<Vec<[f32; 2]>>> = polygons.iter().map(|polygon| vec![polygon.clone()]).collect();
    leaping(&drives)
}

/// The same for drives that leap from each of their polygons to the next.
pub fn leaping(drives: &[Vec<Vec<[f32; 2]>>]) -> Support {
    let (mut observations, mut timeouts) = (Vec::new(), Vec::new());
    for drive in drives {
        for side in drive.iter().flat_map(|polygon| polygon.windows(2)) {
            let (dx, dy) = (side[1][0] - side[0][0], side[1][1] - side[0][1]);
            let rows = dx.hypot(dy).round() as usize;
            for row in 0..rows {
                let share = row as f32 / rows as f32;
                observations.extend([side[0][0] + share * dx, side[0][1] + share * dy]);
                timeouts.push(false);
            }
        }
        *timeouts.last_mut().unwrap() = true;
    }
    let actions = vec![0.0; timeouts.len()];
    let dataset = Dataset { timeouts, ..Dataset::of_rows("drives", [2, 1], observations, actions) };
    Support::fit(&dataset, &[0, 1], 1).unwrap()
}
