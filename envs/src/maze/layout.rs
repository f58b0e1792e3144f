//! Maze layouts: which cells of a grid are walls.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::{EnvError, maze::PhysicsProfile};

/// A cell of the grid, counted from the top left of the layout text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Cell {
    /// Row, from 0.
    pub row: usize,
    /// Column, from 0.
    pub col: usize,
}

/// Rows and columns that a layout may have at most.
pub const MAX_CELLS_ACROSS: usize = 64;

/// A rectangular grid of walls (`#`) and free cells, closed by walls all around, in which every free cell can
/// be reached from every other one (OGBench's teleport maze aside, where one is reached by a jump). One cell can be the goal,
/// one the start; both are free.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct MazeLayout {
    text: String,
    rows: usize,
    cols: usize,
    walls: Vec<bool>,
    free: Vec<Cell>,
    goal: Option<Cell>,
    start: Option<Cell>,
}

impl MazeLayout {
    /// Reads a layout; rows are separated by `\\` or by line breaks. `#` is a wall, `O`, `.` and a space are free
    /// cells, `G` is the goal, `S` the start.
    ///
    /// # Errors
    /// [`EnvError::Layout`], naming row and column (from 1) and the remedy, when the text is not rectangular, is
    /// larger than [`MAX_CELLS_ACROSS`], has another character, no free cell, two goals or starts, a gap in the
    /// outer wall, or free cells that cannot be reached from one another.
    pub fn parse(text: &str) -> Result<Self, EnvError> {
        let new = Self::parse_with_islands(text)?;
        let first = new.first_free()?;
        let reached = new.distances(first);
        if let Some(cut_off) = new.free.iter().find(|cell| reached[cell.row * new.cols + cell.col].is_none())
        {
            return refuse(format!(
                "{} cannot be reached from {}: open a way between them, or fill it with `#`",
                place(*cut_off),
                place(first)
            ));
        }
        Ok(new)
    }

    /// [`Self::parse`] for mazes in which walking is not the only way: free cells may be cut off from one another.
    pub(super) fn parse_with_islands(text: &str) -> Result<Self, EnvError> {
        let lines: Vec<Vec<char>> = text
            .split(['\\', '\n'])
            .map(|line| line.trim().chars().collect::<Vec<char>>())
            .filter(|line| !line.is_empty())
            .collect();
        let (rows, cols) = (lines.len(), lines.first().map_or(0, Vec::len));
        if rows > MAX_CELLS_ACROSS || cols > MAX_CELLS_ACROSS {
            return refuse(format!(
                "{rows} rows of {cols} cells: at most {MAX_CELLS_ACROSS} of each can be planned in; cut it down"
            ));
        }
        let mut new = Self {
            text: String::new(),
            rows,
            cols,
            walls: Vec::with_capacity(rows * cols),
            free: Vec::new(),
            goal: None,
            start: None,
        };
        let mut canonical = Vec::with_capacity(rows);
        for (row, line) in lines.iter().enumerate() {
            if line.len() != cols {
                return refuse(format!(
                    "row {} has {} cells, row 1 has {cols}: give every row the same number, with `#` at both ends",
                    row + 1,
                    line.len()
                ));
            }
            let marks: Result<String, EnvError> =
                line.iter().enumerate().map(|(col, mark)| new.read(Cell { row, col }, *mark)).collect();
            canonical.push(marks?);
        }
        new.first_free()?;
        new.text = canonical.join("\\");
        Ok(new)
    }

    fn first_free(&self) -> Result<Cell, EnvError> {
        match self.free.first() {
            Some(first) => Ok(*first),
            None => refuse("it has no free cell: mark some with `O`".to_owned()),
        }
    }

