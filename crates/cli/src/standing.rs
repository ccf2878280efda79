//! How budgets and balances are shown, wherever they are.

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use outlay_core::balance::spoken;
use outlay_core::budget::{BudgetUnit, Scope};
use outlay_core::ledger::{BalanceView, Bypass, Ledger, StoppedAccount};
use outlay_core::money::{Money, PICODOLLARS_PER_USD};
use outlay_core::refusal::{Raise, quoted};
use outlay_core::report::{self, BudgetState, BudgetView, OutsideView};
use outlay_wire::log::Tool;

use crate::failure::Failure;
use crate::look::{Look, Tone};
use crate::outlook;
use crate::table::{Cell, Column, Table, bar};
use crate::when;
use crate::words;

/// So many models are named in a sentence.
const MODELS_NAMED: usize = 3;

/// Every budget with its bar.
pub(crate) fn budgets(budgets: &[BudgetView], now: DateTime<Utc>, zone: Tz) -> Table {
    let has_scope = budgets.iter().any(|budget| !budget.scope.is_everything());
    let has_reserve = budgets.iter().any(|budget| budget.credits_remaining.count > 0);
    let mut columns = vec![
        Column::Text("Budget"),
        Column::Text("Kind"),
        Column::Text("Window"),
        Column::Decimal("Used"),
        Column::Decimal("Limit"),
        Column::Number("%"),
        Column::Text(""),
        Column::Decimal("Left"),
    ];
    if has_reserve {
        columns.push(Column::Decimal("Reserve"));
    }
    columns.extend([Column::Text("State"), Column::Text("Resets")]);
    if has_scope {
        columns.push(Column::Text("Counts"));
    }
    let mut table = Table::new(&columns)
        .expendable(&["Kind", "Counts", "Reserve", "Left", "Window", "", "Resets"]);
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
        ];
        if has_reserve {
            cells.push(Cell::new(budget.credits_remaining.spoken()));
        }
        cells.extend([
            Cell::toned(state(budget), tone),
            Cell::known(budget.reset_date.map(|reset| when::shown(reset, now, zone))),
        ]);
        if has_scope {
            cells.push(Cell::new(scope(&budget.scope)));
        }
        table.row(cells);
    }
    table
}

/// That sums leave out calls of unknown cost, `of` a time; `None` where there are none.
pub(crate) fn unpriced(calls: i64, of: &str) -> Option<String> {
    let calls = match calls {
        0 => return None,
        1 => format!("1 call{of} has no known cost and is"),
        calls => format!("{calls} calls{of} have no known cost and are"),
    };
    Some(format!("{calls} not in these sums: outlay calls shows which."))
}

