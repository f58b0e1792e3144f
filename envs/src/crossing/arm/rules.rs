//! The environment around arm and obstacles.

use std::sync::Arc;

use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use sha2::{Digest, Sha256};

use super::shape::{directions, hand, points, touches};
use super::state::{HAND, collided, features, space};
use super::{
    CROSSING_ARM_GOALS, CROSSING_ARM_JOINTS, CROSSING_ARM_LANES, CROSSING_ARM_LAW, CROSSING_ARM_OBSTACLES,
    CROSSING_ARM_RATES, CROSSING_ARM_STEP_SECONDS, CrossingArmState, CrossingArmTask,
};
use crate::crossing::CrossingCourse;
use crate::crossing::hall::distance;
use crate::environment::check_finite;
use crate::mujoco::{MujocoEnv, MujocoLibrary, MujocoModel, MujocoPart, MujocoRules, MujocoSim};
use crate::{BoxSpace, EnvError, EnvSpec, ScoreRange, SharedTask, Start, TimeLimit, Transition};

/// Registered name.
pub const CROSSING_ARM: &str = "crossing-arm-mujoco-v0";
/// Steps of an episode at most: 5 s, about three times what the `sampler` needs.
pub const CROSSING_ARM_EPISODE_STEPS: usize = 100;

pub(super) const MODEL: &str = include_str!("arm.xml");
/// Time steps of 5 ms in a step, after each of which bodies are held against one another. Two that come towards each other as
/// fast as can be move by 1.3 cm in one, so that less than half a millimetre of a touch goes unseen. All but the last are taken here.
const PARTS: usize = 10;
/// Where the arm lies folded, or the mirror image of it, and how far each joint may be off.
pub(super) const FOLDED: [f64; CROSSING_ARM_JOINTS] = [1.35, -2.65, 2.6];
const OFF: f64 = 0.1;
/// Height of an obstacle's centre: it stands on the table.
const HEIGHT: f64 = 0.045;

/// Rules of the arm. Observation: [`CrossingArmState`]. Action: the speed of each joint that its motor is to hold, in parts of
/// [`CROSSING_ARM_RATES`], clipped to +-1. Motors reach it in a tenth to a third of a second, as their torque is limited.
///
/// The reward of a step is the share of the hand's way that it did, of 100, less 0.15; the step that arrives earns what is left of the
/// 100. A collision costs 100 and terminates the episode; so does arrival, with success.
///
/// Arm and obstacle have collided when an obstacle's centre is nearer to the middle line of any link than both radii, seen
/// from above. Who touches, stops: all stand where they were found, so that a collision is seen in the state that follows. No forces
/// pass between them.
///
/// What an obstacle decides comes from the seed, out of a stream of its own, when it comes to its line; nothing that is
/// observed tells it before, and nothing that the arm does has a part in it. A step is one of chance ([`Transition::chance`]) when a
/// decision shows for the first time, be it to go on, or when an obstacle that stood sets off.
///
/// The goal is observed, and not shown to networks as where a sequence ends, for the reason that
/// [`crate::crossing::CrossingEnv`] has.
#[derive(Clone, Debug)]
pub struct CrossingArm {
    spec: EnvSpec,
    task: CrossingArmTask,
    start: [f64; CROSSING_ARM_JOINTS],
    seed: u64,
    obstacles: [CrossingCourse; CROSSING_ARM_OBSTACLES],
    chances: [ChaCha8Rng; CROSSING_ARM_OBSTACLES],
    /// Whether chance has a say in the step under way.
    chance: bool,
    /// Where the hand was before it.
    from: [f64; 2],
    /// Nothing touches any more: obstacles pass through the arm. For what data record behind an episode's end.
    pub(super) passes: bool,
}

