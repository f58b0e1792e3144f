//! A robot with the things of the scene in front of it: all as one simulation, for the environment and for data.

use std::f64::consts::TAU;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::cube_seen;
use super::robot::{ROBOT_JOINTS, Robot, SEEN, WORKSPACE};
use super::rotation::Rotation;
use super::scene_models::{JOINTS, SceneModels};
use super::scene_seen::{self, Slide};
use super::scene_things::{BUTTONS, SceneThings};
use super::within::within;
use crate::mujoco::{MujocoError, MujocoPart, MujocoSim};

/// First positions of the cube, of the buttons, of drawer and window.
const CUBE: usize = ROBOT_JOINTS;
const BUTTON: usize = CUBE + 7;
const SLIDES: usize = BUTTON + BUTTONS;
/// A free body has one number less among velocities.
const SHORTER: usize = 1;
/// A button's state changes when it comes this far down, metres.
const PRESSED: f64 = -0.02;
/// Where the cube begins and is wanted along the table, metres.
pub(super) const TABLE: [[f64; 2]; 2] = [[0.3, -0.07], [0.45, 0.18]];
/// Height of the centre of the cube on the table, metres.
pub(super) const ON_TABLE: f64 = 0.02;
/// How far from the workspace the cube is lost, metres.
const LOST: f64 = 0.2;
/// Keeps the draws of places for a lost cube apart from all others.
const RESCUE: u64 = 1 << 62;

/// Where a robot's hand and the things are put.
#[derive(Clone, Copy, Debug)]
pub(super) struct Placement {
    pub hand: [f64; 3],
    pub hand_yaw: f64,
    pub cube_yaw: f64,
    pub things: SceneThings,
}

/// What decides where a lost cube is put.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Rescue {
    pub seed: u64,
    /// How often it happened before the running step.
    pub before: u64,
}

/// What is remembered of an episode before its running step: the rest follows from the simulation.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Memory {
    pub buttons: [bool; BUTTONS],
    /// Where the buttons' joints were, metres.
    pub joints: [f64; BUTTONS],
    /// `None` where lost cubes stay lost.
    pub rescue: Option<Rescue>,
}

/// Robot and things, without the simulation that they are seen in.
pub(super) struct SceneWorld {
    pub robot: Robot,
    models: SceneModels,
    /// Simulations of the other models: they wait for a button to be pressed.
    spare: Vec<MujocoSim>,
    state: Vec<f64>,
    positions: Vec<f64>,
    velocities: Vec<f64>,
    /// Which buttons are on.
    buttons: [bool; BUTTONS],
    memory: Memory,
    rescued: u64,
}

impl SceneWorld {
    /// Around a simulation of the model in which everything is locked.
    ///
    /// # Errors
    /// What MuJoCo says of models that lack a part of it.
    pub fn new(models: &SceneModels) -> Result<Self, MujocoError> {
        let [locked, others @ ..] = models.scenes();
        Ok(Self {
            robot: Robot::new(locked, models.arm(), &JOINTS)?,
            models: models.clone(),
            spare: others.iter().map(crate::mujoco::MujocoModel::simulate).collect::<Result<_, _>>()?,
            state: vec![0.0; locked.state_len()],
            positions: vec![0.0; locked.len_of(MujocoPart::Positions)],
            velocities: vec![0.0; locked.len_of(MujocoPart::Velocities)],
            buttons: [false; BUTTONS],
            memory: Memory { buttons: [false; BUTTONS], joints: [0.0; BUTTONS], rescue: None },
            rescued: 0,
        })
    }

    /// Puts all into a simulation in a model's own first state, at rest, with the gripper open.
    ///
    /// # Errors
    /// What the simulation reports.
    pub fn place(
        &mut self,
        placement: &Placement,
        rescue: Option<u64>,
        sim: &mut MujocoSim,
    ) -> Result<(), MujocoError> {
        let things = &placement.things;
        let arm = self.robot.joints_at(placement.hand, placement.hand_yaw)?;
        self.positions.fill(0.0);
        self.positions.iter_mut().zip(arm).for_each(|(slot, angle)| *slot = angle);
        let cube = things.cube.into_iter().chain(Rotation::about_z(placement.cube_yaw).0);
        let own = cube.chain([0.0; BUTTONS]).chain([things.drawer, things.window]);
        self.positions.iter_mut().skip(CUBE).zip(own).for_each(|(slot, at)| *slot = at);
        let rescue = rescue.map(|seed| Rescue { seed, before: 0 });
        self.recall(Memory { buttons: things.buttons, joints: [0.0; BUTTONS], rescue });
        self.lock(sim)?;
        sim.write(MujocoPart::Positions, &self.positions)
    }

    /// What is remembered.
    pub fn memory(&self) -> Memory {
        self.memory
    }

    /// Takes it back.
    pub fn recall(&mut self, memory: Memory) {
        self.memory = memory;
        self.buttons = memory.buttons;
        self.rescued = memory.rescue.map_or(0, |rescue| rescue.before);
    }

