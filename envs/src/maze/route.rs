//! Shortest routes over the cells of a maze, as D4RL's waypoint controller computes them.

use crate::maze::{Cell, MazeLayout};

/// Sweeps of value iteration: the published data were planned with exactly this many. Cells further
/// from the target than this keep value 0, so larger mazes than the published ones get more.
const SWEEPS: usize = 50;
const DISCOUNT: f64 = 0.99;
/// Cells after which a route is cut, as D4RL's is; larger mazes than the published ones get more.
const MAX_ROUTE: usize = 100;
/// Moves in (row, column), in the order that decides ties: the first maximum wins.
const MOVES: [(isize, isize); 5] = [(0, 0), (0, -1), (0, 1), (-1, 0), (1, 0)];

/// Greedy successor of every cell for each target, computed on first use.
#[derive(Clone, Debug)]
pub(super) struct RoutePlanner {
    cols: usize,
    sweeps: usize,
    longest: usize,
    /// Result of every move from every cell; a blocked move stays.
    moves: Vec<[usize; MOVES.len()]>,
    /// Per target cell: the successor of every cell.
    successors: Vec<Option<Vec<usize>>>,
}

impl RoutePlanner {
    pub(super) fn new(layout: &MazeLayout) -> Self {
        let (rows, cols) = (layout.rows(), layout.cols());
        let step = |cell: Cell, (dr, dc): (isize, isize)| {
            let next = cell.row.checked_add_signed(dr).zip(cell.col.checked_add_signed(dc));
            // Only the cell moved into is looked at: a ball pressed against a wall can round to a wall
            // cell, and walks out of it.
            match next.map(|(row, col)| Cell { row, col }) {
                Some(next) if layout.is_free(next) => next.row * cols + next.col,
                _ => cell.row * cols + cell.col,
            }
        };
        let moves = (0..rows)
            .flat_map(|row| (0..cols).map(move |col| Cell { row, col }))
            .map(|cell| MOVES.map(|delta| step(cell, delta)))
            .collect();
        let diameter = layout.diameter();
        let (sweeps, longest) = (SWEEPS.max(diameter + 2), MAX_ROUTE.max(diameter + 2));
        Self { cols, sweeps, longest, moves, successors: vec![None; rows * cols] }
    }

    /// Cells visited from `start` to `target`, without `start` and with `target` at the end. From where
    /// the target cannot be reached the route repeats the cell it is stuck in, as D4RL's does.
    pub(super) fn route(&mut self, start: Cell, target: Cell) -> Vec<Cell> {
        let cols = self.cols;
        let (mut cell, goal) = (start.row * cols + start.col, target.row * cols + target.col);
        let (moves, sweeps) = (&self.moves, self.sweeps);
        let Some(slot) = self.successors.get_mut(goal) else { return Vec::new() };
        let successors = slot.get_or_insert_with(|| greedy_successors(moves, goal, sweeps));
        let mut route = Vec::new();
        while route.len() < self.longest {
            let Some(next) = successors.get(cell) else { break };
            cell = *next;
            route.push(Cell { row: cell / cols, col: cell % cols });
            if cell == goal {
                break;
            }
        }
        route
    }
}

/// Value iteration with reward 1 for every action taken in the target cell.
fn greedy_successors(moves: &[[usize; MOVES.len()]], goal: usize, sweeps: usize) -> Vec<usize> {
    let mut values = vec![0.0f64; moves.len()];
    let q = |values: &[f64], cell: usize, next: usize| {
        let reward = if cell == goal { 1.0 } else { 0.0 };
        reward + DISCOUNT * values.get(next).copied().unwrap_or(0.0)
    };
    // The last sweep's action values are what the route is read from, so one sweep of values less.
    for _ in 1..sweeps {
        values = moves
            .iter()
            .enumerate()
            .map(|(cell, nexts)| nexts.iter().map(|next| q(&values, cell, *next)).fold(0.0, f64::max))
            .collect();
    }
    moves
        .iter()
        .enumerate()
        .map(|(cell, nexts)| {
            let mut best = (cell, f64::NEG_INFINITY);
            for next in nexts {
                let value = q(&values, cell, *next);
                if value > best.1 {
                    best = (*next, value);
                }
            }
            best.0
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use super::RoutePlanner;
    use crate::maze::{Cell, MazeLayout, MazeSize, maze2d_layout};

    /// Number of moves between two cells by breadth-first search.
    fn distance(layout: &MazeLayout, from: Cell, to: Cell) -> usize {
        let mut queue = VecDeque::from([(from, 0)]);
        let mut seen = vec![from];
        while let Some((cell, steps)) = queue.pop_front() {
            if cell == to {
                return steps;
            }
            for next in layout.neighbours(cell) {
                if !seen.contains(&next) {
                    seen.push(next);
                    queue.push_back((next, steps + 1));
                }
            }
        }
        usize::MAX
    }

    #[test]
    fn routes_are_shortest_between_all_pairs_of_cells() {
        for size in MazeSize::ALL {
            let layout = maze2d_layout(size).unwrap();
            let mut planner = RoutePlanner::new(&layout);
            for &start in layout.free_cells() {
                for &target in layout.free_cells() {
                    let route = planner.route(start, target);
                    assert_eq!(route.last(), Some(&target));
                    assert_eq!(route.len(), distance(&layout, start, target).max(1), "{start:?} {target:?}");
                }
            }
        }
    }

    #[test]
    fn a_way_longer_than_any_published_one_is_found() {
        let (wall, open) = ("#".repeat(62), format!("#{}#", "O".repeat(60)));
        let (right, left) = (format!("{}O#", "#".repeat(60)), format!("#O{}", "#".repeat(60)));
        let layout =
            MazeLayout::parse(&[&*wall, &open, &right, &open, &left, &open, &wall].join("\n")).unwrap();
        let (start, target) = (Cell { row: 1, col: 1 }, Cell { row: 5, col: 60 });
        let route = RoutePlanner::new(&layout).route(start, target);
        assert_eq!((route.len(), route.last()), (distance(&layout, start, target), Some(&target)));
        assert!(route.len() > 150);
    }

    #[test]
    fn ties_take_the_first_move_and_walls_can_be_left() {
        let layout = MazeLayout::parse("####\\#OO#\\#OO#\\####").unwrap();
        let mut planner = RoutePlanner::new(&layout);
        // Both ways round take two moves; the column is tried first.
        let route = planner.route(Cell { row: 1, col: 1 }, Cell { row: 2, col: 2 });
        assert_eq!(route, [Cell { row: 1, col: 2 }, Cell { row: 2, col: 2 }]);
        let from_wall = planner.route(Cell { row: 0, col: 1 }, Cell { row: 1, col: 1 });
        assert_eq!(from_wall, [Cell { row: 1, col: 1 }]);
        // A corner of the outer wall has no free neighbour.
        let stuck = planner.route(Cell { row: 0, col: 0 }, Cell { row: 1, col: 1 });
        assert!(stuck.len() == super::MAX_ROUTE && stuck.iter().all(|c| *c == Cell { row: 0, col: 0 }));
    }
}
