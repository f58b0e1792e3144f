//! The environment around gantry and fruits.

use std::sync::Arc;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use sha2::{Digest, Sha256};

use super::mover::{Move, Mover};
use super::state::features;
use super::{FRUIT_GANTRY_ACTION, FRUIT_GANTRY_OBSERVATION, FruitGantryState, FruitGantryTask};
use crate::fruit_swap::moves::FruitMoves;
use crate::fruit_swap::{
    FRUIT_SWAP_ARRANGEMENTS, FRUIT_SWAP_OPEN, FRUIT_SWAP_RADIUS, FRUIT_SWAP_REWARD, FRUIT_SWAP_STEP_SECONDS,
    FRUIT_SWAP_TRAVEL, Fruit, FruitArrangement,
};
use crate::mujoco::{MujocoEnv, MujocoLibrary, MujocoModel, MujocoPart, MujocoRules, MujocoSim};
use crate::{BoxSpace, EnvError, EnvSpec, ScoreRange, SharedTask, Start, Task, TimeLimit, Transition};

/// Registered name.
pub const FRUIT_GANTRY: &str = "fruit-swap-mujoco-v0";
/// Steps of an episode at most: twice what the oracle needs, who needed 126 at most in 1,000 episodes.
pub const FRUIT_GANTRY_STEPS: usize = 260;

pub(super) const MODEL: &str = include_str!("gantry.xml");
/// Time steps of 2 ms in a step: 20 Hz.
const SUBSTEPS: usize = 25;
/// How long the hand is behind the place that it is pulled to, seconds: `kv / kp` of its actuators.
pub(super) const LAG: f64 = 0.02;
/// Positions of the model: three of the hand, two of the fingers, seven of each fruit. Speeds: six of each fruit.
pub(super) const POSITIONS: usize = 19;
const HAND: usize = 0;
const FINGERS: usize = 3;
const FRUITS: [usize; 2] = [5, 12];
/// How far the place that the hand is pulled to is ahead of it at most, metres: a hand that something holds does not leap when it is
/// let go.
const AHEAD: f64 = 0.04;
/// Where the hand is when the start's first moves begin: with a fruit in it, this much above the table, metres.
const ABOVE: f64 = 0.06;
/// Steps that setting a fruit down takes at most.
const MOST_SETTING_DOWN: usize = 60;

/// Rules of the swap on MuJoCo. Observation: [`FruitGantryState`]. Action `[dx, dy, dz, grip]` within +-1: the first three move the
/// place that the hand is pulled to by up to 4 cm along each axis, in the course of the step, and the hand follows 20 ms
/// behind; `grip < 0` closes the gripper, and all else opens it, at up to 1 m/s and with up to 20 N at each finger.
///
/// Moves, order, success and end are those of [`crate::fruit_swap::FruitSwapEnv`]: a move is made when a fruit that is not held
/// lies on the table within 2 cm of the middle of another slot than its last.
///
/// An episode begins as it goes on. Before its first step the hand itself sets both fruits down, the one or the other first, and goes
/// back to its rest, by the commands that the references make moves with. So fruits and hand stand as they do after a move.
#[derive(Clone, Debug)]
pub struct FruitGantry {
    spec: EnvSpec,
    moves: FruitMoves,
    /// What sets the fruits down at the start, in this order.
    set_down: [Move; 2],
    seen: FruitGantryState,
}

impl FruitGantry {
    /// The environment, with its time limit.
    ///
    /// # Errors
    /// [`EnvError::Engine`] where MuJoCo cannot be had.
    pub fn make() -> Result<TimeLimit<MujocoEnv<Self>>, EnvError> {
        let library = MujocoLibrary::find().map_err(|error| error.of(FRUIT_GANTRY))?;
        TimeLimit::new(Self::of_model(&Self::model(&library)?)?, FRUIT_GANTRY_STEPS)
    }

    /// The model, compiled.
    ///
    /// # Errors
    /// [`EnvError::Engine`] where it does not load.
    pub fn model(library: &MujocoLibrary) -> Result<MujocoModel, EnvError> {
        MujocoModel::from_text(library, MODEL).map_err(|error| error.of(FRUIT_GANTRY))
    }

