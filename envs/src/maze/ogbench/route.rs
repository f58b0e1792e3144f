//! Shortest routes over the cells of a maze, as OGBench's data were driven.

use std::collections::VecDeque;

use crate::maze::ogbench::OgBenchGeometry;
use crate::maze::{Cell, MazeLayout};

/// Neighbours in (row, column) in the order that decides ties: up, left, down, right in the grid.
const MOVES: [(isize, isize); 4] = [(-1, 0), (0, -1), (1, 0), (0, 1)];

/// The next cell from everywhere to everywhere.
#[derive(Clone, Debug)]
pub(super) struct Routes {
    cols: usize,
    /// Per goal cell, per cell: the cell to go to.
    next: Vec<Vec<Cell>>,
}

impl Routes {
    /// Routes that take entrances for floor, as the data's do.
    pub fn new(layout: &MazeLayout) -> Self {
        Self::over(layout, |cell| layout.is_free(cell))
    }

    /// Routes that never step on an entrance, but to leave it.
    pub fn avoiding(maze: &OgBenchGeometry) -> Self {
        let entrances = maze.maze().entrances();
        Self::over(maze.layout(), |cell| maze.layout().is_free(cell) && !entrances.contains(&cell))
    }

    fn over(layout: &MazeLayout, open: impl Fn(Cell) -> bool) -> Self {
        let (rows, cols) = (layout.rows(), layout.cols());
        let cells = || (0..rows).flat_map(|row| (0..cols).map(move |col| Cell { row, col }));
        let next = cells().map(|goal| {
            let steps = distances(layout, goal, &open);
            let at = |cell: Cell| steps.get(cell.row * cols + cell.col).copied().flatten();
            cells()
                .map(|cell| {
                    // From where there is no way the cell itself is the next one.
                    let mut best = (cell, at(cell).unwrap_or(usize::MAX));
                    for near in neighbours(cell).filter(|near| open(*near)) {
                        if let Some(steps) = at(near)
                            && steps < best.1
                        {
                            best = (near, steps);
                        }
                    }
                    best.0
                })
                .collect()
        });
        Self { cols, next: next.collect() }
    }

    /// The cell to go to from `from` on the way to `goal`: `from` itself at the goal and where there is no way.
    pub fn next(&self, from: Cell, goal: Cell) -> Cell {
        let at = |cell: Cell| cell.row * self.cols + cell.col;
        self.next.get(at(goal)).and_then(|next| next.get(at(from))).copied().unwrap_or(from)
    }
}

/// Cells that are exactly this many steps from a cell, in the order in which a search comes to them.
pub(super) fn cells_at(layout: &MazeLayout, from: Cell, steps: usize) -> Vec<Cell> {
    let found = distances(layout, from, |cell| layout.is_free(cell));
    let at = |cell: &Cell| found.get(cell.row * layout.cols() + cell.col).copied().flatten();
    layout.free_cells().iter().filter(|cell| at(cell) == Some(steps)).copied().collect()
}

/// Steps from every cell to `goal`, row by row; `None` where there is no way.
fn distances(layout: &MazeLayout, goal: Cell, open: impl Fn(Cell) -> bool) -> Vec<Option<usize>> {
    let cols = layout.cols();
    let mut steps = vec![None; layout.rows() * cols];
    let mut queue = VecDeque::from([(goal, 0)]);
    if let Some(slot) = steps.get_mut(goal.row * cols + goal.col) {
        *slot = Some(0);
    }
    while let Some((cell, taken)) = queue.pop_front() {
        for near in neighbours(cell).filter(|near| open(*near)) {
            if let Some(slot @ None) = steps.get_mut(near.row * cols + near.col) {
                *slot = Some(taken + 1);
                queue.push_back((near, taken + 1));
            }
        }
    }
    steps
}

fn neighbours(cell: Cell) -> impl Iterator<Item = Cell> {
    MOVES.into_iter().filter_map(move |(dr, dc)| {
        Some(Cell { row: cell.row.checked_add_signed(dr)?, col: cell.col.checked_add_signed(dc)? })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::maze::ogbench::OgBenchMaze;

    fn walk(routes: &Routes, from: Cell, goal: Cell) -> Vec<Cell> {
        let mut walked = vec![from];
        while let Some(&cell) = walked.last().filter(|cell| **cell != goal && walked.len() < 300) {
            walked.push(routes.next(cell, goal));
        }
        walked
    }

    #[test]
    fn routes_are_shortest_and_ties_go_up_before_left() {
        for maze in OgBenchMaze::ALL {
            let layout = maze.layout().unwrap();
            let routes = Routes::new(&layout);
            for &goal in layout.free_cells() {
                let steps = layout.distances(goal);
                for &from in layout.free_cells() {
                    let Some(steps) = steps[from.row * layout.cols() + from.col] else {
                        assert_eq!(routes.next(from, goal), from, "nowhere to go");
                        continue;
                    };
                    assert_eq!(walk(&routes, from, goal).len(), steps + 1, "{maze:?} {from:?} {goal:?}");
                }
            }
        }
        let square = MazeLayout::parse("####\\#OO#\\#OO#\\####").unwrap();
        let next = Routes::new(&square).next(Cell { row: 2, col: 2 }, Cell { row: 1, col: 1 });
        assert_eq!(next, Cell { row: 1, col: 2 });
    }

    #[test]
    fn routes_that_avoid_entrances_reach_every_goal_of_the_tasks_without_one() {
        let maze = OgBenchGeometry::new(OgBenchMaze::Teleport).unwrap();
        let (greedy, careful) = (Routes::new(maze.layout()), Routes::avoiding(&maze));
        let enters = |walked: &[Cell]| maze.maze().entrances().iter().any(|cell| walked.contains(cell));
        let mut tempted = 0;
        for number in 1..=5 {
            let (start, goal) = maze.maze().task(number).unwrap();
            let walked = walk(&careful, start, goal);
            assert!(walked.last() == Some(&goal) && !enters(&walked), "task {number}");
            tempted += usize::from(enters(&walk(&greedy, start, goal)));
        }
        assert!(tempted >= 4, "{tempted}");
        // Out of an entrance there is a way.
        let (out, goal) = (maze.maze().entrances()[0], Cell { row: 7, col: 8 });
        assert_eq!(walk(&careful, out, goal).last(), Some(&goal));
    }

    #[test]
    fn cells_four_steps_away_are_at_that_distance() {
        let layout = OgBenchMaze::Teleport.layout().unwrap();
        let from = Cell { row: 7, col: 1 };
        let found = cells_at(&layout, from, 4);
        let steps = layout.distances(from);
        assert!(
            found.len() > 1 && found.iter().all(|cell| steps[cell.row * layout.cols() + cell.col] == Some(4))
        );
        assert!(cells_at(&layout, Cell { row: 1, col: 7 }, 4).is_empty(), "the trap has no way out");
    }
}
