//! Where the cells of a layout lie in observation coordinates.

use serde::{Deserialize, Serialize};

use crate::Area;
use crate::maze::{BALL_RADIUS, Cell, MazeLayout};

/// Convention that turns grid cells into positions. Cells have side 1 in both.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum MazeFrame {
    /// D4RL: x grows with the row, y with the column, a cell's name is its position. The ball's body
    /// stands at (1.2, 1.2) and wall boxes at index + 1, so in observation coordinates walls are shifted
    /// by -0.2 against the cells: wall (i, j) spans `[i - 0.7, i + 0.3]`.
    D4rl,
    /// gymnasium-robotics: the map's centre is the origin, x grows with the column, y against the row.
    Centred,
}

/// A layout placed in observation coordinates: all that a picture or a shortest path needs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MazeGeometry {
    layout: MazeLayout,
    frame: MazeFrame,
}

impl MazeGeometry {
    /// Places a layout.
    pub fn new(layout: MazeLayout, frame: MazeFrame) -> Self {
        Self { layout, frame }
    }

    /// The grid.
    pub fn layout(&self) -> &MazeLayout {
        &self.layout
    }

    /// The convention in use.
    pub fn frame(&self) -> MazeFrame {
        self.frame
    }

    /// Position (x, y) that starts and goals in this cell are drawn around. In the D4RL frame this is
    /// not the middle of the free space, see [`MazeFrame::D4rl`].
    pub fn cell_position(&self, cell: Cell) -> [f64; 2] {
        let (row, col) = (cell.row as f64, cell.col as f64);
        match self.frame {
            MazeFrame::D4rl => [row, col],
            MazeFrame::Centred => {
                [col + 0.5 - self.layout.cols() as f64 / 2.0, self.layout.rows() as f64 / 2.0 - (row + 0.5)]
            }
        }
    }

    /// Middle (x, y) of the square that a cell's wall box fills or would fill.
    pub fn square_centre(&self, cell: Cell) -> [f64; 2] {
        let [x, y] = self.cell_position(cell);
        match self.frame {
            MazeFrame::D4rl => [x - 0.2, y - 0.2],
            MazeFrame::Centred => [x, y],
        }
    }

    /// Cell whose [`Self::cell_position`] is nearest to `position` (ties away from zero, as rounding
    /// does); `None` outside the grid or for a position that is not finite.
    pub fn nearest_cell(&self, position: [f64; 2]) -> Option<Cell> {
        let [x, y] = position;
        let (row, col) = match self.frame {
            MazeFrame::D4rl => (x, y),
            MazeFrame::Centred => {
                (self.layout.rows() as f64 / 2.0 - y - 0.5, x + self.layout.cols() as f64 / 2.0 - 0.5)
            }
        };
        let index = |value: f64, len: usize| {
            let value = value.round();
            (value >= 0.0 && value < len as f64).then_some(value as usize)
        };
        Some(Cell { row: index(row, self.layout.rows())?, col: index(col, self.layout.cols())? })
    }

    /// Wall boxes in observation coordinates, row by row.
    pub fn walls(&self) -> Vec<Area> {
        self.layout
            .wall_cells()
            .map(|cell| {
                let [x, y] = self.square_centre(cell);
                Area { min: [x - 0.5, y - 0.5], max: [x + 0.5, y + 0.5] }
            })
            .collect()
    }

    /// The box around the whole grid, outer walls included.
    pub fn bounds(&self) -> Area {
        let first = self.square_centre(Cell { row: 0, col: 0 });
        let last = self.square_centre(Cell { row: self.layout.rows() - 1, col: self.layout.cols() - 1 });
        Area {
            min: [first[0].min(last[0]) - 0.5, first[1].min(last[1]) - 0.5],
            max: [first[0].max(last[0]) + 0.5, first[1].max(last[1]) + 0.5],
        }
    }

    /// Position of the `G` cell, where the layout has one.
    pub fn goal(&self) -> Option<[f64; 2]> {
        self.layout.goal().map(|cell| self.cell_position(cell))
    }

    /// Position of the `S` cell, where the layout has one.
    pub fn start(&self) -> Option<[f64; 2]> {
        self.layout.start().map(|cell| self.cell_position(cell))
    }

    /// Radius of the ball.
    pub fn ball_radius(&self) -> f64 {
        BALL_RADIUS
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn small() -> MazeLayout {
        MazeLayout::parse("#####\\#GOO#\\#####").unwrap()
    }

    #[test]
    fn d4rl_walls_are_shifted_against_cells() {
        let maze = MazeGeometry::new(small(), MazeFrame::D4rl);
        assert_eq!(maze.cell_position(Cell { row: 1, col: 3 }), [1.0, 3.0]);
        let first = maze.walls()[0];
        assert!((first.min[0] + 0.7).abs() < 1e-12 && (first.max[0] - 0.3).abs() < 1e-12);
        let bounds = maze.bounds();
        assert!((bounds.max[0] - 2.3).abs() < 1e-12 && (bounds.max[1] - 4.3).abs() < 1e-12);
        assert_eq!(maze.goal(), Some([1.0, 1.0]));
    }

    #[test]
    fn centred_frame_has_y_upwards() {
        let maze = MazeGeometry::new(small(), MazeFrame::Centred);
        assert_eq!(maze.cell_position(Cell { row: 1, col: 1 }), [-1.0, 0.0]);
        assert_eq!(maze.cell_position(Cell { row: 0, col: 0 }), [-2.0, 1.0]);
        assert_eq!(maze.bounds(), Area { min: [-2.5, -1.5], max: [2.5, 1.5] });
    }

    #[test]
    fn nearest_cell_inverts_cell_position() {
        for frame in [MazeFrame::D4rl, MazeFrame::Centred] {
            let maze = MazeGeometry::new(small(), frame);
            for cell in maze.layout().free_cells() {
                let [x, y] = maze.cell_position(*cell);
                assert_eq!(maze.nearest_cell([x + 0.4, y - 0.4]), Some(*cell));
            }
            assert_eq!(maze.nearest_cell([50.0, 0.0]), None);
            assert_eq!(maze.nearest_cell([f64::NAN, 0.0]), None);
        }
    }
}
