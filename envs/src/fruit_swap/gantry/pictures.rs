//! Pictures of gantry and fruits.

use super::rules::{MODEL, positions};
use super::{FRUIT_GANTRY, FRUIT_GANTRY_OBSERVATION, FruitGantryState};
use crate::environment::check_finite;
use crate::mujoco::{
    MujocoCamera, MujocoError, MujocoLibrary, MujocoModel, MujocoPart, MujocoRenderer, MujocoSim,
};
use crate::picture::{Photographer, Picture, View};
use crate::{EnvError, Task};

/// The model that is simulated, with what is only to be looked at.
const STAGE: &str = include_str!("stage.xml");
/// From the front and a little above, so that all three slots are in the picture, and the hand where it rests.
const CAMERA: MujocoCamera =
    MujocoCamera::Free { lookat: [0.0, 0.0, 0.12], distance: 0.8, azimuth: 90.0, elevation: -25.0 };

/// Pictures the scene from the front. What is wanted is not shown: who looks at it would be told which move is next.
pub(in crate::fruit_swap) struct FruitGantryPictures {
    sim: MujocoSim,
    renderer: MujocoRenderer,
    view: View,
}

impl FruitGantryPictures {
    /// Pictures of this size, pixels.
    pub fn new([width, height]: [usize; 2]) -> Result<Self, EnvError> {
        let made = || -> Result<Self, MujocoError> {
            let library = MujocoLibrary::find()?;
            let own = [("gantry.xml", MODEL.as_bytes())];
            let model = MujocoModel::from_text_with(&library, STAGE, &own)?;
            let (sim, mut renderer) = (model.simulate()?, MujocoRenderer::new(&model, width, height)?);
            let view = renderer.view(&sim, &CAMERA)?;
            Ok(Self { sim, renderer, view })
        };
        made().map_err(|error| error.of(FRUIT_GANTRY))
    }
}

impl Photographer for FruitGantryPictures {
    /// Fruits are shown unturned, which is not seen of a ball.
    fn photograph(&mut self, observation: &[f64], _task: &dyn Task) -> Result<Picture, EnvError> {
        let Some(state) = FruitGantryState::of(observation) else {
            return Err(EnvError::Mismatch(format!(
                "an observation of `{FRUIT_GANTRY}` has {FRUIT_GANTRY_OBSERVATION} numbers, {} were given",
                observation.len()
            )));
        };
        check_finite("observation", observation)?;
        let placed = self.sim.write(MujocoPart::Positions, &positions(&state));
        placed.map_err(|error| error.of(FRUIT_GANTRY))?;
        self.sim.forward();
        self.renderer.render(&self.sim, &CAMERA).map_err(|error| error.of(FRUIT_GANTRY))
    }

    fn view(&self) -> View {
        self.view
    }

    /// That of the hand.
    fn place(&self, observation: &[f64]) -> Option<[f64; 3]> {
        FruitGantryState::of(observation).map(|state| state.hand)
    }
}
