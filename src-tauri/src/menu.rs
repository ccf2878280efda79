//! What the tray's menu says and can do, from what was seen: no I/O here.

use outlay_core::budget::BudgetKind;
use outlay_core::refusal::Raise;

use crate::documents::{Budget, State, Status};
use crate::lines::lines;
use crate::standing::{Proxying, Standing};

/// Raising one of two budgets that refuse helps nobody; of more, who can tell.
const OFFERS_MAX: usize = 3;

/// All that the tray is made from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Seen {
    /// `None` where the ledger does not answer.
    pub(crate) status: Option<Status>,
    pub(crate) proxying: Proxying,
    /// Why nobody meters calls, where that is known.
    pub(crate) notice: Option<String>,
    /// What the last refused call needed of the budget that refused it.
    pub(crate) needed: Vec<(String, i64)>,
    /// `None` where the system does not say.
    pub(crate) starts_at_login: Option<bool>,
}

/// What an item does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    Open,
    Quit,
    CopyBaseUrl,
    StartAtLogin,
    LookForUpdates,
    /// No limit refuses for an hour.
    Pause,
    /// Limits refuse again.
    Resume,
    /// As typed in the budget's unit, so that what was read is what is done.
    Allow {
        by: String,
        budget: String,
    },
}

/// One row of the menu.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Entry {
    Line(String),
    Separator,
    Item { action: Action, text: String, enabled: bool },
    Check { action: Action, text: String, checked: bool },
}

impl Action {
    /// The menu item's id.
    pub(crate) fn id(&self) -> String {
        match self {
            Action::Open => "open".to_owned(),
            Action::Quit => "quit".to_owned(),
            Action::CopyBaseUrl => "copy".to_owned(),
            Action::StartAtLogin => "login".to_owned(),
            Action::LookForUpdates => "updates".to_owned(),
            Action::Pause => "pause".to_owned(),
            Action::Resume => "resume".to_owned(),
            Action::Allow { by, budget } => format!("allow {by} {budget}"),
        }
    }

    /// What the item of this id does; `None` for one that does nothing.
    pub(crate) fn of_id(id: &str) -> Option<Action> {
        Some(match id {
            "open" => Action::Open,
            "quit" => Action::Quit,
            "copy" => Action::CopyBaseUrl,
            "login" => Action::StartAtLogin,
            "updates" => Action::LookForUpdates,
            "pause" => Action::Pause,
            "resume" => Action::Resume,
            id => {
                let (by, budget) = id.strip_prefix("allow ")?.split_once(' ')?;
                Action::Allow { by: by.to_owned(), budget: budget.to_owned() }
            }
        })
    }
}

impl Entry {
    /// Whether a menu that has `self` can be made to have `other` without being rebuilt, which would
    /// close it under the user's hand.
    pub(crate) fn can_become(&self, other: &Entry) -> bool {
        match (self, other) {
            (Entry::Line(_), Entry::Line(_)) | (Entry::Separator, Entry::Separator) => true,
            (Entry::Item { action, .. }, Entry::Item { action: new, .. })
            | (Entry::Check { action, .. }, Entry::Check { action: new, .. }) => action == new,
            _ => false,
        }
    }
}

/// The menu, from top to bottom.
pub(crate) fn entries(seen: &Seen, standing: &Standing) -> Vec<Entry> {
    let item = |action, text: &str, enabled| Entry::Item { action, text: text.to_owned(), enabled };
    let heads = [&standing.today, &standing.month, &standing.reason];
    let mut entries: Vec<Entry> = heads.into_iter().cloned().map(Entry::Line).collect();
    if let Some(status) = &seen.status {
        let lines = lines(status);
        if !lines.is_empty() {
            entries.push(Entry::Separator);
            entries.extend(lines.into_iter().map(Entry::Line));
        }
        entries.push(Entry::Separator);
        entries.extend(offers(status, &seen.needed));
        entries.push(if status.bypass.is_some() {
            item(Action::Resume, "Limits again", true)
        } else {
            item(Action::Pause, "Pause all limits for an hour", true)
        });
    } else {
        entries.push(Entry::Separator);
    }
    let is_metered = seen.proxying.address().is_some();
    entries.push(item(Action::CopyBaseUrl, "Copy base URL", is_metered));
    entries.push(Entry::Separator);
    entries.push(item(Action::Open, "Open Outlay", true));
    if let Some(checked) = seen.starts_at_login {
        let text = "Start at login".to_owned();
        entries.push(Entry::Check { action: Action::StartAtLogin, text, checked });
    }
    if cfg!(feature = "updater") {
        entries.push(item(Action::LookForUpdates, "Look for updates…", true));
    }
    entries.push(item(Action::Quit, "Quit Outlay", true));
    entries
}

/// More for each hard budget that refuses, else for the tightest.
fn offers(status: &Status, needed: &[(String, i64)]) -> Vec<Entry> {
    let may_refuse = |budget: &&Budget| {
        let is_off = matches!(budget.state, State::Paused | State::Bypassed);
        budget.kind == BudgetKind::Hard && !is_off
    };
    let mut budgets: Vec<&Budget> = status.budgets.iter().filter(may_refuse).collect();
    budgets.sort_by(|one, other| Budget::tightest_first(one, other));
    let refusing = budgets.iter().filter(|budget| budget.state == State::Blocked).count();
    budgets.truncate(refusing.clamp(1, OFFERS_MAX));
    budgets.into_iter().map(|budget| offer(budget, needed)).collect()
}

