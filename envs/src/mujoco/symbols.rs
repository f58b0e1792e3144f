//! MuJoCo's functions, by name, out of a library that is loaded at run time; and what it has to say.
//!
//! No header is needed: models, data and specifications are opaque here, and nothing is read at an offset. Signatures are
//! those of `mujoco.h` of the releases in [`MujocoVersion::TRIED`], compared by hand.
#![allow(unsafe_code)] // Foreign functions: they are found by name, and their types are what the header says.
#![allow(non_snake_case)] // Their names are MuJoCo's.

use std::cell::RefCell;
use std::ffi::{CStr, c_char, c_int, c_void};
use std::io::Write;
use std::mem::ManuallyDrop;
use std::path::{Path, PathBuf};
use std::ptr;
use std::sync::atomic::{AtomicPtr, Ordering};

use libloading::Library;

use super::{MujocoError, MujocoVersion};

/// Declares a table of functions and how it is filled.
macro_rules! functions {
    ($(#[$about:meta])* $table:ident: $($name:ident($($argument:ty),*) $(-> $answer:ty)?;)*) => {
        $(#[$about])*
        #[derive(Clone, Copy)]
        pub(super) struct $table {
            $(pub $name: unsafe extern "C" fn($($argument),*) $(-> $answer)?,)*
        }

        impl $table {
            /// All of them.
            ///
            /// # Errors
            /// The name of one that the library lacks.
            ///
            /// # Safety
            /// The library is one whose header declares them so.
            unsafe fn of(library: &libloading::Library) -> Result<Self, &'static str> {
                // SAFETY: the caller's promise; the pointers are used only while the library is loaded, which is for ever.
                unsafe {
                    Ok(Self { $($name: *library.get(stringify!($name)).map_err(|_| stringify!($name))?,)* })
                }
            }
        }
    };
}
pub(super) use functions;

functions! {
    /// The functions that are called, as in `mujoco.h`.
    Functions:
    mj_parseXMLString(*const c_char, *const c_void, *mut c_char, c_int) -> *mut c_void;
    mj_parseXML(*const c_char, *const c_void, *mut c_char, c_int) -> *mut c_void;
    mj_compile(*mut c_void, *const c_void) -> *mut c_void;
    mj_deleteSpec(*mut c_void);
    mjs_getError(*mut c_void) -> *const c_char;
    mjs_firstElement(*mut c_void, c_int) -> *mut c_void;
    mjs_nextElement(*mut c_void, *mut c_void) -> *mut c_void;
    mjs_getId(*mut c_void) -> c_int;
    mjs_asSensor(*mut c_void) -> *mut c_void;
    mjs_sensorDim(*const c_void) -> c_int;
    mj_defaultVFS(*mut Vfs);
    mj_addBufferVFS(*mut Vfs, *const c_char, *const c_void, c_int) -> c_int;
    mj_deleteVFS(*mut Vfs);
    mj_deleteModel(*mut c_void);
    mj_sizeModel(*const c_void) -> i64;
    mj_saveModel(*const c_void, *const c_char, *mut c_void, i64);
    mj_makeData(*const c_void) -> *mut c_void;
    mj_deleteData(*mut c_void);
    mj_resetData(*const c_void, *mut c_void);
    mj_forward(*const c_void, *mut c_void);
    mj_step(*const c_void, *mut c_void);
    mj_stateSize(*const c_void, c_int) -> c_int;
    mj_getState(*const c_void, *const c_void, *mut f64, c_int);
    mj_setState(*const c_void, *mut c_void, *const f64, c_int);
    mj_readSensor(*const c_void, *const c_void, c_int, f64, *mut f64, c_int) -> *const f64;
    mj_jacSite(*const c_void, *const c_void, *mut f64, *mut f64, c_int);
    mj_name2id(*const c_void, c_int, *const c_char) -> c_int;
    mj_id2name(*const c_void, c_int, c_int) -> *const c_char;
}

/// `mjVFS`: files in memory.
#[repr(C)]
pub(super) struct Vfs {
    /// MuJoCo's own.
    pub implementation: *mut c_void,
}

/// A loaded library.
pub(super) struct Symbols {
    pub functions: Functions,
    pub version: MujocoVersion,
    pub path: PathBuf,
    /// Never closed: MuJoCo keeps what belongs to threads, and the handlers below stay where they are.
    pub library: ManuallyDrop<Library>,
}

impl Symbols {
    /// Loads a library and finds its functions. The same file again is the same library.
    ///
    /// # Errors
    /// [`MujocoError::Library`] for a file that is none of MuJoCo's, [`MujocoError::Version`] for a release that is not
    /// used.
    pub fn load(path: &Path) -> Result<Self, MujocoError> {
        let refuse = |problem: String| MujocoError::Library { path: path.to_path_buf(), problem };
        // SAFETY: loading runs what a library does at its start. Of a file that calls itself MuJoCo's, in a place that the
        // user named or installed it to, that is taken to be harmless, as with every program that links with it.
        let library = unsafe { Library::new(path) }.map_err(|error| refuse(error.to_string()))?;
        let library = ManuallyDrop::new(library);
        // SAFETY: `int mj_version(void)` in every release.
        let version = unsafe {
            let ask = library.get::<unsafe extern "C" fn() -> c_int>("mj_version");
            ask.map(|version| version())
        };
        let version = version.map_err(|_| refuse("it has no `mj_version`".into()))?;
        let found = MujocoVersion::of_number(version);
        if let Some(why) = found.refusal() {
            return Err(MujocoError::Version { path: path.to_path_buf(), found, why });
        }
        // SAFETY: the release is one whose header declares them as above.
        let functions = unsafe { Functions::of(&library) };
        let functions = functions.map_err(|name| refuse(format!("MuJoCo {found} without `{name}`")))?;
        // SAFETY: both are variables of type `void (*)(const char*)` in the header.
        unsafe {
            install(&library, "mju_user_warning", on_warning);
            install(&library, "mju_user_error", on_error);
        }
        Ok(Self { functions, version: found, path: path.to_path_buf(), library })
    }
}

/// Puts a handler into one of MuJoCo's two variables, unless somebody's is there, such as that of Python's bindings.
///
/// # Safety
/// The variable is a pointer to a function of the handler's type.
unsafe fn install(library: &Library, name: &str, handler: extern "C" fn(*const c_char)) {
    // SAFETY: the caller's promise. A library without the variable says nothing, and all else works.
    let Ok(variable) = (unsafe { library.get::<*mut *mut ()>(name) }) else {
        return;
    };
    // SAFETY: it lies in the library, aligned, and is never unloaded. Others may read it meanwhile: hence atomic.
    let variable = unsafe { AtomicPtr::from_ptr(*variable) };
    // Taken already: whoever put it there hears what there is to hear, and time tells of a reset.
    let _taken =
        variable.compare_exchange(ptr::null_mut(), handler as *mut (), Ordering::AcqRel, Ordering::Acquire);
}

/// Bytes of a warning that are kept.
const WARNING: usize = 200;

thread_local! {
    /// The first warning of this thread since it was last asked for.
    static HEARD: RefCell<([u8; WARNING], usize)> = const { RefCell::new(([0; WARNING], 0)) };
}

/// Keeps the first warning, so that MuJoCo writes no `MUJOCO_LOG.TXT`. Called on the thread that simulates; allocates nothing.
extern "C" fn on_warning(message: *const c_char) {
    if message.is_null() {
        return;
    }
    // SAFETY: MuJoCo passes a text that ends in a zero byte.
    let text = unsafe { CStr::from_ptr(message) }.to_bytes();
    // A thread that ends has nobody left to ask.
    let _ended = HEARD.try_with(|heard| {
        if let Ok(mut heard) = heard.try_borrow_mut()
            && heard.1 == 0
        {
            let len = text.len().min(WARNING);
            heard.0[..len].copy_from_slice(&text[..len]);
            heard.1 = len;
        }
    });
}

/// Whether there was a warning since the last was taken or forgotten.
pub(super) fn warned() -> bool {
    HEARD.with(|heard| heard.try_borrow().is_ok_and(|heard| heard.1 > 0))
}

/// Forgets what others of this thread were warned of.
pub(super) fn forget_warning() {
    HEARD.with(|heard| {
        if let Ok(mut heard) = heard.try_borrow_mut() {
            heard.1 = 0;
        }
    });
}

/// The warning that was kept, and forgets it.
pub(super) fn take_warning() -> Option<String> {
    HEARD.with(|heard| {
        let mut heard = heard.try_borrow_mut().ok()?;
        let len = std::mem::take(&mut heard.1);
        (len > 0).then(|| String::from_utf8_lossy(&heard.0[..len]).into_owned())
    })
}

/// MuJoCo cannot go on after an error, and what called it cannot be unwound through: the process ends, as it would without this.
/// But it says so at once, where MuJoCo itself writes a file first and has been known to wait for a key.
extern "C" fn on_error(message: *const c_char) {
    let text = if message.is_null() {
        c"no message"
    } else {
        // SAFETY: as above.
        unsafe { CStr::from_ptr(message) }
    };
    // Nothing can be done about a standard error that cannot be written to.
    let _unheard = writeln!(std::io::stderr(), "MuJoCo cannot go on: {}", text.to_string_lossy());
    std::process::abort();
}
