//! Pictures of the half-cheetah.

use super::env::{JOINTS, SEEN};
use super::{HALF_CHEETAH, HALF_CHEETAH_MODEL};
use crate::environment::check_finite;
use crate::mujoco::{
    GymnasiumModel, MujocoCamera, MujocoError, MujocoLibrary, MujocoModel, MujocoPart, MujocoRenderer,
    MujocoSim,
};
use crate::picture::{Photographer, Picture, View};
use crate::{EnvError, Task};

/// From the side, at the height of the torso.
const CAMERA: MujocoCamera =
    MujocoCamera::Free { lookat: [0.0, 0.0, 0.5], distance: 2.6, azimuth: 90.0, elevation: -12.0 };

/// Pictures the runner in the middle, as the model's own light and floor show it: how far it has come is not seen, so that the camera
/// goes along with it and the floor does not tell.
pub(in crate::mujoco) struct HalfCheetahPictures {
    sim: MujocoSim,
    renderer: MujocoRenderer,
    view: View,
}

impl HalfCheetahPictures {
    /// Pictures of this size, pixels.
    pub fn new([width, height]: [usize; 2]) -> Result<Self, EnvError> {
        let made = || -> Result<Self, MujocoError> {
            let library = MujocoLibrary::find()?;
            let model = MujocoModel::from_text(&library, GymnasiumModel::find(HALF_CHEETAH_MODEL)?.text())?;
            let (sim, mut renderer) = (model.simulate()?, MujocoRenderer::new(&model, width, height)?);
            let view = renderer.view(&sim, &CAMERA)?;
            Ok(Self { sim, renderer, view })
        };
        made().map_err(|error| error.of(HALF_CHEETAH))
    }
}

impl Photographer for HalfCheetahPictures {
    fn photograph(&mut self, observation: &[f64], _task: &dyn Task) -> Result<Picture, EnvError> {
        let Some(seen) = observation.get(..JOINTS - 1).filter(|_| observation.len() == SEEN) else {
            return Err(EnvError::Mismatch(format!(
                "an observation of `{HALF_CHEETAH}` has {SEEN} numbers, {} were given",
                observation.len()
            )));
        };
        check_finite("observation", observation)?;
        let mut positions = [0.0; JOINTS];
        positions.iter_mut().skip(1).zip(seen).for_each(|(slot, at)| *slot = *at);
        let placed = self.sim.write(MujocoPart::Positions, &positions);
        placed.map_err(|error| error.of(HALF_CHEETAH))?;
        self.sim.forward();
        self.renderer.render(&self.sim, &CAMERA).map_err(|error| error.of(HALF_CHEETAH))
    }

    fn view(&self) -> View {
        self.view
    }

    /// None: how far it has come is not seen.
    fn place(&self, _observation: &[f64]) -> Option<[f64; 3]> {
        None
    }
}
