//! What a maze environment's name says: a suite and a maze.

use std::path::Path;

use crate::EnvError;
use crate::maze::{
    GoalRule, Maze2dTask, MazeEnv, MazeFamily, MazeFrame, MazeGeometry, MazeLayout, MazeSize, PhysicsProfile,
};

/// Suites that take mazes as text, by what stands before the colon of a name.
const BY_TEXT: [(&str, MazeFamily); 3] = [
    ("maze2d", MazeFamily::Maze2d(Maze2dTask::Sparse)),
    ("multi2d", MazeFamily::Maze2d(Maze2dTask::MultiGoal)),
    ("pointmaze", MazeFamily::PointMaze { dense: false }),
];

/// How those names are written.
pub(super) const FORMS: &str =
    "maze2d:MAZE, multi2d:MAZE and pointmaze:MAZE with a maze of your own as text or in a file";

/// Steps of an episode per step of the maze's longest shortest way, and the fewest of any maze: what the suites give
/// their own, in hundreds.
const STEPS_PER_MOVE: usize = 50;
const LEAST_STEPS: usize = 300;

/// Bytes of a file that is read as a maze.
const MAX_FILE_BYTES: u64 = 64 * 1024;

/// A maze environment by its name: `maze2d-umaze-v1`, or a maze of one's own as `maze2d:#####\\#GOO#\\...`.
#[derive(Clone, Debug, PartialEq)]
pub struct MazeName {
    family: MazeFamily,
    grid: Grid,
}

#[derive(Clone, Debug, PartialEq)]
enum Grid {
    Size(MazeSize),
    Text(MazeLayout),
}

impl MazeName {
    /// Every name that the suites have, suite by suite.
    pub fn all() -> impl Iterator<Item = Self> {
        MazeFamily::ALL
            .into_iter()
            .flat_map(|family| MazeSize::ALL.map(|size| Self { family, grid: Grid::Size(size) }))
    }

    /// What `id` names; `None` where it names no maze.
    ///
    /// # Errors
    /// [`EnvError::Layout`] for a malformed maze.
    pub fn find(id: &str) -> Result<Option<Self>, EnvError> {
        let Some((family, text)) = by_text(id) else {
            return Ok(Self::all().find(|name| name.id() == id));
        };
        let name = Self { family, grid: Grid::Text(MazeLayout::parse(text)?) };
        name.make(None)?;
        Ok(Some(name))
    }

    /// As [`Self::find`], for names that must be those of mazes.
    pub(super) fn demand(id: &str) -> Result<Self, EnvError> {
        let known = || Self::all().map(|name| name.id()).collect();
        Self::find(id)?.ok_or_else(|| EnvError::unknown(id, known(), &[FORMS]))
    }

    /// The name itself, a maze of one's own in its canonical text.
    pub fn id(&self) -> String {
        match &self.grid {
            Grid::Size(size) => self.family.id(*size),
            Grid::Text(layout) => {
                let prefix = BY_TEXT.iter().find(|(_, family)| *family == self.family);
                format!("{}:{}", prefix.map_or("", |(prefix, _)| prefix), layout.text())
            }
        }
    }

    /// A line about it.
    pub fn about(&self) -> String {
        let what = match self.family {
            MazeFamily::Maze2d(Maze2dTask::Sparse) => "D4RL's maze2d: one goal, reward 1 within 0.5 of it",
            MazeFamily::Maze2d(Maze2dTask::Dense) => "D4RL's maze2d: one goal, reward exp(-distance)",
            MazeFamily::Maze2d(Maze2dTask::MultiGoal) => "maze2d with another goal in each episode",
            MazeFamily::PointMaze { dense: false } => {
                "gymnasium-robotics' PointMaze: another goal in each episode, reward 1 within 0.45 of it"
            }
            MazeFamily::PointMaze { dense: true } => {
                "gymnasium-robotics' PointMaze: another goal in each episode, reward exp(-distance)"
            }
        };
        what.to_owned()
    }

    fn steps(&self) -> usize {
        match &self.grid {
            Grid::Size(size) => size.max_episode_steps(),
            Grid::Text(layout) => (STEPS_PER_MOVE * layout.diameter()).next_multiple_of(100).max(LEAST_STEPS),
        }
    }

    /// The environment without its time limit; `profile` `None` is the suite's own.
    ///
    /// # Errors
    /// [`EnvError::Layout`] when maze and rules do not fit.
    pub fn make(&self, profile: Option<PhysicsProfile>) -> Result<MazeEnv, EnvError> {
        let mut rules = self.family.rules(self.id(), self.steps());
        let layout = match &self.grid {
            Grid::Size(size) => {
                if let MazeFamily::Maze2d(variant) = self.family {
                    rules.score = Some(variant.score(*size));
                }
                self.family.layout(*size)?
            }
            Grid::Text(layout) => {
                if let (Some(_), GoalRule::Random { noise }) = (layout.goal(), rules.goal)
                    && self.family.frame() == MazeFrame::Centred
                {
                    // As gymnasium-robotics does with goal cells in its maps.
                    rules.goal = GoalRule::Around { noise };
                }
                layout.clone()
            }
        };
        let geometry = MazeGeometry::new(layout, self.family.frame());
        MazeEnv::new(rules, geometry, profile.unwrap_or_else(|| self.family.profile()))
    }
}

