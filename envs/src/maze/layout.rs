//! Maze layouts: which cells of a grid are walls.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::{EnvError, maze::PhysicsProfile};

/// A cell of the grid, counted from the top left of the layout text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Cell {
    /// Row, from 0.
    pub row: usize,
    /// Column, from 0.
    pub col: usize,
}

/// The three sizes that D4RL and gymnasium-robotics share.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum MazeSize {
    /// A U of seven cells.
    UMaze,
    /// 6 by 6 cells inside the border.
    Medium,
    /// 7 by 10 cells inside the border.
    Large,
}

impl MazeSize {
    /// Every size, small to large.
    pub const ALL: [Self; 3] = [Self::UMaze, Self::Medium, Self::Large];

    /// Steps after which the protocol of both suites truncates an episode.
    pub fn max_episode_steps(self) -> usize {
        match self {
            Self::UMaze => 300,
            Self::Medium => 600,
            Self::Large => 800,
        }
    }
}

/// A rectangular grid of walls (`#`), free cells (`O`) and at most one goal cell (`G`, also free),
/// closed by walls all around.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct MazeLayout {
    text: String,
    rows: usize,
    cols: usize,
    walls: Vec<bool>,
    free: Vec<Cell>,
    goal: Option<Cell>,
}

impl MazeLayout {
    /// Reads a layout; rows are separated by `\` or by line breaks.
    ///
    /// # Errors
    /// [`EnvError::Layout`] when the text is not rectangular, has another character, no free cell, two
    /// goals, or a gap in the outer wall.
    pub fn parse(text: &str) -> Result<Self, EnvError> {
        let lines: Vec<&str> =
            text.split(['\\', '\n']).map(str::trim).filter(|line| !line.is_empty()).collect();
        let rows = lines.len();
        let cols = lines.first().map_or(0, |line| line.chars().count());
        let mut walls = Vec::with_capacity(rows * cols);
        let mut free = Vec::new();
        let mut goal = None;
        for (row, line) in lines.iter().enumerate() {
            let width = line.chars().count();
            if width != cols {
                return Err(EnvError::Layout(format!("row {row} has {width} cells, row 0 has {cols}")));
            }
            for (col, mark) in line.chars().enumerate() {
                let cell = Cell { row, col };
                let border = row == 0 || col == 0 || row + 1 == rows || col + 1 == cols;
                if border && mark != '#' {
                    return Err(EnvError::Layout(format!(
                        "cell ({row}, {col}) is `{mark}`: the outer wall must be closed with `#`"
                    )));
                }
                match mark {
                    '#' => {}
                    'O' => free.push(cell),
                    'G' if goal.is_none() => {
                        goal = Some(cell);
                        free.push(cell);
                    }
                    'G' => return Err(EnvError::Layout(format!("a second goal at ({row}, {col})"))),
                    other => {
                        return Err(EnvError::Layout(format!(
                            "cell ({row}, {col}) is `{other}`: only `#`, `O` and `G` are known"
                        )));
                    }
                }
                walls.push(mark == '#');
            }
        }
        if free.is_empty() {
            return Err(EnvError::Layout("no free cell".to_owned()));
        }
        Ok(Self { text: lines.join("\\"), rows, cols, walls, free, goal })
    }

    /// The layout's text, rows separated by `\`.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Number of rows, border included.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Number of columns, border included.
    pub fn cols(&self) -> usize {
        self.cols
    }

    /// Whether the cell is a wall. Cells outside the grid are not.
    pub fn is_wall(&self, cell: Cell) -> bool {
        cell.row < self.rows && cell.col < self.cols && self.walls[cell.row * self.cols + cell.col]
    }

    /// Whether the cell is inside the grid and not a wall.
    pub fn is_free(&self, cell: Cell) -> bool {
        cell.row < self.rows && cell.col < self.cols && !self.walls[cell.row * self.cols + cell.col]
    }

    /// Free cells row by row, the goal cell among them.
    pub fn free_cells(&self) -> &[Cell] {
        &self.free
    }

