//! Pictures of scenes, drawn without a window.

mod asked;
mod camera;
mod egl;
mod native;

use std::fmt;

pub use camera::MujocoCamera;

use super::symbols;
use super::{MujocoError, MujocoModel, MujocoSim};
use crate::picture::{Picture, View};
use native::{Calls, Camera, Canvas, Scene};

/// Most pixels of a side: a buffer takes up to 48 bytes a pixel, and MuJoCo ends the process where there is no memory for it.
const MOST: usize = 4096;

/// Draws a model's scenes into pictures of one size, by MuJoCo's own renderer on OpenGL without a window (EGL).
///
/// Mesa's software driver is enough, and the first that is tried; what draws is [`Self::device`]. The same state, camera, size
/// and driver give the same pixels.
///
/// It draws on whatever thread it is on, and leaves what else is current there as it was. Several may draw at once, each
/// on a thread of its own. All that it holds goes when it is dropped; EGL itself stays loaded.
///
/// Light, floor and colours are the model's. A model to draw by may `include` the model that is simulated and add to it what is
/// only to be looked at: positions have the same meaning in both where nothing that moves is added.
pub struct MujocoRenderer {
    // Dropped before the scene and the model that it draws.
    canvas: Canvas,
    scene: Scene,
    calls: Calls,
    model: MujocoModel,
    size: [usize; 2],
    /// As OpenGL has them, the lowest row first.
    pixels: Vec<u8>,
}

impl MujocoRenderer {
    /// Draws scenes of this model, `width` by `height` pixels. The buffers that the model itself asks for (`offwidth` and
    /// `offheight`, 640 x 480 where it says nothing) are made on the way.
    ///
    /// # Errors
    /// [`MujocoError::NoGraphics`] where there is no EGL or no OpenGL with what is needed, [`MujocoError::Version`] for releases
    /// after 4.0, [`MujocoError::PictureSize`] for sizes of 0 and above 4096 or what the driver can,
    /// [`MujocoError::Picture`] for a model whose `visual` asks for more than is drawn.
    pub fn new(model: &MujocoModel, width: usize, height: usize) -> Result<Self, MujocoError> {
        let calls = Calls::load(model.compiled().symbols())?;
        let graphics = egl::Context::new().map_err(|problem| MujocoError::NoGraphics { problem })?;
        let most = MOST.min(graphics.most());
        let sides = [width, height].map(|side| i32::try_from(side).ok().filter(|_| side > 0 && side <= most));
        let [Some(wide), Some(high)] = sides else {
            return Err(MujocoError::PictureSize { width, height, most });
        };
        let compiled = model.compiled();
        asked::check(compiled, graphics.most())?;
        Ok(Self {
            canvas: Canvas::new(calls, compiled, graphics, [wide, high])?,
            scene: Scene::new(calls, compiled),
            calls,
            model: model.clone(),
            size: [width, height],
            pixels: vec![0; width * height * 3],
        })
    }

    /// The driver that draws, by its own name, such as `llvmpipe`: Mesa's, without a graphics card.
    pub fn device(&self) -> &str {
        self.canvas.device()
    }

    /// The model.
    pub fn model(&self) -> &MujocoModel {
        &self.model
    }

    /// Pixels of a picture from left to right and from above to below.
    pub fn size(&self) -> [usize; 2] {
        self.size
    }

    /// Draws a simulation of this model. Bodies stand where they did at the last [`MujocoSim::forward`] or at the beginning of the
    /// last time step, as sensors read.
    ///
    /// # Errors
    /// [`MujocoError::Unknown`] for a camera that the model does not have; [`MujocoError::NonFinite`] for one that is nowhere;
    /// [`MujocoError::Picture`] for a simulation of another model, a camera without distance, a scene with more than MuJoCo
    /// draws, and where OpenGL refuses.
    pub fn render(&mut self, sim: &MujocoSim, camera: &MujocoCamera) -> Result<Picture, MujocoError> {
        self.update(sim, camera)?;
        let drawn = self.canvas.draw(&mut self.scene, &mut self.pixels);
        drawn.map_err(|problem| MujocoError::Picture { problem })?;
        let [width, height] = self.size;
        let rows: Vec<u8> = self.pixels.chunks_exact(width * 3).rev().flatten().copied().collect();
        Picture::new(width, height, rows).map_err(|error| MujocoError::Picture { problem: error.to_string() })
    }

    /// Where places of the world are in a picture of the same simulation by the same camera.
    ///
    /// # Errors
    /// As [`Self::render`], and [`MujocoError::Picture`] for a camera whose line of sight is not in the middle of its picture, or
    /// whose sensor has another shape than the picture.
    pub fn view(&mut self, sim: &MujocoSim, camera: &MujocoCamera) -> Result<View, MujocoError> {
        let camera = self.update(sim, camera)?;
        self.scene.frame(sim.data(), &camera).view(self.size)
    }

    /// Fills the scene.
    fn update(&mut self, sim: &MujocoSim, camera: &MujocoCamera) -> Result<Camera, MujocoError> {
        let (own, of) = (self.model.hash(), sim.model().hash());
        if own != of || self.model.library().version() != sim.model().library().version() {
            let problem =
                format!("the simulation is of model {of}, its renderer of {own}: make one of the same model");
            return Err(MujocoError::Picture { problem });
        }
        let mut camera = camera.of(&self.calls, &self.model)?;
        symbols::forget_warning();
        self.scene.update(sim.data(), &mut camera);
        match symbols::take_warning() {
            Some(problem) => Err(MujocoError::Picture { problem: format!("MuJoCo warns: {problem}") }),
            None => Ok(camera),
        }
    }
}

impl fmt::Debug for MujocoRenderer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MujocoRenderer")
            .field("model", &self.model)
            .field("size", &self.size)
            .field("device", &self.device())
            .finish_non_exhaustive()
    }
}
