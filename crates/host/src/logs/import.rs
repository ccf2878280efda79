//! The way of logs into the ledger: they are read on all cores, and written in small slices, between
//! which others write.

use std::collections::VecDeque;
use std::collections::hash_map::Entry;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::time::Duration;

use chrono::{DateTime, Utc};
use outlay_core::ledger::{
    self, IMPORTED_AT_ONCE, Imported, ImportedCall, Ledger, LedgerError, LogFile, Reply,
};
use outlay_core::price::PriceList;
use outlay_wire::log::table::{self, ColumnMap};
use outlay_wire::log::{LogCall, Tool};

use super::discovery::{LogPath, Problem, Source, words};
use super::login;
use super::projects::{Branches, Projects};
use super::read::{self, News};

/// The source of a table's calls, behind `import:`.
const TABLE: &str = "csv";
/// So many files may wait, read, for the ledger.
const AHEAD_MAX: usize = 8;
/// So many calls are written at once where nobody else writes: more are better for the ledger's indexes,
/// and take memory.
const ALONE_AT_ONCE: usize = 12_000;
/// So many slices may wait for their commit.
const COMMITS_AHEAD_MAX: usize = 1;
/// So many files are noted at once.
const NOTED_AT_ONCE: usize = 500;
/// For so long others may write after each slice, where there are others.
const ROOM: Duration = Duration::from_millis(3);

/// Who paid for what the logs tell.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Billing {
    /// As the logs say, or else what the tool is logged in with now.
    #[default]
    AsFound,
    /// Each call is owed.
    Key,
    /// A subscription: nothing is owed per call.
    Plan,
}

/// How far an import is.
#[derive(Clone, Copy, Debug, Default)]
pub struct Progress {
    /// Bytes of logs that were read.
    pub bytes: u64,
    /// Bytes of logs that have something new.
    pub bytes_total: u64,
    /// Calls that were found in them.
    pub calls: u64,
}

/// What came of a tool's logs.
#[derive(Clone, Debug)]
pub struct SourceReport {
    /// The tool, or `csv`; as in `import:<source>`.
    pub source: &'static str,
    /// Its name as its makers write it.
    pub title: &'static str,
    /// Logs that there are.
    pub files: usize,
    /// Of these, the ones that had something new.
    pub files_read: usize,
    /// Of these, the ones that had not been read before.
    pub files_new: usize,
    /// Lines that nobody can read.
    pub broken: u64,
    /// The first of them.
    pub broken_first: Option<BrokenPlace>,
    /// What cannot be read at all.
    pub problems: Vec<Problem>,
    /// What became of the calls.
    pub imported: Imported,
}

/// Where something cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct BrokenPlace {
    /// The log.
    pub path: PathBuf,
    /// From 1 on; `None` where the log has none, or only its end was read.
    pub line: Option<u64>,
}

impl std::fmt::Display for BrokenPlace {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.path.display())?;
        self.line.map_or(Ok(()), |line| write!(f, ", line {line}"))
    }
}

/// How to import.
#[derive(Debug)]
pub struct Import<'a> {
    /// Where to.
    pub ledger: &'a Ledger,
    /// Only to say what it would do.
    pub is_dry: bool,
    /// Who paid.
    pub billing: Billing,
    /// Whether others write while it goes on.
    pub is_shared: bool,
    /// The present.
    pub now: DateTime<Utc>,
}

