//! MuJoCo's scenes and what they are drawn with, as owned values.
//!
//! Structures that MuJoCo alone reads and writes are room for its own calls to fill. Sizes in bytes, by the headers of
//! the releases in [`MujocoVersion::TRIED`]: options 92, a scene 11184 up to 3.9.0 and 11584 from 3.12.0 on, a context 61512. The room is
//! about twice that.
#![allow(unsafe_code)] // Foreign functions: each block says why its pointers are good.
#![allow(non_snake_case)] // Their names are MuJoCo's.

use std::ffi::{c_int, c_void};
use std::ptr;
use std::sync::{Arc, PoisonError, RwLock};

use super::super::native::{Compiled, Data};
use super::super::symbols::{Symbols, functions};
use super::super::{MujocoError, MujocoVersion};
use super::egl::Context;

/// First release whose structures nobody has looked at.
const UNKNOWN: MujocoVersion = MujocoVersion::new(4, 1, 0);
/// Room for structures, in words of eight bytes.
const OPTION: usize = 32;
const SCENE: usize = 3072;
const CONTEXT: usize = 16384;
/// Things that a scene holds at most: as many as in Python's renderer.
const MOST_THINGS: c_int = 10_000;
/// `mjCAT_ALL`, `mjFONTSCALE_100`, `mjFB_OFFSCREEN`, and the two kinds of cameras of `mjtCamera`.
const ALL: c_int = 7;
const FONT: c_int = 100;
const OFFSCREEN: c_int = 1;
const FREE: c_int = 0;
const FIXED: c_int = 2;

functions! {
    /// The functions that are called, as in `mujoco.h`.
    Calls:
    mjv_defaultCamera(*mut Camera);
    mjv_defaultOption(*mut c_void);
    mjv_defaultScene(*mut c_void);
    mjv_makeScene(*const c_void, *mut c_void, c_int);
    mjv_freeScene(*mut c_void);
    mjv_updateScene(*const c_void, *mut c_void, *const c_void, *const c_void, *mut Camera, c_int, *mut c_void);
    mjv_cameraFrame(*mut f64, *mut f64, *mut f64, *mut f64, *const c_void, *const Camera);
    mjv_cameraFrustum(*mut f32, *mut f32, *mut f32, *const c_void, *const Camera);
    mjv_frustumHeight(*const c_void) -> f64;
    mjr_defaultContext(*mut c_void);
    mjr_makeContext(*const c_void, *mut c_void, c_int);
    mjr_freeContext(*mut c_void);
    mjr_resizeOffscreen(c_int, c_int, *mut c_void);
    mjr_setBuffer(c_int, *mut c_void);
    mjr_maxViewport(*const c_void) -> Rectangle;
    mjr_render(Rectangle, *mut c_void, *const c_void);
    mjr_readPixels(*mut u8, *mut f32, Rectangle, *const c_void);
    mjr_getError() -> c_int;
}

/// `mjrRect`, pixels.
#[derive(Clone, Copy, PartialEq)]
#[repr(C)]
pub(super) struct Rectangle {
    left: c_int,
    bottom: c_int,
    width: c_int,
    height: c_int,
}

/// `mjvCamera`, the same in every release that is used, with room behind it.
#[repr(C)]
pub(super) struct Camera {
    kind: c_int,
    fixed: c_int,
    tracked: c_int,
    lookat: [f64; 3],
    distance: f64,
    azimuth: f64,
    elevation: f64,
    orthographic: c_int,
    _room: [u64; 8],
}

/// Where a camera stands and what it takes in, as MuJoCo says.
pub(super) struct Frame {
    pub eye: [f64; 3],
    pub forward: [f64; 3],
    pub up: [f64; 3],
    /// Below and above the middle, and to both sides of it: lengths at distance `near`; zeros where the picture's shape decides.
    pub below_above: [f32; 2],
    pub sides: [f32; 2],
    pub near: f32,
    /// Height at distance 1, or that of the picture where lines of sight are parallel.
    pub height: f64,
}

