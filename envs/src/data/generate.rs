//! The D4RL maze2d data generator.
//!
//! One continuous run that is never reset: the waypoint controller drives to random free cells, its
//! actions blurred by noise. Peculiarities of the published files are kept on purpose, each beside the
//! line that causes it.

use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::StandardNormal;

use super::{
    Dataset, DatasetMetadata, SimulatorState, TimeoutMeaning, WaypointController, WaypointMemory,
    WaypointOptions, WaypointStatus,
};
use crate::EnvError;
use crate::maze::{Maze2dTask, MazeFrame, MazeGeometry, MazeSize, PhysicsProfile, PointMass, maze2d_layout};

/// Name of the generator as written into data files.
pub const GENERATOR_NAME: &str = "forethought-d4rl-maze2d";
/// Version of the generator: raised whenever the same seed gives other rows.
pub const GENERATOR_VERSION: u32 = 1;

/// Half width of the noise around target and start cells.
const CELL_NOISE: f64 = 0.1;
/// Standard deviation of the first velocity.
const START_SPEED: f64 = 0.1;
/// Distance to the evaluation goal that earns the reward.
const GOAL_RADIUS: f64 = 0.5;
/// Rows between two calls of the progress callback.
const PROGRESS_ROWS: usize = 10_000;

/// Settings of [`generate`]; the defaults reproduce the published files, apart from their size.
#[derive(Clone, Debug, PartialEq)]
pub struct GenerateOptions {
    /// Rows to make. D4RL: 1e6, 2e6 and 4e6 for the three sizes.
    pub rows: usize,
    /// Seed of everything random.
    pub seed: u64,
    /// Standard deviation of the noise on actions. The published v1 files have 0.5.
    pub noise: f64,
    /// Record the observation twice when the target changes, as the published files do.
    pub stale_observation: bool,
    /// Contact model; D4RL's is [`PhysicsProfile::MuJoCo2`].
    pub profile: PhysicsProfile,
}

impl Default for GenerateOptions {
    fn default() -> Self {
        Self {
            rows: 1_000_000,
            seed: 0,
            noise: 0.5,
            stale_observation: true,
            profile: PhysicsProfile::MuJoCo2,
        }
    }
}

/// Makes the data set of a `maze2d-*` or `multi2d-*` environment (the two families share their data).
///
/// `progress` is called with (rows done, rows in all) every 10,000 rows and at the end. The result
/// depends on the id and the options alone.
///
/// Row `t` holds the observation the controller saw, the action applied (after noise and clipping), the
/// reward of that *observation* for the task's evaluation goal, and the simulator's state before the
/// action. Where [`GenerateOptions::stale_observation`] is set, the row after a time-out repeats the
/// observation before it; [`Dataset::repair_stale_observations`] undoes that.
///
/// # Errors
/// [`EnvError::UnknownEnvironment`] for other ids; [`EnvError::Data`] for zero rows, more rows than fit
/// into memory, or noise that is negative or not finite.
pub fn generate(
    env_id: &str,
    options: &GenerateOptions,
    progress: &mut dyn FnMut(usize, usize),
) -> Result<Dataset, EnvError> {
    let (task, size) = known_environment(env_id)?;
    if !options.noise.is_finite() || options.noise < 0.0 {
        let problem = format!("action noise is {}; it must be a finite number, 0 or more", options.noise);
        return Err(EnvError::Data { path: env_id.into(), problem });
    }
    let maze = MazeGeometry::new(maze2d_layout(size)?, MazeFrame::D4rl);
    let Some(evaluation_goal) = maze.goal() else {
        return Err(EnvError::Data { path: env_id.into(), problem: "the layout has no goal cell".into() });
    };
    let mut rows = Rows::with_capacity(env_id, options.rows)?;
    let physics = PointMass::new(&maze, options.profile);
    let mut controller = WaypointController::new(
        &maze,
        WaypointOptions { memory: WaypointMemory::Stale, seed: options.seed, ..WaypointOptions::default() },
    )?;
    let mut rng = ChaCha8Rng::seed_from_u64(options.seed);

    let mut target = random_position(&maze, &mut rng);
    controller.set_target(&target)?;
    let [x, y] = random_position(&maze, &mut rng);
    let mut state = [x, y, START_SPEED * normal(&mut rng), START_SPEED * normal(&mut rng)];
    let mut observation = state;
    let mut steps_to_target = 0;

    for row in 0..options.rows {
        let mut action = [0.0; 2];
        let status = controller.act(&observation, &mut action)?;
        action = action.map(|a| (a + options.noise * normal(&mut rng)).clamp(-1.0, 1.0));
        let done = status == WaypointStatus::Arrived || steps_to_target >= size.max_episode_steps();
        let gap = (observation[0] - evaluation_goal[0]).hypot(observation[1] - evaluation_goal[1]);
        let reward = match task {
            Maze2dTask::Dense => (-gap).exp(),
            Maze2dTask::Sparse | Maze2dTask::MultiGoal => f64::from(u8::from(gap <= GOAL_RADIUS)),
        };
        rows.push(&observation, &action, reward, done, &target, &state);

        physics.step(&mut state, action);
        steps_to_target += 1;
        if done {
            target = random_position(&maze, &mut rng);
            controller.set_target(&target)?;
            steps_to_target = 0;
        }
        // D4RL does not look at the new state when it draws a new target: the controller sees the old
        // one again, and so does the file.
        if !(done && options.stale_observation) {
            observation = state;
        }
        if (row + 1) % PROGRESS_ROWS == 0 || row + 1 == options.rows {
            progress(row + 1, options.rows);
        }
    }

    Ok(rows.finish(env_id, options, maze.layout().hash(options.profile)))
}

