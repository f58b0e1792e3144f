//! The last failure of each thread, as C reads it.

use std::cell::RefCell;
use std::ffi::{CStr, CString};

thread_local! {
    static LAST: RefCell<CString> = RefCell::default();
}

/// Keeps a message until the next one of this thread.
pub fn keep(message: &str) {
    // A name in a message may hold anything, and C's text ends at the first zero.
    let text = CString::new(message.replace('\0', " ")).unwrap_or_default();
    // A thread that is ending has nowhere to keep it, and nobody to read it.
    let _ = LAST.try_with(|last| last.replace(text));
}

/// Gives `read` the message of this thread; an empty one where nothing has failed.
pub fn with<T>(read: impl FnOnce(&CStr) -> T) -> Option<T> {
    LAST.try_with(|last| read(&last.borrow())).ok()
}
