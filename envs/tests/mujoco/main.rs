//! MuJoCo at run time: what its library, models and simulations promise, the environments on it, and Python's bindings bit
//! for bit. Without MuJoCo these tests say that they are left out, unless `FORETHOUGHT_MUJOCO` names one.
#![allow(clippy::unwrap_used, clippy::panic, clippy::float_cmp, clippy::print_stdout)]

mod environment;
mod half_cheetah;
mod half_cheetah_data;
mod half_cheetah_parity;
mod half_cheetah_sampler;
mod parity;
mod render;
mod simulation;

use forethought_envs::mujoco::{MUJOCO_VARIABLE, MujocoLibrary, MujocoModel};

/// The scene of the comparison with Python.
const SCENE: &str = include_str!("../../interop/mujoco_scene.xml");

/// The library of this machine; `None`, said aloud, where there is none and none was named.
fn library() -> Option<MujocoLibrary> {
    match MujocoLibrary::find() {
        Ok(library) => Some(library),
        Err(error) if std::env::var_os(MUJOCO_VARIABLE).is_none_or(|named| named.is_empty()) => {
            println!("LEFT OUT: {error}");
            None
        }
        Err(error) => panic!("{error}"),
    }
}

/// A model of this machine's library.
fn model(text: &str) -> Option<MujocoModel> {
    Some(MujocoModel::from_text(&library()?, text).unwrap())
}