    /// Wall cells row by row.
    pub fn wall_cells(&self) -> impl Iterator<Item = Cell> + '_ {
        (0..self.rows)
            .flat_map(move |row| (0..self.cols).map(move |col| Cell { row, col }))
            .filter(move |cell| self.is_wall(*cell))
    }

    /// The `G` cell, where there is one.
    pub fn goal(&self) -> Option<Cell> {
        self.goal
    }

    /// Free neighbours of a cell in D4RL's order of actions: (0, -1), (0, +1), (-1, 0), (+1, 0) in
    /// (row, column).
    pub fn neighbours(&self, cell: Cell) -> impl Iterator<Item = Cell> + '_ {
        let Cell { row, col } = cell;
        [
            col.checked_sub(1).map(|col| Cell { row, col }),
            col.checked_add(1).map(|col| Cell { row, col }),
            row.checked_sub(1).map(|row| Cell { row, col }),
            row.checked_add(1).map(|row| Cell { row, col }),
        ]
        .into_iter()
        .flatten()
        .filter(|next| self.is_free(*next))
    }

    /// SHA-256 (hex) of the layout text and the physics profile: what data and checkpoints must agree on.
    pub fn hash(&self, profile: PhysicsProfile) -> String {
        let digest = Sha256::digest(format!("{}\n{}", self.text, profile.name()).as_bytes());
        digest.iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

impl TryFrom<String> for MazeLayout {
    type Error = EnvError;

    fn try_from(text: String) -> Result<Self, EnvError> {
        Self::parse(&text)
    }
}

impl From<MazeLayout> for String {
    fn from(layout: MazeLayout) -> Self {
        layout.text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_cells_goal_and_neighbours() {
        let layout = MazeLayout::parse("#####\\#GOO#\\###O#\\#OOO#\\#####").unwrap();
        assert_eq!((layout.rows(), layout.cols(), layout.free_cells().len()), (5, 5, 7));
        assert_eq!(layout.goal(), Some(Cell { row: 1, col: 1 }));
        assert!(layout.is_wall(Cell { row: 2, col: 1 }) && layout.is_free(Cell { row: 2, col: 3 }));
        assert!(!layout.is_wall(Cell { row: 9, col: 0 }) && !layout.is_free(Cell { row: 9, col: 0 }));
        assert_eq!(layout.wall_cells().count(), 18);
        let around: Vec<Cell> = layout.neighbours(Cell { row: 1, col: 3 }).collect();
        assert_eq!(around, [Cell { row: 1, col: 2 }, Cell { row: 2, col: 3 }]);
    }

    #[test]
    fn malformed_layouts_are_refused_with_the_place() {
        for (text, part) in [
            ("", "no free cell"),
            ("###\\#O#\\##", "row 2 has 2 cells"),
            ("###\\#x#\\###", "(1, 1) is `x`"),
            ("####\\#GG#\\####", "second goal at (1, 2)"),
            ("###\\#OO\\###", "outer wall"),
            ("###\\###\\###", "no free cell"),
        ] {
            let message = MazeLayout::parse(text).unwrap_err().to_string();
            assert!(message.contains(part), "{text}: {message}");
        }
    }

    #[test]
    fn hash_depends_on_layout_and_profile_but_not_on_line_breaks() {
        let one = MazeLayout::parse("####\\#OG#\\####").unwrap();
        let same = MazeLayout::parse("####\n#OG#\n####\n").unwrap();
        let other = MazeLayout::parse("####\\#GO#\\####").unwrap();
        assert_eq!(one.hash(PhysicsProfile::MuJoCo2), same.hash(PhysicsProfile::MuJoCo2));
        assert_ne!(one.hash(PhysicsProfile::MuJoCo2), one.hash(PhysicsProfile::MuJoCo3));
        assert_ne!(one.hash(PhysicsProfile::MuJoCo2), other.hash(PhysicsProfile::MuJoCo2));
        assert_eq!(one.hash(PhysicsProfile::MuJoCo2).len(), 64);
    }
}