/// Suite and maze of a name with a colon; `None` where what stands before it is no suite of mazes.
pub(super) fn by_text(name: &str) -> Option<(MazeFamily, &str)> {
    let (prefix, rest) = name.split_once(':')?;
    let (_, family) = BY_TEXT.iter().find(|(known, _)| prefix.eq_ignore_ascii_case(known))?;
    Some((*family, rest))
}

/// The environment id that a maze as typed stands for: `maze2d:`, `multi2d:` or `pointmaze:`, followed by the maze
/// itself (rows separated by `\\` or line breaks) or by the path of a file that holds one. However it was written, the
/// same maze gives the same id, which [`crate::make`] takes.
///
/// # Errors
/// [`EnvError::Layout`] for a malformed maze or another suite, [`EnvError::Data`] and [`EnvError::Io`] for a file
/// that is none.
pub fn parse_maze_name(typed: &str) -> Result<String, EnvError> {
    let Some((family, rest)) = by_text(typed) else {
        return Err(EnvError::Layout(format!(
            "`{typed}` does not say whose rules the maze follows: write maze2d:, multi2d: or pointmaze: before the \
             maze or before the file that holds it"
        )));
    };
    let layout = if rest.trim_start().starts_with('#') {
        MazeLayout::parse(rest)?
    } else {
        let text = read_file(rest.trim())?;
        MazeLayout::parse(&text)
            .map_err(|error| EnvError::Data { path: rest.trim().into(), problem: error.to_string() })?
    };
    let name = MazeName { family, grid: Grid::Text(layout) };
    name.make(None)?;
    Ok(name.id())
}

fn read_file(path: &str) -> Result<String, EnvError> {
    let refuse = |problem: String| EnvError::Data { path: path.into(), problem };
    if !Path::new(path).is_file() {
        return Err(refuse(
            "neither a file nor a maze: a maze begins with its outer wall, as in maze2d:#####\\#GOO#\\#####"
                .into(),
        ));
    }
    let io = |source| EnvError::Io { path: path.into(), source };
    let bytes = std::fs::metadata(path).map_err(io)?.len();
    if bytes > MAX_FILE_BYTES {
        return Err(refuse(format!("{bytes} bytes are no maze: at most {MAX_FILE_BYTES} are read")));
    }
    let bytes = std::fs::read(path).map_err(io)?;
    String::from_utf8(bytes)
        .map_err(|_| refuse("not a text file: write the maze with `#`, `O` and `G`".into()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Environment, make};

    const U: &str = "#####\\#GOO#\\###O#\\#OOO#\\#####";

    #[test]
    fn the_same_maze_has_one_name_however_it_is_written() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("u.txt");
        std::fs::write(&file, "#####\r\n#G..#\n### #\n#...#\n#####\n\n").unwrap();
        let want = format!("maze2d:{U}");
        for typed in [
            format!("maze2d:{U}"),
            format!("Maze2D:{}", U.replace('\\', "\n").replace('O', ".")),
            format!("maze2d:{}", file.display()),
        ] {
            assert_eq!(parse_maze_name(&typed).unwrap(), want, "{typed}");
        }
        let env = make(&want).unwrap();
        assert_eq!(env.spec().id, want);
        assert_eq!(env.spec().layout_hash, make("maze2d-umaze-v1").unwrap().spec().layout_hash);
        assert_eq!(env.spec().max_episode_steps, Some(300));
        assert!(env.spec().score.is_none());
    }

    #[test]
    fn time_limits_grow_with_the_way() {
        let corridor = |length: usize| {
            let wall = "#".repeat(length + 2);
            format!("pointmaze:{wall}\\#{}#\\{wall}", "O".repeat(length))
        };
        for (cells, steps) in [(2, 300), (7, 300), (12, 600), (20, 1000), (60, 3000)] {
            assert_eq!(make(&corridor(cells)).unwrap().spec().max_episode_steps, Some(steps), "{cells}");
        }
    }

    #[test]
    fn what_is_no_maze_is_refused_with_the_remedy() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("bad.txt");
        std::fs::write(&file, "#####\n#G?O#\n#####\n").unwrap();
        for (typed, parts) in [
            ("###\\#O#\\###".to_owned(), ["whose rules", "maze2d:, multi2d: or pointmaze:"]),
            ("ant:###\\#O#\\###".to_owned(), ["whose rules", "`ant:"]),
            ("maze2d:nowhere.txt".to_owned(), ["nowhere.txt", "begins with its outer wall"]),
            ("maze2d:#####\\#OOO#\\#####".to_owned(), ["goal", "multi2d:"]),
            ("pointmaze:###\\#O#\\###".to_owned(), ["two free cells", "open"]),
            (format!("maze2d:{}", file.display()), ["bad.txt", "row 2, column 3 is `?`"]),
            (format!("maze2d:{}", folder.path().display()), ["neither a file nor a maze", "#####"]),
        ] {
            let message = parse_maze_name(&typed).unwrap_err().to_string();
            assert!(parts.iter().all(|part| message.contains(part)), "{typed}: {message}");
        }
        let message = make("maze2d:###\\#x#\\###").err().unwrap().to_string();
        assert!(message.contains("row 2, column 2"), "{message}");
    }
}
