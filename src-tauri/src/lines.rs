//! A line for each budget and each balance, the tightest first.

use outlay_core::budget::BudgetUnit;
use outlay_core::money::Money;

use crate::documents::{Balance, Budget, State, Status};
use crate::words::{cents, cents_of, when};

/// More lines would make the menu longer than a small screen.
const LINES_MAX: usize = 8;

/// The menu's lines about `status`.
pub(crate) fn lines(status: &Status) -> Vec<String> {
    let mut budgets: Vec<&Budget> = status.budgets.iter().collect();
    budgets.sort_by(|one, other| Budget::tightest_first(one, other));
    let mut balances: Vec<&Balance> = status.balances.iter().collect();
    balances.sort_by_key(|balance| (state(balance), balance.empty_at.is_none(), balance.empty_at));
    let budgets = budgets.into_iter().map(|one| (one.state, of_budget(one, status)));
    let balances = balances.into_iter().map(|one| (state(one), of_balance(one, status)));
    let mut lines: Vec<(State, String)> = budgets.chain(balances).collect();
    lines.sort_by_key(|(state, _)| *state);
    let mut lines: Vec<String> = lines.into_iter().map(|(_, line)| line).collect();
    if lines.len() > LINES_MAX {
        let more = lines.split_off(LINES_MAX - 1).len();
        lines.push(format!("and {more} more"));
    }
    lines
}

/// The state of a budget that is as bad.
fn state(balance: &Balance) -> State {
    if balance.refusing {
        State::Blocked
    } else if balance.is_low() {
        State::Warned
    } else {
        State::Ok
    }
}

/// `day: $4.98 of $5.00, 99 %, resets 00:00`.
fn of_budget(budget: &Budget, status: &Status) -> String {
    let used = match budget.unit {
        BudgetUnit::Usd => cents(Money::from_picodollars(budget.used)),
        BudgetUnit::Tokens | BudgetUnit::Calls => budget.used.to_string(),
    };
    let limit = budget.quantity(budget.limit).spoken();
    // Cut, not rounded: 100 % means all of it.
    let percent = budget.percent.to_string();
    let percent = percent.split('.').next().unwrap_or_default();
    let refuses = if budget.state == State::Blocked { " refuses" } else { "" };
    let mut line = format!("{}{refuses}: {used} of {limit}, {percent} %", budget.name);
    if budget.credits_remaining > 0 {
        let reserve = budget.quantity(budget.credits_remaining).spoken();
        line.push_str(&format!(", {reserve} in reserve"));
    }
    let at = |instant| when(instant, status.as_of, budget.timezone);
    match (budget.state, budget.paused_until) {
        (State::Paused, Some(until)) => line.push_str(&format!(", paused until {}", at(until))),
        (State::Paused, None) => line.push_str(", paused"),
        _ => {}
    }
    if status.waits_for(budget) {
        let waiting = budget.waiting;
        let wait = if waiting == 1 { "call waits" } else { "calls wait" };
        line.push_str(&format!(", {waiting} {wait}"));
    }
    if let Some(reset) = budget.reset_date {
        let word = if is_rolling(&budget.window) { "more at" } else { "resets" };
        line.push_str(&format!(", {word} {}", at(reset)));
    }
    line
}

/// What a rolling window counts comes back bit by bit.
fn is_rolling(window: &str) -> bool {
    window.starts_with(|first: char| first.is_ascii_digit())
}

