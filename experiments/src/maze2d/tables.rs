//! The tables as text.

use super::MAZES;
use super::figures::{Benchmark, RowFigures};
use super::names::short;
use super::published::{PUBLISHED, REMARK};
use crate::statistics::Interval;
use crate::table::{Column, Table, numbers, words};

/// Cell of a maze that has no checkpoint.
pub const NO_CHECKPOINT: &str = "no checkpoint";
/// Cell of what was not asked for.
const NOTHING: &str = "-";

/// A figure to be shown for each row and maze.
pub struct Measure {
    /// Heading.
    pub title: &'static str,
    /// The figure's text; `None` where it has none.
    pub cell: fn(&RowFigures) -> Option<String>,
}

/// What is shown of each row, most important first.
pub const MEASURES: [Measure; 6] = [
    Measure {
        title: "Score: mean [95 % bootstrap interval]",
        cell: |figures| Some(estimate(figures.score.mean, figures.score.mean_interval)),
    },
    Measure {
        title: "Paired difference to diffusion-forcing by diffused-action [95 % bootstrap interval]",
        cell: |figures| figures.difference.map(|d| signed_estimate(d.mean, d.mean_interval)),
    },
    Measure {
        title: "Score: interquartile mean [95 % bootstrap interval]",
        cell: |figures| {
            let score = &figures.score;
            Some(estimate(score.interquartile_mean, score.interquartile_mean_interval))
        },
    },
    Measure {
        title: "Score if every episode had stayed from its first arrival on",
        cell: |figures| Some(format!("{:.1}", figures.score_if_stayed)),
    },
    Measure {
        title: "Episodes that arrived",
        cell: |figures| Some(format!("{} of {}", figures.arrived, figures.score.count)),
    },
    Measure {
        title: "Steps to arrive, mean over the episodes that did",
        cell: |figures| figures.steps_to_arrive.map(|steps| format!("{steps:.0}")),
    },
];

/// A mean with its interval.
pub fn estimate(mean: f64, interval: Interval) -> String {
    format!("{mean:.1} [{:.1}, {:.1}]", interval.low, interval.high)
}

/// A difference with its interval.
pub fn signed_estimate(mean: f64, interval: Interval) -> String {
    format!("{mean:+.1} [{:+.1}, {:+.1}]", interval.low, interval.high)
}

/// All tables, one below the other, with what they stand on.
pub fn text(benchmark: &Benchmark) -> String {
    let mut text = format!(
        "Maze2D and Multi2D: {} episodes each, seeds {} to {}, planners on {}\n",
        benchmark.episodes,
        benchmark.first_seed,
        benchmark.last_seed(),
        benchmark.device
    );
    for measure in &MEASURES {
        text.push_str(&format!("\n{}\n\n{}", measure.title, table(benchmark, measure)));
    }
    let missing: Vec<&str> = benchmark
        .mazes
        .iter()
        .filter(|maze| maze.checkpoint.is_none())
        .map(|maze| short(&maze.environment))
        .collect();
    if !missing.is_empty() {
        text.push_str(&format!("\nNo checkpoint comes with: {}\n", missing.join(", ")));
    }
    let mut table = Table::new(columns("method"));
    for row in &PUBLISHED {
        table.row(cells(row.method.to_owned(), |at| format!("{:.1}", row.scores[at])));
    }
    text.push_str(&format!("\nPublished figures, for orientation only\n\n{table}\n{}\n", wrapped(REMARK)));
    text
}

fn table(benchmark: &Benchmark, measure: &Measure) -> Table<7> {
    let mut table = Table::new(columns("planner, executor"));
    for &row in &benchmark.rows {
        table.row(cells(row.name(), |at| {
            let maze = benchmark.mazes.iter().find(|maze| maze.environment == MAZES[at]);
            let Some(maze) = maze else { return NOTHING.into() };
            if maze.checkpoint.is_none() && row.needs_checkpoint() {
                return NO_CHECKPOINT.into();
            }
            maze.row(row).and_then(measure.cell).unwrap_or(NOTHING.into())
        }));
    }
    table
}

fn columns(first: &str) -> [Column; 7] {
    std::array::from_fn(|at| match at {
        0 => words(first),
        at => numbers(short(MAZES[at - 1])),
    })
}

fn cells(first: String, cell: impl Fn(usize) -> String) -> [String; 7] {
    std::array::from_fn(|at| match at {
        0 => first.clone(),
        at => cell(at - 1),
    })
}

/// Breaks text at spaces into lines of at most 100 characters.
fn wrapped(text: &str) -> String {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.is_empty() => line.push_str(word),
            Some(line) if line.len() + word.len() < 100 => line.extend([" ", word]),
            _ => lines.push(word.to_owned()),
        }
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::super::figures::CellFigures;
    use super::super::planners::select_rows;
    use super::super::{page, select_cells};
    use super::*;

    /// A maze without a checkpoint beside five that nobody asked for.
    fn benchmark() -> Benchmark {
        Benchmark {
            format: 1,
            first_seed: 7,
            episodes: 3,
            device: "cpu".into(),
            code_version: "0".into(),
            resamples: 10,
            rows: select_rows(None, None, false).unwrap(),
            mazes: vec![CellFigures::new("maze2d-medium-v1", None, Vec::new()).unwrap()],
            computed: 0,
        }
    }

    #[test]
    fn a_maze_without_a_checkpoint_is_listed_as_such() {
        let text = text(&benchmark());
        let row = text.lines().find(|line| line.starts_with("mcg-4, diffused-action")).unwrap();
        let cells: Vec<&str> = row.split("  ").map(str::trim).filter(|cell| !cell.is_empty()).collect();
        assert_eq!(cells, ["mcg-4, diffused-action", "-", "no checkpoint", "-", "-", "-", "-"]);
        assert!(text.contains("No checkpoint comes with: maze2d-medium\n"), "{text}");
        assert!(text.contains("seeds 7 to 9"), "{text}");
        assert!(text.lines().filter(|line| line.contains(' ')).all(|line| line.len() < 200));
        let html = page(&benchmark()).unwrap();
        assert!(html.contains(NO_CHECKPOINT) && !html.contains("<svg"), "{html}");
    }

    #[test]
    fn published_rows_have_a_figure_for_each_maze() {
        assert_eq!(select_cells(None, false).unwrap().len(), PUBLISHED[0].scores.len());
        let text = text(&benchmark());
        let row = text.lines().find(|line| line.starts_with("HorizonFlow")).unwrap();
        let figures: Vec<&str> = row.split_whitespace().skip(1).collect();
        assert_eq!(figures, ["137.5", "154.8", "205.2", "145.1", "170.5", "216.5"]);
    }
}
