//! `outlay import`.

use std::path::PathBuf;
use std::process::ExitCode;

use chrono::{DateTime, Utc};
use outlay_core::budget::Window;
use outlay_core::ledger::Ledger;
use outlay_core::money::Money;
use outlay_core::report::{self, OutsideView};
use outlay_host::logs::{self, Billing, Import, Source, SourceReport, TableFailure};
use outlay_host::running;
use outlay_proxy::machine::ImportedSource;
use outlay_shell::importing::imported;
use outlay_wire::log::Tool;
use outlay_wire::log::table::TableError;
use serde::Serialize;

use super::Form;
use crate::failure::{Failure, Outcome};
use crate::look::Tone;
use crate::output::Out;
use crate::progress::ReadingBar;
use crate::session::Session;
use crate::table::{Cell, Column, Table, dollars};
use crate::{standing, words};

/// The source that is a table.
const TABLE: &str = "csv";
/// So many problems of a tool are told one by one.
const PROBLEMS_SHOWN: usize = 5;

/// Options of `import`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  outlay import --all --dry-run        what would come in, from every tool that is found
  outlay import --all                  all of it; only what is new, when it is run again
  outlay import claude-code --watch    and go on as it is written
  outlay import codex ~/old/sessions   from another folder
  outlay import csv usage.csv --columns 'time=Date,input=Tokens in,output=Tokens out'

A table has a row for each call. Of OpenAI's usage exports, rows that sum up several requests are left
out and named: what each of them was is not in there.

Each call is priced at the price of its own day. One that passed the proxy counts once, and the logs
themselves are only read. What was imported stays when they are deleted.")]
pub(crate) struct Arguments {
    /// claude-code, codex, gemini-cli, opencode, qwen, pi, cline, llm or csv
    #[arg(required_unless_present = "all")]
    source: Option<String>,
    /// The folder or file to read [default: where the tool keeps its logs]
    path: Option<PathBuf>,
    /// Every tool whose logs are found
    #[arg(long, conflicts_with_all = ["source", "path"])]
    all: bool,
    /// Say what would be imported, and import nothing
    #[arg(long, conflicts_with = "watch")]
    dry_run: bool,
    /// Go on importing what tools write, until this is stopped
    #[arg(long)]
    watch: bool,
    /// Which column of a table holds what: time=Date,model=Model,input=Tokens in,output=Tokens out
    #[arg(long, value_name = "MAP")]
    columns: Option<String>,
    /// Who pays: api (each call), subscription (nothing is owed) or auto, which finds out
    #[arg(long, value_name = "WHO", default_value = "auto")]
    billing: String,
    #[command(flatten)]
    form: Form,
}

/// What was imported, as `--json` tells it.
#[derive(Debug, Serialize)]
struct Document {
    dry_run: bool,
    sources: Vec<ImportedSource>,
}

