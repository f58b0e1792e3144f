//! OGBench's four mazes: walls, tasks, and the jumps of the teleport maze.

use sha2::{Digest, Sha256};

use crate::EnvError;
use crate::maze::{Cell, MazeLayout};

/// Number of tasks of each maze; they are counted from 1.
pub const OGBENCH_TASKS: usize = 5;

/// Cells (row, column) that put the ball to one of some others.
const ENTRANCES: [(usize, usize); 2] = [(4, 6), (5, 1)];
/// Where it is put, each as often as the others. The first lies in a cell that has no way out.
const EXITS: [(usize, usize); 3] = [(1, 7), (6, 1), (6, 10)];

/// One of OGBench's point mazes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum OgBenchMaze {
    /// 6 by 6 cells inside the border.
    Medium,
    /// 7 by 10 cells inside the border.
    Large,
    /// 10 by 14 cells inside the border.
    Giant,
    /// 7 by 10 cells with two entrances that lead to three exits by chance.
    Teleport,
}

impl OgBenchMaze {
    /// Every maze, in OGBench's order.
    pub const ALL: [Self; 4] = [Self::Medium, Self::Large, Self::Giant, Self::Teleport];

    /// As it stands in names of environments.
    pub fn name(self) -> &'static str {
        match self {
            Self::Medium => "medium",
            Self::Large => "large",
            Self::Giant => "giant",
            Self::Teleport => "teleport",
        }
    }

    fn text(self) -> &'static str {
        match self {
            Self::Medium => "########\\#OO##OO#\\#OO#OOO#\\##OOO###\\#OO#OOO#\\#O#OO#O#\\#OOO#OO#\\########",
            Self::Large => {
                "############\\#OOOO#OOOOO#\\#O##O#O#O#O#\\#OOOOOO#OOO#\\#O####O###O#\\#OO#O#OOOOO#\\\
                 ##O#O#O#O###\\#OO#OOO#OOO#\\############"
            }
            Self::Giant => {
                "################\\#O#OOOOOO##OOOO#\\#O#O##O#O#OO##O#\\#OOO#OO#OOO#OOO#\\\
                 #O###O######O#O#\\#OOO#OOO#OOOO#O#\\###O#O#OO#O#O###\\#OOO#OO#OOO#OOO#\\\
                 #O#O#O######O#O#\\#O###OOO#OOO##O#\\#OOOOO#OOO#OOOO#\\################"
            }
            Self::Teleport => {
                "############\\#OOOOO#O#OO#\\##O#OOO#OO##\\##O###OOOOO#\\#OOOO#O#O#O#\\#O##O#O#O#O#\\\
                 #O##O#O#O#O#\\#OOOO#OOO#O#\\############"
            }
        }
    }

    /// The grid. In the teleport maze one free cell is cut off: only a jump leads into it.
    ///
    /// # Errors
    /// None for the mazes here (a test reads them all).
    pub fn layout(self) -> Result<MazeLayout, EnvError> {
        MazeLayout::parse_with_islands(self.text())
    }

    /// Start and goal cell of a task, counted from 1; `None` for other numbers.
    pub fn task(self, number: usize) -> Option<(Cell, Cell)> {
        let tasks: [[(usize, usize); 2]; OGBENCH_TASKS] = match self {
            Self::Medium => {
                [[(1, 1), (6, 6)], [(6, 1), (1, 6)], [(5, 3), (4, 2)], [(6, 5), (6, 1)], [(2, 6), (1, 1)]]
            }
            Self::Large => {
                [[(1, 1), (7, 10)], [(5, 4), (7, 1)], [(7, 4), (1, 10)], [(3, 8), (5, 4)], [(1, 1), (5, 4)]]
            }
            Self::Giant => [
                [(1, 1), (10, 14)],
                [(1, 14), (10, 1)],
                [(8, 14), (1, 1)],
                [(8, 3), (5, 12)],
                [(5, 9), (3, 8)],
            ],
            Self::Teleport => {
                [[(1, 10), (7, 1)], [(1, 1), (7, 10)], [(5, 6), (7, 10)], [(7, 1), (7, 10)], [(5, 6), (7, 1)]]
            }
        };
        let [start, goal] = *tasks.get(number.checked_sub(1)?)?;
        Some((cell(start), cell(goal)))
    }

    /// Cells that put the ball elsewhere; empty in all mazes but one.
    pub fn entrances(self) -> Vec<Cell> {
        self.jumping(&ENTRANCES)
    }

    /// Cells that it is put to, by number.
    pub fn exits(self) -> Vec<Cell> {
        self.jumping(&EXITS)
    }

    fn jumping(self, cells: &[(usize, usize)]) -> Vec<Cell> {
        let all = cells.iter().map(|at| cell(*at));
        all.filter(|_| self == Self::Teleport).collect()
    }

    /// SHA-256 (hex) of walls, jumps and physics: what data and checkpoints must agree on. Tasks are not part of it.
    pub fn hash(self) -> String {
        let jumps = format!("{:?}{:?}", self.entrances(), self.exits());
        let digest = Sha256::digest(format!("{}\nogbench-ball-1\n{jumps}", self.text()).as_bytes());
        digest.iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

fn cell((row, col): (usize, usize)) -> Cell {
    Cell { row, col }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_maze_is_read_and_its_tasks_lie_in_free_cells() {
        for (maze, rows, cols, free) in [
            (OgBenchMaze::Medium, 8, 8, 26),
            (OgBenchMaze::Large, 9, 12, 46),
            (OgBenchMaze::Giant, 12, 16, 86),
            (OgBenchMaze::Teleport, 9, 12, 45),
        ] {
            let layout = maze.layout().unwrap();
            assert_eq!(
                (layout.rows(), layout.cols(), layout.free_cells().len()),
                (rows, cols, free),
                "{maze:?}"
            );
            for number in 1..=OGBENCH_TASKS {
                let (start, goal) = maze.task(number).unwrap();
                assert!(layout.is_free(start) && layout.is_free(goal) && start != goal);
                assert!(layout.distances(start)[goal.row * cols + goal.col].is_some(), "{maze:?} {number}");
            }
            assert!(maze.task(0).is_none() && maze.task(6).is_none());
            let jumping = [maze.entrances(), maze.exits()].concat();
            assert!(jumping.iter().all(|cell| layout.is_free(*cell)));
            assert_eq!(jumping.len(), if maze == OgBenchMaze::Teleport { 5 } else { 0 });
        }
    }

    #[test]
    fn one_cell_of_the_teleport_maze_is_cut_off_and_no_other_maze_has_any() {
        for maze in OgBenchMaze::ALL {
            let layout = maze.layout().unwrap();
            let reached = layout.distances(layout.free_cells()[0]);
            let islands: Vec<&Cell> = layout
                .free_cells()
                .iter()
                .filter(|cell| reached[cell.row * layout.cols() + cell.col].is_none())
                .collect();
            let trap = maze.exits();
            assert_eq!(islands, trap.iter().take(1).collect::<Vec<_>>(), "{maze:?}");
            assert_eq!(MazeLayout::parse(maze.text()).is_err(), maze == OgBenchMaze::Teleport);
        }
    }

    #[test]
    fn hashes_tell_the_mazes_apart() {
        let mut hashes: Vec<String> = OgBenchMaze::ALL.into_iter().map(OgBenchMaze::hash).collect();
        hashes.sort();
        hashes.dedup();
        assert_eq!(hashes.len(), 4);
    }
}
