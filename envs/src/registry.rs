//! Environments by name.

use crate::maze::{MazeEnv, MazeGeometry, MazeName, PhysicsProfile};
use crate::{EnvError, Environment, TimeLimit};

/// Names nearer than this (Jaro-Winkler, 1 is equal) are offered as what was probably meant.
const HINT_SIMILARITY: f64 = 0.75;

/// Every registered name.
pub fn known() -> Vec<String> {
    MazeName::all().map(|name| name.id()).collect()
}

/// The environment of this name, with the protocol's time limit and its suite's physics: `maze2d` and
/// `multi2d` on [`PhysicsProfile::MuJoCo2`], `PointMaze` on [`PhysicsProfile::MuJoCo3`].
///
/// # Errors
/// [`EnvError::UnknownEnvironment`], with the nearest name where one is near.
pub fn make(id: &str) -> Result<Box<dyn Environment>, EnvError> {
    make_inner(id, None)
}

/// [`make`] with the physics of another MuJoCo release. The layout hash differs with the profile.
///
/// # Errors
/// As [`make`].
pub fn make_with_profile(id: &str, profile: PhysicsProfile) -> Result<Box<dyn Environment>, EnvError> {
    make_inner(id, Some(profile))
}

/// The maze environment of this name as its own type, without a time limit; `profile` `None` is the
/// suite's own.
///
/// # Errors
/// As [`make`].
pub fn make_maze(id: &str, profile: Option<PhysicsProfile>) -> Result<MazeEnv, EnvError> {
    MazeName::find(id).map_err(|_| unknown(id))?.make(profile)
}

/// The maze behind a name, in observation coordinates: walls, bounds, ball radius, goal cell. `None` for
/// names that are not registered or are not mazes.
pub fn maze_layout(id: &str) -> Option<MazeGeometry> {
    make_maze(id, None).ok().map(|env| env.geometry().clone())
}

fn make_inner(id: &str, profile: Option<PhysicsProfile>) -> Result<Box<dyn Environment>, EnvError> {
    let env = make_maze(id, profile)?;
    match env.spec().max_episode_steps {
        Some(limit) => Ok(Box::new(TimeLimit::new(env, limit)?)),
        None => Ok(Box::new(env)),
    }
}

fn unknown(id: &str) -> EnvError {
    let known = known();
    let asked = id.to_lowercase();
    let hint = known
        .iter()
        .map(|name| (strsim::jaro_winkler(&asked, &name.to_lowercase()), name))
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .filter(|(similarity, _)| *similarity >= HINT_SIMILARITY)
        .map_or_else(String::new, |(_, name)| format!(" (did you mean `{name}`?)"));
    EnvError::UnknownEnvironment { id: id.to_owned(), hint, known: known.join(", ") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Start;

    #[test]
    fn every_known_name_makes_a_limited_environment_of_that_name() {
        assert_eq!(known().len(), 15);
        for id in known() {
            let mut env = make(&id).unwrap();
            assert_eq!(env.spec().id, id);
            env.reset(&Start::seed(1)).unwrap();
            let limit = env.spec().max_episode_steps.unwrap();
            for step in 1..=limit {
                let transition = env.step(&[0.5, -0.5]).unwrap();
                assert_eq!(transition.truncated, step == limit, "{id}");
            }
            let maze = maze_layout(&id).unwrap();
            assert!(!maze.walls().is_empty());
            assert_eq!(maze.goal().is_some(), id.contains("2d"));
        }
    }

    #[test]
    fn scores_and_limits_are_the_protocols() {
        let spec = make("maze2d-large-v1").unwrap().spec().clone();
        assert_eq!(spec.max_episode_steps, Some(800));
        let score = spec.score.unwrap();
        assert!((score.normalize(273.99) - 100.0).abs() < 1e-12 && score.normalize(6.7).abs() < 1e-12);
        assert_eq!(make("multi2d-umaze-v1").unwrap().spec().max_episode_steps, Some(300));
        assert!(make("PointMaze_Medium-v3").unwrap().spec().score.is_none());
    }

    #[test]
    fn an_unknown_name_gets_the_nearest_one() {
        for (asked, hint) in [
            ("maze2d-umaz-v1", "(did you mean `maze2d-umaze-v1`?)"),
            ("maze2d-umaze", "(did you mean `maze2d-umaze-v1`?)"),
            ("pointmaze_large-v3", "(did you mean `PointMaze_Large-v3`?)"),
        ] {
            let message = make(asked).err().unwrap().to_string();
            assert!(message.contains(hint), "{message}");
        }
        let message = make("cartpole").err().unwrap().to_string();
        assert!(!message.contains("did you mean") && message.contains("maze2d-medium-v1"), "{message}");
        assert!(maze_layout("cartpole").is_none());
    }

    #[test]
    fn the_profile_is_part_of_the_layout_hash() {
        let own = make("maze2d-umaze-v1").unwrap().spec().layout_hash.clone();
        let same = make_with_profile("maze2d-umaze-v1", PhysicsProfile::MuJoCo2).unwrap();
        let newer = make_with_profile("maze2d-umaze-v1", PhysicsProfile::MuJoCo3).unwrap();
        let multi = make("multi2d-umaze-v1").unwrap();
        assert_eq!(own, same.spec().layout_hash);
        assert_eq!(own, multi.spec().layout_hash);
        assert_ne!(own, newer.spec().layout_hash);
    }
}
