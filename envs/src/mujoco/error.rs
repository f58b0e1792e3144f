//! What can go wrong with MuJoCo.

use std::path::PathBuf;

use super::{MujocoObject, MujocoVersion};
use crate::EnvError;
use crate::printable::printable;

/// How MuJoCo is had, at the end of the messages that ask for it.
const REMEDY: &str = "run `envs/interop/mujoco.sh` of the project, install Python's `mujoco`, or name the library in FORETHOUGHT_MUJOCO";
/// How gymnasium's models are had.
const GYMNASIUM_REMEDY: &str = "run `envs/interop/gymnasium.sh` of the project, install Python's `gymnasium`, or name the folder in FORETHOUGHT_GYMNASIUM";

/// What can go wrong with MuJoCo. Each message names the thing and the remedy.
#[derive(Debug, thiserror::Error)]
pub enum MujocoError {
    /// There is none where it is looked for.
    #[error("MuJoCo was not found ({}): {REMEDY}", printable(.looked))]
    NotFound {
        /// Where it was looked for, and what was refused there.
        looked: String,
    },
    /// A file that is no library of MuJoCo's.
    #[error("`{}` cannot be used as MuJoCo's library: {}; {REMEDY}", printable(.path.display()), printable(.problem))]
    Library {
        /// The file or folder.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// A release that is not used.
    #[error("`{}` is MuJoCo {found}, {why}: run `envs/interop/mujoco.sh` of the project, which fetches one that is used", printable(.path.display()))]
    Version {
        /// The file.
        path: PathBuf,
        /// What it says of itself.
        found: MujocoVersion,
        /// Why it is not used.
        why: &'static str,
    },
    /// A model that does not load, in MuJoCo's words, its lines counted from 1.
    #[error("{}: MuJoCo refuses the model: {}", printable(.name), printable(.problem))]
    Model {
        /// Its file, or a name for text in memory.
        name: String,
        /// MuJoCo's message.
        problem: String,
    },
    /// A file that a model names and that is not there.
    #[error("{}: a file that the model names is missing: {}; put it there, or hand it over with the model's text", printable(.name), printable(.problem))]
    Asset {
        /// The model's file, or a name for text in memory.
        name: String,
        /// MuJoCo's message, which names the file.
        problem: String,
    },
    /// A model of the gymnasium package that is not where it is looked for.
    #[error("gymnasium's `{file}` was not found ({}): {GYMNASIUM_REMEDY}", printable(.looked))]
    NoModel {
        /// Its file.
        file: &'static str,
        /// Where it was looked for.
        looked: String,
    },
    /// A name that the model does not have.
    #[error("the model has no {kind} named `{}`: {}", printable(.name), printable(.known))]
    Unknown {
        /// What was asked for.
        kind: MujocoObject,
        /// The name.
        name: String,
        /// Those there are.
        known: String,
    },
    /// An array of the wrong length.
    #[error("{what} has {want} numbers in this model, {got} were given")]
    Length {
        /// What it is.
        what: &'static str,
        /// Its length.
        want: usize,
        /// The one given.
        got: usize,
    },
    /// NaN or infinity where a finite number is needed; nothing was changed.
    #[error("{what}[{index}] is {value}: only finite numbers are accepted")]
    NonFinite {
        /// What it is.
        what: &'static str,
        /// Position in it.
        index: usize,
        /// The number.
        value: f64,
    },
    /// A state that was saved with another model.
    #[error("the state was saved with model {}, this is model {own}: states go back into the model that they are of, and into its release of MuJoCo", printable(.of))]
    OtherModel {
        /// Hash of the model that it is of.
        of: String,
        /// Hash of this one.
        own: String,
    },
    /// The simulation left all bounds, and its state means nothing until it is reset or another is restored.
    #[error("the simulation diverged at {time} s: {}; reset it, and use smaller controls or a smaller time step", printable(.what))]
    Diverged {
        /// Simulated time at which that was seen, seconds.
        time: f64,
        /// First quantity that is not finite, or MuJoCo's warning.
        what: String,
    },
    /// Nothing there is to draw with.
    #[error("no pictures can be drawn ({}): install EGL and a driver for it, such as Mesa's, which needs no graphics card (on Debian and Ubuntu `apt-get install libegl1 libgl1-mesa-dri`)", printable(.problem))]
    NoGraphics {
        /// What is missing, or what was refused.
        problem: String,
    },
    /// A size that no picture has.
    #[error(
        "a picture has from 1 to {most} pixels a side, {width} x {height} were asked for: draw a smaller one, or parts of it"
    )]
    PictureSize {
        /// Width asked for.
        width: usize,
        /// Height asked for.
        height: usize,
        /// Most pixels of a side.
        most: usize,
    },
    /// A scene or camera that cannot be drawn.
    #[error("the picture cannot be drawn: {}", printable(.problem))]
    Picture {
        /// Why, and what to do about it.
        problem: String,
    },
    /// MuJoCo made no data for a model.
    #[error("MuJoCo made no data for the model: free some memory, or lower `memory` in the model's `size`")]
    NoData,
}

impl MujocoError {
    /// The same as an environment's error.
    pub fn of(self, id: &str) -> EnvError {
        EnvError::Engine { id: id.to_owned(), source: Box::new(self) }
    }

    /// What MuJoCo says of a model, told apart by what is to be done.
    pub(super) fn of_model(name: &str, problem: &str) -> Self {
        let (name, problem) = (name.to_owned(), one_line(problem));
        if problem.contains("Error opening file") {
            Self::Asset { name, problem }
        } else {
            Self::Model { name, problem }
        }
    }
}

/// MuJoCo's messages have line breaks in them, which would be shown as escapes.
fn one_line(text: &str) -> String {
    text.split('\n').map(str::trim).filter(|line| !line.is_empty()).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_of_models_are_told_apart_and_on_one_line() {
        let missing = MujocoError::of_model("a.xml", "Error: Error opening file 'nope.stl'");
        assert!(
            matches!(&missing, MujocoError::Asset { name, problem } if name == "a.xml" && problem.contains("nope.stl"))
        );
        let wrong = MujocoError::of_model("text", "XML Error: unrecognized\nElement 'geom', line 2\n");
        assert_eq!(
            wrong.to_string(),
            "text: MuJoCo refuses the model: XML Error: unrecognized Element 'geom', line 2"
        );
    }

    #[test]
    fn an_environment_passes_it_on_with_its_name() {
        let error = MujocoError::NotFound { looked: "nowhere".into() }.of("arm-v0");
        let text = error.to_string();
        assert!(
            text.starts_with("`arm-v0`: MuJoCo was not found (nowhere)") && text.contains("mujoco.sh"),
            "{text}"
        );
    }
}
