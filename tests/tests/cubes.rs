//! What the shipped checkpoints of OGBench's cubes do on a few seeds, so that no change loses them unseen. Without MuJoCo or the
//! package's assets this test says that it is left out, unless one of the variables names a place.
#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout)]

use forethought_agent::Agent;
use forethought_envs::manipulation::OGBENCH_VARIABLE;
use forethought_envs::mujoco::MUJOCO_VARIABLE;
use forethought_envs::{Start, make};

const CHECKPOINTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../experiments/checkpoints/");
/// Four episodes of each of the five tasks.
const EPISODES: u64 = 20;
/// Of 250 episodes 79.6 % succeed. Of twenty such fewer than this do in one case of a hundred, should another processor
/// round otherwise; a planner with the linear dynamics or the training of before stays below.
const FEWEST: usize = 12;
/// The same of two cubes, where 62 % of 250 succeed: one in two hundred.
const FEWEST_OF_TWO: usize = 6;

#[test]
fn the_cube_is_brought_where_it_is_wanted() {
    arrives("cube-single-play-v0", FEWEST);
}

#[test]
fn two_cubes_are_brought_where_they_are_wanted_one_after_the_other() {
    arrives("cube-double-play-v0", FEWEST_OF_TWO);
}

fn arrives(environment: &str, fewest: usize) {
    let named = |variable| std::env::var_os(variable).is_some_and(|named| !named.is_empty());
    let mut env = match make(environment) {
        Ok(env) => env,
        Err(error) if !(named(MUJOCO_VARIABLE) && named(OGBENCH_VARIABLE)) => {
            println!("LEFT OUT: {error}");
            return;
        }
        Err(error) => panic!("{error}"),
    };
    let mut agent = Agent::builder(format!("{CHECKPOINTS}{environment}")).threads(1).build().unwrap();
    let mut succeeds = |seed: u64| {
        env.reset(&Start { task: Some(1 + (seed % 5) as usize), ..Start::seed(5000 + seed) }).unwrap();
        agent.reset(seed, env.task());
        loop {
            let action = agent.act(env.observation()).unwrap();
            let transition = env.step(action).unwrap();
            if transition.ended() {
                return transition.success;
            }
        }
    };
    let succeeded = (0..EPISODES).filter(|&seed| succeeds(seed)).count();
    println!("{environment}: {succeeded} of {EPISODES}");
    assert!(succeeded >= fewest, "{succeeded} of {EPISODES}");
}