    /// Takes in one cell and returns its canonical mark.
    fn read(&mut self, cell: Cell, mark: char) -> Result<char, EnvError> {
        let border = cell.row == 0 || cell.col == 0 || cell.row + 1 == self.rows || cell.col + 1 == self.cols;
        if border && mark != '#' {
            return refuse(format!("{} is `{mark}`: close the outer wall with `#`", place(cell)));
        }
        let special = match mark {
            'G' => Some(("goal", &mut self.goal)),
            'S' => Some(("start", &mut self.start)),
            '#' | 'O' | '.' | ' ' => None,
            _ => {
                return refuse(format!(
                    "{} is `{mark}`: use `#` for walls, `O`, `.` or a space for free cells, `G` for the goal and \
                     `S` for the start",
                    place(cell)
                ));
            }
        };
        if let Some((what, slot)) = special
            && let Some(other) = slot.replace(cell)
        {
            return refuse(format!(
                "{} is a second {what} `{mark}` after {}: keep one of them and make the other `O`",
                place(cell),
                place(other)
            ));
        }
        self.walls.push(mark == '#');
        if mark != '#' {
            self.free.push(cell);
        }
        Ok(if matches!(mark, '.' | ' ') { 'O' } else { mark })
    }

    /// Steps from a cell to every cell, row by row, walls and what cannot be reached aside.
    pub(super) fn distances(&self, from: Cell) -> Vec<Option<usize>> {
        let mut distances = vec![None; self.rows * self.cols];
        let mut queue = VecDeque::new();
        if let Some(slot) = distances.get_mut(from.row * self.cols + from.col) {
            *slot = Some(0);
            queue.push_back((from, 0));
        }
        while let Some((cell, steps)) = queue.pop_front() {
            for next in self.neighbours(cell) {
                let slot = &mut distances[next.row * self.cols + next.col];
                if slot.is_none() {
                    *slot = Some(steps + 1);
                    queue.push_back((next, steps + 1));
                }
            }
        }
        distances
    }

    /// Steps of the longest of all shortest ways between two free cells.
    pub fn diameter(&self) -> usize {
        self.free
            .iter()
            .filter_map(|cell| self.distances(*cell).into_iter().flatten().max())
            .max()
            .unwrap_or(0)
    }

    /// The layout's text, rows separated by `\`, plain free cells as `O`.
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

    /// The `S` cell, where there is one.
    pub fn start(&self) -> Option<Cell> {
        self.start
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

fn refuse<T>(problem: String) -> Result<T, EnvError> {
    Err(EnvError::Layout(format!("maze: {problem}")))
}

fn place(cell: Cell) -> String {
    format!("row {}, column {}", cell.row + 1, cell.col + 1)
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
        let wide = format!("{0}\\{0}\\{0}", "#".repeat(MAX_CELLS_ACROSS + 1));
        for (text, part, remedy) in [
            ("", "no free cell", "mark some"),
            ("###\\#O#\\##", "row 3 has 2 cells, row 1 has 3", "the same number"),
            ("###\\#x#\\###", "row 2, column 2 is `x`", "`O`, `.` or a space"),
            ("####\\#GG#\\####", "row 2, column 3 is a second goal", "keep one"),
            ("#####\\#SOS#\\#####", "row 2, column 4 is a second start", "keep one"),
            ("###\\#OO\\###", "row 2, column 3 is `O`", "close the outer wall"),
            ("###\\###\\###", "no free cell", "mark some"),
            ("#####\\#O#O#\\#####", "row 2, column 4 cannot be reached from row 2, column 2", "open a way"),
            (&wide, "3 rows of 65 cells", "at most 64"),
        ] {
            let message = MazeLayout::parse(text).unwrap_err().to_string();
            assert!(message.contains(part) && message.contains(remedy), "{text}: {message}");
        }
    }

    #[test]
    fn free_cells_can_be_written_in_three_ways() {
        let layout = MazeLayout::parse("#####\r\n#S.G#\n\n#O O#\n#####\n").unwrap();
        assert_eq!(layout.text(), "#####\\#SOG#\\#OOO#\\#####");
        assert_eq!(layout.start(), Some(Cell { row: 1, col: 1 }));
        assert_eq!(layout.goal(), Some(Cell { row: 1, col: 3 }));
        assert_eq!((layout.free_cells().len(), layout.diameter()), (6, 3));
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
