//! Steps per second of the cubes, and of MuJoCo alone under the same controls: what the environment adds to it.
//!
//! Takes the environment's name and the number of steps; both are timed in turn, so that what else runs slows both.
// A program that speaks to the terminal, of which the message is all that anybody reads.
#![allow(clippy::print_stdout)]

use std::error::Error;
use std::time::{Duration, Instant};

use forethought_envs::manipulation::{CubeModels, CubeOracle, CubeRules, Cubes};
use forethought_envs::mujoco::MujocoPart;
use forethought_envs::{Environment, Policy, Start};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().collect();
    let usage = "usage: cube_speed NAME STEPS, such as cube-single-play-v0 1000";
    let [_, name, steps] = arguments.as_slice() else { return Err(usage.into()) };
    let (cubes, steps) = (Cubes::find(name).ok_or(usage)?, steps.parse::<u32>()?);
    let models = CubeModels::find(cubes)?;
    let mut env = CubeRules::with_models(&models)?;
    let mut oracle = CubeOracle::new(cubes);
    let mut alone = models.scene().simulate()?;
    let mut state = vec![0.0; models.scene().state_len()];
    let mut control = vec![0.0; models.scene().len_of(MujocoPart::Controls)];
    let (mut whole, mut physics, mut seed, mut ended) = (Duration::ZERO, Duration::ZERO, 0, true);
    let mut action = [0.0; 5];
    for _ in 0..steps {
        if ended {
            env.reset(&Start::seed(seed))?;
            oracle.reset(seed, &env.task())?;
            seed += 1;
        }
        oracle.act(env.observation(), &mut action)?;
        env.simulation().state(&mut state)?;
        let begin = Instant::now();
        ended = env.step(&action)?.ended();
        whole += begin.elapsed();
        env.simulation().read(MujocoPart::Controls, &mut control)?;
        alone.restore(&state)?;
        alone.set_control(&control)?;
        let begin = Instant::now();
        alone.step(25)?;
        physics += begin.elapsed();
    }
    let rate = |time: Duration| f64::from(steps) / time.as_secs_f64();
    println!("{:.0} steps/s, MuJoCo alone {:.0} times 25", rate(whole), rate(physics));
    Ok(())
}
