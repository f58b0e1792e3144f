//! A robot with cubes in front of it: both as one simulation, for environments and for data.

use std::sync::Arc;

use super::compose::{self, Models};
use super::cube_seen;
use super::robot::{ROBOT_JOINTS, Robot};
use super::rotation::Rotation;
use super::{Cubes, OgBenchAssets};
use crate::mujoco::{MujocoError, MujocoLibrary, MujocoModel, MujocoPart, MujocoSim};
use crate::{EnvError, manipulation::cubes::EDGE};

/// What all simulations of a scene share: compiled models and assets. Clones are the same.
#[derive(Clone, Debug)]
pub struct CubeModels {
    cubes: Cubes,
    models: Models,
    hash: Arc<str>,
}

impl CubeModels {
    /// Those of this user's MuJoCo and assets.
    ///
    /// # Errors
    /// [`EnvError::Engine`] where either is missing, or where the assets are not those of the package.
    pub fn find(cubes: Cubes) -> Result<Self, EnvError> {
        let assets = OgBenchAssets::find().map_err(|error| error.of(cubes.id()))?;
        let library = MujocoLibrary::find().map_err(|error| error.of(cubes.id()))?;
        Self::new(cubes, &library, &assets)
    }

    /// Those of a library and of assets.
    ///
    /// # Errors
    /// [`EnvError::Engine`] for assets that are not those of the package, and what MuJoCo says of them.
    pub fn new(cubes: Cubes, library: &MujocoLibrary, assets: &OgBenchAssets) -> Result<Self, EnvError> {
        let parts = compose::cubes(assets, cubes.count()).map_err(|error| error.of(cubes.id()))?;
        let models = Models::new(library, assets, &parts).map_err(|error| error.of(cubes.id()))?;
        Ok(Self { cubes, models, hash: assets.hash().into() })
    }

    /// Which of the environments they are of.
    pub fn cubes(&self) -> Cubes {
        self.cubes
    }

    /// The scene's model: positions are six joints of the arm, eight of the gripper, and seven numbers a cube (place,
    /// metres, and quaternion).
    pub fn scene(&self) -> &MujocoModel {
        &self.models.scene
    }

    /// SHA-256 (hex) of the assets that they are made of.
    pub(super) fn hash(&self) -> &str {
        &self.hash
    }

    /// The scene around a simulation.
    pub(super) fn world(&self) -> Result<CubeScene, MujocoError> {
        let Models { scene, arm } = &self.models;
        let names: Vec<String> = (0..self.cubes.count()).map(|cube| format!("object_joint_{cube}")).collect();
        let joints: Vec<(&str, usize)> = names.iter().map(|name| (name.as_str(), 7)).collect();
        Ok(CubeScene { robot: Robot::new(scene, arm, &joints)?, positions: vec![0.0; self.positions()] })
    }

    fn positions(&self) -> usize {
        ROBOT_JOINTS + 7 * self.cubes.count()
    }
}

/// Where a robot's hand and some cubes are put.
#[derive(Clone, Debug, Default)]
pub(super) struct Placement {
    pub hand: [f64; 3],
    pub hand_yaw: f64,
    /// Place and yaw of each cube.
    pub cubes: Vec<([f64; 3], f64)>,
}

/// Robot and cubes, without the simulation that they are seen in.
pub(super) struct CubeScene {
    pub robot: Robot,
    positions: Vec<f64>,
}

impl CubeScene {
    /// Puts all into a simulation in the model's own first state, at rest, with the gripper open.
    ///
    /// # Errors
    /// What the simulation reports.
    pub fn place(&mut self, placement: &Placement, sim: &mut MujocoSim) -> Result<(), MujocoError> {
        let arm = self.robot.joints_at(placement.hand, placement.hand_yaw)?;
        self.positions.fill(0.0);
        self.positions.iter_mut().zip(arm).for_each(|(slot, angle)| *slot = angle);
        let own = self.positions.get_mut(ROBOT_JOINTS..).unwrap_or_default();
        for (slots, (at, yaw)) in own.chunks_exact_mut(7).zip(&placement.cubes) {
            let all = at.iter().copied().chain(Rotation::about_z(*yaw).0);
            slots.iter_mut().zip(all).for_each(|(slot, part)| *slot = part);
        }
        sim.write(MujocoPart::Positions, &self.positions)
    }

    /// Writes an observation.
    ///
    /// # Errors
    /// What the simulation reports.
    pub fn observe(&self, sim: &MujocoSim, seen: &mut [f64]) -> Result<(), MujocoError> {
        self.robot.observe(sim, self.robot.contact(sim)?, seen)?;
        let cubes = sim.positions().get(ROBOT_JOINTS..).unwrap_or_default();
        cube_seen::write(cubes, seen.get_mut(super::robot::SEEN..).unwrap_or_default());
        Ok(())
    }
}

/// Place of a cube, metres.
pub(super) fn cube_at(sim: &MujocoSim, cube: usize) -> [f64; 3] {
    let first = ROBOT_JOINTS + 7 * cube;
    sim.positions().get(first..first + 3).and_then(|at| at.try_into().ok()).unwrap_or([f64::NAN; 3])
}

/// Height of the centre of a cube on the table, metres.
pub(super) const ON_TABLE: f64 = 0.5 * EDGE;
