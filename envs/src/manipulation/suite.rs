//! Manipulation as the registry sees it. The environments are listed everywhere; where MuJoCo or the assets are missing, making
//! one says how they are had.

use super::pictures::{ManipulationPictures, Stage};
use super::robot::{SCALE, WORKSPACE, shown};
use super::scene_things::{BUTTONS, button_top};
use super::{
    CubeModels, CubeOracle, CubeRules, Cubes, PLAY_EPISODE_ROWS, PlayOptions, SCENE, SceneModels,
    SceneOracle, SceneRules, cube_seen, cubes::EDGE, generate_cubes, generate_scene, robot_seen,
};
use crate::data::DataLayout;
use crate::suite::Suite;
use crate::{Area, Coordinate, Entry, EnvError, Mover, Scene, Zone};

/// Radius of a button's cap, metres.
const CAP: f64 = 0.0172;

/// The suite.
pub(crate) struct ManipulationSuite;

impl Suite for ManipulationSuite {
    fn names(&self) -> Vec<(String, String)> {
        let cubes = Cubes::ALL.into_iter().map(|cubes| (cubes.id().to_owned(), cubes.about()));
        cubes.chain([(SCENE.to_owned(), about_scene())]).collect()
    }

    fn also(&self) -> &'static str {
        ""
    }

    fn entry(&self, id: &str) -> Option<Result<Entry, EnvError>> {
        let scene = || (id == SCENE).then(|| Ok(scene_entry()));
        Cubes::find(id).map(|cubes| Ok(entry(cubes))).or_else(scene)
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
        .photographer(move |size| Ok(Box::new(ManipulationPictures::new(Stage::Cubes(cubes), size)?)))
        .data(move |rows, seed, progress| {
            let options = PlayOptions { rows, seed, ..PlayOptions::default() };
            Ok(generate_cubes(&CubeModels::find(cubes)?, &options, progress)?.0)
        })
        .validation_data(move |rows, seed, progress| {
            let rows = validation_rows(rows);
            let options = PlayOptions { rows, seed, validation: true, ..PlayOptions::default() };
            Ok(generate_cubes(&CubeModels::find(cubes)?, &options, progress)?.0)
        })
        .data_layout(DataLayout::Npz)
}

fn about_scene() -> String {
    "OGBench's arm brings a cube, two buttons that lock a drawer and a window, and these to where they are wanted, which earns 1 and ends \
     the episode; five tasks; needs MuJoCo and the package's robot (envs/interop/mujoco.sh, ogbench_assets.sh)"
        .to_owned()
}

fn scene_entry() -> Entry {
    Entry::new(|| Ok(Box::new(SceneRules::make()?)))
        .about(&about_scene())
        .policy("oracle", || Ok(Box::new(SceneOracle::new())))
        .scene(scene_of_things())
        .photographer(|size| Ok(Box::new(ManipulationPictures::new(Stage::Scene, size)?)))
        .data(|rows, seed, progress| {
            let options = PlayOptions { rows, seed, ..PlayOptions::default() };
            Ok(generate_scene(&SceneModels::find()?, &options, progress)?.0)
        })
        .validation_data(|rows, seed, progress| {
            let rows = validation_rows(rows);
            let options = PlayOptions { rows, seed, validation: true, ..PlayOptions::default() };
            Ok(generate_scene(&SceneModels::find()?, &options, progress)?.0)
        })
        .data_layout(DataLayout::Npz)
}

/// Rows to validate with beside `rows` to train on: a tenth as many episodes, at least one.
fn validation_rows(rows: usize) -> usize {
    rows.div_ceil(PLAY_EPISODE_ROWS).div_ceil(10).saturating_mul(PLAY_EPISODE_ROWS)
}

/// The table from above, in units of observations: the hand, and a disc for each cube.
fn scene(cubes: Cubes) -> Scene {
    let [low, high] = WORKSPACE.map(shown);
    let bounds = Area { min: [low[0], low[1]], max: [high[0], high[1]] };
    Scene { movers: movers(cubes.count()), ..Scene::open(bounds, [robot_seen::HAND, robot_seen::HAND + 1]) }
}

fn movers(cubes: usize) -> Vec<Mover> {
    let mover = |cube| {
        let first = cube_seen::first_of(cube);
        let at = [Coordinate::Entry(first), Coordinate::Entry(first + 1)];
        Mover { name: format!("cube {cube}"), at, radius: 0.5 * EDGE * SCALE }
    };
    (0..cubes).map(mover).collect()
}

/// The same of the scene, with the drawer's box in the picture: its buttons stay where they are.
fn scene_of_things() -> Scene {
    let [low, high] = WORKSPACE.map(shown);
    let drawer = shown([0.0, -0.52, 0.0])[1];
    let bounds = Area { min: [low[0], drawer], max: [high[0], high[1]] };
    let zone = |button: usize| {
        let [x, y, _] = shown(button_top(button).at);
        Zone { name: format!("button {button}"), at: [x, y], radius: CAP * SCALE }
    };
    Scene {
        zones: (0..BUTTONS).map(zone).collect(),
        movers: movers(1),
        ..Scene::open(bounds, [robot_seen::HAND, robot_seen::HAND + 1])
    }
}
