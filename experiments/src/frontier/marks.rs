//! What others have, to be drawn beside the points: read from what comes with the project.

use std::fs;

use serde::Serialize;

use crate::bench::results;
use crate::failure::Failure;
use crate::maze2d::{MAZES, PUBLISHED};
use crate::resolve;

/// Where `bench speed` leaves its results in the project, under `experiments`.
const SPEED: &str = "results/speed/results.json";

/// Marks of one environment.
#[derive(Debug, Default, Serialize)]
pub struct Marks {
    /// Published mean scores by method; none where the environment is in no published table.
    pub published: Vec<(String, f64)>,
    /// The reference implementation's guided plan of the large maze, where that was measured.
    pub reference: Option<Reference>,
}

/// The reference implementation's time, as `bench speed` measured it.
#[derive(Debug, Serialize)]
pub struct Reference {
    /// Median milliseconds of a plan.
    pub ms: f64,
    /// Where.
    pub processor: String,
}

impl Marks {
    /// What the project knows for an environment.
    ///
    /// # Errors
    /// [`Failure`] for speed results that cannot be read.
    pub fn of(environment: &str) -> Result<Self, Failure> {
        let at = MAZES.iter().position(|maze| *maze == environment);
        let published =
            at.map(|at| PUBLISHED.iter().map(|row| (row.method.to_owned(), row.scores[at])).collect());
        Ok(Self { published: published.unwrap_or_default(), reference: reference()? })
    }
}

fn reference() -> Result<Option<Reference>, Failure> {
    let Some(path) = resolve::shipped(SPEED) else { return Ok(None) };
    let refused = |why: String| {
        let remedy = "restore it, or make it again with `forethought bench speed --python PATH`";
        Failure::refused(format!("{}: {why}; {remedy}", path.display()))
    };
    let text = fs::read_to_string(&path).map_err(|error| refused(error.to_string()))?;
    let results: results::Results =
        serde_json::from_str(&text).map_err(|error| refused(format!("is damaged ({error})")))?;
    let processor = results.protocol.processor;
    Ok(results.reference.map(|reference| Reference { ms: reference.guided_ms.median, processor }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_maze_has_its_own_column_of_the_published_table() {
        let marks = Marks::of("maze2d-large-v1").unwrap();
        let forcing = marks.published.iter().find(|(method, _)| method.starts_with("Diffusion Forcing"));
        assert!((forcing.unwrap().1 - 159.0).abs() < 1e-9);
        // The project comes with a measurement of the reference.
        assert!(marks.reference.unwrap().ms > 100.0);
        assert!(Marks::of("PointMaze_UMaze-v3").unwrap().published.is_empty());
    }
}
