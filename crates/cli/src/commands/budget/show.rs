//! `outlay budget show` and `history`.

use std::collections::BTreeMap;

use chrono::{NaiveTime, TimeDelta};
use outlay_core::budget::{Quantity, Window};
use outlay_core::forecast::Outlook;
use outlay_core::ledger::BudgetEvent;
use outlay_core::report::{BudgetState, BudgetView};
use serde_json::Value;

use super::set::Settings;
use crate::commands::Form;
use crate::failure::Failure;
use crate::look::Tone;
use crate::outlook;
use crate::output::Out;
use crate::session::Session;
use crate::standing;
use crate::table::{Cell, Column, Table, bar};
use crate::when;

/// `--json` of `budget history`.
#[derive(serde::Serialize)]
struct History {
    events: Vec<BudgetEvent>,
}

pub(super) fn budget(
    view: &BudgetView,
    settings: &Settings,
    session: &Session,
    out: &mut Out,
) -> Result<(), Failure> {
    let look = out.look();
    let tone = standing::tone(view.state);
    let warn: Vec<String> = view.warn.iter().map(|percent| format!("{percent} %")).collect();
    let scope = standing::scope(&view.scope);
    let resets = view.reset_date.map_or_else(
        || "never".to_owned(),
        |reset| {
            let shown = when::shown(reset, session.now, session.zone);
            format!("{shown} ({})", when::distance(reset, session.now))
        },
    );
    let unpriced = if settings.allow_unpriced { "pass" } else { "are refused" };
    let runs_out = match view.forecast.outlook {
        Outlook::Lasts if view.reset_date.is_some() => Some("not before it resets".to_owned()),
        Outlook::Lasts => Some("not in sight".to_owned()),
        _ => outlook::cell(&view.forecast, session.now, session.zone),
    };
    let last_30_days = view.last_30_days.as_ref().map(outlook::backwards);
    let rows = [
        ("Budget", look.paint(Tone::Strong, &view.name)),
        ("State", look.paint(tone, state(view, session))),
        ("Kind", view.kind.as_str().to_owned()),
        ("Window", window(settings.window, &view.timezone)),
        ("Counts", if scope.is_empty() { "every call".to_owned() } else { scope }),
        ("Limit", limit(view, session)),
        ("Used", format!("{} ({} %)", view.used.spoken(), view.percent)),
        ("Held", format!("{} (by running calls)", view.held.spoken())),
        ("Left", view.remaining.spoken()),
        ("Reserve", format!("{} topped up", view.credits_remaining.spoken())),
        ("Resets", resets),
        ("Runs out", runs_out.unwrap_or_else(|| "unknown".to_owned())),
        ("Last 30 days", last_30_days.unwrap_or_default()),
        ("Warns at", if warn.is_empty() { "100 %".to_owned() } else { warn.join(", ") }),
        ("Unpriced models", unpriced.to_owned()),
        (
            "Output caps",
            if settings.may_cap { "may be set near the limit" } else { "never" }.into(),
        ),
    ];
    for (name, text) in rows.into_iter().filter(|(_, text)| !text.is_empty()) {
        out.line(format!("{name:<16} {text}"))?;
    }
    let bar = bar(view.used.count, view.limit.count);
    if !bar.is_empty() {
        out.line(format!("{:<16} {}", "", look.paint(tone, bar)))?;
    }
    Ok(())
}

/// The limit, and how much of it is raises that are in force right now.
pub(super) fn limit(view: &BudgetView, session: &Session) -> String {
    let limit = view.limit.spoken();
    let Some(first) = view.raises.first() else { return limit };
    let raised = view.raises.iter().fold(0, |sum: i64, raise| sum.saturating_add(raise.by.count));
    let raised = Quantity { unit: view.unit, count: raised }.spoken();
    let until = first.until.map(|until| when::shown(until, session.now, session.zone));
    let end_together = view.raises.iter().all(|raise| raise.until == first.until);
    let until = match until {
        None => "for good".to_owned(),
        Some(until) if end_together => format!("until {until}"),
        Some(first) => format!("in all, by less from {first}"),
    };
    format!("{limit} (raised by {raised} {until})")
}

/// The state, and until when where it lifts by itself.
fn state(view: &BudgetView, session: &Session) -> String {
    let state = standing::state(view);
    match (view.state, view.paused_until) {
        (BudgetState::Paused, Some(until)) => {
            format!("{state} until {}", when::shown(until, session.now, session.zone))
        }
        (BudgetState::Paused, None) => format!("{state} until it is resumed"),
        _ => state,
    }
}

pub(super) fn history(
    events: Vec<BudgetEvent>,
    session: &Session,
    form: Form,
    out: &mut Out,
) -> Result<(), Failure> {
    if form.json {
        return out.json(&History { events });
    }
    let mut table = Table::new(&[
        Column::Text("Time"),
        Column::Text("By"),
        Column::Text("What"),
        Column::Text("Values"),
    ]);
    let mut before = BTreeMap::new();
    for event in events {
        let values = values(&event.detail);
        let changed: Vec<String> = values
            .iter()
            .filter(|(name, text)| before.get(*name) != Some(*text))
            .filter(|(name, text)| !before.is_empty() || !USUAL.contains(&(name, text)))
            .map(|(name, text)| format!("{name} {text}"))
            .collect();
        if matches!(event.action.as_str(), "created" | "changed") {
            before = values;
        }
        table.row([
            Cell::new(when::shown(event.at, session.now, session.zone)),
            Cell::new(&event.actor),
            Cell::new(event.action.replace('_', " ")),
            Cell::new(changed.join(", ")),
        ]);
    }
    out.table(&table)
}

/// What an event set, as text; what it did not is left out.
fn values(detail: &Value) -> BTreeMap<String, String> {
    let Some(detail) = detail.as_object() else { return BTreeMap::new() };
    detail
        .iter()
        .filter(|(_, value)| !value.is_null() && **value != serde_json::json!({}))
        .map(|(name, value)| {
            let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            (name.clone(), text)
        })
        .collect()
}

/// What a budget has unless it is told otherwise.
const USUAL: [(&str, &str); 3] =
    [("allow_unpriced", "false"), ("anchor", "0"), ("may_cap", "true")];

fn window(window: Window, timezone: &str) -> String {
    let from_midnight = |anchor: i64| anchor == 0;
    match window {
        Window::Day { .. } if from_midnight(window.anchor()) => format!("day ({timezone})"),
        Window::Day { .. } => {
            let time = NaiveTime::MIN + TimeDelta::minutes(window.anchor());
            format!("day, from {} ({timezone})", time.format("%H:%M"))
        }
        Window::Week { start } => format!("week, from {start} ({timezone})"),
        Window::Month { anchor_day: 1 } => format!("month ({timezone})"),
        Window::Month { anchor_day } => format!("month, from day {anchor_day} ({timezone})"),
        Window::Call => "each call".to_owned(),
        Window::Total => "everything, for good".to_owned(),
        Window::Rolling { span } => format!("the last {span}, whenever one looks"),
    }
}