    /// Exchanges a simulation for one of the model in which the buttons of now lock what they lock, in the same state. What is
    /// derived from it is to be computed then.
    ///
    /// # Errors
    /// [`MujocoError::OtherModel`] for a simulation of none of these models.
    pub fn lock(&mut self, sim: &mut MujocoSim) -> Result<(), MujocoError> {
        let wanted = self.models.scene(self.buttons).hash();
        if sim.model().hash() == wanted {
            return Ok(());
        }
        let Some(other) = self.spare.iter_mut().find(|spare| spare.model().hash() == wanted) else {
            return Err(MujocoError::OtherModel {
                of: sim.model().hash().to_owned(),
                own: wanted.to_owned(),
            });
        };
        sim.state(&mut self.state)?;
        other.restore(&self.state)?;
        std::mem::swap(sim, other);
        Ok(())
    }

    /// Controls for an action, with which a step begins.
    ///
    /// # Errors
    /// What the simulation reports.
    pub fn control(
        &mut self,
        action: &[f64],
        sim: &MujocoSim,
        control: &mut [f64],
    ) -> Result<(), MujocoError> {
        let rescue = self.memory.rescue.map(|rescue| Rescue { before: self.rescued, ..rescue });
        self.memory = Memory { buttons: self.buttons, joints: buttons_at(sim), rescue };
        self.robot.control(action, sim, control)
    }

    /// What follows the last time step of a step: a lost cube is put back, buttons that were pressed change what they lock, and all is
    /// computed anew, as the package does; then it is seen. The contact alone is of the beginning of the last time step.
    ///
    /// # Errors
    /// What the simulation reports.
    pub fn observe(&mut self, sim: &mut MujocoSim, seen: &mut [f64]) -> Result<(), MujocoError> {
        let contact = self.robot.contact(sim)?;
        if let Some(rescue) = self.memory.rescue {
            self.rescue(rescue, sim)?;
        }
        let pressed = self.memory.joints.into_iter().zip(buttons_at(sim));
        for ((on, was), (before, now)) in self.buttons.iter_mut().zip(self.memory.buttons).zip(pressed) {
            *on = was ^ (before > PRESSED && now <= PRESSED);
        }
        self.lock(sim)?;
        sim.forward();
        self.robot.observe(sim, contact, seen)?;
        let (cube, rest) =
            sim.positions().get(CUBE..).unwrap_or_default().split_at_checked(7).unwrap_or_default();
        cube_seen::write(cube, seen.get_mut(SEEN..SEEN + cube_seen::CUBE).unwrap_or_default());
        let speeds = sim.velocities().get(BUTTON - SHORTER..).unwrap_or_default();
        let mut slides = [[f64::NAN; 2]; BUTTONS + 2];
        for (slot, (at, speed)) in slides.iter_mut().zip(rest.iter().zip(speeds)) {
            *slot = [*at, *speed];
        }
        let [first, second, drawer, window]: [Slide; 4] = slides;
        scene_seen::write(self.buttons, [first, second], [drawer, window], seen);
        Ok(())
    }

    /// Where the things are.
    pub fn things(&self, sim: &MujocoSim) -> SceneThings {
        let at = |position: usize| sim.positions().get(position).copied().unwrap_or(f64::NAN);
        SceneThings {
            cube: [at(CUBE), at(CUBE + 1), at(CUBE + 2)],
            buttons: self.buttons,
            drawer: at(SLIDES),
            window: at(SLIDES + 1),
        }
    }

    /// A cube that was thrown out of reach lies on the table again, at rest. Locking a drawer that moves with the cube in it can do that.
    fn rescue(&mut self, rescue: Rescue, sim: &mut MujocoSim) -> Result<(), MujocoError> {
        self.rescued = rescue.before;
        let at = self.things(sim).cube;
        let [low, high] = WORKSPACE;
        let reach = low.into_iter().zip(high);
        if at.iter().zip(reach).all(|(at, (low, high))| *at > low - LOST && *at < high + LOST) {
            return Ok(());
        }
        let mut random = ChaCha8Rng::seed_from_u64(rescue.seed);
        random.set_stream(RESCUE | rescue.before);
        let [x, y] = within(TABLE, &mut random);
        let own = [x, y, ON_TABLE].into_iter().chain(Rotation::about_z(random.random_range(0.0..TAU)).0);
        sim.read(MujocoPart::Positions, &mut self.positions)?;
        self.positions.iter_mut().skip(CUBE).zip(own).for_each(|(slot, part)| *slot = part);
        sim.write(MujocoPart::Positions, &self.positions)?;
        sim.read(MujocoPart::Velocities, &mut self.velocities)?;
        self.velocities.iter_mut().skip(CUBE).take(7 - SHORTER).for_each(|speed| *speed = 0.0);
        sim.write(MujocoPart::Velocities, &self.velocities)?;
        self.rescued = rescue.before + 1;
        Ok(())
    }
}

/// Where the buttons' joints are, metres.
fn buttons_at(sim: &MujocoSim) -> [f64; BUTTONS] {
    sim.positions().get(BUTTON..SLIDES).and_then(|at| at.try_into().ok()).unwrap_or([f64::NAN; BUTTONS])
}
