//! How budgets and balances are shown, wherever they are.

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use outlay_core::budget::Scope;
use outlay_core::ledger::{BalanceView, Bypass};
use outlay_core::report::{BudgetState, BudgetView};

use crate::look::Tone;
use crate::outlook;
use crate::table::{Cell, Column, Table, bar, dollars};
use crate::when;

/// Every budget with its bar.
pub(crate) fn budgets(budgets: &[BudgetView], now: DateTime<Utc>, zone: Tz) -> Table {
    let has_scope = budgets.iter().any(|budget| !budget.scope.is_everything());
    let mut columns = vec![
        Column::Text("Budget"),
        Column::Text("Kind"),
        Column::Text("Window"),
        Column::Decimal("Used"),
        Column::Decimal("Limit"),
        Column::Number("%"),
        Column::Text(""),
        Column::Decimal("Left"),
        Column::Text("State"),
        Column::Text("Resets"),
    ];
    if has_scope {
        columns.push(Column::Text("Counts"));
    }
    let mut table =
        Table::new(&columns).expendable(&["Kind", "Counts", "Left", "Window", "", "Resets"]);
    for budget in budgets {
        let tone = tone(budget.state);
        let mut cells = vec![
            Cell::toned(&budget.name, Tone::Strong),
            Cell::new(budget.kind.as_str()),
            Cell::new(&budget.window),
            Cell::new(budget.used.spoken()),
            Cell::new(budget.limit.spoken()),
            Cell::toned(&budget.percent, tone),
            Cell::toned(bar(budget.used.count, budget.limit.count), tone),
            Cell::new(budget.remaining.spoken()),
            Cell::toned(state(budget), tone),
            Cell::known(budget.reset_date.map(|reset| when::shown(reset, now, zone))),
        ];
        if has_scope {
            cells.push(Cell::new(scope(&budget.scope)));
        }
        table.row(cells);
    }
    table
}

/// That budgets will or may be used up before they reset: a sentence each.
pub(crate) fn outlooks(budgets: &[BudgetView], now: DateTime<Utc>, zone: Tz) -> Vec<String> {
    budgets.iter().filter_map(|budget| outlook::sentence(budget, now, zone)).collect()
}

/// Every balance; what no account has is left out.
pub(crate) fn balances(balances: &[BalanceView], now: DateTime<Utc>, zone: Tz) -> Table {
    let empty = |balance: &BalanceView| outlook::cell(&balance.forecast, now, zone);
    let has_empty = balances.iter().any(|balance| empty(balance).is_some());
    let mut columns =
        vec![Column::Text("Account"), Column::Decimal("Left"), Column::Decimal("Warns below")];
    columns.extend(has_empty.then_some(Column::Text("Empty")));
    columns.push(Column::Text("Next expiry"));
    let mut table = Table::new(&columns);
    for balance in balances {
        let is_low = balance.warn_below.is_some_and(|level| balance.remaining < level);
        let tone = if is_low { Tone::Warning } else { Tone::Good };
        let mut cells = vec![
            Cell::toned(&balance.account, Tone::Strong),
            Cell::toned(dollars(balance.remaining), tone),
            Cell::known(balance.warn_below.map(dollars)),
        ];
        cells.extend(has_empty.then(|| Cell::known(empty(balance))));
        cells.push(Cell::known(balance.next_expiry.map(|expiry| when::shown(expiry, now, zone))));
        table.row(cells);
    }
    table
}

/// What a budget counts, in words: `project=demo, model=claude-*`; empty for everything.
pub(crate) fn scope(scope: &Scope) -> String {
    let parts = [
        ("provider", &scope.provider),
        ("account", &scope.account),
        ("model", &scope.model),
        ("project", &scope.project),
        ("key", &scope.key),
        ("client", &scope.client),
        ("session", &scope.session),
        ("tag", &scope.tag),
        ("run", &scope.run),
    ];
    let set = parts.iter().filter_map(|(name, part)| Some(format!("{name}={}", part.as_ref()?)));
    set.collect::<Vec<_>>().join(", ")
}

/// Its state, and how many calls wait.
pub(crate) fn state(budget: &BudgetView) -> String {
    match (budget.state, budget.waiting) {
        (BudgetState::Waiting, calls @ 1..) => format!("waiting ({calls})"),
        (state, _) => state.as_str().to_owned(),
    }
}

pub(crate) fn tone(state: BudgetState) -> Tone {
    match state {
        BudgetState::Ok => Tone::Good,
        BudgetState::Warned | BudgetState::Waiting => Tone::Warning,
        BudgetState::Blocked => Tone::Bad,
        BudgetState::Paused | BudgetState::Bypassed => Tone::Quiet,
    }
}

/// That no limit refuses, and until when.
pub(crate) fn bypass(bypass: &Bypass, now: DateTime<Utc>, zone: Tz) -> String {
    let until = when::shown(bypass.until, now, zone);
    let distance = when::distance(bypass.until, now);
    let why = bypass.why.as_ref().map(|why| format!(", for: {why}")).unwrap_or_default();
    format!("No limit refuses until {until} ({distance}){why}. To end that: outlay bypass off")
}
