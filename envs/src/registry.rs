//! Environments by name: those that come with the crate, and those that a program registers.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

use sha2::{Digest, Sha256};

use crate::crossing::Crossings;
use crate::data::{DataLayout, Dataset};
use crate::fruit_swap::FruitSwaps;
use crate::manipulation::ManipulationSuite;
use crate::maze::{Mazes, OgBenchMazes};
use crate::mujoco::MujocoSuite;
use crate::picture::Photographer;
use crate::suite::Suite;
use crate::toy_car::ToyCars;
use crate::{Dynamics, Entry, EnvError, Environment, Policy, Scene};

/// Every suite, in the order in which names are listed.
const SUITES: [&dyn Suite; 7] =
    [&Mazes, &OgBenchMazes, &ToyCars, &FruitSwaps, &Crossings, &MujocoSuite, &ManipulationSuite];
/// Longer names are shortened where they become names of files.
const MAX_FILE_NAME: usize = 64;

/// What the program registered.
static OWN: RwLock<BTreeMap<String, Entry>> = RwLock::new(BTreeMap::new());

/// Makes an environment known by a name, for this program: [`make()`] and everything that takes names finds it. `make`
/// is called for each episode loop that needs one, from any thread; what it makes calls itself `id` in its
/// specification.
///
/// ```
/// # use forethought_envs::{EnvError, make, register};
/// use forethought_envs::maze::{MazeEnv, MazeRules, PhysicsProfile, make_maze};
///
/// # fn main() -> Result<(), EnvError> {
/// register("my-maze-v0", || {
///     let umaze = make_maze("maze2d-umaze-v1", None)?;
///     let rules = MazeRules { id: "my-maze-v0".into(), goal_radius: 0.2, ..umaze.rules().clone() };
///     Ok(Box::new(MazeEnv::new(rules, umaze.geometry().clone(), PhysicsProfile::MuJoCo3)?))
/// })?;
/// assert_eq!(make("my-maze-v0")?.spec().id, "my-maze-v0");
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// [`EnvError::Mismatch`] for a name that is taken, empty, or holds blanks or control characters.
pub fn register<F>(id: &str, make: F) -> Result<(), EnvError>
where
    F: Fn() -> Result<Box<dyn Environment>, EnvError> + Send + Sync + 'static,
{
    register_entry(id, Entry::new(make))
}

/// [`register`] with what else is known of the environment.
///
/// # Errors
/// As [`register`].
pub fn register_entry(id: &str, entry: Entry) -> Result<(), EnvError> {
    if id.is_empty() || id.chars().any(|c| c.is_whitespace() || c.is_control()) {
        return Err(EnvError::Mismatch(format!(
            "`{id}` is no name for an environment: give it at least one character, and no blanks"
        )));
    }
    let taken = || {
        EnvError::Mismatch(format!("an environment named `{id}` is registered already: choose another name"))
    };
    if SUITES.iter().any(|suite| suite.entry(id).is_some()) {
        return Err(taken());
    }
    let mut own = OWN.write().unwrap_or_else(PoisonError::into_inner);
    if own.contains_key(id) {
        return Err(taken());
    }
    own.insert(id.to_owned(), entry);
    Ok(())
}

/// Every name with a line about it: the suites' first, then those registered, in alphabetical order.
pub fn catalogue() -> Vec<(String, String)> {
    let own = OWN.read().unwrap_or_else(PoisonError::into_inner);
    let own = own.iter().map(|(id, entry)| (id.clone(), entry.about.clone()));
    SUITES.iter().flat_map(|suite| suite.names()).chain(own).collect()
}

/// Every name, in the order of [`catalogue`].
pub fn known() -> Vec<String> {
    catalogue().into_iter().map(|(id, _)| id).collect()
}

/// How names are written that stand in no list, such as those of mazes as text.
pub fn families() -> Vec<&'static str> {
    SUITES.iter().map(|suite| suite.also()).filter(|also| !also.is_empty()).collect()
}

/// Everything known of an environment.
///
/// # Errors
/// [`EnvError::UnknownEnvironment`], with the nearest name where one is near; what its suite says of a name that is
/// nearly one of its own.
pub fn entry(id: &str) -> Result<Entry, EnvError> {
    if let Some(entry) = OWN.read().unwrap_or_else(PoisonError::into_inner).get(id) {
        return Ok(entry.clone());
    }
    SUITES
        .iter()
        .find_map(|suite| suite.entry(id))
        .unwrap_or_else(|| Err(EnvError::unknown(id, known(), &families())))
}

