//! `outlay check`: whether a script may spend.

use std::process::ExitCode;

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use outlay_core::balance::spoken;
use outlay_core::budget::{BudgetKind, BudgetUnit, CallFacts, Quantity};
use outlay_core::ledger::{Bypass, Ledger, StoppedAccount};
use outlay_core::money::Money;
use outlay_core::price::{PriceList, route_name};
use outlay_core::report::{self, BudgetState, BudgetView};

use super::Form;
use super::budget::allows_unpriced;
use super::prices::find;
use crate::failure::{Failure, Outcome, REFUSED};
use crate::output::Out;
use crate::session::Session;
use crate::table::dollars;
use crate::{standing, when};

/// Options of `check`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  outlay check --cost 0.50 --project nightly && ./nightly.sh
  outlay check --model claude-opus-4-5")]
pub(crate) struct Arguments {
    #[command(flatten)]
    spend: Spend,
    #[command(flatten)]
    form: Form,
}

/// What a script is about to spend.
#[derive(Debug, clap::Args)]
pub(super) struct Spend {
    /// What is about to be spent, in US dollars
    #[arg(long, value_name = "USD", allow_negative_numbers = true)]
    cost: Option<String>,
    /// How many calls are about to be made
    #[arg(long, value_name = "N", default_value_t = 1)]
    calls: u32,
    /// The model they ask for
    #[arg(long)]
    model: Option<String>,
    /// The provider they go to [default: the model's maker]
    #[arg(long)]
    provider: Option<String>,
    /// The project they are of
    #[arg(long, env = "OUTLAY_PROJECT", hide_env_values = true)]
    project: Option<String>,
}

/// What is about to be spent.
#[derive(Clone, Copy, Debug)]
struct Asked<'a> {
    cost: Option<Money>,
    calls: i64,
    call: CallFacts<'a>,
    /// The model's name where it has no price.
    unpriced: Option<&'a str>,
}

impl Asked<'_> {
    /// Whether the budget would refuse it, were it neither paused nor bypassed.
    fn is_bounded_by(&self, budget: &BudgetView) -> bool {
        budget.kind == BudgetKind::Hard
            && budget.scope.matcher().is_ok_and(|scope| scope.matches(&self.call))
    }
}

/// `--json` of `check` and `wait`.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub(super) struct Verdict {
    pub(super) allowed: bool,
    pub(super) reason: Option<&'static str>,
    pub(super) budget: Option<String>,
    remaining: Option<Quantity>,
    pub(super) reset_date: Option<DateTime<Utc>>,
    pub(super) message: String,
}

pub(crate) fn run(session: &Session, options: &Arguments, out: &mut Out) -> Outcome {
    let ledger = session.ledger()?;
    let verdict = options.spend.judge(&ledger, session.now, session.zone)?;
    verdict.say(options.form, out)
}

impl Spend {
    /// Whether it may be spent at `now`.
    pub(super) fn judge(
        &self,
        ledger: &Ledger,
        now: DateTime<Utc>,
        zone: Tz,
    ) -> Result<Verdict, Failure> {
        let cost = self.cost.as_deref().map(Money::typed).transpose();
        let cost = cost.map_err(Failure::misused)?;
        if cost.is_some_and(|cost| cost < Money::ZERO) {
            return Err(Failure::misused("--cost is negative: give what is about to be spent"));
        }
        let list = ledger.prices();
        let model = self.model.as_deref();
        let price = model.map(|model| price_of(&list, self.provider.as_deref(), model, now));
        let provider = self.provider.clone().or_else(|| {
            let price = price.as_ref()?.as_ref()?;
            Some(route_name(&price.provider).to_owned())
        });
        let provider = provider.unwrap_or_default();
        let asked = Asked {
            cost,
            calls: i64::from(self.calls),
            call: CallFacts {
                provider: &provider,
                account: &provider,
                model: model.unwrap_or_default(),
                project: self.project.as_deref(),
                ..CallFacts::default()
            },
            unpriced: model.filter(|_| price == Some(None)),
        };
        let mut stopped = report::stopped_accounts(ledger, now)?;
        let bypass = report::bypass(ledger, now)?;
        if bypass.is_some() {
            stopped.clear();
        }
        let paying: Vec<String> = ledger
            .accounts()?
            .into_iter()
            .filter(|account| !account.plan_login)
            .map(|account| account.name)
            .collect();
        if let Some(stopped) = stops(&stopped, &provider, &paying) {
            return Ok(empty(stopped));
        }
        let budgets = report::budgets(ledger, now)?;
        let pass_unpriced = |budget: &BudgetView| allows_unpriced(ledger, &budget.name);
        let mut verdict = judge(&budgets, &asked, pass_unpriced, zone);
        if let Some(sentence) = set_aside(&budgets, &asked, bypass.as_ref(), now, zone)
            && verdict.budget.is_none()
        {
            verdict.message = sentence;
        }
        if provider.is_empty() && verdict.allowed {
            for stopped in &stopped {
                let account = &stopped.account;
                verdict.message.push_str(&format!(", but account '{account}' refuses calls"));
            }
        }
        Ok(verdict)
    }
}

