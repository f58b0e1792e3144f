//! OGBench's cube environments by name: how many cubes there are, their five tasks, and what their data are made with.

/// Which of the environments.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Cubes {
    /// One cube.
    Single,
    /// Two.
    Double,
    /// Three.
    Triple,
}

/// Tasks of each.
pub const CUBE_TASKS: usize = 5;
/// A cube counts as there within this distance of its place, metres.
pub const CUBE_RADIUS: f64 = 0.04;
/// Edge of a cube, metres; the centre of one on the table is half of it up.
pub(super) const EDGE: f64 = 0.04;

/// Heights of centres: on the table, on one cube, on two.
const Z0: f64 = 0.02;
const Z1: f64 = 0.06;
const Z2: f64 = 0.10;

/// Where cubes begin and where they are wanted, metres.
type Places = [[[f64; 3]; 2]];

// `CubeEnv.set_tasks`: (where a cube begins, where it is wanted), cube by cube.
const SINGLE: [[[[f64; 3]; 2]; 1]; CUBE_TASKS] = [
    [[[0.425, 0.1, Z0], [0.425, -0.1, Z0]]],
    [[[0.35, 0.0, Z0], [0.50, 0.0, Z0]]],
    [[[0.50, 0.0, Z0], [0.35, 0.0, Z0]]],
    [[[0.35, -0.2, Z0], [0.50, 0.2, Z0]]],
    [[[0.35, 0.2, Z0], [0.50, -0.2, Z0]]],
];
const DOUBLE: [[[[f64; 3]; 2]; 2]; CUBE_TASKS] = [
    [[[0.425, 0.0, Z0], [0.425, 0.0, Z0]], [[0.425, -0.1, Z0], [0.425, 0.1, Z0]]],
    [[[0.35, -0.1, Z0], [0.35, 0.1, Z0]], [[0.50, -0.1, Z0], [0.50, 0.1, Z0]]],
    [[[0.35, 0.0, Z0], [0.425, -0.2, Z0]], [[0.50, 0.0, Z0], [0.425, 0.2, Z0]]],
    [[[0.425, -0.1, Z0], [0.425, 0.1, Z0]], [[0.425, 0.1, Z0], [0.425, -0.1, Z0]]],
    [[[0.425, -0.2, Z0], [0.425, 0.0, Z0]], [[0.425, 0.2, Z0], [0.425, 0.0, Z1]]],
];
const TRIPLE: [[[[f64; 3]; 2]; 3]; CUBE_TASKS] = [
    [
        [[0.35, -0.1, Z0], [0.35, -0.1, Z0]],
        [[0.35, 0.1, Z0], [0.35, 0.1, Z0]],
        [[0.50, -0.1, Z0], [0.50, 0.1, Z0]],
    ],
    [
        [[0.35, -0.2, Z0], [0.50, 0.0, Z0]],
        [[0.35, 0.0, Z0], [0.50, 0.2, Z0]],
        [[0.35, 0.2, Z0], [0.50, -0.2, Z0]],
    ],
    [
        [[0.425, 0.2, Z0], [0.35, -0.1, Z0]],
        [[0.425, 0.2, Z1], [0.50, -0.2, Z0]],
        [[0.425, 0.2, Z2], [0.50, 0.0, Z0]],
    ],
    [
        [[0.35, 0.0, Z0], [0.50, -0.1, Z0]],
        [[0.50, -0.1, Z0], [0.50, 0.1, Z0]],
        [[0.50, 0.1, Z0], [0.35, 0.0, Z0]],
    ],
    [
        [[0.35, -0.1, Z0], [0.425, 0.2, Z0]],
        [[0.50, -0.2, Z0], [0.425, 0.2, Z1]],
        [[0.50, 0.0, Z0], [0.425, 0.2, Z2]],
    ],
];

impl Cubes {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Single, Self::Double, Self::Triple];

    /// The one with this id.
    pub fn find(id: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|cubes| cubes.id() == id)
    }

    /// Registered name: that of its published data.
    pub fn id(self) -> &'static str {
        match self {
            Self::Single => "cube-single-play-v0",
            Self::Double => "cube-double-play-v0",
            Self::Triple => "cube-triple-play-v0",
        }
    }

    /// How many there are.
    pub fn count(self) -> usize {
        match self {
            Self::Single => 1,
            Self::Double => 2,
            Self::Triple => 3,
        }
    }

    /// Steps after which the package's evaluation truncates an episode.
    pub fn episode_steps(self) -> usize {
        match self {
            Self::Single => 200,
            Self::Double => 500,
            Self::Triple => 1000,
        }
    }

    /// Episodes in the published data, of 1001 rows each; a tenth as many are kept for validation.
    pub fn published_episodes(self) -> usize {
        match self {
            Self::Single | Self::Double => 1000,
            Self::Triple => 3000,
        }
    }

    /// How often a data episode stacks the cube that it moves: drawn uniformly between these for each episode.
    pub(super) fn stacking(self) -> [f64; 2] {
        match self {
            Self::Single => [0.0, 0.0],
            Self::Double => [0.0, 0.25],
            Self::Triple => [0.05, 0.35],
        }
    }

    /// Task of a number from 1 to 5: where each cube begins and where it is wanted (x, y, z, metres). `None` for other
    /// numbers.
    pub fn task(self, number: usize) -> Option<&'static Places> {
        let index = number.checked_sub(1)?;
        Some(match self {
            Self::Single => SINGLE.get(index)?.as_slice(),
            Self::Double => DOUBLE.get(index)?.as_slice(),
            Self::Triple => TRIPLE.get(index)?.as_slice(),
        })
    }

    /// A line about it.
    pub(super) fn about(self) -> String {
        let what = match self {
            Self::Single => "a cube",
            Self::Double => "two cubes, each",
            Self::Triple => "three cubes, each",
        };
        format!(
            "OGBench's arm moves {what} to where it is wanted, within 4 cm, which earns 1 and ends the episode; five tasks; needs \
             MuJoCo and the package's robot (envs/interop/mujoco.sh, ogbench_assets.sh)"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tasks_are_numbered_from_one_to_five_and_cubes_lie_apart() {
        for cubes in Cubes::ALL {
            assert!(cubes.task(0).is_none() && cubes.task(6).is_none());
            for number in 1..=CUBE_TASKS {
                let places = cubes.task(number).unwrap();
                assert_eq!(places.len(), cubes.count());
                for which in 0..2 {
                    for (i, a) in places.iter().enumerate() {
                        for b in &places[..i] {
                            let [a, b] = [a[which], b[which]];
                            let apart = a.iter().zip(b).map(|(a, b)| (a - b).powi(2)).sum::<f64>().sqrt();
                            assert!(apart > EDGE - 1e-9, "{cubes:?} {number}: {a:?} {b:?}");
                        }
                    }
                }
                let moved = places.iter().filter(|[from, to]| from != to).count();
                assert!(moved >= 1, "{cubes:?} {number}");
            }
            assert_eq!(Cubes::find(cubes.id()), Some(cubes));
        }
        assert_eq!(Cubes::find("cube-single-v0"), None);
    }
}
