//! The environments: OGBench's cubes, each of which is wanted at a place.

use std::f64::consts::{PI, TAU};
use std::sync::Arc;

use rand::seq::SliceRandom;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use sha2::{Digest, Sha256};

use super::cube_scene::{CubeModels, CubeScene, ON_TABLE, Placement, cube_at};
use super::cubes_task::CubesTask;
use super::robot::{ACTION, STARTS, STEP_SECONDS, SUBSTEPS, WORKSPACE, place, shown};
use super::rotation::distance;
use super::within::within;
use super::{CUBE_RADIUS, CUBE_TASKS, Cubes, cube_seen};
use crate::environment::check_finite;
use crate::mujoco::{MujocoEnv, MujocoRules, MujocoSim};
use crate::{BoxSpace, EnvError, EnvSpec, ScoreRange, SharedTask, Start, TimeLimit, Transition};

/// Half width of the noise on where a cube begins, metres.
const NOISE: f64 = 0.01;
/// How far a place may lie outside of where places are allowed, for those that were computed from observations.
const ROUNDING: f64 = 1e-9;

/// Rules of the cubes, as the package's `CubeEnv` has them in its mode for tasks.
///
/// Observation: angles and speeds of the arm's six joints; place of the hand; cosine and sine of its yaw; how far the gripper is
/// shut, times 3; contact of the right finger's pad, from 0 to 1; and of each cube its place, its quaternion, cosine and
/// sine of its yaw. Places are shown as tenths of a metre from (0.425, 0, 0). The hand and the contact are those of 2 ms ago, at the
/// beginning of the last time step.
///
/// Action: the hand by up to 5 cm along x, y and z, by up to 0.3 radians of yaw, the gripper by all of its way (1 shuts it). Inverse
/// kinematics turn it into angles that the arm's actuators pull to for 50 ms.
///
/// A goal is a place for each cube, in the order of the cubes and as places are shown; where the arm ends does not matter. The
/// step in which every cube is within 4 cm of its own earns 1 and ends the episode. The package shows a policy the whole
/// observation at the goal, the arm's after two random actions included; none of that is wanted of it, and none is drawn here.
///
/// A start's `position` is a place for each cube in the same way, without noise.
pub struct CubeRules {
    spec: EnvSpec,
    cubes: Cubes,
    scene: CubeScene,
    placement: Placement,
    /// Where the cubes are wanted, metres.
    goals: Vec<[f64; 3]>,
    aim: Arc<CubesTask>,
}

impl CubeRules {
    /// The environment of this name, with its time limit, on this user's MuJoCo and assets.
    ///
    /// # Errors
    /// As [`CubeModels::find`].
    pub fn make(cubes: Cubes) -> Result<TimeLimit<MujocoEnv<Self>>, EnvError> {
        TimeLimit::new(Self::with_models(&CubeModels::find(cubes)?)?, cubes.episode_steps())
    }

    /// The environment of these models, without a time limit.
    ///
    /// # Errors
    /// [`EnvError::Engine`] where MuJoCo makes no data.
    pub fn with_models(models: &CubeModels) -> Result<MujocoEnv<Self>, EnvError> {
        MujocoEnv::new(models.scene(), Self::new(models)?)
    }

    fn new(models: &CubeModels) -> Result<Self, EnvError> {
        let cubes = models.cubes();
        let count = cubes.count();
        let id = cubes.id();
        let digest = Sha256::digest(format!("{id}\nogbench-manipulation-1\n{}", models.hash()));
        let spec = EnvSpec {
            features: cube_seen::features(count),
            condition: cube_seen::places(count),
            interchangeable: if count > 1 { cube_seen::things(count) } else { Vec::new() },
            step_seconds: Some(STEP_SECONDS),
            max_episode_steps: Some(cubes.episode_steps()),
            // OGBench scores the share of episodes that succeed, in percent; their return is 1, all others' 0.
            score: Some(ScoreRange { min: 0.0, max: 1.0 }),
            tasks: CUBE_TASKS,
            layout_hash: Some(digest.iter().map(|byte| format!("{byte:02x}")).collect()),
            ..EnvSpec::of_spaces(
                id,
                BoxSpace::symmetric(cube_seen::len(count), f64::INFINITY),
                BoxSpace::symmetric(ACTION, 1.0),
            )
        };
        let goals = vec![[0.0, 0.0, ON_TABLE]; count];
        let aim = Arc::new(CubesTask::new(&goals)?);
        let placement = Placement { cubes: vec![([0.0; 3], 0.0); count], ..Placement::default() };
        let scene = models.world().map_err(|error| error.of(id))?;
        Ok(Self { spec, cubes, scene, placement, goals, aim })
    }

    /// Where each cube is wanted, metres.
    pub fn goals(&self) -> &[[f64; 3]] {
        &self.goals
    }