impl Verdict {
    /// Says it, and the exit code for it.
    pub(super) fn say(self, form: Form, out: &mut Out) -> Outcome {
        if form.json {
            out.json(&self)?;
        } else if self.allowed {
            out.line(&self.message)?;
        } else {
            // Not an error of this command's, but nothing that a pipe should read either.
            return Err(Failure::Refused(self.message));
        }
        Ok(if self.allowed { ExitCode::SUCCESS } else { ExitCode::from(REFUSED) })
    }
}

fn price_of(
    list: &PriceList,
    provider: Option<&str>,
    model: &str,
    now: DateTime<Utc>,
) -> Option<std::sync::Arc<outlay_core::price::Price>> {
    find(list, provider, model, now).into_iter().next()
}

/// The account that would refuse a call to `provider`. Where none is named a call may go to any, and is
/// refused by what is refused by all of the `paying` ones.
fn stops<'a>(
    stopped: &'a [StoppedAccount],
    provider: &str,
    paying: &[String],
) -> Option<&'a StoppedAccount> {
    let of = |name: &str| stopped.iter().find(|stopped| stopped.account == name);
    if !provider.is_empty() {
        return of(provider);
    }
    let all = paying.iter().all(|account| of(account).is_some());
    stopped.first().filter(|_| all)
}

/// An account with too little left.
fn empty(stopped: &StoppedAccount) -> Verdict {
    let account = &stopped.account;
    let why = match (stopped.emptied_at, stopped.remaining) {
        (None, Some(left)) => {
            let floor = stopped.floor.map(|floor| format!(", and its floor is {}", dollars(floor)));
            let left = spoken(left, "USD");
            format!("{left} is left as far as Outlay knows{}", floor.unwrap_or_default())
        }
        _ => "its provider said that the money is gone".to_owned(),
    };
    let without = match stopped.floor {
        Some(_) => format!(", or without a floor: outlay balance floor {account} off"),
        None => String::new(),
    };
    Verdict {
        allowed: false,
        reason: Some("balance_empty"),
        budget: None,
        remaining: None,
        reset_date: None,
        message: format!(
            "account '{account}' refuses calls: {why}. To go on with what its provider says is left: outlay balance set {account} AMOUNT{without}"
        ),
    }
}

/// What the first hard budget that would refuse says; else what is left in the tightest.
fn judge(
    budgets: &[BudgetView],
    asked: &Asked<'_>,
    pass_unpriced: impl Fn(&BudgetView) -> bool,
    zone: Tz,
) -> Verdict {
    let applying: Vec<&BudgetView> = budgets
        .iter()
        .filter(|budget| asked.is_bounded_by(budget))
        .filter(|budget| !matches!(budget.state, BudgetState::Paused | BudgetState::Bypassed))
        .collect();
    for budget in &applying {
        if let Some(model) = asked.unpriced
            && budget.unit == BudgetUnit::Usd
            && !pass_unpriced(budget)
        {
            let message = format!(
                "model '{model}' has no price, so hard budget '{}' cannot bound it: outlay prices set {model} --input N --output N",
                budget.name
            );
            return verdict(budget, Some("unpriced_model"), message);
        }
        if !fits(budget, asked) {
            let is_held = is_held(budget, asked);
            let reason = if is_held { "budget_busy" } else { "quota_exceeded" };
            return verdict(budget, Some(reason), refusal(budget, asked, is_held, zone));
        }
    }
    // By what is left where that can be compared, else by its share of the limit.
    let is_of_one_unit = applying.windows(2).all(|pair| pair[0].unit == pair[1].unit);
    let tightest = applying.iter().min_by_key(|budget| {
        let left = i128::from(budget.remaining.count) + i128::from(budget.credits_remaining.count);
        if is_of_one_unit { left } else { left * 1_000 / i128::from(budget.limit.count.max(1)) }
    });
    match tightest {
        Some(budget) => {
            let left = budget.remaining.spoken();
            let reserve = match budget.credits_remaining.count {
                0 => String::new(),
                _ => format!(" and {} in its reserve", budget.credits_remaining.spoken()),
            };
            verdict(budget, None, format!("{left} left in budget '{}'{reserve}", budget.name))
        }
        None => Verdict {
            allowed: true,
            reason: None,
            budget: None,
            remaining: None,
            reset_date: None,
            message: "no hard budget applies".to_owned(),
        },
    }
}

