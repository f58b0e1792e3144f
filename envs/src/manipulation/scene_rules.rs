//! The environment: OGBench's scene, a cube, two buttons, a drawer and a window, each of which is wanted somewhere.

use std::f64::consts::{PI, TAU};
use std::sync::Arc;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use sha2::{Digest, Sha256};

use super::robot::{ACTION, SCALE, STEP_SECONDS, SUBSTEPS, shown};
use super::robot_seen;
use super::rotation::distance;
use super::scene_models::SceneModels;
use super::scene_seen::{self, WANTED};
use super::scene_tasks::{SCENE_TASKS, scene_task};
use super::scene_things::{
    BUTTONS, CUBE_PLACES, DRAWER_OPEN, DRAWER_SCALE, HAND_STARTS, SCENE, SCENE_NUMBERS, SCENE_RADIUS,
    SCENE_STEPS, SceneThings, WINDOW_OPEN, WINDOW_SCALE,
};
use super::scene_world::{Memory, Placement, Rescue, SceneWorld};
use super::within::within;
use crate::environment::check_finite;
use crate::mujoco::{MujocoEnv, MujocoRules, MujocoSim};
use crate::{
    BoxSpace, EnvError, EnvSpec, ObjectsTask, ScoreRange, SharedTask, Start, TimeLimit, Transition,
    WantedThing,
};

/// Half width of the noise on where cube, drawer and window begin, metres.
const NOISE: f64 = 0.01;
/// How far a number may lie outside of where it is allowed, for those that were computed from observations.
const ROUNDING: f64 = 1e-9;
/// A plan's button counts as pressed or not where it is nearer to that.
const HALF: f64 = 0.5;

/// Rules of the scene, as the package's `SceneEnv` has them in its mode for tasks.
///
/// Observation: the robot as [`super::CubeRules`] shows it, but for the hand, which is where it is now; the cube in the same way; of each
/// button whether it is off and whether it is on, where it is pressed to (metres, times 120) and how fast; where the drawer is
/// (metres, times 18) and how fast; the same of the window (times 15).
///
/// Action: as the cubes'. A button that comes 2 cm down is switched. The first locks the drawer when it is off, the second the
/// window: what is locked is damped so much that it hardly moves.
///
/// A goal is what [`SceneThings::shown`] says of where the things are wanted; where the arm ends does not matter. The step in which the
/// cube is within 4 cm of its place, drawer and window are within 4 cm of theirs and both buttons are as wanted earns 1 and
/// ends the episode. A start's `position` is where the things begin, in the same way and without noise.
///
/// A cube that is thrown more than 20 cm out of reach is put back onto the table, as the package does.
pub struct SceneRules {
    spec: EnvSpec,
    world: SceneWorld,
    placement: Placement,
    seed: u64,
    goal: SceneThings,
    aim: Arc<ObjectsTask>,
}

impl SceneRules {
    /// The environment of [`SCENE`], with its time limit, on this user's MuJoCo and assets.
    ///
    /// # Errors
    /// As [`SceneModels::find`].
    pub fn make() -> Result<TimeLimit<MujocoEnv<Self>>, EnvError> {
        TimeLimit::new(Self::with_models(&SceneModels::find()?)?, SCENE_STEPS)
    }

    /// The environment of these models, without a time limit.
    ///
    /// # Errors
    /// [`EnvError::Engine`] where MuJoCo makes no data.
    pub fn with_models(models: &SceneModels) -> Result<MujocoEnv<Self>, EnvError> {
        MujocoEnv::new(models.scene([false; BUTTONS]), Self::new(models)?)
    }

    fn new(models: &SceneModels) -> Result<Self, EnvError> {
        let digest = Sha256::digest(format!("{SCENE}\nogbench-manipulation-1\n{}", models.hash()));
        let spec = EnvSpec {
            features: scene_seen::features(),
            condition: WANTED.to_vec(),
            step_seconds: Some(STEP_SECONDS),
            max_episode_steps: Some(SCENE_STEPS),
            // OGBench scores the share of episodes that succeed, in percent; their return is 1, all others' 0.
            score: Some(ScoreRange { min: 0.0, max: 1.0 }),
            tasks: SCENE_TASKS,
            layout_hash: Some(digest.iter().map(|byte| format!("{byte:02x}")).collect()),
            ..EnvSpec::of_spaces(
                SCENE,
                BoxSpace::symmetric(scene_seen::LEN, f64::INFINITY),
                BoxSpace::symmetric(ACTION, 1.0),
            )
        };
        let goal = SceneThings { cube: CUBE_PLACES[0], buttons: [false; BUTTONS], drawer: 0.0, window: 0.0 };
        let placement = Placement { hand: HAND_STARTS[0], hand_yaw: 0.0, cube_yaw: 0.0, things: goal };
        let world = SceneWorld::new(models).map_err(|error| error.of(SCENE))?;
        Ok(Self { spec, world, placement, seed: 0, goal, aim: aim_at(&goal)? })
    }