impl Calls {
    /// Those of this library.
    pub fn load(symbols: &Symbols) -> Result<Self, MujocoError> {
        if symbols.version >= UNKNOWN {
            let why = "newer than the releases whose scenes this program can draw, 3.5.0 to 4.0.x";
            return Err(MujocoError::Version { path: symbols.path.clone(), found: symbols.version, why });
        }
        // SAFETY: a release whose header declares them as above.
        let calls = unsafe { Self::of(&symbols.library) };
        calls.map_err(|name| MujocoError::Library {
            path: symbols.path.clone(),
            problem: format!("MuJoCo {} without `{name}`", symbols.version),
        })
    }

    fn camera(&self) -> Camera {
        let mut camera = Camera {
            kind: FREE,
            fixed: -1,
            tracked: -1,
            lookat: [0.0; 3],
            distance: 1.0,
            azimuth: 0.0,
            elevation: 0.0,
            orthographic: 0,
            _room: [0; 8],
        };
        // SAFETY: a place of the header's size or more.
        unsafe { (self.mjv_defaultCamera)(&raw mut camera) };
        camera
    }

    /// A camera that looks at a point. Metres and degrees.
    pub fn free(&self, lookat: [f64; 3], distance: f64, azimuth: f64, elevation: f64) -> Camera {
        Camera { kind: FREE, lookat, distance, azimuth, elevation, ..self.camera() }
    }

    /// The model's camera of this number.
    pub fn fixed(&self, id: c_int) -> Camera {
        Camera { kind: FIXED, fixed: id, ..self.camera() }
    }
}

/// What of a model is to be seen.
pub(super) struct Scene {
    calls: Calls,
    /// Its sizes are the model's.
    _model: Arc<Compiled>,
    scene: Box<[u64]>,
    option: Box<[u64]>,
}

impl Scene {
    /// An empty one.
    pub fn new(calls: Calls, model: &Arc<Compiled>) -> Self {
        let mut made = Self { calls, _model: model.clone(), scene: room(SCENE), option: room(OPTION) };
        let (scene, option) = (made.scene.as_mut_ptr().cast(), made.option.as_mut_ptr().cast());
        // SAFETY: places of more than the header's sizes, a live model, and each call before those that need it.
        unsafe {
            (calls.mjv_defaultOption)(option);
            (calls.mjv_defaultScene)(scene);
            (calls.mjv_makeScene)(model.pointer(), scene, MOST_THINGS);
        }
        made
    }

    /// Fills it with what a camera sees of a state. The data are of the same model, compiled from the same text by the
    /// same release.
    pub fn update(&mut self, data: &Data, camera: &mut Camera) {
        // SAFETY: a scene that was made, live data with their own model, and a camera of that model. Data are taken as mutable for
        // their stack, which is as before at the end; `&Data` is not shared by threads.
        unsafe {
            (self.calls.mjv_updateScene)(
                data.model().pointer(),
                data.pointer(),
                self.option.as_ptr().cast(),
                ptr::null(),
                &raw mut *camera,
                ALL,
                self.scene.as_mut_ptr().cast(),
            );
        }
    }

    /// Where the camera stands that the scene was last filled for.
    pub fn frame(&self, data: &Data, camera: &Camera) -> Frame {
        let (mut eye, mut forward, mut up, mut right) = ([0.0; 3], [0.0; 3], [0.0; 3], [0.0; 3]);
        let (mut below_above, mut sides, mut clip) = ([0.0; 2], [0.0; 2], [0.0; 2]);
        // SAFETY: live data and model, a camera of it, room for three or two numbers each, and a scene that was filled.
        let height = unsafe {
            (self.calls.mjv_cameraFrame)(
                eye.as_mut_ptr(),
                forward.as_mut_ptr(),
                up.as_mut_ptr(),
                right.as_mut_ptr(),
                data.pointer(),
                camera,
            );
            (self.calls.mjv_cameraFrustum)(
                below_above.as_mut_ptr(),
                sides.as_mut_ptr(),
                clip.as_mut_ptr(),
                data.model().pointer(),
                camera,
            );
            (self.calls.mjv_frustumHeight)(self.scene.as_ptr().cast())
        };
        Frame { eye, forward, up, below_above, sides, near: clip[0], height }
    }
}

impl Drop for Scene {
    fn drop(&mut self) {
        // SAFETY: made once, freed once.
        unsafe { (self.calls.mjv_freeScene)(self.scene.as_mut_ptr().cast()) }
    }
}

// SAFETY: nothing in it belongs to a thread.
unsafe impl Send for Scene {}