/// That the hard budgets which would bound it refuse nothing for now, and until when.
fn set_aside(
    budgets: &[BudgetView],
    asked: &Asked<'_>,
    bypass: Option<&Bypass>,
    now: DateTime<Utc>,
    zone: Tz,
) -> Option<String> {
    if let Some(bypass) = bypass {
        return Some(standing::bypass(bypass, now, zone));
    }
    let paused: Vec<&BudgetView> = budgets
        .iter()
        .filter(|budget| asked.is_bounded_by(budget) && budget.state == BudgetState::Paused)
        .collect();
    let each = paused.iter().map(|budget| {
        let name = &budget.name;
        match budget.paused_until {
            Some(until) => format!("'{name}' is paused until {}", when::shown(until, now, zone)),
            None => format!("'{name}' is paused until outlay budget resume {name}"),
        }
    });
    let each = each.collect::<Vec<_>>().join(", ");
    (!paused.is_empty()).then(|| format!("no hard budget refuses: {each}"))
}

fn fits(budget: &BudgetView, asked: &Asked<'_>) -> bool {
    let left = budget.remaining.count.saturating_add(budget.credits_remaining.count);
    match (budget.unit, asked.cost) {
        (BudgetUnit::Usd, Some(cost)) => cost.picodollars() <= left,
        (BudgetUnit::Calls, _) => asked.calls <= left,
        // What is left was too little for the last call that asked.
        (BudgetUnit::Usd | BudgetUnit::Tokens, _) => {
            left > 0 && budget.state != BudgetState::Blocked
        }
    }
}

/// Whether it would fit if the running calls cost nothing.
fn is_held(budget: &BudgetView, asked: &Asked<'_>) -> bool {
    let mut freed = budget.clone();
    let left = budget.limit.count.saturating_sub(budget.used.count).max(0);
    freed.remaining = Quantity { unit: budget.unit, count: left };
    fits(&freed, asked)
}

/// What the calls need of it, in its unit; `None` where that is not known.
fn count_needed(budget: &BudgetView, asked: &Asked<'_>) -> Option<i64> {
    match budget.unit {
        BudgetUnit::Usd => asked.cost.map(Money::picodollars),
        BudgetUnit::Calls => Some(asked.calls),
        BudgetUnit::Tokens => None,
    }
}

fn refusal(budget: &BudgetView, asked: &Asked<'_>, is_held: bool, zone: Tz) -> String {
    let state = match (is_held, budget.used.count >= budget.limit.count) {
        (true, _) => "is held by running calls",
        (false, true) => "is used up",
        (false, false) => "has too little left",
    };
    let held = match budget.held.count {
        0 => String::new(),
        _ => format!(", {} held", budget.held.spoken()),
    };
    let needed = match (budget.unit, asked.cost) {
        (BudgetUnit::Usd, Some(cost)) => format!(", this needs ${cost}"),
        (BudgetUnit::Calls, _) if asked.calls > 1 => format!(", this needs {}", asked.calls),
        _ => String::new(),
    };
    let resets = budget.reset_date.map_or_else(String::new, |reset| {
        format!(" Resets {}.", reset.with_timezone(&zone).to_rfc3339())
    });
    let way_on = match is_held {
        true => "outlay wait".to_owned(),
        false => standing::raise(budget, count_needed(budget, asked)),
    };
    format!(
        "hard budget '{name}' of {limit} {state} ({used} spent{held}{needed}).{resets} To go on: {way_on}",
        name = budget.name,
        limit = budget.limit.spoken(),
        used = budget.used.spoken(),
    )
}

