//! A task of one's own: what is wanted is a closure, with its slope, and plans are pulled towards it.
//!
//! The maze's checkpoint has learnt how the ball moves, which is at 2.4 units a second where nobody wants anything. Nobody
//! trained it to keep a speed; here it does, to within 0.3, and goes nowhere in particular.
#![allow(clippy::print_stdout)]

use std::sync::Arc;

use forethought_agent::Agent;
use forethought_envs::{Environment, Frames, FramesGradient, ScoreTask, SharedTask, Start, make};

/// Minus the squared distance of each planned speed from the wanted one. Observations are `[x, y, vx, vy]`.
fn keep(speed: f64) -> SharedTask {
    Arc::new(ScoreTask(move |frames: Frames<'_>, mut gradient: Option<&mut FramesGradient<'_>>| {
        let mut score = 0.0;
        for i in 0..frames.len {
            let velocity = &frames.observations.get(i)[2..4];
            let planned = velocity[0].hypot(velocity[1]).max(1e-6);
            let missed = planned - speed;
            score -= frames.weight * missed * missed;
            if let Some(gradient) = &mut gradient {
                for (slope, v) in gradient.observation(i)[2..4].iter_mut().zip(velocity) {
                    *slope -= frames.weight * 2.0 * missed * v / planned;
                }
            }
        }
        score
    }))
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut agent = Agent::builder("experiments/checkpoints/maze2d-umaze-v1")
        .set("plan.horizon.lengths", serde_json::json!([3]))
        // Little is enough: every frame pulls, and they add up.
        .set("plan.guidance.scale", 0.3)
        .build()?;
    let mut env = make("maze2d-umaze-v1")?;
    let mut kept = Vec::new();
    for wanted in [0.4, 0.8, 1.2] {
        env.reset(&Start::seed(1))?;
        agent.reset(1, keep(wanted));
        let (mut sum, steps) = (0.0, 250);
        for step in 0..steps {
            env.step(agent.act(env.observation())?)?;
            // The first second is for getting there.
            if step >= 100 {
                sum += env.observation()[2].hypot(env.observation()[3]);
            }
        }
        let mean = sum / f64::from(steps - 100);
        println!("wanted {wanted:.1}, kept {mean:.2}");
        kept.push((wanted, mean));
    }
    let met = kept.iter().all(|(wanted, mean)| (wanted - mean).abs() < 0.3);
    if met { Ok(()) } else { Err("a speed was not kept".into()) }
}