impl Import<'_> {
    /// Imports what is new in the logs of these tools.
    ///
    /// # Errors
    /// When the ledger cannot be read or written. What cannot be read of the logs is in the reports.
    pub fn run(
        &self,
        sources: Vec<Source>,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<Vec<SourceReport>, LedgerError> {
        let known = self.ledger.log_files()?;
        // Who paid is to be booked anew: the logs alone tell of which calls.
        let reads_all = self.billing != Billing::AsFound;
        let mut reports: Vec<SourceReport> = sources.iter().map(SourceReport::of).collect();
        let origins =
            sources.iter().map(|source| Origin::of_tool(source.tool, self.billing)).collect();
        let mut jobs = Vec::new();
        for (index, source) in sources.into_iter().enumerate() {
            for log in source.logs {
                let before = known.get(read::name_of(&log.path).as_str());
                if reads_all {
                    jobs.push(Job { index, tool: source.tool, log, before: None });
                } else if !before.is_some_and(|before| read::is_unchanged(&log, before)) {
                    jobs.push(Job { index, tool: source.tool, log, before: before.cloned() });
                }
            }
        }
        drop(known);
        // Roughly in the order of time, in which the ledger likes its calls.
        jobs.sort_by_key(|job| job.log.modified_ms);
        let mut intake = Intake::new(self, origins)?;
        intake.book_newly_priced()?;
        if jobs.is_empty() {
            intake.end(&mut reports)?;
            return Ok(reports);
        }
        let mut state = Progress {
            bytes_total: jobs.iter().map(|job| job.log.size).sum(),
            ..Progress::default()
        };
        let outcome = each_news(&jobs, self.now, |job, news| {
            let report = &mut reports[job.index];
            state.bytes += job.log.size;
            match news {
                Ok(news) => {
                    report.files_read += 1;
                    report.files_new += usize::from(job.before.is_none());
                    report.broken += news.broken;
                    if news.broken > 0 {
                        let place =
                            BrokenPlace { path: job.log.path.clone(), line: news.broken_line };
                        // Logs come in any order: the first is the one that is told again the next time.
                        let first = report.broken_first.take().into_iter().chain([place]).min();
                        report.broken_first = first;
                    }
                    state.calls += news.calls.len() as u64;
                    intake.take(job.index, news)?;
                }
                Err(error) => report
                    .problems
                    .push(Problem { path: job.log.path.clone(), reason: words(&error) }),
            }
            progress(state);
            Ok(())
        });
        outcome?;
        intake.end(&mut reports)?;
        Ok(reports)
    }
}

impl Import<'_> {
    /// Imports the calls of a table, by a map of its columns.
    ///
    /// # Errors
    /// One sentence: where it cannot be read, or the ledger cannot be written.
    pub fn table(&self, path: &Path, columns: &ColumnMap) -> Result<SourceReport, TableFailure> {
        let unread = |reason| TableFailure::Table { path: path.to_owned(), reason };
        let bytes = std::fs::read(path).map_err(|error| unread(words(&error)))?;
        let mut calls = Vec::new();
        let broken = table::read(&bytes, columns, self.now, &mut calls)
            .map_err(|error| unread(error.to_string()))?;
        let row =
            |row: &table::BrokenRow| Problem { path: path.to_owned(), reason: row.to_string() };
        let mut reports = [SourceReport {
            source: TABLE,
            title: "CSV",
            files: 1,
            files_read: 1,
            files_new: 1,
            broken: broken.len() as u64,
            // Each has a problem of its own.
            broken_first: None,
            problems: broken.iter().map(row).collect(),
            imported: Imported::default(),
        }];
        let mut intake = Intake::new(self, vec![Origin::of_table(self.billing)])?;
        intake.book_newly_priced()?;
        intake.take_calls(0, calls)?;
        intake.end(&mut reports)?;
        let [report] = reports;
        Ok(report)
    }
}

/// Why a table was not imported.
#[derive(Debug, thiserror::Error)]
pub enum TableFailure {
    /// It cannot be read.
    #[error("{} cannot be imported: {reason}", path.display())]
    Table {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// The ledger cannot be.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}

impl SourceReport {
    fn of(source: &Source) -> SourceReport {
        SourceReport {
            source: source.tool.as_str(),
            title: source.tool.title(),
            files: source.logs.len(),
            files_read: 0,
            files_new: 0,
            broken: 0,
            broken_first: None,
            problems: source.problems.clone(),
            imported: Imported::default(),
        }
    }
}

/// A log to be read.
struct Job {
    /// Of the source.
    index: usize,
    tool: Tool,
    log: LogPath,
    before: Option<LogFile>,
}

/// Reads the logs on all cores but the one that writes into the ledger, which an import waits for in the
/// end, and hands over what is new in each.
fn each_news(
    jobs: &[Job],
    now: DateTime<Utc>,
    mut take: impl FnMut(&Job, std::io::Result<News>) -> Result<(), LedgerError>,
) -> Result<(), LedgerError> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let readers = cores.saturating_sub(1).clamp(1, jobs.len().max(1));
    let next = AtomicUsize::new(0);
    let (sender, receiver) = sync_channel(AHEAD_MAX);
    std::thread::scope(|scope| {
        for _ in 0..readers {
            let sender: SyncSender<_> = sender.clone();
            let next = &next;
            scope.spawn(move || {
                while let Some((index, job)) = {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    jobs.get(index).map(|job| (index, job))
                } {
                    let news = read::read(job.tool, &job.log, job.before.as_ref(), now);
                    if sender.send((index, news)).is_err() {
                        return;
                    }
                }
            });
        }
        drop(sender);
        // An early end drops the receiver, at which the readers stop.
        receiver.into_iter().try_for_each(|(index, news): (usize, std::io::Result<News>)| {
            jobs.get(index).map_or(Ok(()), |job| take(job, news))
        })
    })
}

/// Calls on their way into the ledger.
struct Intake<'a> {
    setting: &'a Import<'a>,
    import: ledger::Import,
    tools: Vec<Origin>,
    prices: Arc<PriceList>,
    projects: Projects,
    branches: Branches,
    /// Entries that were seen: copies are not even asked for.
    seen: foldhash::HashMap<[u8; 16], Told>,
    /// By source.
    pending: Vec<Vec<ImportedCall>>,
    /// So many calls are written at once by now.
    at_once: usize,
    commits: VecDeque<(usize, Reply<Imported>)>,
    outcomes: Vec<Imported>,
    files: Vec<LogFile>,
}

