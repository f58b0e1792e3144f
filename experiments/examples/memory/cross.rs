//! The cross: crossings of a square along its diagonals, and which way a crossing went.
//!
//! After the compositional experiment of Chen et al., NeurIPS 2024 (section 4.3). A demonstration starts in a
//! corner at full speed, pauses in the middle for a random time, goes on to the opposite corner and stays there.
//! An observation is position and last displacement, so it tells which way a crossing moves, but in the pause it
//! does not tell where it came from: only a history that reaches back to before the pause does.

use forethought_envs::data::{Dataset, DatasetMetadata};
use forethought_envs::{BoxSpace, EnvSpec};
use forethought_planner::random;
use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

/// Frames from a corner to the middle, and from there to a corner.
pub const ARM: usize = 16;
/// Shortest and longest pause in the middle, in frames.
pub const PAUSE: [usize; 2] = [8, 16];
/// Standard deviation of where corners and middle are, and of how far an arm bulges sideways.
const PLACE: f64 = 0.05;
/// Standard deviation of each position around the path.
const JITTER: f64 = 0.01;
/// A crossing is in the middle within this distance of it, and in a corner within that of the corner.
const MIDDLE: f64 = 0.35;
const CORNER: f64 = 0.4;

/// The corners of the square.
pub const CORNERS: [[f64; 2]; 4] = [[1.0, 1.0], [-1.0, 1.0], [-1.0, -1.0], [1.0, -1.0]];

/// Which corner a crossing reached first after it had been in the middle.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Exit {
    /// The one opposite to its start: as demonstrated.
    Opposite,
    /// One of the two others: a V that no demonstration shows.
    Beside,
    /// The one it came from.
    Back,
    /// None yet.
    None,
}

/// What training needs to know of the cross.
///
/// # Errors
/// None: the bounds are in order.
pub fn spec() -> Result<EnvSpec, forethought_envs::EnvError> {
    let space = BoxSpace::new(vec![-2.0; 4], vec![2.0; 4])?;
    Ok(EnvSpec::of_spaces("cross", space, BoxSpace::symmetric(2, 1.0)))
}

/// Positions of demonstration `index`: from corner `index % 4`, then `stay` frames in the opposite corner.
pub fn demonstration(seed: u64, index: u64, stay: usize) -> Vec<[f64; 2]> {
    let mut rng = random::stream(seed, &[index]);
    let corner = CORNERS[(index % 4) as usize];
    let around = |rng: &mut ChaCha8Rng, [x, y]: [f64; 2]| [x + PLACE * normal(rng), y + PLACE * normal(rng)];
    let start = around(&mut rng, corner);
    let middle = around(&mut rng, [0.0; 2]);
    let end = around(&mut rng, corner.map(|side| -side));
    let pause = rng.random_range(PAUSE[0]..=PAUSE[1]);
    let mut path = Vec::new();
    for (from, to, rest) in [(start, middle, pause), (middle, end, stay + 1)] {
        let bulge = PLACE * normal(&mut rng);
        let side = [-(to[1] - from[1]), to[0] - from[0]];
        for frame in 0..ARM {
            let share = frame as f64 / ARM as f64;
            let out = bulge * (std::f64::consts::PI * share).sin();
            path.push([0, 1].map(|i| from[i] + share * (to[i] - from[i]) + out * side[i]));
        }
        path.extend(std::iter::repeat_n(to, rest));
    }
    path.iter().map(|&[x, y]| [x + JITTER * normal(&mut rng), y + JITTER * normal(&mut rng)]).collect()
}

/// Observation before the first frame: the start, and a displacement at full speed towards the middle.
pub fn first_observation(path: &[[f64; 2]]) -> [f64; 4] {
    let start = path.first().copied().unwrap_or_default();
    [start[0], start[1], -start[0] / ARM as f64, -start[1] / ARM as f64]
}