    /// Places that a caller names, metres.
    fn places(&self, values: &[f64], what: &str) -> Result<Vec<[f64; 3]>, EnvError> {
        let (id, count) = (self.cubes.id(), self.cubes.count());
        check_finite(what, values)?;
        if values.len() != 3 * count {
            return Err(EnvError::Mismatch(format!(
                "a {what} of `{id}` has {} numbers, three for each cube; {} were given",
                3 * count,
                values.len()
            )));
        }
        let places: Vec<[f64; 3]> = values.as_chunks::<3>().0.iter().map(|shown| place(*shown)).collect();
        let [low, high] = WORKSPACE;
        let outside = |at: &&[f64; 3]| {
            let bounds = low.iter().zip(high);
            at.iter().zip(bounds).any(|(x, (low, high))| *x < low - ROUNDING || *x > high + ROUNDING)
        };
        if let Some(at) = places.iter().find(outside) {
            let [low, high] = WORKSPACE.map(shown);
            return Err(EnvError::Mismatch(format!(
                "a cube of `{id}` lies between {low:?} and {high:?}, as places are shown; the {what} has one at {:?}",
                shown(*at)
            )));
        }
        Ok(places)
    }
}

impl MujocoRules for CubeRules {
    fn spec(&self) -> &EnvSpec {
        &self.spec
    }

    fn substeps(&self) -> usize {
        SUBSTEPS
    }

    /// Tasks are numbered from 1 to 5; without a number the seed draws one. All else is drawn in any case, so that giving a
    /// place or a goal leaves the rest of the episode as it would have been: which cube is which, where the hand is and how it is
    /// turned, and each cube's noise and yaw.
    fn draw(&mut self, asked: &Start) -> Result<(), EnvError> {
        let goals = asked.goal.as_deref().map(|goal| self.places(goal, "goal")).transpose()?;
        let begun = asked.position.as_deref().map(|at| self.places(at, "start position")).transpose()?;
        let drawn = ChaCha8Rng::seed_from_u64(asked.seed).random_range(1..=CUBE_TASKS);
        let number = asked.task.unwrap_or(drawn);
        let Some(task) = self.cubes.task(number) else {
            return Err(EnvError::Mismatch(format!(
                "`{}` has tasks 1 to {CUBE_TASKS}, and task {number} was asked for: choose one of these, or leave the number \
                 out and the seed draws one",
                self.cubes.id()
            )));
        };
        let mut random = ChaCha8Rng::seed_from_u64(asked.seed);
        random.set_stream(number as u64);
        let mut order: Vec<usize> = (0..task.len()).collect();
        order.shuffle(&mut random);
        let task: Vec<[[f64; 3]; 2]> = order.iter().filter_map(|cube| task.get(*cube)).copied().collect();
        let hand = within(STARTS, &mut random);
        let hand_yaw = random.random_range(-PI..PI);
        let mut cubes = Vec::with_capacity(task.len());
        for (cube, [[x, y, z], _]) in task.iter().enumerate() {
            let [dx, dy] = within([[-NOISE; 2], [NOISE; 2]], &mut random);
            let drawn = [x + dx, y + dy, *z];
            let at = begun.as_ref().and_then(|begun| begun.get(cube)).copied().unwrap_or(drawn);
            cubes.push((at, random.random_range(0.0..TAU)));
        }
        let goals = goals.unwrap_or_else(|| task.iter().map(|[_, goal]| *goal).collect());
        self.aim = Arc::new(CubesTask::new(&goals)?);
        self.goals = goals;
        self.placement = Placement { hand, hand_yaw, cubes };
        Ok(())
    }

    fn place(&mut self, sim: &mut MujocoSim) -> Result<(), EnvError> {
        self.scene.place(&self.placement, sim).map_err(|error| error.of(self.cubes.id()))
    }

    fn control(&mut self, action: &[f64], sim: &mut MujocoSim, control: &mut [f64]) -> Result<(), EnvError> {
        self.scene.robot.control(action, sim, control).map_err(|error| error.of(self.cubes.id()))
    }

    fn observe(&mut self, sim: &mut MujocoSim, seen: &mut [f64]) -> Result<(), EnvError> {
        self.scene.observe(sim, seen).map_err(|error| error.of(self.cubes.id()))
    }

    fn outcome(&mut self, _action: &[f64], sim: &MujocoSim, _seen: &[f64]) -> Transition {
        let there = |(cube, goal): (usize, &[f64; 3])| distance(cube_at(sim, cube), *goal) <= CUBE_RADIUS;
        let success = self.goals.iter().enumerate().all(there);
        let reward = if success { 1.0 } else { 0.0 };
        Transition { reward, success, terminated: success, ..Transition::default() }
    }

    fn task(&self) -> SharedTask {
        Arc::clone(&self.aim) as SharedTask
    }

    fn save(&self, numbers: &mut Vec<f64>, _words: &mut Vec<u64>) {
        numbers.extend(self.goals.iter().flatten());
    }

    fn restore(&mut self, numbers: &[f64], words: &[u64]) -> Result<(), EnvError> {
        let (goals, rest) = numbers.as_chunks::<3>();
        if goals.len() != self.cubes.count() || !rest.is_empty() || !words.is_empty() {
            return Err(EnvError::Mismatch(format!(
                "a snapshot of `{}` ends in the {} numbers of its goal: it is damaged, take another",
                self.cubes.id(),
                3 * self.cubes.count()
            )));
        }
        self.aim = Arc::new(CubesTask::new(goals)?);
        self.goals = goals.to_vec();
        Ok(())
    }
}