/// What an entry told, as far as another of the same call may tell more.
#[derive(Clone, Copy, Debug)]
struct Told {
    tokens: u64,
    ended_ms: i64,
    has_id: bool,
    has_folder: bool,
}

impl Told {
    fn of(call: &LogCall) -> Told {
        Told {
            tokens: call.usage.total_tokens(),
            ended_ms: call.ended.timestamp_millis(),
            has_id: call.response_id.is_some(),
            has_folder: call.folder.is_some(),
        }
    }

    fn is_more_than(self, seen: Told) -> bool {
        match self.tokens.cmp(&seen.tokens) {
            std::cmp::Ordering::Equal => {
                (self.has_id && !seen.has_id)
                    || (self.has_folder && !seen.has_folder)
                    || self.ended_ms < seen.ended_ms
            }
            more => more.is_gt(),
        }
    }
}

/// What all calls of a tool have in common.
struct Origin {
    source: Arc<str>,
    client: Option<Arc<str>>,
    /// Whose models it asks where nothing tells.
    vendor: Arc<str>,
    is_plan: bool,
}

impl Origin {
    fn of_tool(tool: Tool, billing: Billing) -> Origin {
        let variable = |name: &str| std::env::var(name).ok();
        let home = variable("HOME").map_or_else(PathBuf::new, PathBuf::from);
        let is_plan = match billing {
            Billing::Key => false,
            Billing::Plan => true,
            Billing::AsFound => login::is_plan(tool, &home, &variable).unwrap_or(false),
        };
        let vendor = match tool {
            Tool::ClaudeCode => "anthropic",
            Tool::GeminiCli => "gemini",
            _ => "openai",
        };
        // As the proxy calls it by its User-Agent.
        let client = if tool == Tool::Qwen { "qwen-code" } else { tool.as_str() };
        Origin::new(tool.as_str(), Some(client), vendor, is_plan)
    }

    /// Of a table: whose calls it has nobody knows.
    fn of_table(billing: Billing) -> Origin {
        Origin::new(TABLE, None, "openai", billing == Billing::Plan)
    }

    fn new(source: &str, client: Option<&str>, vendor: &str, is_plan: bool) -> Origin {
        Origin {
            source: format!("import:{source}").into(),
            client: client.map(Arc::from),
            vendor: vendor.into(),
            is_plan,
        }
    }
}

