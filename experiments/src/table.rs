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

/// A table of `N` columns. Widths count characters, so wide scripts line up only roughly.
#[derive(Clone, Debug)]
pub struct Table<const N: usize> {
    columns: [Column; N],
    rows: Vec<[String; N]>,
}

impl<const N: usize> Table<N> {
    /// An empty table with these columns.
    pub fn new(columns: [Column; N]) -> Self {
        Self { columns, rows: Vec::new() }
    }

    /// Adds a row below the others. Line breaks and control characters in a cell become spaces.
    pub fn row(&mut self, cells: [String; N]) {
        self.rows.push(cells.map(|cell| one_line(&cell)));
    }

    fn widths(&self) -> [usize; N] {
        std::array::from_fn(|column| {
            let heading = self.columns[column].heading.chars().count();
            self.rows.iter().map(|row| row[column].chars().count()).fold(heading, usize::max)
        })
    }

    fn line(&self, f: &mut fmt::Formatter<'_>, cells: [&str; N], widths: &[usize; N]) -> fmt::Result {
        let mut line = String::new();
        for ((cell, column), &width) in cells.iter().zip(&self.columns).zip(widths) {
            if !line.is_empty() {
                line.push_str("  ");
            }
            let padding = " ".repeat(width - cell.chars().count());
            match column.numeric {
                true => line.extend([padding.as_str(), cell]),
                false => line.extend([cell, padding.as_str()]),
            }
        }
        writeln!(f, "{}", line.trim_end())
    }
}

impl<const N: usize> fmt::Display for Table<N> {
    /// Heading, rule, rows; each line ends with a newline and carries no trailing spaces.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let widths = self.widths();
        self.line(f, std::array::from_fn(|column| self.columns[column].heading.as_str()), &widths)?;
        let rules = widths.map(|width| "-".repeat(width));
        self.line(f, std::array::from_fn(|column| rules[column].as_str()), &widths)?;
        for row in &self.rows {
            self.line(f, std::array::from_fn(|column| row[column].as_str()), &widths)?;
        }
        Ok(())
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