impl CrossingArm {
    /// The environment, with its time limit.
    ///
    /// # Errors
    /// [`EnvError::Engine`] where MuJoCo cannot be had.
    pub fn make() -> Result<TimeLimit<MujocoEnv<Self>>, EnvError> {
        let library = MujocoLibrary::find().map_err(|error| error.of(CROSSING_ARM))?;
        TimeLimit::new(Self::of_model(&Self::model(&library)?)?, CROSSING_ARM_EPISODE_STEPS)
    }

    /// The model, compiled.
    ///
    /// # Errors
    /// [`EnvError::Engine`] where it does not load.
    pub fn model(library: &MujocoLibrary) -> Result<MujocoModel, EnvError> {
        MujocoModel::from_text(library, MODEL).map_err(|error| error.of(CROSSING_ARM))
    }

    /// The environment of [`Self::model`], without a time limit.
    ///
    /// # Errors
    /// [`EnvError::Engine`] where MuJoCo makes no data.
    pub fn of_model(model: &MujocoModel) -> Result<MujocoEnv<Self>, EnvError> {
        MujocoEnv::new(model, Self::new()?)
    }

    pub(super) fn new() -> Result<Self, EnvError> {
        let hash: String = Sha256::digest(MODEL).iter().map(|byte| format!("{byte:02x}")).collect();
        let spec = EnvSpec {
            features: features(),
            step_seconds: Some(CROSSING_ARM_STEP_SECONDS),
            score: Some(ScoreRange { min: 0.0, max: 100.0 }),
            layout_hash: Some(hash),
            ..EnvSpec::of_spaces(CROSSING_ARM, space()?, BoxSpace::symmetric(CROSSING_ARM_JOINTS, 1.0))
        };
        let Episode { start, goal, obstacles, chances } = Episode::of(0);
        let from = hand(&points(&directions(start)));
        let task = CrossingArmTask::new(goal, distance(from, goal));
        Ok(Self { spec, task, start, seed: 0, obstacles, chances, chance: false, from, passes: false })
    }

    /// What the running episode is for.
    pub fn reaching(&self) -> CrossingArmTask {
        self.task
    }

    /// The obstacles, with what no observation shows of them.
    pub fn obstacles(&self) -> &[CrossingCourse; CROSSING_ARM_OBSTACLES] {
        &self.obstacles
    }

    /// The goal that the episode has: the caller's, or that of the seed.
    fn goal(asked: Option<&[f64]>, drawn: [f64; 2]) -> Result<[f64; 2], EnvError> {
        let Some(asked) = asked else { return Ok(drawn) };
        let &[x, y] = asked else {
            return Err(EnvError::Mismatch(format!(
                "a goal of `{CROSSING_ARM}` is (x, y): {} numbers were given",
                asked.len()
            )));
        };
        check_finite("goal", asked)?;
        let [[left, near], [right, far]] = CROSSING_ARM_GOALS;
        if !((left..=right).contains(&x) && (near..=far).contains(&y)) {
            return Err(EnvError::Mismatch(format!(
                "the goal ({x}, {y}) of `{CROSSING_ARM}` lies outside of where goals are: choose x in [{left}, {right}], y in \
                 [{near}, {far}]"
            )));
        }
        Ok([x, y])
    }

    /// Whether an obstacle is touched where arm and obstacles are after a part of the step, 0 to 1.
    fn touched(&self, sim: &MujocoSim, part: f64) -> bool {
        let places = self.obstacles.each_ref().map(|obstacle| CROSSING_ARM_LAW.after(obstacle, part));
        !self.passes && touches(&points(&directions(joints(sim.positions()))), places)
    }

    /// Puts the discs of the model where the obstacles are.
    fn show(&self, sim: &mut MujocoSim) -> Result<(), EnvError> {
        let [near, far] = self.obstacles.each_ref().map(|obstacle| obstacle.at);
        sim.write(MujocoPart::MocapPlaces, &places([near, far])).map_err(|error| error.of(CROSSING_ARM))
    }
}