impl<'a> Intake<'a> {
    fn new(setting: &'a Import<'a>, tools: Vec<Origin>) -> Result<Intake<'a>, LedgerError> {
        Ok(Intake {
            setting,
            import: setting.ledger.import(setting.now)?,
            prices: setting.ledger.prices(),
            projects: Projects::default(),
            branches: Branches::default(),
            seen: foldhash::HashMap::default(),
            pending: tools.iter().map(|_| Vec::new()).collect(),
            at_once: IMPORTED_AT_ONCE,
            commits: VecDeque::new(),
            outcomes: vec![Imported::default(); tools.len()],
            files: Vec::new(),
            tools,
        })
    }

    /// Books what was imported before its model had a price.
    fn book_newly_priced(&mut self) -> Result<(), LedgerError> {
        if self.setting.is_dry {
            return Ok(());
        }
        let calls = self.setting.ledger.newly_priced(self.setting.now)?;
        for slice in calls.chunks(self.at_once_max()) {
            for (source, outcome) in self.import.book(slice.to_vec(), self.setting.now).wait()? {
                let index = self.tools.iter().position(|tool| *tool.source == *source);
                if let Some(told) = index.and_then(|index| self.outcomes.get_mut(index)) {
                    told.add(&outcome);
                }
            }
            if self.setting.is_shared {
                std::thread::sleep(ROOM);
            }
        }
        Ok(())
    }

    fn take(&mut self, index: usize, news: News) -> Result<(), LedgerError> {
        self.files.push(news.file);
        self.take_calls(index, news.calls)
    }

    fn take_calls(&mut self, index: usize, calls: Vec<LogCall>) -> Result<(), LedgerError> {
        for call in calls {
            let told = Told::of(&call);
            match self.seen.entry(call.key.0) {
                Entry::Occupied(seen) if !told.is_more_than(*seen.get()) => continue,
                Entry::Occupied(mut seen) => drop(seen.insert(told)),
                Entry::Vacant(new) => drop(new.insert(told)),
            }
            let call = self.told(index, call);
            self.pending[index].push(call);
        }
        while self.pending[index].len() >= self.at_once {
            self.write(index)?;
        }
        Ok(())
    }

    /// The call as the ledger is told of it.
    fn told(&mut self, index: usize, call: LogCall) -> ImportedCall {
        let origin = &self.tools[index];
        let provider = call.provider.unwrap_or_else(|| {
            let maker = call.model.as_deref().and_then(|model| self.prices.maker_of(model));
            maker.map_or_else(|| Arc::clone(&origin.vendor), Arc::from)
        });
        ImportedCall {
            key: call.key.0,
            ended: call.ended,
            duration: call.duration,
            source: Arc::clone(&origin.source),
            provider,
            model: call.model,
            project: call.folder.as_ref().and_then(|folder| self.projects.of(folder)),
            session: call.session,
            client: origin.client.clone(),
            tags: self.branches.tags(call.branch.as_ref()),
            service_tier: call.service_tier,
            usage: call.usage,
            cost_logged: call.cost_logged,
            response_id: call.response_id,
            plan_login: match self.setting.billing {
                Billing::AsFound => call.plan_login.unwrap_or(origin.is_plan),
                Billing::Key | Billing::Plan => origin.is_plan,
            },
            is_billing_told: self.setting.billing != Billing::AsFound,
        }
    }

    /// Writes a slice of what waits.
    fn write(&mut self, index: usize) -> Result<(), LedgerError> {
        let pending = &mut self.pending[index];
        let left = pending.split_off(pending.len().min(self.at_once));
        let mut slice = std::mem::replace(pending, left);
        // The first ones are small, so that there is something to write from the beginning.
        self.at_once = (self.at_once * 2).min(self.at_once_max());
        // They are large: each is moved once.
        slice.sort_by_cached_key(|call| call.ended);
        if self.setting.is_dry {
            let outcome = self.import.preview(&slice, self.setting.now)?;
            self.outcomes[index].add(&outcome);
            return Ok(());
        }
        self.commits.push_back((index, self.import.calls(slice, self.setting.now)));
        if self.setting.is_shared {
            self.settle(0)?;
            std::thread::sleep(ROOM);
        }
        self.settle(COMMITS_AHEAD_MAX)
    }

    fn at_once_max(&self) -> usize {
        if self.setting.is_shared { IMPORTED_AT_ONCE } else { ALONE_AT_ONCE }
    }

    /// Waits until no more than `left` slices are on their way.
    fn settle(&mut self, left: usize) -> Result<(), LedgerError> {
        while self.commits.len() > left {
            if let Some((index, commit)) = self.commits.pop_front() {
                self.outcomes[index].add(&commit.wait()?);
            }
        }
        Ok(())
    }

    /// Writes what is left, and notes how far the logs were read only when all of them is in.
    fn end(mut self, reports: &mut [SourceReport]) -> Result<(), LedgerError> {
        for index in 0..self.pending.len() {
            while !self.pending[index].is_empty() {
                self.write(index)?;
            }
        }
        self.settle(0)?;
        if !self.setting.is_dry {
            while !self.files.is_empty() {
                let slice = self.files.split_off(self.files.len().saturating_sub(NOTED_AT_ONCE));
                self.setting.ledger.note_log_files(slice).wait()?;
            }
        }
        for (report, outcome) in reports.iter_mut().zip(&self.outcomes) {
            report.imported.add(outcome);
        }
        Ok(())
    }
}
