//! Steps per second of a model through this crate, for `envs/interop/mujoco_speed.sh` to hold against C and Python.
//!
//! Takes the model's file and the number of steps.
// A program that speaks to the terminal, of which the message is all that anybody reads.
#![allow(clippy::print_stdout)]

use std::error::Error;
use std::path::Path;
use std::time::Instant;

use forethought_envs::mujoco::{MujocoLibrary, MujocoModel};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().collect();
    let [_, file, steps] = arguments.as_slice() else {
        return Err("usage: mujoco_speed MODEL.xml STEPS".into());
    };
    let steps: usize = steps.parse()?;
    let model = MujocoModel::from_file(&MujocoLibrary::find()?, Path::new(file))?;
    let mut sim = model.simulate()?;
    sim.set_control(&[0.02, -0.15, 0.1, 0.8])?;
    let begin = Instant::now();
    for _ in 0..steps {
        sim.step(1)?;
    }
    println!("{:.1} {}", steps as f64 / begin.elapsed().as_secs_f64(), sim.positions().iter().sum::<f64>());
    Ok(())
}