fn verdict(budget: &BudgetView, reason: Option<&'static str>, message: String) -> Verdict {
    Verdict {
        allowed: reason.is_none(),
        reason,
        budget: Some(budget.name.clone()),
        remaining: Some(budget.remaining),
        reset_date: budget.reset_date,
        message,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Day;

    #[test]
    fn what_would_be_refused() {
        let day = Day::empty();
        day.set_budget("usd", "1", "day", |_| {});
        day.set_budget("calls", "3", "day", |change| change.unit = Some(BudgetUnit::Calls));
        day.set_budget("demo", "0", "day", |change| {
            change.scope.get_or_insert_default().project = Some("demo".to_owned());
        });
        day.set_budget("soft", "0", "day", |change| change.kind = Some(BudgetKind::Soft));
        let budgets = report::budgets(&day.ledger, day.now).unwrap();
        for (cost, calls, project, unpriced, refused_by) in [
            (None, 1, None, None, None),
            (Some("0.5"), 1, None, None, None),
            (Some("1"), 1, None, None, None),
            (Some("1.000000000001"), 1, None, None, Some(("usd", "quota_exceeded"))),
            (None, 3, None, None, None),
            (None, 4, None, None, Some(("calls", "quota_exceeded"))),
            (None, 1, Some("demo"), None, Some(("demo", "quota_exceeded"))),
            (Some("0"), 1, Some("demo"), None, None),
            (None, 1, Some("other"), None, None),
            (None, 1, None, Some("strange"), Some(("usd", "unpriced_model"))),
        ] {
            let asked = Asked {
                cost: cost.map(|cost: &str| cost.parse().unwrap()),
                calls,
                call: CallFacts { project, ..CallFacts::default() },
                unpriced,
            };
            let verdict = judge(&budgets, &asked, |_| false, day.zone);
            let got = (!verdict.allowed)
                .then(|| (verdict.budget.as_deref().unwrap(), verdict.reason.unwrap()));
            assert_eq!(got, refused_by, "{asked:?}: {verdict:?}");
        }
    }

    #[test]
    fn an_account_refuses_its_own_calls_and_those_that_only_it_could_pay() {
        let stopped = |name: &str| StoppedAccount {
            account: name.to_owned(),
            emptied_at: None,
            remaining: Some(Money::ZERO),
            floor: Some(Money::ZERO),
        };
        for (stopped, provider, paying, expected) in [
            (vec![], "", vec!["openai"], None),
            (vec![stopped("openai")], "openai", vec!["openai", "gemini"], Some("openai")),
            (vec![stopped("openai")], "gemini", vec!["openai", "gemini"], None),
            (vec![stopped("openai")], "", vec!["openai"], Some("openai")),
            (vec![stopped("openai")], "", vec!["openai", "gemini"], None),
            (vec![stopped("a"), stopped("b")], "", vec!["a", "b"], Some("a")),
        ] {
            let paying: Vec<String> = paying.into_iter().map(str::to_owned).collect();
            let found = stops(&stopped, provider, &paying).map(|stopped| stopped.account.as_str());
            assert_eq!(found, expected, "{provider} {paying:?}");
        }
    }

    #[test]
    fn what_is_paused_or_bypassed_refuses_nothing() {
        let day = Day::full();
        let asked = Asked { cost: None, calls: 1, call: CallFacts::default(), unpriced: None };
        let is_allowed = || {
            let budgets = report::budgets(&day.ledger, day.now).unwrap();
            judge(&budgets, &asked, |_| false, day.zone).allowed
        };
        assert!(!is_allowed());
        day.ledger.pause_budget("day".into(), None, "cli", day.now).wait().unwrap();
        assert!(is_allowed());
        day.ledger.resume_budget("day".into(), "cli", day.now).wait().unwrap();
        assert!(!is_allowed());
        let until = day.now + chrono::TimeDelta::minutes(10);
        day.ledger.bypass(until, None, "cli", day.now).wait().unwrap();
        assert!(is_allowed());
        day.ledger.end_bypass("cli", day.now).wait().unwrap();
        assert!(!is_allowed());
    }

    #[test]
    fn used_up_to_the_limit_is_refused() {
        let day = Day::full();
        let budgets = report::budgets(&day.ledger, day.now).unwrap();
        let asked = Asked { cost: None, calls: 1, call: CallFacts::default(), unpriced: None };
        let verdict = judge(&budgets, &asked, |_| false, day.zone);
        assert!(!verdict.allowed);
        assert_eq!(
            verdict.message,
            "hard budget 'day' of $0.00407 is used up ($0.00407 spent). Resets \
             2026-11-22T00:00:00+01:00. To go on: outlay budget raise day --by 0.002"
        );
    }
}
