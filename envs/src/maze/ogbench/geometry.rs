//! Where the cells of OGBench's mazes lie.

use crate::maze::ogbench::{OGBENCH_BALL_RADIUS, OgBenchMaze};
use crate::maze::rules::distance;
use crate::maze::{Cell, MazeLayout};
use crate::{Area, EnvError, Scene, Zone};

/// Side of a cell.
pub(super) const SIDE: f64 = 4.0;
/// The ball jumps where its centre is at most this far from an entrance's.
const JUMP_DISTANCE: f64 = 1.5;

/// A maze in observation coordinates: the cell in row `i` and column `j` is a square of side 4 around
/// `(4 j - 4, 4 i - 4)`, so that x grows with the column and y with the row.
#[derive(Clone, Debug, PartialEq)]
pub struct OgBenchGeometry {
    maze: OgBenchMaze,
    layout: MazeLayout,
    entrances: Vec<[f64; 2]>,
    exits: Vec<[f64; 2]>,
}

impl OgBenchGeometry {
    /// Places a maze.
    ///
    /// # Errors
    /// None for the mazes there are.
    pub fn new(maze: OgBenchMaze) -> Result<Self, EnvError> {
        let places = |cells: Vec<Cell>| cells.into_iter().map(Self::cell_position).collect();
        let (entrances, exits) = (places(maze.entrances()), places(maze.exits()));
        Ok(Self { maze, layout: maze.layout()?, entrances, exits })
    }

    /// Which maze it is.
    pub fn maze(&self) -> OgBenchMaze {
        self.maze
    }

    /// The grid.
    pub fn layout(&self) -> &MazeLayout {
        &self.layout
    }

    /// Middle (x, y) of a cell.
    pub fn cell_position(cell: Cell) -> [f64; 2] {
        [SIDE * cell.col as f64 - SIDE, SIDE * cell.row as f64 - SIDE]
    }

    /// The cell that a position lies in; `None` outside the grid and for a position that is not finite.
    pub fn cell_at(&self, [x, y]: [f64; 2]) -> Option<Cell> {
        let index = |value: f64, len: usize| {
            let value = ((value + SIDE + 0.5 * SIDE) / SIDE).floor();
            (value >= 0.0 && value < len as f64).then_some(value as usize)
        };
        Some(Cell { row: index(y, self.layout.rows())?, col: index(x, self.layout.cols())? })
    }

    /// Centres of the entrances.
    pub fn entrances(&self) -> &[[f64; 2]] {
        &self.entrances
    }

    /// Centres of the exits, which are where the ball is put, by number.
    pub fn exits(&self) -> &[[f64; 2]] {
        &self.exits
    }

    /// Whether the ball jumps from here.
    #[inline]
    pub fn jumps_from(&self, position: [f64; 2]) -> bool {
        self.entrances.iter().any(|entrance| distance(*entrance, position) <= JUMP_DISTANCE)
    }

    /// The box around the whole grid, outer walls included.
    pub fn bounds(&self) -> Area {
        let last =
            Cell { row: self.layout.rows().saturating_sub(1), col: self.layout.cols().saturating_sub(1) };
        Area { min: square(Cell { row: 0, col: 0 }).min, max: square(last).max }
    }

    /// Wall boxes, row by row.
    pub fn walls(&self) -> Vec<Area> {
        self.layout.wall_cells().map(square).collect()
    }

    /// A top view.
    pub fn scene(&self) -> Scene {
        let zone = |name: &str, radius| {
            let name = name.to_owned();
            move |&at: &[f64; 2]| Zone { name: name.clone(), at, radius }
        };
        let entrances = self.entrances.iter().map(zone("entrance", JUMP_DISTANCE));
        Scene {
            bounds: self.bounds(),
            solids: self.walls(),
            zones: entrances.chain(self.exits.iter().map(zone("exit", 0.0))).collect(),
            movers: Vec::new(),
            body_radius: OGBENCH_BALL_RADIUS,
            position: [0, 1],
        }
    }
}

fn square(cell: Cell) -> Area {
    let [x, y] = OgBenchGeometry::cell_position(cell);
    let half = 0.5 * SIDE;
    Area { min: [x - half, y - half], max: [x + half, y + half] }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_and_cells_invert_one_another() {
        for maze in OgBenchMaze::ALL {
            let geometry = OgBenchGeometry::new(maze).unwrap();
            for &cell in geometry.layout().free_cells() {
                let [x, y] = OgBenchGeometry::cell_position(cell);
                assert_eq!(geometry.cell_at([x - 1.99, y + 1.99]), Some(cell));
                assert!(geometry.bounds().contains([x, y]));
            }
            for nowhere in [[-6.1, 0.0], [0.0, 1e9], [f64::NAN, 0.0], [f64::INFINITY, 0.0]] {
                assert_eq!(geometry.cell_at(nowhere), None);
            }
        }
        assert_eq!(OgBenchGeometry::cell_position(Cell { row: 7, col: 1 }), [0.0, 24.0]);
    }

    #[test]
    fn the_ball_jumps_within_one_and_a_half_of_an_entrance_and_not_at_an_exit() {
        let geometry = OgBenchGeometry::new(OgBenchMaze::Teleport).unwrap();
        for &[x, y] in geometry.entrances() {
            assert!(geometry.jumps_from([x, y + 1.5]) && !geometry.jumps_from([x + 1.1, y + 1.1]));
        }
        assert!(geometry.exits().iter().all(|exit| !geometry.jumps_from(*exit)));
        assert!(!OgBenchGeometry::new(OgBenchMaze::Giant).unwrap().jumps_from([0.0, 16.0]));
    }
}