/// MuJoCo looks up OpenGL's functions anew for each context, and keeps them for all of them: nobody draws meanwhile.
static LOOKED_UP: RwLock<()> = RwLock::new(());

/// A model's shapes and textures in OpenGL's memory, and a buffer to draw them to.
pub(super) struct Canvas {
    calls: Calls,
    context: Box<[u64]>,
    graphics: Context,
    size: Rectangle,
    /// Shapes and textures are the model's.
    _model: Arc<Compiled>,
}

impl Canvas {
    /// A buffer of this size.
    ///
    /// # Errors
    /// [`MujocoError::NoGraphics`] where OpenGL refuses.
    pub fn new(
        calls: Calls,
        model: &Arc<Compiled>,
        mut graphics: Context,
        [width, height]: [c_int; 2],
    ) -> Result<Self, MujocoError> {
        let mut context = room(CONTEXT);
        let size = Rectangle { left: 0, bottom: 0, width, height };
        let place: *mut c_void = context.as_mut_ptr().cast();
        let made = {
            let _alone = LOOKED_UP.write().unwrap_or_else(PoisonError::into_inner);
            graphics.within(|| {
                // SAFETY: a place of more than the header's size, a live model, and a current context of OpenGL with what
                // MuJoCo needs; each call before those that need it.
                unsafe {
                    (calls.mjr_defaultContext)(place);
                    (calls.mjr_makeContext)(model.pointer(), place, FONT);
                    (calls.mjr_resizeOffscreen)(width, height, place);
                    (calls.mjr_setBuffer)(OFFSCREEN, place);
                    ((calls.mjr_maxViewport)(place), (calls.mjr_getError)())
                }
            })
        };
        let (has, error) = made.map_err(|problem| MujocoError::NoGraphics { problem })?;
        let canvas = Self { calls, context, graphics, size, _model: model.clone() };
        if error != 0 || has != size {
            let problem =
                format!("a buffer of {width} x {height} pixels was refused with OpenGL's error {error:#x}");
            return Err(MujocoError::NoGraphics { problem });
        }
        Ok(canvas)
    }

    /// What draws.
    pub fn device(&self) -> &'static str {
        self.graphics.device()
    }

    /// Draws a scene, and copies it out: three bytes a pixel, the lowest row first. Nothing is copied where `pixels` has
    /// another length.
    ///
    /// # Errors
    /// What EGL or OpenGL refused.
    pub fn draw(&mut self, scene: &mut Scene, pixels: &mut [u8]) -> Result<(), String> {
        let bytes = usize::try_from(self.size.width * self.size.height).unwrap_or(0) * 3;
        if pixels.len() != bytes {
            return Err(format!("{bytes} bytes are drawn, there is room for {}", pixels.len()));
        }
        let (calls, context, size) = (self.calls, self.context.as_mut_ptr().cast(), self.size);
        let scene = scene.scene.as_mut_ptr().cast();
        let _looked_up = LOOKED_UP.read().unwrap_or_else(PoisonError::into_inner);
        let error = self.graphics.within(|| {
            // SAFETY: the context that was made, current as it was then, a scene of the same model, and room for three bytes of each
            // pixel; no depths are asked for.
            unsafe {
                (calls.mjr_setBuffer)(OFFSCREEN, context);
                (calls.mjr_render)(size, scene, context);
                (calls.mjr_readPixels)(pixels.as_mut_ptr(), ptr::null_mut(), size, context);
                (calls.mjr_getError)()
            }
        })?;
        if error == 0 { Ok(()) } else { Err(format!("OpenGL refuses with its error {error:#x}")) }
    }
}

impl Drop for Canvas {
    fn drop(&mut self) {
        let (calls, context) = (self.calls, self.context.as_mut_ptr().cast());
        let _looked_up = LOOKED_UP.read().unwrap_or_else(PoisonError::into_inner);
        // Where it cannot be made current, all that OpenGL holds goes with its context.
        let _freed = self.graphics.within(|| {
            // SAFETY: made once, freed once, with its own context of OpenGL current.
            unsafe { (calls.mjr_freeContext)(context) }
        });
    }
}

/// Zeroed words.
fn room(words: usize) -> Box<[u64]> {
    vec![0; words].into_boxed_slice()
}
