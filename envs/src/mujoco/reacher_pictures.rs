//! Pictures of the reacher.

use std::f64::consts::TAU;

use super::reacher::{MODEL, TIP};
use super::{
    MujocoCamera, MujocoError, MujocoLibrary, MujocoModel, MujocoPart, MujocoRenderer, MujocoSim, REACHER,
    REACHER_RADIUS,
};
use crate::environment::check_finite;
use crate::picture::{Photographer, Picture, View};
use crate::{EnvError, Task};

/// The arm as it is simulated, with what is only to be looked at.
const STAGE: &str = include_str!("reacher_stage.xml");
/// Nearly from above, so that the arm casts a shadow beside it; a little more than its reach is in the picture.
const CAMERA: MujocoCamera =
    MujocoCamera::Free { lookat: [0.0, -0.01, 0.0], distance: 1.15, azimuth: 90.0, elevation: -65.0 };
/// Numbers of an observation.
const SEEN: usize = 8;
/// Colour of the goal, its outline as a part of the picture's height, and its corners.
const GOAL: [u8; 4] = [220, 60, 40, 255];
const OUTLINE: f64 = 0.0075;
const CORNERS: u32 = 32;

/// Pictures the arm on a floor, the goal a ring as wide as what counts as there.
pub(super) struct ReacherPictures {
    sim: MujocoSim,
    renderer: MujocoRenderer,
    view: View,
}

impl ReacherPictures {
    /// Pictures of this size, pixels.
    pub fn new([width, height]: [usize; 2]) -> Result<Self, EnvError> {
        let made = || -> Result<Self, MujocoError> {
            let library = MujocoLibrary::find()?;
            let arm = [("reacher.xml", MODEL.as_bytes())];
            let model = MujocoModel::from_text_with(&library, STAGE, &arm)?;
            let (sim, mut renderer) = (model.simulate()?, MujocoRenderer::new(&model, width, height)?);
            let view = renderer.view(&sim, &CAMERA)?;
            Ok(Self { sim, renderer, view })
        };
        made().map_err(|error| error.of(REACHER))
    }
}

impl Photographer for ReacherPictures {
    fn photograph(&mut self, observation: &[f64], task: &dyn Task) -> Result<Picture, EnvError> {
        let Some(joints) = observation.get(..2).filter(|_| observation.len() == SEEN) else {
            return Err(EnvError::Mismatch(format!(
                "an observation of `{REACHER}` has {SEEN} numbers, {} were given",
                observation.len()
            )));
        };
        check_finite("observation", observation)?;
        let placed = self.sim.write(MujocoPart::Positions, joints);
        placed.map_err(|error| error.of(REACHER))?;
        self.sim.forward();
        let drawn = self.renderer.render(&self.sim, &CAMERA);
        let mut picture = drawn.map_err(|error| error.of(REACHER))?;
        let goal = task.condition().filter(|condition| condition.entries == TIP);
        if let Some(&[x, y]) = goal.map(|condition| condition.values) {
            let turns = (0..=CORNERS).map(|corner| TAU * f64::from(corner) / f64::from(CORNERS));
            let ring: Vec<[f64; 3]> = turns
                .map(|turn| [x + REACHER_RADIUS * turn.cos(), y + REACHER_RADIUS * turn.sin(), 0.0])
                .collect();
            let wide = OUTLINE * picture.height() as f64;
            picture.path(&self.view, &ring, wide, GOAL);
        }
        Ok(picture)
    }

    fn view(&self) -> View {
        self.view
    }

    fn place(&self, observation: &[f64]) -> Option<[f64; 3]> {
        let [x, y] = TIP.map(|entry| observation.get(entry).copied());
        Some([x?, y?, 0.0])
    }
}
