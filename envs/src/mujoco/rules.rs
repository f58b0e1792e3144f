//! What makes an environment of a model.

use super::MujocoSim;
use crate::{EnvError, EnvSpec, SharedTask, Start, Transition};

/// The rules of an environment: what an episode begins with, what an action does, what is seen and earned. The physics are
/// the model's, and [`super::MujocoEnv`] does the rest.
///
/// What rules remember of an episode, such as its goal or the words of a generator, goes through [`Self::save`] and
/// [`Self::restore`]; all else follows from the simulation's state. No call but [`Self::draw`] may depend on anything else,
/// and none of those that a step makes should allocate.
///
/// Where something changes that no state holds, such as a joint's damping, rules keep simulations of the model's variants, whose states
/// have the same form, and exchange them in [`Self::place`], [`Self::observe`] and [`Self::prepare`]: what goes on is what
/// the reference points to afterwards.
pub trait MujocoRules: Send {
    /// What is fixed about the environment. Actions outside their space are clipped before they reach the rules.
    fn spec(&self) -> &EnvSpec;

    /// Time steps of the model in a step of the environment, at least 1, without those that [`Self::control`] takes itself.
    fn substeps(&self) -> usize;

    /// Draws what an episode begins with; all of its randomness is the start's seed.
    ///
    /// # Errors
    /// [`EnvError::Mismatch`] for a start that cannot be honoured; nothing is changed then.
    fn draw(&mut self, start: &Start) -> Result<(), EnvError>;

    /// Puts what was drawn into a simulation in the model's own first state.
    ///
    /// # Errors
    /// What the simulation reports.
    fn place(&mut self, sim: &mut MujocoSim) -> Result<(), EnvError>;

    /// Writes the controls of an action, clipped and finite, for all time steps of the environment's. Rules that look into a step, for
    /// instance for what it touches on the way, take its first time steps themselves, here; [`Self::substeps`] follow.
    ///
    /// # Errors
    /// What the simulation reports.
    fn control(&mut self, action: &[f64], sim: &mut MujocoSim, control: &mut [f64]) -> Result<(), EnvError>;

    /// Writes what is seen now. Called after a start, after each step's last time step, and after a state was put back.
    /// Sensors read as they do after a time step: [`MujocoSim::forward`] makes them those of now.
    ///
    /// # Errors
    /// What the simulation reports.
    fn observe(&mut self, sim: &mut MujocoSim, seen: &mut [f64]) -> Result<(), EnvError>;

    /// What the step that led here earned, and whether it ended the episode.
    fn outcome(&mut self, action: &[f64], sim: &MujocoSim, seen: &[f64]) -> Transition;

    /// What the running episode is for.
    fn task(&self) -> SharedTask;

    /// Adds what the rules remember of the episode.
    fn save(&self, numbers: &mut Vec<f64>, words: &mut Vec<u64>);

    /// Takes back what [`Self::save`] added; numbers are finite.
    ///
    /// # Errors
    /// [`EnvError::Mismatch`] for anything else; nothing is changed then.
    fn restore(&mut self, numbers: &[f64], words: &[u64]) -> Result<(), EnvError>;

    /// Makes ready the simulation into which a state goes back, once the rules have theirs: it is to be one of the model that the last
    /// time step was taken with. Nothing is to be done where there is one model.
    ///
    /// # Errors
    /// What the simulation reports.
    fn prepare(&mut self, _sim: &mut MujocoSim) -> Result<(), EnvError> {
        Ok(())
    }
}
