//! `outlay budget set`: what is not named stays as it is.

use std::collections::BTreeSet;

use chrono::{NaiveTime, Weekday};
use outlay_core::budget::{BudgetKind, BudgetUnit, Scope, Window, WindowError, parse_warn_percent};
use outlay_core::ledger::{BudgetChange, Ledger, LedgerError};
use outlay_core::report;

use crate::failure::Failure;
use crate::session::Session;

/// Options of `budget set`.
#[derive(Clone, Debug, Default, clap::Args)]
#[command(after_help = "\
Examples:
  outlay budget set day --limit 5 --window day
  outlay budget set claude --limit 10 --window 5h --client claude-code
  outlay budget set demo --limit 2000000 --unit tokens --window week --project demo
  outlay budget set day --soft --warn 50,80,95")]
pub(crate) struct Arguments {
    /// The budget; a new name creates one
    pub(crate) name: String,
    /// The limit of one period, in the unit [a new budget needs it]
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    limit: Option<String>,
    /// call, day, week, month, total, or rolling: 30m, 5h, 30d [a new budget needs it]
    #[arg(long)]
    window: Option<String>,
    /// Refuse the call that would cross the limit [default]
    #[arg(long, conflicts_with = "soft")]
    hard: bool,
    /// Only warn
    #[arg(long)]
    soft: bool,
    /// usd, tokens or calls [default: usd]
    #[arg(long)]
    unit: Option<String>,
    /// Percentages of the limit that warn; 100 is implied [default: 80,95]
    #[arg(long, value_name = "70,80,95")]
    warn: Option<String>,
    /// Count only calls to this provider ('' for all again; the same for the options below)
    #[arg(long, help_heading = "What counts")]
    provider: Option<String>,
    /// Count only calls that this account pays
    #[arg(long, help_heading = "What counts")]
    account: Option<String>,
    /// Count only these models ('claude-opus-*')
    #[arg(long, value_name = "GLOB", help_heading = "What counts")]
    model: Option<String>,
    /// Count only calls of this project
    #[arg(long, help_heading = "What counts")]
    project: Option<String>,
    /// Count only calls with this key, by its fingerprint or the beginning of it
    #[arg(long, help_heading = "What counts")]
    key: Option<String>,
    /// Count only calls of this client
    #[arg(long, help_heading = "What counts")]
    client: Option<String>,
    /// Count only calls of this session of a client
    #[arg(long, help_heading = "What counts")]
    session: Option<String>,
    /// Count only calls with this tag
    #[arg(long, value_name = "K=V", help_heading = "What counts")]
    tag: Option<String>,
    /// The day on which a month begins, 1 to 31
    #[arg(long, value_name = "D", help_heading = "When it starts again")]
    anchor_day: Option<String>,
    /// The day on which a week begins (monday)
    #[arg(long, value_name = "D", help_heading = "When it starts again")]
    week_start: Option<String>,
    /// The time at which a day begins
    #[arg(long, value_name = "HH:MM", help_heading = "When it starts again")]
    reset_at: Option<String>,
    /// The time zone of its days [default: the configured or the system's]
    #[arg(long, value_name = "ZONE", help_heading = "When it starts again")]
    timezone: Option<String>,
    /// Let calls of models without a price pass a hard budget
    #[arg(long, overrides_with = "refuse_unpriced", help_heading = "Near the limit")]
    allow_unpriced: bool,
    /// Refuse them again
    #[arg(long, overrides_with = "allow_unpriced", help_heading = "Near the limit")]
    refuse_unpriced: bool,
    /// Never set an output cap on a request near the limit
    #[arg(long, overrides_with = "cap", help_heading = "Near the limit")]
    no_cap: bool,
    /// Set one again
    #[arg(long, overrides_with = "no_cap", help_heading = "Near the limit")]
    cap: bool,
}

/// The settings of a budget that its standing does not tell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Settings {
    pub(crate) window: Window,
    pub(crate) allow_unpriced: bool,
    pub(crate) may_cap: bool,
}

/// A budget's settings, as its history last recorded them.
pub(crate) fn settings(ledger: &Ledger, name: &str) -> Result<Settings, Failure> {
    let events = ledger.budget_history(name)?;
    let definition = events.iter().rev().find(|event| event.is_definition());
    let detail = definition.map(|event| &event.detail);
    let text = |key: &str| detail.and_then(|detail| detail.get(key)?.as_str());
    let flag = |key: &str| detail.and_then(|detail| detail.get(key)?.as_bool());
    let anchor = detail.and_then(|detail| detail.get("anchor")?.as_i64());
    let window = Window::parse(text("window").unwrap_or("total")).map_err(Failure::misused)?;
    Ok(Settings {
        window: anchor.map_or(window, |anchor| window.with_anchor(anchor)),
        allow_unpriced: flag("allow_unpriced").unwrap_or(false),
        may_cap: flag("may_cap").unwrap_or(true),
    })
}