fn offer(budget: &Budget, needed: &[(String, i64)]) -> Entry {
    let needed =
        needed.iter().find(|(name, _)| *name == budget.name).map_or(0, |(_, count)| *count);
    let taken = budget.used.saturating_add(budget.held).saturating_add(needed);
    let raise = Raise::of(budget.quantity(budget.limit), taken);
    Entry::Item {
        text: format!("Allow {raise} more for {}", budget.name),
        action: Action::Allow { by: raise.by, budget: budget.name.clone() },
        enabled: true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::documents::samples::{budget, status};

    fn seen(status: Option<Status>, needed: &[(&str, i64)]) -> Seen {
        Seen {
            status,
            proxying: Proxying::Here("127.0.0.1:4780".parse().unwrap()),
            notice: None,
            needed: needed.iter().map(|(name, count)| ((*name).to_owned(), *count)).collect(),
            starts_at_login: Some(false),
        }
    }

    fn texts(seen: &Seen) -> Vec<String> {
        let standing = Standing::new(seen.status.as_ref(), seen.proxying, seen.notice.as_deref());
        let text = |entry| match entry {
            Entry::Line(text) => text,
            Entry::Separator => "--".to_owned(),
            Entry::Item { text, enabled: true, .. } => format!("[{text}]"),
            Entry::Item { text, enabled: false, .. } => format!("({text})"),
            Entry::Check { text, checked, .. } => format!("[{text}: {checked}]"),
        };
        entries(seen, &standing).into_iter().map(text).collect()
    }

    #[test]
    fn the_menu_of_a_day() {
        let day = budget("day", r#""used":"4.98","remaining":"0.02","percent":99.6"#);
        assert_eq!(
            texts(&seen(Some(status(&[day], &[], "null")), &[])),
            [
                "Today: $4.98, 12 calls",
                "This month: $61.20, 1 call",
                "All budgets have room",
                "--",
                "day: $4.98 of $5.00, 99 %",
                "--",
                "[Allow $2 more for day]",
                "[Pause all limits for an hour]",
                "[Copy base URL]",
                "--",
                "[Open Outlay]",
                "[Start at login: false]",
                "[Quit Outlay]",
            ]
        );
    }

    #[test]
    fn the_menu_where_nothing_answers() {
        let mut seen = seen(None, &[]);
        seen.proxying = Proxying::Nowhere;
        seen.starts_at_login = None;
        assert_eq!(
            texts(&seen),
            [
                "Today: not known",
                "This month: not known",
                "Outlay could not read its ledger",
                "--",
                "(Copy base URL)",
                "--",
                "[Open Outlay]",
                "[Quit Outlay]",
            ]
        );
    }

    #[test]
    fn more_is_offered_where_it_is_wanted() {
        const BLOCKED: &str = r#""state":"blocked","remaining":"0.00","used":"5.00""#;
        let bypass = r#"{"until":"2026-11-21T13:00:00Z"}"#;
        let usd = outlay_core::money::PICODOLLARS_PER_USD;
        for (budgets, needed, bypass, expected) in [
            (vec![], vec![], "null", &["[Pause all limits for an hour]"][..]),
            (
                vec![budget("roomy", ""), budget("tight", r#""remaining":"1.00""#)],
                vec![],
                "null",
                &["[Allow $2 more for tight]", "[Pause all limits for an hour]"],
            ),
            (
                vec![budget("day", BLOCKED), budget("month", BLOCKED), budget("week", "")],
                vec![("month", 4 * usd)],
                "null",
                &[
                    "[Allow $2 more for day]",
                    "[Allow $5 more for month]",
                    "[Pause all limits for an hour]",
                ],
            ),
            (
                vec![budget("soft", r#""kind":"soft","remaining":"0.00""#), budget("hard", "")],
                vec![],
                "null",
                &["[Allow $2 more for hard]", "[Pause all limits for an hour]"],
            ),
            (
                vec![budget("tokens", r#""unit":"tokens","limit":200000,"used":1,"remaining":9"#)],
                vec![],
                "null",
                &["[Allow 100000 tokens more for tokens]", "[Pause all limits for an hour]"],
            ),
            (
                vec![budget("day", r#""state":"bypassed""#), budget("off", r#""state":"paused""#)],
                vec![],
                bypass,
                &["[Limits again]"],
            ),
        ] {
            let texts = texts(&seen(Some(status(&budgets, &[], bypass)), &needed));
            let end = texts.iter().position(|text| text == "[Copy base URL]").unwrap();
            let start = texts[..end].iter().rposition(|text| text == "--").unwrap() + 1;
            assert_eq!(&texts[start..end], expected, "{budgets:?}");
        }
    }

    #[test]
    fn an_id_says_what_was_pressed() {
        let allow = |by: &str, budget: &str| Action::Allow { by: by.into(), budget: budget.into() };
        for action in [
            Action::Open,
            Action::Quit,
            Action::CopyBaseUrl,
            Action::StartAtLogin,
            Action::Pause,
            Action::Resume,
            allow("0.002", "day"),
            allow("5000", "my team's day"),
        ] {
            assert_eq!(Action::of_id(&action.id()), Some(action.clone()), "{action:?}");
        }
        assert_eq!(Action::of_id("today"), None);
    }

    #[test]
    fn only_other_items_need_another_menu() {
        let line = |text: &str| Entry::Line(text.to_owned());
        let item = |action| Entry::Item { action, text: String::new(), enabled: true };
        for (old, new, expected) in [
            (line("a"), line("b"), true),
            (line("a"), Entry::Separator, false),
            (item(Action::Pause), item(Action::Pause), true),
            (item(Action::Pause), item(Action::Resume), false),
        ] {
            assert_eq!(old.can_become(&new), expected, "{old:?} {new:?}");
        }
    }
}
