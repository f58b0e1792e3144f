//! MuJoCo's models and data as owned values: every call that takes a pointer, with its lengths checked before it.
//!
//! Nothing here is read at an offset. Sizes are those that `mj_stateSize` gives for each part of a state, numbers of
//! objects are counted in the specification that the model was compiled from, and the time step is the time after one
//! step.
#![allow(unsafe_code)] // Foreign functions: each block says why its pointers are good.

use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::path::Path;
use std::ptr::{self, NonNull};
use std::sync::Arc;

use super::symbols::{Symbols, Vfs};
use super::{MujocoError, MujocoObject, MujocoVersion};

/// Parts of a state that exist in every release that is used: bits 0 to 13 of `mjtState`.
const PARTS: usize = 14;
/// Bit 14, plastic deformation, since 4.0.0. Older releases end the process when they are asked for it.
const PLASTIC_SINCE: MujocoVersion = MujocoVersion::new(4, 0, 0);
/// Bytes of a message about a model.
const MESSAGE: usize = 2048;

/// What a model is made from.
#[derive(Clone, Copy)]
pub(super) enum Source<'a> {
    Text(&'a str),
    File(&'a Path),
}

/// A compiled model. It never changes, so that threads share it.
pub(super) struct Compiled {
    symbols: Arc<Symbols>,
    model: NonNull<c_void>,
    /// Numbers that each part of a state has.
    sizes: [usize; PARTS + 1],
    /// Objects of each kind, by the number of the kind.
    counts: [usize; MujocoObject::NUMBERS],
    /// Numbers that each sensor gives.
    sensors: Vec<usize>,
}

// SAFETY: after compilation nothing writes to the model, and MuJoCo's functions take it as `const`.
unsafe impl Send for Compiled {}
// SAFETY: as above.
unsafe impl Sync for Compiled {}

/// Deletes what a pointer points to when it goes.
struct Deleted<T, F: Fn(*mut T)>(*mut T, F);

impl<T, F: Fn(*mut T)> Drop for Deleted<T, F> {
    fn drop(&mut self) {
        (self.1)(self.0);
    }
}

impl Compiled {
    /// Compiles a model; `name` stands for it in messages, and `assets` are files in memory that it may name.
    pub fn new(
        symbols: &Arc<Symbols>,
        name: &str,
        source: Source<'_>,
        assets: &[(&str, &[u8])],
    ) -> Result<Self, MujocoError> {
        let f = symbols.functions;
        let no_text =
            |what: &str| MujocoError::of_model(name, &format!("{what} holds a zero byte: take it out"));
        let mut files = Vfs { implementation: ptr::null_mut() };
        // SAFETY: a place of the header's size, initialised by the call and deleted below, on every way out.
        unsafe { (f.mj_defaultVFS)(&raw mut files) };
        let files = Deleted(&raw mut files, move |files| {
            // SAFETY: it was initialised, and nothing refers to it any more.
            unsafe { (f.mj_deleteVFS)(files) }
        });
        for (asset, bytes) in assets {
            let file = CString::new(*asset).map_err(|_| no_text("the name of an asset"))?;
            let len = c_int::try_from(bytes.len());
            let len = len.map_err(|_| {
                MujocoError::of_model(name, &format!("`{asset}` has more than 2 GiB: make it smaller"))
            })?;
            // SAFETY: a live file system, a text that ends in a zero byte, and `len` bytes, which are copied.
            let added = unsafe { (f.mj_addBufferVFS)(files.0, file.as_ptr(), bytes.as_ptr().cast(), len) };
            if added != 0 {
                return Err(MujocoError::of_model(
                    name,
                    &format!("`{asset}` was not taken as an asset: give each name once"),
                ));
            }
        }
        let vfs: *const c_void = files.0.cast_const().cast();
        let mut message = [0 as c_char; MESSAGE];
        let room = MESSAGE as c_int;
        let spec = match source {
            Source::Text(text) => {
                let text = CString::new(text).map_err(|_| no_text("the text"))?;
                // SAFETY: texts that end in zero bytes, a live file system, and room for a message of that length.
                unsafe { (f.mj_parseXMLString)(text.as_ptr(), vfs, message.as_mut_ptr(), room) }
            }
            Source::File(path) => {
                let path =
                    CString::new(path.as_os_str().as_encoded_bytes()).map_err(|_| no_text("the path"))?;
                // SAFETY: as above.
                unsafe { (f.mj_parseXML)(path.as_ptr(), vfs, message.as_mut_ptr(), room) }
            }
        };
        if spec.is_null() {
            message[MESSAGE - 1] = 0;
            // SAFETY: it ends in a zero byte.
            let said = unsafe { CStr::from_ptr(message.as_ptr()) };
            return Err(MujocoError::of_model(name, &said.to_string_lossy()));
        }
        let spec = Deleted(spec, move |spec| {
            // SAFETY: what the parser returned, once.
            unsafe { (f.mj_deleteSpec)(spec) }
        });
        // SAFETY: a live specification and file system.
        let model = unsafe { (f.mj_compile)(spec.0, vfs) };
        let Some(model) = NonNull::new(model) else {
            // SAFETY: a live specification; the text belongs to it, and is copied.
            let said = unsafe { text((f.mjs_getError)(spec.0)) };
            return Err(MujocoError::of_model(name, &said.unwrap_or_else(|| "no reason given".into())));
        };
        let mut compiled = Self {
            symbols: symbols.clone(),
            model,
            sizes: [0; PARTS + 1],
            counts: [0; MujocoObject::NUMBERS],
            sensors: Vec::new(),
        };
        let parts = if symbols.version >= PLASTIC_SINCE { PARTS + 1 } else { PARTS };
        for (part, size) in compiled.sizes.iter_mut().enumerate().take(parts) {
            // SAFETY: a live model, and a part that this release has.
            *size = unsafe { (f.mj_stateSize)(model.as_ptr(), 1 << part) }.try_into().unwrap_or(0);
        }
        for kind in MujocoObject::ALL {
            // SAFETY: a live specification; elements are its own, and asked for one after the other.
            unsafe {
                let mut element = (f.mjs_firstElement)(spec.0, kind.number());
                while !element.is_null() {
                    let id = usize::try_from((f.mjs_getId)(element)).unwrap_or(0);
                    let count = &mut compiled.counts[kind.index()];
                    *count = (*count).max(id + 1);
                    if kind == MujocoObject::Sensor {
                        let len = (f.mjs_sensorDim)((f.mjs_asSensor)(element)).try_into().unwrap_or(0);
                        compiled.sensors.resize(compiled.sensors.len().max(id + 1), 0);
                        compiled.sensors[id] = len;
                    }
                    element = (f.mjs_nextElement)(spec.0, element);
                }
            }
        }
        Ok(compiled)
    }

    pub fn symbols(&self) -> &Arc<Symbols> {
        &self.symbols
    }

    /// The model, for calls that take it as `const`. It lives as long as this does.
    pub fn pointer(&self) -> *const c_void {
        self.model.as_ptr()
    }

    /// Every part that belongs to the state, so that it goes on bit for bit: `mjSTATE_INTEGRATION` of this release.
    pub fn whole(&self) -> c_int {
        let parts = if self.symbols.version >= PLASTIC_SINCE { PARTS + 1 } else { PARTS };
        (1 << parts) - 1
    }

    /// Numbers that these parts of a state have together.
    pub fn size(&self, parts: c_int) -> usize {
        self.sizes.iter().enumerate().filter(|(part, _)| parts >> part & 1 == 1).map(|(_, size)| size).sum()
    }

    /// Objects of a kind.
    pub fn count(&self, kind: MujocoObject) -> usize {
        self.counts[kind.index()]
    }

    /// Numbers of each sensor.
    pub fn sensors(&self) -> &[usize] {
        &self.sensors
    }

    /// Number of the object of this name.
    pub fn id(&self, kind: MujocoObject, name: &str) -> Option<usize> {
        let name = CString::new(name).ok()?;
        // SAFETY: a live model and a text that ends in a zero byte.
        let id =
            unsafe { (self.symbols.functions.mj_name2id)(self.model.as_ptr(), kind.number(), name.as_ptr()) };
        usize::try_from(id).ok()
    }

    /// Name of an object; `None` where it has none, and past the last.
    pub fn name(&self, kind: MujocoObject, id: usize) -> Option<String> {
        let id = c_int::try_from(id).ok().filter(|_| id < self.count(kind))?;
        // SAFETY: a live model and an object that it has; the text is the model's, and copied.
        let name =
            unsafe { text((self.symbols.functions.mj_id2name)(self.model.as_ptr(), kind.number(), id)) };
        name.filter(|name| !name.is_empty())
    }

    /// The model as MuJoCo writes it to a file.
    pub fn bytes(&self) -> Vec<u8> {
        let f = &self.symbols.functions;
        // SAFETY: a live model.
        let len = unsafe { (f.mj_sizeModel)(self.model.as_ptr()) };
        let mut bytes = vec![0_u8; usize::try_from(len).unwrap_or(0)];
        // SAFETY: a live model and `len` bytes. Until 3.8 the length is declared as an `int`: its lower half is passed in the
        // same place, and a model of 2 GiB ends in MuJoCo's own refusal.
        unsafe { (f.mj_saveModel)(self.model.as_ptr(), ptr::null(), bytes.as_mut_ptr().cast(), len) };
        bytes
    }
}

impl Drop for Compiled {
    fn drop(&mut self) {
        // SAFETY: every data of the model holds it, so that none is left; the library outlives both.
        unsafe { (self.symbols.functions.mj_deleteModel)(self.model.as_ptr()) }
    }
}

/// A text of MuJoCo's, copied.
///
/// # Safety
/// NULL, or a text that ends in a zero byte.
unsafe fn text(text: *const c_char) -> Option<String> {
    // SAFETY: the caller's promise.
    (!text.is_null()).then(|| unsafe { CStr::from_ptr(text) }.to_string_lossy().into_owned())
}

/// The data of one simulation, with the model that they are of.
pub(super) struct Data {
    /// Deleted before the model, which this holds.
    data: NonNull<c_void>,
    model: Arc<Compiled>,
}

// SAFETY: only the owner touches the data, and MuJoCo keeps nothing of them in a thread.
unsafe impl Send for Data {}

impl Data {
    /// Data in the model's own first state.
    pub fn new(model: &Arc<Compiled>) -> Option<Self> {
        // SAFETY: a live model.
        let data = unsafe { (model.symbols.functions.mj_makeData)(model.model.as_ptr()) };
        Some(Self { data: NonNull::new(data)?, model: model.clone() })
    }

    pub fn model(&self) -> &Arc<Compiled> {
        &self.model
    }

    /// The data, for calls that change nothing of the state. They live as long as this does.
    pub fn pointer(&self) -> *mut c_void {
        self.data.as_ptr()
    }

    /// Back to the model's own first state.
    pub fn reset(&mut self) {
        // SAFETY: live data of this model.
        unsafe { (self.model.symbols.functions.mj_resetData)(self.model.model.as_ptr(), self.data.as_ptr()) }
    }

    /// All that follows from the state.
    pub fn forward(&mut self) {
        // SAFETY: as above.
        unsafe { (self.model.symbols.functions.mj_forward)(self.model.model.as_ptr(), self.data.as_ptr()) }
    }

    /// `count` time steps.
    pub fn step(&mut self, count: usize) {
        let (step, model, data) =
            (self.model.symbols.functions.mj_step, self.model.model.as_ptr(), self.data.as_ptr());
        for _ in 0..count {
            // SAFETY: as above.
            unsafe { step(model, data) }
        }
    }

    /// Copies parts of the state out. Whether `out` has their length; it is untouched where not.
    #[must_use]
    pub fn read(&self, parts: c_int, out: &mut [f64]) -> bool {
        let fits = parts & !self.model.whole() == 0 && out.len() == self.model.size(parts);
        if fits {
            let f = &self.model.symbols.functions;
            // SAFETY: live data of this model, parts that this release has, and as many numbers as they are.
            unsafe { (f.mj_getState)(self.model.model.as_ptr(), self.data.as_ptr(), out.as_mut_ptr(), parts) }
        }
        fits
    }

    /// Copies parts of the state in. Whether `values` have their length; nothing is changed where not.
    #[must_use]
    pub fn write(&mut self, parts: c_int, values: &[f64]) -> bool {
        let fits = parts & !self.model.whole() == 0 && values.len() == self.model.size(parts);
        if fits {
            let f = &self.model.symbols.functions;
            // SAFETY: as above.
            unsafe { (f.mj_setState)(self.model.model.as_ptr(), self.data.as_ptr(), values.as_ptr(), parts) }
        }
        fits
    }

    /// Reading of a sensor at a time. Whether there is such a sensor and `out` has its length; untouched where not.
    #[must_use]
    pub fn sensor(&self, id: usize, time: f64, out: &mut [f64]) -> bool {
        let (Some(&len), Ok(number)) = (self.model.sensors.get(id), c_int::try_from(id)) else {
            return false;
        };
        if len != out.len() {
            return false;
        }
        // SAFETY: live data of this model, a sensor that it has, and room for its reading. Where a pointer is returned, it is to
        // as many numbers, in the data; else they are in `out`.
        unsafe {
            let read = self.model.symbols.functions.mj_readSensor;
            let at = read(self.model.model.as_ptr(), self.data.as_ptr(), number, time, out.as_mut_ptr(), 0);
            if !at.is_null() {
                ptr::copy(at, out.as_mut_ptr(), len);
            }
        }
        true
    }

    /// Jacobians of a site, row-major `[3, nv]`: of its place, and of its rotation. Whether there is such a site and both
    /// have that length; untouched where not.
    #[must_use]
    pub fn site_jacobian(&mut self, site: usize, place: &mut [f64], rotation: &mut [f64]) -> bool {
        let len = 3 * self.model.sizes[VELOCITY];
        let Some(id) = c_int::try_from(site).ok().filter(|_| site < self.model.count(MujocoObject::Site))
        else {
            return false;
        };
        let fits = place.len() == len && rotation.len() == len;
        if fits {
            let f = &self.model.symbols.functions;
            // SAFETY: live data of this model, a site that it has, and three rows of its velocities each.
            unsafe {
                (f.mj_jacSite)(
                    self.model.model.as_ptr(),
                    self.data.as_ptr(),
                    place.as_mut_ptr(),
                    rotation.as_mut_ptr(),
                    id,
                );
            }
        }
        fits
    }
}

/// The part of a state that velocities are.
const VELOCITY: usize = 2;

impl Drop for Data {
    fn drop(&mut self) {
        // SAFETY: made by this model, which is still held, and deleted once.
        unsafe { (self.model.symbols.functions.mj_deleteData)(self.data.as_ptr()) }
    }
}
