//! What `ablate` does: one setting at a time is varied, all else as configured.

mod page;
mod preset;
mod study;
mod tables;

pub use page::{page, picture};
pub use preset::names;
pub use study::{Ablation, select};
pub use tables::text;

/// Folder of the arms' files.
pub const FOLDER: &str = "arms/";
/// The summary; also what marks a folder as this command's where nothing has been scored in it.
pub const SUMMARY: &str = "ablation.json";

/// Whether a file of this name is written by this command and no other.
pub fn is_ours(name: &str) -> bool {
    name.starts_with(FOLDER) || name == SUMMARY
}
