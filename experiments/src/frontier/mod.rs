//! What `bench frontier` does: score against planning time, from fast settings to careful ones.

mod marks;
mod plot;
mod points;
mod tables;
mod times;

pub use marks::Marks;
pub use plot::{Curve, FORMAT, Point, mark_front, picture};
pub use points::select;
pub use tables::text;
pub use times::{Effort, Timing};

/// Folder of the points' episodes.
pub const FOLDER: &str = "points/";
/// The summary; also what marks a folder as this command's where nothing has been scored in it.
pub const SUMMARY: &str = "frontier.json";

/// Whether a file of this name is written by this command and no other.
pub fn is_ours(name: &str) -> bool {
    name.starts_with(FOLDER) || name == SUMMARY
}