/// Places of the model's discs, of obstacles at these x.
pub(super) fn places([near, far]: [f64; CROSSING_ARM_OBSTACLES]) -> [f64; 3 * CROSSING_ARM_OBSTACLES] {
    let [near_lane, far_lane] = CROSSING_ARM_LANES;
    [near, near_lane, HEIGHT, far, far_lane, HEIGHT]
}

/// The joints' part of positions or speeds, which is all that the model has.
fn joints(of: &[f64]) -> [f64; CROSSING_ARM_JOINTS] {
    of.try_into().unwrap_or([f64::NAN; CROSSING_ARM_JOINTS])
}

/// What a seed gives an episode.
struct Episode {
    start: [f64; CROSSING_ARM_JOINTS],
    goal: [f64; 2],
    obstacles: [CrossingCourse; CROSSING_ARM_OBSTACLES],
    /// The streams that obstacles decide by.
    chances: [ChaCha8Rng; CROSSING_ARM_OBSTACLES],
}

impl Episode {
    fn of(seed: u64) -> Self {
        let stream = |number: u64| {
            let mut rng = ChaCha8Rng::seed_from_u64(seed);
            rng.set_stream(number);
            rng
        };
        let (start, goal) = draw_ends(&mut stream(0));
        let mut chances = std::array::from_fn(|obstacle| stream(1 + obstacle as u64));
        let obstacles = chances.each_mut().map(|own| CROSSING_ARM_LAW.draw(own));
        Self { start, goal, obstacles, chances }
    }
}

/// A folded arm before the lanes, and a goal behind them.
fn draw_ends(rng: &mut impl Rng) -> ([f64; CROSSING_ARM_JOINTS], [f64; 2]) {
    let side = if rng.random_bool(0.5) { 1.0 } else { -1.0 };
    let start = FOLDED.map(|angle| side * angle + OFF * (2.0 * rng.random::<f64>() - 1.0));
    let [low, high] = CROSSING_ARM_GOALS;
    let goal = std::array::from_fn(|axis| low[axis] + (high[axis] - low[axis]) * rng.random::<f64>());
    (start, goal)
}

impl MujocoRules for CrossingArm {
    fn spec(&self) -> &EnvSpec {
        &self.spec
    }

    /// The last of `PARTS`: those before it are taken one by one, to look whether anything is touched.
    fn substeps(&self) -> usize {
        1
    }

    /// The start is the seed's; so is the goal, unless there is one of the caller's. Obstacles are the same in either case.
    fn draw(&mut self, asked: &Start) -> Result<(), EnvError> {
        let seed = Start { goal: None, ..asked.clone() }.only_seed(CROSSING_ARM)?;
        let Episode { start, goal, obstacles, chances } = Episode::of(seed);
        let goal = Self::goal(asked.goal.as_deref(), goal)?;
        self.from = hand(&points(&directions(start)));
        self.task = CrossingArmTask::new(goal, distance(self.from, goal));
        (self.start, self.seed, self.chance, self.passes) = (start, seed, false, false);
        (self.obstacles, self.chances) = (obstacles, chances);
        Ok(())
    }

    fn place(&mut self, sim: &mut MujocoSim) -> Result<(), EnvError> {
        sim.write(MujocoPart::Positions, &self.start).map_err(|error| error.of(CROSSING_ARM))?;
        self.show(sim)
    }

    fn control(&mut self, action: &[f64], sim: &mut MujocoSim, control: &mut [f64]) -> Result<(), EnvError> {
        let engine = |error: crate::mujoco::MujocoError| error.of(CROSSING_ARM);
        for ((slot, part), rate) in control.iter_mut().zip(action).zip(CROSSING_ARM_RATES) {
            *slot = part * rate;
        }
        self.from = hand(&points(&directions(joints(sim.positions()))));
        self.chance = false;
        sim.set_control(control).map_err(engine)?;
        for part in 1..PARTS {
            sim.step(1).map_err(engine)?;
            let part = part as f64 / PARTS as f64;
            if self.touched(sim, part) {
                self.obstacles.iter_mut().for_each(|own| own.at = CROSSING_ARM_LAW.after(own, part));
                control.fill(0.0);
                sim.write(MujocoPart::Velocities, &[0.0; CROSSING_ARM_JOINTS]).map_err(engine)?;
                return self.show(sim);
            }
        }
        for (obstacle, own) in self.obstacles.iter_mut().zip(&mut self.chances) {
            self.chance |= CROSSING_ARM_LAW.step(obstacle, own);
        }
        self.show(sim)
    }