impl Arguments {
    /// What is to be set on the ledger's budget of that name.
    pub(super) fn change(
        &self,
        ledger: &Ledger,
        session: &Session,
    ) -> Result<BudgetChange, Failure> {
        let old = match settings(ledger, &self.name) {
            Ok(old) => {
                report::budget(ledger, &self.name, session.now)?.map(|view| (old, view.scope))
            }
            Err(_) => None,
        };
        let (old_window, old_scope) = old
            .map_or((None, Scope::default()), |(settings, scope)| (Some(settings.window), scope));
        let unit = self.unit.as_deref().map(str::parse::<BudgetUnit>).transpose();
        let warn_percent = self.warn.as_deref().map(parse_warn_percent).transpose();
        let timezone = self.timezone.as_deref().map(outlay_host::zone::parse).transpose();
        Ok(BudgetChange {
            name: self.name.clone(),
            kind: match (self.hard, self.soft) {
                (true, _) => Some(BudgetKind::Hard),
                (_, true) => Some(BudgetKind::Soft),
                _ => None,
            },
            unit: unit.map_err(Failure::Misused)?,
            limit: self.limit.clone(),
            window: self.window(old_window).map_err(Failure::misused)?,
            timezone: timezone.map_err(Failure::Misused)?,
            warn_percent: warn_percent.map_err(Failure::Misused)?,
            scope: Arguments { key: self.key(ledger)?, ..self.clone() }.scope(&old_scope),
            allow_unpriced: either(self.allow_unpriced, self.refuse_unpriced),
            may_cap: either(self.cap, self.no_cap),
        })
    }

    /// The fingerprint that a beginning of one stands for.
    fn key(&self, ledger: &Ledger) -> Result<Option<String>, Failure> {
        let Some(beginning) = self.key.as_ref().filter(|key| !key.is_empty()) else {
            return Ok(self.key.clone());
        };
        let keys: BTreeSet<String> = ledger
            .accounts()?
            .into_iter()
            .flat_map(|account| account.keys)
            .filter(|key| key.starts_with(beginning))
            .collect();
        match keys.len() {
            // One that has not been seen yet.
            0 => Ok(Some(beginning.clone())),
            1 => Ok(keys.into_iter().next()),
            _ => Err(Failure::Misused(format!(
                "several keys begin with '{beginning}': {}",
                keys.into_iter().collect::<Vec<_>>().join(", ")
            ))),
        }
    }

    /// The window with its anchor; `None` where neither is named.
    fn window(&self, old: Option<Window>) -> Result<Option<Window>, LedgerError> {
        let invalid = |error: WindowError| LedgerError::Invalid(error.to_string());
        let named = self.window.as_deref().map(Window::parse).transpose().map_err(invalid)?;
        // A window that keeps its name keeps its anchor.
        let base = match (named, old) {
            (Some(named), Some(old)) if named.name() == old.name() => Some(old),
            (named, old) => named.or(old),
        };
        let Some(window) = base else { return Ok(None) };
        let mut anchored = window;
        if let Some(day) = &self.anchor_day {
            let anchor_day = match (window, day.parse::<u8>()) {
                (Window::Month { .. }, Ok(anchor_day @ 1..=31)) => anchor_day,
                (Window::Month { .. }, _) => {
                    return Err(invalid(WindowError::AnchorDay(day.clone())));
                }
                _ => return Err(invalid(WindowError::Misplaced("--anchor-day", "month"))),
            };
            anchored = Window::Month { anchor_day };
        }
        if let Some(day) = &self.week_start {
            let Window::Week { .. } = window else {
                return Err(invalid(WindowError::Misplaced("--week-start", "week")));
            };
            let start = day.parse::<Weekday>().map_err(|_| {
                LedgerError::Invalid(format!("'{day}' is no day of the week: write it like monday"))
            })?;
            anchored = Window::Week { start };
        }
        if let Some(time) = &self.reset_at {
            let Window::Day { .. } = window else {
                return Err(invalid(WindowError::Misplaced("--reset-at", "day")));
            };
            let reset_at = NaiveTime::parse_from_str(time, "%H:%M").map_err(|_| {
                LedgerError::Invalid(format!("'{time}' is no time of day: write it like 04:00"))
            })?;
            anchored = Window::Day { reset_at };
        }
        Ok((named.is_some() || old != Some(anchored)).then_some(anchored))
    }

