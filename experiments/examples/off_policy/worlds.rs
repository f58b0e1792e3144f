//! Environments, ten policies of different quality in each, and what acts in their data.

use std::collections::VecDeque;

use forethought_envs::data::Dataset;
use forethought_envs::maze::{MazeGeometry, maze_layout};
use forethought_envs::toy_car::{TOY_CAR, TOY_CAR_MOST_FACTOR, ToyCarDriver};
use forethought_envs::{EnvError, Environment, GoalTask, Policy, SharedTask, Start, make, policy};
use forethought_policies::PolicyError;
use forethought_policies::off_policy::{Criterion, GaussianPolicy, StochasticPolicy};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::sync::Arc;

/// Mean action of an observation.
pub type Mean = Box<dyn FnMut(&[f64], &mut [f64]) -> Result<(), PolicyError>>;

/// What is evaluated where.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum World {
    Umaze,
    Teleport,
    ToyCar,
}

pub const WORLDS: [World; 3] = [World::Umaze, World::Teleport, World::ToyCar];

/// Goal in the teleport maze, and where episodes begin: around it, the nearest at the side of an entrance.
const TELEPORT_GOAL: [f64; 2] = [36.0, 24.0];

/// Time gap that the best of the toy car's drivers keeps; the data's keep up to the longest that there is.
const NEAREST: f64 = 1.2;

/// Noise of all policies.
const NOISE: f64 = 0.4;
/// Between one policy's share of the reference and the next one's.
const STEP: f64 = 0.08;

impl World {
    pub fn id(self) -> &'static str {
        match self {
            Self::Umaze => "maze2d-umaze-v1",
            Self::Teleport => "pointmaze-teleport-stitch-v0",
            Self::ToyCar => TOY_CAR,
        }
    }

    pub fn criterion(self) -> Criterion {
        let (discount, horizon) = match self {
            Self::Umaze => (0.99, 100),
            Self::Teleport => (0.99, 100),
            Self::ToyCar => (1.0, 40),
        };
        Criterion { discount, horizon: Some(horizon) }
    }

    /// Shares of the reference in the ten policies, and which reference.
    pub fn policies(self) -> Vec<(String, f64, f64)> {
        (0..10)
            .map(|i| {
                let share = 1.0 - STEP * f64::from(i);
                match self {
                    Self::Umaze | Self::ToyCar => (format!("share {share:.2}"), share, 0.0),
                    Self::Teleport => {
                        let plain = if i % 2 == 0 { 1.0 } else { 0.5 };
                        let name = if i % 2 == 0 { "straight" } else { "wavering" };
                        (format!("{name} {share:.2}"), share, plain)
                    }
                }
            })
            .collect()
    }

    pub fn mean(self, share: f64, plain: f64) -> Result<Mean, EnvError> {
        Ok(match self {
            Self::Umaze => {
                let Some(maze) = maze_layout(self.id()) else {
                    return Err(EnvError::Mismatch("no maze of this name".into()));
                };
                let routes = Routes::new(&maze);
                Box::new(move |seen, action| {
                    routes.drive(seen, action);
                    action.iter_mut().for_each(|a| *a *= share);
                    Ok(())
                })
            }
            Self::Teleport => {
                let task: SharedTask = Arc::new(GoalTask::new(&[0, 1], &TELEPORT_GOAL, 1.0));
                let mut ways = [policy(self.id(), "oracle-careful")?, policy(self.id(), "oracle")?];
                for way in &mut ways {
                    way.reset(0, &task)?;
                }
                let mut other = [0.0; 2];
                let [mut careful, mut direct] = ways;
                Box::new(move |seen, action| {
                    careful.act(seen, action)?;
                    direct.act(seen, &mut other)?;
                    for (a, b) in action.iter_mut().zip(other) {
                        *a = share * ((1.0 - plain) * *a + plain * b);
                    }
                    Ok(())
                })
            }
            Self::ToyCar => {
                let driver =
                    ToyCarDriver { factor: NEAREST + (TOY_CAR_MOST_FACTOR - NEAREST) * (1.0 - share) };
                Box::new(move |seen, action| {
                    if let (&[a, b, c, d], [out]) = (seen, action) {
                        *out = driver.act([a, b, c, d]);
                    }
                    Ok(())
                })
            }
        })
    }

    pub fn target(self, share: f64, plain: f64) -> Result<GaussianPolicy<Mean>, PolicyError> {
        let width = if self == Self::ToyCar { 1 } else { 2 };
        GaussianPolicy::new(self.mean(share, plain)?, &vec![NOISE; width])
    }

    /// Who drives in the data: half a step beside each policy, and one more.
    pub fn drivers(self) -> Result<Vec<GaussianPolicy<Mean>>, PolicyError> {
        let of = |(_, share, plain): &(String, f64, f64)| self.target(share + 0.5 * STEP, *plain);
        self.policies().iter().map(of).collect()
    }

    fn start(self, seed: u64) -> Start {
        match self {
            Self::Teleport => {
                let mut rng = ChaCha8Rng::seed_from_u64(seed ^ 0x7374_6172);
                // A third begins beside an entrance, the others on the last cells of the way.
                let cells =
                    [[20.0, 15.0], [20.0, 15.0], [36.0, 8.0], [36.0, 12.0], [36.0, 16.0], [32.0, 8.0]];
                let [x, y]: [f64; 2] = cells[rng.random_range(0..cells.len())];
                let mut near = |at: f64| at + rng.random_range(-0.8..0.8);
                let position = vec![near(x), near(y)];
                Start { position: Some(position), ..Start::seed(seed) }.with_goal(&TELEPORT_GOAL)
            }
            _ => Start::seed(seed),
        }
    }

    /// One episode: rows into `data` where there is one; its return.
    pub fn roll(
        self,
        env: &mut dyn Environment,
        policy: &mut dyn StochasticPolicy,
        seed: u64,
        mut data: Option<&mut Dataset>,
    ) -> Result<f64, PolicyError> {
        let Criterion { discount, horizon } = self.criterion();
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        rng.set_stream(0x6163_7473);
        env.reset(&self.start(seed))?;
        let mut action = vec![0.0; env.spec().action.len()];
        let (mut sum, mut weight) = (0.0, 1.0);
        let horizon = horizon.unwrap_or(usize::MAX);
        for step in 0..horizon {
            policy.sample(env.observation(), &mut rng, &mut action)?;
            if let Some(data) = &mut data {
                data.observations.extend(env.observation().iter().map(|&x| x as f32));
                data.actions.extend(action.iter().map(|&x| x as f32));
            }
            let done = env.step(&action)?;
            sum += weight * done.reward;
            weight *= discount;
            if let Some(data) = &mut data {
                data.rewards.push(done.reward as f32);
                data.terminals.push(done.terminated);
                data.timeouts.push(!done.terminated && step + 1 == horizon);
            }
            if done.terminated {
                break;
            }
        }
        Ok(sum)
    }

    /// Episodes of seeds from `first` on, each driven by one of the drivers, drawn at its beginning, and `ln b(a_t | s_0, a_0, ..
    /// s_t)` of each row: the mixture of all drivers, each as likely as what it has done so far leaves it.
    pub fn collect(self, first: u64, episodes: usize) -> Result<(Dataset, Vec<f64>), PolicyError> {
        let mut env = make(self.id())?;
        let (o, a) = (env.spec().observation.len(), env.spec().action.len());
        let mut data = Dataset::of_rows(self.id(), [o, a], Vec::new(), Vec::new());
        let (mut drivers, mut densities) = (self.drivers()?, Vec::new());
        let wide = |values: Option<&[f32]>| -> Vec<f64> {
            values.unwrap_or_default().iter().map(|&x| f64::from(x)).collect()
        };
        for seed in (first..).take(episodes) {
            let mut rng = ChaCha8Rng::seed_from_u64(seed);
            rng.set_stream(0x6472_6976);
            let who = rng.random_range(0..drivers.len());
            let from = data.len();
            self.roll(env.as_mut(), &mut drivers[who], seed, Some(&mut data))?;
            // Logarithm of the joint density of what was done so far, driver by driver.
            let (mut joint, mut before) = (vec![0.0; drivers.len()], 0.0);
            for row in from..data.len() {
                let (observation, action) = (wide(data.observation(row)), wide(data.action(row)));
                for (joint, driver) in joint.iter_mut().zip(&mut drivers) {
                    *joint += driver.log_density(&observation, &action)?.unwrap_or(f64::NEG_INFINITY);
                }
                let most = joint.iter().copied().fold(f64::NEG_INFINITY, f64::max);
                let mean = joint.iter().map(|log| (log - most).exp()).sum::<f64>() / joint.len() as f64;
                let now = most + mean.ln();
                densities.push(now - before);
                before = now;
            }
        }
        Ok((data, densities))
    }
}