    /// Where the things are wanted.
    pub fn goal(&self) -> &SceneThings {
        &self.goal
    }

    /// Where the things are in a simulation of this environment.
    pub fn things(&self, sim: &MujocoSim) -> SceneThings {
        self.world.things(sim)
    }
}

/// What a caller says of where things are.
fn things_of(values: &[f64], what: &str) -> Result<SceneThings, EnvError> {
    check_finite(what, values)?;
    let Ok(values) = <[f64; SCENE_NUMBERS]>::try_from(values) else {
        return Err(EnvError::Mismatch(format!(
            "a {what} of `{SCENE}` has {SCENE_NUMBERS} numbers: the cube's place, two buttons, drawer and window; {} were given",
            values.len()
        )));
    };
    let [low, high] = CUBE_PLACES.map(shown);
    let (drawer, window) = (DRAWER_OPEN * DRAWER_SCALE, WINDOW_OPEN * WINDOW_SCALE);
    let bounds: [(f64, f64); SCENE_NUMBERS] = [
        (low[0], high[0]),
        (low[1], high[1]),
        (low[2], high[2]),
        (0.0, 1.0),
        (0.0, 1.0),
        (drawer, 0.0),
        (0.0, window),
    ];
    let outside = values
        .iter()
        .zip(bounds)
        .position(|(value, (low, high))| *value < low - ROUNDING || *value > high + ROUNDING);
    let between = values[3..3 + BUTTONS].iter().position(|button| (button - button.round()).abs() > ROUNDING);
    if let Some(number) = outside.or(between.map(|button| 3 + button)) {
        let (low, high) = bounds[number];
        let (link, value) = (if between.is_some() { "or" } else { "to" }, values[number]);
        return Err(EnvError::Mismatch(format!(
            "number {number} of a {what} of `{SCENE}` is {low:.2} {link} {high:.2}, as things are shown; {value} was given"
        )));
    }
    let mut things = SceneThings::of_shown(values);
    things.drawer = things.drawer.clamp(DRAWER_OPEN, 0.0);
    things.window = things.window.clamp(0.0, WINDOW_OPEN);
    Ok(things)
}

fn aim_at(goal: &SceneThings) -> Result<Arc<ObjectsTask>, EnvError> {
    let values = goal.shown();
    let thing = |from: usize, to: usize, radius| WantedThing {
        entries: WANTED.get(from..to).unwrap_or_default(),
        values: values.get(from..to).unwrap_or_default(),
        radius,
    };
    let things = [
        thing(0, 3, SCENE_RADIUS * SCALE),
        thing(3, 4, HALF),
        thing(4, 5, HALF),
        thing(5, 6, SCENE_RADIUS * DRAWER_SCALE),
        thing(6, 7, SCENE_RADIUS * WINDOW_SCALE),
    ];
    // While the arm approaches a thing, only the hand moves.
    let along: Vec<usize> = (robot_seen::HAND..robot_seen::HAND + 3).chain(WANTED).collect();
    Ok(Arc::new(ObjectsTask::of_things(&things)?.with_progress(&along)))
}

/// Whether all is as wanted, by the package's tolerances.
fn succeeded(now: &SceneThings, goal: &SceneThings) -> bool {
    distance(now.cube, goal.cube) <= SCENE_RADIUS
        && now.buttons == goal.buttons
        && (now.drawer - goal.drawer).abs() <= SCENE_RADIUS
        && (now.window - goal.window).abs() <= SCENE_RADIUS
}

impl MujocoRules for SceneRules {
    fn spec(&self) -> &EnvSpec {
        &self.spec
    }

    fn substeps(&self) -> usize {
        SUBSTEPS
    }

