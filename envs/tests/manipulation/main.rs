//! OGBench's cubes and scene on MuJoCo: the real package step by step, what the environments promise, the reference, data. Without MuJoCo
//! or the package's assets these tests say that they are left out, unless one of the variables names a place.
#![allow(clippy::unwrap_used, clippy::panic, clippy::float_cmp, clippy::print_stdout)]

mod data;
mod environment;
mod fixture;
mod parity;
mod pictures;
mod scene;
mod scene_data;
mod scene_parity;

use std::sync::{Arc, Mutex};

use forethought_envs::EnvError;
use forethought_envs::manipulation::{
    CubeModels, CubeRules, Cubes, OGBENCH_VARIABLE, SceneModels, SceneRules,
};
use forethought_envs::mujoco::{MUJOCO_VARIABLE, MujocoEnv};

/// Models of this machine; `None`, said aloud, where something is missing that was not named. Compiled once.
fn models(cubes: Cubes) -> Option<CubeModels> {
    static KNOWN: Mutex<Vec<Arc<CubeModels>>> = Mutex::new(Vec::new());
    let mut known = KNOWN.lock().unwrap();
    if let Some(models) = known.iter().find(|models| models.cubes() == cubes) {
        return Some(CubeModels::clone(models));
    }
    let models = there(CubeModels::find(cubes))?;
    known.push(Arc::new(models.clone()));
    Some(models)
}

/// What was found; `None`, said aloud, where it was not, unless it was named.
fn there<T>(found: Result<T, EnvError>) -> Option<T> {
    let named = |variable| std::env::var_os(variable).is_some_and(|named| !named.is_empty());
    match found {
        Ok(found) => Some(found),
        Err(error) if !(named(MUJOCO_VARIABLE) && named(OGBENCH_VARIABLE)) => {
            println!("LEFT OUT: {error}");
            None
        }
        Err(error) => panic!("{error}"),
    }
}

/// The scene's models, compiled once.
fn scene_models() -> Option<SceneModels> {
    static KNOWN: Mutex<Option<SceneModels>> = Mutex::new(None);
    let mut known = KNOWN.lock().unwrap();
    if known.is_none() {
        *known = Some(there(SceneModels::find())?);
    }
    known.clone()
}

fn scene() -> Option<MujocoEnv<SceneRules>> {
    Some(SceneRules::with_models(&scene_models()?).unwrap())
}

fn cubes(cubes: Cubes) -> Option<MujocoEnv<CubeRules>> {
    Some(CubeRules::with_models(&models(cubes)?).unwrap())
}
