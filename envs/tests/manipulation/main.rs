//! OGBench's cubes on MuJoCo: the real package step by step, what the environments promise, the reference, data. Without MuJoCo
//! or the package's assets these tests say that they are left out, unless one of the variables names a place.
#![allow(clippy::unwrap_used, clippy::panic, clippy::float_cmp, clippy::print_stdout)]

mod data;
mod environment;
mod fixture;
mod parity;

use std::sync::{Arc, Mutex};

use forethought_envs::manipulation::{CubeModels, CubeRules, Cubes, OGBENCH_VARIABLE};
use forethought_envs::mujoco::{MUJOCO_VARIABLE, MujocoEnv};

/// Models of this machine; `None`, said aloud, where something is missing that was not named. Compiled once.
fn models(cubes: Cubes) -> Option<CubeModels> {
    static KNOWN: Mutex<Vec<Arc<CubeModels>>> = Mutex::new(Vec::new());
    let mut known = KNOWN.lock().unwrap();
    if let Some(models) = known.iter().find(|models| models.cubes() == cubes) {
        return Some(CubeModels::clone(models));
    }
    let named = |variable| std::env::var_os(variable).is_some_and(|named| !named.is_empty());
    match CubeModels::find(cubes) {
        Ok(models) => {
            known.push(Arc::new(models.clone()));
            Some(models)
        }
        Err(error) if !(named(MUJOCO_VARIABLE) && named(OGBENCH_VARIABLE)) => {
            println!("LEFT OUT: {error}");
            None
        }
        Err(error) => panic!("{error}"),
    }
}

fn cubes(cubes: Cubes) -> Option<MujocoEnv<CubeRules>> {
    Some(CubeRules::with_models(&models(cubes)?).unwrap())
}
