//! Offline data of the mazes: the waypoint controller drives from target to target in one run that is
//! never reset, its actions blurred by noise.
//!
//! For `maze2d` this is D4RL's generator, and peculiarities of the published files are kept on purpose,
//! each beside the line that causes it. For `PointMaze` it is the same idea without them.

use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::StandardNormal;

use crate::EnvError;
use crate::data::{Dataset, DatasetMetadata, RewardConvention, TimeoutMeaning};
use crate::maze::columns::{Columns, Row};
use crate::maze::{
    MazeEnv, MazeFrame, MazeGeometry, MazeName, PhysicsProfile, WaypointAim, WaypointController,
    WaypointMemory, WaypointOptions, WaypointStatus,
};

/// Name of the generator of `maze2d` and `multi2d` data, as written into files.
pub const MAZE2D_GENERATOR: &str = "forethought-d4rl-maze2d";
/// Name of the generator of `PointMaze` data, as written into files.
pub const POINT_MAZE_GENERATOR: &str = "forethought-point-maze";
/// Version of both generators: raised whenever the same seed gives other rows.
pub const GENERATOR_VERSION: u32 = 1;

/// Rows between two calls of the progress callback.
const PROGRESS_ROWS: usize = 10_000;

/// Settings of [`generate`]; the defaults reproduce the published maze2d files, apart from their size.
#[derive(Clone, Debug, PartialEq)]
pub struct GenerateOptions {
    /// Rows to make. D4RL: 1e6, 2e6 and 4e6 for the three sizes.
    pub rows: usize,
    /// Seed of everything random.
    pub seed: u64,
    /// Standard deviation of the noise on actions. The published v1 files have 0.5.
    pub noise: f64,
    /// Record the observation twice when the target changes, as the published maze2d files do. `PointMaze`
    /// data never do.
    pub stale_observation: bool,
    /// Contact model; the suite's own unless given.
    pub profile: Option<PhysicsProfile>,
}

impl Default for GenerateOptions {
    fn default() -> Self {
        Self { rows: 1_000_000, seed: 0, noise: 0.5, stale_observation: true, profile: None }
    }
}