    /// Tasks are numbered from 1 to 5; without a number the seed draws one. All else is drawn in any case, so that giving a
    /// place or a goal leaves the rest of the episode as it would have been: where the hand is and how it is turned, the cube's
    /// noise and yaw, and the noise of drawer and window.
    fn draw(&mut self, asked: &Start) -> Result<(), EnvError> {
        let goal = asked.goal.as_deref().map(|goal| things_of(goal, "goal")).transpose()?;
        let begun = asked.position.as_deref().map(|at| things_of(at, "start position")).transpose()?;
        let drawn = ChaCha8Rng::seed_from_u64(asked.seed).random_range(1..=SCENE_TASKS);
        let number = asked.task.unwrap_or(drawn);
        let Some([mut things, wanted]) = scene_task(number) else {
            return Err(EnvError::Mismatch(format!(
                "`{SCENE}` has tasks 1 to {SCENE_TASKS}, and task {number} was asked for: choose one of these, or leave the number \
                 out and the seed draws one"
            )));
        };
        let mut random = ChaCha8Rng::seed_from_u64(asked.seed);
        random.set_stream(number as u64);
        let hand = within(HAND_STARTS, &mut random);
        let hand_yaw = random.random_range(-PI..PI);
        let noise = within([[-NOISE; 4], [NOISE; 4]], &mut random);
        let cube_yaw = random.random_range(0.0..TAU);
        things.cube[0] += noise[0];
        things.cube[1] += noise[1];
        things.drawer = (things.drawer + noise[2]).clamp(DRAWER_OPEN, 0.0);
        things.window = (things.window + noise[3]).clamp(0.0, WINDOW_OPEN);
        let goal = goal.unwrap_or(wanted);
        self.aim = aim_at(&goal)?;
        self.goal = goal;
        self.seed = asked.seed;
        self.placement = Placement { hand, hand_yaw, cube_yaw, things: begun.unwrap_or(things) };
        Ok(())
    }

    fn place(&mut self, sim: &mut MujocoSim) -> Result<(), EnvError> {
        self.world.place(&self.placement, Some(self.seed), sim).map_err(|error| error.of(SCENE))
    }

    fn control(&mut self, action: &[f64], sim: &mut MujocoSim, control: &mut [f64]) -> Result<(), EnvError> {
        self.world.control(action, sim, control).map_err(|error| error.of(SCENE))
    }

    fn observe(&mut self, sim: &mut MujocoSim, seen: &mut [f64]) -> Result<(), EnvError> {
        self.world.observe(sim, seen).map_err(|error| error.of(SCENE))
    }

    fn outcome(&mut self, _action: &[f64], sim: &MujocoSim, _seen: &[f64]) -> Transition {
        let success = succeeded(&self.world.things(sim), &self.goal);
        let reward = if success { 1.0 } else { 0.0 };
        Transition { reward, success, terminated: success, ..Transition::default() }
    }

    fn task(&self) -> SharedTask {
        Arc::clone(&self.aim) as SharedTask
    }

    /// Numbers: the goal, and where the buttons' joints were before the last step. Words: which buttons were on before it, wanted; the
    /// episode's seed; how often the cube was put back before.
    fn save(&self, numbers: &mut Vec<f64>, words: &mut Vec<u64>) {
        let memory = self.world.memory();
        let SceneThings { cube, buttons, drawer, window } = self.goal;
        numbers.extend(cube.into_iter().chain([drawer, window]).chain(memory.joints));
        let rescue = memory.rescue.unwrap_or(Rescue { seed: 0, before: 0 });
        words.extend([word_of(memory.buttons), word_of(buttons), rescue.seed, rescue.before]);
    }

    fn restore(&mut self, numbers: &[f64], words: &[u64]) -> Result<(), EnvError> {
        let (&[x, y, z, drawer, window, first, second], &[buttons, wanted, seed, before]) = (numbers, words)
        else {
            return Err(damaged());
        };
        let (Some(buttons), Some(wanted)) = (buttons_of(buttons), buttons_of(wanted)) else {
            return Err(damaged());
        };
        let goal = SceneThings { cube: [x, y, z], buttons: wanted, drawer, window };
        self.aim = aim_at(&goal)?;
        self.goal = goal;
        self.seed = seed;
        let rescue = Some(Rescue { seed, before });
        self.world.recall(Memory { buttons, joints: [first, second], rescue });
        Ok(())
    }

    fn prepare(&mut self, sim: &mut MujocoSim) -> Result<(), EnvError> {
        self.world.lock(sim).map_err(|error| error.of(SCENE))
    }
}

fn damaged() -> EnvError {
    EnvError::Mismatch(format!(
        "a snapshot of `{SCENE}` ends in seven numbers and four words of its rules, of which the first two are 0 to 3: it is damaged, \
         take another"
    ))
}

/// Buttons as the bits of a word.
fn word_of([first, second]: [bool; BUTTONS]) -> u64 {
    u64::from(first) | u64::from(second) << 1
}

fn buttons_of(word: u64) -> Option<[bool; BUTTONS]> {
    (word < 4).then_some([word & 1 == 1, word & 2 == 2])
}
