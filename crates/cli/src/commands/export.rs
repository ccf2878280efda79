//! `outlay export`: one row per call, oldest first, however many there are.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use outlay_core::ledger::Ledger;
use outlay_core::report::CallQuery;
use outlay_proxy::machine::ExportForm;
use outlay_shell::export::{self, ExportError, Rows};

use super::report::{Range, range};
use crate::failure::{Failure, Outcome};
use crate::output::Out;
use crate::session::Session;
use crate::words;

/// Options of `export`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  outlay export -o calls.csv
  outlay export --format json --since 2026-11-01 | jq .cost_usd")]
pub(crate) struct Arguments {
    /// csv, or json with one object a line
    #[arg(long, value_enum, default_value_t = Format::Csv)]
    format: Format,
    /// From when on: a date, a time or a distance such as 7d
    #[arg(long, value_name = "WHEN")]
    since: Option<String>,
    /// Up to when, this moment not included
    #[arg(long, value_name = "WHEN")]
    until: Option<String>,
    /// Write to this file instead of standard output (-); it appears only when it is whole
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    Csv,
    Json,
}

pub(crate) fn run(session: &Session, options: &Arguments, out: &mut Out) -> Outcome {
    let Range { since, until } =
        range(options.since.as_deref(), options.until.as_deref(), session.now, session.zone)?;
    let query = CallQuery { since, until, ..CallQuery::default() };
    let ledger = session.ledger()?;
    match &options.output {
        Some(path) if path != Path::new("-") => {
            let rows = write_file(path, |file| write(&ledger, &query, options.format, file))?;
            let calls = words::counted(rows.count, "call", "calls");
            let form = match options.format {
                Format::Csv => "CSV",
                Format::Json => "JSON, a line each",
            };
            out.line(format!("Wrote {calls} to {}, as {form}.", path.display()))?;
        }
        _ => {
            write(&ledger, &query, options.format, out.writer())?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Writes the file under another name first, so that it is never half there.
fn write_file<T>(
    path: &Path,
    write: impl FnOnce(&mut dyn Write) -> Result<T, Failure>,
) -> Result<T, Failure> {
    if let Some(failure) = Failure::missing_folder(path) {
        return Err(failure);
    }
    let failed = |error: &std::io::Error| Failure::file("write", path, error);
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let folder = folder.unwrap_or_else(|| Path::new("."));
    let file = tempfile::Builder::new()
        .prefix(".outlay-export-")
        .tempfile_in(folder)
        // Its own words name a file that nobody asked for.
        .map_err(|error| failed(&error.kind().into()))?;
    let mut buffered = std::io::BufWriter::new(file);
    let written = write(&mut buffered)?;
    let file = buffered.into_inner().map_err(|error| failed(error.error()))?;
    file.as_file().sync_all().map_err(|error| failed(&error))?;
    file.persist(path).map_err(|error| failed(&error.error))?;
    Ok(written)
}

fn write(
    ledger: &Ledger,
    query: &CallQuery,
    format: Format,
    target: &mut dyn Write,
) -> Result<Rows, Failure> {
    let form = match format {
        Format::Csv => ExportForm::Csv,
        Format::Json => ExportForm::Json,
    };
    export::write(ledger, query, form, target).map_err(|error| match error {
        ExportError::Ledger(error) => error.into(),
        ExportError::Unwritable(error) => error.into(),
        other => Failure::failed(other),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Day;

    #[test]
    fn csv_is_exact() {
        let day = Day::full();
        let mut csv = Vec::new();
        write(&day.ledger, &CallQuery::default(), Format::Csv, &mut csv).unwrap();
        insta::assert_snapshot!(String::from_utf8(csv).unwrap());
    }

    #[test]
    fn a_file_appears_whole_or_not_at_all() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("calls.csv");
        let broken = write_file::<()>(&path, |file| {
            file.write_all(b"half")?;
            Err(Failure::failed("it broke"))
        });
        assert_eq!(broken, Err(Failure::failed("it broke")));
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
        write_file(&path, |file| Ok(file.write_all(b"whole")?)).unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"whole");
    }
}