    /// The environment of [`Self::model`], without a time limit.
    ///
    /// # Errors
    /// [`EnvError::Engine`] where MuJoCo makes no data.
    pub fn of_model(model: &MujocoModel) -> Result<MujocoEnv<Self>, EnvError> {
        let digest = Sha256::digest(MODEL);
        let spec = EnvSpec {
            features: features(),
            step_seconds: Some(FRUIT_SWAP_STEP_SECONDS),
            score: Some(ScoreRange { min: 0.0, max: FRUIT_SWAP_REWARD }),
            tasks: FRUIT_SWAP_ARRANGEMENTS,
            layout_hash: Some(digest.iter().map(|byte| format!("{byte:02x}")).collect()),
            ..EnvSpec::of_spaces(
                FRUIT_GANTRY,
                BoxSpace::symmetric(FRUIT_GANTRY_OBSERVATION, f64::INFINITY),
                BoxSpace::symmetric(FRUIT_GANTRY_ACTION, 1.0),
            )
        };
        let (moves, set_down) = drawn(0, None);
        let seen = FruitGantryState {
            hand: [0.0; 3],
            speed: [0.0; 3],
            opening: FRUIT_SWAP_OPEN,
            apple: [0.0; 3],
            orange: [0.0; 3],
        };
        MujocoEnv::new(model, Self { spec, moves, set_down, seen })
    }

    /// The arrangement that the episode began with, which no observation but the first shows.
    pub fn start(&self) -> FruitArrangement {
        self.moves.start
    }

    /// How many of the three moves are made.
    pub fn stage(&self) -> usize {
        self.moves.stage
    }

    /// What is observed.
    pub fn state(&self) -> &FruitGantryState {
        &self.seen
    }

    /// Puts a fruit into the closed hand above where it goes, all else standing still where it is.
    fn take(
        &mut self,
        Move { fruit, target: [x, y], .. }: Move,
        sim: &mut MujocoSim,
    ) -> Result<(), EnvError> {
        let mut positions = [0.0; POSITIONS];
        positions.iter_mut().zip(sim.positions()).for_each(|(slot, at)| *slot = *at);
        let hand = [x, y, ABOVE];
        positions[HAND..FINGERS].copy_from_slice(&hand);
        positions[FINGERS..FRUITS[0]].fill(FRUIT_SWAP_RADIUS);
        let first = FRUITS[fruit as usize];
        positions[first..first + 7].copy_from_slice(&[x, y, ABOVE, 1.0, 0.0, 0.0, 0.0]);
        let put = sim.write(MujocoPart::Positions, &positions);
        put.and_then(|()| sim.write(MujocoPart::Activations, &hand))
            .map_err(|error| error.of(FRUIT_GANTRY))?;
        sim.forward();
        Ok(())
    }

    /// Sets a fruit down, until the hand has let go or is back.
    fn set_down(&mut self, made: Move, goes_back: bool, sim: &mut MujocoSim) -> Result<(), EnvError> {
        self.take(made, sim)?;
        let mut mover = Mover::carrying(made);
        let mut control = [0.0; FRUIT_GANTRY_ACTION];
        for _ in 0..MOST_SETTING_DOWN {
            let done = if goes_back { mover.is_back() } else { mover.has_let_go() };
            if done {
                return Ok(());
            }
            let action = mover.act(&seen(sim)).action;
            self.control(&action, sim, &mut control)?;
            let stepped = sim.set_control(&control).and_then(|()| sim.step(SUBSTEPS));
            stepped.map_err(|error| error.of(FRUIT_GANTRY))?;
        }
        Err(not_set_down())
    }
}

fn not_set_down() -> EnvError {
    EnvError::Mismatch(format!(
        "the hand of `{FRUIT_GANTRY}` could not set the fruits down with this release of MuJoCo: use one of those that were \
         tried"
    ))
}

/// What is seen of a simulation now.
fn seen(sim: &MujocoSim) -> FruitGantryState {
    let (at, speeds) = (sim.positions(), sim.velocities());
    let place = |of: &[f64], first: usize| -> [f64; 3] {
        of.get(first..first + 3).and_then(|place| place.try_into().ok()).unwrap_or([f64::NAN; 3])
    };
    let [apple, orange] = FRUITS.map(|first| place(at, first));
    let opening = at.get(FINGERS..FRUITS[0]).unwrap_or_default().iter().sum();
    FruitGantryState { hand: place(at, HAND), speed: place(speeds, HAND), opening, apple, orange }
}

/// Positions of the model in which this is seen, fruits unturned; for pictures.
pub(super) fn positions(state: &FruitGantryState) -> [f64; POSITIONS] {
    let mut positions = [0.0; POSITIONS];
    positions[HAND..FINGERS].copy_from_slice(&state.hand);
    positions[FINGERS..FRUITS[0]].fill(0.5 * state.opening);
    for (fruit, first) in Fruit::ALL.into_iter().zip(FRUITS) {
        positions[first..first + 3].copy_from_slice(&state.fruit(fruit));
        positions[first + 3] = 1.0;
    }
    positions
}

