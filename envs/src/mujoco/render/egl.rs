//! OpenGL without a window: EGL out of a library that is loaded at run time.
//!
//! Functions and numbers are those of Khronos' `egl.h`, `eglext.h` and `gl.h`.
#![allow(unsafe_code)] // Foreign functions: each block says why its pointers are good.
#![allow(non_snake_case)] // Their names are EGL's.

use std::ffi::{CStr, c_char, c_int, c_uint, c_void};
use std::mem::ManuallyDrop;
use std::ptr;
use std::sync::OnceLock;

use libloading::Library;

use super::super::symbols::functions;

/// Names that EGL's library goes by.
const NAMES: [&str; 2] = ["libEGL.so.1", "libEGL.so"];
/// Most graphics cards that are looked at.
const MOST_DEVICES: usize = 16;
/// `EGL_EXTENSIONS`, and what `eglGetError` says where nothing went wrong.
const EXTENSIONS: c_int = 0x3055;
const SUCCESS: c_int = 0x3000;
/// `EGL_OPENGL_API`.
const OPENGL: c_uint = 0x30A2;
/// `EGL_PLATFORM_SURFACELESS_MESA` and `EGL_PLATFORM_DEVICE_EXT`.
const SURFACELESS: c_uint = 0x31DD;
const DEVICE: c_uint = 0x313F;
/// Eight bits of each colour, 24 of depth, 8 of stencil; `EGL_SURFACE_TYPE` a pbuffer, `EGL_RENDERABLE_TYPE` OpenGL; the end.
const WANTED: [c_int; 17] =
    [0x3024, 8, 0x3023, 8, 0x3022, 8, 0x3021, 8, 0x3025, 24, 0x3026, 8, 0x3033, 1, 0x3040, 8, 0x3038];
/// The end of a list of attributes, `EGL_NONE`.
const NO_ATTRIBUTES: [c_int; 1] = [0x3038];
/// `EGL_DRAW` and `EGL_READ`.
const DRAW: c_int = 0x3059;
const READ: c_int = 0x305A;
/// `GL_RENDERER`, `GL_VERSION`, `GL_EXTENSIONS`, `GL_MAX_RENDERBUFFER_SIZE`.
const GL_RENDERER: c_uint = 0x1F01;
const GL_VERSION: c_uint = 0x1F02;
const GL_EXTENSIONS: c_uint = 0x1F03;
const GL_MAX_RENDERBUFFER_SIZE: c_uint = 0x84E8;
/// What MuJoCo ends the process without.
const NEEDED: [&str; 2] = ["GL_ARB_framebuffer_object", "GL_ARB_vertex_buffer_object"];

functions! {
    /// The functions that are called, as in `egl.h`.
    Calls:
    eglGetProcAddress(*const c_char) -> *const c_void;
    eglGetError() -> c_int;
    eglQueryString(*mut c_void, c_int) -> *const c_char;
    eglGetDisplay(*mut c_void) -> *mut c_void;
    eglInitialize(*mut c_void, *mut c_int, *mut c_int) -> c_uint;
    eglTerminate(*mut c_void) -> c_uint;
    eglBindAPI(c_uint) -> c_uint;
    eglChooseConfig(*mut c_void, *const c_int, *mut *mut c_void, c_int, *mut c_int) -> c_uint;
    eglCreateContext(*mut c_void, *mut c_void, *mut c_void, *const c_int) -> *mut c_void;
    eglDestroyContext(*mut c_void, *mut c_void) -> c_uint;
    eglMakeCurrent(*mut c_void, *mut c_void, *mut c_void, *mut c_void) -> c_uint;
    eglGetCurrentContext() -> *mut c_void;
    eglGetCurrentDisplay() -> *mut c_void;
    eglGetCurrentSurface(c_int) -> *mut c_void;
}

type GetPlatformDisplay = unsafe extern "C" fn(c_uint, *mut c_void, *const c_int) -> *mut c_void;
type QueryDevices = unsafe extern "C" fn(c_int, *mut *mut c_void, *mut c_int) -> c_uint;
type GetString = unsafe extern "C" fn(c_uint) -> *const c_char;
type GetInteger = unsafe extern "C" fn(c_uint, *mut c_int);

/// What this process draws on. It stays: a display that is closed takes the contexts of everybody with it.
struct Display {
    calls: Calls,
    display: *mut c_void,
    config: *mut c_void,
    device: String,
    most: usize,
    /// Never closed: drivers keep what belongs to threads.
    _library: ManuallyDrop<Library>,
}

// SAFETY: EGL's displays and configurations are handles, which every thread may use.
unsafe impl Send for Display {}
// SAFETY: as above.
unsafe impl Sync for Display {}

static DISPLAY: OnceLock<Result<Display, String>> = OnceLock::new();

