//! Tools' logs, found and imported in the background.

use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use chrono::{DateTime, Utc};
use outlay_core::ledger::Ledger;
use outlay_host::logs::{self, Billing, Import, LogPath, Progress, Source, SourceReport};
use outlay_proxy::Clock;
use outlay_proxy::machine::{
    ImportEnded, ImportProgress, ImportWanted, ImportedSource, Imports, LogSource, Logs,
    MachineError, Unread,
};
use outlay_wire::log::Tool;

use crate::tools::everywhere;

/// The one import that goes on in this process, and what came of the last. Clones share it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Importing(Arc<Mutex<Imports>>);

/// What was found of tools' logs, and how much of it is in the ledger.
pub(crate) fn logs(ledger: &Ledger) -> Result<Logs, MachineError> {
    let known = ledger.log_files()?;
    let before = |log: &LogPath| known.get(log.path.to_string_lossy().as_ref());
    let view = |source: &Source| {
        let modified = || source.logs.iter().map(|log| log.modified_ms);
        let is_new = |log: &&LogPath| {
            !before(log)
                .is_some_and(|file| file.size == log.size && file.modified_ms == log.modified_ms)
        };
        let imported = source.logs.iter().filter_map(before).map(|file| file.modified_ms);
        LogSource {
            source: source.tool.as_str().to_owned(),
            name: source.tool.title().to_owned(),
            files: source.logs.len(),
            files_new: source.logs.iter().filter(is_new).count(),
            bytes: source.size(),
            oldest: modified().min().and_then(DateTime::from_timestamp_millis),
            newest: modified().max().and_then(DateTime::from_timestamp_millis),
            imported_until: imported.max().and_then(DateTime::from_timestamp_millis),
            problems: source.problems.iter().map(unread).collect(),
        }
    };
    Ok(Logs { sources: with_something(everywhere()).iter().map(view).collect() })
}

/// What came of a tool's logs, as the API and `outlay import --json` tell it.
#[must_use]
pub fn imported(report: &SourceReport) -> ImportedSource {
    let imported = &report.imported;
    ImportedSource {
        source: report.source.to_owned(),
        name: report.title.to_owned(),
        files: report.files,
        files_read: report.files_read,
        calls: imported.new.calls,
        unpriced_calls: imported.new.unpriced,
        cost_usd: imported.new.cost,
        plan_value_usd: imported.new.plan_value,
        grown: imported.grown,
        known: imported.known,
        merged: imported.merged,
        matched: imported.matched,
        ahead: imported.refused,
        broken_lines: report.broken,
        problems: report.problems.iter().map(unread).collect(),
    }
}

fn unread(problem: &logs::Problem) -> Unread {
    let path: &Path = &problem.path;
    Unread { path: path.display().to_string(), reason: problem.reason.clone() }
}

fn with_something(sources: Vec<Source>) -> Vec<Source> {
    let is_there = |source: &Source| !source.logs.is_empty() || !source.problems.is_empty();
    sources.into_iter().filter(is_there).collect()
}

/// The logs of these tools.
fn sources(wanted: Option<&[String]>) -> Result<Vec<Source>, MachineError> {
    let Some(names) = wanted else { return Ok(with_something(everywhere())) };
    let find = |name: &String| {
        let known = || Tool::ALL.iter().map(|tool| tool.as_str()).collect::<Vec<_>>().join(", ");
        let tool = Tool::ALL.into_iter().find(|tool| tool.as_str() == name);
        let tool = tool.ok_or_else(|| {
            MachineError::NotFound(format!("'{name}' is no source: there are {}", known()))
        })?;
        Ok(logs::discover(tool, &|name| std::env::var(name).ok()))
    };
    names.iter().map(find).collect()
}

impl Importing {
    pub(crate) fn view(&self) -> Imports {
        self.state().clone()
    }

    /// Begins one on a thread of its own.
    pub(crate) fn begin(
        &self,
        wanted: &ImportWanted,
        ledger: &Ledger,
        clock: &Clock,
    ) -> Result<Imports, MachineError> {
        // Found before it counts as begun: what is asked for may make no sense.
        let sources = sources(wanted.sources.as_deref())?;
        let started_at = clock();
        let is_dry = wanted.dry_run;
        let begun = {
            let mut state = self.state();
            if state.running.is_some() {
                let sentence = "an import is going on already: GET /api/v1/imports tells how far";
                return Err(MachineError::Conflict(sentence.to_owned()));
            }
            let progress =
                ImportProgress { started_at, dry_run: is_dry, bytes: 0, bytes_total: 0, calls: 0 };
            state.running = Some(progress);
            state.clone()
        };
        let ledger = ledger.clone();
        let ends = Ends { importing: self.clone(), started_at, is_dry, clock: Arc::clone(clock) };
        let work = move || {
            // This process answers calls: others write while it goes on.
            let import = Import {
                ledger: &ledger,
                is_dry,
                billing: Billing::AsFound,
                is_shared: true,
                now: started_at,
            };
            let outcome = import.run(sources, &mut |progress| ends.importing.note(progress));
            let outcome = outcome.map_err(|error| error.to_string());
            ends.with(outcome.map(|reports| reports.iter().map(imported).collect()));
        };
        let thread = std::thread::Builder::new().name("import".into()).spawn(work);
        // Without a thread its end has been noted already, as it was dropped.
        thread.map_err(|error| MachineError::Failed(format!("no thread can be had: {error}")))?;
        Ok(begun)
    }

    fn note(&self, progress: Progress) {
        if let Some(running) = &mut self.state().running {
            running.bytes = progress.bytes;
            running.bytes_total = progress.bytes_total;
            running.calls = progress.calls;
        }
    }

    fn state(&self) -> MutexGuard<'_, Imports> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Notes the end of an import, also where it comes by a panic.
struct Ends {
    importing: Importing,
    started_at: DateTime<Utc>,
    is_dry: bool,
    clock: Clock,
}

impl Ends {
    fn with(&self, outcome: Result<Vec<ImportedSource>, String>) {
        let (sources, error) = match outcome {
            Ok(sources) => (sources, None),
            Err(sentence) => (Vec::new(), Some(sentence)),
        };
        let ended = ImportEnded {
            started_at: self.started_at,
            ended_at: (self.clock)(),
            dry_run: self.is_dry,
            sources,
            error,
        };
        let mut state = self.importing.state();
        state.running = None;
        state.last = Some(ended);
    }
}

impl Drop for Ends {
    fn drop(&mut self) {
        if self.importing.view().running.is_some() {
            self.with(Err("the import broke off: the log says why".to_owned()));
        }
    }
}
