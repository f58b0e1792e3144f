//! Pictures of episodes and plans. One orientation everywhere: x to the right, y up, equal scale on both.
//!
//! Positions are the entries of an observation that the scene names. Points that are not finite are left out, and each
//! picture says how many were, in itself and in [`Picture::skipped`].

mod animation;
mod axis;
mod calibration;
mod canvas;
mod choice;
mod colour;
mod coverage;
mod crossing;
mod denoising;
mod episode;
mod fan;
mod frontier;
mod lines;
mod maze;
mod moving;
mod overview;
mod photograph;
mod profile;
mod response;
mod scene;

pub use animation::animation;
pub use calibration::{Calibration, Promise, calibration};
pub(crate) use canvas::escape;
pub use choice::choice;
pub use coverage::{Histogram, Visits, coverage};
pub use crossing::{Route, RoutePanel, crossing};
pub use denoising::denoising;
pub use episode::episode;
pub use frontier::{Frontier, Level, Place, frontier};
pub use lines::{Line, LinePanel, Scale, lines};
pub use moving::moving;
pub use overview::{Panel, overview};
#[cfg(test)]
pub(crate) use photograph::tests::FromAbove;
pub use photograph::{GAP, Photographed};
#[cfg(test)]
pub(crate) use profile::share_above;
pub use profile::{Curve, profile};
pub use response::{Response, responses};
pub use scene::MazeScene;

/// A finished picture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Picture {
    /// SVG or HTML text, complete in itself: it loads nothing.
    pub text: String,
    /// Number of points left out because they were not finite.
    pub skipped: usize,
}

#[cfg(test)]
mod sample;