impl Display {
    /// The one of this process.
    fn get() -> Result<&'static Self, String> {
        DISPLAY.get_or_init(Self::open).as_ref().map_err(Clone::clone)
    }

    fn open() -> Result<Self, String> {
        let mut problem = String::new();
        // SAFETY: EGL's loader, which every program with graphics runs at its start; it has no conditions.
        let library = NAMES.iter().find_map(|name| {
            unsafe { Library::new(*name) }.map_err(|error| problem = error.to_string()).ok()
        });
        let Some(library) = library else {
            return Err(format!("EGL's library `{}` does not load: {problem}", NAMES[0]));
        };
        let library = ManuallyDrop::new(library);
        // SAFETY: a library of this name has the functions of `egl.h`.
        let calls = unsafe { Calls::of(&library) };
        let calls = calls.map_err(|name| format!("EGL's library has no `{name}`"))?;
        let mut display = Self {
            calls,
            display: ptr::null_mut(),
            config: ptr::null_mut(),
            device: String::new(),
            most: 0,
            _library: library,
        };
        let mut refused = Vec::new();
        for (name, candidate) in calls.displays() {
            display.display = candidate;
            match display.try_it() {
                Ok(()) => return Ok(display),
                Err(problem) => refused.push(format!("{name}: {problem}")),
            }
        }
        Err(if refused.is_empty() { "EGL has no display".to_owned() } else { refused.join("; ") })
    }

    /// Whether what MuJoCo needs can be drawn on the display; closes it where not.
    fn try_it(&mut self) -> Result<(), String> {
        // SAFETY: a display that EGL gave; versions are not asked for.
        if unsafe { (self.calls.eglInitialize)(self.display, ptr::null_mut(), ptr::null_mut()) } == 0 {
            return Err(self.calls.refusal("eglInitialize"));
        }
        self.look().inspect_err(|_| {
            // SAFETY: the display was opened above, and what was made on it is gone.
            unsafe { (self.calls.eglTerminate)(self.display) };
        })
    }

    fn look(&mut self) -> Result<(), String> {
        let mut count = 0;
        // SAFETY: an open display, a list with its end, and room for one configuration.
        let chosen = unsafe {
            let choose = self.calls.eglChooseConfig;
            choose(self.display, WANTED.as_ptr(), &raw mut self.config, 1, &raw mut count)
        };
        if chosen == 0 || count < 1 {
            return Err("no configuration with OpenGL and 24 bits of depth".to_owned());
        }
        let context = self.calls.context(self.display, self.config)?;
        let looked = self.calls.within(self.display, context, || {
            let (strings, integers) = (c"glGetString", c"glGetIntegerv");
            // SAFETY: names that end in a zero byte; types are those of `gl.h`.
            let (strings, integers) =
                unsafe { (self.calls.find::<GetString>(strings), self.calls.find::<GetInteger>(integers)) };
            let (Some(strings), Some(integers)) = (strings, integers) else {
                return Err("its OpenGL is not to be found".to_owned());
            };
            // SAFETY: a context is current; its texts are copied.
            let [device, version, extensions] = [GL_RENDERER, GL_VERSION, GL_EXTENSIONS]
                .map(|name| unsafe { text(strings(name)) }.unwrap_or_default());
            let missing = NEEDED.iter().find(|need| extensions.split(' ').all(|has| has != **need));
            if let Some(missing) = missing {
                return Err(format!("OpenGL {version} on {device} is without {missing}"));
            }
            let mut most = 0;
            // SAFETY: a context is current, and the answer is one number.
            unsafe { integers(GL_MAX_RENDERBUFFER_SIZE, &raw mut most) };
            Ok((device, usize::try_from(most).unwrap_or(0)))
        });
        // SAFETY: made above, and current nowhere.
        unsafe { (self.calls.eglDestroyContext)(self.display, context) };
        (self.device, self.most) = looked??;
        Ok(())
    }
}

impl Calls {
    /// Displays, in the order in which they are tried: Mesa's without any screen, graphics cards, the user's own.
    fn displays(&self) -> Vec<(String, *mut c_void)> {
        let mut found = Vec::new();
        // SAFETY: extensions that need no display may be asked for without one; names end in zero bytes, and types are those of
        // `eglext.h`.
        let (extensions, of_platform, devices) = unsafe {
            let extensions = text((self.eglQueryString)(ptr::null_mut(), EXTENSIONS)).unwrap_or_default();
            let of_platform = self.find::<GetPlatformDisplay>(c"eglGetPlatformDisplayEXT");
            (extensions, of_platform, self.find::<QueryDevices>(c"eglQueryDevicesEXT"))
        };
        let has = |name: &str| extensions.split(' ').any(|extension| extension == name);
        if let Some(of_platform) = of_platform {
            if has("EGL_MESA_platform_surfaceless") {
                // SAFETY: the platform's display is the default one, without attributes.
                let display = unsafe { of_platform(SURFACELESS, ptr::null_mut(), ptr::null()) };
                found.push(("without a screen".to_owned(), display));
            }
            if let Some(query) = devices.filter(|_| has("EGL_EXT_platform_device")) {
                let (mut handles, mut count) = ([ptr::null_mut(); MOST_DEVICES], 0);
                // SAFETY: room for that many handles.
                let asked = unsafe { query(MOST_DEVICES as c_int, handles.as_mut_ptr(), &raw mut count) };
                let count = if asked == 0 { 0 } else { usize::try_from(count).unwrap_or(0) };
                for (number, handle) in handles.iter().take(count).enumerate() {
                    // SAFETY: a device that EGL named.
                    let display = unsafe { of_platform(DEVICE, *handle, ptr::null()) };
                    found.push((format!("device {number}"), display));
                }
            }
        }
        // SAFETY: `EGL_DEFAULT_DISPLAY`.
        found.push(("the default display".to_owned(), unsafe { (self.eglGetDisplay)(ptr::null_mut()) }));
        found.retain(|(_, display)| !display.is_null());
        found
    }

