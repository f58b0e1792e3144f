//! The mazes as a suite of the registry: environments, reference policies, data, pictures.

use std::sync::Arc;

use crate::maze::name::{FORMS, by_text};
use crate::maze::{
    GenerateOptions, MazeEnv, MazeGeometry, MazeName, PhysicsProfile, WaypointMemory, WaypointPolicy,
    generate, parse_maze_name,
};
use crate::suite::Suite;
use crate::{Entry, EnvError, Environment, Scene, TimeLimit};

/// The suite.
pub(crate) struct Mazes;

impl Suite for Mazes {
    fn names(&self) -> Vec<(String, String)> {
        MazeName::all().map(|name| (name.id(), name.about())).collect()
    }

    fn also(&self) -> &'static str {
        FORMS
    }

    fn entry(&self, id: &str) -> Option<Result<Entry, EnvError>> {
        match MazeName::find(id) {
            Ok(name) => name.map(|name| entry(&name)),
            Err(error) => Some(Err(error)),
        }
    }

    fn resolve(&self, typed: &str) -> Option<Result<String, EnvError>> {
        by_text(typed).map(|_| parse_maze_name(typed))
    }
}

fn entry(name: &MazeName) -> Result<Entry, EnvError> {
    let env = name.make(None)?;
    let id = name.id();
    let mut entry = Entry::new({
        let name = name.clone();
        move || limited(name.make(None)?)
    })
    .about(&name.about())
    .scene(scene(env.geometry()))
    .dynamics(Arc::new(env.physics().clone()))
    .data(move |rows, seed, progress| {
        generate(&id, &GenerateOptions { rows, seed, ..GenerateOptions::default() }, progress)
    });
    for memory in [WaypointMemory::Stale, WaypointMemory::Fresh] {
        let maze = env.geometry().clone();
        entry = entry.policy(WaypointPolicy::name_of(memory), move || {
            Ok(Box::new(WaypointPolicy::new(&maze, memory)))
        });
    }
    Ok(entry)
}

fn limited(env: MazeEnv) -> Result<Box<dyn Environment>, EnvError> {
    Ok(match env.spec().max_episode_steps {
        Some(limit) => Box::new(TimeLimit::new(env, limit)?),
        None => Box::new(env),
    })
}

fn scene(maze: &MazeGeometry) -> Scene {
    Scene {
        bounds: maze.bounds(),
        solids: maze.walls(),
        zones: Vec::new(),
        movers: Vec::new(),
        body_radius: maze.ball_radius(),
        position: super::env::POSITION,
    }
}

/// The maze environment of this name as its own type, without a time limit; `profile` `None` is the suite's own. The
/// layout hash differs with the profile.
///
/// # Errors
/// [`EnvError::UnknownEnvironment`], with the nearest name where one is near; [`EnvError::Layout`] for a malformed maze.
pub fn make_maze(id: &str, profile: Option<PhysicsProfile>) -> Result<MazeEnv, EnvError> {
    MazeName::demand(id)?.make(profile)
}

/// [`crate::make()`] with the physics of another MuJoCo release.
///
/// # Errors
/// As [`make_maze`].
pub fn make_with_profile(id: &str, profile: PhysicsProfile) -> Result<Box<dyn Environment>, EnvError> {
    limited(make_maze(id, Some(profile))?)
}

/// The maze behind a name, in observation coordinates. `None` for names that are not those of mazes, and for OGBench's,
/// which have a geometry of their own ([`crate::maze::OgBenchGeometry`]).
pub fn maze_layout(id: &str) -> Option<MazeGeometry> {
    make_maze(id, None).ok().map(|env| env.geometry().clone())
}