    fn observe(&mut self, sim: &mut MujocoSim, seen: &mut [f64]) -> Result<(), EnvError> {
        let state = CrossingArmState {
            angles: joints(sim.positions()),
            rates: joints(sim.velocities()),
            obstacles: self.obstacles.map(|obstacle| [obstacle.at, obstacle.velocity]),
            goal: self.task.goal(),
        };
        seen.iter_mut().zip(state.observation()).for_each(|(slot, value)| *slot = value);
        Ok(())
    }

    fn outcome(&mut self, _action: &[f64], _sim: &MujocoSim, seen: &[f64]) -> Transition {
        let at = HAND.map(|entry| seen.get(entry).copied().unwrap_or(f64::NAN));
        let collided = !self.passes && collided(seen).unwrap_or(true);
        let arrived = !collided && self.task.arrived(at);
        Transition {
            reward: self.task.reward(self.from, at, collided),
            success: arrived,
            terminated: collided || arrived,
            truncated: false,
            chance: self.chance && !collided,
        }
    }

    fn task(&self) -> SharedTask {
        Arc::new(self.task)
    }

    /// Numbers: the goal, the length of the way, place and velocity of each obstacle. Words: the seed; for each obstacle the
    /// steps that it still stands, and how many words of its stream are used, with which all of its decisions to come are fixed.
    fn save(&self, numbers: &mut Vec<f64>, words: &mut Vec<u64>) {
        numbers.extend(self.task.goal());
        numbers.push(self.task.way());
        words.push(self.seed);
        for (obstacle, own) in self.obstacles.iter().zip(&self.chances) {
            numbers.extend([obstacle.at, obstacle.velocity]);
            // An episode uses a few dozen words.
            words.extend([u64::from(obstacle.rest), own.get_word_pos() as u64]);
        }
    }

    fn restore(&mut self, numbers: &[f64], words: &[u64]) -> Result<(), EnvError> {
        let damaged = || {
            EnvError::Mismatch(format!(
                "a snapshot of `{CROSSING_ARM}` ends in goal, way and obstacles (7 numbers) and in the seed, rests of up to {} \
                 steps and used words (5 words): it is damaged, take another",
                CROSSING_ARM_LAW.stop_steps[1]
            ))
        };
        let (&[x, y, way, ref places @ ..], &[seed, ref hidden @ ..]) = (numbers, words) else {
            return Err(damaged());
        };
        let sizes = (2 * CROSSING_ARM_OBSTACLES, 2 * CROSSING_ARM_OBSTACLES);
        if (places.len(), hidden.len()) != sizes {
            return Err(damaged());
        }
        let Episode { mut obstacles, mut chances, .. } = Episode::of(seed);
        let each = obstacles.iter_mut().zip(&mut chances);
        for (((obstacle, own), place), hidden) in each.zip(places.chunks_exact(2)).zip(hidden.chunks_exact(2))
        {
            let (&[at, velocity], &[rest, used]) = (place, hidden) else { return Err(damaged()) };
            let rest = u32::try_from(rest).ok().filter(|steps| *steps <= CROSSING_ARM_LAW.stop_steps[1]);
            *obstacle = CrossingCourse { at, velocity, rest: rest.ok_or_else(damaged)? };
            own.set_word_pos(used.into());
        }
        self.task = CrossingArmTask::new([x, y], way);
        (self.seed, self.obstacles, self.chances, self.passes) = (seed, obstacles, chances, false);
        Ok(())
    }
}
