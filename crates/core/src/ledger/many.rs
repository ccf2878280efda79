//! Statements that write many rows at once: an import has hundreds of thousands to begin and to end
//! otherwise.

use rusqlite::{Statement, ToSql};

/// So many rows are written by one statement where there are as many.
pub(crate) const ROWS_AT_ONCE: usize = 32;

/// The places of so many values, of which the first is that of number `first`: `?3, ?4`.
pub(crate) fn places(first: usize, count: usize) -> String {
    (first..first + count).map(|place| format!("?{place}")).collect::<Vec<_>>().join(", ")
}

/// The places of so many rows, each in its brackets: `(?1, ?2), (?3, ?4)`.
pub(crate) fn rows_of_places(rows: usize, columns: usize) -> String {
    let row = |row: usize| format!("({})", places(1 + row * columns, columns));
    (0..rows).map(row).collect::<Vec<_>>().join(", ")
}

/// Binds a statement's values, one after the other.
pub(crate) struct Binding<'s, 'c> {
    statement: &'s mut Statement<'c>,
    place: usize,
}

impl<'s, 'c> Binding<'s, 'c> {
    pub(crate) fn of(statement: &'s mut Statement<'c>) -> Binding<'s, 'c> {
        Binding { statement, place: 1 }
    }

    pub(crate) fn bind(&mut self, value: impl ToSql) -> rusqlite::Result<()> {
        self.statement.raw_bind_parameter(self.place, value)?;
        self.place += 1;
        Ok(())
    }

    pub(crate) fn bind_all<'v>(
        &mut self,
        values: impl IntoIterator<Item = &'v i64>,
    ) -> rusqlite::Result<()> {
        values.into_iter().try_for_each(|value| self.bind(*value))
    }

    /// Runs it; how many rows it wrote.
    pub(crate) fn execute(self) -> rusqlite::Result<usize> {
        self.statement.raw_execute()
    }
}