/// `count` demonstrations, one episode each; `stay` frames at the end let a training window begin anywhere.
pub fn dataset(seed: u64, count: u64, stay: usize) -> Dataset {
    let mut data = Dataset {
        env_id: "cross".into(),
        observation_dim: 4,
        action_dim: 2,
        goal_dim: 0,
        observations: Vec::new(),
        actions: Vec::new(),
        rewards: Vec::new(),
        terminals: Vec::new(),
        timeouts: Vec::new(),
        goals: None,
        simulator: None,
        metadata: DatasetMetadata { seed: Some(seed), ..DatasetMetadata::default() },
    };
    for index in 0..count {
        let path = demonstration(seed, index, stay);
        let mut observation = first_observation(&path);
        for (row, here) in path.iter().enumerate() {
            let next = path.get(row + 1).unwrap_or(here);
            let action = [next[0] - here[0], next[1] - here[1]];
            data.observations.extend(observation.map(|value| value as f32));
            data.actions.extend(action.map(|value| value as f32));
            data.rewards.push(0.0);
            data.terminals.push(false);
            data.timeouts.push(row + 1 == path.len());
            observation = [next[0], next[1], action[0], action[1]];
        }
    }
    data
}

/// Which way a path from corner number `start` went.
pub fn exit(path: &[[f64; 2]], start: usize) -> Exit {
    let near = |[x, y]: [f64; 2], [u, v]: [f64; 2], radius: f64| (x - u).hypot(y - v) <= radius;
    let after = path.iter().skip_while(|&&p| !near(p, [0.0; 2], MIDDLE));
    let reached = after.filter_map(|&p| CORNERS.iter().position(|&corner| near(p, corner, CORNER))).next();
    match reached.map(|corner| (corner + 4 - start % 4) % 4) {
        Some(0) => Exit::Back,
        Some(2) => Exit::Opposite,
        Some(_) => Exit::Beside,
        None => Exit::None,
    }
}

/// One standard normal draw.
fn normal(rng: &mut ChaCha8Rng) -> f64 {
    let mut draw = [0.0];
    random::fill_normal(rng, &mut draw);
    draw[0]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn demonstrations_cross_to_the_opposite_corner_and_stay() {
        for index in 0..200 {
            let path = demonstration(3, index, 10);
            assert_eq!(exit(&path, index as usize), Exit::Opposite, "{index}");
            let pause = path.len() - 2 * ARM - 11;
            let in_the_middle = path.iter().filter(|p| p[0].hypot(p[1]) < 0.2).count();
            assert!((PAUSE[0]..=PAUSE[1]).contains(&pause) && in_the_middle >= pause, "{index}");
            let end = CORNERS[(index as usize + 2) % 4];
            assert!(
                path.iter().rev().take(10).all(|p| (p[0] - end[0]).hypot(p[1] - end[1]) < 0.35),
                "{index}"
            );
        }
    }

    #[test]
    fn rows_follow_one_another_and_every_demonstration_is_an_episode() {
        let data = dataset(1, 8, 20);
        data.check().unwrap();
        assert_eq!(data.timeout_count(), 8);
        for row in (0..data.len()).filter(|&row| !data.timeouts[row]) {
            let (now, action) = (data.observation(row).unwrap(), data.action(row).unwrap());
            let next = data.observation(row + 1).unwrap();
            for i in 0..2 {
                assert!(
                    (now[i] + action[i] - next[i]).abs() < 1e-6 && (next[i + 2] - action[i]).abs() < 1e-9,
                    "{row}"
                );
            }
        }
    }

    #[test]
    fn the_exit_is_the_first_corner_after_the_middle() {
        let path = |names: &[[f64; 2]]| names.to_vec();
        let [a, b, c, _] = CORNERS;
        assert_eq!(exit(&path(&[a, [0.0; 2], c]), 0), Exit::Opposite);
        assert_eq!(exit(&path(&[a, [0.1, 0.1], b, c]), 0), Exit::Beside);
        assert_eq!(exit(&path(&[c, [0.0; 2], b]), 2), Exit::Beside);
        assert_eq!(exit(&path(&[b, [0.0; 2], b]), 1), Exit::Back);
        assert_eq!(exit(&path(&[a, b, c]), 0), Exit::None, "around the middle");
        assert_eq!(exit(&path(&[a, [0.0; 2], [f64::NAN; 2]]), 0), Exit::None);
    }
}