pub(crate) fn run(session: &Session, options: &Arguments, out: &mut Out) -> Outcome {
    let billing = billing(&options.billing)?;
    let ledger = session.ledger()?;
    if options.watch && options.source.as_deref() == Some(TABLE) {
        return Err(Failure::misused("a table is read once: --watch is for tools' logs"));
    }
    if options.watch {
        return watch(session, &ledger, options, billing, out);
    }
    let reports = match options.source.as_deref() {
        Some(TABLE) => vec![table(session, &ledger, options, billing)?],
        _ => import(session, &ledger, sources(options)?, options.dry_run, billing)?,
    };
    if options.form.json {
        out.json(&Document {
            dry_run: options.dry_run,
            sources: reports.iter().map(imported).collect(),
        })?;
    } else {
        let outside = this_month(session, &ledger)?;
        print(&reports, &outside, options, out)?;
        if reports.iter().any(|report| report.imported.new.unpriced > 0) && !options.dry_run {
            let ever = DateTime::<Utc>::UNIX_EPOCH;
            let note = standing::without_price(&ledger, ever, session.now)?;
            out.lines(note)?;
        }
        if !options.dry_run {
            tell_what_refuses(session, &ledger, out)?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Budgets count what is imported: those that refuse calls now.
pub(crate) fn tell_what_refuses(
    session: &Session,
    ledger: &Ledger,
    out: &mut Out,
) -> Result<(), Failure> {
    let (now, look) = (session.now, out.look());
    let budgets = report::budgets(ledger, now)?;
    let refusing =
        budgets.iter().filter_map(|budget| standing::refuses(budget, now, session.zone, look));
    out.lines(refusing)
}

/// What did not pass here this month.
fn this_month(session: &Session, ledger: &Ledger) -> Result<Vec<OutsideView>, Failure> {
    let since = Window::MONTH.period(session.now, session.zone).start;
    Ok(report::outside(ledger, since, session.now)?)
}

/// Imports what is new in these tools' logs.
pub(crate) fn import(
    session: &Session,
    ledger: &Ledger,
    sources: Vec<Source>,
    is_dry: bool,
    billing: Billing,
) -> Result<Vec<SourceReport>, Failure> {
    let import = setting(session, ledger, is_dry, billing);
    let mut bar = ReadingBar::new();
    let reports = import.run(sources, &mut |progress| bar.show(progress));
    bar.end();
    Ok(reports?)
}

fn setting<'a>(
    session: &Session,
    ledger: &'a Ledger,
    is_dry: bool,
    billing: Billing,
) -> Import<'a> {
    let is_shared = matches!(running::find(&session.folders), Ok(Some(_)));
    Import { ledger, is_dry, billing, is_shared, now: session.now }
}

/// Imports a table of calls.
fn table(
    session: &Session,
    ledger: &Ledger,
    options: &Arguments,
    billing: Billing,
) -> Result<SourceReport, Failure> {
    let Some(path) = &options.path else {
        return Err(Failure::misused("which table? outlay import csv FILE"));
    };
    let columns = options.columns.as_deref().unwrap_or_default().parse();
    let columns = columns.map_err(|error: TableError| Failure::Misused(error.to_string()))?;
    let import = setting(session, ledger, options.dry_run, billing);
    import.table(path, &columns).map_err(|failure| match failure {
        TableFailure::Ledger(error) => error.into(),
        other => Failure::Failed(other.to_string()),
    })
}

/// The logs of every tool, where it usually keeps them.
pub(crate) fn everywhere() -> Vec<Source> {
    let variable = |name: &str| std::env::var(name).ok();
    let sources = Tool::ALL.into_iter().map(|tool| logs::discover(tool, &variable));
    sources.filter(|source| !source.logs.is_empty() || !source.problems.is_empty()).collect()
}

fn sources(options: &Arguments) -> Result<Vec<Source>, Failure> {
    if options.all {
        return Ok(everywhere());
    }
    let name = options.source.as_deref().unwrap_or_default();
    let tool = tool(name)?;
    let source = match &options.path {
        Some(path) => logs::at_path(tool, path).map_err(Failure::Failed)?,
        None => {
            let source = logs::discover(tool, &|name| std::env::var(name).ok());
            if source.logs.is_empty() && source.problems.is_empty() {
                let places = logs::usual_places(tool, &|name| std::env::var(name).ok());
                let places: Vec<_> =
                    places.iter().map(|place| place.display().to_string()).collect();
                return Err(Failure::Failed(format!(
                    "no logs of {name} are found where it usually keeps them ({}): name the folder, as in: \
                     outlay import {name} FOLDER",
                    places.join(", ")
                )));
            }
            source
        }
    };
    Ok(vec![source])
}

fn tool(name: &str) -> Result<Tool, Failure> {
    // As they are called elsewhere.
    let name = match name {
        "claude" => "claude-code",
        "gemini" => "gemini-cli",
        "qwen-code" => "qwen",
        other => other,
    };
    Tool::ALL.into_iter().find(|tool| tool.as_str() == name).ok_or_else(|| {
        let names: Vec<_> = Tool::ALL.iter().map(|tool| tool.as_str()).collect();
        Failure::Misused(format!("'{name}' is no source: there are {} and csv", names.join(", ")))
    })
}

fn billing(text: &str) -> Result<Billing, Failure> {
    match text {
        "auto" => Ok(Billing::AsFound),
        "api" => Ok(Billing::Key),
        "subscription" => Ok(Billing::Plan),
        other => Err(Failure::Misused(format!(
            "--billing {other} says nothing: it is api, subscription or auto"
        ))),
    }
}

/// Goes on until it is stopped; a line for each time that something came in.
fn watch(
    session: &Session,
    ledger: &Ledger,
    options: &Arguments,
    billing: Billing,
    out: &mut Out,
) -> Outcome {
    let mut is_first = true;
    let look = || -> Result<_, Failure> {
        let sources = match sources(options) {
            Ok(sources) => sources,
            // A tool that has yet to be run writes its first log later.
            Err(failure) if is_first => return Err(failure),
            Err(_) => Vec::new(),
        };
        let roots = sources.iter().flat_map(|source| source.roots.clone()).collect();
        let present = Session { now: Utc::now(), ..session.clone() };
        let reports = import(&present, ledger, sources, false, billing)?;
        if is_first {
            let outside = this_month(&present, ledger)?;
            print(&reports, &outside, options, out)?;
            out.line("Watching for more: Ctrl-C ends it.")?;
        } else {
            for report in reports.iter().filter(|report| report.imported.new.calls > 0) {
                out.line(sentence(report))?;
            }
        }
        out.flush()?;
        is_first = false;
        Ok(Some(roots))
    };
    logs::watch(look, Failure::Failed)?;
    Ok(ExitCode::SUCCESS)
}

fn sentence(report: &SourceReport) -> String {
    let new = &report.imported.new;
    let cost = dollars(new.cost.saturating_add(new.plan_value));
    format!("{}: {}, {cost}", report.title, words::counted(new.calls, "call", "calls"))
}

const COLUMNS: [Column; 6] = [
    Column::Text("Tool"),
    Column::Number("Logs"),
    Column::Number("New calls"),
    Column::Decimal("Cost"),
    Column::Number("Known"),
    Column::Number("Passed Outlay"),
];

/// Prints what came of an import, and what to do next.
fn print(
    reports: &[SourceReport],
    outside: &[OutsideView],
    options: &Arguments,
    out: &mut Out,
) -> Result<(), Failure> {
    if reports.is_empty() {
        return out.line(
            "No logs of any tool that Outlay can read are found on this machine: outlay run -- TOOL \
             meters a tool from now on.",
        );
    }
    print_reports(reports, out)?;
    let calls: u64 = reports.iter().map(|report| report.imported.new.calls).sum();
    if let Some(sentence) = standing::outside(outside).filter(|_| calls > 0 && !options.dry_run) {
        out.line(sentence)?;
    }
    out.line(match (options.dry_run, calls) {
        (true, _) => "Nothing was written: without --dry-run it is imported.",
        (false, 0) if reports.iter().any(|report| report.imported.grown > 0) => {
            "No call was new; of some that were known more is known now."
        }
        (false, 0)
            if reports
                .iter()
                .all(|report| report.files_read == 0 && report.problems.is_empty()) =>
        {
            "Nothing was new: no log has changed since it was last read."
        }
        (false, 0) => "Nothing was new.",
        (false, _) => "outlay report --by model (or project, client, day) shows what it came to.",
    })
}

/// Prints what came of an import.
pub(crate) fn print_reports(reports: &[SourceReport], out: &mut Out) -> Result<(), Failure> {
    let mut table = Table::new(&COLUMNS);
    for report in reports {
        let imported = &report.imported;
        table.row([
            Cell::toned(report.title, Tone::Strong),
            Cell::new(report.files),
            Cell::new(imported.new.calls),
            Cell::new(dollars(imported.new.cost.saturating_add(imported.new.plan_value))),
            // Of logs that were not read again nothing is counted.
            Cell::known((report.files_read > 0).then_some(imported.known)),
            Cell::known((report.files_read > 0).then_some(imported.merged + imported.matched)),
        ]);
    }
    out.table(&table)?;
    reports.iter().try_for_each(|report| notes(report, out))
}

fn notes(report: &SourceReport, out: &mut Out) -> Result<(), Failure> {
    let title = report.title;
    let imported = &report.imported;
    let plan_value = imported.new.plan_value;
    if plan_value > Money::ZERO {
        out.line(format!(
            "{title}: {} of it is the use of a subscription at API prices, which nobody bills \
             (--billing api where each call is paid).",
            dollars(plan_value)
        ))?;
    }
    let first = report.broken_first.as_ref().map(|first| match report.broken {
        1 => first.to_string(),
        _ => format!("the first: {first}"),
    });
    for (count, one, many, place) in [
        (
            imported.new.unpriced,
            "call is of a model without a price: it is in the sums once it has one and is imported again",
            "calls are of models without a price: they are in the sums once they have one and are imported again",
            None,
        ),
        (
            imported.matched,
            "call passed the proxy, as its model, tokens and time say: its log has no id of the answer",
            "calls passed the proxy, as their model, tokens and time say: their logs have no ids of answers",
            None,
        ),
        (
            report.broken,
            "line cannot be read, and is left out",
            "lines cannot be read, and are left out",
            first,
        ),
        (
            imported.refused,
            "call has a time to come, and is left out",
            "calls have a time to come, and are left out",
            None,
        ),
    ] {
        if count > 0 {
            let text = words::counted(count, one, many);
            let place = place.map(|place| format!(" ({place})")).unwrap_or_default();
            out.line(out.look().paint(Tone::Warning, format!("{title}: {text}{place}.")))?;
        }
    }
    let told = &report.imported;
    let found = told.new.calls + told.grown + told.known + told.merged + told.matched;
    let is_without = found + report.broken == 0 && report.problems.is_empty();
    if report.files_new > 0 && is_without {
        let read = match report.files_new {
            1 => "the file that was read".to_owned(),
            many => format!("the {many} files that were read"),
        };
        out.line(format!("{title}: no calls in {read}."))?;
    }
    for problem in report.problems.iter().take(PROBLEMS_SHOWN) {
        let text = format!("{title}: {}: {}.", problem.path.display(), problem.reason);
        out.line(out.look().paint(Tone::Warning, text))?;
    }
    match report.problems.len().saturating_sub(PROBLEMS_SHOWN) {
        0 => Ok(()),
        more => out.line(format!("{title}: {more} more like these (--json names them).")),
    }
}