/// Makes the data set of a maze environment. `maze2d-*` and `multi2d-*` share their data.
///
/// The run starts anywhere and visits every free cell, wherever a maze has its `S` and `G`.
/// `progress` is called with (rows done, rows in all) every 10,000 rows and at the end. The result
/// depends on the id and the options alone.
///
/// Row `t` holds the observation the controller saw, the action applied (after noise and clipping), the
/// target pursued and the simulator's state before the action. Its reward is
/// - for `maze2d` that of the *observation* for the maze's `G` cell (for the pursued target where there
///   is none), one row later than the step that earned it, as in D4RL's files;
/// - for `PointMaze` that of the step: what the environment pays for reaching the next state while the
///   row's target is the goal.
///
/// Where [`GenerateOptions::stale_observation`] is set, the row after a time-out of `maze2d` repeats the
/// observation before it; [`Dataset::repair_stale_observations`] undoes that.
///
/// # Errors
/// [`EnvError::UnknownEnvironment`] for other ids, [`EnvError::Layout`] for a malformed maze;
/// [`EnvError::Data`] for zero rows, more rows than fit into memory, or noise that is negative or not
/// finite.
pub fn generate(
    env_id: &str,
    options: &GenerateOptions,
    progress: &mut dyn FnMut(usize, usize),
) -> Result<Dataset, EnvError> {
    let env = MazeName::demand(env_id)?.make(options.profile)?;
    if !options.noise.is_finite() || options.noise < 0.0 {
        let problem = format!("action noise is {}; it must be a finite number, 0 or more", options.noise);
        return Err(EnvError::Data { path: env_id.into(), problem });
    }
    let (rules, maze, physics) = (env.rules(), env.geometry(), env.physics());
    let d4rl = maze.frame() == MazeFrame::D4rl;
    let mut columns = Columns::with_capacity(env_id, 4, options.rows)?;
    let mut controller = WaypointController::new(maze, waypoint_options(maze.frame(), options.seed))?;
    let mut rng = ChaCha8Rng::seed_from_u64(options.seed);

    let mut target = random_position(maze, rules.start_noise, &mut rng);
    controller.set_target(&target)?;
    let [x, y] = random_position(maze, rules.start_noise, &mut rng);
    let mut state = [x, y, rules.start_speed * normal(&mut rng), rules.start_speed * normal(&mut rng)];
    let mut observation = state;
    let mut steps_to_target = 0;

    for row in 0..options.rows {
        let mut action = [0.0; 2];
        let status = controller.act(&observation, &mut action)?;
        action = action.map(|a| (a + options.noise * normal(&mut rng)).clamp(-1.0, 1.0));
        let done = status == WaypointStatus::Arrived || steps_to_target >= rules.max_episode_steps;
        let before = state;
        physics.step(&mut state, action);
        let reward = if d4rl {
            rules.reward([observation[0], observation[1]], maze.goal().unwrap_or(target))
        } else {
            rules.reward([state[0], state[1]], target)
        };
        let [x, y, vx, vy] = before;
        columns.push(&Row {
            observation: &observation,
            action,
            reward,
            timeout: done,
            goal: target,
            position: [x, y],
            velocity: [vx, vy],
        });

        steps_to_target += 1;
        if done {
            target = random_position(maze, rules.start_noise, &mut rng);
            controller.set_target(&target)?;
            steps_to_target = 0;
        }
        // D4RL does not look at the new state when it draws a new target: the controller sees the old
        // one again, and so does the file.
        if !(done && d4rl && options.stale_observation) {
            observation = state;
        }
        if (row + 1) % PROGRESS_ROWS == 0 || row + 1 == options.rows {
            progress(row + 1, options.rows);
        }
    }
    Ok(columns.finish(&env.rules().id, metadata(&env, options.seed)))
}

/// How the controller drives in the data of each suite. D4RL's heads for the middle of the target's cell;
/// the other goes all the way to the target, as gymnasium-robotics' own does.
fn waypoint_options(frame: MazeFrame, seed: u64) -> WaypointOptions {
    let aim = match frame {
        MazeFrame::D4rl => WaypointAim::Cell,
        MazeFrame::Centred => WaypointAim::Target,
    };
    WaypointOptions { memory: WaypointMemory::Stale, aim, seed, ..WaypointOptions::default() }
}

/// Where the data come from.
fn metadata(env: &MazeEnv, seed: u64) -> DatasetMetadata {
    let (generator, rewards) = match env.geometry().frame() {
        MazeFrame::D4rl => (MAZE2D_GENERATOR, RewardConvention::OfObservation),
        MazeFrame::Centred => (POINT_MAZE_GENERATOR, RewardConvention::OfAction),
    };
    DatasetMetadata {
        seed: Some(seed),
        generator: Some(generator.into()),
        generator_version: Some(GENERATOR_VERSION),
        layout_hash: Some(env.geometry().layout().hash(env.physics().profile())),
        timeouts: TimeoutMeaning::GoalSwitch,
        rewards,
        ..DatasetMetadata::default()
    }
}

/// A free cell, the goal cell among them, and uniform noise around its position.
fn random_position(maze: &MazeGeometry, noise: f64, rng: &mut impl Rng) -> [f64; 2] {
    let free = maze.layout().free_cells();
    // A layout has at least one free cell, or it would not have been parsed.
    let cell = free.get(rng.random_range(0..free.len().max(1))).copied();
    let centre = cell.map_or([0.0; 2], |cell| maze.cell_position(cell));
    centre.map(|c| c + rng.random_range(-noise..noise))
}

fn normal(rng: &mut impl Rng) -> f64 {
    rng.sample(StandardNormal)
}
