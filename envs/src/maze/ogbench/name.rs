//! Names of OGBench's point-maze data sets: a maze and a way in which data were made.

use crate::maze::ogbench::OgBenchMaze;

/// How data of a maze are made. The environment is the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum OgBenchData {
    /// Long episodes, from goal to goal.
    Navigate,
    /// Short episodes, each to a cell four cells away: what is farther must be put together from them.
    Stitch,
}

impl OgBenchData {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Navigate, Self::Stitch];

    /// As it stands in names of environments.
    pub fn name(self) -> &'static str {
        match self {
            Self::Navigate => "navigate",
            Self::Stitch => "stitch",
        }
    }

    /// Rows of one episode in the published data of a maze; the last one's action has no next state.
    pub fn episode_rows(self, maze: OgBenchMaze) -> usize {
        match (self, maze) {
            (Self::Navigate, OgBenchMaze::Giant) => 2001,
            (Self::Navigate, _) => 1001,
            (Self::Stitch, _) => 201,
        }
    }

    /// Episodes in the published data of a maze; a tenth as many are kept for validation.
    pub fn published_episodes(self, maze: OgBenchMaze) -> usize {
        match (self, maze) {
            (Self::Navigate, OgBenchMaze::Giant) => 500,
            (Self::Navigate, _) => 1000,
            (Self::Stitch, _) => 5000,
        }
    }

    /// Rows to validate with beside `rows` to train on: a tenth as many episodes, at least one.
    pub fn validation_rows(self, maze: OgBenchMaze, rows: usize) -> usize {
        let length = self.episode_rows(maze);
        rows.div_ceil(length).div_ceil(10).saturating_mul(length)
    }
}

/// Name of an environment with data, such as `pointmaze-teleport-stitch-v0`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct OgBenchName {
    /// The maze.
    pub maze: OgBenchMaze,
    /// Its data.
    pub data: OgBenchData,
}

impl OgBenchName {
    /// Every name, maze by maze.
    pub fn all() -> impl Iterator<Item = Self> {
        OgBenchMaze::ALL.into_iter().flat_map(|maze| OgBenchData::ALL.map(|data| Self { maze, data }))
    }

    /// The name with this id.
    pub fn find(id: &str) -> Option<Self> {
        Self::all().find(|name| name.id() == id)
    }

    /// The name itself.
    pub fn id(self) -> String {
        format!("pointmaze-{}-{}-v0", self.maze.name(), self.data.name())
    }

    /// A line about it.
    pub fn about(self) -> String {
        let data = match self.data {
            OgBenchData::Navigate => "long data",
            OgBenchData::Stitch => "short data to be put together",
        };
        let jumps = match self.maze {
            OgBenchMaze::Teleport => ", entrances that lead to one of three exits by chance",
            _ => "",
        };
        format!(
            "OGBench's pointmaze: five tasks, reward 1 within 1.0 of the goal, which ends the episode; {data}{jumps}"
        )
    }
}