    /// A function that is no part of the library's table.
    ///
    /// # Safety
    /// `F` is a pointer to a function of that name's type.
    unsafe fn find<F: Copy>(&self, name: &CStr) -> Option<F> {
        // SAFETY: a text that ends in a zero byte.
        let address = unsafe { (self.eglGetProcAddress)(name.as_ptr()) };
        // SAFETY: the caller's promise; pointers to functions have the size of others.
        (!address.is_null() && size_of::<F>() == size_of_val(&address))
            .then(|| unsafe { std::mem::transmute_copy(&address) })
    }

    fn context(&self, display: *mut c_void, config: *mut c_void) -> Result<*mut c_void, String> {
        // SAFETY: an open display, a configuration of it, and a list with its end.
        let context = unsafe {
            (self.eglBindAPI)(OPENGL);
            (self.eglCreateContext)(display, config, ptr::null_mut(), NO_ATTRIBUTES.as_ptr())
        };
        if context.is_null() { Err(self.refusal("eglCreateContext")) } else { Ok(context) }
    }

    /// Does something with a context current on this thread, and puts back what was current before.
    fn within<T>(
        &self,
        display: *mut c_void,
        context: *mut c_void,
        work: impl FnOnce() -> T,
    ) -> Result<T, String> {
        // SAFETY: an open display and a context of it that is current nowhere else; no surface, as all is drawn to buffers.
        let (before, entered) = unsafe {
            (self.eglBindAPI)(OPENGL);
            let before = (
                (self.eglGetCurrentDisplay)(),
                (self.eglGetCurrentSurface)(DRAW),
                (self.eglGetCurrentSurface)(READ),
                (self.eglGetCurrentContext)(),
            );
            (before, (self.eglMakeCurrent)(display, ptr::null_mut(), ptr::null_mut(), context))
        };
        if entered == 0 {
            return Err(self.refusal("eglMakeCurrent"));
        }
        let done = work();
        let (before, draw, read, context) = before;
        // SAFETY: what was current on this thread before, or nothing.
        unsafe {
            (self.eglMakeCurrent)(if before.is_null() { display } else { before }, draw, read, context)
        };
        Ok(done)
    }

    fn refusal(&self, call: &str) -> String {
        // SAFETY: it has no conditions.
        match unsafe { (self.eglGetError)() } {
            SUCCESS => format!("`{call}` refuses without a reason"),
            number => format!("`{call}` refuses with EGL's error {number:#x}"),
        }
    }
}

/// A text of EGL's or OpenGL's, copied.
///
/// # Safety
/// NULL, or a text that ends in a zero byte.
unsafe fn text(text: *const c_char) -> Option<String> {
    // SAFETY: the caller's promise.
    (!text.is_null()).then(|| unsafe { CStr::from_ptr(text) }.to_string_lossy().into_owned())
}

/// OpenGL's state, to be drawn with on one thread at a time.
pub(super) struct Context {
    display: &'static Display,
    context: *mut c_void,
}

// SAFETY: it is current on a thread only while that one is within [`Context::within`], which takes it as `&mut`.
unsafe impl Send for Context {}

impl Context {
    /// A new one.
    ///
    /// # Errors
    /// What is missing, or what EGL refused.
    pub fn new() -> Result<Self, String> {
        let display = Display::get()?;
        let context = display.calls.context(display.display, display.config)?;
        Ok(Self { display, context })
    }

    /// What draws: the driver's name for itself.
    pub fn device(&self) -> &'static str {
        &self.display.device
    }

    /// Most pixels of a side.
    pub fn most(&self) -> usize {
        self.display.most
    }

    /// Does something with it current on this thread, and puts back what was current before.
    ///
    /// # Errors
    /// EGL's refusal, where nothing was done.
    pub fn within<T>(&mut self, work: impl FnOnce() -> T) -> Result<T, String> {
        self.display.calls.within(self.display.display, self.context, work)
    }
}

impl Drop for Context {
    fn drop(&mut self) {
        // SAFETY: made on this display, current nowhere, and destroyed once.
        unsafe { (self.display.calls.eglDestroyContext)(self.display.display, self.context) };
    }
}
