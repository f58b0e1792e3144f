//! Pictures of arm, obstacles and goal.

use super::rules::{MODEL, places};
use super::state::HAND;
use super::{CROSSING_ARM, CROSSING_ARM_OBSERVATION, CrossingArmState};
use crate::environment::check_finite;
use crate::mujoco::{
    MujocoCamera, MujocoError, MujocoLibrary, MujocoModel, MujocoPart, MujocoRenderer, MujocoSim,
};
use crate::picture::{Photographer, Picture, View};
use crate::{EnvError, Task};

/// The model that is simulated, with what is only to be looked at.
const STAGE: &str = include_str!("stage.xml");
/// From behind the base, and steeply from above, so that nothing hides the lanes.
const CAMERA: MujocoCamera =
    MujocoCamera::Free { lookat: [0.0, 0.35, 0.0], distance: 1.9, azimuth: 90.0, elevation: -60.0 };
/// Heights of the goal's disc, on the table, and of the hand, metres.
const GOAL_HEIGHT: f64 = 0.001;
const HAND_HEIGHT: f64 = 0.06;

/// Pictures the table from behind the arm. The goal is a green disc on it.
pub(in crate::crossing) struct CrossingArmPictures {
    sim: MujocoSim,
    renderer: MujocoRenderer,
    view: View,
}

impl CrossingArmPictures {
    /// Pictures of this size, pixels.
    pub fn new([width, height]: [usize; 2]) -> Result<Self, EnvError> {
        let made = || -> Result<Self, MujocoError> {
            let library = MujocoLibrary::find()?;
            let own = [("arm.xml", MODEL.as_bytes())];
            let model = MujocoModel::from_text_with(&library, STAGE, &own)?;
            let (sim, mut renderer) = (model.simulate()?, MujocoRenderer::new(&model, width, height)?);
            let view = renderer.view(&sim, &CAMERA)?;
            Ok(Self { sim, renderer, view })
        };
        made().map_err(|error| error.of(CROSSING_ARM))
    }
}

impl Photographer for CrossingArmPictures {
    /// The goal is that of the observation.
    fn photograph(&mut self, observation: &[f64], _task: &dyn Task) -> Result<Picture, EnvError> {
        let Some(state) = CrossingArmState::of(observation) else {
            return Err(EnvError::Mismatch(format!(
                "an observation of `{CROSSING_ARM}` has {CROSSING_ARM_OBSERVATION} numbers, {} were given",
                observation.len()
            )));
        };
        check_finite("observation", observation)?;
        let [near_x, near_y, near_z, far_x, far_y, far_z] = places(state.obstacles.map(|[x, _]| x));
        let [goal_x, goal_y] = state.goal;
        let discs = [near_x, near_y, near_z, far_x, far_y, far_z, goal_x, goal_y, GOAL_HEIGHT];
        let placed = self.sim.write(MujocoPart::Positions, &state.angles);
        placed
            .and_then(|()| self.sim.write(MujocoPart::MocapPlaces, &discs))
            .map_err(|error| error.of(CROSSING_ARM))?;
        self.sim.forward();
        self.renderer.render(&self.sim, &CAMERA).map_err(|error| error.of(CROSSING_ARM))
    }

    fn view(&self) -> View {
        self.view
    }

    /// That of the hand.
    fn place(&self, observation: &[f64]) -> Option<[f64; 3]> {
        let [x, y] = HAND.map(|entry| observation.get(entry).copied());
        Some([x?, y?, HAND_HEIGHT])
    }
}
