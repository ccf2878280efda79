//! `outlay report`.

use std::process::ExitCode;

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use outlay_core::budget::Window;
use outlay_core::money::Money;
use outlay_core::report::{self, By, Usage, UsageQuery, UsageRow};
use serde::Serialize;

use super::Form;
use crate::failure::{Failure, Outcome};
use crate::look::Tone;
use crate::output::Out;
use crate::session::Session;
use crate::standing;
use crate::table::{Cell, Column, Table, bar};
use crate::when::{self, Direction};

/// Options of `report`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  outlay report --by model --since 7d
  outlay report --by day --since 2026-11-01 --until 2026-12-01")]
pub(crate) struct Arguments {
    /// day, week, month, provider, account, model, project, key, client, session or tag; give it
    /// twice for rows by both
    #[arg(long, default_value = "day")]
    by: Vec<String>,
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
    if until.is_none() && since.is_some_and(|since| since > now) {
        return Err(Failure::misused("--since is in the future: nothing has happened since"));
    }
    Ok(Range { since, until })
}

pub(crate) fn run(session: &Session, options: &Arguments, out: &mut Out) -> Outcome {
    let now = session.now;
    let by = options.by.iter().map(|by| by.parse()).collect::<Result<Vec<By>, _>>();
    let by = by.map_err(Failure::Misused)?;
    let zone = session.zone_or(options.timezone.as_deref())?;
    let Range { since, until } =
        range(options.since.as_deref(), options.until.as_deref(), now, zone)?;
    let since = since.unwrap_or_else(|| Window::MONTH.period(now, zone).start);
    let query = |by| UsageQuery { since, until: until.unwrap_or(now), by, timezone: zone };
    let ledger = session.ledger()?;
    let view = View { by: &options.by, now, zone };
    let unpriced_calls = match by.as_slice() {
        [by] => {
            let usage = report::usage(&ledger, &query(*by))?;
            show(&usage, options.form, out, |usage, out| {
                view.print(usage, |key: &Option<String>| vec![key.clone()], out)
            })?;
            usage.total.unpriced_calls
        }
        [first, second] if first != second => {
            let usage = report::usage_by_two(&ledger, &query(*first), *second)?;
            show(&usage, options.form, out, |usage, out| {
                view.print(usage, |keys: &[Option<String>; 2]| keys.to_vec(), out)
            })?;
            usage.total.unpriced_calls
        }
        _ => return Err(Failure::misused("--by is given once, or twice with different names")),
    };
    if unpriced_calls > 0 && !options.form.json {
        let note = standing::without_price(&ledger, since, now)?;
        out.lines(note)?;
    }
    Ok(ExitCode::SUCCESS)
}

fn show<T: Serialize>(
    usage: &T,
    form: Form,
    out: &mut Out,
    print: impl FnOnce(&T, &mut Out) -> Result<(), Failure>,
) -> Result<(), Failure> {
    if form.json { out.json(usage) } else { print(usage, out) }
}

/// What a table of usage needs to know beside the figures.
#[derive(Clone, Copy, Debug)]
struct View<'a> {
    by: &'a [String],
    now: DateTime<Utc>,
    zone: Tz,
}