/// That models were used since then which have no price, and the way to give them one; `None` where all
/// have one.
///
/// # Errors
/// Where the ledger cannot be read.
pub(crate) fn without_price(
    ledger: &Ledger,
    since: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Result<Option<String>, Failure> {
    let mut models = report::unpriced_models(ledger, now)?.models;
    models.retain(|used| used.last_used >= since.date_naive());
    let Some(first) = models.first() else { return Ok(None) };
    let named = models.iter().take(MODELS_NAMED).map(|used| {
        format!("{} ({})", used.model, words::counted(used.calls.unsigned_abs(), "call", "calls"))
    });
    let mut named: Vec<String> = named.collect();
    match models.len().saturating_sub(MODELS_NAMED) {
        0 => {}
        more => named.push(format!("{more} more")),
    }
    Ok(Some(format!(
        "Without a price: {}. To give one, in dollars per million tokens: outlay prices set {} --input N --output N",
        words::listed(&named),
        quoted(&first.model)
    )))
}

/// What tools spent without passing here, in one sentence.
pub(crate) fn outside(outside: &[OutsideView]) -> Option<String> {
    let part = |sum: &OutsideView| {
        let tool = Tool::ALL.iter().find(|tool| tool.as_str() == sum.tool);
        let tool = tool.map_or(sum.tool.as_str(), |tool| tool.title());
        let plan = format!("${} at API prices under a subscription", sum.plan_value_usd);
        match (sum.cost_usd, sum.plan_value_usd) {
            (cost, Money::ZERO) => format!("{tool} ${cost}"),
            (Money::ZERO, _) => format!("{tool} {plan}"),
            (cost, _) => format!("{tool} ${cost} and {plan}"),
        }
    };
    let parts: Vec<String> = outside.iter().map(part).collect();
    (!parts.is_empty()).then(|| {
        format!(
            "Of this month, as tools' logs tell, this did not pass Outlay: {}.",
            parts.join(", ")
        )
    })
}

/// That budgets will or may be used up before they reset: a sentence each.
pub(crate) fn outlooks(budgets: &[BudgetView], now: DateTime<Utc>, zone: Tz) -> Vec<String> {
    budgets.iter().filter_map(|budget| outlook::sentence(budget, now, zone)).collect()
}

/// That a budget refuses calls, until when, and the way to go on; `None` where it does not.
pub(crate) fn refuses(
    budget: &BudgetView,
    now: DateTime<Utc>,
    zone: Tz,
    look: Look,
) -> Option<String> {
    if budget.state != BudgetState::Blocked {
        return None;
    }
    let until = budget.reset_date.map_or_else(
        || "until it is raised".to_owned(),
        |until| format!("until {} ({})", when::shown(until, now, zone), when::distance(until, now)),
    );
    let refuses = format!("Budget '{}' refuses calls {until}.", budget.name);
    Some(format!("{} To go on: {}", look.paint(Tone::Bad, refuses), raise(budget, None)))
}

/// The command that gives a budget room for `needed` more, in its unit; where that is not known, for a
/// third of its limit.
pub(crate) fn raise(budget: &BudgetView, needed: Option<i64>) -> String {
    let taken = budget.used.count.saturating_add(budget.held.count);
    // Of a limit of nothing there is no third.
    let a_third = match (budget.limit.count / 3, budget.unit) {
        (0, BudgetUnit::Usd) => PICODOLLARS_PER_USD,
        (0, BudgetUnit::Tokens) => 100_000,
        (0, BudgetUnit::Calls) => 1,
        (third, _) => third,
    };
    let taken = taken.saturating_add(needed.unwrap_or(a_third));
    Raise::of(budget.limit, taken).command(&budget.name)
}

/// Every balance; what no account has is left out.
pub(crate) fn balances(balances: &[BalanceView], now: DateTime<Utc>, zone: Tz) -> Table {
    type Shown<'a> = Box<dyn Fn(&BalanceView) -> Option<String> + 'a>;
    let money = |amount: Option<Money>, balance: &BalanceView| {
        amount.map(|amount| spoken(amount, &balance.currency))
    };
    let more: [(Column, Shown<'_>); 6] = [
        (Column::Decimal("Warns below"), Box::new(move |one| money(one.warn_below, one))),
        (Column::Decimal("Floor"), Box::new(move |one| money(one.floor, one))),
        (Column::Text("Empty"), Box::new(move |one| outlook::cell(&one.forecast, now, zone))),
        (
            Column::Decimal("Elsewhere"),
            Box::new(move |one| money(one.spent_elsewhere.filter(|a| *a != Money::ZERO), one)),
        ),
        (
            Column::Text("Seen"),
            Box::new(move |one| one.observed_at.map(|at| seen(at, one.is_stale, now))),
        ),
        (
            Column::Text("Next expiry"),
            Box::new(move |one| one.next_expiry.map(|expiry| when::shown(expiry, now, zone))),
        ),
    ];
    let more: Vec<_> = more
        .into_iter()
        .filter(|(_, shown)| balances.iter().any(|balance| shown(balance).is_some()))
        .collect();
    let mut columns = vec![Column::Text("Account"), Column::Decimal("Left")];
    columns.extend(more.iter().map(|(column, _)| *column));
    let mut table = Table::new(&columns).expendable(&["Next expiry", "Floor", "Seen", "Elsewhere"]);
    for balance in balances {
        let is_low = balance.warn_below.is_some_and(|level| balance.remaining < level);
        let tone = match (balance.refusing, is_low) {
            (true, _) => Tone::Bad,
            (false, true) => Tone::Warning,
            (false, false) => Tone::Good,
        };
        let mut cells = vec![
            Cell::toned(&balance.account, Tone::Strong),
            Cell::toned(spoken(balance.remaining, &balance.currency), tone),
        ];
        cells.extend(more.iter().map(|(_, shown)| Cell::known(shown(balance))));
        table.row(cells);
    }
    table
}

/// How long ago a balance was looked at, and whether that is too long.
fn seen(at: DateTime<Utc>, is_stale: bool, now: DateTime<Utc>) -> String {
    // The distance from then to now, told from the other end.
    let distance = when::distance(now, at);
    let age = distance.strip_prefix("in ").map_or("now".to_owned(), |age| format!("{age} ago"));
    if is_stale { format!("{age}, stale") } else { age }
}

/// That accounts refuse calls: a sentence each.
pub(crate) fn stopped(stopped: &[StoppedAccount], now: DateTime<Utc>, zone: Tz) -> Vec<String> {
    let each = stopped.iter().map(|stopped| {
        let account = &stopped.account;
        let why = match stopped.emptied_at {
            Some(at) => {
                let at = when::shown(at, now, zone);
                format!("its provider said on {at} that the money is gone")
            }
            None => "too little is left in it".to_owned(),
        };
        format!(
            "Account '{account}' refuses calls, as {why}. To go on: outlay balance set {account} USD"
        )
    });
    each.collect()
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