/// Columns under construction.
#[derive(Default)]
struct Rows {
    observations: Vec<f32>,
    actions: Vec<f32>,
    rewards: Vec<f32>,
    timeouts: Vec<bool>,
    goals: Vec<f32>,
    positions: Vec<f32>,
    velocities: Vec<f32>,
}

impl Rows {
    fn with_capacity(env_id: &str, rows: usize) -> Result<Self, EnvError> {
        let refuse = |problem: String| EnvError::Data { path: env_id.into(), problem };
        if rows == 0 {
            return Err(refuse("zero rows were asked for; ask for at least one".into()));
        }
        let mut new = Self::default();
        let reserve = |values: &mut Vec<f32>, width: usize| {
            let len = rows.saturating_mul(width);
            values
                .try_reserve_exact(len)
                .map_err(|_| refuse(format!("{rows} rows do not fit into memory; ask for fewer")))
        };
        reserve(&mut new.observations, 4)?;
        for pair in [&mut new.actions, &mut new.goals, &mut new.positions, &mut new.velocities] {
            reserve(pair, 2)?;
        }
        reserve(&mut new.rewards, 1)?;
        Ok(new)
    }

    fn push(
        &mut self,
        observation: &[f64; 4],
        action: &[f64; 2],
        reward: f64,
        timeout: bool,
        goal: &[f64; 2],
        state: &[f64; 4],
    ) {
        let [x, y, vx, vy] = state.map(|v| v as f32);
        self.observations.extend(observation.map(|v| v as f32));
        self.actions.extend(action.map(|v| v as f32));
        self.rewards.push(reward as f32);
        self.timeouts.push(timeout);
        self.goals.extend(goal.map(|v| v as f32));
        self.positions.extend([x, y]);
        self.velocities.extend([vx, vy]);
    }

    fn finish(self, env_id: &str, options: &GenerateOptions, layout_hash: String) -> Dataset {
        Dataset {
            env_id: env_id.into(),
            observation_dim: 4,
            action_dim: 2,
            goal_dim: 2,
            terminals: vec![false; self.rewards.len()],
            observations: self.observations,
            actions: self.actions,
            rewards: self.rewards,
            timeouts: self.timeouts,
            goals: Some(self.goals),
            simulator: Some(SimulatorState {
                dim: 2,
                positions: self.positions,
                velocities: self.velocities,
            }),
            metadata: DatasetMetadata {
                seed: Some(options.seed),
                generator: Some(GENERATOR_NAME.into()),
                generator_version: Some(GENERATOR_VERSION),
                layout_hash: Some(layout_hash),
                timeouts: TimeoutMeaning::GoalSwitch,
            },
        }
    }
}

fn known_environment(env_id: &str) -> Result<(Maze2dTask, MazeSize), EnvError> {
    let all = || Maze2dTask::ALL.into_iter().flat_map(|t| MazeSize::ALL.into_iter().map(move |s| (t, s)));
    all().find(|(task, size)| task.id(*size) == env_id).ok_or_else(|| {
        let known: Vec<String> = all().map(|(task, size)| task.id(size)).collect();
        EnvError::UnknownEnvironment {
            id: env_id.into(),
            hint: " to the data generator".into(),
            known: known.join(", "),
        }
    })
}

/// A free cell, the goal cell among them, and uniform noise around its position.
fn random_position(maze: &MazeGeometry, rng: &mut impl Rng) -> [f64; 2] {
    let free = maze.layout().free_cells();
    // A layout has at least one free cell, or it would not have been parsed.
    let cell = free.get(rng.random_range(0..free.len().max(1))).copied();
    let centre = cell.map_or([0.0; 2], |cell| maze.cell_position(cell));
    centre.map(|c| c + rng.random_range(-CELL_NOISE..CELL_NOISE))
}

fn normal(rng: &mut impl Rng) -> f64 {
    rng.sample(StandardNormal)
}
