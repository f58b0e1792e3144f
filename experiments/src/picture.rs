//! Pictures of episodes and plans. One orientation everywhere: x to the right, y up, equal scale on both.
//!
//! Positions are the first two numbers of an observation. Points that are not finite are left out, and each
//! picture says how many were, in itself and in [`Picture::skipped`].

mod animation;
mod canvas;
mod colour;
mod crossing;
mod denoising;
mod episode;
mod lines;
mod maze;
mod overview;
mod profile;
mod scene;

pub use animation::animation;
pub(crate) use canvas::escape;
pub use crossing::{Route, RoutePanel, crossing};
pub use denoising::denoising;
pub use episode::episode;
pub use lines::{Line, LinePanel, Scale, lines};
pub use overview::{Panel, overview};
pub use profile::{Curve, profile};
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