/// `openai: $12.40 left, empty about Tue 14:00`.
fn of_balance(balance: &Balance, status: &Status) -> String {
    let left = cents_of(balance.remaining, &balance.currency);
    // Nobody has looked for long: what was spent elsewhere is not in the figure.
    let about = if balance.is_stale { "about " } else { "" };
    let refuses = if balance.refusing { " refuses" } else { "" };
    let empty = balance.empty_at.map(|at| when(at, status.as_of, status.timezone));
    let empty = empty.map(|at| format!(", empty about {at}")).unwrap_or_default();
    format!("{}{refuses}: {about}{left} left{empty}", balance.account)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::documents::samples::{balance, budget, status};

    #[test]
    fn a_budget_is_a_line() {
        for (fields, expected) in [
            (
                r#""used":"4.98","percent":99.6,"state":"warned","reset_date":"2026-11-21T23:00:00Z""#,
                "day: $4.98 of $5.00, 99 %, resets 00:00",
            ),
            (
                r#""used":"5.00","percent":100.0,"state":"blocked","reset_date":"2026-11-30T23:00:00Z""#,
                "day refuses: $5.00 of $5.00, 100 %, resets 1 Dec",
            ),
            (r#""used":"0.0004","limit":"0.004","percent":10.0"#, "day: <$0.01 of $0.004, 10 %"),
            (
                r#""used":"5.00","percent":100.0,"credits_remaining":"3.00""#,
                "day: $5.00 of $5.00, 100 %, $3.00 in reserve",
            ),
            (
                r#""state":"paused","paused_until":"2026-11-21T14:00:00Z""#,
                "day: $0.00 of $5.00, 0 %, paused until 15:00",
            ),
            (r#""state":"paused""#, "day: $0.00 of $5.00, 0 %, paused"),
            (
                r#""state":"waiting","waiting":1,"waiting_since":"2026-11-21T11:59:00Z""#,
                "day: $0.00 of $5.00, 0 %, 1 call waits",
            ),
            (
                r#""state":"waiting","waiting":7,"waiting_since":"2026-11-21T11:59:00Z""#,
                "day: $0.00 of $5.00, 0 %, 7 calls wait",
            ),
            (
                r#""unit":"tokens","used":1800,"limit":2000,"percent":90.0,"window":"5h","reset_date":"2026-11-21T12:30:00Z""#,
                "day: 1800 of 2000 tokens, 90 %, more at 13:30",
            ),
        ] {
            let status = status(&[budget("day", fields)], &[], "null");
            assert_eq!(lines(&status), [expected], "{fields}");
        }
    }

    #[test]
    fn a_balance_is_a_line() {
        for (fields, expected) in [
            (r#""remaining":"12.40""#, "openai: $12.40 left"),
            (
                r#""remaining":"12.40","empty_at":"2026-11-24T13:00:00Z""#,
                "openai: $12.40 left, empty about Tue 14:00",
            ),
            (
                r#""remaining":"88.50","currency":"CNY","is_stale":true"#,
                "openai: about 88.50 CNY left",
            ),
            (r#""remaining":"-0.25","refusing":true"#, "openai refuses: -$0.25 left"),
        ] {
            let status = status(&[], &[balance("openai", fields)], "null");
            assert_eq!(lines(&status), [expected], "{fields}");
        }
    }

    #[test]
    fn the_tightest_are_first_and_the_rest_is_counted() {
        let left = |name: &str, left: &str| budget(name, &format!("\"remaining\":\"{left}\""));
        let budgets = [
            left("roomy", "4.00"),
            left("narrow", "1.00"),
            budget("full", "\"state\":\"blocked\",\"remaining\":\"0.00\""),
            budget("warned", "\"state\":\"warned\",\"remaining\":\"2.00\""),
        ];
        let balances = [
            balance("later", "\"empty_at\":\"2026-11-29T13:00:00Z\""),
            balance("lasting", ""),
            balance("soon", "\"empty_at\":\"2026-11-24T13:00:00Z\""),
            balance("low", "\"remaining\":\"1.00\",\"warn_below\":\"2.00\""),
        ];
        let names = |balances: &[String]| -> Vec<String> {
            let lines = lines(&status(&budgets, balances, "null"));
            let name = |line: &String| line.split([':']).next().unwrap_or_default().to_owned();
            lines.iter().map(name).collect()
        };
        assert_eq!(
            names(&balances),
            ["full refuses", "warned", "low", "narrow", "roomy", "soon", "later", "lasting"]
        );
        let many = [&balances[..], &[balance("one", ""), balance("more", "")]].concat();
        assert_eq!(
            names(&many),
            ["full refuses", "warned", "low", "narrow", "roomy", "soon", "later", "and 3 more"]
        );
    }
}