/// The environment of this name, with its protocol's time limit.
///
/// # Errors
/// As [`entry`]; whatever its maker reports; [`EnvError::Mismatch`] when what was made has another name.
pub fn make(id: &str) -> Result<Box<dyn Environment>, EnvError> {
    let entry = entry(id)?;
    let env = (entry.make)()?;
    let called = &env.spec().id;
    if called != id && OWN.read().unwrap_or_else(PoisonError::into_inner).contains_key(id) {
        return Err(EnvError::Mismatch(format!(
            "the environment registered as `{id}` calls itself `{called}`: give both one name"
        )));
    }
    Ok(env)
}

/// The full name of what was typed: a name with or without its version (`maze2d-umaze`), or what a suite takes besides
/// names, such as a maze as text or in a file. What is not known is returned as it is, for [`make()`] to refuse.
///
/// # Errors
/// What a suite says of something of its own that is malformed, and of files that cannot be read.
pub fn resolve(typed: &str) -> Result<String, EnvError> {
    let names = known();
    let versioned = |name: &&String| name.strip_prefix(typed).is_some_and(|rest| rest.starts_with("-v"));
    if let Some(name) = names.iter().find(|name| *name == typed).or_else(|| names.iter().find(versioned)) {
        return Ok(name.clone());
    }
    SUITES.iter().find_map(|suite| suite.resolve(typed)).unwrap_or_else(|| Ok(typed.to_owned()))
}

/// A top view of the environment; `None` where it has none or is not known.
pub fn scene(id: &str) -> Option<Scene> {
    entry(id).ok()?.scene
}

/// What pictures the environment, `width` by `height` pixels; `None` where it brings nothing to picture it by.
///
/// # Errors
/// As [`entry`], and what the environment says where pictures cannot be drawn here.
pub fn photographer(id: &str, size: [usize; 2]) -> Result<Option<Box<dyn Photographer>>, EnvError> {
    entry(id)?.photographer.map(|make| make(size)).transpose()
}

/// Dynamics of the environment, for planners that are given them; `None` where there are none.
///
/// # Errors
/// As [`entry`].
pub fn dynamics(id: &str) -> Result<Option<Arc<dyn Dynamics>>, EnvError> {
    Ok(entry(id)?.dynamics)
}

/// A reference policy that the environment brings, by name.
///
/// # Errors
/// As [`entry`]; [`EnvError::Mismatch`], with those there are, for another name.
pub fn policy(id: &str, name: &str) -> Result<Box<dyn Policy>, EnvError> {
    let entry = entry(id)?;
    let Some((_, make)) = entry.policies.iter().find(|(known, _)| known == name) else {
        let names: Vec<&str> = entry.policies();
        let there = if names.is_empty() { "it brings none".to_owned() } else { names.join(", ") };
        return Err(EnvError::Mismatch(format!("`{id}` has no reference policy `{name}`: {there}")));
    };
    make()
}

/// Offline data of the environment: `rows` steps, all randomness from `seed`. `progress` is told rows done and rows in
/// all.
///
/// # Errors
/// As [`entry`]; [`EnvError::Data`] where the environment brings no generator, and what a generator reports.
pub fn collect(
    id: &str,
    rows: usize,
    seed: u64,
    progress: &mut dyn FnMut(usize, usize),
) -> Result<Dataset, EnvError> {
    match &entry(id)?.collect {
        Some(collect) => collect(rows, seed, progress),
        None => Err(EnvError::Data {
            path: id.into(),
            problem:
                "no data generator belongs to this environment: train on recorded data with `train --data \
                      FILE`, or register the environment with a generator"
                    .into(),
        }),
    }
}

/// Data to validate with, of which none are among those that [`collect`] makes for the same `rows` and `seed`; `None`
/// where the benchmark keeps none apart.
///
/// # Errors
/// As [`entry`], and what a generator reports.
pub fn collect_validation(
    id: &str,
    rows: usize,
    seed: u64,
    progress: &mut dyn FnMut(usize, usize),
) -> Result<Option<Dataset>, EnvError> {
    entry(id)?.validation.map(|collect| collect(rows, seed, progress)).transpose()
}

/// Layout of the files that the environment's data are published in; D4RL's where the name is not known.
pub fn data_layout(id: &str) -> DataLayout {
    entry(id).map_or_else(|_| DataLayout::default(), |entry| entry.layout)
}

/// A name for files and folders of an environment: the id itself where that is one, else its beginning with a hash of
/// the whole, such as `maze2d-3f2a91c0`.
pub fn file_name(id: &str) -> String {
    let safe = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    if id.len() <= MAX_FILE_NAME && !id.is_empty() && !id.starts_with('.') && id.chars().all(safe) {
        return id.to_owned();
    }
    let digest = Sha256::digest(id.as_bytes());
    let hash: String = digest.iter().take(4).map(|byte| format!("{byte:02x}")).collect();
    let beginning: String =
        id.chars().take_while(|c| safe(*c)).take(MAX_FILE_NAME / 2).collect::<String>().replace('.', "-");
    if beginning.is_empty() { format!("env-{hash}") } else { format!("{beginning}-{hash}") }
}
