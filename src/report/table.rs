//! A table for a terminal.

use std::fmt;

/// Which side the cells of a column keep to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Align {
    /// For words.
    #[default]
    Left,
    /// For numbers.
    Right,
}

/// Rows of cells, printed with aligned columns.
///
/// ```
/// use leasehold::report::{Align, Table};
///
/// let mut table = Table::new(&[("setting", Align::Left), ("p99", Align::Right)]);
/// table.row(["15/10/2 s", "21.3 s"]);
/// table.row(["60/40/5 s", "7 s"]);
/// assert_eq!(table.to_string(), "\
/// setting       p99
/// ---------  ------
/// 15/10/2 s  21.3 s
/// 60/40/5 s     7 s
/// ");
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Table {
    columns: Vec<Align>,
    /// The first one is the head.
    rows: Vec<Vec<String>>,
}

impl Table {
    /// A table with the given columns and no rows yet.
    #[must_use]
    pub fn new(columns: &[(&str, Align)]) -> Self {
        let head = columns.iter().map(|(name, _)| (*name).to_owned()).collect();
        Self { columns: columns.iter().map(|(_, align)| *align).collect(), rows: vec![head] }
    }

    /// Adds a row. Missing cells are empty; cells beyond the last column are dropped.
    pub fn row<T: Into<String>>(&mut self, cells: impl IntoIterator<Item = T>) -> &mut Self {
        let mut cells: Vec<String> =
            cells.into_iter().take(self.columns.len()).map(Into::into).map(printable).collect();
        cells.resize(self.columns.len(), String::new());
        self.rows.push(cells);
        self
    }

    fn width(&self, column: usize) -> usize {
        self.rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max().unwrap_or(0)
    }
}

/// Control characters could do anything to a terminal, and line feeds break rows.
fn printable(text: String) -> String {
    if text.chars().any(char::is_control) { text.replace(char::is_control, "\u{fffd}") } else { text }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let widths: Vec<usize> = (0..self.columns.len()).map(|column| self.width(column)).collect();
        for (i, row) in self.rows.iter().enumerate() {
            let mut line = String::new();
            for ((cell, align), &width) in row.iter().zip(&self.columns).zip(&widths) {
                line.push_str(&match align {
                    Align::Left => format!("{cell:<width$}  "),
                    Align::Right => format!("{cell:>width$}  "),
                });
            }
            writeln!(f, "{}", line.trim_end())?;
            if i == 0 {
                let rules: Vec<String> = widths.iter().map(|&width| "-".repeat(width)).collect();
                writeln!(f, "{}", rules.join("  "))?;
            }
        }
        Ok(())
    }
}
