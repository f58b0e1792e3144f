//! Plain-text tables for the terminal.

use std::fmt;

/// A column: its heading and which side its cells keep to.
#[derive(Clone, Debug)]
pub struct Column {
    heading: String,
    numeric: bool,
}

/// A column of words, flush left.
pub fn words(heading: &str) -> Column {
    Column { heading: one_line(heading), numeric: false }
}

/// A column of numbers, flush right; give its cells the same number of decimals and the points line up.
pub fn numbers(heading: &str) -> Column {
    Column { heading: one_line(heading), numeric: true }
}

/// A table. Widths count characters, so wide scripts line up only roughly.
#[derive(Clone, Debug)]
pub struct Table {
    columns: Vec<Column>,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// An empty table with these columns.
    pub fn new(columns: impl Into<Vec<Column>>) -> Self {
        Self { columns: columns.into(), rows: Vec::new() }
    }

    /// Adds a row below the others: a cell for each column, missing ones empty. Line breaks and control characters
    /// in a cell become spaces.
    pub fn row(&mut self, cells: impl Into<Vec<String>>) {
        let mut cells: Vec<String> = cells.into().iter().map(|cell| one_line(cell)).collect();
        cells.resize(self.columns.len(), String::new());
        self.rows.push(cells);
    }

    fn widths(&self) -> Vec<usize> {
        let width = |(column, heading): (usize, &Column)| {
            let cells = self.rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count());
            cells.fold(heading.heading.chars().count(), usize::max)
        };
        self.columns.iter().enumerate().map(width).collect()
    }

    fn line(&self, f: &mut fmt::Formatter<'_>, cells: &[String], widths: &[usize]) -> fmt::Result {
        let mut line = String::new();
        for ((cell, column), &width) in cells.iter().zip(&self.columns).zip(widths) {
            if !line.is_empty() {
                line.push_str("  ");
            }
            let padding = " ".repeat(width - cell.chars().count());
            match column.numeric {
                true => line.extend([padding.as_str(), cell.as_str()]),
                false => line.extend([cell.as_str(), padding.as_str()]),
            }
        }
        writeln!(f, "{}", line.trim_end())
    }
}

impl fmt::Display for Table {
    /// Heading, rule, rows; each line ends with a newline and carries no trailing spaces.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let widths = self.widths();
        let headings: Vec<String> = self.columns.iter().map(|column| column.heading.clone()).collect();
        self.line(f, &headings, &widths)?;
        let rules: Vec<String> = widths.iter().map(|&width| "-".repeat(width)).collect();
        self.line(f, &rules, &widths)?;
        self.rows.iter().try_for_each(|row| self.line(f, row, &widths))
    }
}

fn one_line(cell: &str) -> String {
    cell.chars().map(|character| if character.is_control() { ' ' } else { character }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::{ProptestConfig, proptest};

    #[test]
    fn words_keep_left_and_numbers_keep_right() {
        let mut table = Table::new([words("policy"), numbers("score"), words("note")]);
        table.row(["waypoint".into(), "143.2".into(), "reference".into()]);
        table.row(["random".into(), "-1.9".into(), String::new()]);
        let expected = "\
policy    score  note
--------  -----  ---------
waypoint  143.2  reference
random     -1.9
";
        assert_eq!(table.to_string(), expected);
    }

    #[test]
    fn characters_are_counted_rather_than_bytes() {
        let mut table = Table::new([numbers("mean"), numbers("n")]);
        table.row(["1.0 ± 0.2".into(), "1".into()]);
        assert_eq!(table.to_string(), "     mean  n\n---------  -\n1.0 ± 0.2  1\n");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn any_cells_give_one_line_a_row(cells in proptest::collection::vec(("\\PC*|[\\x00-\\x1f]*", ".*"), 0..8)) {
            let mut table = Table::new([words("a"), numbers("b")]);
            for (left, right) in &cells {
                table.row([left.clone(), right.clone()]);
            }
            let text = table.to_string();
            assert_eq!(text.matches('\n').count(), cells.len() + 2);
            assert!(text.split('\n').all(|line| !line.ends_with(' ')));
        }
    }
}
