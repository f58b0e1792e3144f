//! Logs 200 trajectories of a robot for `own_robot`, as an HDF5 file with a description beside it: `log_robot
//! DATA.hdf5`.

use std::path::PathBuf;

use forethought_envs::data::{Dataset, WriteOptions, write_hdf5};
use forethought_planner::random;

const DESCRIPTION: &str = r#"environment = "robot"
step_seconds = 0.05
action_low = [-1, -1, -1]
action_high = [1, 1, 1]
features = [
    { name = "tip", width = 3, kind = "position" },
    { name = "tip velocity", width = 3, kind = "velocity" },
]

[task]
kind = "goal"
entries = [0, 1, 2]
radius = 0.1
"#;
const TRAJECTORIES: u64 = 200;
const STEPS: usize = 80;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let path = PathBuf::from(std::env::args().nth(1).ok_or("usage: log_robot DATA.hdf5")?);
    let (mut observations, mut actions, mut timeouts) = (Vec::new(), Vec::new(), Vec::new());
    for trajectory in 0..TRAJECTORIES {
        let mut draws = vec![0.0; 6 + 3 * STEPS];
        random::fill_normal(&mut random::stream(7, &[trajectory]), &mut draws);
        // Somebody drives the tip from one place to another, with a trembling hand.
        let (places, noise) = draws.split_at(6);
        let place = |i: usize| (0.5 * places[i]).clamp(-1.0, 1.0);
        let mut state = [place(0), place(1), place(2), 0.0, 0.0, 0.0];
        for (step, tremble) in noise.chunks_exact(3).enumerate() {
            observations.extend(state.map(|value| value as f32));
            for axis in 0..3 {
                let action = (4.0 * (place(3 + axis) - state[axis]) + 0.2 * tremble[axis]).clamp(-1.0, 1.0);
                actions.push(action as f32);
                state[3 + axis] += 0.3 * (action - state[3 + axis]);
                state[axis] += 0.05 * state[3 + axis];
            }
            timeouts.push(step + 1 == STEPS);
        }
    }
    let dataset = Dataset { timeouts, ..Dataset::of_rows("robot", [6, 3], observations, actions) };
    write_hdf5(&dataset, &path, WriteOptions { overwrite: true, ..WriteOptions::default() })?;
    std::fs::write(path.with_extension("toml"), DESCRIPTION)?;
    Ok(())
}