impl View<'_> {
    fn print<B, K>(
        &self,
        usage: &Usage<B, K>,
        keys: impl Fn(&K) -> Vec<Option<String>>,
        out: &mut Out,
    ) -> Result<(), Failure> {
        let from = when::shown(usage.since, self.now, self.zone);
        let to = when::shown(usage.until, self.now, self.zone);
        if usage.rows.is_empty() {
            return out.line(format!("Nothing was spent from {from} to {to}."));
        }
        out.line(format!("By {}, from {from} to {to}", self.by.join(" and ")))?;
        let names = self.by.iter().map(|by| Column::Text(heading(by)));
        let has_plans = usage.total.plan_value_usd > Money::ZERO;
        let value = has_plans.then_some(Column::Decimal("By subscription"));
        let columns: Vec<Column> = names.chain(FIGURES).chain(value).collect();
        let mut table =
            Table::new(&columns).expendable(&["Cache write", "Cache read", "Input", "Output", ""]);
        let dearest = usage.rows.iter().map(|row| row.cost_usd).max().unwrap_or(Money::ZERO);
        for row in &usage.rows {
            let names = keys(&row.key);
            let shown = (0..self.by.len()).map(|index| {
                Cell::known(names.get(index).and_then(Option::as_deref).or(Some("(none)")))
            });
            let bar = bar(row.cost_usd.picodollars(), dearest.picodollars());
            table.row(shown.chain(cells(row, bar)).chain(of_plan(row, has_plans)));
        }
        if usage.rows.len() > 1 {
            let total = [Cell::toned("total", Tone::Strong), Cell::new("")];
            let name = total.into_iter().take(self.by.len());
            let value = of_plan(&usage.total, has_plans);
            table.row(name.chain(cells(&usage.total, String::new())).chain(value));
        }
        out.table(&table)?;
        notes(&usage.total, out)
    }
}

const FIGURES: [Column; 7] = [
    Column::Number("Calls"),
    Column::Number("Input"),
    Column::Number("Cache read"),
    Column::Number("Cache write"),
    Column::Number("Output"),
    Column::Decimal("Cost"),
    Column::Text(""),
];

fn cells<K>(row: &UsageRow<K>, bar: String) -> [Cell; 7] {
    let cache_write = row.cache_write_5m_tokens.saturating_add(row.cache_write_1h_tokens);
    [
        Cell::new(row.calls),
        Cell::new(row.input_tokens),
        Cell::new(row.cache_read_tokens),
        Cell::new(cache_write),
        Cell::new(row.output_tokens),
        // What is not known is not nothing.
        Cell::new(match row.unpriced_calls == row.calls && row.cost_usd == Money::ZERO {
            true => "unknown".to_owned(),
            false => format!("${}", row.cost_usd),
        }),
        Cell::toned(bar, Tone::Good),
    ]
}

/// What subscriptions used, at API prices, where any did.
fn of_plan<K>(row: &UsageRow<K>, is_shown: bool) -> Option<Cell> {
    is_shown.then(|| match row.plan_value_usd {
        Money::ZERO => Cell::new(""),
        value => Cell::new(format!("${value}")),
    })
}

fn notes(total: &UsageRow, out: &mut Out) -> Result<(), Failure> {
    if let Some(note) = standing::unpriced(total.unpriced_calls, "") {
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
    use crate::look::Look;
    use crate::output::printed;
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
            let view = View { by: &[by.to_owned()], now: day.now, zone: day.zone };
            let shown = printed(Look::PIPE, |out| {
                view.print(&usage, |key: &Option<String>| vec![key.clone()], out)
            });
            insta::assert_snapshot!(format!("report_by_{by}"), shown);
        }
    }

    #[test]
    fn a_table_by_two() {
        let day = Day::full();
        let since = when::first_moment("2026-11-20".parse().unwrap(), day.zone);
        let query = UsageQuery { since, until: day.now, by: By::Day, timezone: day.zone };
        let usage = report::usage_by_two(&day.ledger, &query, By::Model).unwrap();
        let by = ["day".to_owned(), "model".to_owned()];
        let view = View { by: &by, now: day.now, zone: day.zone };
        insta::assert_snapshot!(printed(Look::PIPE, |out| {
            view.print(&usage, |keys: &[Option<String>; 2]| keys.to_vec(), out)
        }));
    }

    #[test]
    fn ranges() {
        let now = "2026-11-21T12:00:00Z".parse().unwrap();
        let range = |since, until| range(since, until, now, Tz::UTC);
        assert_eq!(range(None, None), Ok(Range { since: None, until: None }));
        assert!(range(Some("2026-11-20"), Some("2026-11-21")).is_ok());
        assert!(range(Some("2026-11-22"), None).is_err());
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
