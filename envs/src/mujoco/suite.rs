//! Environments on MuJoCo as the registry sees them. They are listed everywhere; where MuJoCo is missing, making one says how it
//! is had.

use super::reacher_pictures::ReacherPictures;
use super::{REACHER, Reacher, ReacherPolicy};
use crate::suite::Suite;
use crate::{Area, Entry, EnvError, Scene};

const ABOUT: &str =
    "a planar arm of two joints brings its tip to a place; needs MuJoCo (envs/interop/mujoco.sh)";
/// Half the width of the picture, metres: a little more than the arm is long.
const VIEW: f64 = 0.5;

/// The suite.
pub(crate) struct MujocoSuite;

impl Suite for MujocoSuite {
    fn names(&self) -> Vec<(String, String)> {
        vec![(REACHER.into(), ABOUT.into())]
    }

    fn also(&self) -> &'static str {
        ""
    }

    fn entry(&self, id: &str) -> Option<Result<Entry, EnvError>> {
        (id == REACHER).then(|| Ok(reacher()))
    }

    fn resolve(&self, _typed: &str) -> Option<Result<String, EnvError>> {
        None
    }
}

fn reacher() -> Entry {
    Entry::new(|| Ok(Box::new(Reacher::make()?)))
        .about(ABOUT)
        .policy("spring", || Ok(Box::new(ReacherPolicy::default())))
        .photographer(|size| Ok(Box::new(ReacherPictures::new(size)?)))
        .scene(Scene::open(Area { min: [-VIEW; 2], max: [VIEW; 2] }, [4, 5]))
}