/// The next cell's middle from each cell of a maze with one goal.
struct Routes {
    maze: MazeGeometry,
    goal: [f64; 2],
    cols: usize,
    next: Vec<[f64; 2]>,
}

impl Routes {
    fn new(maze: &MazeGeometry) -> Self {
        let goal = maze.goal().unwrap_or_default();
        let cols = maze.layout().cols();
        let mut next = vec![goal; maze.layout().rows() * cols];
        let mut seen = vec![false; next.len()];
        let mut queue: VecDeque<_> = maze.layout().goal().into_iter().collect();
        for cell in &queue {
            seen[cell.row * cols + cell.col] = true;
        }
        while let Some(cell) = queue.pop_front() {
            for near in maze.layout().neighbours(cell) {
                let at = near.row * cols + near.col;
                if !seen[at] {
                    seen[at] = true;
                    next[at] = maze.cell_position(cell);
                    queue.push_back(near);
                }
            }
        }
        Self { maze: maze.clone(), goal, cols, next }
    }

    /// D4RL's proportional-derivative law on the way to the next cell's middle.
    fn drive(&self, seen: &[f64], action: &mut [f64]) {
        if let (&[x, y, vx, vy], [ax, ay]) = (seen, action) {
            let cell = self.maze.nearest_cell([x, y]);
            let aim = cell.map_or(self.goal, |cell| self.next[cell.row * self.cols + cell.col]);
            *ax = (10.0 * (aim[0] - x) - vx).clamp(-1.0, 1.0);
            *ay = (10.0 * (aim[1] - y) - vy).clamp(-1.0, 1.0);
        }
    }
}