    /// The old scope with what is named put over it; `None` where nothing is named.
    fn scope(&self, old: &Scope) -> Option<Scope> {
        let over = |old: &Option<String>, new: &Option<String>| match new {
            Some(new) if new.is_empty() => None,
            Some(new) => Some(new.clone()),
            None => old.clone(),
        };
        let new = Scope {
            provider: over(&old.provider, &self.provider),
            account: over(&old.account, &self.account),
            model: over(&old.model, &self.model),
            project: over(&old.project, &self.project),
            key: over(&old.key, &self.key),
            client: over(&old.client, &self.client),
            session: over(&old.session, &self.session),
            tag: over(&old.tag, &self.tag),
            run: old.run.clone(),
        };
        (new != *old).then_some(new)
    }
}

fn either(yes: bool, no: bool) -> Option<bool> {
    match (yes, no) {
        (true, _) => Some(true),
        (_, true) => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_keeps_its_anchor_unless_it_is_named() {
        let month = |anchor_day| Window::Month { anchor_day };
        let sunday = Window::Week { start: Weekday::Sun };
        let five_hours = Window::parse("5h").unwrap();
        let four = Window::Day { reset_at: NaiveTime::from_hms_opt(4, 0, 0).unwrap() };
        for (window, anchor_day, week_start, reset_at, old, expected) in [
            (None, None, None, None, None, Ok(None)),
            (None, None, None, None, Some(month(15)), Ok(None)),
            (Some("day"), None, None, None, None, Ok(Some(Window::DAY))),
            (Some("month"), None, None, None, Some(month(15)), Ok(Some(month(15)))),
            (Some("day"), None, None, None, Some(month(15)), Ok(Some(Window::DAY))),
            (Some("month"), Some("31"), None, None, None, Ok(Some(month(31)))),
            (None, Some("3"), None, None, Some(month(15)), Ok(Some(month(3)))),
            (Some("week"), None, Some("sun"), None, None, Ok(Some(sunday))),
            (Some("day"), None, None, Some("04:00"), None, Ok(Some(four))),
            (Some("day"), Some("3"), None, None, None, Err("--anchor-day goes with a month")),
            (Some("month"), Some("32"), None, None, None, Err("'32' is not a day of the month")),
            (Some("month"), None, Some("sun"), None, None, Err("--week-start goes with a week")),
            (Some("week"), None, Some("someday"), None, None, Err("'someday' is no day")),
            (Some("day"), None, None, Some("4"), None, Err("'4' is no time of day")),
            (Some("5h"), None, None, None, None, Ok(Some(five_hours))),
            (Some("5h"), None, None, None, Some(month(15)), Ok(Some(five_hours))),
            (Some("5h"), Some("3"), None, None, None, Err("--anchor-day goes with a month")),
            (Some("0m"), None, None, None, None, Err("'0m' is no length")),
            (Some("fortnight"), None, None, None, None, Err("'fortnight' is not a window")),
        ] {
            let owned = |text: Option<&str>| text.map(str::to_owned);
            let arguments = Arguments {
                window: owned(window),
                anchor_day: owned(anchor_day),
                week_start: owned(week_start),
                reset_at: owned(reset_at),
                ..Arguments::default()
            };
            match (arguments.window(old), expected) {
                (Ok(window), Ok(expected)) => assert_eq!(window, expected, "{arguments:?}"),
                (Err(error), Err(part)) => assert!(error.to_string().contains(part), "{error}"),
                (got, _) => panic!("{arguments:?}: {got:?}"),
            }
        }
    }

    #[test]
    fn a_scope_keeps_what_is_not_named() {
        let old = Scope { project: Some("demo".into()), ..Scope::default() };
        for (project, model, expected) in [
            (None, None, None),
            (None, Some("gpt-*"), Some((Some("demo"), Some("gpt-*")))),
            (Some("other"), None, Some((Some("other"), None))),
            (Some(""), None, Some((None, None))),
        ] {
            let arguments = Arguments {
                project: project.map(str::to_owned),
                model: model.map(str::to_owned),
                ..Arguments::default()
            };
            let scope = arguments.scope(&old);
            let parts = scope.as_ref().map(|s| (s.project.as_deref(), s.model.as_deref()));
            assert_eq!(parts, expected, "{project:?} {model:?}");
        }
    }
}
