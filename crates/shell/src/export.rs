//! Calls as a file: a row or an object each, oldest first, however many there are.

use std::io::Write;
use std::path::{Path, PathBuf};

use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Tz;
use outlay_core::ledger::{Ledger, LedgerError};
use outlay_core::report::{self, CSV_COLUMNS, CallQuery, CallView};
use outlay_proxy::machine::{ExportForm, ExportWanted, Exported, MachineError};

/// Columns of which every cell is a number or empty; the others are text.
const NUMBERS: [&str; 14] = [
    "http_status",
    "input_tokens",
    "cache_read_tokens",
    "cache_write_5m_tokens",
    "cache_write_1h_tokens",
    "output_tokens",
    "reasoning_tokens",
    "audio_input_tokens",
    "audio_output_tokens",
    "tool_calls",
    "cost_usd",
    "cost_stated_usd",
    "duration_ms",
    "first_byte_ms",
];

/// Why calls were not written.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// They cannot be read.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// They cannot be written.
    #[error("the calls cannot be written: {0}")]
    Unwritable(#[from] std::io::Error),
    /// The form has no way to say them.
    #[error("the calls cannot be written as CSV: {0}")]
    Unsayable(String),
}

/// What was written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rows {
    /// How many calls.
    pub count: u64,
    /// When the first of them was admitted.
    pub first: Option<DateTime<Utc>>,
}

impl Rows {
    fn take(&mut self, call: &CallView) {
        self.count += 1;
        self.first = self.first.or(Some(call.time));
    }
}

/// Writes the calls of `query`.
///
/// # Errors
/// Where they cannot be read or written; what was written until then stays.
pub fn write(
    ledger: &Ledger,
    query: &CallQuery,
    form: ExportForm,
    target: &mut dyn Write,
) -> Result<Rows, ExportError> {
    let mut rows = Rows::default();
    match form {
        ExportForm::Csv => {
            let mut csv = csv::Writer::from_writer(target);
            csv.write_record(CSV_COLUMNS).map_err(of_csv)?;
            report::each_call(ledger, query, |call| {
                rows.take(call);
                csv.write_record(cells(call)).map_err(of_csv)
            })?;
            csv.flush()?;
        }
        ExportForm::Json => report::each_call(ledger, query, |call| {
            rows.take(call);
            serde_json::to_writer(&mut *target, call).map_err(std::io::Error::from)?;
            target.write_all(b"\n").map_err(ExportError::from)
        })?,
    }
    Ok(rows)
}

fn cells(call: &CallView) -> impl Iterator<Item = String> {
    CSV_COLUMNS
        .iter()
        .zip(call.csv_cells())
        .map(|(column, cell)| if NUMBERS.contains(column) { cell } else { without_formula(cell) })
}

/// A text that a spreadsheet would run as a formula gets an apostrophe in front.
fn without_formula(cell: String) -> String {
    if cell.starts_with(['=', '+', '-', '@', '\t', '\r']) { format!("'{cell}") } else { cell }
}

fn of_csv(error: csv::Error) -> ExportError {
    match error.into_kind() {
        csv::ErrorKind::Io(error) => ExportError::Unwritable(error),
        other => ExportError::Unsayable(format!("{other:?}")),
    }
}

/// Writes calls into a file of its own in `folder`, named by the days that it covers.
pub(crate) fn into_folder(
    ledger: &Ledger,
    folder: &Path,
    wanted: ExportWanted,
    now: DateTime<Utc>,
    zone: Tz,
) -> Result<Exported, MachineError> {
    let ExportWanted { form, since, until } = wanted;
    let failed = |path: &Path, error: &std::io::Error| {
        MachineError::Conflict(format!(
            "cannot write {}: {error}. Give this user access to it",
            path.display()
        ))
    };
    std::fs::create_dir_all(folder).map_err(|error| failed(folder, &error))?;
    // Under a name of its own until it is whole.
    let file = tempfile::Builder::new().prefix(".outlay-export-").tempfile_in(folder);
    let mut buffered = std::io::BufWriter::new(file.map_err(|error| failed(folder, &error))?);
    let query = CallQuery { since, until, ..CallQuery::default() };
    let rows = write(ledger, &query, form, &mut buffered).map_err(|error| match error {
        ExportError::Ledger(error) => error.into(),
        other => MachineError::Failed(other.to_string()),
    })?;
    let file = buffered.into_inner().map_err(|error| failed(folder, error.error()))?;
    file.as_file().sync_all().map_err(|error| failed(folder, &error))?;
    let day = |at: DateTime<Utc>| at.with_timezone(&zone).date_naive();
    let last = day(until.map_or(now, |until| until - TimeDelta::milliseconds(1)));
    let first = since.or(rows.first).map_or(last, day);
    let ending = match form {
        ExportForm::Csv => "csv",
        ExportForm::Json => "jsonl",
    };
    let mut file = file;
    for path in names(folder, &format!("outlay-{first}_{last}"), ending) {
        match file.persist_noclobber(&path) {
            Ok(_) => {
                return Ok(Exported { file: path.display().to_string(), rows: rows.count });
            }
            Err(error) if error.error.kind() == std::io::ErrorKind::AlreadyExists => {
                file = error.file;
            }
            Err(error) => return Err(failed(&path, &error.error)),
        }
    }
    Err(MachineError::Conflict(format!("{} is full of exports: move some", folder.display())))
}

/// Names that a file of ours may have there, the plain one first.
pub(crate) fn names(folder: &Path, stem: &str, ending: &str) -> impl Iterator<Item = PathBuf> {
    let name = move |number: u32| match number {
        1 => format!("{stem}.{ending}"),
        _ => format!("{stem}-{number}.{ending}"),
    };
    (1..=10_000).map(move |number| folder.join(name(number)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formulas_are_defused() {
        for (cell, expected) in [
            ("=SUM(A1)", "'=SUM(A1)"),
            ("+1", "'+1"),
            ("-1", "'-1"),
            ("@x", "'@x"),
            ("\tx", "'\tx"),
            ("\rx", "'\rx"),
            ("gpt-4o", "gpt-4o"),
            ("a=b", "a=b"),
            ("", ""),
        ] {
            assert_eq!(without_formula(cell.to_owned()), expected);
        }
        assert!(NUMBERS.iter().all(|number| CSV_COLUMNS.contains(number)));
    }
}
