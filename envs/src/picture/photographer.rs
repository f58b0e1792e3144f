//! Pictures of an environment, made from what it shows.

use super::{Picture, View};
use crate::{EnvError, Task};

/// Pictures an environment from observations, so that recorded episodes can be pictured as well as running ones. An
/// environment brings one by [`crate::Entry::photographer`]; it needs none to be running.
pub trait Photographer: Send {
    /// A picture of the moment at which this was observed, with what the task asks for where that can be shown.
    ///
    /// # Errors
    /// [`EnvError::Mismatch`] for an observation of another length, [`EnvError::NonFinite`], and
    /// [`EnvError::Engine`] with what draws.
    fn photograph(&mut self, observation: &[f64], task: &dyn Task) -> Result<Picture, EnvError>;

    /// Where places of the world are in its pictures, for plans and outcomes to be drawn over them.
    fn view(&self) -> View;

    /// The place in the world that an observation is about, such as that of an arm's tip: ways go through these. Planned
    /// and foretold observations have one too.
    fn place(&self, observation: &[f64]) -> Option<[f64; 3]>;
}