/// What an episode begins with. Draws are the same whether the arrangement is asked for or not.
fn drawn(seed: u64, asked: Option<FruitArrangement>) -> (FruitMoves, [Move; 2]) {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let number = rng.random_range(1..=FRUIT_SWAP_ARRANGEMENTS);
    let start = asked.or_else(|| FruitArrangement::numbered(number)).unwrap_or(FruitArrangement::FIRST);
    let [apple, orange] = Fruit::ALL.map(|fruit| Move::draw(fruit, start.slot(fruit), &mut rng));
    let set_down = if rng.random() { [apple, orange] } else { [orange, apple] };
    (FruitMoves::new(start), set_down)
}

impl MujocoRules for FruitGantry {
    fn spec(&self) -> &EnvSpec {
        &self.spec
    }

    fn substeps(&self) -> usize {
        SUBSTEPS
    }

    /// The arrangement is drawn from the seed, or said by the task's number ([`FruitArrangement::numbered`]); all else is the
    /// seed's in any case.
    fn draw(&mut self, asked: &Start) -> Result<(), EnvError> {
        let seed = Start { task: None, ..asked.clone() }.only_seed(FRUIT_GANTRY)?;
        let arrangement = FruitArrangement::asked(asked.task, FRUIT_GANTRY)?;
        (self.moves, self.set_down) = drawn(seed, arrangement);
        Ok(())
    }

    /// Both fruits lie on their slots until the hand has them.
    fn place(&mut self, sim: &mut MujocoSim) -> Result<(), EnvError> {
        let [first, second] = self.set_down;
        let mut positions = positions(&seen(sim));
        for Move { fruit, target: [x, y], .. } in self.set_down {
            let at = FRUITS[fruit as usize];
            positions[at..at + 3].copy_from_slice(&[x, y, FRUIT_SWAP_RADIUS]);
        }
        sim.write(MujocoPart::Positions, &positions).map_err(|error| error.of(FRUIT_GANTRY))?;
        self.set_down(first, false, sim)?;
        self.set_down(second, true, sim)?;
        let arrangement = seen(sim).arrangement();
        if arrangement == Some(self.moves.start) { Ok(()) } else { Err(not_set_down()) }
    }

    fn control(&mut self, action: &[f64], sim: &mut MujocoSim, control: &mut [f64]) -> Result<(), EnvError> {
        let mut pulled = [0.0; 3];
        sim.read(MujocoPart::Activations, &mut pulled).map_err(|error| error.of(FRUIT_GANTRY))?;
        let at = sim.positions();
        let near = pulled.iter().zip(at).all(|(to, at)| (to - at).abs() <= AHEAD);
        if !near {
            pulled.iter_mut().zip(at).for_each(|(to, at)| *to = to.clamp(at - AHEAD, at + AHEAD));
            sim.write(MujocoPart::Activations, &pulled).map_err(|error| error.of(FRUIT_GANTRY))?;
        }
        if let (&[dx, dy, dz, grip], [x, y, z, opening]) = (action, control) {
            let speed = FRUIT_SWAP_TRAVEL / FRUIT_SWAP_STEP_SECONDS;
            (*x, *y, *z) = (speed * dx, speed * dy, speed * dz);
            *opening = if grip < 0.0 { 0.0 } else { FRUIT_SWAP_OPEN };
        }
        Ok(())
    }

    fn observe(&mut self, sim: &mut MujocoSim, out: &mut [f64]) -> Result<(), EnvError> {
        self.seen = seen(sim);
        out.iter_mut().zip(self.seen.observation()).for_each(|(slot, value)| *slot = value);
        Ok(())
    }

    fn outcome(&mut self, _action: &[f64], _sim: &MujocoSim, observation: &[f64]) -> Transition {
        let mut astray = false;
        for fruit in Fruit::ALL {
            if let Some(slot) = self.seen.slot_under(fruit) {
                astray |= self.moves.lies(fruit, slot);
            }
        }
        let task = FruitGantryTask::of(self.moves.start);
        let success = !astray && self.moves.done() && task.reached(observation);
        Transition {
            reward: if success { FRUIT_SWAP_REWARD } else { 0.0 },
            success,
            terminated: astray || success,
            ..Transition::default()
        }
    }

    fn task(&self) -> SharedTask {
        Arc::new(FruitGantryTask::of(self.moves.start))
    }

    fn save(&self, _numbers: &mut Vec<f64>, words: &mut Vec<u64>) {
        words.extend(self.moves.words());
    }

    fn restore(&mut self, numbers: &[f64], words: &[u64]) -> Result<(), EnvError> {
        let moves = <[u64; 2]>::try_from(words).ok().and_then(FruitMoves::of_words);
        let (Some(moves), []) = (moves, numbers) else {
            return Err(EnvError::Mismatch(format!(
                "a snapshot of `{FRUIT_GANTRY}` ends in two words, an arrangement from 1 to 6 and up to 3 moves: it is damaged, \
                 take another"
            )));
        };
        self.moves = moves;
        Ok(())
    }
}
