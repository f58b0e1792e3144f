//! What the shipped checkpoint of the fruit swap does on a few seeds, so that no change loses it unseen.
#![allow(clippy::unwrap_used)]

use forethought_agent::Agent;
use forethought_envs::{Start, make};

const CHECKPOINT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../experiments/checkpoints/fruit-swap-v0");
/// Two episodes of each of the six arrangements.
const EPISODES: u64 = 12;

/// Episodes that succeed, shown so many chunks of the past.
fn successes(id: &str, history: i64) -> usize {
    let mut agent = Agent::builder(CHECKPOINT).threads(1).set("plan.history", history).build().unwrap();
    let mut env = make(id).unwrap();
    let mut succeeds = |seed: u64| {
        env.reset(&Start { task: Some(1 + (seed % 6) as usize), ..Start::seed(5000 + seed) }).unwrap();
        agent.reset(seed, env.task());
        loop {
            let action = agent.act_seeing(env.observation(), env.seen()).unwrap();
            let transition = env.step(action).unwrap();
            if transition.ended() {
                return transition.success;
            }
        }
    };
    (0..EPISODES).filter(|&seed| succeeds(seed)).count()
}

#[test]
fn with_all_of_the_past_the_fruits_are_swapped_and_with_less_they_are_not() {
    for id in ["fruit-swap-v0", "fruit-swap-blank-v0"] {
        let succeeded = successes(id, 34);
        assert!(succeeded >= 11, "{id}: {succeeded} of {EPISODES}");
    }
    for history in [0, 2] {
        let succeeded = successes("fruit-swap-v0", history);
        assert!(succeeded <= 6, "{history} chunks: {succeeded} of {EPISODES}");
    }
}
