//! Manipulation as the registry sees it. The environments are listed everywhere; where MuJoCo or the assets are missing, making
//! one says how they are had.

use super::robot::{WORKSPACE, shown};
use super::{
    CUBE_EPISODE_ROWS, CubeModels, CubeOptions, CubeOracle, CubeRules, Cubes, cube_seen, cubes::EDGE,
    generate_cubes, robot::SCALE,
};
use crate::data::DataLayout;
use crate::suite::Suite;
use crate::{Area, Coordinate, Entry, EnvError, Mover, Scene};

/// The suite.
pub(crate) struct ManipulationSuite;

impl Suite for ManipulationSuite {
    fn names(&self) -> Vec<(String, String)> {
        Cubes::ALL.into_iter().map(|cubes| (cubes.id().to_owned(), cubes.about())).collect()
    }

    fn also(&self) -> &'static str {
        ""
    }

    fn entry(&self, id: &str) -> Option<Result<Entry, EnvError>> {
        Cubes::find(id).map(|cubes| Ok(entry(cubes)))
    }

    fn resolve(&self, _typed: &str) -> Option<Result<String, EnvError>> {
        None
    }
}

fn entry(cubes: Cubes) -> Entry {
    Entry::new(move || Ok(Box::new(CubeRules::make(cubes)?)))
        .about(&cubes.about())
        .policy("oracle", move || Ok(Box::new(CubeOracle::new(cubes))))
        .scene(scene(cubes))
        .data(move |rows, seed, progress| {
            let options = CubeOptions { rows, seed, ..CubeOptions::default() };
            Ok(generate_cubes(&CubeModels::find(cubes)?, &options, progress)?.0)
        })
        .validation_data(move |rows, seed, progress| {
            let rows = validation_rows(rows);
            let options = CubeOptions { rows, seed, validation: true, ..CubeOptions::default() };
            Ok(generate_cubes(&CubeModels::find(cubes)?, &options, progress)?.0)
        })
        .data_layout(DataLayout::Npz)
}

/// Rows to validate with beside `rows` to train on: a tenth as many episodes, at least one.
fn validation_rows(rows: usize) -> usize {
    rows.div_ceil(CUBE_EPISODE_ROWS).div_ceil(10).saturating_mul(CUBE_EPISODE_ROWS)
}

/// The table from above, in units of observations: the hand, and a disc for each cube.
fn scene(cubes: Cubes) -> Scene {
    let [low, high] = WORKSPACE.map(shown);
    let bounds = Area { min: [low[0], low[1]], max: [high[0], high[1]] };
    let mover = |cube| {
        let first = cube_seen::first_of(cube);
        let at = [Coordinate::Entry(first), Coordinate::Entry(first + 1)];
        Mover { name: format!("cube {cube}"), at, radius: 0.5 * EDGE * SCALE }
    };
    let movers = (0..cubes.count()).map(mover).collect();
    Scene { movers, ..Scene::open(bounds, [cube_seen::HAND, cube_seen::HAND + 1]) }
}
