//! The half-cheetah against gymnasium's own, bit for bit (`envs/interop/half_cheetah.py`).

use forethought_envs::mujoco::half_cheetah::{HALF_CHEETAH, HalfCheetah};
use forethought_envs::{Environment, Start};
use serde::Deserialize;

use crate::half_cheetah::{bits, gymnasium_model};
use crate::library;
use crate::parity::{rounding, sha};

#[derive(Deserialize)]
struct Fixture {
    machine: String,
    rounding: String,
    gymnasium: String,
    mujoco: String,
    model: String,
    every: usize,
    hold: usize,
    step_seconds: f64,
    episodes: Vec<Recorded>,
}

#[derive(Deserialize)]
struct Recorded {
    seed: u64,
    start: Vec<f64>,
    first: String,
    blocks: Vec<Block>,
    steps: usize,
    #[serde(rename = "return")]
    total: f64,
}

#[derive(Deserialize)]
struct Block {
    sha: String,
    seen: Vec<f64>,
    reward: f64,
    x: f64,
}

#[test]
fn states_and_rewards_are_the_packages_to_the_bit() {
    let (Some(library), Some(model)) = (library(), gymnasium_model()) else { return };
    let fixture: Fixture = serde_json::from_str(include_str!("../../interop/half_cheetah.json")).unwrap();
    if library.version().to_string() != fixture.mujoco {
        println!("LEFT OUT: recorded with MuJoCo {}, this is {}", fixture.mujoco, library.version());
        return;
    }
    if fixture.machine != std::env::consts::ARCH || fixture.rounding != rounding() {
        println!(
            "LEFT OUT: this system's mathematics round otherwise than those of the recording; record it anew"
        );
        return;
    }
    assert_eq!(model.hash(), fixture.model, "{} is another model", model.path().display());
    let mut env = HalfCheetah::make(HALF_CHEETAH).unwrap();
    assert_eq!(env.spec().step_seconds, Some(fixture.step_seconds));
    for recorded in &fixture.episodes {
        env.reset(&Start { position: Some(recorded.start.clone()), ..Start::default() }).unwrap();
        assert_eq!(sha(env.observation()), recorded.first);
        let (mut word, mut command) = (recorded.seed + 7, [0.0; 6]);
        let (mut block, mut total, mut steps) = (Vec::new(), 0.0, 0);
        loop {
            if steps % fixture.hold == 0 {
                command = [(); 6].map(|()| {
                    word = word.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
                    (word >> 40) as f64 / (1_u64 << 23) as f64 - 1.0
                });
            }
            let step = env.step(&command).unwrap();
            steps += 1;
            total += step.reward;
            block.extend_from_slice(env.observation());
            block.push(step.reward);
            if steps % fixture.every == 0 {
                let theirs = &recorded.blocks[steps / fixture.every - 1];
                assert_eq!(bits(env.observation()), bits(&theirs.seen), "step {steps}");
                assert_eq!(step.reward.to_bits(), theirs.reward.to_bits(), "step {steps}");
                assert_eq!(sha(&block), theirs.sha, "step {steps}");
                assert_eq!(env.inner().simulation().positions()[0].to_bits(), theirs.x.to_bits());
                block.clear();
            }
            if step.ended() {
                assert!(step.truncated && !step.terminated);
                break;
            }
        }
        assert_eq!((steps, steps / fixture.every), (recorded.steps, recorded.blocks.len()));
        assert_eq!(total.to_bits(), recorded.total.to_bits());
    }
    println!("{} episodes as gymnasium {}'s, bit for bit", fixture.episodes.len(), fixture.gymnasium);
}
