//! What was recorded of the real package (`envs/parity/record_manipulation.py`, `record_scene.py`).

use std::collections::BTreeMap;
use std::hint::black_box;
use std::io::Read;

use flate2::read::GzDecoder;
use forethought_envs::manipulation::Cubes;
use serde::Deserialize;

#[derive(Deserialize)]
pub struct Fixture {
    machine: String,
    pub mujoco: String,
    rounding: Vec<f64>,
    kinds: BTreeMap<String, Kind>,
}

#[derive(Deserialize)]
pub struct Kind {
    pub steps: Vec<Step>,
    pub statistics: Statistics,
}

#[derive(Deserialize)]
pub struct Step {
    pub state: Vec<f64>,
    pub action: Vec<f64>,
    pub control: Vec<f64>,
    pub positions: Vec<f64>,
    pub velocities: Vec<f64>,
    pub observation: Vec<f64>,
}

/// Per episode: means and standard deviations of the five entries of actions, rows from goal to goal, share of goals reached.
#[derive(Deserialize)]
pub struct Statistics {
    pub episodes: usize,
    pub mean: [f64; 12],
    pub error: [f64; 12],
}

impl Fixture {
    pub fn read() -> Self {
        let mut text = String::new();
        GzDecoder::new(&include_bytes!("../../parity/manipulation.gz")[..])
            .read_to_string(&mut text)
            .unwrap();
        serde_json::from_str(&text).unwrap()
    }

    pub fn of(&self, cubes: Cubes) -> &Kind {
        &self.kinds[cubes.id().split('-').nth(1).unwrap()]
    }

    /// Whether this system's mathematics round as those of the recording.
    pub fn rounds_alike(&self) -> bool {
        rounds_alike(&self.machine, &self.rounding)
    }
}

fn rounds_alike(machine: &str, rounding: &[f64]) -> bool {
    let points = (0..40).map(|k| 0.1 + 0.37 * f64::from(k));
    let functions: [fn(f64) -> f64; 4] = [f64::sin, f64::cos, f64::exp, |x| x.atan2(black_box(1.3))];
    let own: Vec<f64> = functions.iter().flat_map(|f| points.clone().map(move |x| f(black_box(x)))).collect();
    machine == std::env::consts::ARCH && own == rounding
}

/// Recorded of the scene.
#[derive(Deserialize)]
pub struct SceneFixture {
    machine: String,
    pub mujoco: String,
    rounding: Vec<f64>,
    pub steps: Vec<SceneStep>,
    pub statistics: SceneStatistics,
}

#[derive(Deserialize)]
pub struct SceneStep {
    #[serde(flatten)]
    pub step: Step,
    /// Buttons before the step before, and where their joints were when that began.
    pub buttons: [u8; 2],
    pub pressed: [f64; 2],
    /// Buttons when the action follows, and after it.
    pub locks: [u8; 2],
    pub next_locks: [u8; 2],
}

/// Per episode: what the cubes' have, then shares of targets of each kind, means of the buttons, of the drawer's and the window's place, and
/// the share of rows with the cube in the drawer.
#[derive(Deserialize)]
pub struct SceneStatistics {
    pub episodes: usize,
    pub thrown_away: usize,
    pub mean: [f64; 21],
    pub error: [f64; 21],
}

impl SceneFixture {
    pub fn read() -> Self {
        let mut text = String::new();
        GzDecoder::new(&include_bytes!("../../parity/scene.gz")[..]).read_to_string(&mut text).unwrap();
        serde_json::from_str(&text).unwrap()
    }

    /// Whether this system's mathematics round as those of the recording.
    pub fn rounds_alike(&self) -> bool {
        rounds_alike(&self.machine, &self.rounding)
    }
}
