//! `outlay report`.

use std::process::ExitCode;

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use outlay_core::budget::Window;
use outlay_core::money::Money;
use outlay_core::report::{self, By, Usage, UsageQuery, UsageRow};

use super::Form;
use crate::failure::{Failure, Outcome};
use crate::output::{Out, Tone};
use crate::session::Session;
use crate::table::{Cell, Column, Table, bar};
use crate::when::{self, Direction};

/// Options of `report`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  outlay report --by model --since 7d
  outlay report --by day --since 2026-11-01 --until 2026-12-01")]
pub(crate) struct Arguments {
    /// day, week, month, provider, account, model, project, key, client, session or tag
    #[arg(long, default_value = "day")]
    by: String,
    /// From when on: a date, a time or a distance such as 7d [default: this month]
    #[arg(long, value_name = "WHEN")]
    since: Option<String>,
    /// Up to when, this moment not included [default: now]
    #[arg(long, value_name = "WHEN")]
    until: Option<String>,
    /// The time zone of days, weeks and months [default: the configured or the system's]
    #[arg(long, value_name = "ZONE")]
    timezone: Option<String>,
    #[command(flatten)]
    form: Form,
}

/// From when on, and up to when; `None` is open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Range {
    pub(super) since: Option<DateTime<Utc>>,
    pub(super) until: Option<DateTime<Utc>>,
}

/// A range as typed; shared by the commands that take one.
pub(super) fn range(
    since: Option<&str>,
    until: Option<&str>,
    now: DateTime<Utc>,
    zone: Tz,
) -> Result<Range, Failure> {
    let parse = |text: Option<&str>| {
        text.map(|text| when::parse(text, Direction::Past, now, zone))
            .transpose()
            .map_err(Failure::Misused)
    };
    let (since, until) = (parse(since)?, parse(until)?);
    if since.zip(until).is_some_and(|(since, until)| since >= until) {
        return Err(Failure::misused("--since is not before --until: nothing lies between them"));
    }
    Ok(Range { since, until })
}

pub(crate) fn run(session: &Session, options: &Arguments, out: &mut Out) -> Outcome {
    let now = session.now;
    let by: By = options.by.parse().map_err(Failure::Misused)?;
    let zone = session.zone_or(options.timezone.as_deref())?;
    let Range { since, until } =
        range(options.since.as_deref(), options.until.as_deref(), now, zone)?;
    let query = UsageQuery {
        since: since.unwrap_or_else(|| Window::MONTH.period(now, zone).start),
        until: until.unwrap_or(now),
        by,
        timezone: zone,
    };
    let usage = report::usage(&session.ledger()?, &query)?;
    if options.form.json {
        out.json(&usage)?;
    } else {
        print(&usage, &options.by, (now, zone), out)?;
    }
    Ok(ExitCode::SUCCESS)
}

fn print(
    usage: &Usage,
    by: &str,
    (now, zone): (DateTime<Utc>, Tz),
    out: &mut Out,
) -> Result<(), Failure> {
    let from = when::shown(usage.since, now, zone);
    let to = when::shown(usage.until, now, zone);
    if usage.rows.is_empty() {
        return out.line(format!("Nothing was spent from {from} to {to}."));
    }
    out.line(format!("By {by}, from {from} to {to}"))?;
    let mut table = Table::new(&[
        Column::Text(heading(by)),
        Column::Number("Calls"),
        Column::Number("Input"),
        Column::Number("Cache read"),
        Column::Number("Cache write"),
        Column::Number("Output"),
        Column::Decimal("Cost"),
        Column::Text(""),
    ]);
    let dearest = usage.rows.iter().map(|row| row.cost_usd).max().unwrap_or(Money::ZERO);
    for row in &usage.rows {
        let bar = bar(row.cost_usd.picodollars(), dearest.picodollars());
        table.row(cells(row, Cell::known(row.key.as_deref().or(Some("(none)"))), bar));
    }
    if usage.rows.len() > 1 {
        table.row(cells(&usage.total, Cell::toned("total", Tone::Strong), String::new()));
    }
    out.table(&table)?;
    notes(&usage.total, out)
}

fn cells(row: &UsageRow, name: Cell, bar: String) -> [Cell; 8] {
    let cache_write = row.cache_write_5m_tokens.saturating_add(row.cache_write_1h_tokens);
    [
        name,
        Cell::new(row.calls),
        Cell::new(row.input_tokens),
        Cell::new(row.cache_read_tokens),
        Cell::new(cache_write),
        Cell::new(row.output_tokens),
        Cell::new(format!("${}", row.cost_usd)),
        Cell::toned(bar, Tone::Good),
    ]
}

fn notes(total: &UsageRow, out: &mut Out) -> Result<(), Failure> {
    if total.unpriced_calls > 0 {
        let note = format!(
            "{} calls have no known cost and are not in these sums: outlay calls shows which.",
            total.unpriced_calls
        );
        out.line(out.look().paint(Tone::Warning, note))?;
    }
    if total.plan_value_usd > Money::ZERO {
        out.line(format!(
            "Subscription logins used ${} more at API prices, which nobody bills.",
            total.plan_value_usd
        ))?;
    }
    Ok(())
}

fn heading(by: &str) -> &'static str {
    match by {
        "day" => "Day",
        "week" => "Week from",
        "month" => "Month",
        "provider" => "Provider",
        "account" => "Account",
        "model" => "Model",
        "project" => "Project",
        "key" => "Key",
        "client" => "Client",
        "session" => "Session",
        _ => "Tags",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::{Look, printed};
    use crate::testing::Day;

    #[test]
    fn tables() {
        let day = Day::full();
        for by in ["day", "model", "project"] {
            let query = UsageQuery {
                since: when::first_moment("2026-11-20".parse().unwrap(), day.zone),
                until: day.now,
                by: by.parse().unwrap(),
                timezone: day.zone,
            };
            let usage = report::usage(&day.ledger, &query).unwrap();
            let shown = printed(Look::PIPE, |out| print(&usage, by, (day.now, day.zone), out));
            insta::assert_snapshot!(format!("report_by_{by}"), shown);
        }
    }

    #[test]
    fn ranges() {
        let now = "2026-11-21T12:00:00Z".parse().unwrap();
        let range = |since, until| range(since, until, now, Tz::UTC);
        assert_eq!(range(None, None), Ok(Range { since: None, until: None }));
        assert!(range(Some("2026-11-20"), Some("2026-11-21")).is_ok());
        for (since, until, part) in
            [("2026-11-21", "2026-11-20", "not before"), ("yesterweek", "2026-11-20", "yesterweek")]
        {
            let Err(Failure::Misused(sentence)) = range(Some(since), Some(until)) else {
                panic!("{since} {until} passed")
            };
            assert!(sentence.contains(part), "{sentence}");
        }
    }
}
