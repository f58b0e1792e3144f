//! Environments on MuJoCo as the registry sees them. They are listed everywhere; where MuJoCo, or a model that does not come with
//! the project, is missing, making one says how it is had.

use std::num::NonZero;
use std::thread::available_parallelism;

use super::half_cheetah::{
    HalfCheetah, HalfCheetahBudget, HalfCheetahData, HalfCheetahDriver, HalfCheetahOptions,
    HalfCheetahPictures, HalfCheetahSampler, generate_half_cheetah,
};
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
        let cheetahs = HalfCheetahData::ALL.map(|data| (data.id().to_owned(), data.about()));
        [(REACHER.to_owned(), ABOUT.to_owned())].into_iter().chain(cheetahs).collect()
    }

    fn also(&self) -> &'static str {
        ""
    }

    fn entry(&self, id: &str) -> Option<Result<Entry, EnvError>> {
        if id == REACHER {
            return Some(Ok(reacher()));
        }
        HalfCheetahData::find(id).map(|data| Ok(half_cheetah(data)))
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

/// No top view, as it is not seen how far the runner has come; data on all cores, as their number changes nothing.
fn half_cheetah(data: HalfCheetahData) -> Entry {
    let drivers = [HalfCheetahData::Short, HalfCheetahData::Medium, HalfCheetahData::Good];
    let entry = Entry::new(move || Ok(Box::new(HalfCheetah::make(data.id())?)))
        .about(&data.about())
        .policy("sampler", move || {
            Ok(Box::new(HalfCheetahSampler::make(data.id(), HalfCheetahBudget::GOOD)?))
        })
        .photographer(|size| Ok(Box::new(HalfCheetahPictures::new(size)?)))
        .data(move |rows, seed, progress| {
            let threads = available_parallelism().map_or(1, NonZero::get);
            generate_half_cheetah(&HalfCheetahOptions { data, rows, seed, threads }, progress)
        });
    drivers.into_iter().fold(entry, |entry, driver| {
        entry.policy(driver.driver_name(), move || Ok(Box::new(HalfCheetahDriver::make(data.id(), driver)?)))
    })
}
