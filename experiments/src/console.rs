//! What the program says: results on standard output, everything else on standard error.
//!
//! A reader that left (`forethought inspect ... | head`) is no error: it has what it wanted. Any other failure to write
//! results is one, so that an empty file on a full disk never looks like success. Standard error carries remarks that
//! nothing depends on: where it is closed or full, work goes on without them.

use std::fmt::Display;
use std::io::{self, ErrorKind, Write};
use std::path::Path;

use forethought_envs::printable;
use serde_json::Value;

use crate::failure::Failure;

/// Prints text on standard output as it is.
///
/// # Errors
/// [`Failure`] where it cannot be written and somebody wants it.
pub fn print(text: impl Display) -> Result<(), Failure> {
    checked(write!(io::stdout().lock(), "{text}"))
}

/// Prints a line on standard output.
///
/// # Errors
/// As [`print()`].
pub fn line(text: impl Display) -> Result<(), Failure> {
    checked(writeln!(io::stdout().lock(), "{text}"))
}

/// Prints an indented JSON object on standard output.
///
/// # Errors
/// As [`print()`].
pub fn json(value: &Value) -> Result<(), Failure> {
    line(format_args!("{value:#}"))
}

/// Writes out what is still held back; to be called before the program ends.
///
/// # Errors
/// As [`print()`].
pub fn flush() -> Result<(), Failure> {
    checked(io::stdout().lock().flush())
}

/// A remark on standard error. Remarks quote files and arguments: what a terminal would obey is written out.
pub fn note(text: impl Display) {
    let text = text.to_string();
    let lines: Vec<String> = text.split('\n').map(|line| printable(line).to_string()).collect();
    // There is nowhere left to say that nobody hears it.
    let _ = writeln!(io::stderr().lock(), "{}", lines.join("\n"));
}

/// A path as it stands in JSON: JSON is Unicode, and names of files need not be.
pub fn shown(path: &Path) -> String {
    path.display().to_string()
}

/// [`shown`], of several.
pub fn all_shown(paths: &[impl AsRef<Path>]) -> Vec<String> {
    paths.iter().map(|path| shown(path.as_ref())).collect()
}

fn checked(written: io::Result<()>) -> Result<(), Failure> {
    match written {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(Failure::broken(format!(
            "cannot write to standard output: {error}; check the free space where it goes"
        ))),
        _ => Ok(()),
    }
}
